//! Where the samples of a block's segments are: what whole files, lists of keyframes and pictures are made of without
//! reading the media. Written while the block is, as numbers of as few bytes as they need; where they are missing, as
//! after a crash, they are read out of the segments.

use std::io;

use bytes::{Bytes, BytesMut};
use weir_media::TrackKind;
use weir_media::fmp4::read::{RunSample, SampleRun, runs};

use crate::block::MAX_SEGMENTS;
use crate::piece::{HEAD_BYTES, PieceHead, PieceKind};
use crate::recording::{Block, Recording};

/// Bytes that a block's samples may take: beyond it they are read out of the segments, should anybody ask.
const MAX_BYTES: usize = 1 << 20;
/// Samples of a block that are believed.
const MAX_SAMPLES: usize = 1 << 20;
const VERSION: u8 = 1;

// What a run has in common.
const IS_AUDIO: u64 = 1;
const HAS_DURATIONS: u64 = 2;
const HAS_OFFSETS: u64 = 4;

/// The runs of each segment of a block, in order; their places count from the beginning of the segment's media.
pub type SegmentRuns = Vec<Vec<SampleRun>>;

impl Recording {
    /// Where the samples of a block are. Reads the disk: not for the media path.
    ///
    /// # Errors
    /// The disk's, and `InvalidData` where it has not what was written.
    pub fn samples(&self, block: &Block) -> io::Result<SegmentRuns> {
        let count = block.table.segments.len();
        if let Some(place) = block.table.samples.clone()
            && let Some(told) = told(&self.read(block, place)?)
            && told.len() <= count
        {
            let mut told = told;
            told.resize(count, Vec::new());
            return Ok(told);
        }
        let segments = block.table.segments.iter();
        let each = segments.map(|segment| {
            let mut media = BytesMut::with_capacity(segment.bytes as usize);
            for part in self.media(block, segment)? {
                media.extend_from_slice(&part);
            }
            runs(&media.freeze()).map_err(io::Error::other)
        });
        each.collect()
    }
}

/// What a piece of [`PieceKind::Samples`] tells; `None` where it is none.
fn told(piece: &[u8]) -> Option<SegmentRuns> {
    let head = PieceHead::decode(piece).ok()?;
    PieceHead::check(piece).ok()?;
    let is_it = head.kind == PieceKind::Samples && head.whole_len() == piece.len();
    is_it.then(|| decode(piece.get(HEAD_BYTES..)?))?
}

/// Gathers samples while a block is written.
#[derive(Debug)]
pub(crate) struct Gathering {
    out: Vec<u8>,
    /// Something could not be read, or is too much: nothing is told of this block.
    is_off: bool,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            out: vec![VERSION],
            is_off: false,
        }
    }
}

impl Gathering {
    /// Takes up a part of the block's segment of this number, which begins so many bytes into its media.
    pub(crate) fn note(&mut self, segment: usize, at: u32, part: &Bytes) {
        if self.is_off {
            return;
        }
        match runs(part) {
            Ok(runs) => runs.iter().for_each(|run| self.put(segment, at, run)),
            Err(_) => self.is_off = true,
        }
        if self.out.len() > MAX_BYTES {
            self.is_off = true;
        }
        if self.is_off {
            self.out = Vec::new();
        }
    }

    /// All of it; `None` where nothing can be told.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let out = std::mem::take(&mut self.out);
        (!self.is_off).then_some(out)
    }

    fn put(&mut self, segment: usize, at: u32, run: &SampleRun) {
        let Some(first) = run.samples.first() else {
            return;
        };
        let has_durations = run.samples.iter().any(|one| one.duration != first.duration);
        let has_offsets = run.samples.iter().any(|one| one.cts != 0);
        let flags = u64::from(run.track == TrackKind::Audio)
            | (u64::from(has_durations) * HAS_DURATIONS)
            | (u64::from(has_offsets) * HAS_OFFSETS);
        let place = u64::from(at) + u64::from(run.offset);
        let count = run.samples.len() as u64;
        for number in [segment as u64, flags, place, run.dts, count] {
            self.number(number);
        }
        if !has_durations {
            self.number(first.duration.into());
        }
        for one in &run.samples {
            self.number(u64::from(one.size) << 1 | u64::from(one.is_key));
            if has_durations {
                self.number(one.duration.into());
            }
            if has_offsets {
                // Signs last, so that small ones are short.
                self.number(u64::from((one.cts << 1 ^ one.cts >> 31) as u32));
            }
        }
    }

    /// Seven bits in a byte, the lowest first; the eighth says that more come.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }
}

