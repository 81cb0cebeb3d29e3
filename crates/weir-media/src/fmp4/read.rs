//! Reading what `init_segment` and `fragment` write, and what others write much like it: enough
//! to probe, to play and to test. No edit lists, no encryption, no sample tables.

use bytes::Bytes;

mod entry;
mod runs;

pub use runs::{RunSample, SampleRun, runs};

use crate::{FrameKind, MediaError, Result, TrackKind, Tracks};

/// Boxes inside one another.
const MAX_DEPTH: usize = 12;
/// Boxes side by side in one place.
const MAX_BOXES: usize = 4096;
/// Samples of one fragment: a minute of 1000 a second.
const MAX_SAMPLES: usize = 60_000;
/// Tracks of a movie; weir uses the first of each kind.
const MAX_TRACKS: usize = 16;

/// One box: kind and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mp4Box {
    /// The four-letter kind.
    pub kind: [u8; 4],
    /// What stands behind the header.
    pub body: Bytes,
    /// Where the box begins in what was read.
    pub start: usize,
}

/// The boxes side by side in `data`. Truncated if the last one is cut short.
pub fn boxes(data: &Bytes) -> Result<Vec<Mp4Box>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < data.len() {
        if found.len() >= MAX_BOXES {
            return Err(too_many("boxes", found.len(), MAX_BOXES));
        }
        let (head_bytes, size) = box_size(data.get(at..).unwrap_or_default())?;
        let end = at.checked_add(size).filter(|&end| end <= data.len());
        let end = end.ok_or(MediaError::Truncated("MP4 box"))?;
        let kind = data
            .get(at + 4..at + 8)
            .and_then(|kind| kind.try_into().ok());
        found.push(Mp4Box {
            kind: kind.ok_or(MediaError::Truncated("MP4 box"))?,
            body: data.slice(at + head_bytes..end),
            start: at,
        });
        at = end;
    }
    Ok(found)
}

/// Bytes of the whole box that begins `data`; `None` while its header is incomplete. For readers
/// that take a stream box by box.
pub fn next_box_bytes(data: &[u8]) -> Result<Option<u64>> {
    match data
        .first_chunk::<4>()
        .map(|size| u32::from_be_bytes(*size))
    {
        Some(1) if data.len() < 16 => Ok(None),
        Some(_) if data.len() >= 8 => box_size(data).map(|(_, size)| Some(size as u64)),
        _ => Ok(None),
    }
}

fn box_size(data: &[u8]) -> Result<(usize, usize)> {
    let truncated = MediaError::Truncated("MP4 box");
    let short = read_u32(data, 0).ok_or(truncated.clone())?;
    let (head, size) = match short {
        0 => (8, data.len() as u64),
        1 => (16, read_u64(data, 8).ok_or(truncated.clone())?),
        size => (8, u64::from(size)),
    };
    let size = usize::try_from(size).map_err(|_| truncated)?;
    if size < head {
        return Err(MediaError::invalid(
            "MP4 box",
            "smaller than its own header",
        ));
    }
    Ok((head, size))
}

pub(super) fn find(data: &Bytes, path: &[&[u8; 4]]) -> Result<Option<Bytes>> {
    let mut body = data.clone();
    for kind in path.iter().take(MAX_DEPTH) {
        match boxes(&body)?.into_iter().find(|found| found.kind == **kind) {
            Some(found) => body = found.body,
            None => return Ok(None),
        }
    }
    Ok(Some(body))
}

/// A movie: what an init segment tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Movie {
    /// The tracks weir can carry, the first of each kind.
    pub tracks: Tracks,
    ids: Vec<MovieTrack>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct MovieTrack {
    id: u32,
    kind: TrackKind,
    timescale: u32,
    default_duration: u32,
    default_size: u32,
    default_flags: u32,
}

impl Movie {
    /// A decode time of the track of this kind in microseconds; 0 where there is none.
    pub fn us(&self, kind: TrackKind, ticks: u64) -> i64 {
        let track = self.ids.iter().find(|track| track.kind == kind);
        let scale = track.map_or(u64::MAX, |track| u64::from(track.timescale.max(1)));
        (u128::from(ticks) * 1_000_000 / u128::from(scale)) as i64
    }
}

