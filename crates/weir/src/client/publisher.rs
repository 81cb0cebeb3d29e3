//! Sends a clip to a server over RTMP, at the pace of its timestamps or as fast as it goes.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::pin::{Pin, pin};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::time::{sleep, timeout};
use weir_base::Clock;
use weir_media::flv::{TAG_AUDIO, TAG_VIDEO};
use weir_proto::rtmp::{ClientEvent, RtmpUrl};

use super::clip::{Clip, ClipTag, Input, Role};
use super::refusal::Refused;
use super::rtmp::{RtmpLink, Step};
use super::stamp;

/// Bytes queued for the socket above which no more tags are read.
const HIGH_WATER_BYTES: usize = 1 << 20;
/// A socket that takes nothing for so long is dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// First and longest pause before another attempt.
const BACKOFF_MS: (u64, u64) = (500, 10_000);
/// A connection that lasted this long was a good one: the pauses begin anew.
const GOOD_CONNECTION_US: i64 = 10_000_000;
/// Between two progress lines, µs.
const PROGRESS_US: i64 = 500_000;

/// How to publish.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PublishOptions {
    /// Begin again at the end, for ever.
    pub(crate) looped: bool,
    /// Not at the pace of the timestamps but as fast as the server takes it.
    pub(crate) max_speed: bool,
    /// Put the wall clock into the pictures (H.264 only).
    pub(crate) stamp: bool,
    /// Connect again when the connection is lost.
    pub(crate) retry: bool,
    /// Take any certificate.
    pub(crate) insecure: bool,
    /// A line on the terminal that says how it goes.
    pub(crate) progress: bool,
}

/// Publishes `input` to `url` until it ends or `stop` resolves, then says good-bye.
///
/// # Errors
/// What cannot be read; a refusal; a lost connection, unless `retry` is set.
pub(crate) async fn publish_file(
    input: impl Into<Input>,
    url: &str,
    options: PublishOptions,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let url = publish_url(url)?;
    let clock = Clock::real();
    let mut publisher = Publisher {
        clip: Clip::new(input.into(), options.looped)?,
        options,
        progress: Progress::new(&clock, options.progress),
        clock,
        anchor: None,
        needs_key: false,
        pending: None,
    };
    publisher.run(url, pin!(stop)).await
}

fn publish_url(url: &str) -> anyhow::Result<RtmpUrl> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !matches!(scheme.to_ascii_lowercase().as_str(), "rtmp" | "rtmps") {
        bail!("{url}: weir publishes to rtmp://host/app/stream and rtmps://host/app/stream only");
    }
    RtmpUrl::parse(url).with_context(|| url.to_owned())
}

struct Publisher {
    clip: Clip,
    options: PublishOptions,
    clock: Clock,
    progress: Progress,
    /// When (µs of the clock) which time (ms of the clip) was due.
    anchor: Option<(i64, i64)>,
    /// After a new connection: nothing goes out before a picture to start with.
    needs_key: bool,
    /// Read, but not sent when the connection broke.
    pending: Option<ClipTag>,
}

/// How a connection ended.
enum End {
    /// All was sent, or we were told to stop.
    Done,
    /// The server wants us elsewhere.
    Moved(RtmpUrl),
}

