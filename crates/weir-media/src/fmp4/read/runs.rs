//! Where the samples of a fragment stand, without their bytes: what a whole file's tables are made of.

use bytes::Bytes;

use super::super::{AUDIO_TRACK_ID, VIDEO_TRACK_ID};
use super::{Fields, MAX_SAMPLES, boxes, find, read_u32, read_u64, too_many};
use crate::{MediaError, Result, TrackKind};

/// Samples of one track whose bytes stand in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRun {
    /// Whose they are.
    pub track: TrackKind,
    /// Decode time of the first, in ticks of the track.
    pub dts: u64,
    /// Where the first begins, bytes from the beginning of what was read.
    pub offset: u32,
    /// They, in decode order.
    pub samples: Vec<RunSample>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSample {
    /// Bytes.
    pub size: u32,
    /// Ticks to the next.
    pub duration: u32,
    /// Presentation minus decode time in ticks.
    pub cts: i32,
    /// Decodable alone.
    pub is_key: bool,
}

/// The runs of all `moof`/`mdat` pairs in `data`, as [`super::super::fragment`] writes them: each fragment says itself
/// what its samples have in common.
pub fn runs(data: &Bytes) -> Result<Vec<SampleRun>> {
    let mut found = Vec::new();
    for moof in boxes(data)?.iter().filter(|found| found.kind == *b"moof") {
        for traf in boxes(&moof.body)?
            .iter()
            .filter(|found| found.kind == *b"traf")
        {
            read_traf(moof.start, &traf.body, &mut found)?;
        }
    }
    let inside = |run: &SampleRun| {
        let bytes: u64 = run.samples.iter().map(|one| u64::from(one.size)).sum();
        u64::from(run.offset) + bytes <= data.len() as u64
    };
    match found.iter().all(inside) {
        true => Ok(found),
        false => Err(MediaError::Truncated("MP4 run")),
    }
}

fn read_traf(moof_start: usize, traf: &Bytes, found: &mut Vec<SampleRun>) -> Result<()> {
    let truncated = || MediaError::Truncated("MP4 fragment");
    let tfhd = find(traf, &[b"tfhd"])?.ok_or_else(truncated)?;
    let track = match read_u32(&tfhd, 4).ok_or_else(truncated)? {
        VIDEO_TRACK_ID => TrackKind::Video,
        AUDIO_TRACK_ID => TrackKind::Audio,
        _ => return Ok(()),
    };
    let flags = read_u32(&tfhd, 0).ok_or_else(truncated)?;
    let mut fields = Fields { data: &tfhd, at: 8 };
    if flags & 1 != 0 {
        return Err(MediaError::invalid(
            "MP4 fragment",
            "a base that is not its moof",
        ));
    }
    fields.optional(flags & 2)?; // sample description
    let default = RunSample {
        duration: fields.optional(flags & 8)?.unwrap_or(0),
        size: fields.optional(flags & 0x10)?.unwrap_or(0),
        is_key: is_key(track, fields.optional(flags & 0x20)?.unwrap_or(0)),
        cts: 0,
    };
    let mut dts = match find(traf, &[b"tfdt"])? {
        Some(tfdt) if tfdt.first() == Some(&1) => read_u64(&tfdt, 4).ok_or_else(truncated)?,
        Some(tfdt) => u64::from(read_u32(&tfdt, 4).ok_or_else(truncated)?),
        None => 0,
    };
    for trun in boxes(traf)?.iter().filter(|found| found.kind == *b"trun") {
        let run = read_run((track, dts), moof_start, default, &trun.body)?;
        let lasts: u64 = run.samples.iter().map(|one| u64::from(one.duration)).sum();
        dts = dts.saturating_add(lasts);
        found.push(run);
        let count = found.iter().map(|run| run.samples.len()).sum();
        if count > MAX_SAMPLES {
            return Err(too_many("samples of a fragment", count, MAX_SAMPLES));
        }
    }
    Ok(())
}

fn read_run(
    (track, dts): (TrackKind, u64),
    moof_start: usize,
    default: RunSample,
    trun: &Bytes,
) -> Result<SampleRun> {
    let truncated = || MediaError::Truncated("MP4 run");
    let flags = read_u32(trun, 0).ok_or_else(truncated)?;
    let mut fields = Fields { data: trun, at: 4 };
    let count = fields.u32()? as usize;
    if count > MAX_SAMPLES {
        return Err(too_many("samples of a fragment", count, MAX_SAMPLES));
    }
    let offset = fields.optional(flags & 1)?.ok_or_else(truncated)?;
    let offset = moof_start as u64 + u64::from(offset);
    let mut first_flags = fields.optional(flags & 4)?;
    let mut samples = Vec::with_capacity(count.min(trun.len()));
    for _ in 0..count {
        let duration = fields.optional(flags & 0x100)?;
        let size = fields.optional(flags & 0x200)?;
        let own_flags = fields.optional(flags & 0x400)?;
        let cts = fields.optional(flags & 0x800)?;
        let own = first_flags.take().or(own_flags);
        samples.push(RunSample {
            size: size.unwrap_or(default.size),
            duration: duration.unwrap_or(default.duration),
            cts: cts.unwrap_or(0) as i32,
            is_key: own.map_or(default.is_key, |flags| is_key(track, flags)),
        });
    }
    Ok(SampleRun {
        track,
        dts,
        offset: u32::try_from(offset).map_err(|_| truncated())?,
        samples,
    })
}

fn is_key(track: TrackKind, flags: u32) -> bool {
    track == TrackKind::Audio || flags & 0x0001_0000 == 0
}
