//! How a WebSocket begins, and how it is refused.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use weir_base::Refusal;
use weir_proto::{slsp, ws};

/// The subprotocol to answer with: SLSP wherever it is spoken and offered, else what a viewer's
/// tool offers first.
pub(super) fn choose_protocol(offered: &str, speaks_slsp: bool) -> Option<&str> {
    if speaks_slsp {
        let mut names = offered.split(',').map(str::trim);
        return names.find(|name| *name == slsp::SUBPROTOCOL);
    }
    first_protocol(offered)
}

/// The headers that make a connection a WebSocket (RFC 6455 §4.2.2).
pub(super) fn switching(key: &str, protocol: Option<&str>) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("upgrade", "websocket".to_owned()),
        ("connection", "Upgrade".to_owned()),
        ("sec-websocket-accept", ws::accept_key(key)),
    ];
    headers.extend(protocol.map(|name| ("sec-websocket-protocol", name.to_owned())));
    headers
}

/// The first subprotocol a client offers: viewers' tools offer one and insist on hearing it back.
fn first_protocol(offered: &str) -> Option<&str> {
    let name = offered.split(',').next()?.trim();
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

/// Closes a connection that was upgraded only to say why it is refused.
pub(super) async fn refuse(upgrade: OnUpgrade, refusal: Refusal) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut connection = TokioIo::new(upgraded);
    let mut close = Vec::new();
    let code = refusal.code.entry().ws;
    ws::put_close(&mut close, code, &close_reason(&refusal));
    let _ = connection.write_all(&close).await;
    let _ = connection.shutdown().await;
}

/// A refusal within the 123 bytes of a close frame: the code, and where to go instead.
pub(super) fn close_reason(refusal: &Refusal) -> String {
    match &refusal.location {
        Some(place) => format!("{} {place}", refusal.code),
        None => refusal.code.to_string(),
    }
}
