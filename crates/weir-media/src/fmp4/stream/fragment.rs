//! `moof`: where in the stream the samples of a fragment lie, and when they are (§8.8).

use bytes::Bytes;

use super::super::read::boxes;
use super::MAX_SAMPLE_BYTES;
use super::movie::{CarriedTrack, read_u32, read_u64};
use crate::bits::Cursor;
use crate::fmp4::boxes::{
    TRUN_CTS, TRUN_DATA_OFFSET, TRUN_DURATION, TRUN_FIRST_FLAGS, TRUN_FLAGS, TRUN_SIZE,
};
use crate::ingest::assembler::{Assembler, Codec, Time};
use crate::{FrameKind, MediaError, Result, TrackKind};

/// Samples of one fragment: a minute of 1000 a second.
pub(super) const MAX_SAMPLES: usize = 60_000;

const TFHD_BASE_OFFSET: u32 = 0x00_0001;
const TFHD_DESCRIPTION: u32 = 0x00_0002;
const TFHD_DURATION: u32 = 0x00_0008;
const TFHD_SIZE: u32 = 0x00_0010;
const TFHD_FLAGS: u32 = 0x00_0020;
const TFHD_BASE_IS_MOOF: u32 = 0x02_0000;
/// Sample flags (§8.8.3.1).
const SAMPLE_NON_SYNC: u32 = 0x0001_0000;
const SAMPLE_DEPENDED_ON_MASK: u32 = 0x00C0_0000;
const SAMPLE_NOT_DEPENDED_ON: u32 = 0x0080_0000;

/// A sample whose data is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PendingSample {
    /// Where in the stream it lies.
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) codec: Codec,
    pub(super) time: Time,
    pub(super) kind: FrameKind,
}

impl PendingSample {
    /// Where in the stream it ends.
    pub(super) const fn end(&self) -> u64 {
        self.offset.saturating_add(self.size as u64)
    }
}

/// The samples of a `moof` in the order of their data. `start`: where in the stream the box
/// begins; `file_start`: where what absolute offsets count from does; `out`: knows how far pictures
/// move, and is told of those that move too far.
pub(super) fn read(
    moof: &Bytes,
    start: u64,
    file_start: u64,
    tracks: &mut [CarriedTrack],
    out: &mut Assembler,
) -> Result<Vec<PendingSample>> {
    let mut samples = Vec::new();
    let mut left = MAX_SAMPLES;
    let mut data_end = start;
    for traf in boxes(moof)?.iter().filter(|found| found.kind == *b"traf") {
        let places = Places {
            moof: start,
            file: file_start,
            before: data_end,
        };
        let mut own = Vec::new();
        let (run, track) = read_track(&traf.body, &places, tracks, &mut left, &mut own)?;
        data_end = run.data_at;
        if let Some(track) = track {
            track.next_dts = run.dts;
            if track.codec.track() == TrackKind::Video {
                let room_us = match track.times.has_room() {
                    true => 0,
                    false => run.room_us(&own, out),
                };
                if !track.times.make_room(&mut own, room_us) {
                    out.note("pictures that were to be shown long before they come are shown late");
                }
            }
        }
        samples.append(&mut own);
    }
    // Stable: what lies at one place (empty samples) keeps its order.
    samples.sort_by_key(|sample| sample.offset);
    Ok(samples)
}

/// What data offsets may count from.
struct Places {
    moof: u64,
    file: u64,
    /// Where the data of the track before ended.
    before: u64,
}

/// Reads a `traf`; gives its track, should weir carry it, and what stands at its end.
fn read_track<'a>(
    traf: &Bytes,
    places: &Places,
    tracks: &'a mut [CarriedTrack],
    left: &mut usize,
    samples: &mut Vec<PendingSample>,
) -> Result<(Run, Option<&'a mut CarriedTrack>)> {
    let truncated = || MediaError::Truncated("MP4 fragment");
    let children = boxes(traf)?;
    let find = |kind: &[u8; 4]| children.iter().find(|found| found.kind == *kind);
    let mut tfhd = Cursor::new(find(b"tfhd").ok_or_else(truncated)?.body.clone(), "tfhd");
    let flags = u32_of(&mut tfhd)?;
    let id = u32_of(&mut tfhd)?;
    let base = if flags & TFHD_BASE_OFFSET != 0 {
        let offset = u64::from(u32_of(&mut tfhd)?) << 32 | u64::from(u32_of(&mut tfhd)?);
        places.file.checked_add(offset).ok_or_else(truncated)?
    } else if flags & TFHD_BASE_IS_MOOF != 0 {
        places.moof
    } else {
        places.before
    };
    optional(&mut tfhd, flags & TFHD_DESCRIPTION)?;
    let track = tracks.iter_mut().find(|track| track.id == id);
    let mut run = Run {
        base,
        data_at: base,
        // Of a track weir does not carry, only where its data ends is of use.
        track: track.as_deref().cloned(),
        ..Run::default()
    };
    let defaults = run.track.as_ref().map(|track| track.defaults);
    let defaults = defaults.unwrap_or_default();
    run.duration = optional(&mut tfhd, flags & TFHD_DURATION)?.unwrap_or(defaults.duration);
    run.size = optional(&mut tfhd, flags & TFHD_SIZE)?.unwrap_or(defaults.size);
    run.flags = optional(&mut tfhd, flags & TFHD_FLAGS)?.unwrap_or(defaults.flags);
    run.dts = match find(b"tfdt").map(|found| &found.body) {
        Some(tfdt) => decode_time(tfdt).ok_or_else(truncated)?,
        None => run.track.as_ref().map_or(0, |track| track.next_dts),
    };
    for trun in children.iter().filter(|found| found.kind == *b"trun") {
        run.read(&trun.body, left, samples)?;
    }
    Ok((run, track))
}

