//! RTMP from a client's side: a stream set up for publishing or playing, and playing one.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::timeout;
use weir_base::Clock;
use weir_link::dial::Dialer;
use weir_link::rtmp::{Direction, LinkError, LinkOptions, RtmpLink};
use weir_media::flv;
use weir_proto::rtmp::{RtmpClientEvent, RtmpUrl};

use super::decode::{FlvDecoder, Sink};
use super::options::{IDLE_TIMEOUT, WatchOptions};
use super::refusal::Refused;

/// From the connection to the first word of the stream.
const SETUP_TIMEOUT: Duration = Duration::from_secs(15);
/// For the last bytes to be read and the connection to be closed by the server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// What servers tell Flash of its rights; no part of the stream.
const SAMPLE_ACCESS: &[u8] = b"\x02\x00\x11|RtmpSampleAccess";
/// Redirects followed before it is a circle.
const MAX_REDIRECTS: usize = 4;

/// Connects and waits until media may be sent, or will come; follows redirects.
///
/// # Errors
/// Network trouble, broken protocol, and [`Refused`] when the server says no.
pub(crate) async fn open(
    url: &RtmpUrl,
    direction: Direction,
    insecure: bool,
) -> anyhow::Result<RtmpLink> {
    let options = LinkOptions {
        dialer: Dialer::over_weak_networks().any_certificate(insecure),
        // A publisher has a limit of its own, and a viewer sends next to nothing.
        write_timeout: None,
        close_timeout: CLOSE_TIMEOUT,
    };
    let clock = Clock::real();
    let mut url = url.clone();
    for _ in 0..MAX_REDIRECTS {
        let link = RtmpLink::connect(&url, direction, options, &clock).await;
        let mut link = link.map_err(told)?;
        let moved = match timeout(SETUP_TIMEOUT, set_up(&mut link)).await {
            Ok(outcome) => outcome?,
            Err(_) => bail!(
                "the server did not answer within {} s",
                SETUP_TIMEOUT.as_secs()
            ),
        };
        match moved {
            Some(place) => {
                url = RtmpUrl::parse(&place).with_context(|| format!("redirected to {place}"))?;
            }
            None => return Ok(link),
        }
    }
    bail!("redirected more than {MAX_REDIRECTS} times")
}

/// A server's "no" with what weir's error registry advises; other errors as they are.
pub(crate) fn told(error: LinkError) -> anyhow::Error {
    match error {
        LinkError::Refused {
            status,
            description,
            weir_code,
        } => Refused::rtmp(&status, &description, weir_code).into(),
        error => error.into(),
    }
}

/// Until the stream may begin; a URL if it is elsewhere.
async fn set_up(link: &mut RtmpLink) -> anyhow::Result<Option<String>> {
    loop {
        let event = link.next().await.map_err(told)?;
        match event.context("the server closed the connection before the stream began")? {
            RtmpClientEvent::PublishStarted { .. } | RtmpClientEvent::PlayStarted => {
                return Ok(None);
            }
            RtmpClientEvent::Redirect { url } => return Ok(Some(url)),
            RtmpClientEvent::Closed => bail!("the server ended the stream before it began"),
            _ => {}
        }
    }
}

/// Plays a stream into `sink`, its bytes as FLV.
pub(crate) async fn watch(
    url: &RtmpUrl,
    options: &WatchOptions,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    let mut link = open(url, Direction::Play, options.insecure).await?;
    let mut redirects = 0;
    let mut decoder = FlvDecoder::default();
    let mut tag = Vec::new();
    let mut has_begun = false;
    while !sink.is_done() {
        let next = match timeout(IDLE_TIMEOUT, link.next()).await {
            Ok(next) => next.map_err(told)?,
            Err(_) => bail!("nothing came for {} s", IDLE_TIMEOUT.as_secs()),
        };
        match next {
            Some(RtmpClientEvent::Media {
                message_type,
                timestamp_ms,
                mut body,
            }) => {
                if body.starts_with(SAMPLE_ACCESS) {
                    continue;
                }
                tag.clear();
                if !std::mem::replace(&mut has_begun, true) {
                    flv::write::put_file_header(&mut tag, true, true);
                }
                let mut kind = message_type;
                if kind == flv::MESSAGE_AMF3_DATA && body.first() == Some(&0) {
                    // AMF0 behind a zero byte: the only form there is in practice.
                    body = body.slice(1..);
                    kind = flv::TAG_SCRIPT;
                }
                flv::write::put_tag(&mut tag, kind, timestamp_ms, &[], &body);
                sink.bytes(&tag)?;
                decoder.message(kind, timestamp_ms, body, sink)?;
            }
            Some(RtmpClientEvent::Closed) | None => break,
            // Origins say where a stream is only after they have said that it begins.
            Some(RtmpClientEvent::Redirect { url }) if !has_begun && redirects < MAX_REDIRECTS => {
                redirects += 1;
                let url = RtmpUrl::parse(&url).with_context(|| format!("redirected to {url}"))?;
                link = open(&url, Direction::Play, options.insecure).await?;
            }
            Some(RtmpClientEvent::Reconnect { .. } | RtmpClientEvent::Redirect { .. }) => {
                sink.note("the server asks to connect again: the stream ends here");
                break;
            }
            Some(_) => {}
        }
    }
    link.close().await;
    Ok(())
}
