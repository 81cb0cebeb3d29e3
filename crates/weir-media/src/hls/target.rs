//! The two durations a playlist promises, and how they are chosen.
//!
//! EXT-X-TARGETDURATION may never change (§6.2.1), and no segment may be longer. Nobody tells the
//! packager the keyframe interval, so the first playlist waits for the first segment: a publisher
//! with a GOP of 10 s gets segments and a target of 10 s. What later comes without a keyframe in
//! time is cut without one.
//!
//! PART-TARGET is made a whole number of frames for the same reason: 24 fps does not fill 200 ms
//! to the 85 % that parts need (§4.4.4.9).

/// Longest first segment, in microseconds, where three segment targets are less: the keyframe
/// interval x264 uses when nobody sets one is 250 frames, which is 10 s and a bit.
const MAX_FIRST_SEGMENT_US: i64 = 12_000_000;
/// Durations are rounded to the nearest second before they are compared (§4.4.3.1).
const ROUNDING_US: i64 = 499_999;
/// Jitter a part may have from timestamps in milliseconds, at both ends.
const PART_JITTER_US: i64 = 2_000;
/// A part is complete from this share of PART-TARGET on, in percent (§4.4.4.9).
const MIN_PART_PERCENT: i64 = 85;

/// What the playlists of an address have promised, which holds for whoever packages it next (§6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// EXT-X-TARGETDURATION in seconds.
    pub target_s: i64,
    /// PART-TARGET in microseconds; `None`: no parts.
    pub part_us: Option<i64>,
}

/// What was promised, once something was.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Targets {
    segment_us: i64,
    part_wish_us: Option<i64>,
    /// EXT-X-TARGETDURATION in seconds.
    promised_s: Option<i64>,
    /// PART-TARGET in microseconds.
    part_us: Option<i64>,
}

impl Targets {
    pub(super) const fn new(segment_us: i64, part_wish_us: Option<i64>) -> Self {
        Self {
            segment_us,
            part_wish_us,
            promised_s: None,
            part_us: None,
        }
    }

    /// The first segment is complete: from here on there are promises.
    pub(super) fn promise(&mut self, first_segment_us: i64, frame_us: i64) {
        if self.promised_s.is_some() {
            return;
        }
        let longest_us = self.segment_us.max(first_segment_us);
        // A few milliseconds over a full second are jitter, not a longer segment.
        self.promised_s = Some(((longest_us + 949_999) / 1_000_000).max(1));
        self.part_us = self.part_wish_us.map(|wish_us| {
            let frame_us = frame_us.max(1_000);
            let frames = ((wish_us + PART_JITTER_US) / frame_us).max(1);
            (frames * frame_us + PART_JITTER_US + 999) / 1_000 * 1_000
        });
    }

    /// Begins with what was promised before. The wish for parts holds: without one there are none.
    pub(super) const fn resume(&mut self, promises: Promises) {
        self.promised_s = Some(promises.target_s);
        if self.part_wish_us.is_some() {
            self.part_us = promises.part_us;
        }
    }

    /// What a playlist may have told.
    pub(super) fn promises(&self) -> Option<Promises> {
        self.promised_s.map(|target_s| Promises {
            target_s,
            part_us: self.part_us,
        })
    }

    /// Whether a playlist may have told them.
    pub(super) const fn is_promised(&self) -> bool {
        self.promised_s.is_some()
    }

    /// EXT-X-TARGETDURATION in seconds.
    pub(super) fn target_s(&self) -> i64 {
        self.promised_s
            .unwrap_or((self.segment_us + 949_999) / 1_000_000)
            .max(1)
    }

    pub(super) fn target_us(&self) -> i64 {
        self.target_s() * 1_000_000
    }

    /// No segment gets longer than this.
    pub(super) fn limit_us(&self) -> i64 {
        match self.promised_s {
            Some(seconds) => seconds * 1_000_000 + ROUNDING_US,
            None => MAX_FIRST_SEGMENT_US.max(3 * self.segment_us) + ROUNDING_US,
        }
    }

    /// PART-TARGET; `None`: no parts, or not yet.
    pub(super) const fn part_us(&self) -> Option<i64> {
        self.part_us
    }

    /// Whether something that long may be a part.
    pub(super) fn is_part(&self, duration_us: i64) -> bool {
        let is_enough = |part_us| duration_us * 100 >= part_us * MIN_PART_PERCENT;
        self.part_us.is_some_and(is_enough)
    }

    /// A part that long is whole if the next frame does not fit any more.
    pub(super) fn is_part_full(&self, duration_us: i64, next_frame_us: i64) -> bool {
        let is_next_too_long = |part_us| duration_us + next_frame_us > part_us;
        self.is_part(duration_us) && self.part_us.is_some_and(is_next_too_long)
    }
}
