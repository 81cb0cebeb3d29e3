//! Sends a clip to a server, at the pace of its timestamps or as fast as it goes: what the protocols
//! have in common. What they do not is [`link`].

mod link;
mod progress;

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use tokio::time::sleep;
use weir_base::{Backoff, BackoffPlan, Clock, Dice};

use super::clip::{Clip, ClipTag, Input, Role};
use super::refusal::Refused;
use super::stamp;
use link::{Link, Place, WRITE_TIMEOUT};
use progress::Progress;

/// Between two attempts.
const RETRY: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(500),
    cap: Duration::from_secs(10),
    steady: Duration::from_secs(10),
};
/// Redirects in a row, none of which led to a connection that lasted, before it is a circle.
const MAX_REDIRECTS: u32 = 5;

/// How to publish.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublishOptions {
    /// Begin again at the end, for ever.
    pub looped: bool,
    /// Not at the pace of the timestamps but as fast as the server takes it.
    pub max_speed: bool,
    /// Put the wall clock into the pictures (H.264 only).
    pub stamp: bool,
    /// Connect again when the connection is lost.
    pub retry: bool,
    /// Take any certificate.
    pub insecure: bool,
    /// Over SLSP: send all, however slow the network is.
    pub no_adapt: bool,
    /// A line on the terminal that says how it goes, and one at the end.
    pub progress: bool,
}

/// Publishes `input` to `url` until it ends or `stop` resolves, then says good-bye.
///
/// # Errors
/// What cannot be read; a refusal; a lost connection, unless `retry` is set or the session resumed.
pub async fn publish_file(
    input: impl Into<Input>,
    url: &str,
    options: PublishOptions,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let place = Place::parse(url)?;
    let clock = Clock::real();
    let mut publisher = Publisher {
        clip: Clip::new(input.into(), options.looped)?,
        options,
        progress: Progress::new(&clock, options.progress),
        clock,
        anchor: None,
        pending: None,
    };
    let outcome = publisher.run(place, pin!(stop)).await;
    publisher.progress.end();
    outcome
}

struct Publisher {
    clip: Clip,
    options: PublishOptions,
    clock: Clock,
    progress: Progress,
    /// When (µs of the clock) which time (ms of the clip) was due.
    anchor: Option<(i64, i64)>,
    /// Read, but not sent when the connection broke.
    pending: Option<ClipTag>,
}

/// How a connection ended.
enum End {
    /// All was sent, or we were told to stop.
    Done,
    /// The server wants us elsewhere.
    Moved(Place),
}

impl Publisher {
    async fn run(
        &mut self,
        mut place: Place,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<()> {
        let mut backoff = Backoff::new(RETRY, Dice::system());
        let mut redirects = 0;
        loop {
            let began_us = self.clock.now_us();
            let ended = self.connect_and_send(&place, stop.as_mut()).await;
            let lasted_us = self.clock.now_us() - began_us;
            let lasted = Duration::from_micros(u64::try_from(lasted_us).unwrap_or(0));
            backoff.worked(lasted);
            let error = match ended {
                Ok(End::Done) => return Ok(()),
                Ok(End::Moved(elsewhere)) => {
                    redirects = if lasted >= RETRY.steady {
                        0
                    } else {
                        redirects + 1
                    };
                    if redirects > MAX_REDIRECTS {
                        bail!(
                            "redirected {redirects} times in a row: the servers send us in a circle"
                        );
                    }
                    place = elsewhere;
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
            redirects = 0;
            let pause = backoff.failed();
            if backoff.is_worth_a_line() {
                let tries = backoff.failures();
                tracing::warn!(tries, "{error:#}; trying again in {} ms", pause.as_millis());
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.as_mut() => return Ok(()),
            }
        }
    }

    async fn connect_and_send(
        &mut self,
        place: &Place,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<End> {
        // The time without a connection is lost: the pace begins where we are.
        self.anchor = None;
        let time_ms = self.pending.as_ref().map_or(0, |tag| tag.time_ms);
        let headers = self.clip.headers().clone();
        let mut link = tokio::select! {
            link = Link::open(place, &self.options, headers, time_ms) => link?,
            () = stop.as_mut() => return Ok(End::Done),
        };
        let outcome = self.send_all(&mut link, stop).await;
        self.progress.connection_ended(&link);
        if matches!(outcome, Ok(End::Done)) {
            link.close().await;
        }
        outcome
    }

    async fn send_all(
        &mut self,
        link: &mut Link,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<End> {
        let is_stopped = loop {
            let tag = match self.pending.take() {
                Some(tag) => tag,
                None => tokio::select! {
                    tag = self.clip.next() => match tag.map_err(|error| error.context(BadInput))? {
                        Some(tag) => tag,
                        None => break false,
                    },
                    moved = link.step() => {
                        if let Some(place) = moved? {
                            return Ok(End::Moved(place));
                        }
                        continue;
                    }
                    () = stop.as_mut() => break true,
                },
            };
            let due_us = self.due_us(&tag);
            self.pending = Some(tag);
            match self.wait(link, due_us, stop.as_mut()).await? {
                Waited::Due => {}
                Waited::Stopped => break true,
                Waited::Moved(place) => return Ok(End::Moved(place)),
            }
            if let Some(tag) = self.pending.take() {
                self.send(link, tag)?;
            }
        };
        link.drain(is_stopped).await?;
        Ok(End::Done)
    }

    /// Serves the connection until the tag is due and there is room for it.
    async fn wait(
        &mut self,
        link: &mut Link,
        due_us: i64,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<Waited> {
        loop {
            let left_us = u64::try_from(due_us.saturating_sub(self.clock.now_us())).unwrap_or(0);
            let is_full = link.is_full();
            if left_us == 0 && !is_full {
                return Ok(Waited::Due);
            }
            let nap = if is_full {
                WRITE_TIMEOUT
            } else {
                Duration::from_micros(left_us)
            };
            tokio::select! {
                moved = link.step() => {
                    if let Some(place) = moved? {
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

    fn send(&mut self, link: &mut Link, mut tag: ClipTag) -> anyhow::Result<()> {
        let is_picture = matches!(tag.role, Role::Key | Role::Picture | Role::Disposable);
        if self.options.stamp && is_picture {
            tag.body = self.stamped(&tag.body)?;
        }
        let (time_ms, bytes) = (tag.time_ms, tag.body.len());
        if link.send(tag) {
            self.progress.sent(time_ms, bytes, is_picture, link);
        }
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
}

enum Waited {
    Due,
    Stopped,
    Moved(Place),
}

/// Marks errors that another connection would not mend.
#[derive(Debug, thiserror::Error)]
#[error("the input cannot be published")]
struct BadInput;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_gone_is_asked_a_few_times_a_minute() {
        for seed in 0..20 {
            let backoff = Backoff::new(RETRY, Dice::seeded(seed));
            let tries = backoff.tries_within(Duration::from_secs(60));
            assert!((8..=17).contains(&tries), "{tries}");
        }
    }
}
