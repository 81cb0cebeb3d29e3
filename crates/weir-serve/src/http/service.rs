//! The requests hyper parses: media on any connection (HTTP/2, TLS, keep-alive), and the rest for the
//! API service.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tower::Service;
use tower::util::BoxCloneSyncService;
use weir_base::{Code, Refusal, StreamName, limits};
use weir_cluster::route::Via;
use weir_hub::{Grant, Protocol};
use weir_proto::ws;

use super::HttpServer;
use super::connection::forwarded;
use super::live::{LiveRequest, Opened};
use super::route::{Route, route};
use super::web_socket;
use crate::deliver::forms::flv::Flv;
use crate::deliver::task::{self, Watching};
use crate::deliver::{Framing, NewViewer, Sink};
use crate::hls::HlsRequest;
use crate::ingest::{relay, slsp};
use crate::reply::{Body, full, refusal};
use crate::request::{is_play, parameter, query};

/// Everything that is not media: pages and API, by the binary.
pub type ApiService = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// The address of the client, as a request extension for the API service.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddr(pub SocketAddr);

/// See the module's words. One per connection.
#[derive(Clone)]
pub struct MediaService {
    server: HttpServer,
    client: SocketAddr,
    has_asked: Arc<AtomicBool>,
}

impl MediaService {
    /// For one connection.
    pub fn new(server: HttpServer, client: SocketAddr) -> Self {
        Self {
            server,
            client,
            has_asked: Arc::default(),
        }
    }

    /// Becomes true with the first request whose head is complete.
    pub fn has_asked(&self) -> Arc<AtomicBool> {
        self.has_asked.clone()
    }
}

impl Service<Request<Incoming>> for MediaService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.server.api.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        self.has_asked.store(true, Ordering::Relaxed);
        let header = forwarded_for(request.headers());
        let client = forwarded(&self.server, self.client, header.as_deref());
        match route(request.uri().path()) {
            Route::Other => {
                request.extensions_mut().insert(ClientAddr(client));
                self.server.api.call(request)
            }
            route => {
                let server = self.server.clone();
                Box::pin(async move { Ok(media(server, request, route, client).await) })
            }
        }
    }
}

async fn media(
    server: HttpServer,
    request: Request<Incoming>,
    route: Route,
    client: SocketAddr,
) -> Response<Body> {
    if let Some(answer) = answer_method(request.method()) {
        return answer;
    }
    let query = query(request.uri().query());
    let target = target_of(&request);
    let host = host_of(&request);
    let host = host.as_deref();
    let authorization = text_of(request.headers(), &header::AUTHORIZATION);
    let (answer, protocol) = match route {
        Route::Live { app, stream, form } => {
            let live = LiveRequest {
                app: &app,
                stream: &stream,
                form,
                framing: framing_of(request.headers()),
                host,
                query: &query,
                client,
                target: &target,
                authorization: authorization.as_deref(),
            };
            (open_live(&server, request, live).await, live.protocol())
        }
        Route::Multivariant { app, stream } => {
            let asked = hls_request((&app, &stream), host, &query, &target, client);
            let answer = server.hls.multivariant(&asked, request.headers()).await;
            (answer, Protocol::Hls)
        }
        Route::Hls { app, stream, file } => {
            let asked = hls_request((&app, &stream), host, &query, &target, client);
            let answer = server.hls.file(&asked, &file, request.headers()).await;
            (answer, Protocol::Hls)
        }
        Route::Slsp { app, stream } => {
            let name = (app, stream);
            let answer = open_slsp(&server, request, name, query, client).await;
            (answer, Protocol::Slsp)
        }
        Route::Relay { app, stream } => {
            let proof = authorization.as_deref();
            let asked = (app, stream, target.as_str(), proof);
            let answer = open_relay(&server, request, asked, &query, client).await;
            (answer, Protocol::Relay)
        }
        Route::Other => (Err(Code::NotFound.into()), Protocol::Hls),
    };
    answer.unwrap_or_else(|refused| {
        server
            .core
            .refused(&refused, protocol, asked_to(protocol), client.ip());
        refusal(&refused, &target)
    })
}

