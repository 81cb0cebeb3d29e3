//! One clock per stream: brings the publisher's timestamps onto weir's own time line.
//!
//! Publishers start anywhere, wrap, loop files, reset encoders, and give audio and video clocks
//! of their own. What comes out starts at a chosen base, strictly increases within each track,
//! and keeps audio and video as far apart as the publisher had them.
//!
//! How: a track goes on by the difference of two raw times as long as an encoder could have made
//! that difference. Where none could (a *jump*), the track goes on by its usual step instead, and
//! the same shift waits for the other track, which takes it over when its own times jump. So a
//! jump of both tracks is one correction, and their distance stays.
//!
//! The time of day is an argument here; nobody is asked for it.

use crate::TrackKind;

/// Least distance of two frames of a track, in µs: more than one tick of 90 kHz and of 48 kHz, so
/// that muxers see increasing times too, and far below any real frame duration.
pub const MIN_STEP_US: i64 = 100;
/// A step back of a track up to this is jitter or reordering, in µs: the frame is moved forward
/// to its place and the clock is left alone. More is a jump.
pub const REORDER_US: i64 = 100_000;
/// How much further ahead of the wall clock than lately a step may bring the stream before it is
/// a jump, in µs. A sender freed from a blocked network catches up to where it was, not beyond.
pub const AHEAD_US: i64 = 1_000_000;
/// How far apart the first times of audio and video may be and still be of one clock, in µs.
pub const TRACK_GAP_US: i64 = 1_000_000;
/// How near to its expected place a track must land to follow the other's jump, in µs.
const FOLLOW_US: i64 = 1_000_000;
/// How far a track goes on past the other's jump before it is taken not to follow, in µs: more
/// than senders interleave.
const PENDING_US: i64 = 3_000_000;
/// Shifts up to this are bridged by smaller steps instead of moving both tracks, in µs:
/// what eye and ear do not notice.
const SYNC_US: i64 = 40_000;
/// Raw times within this of a wrap count as before or after it, in µs.
const NEAR_WRAP_US: i64 = 60_000_000;
/// The stream's lead over the wall clock is remembered this long at least, in µs.
const LEAD_WINDOW_US: i64 = 30_000_000;
/// Steps a track's usual step is taken from.
const STEPS: usize = 16;
/// Longer steps are pauses, not a frame rate, in µs.
const LONGEST_STEP_US: i64 = 10_000_000;
/// A step of up to this many usual ones is no jump: slide shows pushed faster than real time.
const SPARSE_STEPS: i64 = 3;
/// Raw times beyond this are cut to it, in µs, so that sums of them stay in range: 2,284 years.
const LARGEST_US: i64 = 1 << 56;

/// What was put right in a frame's time. Each is to be counted and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// The raw time jumped back, by this much against the usual step.
    Backward {
        /// Always positive, in µs.
        by_us: i64,
    },
    /// The raw time jumped ahead of any clock, by this much against the usual step.
    Forward {
        /// Always positive, in µs.
        by_us: i64,
    },
    /// The track's times are of another clock than the other track's: it was moved to it.
    TrackOffset {
        /// Negative where the track was ahead, in µs.
        by_us: i64,
    },
    /// The frame was a little before its predecessor and was moved behind it.
    Reordered {
        /// Always positive, in µs.
        by_us: i64,
    },
}

impl Correction {
    /// `backward`, `forward`, `track_offset` or `reordered`: for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backward { .. } => "backward",
            Self::Forward { .. } => "forward",
            Self::TrackOffset { .. } => "track_offset",
            Self::Reordered { .. } => "reordered",
        }
    }
}

/// Most that pictures are decoded earlier than their sender says, in µs: 16 pictures, which is all a
/// decoder can hold, at 8 a second.
pub const MAX_DECODE_LEAD_US: i64 = 2_000_000;

/// Where a frame belongs on the stream's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Decode time in µs: at least [`MIN_STEP_US`] after the track's frame before it.
    pub dts_us: i64,
    /// What was put right, if anything. A track that follows the other's jump reports nothing.
    pub correction: Option<Correction>,
}

/// The clock of one stream, for as long as one publisher holds it.
#[derive(Debug, Clone)]
pub struct Timeline {
    base_us: i64,
    wrap_us: i64,
    video: Option<TrackClock>,
    audio: Option<TrackClock>,
    lead: Lead,
    /// How much earlier than its sender says a picture is decoded.
    decode_lead_us: i64,
}

