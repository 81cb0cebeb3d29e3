//! A request over HTTP, whichever head was read: our own at the door, or hyper's.

use std::net::SocketAddr;

use http::header::{self, AsHeaderName};
use http::{HeaderMap, Method, Uri, Version};
use parking_lot::Mutex;
use weir_base::http_field::has_token;
use weir_base::{Code, Refusal};
use weir_proto::ws;

use crate::deliver::Framing;
use crate::reply::Body;
use crate::request::{lines, parameter, query};

/// The only version of WebSockets there is (RFC 6455 §4.1).
pub(super) const WEB_SOCKET_VERSION: &str = "13";

/// A request, with all that decides its answer.
pub struct HttpRequest {
    /// What is to be done.
    pub method: Method,
    /// Spoken by the client.
    pub version: Version,
    /// Path and query as they were asked for, whichever form the target had (RFC 9112 §3.2).
    pub target: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// All headers, those of the connection too.
    pub headers: HeaderMap,
    /// The authority of the target where it has one (HTTP/2, absolute form), else `Host`.
    pub host: Option<String>,
    /// The client, trusted proxies taken into account.
    pub client: SocketAddr,
    /// What stands around a body without an end, where the one who writes the head does not frame it.
    pub body_framing: Framing,
    /// The body, until it is taken.
    body: Mutex<Option<Body>>,
}

/// What a client that wants a WebSocket said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketOffer<'a> {
    /// `Sec-WebSocket-Key`, valid.
    pub key: &'a str,
    /// `Sec-WebSocket-Protocol`, all lines of it.
    pub protocols: String,
}

impl HttpRequest {
    /// A request without a body.
    pub fn new(
        method: Method,
        uri: &Uri,
        version: Version,
        headers: HeaderMap,
        client: SocketAddr,
    ) -> Self {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        // A whole URL may have a query and no path (RFC 9112 §3.2.1).
        let slash = if target.starts_with('?') { "/" } else { "" };
        let named = uri.authority().map(|authority| match authority.port() {
            Some(port) => format!("{}:{port}", authority.host()),
            None => authority.host().to_owned(),
        });
        let said = || lines(&headers, header::HOST).next().map(str::to_owned);
        Self {
            method,
            version,
            query: query(uri.query()),
            target: format!("{slash}{target}"),
            host: named.or_else(said),
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

    /// Whether the client wants the connection to speak `protocol` from here on (RFC 9110 §7.8): over HTTP/1.1,
    /// by a list of names in any case. A proxy that took `Connection` away took the wish with it only where it
    /// left something else there.
    pub fn wants_upgrade(&self, protocol: &str) -> bool {
        let has = |name, token| has_token(lines(&self.headers, name), token);
        self.version == Version::HTTP_11
            && has(header::UPGRADE, protocol)
            && (has(header::CONNECTION, "upgrade")
                || !self.headers.contains_key(header::CONNECTION))
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
        if self.is_other_web_socket() {
            let words = "this WebSocket version is not spoken: 13 is";
            return Err(Refusal::new(Code::ProtocolError, words));
        }
        let protocols: Vec<_> = lines(&self.headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
        Ok(WebSocketOffer {
            key,
            protocols: protocols.join(","),
        })
    }

    /// Whether it is a WebSocket of a version that is not spoken here.
    pub fn is_other_web_socket(&self) -> bool {
        let version = self.header(header::SEC_WEBSOCKET_VERSION);
        version.is_some_and(|version| version.trim() != WEB_SOCKET_VERSION)
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
