//! The HTTP/1.1 client: between nodes, to webhooks, and under the client commands.
//!
//! It sends a request and gives the answer whatever its status. Redirects, proofs and what a refusal
//! means are the caller's.

mod body;
mod idle;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use weir_base::{Clock, Shutdown, Tasks};

use crate::dial::{AddressGuard, DialError, Dialer};
use crate::url::HttpUrl;
use idle::IdleConnections;

pub use body::Body;

/// A connection after an answer 101.
pub type UpgradedConnection = TokioIo<Upgraded>;

/// How this process calls itself.
const USER_AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// Bytes of an answer that [`exchange`] reads.
const MAX_EXCHANGE_BYTES: usize = 64 * 1024;

type Sender = SendRequest<Full<Bytes>>;

/// What is asked.
#[derive(Debug, Clone)]
pub struct HttpRequest<'a> {
    /// GET, POST, ….
    pub method: Method,
    /// Where to.
    pub url: &'a HttpUrl,
    /// Headers beyond host and agent.
    pub headers: HeaderMap,
    /// The request's body, often empty.
    pub body: Bytes,
    /// How long the head of the answer may take once there is a connection.
    pub head_timeout: Duration,
}

impl<'a> HttpRequest<'a> {
    /// Without further headers and without a body.
    pub fn new(method: Method, url: &'a HttpUrl, head_timeout: Duration) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            head_timeout,
        }
    }

    /// With `json` as its body; without one if that is empty.
    #[must_use]
    pub fn json(mut self, json: String) -> Self {
        if !json.is_empty() {
            let json_type = HeaderValue::from_static("application/json");
            self.headers.insert(header::CONTENT_TYPE, json_type);
        }
        self.body = json.into();
        self
    }

    /// With one more header.
    ///
    /// # Errors
    /// When the value cannot be one.
    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self, HttpError> {
        let value =
            HeaderValue::from_str(value).map_err(|error| HttpError::Request(error.into()))?;
        self.headers.insert(name, value);
        Ok(self)
    }
}

/// How much of a body is taken, and how long one waits for it.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes of the whole.
    pub max_bytes: usize,
    /// Longest wait between two pieces.
    pub piece_timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Method, path or a header that HTTP does not know.
    #[error("the URL cannot be asked for")]
    Request(#[source] http::Error),
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No head of an answer.
    #[error("no answer within {after:?}")]
    Silent {
        /// How long it had.
        after: Duration,
    },
    /// A body that stands still.
    #[error("nothing came for {after:?}")]
    Stalled {
        /// How long it had.
        after: Duration,
    },
    /// The connection ended in the middle.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// More than the caller takes.
    #[error("an answer of more than {max_bytes} bytes")]
    TooLong {
        /// What it takes.
        max_bytes: usize,
    },
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Answer {
    response: Response<Incoming>,
    sender: Sender,
}

/// An answer with all of its body.
#[derive(Debug)]
pub struct WholeAnswer {
    /// As the server sent it, errors included.
    pub status: StatusCode,
    /// As the server sent them.
    pub headers: HeaderMap,
    /// All bytes of the body, within [`BodyLimits`].
    pub body: Bytes,
}

/// Sends requests. Clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    dialer: Dialer,
    guard: Option<AddressGuard>,
    clock: Clock,
    tasks: Tasks,
    shutdown: Shutdown,
    idle: Arc<IdleConnections>,
}

impl HttpClient {
    /// A client whose connections are tasks of `tasks` and end with `shutdown`'s second stage.
    pub fn new(dialer: Dialer, clock: Clock, tasks: Tasks, shutdown: Shutdown) -> Self {
        Self {
            dialer,
            guard: None,
            clock,
            tasks,
            shutdown,
            idle: Arc::default(),
        }
    }

    /// The same, connecting only to addresses that `guard` lets through; with connections of its own.
    #[must_use]
    pub fn guarded(self, guard: AddressGuard) -> Self {
        Self {
            guard: Some(guard),
            idle: Arc::default(),
            ..self
        }
    }

    /// Sends `request` over a connection of its own. Its answer may be an upgrade.
    ///
    /// # Errors
    /// Without the head of an answer.
    pub async fn send(&self, request: &HttpRequest<'_>) -> Result<Answer, HttpError> {
        let sender = self.connect(request.url).await?;
        send_over(request, sender).await
    }