impl Timeline {
    /// The first frame comes out at `base_us`, and none before it.
    ///
    /// `wrap_us`: the period at which raw times wrap (RTMP and FLV: 2³² ms); 0 for never. Raw
    /// times that fall from half of it to zero are a wrap too: senders with signed 32 bits.
    pub fn new(base_us: i64, wrap_us: i64) -> Self {
        Self {
            base_us: base_us.clamp(-LARGEST_US, LARGEST_US),
            wrap_us: wrap_us.clamp(0, LARGEST_US),
            video: None,
            audio: None,
            lead: Lead::default(),
            decode_lead_us: 0,
        }
    }

    /// Places a frame that is shown `cts_us` after it is decoded; gives the offset from its place.
    ///
    /// Senders that count pictures in the order of decoding say a negative offset of those shown
    /// early, which MPEG-TS cannot hold (ISO/IEC 13818-1 §2.7.5) and players of FLV take for an error.
    /// All pictures are decoded that much earlier from then on, and shown when they were to be; an offset
    /// beyond [`MAX_DECODE_LEAD_US`] is damage and moves nothing. What is given is never negative.
    pub fn place_shown(
        &mut self,
        track: TrackKind,
        raw_us: i64,
        cts_us: i32,
        now_us: i64,
    ) -> (Placed, i32) {
        if track == TrackKind::Audio {
            return (self.place(track, raw_us, now_us), 0);
        }
        let cts_us = i64::from(cts_us);
        let more_us = -cts_us - self.decode_lead_us;
        if more_us > 0 && -cts_us <= MAX_DECODE_LEAD_US {
            self.decode_lead_us += more_us;
            if let Some(clock) = &mut self.video {
                clock.raw_us -= more_us;
                clock.ideal_us -= more_us;
            }
        }
        let placed = self.place(track, raw_us.saturating_sub(self.decode_lead_us), now_us);
        let ideal_us = self.video.as_ref().map(|clock| clock.ideal_us);
        let late_us = placed.dts_us - ideal_us.unwrap_or(placed.dts_us);
        let shown_us = cts_us + self.decode_lead_us - late_us;
        (placed, shown_us.clamp(0, i32::MAX.into()) as i32)
    }

    /// Places the next frame of a track: `raw_us` is its decode time as the publisher has it,
    /// `now_us` the time of its arrival on any clock that does not go back.
    pub fn place(&mut self, track: TrackKind, raw_us: i64, now_us: i64) -> Placed {
        let raw_us = raw_us.clamp(-LARGEST_US, LARGEST_US);
        let now_us = now_us.clamp(-LARGEST_US, LARGEST_US);
        let slots = match track {
            TrackKind::Video => (self.video.take(), self.audio.take()),
            TrackKind::Audio => (self.audio.take(), self.video.take()),
        };
        let (mut this, mut other) = slots;
        let (ideal_us, correction) = match (&mut this, &mut other) {
            (Some(clock), other) => self.go_on(clock, other.as_mut(), raw_us, now_us),
            (None, Some(other)) => self.join(other, raw_us, now_us),
            (None, None) => (self.base_us, None),
        };
        let mut clock = this.unwrap_or_else(|| TrackClock::new(track, self.base_us));
        let dts_us = clock.settle(raw_us, ideal_us, now_us);
        self.lead.note(dts_us - now_us, now_us);
        let (video, audio) = match track {
            TrackKind::Video => (Some(clock), other),
            TrackKind::Audio => (other, Some(clock)),
        };
        (self.video, self.audio) = (video, audio);
        Placed { dts_us, correction }
    }

    /// The latest time given out on either track; the base before any.
    pub fn last_us(&self) -> i64 {
        let last = |clock: &Option<TrackClock>| clock.as_ref().map(|clock| clock.last_us);
        last(&self.video)
            .max(last(&self.audio))
            .unwrap_or(self.base_us)
    }

    /// The next frame of a track that has begun: its place before monotony is enforced.
    fn go_on(
        &self,
        clock: &mut TrackClock,
        other: Option<&mut TrackClock>,
        raw_us: i64,
        now_us: i64,
    ) -> (i64, Option<Correction>) {
        let step_us = self.distance(clock.raw_us, raw_us);
        let plain_us = clock.ideal_us + step_us;
        if let Some(place_us) = clock.follow(plain_us, other.as_deref()) {
            return (clock.make_room(place_us, other), None);
        }
        let by_us = clock.usual_step_us() - step_us;
        if step_us < -REORDER_US {
            let place_us = clock.jump(by_us, plain_us, other);
            return (place_us, Some(Correction::Backward { by_us }));
        }
        if self.is_forward_jump(clock, step_us, now_us) {
            let place_us = clock.jump(by_us, plain_us, other);
            // It may be the frame rate: then the next such step is no surprise.
            clock.steps.note(step_us);
            return (place_us, Some(Correction::Forward { by_us: -by_us }));
        }
        clock.steps.note(step_us);
        let reordered = (step_us < 0).then_some(Correction::Reordered { by_us: -step_us });
        (plain_us, reordered)
    }

