//! A session: what stays when a socket breaks.

use tokio::sync::oneshot;
use weir_base::{Code, Refusal};
use weir_hub::Publisher;
use weir_hub::stats::SenderStats;
use weir_media::ingest::{LiveContainer, LiveDemuxer};
use weir_proto::slsp::Stats;

use super::sessions::SessionEntry;
use crate::intake::{Intake, refusal_of};

/// A session that was admitted: its publisher and the container it sends.
pub(super) struct Live {
    pub(super) publisher: Publisher,
    /// Bytes of media taken.
    pub(super) bytes: u64,
    demuxer: LiveDemuxer,
    /// Of the containers before this one.
    last_dts_us: Option<i64>,
    intake: Intake,
    is_hinted: bool,
    entry: SessionEntry,
}

/// What stops a session on this socket.
pub(super) enum Interruption {
    /// To end it.
    Kicked(Code),
    /// To go on with it over another socket.
    Claimed(oneshot::Sender<Box<Live>>),
}

impl Live {
    pub(super) fn new(publisher: Publisher, container: LiveContainer, entry: SessionEntry) -> Self {
        Self {
            publisher,
            bytes: 0,
            demuxer: LiveDemuxer::new(container),
            last_dts_us: None,
            intake: Intake::default(),
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
            code = self.publisher.kicked() => Interruption::Kicked(code),
            next = self.entry.claimed() => Interruption::Claimed(next),
        }
    }

    /// The interruption of this moment, if there is one.
    pub(super) fn interrupted_now(&mut self) -> Option<Interruption> {
        let code = self.publisher.client().kicked().map(Interruption::Kicked);
        code.or_else(|| self.entry.claimed_now().map(Interruption::Claimed))
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
        loop {
            match self.demuxer.next() {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => self.intake.take(&mut self.publisher, event),
                // A frame may be left out; a container that cannot be read on is the end.
                Err(error) if self.demuxer.has_failed() => return Err(refusal_of(&error)),
                Err(error) => self.intake.skip_malformed(&self.publisher, &error)?,
            }
        }
    }

    /// What comes next is a new container, from its first byte.
    pub(super) fn restart(&mut self, container: LiveContainer) {
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

    pub(super) fn end(self: Box<Self>, code: Code) {
        self.publisher.end(code);
    }
}
