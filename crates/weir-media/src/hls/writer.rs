//! The bytes of the segment under construction: samples that wait for their fragment, or packets.

use bytes::Bytes;

use super::Container;
use super::lane::{Held, to_ticks};
use crate::fmp4::{self, Sample, VIDEO_TIMESCALE};
use crate::{AudioCodec, Frame, FrameKind, Result, TrackKind, Tracks, ts};

/// Gathers frames until somebody takes them as a part.
#[derive(Debug)]
pub(super) enum Writer {
    Fmp4 {
        samples: Vec<Sample>,
        bytes: usize,
        sequence: u32,
    },
    Ts {
        muxer: Option<Box<ts::Muxer>>,
        packets: Vec<u8>,
    },
}

impl Writer {
    pub(super) const fn new(container: Container) -> Self {
        match container {
            Container::Fmp4 => Self::Fmp4 {
                samples: Vec::new(),
                bytes: 0,
                sequence: 0,
            },
            Container::Ts => Self::Ts {
                muxer: None,
                packets: Vec::new(),
            },
        }
    }

    /// Other tracks from here on. Gives the init segment where there is such a thing.
    pub(super) fn set_tracks(&mut self, tracks: &Tracks) -> Result<Option<Bytes>> {
        match self {
            Self::Fmp4 { .. } => fmp4::init_segment(tracks).map(Some),
            Self::Ts {
                muxer: Some(muxer), ..
            } => muxer.change_tracks(tracks).map(|()| None),
            Self::Ts { muxer, .. } => {
                *muxer = Some(Box::new(ts::Muxer::new(tracks)?));
                Ok(None)
            }
        }
    }

    /// A segment begins: in TS it brings its tables.
    pub(super) fn begin_segment(&mut self) {
        if let Self::Ts {
            muxer: Some(muxer),
            packets,
        } = self
        {
            muxer.put_tables(packets);
        }
    }

    /// A frame as it arrives: TS needs no durations.
    pub(super) fn arrived(&mut self, frame: &Frame) {
        if let Self::Ts {
            muxer: Some(muxer),
            packets,
        } = self
        {
            muxer.put_frame(frame, packets);
        }
    }

    /// A frame whose duration is known now.
    pub(super) fn timed(&mut self, held: Held, duration: u32) {
        if let Self::Fmp4 { samples, bytes, .. } = self {
            let Held { frame, dts } = held;
            *bytes += frame.payload.len();
            samples.push(Sample {
                track: frame.track,
                dts: dts.max(0) as u64,
                duration,
                cts: to_ticks(i64::from(frame.cts_us), i64::from(VIDEO_TIMESCALE)) as i32
                    * i32::from(frame.track == TrackKind::Video),
                key: frame.kind == FrameKind::Key,
                payload: frame.payload,
            });
        }
    }

    /// What is waiting, in bytes.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Fmp4 { bytes, .. } => *bytes,
            Self::Ts { packets, .. } => packets.len(),
        }
    }

    /// All of it as one piece; `None`: nothing is waiting.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        match self {
            Self::Fmp4 {
                samples,
                bytes,
                sequence,
            } => {
                if samples.is_empty() {
                    return None;
                }
                *sequence = sequence.wrapping_add(1);
                let piece = fmp4::fragment(*sequence, samples);
                samples.clear();
                *bytes = 0;
                Some(piece)
            }
            Self::Ts { packets, .. } => {
                // Room for the next segment like this one, without growing step by step.
                let room = packets.len();
                let piece = std::mem::replace(packets, Vec::with_capacity(room));
                (!piece.is_empty()).then(|| Bytes::from(piece))
            }
        }
    }

    /// As [`Self::take`], but of the sound only what begins before `audio_ticks`; the rest waits on. TS has
    /// its packets in one order, and gives all.
    pub(super) fn take_before(&mut self, audio_ticks: u64) -> Option<Bytes> {
        let later = match self {
            Self::Fmp4 { samples, .. } => {
                let is_later =
                    |at: &mut Sample| at.track == TrackKind::Audio && at.dts >= audio_ticks;
                samples.extract_if(.., is_later).collect()
            }
            Self::Ts { .. } => Vec::new(),
        };
        let piece = self.take();
        if let Self::Fmp4 { samples, bytes, .. } = self {
            *bytes = later.iter().map(|sample| sample.payload.len()).sum();
            *samples = later;
        }
        piece
    }

    /// A piece that says that nothing of `track` comes at `ticks`.
    pub(super) fn nothing(&mut self, track: TrackKind, ticks: u64) -> Bytes {
        match self {
            Self::Fmp4 { sequence, .. } => {
                *sequence = sequence.wrapping_add(1);
                fmp4::empty_fragment(*sequence, track, ticks)
            }
            Self::Ts { .. } => Bytes::new(),
        }
    }

    /// The init segment again, made exact by the first audio frame that waits, where that helps.
    pub(super) fn exact_init(&self, tracks: &Tracks) -> Option<Bytes> {
        let Self::Fmp4 { samples, .. } = self else {
            return None;
        };
        let codec = tracks.audio.as_ref()?.codec;
        if !matches!(codec, AudioCodec::Ac3 | AudioCodec::Eac3) {
            return None;
        }
        let frame = samples
            .iter()
            .find(|sample| sample.track == TrackKind::Audio)?;
        fmp4::init_segment_with(tracks, Some(&frame.payload)).ok()
    }
}
