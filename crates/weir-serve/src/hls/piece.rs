//! Pieces of a stream over HTTP: init segments, segments, parts and keys, with ranges and conditions.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use weir_base::http_field::{RangeAsked, names_tag};
use weir_media::hls::Resource;

use crate::reply::for_any_site;
use crate::request::lines;

/// The media type of AES keys.
const KEY_TYPE: &str = "application/octet-stream";

/// The media type of a piece.
pub(super) const fn kind_of(resource: Resource) -> &'static str {
    match resource {
        Resource::Init { .. }
        | Resource::Segment { .. }
        | Resource::Segments { .. }
        | Resource::Part { .. } => "video/mp4",
        Resource::TsSegment { .. } => "video/mp2t",
        Resource::Key { .. } => KEY_TYPE,
    }
}

/// The answer with `pieces`, `length` bytes together: whole, a range, "not modified", or "not these". A request
/// for the head alone has no range (RFC 9110 §14.2).
pub(super) fn piece_response(
    pieces: Vec<Bytes>,
    length: u64,
    name: &str,
    kind: &'static str,
    request: (&HeaderMap, bool),
) -> Response<Pieces> {
    let cut = Cut::of(name, length, request);
    let mut response = Response::new(match cut.has_bytes() {
        true => Pieces::new(pieces, cut.range.clone()),
        false => Pieces::default(),
    });
    // A key in a shared cache would be anybody's; a range that is not there may be there later.
    let caching = match kind {
        KEY_TYPE => "private, no-store",
        _ if cut.status.is_client_error() => "private, no-store",
        _ => "public, max-age=3600, immutable",
    };
    *response.status_mut() = cut.status;
    cut.put(response.headers_mut(), kind, caching);
    response
}

/// What of some bytes is wanted, by the conditions and the range of a request.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) status: StatusCode,
    /// What the answer has, where it has bytes.
    pub(super) range: Range<u64>,
    content_range: Option<String>,
    tag: String,
}

impl Cut {
    /// Of what is called `name`: a name is never given to other bytes, so it is its own ETag.
    pub(super) fn of(name: &str, length: u64, (headers, is_head): (&HeaderMap, bool)) -> Self {
        let tag = format!("\"{name}\"");
        let refused = precondition(headers, &tag);
        let asked = if refused.is_some() || is_head || !is_range_wanted(headers, &tag) {
            RangeAsked::Whole
        } else {
            range_of(headers, length)
        };
        let (status, range, content_range) = match asked {
            RangeAsked::Whole => (StatusCode::OK, 0..length, None),
            RangeAsked::Part(range) => {
                let told = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                (StatusCode::PARTIAL_CONTENT, range, Some(told))
            }
            RangeAsked::Outside => {
                let told = format!("bytes */{length}");
                (StatusCode::RANGE_NOT_SATISFIABLE, 0..0, Some(told))
            }
        };
        Self {
            status: refused.unwrap_or(status),
            range,
            content_range,
            tag,
        }
    }

    /// Whether there is a body.
    pub(super) fn has_bytes(&self) -> bool {
        matches!(self.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT)
    }

    /// The fields that say all that.
    pub(super) fn put(&self, out: &mut HeaderMap, kind: &'static str, caching: &'static str) {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        for_any_site(out);
        out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            out.insert(header::ETAG, tag);
        }
        let content_range = self.content_range.as_deref();
        if let Some(value) = content_range.and_then(|text| HeaderValue::from_str(text).ok()) {
            out.insert(header::CONTENT_RANGE, value);
        }
    }
}

/// What the conditions on a piece come to, where that is no answer with its bytes (RFC 9110 §13.2.2). Pieces
/// have no dates, so that conditions on dates are passed over.
fn precondition(headers: &HeaderMap, tag: &str) -> Option<StatusCode> {
    if headers.contains_key(header::IF_MATCH)
        && !names_tag(lines(headers, header::IF_MATCH), tag, false)
    {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    let is_known = names_tag(lines(headers, header::IF_NONE_MATCH), tag, true);
    is_known.then_some(StatusCode::NOT_MODIFIED)
}

/// Whether `Range` counts: not when `If-Range` names anything but these very bytes, by strong
/// comparison (RFC 9110 §13.1.5). Pieces have no dates, so a date never matches.
fn is_range_wanted(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes().trim_ascii() == tag.as_bytes())
}

/// What `Range` asks for; several such lines make no sense together.
fn range_of(headers: &HeaderMap, length: u64) -> RangeAsked {
    let mut lines = lines(headers, header::RANGE);
    match (lines.next(), lines.next()) {
        (Some(line), None) => RangeAsked::read(line, length),
        _ => RangeAsked::Whole,
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

    #[test]
    fn a_condition_is_answered_by_the_name_of_the_bytes() {
        let status = |pairs: &[(header::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, HeaderValue::from_static(value));
            }
            let pieces = vec![Bytes::from_static(b"abcdef")];
            let asked = (&headers, false);
            let response = piece_response(pieces, 6, "seg-1.m4s", "video/mp4", asked);
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
        assert_eq!(status(std::slice::from_ref(&range)), (206, 2));
        assert_eq!(status(&[range.clone(), range]), (200, 6), "two of them");
        let matches = |value| status(&[(header::IF_MATCH, value)]);
        assert_eq!(matches("\"seg-1.m4s\""), (200, 6));
        assert_eq!(matches("*"), (200, 6));
        assert_eq!(matches("\"seg-2.m4s\""), (412, 0));
        assert_eq!(matches("W/\"seg-1.m4s\""), (412, 0));
        let dates = [
            (header::IF_MODIFIED_SINCE, "Tue, 01 Jan 2030 00:00:00 GMT"),
            (header::IF_UNMODIFIED_SINCE, "Tue, 01 Jan 2002 00:00:00 GMT"),
        ];
        assert_eq!(status(&dates), (200, 6));
    }

    #[test]
    fn the_head_alone_has_no_range() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        let pieces = vec![Bytes::from_static(b"abcdef")];
        let response = piece_response(pieces, 6, "seg-1.m4s", "video/mp4", (&headers, true));
        assert_eq!(
            (response.status(), response.body().size()),
            (StatusCode::OK, 6)
        );
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
