//! The client's end of WebSockets: the handshake, and playing FLV.

use anyhow::{Context, bail};
use base64_key::random_key;
use bytes::Bytes;
use http::{StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use weir_link::http::UpgradedConnection;
use weir_link::url::HttpUrl;
use weir_proto::ws::{
    CLOSE_NORMAL, Event, Opcode, WsDecoder, WsLimits, accept_key, close_payload, put_masked_frame,
};

use super::decode::{FlvDecoder, Sink};
use super::http::WebClient;
use super::options::{IDLE_TIMEOUT, WatchOptions};
use super::refusal::Refused;

/// Largest message, in bytes: a batch of frames with a big keyframe in it.
const MAX_MESSAGE_BYTES: usize = 32 << 20;
/// Most frames a message may be cut into.
const MAX_FRAGMENTS: usize = 4096;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Plays a stream into `sink`.
pub(crate) async fn watch(
    url: &HttpUrl,
    options: &WatchOptions,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    let mut socket = upgrade(url, options.insecure, None).await?;
    let mut frames = WsDecoder::client(WsLimits {
        max_message_bytes: MAX_MESSAGE_BYTES,
        max_fragments: MAX_FRAGMENTS,
        ..WsLimits::default()
    });
    let mut flv = FlvDecoder::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut ended = None;
    while !sink.is_done() && ended.is_none() {
        let read = match timeout(IDLE_TIMEOUT, socket.read(&mut buffer)).await {
            Ok(read) => read.context("the connection broke")?,
            Err(_) => bail!("nothing came for {} s", IDLE_TIMEOUT.as_secs()),
        };
        if read == 0 {
            return Ok(());
        }
        let mut input = buffer.get(..read).unwrap_or_default();
        while let Some(event) = frames.next(&mut input)? {
            match event {
                Event::Message { is_text: true, .. } => sink.note("a text message was left out"),
                Event::Message { data, .. } => {
                    sink.bytes(&data)?;
                    flv.push(&data, sink)?;
                }
                Event::Ping(payload) => send(&mut socket, Opcode::Pong, &payload).await?,
                Event::Pong(_) => {}
                Event::Close { code, reason } => {
                    ended = Some((code, reason));
                    break;
                }
            }
        }
    }
    let _ = send(&mut socket, Opcode::Close, &close_payload(CLOSE_NORMAL, "")).await;
    match ended {
        Some((code, reason)) if !matches!(code, None | Some(CLOSE_NORMAL | 1001)) => {
            Err(Refused::web_socket(code, &reason).into())
        }
        _ => Ok(()),
    }
}

/// The handshake (RFC 6455 §4.1), offering `subprotocol`; a server that chooses none is taken too.
pub(crate) async fn upgrade(
    url: &HttpUrl,
    insecure: bool,
    subprotocol: Option<&str>,
) -> anyhow::Result<UpgradedConnection> {
    let key = random_key()?;
    let mut headers = vec![
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
        (header::SEC_WEBSOCKET_KEY, key.as_str()),
    ];
    headers.extend(subprotocol.map(|name| (header::SEC_WEBSOCKET_PROTOCOL, name)));
    let client = WebClient::new(insecure);
    let response = client.get(url, &headers).await?;
    let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS
        || accepted.is_none_or(|value| value != accept_key(&key).as_str())
    {
        let path = url.path.split('?').next().unwrap_or_default();
        bail!("{} does not speak WebSocket at {path}", url.authority());
    }
    let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    if let Some(other) = chosen.filter(|chosen| subprotocol.is_none_or(|name| *chosen != name)) {
        bail!(
            "{} chose the protocol {other:?}, which was not offered",
            url.authority()
        );
    }
    Ok(response.upgrade().await?)
}

async fn send(
    socket: &mut UpgradedConnection,
    opcode: Opcode,
    payload: &[u8],
) -> anyhow::Result<()> {
    let mut mask = [0; 4];
    getrandom::fill(&mut mask).context("no randomness")?;
    let mut out = Vec::new();
    put_masked_frame(
        &mut out,
        opcode,
        true,
        mask,
        &Bytes::copy_from_slice(payload),
    );
    socket
        .write_all(&out)
        .await
        .context("the connection broke")?;
    socket.flush().await.context("the connection broke")
}

/// `Sec-WebSocket-Key`: sixteen random bytes in base64 (RFC 6455 §4.1).
pub(crate) mod base64_key {
    use anyhow::Context;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// A fresh key.
    pub(crate) fn random_key() -> anyhow::Result<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).context("no randomness")?;
        Ok(encode(&bytes))
    }

    fn encode(bytes: &[u8]) -> String {
        let mut out = String::new();
        for three in bytes.chunks(3) {
            let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for at in 0..4 {
                let digit = ALPHABET
                    .get((bits >> (18 - 6 * at) & 63) as usize)
                    .copied()
                    .unwrap_or(b'=');
                out.push(char::from(if at <= three.len() { digit } else { b'=' }));
            }
        }
        out
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_key_is_one_that_servers_take() {
            assert!(weir_proto::ws::is_valid_key(&random_key().unwrap()));
            assert_eq!(encode(b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        }
    }
}
