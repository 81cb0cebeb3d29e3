//! Bodies of FLV audio and video tags, which are also RTMP's audio and video messages.
//!
//! Adobe FLV 10.1 §E.4.2 and §E.4.3 for the legacy headers, Enhanced RTMP v2 (Veovera) for
//! `ExVideoTagHeader` and `ExAudioTagHeader`. One message in, one tag out, no state.

use std::borrow::Cow;

use bytes::Bytes;

use crate::bits::Cursor;
use crate::{AudioCodec, FrameKind, LeftOut, MediaError, Result, TrackKind, VideoCodec};

/// Most `ModEx` prefixes of one message: the standard defines one kind, so more is nonsense.
const MAX_MOD_EX: usize = 8;

/// What a video message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoTag {
    /// A decoder configuration record.
    Config {
        /// By codec id or FourCC of the tag's header.
        codec: VideoCodec,
        /// The record, as sent.
        config: Bytes,
    },
    /// One access unit, as sent.
    Frame {
        /// By codec id or FourCC of the tag's header.
        codec: VideoCodec,
        /// What the header claims.
        kind: FrameKind,
        /// Composition time offset in microseconds.
        cts_us: i32,
        /// To be added to the message's timestamp, in nanoseconds: under 1 ms by the standard.
        ts_offset_ns: u32,
        /// The codec data.
        payload: Bytes,
    },
    /// No more video until a new [`VideoTag::Config`].
    EndOfSequence,
    /// Well-formed, but nothing weir uses; the text says what.
    Ignored(&'static str),
}

/// What an audio message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioTag {
    /// The codec's set-up.
    Config {
        /// By codec id or FourCC of the tag's header.
        codec: AudioCodec,
        /// The set-up, as sent; may be empty for codecs that have none.
        config: Bytes,
    },
    /// One access unit, as sent.
    Frame {
        /// By codec id or FourCC of the tag's header.
        codec: AudioCodec,
        /// To be added to the message's timestamp, in nanoseconds.
        ts_offset_ns: u32,
        /// The codec data.
        payload: Bytes,
    },
    /// No more audio until a new [`AudioTag::Config`].
    EndOfSequence,
    /// Well-formed, but nothing weir uses; the text says what.
    Ignored(&'static str),
}

/// A tag and what was left out of its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The tag of one track.
    pub tag: T,
    /// The track it is of; 0 outside multitrack messages.
    pub track_id: u8,
    /// How many further tracks of this kind the message carried and weir left out.
    pub extra_tracks: u32,
}

/// Reads the body of a video message; of several tracks, the first one. Payloads share `body`.
///
/// # Errors
/// Truncated; [`MediaError::LeftOut`] for codecs weir does not carry.
pub fn parse_video(body: Bytes) -> Result<Parsed<VideoTag>> {
    parse_video_of(body, None)
}

/// Reads the body of an audio message; of several tracks, the first one. Payloads share `body`.
///
/// # Errors
/// Truncated; [`MediaError::LeftOut`] for codecs weir does not carry.
pub fn parse_audio(body: Bytes) -> Result<Parsed<AudioTag>> {
    parse_audio_of(body, None)
}

/// As [`parse_video`], for the track `wanted` alone.
pub(super) fn parse_video_of(body: Bytes, wanted: Option<u8>) -> Result<Parsed<VideoTag>> {
    let mut cursor = Cursor::new(body, "video tag");
    if cursor.is_empty() {
        return Ok(single(VideoTag::Ignored("an empty video message")));
    }
    let first = cursor.u8()?;
    let enhanced = first & 0x80 != 0;
    let kind = match first >> 4 & 7 {
        1 | 4 => FrameKind::Key,
        2 => FrameKind::Inter,
        3 => FrameKind::Disposable,
        5 if !enhanced || first & 0x0f != VIDEO_METADATA => {
            return Ok(single(VideoTag::Ignored("a video command")));
        }
        5 => FrameKind::Inter,
        _ => return Ok(single(VideoTag::Ignored("a reserved video frame type"))),
    };
    if !enhanced {
        return legacy_video(cursor, first & 0x0f, kind).map(single);
    }
    let ex = ExHeader::read(&mut cursor, first & 0x0f, VIDEO_MULTITRACK)?;
    let Some(track) = ex.pick(cursor, wanted)? else {
        return Ok(left_out(VideoTag::Ignored));
    };
    let (track_id, extra_tracks) = (track.id, track.extra);
    let tag = ex_video(track, ex.packet_type, kind, ex.ts_offset_ns)?;
    Ok(Parsed {
        tag,
        track_id,
        extra_tracks,
    })
}

