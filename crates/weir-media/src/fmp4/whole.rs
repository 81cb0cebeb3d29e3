//! The head of a whole MP4 file (ISO/IEC 14496-12 §8): `ftyp`, `moov` with all sample tables, and the header of one
//! `mdat`, for bytes that stand elsewhere. What is between the samples in them is passed over.

mod head;
mod tables;

use bytes::Bytes;

use self::head::Writing;
use self::tables::SampleTables;
use super::read::{SampleRun, boxes, find, read_u32};
use crate::{MediaError, Result, TrackKind};

/// Samples of a file at most: six hours of 60 pictures and 94 sounds a second are 3.3 million.
pub const MAX_SAMPLES: usize = 4_000_000;
/// Other codec headers that one track may come to.
const MAX_ENTRIES: usize = 64;

/// Gathers what a file has.
#[derive(Debug, Default)]
pub struct WholeFile {
    video: Option<Track>,
    audio: Option<Track>,
    /// Microseconds of the file's clock at which what comes next begins.
    base_us: i64,
    /// Decode time that is there, microseconds of the clock of what comes; `None`: of the next runs.
    origin_us: Option<i64>,
    samples: usize,
}

/// A track of the file.
#[derive(Debug)]
struct Track {
    timescale: u32,
    /// Boxes of `stsd`, each once.
    entries: Vec<Bytes>,
    /// The one of what comes next.
    entry: u32,
    width: u32,
    height: u32,
    tables: SampleTables,
}

/// Which of the two has which clock, and is which entry.
impl Track {
    fn us(&self, ticks: i64) -> i64 {
        scaled(ticks, i64::from(self.timescale), 1_000_000)
    }

    fn ticks(&self, us: i64) -> i64 {
        scaled(us, 1_000_000, i64::from(self.timescale))
    }
}

impl WholeFile {
    /// What comes next needs this init segment, and follows what came before without a gap, whatever its clock says.
    ///
    /// # Errors
    /// Where it cannot be read, or has a track with another clock than before: that is another file.
    pub fn begin(&mut self, init: &Bytes) -> Result<()> {
        let moov = find(init, &[b"moov"])?.ok_or(MediaError::invalid("MP4", "no moov box"))?;
        for trak in boxes(&moov)?.iter().filter(|found| found.kind == *b"trak") {
            self.track(&trak.body)?;
        }
        self.base_us = self.end_us();
        self.origin_us = None;
        Ok(())
    }

    fn track(&mut self, trak: &Bytes) -> Result<()> {
        let truncated = || MediaError::Truncated("MP4 track");
        let body = |path: &[&[u8; 4]]| find(trak, path)?.ok_or_else(truncated);
        let (tkhd, mdhd) = (body(&[b"tkhd"])?, body(&[b"mdia", b"mdhd"])?);
        let hdlr = body(&[b"mdia", b"hdlr"])?;
        let stsd = body(&[b"mdia", b"minf", b"stbl", b"stsd"])?;
        let field = |of: &Bytes, at| read_u32(of, at).ok_or_else(truncated);
        let (timescale, entry) = (field(&mdhd, 12)?, stsd.slice(stsd.len().min(8)..));
        let (width, height) = (field(&tkhd, 76)?, field(&tkhd, 80)?);
        let place = match hdlr.get(8..12) {
            Some(b"vide") => &mut self.video,
            Some(b"soun") => &mut self.audio,
            _ => return Ok(()),
        };
        let track = place.get_or_insert_with(|| Track {
            timescale,
            entries: Vec::new(),
            entry: 0,
            width,
            height,
            tables: SampleTables::default(),
        });
        if timescale == 0 || track.timescale != timescale {
            let words = "the sample rate changes in it";
            return Err(MediaError::invalid("MP4 file", words));
        }
        let known = track.entries.iter().position(|own| *own == entry);
        let at = known.unwrap_or(track.entries.len());
        if known.is_none() {
            if at >= MAX_ENTRIES {
                return Err(MediaError::TooLarge {
                    what: "codec headers of a file",
                    size: at as u64,
                    limit: MAX_ENTRIES as u64,
                });
            }
            track.entries.push(entry);
        }
        track.entry = at as u32;
        Ok(())
    }

    /// Samples that stand behind one another; `data_at` is where what the runs count from is in the file's data. All
    /// runs of a segment at once.
    ///
    /// # Errors
    /// Where there are too many.
    pub fn runs(&mut self, runs: &[SampleRun], data_at: u64) -> Result<()> {
        let count: usize = runs.iter().map(|run| run.samples.len()).sum();
        self.samples += count;
        if self.samples > MAX_SAMPLES {
            return Err(MediaError::TooLarge {
                what: "samples of a file",
                size: self.samples as u64,
                limit: MAX_SAMPLES as u64,
            });
        }
        let base_us = self.base_us;
        let begin = |run: &SampleRun| {
            let track = self.of(run.track)?;
            Some(track.us(i64::try_from(run.dts).ok()?))
        };
        let first = runs.iter().filter_map(begin).min();
        let origin_us = self.origin_us.or(first);
        self.origin_us = origin_us;
        let origin_us = origin_us.unwrap_or(0);
        for run in runs.iter().filter(|run| !run.samples.is_empty()) {
            let track = match run.track {
                TrackKind::Video => &mut self.video,
                TrackKind::Audio => &mut self.audio,
            };
            let (Some(track), Ok(dts)) = (track, i64::try_from(run.dts)) else {
                continue;
            };
            let at = dts - track.ticks(origin_us) + track.ticks(base_us);
            let offset = data_at.saturating_add(u64::from(run.offset));
            track.tables.put(run, at, offset, track.entry);
        }
        Ok(())
    }

    /// The head of the file, for so many bytes of data.
    pub fn head(mut self, data_bytes: u64) -> Bytes {
        for track in self.video.iter_mut().chain(&mut self.audio) {
            track.tables.finish();
        }
        let mut writing = Writing::default();
        writing.put(&self, data_bytes);
        writing.finish(data_bytes)
    }

    fn of(&self, kind: TrackKind) -> Option<&Track> {
        match kind {
            TrackKind::Video => self.video.as_ref(),
            TrackKind::Audio => self.audio.as_ref(),
        }
    }

    /// Where all there is has ended, microseconds of the file's clock.
    fn end_us(&self) -> i64 {
        let ends = self.video.iter().chain(&self.audio);
        let ends = ends.map(|track| track.us(track.tables.end()));
        ends.max().unwrap_or(0)
    }
}

/// A time in another unit, to the nearest.
fn scaled(value: i64, from: i64, to: i64) -> i64 {
    let (value, from, to) = (i128::from(value), i128::from(from.max(1)), i128::from(to));
    ((value * to * 2 + from).div_euclid(from * 2)) as i64
}

#[cfg(test)]
mod tests;
