//! What a request for media, or for a WebSocket beside it, is answered: decided once for both heads.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};
use weir_base::{Code, Refusal, StreamName, Tongue, prefer, refusal_page};
use weir_cluster::route::Via;
use weir_hub::{Grant, Protocol};
use weir_proto::relay::UPGRADE;

use super::HttpServer;
use super::live::LiveRequest;
use super::request::HttpRequest;
use super::response::{HttpResponse, Then, Upgrade};
use super::route::{Resource, Route};
use super::upgrade::{closed, first_protocol, slsp_protocol, switching};
use crate::deliver::Form;
use crate::deliver::forms::flv::Flv;
use crate::hls::HlsRequest;
use crate::ingest::{relay, slsp};
use crate::reply::{self, full};
use crate::request::is_play;

/// Why a request is refused, and as what it is counted.
type Refused = (Refusal, Protocol);

impl HttpServer {
    /// Answers a request for `resource`.
    pub(crate) async fn answer(&self, request: &HttpRequest, resource: &Resource) -> HttpResponse {
        let methods = resource.methods();
        if !methods.contains(&request.method) {
            return HttpResponse::not_allowed(methods);
        }
        if request.method == Method::OPTIONS {
            return HttpResponse::preflight(methods, &request.headers);
        }
        if request.is_web_socket() && request.is_other_web_socket() {
            return HttpResponse::web_socket_version();
        }
        let answer = match resource {
            Resource::Media(route) => self.media(request, route).await,
            Resource::Socket(service) => self.socket(request, service.as_ref()).await,
            Resource::Server | Resource::Other => Err((Code::NotFound.into(), Protocol::Api)),
        };
        answer.unwrap_or_else(|(refusal, protocol)| self.refuse(request, &refusal, protocol))
    }

    async fn media(&self, request: &HttpRequest, route: &Route) -> Result<HttpResponse, Refused> {
        match route {
            Route::Live { app, stream, form } => self.live(request, app, stream, *form).await,
            Route::Multivariant { app, stream } => {
                let asked = hls_request(request, app, stream);
                let answer = self.hls.multivariant(&asked, &request.headers).await;
                answer.map(HttpResponse::from).map_err(as_hls)
            }
            Route::Hls { app, stream, file } => {
                let asked = hls_request(request, app, stream);
                let answer = self.hls.file(&asked, file, &request.headers).await;
                answer.map(HttpResponse::from).map_err(as_hls)
            }
            Route::Replay { id, file } => {
                // The recording says of which stream it is.
                let asked = hls_request(request, "", "");
                let answer = self.hls.replay(*id, file, &asked, &request.headers).await;
                answer.map(HttpResponse::from).map_err(as_hls)
            }
            Route::Slsp { app, stream } => self.slsp(request, app, stream).await,
            Route::Relay { app, stream } => {
                let answer = self.relay(request, app, stream).await;
                answer.map_err(|refusal| (refusal, Protocol::Relay))
            }
            Route::Other => Err(as_hls(Code::NotFound.into())),
        }
    }

    /// An endless stream.
    async fn live(
        &self,
        request: &HttpRequest,
        app: &str,
        stream: &str,
        form: &'static dyn Form,
    ) -> Result<HttpResponse, Refused> {
        let live = LiveRequest {
            request,
            app,
            stream,
            form,
        };
        let answer = self.open_live(&live).await;
        answer.map_err(|refusal| (refusal, live.protocol()))
    }

    async fn open_live(&self, live: &LiveRequest<'_>) -> Result<HttpResponse, Refusal> {
        let request = live.request;
        let head = if request.is_web_socket() {
            let offer = request.web_socket()?;
            switching(&offer, first_protocol(&offer.protocols))
        } else {
            HttpResponse::new(StatusCode::OK)
                .with(header::CONTENT_TYPE, live.form.about().content_type)
                .with(header::CACHE_CONTROL, "no-store")
                .with(header::ACCEPT_RANGES, "none")
                .with(header::SERVER, "weir")
                .for_any_site()
                .with(http::HeaderName::from_static("x-accel-buffering"), "no")
        };
        let playback = live.open(&self.core, &self.admission).await?;
        if request.method == Method::HEAD {
            return Ok(head);
        }
        Ok(head.then(Then::Play(Box::new(playback))))
    }

    /// An address that publishes over a WebSocket, or plays over one.
    async fn slsp(
        &self,
        request: &HttpRequest,
        app: &str,
        stream: &str,
    ) -> Result<HttpResponse, Refused> {
        if request.method != Method::GET || !request.is_web_socket() {
            let words = "this address speaks SLSP: it wants a WebSocket (docs/ref/slsp.md)";
            return Ok(HttpResponse::upgrade_required("websocket", words));
        }
        if is_play(&request.query) {
            return self.live(request, app, stream, &Flv).await;
        }
        let refused = |refusal| (refusal, Protocol::Slsp);
        let offer = request.web_socket().map_err(refused)?;
        let opening = slsp::SlspRequest {
            app: app.to_owned(),
            stream: stream.to_owned(),
            path: request.path().to_owned(),
            host: request.host.clone(),
            origin: request.header(header::ORIGIN).map(str::to_owned),
            query: request.query.clone(),
            client: request.client,
        };
        let ingest = self.ingest.clone();
        let upgrade = Upgrade::new("slsp", move |io| slsp::serve(ingest, io, opening));
        Ok(switching(&offer, slsp_protocol(&offer)).then(Then::Upgrade(upgrade)))
    }

