//! A stretch of a recording as one MP4 file that nobody has written: its head is made of what is known of the
//! samples, its data are the segments as they lie in their blocks. How long it is is known before any of it is read.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use weir_media::MediaError;
use weir_media::fmp4::whole::WholeFile;

use crate::block::Segment;
use crate::playlist::{Stretch, is_seam};
use crate::recording::{Block, Recording, View};

/// Microseconds of a file at most: the head of six hours has some twenty megabytes, and is read first.
pub const MAX_FILE_US: i64 = 6 * 3_600_000_000;
/// How files are laid out; another is another file under the same name.
const LAYOUT: u32 = 1;

/// One of these, ready to be read; see the module's words.
pub struct File {
    recording: Arc<Recording>,
    head: Bytes,
    /// The segments, each with where it begins in the file.
    segments: Vec<(u64, Block, Segment)>,
    /// Bytes of all of it.
    pub len: u64,
    /// A word that no other file has.
    pub name: String,
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
pub enum NoFile {
    /// Nothing was recorded then.
    #[error("nothing was recorded then")]
    Empty,
    /// It would be longer than [`MAX_FILE_US`].
    #[error("a file has six hours at most: ask for a part, with from and to")]
    TooLong,
    /// It is not one file.
    #[error("this cannot be one file: {0}; ask for a part before or behind it, with from and to")]
    Media(#[from] MediaError),
    /// The disk's.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a file of a stretch is called, as the recording is now: what it will have, without a look at any sample.
///
/// # Errors
/// [`NoFile::Empty`] and [`NoFile::TooLong`].
pub fn name_of(view: &View, stretch: Stretch) -> Result<String, NoFile> {
    let (mut bytes, mut us) = (0_u64, 0_i64);
    let mut ends: Option<(String, String)> = None;
    for (block, segment) in view.segments().filter(|(_, one)| stretch.has(one)) {
        bytes += u64::from(segment.bytes);
        us += i64::from(segment.duration_us);
        let own = format!("{}.{}", block.name.epoch, segment.msn);
        match &mut ends {
            Some((_, last)) => *last = own,
            None => ends = Some((own.clone(), own)),
        }
    }
    let (first, last) = ends.ok_or(NoFile::Empty)?;
    match us > MAX_FILE_US {
        true => Err(NoFile::TooLong),
        false => Ok(format!(
            "mp4.{LAYOUT}-{}-{first}-{last}-{bytes}",
            view.facts.id
        )),
    }
}

impl File {
    /// The file of a stretch, as the recording is now. Reads what is known of the samples: not for the media path.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(recording: &Arc<Recording>, stretch: Stretch) -> Result<Self, NoFile> {
        let view = recording.view()?;
        let name = name_of(&view, stretch)?;
        let mut file = WholeFile::default();
        let mut segments = Vec::new();
        let mut data_at = 0;
        let mut before: Option<(&Block, &Segment)> = None;
        for block in &view.blocks {
            let is_in = |segment: &Segment| stretch.has(segment);
            if !block.table.segments.iter().any(is_in) {
                continue;
            }
            let samples = recording.samples(block)?;
            for (segment, runs) in block.table.segments.iter().zip(&samples) {
                if !is_in(segment) {
                    continue;
                }
                if before.is_none_or(|before| is_seam(before, (block, segment))) {
                    file.begin(&init(recording, &view, (block, segment))?)?;
                }
                file.runs(runs, data_at)?;
                segments.push((data_at, block.clone(), segment.clone()));
                data_at += u64::from(segment.bytes);
                before = Some((block, segment));
            }
        }
        let head = file.head(data_at);
        for (at, ..) in &mut segments {
            *at += head.len() as u64;
        }
        Ok(Self {
            recording: recording.clone(),
            len: data_at + head.len() as u64,
            head,
            segments,
            name,
        })
    }

    /// Bytes that stay in memory while it is known.
    pub fn bytes_in_memory(&self) -> usize {
        self.head.len() + self.segments.len() * size_of::<(u64, Block, Segment)>()
    }

    /// Some bytes of it from here on: the rest of its head, or of a segment. Reads the disk: not for the media path.
    ///
    /// # Errors
    /// The disk's, and `InvalidData` where it has not what was written.
    pub fn read(&self, from: u64) -> io::Result<Vec<Bytes>> {
        let head = usize::try_from(from).ok();
        if let Some(from) = head.filter(|from| *from < self.head.len()) {
            return Ok(vec![self.head.slice(from..)]);
        }
        let behind = self.segments.partition_point(|(at, ..)| *at <= from);
        let found = behind.checked_sub(1).and_then(|at| self.segments.get(at));
        let (at, block, segment) = found.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut skipped = usize::try_from(from - at).map_err(io::Error::other)?;
        let mut pieces = Vec::new();
        for piece in self.recording.media(block, segment)? {
            match skipped < piece.len() {
                true => pieces.push(piece.slice(std::mem::take(&mut skipped)..)),
                false => skipped -= piece.len(),
            }
        }
        Ok(pieces)
    }
}

fn init(
    recording: &Recording,
    view: &View,
    (block, segment): (&Block, &Segment),
) -> io::Result<Bytes> {
    let found = view.init(block.name.epoch.as_str(), segment.init_id);
    let (block, place) = found.ok_or(io::ErrorKind::InvalidData)?;
    recording.read(block, place)
}
