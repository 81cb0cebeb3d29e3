//! The snapshot's copy on disk, so that a node that starts while nobody answers knows what it knew.
//!
//! One file: the last whole snapshot and, behind it, each delta since, as they came, each behind its length.
//! A whole one is written beside and renamed; a delta is appended. What is torn at the end is not read.
//! Signing keys are in it: nobody but the node's own user may read it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::wire::{self, MAX_SENT_BYTES, Update};
use super::{Position, Snapshot};

/// Bytes of deltas behind the snapshot above which a whole one is worth more.
const MAX_TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// The file, and what it leads to.
#[derive(Debug)]
pub struct DiskCopy {
    path: PathBuf,
    /// Where what is in the file ends; `None` where that is not known, and nothing may be appended.
    end: Option<Position>,
    tail_bytes: u64,
}

impl DiskCopy {
    /// In this file, which may not be there yet, with what it holds.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<(Self, Option<Snapshot>)> {
        let path = path.into();
        let copy = |end| Self {
            path: path.clone(),
            end,
            tail_bytes: 0,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((copy(None), None)),
            Err(error) => return Err(error),
        };
        let (snapshot, is_torn) = read_all(file);
        let known = snapshot
            .as_ref()
            .and_then(|known| known.position().cloned());
        // Behind a torn end nothing that is appended would be read.
        let end = known.filter(|_| !is_torn);
        Ok((copy(end), snapshot))
    }

    /// Keeps an update as it came. A delta that does not begin at the end of what is there is not kept.
    ///
    /// # Errors
    /// When the disk does not take it; what was there before is still there.
    pub fn keep(&mut self, update: &Update, bytes: &[u8]) -> io::Result<()> {
        match update {
            Update::Whole(_) => {
                self.end = None;
                replace(&self.path, &frame(bytes))?;
                self.tail_bytes = 0;
            }
            Update::Delta(delta) => {
                let fits = self
                    .end
                    .as_ref()
                    .is_some_and(|end| end.series == delta.series && end.version == delta.from);
                if !fits {
                    return Ok(());
                }
                self.end = None;
                let framed = frame(bytes);
                OpenOptions::new()
                    .append(true)
                    .open(&self.path)?
                    .write_all(&framed)?;
                self.tail_bytes += framed.len() as u64;
            }
        }
        self.end = update.position();
        Ok(())
    }

    /// Whether a whole snapshot should come next: the deltas are many, or what is there goes no further.
    pub fn wants_whole(&self) -> bool {
        self.end.is_none() || self.tail_bytes > MAX_TAIL_BYTES
    }
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// What the file holds, and whether there is something at its end that cannot be read.
fn read_all(mut file: File) -> (Option<Snapshot>, bool) {
    let mut known: Option<Snapshot> = None;
    loop {
        let mut length = [0; 4];
        match file.read(&mut length) {
            Ok(0) => return (known, false),
            Ok(4) => {}
            _ => return (known, true),
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_SENT_BYTES {
            return (known, true);
        }
        let mut bytes = Vec::new();
        let read = (&file).take(length as u64).read_to_end(&mut bytes);
        if read.ok() != Some(length) {
            return (known, true);
        }
        match (wire::read(&bytes), &mut known) {
            (Ok(Update::Whole(whole)), _) => known = Some(*whole),
            (Ok(Update::Delta(delta)), Some(known_yet)) => {
                if known_yet.take(&delta).is_err() {
                    return (known, true);
                }
            }
            _ => return (known, true),
        }
    }
}

/// Written beside, made safe, and renamed: a reader finds the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // Half a copy takes the room that the disk has not.
        let _ = std::fs::remove_file(&beside);
    }
    written
}
