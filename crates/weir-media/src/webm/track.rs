//! TrackEntry entries: which codec, its set-up, and what of it weir can carry (RFC 9559 §5.1.4,
//! Matroska codec specifications).

use bytes::Bytes;

use super::ebml::{children, uint};
use crate::ingest::assembler::{Codec, ns_to_us};
use crate::{AudioCodec, MediaError, Result, TrackKind, VideoCodec, codec};

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
    /// There were further ones.
    pub(super) left_out: bool,
}

/// Reads the body of `Tracks`.
///
/// # Errors
/// Broken structure; `Unsupported` where a kind has tracks and weir carries none of them.
pub(super) fn read_all(body: &Bytes) -> Result<ChosenEntries> {
    let mut chosen = ChosenEntries::default();
    let mut refused: Vec<(TrackKind, MediaError)> = Vec::new();
    for child in children(body) {
        let (id, entry) = child?;
        if id != ID_TRACK_ENTRY {
            continue;
        }
        let (kind, track) = match read_entry(entry)? {
            Entry::Other => continue,
            Entry::Carried(track) => (track.codec.track(), Ok(track)),
            Entry::Refused(kind, error) => (kind, Err(error)),
        };
        let taken = chosen
            .tracks
            .iter()
            .any(|track| track.codec.track() == kind);
        match track {
            Ok(track) if !taken => chosen.tracks.push(track),
            Ok(_) => chosen.left_out = true,
            Err(error) => refused.push((kind, error)),
        }
    }
    for (kind, error) in refused {
        if !chosen
            .tracks
            .iter()
            .any(|track| track.codec.track() == kind)
        {
            return Err(error);
        }
        chosen.left_out = true;
    }
    if chosen.tracks.is_empty() {
        return Err(MediaError::invalid("WebM", "neither video nor audio"));
    }
    Ok(chosen)
}

enum Entry {
    Carried(TrackEntry),
    Refused(TrackKind, MediaError),
    /// Subtitles and the like.
    Other,
}

fn read_entry(entry: &[u8]) -> Result<Entry> {
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
        _ => return Ok(Entry::Other),
    };
    if private.len() > codec::MAX_CONFIG_BYTES {
        return Err(MediaError::TooLarge {
            what: "codec header",
            size: private.len() as u64,
            limit: codec::MAX_CONFIG_BYTES as u64,
        });
    }
    if encoded {
        let text = "compressed or encrypted Matroska tracks; write them plainly".to_owned();
        return Ok(Entry::Refused(kind, MediaError::Unsupported(text)));
    }
    Ok(match codec_of(codec_id) {
        Ok(codec) if codec.track() == kind => Entry::Carried(TrackEntry {
            number,
            codec,
            config: config_of(codec, private),
            codec_delay_ns,
            default_duration_ns,
        }),
        Ok(_) => return Err(MediaError::invalid("WebM track", "type and codec differ")),
        Err(text) => Entry::Refused(kind, MediaError::Unsupported(text)),
    })
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
        other if other.starts_with(b"A_PCM") => "PCM audio; send Opus or AAC",
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
