//! The picture that stands for a recording, stored beside its blocks.

use std::io;

use bytes::Bytes;

use super::Recording;

/// Its file.
const POSTER: &str = "poster.jpg";
/// Bytes of it at most: a picture of 640 pixels has some fifty kilobytes.
pub const MAX_POSTER_BYTES: u64 = 1 << 20;

impl Recording {
    /// Keeps this picture for good.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_poster(&self, jpeg: &[u8]) -> io::Result<()> {
        self.disk.replace(&self.folder.join(POSTER), jpeg)
    }

    /// The picture that is here; `None` where there is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn poster(&self) -> io::Result<Option<Bytes>> {
        let path = self.folder.join(POSTER);
        match self.disk.read(&path, 0..MAX_POSTER_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            jpeg => jpeg.map(Some),
        }
    }

    /// Whether there is one here.
    pub fn has_poster(&self) -> bool {
        self.disk.len(&self.folder.join(POSTER)).is_ok()
    }
}
