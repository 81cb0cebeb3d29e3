//! PES payloads to frames, codec by codec.

use bytes::{BufMut, Bytes, BytesMut};

use super::TsFrame;
use crate::codec::aac::{AacConfig, AdtsHeader};
use crate::codec::ac3::Ac3Header;
use crate::codec::avc::AvcConfig;
use crate::codec::hevc::HevcConfig;
use crate::codec::mp3::Mp3Header;
use crate::codec::opus::OpusHead;
use crate::codec::{self, audio_frame_samples};
use crate::ts::annexb::{self, NalRole};
use crate::ts::psi::StreamEntry;
use crate::ts::{
    STREAM_TYPE_AC3, STREAM_TYPE_ADTS, STREAM_TYPE_EAC3, STREAM_TYPE_H264, STREAM_TYPE_HEVC,
    STREAM_TYPE_MPEG1_AUDIO, STREAM_TYPE_MPEG2_AUDIO, STREAM_TYPE_PRIVATE,
};
use crate::{AudioCodec, AudioTrack, FrameKind, Result, TrackKind, Tracks, VideoCodec, VideoTrack};

/// Audio bytes kept over the end of a PES: the longest frame there is (ADTS, 13 bits) and more.
const MAX_CARRY_BYTES: usize = 16 << 10;
/// Audio frames of one PES: a second of 2.5 ms Opus packets.
const MAX_FRAMES_PER_PES: usize = 400;
/// Ticks per second of TS timestamps.
const CLOCK_HZ: i64 = 90_000;

/// A parsed PES.
#[derive(Debug)]
pub(super) struct Pes {
    pub(super) pts: u64,
    pub(super) dts: u64,
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

    /// `None` for what is no PES or has no timestamp.
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
        if mark & 0xC0 != 0x80 || flags & 0x80 == 0 || start > end {
            return None;
        }
        let pts = timestamp(bytes.get(9..14)?)?;
        let dts = if flags & 0x40 != 0 {
            timestamp(bytes.get(14..19)?)?
        } else {
            pts
        };
        Some(Self {
            pts,
            dts,
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

/// One elementary stream: its codec and what it told of itself so far.
#[derive(Debug)]
pub(super) enum Elementary {
    Video {
        codec: VideoCodec,
        track: Option<VideoTrack>,
        sets: Bytes,
    },
    Audio {
        codec: AudioCodec,
        track: Option<AudioTrack>,
        carry: BytesMut,
    },
}

impl Elementary {
    /// `None` for codecs weir does not take out of TS.
    pub(super) fn new(entry: &StreamEntry) -> Option<Self> {
        let video = |codec| Self::Video {
            codec,
            track: None,
            sets: Bytes::new(),
        };
        let audio = |codec| Self::Audio {
            codec,
            track: None,
            carry: BytesMut::new(),
        };
        Some(match (entry.stream_type, entry.registration.as_ref()) {
            (STREAM_TYPE_H264, _) => video(VideoCodec::H264),
            (STREAM_TYPE_HEVC, _) => video(VideoCodec::Hevc),
            (STREAM_TYPE_ADTS, _) => audio(AudioCodec::Aac),
            (STREAM_TYPE_MPEG1_AUDIO | STREAM_TYPE_MPEG2_AUDIO, _) => audio(AudioCodec::Mp3),
            (STREAM_TYPE_AC3, _) | (STREAM_TYPE_PRIVATE, Some(b"AC-3")) => audio(AudioCodec::Ac3),
            (STREAM_TYPE_EAC3, _) | (STREAM_TYPE_PRIVATE, Some(b"EAC3")) => audio(AudioCodec::Eac3),
            (STREAM_TYPE_PRIVATE, Some(b"Opus")) => {
                let channels = entry
                    .opus_channels
                    .filter(|channels| (1..=2).contains(channels));
                let head = OpusHead {
                    channels: channels.unwrap_or(2),
                    ..OpusHead::default()
                };
                let track = codec::audio_track(AudioCodec::Opus, head.build()).ok();
                Self::Audio {
                    codec: AudioCodec::Opus,
                    track,
                    carry: BytesMut::new(),
                }
            }
            _ => return None,
        })
    }

    pub(super) const fn kind(&self) -> TrackKind {
        match self {
            Self::Video { .. } => TrackKind::Video,
            Self::Audio { .. } => TrackKind::Audio,
        }
    }

    /// Bytes kept for the next PES.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Video { sets, .. } => sets.len(),
            Self::Audio { carry, .. } => carry.len(),
        }
    }

    pub(super) fn same_codec(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Video { codec, .. }, Self::Video { codec: other, .. }) => codec == other,
            (Self::Audio { codec, .. }, Self::Audio { codec: other, .. }) => codec == other,
            _ => false,
        }
    }

    pub(super) const fn is_known(&self) -> bool {
        match self {
            Self::Video { track, .. } => track.is_some(),
            Self::Audio { track, .. } => track.is_some(),
        }
    }

    pub(super) fn add_to(&self, tracks: &mut Tracks) {
        match self {
            Self::Video { track, .. } => tracks.video.clone_from(track),
            Self::Audio { track, .. } => tracks.audio.clone_from(track),
        }
    }

    /// Takes the payload of one PES.
    pub(super) fn push(
        &mut self,
        pts: i64,
        dts: i64,
        payload: Bytes,
        out: &mut Vec<TsFrame>,
    ) -> Result<()> {
        match self {
            Self::Video { codec, track, sets } => {
                push_video(*codec, track, sets, (pts, dts), &payload, out)
            }
            Self::Audio {
                codec: AudioCodec::Opus,
                track,
                ..
            } => {
                push_opus(track.as_ref(), pts, payload, out);
                Ok(())
            }
            Self::Audio {
                codec,
                track,
                carry,
            } => push_audio(*codec, track, carry, pts, &payload, out),
        }
    }
}

