//! Sound of PES payloads: frames one after the other, the last one perhaps going on in the next PES.
//!
//! The table of the programme says where to look first; what a frame is, its own header says. So AC-3 and
//! E-AC-3 are told apart, ADTS and LATM, and the layers of MPEG audio.

use bytes::{Bytes, BytesMut};

use super::TsFrame;
use super::elementary::Unit;
use crate::codec::aac::{AacConfig, AdtsHeader, ProgramConfig};
use crate::codec::ac3::Ac3Header;
use crate::codec::latm::{LatmReader, loas_frame_len};
use crate::codec::mp3::Mp3Header;
use crate::codec::opus::OpusHead;
use crate::codec::{self, audio_frame_samples};
use crate::ts::catalog::Framing;
use crate::{AudioCodec, AudioTrack, FrameKind, LeftOut, MediaError, Result, TrackKind};

/// Bytes kept over the end of a PES: the longest frame there is (ADTS, 13 bits) and more.
const MAX_CARRY_BYTES: usize = 16 << 10;
/// Frames of one PES: a second of 2.5 ms Opus packets.
const MAX_FRAMES_PER_PES: usize = 400;
/// PES in a row without any frame before MPEG audio is taken for another layer.
const MAX_EMPTY_PES: u32 = 25;
/// Ticks per second of TS timestamps.
const CLOCK_HZ: i64 = 90_000;

/// One sound and what it told of itself so far.
#[derive(Debug)]
pub(super) struct Sound {
    framing: Framing,
    track: Option<AudioTrack>,
    carry: BytesMut,
    latm: LatmReader,
    /// When the next frame is due, by those before it.
    next_90k: Option<i64>,
    empty_pes: u32,
}

/// Where the next frame lies.
struct AudioFrame {
    /// Bytes of no use in front.
    skip: usize,
    /// Bytes, header included.
    len: usize,
    what: Found,
}

/// What a frame is by its header.
enum Found {
    Adts(AdtsHeader),
    Loas,
    /// The header belongs to the frame.
    Whole(AudioCodec),
}

impl Sound {
    pub(super) fn new(framing: Framing) -> Self {
        let track = match framing {
            Framing::Opus(code) => opus_track(code),
            _ => None,
        };
        Self {
            framing,
            track,
            carry: BytesMut::new(),
            latm: LatmReader::default(),
            next_90k: None,
            empty_pes: 0,
        }
    }

    pub(super) const fn track(&self) -> Option<&AudioTrack> {
        self.track.as_ref()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.carry.len()
    }

    /// Takes one PES.
    pub(super) fn push(&mut self, unit: Unit, out: &mut Vec<TsFrame>) -> Result<()> {
        let pts = unit
            .times
            .map(|(pts, _)| pts)
            .or(self.next_90k)
            .unwrap_or(0);
        if matches!(self.framing, Framing::Opus(_)) {
            return self.push_opus(pts, unit.payload, out);
        }
        let before = out.len();
        let result = self.push_frames(pts, &unit.payload, out);
        if out.len() > before || self.track.is_some() {
            self.empty_pes = 0;
            return result;
        }
        self.empty_pes = self.empty_pes.saturating_add(1);
        match (self.framing, result) {
            (Framing::MpegAudio, Ok(()) | Err(MediaError::Invalid { .. }))
                if self.empty_pes > MAX_EMPTY_PES =>
            {
                let what = "MPEG audio that is not of layer III";
                Err(MediaError::LeftOut(LeftOut::of(TrackKind::Audio, what)))
            }
            (_, Ok(())) if self.empty_pes > 1 => {
                Err(MediaError::invalid("audio PES", "there is no frame in it"))
            }
            (_, result) => result,
        }
    }