impl Publisher {
    async fn run(
        &mut self,
        mut url: RtmpUrl,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<()> {
        let mut pause_ms = BACKOFF_MS.0;
        loop {
            let began_us = self.clock.now_us();
            let error = match self.connect_and_send(&url, stop.as_mut()).await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Moved(place)) => {
                    url = place;
                    continue;
                }
                Err(error) => error,
            };
            let may_pass = error
                .downcast_ref::<Refused>()
                .is_none_or(Refused::may_pass);
            if !self.options.retry || !may_pass || error.downcast_ref::<BadInput>().is_some() {
                return Err(error);
            }
            if self.clock.now_us() - began_us > GOOD_CONNECTION_US {
                pause_ms = BACKOFF_MS.0;
            }
            tracing::warn!("{error:#}; trying again in {pause_ms} ms");
            tokio::select! {
                () = sleep(Duration::from_millis(jittered(pause_ms))) => {}
                () = stop.as_mut() => return Ok(()),
            }
            pause_ms = (pause_ms * 2).min(BACKOFF_MS.1);
        }
    }

    async fn connect_and_send(
        &mut self,
        url: &RtmpUrl,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<End> {
        let mut link = tokio::select! {
            link = RtmpLink::publish(url, self.options.insecure) => link?,
            () = stop.as_mut() => return Ok(End::Done),
        };
        self.send_headers(&mut link);
        loop {
            let tag = match self.pending.take() {
                Some(tag) => tag,
                None => tokio::select! {
                    tag = self.clip.next() => match tag.map_err(|error| error.context(BadInput))? {
                        Some(tag) => tag,
                        None => break,
                    },
                    step = link.step() => {
                        if let Some(place) = self.heard(step?, url)? {
                            return Ok(End::Moved(place));
                        }
                        continue;
                    }
                    () = stop.as_mut() => break,
                },
            };
            let due_us = self.due_us(&tag);
            self.pending = Some(tag);
            match self.wait(&mut link, due_us, url, stop.as_mut()).await? {
                Waited::Due => {}
                Waited::Stopped => break,
                Waited::Moved(place) => return Ok(End::Moved(place)),
            }
            if let Some(tag) = self.pending.take() {
                self.send(&mut link, &tag)?;
            }
        }
        self.drain(&mut link).await?;
        link.close().await;
        self.progress.end();
        Ok(End::Done)
    }

    /// Serves the connection until the tag is due and there is room for it.
    async fn wait(
        &mut self,
        link: &mut RtmpLink,
        due_us: i64,
        url: &RtmpUrl,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<Waited> {
        loop {
            let left_us = u64::try_from(due_us.saturating_sub(self.clock.now_us())).unwrap_or(0);
            let is_full = link.pending_bytes() >= HIGH_WATER_BYTES;
            if left_us == 0 && !is_full {
                return Ok(Waited::Due);
            }
            let nap = if is_full {
                WRITE_TIMEOUT
            } else {
                Duration::from_micros(left_us)
            };
            tokio::select! {
                step = link.step() => {
                    if let Some(place) = self.heard(step?, url)? {
                        return Ok(Waited::Moved(place));
                    }
                }
                () = sleep(nap) => {
                    if is_full {
                        bail!("the server took nothing for {} s", WRITE_TIMEOUT.as_secs());
                    }
                }
                () = stop.as_mut() => return Ok(Waited::Stopped),
            }
        }
    }

    fn due_us(&mut self, tag: &ClipTag) -> i64 {
        if self.options.max_speed
            || matches!(
                tag.role,
                Role::Metadata | Role::VideoConfig | Role::AudioConfig
            )
        {
            return i64::MIN;
        }
        let now_us = self.clock.now_us();
        let (at_us, time_ms) = *self.anchor.get_or_insert((now_us, tag.time_ms));
        at_us + (tag.time_ms - time_ms) * 1000
    }

    /// What the server said; a URL if the stream is to go there.
    fn heard(&mut self, step: Step, url: &RtmpUrl) -> anyhow::Result<Option<RtmpUrl>> {
        match step {
            Step::Moved | Step::Event(ClientEvent::Status { .. }) => {}
            Step::Closed => bail!("the server closed the connection"),
            Step::Event(ClientEvent::Closed) => bail!("the server ended the stream"),
            Step::Event(ClientEvent::Redirect { url }) => return Ok(Some(publish_url(&url)?)),
            Step::Event(ClientEvent::Reconnect { tc_url }) => {
                self.forget_connection();
                let place = tc_url
                    .map(|place| publish_url(&format!("{place}/{}", url.stream_with_query())));
                return Ok(Some(place.unwrap_or_else(|| Ok(url.clone()))?));
            }
            Step::Event(event) => tracing::debug!(?event, "from the server"),
        }
        Ok(None)
    }

    /// What the new connection does not know: the headers sent to the one before.
    fn send_headers(&mut self, link: &mut RtmpLink) {
        let [metadata, video, audio] = self.clip.headers().clone();
        self.needs_key = video.is_some();
        self.forget_connection();
        if let Some(body) = metadata {
            link.send_metadata(&body);
        }
        let ms = low_32(self.pending.as_ref().map_or(0, |tag| tag.time_ms));
        for (kind, body) in [(TAG_VIDEO, video), (TAG_AUDIO, audio)] {
            if let Some(body) = body {
                link.send(kind, ms, &body);
            }
        }
    }

    /// The time without a connection is lost; the pace begins where we are.
    fn forget_connection(&mut self) {
        self.anchor = None;
    }

    fn send(&mut self, link: &mut RtmpLink, tag: &ClipTag) -> anyhow::Result<()> {
        match tag.role {
            Role::Metadata => {
                link.send_metadata(&tag.body);
                return Ok(());
            }
            Role::Key => self.needs_key = false,
            Role::Picture | Role::Sound if self.needs_key => return Ok(()),
            _ => {}
        }
        let is_picture = matches!(tag.role, Role::Key | Role::Picture);
        let stamped = if self.options.stamp && is_picture {
            Some(self.stamped(&tag.body)?)
        } else {
            None
        };
        let body = stamped.as_ref().unwrap_or(&tag.body);
        link.send(tag.kind, low_32(tag.time_ms), body);
        self.progress
            .sent(tag.time_ms, body.len(), is_picture, link.pending_bytes());
        Ok(())
    }

    fn stamped(&self, body: &Bytes) -> anyhow::Result<Bytes> {
        let length_bytes = match self.clip.video() {
            (Some(codec), _) if !stamp::can_stamp(codec) => {
                bail!(anyhow::Error::from(BadInput).context(format!(
                    "--stamp writes into H.264 only, and this is {}",
                    codec.name()
                )))
            }
            (_, length_bytes) => length_bytes.unwrap_or(4),
        };
        Ok(stamp::stamp_tag(body, length_bytes, self.clock.wall_us())
            .unwrap_or_else(|| body.clone()))
    }

    async fn drain(&self, link: &mut RtmpLink) -> anyhow::Result<()> {
        while link.pending_bytes() > 0 {
            match timeout(WRITE_TIMEOUT, link.step()).await {
                Ok(step) => {
                    if matches!(step?, Step::Closed) {
                        bail!("the server closed before it had taken everything");
                    }
                }
                Err(_) => bail!("the server took nothing for {} s", WRITE_TIMEOUT.as_secs()),
            }
        }
        Ok(())
    }
}

enum Waited {
    Due,
    Stopped,
    Moved(RtmpUrl),
}

/// Marks errors that another connection would not mend.
#[derive(Debug, thiserror::Error)]
#[error("the input cannot be published")]
struct BadInput;

/// RTMP's clock: the low 32 bits.
fn low_32(ms: i64) -> u32 {
    u32::try_from(ms.rem_euclid(1 << 32)).unwrap_or_default()
}

/// Between three quarters and all of `ms`, so that many clients do not come back at once.
fn jittered(ms: u64) -> u64 {
    let mut byte = [0];
    // Without randomness the pause is the longest one.
    let _ = getrandom::fill(&mut byte);
    ms - ms * u64::from(byte[0]) / 1024
}

/// The line on the terminal.
#[derive(Debug)]
struct Progress {
    clock: Clock,
    is_on: bool,
    began_us: i64,
    shown_us: i64,
    bytes_since: usize,
    frames: u64,
}

impl Progress {
    fn new(clock: &Clock, wanted: bool) -> Self {
        let is_on = wanted && std::io::stderr().is_terminal();
        let now_us = clock.now_us();
        Self {
            clock: clock.clone(),
            is_on,
            began_us: now_us,
            shown_us: now_us,
            bytes_since: 0,
            frames: 0,
        }
    }

    fn sent(&mut self, time_ms: i64, bytes: usize, is_picture: bool, queued_bytes: usize) {
        self.bytes_since += bytes;
        self.frames += u64::from(is_picture);
        let now_us = self.clock.now_us();
        let since_us = now_us - self.shown_us;
        if !self.is_on || since_us < PROGRESS_US {
            return;
        }
        let kbit_s = self.bytes_since as f64 * 8000.0 / since_us as f64;
        let (media_s, wall_s) = (
            time_ms as f64 / 1000.0,
            (now_us - self.began_us) as f64 / 1e6,
        );
        let mut out = std::io::stderr().lock();
        // A terminal that is gone takes nothing with it.
        let _ = write!(
            out,
            "\r{media_s:.1} s of media in {wall_s:.1} s, {} pictures, {kbit_s:.0} kbit/s, {} KiB queued \x1b[K",
            self.frames,
            queued_bytes / 1024,
        );
        let _ = out.flush();
        (self.shown_us, self.bytes_since) = (now_us, 0);
    }

    fn end(&self) {
        if self.is_on {
            eprintln!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtmp_urls_are_published_to() {
        assert!(publish_url("rtmp://h/live/a?key=1").is_ok());
        assert!(publish_url("RTMPS://h/live/a").is_ok());
        let error = publish_url("srt://h:9000").unwrap_err().to_string();
        assert!(error.contains("rtmp://"), "{error}");
    }

    #[test]
    fn pauses_vary_but_stay_near() {
        assert!((750..=1000).contains(&jittered(1000)));
        assert_eq!(low_32((1 << 32) + 5), 5);
    }
}
