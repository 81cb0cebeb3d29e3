//! Reads the first request of a plain connection with our own eyes: if it asks for an endless stream,
//! a delivery loop takes the socket; otherwise hyper gets the bytes back.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use weir_base::{Code, Refusal, limits};

/// Headers looked at.
const MAX_HEADERS: usize = 64;
/// Bytes read at once; most requests fit.
const READ_BYTES: usize = 2048;

/// The parts of a request head that media needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Raw path.
    pub path: String,
    /// Raw query.
    pub query: Option<String>,
    /// HTTP/1.1 rather than 1.0.
    pub is_http11: bool,
    /// `Host`.
    pub host: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `X-Forwarded-For`, all of them joined.
    pub forwarded_for: Option<String>,
    /// `Sec-WebSocket-Key`, where the request is a WebSocket upgrade.
    pub web_socket_key: Option<String>,
    /// `Sec-WebSocket-Protocol`.
    pub web_socket_protocol: Option<String>,
    /// Bytes of the head; what was read beyond them came behind it.
    pub bytes: usize,
}

impl Head {
    /// Path and query as they were asked for.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// What the first bytes of a connection are.
#[derive(Debug)]
pub enum First {
    /// A GET whose head is complete; the bytes behind it are not ours to drop.
    Get(Box<Head>),
    /// Something else: for hyper.
    Other,
}

/// Reads until the head is complete, or until it is clear that hyper should have the bytes. They stay
/// in `read`.
///
/// # Errors
/// 4003 and 4010 where nothing, or not enough, comes.
pub async fn read_first(socket: &mut TcpStream, read: &mut BytesMut) -> Result<First, Refusal> {
    let deadline = tokio::time::sleep(Duration::from_millis(limits::HTTP_HEAD_MS));
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
    let target = request.path?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut head = Head {
        path: path.to_owned(),
        query,
        is_http11: request.version == Some(1),
        bytes,
        ..Head::default()
    };
    let mut upgrades = false;
    for header in request.headers.iter() {
        let Ok(value) = std::str::from_utf8(header.value) else {
            continue;
        };
        match header.name.to_ascii_lowercase().as_str() {
            "host" => head.host = Some(value.to_owned()),
            "authorization" => head.authorization = Some(value.to_owned()),
            "origin" => head.origin = Some(value.to_owned()),
            "x-forwarded-for" => match &mut head.forwarded_for {
                Some(all) => *all = format!("{all},{value}"),
                None => head.forwarded_for = Some(value.to_owned()),
            },
            "upgrade" => upgrades = value.eq_ignore_ascii_case("websocket"),
            // Another version, or a key that is none: hyper's path has the answer.
            "sec-websocket-version" if value.trim() != "13" => return None,
            "sec-websocket-key" if !weir_proto::ws::is_valid_key(value) => return None,
            "sec-websocket-key" => head.web_socket_key = Some(value.to_owned()),
            "sec-websocket-protocol" => head.web_socket_protocol = Some(value.to_owned()),
            // A body would follow: hyper knows what to do with it.
            "content-length" if value != "0" => return None,
            "transfer-encoding" => return None,
            _ => {}
        }
    }
    if !upgrades {
        head.web_socket_key = None;
    }
    Some(head)
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
        assert_eq!(
            (head.path.as_str(), head.query.as_deref()),
            ("/live/a.flv", Some("wait=3"))
        );
        assert_eq!(
            (head.host.as_deref(), head.web_socket_key.as_deref()),
            (Some("x:8080"), Some("dGhlIHNhbXBsZSBub25jZQ=="))
        );
        assert_eq!(head.forwarded_for.as_deref(), Some("1.2.3.4"));
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