    fn push_frames(&mut self, pts: i64, payload: &[u8], out: &mut Vec<TsFrame>) -> Result<()> {
        // The timestamp belongs to the first frame that begins in this PES; what is carried belongs
        // to the frame before, whose time is a little less.
        let carried = self.carry.len();
        self.carry.extend_from_slice(payload);
        let data = self.carry.split().freeze();
        let mut at = 0;
        let mut next = pts;
        let mut result = Ok(());
        for _ in 0..MAX_FRAMES_PER_PES {
            let rest = data.slice(at.min(data.len())..);
            let frame = match self.next_frame(&rest, carried == 0 && at == 0) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return Err(error),
            };
            if frame.skip + frame.len > rest.len() {
                at += frame.skip;
                break;
            }
            let whole = rest.slice(frame.skip..frame.skip + frame.len);
            let begins_at = at + frame.skip;
            at = begins_at + frame.len;
            let units = match self.unpack(&frame.what, whole) {
                Ok(units) => units,
                Err(error @ MediaError::LeftOut(_)) => return Err(error),
                Err(error) => {
                    result = result.and(Err(error));
                    continue;
                }
            };
            for payload in units {
                let step = self.step(&payload);
                let dts_90k = if begins_at < carried {
                    pts - step
                } else {
                    next
                };
                next += if begins_at < carried { 0 } else { step };
                out.push(TsFrame {
                    track: TrackKind::Audio,
                    dts_90k,
                    cts_90k: 0,
                    kind: FrameKind::Key,
                    payload,
                });
            }
        }
        self.next_90k = Some(next);
        if let Some(left) = data.get(at..).filter(|left| left.len() <= MAX_CARRY_BYTES) {
            self.carry.extend_from_slice(left);
        }
        result
    }

    /// How long a frame of the track lasts, in ticks.
    fn step(&self, payload: &[u8]) -> i64 {
        self.track.as_ref().map_or(0, |track| {
            let samples = audio_frame_samples(track, payload).unwrap_or(0);
            i64::from(samples) * CLOCK_HZ / i64::from(track.sample_rate.max(1))
        })
    }

    /// `is_aligned`: a frame is to be expected just at the start.
    fn next_frame(&self, data: &[u8], is_aligned: bool) -> Result<Option<AudioFrame>> {
        for skip in 0..data.len() {
            let rest = data.get(skip..).unwrap_or_default();
            let found = match self.framing {
                Framing::Adts | Framing::Loas => aac_frame(self.framing, rest),
                Framing::Ac3 => ac3_frame(rest, self.track.as_ref()),
                _ => match Mp3Header::parse(rest) {
                    Ok(header) => header
                        .frame_len
                        .map(|len| (len, Found::Whole(AudioCodec::Mp3))),
                    Err(error @ MediaError::LeftOut(_))
                        if skip == 0 && is_aligned && self.track.is_none() =>
                    {
                        return Err(error);
                    }
                    Err(_) => None,
                },
            };
            if let Some((len, what)) = found {
                return Ok(Some(AudioFrame { skip, len, what }));
            }
        }
        Ok(None)
    }

    /// The access units of a frame; keeps the track as it says it is.
    fn unpack(&mut self, what: &Found, frame: Bytes) -> Result<Vec<Bytes>> {
        match what {
            Found::Adts(header) => {
                let unit = frame.slice(header.header_len..);
                let aac = AacConfig::from_adts(header);
                match (header.channel_config, ProgramConfig::of_unit(&unit)) {
                    (0, Some(program)) => self.learn_aac(program.config(&aac))?,
                    // The element need not stand in each unit.
                    (0, None) if self.track.is_some() => {}
                    (0, None) => {
                        let why = "nothing tells the channel layout";
                        return Err(MediaError::invalid("ADTS", why));
                    }
                    _ => self.learn_aac(aac.build())?,
                }
                Ok(vec![unit])
            }
            Found::Loas => {
                let units = self.latm.units(&frame)?;
                if let Some(config) = self.latm.config().cloned() {
                    self.learn_aac(config)?;
                }
                Ok(units)
            }
            Found::Whole(codec) => {
                if self.track.is_none() {
                    self.track = Some(codec::audio_track_from_frame(*codec, &frame)?);
                }
                Ok(vec![frame])
            }
        }
    }

    fn learn_aac(&mut self, config: Bytes) -> Result<()> {
        if self
            .track
            .as_ref()
            .is_none_or(|track| track.config != config)
        {
            self.track = Some(codec::audio_track(AudioCodec::Aac, config)?);
        }
        Ok(())
    }

    /// Packets behind their control headers (Opus in TS, `opus_control_header`).
    fn push_opus(&mut self, pts: i64, payload: Bytes, out: &mut Vec<TsFrame>) -> Result<()> {
        let broken = || MediaError::invalid("Opus PES", "the control header is broken");
        let mut rest = payload;
        let mut next = pts;
        for _ in 0..MAX_FRAMES_PER_PES {
            if rest.is_empty() {
                break;
            }
            let (skip, len) = opus_control(&rest).ok_or_else(broken)?;
            let end = skip.checked_add(len).filter(|&end| end <= rest.len());
            let end = end.ok_or_else(broken)?;
            let packet = rest.slice(skip..end);
            rest = rest.slice(end..);
            let step = self.step(&packet);
            out.push(TsFrame {
                track: TrackKind::Audio,
                dts_90k: next,
                cts_90k: 0,
                kind: FrameKind::Key,
                payload: packet,
            });
            next += step;
        }
        self.next_90k = Some(next);
        Ok(())
    }
}