/// As [`parse_audio`], for the track `wanted` alone.
pub(super) fn parse_audio_of(body: Bytes, wanted: Option<u8>) -> Result<Parsed<AudioTag>> {
    let mut cursor = Cursor::new(body, "audio tag");
    if cursor.is_empty() {
        return Ok(single(AudioTag::Ignored("an empty audio message")));
    }
    let first = cursor.u8()?;
    if first >> 4 != SOUND_EX_HEADER {
        return legacy_audio(cursor, first >> 4).map(single);
    }
    let ex = ExHeader::read(&mut cursor, first & 0x0f, AUDIO_MULTITRACK)?;
    let Some(track) = ex.pick(cursor, wanted)? else {
        return Ok(left_out(AudioTag::Ignored));
    };
    let (track_id, extra_tracks) = (track.id, track.extra);
    let tag = ex_audio(track, ex.packet_type, ex.ts_offset_ns)?;
    Ok(Parsed {
        tag,
        track_id,
        extra_tracks,
    })
}

/// The FourCC of a video codec in Enhanced RTMP.
pub const fn video_fourcc(codec: VideoCodec) -> [u8; 4] {
    *match codec {
        VideoCodec::H264 => b"avc1",
        VideoCodec::Hevc => b"hvc1",
        VideoCodec::Av1 => b"av01",
        VideoCodec::Vp9 => b"vp09",
    }
}

/// The FourCC of an audio codec in Enhanced RTMP.
pub const fn audio_fourcc(codec: AudioCodec) -> [u8; 4] {
    *match codec {
        AudioCodec::Aac => b"mp4a",
        AudioCodec::Opus => b"Opus",
        AudioCodec::Mp3 => b".mp3",
        AudioCodec::Ac3 => b"ac-3",
        AudioCodec::Eac3 => b"ec-3",
        AudioCodec::Flac => b"fLaC",
    }
}

const PACKET_SEQUENCE_START: u8 = 0;
const PACKET_CODED_FRAMES: u8 = 1;
const PACKET_SEQUENCE_END: u8 = 2;
const VIDEO_CODED_FRAMES_X: u8 = 3;
const VIDEO_METADATA: u8 = 4;
const VIDEO_MPEG2TS_START: u8 = 5;
const VIDEO_MULTITRACK: u8 = 6;
const AUDIO_MULTICHANNEL: u8 = 4;
const AUDIO_MULTITRACK: u8 = 5;
const PACKET_MOD_EX: u8 = 7;

const SOUND_MP3: u8 = 2;
const SOUND_EX_HEADER: u8 = 9;
const SOUND_AAC: u8 = 10;
const SOUND_MP3_8K: u8 = 14;

/// How the tracks of one message follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// No multitrack header: all that follows is track 0.
    Single([u8; 4]),
    OneTrack([u8; 4]),
    ManyTracks([u8; 4]),
    ManyTracksManyCodecs,
}

/// What stands in front of the tracks in an enhanced message.
#[derive(Debug)]
struct ExHeader {
    packet_type: u8,
    ts_offset_ns: u32,
    layout: Layout,
}

/// The track picked from a message.
struct Picked {
    id: u8,
    fourcc: [u8; 4],
    data: Cursor,
    extra: u32,
}

