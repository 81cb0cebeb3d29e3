//! TrackEntry entries: which codec, its set-up, and what of it weir can carry (RFC 9559 §5.1.4,
//! Matroska codec specifications).

use bytes::Bytes;

use super::ebml::{children, uint};
use crate::ingest::assembler::{Codec, ns_to_us};
use crate::left_out::check_carried;
use crate::{AudioCodec, LeftOut, LeftOutKind, MediaError, Result, TrackKind, VideoCodec, codec};

const ID_TRACK_ENTRY: u32 = 0xAE;
const ID_TRACK_NUMBER: u32 = 0xD7;
const ID_TRACK_TYPE: u32 = 0x83;
const ID_CODEC_ID: u32 = 0x86;
const ID_CODEC_PRIVATE: u32 = 0x63A2;
const ID_CODEC_DELAY: u32 = 0x56AA;
const ID_DEFAULT_DURATION: u32 = 0x23_E383;
const ID_CONTENT_ENCODINGS: u32 = 0x6D80;
const TYPE_VIDEO: u64 = 1;
const TYPE_AUDIO: u64 = 2;
/// First byte of an `av1C`: marker and version.
const AV1C_FIRST: u8 = 0x81;
/// Tracks told of as left out.
const MAX_TRACKS: usize = 16;
/// Bytes of a codec id that errors repeat.
const MAX_SHOWN_BYTES: usize = 32;
/// Longest duration of a frame believed, in ns; a number beyond it is no frame rate.
const MAX_DURATION_NS: u64 = 10_000_000_000;

/// A track weir carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackEntry {
    pub(super) number: u64,
    pub(super) codec: Codec,
    /// The set-up as Enhanced RTMP has it, where the container has it and it differs not.
    pub(super) config: Option<Bytes>,
    pub(super) codec_delay_ns: u64,
    default_duration_ns: Option<u64>,
}

impl TrackEntry {
    /// How long a frame lasts, where the container tells.
    pub(super) fn step_us(&self) -> Option<i64> {
        self.default_duration_ns.map(|ns| ns_to_us(ns.into()))
    }
}

/// The first track of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenEntries {
    pub(super) tracks: Vec<TrackEntry>,
    /// What is not carried, and what is of a kind that is taken.
    pub(super) left_out: Vec<LeftOut>,
}

/// Reads the body of `Tracks`.
///
/// # Errors
/// Broken structure; `Unsupported` where there is video and none is carried, and where nothing is.
pub(super) fn read_all(body: &Bytes) -> Result<ChosenEntries> {
    let mut chosen = ChosenEntries::default();
    for child in children(body) {
        let (id, entry) = child?;
        if id != ID_TRACK_ENTRY {
            continue;
        }
        match read_entry(entry)? {
            Ok(track) => {
                let kind = track.codec.track();
                if chosen
                    .tracks
                    .iter()
                    .any(|taken| taken.codec.track() == kind)
                {
                    let what = format!("a further {} track", track.codec.name());
                    chosen.left_out.push(LeftOut::of(kind, what));
                } else {
                    chosen.tracks.push(track);
                }
            }
            Err(what) => chosen.left_out.push(what),
        }
        if chosen.left_out.len() >= MAX_TRACKS {
            break;
        }
    }
    let carried = chosen.tracks.iter().map(|track| track.codec.track());
    check_carried("WebM", carried, &chosen.left_out)?;
    Ok(chosen)
}

/// The inner error: a track that is not carried.
fn read_entry(entry: &[u8]) -> Result<Result<TrackEntry, LeftOut>> {
    let (mut number, mut kind, mut codec_id, mut private) = (0, 0, &[][..], &[][..]);
    let (mut codec_delay_ns, mut default_duration_ns, mut encoded) = (0, None, false);
    for child in children(entry) {
        let (id, value) = child?;
        match id {
            ID_TRACK_NUMBER => number = uint(value)?,
            ID_TRACK_TYPE => kind = uint(value)?,
            ID_CODEC_ID => codec_id = value,
            ID_CODEC_PRIVATE => private = value,
            ID_CODEC_DELAY => codec_delay_ns = uint(value)?,
            ID_DEFAULT_DURATION => {
                default_duration_ns =
                    Some(uint(value)?).filter(|ns| (1..MAX_DURATION_NS).contains(ns));
            }
            ID_CONTENT_ENCODINGS => encoded = !value.is_empty(),
            _ => {}
        }
    }
    let kind = match kind {
        TYPE_VIDEO => TrackKind::Video,
        TYPE_AUDIO => TrackKind::Audio,
        _ => return Ok(Err(other_track(kind))),
    };
    if private.len() > codec::MAX_CONFIG_BYTES {
        return Err(MediaError::TooLarge {
            what: "codec header",
            size: private.len() as u64,
            limit: codec::MAX_CONFIG_BYTES as u64,
        });
    }
    if encoded {
        let text = "a compressed or encrypted Matroska track; write it plainly";
        return Ok(Err(LeftOut::of(kind, text)));
    }
    Ok(match codec_of(codec_id) {
        Ok(codec) if codec.track() == kind => Ok(TrackEntry {
            number,
            codec,
            config: config_of(codec, private),
            codec_delay_ns,
            default_duration_ns,
        }),
        Ok(_) => return Err(MediaError::invalid("WebM track", "type and codec differ")),
        Err(text) => Err(LeftOut::of(kind, text)),
    })
}