    /// A stream that another node hands on to this one.
    async fn relay(
        &self,
        request: &HttpRequest,
        app: &str,
        stream: &str,
    ) -> Result<HttpResponse, Refusal> {
        let proof = request.header(header::AUTHORIZATION);
        let from = self.admission.asker(&request.target, proof)?;
        let vhost = request.parameter("vhost").unwrap_or_default();
        let name = StreamName::new(vhost, app, stream)?;
        let passed = self.admission.admit_passed(&name, &request.query);
        if let Some(admits) = passed.await? {
            let json =
                serde_json::to_vec(&admits).map_err(|_| Refusal::from(Code::ProtocolError))?;
            return Ok(HttpResponse::new(StatusCode::OK).then(Then::Body(full(json))));
        }
        if !request.wants_upgrade(UPGRADE) {
            let words =
                "this address takes streams of other nodes: it wants an upgrade to weir-relay";
            return Err(Refusal::new(Code::ProtocolError, words));
        }
        if self.core.shutdown.is_draining() {
            return Err(Code::Draining.into());
        }
        let via = Via::parse(request.parameter("via").unwrap_or_default())?;
        let over = request.parameter("over");
        let over = over.and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        let wishes = request.parameter("wishes").map(serde_json::from_str);
        let wishes = wishes.transpose().map_err(|_| {
            Refusal::new(
                Code::ProtocolError,
                "wishes is not what a publisher may choose",
            )
        })?;
        let grant = Grant {
            takeover: request.parameter("takeover") == Some("1"),
            is_node: true,
            wishes: wishes.map(Arc::new),
            ..Grant::default()
        };
        let source = (Protocol::Relay, &via);
        if over == 0 {
            let free = self.admission.check_free_elsewhere(&name, &grant, None);
            free.await?;
        }
        let reserved = self.admission.reserve(&name, &grant, source, over).await?;
        let opening = relay::RelayRequest {
            name,
            reserved,
            grant,
            from,
            addr: request.client,
        };
        let ingest = self.ingest.clone();
        let upgrade = Upgrade::new("relay", move |io| relay::serve(ingest, io, opening));
        Ok(HttpResponse::new(StatusCode::SWITCHING_PROTOCOLS)
            .with(header::UPGRADE, UPGRADE)
            .with(header::CONNECTION, "upgrade")
            .then(Then::Upgrade(upgrade)))
    }

    async fn socket(
        &self,
        request: &HttpRequest,
        service: &dyn super::upgrade::SocketService,
    ) -> Result<HttpResponse, Refused> {
        let refused = |refusal| (refusal, Protocol::Api);
        if !request.is_web_socket() {
            if let Some(fetching) = service.fetch(request) {
                return fetching.await.map_err(refused);
            }
            let words = "this address wants a WebSocket";
            return Ok(HttpResponse::upgrade_required("websocket", words));
        }
        let offer = request.web_socket().map_err(refused)?;
        let opened = service.open(request).await.map_err(refused)?;
        let head = switching(&offer, opened.subprotocol.as_deref());
        Ok(head.then(Then::Upgrade(opened.upgrade)))
    }

    /// A refusal, counted and logged, in the form in which the client can read it.
    pub(super) fn refuse(
        &self,
        request: &HttpRequest,
        refusal: &Refusal,
        protocol: Protocol,
    ) -> HttpResponse {
        let ip = request.client.ip();
        self.core.refused(refusal, protocol, asked_to(protocol), ip);
        if request.is_web_socket()
            && let Ok(offer) = request.web_socket()
        {
            return closed(&offer, refusal);
        }
        let mut answer = HttpResponse::from(reply::refusal(refusal, &request.target));
        let list = |name| {
            prefer::joined(
                request
                    .headers
                    .get_all(name)
                    .iter()
                    .map(HeaderValue::as_bytes),
            )
        };
        if answer.headers.contains_key(header::LOCATION)
            || !prefer::wants_page(&list(header::ACCEPT))
        {
            return answer;
        }
        // A person opened the address of a stream: said in words, not in JSON.
        let tongue = Tongue::of(&list(header::ACCEPT_LANGUAGE));
        let page = refusal_page(refusal.code, request.path(), tongue);
        answer.then = Then::Body(full(page));
        answer
            .with(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .with(header::CONTENT_LANGUAGE, tongue.tag())
            .with(header::CONTENT_SECURITY_POLICY, reply::PAGE_POLICY)
            .with(header::VARY, "Accept, Accept-Language")
    }
}

fn hls_request<'a>(request: &'a HttpRequest, app: &'a str, stream: &'a str) -> HlsRequest<'a> {
    HlsRequest {
        app,
        stream,
        host: request.host.as_deref(),
        query: &request.query,
        target: &request.target,
        client: request.client,
        is_head: request.method == Method::HEAD,
    }
}

const fn as_hls(refusal: Refusal) -> Refused {
    (refusal, Protocol::Hls)
}

/// What a client wanted, for the log.
const fn asked_to(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Slsp => "publish",
        Protocol::Relay => "relay",
        Protocol::Api => "a WebSocket",
        _ => "play",
    }
}