impl ExHeader {
    fn read(cursor: &mut Cursor, first_type: u8, multitrack: u8) -> Result<Self> {
        let mut packet_type = first_type;
        let mut ts_offset_ns = 0;
        let mut prefixes = 0;
        while packet_type == PACKET_MOD_EX {
            prefixes += 1;
            if prefixes > MAX_MOD_EX {
                return Err(MediaError::invalid(
                    "ModEx",
                    "there are too many in one message",
                ));
            }
            let mut size = usize::from(cursor.u8()?) + 1;
            if size == 256 {
                size = usize::from(cursor.u16()?) + 1;
            }
            let mut data = Cursor::new(cursor.take(size)?, "ModEx");
            let types = cursor.u8()?;
            if types >> 4 == 0 && size >= 3 {
                ts_offset_ns = data.u24()?;
            }
            packet_type = types & 0x0f;
        }
        let layout = if packet_type == multitrack {
            let types = cursor.u8()?;
            packet_type = types & 0x0f;
            match types >> 4 {
                0 => Layout::OneTrack(cursor.fourcc()?),
                1 => Layout::ManyTracks(cursor.fourcc()?),
                2 => Layout::ManyTracksManyCodecs,
                _ => return Err(MediaError::invalid("multitrack", "the type is not defined")),
            }
        } else {
            Layout::Single(cursor.fourcc()?)
        };
        Ok(Self {
            packet_type,
            ts_offset_ns,
            layout,
        })
    }

    /// The wanted track, or the first one; `None` where the message lacks it.
    fn pick(&self, mut cursor: Cursor, wanted: Option<u8>) -> Result<Option<Picked>> {
        let is_wanted = |id| wanted.is_none_or(|wanted| wanted == id);
        let shared = match self.layout {
            Layout::Single(fourcc) => {
                return Ok(is_wanted(0).then_some(Picked {
                    id: 0,
                    fourcc,
                    data: cursor,
                    extra: 0,
                }));
            }
            Layout::OneTrack(fourcc) => {
                let id = cursor.u8()?;
                return Ok(is_wanted(id).then_some(Picked {
                    id,
                    fourcc,
                    data: cursor,
                    extra: 0,
                }));
            }
            Layout::ManyTracks(fourcc) => Some(fourcc),
            Layout::ManyTracksManyCodecs => None,
        };
        let mut picked: Option<Picked> = None;
        let mut extra = 0u32;
        while !cursor.is_empty() {
            let fourcc = match shared {
                Some(fourcc) => fourcc,
                None => cursor.fourcc()?,
            };
            let id = cursor.u8()?;
            let size = cursor.u24()? as usize;
            let data = Cursor::new(cursor.take(size)?, "multitrack");
            if picked.is_none() && is_wanted(id) {
                picked = Some(Picked {
                    id,
                    fourcc,
                    data,
                    extra: 0,
                });
            } else {
                extra += 1;
            }
        }
        Ok(picked.map(|picked| Picked { extra, ..picked }))
    }
}

fn single<T>(tag: T) -> Parsed<T> {
    Parsed {
        tag,
        track_id: 0,
        extra_tracks: 0,
    }
}

