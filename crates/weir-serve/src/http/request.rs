//! A request over HTTP, whichever head was read: our own at the door, or hyper's.

use std::net::SocketAddr;

use http::header::{self, AsHeaderName};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use weir_base::{Code, Refusal};
use weir_proto::ws;

use crate::deliver::Framing;
use crate::reply::Body;
use crate::request::{parameter, query};

/// The only version of WebSockets there is (RFC 6455 §4.1).
const WEB_SOCKET_VERSION: &str = "13";

/// A request, with all that decides its answer.
pub struct HttpRequest {
    /// What is to be done.
    pub method: Method,
    /// Path and query as they were asked for.
    pub target: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// All headers, those of the connection too.
    pub headers: HeaderMap,
    /// `Host`, or the authority of HTTP/2.
    pub host: Option<String>,
    /// The client, trusted proxies taken into account.
    pub client: SocketAddr,
    /// What stands around a body without an end, where the one who writes the head does not frame it.
    pub body_framing: Framing,
    /// The body, until it is taken.
    body: Mutex<Option<Body>>,
}

/// What a client that wants a WebSocket said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketOffer<'a> {
    /// `Sec-WebSocket-Key`, valid.
    pub key: &'a str,
    /// `Sec-WebSocket-Protocol`, all of it.
    pub protocols: &'a str,
}

impl HttpRequest {
    /// A request without a body.
    pub fn new(method: Method, target: String, headers: HeaderMap, client: SocketAddr) -> Self {
        let host = headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        Self {
            method,
            query: query(target.split_once('?').map(|(_, query)| query)),
            target,
            host: host.map(str::to_owned),
            headers,
            client,
            body_framing: Framing::Raw,
            body: Mutex::default(),
        }
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(self, body: Body) -> Self {
        *self.body.lock() = Some(body);
        self
    }

    /// The body; none when there is none, or when it was taken.
    pub fn take_body(&self) -> Option<Body> {
        self.body.lock().take()
    }

    /// The raw path.
    pub fn path(&self) -> &str {
        let target = self.target.as_str();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// The first query parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.query, name)
    }

    /// A header, if it is text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the client wants the connection to speak `protocol` from here on.
    pub fn wants_upgrade(&self, protocol: &str) -> bool {
        let upgrade = self.header(header::UPGRADE);
        upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(protocol))
    }

    /// Whether the client wants a WebSocket, valid or not.
    pub fn is_web_socket(&self) -> bool {
        self.method == Method::GET
            && self.wants_upgrade("websocket")
            && self.headers.contains_key(header::SEC_WEBSOCKET_KEY)
    }

    /// What a client that wants a WebSocket offers (RFC 6455 §4.2.1).
    ///
    /// # Errors
    /// 4004 for a key or a version that makes no sense.
    pub fn web_socket(&self) -> Result<WebSocketOffer<'_>, Refusal> {
        let key = self.header(header::SEC_WEBSOCKET_KEY).unwrap_or_default();
        if !ws::is_valid_key(key) {
            let words = "the WebSocket key makes no sense";
            return Err(Refusal::new(Code::ProtocolError, words));
        }
        let version = self.header(header::SEC_WEBSOCKET_VERSION);
        if version.is_some_and(|version| version.trim() != WEB_SOCKET_VERSION) {
            let words = "this WebSocket version is not spoken: 13 is";
            return Err(Refusal::new(Code::ProtocolError, words));
        }
        let protocols = self.header(header::SEC_WEBSOCKET_PROTOCOL);
        Ok(WebSocketOffer {
            key,
            protocols: protocols.unwrap_or_default(),
        })
    }

    /// What stands around the bytes of a viewer.
    pub fn framing(&self) -> Framing {
        if self.is_web_socket() {
            Framing::WebSocket
        } else {
            self.body_framing
        }
    }
}

/// All X-Forwarded-For lines as one: a proxy may add a line of its own.
pub(super) fn forwarded_for(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<_> = lines.filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
