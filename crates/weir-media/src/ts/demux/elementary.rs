//! PES packets, and their payloads to frames, codec by codec. Sound is in [`super::audio`].

use bytes::{BufMut, Bytes, BytesMut};

use super::TsFrame;
use super::audio::Sound;
use super::av1::Av1Pictures;
use crate::codec::avc::AvcConfig;
use crate::codec::hevc::HevcConfig;
use crate::codec::nal::Nals;
use crate::codec::picture::PictureJudge;
use crate::codec::{self};
use crate::ts::annexb::{self, NalRole};
use crate::ts::catalog::CarriedStream;
use crate::{FrameKind, MediaError, Result, TrackKind, Tracks, VideoCodec, VideoTrack};

/// Ticks between pictures where nothing tells: 25 a second.
const DEFAULT_STEP: i64 = 3600;
/// Most ticks between two pictures that say how far apart pictures are.
const MAX_STEP: i64 = 90_000;

/// A parsed PES.
#[derive(Debug)]
pub(super) struct Pes {
    /// Presentation and decode time; a PES need not have one.
    pub(super) times: Option<(u64, u64)>,
    pub(super) payload: Bytes,
}

impl Pes {
    /// Whether all bytes are there of a PES that says how many it has.
    pub(super) fn is_complete(bytes: &[u8]) -> bool {
        match bytes.get(4..6) {
            Some(&[high, low]) => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                length > 0 && bytes.len() >= 6 + length
            }
            _ => false,
        }
    }

    /// `None` for what is no PES.
    pub(super) fn parse(bytes: Bytes) -> Option<Self> {
        let &[0, 0, 1, _, high, low, mark, flags, header_bytes, ..] = bytes.as_ref() else {
            return None;
        };
        let start = 9 + usize::from(header_bytes);
        let length = usize::from(u16::from_be_bytes([high, low]));
        let end = if length == 0 {
            bytes.len()
        } else {
            bytes.len().min(6 + length)
        };
        if mark & 0xC0 != 0x80 || start > end {
            return None;
        }
        let at = |at: usize| timestamp(bytes.get(at..at + 5)?);
        let times = match flags >> 6 {
            3 => Some((at(9)?, at(14)?)),
            2 => Some((at(9)?, at(9)?)),
            _ => None,
        };
        Some(Self {
            times,
            payload: bytes.slice(start..end),
        })
    }
}

fn timestamp(field: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e] = field else { return None };
    let (a, b, c, d, e) = (
        u64::from(a),
        u64::from(b),
        u64::from(c),
        u64::from(d),
        u64::from(e),
    );
    Some((a & 0x0E) << 29 | b << 22 | (c & 0xFE) << 14 | d << 7 | e >> 1)
}

/// A PES that is to be taken apart.
#[derive(Debug)]
pub(super) struct Unit {
    /// Presentation and decode time in 90 kHz ticks, unwrapped, where the PES has them.
    pub(super) times: Option<(i64, i64)>,
    /// `random_access_indicator` of its first packet.
    pub(super) is_marked: bool,
    pub(super) payload: Bytes,
}

/// One elementary stream: its codec and what it told of itself so far.
#[derive(Debug)]
pub(super) enum Elementary {
    Video(Pictures),
    Av1(Box<Av1Pictures>),
    Audio(Sound),
}

impl Elementary {
    pub(super) fn new(carried: CarriedStream) -> Self {
        match carried {
            CarriedStream::Video(VideoCodec::Av1) => Self::Av1(Box::default()),
            CarriedStream::Video(codec) => Self::Video(Pictures::new(codec)),
            CarriedStream::Audio(framing) => Self::Audio(Sound::new(framing)),
        }
    }

    pub(super) const fn kind(&self) -> TrackKind {
        match self {
            Self::Video(_) | Self::Av1(_) => TrackKind::Video,
            Self::Audio(_) => TrackKind::Audio,
        }
    }

    /// Bytes kept for the next PES.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Video(pictures) => pictures.sets.len(),
            Self::Av1(pictures) => pictures.held_bytes(),
            Self::Audio(sound) => sound.held_bytes(),
        }
    }

    pub(super) const fn is_known(&self) -> bool {
        match self {
            Self::Video(pictures) => pictures.track.is_some(),
            Self::Av1(pictures) => pictures.track().is_some(),
            Self::Audio(sound) => sound.track().is_some(),
        }
    }

    pub(super) fn add_to(&self, tracks: &mut Tracks) {
        match self {
            Self::Video(pictures) => tracks.video.clone_from(&pictures.track),
            Self::Av1(pictures) => tracks.video = pictures.track().cloned(),
            Self::Audio(sound) => tracks.audio = sound.track().cloned(),
        }
    }

    /// Takes one PES.
    ///
    /// # Errors
    /// Why nothing came of it: no parameter sets yet, nothing that belongs to the codec; and
    /// [`MediaError::LeftOut`] where the bytes are of a codec that is not carried.
    pub(super) fn push(&mut self, unit: Unit, out: &mut Vec<TsFrame>) -> Result<()> {
        match self {
            Self::Video(pictures) => pictures.push(&unit, out),
            Self::Av1(pictures) => pictures.push(&unit, out),
            Self::Audio(sound) => sound.push(unit, out),
        }
    }
}

