//! What a spool wants of a disk, and the disk that is there. Tests have one that forgets, fills and fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// A disk. Names are whole paths.
pub trait Disk: Send + Sync + 'static {
    /// Makes a folder, and those above it, for good.
    ///
    /// # Errors
    /// The disk's.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that is not there yet, with room for so many bytes.
    ///
    /// # Errors
    /// The disk's; where the room is not there, now rather than later.
    fn create(&self, path: &Path, room: u64) -> io::Result<Box<dyn Appended>>;

    /// Puts a small file in the place of what is there, wholly or not at all, for good.
    ///
    /// # Errors
    /// The disk's.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file another name in its folder, for good.
    ///
    /// # Errors
    /// The disk's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Cuts a file off, for good.
    ///
    /// # Errors
    /// The disk's.
    fn cut(&self, path: &Path, len: u64) -> io::Result<()>;

    /// Removes a file, or a folder with all that is in it; fine where it is not there.
    ///
    /// # Errors
    /// The disk's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Bytes of a file; fewer where it ends before.
    ///
    /// # Errors
    /// The disk's.
    fn read(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes>;

    /// Bytes that a file has.
    ///
    /// # Errors
    /// The disk's.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Names of what is in a folder, in no order; none where there is no such folder.
    ///
    /// # Errors
    /// The disk's.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
}

/// A file that only grows.
pub trait Appended: Send {
    /// Appends all of it, or fails; then nothing is known of what stands behind the bytes before.
    ///
    /// # Errors
    /// The disk's.
    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()>;

    /// What was appended is there after a loss of power. Once this failed, the file is not to be used again:
    /// what was not written may be forgotten by now.
    ///
    /// # Errors
    /// The disk's.
    fn sync(&mut self) -> io::Result<()>;

    /// Nothing more is appended: as [`Appended::sync`], and room that was kept and not needed goes back.
    ///
    /// # Errors
    /// The disk's.
    fn close(&mut self) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(above) = path.parent() {
            self.make_folder(above)?;
        }
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sync_folder_of(path),
        }
    }

    fn create(&self, path: &Path, room: u64) -> io::Result<Box<dyn Appended>> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        let keep = rustix::fs::FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&file, keep, 0, room) {
            // A file system that cannot promise room says so when it has none.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => {
                drop(file);
                let _ = fs::remove_file(path);
                return Err(error.into());
            }
        }
        sync_folder_of(path)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = beside(path);
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        self.rename(&beside, path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder_of(to)
    }

    fn cut(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_data()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let gone = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        match gone {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_folder_of(path),
        }
    }

    fn read(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
        let file = File::open(path)?;
        let end = range.end.min(file.metadata()?.len());
        let len = usize::try_from(end.saturating_sub(range.start)).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name());
        let names: io::Result<Vec<_>> = entries.map(name).collect();
        // What is not UTF-8 is not ours.
        let ours = names?
            .into_iter()
            .filter_map(|name| name.into_string().ok());
        Ok(ours.collect())
    }
}

/// The name under which a file is written that is to take the place of another.
pub(crate) fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

struct LocalFile(File);

impl Appended for LocalFile {
    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = &mut slices[..];
        while !left.is_empty() {
            match self.0.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn close(&mut self) -> io::Result<()> {
        let len = self.0.metadata()?.len();
        // Room behind the end goes back with a cut, also where there is nothing to cut.
        self.0.set_len(len)?;
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn room_that_a_block_did_not_need_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = LocalDisk.create(&path, 16 << 20).unwrap();
        file.append(&[b"some", b" bytes"]).unwrap();
        file.close().unwrap();
        let kept = fs::metadata(&path).unwrap();
        assert_eq!(kept.len(), 10);
        assert!(kept.blocks() * 512 < 1 << 20, "{}", kept.blocks());
    }
}
