//! What exists: segments listed, segments that left the playlist but may still be asked for, and
//! the init segments they need.

use std::collections::VecDeque;

use bytes::Bytes;

use super::SegmentBytes;

/// A partial segment, or all of one that has no parts.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) bytes: Bytes,
    pub(super) duration_us: i64,
    /// Begins with a keyframe.
    pub(super) independent: bool,
}

/// A complete segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) msn: u64,
    pub(super) parts: Vec<Part>,
    /// Whether the pieces are partial segments clients hear of.
    pub(super) list_parts: bool,
    pub(super) duration_us: i64,
    pub(super) discontinuity: bool,
    pub(super) init_id: u32,
    pub(super) key_id: Option<u32>,
    /// Wall clock at its start, Unix microseconds.
    pub(super) wall_us: i64,
    /// Pictures in it.
    pub(super) pictures: u32,
}

impl Segment {
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}

/// Segments by age. Time here is media time: the durations of all segments so far.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) listed: VecDeque<Segment>,
    expired: VecDeque<Expired>,
    /// Number the next segment gets.
    pub(super) next_msn: u64,
    pub(super) discontinuity_sequence: u64,
    elapsed_us: i64,
    inits: VecDeque<(u32, Bytes)>,
}

#[derive(Debug)]
struct Expired {
    segment: Segment,
    /// Gone for good from this media time on.
    gone_at_us: i64,
}

impl Window {
    /// Appends a segment and drops what leaves: at most `count` stay listed, but three target
    /// durations in any case (§6.2.2).
    pub(super) fn push(&mut self, segment: Segment, count: usize, target_us: i64) {
        self.elapsed_us += segment.duration_us;
        self.next_msn = segment.msn + 1;
        self.listed.push_back(segment);
        while self.listed.len() > count.max(1) {
            let total_us = self.duration_us();
            let first_us = self.listed.front().map_or(0, |segment| segment.duration_us);
            if total_us - first_us < 3 * target_us {
                break;
            }
            let Some(segment) = self.listed.pop_front() else {
                break;
            };
            self.discontinuity_sequence += u64::from(segment.discontinuity);
            // §6.2.2: available for its own duration and that of the longest playlist it was in.
            let gone_at_us = self.elapsed_us + segment.duration_us + total_us;
            self.expired.push_back(Expired {
                segment,
                gone_at_us,
            });
        }
        while self
            .expired
            .front()
            .is_some_and(|old| old.gone_at_us <= self.elapsed_us)
        {
            self.expired.pop_front();
        }
        let oldest = self.oldest().map_or(0, |segment| segment.init_id);
        while self.inits.len() > 1 && self.inits.front().is_some_and(|(id, _)| *id < oldest) {
            self.inits.pop_front();
        }
    }

    pub(super) fn duration_us(&self) -> i64 {
        self.listed.iter().map(|segment| segment.duration_us).sum()
    }

    /// The oldest segment that may still be asked for.
    pub(super) fn oldest(&self) -> Option<&Segment> {
        self.expired
            .front()
            .map(|old| &old.segment)
            .or_else(|| self.listed.front())
    }

    pub(super) fn segment(&self, msn: u64) -> Option<&Segment> {
        let at = |first: u64| usize::try_from(msn.checked_sub(first)?).ok();
        let listed = self
            .listed
            .front()
            .and_then(|first| self.listed.get(at(first.msn)?));
        listed.or_else(|| {
            let first = self.expired.front()?;
            self.expired
                .get(at(first.segment.msn)?)
                .map(|old| &old.segment)
        })
    }

    pub(super) fn segment_bytes(&self, msn: u64) -> Option<SegmentBytes> {
        let segment = self.segment(msn)?;
        let parts = segment
            .parts
            .iter()
            .map(|part| part.bytes.clone())
            .collect();
        Some(SegmentBytes {
            parts,
            len: segment.len(),
        })
    }

    /// Adds init segment `id`, or puts a better one in its place.
    pub(super) fn set_init(&mut self, id: u32, bytes: Bytes) {
        match self.inits.iter_mut().find(|(own, _)| *own == id) {
            Some((_, init)) => *init = bytes,
            None => self.inits.push_back((id, bytes)),
        }
    }

    pub(super) fn init(&self, id: u32) -> Option<Bytes> {
        self.inits
            .iter()
            .find(|(own, _)| *own == id)
            .map(|(_, bytes)| bytes.clone())
    }

    /// Pictures per second of the segment listed that has most (§4.4.6.2); short segments do not count.
    pub(super) fn frame_rate(&self, target_us: i64) -> Option<f64> {
        let whole = self
            .listed
            .iter()
            .filter(|segment| segment.pictures > 1 && segment.duration_us * 2 >= target_us);
        whole
            .map(|segment| f64::from(segment.pictures) * 1e6 / segment.duration_us as f64)
            .max_by(f64::total_cmp)
    }

    /// Peak and average bits per second of the segments listed (§4.4.6.2); short segments do not
    /// count for the peak unless there are no others.
    pub(super) fn bandwidth(&self, target_us: i64) -> (u64, u64) {
        let rate = |bytes: u64, us: i64| bytes * 8 * 1_000_000 / (us.max(1) as u64);
        let bytes: u64 = self.listed.iter().map(|segment| segment.len() as u64).sum();
        let average = rate(bytes, self.duration_us());
        let peak = self
            .listed
            .iter()
            .filter(|segment| segment.duration_us * 2 >= target_us)
            .map(|segment| rate(segment.len() as u64, segment.duration_us))
            .max();
        (peak.unwrap_or(average).max(average), average)
    }
}