/// For a message that only has tracks weir leaves out.
fn left_out<T>(ignored: impl FnOnce(&'static str) -> T) -> Parsed<T> {
    Parsed {
        tag: ignored("a further track"),
        track_id: 0,
        extra_tracks: 1,
    }
}

fn legacy_video(mut cursor: Cursor, codec_id: u8, kind: FrameKind) -> Result<VideoTag> {
    let codec = match codec_id {
        7 => VideoCodec::H264,
        // Never in a standard, but what encoders sent for years before there was a FourCC.
        12 => VideoCodec::Hevc,
        1 => return no_video("JPEG video"),
        2 => return no_video("Sorenson H.263 video"),
        3 | 6 => return no_video("screen video"),
        4 | 5 => return no_video("VP6 video"),
        8 => return no_video("H.263 video"),
        9 => return no_video("MPEG-4 part 2 video"),
        _ => return no_video(format!("FLV video codec {codec_id}")),
    };
    if cursor.is_empty() {
        return Ok(VideoTag::Ignored("an empty video message"));
    }
    match cursor.u8()? {
        0 => {
            cursor.u24()?;
            Ok(VideoTag::Config {
                codec,
                config: cursor.rest(),
            })
        }
        1 => {
            let cts_us = cursor.i24()?.saturating_mul(1000);
            Ok(VideoTag::Frame {
                codec,
                kind,
                cts_us,
                ts_offset_ns: 0,
                payload: cursor.rest(),
            })
        }
        2 => Ok(VideoTag::EndOfSequence),
        _ => Ok(VideoTag::Ignored("an undefined AVC packet type")),
    }
}

fn legacy_audio(mut cursor: Cursor, format: u8) -> Result<AudioTag> {
    match format {
        SOUND_AAC if cursor.is_empty() => Ok(AudioTag::Ignored("an empty audio message")),
        SOUND_AAC => match cursor.u8()? {
            0 => Ok(AudioTag::Config {
                codec: AudioCodec::Aac,
                config: cursor.rest(),
            }),
            1 => Ok(AudioTag::Frame {
                codec: AudioCodec::Aac,
                ts_offset_ns: 0,
                payload: cursor.rest(),
            }),
            _ => Ok(AudioTag::Ignored("an undefined AAC packet type")),
        },
        SOUND_MP3 | SOUND_MP3_8K => Ok(AudioTag::Frame {
            codec: AudioCodec::Mp3,
            ts_offset_ns: 0,
            payload: cursor.rest(),
        }),
        0 | 3 => no_audio("PCM audio"),
        1 => no_audio("ADPCM audio"),
        4..=6 => no_audio("Nellymoser audio"),
        7 => no_audio("G.711 A-law audio"),
        8 => no_audio("G.711 µ-law audio"),
        11 => no_audio("Speex audio"),
        15 => no_audio("device-specific audio"),
        _ => no_audio(format!("FLV sound format {format}")),
    }
}

fn ex_video(track: Picked, packet: u8, kind: FrameKind, ts_offset_ns: u32) -> Result<VideoTag> {
    let mut data = track.data;
    match packet {
        VIDEO_METADATA => return Ok(VideoTag::Ignored("video metadata")),
        VIDEO_MPEG2TS_START => return Ok(VideoTag::Ignored("an MPEG-2 TS sequence start")),
        PACKET_SEQUENCE_END => return Ok(VideoTag::EndOfSequence),
        PACKET_SEQUENCE_START | PACKET_CODED_FRAMES | VIDEO_CODED_FRAMES_X => {}
        _ => return Ok(VideoTag::Ignored("an undefined video packet type")),
    }
    let codec = match &track.fourcc {
        b"avc1" => VideoCodec::H264,
        b"hvc1" => VideoCodec::Hevc,
        b"av01" => VideoCodec::Av1,
        b"vp09" => VideoCodec::Vp9,
        b"vvc1" => return no_video("VVC video"),
        b"vp08" => return no_video("VP8 video"),
        other => return no_video(format!("{} video", other.escape_ascii())),
    };
    if packet == PACKET_SEQUENCE_START {
        return Ok(VideoTag::Config {
            codec,
            config: data.rest(),
        });
    }
    let offset_sent = matches!(codec, VideoCodec::H264 | VideoCodec::Hevc);
    let cts_us = if packet == PACKET_CODED_FRAMES && offset_sent {
        data.i24()?.saturating_mul(1000)
    } else {
        0
    };
    Ok(VideoTag::Frame {
        codec,
        kind,
        cts_us,
        ts_offset_ns,
        payload: data.rest(),
    })
}

fn ex_audio(track: Picked, packet: u8, ts_offset_ns: u32) -> Result<AudioTag> {
    let mut data = track.data;
    match packet {
        AUDIO_MULTICHANNEL => return Ok(AudioTag::Ignored("a multichannel layout")),
        PACKET_SEQUENCE_END => return Ok(AudioTag::EndOfSequence),
        PACKET_SEQUENCE_START | PACKET_CODED_FRAMES => {}
        _ => return Ok(AudioTag::Ignored("an undefined audio packet type")),
    }
    let codec = match &track.fourcc {
        b"mp4a" => AudioCodec::Aac,
        b"Opus" => AudioCodec::Opus,
        b".mp3" => AudioCodec::Mp3,
        b"ac-3" => AudioCodec::Ac3,
        b"ec-3" => AudioCodec::Eac3,
        b"fLaC" => AudioCodec::Flac,
        other => return no_audio(format!("{} audio", other.escape_ascii())),
    };
    if packet == PACKET_SEQUENCE_START {
        return Ok(AudioTag::Config {
            codec,
            config: data.rest(),
        });
    }
    Ok(AudioTag::Frame {
        codec,
        ts_offset_ns,
        payload: data.rest(),
    })
}

fn no_video<T>(what: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(MediaError::LeftOut(LeftOut::of(TrackKind::Video, what)))
}

fn no_audio<T>(what: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(MediaError::LeftOut(LeftOut::of(TrackKind::Audio, what)))
}

#[cfg(test)]
#[path = "tag_tests.rs"]
mod tests;