/// A sample out of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSample {
    /// The track it belongs to.
    pub track: TrackKind,
    /// Ticks per second of the times here.
    pub timescale: u32,
    /// Decode time in ticks.
    pub dts: u64,
    /// Ticks to the next sample.
    pub duration: u32,
    /// Presentation minus decode time in ticks.
    pub cts: i32,
    /// Key or not.
    pub kind: FrameKind,
    /// Codec data.
    pub payload: Bytes,
}

impl ReadSample {
    /// Decode time in microseconds.
    pub fn dts_us(&self) -> i64 {
        (u128::from(self.dts) * 1_000_000 / u128::from(self.timescale.max(1))) as i64
    }

    /// Presentation minus decode time in microseconds.
    pub fn cts_us(&self) -> i32 {
        (i64::from(self.cts) * 1_000_000 / i64::from(self.timescale.max(1))) as i32
    }
}

/// Reads an init segment: `ftyp`, `moov`.
pub fn movie(init: &Bytes) -> Result<Movie> {
    let moov = find(init, &[b"moov"])?.ok_or(MediaError::invalid("MP4", "no moov box"))?;
    let mut movie = Movie::default();
    for found in boxes(&moov)?
        .iter()
        .filter(|found| found.kind == *b"trak")
        .take(MAX_TRACKS)
    {
        read_track(&found.body, &mut movie)?;
    }
    if let Some(mvex) = find(&moov, &[b"mvex"])? {
        for found in boxes(&mvex)?.iter().filter(|found| found.kind == *b"trex") {
            let id = read_u32(&found.body, 4);
            if let Some(track) = movie.ids.iter_mut().find(|track| Some(track.id) == id) {
                track.default_duration = read_u32(&found.body, 12).unwrap_or(0);
                track.default_size = read_u32(&found.body, 16).unwrap_or(0);
                track.default_flags = read_u32(&found.body, 20).unwrap_or(0);
            }
        }
    }
    Ok(movie)
}