/// Reads what [`Gathering`] wrote; `None` where it makes no sense.
pub fn decode(bytes: &[u8]) -> Option<SegmentRuns> {
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut numbers = Numbers(rest);
    let mut segments: SegmentRuns = Vec::new();
    let mut samples = 0;
    while !numbers.0.is_empty() {
        let segment = usize::try_from(numbers.next()?).ok()?;
        let (flags, offset, dts) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let count = usize::try_from(numbers.next()?).ok()?;
        samples += count;
        // Each has a byte at least, and segments are told in order, none without a sample.
        let is_sensible = samples <= MAX_SAMPLES && count <= numbers.0.len();
        if !is_sensible || segment + 1 < segments.len() || segment >= MAX_SEGMENTS {
            return None;
        }
        if segment >= segments.len() {
            segments.resize(segment + 1, Vec::new());
        }
        let run = SampleRun {
            track: match flags & IS_AUDIO {
                0 => TrackKind::Video,
                _ => TrackKind::Audio,
            },
            dts,
            offset: u32::try_from(offset).ok()?,
            samples: numbers.samples(flags, count)?,
        };
        segments.get_mut(segment)?.push(run);
    }
    Some(segments)
}

/// What is still to be read.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn short(&mut self) -> Option<u32> {
        u32::try_from(self.next()?).ok()
    }

    fn samples(&mut self, flags: u64, count: usize) -> Option<Vec<RunSample>> {
        let common = match flags & HAS_DURATIONS {
            0 => Some(self.short()?),
            _ => None,
        };
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let size = self.next()?;
            let duration = match common {
                Some(duration) => duration,
                None => self.short()?,
            };
            let cts = match flags & HAS_OFFSETS {
                0 => 0,
                _ => self.short()?,
            };
            samples.push(RunSample {
                size: u32::try_from(size >> 1).ok()?,
                duration,
                cts: (cts >> 1) as i32 ^ -((cts & 1) as i32),
                is_key: size & 1 == 1,
            });
        }
        Some(samples)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_media::fmp4::{Sample, fragment};

    use super::*;

    fn part(key: bool, sizes: &[u8], durations: u32) -> Bytes {
        let sample = |track, at: usize, size: u8| Sample {
            track,
            dts: (1 << 40) + at as u64 * 3000,
            duration: 3000 + durations * at as u32,
            cts: if track == TrackKind::Video {
                3000 - 2000 * at as i32
            } else {
                0
            },
            key: key && at == 0 || track == TrackKind::Audio,
            payload: Bytes::from(vec![size; usize::from(size) + 1]),
        };
        let of = |track| {
            let sizes = sizes.iter().enumerate();
            sizes.map(move |(at, size)| sample(track, at, *size))
        };
        let all: Vec<_> = of(TrackKind::Video).chain(of(TrackKind::Audio)).collect();
        fragment(1, &all)
    }

    proptest! {
        #[test]
        fn what_was_gathered_is_read_again(sizes in proptest::collection::vec(any::<u8>(), 1..30), durations in 0_u32..2) {
            let parts = [part(true, &sizes, durations), part(false, &sizes, 0)];
            let mut gathering = Gathering::default();
            let mut expected = vec![Vec::new(), Vec::new()];
            for (segment, of_segment) in expected.iter_mut().enumerate() {
                let mut at = 0;
                for part in &parts {
                    gathering.note(segment, at, part);
                    for mut run in runs(part).unwrap() {
                        run.offset += at;
                        of_segment.push(run);
                    }
                    at += part.len() as u32;
                }
            }
            let told = decode(&gathering.take().unwrap()).unwrap();
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn whatever_is_read_nothing_breaks(mut bytes: Vec<u8>) {
            let _ = decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn what_is_no_fragment_tells_nothing() {
        let mut gathering = Gathering::default();
        gathering.note(0, 0, &part(true, &[1], 0));
        gathering.note(0, 0, &Bytes::from_static(b"a part"));
        assert_eq!(gathering.take(), None);
    }
}
