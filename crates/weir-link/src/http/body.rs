//! The body of an answer, as it comes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::{BodyLimits, HttpError};

/// Bytes reserved at once for what the server says is to come.
const MAX_RESERVED_BYTES: usize = 4 * 1024 * 1024;

/// A response's body, read piece by piece under a timeout.
#[derive(Debug)]
pub struct Body(Incoming);

impl Body {
    pub(super) const fn new(incoming: Incoming) -> Self {
        Self(incoming)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks, and when nothing comes for `limit`.
    pub async fn next_piece(&mut self, limit: Duration) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = match timeout(limit, self.0.frame()).await {
                Ok(Some(frame)) => frame.map_err(HttpError::Broken)?,
                Ok(None) => return Ok(None),
                Err(_) => return Err(HttpError::Stalled { after: limit }),
            };
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                return Ok(Some(data));
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`next_piece`](Self::next_piece), and when it is longer than the limit.
    pub async fn read_all(mut self, limits: BodyLimits) -> Result<Bytes, HttpError> {
        let max_bytes = limits.max_bytes;
        let announced = self.0.size_hint().exact().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > max_bytes {
            return Err(HttpError::TooLong { max_bytes });
        }
        let mut all = BytesMut::with_capacity(announced.min(MAX_RESERVED_BYTES));
        while let Some(piece) = self.next_piece(limits.piece_timeout).await? {
            if all.len() + piece.len() > max_bytes {
                return Err(HttpError::TooLong { max_bytes });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}