/// A frame of AAC at the start of `data`, with either header: what the table says is the likelier one.
fn aac_frame(announced: Framing, data: &[u8]) -> Option<(usize, Found)> {
    let adts = || {
        let header = AdtsHeader::parse(data)?;
        (header.frame_len > header.header_len).then_some((header.frame_len, Found::Adts(header)))
    };
    let loas = || Some((loas_frame_len(data)?, Found::Loas));
    // A sync word of the other kind is believed only where another frame follows.
    let followed = |(len, what): (usize, Found)| {
        let next = data.get(len..)?;
        let is_next = match what {
            Found::Loas => loas_frame_len(next).is_some(),
            _ => AdtsHeader::parse(next).is_some(),
        };
        (next.is_empty() || is_next).then_some((len, what))
    };
    match announced {
        Framing::Loas => loas().or_else(|| adts().and_then(followed)),
        _ => adts().or_else(|| loas().and_then(followed)),
    }
}

/// A frame of AC-3 or E-AC-3 at the start of `data`; of E-AC-3 with the substreams that belong to it.
fn ac3_frame(data: &[u8], track: Option<&AudioTrack>) -> Option<(usize, Found)> {
    /// Frames of one access unit: eight substreams with eight dependent ones each.
    const MAX_SUBSTREAMS: usize = 72;
    let first = Ac3Header::parse(data).ok()?;
    let mut len = first.frame_len;
    if first.enhanced {
        for _ in 0..MAX_SUBSTREAMS {
            match data.get(len..).map(Ac3Header::parse) {
                Some(Ok(next)) if next.enhanced && (next.dependent || next.substream > 0) => {
                    len += next.frame_len;
                }
                _ => break,
            }
        }
    }
    // A frame of plain AC-3 may stand in a stream of E-AC-3 (ETSI TS 102 366 §E.1.1).
    let codec = match track {
        Some(track) => track.codec,
        None if first.enhanced => AudioCodec::Eac3,
        None => AudioCodec::Ac3,
    };
    (len > 0).then_some((len, Found::Whole(codec)))
}

/// The track of an Opus stream by its channel configuration code (the draft of ETSI's "Opus in MPEG-2 TS",
/// table 4-3): 1 to 8 are Vorbis's layouts, 0 is two channels without a meaning in one coupled stream, 0x80 the
/// same in a stream each. Others are taken for stereo.
fn opus_track(code: Option<u8>) -> Option<AudioTrack> {
    let (channels, family, mapping): (u8, u8, &[u8]) = match code {
        Some(0) => (2, 255, &[1, 1, 0, 1]),
        Some(0x80) => (2, 255, &[2, 0, 0, 1]),
        Some(1) => (1, 0, &[]),
        Some(3) => (3, 1, &[2, 1, 0, 2, 1]),
        Some(4) => (4, 1, &[2, 2, 0, 1, 2, 3]),
        Some(5) => (5, 1, &[3, 2, 0, 4, 1, 2, 3]),
        Some(6) => (6, 1, &[4, 2, 0, 4, 1, 2, 3, 5]),
        Some(7) => (7, 1, &[4, 3, 0, 4, 1, 2, 3, 5, 6]),
        Some(8) => (8, 1, &[5, 3, 0, 6, 1, 2, 3, 4, 5, 7]),
        _ => (2, 0, &[]),
    };
    let head = OpusHead {
        channels,
        family,
        mapping: Bytes::from_static(mapping),
        ..OpusHead::default()
    };
    codec::audio_track(AudioCodec::Opus, head.build()).ok()
}

/// Bytes of the control header and of the packet behind it.
fn opus_control(data: &[u8]) -> Option<(usize, usize)> {
    let &[0x7F, flags, ref sizes @ ..] = data else {
        return None;
    };
    if flags & 0xE0 != 0xE0 {
        return None;
    }
    let full = sizes.iter().take_while(|&&byte| byte == 0xFF).count();
    let len = full * 255 + usize::from(*sizes.get(full)?);
    let mut skip = 2 + full + 1;
    skip += if flags & 0x10 != 0 { 2 } else { 0 }; // start trim
    skip += if flags & 0x08 != 0 { 2 } else { 0 }; // end trim
    if flags & 0x04 != 0 {
        skip += 1 + usize::from(*data.get(skip)?); // control extension
    }
    (len > 0).then_some((skip, len))
}