const fn hls_request<'a>(
    (app, stream): (&'a str, &'a str),
    host: Option<&'a str>,
    query: &'a [(String, String)],
    target: &'a str,
    client: SocketAddr,
) -> HlsRequest<'a> {
    HlsRequest {
        app,
        stream,
        host,
        query,
        target,
        client,
    }
}

/// What a client wanted, for the log.
const fn asked_to(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Slsp => "publish",
        Protocol::Relay => "relay",
        _ => "play",
    }
}

/// What is neither GET nor HEAD is answered without looking at the stream.
fn answer_method(method: &Method) -> Option<Response<Body>> {
    match *method {
        Method::GET | Method::HEAD => None,
        Method::OPTIONS => Some(preflight()),
        _ => {
            let words = "media answers GET, HEAD and OPTIONS";
            let mut response = refusal(&Refusal::new(Code::ProtocolError, words), "");
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            Some(response)
        }
    }
}

/// An address that publishes over a WebSocket, or plays over one.
async fn open_slsp(
    server: &HttpServer,
    mut request: Request<Incoming>,
    (app, stream): (String, String),
    query: Vec<(String, String)>,
    client: SocketAddr,
) -> Result<Response<Body>, Refusal> {
    if request.method() != Method::GET || !is_web_socket(request.headers()) {
        let words = "this address speaks SLSP: it wants a WebSocket (docs/ref/slsp.md)";
        let mut response = refusal(&Refusal::new(Code::ProtocolError, words), "");
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Ok(response);
    }
    let host = host_of(&request);
    let target = target_of(&request);
    if is_play(&query) {
        let live = LiveRequest {
            app: &app,
            stream: &stream,
            form: &Flv,
            framing: Framing::WebSocket,
            host: host.as_deref(),
            query: &query,
            client,
            target: &target,
            authorization: None,
        };
        return open_live(server, request, live).await;
    }
    let answer = switch_protocols(&request, true)?;
    let origin = request.headers().get(header::ORIGIN);
    let origin = origin
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let opening = slsp::SlspRequest {
        app,
        stream,
        path: request.uri().path().to_owned(),
        host,
        origin,
        query,
        client,
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let publishing = server.ingest.clone();
    server.core.tasks.spawn("slsp", async move {
        if let Ok(upgraded) = upgrade.await {
            let io = TokioIo::new(upgraded);
            slsp::serve(publishing, io, Vec::new(), &[], opening).await;
        }
    });
    Ok(answer)
}

/// A stream that another node hands on to this one.
async fn open_relay(
    server: &HttpServer,
    mut request: Request<Incoming>,
    (app, stream, target, proof): (String, String, &str, Option<&str>),
    query: &[(String, String)],
    client: SocketAddr,
) -> Result<Response<Body>, Refusal> {
    let from = server.admission.asker(target, proof)?;
    let parameter = |name: &str| parameter(query, name);
    let name = StreamName::new(parameter("vhost").unwrap_or_default(), &app, &stream)?;
    if let Some(admits) = server.admission.admit_passed(&name, query).await? {
        let json = serde_json::to_vec(&admits).map_err(|_| Refusal::from(Code::ProtocolError))?;
        return Ok(Response::new(full(json)));
    }
    let upgrade = text_of(request.headers(), &header::UPGRADE);
    if !upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(weir_proto::relay::UPGRADE)) {
        let words = "this address takes streams of other nodes: it wants an upgrade to weir-relay";
        return Err(Refusal::new(Code::ProtocolError, words));
    }
    if server.core.shutdown.is_draining() {
        return Err(Code::Draining.into());
    }
    let via = Via::parse(parameter("via").unwrap_or_default())?;
    let over = parameter("over").and_then(|epoch| epoch.parse().ok());
    let grant = Grant {
        takeover: parameter("takeover") == Some("1"),
        is_node: true,
        ..Grant::default()
    };
    let reserved = server
        .admission
        .reserve(&name, &grant, (Protocol::Relay, &via), over.unwrap_or(0))
        .await?;
    let opening = relay::RelayRequest {
        name,
        reserved,
        grant,
        from,
        addr: client,
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let taking = server.ingest.clone();
    server.core.tasks.spawn("relay", async move {
        if let Ok(upgraded) = upgrade.await {
            relay::serve(taking, TokioIo::new(upgraded), opening).await;
        }
    });
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(
        header::UPGRADE,
        HeaderValue::from_static(weir_proto::relay::UPGRADE),
    );
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    Ok(response)
}

async fn open_live(
    server: &HttpServer,
    mut request: Request<Incoming>,
    live: LiveRequest<'_>,
) -> Result<Response<Body>, Refusal> {
    let opened = match live.open(&server.core, &server.admission).await {
        Err(refused) if live.framing == Framing::WebSocket => {
            // A browser cannot read the answer to a refused upgrade; a close code it can.
            let answer = switch_protocols(&request, false)?;
            server
                .core
                .refused(&refused, live.protocol(), "play", live.client.ip());
            let upgrade = hyper::upgrade::on(&mut request);
            server
                .core
                .tasks
                .spawn("ws-refuse", web_socket::refuse(upgrade, refused));
            return Ok(answer);
        }
        opened => opened?,
    };
    let Opened {
        stream,
        format,
        client,
    } = opened;
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
    let (queue, batches) = mpsc::channel(limits::TASK_BATCHES);
    if let Some(talk) = live.framing.talk() {
        response = switch_protocols(&request, false)?;
        let upgrade = hyper::upgrade::on(&mut request);
        let watching = Watching {
            client: Arc::clone(&client),
            stream: stream.clone(),
            clock: server.core.hub.clock().clone(),
        };
        server.core.tasks.spawn("ws-carry", async move {
            if let Ok(upgraded) = upgrade.await {
                task::carry(TokioIo::new(upgraded), talk, batches, watching).await;
            }
        });
    } else {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(live.content_type()),
        );
        *response.body_mut() = BatchBody(batches).boxed_unsync();
    }
    let viewer = NewViewer {
        sink: Sink::Task(queue),
        client,
        greeting: Vec::new(),
        talk: None,
    };
    server.core.pool.add(stream, format, viewer)?;
    Ok(response)
}

