//! An answer over HTTP, whichever head is written: what is said, and what becomes of the connection.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};
use weir_base::{Code, Refusal};

use crate::deliver::Playback;
use crate::reply::{self, Body, full};

/// Seconds for which a browser may remember what [`HttpResponse::preflight`] says.
const PREFLIGHT_SECONDS: &str = "86400";
/// What pages of other sites may send: ranges and conditions.
const PREFLIGHT_HEADERS: &str = "Range, If-None-Match, If-Range";

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
}

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
        }
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

    /// What a browser asks before it lets a page of another site in.
    pub fn preflight(methods: &[Method]) -> Self {
        Self::new(StatusCode::NO_CONTENT)
            .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, &listed(methods))
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, PREFLIGHT_HEADERS)
            .with(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS)
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