/// H.264 or HEVC.
#[derive(Debug)]
pub(super) struct Pictures {
    codec: VideoCodec,
    track: Option<VideoTrack>,
    /// The parameter sets that came last, with lengths.
    sets: Bytes,
    judge: PictureJudge,
    last_dts: Option<i64>,
    step: i64,
}

impl Pictures {
    fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            track: None,
            sets: Bytes::new(),
            judge: PictureJudge::default(),
            last_dts: None,
            step: DEFAULT_STEP,
        }
    }

    /// One access unit: parameter sets into the track, the rest with lengths into a frame.
    fn push(&mut self, unit: &Unit, out: &mut Vec<TsFrame>) -> Result<()> {
        let (pts, dts) = self.times(unit.times);
        let mut nals = annexb::start_coded(&unit.payload);
        nals.retain(|nal| annexb::role(self.codec, nal) != NalRole::Delimiter);
        if nals.is_empty() {
            return Err(MediaError::invalid(
                "video PES",
                "there is no NAL unit in it",
            ));
        }
        let is_set = |nal: &[u8]| annexb::role(self.codec, nal).is_parameter_set();
        let mut sets = BytesMut::new();
        for set in nals.iter().filter(|nal| is_set(nal)) {
            put_nal(&mut sets, set);
        }
        let brings_sets = !sets.is_empty();
        let mut result = Ok(());
        if !sets.is_empty() && sets != self.sets {
            self.sets = sets.freeze();
            result = read_sets(self.codec, &self.sets, &mut self.track);
            if let Some(track) = &self.track {
                self.judge.record(self.codec, &track.config);
            }
        }
        // Sets that the track does not tell, such as a picture's own PPS, stay with the picture.
        let told = match &self.track {
            Some(track) if brings_sets => annexb::parameter_sets(self.codec, &track.config)?,
            _ => Vec::new(),
        };
        let is_told = |nal: &[u8]| told.iter().any(|set| set == nal);
        let mut body = BytesMut::with_capacity(unit.payload.len() + 64);
        for nal in nals.iter().filter(|nal| !is_told(nal)) {
            put_nal(&mut body, nal);
        }
        let claimed = if unit.is_marked {
            FrameKind::Key
        } else {
            FrameKind::Inter
        };
        let Some(kind) = self.judge.judge(self.codec, claimed, &body)? else {
            return result;
        };
        if self.track.is_none() {
            return result.and(Err(match kind {
                FrameKind::Key => MediaError::NoParameterSets,
                _ => MediaError::NoKeyframe,
            }));
        }
        out.push(TsFrame {
            track: TrackKind::Video,
            dts_90k: dts,
            cts_90k: i32::try_from(pts - dts).unwrap_or(0),
            kind,
            payload: body.freeze(),
        });
        result
    }

    /// A picture without a time comes one step after the last.
    fn times(&mut self, times: Option<(i64, i64)>) -> (i64, i64) {
        let last = self.last_dts;
        let (pts, dts) = times.unwrap_or_else(|| {
            let next = last.map_or(0, |last| last + self.step);
            (next, next)
        });
        if let Some(step) = last.map(|last| dts - last)
            && (1..=MAX_STEP).contains(&step)
        {
            self.step = step;
        }
        self.last_dts = Some(dts);
        (pts, dts)
    }
}

fn put_nal(out: &mut BytesMut, nal: &[u8]) {
    out.put_u32(nal.len() as u32);
    out.put_slice(nal);
}

/// Makes a track of parameter sets. Half of them (a PPS alone), and such as the track tells, leave it
/// as it is.
fn read_sets(codec: VideoCodec, sets: &[u8], track: &mut Option<VideoTrack>) -> Result<()> {
    if let Some(track) = track {
        let told = annexb::parameter_sets(codec, &track.config)?;
        if Nals::new(sets).all(|set| told.iter().any(|told| told == set)) {
            return Ok(());
        }
    }
    let config = if codec == VideoCodec::Hevc {
        HevcConfig::from_payload(sets).map(|config| config.build())
    } else {
        AvcConfig::from_payload(sets).map(|config| config.build())
    };
    if let Some(config) = config.transpose()? {
        *track = Some(codec::video_track(codec, config)?);
    }
    Ok(())
}
