//! Reads the first request of a connection with our own eyes: what breaks HTTP's rules is refused with a code,
//! an endless stream over a plain socket goes to a delivery loop, and for everything else hyper gets the bytes
//! back.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use weir_base::limits;

use super::request::HttpRequest;
use super::rules::{MAX_HEADERS, Misfit};
use crate::deliver::Framing;

/// How HTTP/2 begins where it was not agreed upon before (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A request head, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What is to be done.
    pub method: Method,
    /// The target, in any of its forms.
    pub uri: Uri,
    /// 1.0 or 1.1.
    pub version: Version,
    /// All header lines, in their order.
    pub headers: HeaderMap,
    /// Bytes of the head; what was read beyond them came behind it.
    pub bytes: usize,
}

impl Head {
    /// The request, of `client`.
    pub fn request(&self, client: SocketAddr) -> HttpRequest {
        let (method, headers) = (self.method.clone(), self.headers.clone());
        let mut request = HttpRequest::new(method, &self.uri, self.version, headers, client);
        if self.version == Version::HTTP_11 {
            request.body_framing = Framing::Chunked;
        }
        request
    }

    /// Whether a body follows, for hyper to read.
    pub fn has_body(&self) -> bool {
        let length = self.headers.get(header::CONTENT_LENGTH);
        length.is_some_and(|length| length != "0")
            || self.headers.contains_key(header::TRANSFER_ENCODING)
    }
}

/// The head of an answer, as it is written; the connection serves no other request. `length` of the
/// body, where it has an end; `wall_us` of the clock, for `Date`.
pub fn written(
    status: StatusCode,
    headers: &HeaderMap,
    framing: Framing,
    length: Option<usize>,
    wall_us: i64,
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
        if !headers.contains_key(header::CONNECTION) {
            put("connection", b"close");
        }
    }
    put("date", date(wall_us).as_bytes());
    out.extend_from_slice(b"\r\n");
    out
}

/// The wall clock as HTTP writes it (RFC 9110 §5.6.7).
fn date(wall_us: i64) -> String {
    let since = Duration::from_micros(u64::try_from(wall_us).unwrap_or(0));
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)
}

/// What the first bytes of a connection are.
#[derive(Debug)]
pub enum First {
    /// A request of HTTP/1 whose head is complete; the bytes behind it are not ours to drop.
    Request(Box<Head>),
    /// What no server answers otherwise than with a refusal.
    Misfit(Misfit),
    /// HTTP/2: for hyper.
    Http2,
}

/// What `read` is so far; `None` when more is needed to tell.
#[doc(hidden)]
pub fn look(read: &[u8]) -> Option<First> {
    let common = read.len().min(HTTP2_PREFACE.len());
    if read.get(..common) == HTTP2_PREFACE.get(..common) {
        return (common == HTTP2_PREFACE.len()).then_some(First::Http2);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let misfit = match request.parse(read) {
        Ok(httparse::Status::Complete(bytes)) => match head_of(&request, bytes) {
            Ok(head) => return Some(First::Request(Box::new(head))),
            Err(misfit) => misfit,
        },
        Ok(httparse::Status::Partial) if read.len() < limits::HTTP_HEAD_BYTES => return None,
        Ok(httparse::Status::Partial) if request.version.is_none() => Misfit::TARGET_TOO_LONG,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Misfit::HEAD_TOO_LARGE
        }
        Err(httparse::Error::Version) if names_http(read) => Misfit::VERSION,
        Err(_) => Misfit::MALFORMED,
    };
    Some(First::Misfit(misfit))
}

/// Whether the first line ends as a request line does.
fn names_http(read: &[u8]) -> bool {
    let mut lines = read.split(|byte| matches!(byte, b'\r' | b'\n'));
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let last = line.rsplit(|byte| *byte == b' ').next();
    last.is_some_and(|word| word.starts_with(b"HTTP/"))
}

fn head_of(request: &httparse::Request<'_, '_>, bytes: usize) -> Result<Head, Misfit> {
    let malformed = |_| Misfit::MALFORMED;
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Misfit::MALFORMED)?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| Misfit::MALFORMED)?;
        headers.append(name, value);
    }
    let method = request.method.unwrap_or_default();
    Ok(Head {
        method: Method::from_bytes(method.as_bytes()).map_err(|_| Misfit::MALFORMED)?,
        uri: Uri::try_from(request.path.unwrap_or_default()).map_err(malformed)?,
        version: match request.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        },
        headers,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Head {
        match look(bytes) {
            Some(First::Request(head)) => *head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_get_is_read_with_what_media_needs() {
        let bytes = b"GET /live/a.flv?wait=3 HTTP/1.1\r\nHost: x:8080\r\nX-Forwarded-For: 1.2.3.4\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let request = head(bytes).request("9.9.9.9:1".parse().unwrap());
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
    fn a_target_means_the_same_in_each_form() {
        for (target, path, host) in [
            ("/live/a.flv?k=1", "/live/a.flv", "said"),
            ("http://h:81/live/a.flv?k=1", "/live/a.flv", "h:81"),
            ("HTTPS://H/live/a.flv?k=1", "/live/a.flv", "H"),
            ("http://user@h/live/a.flv?k=1", "/live/a.flv", "h"),
            ("http://[::1]:81/live/a.flv?k=1", "/live/a.flv", "[::1]:81"),
            ("http://h?k=1", "/", "h"),
        ] {
            let bytes = format!("GET {target} HTTP/1.1\r\nhOsT:said\r\n\r\n");
            let request = head(bytes.as_bytes()).request("9.9.9.9:1".parse().unwrap());
            assert_eq!(request.path(), path, "{target}");
            assert_eq!(request.parameter("k"), Some("1"), "{target}");
            assert_eq!(request.host.as_deref(), Some(host), "{target}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        let status = |bytes: &[u8]| match look(bytes) {
            Some(First::Misfit(misfit)) => misfit.status.as_u16(),
            other => panic!("{other:?}"),
        };
        assert!(matches!(look(HTTP2_PREFACE), Some(First::Http2)));
        for more in [
            "GE",
            "PRI * HTTP/2.0\r\n",
            "",
            "\r\n",
            "GET /x HTTP/1.1\r\nHost:",
        ] {
            assert!(look(more.as_bytes()).is_none(), "{more}");
        }
        for bad in [
            &b"\x16\x03\x01"[..],
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
            b"GET http://[/x HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(status(bad), 400, "{bad:?}");
        }
        assert_eq!(status(b"GET / HTTP/3.1\r\n\r\n"), 505);
        let long = "x".repeat(limits::HTTP_HEAD_BYTES);
        assert_eq!(status(format!("GET /{long}").as_bytes()), 414);
        assert_eq!(
            status(format!("GET / HTTP/1.1\r\nA: {long}").as_bytes()),
            431
        );
        let many = "A: b\r\n".repeat(MAX_HEADERS + 1);
        assert_eq!(
            status(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()),
            431
        );
    }

    #[test]
    fn an_answer_is_dated_and_closes() {
        let headers = HeaderMap::new();
        let head = written(
            StatusCode::OK,
            &headers,
            Framing::Raw,
            Some(3),
            784_111_777_000_000,
        );
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            "{head}"
        );
        assert!(head.contains("connection: close\r\n"), "{head}");
    }
}