    /// The first frame of the second track.
    fn join(&self, other: &mut TrackClock, raw_us: i64, now_us: i64) -> (i64, Option<Correction>) {
        let distance_us = self.distance(other.raw_us, raw_us);
        // The other track may have been silent for a while: this one may be that much ahead.
        let silent_us = (now_us - other.now_us).max(0);
        if distance_us < -TRACK_GAP_US || distance_us > silent_us + TRACK_GAP_US {
            let by_us = silent_us - distance_us;
            let place_us = other.ideal_us + silent_us;
            return (place_us, Some(Correction::TrackOffset { by_us }));
        }
        let place_us = other.ideal_us + distance_us;
        let before_base_us = self.base_us - place_us;
        if before_base_us > SYNC_US {
            other.ideal_us += before_base_us;
            return (self.base_us, None);
        }
        (place_us, None)
    }

    /// A step is a jump when it brings the stream further ahead of the wall clock than either track
    /// has lately been, unless the track is this sparse.
    fn is_forward_jump(&self, clock: &TrackClock, step_us: i64, now_us: i64) -> bool {
        let place_us = clock.ideal_us + step_us;
        step_us > AHEAD_US
            && place_us - now_us > self.lead.max_us() + AHEAD_US
            && step_us > clock.usual_step_us() * SPARSE_STEPS
    }

    /// From one raw time to the next, across a wrap if that is nearer.
    fn distance(&self, from_us: i64, to_us: i64) -> i64 {
        let plain = to_us - from_us;
        let (wrap, half) = (self.wrap_us, self.wrap_us / 2);
        if wrap == 0 {
            return plain;
        }
        let signed_wrap =
            (half - NEAR_WRAP_US..half).contains(&from_us) && (0..NEAR_WRAP_US).contains(&to_us);
        // The other track of such a sender may still be before the wrap when it is compared.
        let signed_unwrap =
            (half - NEAR_WRAP_US..half).contains(&to_us) && (0..NEAR_WRAP_US).contains(&from_us);
        match plain {
            _ if signed_wrap => plain + half,
            _ if signed_unwrap => plain - half,
            _ if plain < -half => plain + wrap,
            _ if plain > half => plain - wrap,
            _ => plain,
        }
    }
}

/// One track's place on the stream's clock.
#[derive(Debug, Clone)]
struct TrackClock {
    track: TrackKind,
    has_begun: bool,
    /// The last raw time.
    raw_us: i64,
    /// Where it came to be before monotony was enforced.
    ideal_us: i64,
    /// Where it came out.
    last_us: i64,
    /// When it arrived.
    now_us: i64,
    /// The other track's jump that this one has yet to make, and until when that is waited for.
    pending: Option<PendingJump>,
    steps: Steps,
}

#[derive(Debug, Clone, Copy)]
struct PendingJump {
    by_us: i64,
    until_us: i64,
}

impl TrackClock {
    fn new(track: TrackKind, base_us: i64) -> Self {
        let steps = Steps::new(track);
        Self {
            track,
            has_begun: false,
            raw_us: 0,
            ideal_us: base_us,
            last_us: base_us - MIN_STEP_US,
            now_us: 0,
            pending: None,
            steps,
        }
    }

    /// Takes the place, or the next one after the frame before.
    fn settle(&mut self, raw_us: i64, ideal_us: i64, now_us: i64) -> i64 {
        self.raw_us = raw_us;
        self.ideal_us = ideal_us;
        self.now_us = now_us;
        self.last_us = match ideal_us - self.last_us {
            MIN_STEP_US.. => ideal_us,
            _ => self.last_us + self.catch_up_step_us(),
        };
        self.has_begun = true;
        if self
            .pending
            .is_some_and(|pending| self.last_us > pending.until_us)
        {
            self.pending = None;
        }
        self.last_us
    }

    /// How far a frame is put behind the one before it while the track waits for its own times to
    /// overtake it. Packets of sound that lie closer than they last are an overlap to a player, so
    /// sound catches up by half a packet at a time.
    fn catch_up_step_us(&self) -> i64 {
        match self.track {
            TrackKind::Audio if self.has_begun => (self.usual_step_us() / 2).max(MIN_STEP_US),
            _ => MIN_STEP_US,
        }
    }

    fn usual_step_us(&self) -> i64 {
        self.steps.usual_us()
    }