    /// Sends `request` over a kept connection where there is one, and gives the answer with its body.
    /// Where the kept connection had been closed it is sent once more, so it must be one that may be
    /// repeated.
    ///
    /// # Errors
    /// Without a whole answer within the limits.
    pub async fn fetch(
        &self,
        request: &HttpRequest<'_>,
        limits: BodyLimits,
    ) -> Result<WholeAnswer, HttpError> {
        while let Some(sender) = self.idle.take(request.url, self.clock.now_us()) {
            match self.fetch_over(request, limits, sender).await {
                // It was closed at the other end just now: that is no failure of the server.
                Err(HttpError::Broken(_)) => {}
                outcome => return outcome,
            }
        }
        let sender = self.connect(request.url).await?;
        self.fetch_over(request, limits, sender).await
    }

    /// Closes kept connections that nobody has used for long.
    pub fn sweep(&self) {
        self.idle.sweep(self.clock.now_us());
    }

    /// Connections that wait for the next request.
    pub fn idle_connections(&self) -> usize {
        self.idle.len()
    }

    async fn fetch_over(
        &self,
        request: &HttpRequest<'_>,
        limits: BodyLimits,
        sender: Sender,
    ) -> Result<WholeAnswer, HttpError> {
        let Answer { response, sender } = send_over(request, sender).await?;
        let (head, body) = response.into_parts();
        let body = Body::new(body).read_all(limits).await?;
        self.idle.put(request.url, sender, self.clock.now_us());
        Ok(WholeAnswer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    async fn connect(&self, url: &HttpUrl) -> Result<Sender, HttpError> {
        let guard = self.guard.as_ref();
        let socket = self
            .dialer
            .connect_where(&url.host, url.port, url.tls, guard)
            .await?;
        let shaken = http1::handshake(TokioIo::new(socket)).await;
        let (sender, connection) = shaken.map_err(HttpError::Broken)?;
        let shutdown = self.shutdown.clone();
        self.tasks.spawn("http-client", async move {
            tokio::select! {
                // Its end shows at the sender and at the body.
                _ = connection.with_upgrades() => {}
                () = shutdown.stopping() => {}
            }
        });
        Ok(sender)
    }
}

impl Answer {
    /// As the server sent it, errors included.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// As the server sent them.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The bytes still to come; the connection is not used again.
    pub fn into_body(self) -> Body {
        Body::new(self.response.into_body())
    }

    /// With all of its body.
    ///
    /// # Errors
    /// When the body breaks, stands still, or is longer than the limit.
    pub async fn whole(self, limits: BodyLimits) -> Result<WholeAnswer, HttpError> {
        let (head, body) = self.response.into_parts();
        Ok(WholeAnswer {
            status: head.status,
            headers: head.headers,
            body: Body::new(body).read_all(limits).await?,
        })
    }

    /// The connection, after an answer 101.
    ///
    /// # Errors
    /// When the server did not switch.
    pub async fn upgrade(self) -> Result<UpgradedConnection, HttpError> {
        let upgraded = hyper::upgrade::on(self.response).await;
        upgraded.map(TokioIo::new).map_err(HttpError::Broken)
    }
}

/// Sends `request` over a connection of its own and gives the answer, which is a word or two: for orders
/// to a webhook or to the API of a node. All of it has as long as the head.
///
/// # Errors
/// When nothing answers in time, or with more than 64 KiB.
pub async fn exchange(request: &HttpRequest<'_>) -> Result<WholeAnswer, HttpError> {
    let dialer = Dialer::over_weak_networks();
    let client = HttpClient::new(dialer, Clock::real(), Tasks::new(), Shutdown::new());
    let after = request.head_timeout;
    let limits = BodyLimits {
        max_bytes: MAX_EXCHANGE_BYTES,
        piece_timeout: after,
    };
    let exchanged = async { client.send(request).await?.whole(limits).await };
    match timeout(after, exchanged).await {
        Ok(outcome) => outcome,
        Err(_) => Err(HttpError::Silent { after }),
    }
}

async fn send_over(request: &HttpRequest<'_>, mut sender: Sender) -> Result<Answer, HttpError> {
    let message = message(request)?;
    let answered = async {
        sender.ready().await?;
        sender.send_request(message).await
    };
    match timeout(request.head_timeout, answered).await {
        Ok(Ok(response)) => Ok(Answer { response, sender }),
        Ok(Err(error)) => Err(HttpError::Broken(error)),
        Err(_) => Err(HttpError::Silent {
            after: request.head_timeout,
        }),
    }
}

fn message(request: &HttpRequest<'_>) -> Result<Request<Full<Bytes>>, HttpError> {
    let mut message = Request::builder()
        .method(request.method.clone())
        .uri(&request.url.path)
        .header(header::HOST, request.url.authority())
        .header(header::USER_AGENT, USER_AGENT)
        .body(Full::new(request.body.clone()))
        .map_err(HttpError::Request)?;
    let headers = message.headers_mut();
    if request.body.is_empty() && request.method != Method::GET {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    headers.extend(request.headers.clone());
    Ok(message)
}

#[cfg(test)]
mod tests;
