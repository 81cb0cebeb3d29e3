//! Pieces of a stream over HTTP: init segments, segments, parts and keys, with ranges and conditions.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use weir_media::hls::Resource;

/// The media type of AES keys.
const KEY_TYPE: &str = "application/octet-stream";

/// The media type of a piece.
pub(super) const fn kind_of(resource: Resource) -> &'static str {
    match resource {
        Resource::Init { .. } | Resource::Segment { .. } | Resource::Part { .. } => "video/mp4",
        Resource::TsSegment { .. } => "video/mp2t",
        Resource::Key { .. } => KEY_TYPE,
    }
}

/// The answer with `pieces`, `length` bytes together: whole, a range, or "not modified".
pub(super) fn piece_response(
    pieces: Vec<Bytes>,
    length: u64,
    name: &str,
    kind: &'static str,
    headers: &HeaderMap,
) -> Response<Pieces> {
    // A name is never given to other bytes, so it is its own ETag.
    let etag = HeaderValue::from_str(&format!("\"{name}\"")).ok();
    let unchanged = etag.is_some() && headers.get(header::IF_NONE_MATCH) == etag.as_ref();
    let range = if unchanged {
        RangeAsked::Whole
    } else {
        range_of(headers, length)
    };
    let (status, pieces) = match &range {
        _ if unchanged => (StatusCode::NOT_MODIFIED, Pieces::default()),
        RangeAsked::Whole => (StatusCode::OK, Pieces::new(pieces, 0..length)),
        RangeAsked::Part(range) => (
            StatusCode::PARTIAL_CONTENT,
            Pieces::new(pieces, range.clone()),
        ),
        RangeAsked::Outside => (StatusCode::RANGE_NOT_SATISFIABLE, Pieces::default()),
    };
    // A key in a shared cache would be anybody's; a range that is not there may be there later.
    let caching = match (kind, status) {
        (KEY_TYPE, _) | (_, StatusCode::RANGE_NOT_SATISFIABLE) => "private, no-store",
        _ => "public, max-age=3600, immutable",
    };
    let mut response = Response::new(pieces);
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(etag) = etag {
        out.insert(header::ETAG, etag);
    }
    let content_range = match range {
        RangeAsked::Part(range) => {
            Some(format!("bytes {}-{}/{length}", range.start, range.end - 1))
        }
        RangeAsked::Outside => Some(format!("bytes */{length}")),
        RangeAsked::Whole => None,
    };
    if let Some(value) = content_range.and_then(|text| HeaderValue::from_str(&text).ok()) {
        out.insert(header::CONTENT_RANGE, value);
    }
    response
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RangeAsked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// One byte range (RFC 9110 §14.2); several, or nonsense, get the whole as the RFC allows.
fn range_of(headers: &HeaderMap, length: u64) -> RangeAsked {
    let text = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes="));
    let Some((first, last)) = text
        .filter(|text| !text.contains(','))
        .and_then(|text| text.trim().split_once('-'))
    else {
        return RangeAsked::Whole;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.is_empty() => first..length,
        (Err(_), Ok(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return RangeAsked::Whole,
    };
    if range.start >= range.end {
        RangeAsked::Outside
    } else {
        RangeAsked::Part(range)
    }
}

/// A body made of shared pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl Pieces {
    fn new(pieces: Vec<Bytes>, range: Range<u64>) -> Self {
        let mut at = 0;
        let mut taken = VecDeque::with_capacity(pieces.len());
        for piece in pieces {
            let (start, end) = (at, at + piece.len() as u64);
            at = end;
            let from = range.start.clamp(start, end) - start;
            let to = range.end.clamp(start, end) - start;
            if from < to {
                taken.push_back(piece.slice(from as usize..to as usize));
            }
        }
        Self {
            pieces: taken,
            left: range.end - range.start,
        }
    }

    /// Bytes that will be sent.
    pub(super) const fn size(&self) -> u64 {
        self.left
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranged(text: &'static str) -> RangeAsked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(text));
        range_of(&headers, 100)
    }

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        assert_eq!(ranged("bytes=0-9"), RangeAsked::Part(0..10));
        assert_eq!(ranged("bytes=90-"), RangeAsked::Part(90..100));
        assert_eq!(ranged("bytes=-5"), RangeAsked::Part(95..100));
        assert_eq!(ranged("bytes=50-1000"), RangeAsked::Part(50..100));
        assert_eq!(ranged("bytes=100-"), RangeAsked::Outside);
        assert_eq!(ranged("bytes=-0"), RangeAsked::Outside);
        for nonsense in ["bytes=9-0", "bytes=a-b", "items=0-1", "bytes=0-1,5-6"] {
            assert_eq!(ranged(nonsense), RangeAsked::Whole, "{nonsense}");
        }
    }

    #[test]
    fn a_range_runs_over_pieces() {
        let pieces = vec![
            Bytes::from_static(b"abc"),
            Bytes::from_static(b"def"),
            Bytes::from_static(b"ghi"),
        ];
        let body = Pieces::new(pieces, 2..7);
        assert_eq!(
            (
                body.size(),
                body.pieces.iter().flatten().copied().collect::<Vec<_>>()
            ),
            (5, b"cdefg".to_vec())
        );
    }
}
