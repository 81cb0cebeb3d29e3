//! A publisher whose frames have the sender's own times: where each lies on the stream's clock.

use std::sync::atomic::Ordering;

use weir_base::{Clock, Code};
use weir_media::Frame;
use weir_media::flv::RawFrame;
use weir_media::timeline::Timeline;

use crate::hub::{RETURN_STEP_US, WRAP_US};
use crate::stream::Stream;

/// Corrections logged one by one; after that only counted, or a broken clock would fill the log.
const LOGGED_CORRECTIONS: u64 = 10;

/// One for each publisher: it begins where the stream stopped, and repairs what the sender's clock does.
#[derive(Debug)]
pub(crate) struct SenderClock {
    timeline: Timeline,
    has_placed: bool,
    /// The sender's own time of the newest frame.
    raw_us: i64,
    has_restarted: bool,
}

impl SenderClock {
    /// The first frame lies at `base_us`.
    pub(crate) fn new(base_us: i64) -> Self {
        Self {
            timeline: Timeline::new(base_us, WRAP_US),
            has_placed: false,
            raw_us: 0,
            has_restarted: false,
        }
    }

    /// What comes from here on is from a new container, whose times may begin anew.
    pub(crate) const fn restart(&mut self) {
        self.has_restarted = true;
    }

    /// The frame at its place; counted.
    pub(crate) fn place(
        &mut self,
        stream: &Stream,
        clock: &Clock,
        raw: RawFrame,
        now_us: i64,
    ) -> Frame {
        self.follow_restart(stream, raw.ts_us, now_us);
        let (placed, cts_us) = self
            .timeline
            .place_shown(raw.track, raw.ts_us, raw.cts_us, now_us);
        let frame = Frame {
            track: raw.track,
            dts_us: placed.dts_us,
            cts_us,
            kind: raw.kind,
            payload: raw.payload,
        };
        if !std::mem::replace(&mut self.has_placed, true) {
            let wall_us = clock.wall_us() - frame.dts_us;
            stream.wall_at_zero_us.store(wall_us, Ordering::Release);
            *stream.zero_at_us.lock() = Some(now_us - frame.dts_us);
        }
        let mut stats = stream.stats.lock();
        stats.count(&frame, now_us);
        if let Some(correction) = placed.correction {
            stats.corrections += 1;
            if stats.corrections <= LOGGED_CORRECTIONS {
                tracing::warn!(stream = %stream.name, code = Code::BadTimestamps.number(), ?correction, track = ?frame.track, "timestamp corrected");
            }
        }
        frame
    }

    /// A container whose times begin anew goes on with the time that has passed, as a publisher that
    /// comes back does; one whose times go on is left alone.
    fn follow_restart(&mut self, stream: &Stream, raw_us: i64, now_us: i64) {
        let began_anew = raw_us < self.raw_us;
        self.raw_us = raw_us;
        if !std::mem::take(&mut self.has_restarted) || !began_anew {
            return;
        }
        let zero_us = *stream.zero_at_us.lock();
        let elapsed_us = zero_us.map_or(0, |zero_us| now_us - zero_us);
        let base_us = elapsed_us.max(self.timeline.last_us() + RETURN_STEP_US);
        self.timeline = Timeline::new(base_us, WRAP_US);
    }
}