/// One access unit: parameter sets into the track, the rest with lengths into a frame.
fn push_video(
    codec: VideoCodec,
    track: &mut Option<VideoTrack>,
    known_sets: &mut Bytes,
    (pts, dts): (i64, i64),
    payload: &[u8],
    out: &mut Vec<TsFrame>,
) -> Result<()> {
    let mut sets = BytesMut::new();
    let mut body = BytesMut::with_capacity(payload.len() + 64);
    let (mut has_slice, mut key, mut disposable) = (false, false, true);
    for nal in annexb::start_coded(payload) {
        let role = annexb::role(codec, nal);
        match role {
            NalRole::Delimiter => continue,
            NalRole::Vps | NalRole::Sps | NalRole::Pps => {
                put_nal(&mut sets, nal);
                continue;
            }
            NalRole::KeySlice | NalRole::Slice | NalRole::DisposableSlice => {
                has_slice = true;
                key |= role == NalRole::KeySlice;
                disposable &= role == NalRole::DisposableSlice;
            }
            NalRole::Other => {}
        }
        put_nal(&mut body, nal);
    }
    let mut result = Ok(());
    if !sets.is_empty() && sets != *known_sets {
        *known_sets = sets.freeze();
        result = read_sets(codec, known_sets, track);
    }
    if has_slice && track.is_some() {
        let kind = match (key, disposable) {
            (true, _) => FrameKind::Key,
            (false, true) => FrameKind::Disposable,
            (false, false) => FrameKind::Inter,
        };
        let cts_90k = i32::try_from(pts - dts).unwrap_or(0);
        let payload = body.freeze();
        out.push(TsFrame {
            track: TrackKind::Video,
            dts_90k: dts,
            cts_90k,
            kind,
            payload,
        });
    }
    result
}

fn put_nal(out: &mut BytesMut, nal: &[u8]) {
    out.put_u32(nal.len() as u32);
    out.put_slice(nal);
}

