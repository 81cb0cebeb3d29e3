//! The connection of a publisher, whichever protocol it speaks.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::time::timeout;
use weir_base::urls::SplitUrl;
use weir_link::rtmp::{Direction, RtmpLink, Step};
use weir_link::url::HttpUrl;
use weir_media::flv::{TAG_AUDIO, TAG_VIDEO};
use weir_proto::rtmp::{RtmpClientEvent, RtmpUrl};

use super::PublishOptions;
use crate::clip::{ClipTag, Role, low_32};
use crate::rtmp::{open, told};
use crate::slsp::{Gauge, LinkOptions, SlspLink};

/// A socket that takes nothing for so long is dead.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// What can be published to, for refusals.
const KINDS: &str =
    "weir publishes to rtmp[s]://host/app/stream and ws[s]://host/slsp/app/stream only";
/// Where SLSP is spoken.
const SLSP_PATH: &str = "/slsp/";

/// Where to publish.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// `rtmp[s]://host/app/stream`.
    Rtmp(RtmpUrl),
    /// `ws[s]://host/slsp/app/stream`.
    Slsp(HttpUrl),
}

impl Place {
    /// Reads a URL.
    ///
    /// # Errors
    /// Words that say where one can publish to.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        let scheme = SplitUrl::new(url).map_or("", |split| split.scheme);
        match scheme.to_ascii_lowercase().as_str() {
            "rtmp" | "rtmps" => Ok(Self::Rtmp(
                RtmpUrl::parse(url).with_context(|| url.to_owned())?,
            )),
            "ws" | "wss" => {
                let parsed = HttpUrl::parse(url)?;
                // A proxy may have put a prefix of its own before it.
                let path = parsed.path.split('?').next().unwrap_or_default();
                let names = path.split_once(SLSP_PATH).map_or("", |(_, names)| names);
                if !names.trim_end_matches('/').contains('/') {
                    bail!("{url}: over WebSocket the path is /slsp/app/stream; {KINDS}");
                }
                Ok(Self::Slsp(parsed))
            }
            _ => bail!("{url}: {KINDS}"),
        }
    }
}

/// A connection, or over SLSP a session that outlives its connections.
pub(super) enum Link {
    Rtmp(Box<RtmpSide>),
    Slsp(Box<SlspLink>),
}

/// An RTMP connection and what it must know of the stream.
pub(super) struct RtmpSide {
    link: RtmpLink,
    url: RtmpUrl,
    /// After a new connection: nothing goes out before a picture to start with.
    needs_key: bool,
}

impl Link {
    /// Connects and waits until media may be sent. `headers` are metadata, video and audio headers
    /// that went over an earlier connection, `time_ms` the time of what will come.
    pub(super) async fn open(
        place: &Place,
        options: &PublishOptions,
        headers: [Option<Bytes>; 3],
        time_ms: i64,
    ) -> anyhow::Result<Self> {
        match place {
            Place::Rtmp(url) => {
                let link = open(url, Direction::Publish, options.insecure).await?;
                let mut side = RtmpSide {
                    link,
                    url: url.clone(),
                    needs_key: false,
                };
                side.send_headers(headers, time_ms);
                Ok(Self::Rtmp(Box::new(side)))
            }
            Place::Slsp(url) => {
                let options = LinkOptions {
                    insecure: options.insecure,
                    // What comes faster than it is played is no queue.
                    adapts: !options.no_adapt && !options.max_speed,
                };
                let link = SlspLink::open(url, options, headers).await?;
                Ok(Self::Slsp(Box::new(link)))
            }
        }
    }

    /// One thing that happens; a place if the stream is to go there. May be dropped and asked again.
    pub(super) async fn step(&mut self) -> anyhow::Result<Option<Place>> {
        match self {
            Self::Rtmp(side) => side.step().await,
            Self::Slsp(link) => link.step().await.map(|()| None),
        }
    }

    /// Whether there is no room for another tag.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Rtmp(side) => side.link.is_full(),
            Self::Slsp(link) => link.is_full(),
        }
    }

    /// Queues a tag; false if it cannot be decoded after what this connection carried.
    pub(super) fn send(&mut self, tag: ClipTag) -> bool {
        match self {
            Self::Rtmp(side) => side.send(&tag),
            Self::Slsp(link) => {
                link.send(tag);
                true
            }
        }
    }

    /// Waits until what is queued was sent, over SLSP until it has arrived; who was stopped does not
    /// wait for another connection.
    pub(super) async fn drain(&mut self, is_stopped: bool) -> anyhow::Result<()> {
        match self {
            Self::Rtmp(side) => side.drain().await,
            Self::Slsp(link) => {
                while !link.is_delivered() && (link.is_up() || !is_stopped) {
                    link.step().await?;
                }
                Ok(())
            }
        }
    }

    /// Says good-bye.
    pub(super) async fn close(self) {
        match self {
            Self::Rtmp(side) => side.link.close().await,
            Self::Slsp(link) => link.close().await,
        }
    }

    /// Bytes waiting for the kernel, over RTMP.
    pub(super) fn queued_bytes(&self) -> usize {
        match self {
            Self::Rtmp(side) => side.link.pending_bytes(),
            Self::Slsp(_) => 0,
        }
    }

    /// How it goes over SLSP, and how often the session was resumed.
    pub(super) fn gauge(&self) -> Option<(Gauge, u64)> {
        match self {
            Self::Rtmp(_) => None,
            Self::Slsp(link) => Some((link.gauge(), link.resumed())),
        }
    }
}

