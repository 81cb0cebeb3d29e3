//! Streams that another node has placed on its clock already: how that clock becomes the stream's
//! own, or is fitted to it. What they come over is no concern of the hub.

use std::sync::atomic::Ordering;

use weir_media::{Frame, FrameKind, TrackKind};

use crate::hub::{RETURN_STEP_US, RelayBegin};
use crate::stream::{Source, State, Stream};

/// How a publisher's times become the stream's own.
#[derive(Debug, Default)]
pub(crate) struct Rebase {
    /// A clock that is to be fitted with the first frame.
    unfitted: Option<RelayBegin>,
    /// Added to each time.
    shift_us: i64,
    /// Pictures may go on: what they refer to is there.
    has_key: bool,
}

/// What is to be done with a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fitted {
    /// It goes into the ring.
    Next(Frame),
    /// The ring has it.
    Known,
    /// It refers to what is not there.
    Unusable,
}

/// Another node's stream comes: [`crate::Hub::relay`] has the rules.
pub(crate) fn begin(stream: &Stream, state: &mut State, begin: RelayBegin) -> Rebase {
    if state.latest_us().is_none() {
        stream.ring.forget_tracks();
        state.source = None;
        stream.ring.set_clock(begin.clock_id);
        let wall_us = begin.wall_at_zero_us;
        stream.wall_at_zero_us.store(wall_us, Ordering::Release);
        return Rebase::default();
    }
    let source = state.source;
    if stream.ring.clock_id() == begin.clock_id {
        state.source = None;
        return Rebase::default();
    }
    if let Some(source) = source.filter(|source| source.clock_id == begin.clock_id) {
        return Rebase {
            shift_us: source.shift_us,
            ..Rebase::default()
        };
    }
    state.source = None;
    if state.is_broken() {
        stream.ring.forget_tracks();
    } else {
        state.break_off(&stream.ring);
    }
    Rebase {
        unfitted: Some(begin),
        ..Rebase::default()
    }
}

impl Rebase {
    /// The other node's clock broke: its name is one more from here on.
    pub(crate) const fn mark_break(&mut self) {
        self.has_key = false;
        if let Some(begin) = &mut self.unfitted {
            begin.clock_id = begin.clock_id.wrapping_add(1);
        }
    }

    /// A picture got lost on the way here.
    pub(crate) const fn mark_loss(&mut self) {
        self.has_key = false;
    }

    /// Gives a frame its place. A track's times always grow.
    pub(crate) fn fit(
        &mut self,
        stream: &Stream,
        state: &mut State,
        mut frame: Frame,
        now_us: i64,
    ) -> Fitted {
        let is_video = frame.track == TrackKind::Video;
        let needs_others = is_video && frame.kind != FrameKind::Key;
        if let Some(begin) = self.unfitted {
            if needs_others {
                return Fitted::Unusable;
            }
            self.unfitted = None;
            self.shift_us = fit_clock(stream, state, begin, frame.dts_us);
        }
        frame.dts_us = frame.dts_us.saturating_add(self.shift_us);
        if let Some(newest_us) = state.newest_us(frame.track)
            && frame.dts_us <= newest_us
        {
            // The next picture is the one right after what the ring has.
            self.has_key |= is_video && frame.dts_us == newest_us;
            return Fitted::Known;
        }
        if needs_others && !self.has_key {
            return Fitted::Unusable;
        }
        self.has_key |= is_video;
        learn_zero(stream, frame.dts_us, now_us);
        Fitted::Next(frame)
    }
}

/// The least by which times have to be shifted to lie behind what the ring has. The wall clock of the
/// other node is taken over, shifted alike.
fn fit_clock(stream: &Stream, state: &mut State, begin: RelayBegin, dts_us: i64) -> i64 {
    let shift_us = match state.latest_us() {
        Some(newest_us) if dts_us <= newest_us => newest_us
            .saturating_add(RETURN_STEP_US)
            .saturating_sub(dts_us),
        _ => 0,
    };
    state.source = Some(Source {
        clock_id: begin.clock_id,
        shift_us,
    });
    let wall_us = begin.wall_at_zero_us.saturating_sub(shift_us);
    stream.wall_at_zero_us.store(wall_us, Ordering::Release);
    *stream.zero_at_us.lock() = None;
    shift_us
}

/// A relayed stream begins with what its ring holds: the frame that came with the least delay tells
/// best where time 0 lies on this node's clock.
fn learn_zero(stream: &Stream, dts_us: i64, now_us: i64) {
    let zero_us = now_us.saturating_sub(dts_us);
    let mut known = stream.zero_at_us.lock();
    *known = Some(known.map_or(zero_us, |known_us| known_us.min(zero_us)));
}
