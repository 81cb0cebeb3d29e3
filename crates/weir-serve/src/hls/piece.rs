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
    let tag = format!("\"{name}\"");
    let unchanged = is_known(headers, &tag);
    let range = if unchanged || !is_range_wanted(headers, &tag) {
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
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
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

/// Whether the asker has what this entity tag names: `If-None-Match`, by weak comparison
/// (RFC 9110 §13.1.2, §8.8.3.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH);
    let lists = values.iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let item = item.trim();
        item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag
    })
}

/// Whether `Range` counts: not when `If-Range` names anything but these very bytes, by strong
/// comparison (RFC 9110 §13.1.5). Pieces have no dates, so a date never matches.
fn is_range_wanted(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes().trim_ascii() == tag.as_bytes())
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
    fn a_condition_is_answered_by_the_name_of_the_bytes() {
        let status = |pairs: &[(header::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, HeaderValue::from_static(value));
            }
            let pieces = vec![Bytes::from_static(b"abcdef")];
            let response = piece_response(pieces, 6, "seg-1.m4s", "video/mp4", &headers);
            (response.status().as_u16(), response.body().size())
        };
        let range = (header::RANGE, "bytes=0-1");
        let none_match = |value| (header::IF_NONE_MATCH, value);
        let if_range = |value| (header::IF_RANGE, value);
        for known in [
            "\"seg-1.m4s\"",
            "W/\"seg-1.m4s\"",
            "*",
            "\"a\", \"seg-1.m4s\"",
        ] {
            assert_eq!(status(&[none_match(known)]), (304, 0), "{known}");
            assert_eq!(status(&[none_match(known), range.clone()]), (304, 0));
        }
        assert_eq!(status(&[none_match("\"seg-2.m4s\"")]), (200, 6));
        assert_eq!(status(&[none_match("seg-1.m4s")]), (200, 6));
        assert_eq!(
            status(&[if_range("\"seg-1.m4s\""), range.clone()]),
            (206, 2)
        );
        let others = [
            "\"seg-2.m4s\"",
            "W/\"seg-1.m4s\"",
            "Tue, 01 Jan 2030 00:00:00 GMT",
        ];
        for other in others {
            assert_eq!(
                status(&[if_range(other), range.clone()]),
                (200, 6),
                "{other}"
            );
        }
        assert_eq!(status(&[range]), (206, 2));
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