/// A track of another kind, by Matroska's number for it.
fn other_track(kind: u64) -> LeftOut {
    let (kind, what) = match kind {
        17 => (LeftOutKind::Subtitles, "Matroska subtitles"),
        33 => (LeftOutKind::Data, "Matroska metadata"),
        _ => (
            LeftOutKind::Data,
            "a Matroska track that is neither video nor audio",
        ),
    };
    LeftOut {
        kind,
        what: what.into(),
        pid: None,
    }
}

/// The codec, or words about what to do instead.
fn codec_of(id: &[u8]) -> Result<Codec, String> {
    let id = id.trim_ascii_end();
    let id = id.strip_suffix(&[0]).unwrap_or(id);
    let instead = match id {
        b"V_VP9" => return Ok(Codec::Video(VideoCodec::Vp9)),
        b"V_AV1" => return Ok(Codec::Video(VideoCodec::Av1)),
        b"V_MPEG4/ISO/AVC" => return Ok(Codec::Video(VideoCodec::H264)),
        b"V_MPEGH/ISO/HEVC" => return Ok(Codec::Video(VideoCodec::Hevc)),
        b"A_OPUS" => return Ok(Codec::Audio(AudioCodec::Opus)),
        b"A_FLAC" => return Ok(Codec::Audio(AudioCodec::Flac)),
        b"A_MPEG/L3" => return Ok(Codec::Audio(AudioCodec::Mp3)),
        b"A_AC3" => return Ok(Codec::Audio(AudioCodec::Ac3)),
        b"A_EAC3" => return Ok(Codec::Audio(AudioCodec::Eac3)),
        b"A_AAC" => return Ok(Codec::Audio(AudioCodec::Aac)),
        b"V_VP8" => {
            "VP8 video; send VP9, AV1 or H.264 (for MediaRecorder: \
             mimeType \"video/webm;codecs=vp9,opus\")"
        }
        b"V_THEORA" => "Theora video; send VP9, AV1 or H.264",
        b"A_VORBIS" => "Vorbis audio; send Opus or AAC",
        b"A_MPEG/L2" => "MPEG audio layer II; send Opus or AAC",
        b"A_MPEG/L1" => "MPEG audio layer I; send Opus or AAC",
        other if other.starts_with(b"A_PCM") => "PCM audio; send Opus or AAC",
        other if other.starts_with(b"A_DTS") => "DTS audio; send Opus, AAC or AC-3",
        other => {
            let (kind, instead) = match other.first() {
                Some(b'A') => ("audio", "Opus or AAC"),
                _ => ("video", "VP9, AV1, HEVC or H.264"),
            };
            let shown = other
                .get(..other.len().min(MAX_SHOWN_BYTES))
                .unwrap_or_default()
                .escape_ascii();
            return Err(format!("Matroska {kind} codec {shown}; send {instead}"));
        }
    };
    Err(instead.to_owned())
}

/// `CodecPrivate` where it is what Enhanced RTMP sends too. VP9 has none of use: the first
/// keyframe tells. Codecs that tell all in their frames need none.
fn config_of(codec: Codec, private: &[u8]) -> Option<Bytes> {
    let useful = match codec {
        Codec::Video(VideoCodec::Vp9) => false,
        // Early writers put bare OBUs here; the first keyframe has them too.
        Codec::Video(VideoCodec::Av1) => private.first() == Some(&AV1C_FIRST),
        _ => !private.is_empty(),
    };
    useful.then(|| Bytes::copy_from_slice(private))
}
