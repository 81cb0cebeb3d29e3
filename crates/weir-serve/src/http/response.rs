//! An answer over HTTP, whichever head is written: what is said, and what becomes of the connection.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use weir_base::http_field::granted_fields;
use weir_base::{Code, Refusal};

use super::request::WEB_SOCKET_VERSION;
use super::rules::Misfit;
use crate::deliver::Playback;
use crate::reply::{self, Body, full};
use crate::request::lines;

/// Seconds for which a browser may remember what [`HttpResponse::preflight`] says.
const PREFLIGHT_SECONDS: &str = "86400";
/// What pages of other sites may send where they do not say what they want to.
const PREFLIGHT_HEADERS: &str =
    "Range, If-None-Match, If-Range, Authorization, Cache-Control, Pragma";

/// An answer that no head has been written for.
pub struct HttpResponse {
    /// 101 where the connection becomes something else.
    pub status: StatusCode,
    /// Headers, but those that say how the body is framed.
    pub headers: HeaderMap,
    /// What comes behind the head.
    pub then: Then,
}

/// What comes behind a head.
pub enum Then {
    /// A body with an end.
    Body(Body),
    /// A stream for as long as it lasts: as a body, or inside a WebSocket where the status is 101.
    Play(Box<Playback>),
    /// The connection speaks something else.
    Upgrade(Upgrade),
}

/// A connection after its upgrade.
pub trait UpgradedIo: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> UpgradedIo for T {}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What serves a connection after its upgrade.
pub struct Upgrade {
    /// Of the task.
    pub name: &'static str,
    serve: Box<dyn FnOnce(Box<dyn UpgradedIo>) -> Serving + Send>,
    socket: Option<TakeSocket>,
}

/// Takes a plain socket, with the answer's head, which is not written yet, and with what the client said behind its
/// request.
pub type TakeSocket = Box<dyn FnOnce(TcpStream, Vec<u8>, Bytes) + Send>;

impl Upgrade {
    /// `serve` has the connection from then on.
    pub fn new<F, Fut>(name: &'static str, serve: F) -> Self
    where
        F: FnOnce(Box<dyn UpgradedIo>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let serve = |io| -> Serving { Box::pin(serve(io)) };
        Self {
            name,
            serve: Box::new(serve),
            socket: None,
        }
    }

    /// The same, but a plain socket is taken as it is: by a loop that owns it from then on.
    #[must_use]
    pub fn or_socket(self, take: impl FnOnce(TcpStream, Vec<u8>, Bytes) + Send + 'static) -> Self {
        Self {
            socket: Some(Box::new(take)),
            ..self
        }
    }

    /// Who takes a plain socket as it is, where somebody does.
    ///
    /// # Errors
    /// Itself, where nobody does.
    pub fn into_socket(mut self) -> Result<TakeSocket, Self> {
        self.socket.take().ok_or(self)
    }

    /// Serves `io` to its end.
    pub async fn serve(self, io: impl UpgradedIo + 'static) {
        (self.serve)(Box::new(io)).await;
    }
}

impl HttpResponse {
    /// This status, no headers, nothing behind them.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            then: Then::Body(full(Bytes::new())),
        }
    }

    /// The same with a header more; a value that no header can have is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same with this behind the head.
    #[must_use]
    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// The same, for pages of any site.
    #[must_use]
    pub fn for_any_site(mut self) -> Self {
        reply::for_any_site(&mut self.headers);
        self
    }

    /// What a browser asks before it lets a page of another site in; and what anybody asks who wants to know the
    /// methods. The headers that are asked for are granted: what they say changes no answer of ours for the
    /// worse.
    pub fn preflight(methods: &[Method], asked: &HeaderMap) -> Self {
        let names = granted_fields(lines(asked, header::ACCESS_CONTROL_REQUEST_HEADERS));
        let names = names.as_deref().unwrap_or(PREFLIGHT_HEADERS);
        Self::new(StatusCode::NO_CONTENT)
            .with(header::ALLOW, &listed(methods))
            .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, &listed(methods))
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, names)
            .with(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS)
            .with(header::VARY, "Access-Control-Request-Headers")
    }

    /// A request that breaks HTTP's rules. Nobody knows what stands behind it, so that the connection ends.
    pub fn misfit(misfit: &Misfit) -> Self {
        let mut response = Self::from(reply::refusal(&misfit.refusal(), ""));
        response.status = misfit.status;
        response.with(header::CONNECTION, "close")
    }

    /// A WebSocket of another version than the one there is (RFC 6455 §4.4).
    pub fn web_socket_version() -> Self {
        let words = "this WebSocket version is not spoken: 13 is";
        Self::upgrade_required("websocket", words)
            .with(header::SEC_WEBSOCKET_VERSION, WEB_SOCKET_VERSION)
    }

    /// A method that the resource does not take.
    pub fn not_allowed(methods: &[Method]) -> Self {
        let allowed = listed(methods);
        let words = format!("this address answers {allowed}");
        let refused = reply::refusal(&Refusal::new(Code::ProtocolError, words), "");
        let mut response = Self::from(refused).with(header::ALLOW, &allowed);
        response.status = StatusCode::METHOD_NOT_ALLOWED;
        response
    }

    /// A request that had to be an upgrade to `protocol`.
    pub fn upgrade_required(protocol: &str, words: &'static str) -> Self {
        let refused = reply::refusal(&Refusal::new(Code::ProtocolError, words), "");
        let mut response = Self::from(refused).with(header::UPGRADE, protocol);
        response.status = StatusCode::UPGRADE_REQUIRED;
        response
    }
}

impl From<Response<Body>> for HttpResponse {
    fn from(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            then: Then::Body(body),
        }
    }
}

fn listed(methods: &[Method]) -> String {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    names.join(", ")
}