/// `tfdt` with 32 or 64 bits.
fn decode_time(tfdt: &[u8]) -> Option<u64> {
    match tfdt.first() {
        Some(1) => read_u64(tfdt, 4),
        _ => read_u32(tfdt, 4).map(u64::from),
    }
}

/// The state that goes through the runs of one track.
#[derive(Debug, Default)]
struct Run {
    base: u64,
    data_at: u64,
    track: Option<CarriedTrack>,
    duration: u32,
    size: u32,
    flags: u32,
    dts: u64,
    /// Ticks that the first sample lasts.
    first_duration: Option<u32>,
    /// Composition offsets may be negative.
    signed: bool,
}

impl Run {
    /// How much earlier pictures may have to be decoded than their writer says, in µs, for what is
    /// known before they come: the first one is shown so long after it is decoded as those behind
    /// it may move, or the writer counts backwards.
    fn room_us(&self, samples: &[PendingSample], out: &Assembler) -> i64 {
        let (Some(track), Some(first), true) = (&self.track, samples.first(), self.signed) else {
            return 0;
        };
        let Time::Decode { cts_us, .. } = first.time else {
            return 0;
        };
        let step_us = self.first_duration.filter(|&ticks| ticks > 0);
        let step_us = step_us.map(|ticks| track.times.lasts_us(ticks));
        out.reorder_us(step_us).saturating_sub(cts_us.into())
    }

    /// Reads a `trun`; `left` counts down from [`MAX_SAMPLES`], with tracks weir does not carry.
    fn read(
        &mut self,
        body: &Bytes,
        left: &mut usize,
        samples: &mut Vec<PendingSample>,
    ) -> Result<()> {
        let truncated = || MediaError::Truncated("trun");
        let mut fields = Cursor::new(body.clone(), "trun");
        let flags = u32_of(&mut fields)?;
        let count = u32_of(&mut fields)? as usize;
        *left = left.checked_sub(count).ok_or(MediaError::TooLarge {
            what: "samples of a fragment",
            size: count as u64,
            limit: MAX_SAMPLES as u64,
        })?;
        if let Some(offset) = optional(&mut fields, flags & TRUN_DATA_OFFSET)? {
            let offset = i64::from(offset as i32);
            self.data_at = self.base.checked_add_signed(offset).ok_or_else(truncated)?;
        }
        let mut first_flags = optional(&mut fields, flags & TRUN_FIRST_FLAGS)?;
        // One picture alone needs no offset, whatever those behind it need.
        self.signed |= (flags & TRUN_CTS != 0 || count == 1) && body.first() == Some(&1);
        for _ in 0..count {
            let duration = optional(&mut fields, flags & TRUN_DURATION)?.unwrap_or(self.duration);
            self.first_duration.get_or_insert(duration);
            let size = optional(&mut fields, flags & TRUN_SIZE)?.unwrap_or(self.size);
            let own_flags = optional(&mut fields, flags & TRUN_FLAGS)?;
            // Unsigned in version 0, but writers put negative ones there too.
            let cts = optional(&mut fields, flags & TRUN_CTS)?.unwrap_or(0) as i32;
            self.signed |= cts < 0;
            let flags = first_flags.take().or(own_flags).unwrap_or(self.flags);
            if size > MAX_SAMPLE_BYTES {
                return Err(MediaError::TooLarge {
                    what: "MP4 sample",
                    size: size.into(),
                    limit: MAX_SAMPLE_BYTES.into(),
                });
            }
            if let Some(track) = &self.track {
                samples.push(pending(track, self.data_at, size, self.dts, cts, flags));
            }
            let end = self.data_at.checked_add(u64::from(size));
            self.data_at = end.ok_or_else(truncated)?;
            self.dts = self.dts.saturating_add(u64::from(duration));
        }
        Ok(())
    }
}

fn pending(
    track: &CarriedTrack,
    offset: u64,
    size: u32,
    dts: u64,
    cts: i32,
    flags: u32,
) -> PendingSample {
    let kind = match track.codec {
        Codec::Audio(_) => FrameKind::Key,
        _ if flags & SAMPLE_NON_SYNC == 0 => FrameKind::Key,
        _ if flags & SAMPLE_DEPENDED_ON_MASK == SAMPLE_NOT_DEPENDED_ON => FrameKind::Disposable,
        _ => FrameKind::Inter,
    };
    PendingSample {
        offset,
        size,
        codec: track.codec,
        time: track.times.at(dts, cts),
        kind,
    }
}

fn u32_of(fields: &mut Cursor) -> Result<u32> {
    fields.fourcc().map(u32::from_be_bytes)
}

fn optional(fields: &mut Cursor, present: u32) -> Result<Option<u32>> {
    if present == 0 {
        return Ok(None);
    }
    u32_of(fields).map(Some)
}
