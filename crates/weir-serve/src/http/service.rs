//! The requests hyper parses: media on any connection (HTTP/2, TLS, keep-alive), and the rest for the
//! API service.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;
use tower::Service;
use tower::util::BoxCloneSyncService;
use weir_base::{Code, Refusal, limits};
use weir_hub::Protocol;
use weir_proto::ws;

use super::connection::forwarded;
use super::live::{LiveRequest, Opened};
use super::reply::{Body, full, refusal};
use super::route::{Route, query, route};
use super::web_socket;
use crate::context::Context;
use crate::deliver::{Framing, Inbound, NewViewer, Sink};
use crate::hls;

/// Everything that is not media: pages and API, by the binary.
pub type ApiService = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// The address of the client, as a request extension for the API service.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddr(pub SocketAddr);

/// See the module's words. One per connection.
#[derive(Clone)]
pub struct MediaService {
    context: Context,
    client: SocketAddr,
    peer: SocketAddr,
    api: ApiService,
}

impl MediaService {
    /// For one connection.
    pub const fn new(
        context: Context,
        client: SocketAddr,
        peer: SocketAddr,
        api: ApiService,
    ) -> Self {
        Self {
            context,
            client,
            peer,
            api,
        }
    }
}

impl Service<Request<Incoming>> for MediaService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.api.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let header = request
            .headers()
            .get("x-forwarded-for")
            .and_then(|value| value.to_str().ok());
        let client = forwarded(&self.context, self.peer.ip(), self.client, header);
        match route(request.uri().path()) {
            Route::Other => {
                request.extensions_mut().insert(ClientAddr(client));
                self.api.call(request)
            }
            route => {
                let context = self.context.clone();
                Box::pin(async move { Ok(media(context, request, route, client).await) })
            }
        }
    }
}

async fn media(
    context: Context,
    request: Request<Incoming>,
    route: Route,
    client: SocketAddr,
) -> Response<Body> {
    if let Some(answer) = answer_method(request.method()) {
        return answer;
    }
    let query = query(request.uri().query());
    let host = host_of(&request);
    let host = host.as_deref();
    let (answer, protocol) = match route {
        Route::Live {
            app,
            stream,
            container,
        } => {
            let framing = if is_web_socket(request.headers()) {
                Framing::WebSocket
            } else {
                Framing::Raw
            };
            let live = LiveRequest {
                app: &app,
                stream: &stream,
                container,
                framing,
                host,
                query: &query,
                client,
            };
            (open_live(&context, request, live).await, live.protocol())
        }
        Route::Multivariant { app, stream } => {
            let asked = hls::http::HlsRequest {
                app: &app,
                stream: &stream,
                host,
                query: &query,
                client,
            };
            (
                hls::http::multivariant(&context, &asked, request.headers()).await,
                Protocol::Hls,
            )
        }
        Route::Hls { app, stream, file } => {
            let asked = hls::http::HlsRequest {
                app: &app,
                stream: &stream,
                host,
                query: &query,
                client,
            };
            (
                hls::http::file(&context, &asked, &file, request.headers()).await,
                Protocol::Hls,
            )
        }
        Route::Other => (Err(Code::NotFound.into()), Protocol::Hls),
    };
    answer.unwrap_or_else(|refused| {
        context.refused(&refused, protocol, "play", client.ip());
        refusal(&refused)
    })
}

/// What is neither GET nor HEAD is answered without looking at the stream.
fn answer_method(method: &Method) -> Option<Response<Body>> {
    match *method {
        Method::GET | Method::HEAD => None,
        Method::OPTIONS => Some(preflight()),
        _ => {
            let words = "media answers GET, HEAD and OPTIONS";
            let mut response = refusal(&Refusal::new(Code::ProtocolError, words));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            Some(response)
        }
    }
}

async fn open_live(
    context: &Context,
    mut request: Request<Incoming>,
    live: LiveRequest<'_>,
) -> Result<Response<Body>, Refusal> {
    let Opened {
        stream,
        format,
        client,
    } = live.open(context).await?;
    let mut response = Response::new(full(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(header::SERVER, HeaderValue::from_static("weir"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if request.method() == Method::HEAD {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(live.content_type()),
        );
        return Ok(response);
    }
    let (queue, batches) = mpsc::channel(limits::RELAYED_BATCHES);
    if live.framing == Framing::WebSocket {
        let key = request
            .headers()
            .get(header::SEC_WEBSOCKET_KEY)
            .and_then(|key| key.to_str().ok())
            .unwrap_or_default();
        let accept = HeaderValue::from_str(&ws::accept_key(key))
            .map_err(|_| Refusal::new(Code::ProtocolError, "the WebSocket key makes no sense"))?;
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        context.tasks.spawn(
            "ws-relay",
            web_socket::relay(hyper::upgrade::on(&mut request), batches),
        );
    } else {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(live.content_type()),
        );
        *response.body_mut() = RelayBody(batches).boxed_unsync();
    }
    let viewer = NewViewer {
        sink: Sink::Relay(queue),
        client,
        greeting: Vec::new(),
        inbound: Inbound::Elsewhere,
    };
    context.pool.add(stream, format, viewer)?;
    Ok(response)
}

/// A body that ends when the delivery loop lets the viewer go.
struct RelayBody(mpsc::Receiver<Bytes>);

impl hyper::body::Body for RelayBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0
            .poll_recv(cx)
            .map(|batch| batch.map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn is_web_socket(headers: &HeaderMap) -> bool {
    let upgrade = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

fn host_of(request: &Request<Incoming>) -> Option<String> {
    let header = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    header.or_else(|| request.uri().host()).map(str::to_owned)
}

/// Players on other sites may ask for media with ranges and conditions.
fn preflight() -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Range, If-None-Match, If-Range"),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("86400"),
    );
    response
}
