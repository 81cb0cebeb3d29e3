//! When the samples of a track are shown and decoded: what its edit list (ISO/IEC 14496-12 §8.6.6)
//! moves, and room for composition offsets that count backwards (§8.6.1.3, §8.8.8).
//!
//! Of an edit list, a live stream needs where it starts: how long nothing is shown, and which time
//! of the media is shown first. The edits of an authoring tool are not followed.

use bytes::Bytes;

use super::super::read::boxes;
use super::fragment::PendingSample;
use super::movie::{read_u32, read_u64};
use crate::ingest::assembler::{Time, clamp_i32, ticks_to_us};
use crate::timeline::{MIN_STEP_US, TRACK_GAP_US};

/// How much earlier a picture may be decoded than its writer says, in µs. Further from the sound
/// it would look like another clock.
const MAX_LEAD_US: i64 = TRACK_GAP_US;
/// `media_rate` 1.0.
const NORMAL_RATE: u32 = 0x0001_0000;

/// Brings the times of one track to µs, as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    timescale: u32,
    /// The media time that is shown first, in ticks.
    start: i64,
    /// How long nothing is shown before, in µs.
    delay_us: i64,
    lead: DecodeLead,
}

/// How much earlier than their writer says samples are decoded, so that none is shown before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct DecodeLead {
    /// `None` before the first fragment with samples.
    us: Option<i64>,
    /// The lead before it grew, until decode times have come down to the new one.
    old_us: Option<i64>,
    /// The last decode time given, in µs.
    last_us: Option<i64>,
}

impl Times {
    /// Without an edit list; `timescale`: ticks per second of the track.
    pub(super) fn new(timescale: u32) -> Self {
        Self {
            timescale,
            ..Self::default()
        }
    }

    /// Follows the edit list in the body of an `edts`; whether it did so with all of it.
    /// `movie_timescale`: ticks per second of the whole movie.
    pub(super) fn follow(&mut self, edts: &Bytes, movie_timescale: Option<u32>) -> bool {
        let Ok(children) = boxes(edts) else {
            return false;
        };
        let Some(list) = children.iter().find(|found| found.kind == *b"elst") else {
            return true;
        };
        let count = read_u32(&list.body, 4);
        let mut edits =
            (0..count.unwrap_or(0).min(2)).map_while(|at| Edit::read(&list.body, at as usize));
        let Some(mut edit) = edits.next() else {
            return count == Some(0);
        };
        let mut last = Some(1);
        if edit.media_time == -1 {
            let Some(hz) = movie_timescale.filter(|&hz| hz > 0) else {
                return false;
            };
            self.delay_us = ticks_to_us(edit.duration.into(), hz);
            match edits.next() {
                Some(next) => edit = next,
                None => return count == last,
            }
            last = Some(2);
        }
        let is_start = edit.media_time >= 0 && edit.rate == NORMAL_RATE;
        if is_start {
            self.start = edit.media_time;
        }
        is_start && count == last
    }

    /// Decode and presentation time of a sample, from ticks.
    pub(super) fn at(&self, dts: u64, cts: i32) -> Time {
        let us = |ticks: i128| {
            ticks_to_us(ticks - i128::from(self.start), self.timescale)
                .saturating_add(self.delay_us)
        };
        let dts_us = us(dts.into());
        let pts_us = us(i128::from(dts) + i128::from(cts));
        Time::Decode {
            dts_us,
            cts_us: clamp_i32(pts_us.saturating_sub(dts_us)),
        }
    }

    /// How long so many ticks are, in µs.
    pub(super) fn lasts_us(&self, ticks: u32) -> i64 {
        ticks_to_us(ticks.into(), self.timescale)
    }

    /// Whether [`Self::make_room`] has seen samples.
    pub(super) const fn has_room(&self) -> bool {
        self.lead.us.is_some()
    }

    /// Moves the decode times of a fragment's samples, with times from [`Self::at`], so that none
    /// is after its presentation time, which stays. False where one could not be moved that far:
    /// it is shown when it is decoded.
    ///
    /// All samples are moved by the same: what the first fragment needs, or `room_us` where that is
    /// more, for pictures that are to come. Should a later fragment need more, its decode times
    /// close up ([`MIN_STEP_US`] apart) until they are that much earlier; none goes back.
    pub(super) fn make_room(&mut self, samples: &mut [PendingSample], room_us: i64) -> bool {
        let times = |sample: &PendingSample| match sample.time {
            Time::Decode { dts_us, cts_us } => (dts_us, i64::from(cts_us)),
            Time::Presentation { pts_us, .. } => (pts_us, 0),
        };
        let Some(least_us) = samples.iter().map(|sample| times(sample).1).min() else {
            return true;
        };
        let lead = &mut self.lead;
        let usual_us = lead.us.unwrap_or(room_us);
        let lead_us = usual_us.max(-least_us).clamp(0, MAX_LEAD_US);
        if let Some(old_us) = lead.us.filter(|&old_us| old_us < lead_us) {
            lead.old_us.get_or_insert(old_us);
        }
        lead.us = Some(lead_us);
        let mut all = true;
        for sample in samples {
            let (raw_us, cts_us) = times(sample);
            let dts_us = lead.place(raw_us, lead_us);
            let cts_us = raw_us.saturating_add(cts_us).saturating_sub(dts_us);
            all &= cts_us >= 0;
            sample.time = Time::Decode {
                dts_us,
                cts_us: clamp_i32(cts_us.max(0)),
            };
        }
        all
    }
}

impl DecodeLead {
    /// Decode time of the next sample, which is at `raw_us` for its writer.
    fn place(&mut self, raw_us: i64, lead_us: i64) -> i64 {
        let mut dts_us = raw_us.saturating_sub(lead_us);
        if let (Some(old_us), Some(last_us)) = (self.old_us, self.last_us) {
            // Never later than before the lead grew: should the writer jump back, so be it.
            let least_us = raw_us
                .saturating_sub(old_us)
                .min(last_us.saturating_add(MIN_STEP_US));
            if dts_us >= least_us {
                self.old_us = None;
            }
            dts_us = dts_us.max(least_us);
        }
        self.last_us = Some(dts_us);
        dts_us
    }
}

/// One entry of an `elst`.
struct Edit {
    /// In ticks of the movie.
    duration: u64,
    /// In ticks of the track; −1: nothing is shown.
    media_time: i64,
    rate: u32,
}

impl Edit {
    /// The entry number `at` of an `elst`, with 32-bit (version 0) or 64-bit times.
    fn read(elst: &[u8], at: usize) -> Option<Self> {
        let wide = match elst.first()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let entry = elst.get(8 + at * if wide { 20 } else { 12 }..)?;
        Some(if wide {
            Self {
                duration: read_u64(entry, 0)?,
                media_time: read_u64(entry, 8)?.cast_signed(),
                rate: read_u32(entry, 16)?,
            }
        } else {
            Self {
                duration: read_u32(entry, 0)?.into(),
                media_time: read_u32(entry, 4)?.cast_signed().into(),
                rate: read_u32(entry, 8)?,
            }
        })
    }
}
