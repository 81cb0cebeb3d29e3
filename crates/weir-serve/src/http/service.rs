//! The head that hyper reads and writes: requests of any connection (HTTP/2, TLS, keep-alive) for what
//! is answered here, and the rest for the API service.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_util::future::{Either, Ready, ready};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use weir_base::{Code, Refusal, limits};
use weir_hub::Protocol;

use super::HttpServer;
use super::paced::RequestBody;
use super::request::HttpRequest;
use super::response::{HttpResponse, Then, Upgrade};
use super::route::Resource;
use super::rules::check;
use crate::deliver::{Playback, task};
use crate::reply::{Body, full};

/// Everything that is not media: pages and API, by the binary. Each request has the extension
/// [`ClientAddr`], and one that came by the operators' door [`ByOperatorsDoor`], by the pictures' [`ByPicturesDoor`].
pub trait ApiService: Send + Sync + 'static {
    /// The answer to a request without a body, where it is in memory already. Most of a crowd ask for such.
    fn at_once(&self, head: &Parts) -> Option<Response<Body>>;

    /// The answer to any request.
    fn answer(&self, request: Request<RequestBody>) -> ApiAnswer;
}

/// An answer to come.
pub type ApiAnswer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The address of the client, as a request extension for the API service.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddr(pub SocketAddr);

/// Stands in the extensions of a request that came by the operators' door.
#[derive(Debug, Clone, Copy)]
pub struct ByOperatorsDoor;

/// Stands in the extensions of a request that came by the pictures' door.
#[derive(Debug, Clone, Copy)]
pub struct ByPicturesDoor;

/// See the module's words. One per connection.
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

    /// The body, which has to come at a pace, where one is to come.
    ///
    /// # Errors
    /// 6005 where too many of the client's network are waited for.
    fn paced(&self, body: Incoming, client: SocketAddr) -> Result<RequestBody, Refusal> {
        if body.is_end_stream() {
            return Ok(RequestBody::none());
        }
        let most = limits::BODIES_PER_NETWORK;
        let Some(place) = self.server.bodies.place(client.ip(), most) else {
            let words = format!("{most} requests from there have not come to their end");
            let refusal = Refusal::new(Code::RateLimited, words);
            let core = &self.server.core;
            core.refused(&refusal, Protocol::Api, "a request", client.ip());
            return Err(refusal);
        };
        let least = self.server.core.config.load().door.body;
        Ok(RequestBody::paced(body, least, place))
    }

    /// Becomes true with the first request whose head is complete.
    pub fn has_asked(&self) -> Arc<AtomicBool> {
        self.has_asked.clone()
    }
}

impl Service<Request<Incoming>> for MediaService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, ApiAnswer>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.has_asked.store(true, Ordering::Relaxed);
        let client = self.server.client_of(self.client, request.headers());
        let (method, version) = (request.method(), request.version());
        if let Err(misfit) = check(method, request.uri(), version, request.headers()) {
            let server = &self.server;
            server.misfit(&misfit, client);
            let HttpResponse {
                status,
                headers,
                then: Then::Body(body),
            } = HttpResponse::misfit(&misfit)
            else {
                let request = request.map(|_| RequestBody::none());
                return Either::Right(self.server.api.answer(request));
            };
            return Either::Left(ready(Ok(whole(status, headers, body))));
        }
        match self.server.resource(request.uri().path()) {
            Resource::Other => self.other(request, client),
            resource => Either::Right(self.media(request, client, resource)),
        }
    }
}

impl MediaService {
    fn other(
        &self,
        mut request: Request<Incoming>,
        client: SocketAddr,
    ) -> <Self as Service<Request<Incoming>>>::Future {
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddr(client));
        if self.server.is_for_operators {
            extensions.insert(ByOperatorsDoor);
        }
        if self.server.is_for_pictures {
            extensions.insert(ByPicturesDoor);
        }
        let (head, body) = request.into_parts();
        if body.is_end_stream()
            && let Some(answer) = self.server.api.at_once(&head)
        {
            return Either::Left(ready(Ok(answer)));
        }
        match self.paced(body, client) {
            Ok(body) => {
                let request = Request::from_parts(head, body);
                Either::Right(self.server.api.answer(request))
            }
            Err(refused) => {
                let refused = crate::reply::refusal(&refused, head.uri.path());
                Either::Left(ready(Ok(refused)))
            }
        }
    }

    fn media(
        &self,
        mut request: Request<Incoming>,
        client: SocketAddr,
        resource: Resource,
    ) -> ApiAnswer {
        let server = self.server.clone();
        let upgrade = hyper::upgrade::on(&mut request);
        let (head, body) = request.into_parts();
        let body = body.map_err(std::io::Error::other).boxed_unsync();
        let request = request_of(&head, client).with_body(body);
        Box::pin(async move {
            let answer = server.answer(&request, &resource).await;
            Ok(write(&server, &request, upgrade, answer))
        })
    }
}

fn request_of(head: &Parts, client: SocketAddr) -> HttpRequest {
    let (method, headers) = (head.method.clone(), head.headers.clone());
    HttpRequest::new(method, &head.uri, head.version, headers, client)
}

fn whole(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn write(
    server: &HttpServer,
    request: &HttpRequest,
    upgrade: OnUpgrade,
    answer: HttpResponse,
) -> Response<Body> {
    let HttpResponse {
        status,
        headers,
        then,
    } = answer;
    let body = match then {
        Then::Body(body) => body,
        Then::Upgrade(served) => {
            serve_upgraded(server, upgrade, served);
            full(Bytes::new())
        }
        Then::Play(playback) => {
            let protocol = playback.format().protocol();
            match play(server, upgrade, *playback) {
                Ok(body) => body,
                Err(refusal) => {
                    server
                        .core
                        .refused(&refusal, protocol, "play", request.client.ip());
                    return crate::reply::refusal(&refusal, &request.target);
                }
            }
        }
    };
    whole(status, headers, body)
}

fn serve_upgraded(server: &HttpServer, upgrade: OnUpgrade, served: Upgrade) {
    server.core.tasks.spawn(served.name, async move {
        if let Ok(upgraded) = upgrade.await {
            served.serve(TokioIo::new(upgraded)).await;
        }
    });
}

/// The body in which a viewer has its stream; nothing where a task has the connection.
fn play(server: &HttpServer, upgrade: OnUpgrade, playback: Playback) -> Result<Body, Refusal> {
    let talk = playback.format().framing.talk();
    let (batches, watching) = playback.over_task(Vec::new())?;
    let Some(talk) = talk else {
        return Ok(BatchBody(batches).boxed_unsync());
    };
    let carry = Upgrade::new("ws-carry", |io| task::carry(io, talk, batches, watching));
    serve_upgraded(server, upgrade, carry);
    Ok(full(Bytes::new()))
}

/// A body that ends when the loop behind it lets its reader go.
pub(crate) struct BatchBody(pub(crate) mpsc::Receiver<Bytes>);

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
