//! A session: what stays when a socket breaks.

use tokio::sync::oneshot;
use weir_base::{Code, Refusal};
use weir_hub::Publisher;
use weir_hub::stats::SenderStats;
use weir_media::ingest::{LiveContainer, LiveDemuxer};
use weir_proto::slsp::Stats;

use super::sessions::SessionEntry;
use crate::intake::{Intake, refusal_of};

/// Microseconds that frames wait for tracks to be known: as long as the demuxer's own rule lets them by the
/// frames' times, and never over half of what a stream may be silent.
const TRACKS_TIMEOUT_US: i64 = 1_500_000;

/// A session that was admitted: its publisher and the container it sends.
pub(super) struct Live {
    pub(super) publisher: Publisher,
    /// Bytes of media taken.
    pub(super) bytes: u64,
    demuxer: LiveDemuxer,
    /// Of the containers before this one.
    last_dts_us: Option<i64>,
    intake: Intake,
    wait_limit_us: i64,
    /// When, on the node's clock, frames began to wait for tracks to be known.
    waits_since_us: Option<i64>,
    is_hinted: bool,
    entry: SessionEntry,
}

/// What stops a session on this socket.
pub(super) enum Interruption {
    /// To end it.
    Kicked(Refusal),
    /// To go on with it over another socket.
    Claimed(oneshot::Sender<Box<Live>>),
}

impl Live {
    pub(super) fn new(
        publisher: Publisher,
        container: LiveContainer,
        entry: SessionEntry,
        idle_timeout_us: i64,
    ) -> Self {
        Self {
            publisher,
            bytes: 0,
            demuxer: LiveDemuxer::new(container),
            last_dts_us: None,
            intake: match container {
                LiveContainer::Flv => Intake::of_messages(),
                _ => Intake::default(),
            },
            wait_limit_us: TRACKS_TIMEOUT_US.min(idle_timeout_us / 2),
            waits_since_us: None,
            is_hinted: false,
            entry,
        }
    }

    pub(super) fn token(&self) -> &str {
        self.entry.token()
    }

    /// Resolves when the session has to stop on this socket. Nothing is lost if it is not awaited
    /// to its end.
    pub(super) async fn interrupted(&mut self) -> Interruption {
        tokio::select! {
            refusal = self.publisher.kicked_with() => Interruption::Kicked(refusal),
            next = self.entry.claimed() => Interruption::Claimed(next),
        }
    }

    /// The interruption of this moment, if there is one.
    pub(super) fn interrupted_now(&mut self) -> Option<Interruption> {
        let kicked = self.publisher.client().kick_refusal().cloned();
        let kicked = kicked.map(Interruption::Kicked);
        kicked.or_else(|| self.entry.claimed_now().map(Interruption::Claimed))
    }

    /// The sender's own time of the newest frame, milliseconds; −1 before the first.
    pub(super) fn dts_ms(&self) -> i64 {
        let dts_us = self.demuxer.last_dts_us().or(self.last_dts_us);
        dts_us.map_or(-1, |us| us / 1000)
    }

    /// Takes media.
    ///
    /// # Errors
    /// What ends the session.
    pub(super) fn take(&mut self, data: &[u8]) -> Result<(), Refusal> {
        self.bytes += data.len() as u64;
        self.demuxer.push(data);
        self.end_wait();
        self.publish_all()
    }

    fn publish_all(&mut self) -> Result<(), Refusal> {
        loop {
            match self.demuxer.next() {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => self.intake.take(&mut self.publisher, event),
                // A frame may be left out; a container that cannot be read on is the end.
                Err(error) if self.demuxer.has_failed() => return Err(refusal_of(&error)),
                Err(error) => {
                    let track = self.demuxer.failed_track();
                    self.intake.skip(&self.publisher, track, &error)?;
                }
            }
        }
    }

    /// No more of this container comes: what waited for more is published, as far as it can be read.
    fn finish(&mut self) {
        let finished = self.demuxer.finish();
        let finished = finished.map_err(|error| refusal_of(&error));
        if let Err(refusal) = finished.and(self.publish_all()) {
            tracing::debug!(stream = %self.publisher.stream().name, "the end of a container: {refusal}");
        }
    }

    /// Tracks that are announced and do not come are waited for by the demuxer's own rule, and by the
    /// clock: never for as long as a stream may be silent.
    fn end_wait(&mut self) {
        let now_us = self.publisher.clock().now_us();
        if !self.demuxer.is_waiting() {
            self.waits_since_us = None;
            return;
        }
        let since_us = *self.waits_since_us.get_or_insert(now_us);
        if now_us - since_us >= self.wait_limit_us {
            self.demuxer.wait_no_longer();
        }
    }

    /// What comes next is a new container, from its first byte.
    pub(super) fn restart(&mut self, container: LiveContainer) {
        self.finish();
        self.last_dts_us = self.demuxer.last_dts_us().or(self.last_dts_us);
        self.demuxer = LiveDemuxer::new(container);
        self.publisher.restart();
    }

    /// The ceiling the sender must be told of, once each time it goes above.
    pub(super) fn hint(&mut self) -> Option<u32> {
        let was_hinted = self.is_hinted;
        self.is_hinted = self.publisher.is_above_ceiling();
        (self.is_hinted && !was_hinted)
            .then(|| self.publisher.max_kbps())
            .flatten()
    }

    pub(super) fn sender(&self, stats: Stats) {
        /// Characters of an encoder's name that are kept.
        const ENCODER_CHARS: usize = 64;
        self.publisher.sender(SenderStats {
            fps: stats.fps,
            kbps: stats.kbps,
            queue_ms: stats.queue_ms,
            dropped: stats.dropped,
            encoder: stats.encoder.chars().take(ENCODER_CHARS).collect(),
        });
    }

    pub(super) fn end(mut self: Box<Self>, code: Code) {
        self.finish();
        self.publisher.end(code);
    }
}
