//! An object that comes piece by piece. Until it is finished nothing is there; dropped before, nothing stays.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, PutPayload};
use sha2::{Digest as _, Sha256};
use weir_base::ids;

use super::Stored;
use crate::error::StoreError;

/// Bytes sent at once: S3 wants at least 5 MiB in each part but the last, and takes 10,000 of them.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Sends parts of 8 MiB as pieces come, and counts and hashes them.
#[derive(Debug)]
pub struct Upload {
    upload: Box<dyn MultipartUpload>,
    /// What is not yet a whole part.
    rest: BytesMut,
    bytes: u64,
    digest: Sha256,
}

impl Upload {
    pub(crate) fn new(upload: Box<dyn MultipartUpload>) -> Self {
        Self {
            upload,
            rest: BytesMut::new(),
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    /// Appends a piece, and sends the parts that are whole.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Away`]; the upload is then of no more use.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.digest.update(piece);
        self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.rest.extend_from_slice(piece);
        while self.rest.len() >= PART_BYTES {
            let part = self.rest.split_to(PART_BYTES).freeze();
            self.send(part).await?;
        }
        Ok(())
    }

    /// Ends it: the object is there now.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Away`]; nothing is there then.
    pub async fn finish(mut self) -> Result<Stored, StoreError> {
        let rest = self.rest.split().freeze();
        if !rest.is_empty() || self.bytes == 0 {
            self.send(rest).await?;
        }
        self.upload.complete().await?;
        Ok(Stored {
            bytes: self.bytes,
            sha256: ids::hex(&self.digest.finalize()),
        })
    }

    /// Gives it up, and what was sent with it.
    ///
    /// # Errors
    /// [`StoreError::Away`]: the place may keep the parts for a while, and shows nobody an object.
    pub async fn abort(mut self) -> Result<(), StoreError> {
        Ok(self.upload.abort().await?)
    }

    async fn send(&mut self, part: Bytes) -> Result<(), StoreError> {
        Ok(self.upload.put_part(PutPayload::from_bytes(part)).await?)
    }
}
