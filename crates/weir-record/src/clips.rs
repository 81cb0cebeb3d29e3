//! Where a clip begins and ends: clips have no media of their own, and are cut at segments.

use crate::playlist::Stretch;
use crate::recording::View;

/// Why there is no such clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoClip {
    /// The recording has not come as far yet, but to this time, Unix milliseconds.
    #[error("it is not recorded up to then yet")]
    TooEarly(i64),
    /// Nothing was recorded then.
    #[error("nothing was recorded then")]
    Empty,
}

/// From when to when a clip is, Unix milliseconds: from the segment with its beginning to the one with its end.
///
/// # Errors
/// Why there is none.
pub fn cut(view: &View, from_ms: i64, to_ms: i64) -> Result<(i64, i64), NoClip> {
    let wished = stretch(from_ms, to_ms);
    let end_us = view.end_us();
    if view.facts.ended_ms.is_none() && wished.to_us > end_us {
        return Err(NoClip::TooEarly(end_us / 1000));
    }
    let inside = || view.segments().filter(|(_, one)| wished.has(one));
    let from_us = inside().map(|(_, one)| one.wall_us).min();
    let to_us = inside().map(|(_, one)| one.end_us()).max();
    let (from_us, to_us) = from_us.zip(to_us).ok_or(NoClip::Empty)?;
    // Up, so that the segment before is not in it.
    Ok(((from_us + 999) / 1000, to_us / 1000))
}

/// What of its recording a clip is.
pub const fn stretch(from_ms: i64, to_ms: i64) -> Stretch {
    Stretch {
        from_us: from_ms.saturating_mul(1000),
        to_us: to_ms.saturating_mul(1000),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_base::{Clock, StreamName};

    use super::*;
    use crate::disk::LocalDisk;
    use crate::epoch::Epoch;
    use crate::spool::Spool;
    use crate::writing::{Given, Part};

    const START_US: i64 = 1_800_000_000_000_000;

    #[test]
    fn a_clip_is_cut_at_segments() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START_US);
        let spool = Spool::open(Arc::new(LocalDisk), folder.path(), clock).unwrap();
        let name = StreamName::new("", "live", "a").unwrap();
        let mut tape = spool.record(&name, Epoch::new("e1").unwrap()).unwrap();
        let id = tape.recording().id;
        for msn in 0..10 {
            tape.give(Given::Part(Part {
                msn,
                index: 0,
                wall_us: START_US + msn as i64 * 2_000_000,
                duration_us: 2_000_000,
                init_id: 0,
                is_independent: true,
                is_discontinuity: false,
                bytes: vec![0; 100].into(),
            }));
            tape.give(Given::SegmentEnd {
                msn,
                duration_us: 2_000_000,
                pictures: 1,
            });
        }
        drop(tape);
        spool.close();
        let view = spool.find(id).unwrap().view().unwrap();
        let at = |s: i64| START_US / 1000 + s * 1000;
        let (from_ms, to_ms) = cut(&view, at(5), at(11)).unwrap();
        assert_eq!((from_ms, to_ms), (at(4), at(12)));
        let own = stretch(from_ms, to_ms);
        assert_eq!(view.segments().filter(|(_, one)| own.has(one)).count(), 4);
        assert_eq!(cut(&view, at(15), at(25)), Err(NoClip::TooEarly(at(20))));
        assert_eq!(cut(&view, at(-9), at(-5)), Err(NoClip::Empty));
    }
}
