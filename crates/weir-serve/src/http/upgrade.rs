//! How a WebSocket begins, how it is refused, and who else may have one than media.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::{StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_base::{Refusal, limits};
use weir_proto::{slsp, ws};

use super::request::{HttpRequest, WebSocketOffer};
use super::response::{HttpResponse, Then, Upgrade};

/// Something that is no media and speaks over WebSockets, such as chat. Plugged in by the binary.
pub trait SocketService: Send + Sync {
    /// The first level of its paths: `chat` has `/chat` and all below.
    fn level(&self) -> &'static str;

    /// Decides over a request for a WebSocket.
    fn open<'a>(&'a self, request: &'a HttpRequest) -> Opening<'a>;

    /// Answers a request for something else than a WebSocket; `None` where nothing else is there.
    fn fetch<'a>(&'a self, request: &'a HttpRequest) -> Option<Fetching<'a>> {
        let _ = request;
        None
    }
}

/// The answer of a [`SocketService`] to who wants no WebSocket.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, Refusal>> + Send + 'a>>;

/// The decision of a [`SocketService`].
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<OpenedSocket, Refusal>> + Send + 'a>>;

/// A WebSocket that a [`SocketService`] takes.
pub struct OpenedSocket {
    /// The subprotocol, of those the client offered.
    pub subprotocol: Option<String>,
    /// Who serves it.
    pub upgrade: Upgrade,
}

/// The answer that makes a connection a WebSocket (RFC 6455 §4.2.2).
pub(super) fn switching(offer: &WebSocketOffer<'_>, subprotocol: Option<&str>) -> HttpResponse {
    let response = HttpResponse::new(StatusCode::SWITCHING_PROTOCOLS)
        .with(header::UPGRADE, "websocket")
        .with(header::CONNECTION, "Upgrade")
        .with(header::SEC_WEBSOCKET_ACCEPT, &ws::accept_key(offer.key));
    match subprotocol {
        Some(name) => response.with(header::SEC_WEBSOCKET_PROTOCOL, name),
        None => response,
    }
}

/// A browser cannot read the answer to a refused upgrade; a close code it can.
pub(super) fn closed(offer: &WebSocketOffer<'_>, refusal: &Refusal) -> HttpResponse {
    let mut close = Vec::new();
    let code = refusal.code.entry().ws;
    ws::put_close(&mut close, code, &close_reason(refusal));
    let upgrade = Upgrade::new("ws-refuse", async move |mut io| {
        let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
        let _ = tokio::time::timeout(limit, async {
            let _ = io.write_all(&close).await;
            let _ = io.shutdown().await;
            // Unread bytes would turn the close into a reset that eats the answer.
            let mut scratch = [0; 512];
            while matches!(io.read(&mut scratch).await, Ok(1..)) {}
        })
        .await;
    });
    switching(offer, first_protocol(&offer.protocols)).then(Then::Upgrade(upgrade))
}

/// SLSP, where it is offered.
pub(super) fn slsp_protocol<'a>(offer: &'a WebSocketOffer<'_>) -> Option<&'a str> {
    let mut names = offer.protocols.split(',').map(str::trim);
    names.find(|name| *name == slsp::SUBPROTOCOL)
}

/// The first subprotocol a client offers: viewers' tools offer one and insist on hearing it back.
pub(super) fn first_protocol(offered: &str) -> Option<&str> {
    let name = offered.split(',').next()?.trim();
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

/// A refusal within the 123 bytes of a close frame: the code, and where to go instead.
fn close_reason(refusal: &Refusal) -> String {
    match &refusal.location {
        Some(place) => format!("{} {place}", refusal.code),
        None => refusal.code.to_string(),
    }
}
