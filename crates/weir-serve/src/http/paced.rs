//! Bodies of requests, which have to come: one that stands still, or drips, is given up in time.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use weir_base::limits;

use super::crowd::CrowdPlace;

/// What the API service reads a request from. It takes [`limits::HTTP_BODY_MS`], and as much longer as its bytes take at
/// [`limits::HTTP_BODY_BYTES_PER_S`], at most.
#[derive(Debug)]
pub struct RequestBody(Option<Paced>);

#[derive(Debug)]
struct Paced {
    inner: Incoming,
    began: Instant,
    /// For a body of one byte.
    least: Duration,
    bytes: u64,
    deadline: Pin<Box<Sleep>>,
    /// Held until the last byte has come, or nobody waits for it any more.
    _place: CrowdPlace,
}

impl RequestBody {
    /// Of a request that has none.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// One that comes at a pace, for which somebody waits in `place`.
    pub(super) fn paced(inner: Incoming, least: Duration, place: CrowdPlace) -> Self {
        let began = Instant::now();
        Self(Some(Paced {
            inner,
            began,
            least,
            bytes: 0,
            deadline: Box::pin(sleep_until(began + least)),
            _place: place,
        }))
    }
}

impl Paced {
    fn took(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let longer = Duration::from_millis(self.bytes * 1000 / limits::HTTP_BODY_BYTES_PER_S);
        self.deadline
            .as_mut()
            .reset(self.began + self.least + longer);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(paced) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = match Pin::new(&mut paced.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                paced.took(frame.data_ref().map_or(0, Bytes::len));
                Some(Ok(frame))
            }
            Poll::Ready(Some(Err(error))) => Some(Err(io::Error::other(error))),
            Poll::Ready(None) => None,
            Poll::Pending => {
                ready!(paced.deadline.as_mut().poll(cx));
                let words = "the body does not come at a pace that is waited for";
                Some(Err(io::Error::new(io::ErrorKind::TimedOut, words)))
            }
        };
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|paced| paced.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Some(paced) => paced.inner.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
