//! Reads the first request of a plain connection with our own eyes: if it asks for an endless stream,
//! a delivery loop takes the socket; otherwise hyper gets the bytes back.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use weir_base::{Code, Refusal, limits};

use super::request::HttpRequest;
use crate::deliver::Framing;

/// Headers looked at.
const MAX_HEADERS: usize = 64;
/// Bytes read at once; most requests fit.
const READ_BYTES: usize = 2048;

/// A request head, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Path and query as they were asked for.
    pub target: String,
    /// HTTP/1.1 rather than 1.0.
    pub is_http11: bool,
    /// All header lines, in their order.
    pub headers: HeaderMap,
    /// Bytes of the head; what was read beyond them came behind it.
    pub bytes: usize,
}

impl Head {
    /// The request, of `client`.
    pub fn request(&self, client: SocketAddr) -> HttpRequest {
        let (target, headers) = (self.target.clone(), self.headers.clone());
        let mut request = HttpRequest::new(Method::GET, target, headers, client);
        if self.is_http11 {
            request.body_framing = Framing::Chunked;
        }
        request
    }
}

/// The head of an answer, as it is written; the connection serves no other request. `length` of the
/// body, where it has an end.
pub fn written(
    status: StatusCode,
    headers: &HeaderMap,
    framing: Framing,
    length: Option<usize>,
) -> Vec<u8> {
    // HTTP/1.0 knows neither chunks nor upgrades.
    let version: &[u8] = match (framing, length) {
        (Framing::Raw, None) => b"HTTP/1.0",
        _ => b"HTTP/1.1",
    };
    let reason = status.canonical_reason().unwrap_or("Refused");
    let mut out = version.to_vec();
    out.extend_from_slice(format!(" {} {reason}\r\n", status.as_u16()).as_bytes());
    let mut put = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    for (name, value) in headers {
        put(name.as_str(), value.as_bytes());
    }
    if status != StatusCode::SWITCHING_PROTOCOLS {
        match length {
            Some(length) => put("content-length", length.to_string().as_bytes()),
            None if framing == Framing::Chunked => put("transfer-encoding", b"chunked"),
            None => {}
        }
        if !headers.contains_key(header::SERVER) {
            put("server", b"weir");
        }
        put("connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// What the first bytes of a connection are.
#[derive(Debug)]
pub enum First {
    /// A GET whose head is complete; the bytes behind it are not ours to drop.
    Get(Box<Head>),
    /// Something else: for hyper.
    Other,
}

/// Reads until the head is complete, for which it has the time `within`, or until it is clear that hyper should have the bytes. They stay
/// in `read`.
///
/// # Errors
/// 4003 and 4010 where nothing, or not enough, comes.
pub async fn read_first(
    socket: &mut TcpStream,
    read: &mut BytesMut,
    within: Duration,
) -> Result<First, Refusal> {
    let deadline = tokio::time::sleep(within);
    tokio::pin!(deadline);
    loop {
        if let Some(first) = look(read) {
            return Ok(first);
        }
        if read.is_empty() {
            // No buffer for a connection that says nothing.
            tokio::select! {
                ready = socket.readable() => ready.map_err(|_| Refusal::from(Code::NetworkReset))?,
                () = &mut deadline => return Err(Refusal::new(Code::TooSlow, "no request in time")),
            }
        }
        read.reserve(READ_BYTES);
        tokio::select! {
            got = socket.read_buf(read) => match got {
                Ok(0) if read.is_empty() => return Err(Code::ClientStopped.into()),
                Ok(0) | Err(_) => return Err(Code::NetworkReset.into()),
                Ok(_) => {}
            },
            () = &mut deadline => return Err(Refusal::new(Code::TooSlow, "the request head does not come to its end")),
        }
    }
}

/// What `read` is so far; `None` when more is needed to tell.
#[doc(hidden)]
pub fn look(read: &[u8]) -> Option<First> {
    let common = read.len().min(4);
    if read.get(..common) != b"GET ".get(..common) {
        return Some(First::Other);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(read) {
        Ok(httparse::Status::Complete(bytes)) => {
            let head = head_of(&request, bytes).map(Box::new);
            Some(head.map_or(First::Other, First::Get))
        }
        Ok(httparse::Status::Partial) if read.len() < limits::HTTP_HEAD_BYTES => None,
        // Too long or malformed: hyper has the right answers for these.
        Ok(httparse::Status::Partial) | Err(_) => Some(First::Other),
    }
}

fn head_of(request: &httparse::Request<'_, '_>, bytes: usize) -> Option<Head> {
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(header.value).ok()?;
        headers.append(name, value);
    }
    // A body would follow: hyper knows what to do with it.
    let length = headers.get(header::CONTENT_LENGTH);
    if length.is_some_and(|length| length != "0") || headers.contains_key(header::TRANSFER_ENCODING)
    {
        return None;
    }
    Some(Head {
        target: request.path?.to_owned(),
        is_http11: request.version == Some(1),
        headers,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_is_read_with_what_media_needs() {
        let bytes = b"GET /live/a.flv?wait=3 HTTP/1.1\r\nHost: x:8080\r\nX-Forwarded-For: 1.2.3.4\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let Some(First::Get(head)) = look(bytes) else {
            panic!("not a GET")
        };
        let request = head.request("9.9.9.9:1".parse().unwrap());
        assert_eq!(request.path(), "/live/a.flv");
        assert_eq!(request.parameter("wait"), Some("3"));
        assert_eq!(request.host.as_deref(), Some("x:8080"));
        assert!(request.is_web_socket());
        let offer = request.web_socket().unwrap();
        assert_eq!(offer.key, "dGhlIHNhbXBsZSBub25jZQ==");
        let forwarded = request.header("x-forwarded-for");
        assert_eq!(forwarded, Some("1.2.3.4"));
    }

    #[test]
    fn what_is_not_a_plain_get_goes_to_hyper() {
        for bytes in [
            &b"POST / HTTP/1.1\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\n",
            b"\x16\x03\x01",
            b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        ] {
            assert!(matches!(look(bytes), Some(First::Other)), "{bytes:?}");
        }
        assert!(look(b"GE").is_none() && look(b"GET /x HTTP/1.1\r\nHost:").is_none());
    }
}
