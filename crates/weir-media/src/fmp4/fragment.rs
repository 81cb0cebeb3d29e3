//! One fragment: `moof` with a run per track, and `mdat` (ISO/IEC 14496-12 §8.8).

use bytes::Bytes;

use super::boxes::{
    TRUN_CTS, TRUN_DATA_OFFSET, TRUN_DURATION, TRUN_FIRST_FLAGS, TRUN_FLAGS, TRUN_SIZE, patch_u32,
    put_box, put_full_box, put_u32,
};
use super::track_id;
use crate::TrackKind;

/// One sample, in the timescale of its track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The track it belongs to.
    pub track: TrackKind,
    /// Decode time in ticks.
    pub dts: u64,
    /// Ticks to the next sample.
    pub duration: u32,
    /// Presentation minus decode time in ticks.
    pub cts: i32,
    /// Decodable alone.
    pub key: bool,
    /// Codec data.
    pub payload: Bytes,
}

/// `tfhd`: default-base-is-moof, default duration, default flags.
const TFHD_FLAGS: u32 = 0x02_0000 | 0x08 | 0x20;
/// `tfhd`: default-base-is-moof, duration-is-empty.
const TFHD_EMPTY_FLAGS: u32 = 0x02_0000 | 0x01_0000;
/// Sample flags (§8.8.3.1): depends on nothing; depends on others and is no sync sample.
const SAMPLE_KEY: u32 = 0x0200_0000;
const SAMPLE_INTER: u32 = 0x0101_0000;
/// Room for everything but samples: moof, mfhd, two trafs with heads, mdat header.
const FIXED_BYTES: usize = 256;
/// Bytes a sample takes in a `trun` at most.
const TRUN_ENTRY_BYTES: usize = 16;

/// A fragment of `samples`, which are in decode order within each track; all video samples come
/// first in the data. `sequence` counts fragments. Decode times within a track are contiguous:
/// each sample begins where the one before it ends.
pub fn fragment(sequence: u32, samples: &[Sample]) -> Bytes {
    let data_bytes: usize = samples.iter().map(|sample| sample.payload.len()).sum();
    let mut out = Vec::with_capacity(FIXED_BYTES + samples.len() * TRUN_ENTRY_BYTES + data_bytes);
    let mut offsets = Vec::with_capacity(2);
    put_box(&mut out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| put_u32(out, sequence));
        for track in [TrackKind::Video, TrackKind::Audio] {
            put_run(out, track, samples, &mut offsets);
        }
    });
    // The data of the first run begins behind the mdat header; offsets count from the moof, which
    // begins at 0.
    let mut data_at = out.len() + 8;
    for (field_at, run_bytes) in offsets {
        patch_u32(&mut out, field_at, data_at as u32);
        data_at += run_bytes;
    }
    put_box(&mut out, b"mdat", |out| {
        for track in [TrackKind::Video, TrackKind::Audio] {
            for sample in samples.iter().filter(|sample| sample.track == track) {
                out.extend_from_slice(&sample.payload);
            }
        }
    });
    Bytes::from(out)
}

/// A fragment without samples: nothing of `track` comes at decode time `dts`, in its ticks (§8.8.7.1,
/// `duration-is-empty`). `sequence` counts fragments.
pub fn empty_fragment(sequence: u32, track: TrackKind, dts: u64) -> Bytes {
    let mut out = Vec::with_capacity(FIXED_BYTES);
    put_box(&mut out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| put_u32(out, sequence));
        put_box(out, b"traf", |out| {
            put_full_box(out, b"tfhd", 0, TFHD_EMPTY_FLAGS, |out| {
                put_u32(out, track_id(track));
            });
            put_full_box(out, b"tfdt", 1, 0, |out| {
                out.extend_from_slice(&dts.to_be_bytes());
            });
        });
    });
    put_box(&mut out, b"mdat", |_| {});
    Bytes::from(out)
}

/// `traf` of one track, or nothing without samples. Notes where its data offset is to be written.
fn put_run(
    out: &mut Vec<u8>,
    track: TrackKind,
    samples: &[Sample],
    offsets: &mut Vec<(usize, usize)>,
) {
    let run = || samples.iter().filter(move |sample| sample.track == track);
    let Some(first) = run().next() else { return };
    let shape = RunShape::of(first, run());
    put_box(out, b"traf", |out| {
        put_full_box(out, b"tfhd", 0, TFHD_FLAGS, |out| {
            put_u32(out, track_id(track));
            put_u32(out, first.duration);
            put_u32(out, shape.default_flags);
        });
        put_full_box(out, b"tfdt", 1, 0, |out| {
            out.extend_from_slice(&first.dts.to_be_bytes());
        });
        put_full_box(out, b"trun", 1, shape.trun_flags, |out| {
            put_u32(out, run().count() as u32);
            offsets.push((out.len(), run().map(|sample| sample.payload.len()).sum()));
            put_u32(out, 0);
            if shape.has(TRUN_FIRST_FLAGS) {
                put_u32(out, sample_flags(first));
            }
            for sample in run() {
                if shape.has(TRUN_DURATION) {
                    put_u32(out, sample.duration);
                }
                put_u32(out, sample.payload.len() as u32);
                if shape.has(TRUN_FLAGS) {
                    put_u32(out, sample_flags(sample));
                }
                if shape.has(TRUN_CTS) {
                    out.extend_from_slice(&sample.cts.to_be_bytes());
                }
            }
        });
    });
}

/// Which fields a run needs.
struct RunShape {
    trun_flags: u32,
    default_flags: u32,
}

impl RunShape {
    fn of<'a>(first: &Sample, run: impl Iterator<Item = &'a Sample> + Clone) -> Self {
        let mut trun_flags = TRUN_DATA_OFFSET | TRUN_SIZE;
        if run.clone().any(|sample| sample.duration != first.duration) {
            trun_flags |= TRUN_DURATION;
        }
        if run.clone().any(|sample| sample.cts != 0) {
            trun_flags |= TRUN_CTS;
        }
        let mut rest = run.skip(1);
        let default_flags = rest.next().map_or(sample_flags(first), sample_flags);
        if rest.any(|sample| sample_flags(sample) != default_flags) {
            trun_flags |= TRUN_FLAGS;
        } else if sample_flags(first) != default_flags {
            trun_flags |= TRUN_FIRST_FLAGS;
        }
        Self {
            trun_flags,
            default_flags,
        }
    }

    const fn has(&self, flag: u32) -> bool {
        self.trun_flags & flag != 0
    }
}

const fn sample_flags(sample: &Sample) -> u32 {
    if sample.key { SAMPLE_KEY } else { SAMPLE_INTER }
}