/// The answer that makes a connection a WebSocket (RFC 6455 §4.2.2).
fn switch_protocols(
    request: &Request<Incoming>,
    speaks_slsp: bool,
) -> Result<Response<Body>, Refusal> {
    let asked = |name: header::HeaderName| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let key = asked(header::SEC_WEBSOCKET_KEY).unwrap_or_default();
    let wrong = || Refusal::new(Code::ProtocolError, "the WebSocket key makes no sense");
    if !ws::is_valid_key(key) {
        return Err(wrong());
    }
    if asked(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let words = "this WebSocket version is not spoken: 13 is";
        return Err(Refusal::new(Code::ProtocolError, words));
    }
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    let protocol = asked(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|offered| web_socket::choose_protocol(offered, speaks_slsp));
    for (name, value) in web_socket::switching(key, protocol) {
        let value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        headers.insert(name, value);
    }
    Ok(response)
}

/// All X-Forwarded-For lines as one: a proxy may add a line of its own.
fn forwarded_for(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<_> = lines.filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// A body that ends when the delivery loop lets the viewer go.
struct BatchBody(mpsc::Receiver<Bytes>);

impl hyper::body::Body for BatchBody {
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

fn framing_of(headers: &HeaderMap) -> Framing {
    if is_web_socket(headers) {
        Framing::WebSocket
    } else {
        Framing::Raw
    }
}

fn is_web_socket(headers: &HeaderMap) -> bool {
    let upgrade = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.map(str::to_owned)
}

/// Path and query as they were asked for.
fn target_of(request: &Request<Incoming>) -> String {
    let target = request.uri().path_and_query();
    target
        .map(|target| target.as_str().to_owned())
        .unwrap_or_default()
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