/// Makes a track of parameter sets. Half a set (a PPS alone) leaves the track as it is.
fn read_sets(codec: VideoCodec, sets: &[u8], track: &mut Option<VideoTrack>) -> Result<()> {
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

/// Frames one after the other, the last one perhaps going on in the next PES.
fn push_audio(
    codec: AudioCodec,
    track: &mut Option<AudioTrack>,
    carry: &mut BytesMut,
    pts: i64,
    payload: &[u8],
    out: &mut Vec<TsFrame>,
) -> Result<()> {
    // The timestamp belongs to the first frame that begins in this PES; what is carried belongs
    // to the frame before, whose time is a little less.
    let carried = carry.len();
    carry.extend_from_slice(payload);
    let data = carry.split().freeze();
    let mut at = 0;
    let mut ticks = 0;
    let mut result = Ok(());
    for _ in 0..MAX_FRAMES_PER_PES {
        let rest = data.slice(at.min(data.len())..);
        let Some(frame) = next_audio_frame(codec, &rest) else {
            break;
        };
        if frame.skip + frame.len > rest.len() {
            at += frame.skip;
            break;
        }
        let whole = rest.slice(frame.skip..frame.skip + frame.len);
        result = result.and(learn_audio(codec, track, &whole));
        at += frame.skip + frame.len;
        let samples_hz = track.as_ref().and_then(|track| {
            let samples = audio_frame_samples(track, &whole)?;
            Some((i64::from(samples), i64::from(track.sample_rate.max(1))))
        });
        let step = samples_hz.map_or(0, |(samples, hz)| samples * CLOCK_HZ / hz);
        let belongs_before = carried > 0 && at - frame.len < carried;
        let dts_90k = if belongs_before {
            pts - step
        } else {
            pts + ticks
        };
        ticks += if belongs_before { 0 } else { step };
        if track.is_some() {
            out.push(TsFrame {
                track: TrackKind::Audio,
                dts_90k,
                cts_90k: 0,
                kind: FrameKind::Key,
                payload: whole.slice(frame.header..),
            });
        }
    }
    if let Some(left) = data.get(at..).filter(|left| left.len() <= MAX_CARRY_BYTES) {
        carry.extend_from_slice(left);
    }
    result
}

/// Where the next frame lies.
struct AudioFrame {
    /// Bytes of no use in front.
    skip: usize,
    /// Bytes, header included.
    len: usize,
    /// Bytes of the container's own header that do not belong to the payload.
    header: usize,
}

fn next_audio_frame(codec: AudioCodec, data: &[u8]) -> Option<AudioFrame> {
    (0..data.len()).find_map(|skip| {
        let rest = data.get(skip..)?;
        let (len, header) = match codec {
            AudioCodec::Aac => {
                AdtsHeader::parse(rest).map(|header| (header.frame_len, header.header_len))?
            }
            AudioCodec::Mp3 => (Mp3Header::parse(rest).ok()?.frame_len?, 0),
            _ => (Ac3Header::parse(rest).ok()?.frame_len, 0),
        };
        (len > header).then_some(AudioFrame { skip, len, header })
    })
}

/// Keeps the track as the frame says it is.
fn learn_audio(codec: AudioCodec, track: &mut Option<AudioTrack>, frame: &[u8]) -> Result<()> {
    if codec == AudioCodec::Aac {
        let Some(header) = AdtsHeader::parse(frame) else {
            return Ok(());
        };
        let config = AacConfig::from_adts(&header).build();
        if track.as_ref().is_none_or(|track| track.config != config) {
            *track = Some(codec::audio_track(codec, config)?);
        }
    } else if track.is_none() {
        *track = Some(codec::audio_track_from_frame(codec, frame)?);
    }
    Ok(())
}

/// Opus packets behind their control headers (Opus in TS, `opus_control_header`).
fn push_opus(track: Option<&AudioTrack>, pts: i64, payload: Bytes, out: &mut Vec<TsFrame>) {
    let mut rest = payload;
    let mut ticks = 0;
    for _ in 0..MAX_FRAMES_PER_PES {
        let Some((skip, len)) = opus_control(&rest) else {
            return;
        };
        let Some(end) = skip.checked_add(len).filter(|&end| end <= rest.len()) else {
            return;
        };
        let packet = rest.slice(skip..end);
        rest = rest.slice(end..);
        let samples = track
            .and_then(|track| audio_frame_samples(track, &packet))
            .unwrap_or(0);
        out.push(TsFrame {
            track: TrackKind::Audio,
            dts_90k: pts + ticks,
            cts_90k: 0,
            kind: FrameKind::Key,
            payload: packet,
        });
        ticks += i64::from(samples) * CLOCK_HZ / 48_000;
    }
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