fn read_track(trak: &Bytes, movie: &mut Movie) -> Result<()> {
    let truncated = || MediaError::Truncated("MP4 track");
    let tkhd = find(trak, &[b"tkhd"])?.ok_or_else(truncated)?;
    let id_at = if tkhd.first() == Some(&1) { 20 } else { 12 };
    let mdhd = find(trak, &[b"mdia", b"mdhd"])?.ok_or_else(truncated)?;
    let timescale_at = if mdhd.first() == Some(&1) { 20 } else { 12 };
    let stsd = find(trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?.ok_or_else(truncated)?;
    let entries = stsd
        .get(8..)
        .map(|_| stsd.slice(8..))
        .ok_or_else(truncated)?;
    let Some(first) = boxes(&entries)?.into_iter().next() else {
        return Ok(());
    };
    let Some(kind) = entry::read(&first, &mut movie.tracks)? else {
        return Ok(());
    };
    movie.ids.push(MovieTrack {
        id: read_u32(&tkhd, id_at).ok_or_else(truncated)?,
        kind,
        timescale: read_u32(&mdhd, timescale_at)
            .filter(|&scale| scale > 0)
            .ok_or_else(truncated)?,
        default_duration: 0,
        default_size: 0,
        default_flags: 0,
    });
    Ok(())
}

/// The samples of all `moof`/`mdat` pairs in `data`, in the order they stand there.
pub fn samples(movie: &Movie, data: &Bytes) -> Result<Vec<ReadSample>> {
    let mut out = Vec::new();
    for moof in boxes(data)?.iter().filter(|found| found.kind == *b"moof") {
        for traf in boxes(&moof.body)?
            .iter()
            .filter(|found| found.kind == *b"traf")
        {
            read_traf(movie, data, moof.start, &traf.body, &mut out)?;
        }
    }
    Ok(out)
}

fn read_traf(
    movie: &Movie,
    data: &Bytes,
    moof_start: usize,
    traf: &Bytes,
    out: &mut Vec<ReadSample>,
) -> Result<()> {
    let truncated = || MediaError::Truncated("MP4 fragment");
    let tfhd = find(traf, &[b"tfhd"])?.ok_or_else(truncated)?;
    let id = read_u32(&tfhd, 4).ok_or_else(truncated)?;
    let Some(mut track) = movie.ids.iter().find(|track| track.id == id).cloned() else {
        return Ok(()); // a track weir does not carry
    };
    let mut fields = Fields { data: &tfhd, at: 8 };
    let flags = read_u32(&tfhd, 0).ok_or_else(truncated)?;
    let base = if flags & 1 != 0 {
        fields.u64()?
    } else {
        moof_start as u64
    };
    fields.optional(flags & 2)?; // sample description
    track.default_duration = fields
        .optional(flags & 8)?
        .unwrap_or(track.default_duration);
    track.default_size = fields.optional(flags & 0x10)?.unwrap_or(track.default_size);
    track.default_flags = fields
        .optional(flags & 0x20)?
        .unwrap_or(track.default_flags);

    let mut dts = match find(traf, &[b"tfdt"])? {
        Some(tfdt) if tfdt.first() == Some(&1) => read_u64(&tfdt, 4).ok_or_else(truncated)?,
        Some(tfdt) => u64::from(read_u32(&tfdt, 4).ok_or_else(truncated)?),
        None => 0,
    };
    let mut data_at = base;
    for trun in boxes(traf)?.iter().filter(|found| found.kind == *b"trun") {
        read_run(&track, data, base, &trun.body, &mut dts, &mut data_at, out)?;
    }
    Ok(())
}

fn read_run(
    track: &MovieTrack,
    data: &Bytes,
    base: u64,
    trun: &Bytes,
    dts: &mut u64,
    data_at: &mut u64,
    out: &mut Vec<ReadSample>,
) -> Result<()> {
    let truncated = || MediaError::Truncated("MP4 run");
    let flags = read_u32(trun, 0).ok_or_else(truncated)?;
    let mut fields = Fields { data: trun, at: 4 };
    let count = fields.u32()? as usize;
    if count > MAX_SAMPLES || out.len() + count > MAX_SAMPLES {
        return Err(too_many("samples of a fragment", count, MAX_SAMPLES));
    }
    if let Some(offset) = fields.optional(flags & 1)? {
        // Signed, from the base.
        let offset = i64::from(offset as i32);
        *data_at = base.checked_add_signed(offset).ok_or_else(truncated)?;
    }
    let mut first_flags = fields.optional(flags & 4)?;
    for _ in 0..count {
        let duration = fields
            .optional(flags & 0x100)?
            .unwrap_or(track.default_duration);
        let size = fields
            .optional(flags & 0x200)?
            .unwrap_or(track.default_size);
        let own_flags = fields.optional(flags & 0x400)?;
        let cts = fields.optional(flags & 0x800)?.unwrap_or(0) as i32;
        let sample_flags = first_flags
            .take()
            .or(own_flags)
            .unwrap_or(track.default_flags);
        let end = data_at.checked_add(u64::from(size)).ok_or_else(truncated)?;
        let (from, to) = (usize::try_from(*data_at), usize::try_from(end));
        let (Ok(from), Ok(to)) = (from, to) else {
            return Err(truncated());
        };
        if data.get(from..to).is_none() {
            return Err(truncated());
        }
        let is_key = track.kind == TrackKind::Audio || sample_flags & 0x0001_0000 == 0;
        out.push(ReadSample {
            track: track.kind,
            timescale: track.timescale,
            dts: *dts,
            duration,
            cts,
            kind: if is_key {
                FrameKind::Key
            } else {
                FrameKind::Inter
            },
            payload: data.slice(from..to),
        });
        *data_at = end;
        *dts = dts.wrapping_add(u64::from(duration));
    }
    Ok(())
}

/// Fields one after the other.
struct Fields<'a> {
    data: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn u32(&mut self) -> Result<u32> {
        let value = read_u32(self.data, self.at).ok_or(MediaError::Truncated("MP4 box"))?;
        self.at += 4;
        Ok(value)
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    fn optional(&mut self, present: u32) -> Result<Option<u32>> {
        if present == 0 {
            Ok(None)
        } else {
            self.u32().map(Some)
        }
    }
}

pub(super) fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn read_u64(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn too_many(what: &'static str, size: usize, limit: usize) -> MediaError {
    MediaError::TooLarge {
        what,
        size: size as u64,
        limit: limit as u64,
    }
}