    /// The place with the other track's jump made too, if that fits better than without it.
    fn follow(&mut self, plain_us: i64, other: Option<&TrackClock>) -> Option<i64> {
        let pending = self.pending?;
        let expected_us = self.ideal_us + self.usual_step_us();
        let place_us = plain_us + pending.by_us;
        let off_us = place_us.abs_diff(expected_us);
        let near_other = other.is_some_and(|other| near(place_us, other.ideal_us));
        let fits =
            off_us < plain_us.abs_diff(expected_us) && (near(place_us, expected_us) || near_other);
        if fits {
            self.pending = None;
        }
        fits.then_some(place_us)
    }

    /// Where the place is before what this track already gave out (a loop whose tracks end at
    /// different times), both tracks move up so that they stay together.
    fn make_room(&self, place_us: i64, other: Option<&mut TrackClock>) -> i64 {
        let overlap_us = self.last_us + self.usual_step_us() - place_us;
        match other {
            Some(other) if overlap_us > SYNC_US => {
                other.ideal_us += overlap_us;
                place_us + overlap_us
            }
            _ => place_us,
        }
    }

    /// Goes on by the usual step and leaves the jump for the other track to make, unless this
    /// track was itself to follow one: then only what is still missing is left to wait for.
    fn jump(&mut self, by_us: i64, plain_us: i64, other: Option<&mut TrackClock>) -> i64 {
        let mut by_us = by_us;
        if let Some(pending) = &mut self.pending {
            pending.by_us -= by_us;
            return plain_us + by_us;
        }
        if let Some(other) = other {
            // Still ahead in the old times: the new ones begin behind both.
            let ahead_us = other.ideal_us - (plain_us + by_us);
            if (1..=FOLLOW_US).contains(&ahead_us) {
                by_us += ahead_us + other.usual_step_us();
            }
            let waiting = other.pending.map_or(0, |pending| pending.by_us);
            let until_us = plain_us + by_us + PENDING_US;
            other.pending = Some(PendingJump {
                by_us: waiting + by_us,
                until_us,
            });
        }
        plain_us + by_us
    }
}

fn near(a_us: i64, b_us: i64) -> bool {
    a_us.abs_diff(b_us) <= FOLLOW_US as u64
}

/// The last steps of a track.
#[derive(Debug, Clone)]
struct Steps {
    ring: [i64; STEPS],
    count: usize,
    default_us: i64,
}

impl Steps {
    const fn new(track: TrackKind) -> Self {
        // Before anything is known: 25 pictures a second, 1024 samples at 44.1 kHz.
        let default_us = match track {
            TrackKind::Video => 40_000,
            TrackKind::Audio => 23_220,
        };
        Self {
            ring: [0; STEPS],
            count: 0,
            default_us,
        }
    }

    fn note(&mut self, step_us: i64) {
        if !(1..=LONGEST_STEP_US).contains(&step_us) {
            return;
        }
        if let Some(slot) = self.ring.get_mut(self.count % STEPS) {
            *slot = step_us;
        }
        self.count = if self.count >= 2 * STEPS {
            STEPS + 1
        } else {
            self.count + 1
        };
    }

    /// The mean of the middle half: as steady as the median, but it sees the thirds of a
    /// millisecond that times in whole ones hide.
    fn usual_us(&self) -> i64 {
        let known = self.count.min(STEPS);
        let mut sorted = self.ring;
        let Some(steps) = sorted.get_mut(..known).filter(|steps| !steps.is_empty()) else {
            return self.default_us;
        };
        steps.sort_unstable();
        let middle = steps.iter().skip(known / 4).take(known - known / 4 * 2);
        middle.sum::<i64>() / (known - known / 4 * 2) as i64
    }
}

/// How far the stream has been ahead of the wall clock at most, in the last window or two.
#[derive(Debug, Clone, Copy, Default)]
struct Lead {
    current: Option<(i64, i64)>,
    before_us: Option<i64>,
}

impl Lead {
    fn note(&mut self, lead_us: i64, now_us: i64) {
        match &mut self.current {
            Some((started_us, max_us)) if now_us - *started_us <= LEAD_WINDOW_US => {
                *max_us = lead_us.max(*max_us);
            }
            current => {
                self.before_us = current.map(|(_, max_us)| max_us);
                *current = Some((now_us, lead_us));
            }
        }
    }

    fn max_us(&self) -> i64 {
        self.before_us
            .max(self.current.map(|(_, max_us)| max_us))
            .unwrap_or(i64::MIN / 2)
    }
}

#[cfg(test)]
#[path = "timeline_lead_tests.rs"]
mod lead_tests;
#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
