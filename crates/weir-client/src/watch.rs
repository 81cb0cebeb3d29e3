//! One way to watch a stream, whatever the protocol: open, decode, hand to a sink.

use weir_link::url::HttpUrl;

use super::address::{Container, MediaUrl};
use super::decode::{FlvDecoder, Sink, TsDecoder};
use super::http::{WebClient, next_piece};
use super::{hls, rtmp, ws};

pub use super::options::WatchOptions;

/// Plays `url` into `sink` until the stream ends or the sink is done.
///
/// # Errors
/// [`super::refusal::Refused`] in the chain when the server said no; network trouble; what the
/// sink says.
pub async fn watch(
    url: &MediaUrl,
    options: &WatchOptions,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    match url {
        MediaUrl::Rtmp(url) => rtmp::watch(url, options, sink).await,
        MediaUrl::Http(url, container) => watch_body(url, *container, options, sink).await,
        MediaUrl::WebSocket(url) => ws::watch(url, options, sink).await,
        MediaUrl::Hls(url) => hls::watch(url, options, sink).await,
    }
}

async fn watch_body(
    url: &HttpUrl,
    container: Container,
    options: &WatchOptions,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    let client = WebClient::new(options.insecure);
    let answer = client.get(url, &[]).await?;
    let mut body = answer.into_body();
    let (mut flv, mut ts) = (FlvDecoder::default(), TsDecoder::default());
    while !sink.is_done() {
        let Some(piece) = next_piece(&mut body).await? else {
            break;
        };
        sink.bytes(&piece)?;
        match container {
            Container::Flv => flv.push(&piece, sink)?,
            Container::Ts => ts.push(&piece, sink)?,
        }
    }
    if container == Container::Ts {
        ts.finish(sink)?;
    }
    Ok(())
}