impl RtmpSide {
    /// What the new connection does not know: the headers sent to the one before.
    fn send_headers(&mut self, headers: [Option<Bytes>; 3], time_ms: i64) {
        let [metadata, video, audio] = headers;
        self.needs_key = video.is_some();
        if let Some(body) = metadata {
            self.link.send_metadata(&body);
        }
        for (kind, body) in [(TAG_VIDEO, video), (TAG_AUDIO, audio)] {
            if let Some(body) = body {
                self.link.send(kind, low_32(time_ms), &body, &[]);
            }
        }
    }

    async fn step(&mut self) -> anyhow::Result<Option<Place>> {
        match self.link.step().await.map_err(told)? {
            Step::Moved | Step::Event(RtmpClientEvent::Status { .. }) => {}
            Step::Closed => bail!("the server closed the connection"),
            Step::Event(RtmpClientEvent::Closed) => bail!("the server ended the stream"),
            Step::Event(RtmpClientEvent::Redirect { url }) => {
                return rtmp_place(&url).map(Some);
            }
            Step::Event(RtmpClientEvent::Reconnect { tc_url }) => {
                let stream = self.url.stream_with_query();
                return Ok(Some(match tc_url {
                    Some(place) => rtmp_place(&stream_at(&place, &stream))?,
                    None => Place::Rtmp(self.url.clone()),
                }));
            }
            Step::Event(event) => tracing::debug!(?event, "from the server"),
        }
        Ok(None)
    }

    fn send(&mut self, tag: &ClipTag) -> bool {
        match tag.role {
            Role::Metadata => {
                self.link.send_metadata(&tag.body);
                return false;
            }
            Role::Key => self.needs_key = false,
            Role::Picture | Role::Disposable | Role::Sound if self.needs_key => return false,
            _ => {}
        }
        self.link
            .send(tag.kind, low_32(tag.time_ms), &tag.body, &[]);
        true
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        while self.link.pending_bytes() > 0 {
            match timeout(WRITE_TIMEOUT, self.link.step()).await {
                Ok(step) => {
                    if matches!(step.map_err(told)?, Step::Closed) {
                        bail!("the server closed before it had taken everything");
                    }
                }
                Err(_) => bail!("the server took nothing for {} s", WRITE_TIMEOUT.as_secs()),
            }
        }
        Ok(())
    }
}

/// The address of `stream`, which may have a query, at a `tcUrl`, which may too.
fn stream_at(tc_url: &str, stream: &str) -> String {
    match tc_url.split_once('?') {
        None => format!("{tc_url}/{stream}"),
        Some((place, query)) => {
            let separator = if stream.contains('?') { '&' } else { '?' };
            format!("{place}/{stream}{separator}{query}")
        }
    }
}

/// Where an RTMP server sends its publishers: to RTMP.
fn rtmp_place(url: &str) -> anyhow::Result<Place> {
    match Place::parse(url)? {
        place @ Place::Rtmp(_) => Ok(place),
        Place::Slsp(_) => bail!("the server sends us to {url}, and we speak RTMP to it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_at_the_place_it_is_asked_to_with_both_queries() {
        for (tc_url, stream, url) in [
            ("rtmp://h/live", "x?key=1", "rtmp://h/live/x?key=1"),
            ("rtmp://h/live?vhost=v", "x", "rtmp://h/live/x?vhost=v"),
            ("rtmp://h/a?b=2", "x?key=1", "rtmp://h/a/x?key=1&b=2"),
        ] {
            assert_eq!(stream_at(tc_url, stream), url);
        }
    }

    #[test]
    fn the_scheme_chooses_the_protocol() {
        for url in ["rtmp://h/live/a?key=1", "RTMPS://h/live/a"] {
            assert!(matches!(Place::parse(url), Ok(Place::Rtmp(_))), "{url}");
        }
        for url in [
            "ws://h:8080/slsp/live/a?key=1",
            "WSS://h/slsp/live/b/a",
            "wss://h/prefix/slsp/live/a",
        ] {
            assert!(matches!(Place::parse(url), Ok(Place::Slsp(_))), "{url}");
        }
    }

    #[test]
    fn a_refusal_says_where_one_can_publish_to() {
        for url in [
            "srt://h:9000",
            "http://h/slsp/live/a",
            "ws://h/live/a.flv",
            "ws://h/slsp/a",
            "live/a",
        ] {
            let error = Place::parse(url).unwrap_err().to_string();
            assert!(
                error.contains("rtmp[s]://") && error.contains("ws[s]://host/slsp/app/stream"),
                "{error}"
            );
        }
    }
}
