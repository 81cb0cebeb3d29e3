//! What a stream of a programme is: the stream types of ISO/IEC 13818-1 table 2-34, those of ATSC, SCTE,
//! Blu-ray and others beyond 0x7F, registrations, and the descriptors of DVB (EN 300 468) and ARIB that
//! tell one private stream from another. What is carried has its codec; all else has its name.

use std::borrow::Cow;

use super::psi::StreamEntry;
use crate::LeftOutKind::{Audio, Data, Subtitles, Video};
use crate::{LeftOut, LeftOutKind, TrackKind, VideoCodec};

/// A stream weir carries, by what the table says of it; the bytes have the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CarriedStream {
    Video(VideoCodec),
    Audio(Framing),
}

/// How the frames of a sound are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// AAC with ADTS headers.
    Adts,
    /// AAC in LATM, with LOAS in front (ISO/IEC 14496-3 §1.7).
    Loas,
    /// Any layer of MPEG audio; only the third is carried.
    MpegAudio,
    /// AC-3 or E-AC-3.
    Ac3,
    /// Opus, with its channel configuration code.
    Opus(Option<u8>),
}

impl CarriedStream {
    pub(super) const fn kind(self) -> TrackKind {
        match self {
            Self::Video(_) => TrackKind::Video,
            Self::Audio(_) => TrackKind::Audio,
        }
    }

    /// Whether both are pictures, or both sound.
    pub(super) fn is_like(self, other: Self) -> bool {
        self.kind() == other.kind()
    }

    /// As people call it; the bytes may turn out to be something near.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Video(VideoCodec::H264) => "H.264 video",
            Self::Video(VideoCodec::Hevc) => "HEVC video",
            Self::Video(VideoCodec::Av1) => "AV1 video",
            Self::Video(VideoCodec::Vp9) => "VP9 video",
            Self::Audio(Framing::Adts) => "AAC audio",
            Self::Audio(Framing::Loas) => "AAC audio (LATM)",
            Self::Audio(Framing::MpegAudio) => "MPEG audio",
            Self::Audio(Framing::Ac3) => "AC-3 audio",
            Self::Audio(Framing::Opus(_)) => "Opus audio",
        }
    }
}

type Named = (LeftOutKind, &'static str);

/// Registration of a programme that is of a Blu-ray disc: its stream types are the disc's.
const HDMV: [u8; 4] = *b"HDMV";
const PRIVATE_DATA: u8 = 0x06;
/// From here on types are free for anybody to use.
const FIRST_USER_PRIVATE: u8 = 0x80;
/// DVB's extension descriptor, whose first byte says which.
const EXTENSION: u8 = 0x7F;

/// What the entry of a table announces, in a programme with this registration.
pub(super) fn stream(
    entry: &StreamEntry,
    programme: Option<[u8; 4]>,
) -> Result<CarriedStream, LeftOut> {
    let is_blu_ray = programme == Some(HDMV);
    match carried(entry, is_blu_ray) {
        Some(carried) => Ok(carried),
        None => Err(named(entry, is_blu_ray)),
    }
}

fn carried(entry: &StreamEntry, is_blu_ray: bool) -> Option<CarriedStream> {
    use CarriedStream as Carried;
    Some(match entry.stream_type {
        0x03 | 0x04 => Carried::Audio(Framing::MpegAudio),
        0x0F => Carried::Audio(Framing::Adts),
        0x11 => Carried::Audio(Framing::Loas),
        0x1B => Carried::Video(VideoCodec::H264),
        0x24 => Carried::Video(VideoCodec::Hevc),
        0x81 | 0x87 => Carried::Audio(Framing::Ac3),
        0x84 | 0xA1 if is_blu_ray => Carried::Audio(Framing::Ac3),
        0x00 | PRIVATE_DATA | FIRST_USER_PRIVATE.. if !is_blu_ray => {
            let registered = entry.registration.as_ref();
            match registered.map_or(&[][..], |id| &id[..]) {
                b"AC-3" | b"EAC3" => Carried::Audio(Framing::Ac3),
                b"Opus" => Carried::Audio(Framing::Opus(entry.opus_channels)),
                b"HEVC" => Carried::Video(VideoCodec::Hevc),
                b"AV01" => Carried::Video(VideoCodec::Av1),
                _ if entry.stream_type != PRIVATE_DATA => return None,
                // DVB's AC-3 and enhanced AC-3, and ATSC's descriptors of the same.
                _ if entry.has_any(&[0x6A, 0x7A, 0x81, 0xCC]) => Carried::Audio(Framing::Ac3),
                _ if entry.has_any(&[0x7C]) => Carried::Audio(Framing::Adts),
                _ if entry.opus_channels.is_some() => {
                    Carried::Audio(Framing::Opus(entry.opus_channels))
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// The name of what is not carried.
fn named(entry: &StreamEntry, is_blu_ray: bool) -> LeftOut {
    let is_private = matches!(
        entry.stream_type,
        0x00 | 0x05 | PRIVATE_DATA | FIRST_USER_PRIVATE..
    );
    let by_contents = (is_private && !is_blu_ray)
        .then(|| by_registration(entry).or_else(|| by_descriptors(entry)))
        .flatten();
    let by_type = || match is_blu_ray {
        true => blu_ray(entry.stream_type).or_else(|| by_type(entry.stream_type)),
        false => by_type(entry.stream_type),
    };
    let (kind, what): (LeftOutKind, Cow<'static, str>) = match by_contents.or_else(by_type) {
        Some((kind, what)) => (kind, what.into()),
        None => match entry.registration {
            Some(id) => (Data, format!("private data {}", id.escape_ascii()).into()),
            None => {
                let what = format!("a stream of the unknown type {:#04x}", entry.stream_type);
                (Data, what.into())
            }
        },
    };
    LeftOut {
        kind,
        what,
        pid: Some(entry.pid),
    }
}

fn by_registration(entry: &StreamEntry) -> Option<Named> {
    Some(match entry.registration.as_ref()? {
        b"DTS1" | b"DTS2" | b"DTS3" | b"DTSH" | b"dtsc" => (Audio, "DTS audio"),
        b"BSSD" => (Audio, "PCM audio (SMPTE 302M)"),
        b"AC-4" => (Audio, "AC-4 audio"),
        b"mlpa" => (Audio, "Dolby TrueHD audio"),
        b"AVSA" => (Audio, "AVS audio"),
        b"VP09" | b"vp09" => (Video, "VP9 video"),
        b"VC-1" => (Video, "VC-1 video"),
        b"VVC " => (Video, "VVC video"),
        b"drac" | b"BBCD" => (Video, "Dirac video"),
        b"AVSV" | b"AVS2" | b"AVS3" => (Video, "AVS video"),
        b"DOVI" => (Video, "a Dolby Vision enhancement layer"),
        b"KLVA" => (Data, "KLV metadata"),
        b"ID3 " => (Data, "timed ID3 metadata"),
        b"CUEI" => (Data, "SCTE-35 splice information"),
        b"VANC" => (Data, "ancillary data (SMPTE 2038)"),
        b"ETV1" => (Data, "ETV application data"),
        b"HDMV" | b"GA94" | b"SCTE" => return None,
        _ => return None,
    })
}

/// By the tags of EN 300 468 table 12, its extensions (table 109) and ARIB's of STD-B10.
fn by_descriptors(entry: &StreamEntry) -> Option<Named> {
    let is_private = entry.stream_type == PRIVATE_DATA;
    let of_tag = |&(tag, extension): &(u8, u8)| -> Option<Named> {
        Some(match (tag, extension) {
            (0x56, _) if is_private => (Subtitles, "DVB teletext"),
            (0x59, _) if is_private => (Subtitles, "DVB subtitles"),
            (0x46, _) if is_private => (Subtitles, "DVB VBI teletext"),
            (0x45, _) if is_private => (Data, "DVB VBI data"),
            (0x7B, _) => (Audio, "DTS audio"),
            (EXTENSION, 0x0E) => (Audio, "DTS-HD audio"),
            (EXTENSION, 0x0F) => (Audio, "DTS Neural audio"),
            (EXTENSION, 0x15) => (Audio, "AC-4 audio"),
            (EXTENSION, 0x19) => (Audio, "NGA audio"),
            (EXTENSION, 0x21) => (Audio, "DTS-UHD audio"),
            (EXTENSION, 0x20) => (Subtitles, "DVB TTML subtitles"),
            (0xFD, _) if is_private => (Subtitles, "ARIB captions"),
            (0x6F, _) => (Data, "HbbTV application signalling"),
            (0x66, _) | (0x13, _) | (0x14, _) => (Data, "DSM-CC data"),
            (0x8A, _) => (Data, "SCTE-35 splice information"),
            (0x26, _) | (0x25, _) => (Data, "timed metadata"),
            _ => return None,
        })
    };
    entry.tags.iter().find_map(of_tag)
}

/// ISO/IEC 13818-1 table 2-34, and what others agreed on beyond it.
const fn by_type(stream_type: u8) -> Option<Named> {
    Some(match stream_type {
        0x01 => (Video, "MPEG-1 video"),
        0x02 => (Video, "MPEG-2 video"),
        0x05 => (Data, "private sections"),
        PRIVATE_DATA => (Data, "private data"),
        0x07 => (Data, "MHEG data"),
        0x08 | 0x0A..=0x0D => (Data, "DSM-CC data"),
        0x09 => (Data, "H.222.1 data"),
        0x0E => (Data, "auxiliary data"),
        0x10 => (Video, "MPEG-4 part 2 video"),
        0x12 | 0x13 => (Data, "MPEG-4 systems data"),
        0x14 => (Data, "a synchronized download"),
        0x15 => (Data, "timed metadata"),
        0x16 => (Data, "metadata sections"),
        0x17..=0x19 => (Data, "a metadata carousel"),
        0x1A | 0x7F => (Data, "IPMP data"),
        0x1C => (Audio, "MPEG-4 audio without a transport layer"),
        0x1D => (Subtitles, "MPEG-4 timed text"),
        0x1E => (Video, "auxiliary video"),
        0x1F => (Video, "an SVC layer of H.264"),
        0x20 | 0x26 => (Video, "an MVC view of H.264"),
        0x21 => (Video, "JPEG 2000 video"),
        0x22 | 0x23 => (Video, "a second view for 3D"),
        0x25 | 0x28..=0x2B | 0x31 => (Video, "a further layer of HEVC"),
        0x27 => (Data, "TEMI timing data"),
        0x2C => (Data, "green access units"),
        0x2D | 0x2E => (Audio, "MPEG-H 3D audio"),
        0x2F => (Data, "quality metadata"),
        0x30 => (Data, "media orchestration data"),
        0x32 => (Video, "JPEG XS video"),
        0x33 | 0x34 => (Video, "VVC video"),
        0x35 => (Video, "EVC video"),
        0x36 => (Video, "LCEVC enhancement data"),
        0x42 | 0xD2 | 0xD4 => (Video, "AVS video"),
        0x80 => (Video, "MPEG-2 video (DigiCipher II)"),
        0x82 | 0xC0 => (Data, "SCTE data"),
        0x86 => (Data, "SCTE-35 splice information"),
        0x8A => (Audio, "DTS audio"),
        0xC1 | 0xC2 => (Audio, "encrypted AC-3 audio (SAMPLE-AES)"),
        0xCF => (Audio, "encrypted AAC audio (SAMPLE-AES)"),
        0xD1 => (Video, "Dirac video"),
        0xDB => (Video, "encrypted H.264 video (SAMPLE-AES)"),
        0xEA => (Video, "VC-1 video"),
        _ => return None,
    })
}

/// The types of a Blu-ray disc.
const fn blu_ray(stream_type: u8) -> Option<Named> {
    Some(match stream_type {
        0x80 => (Audio, "PCM audio (Blu-ray)"),
        0x82 => (Audio, "DTS audio"),
        0x83 => (Audio, "Dolby TrueHD audio"),
        0x85 | 0x86 | 0xA2 => (Audio, "DTS-HD audio"),
        0x90 => (Subtitles, "PGS subtitles"),
        0x91 => (Data, "Blu-ray menus"),
        0x92 => (Subtitles, "Blu-ray text subtitles"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stream_type: u8, registration: Option<&[u8; 4]>, tags: &[(u8, u8)]) -> StreamEntry {
        StreamEntry {
            stream_type,
            pid: 0x104,
            registration: registration.copied(),
            opus_channels: None,
            tags: tags.to_vec(),
        }
    }

    #[test]
    fn what_is_carried_is_found_by_type_registration_and_descriptor() {
        let ac3 = CarriedStream::Audio(Framing::Ac3);
        for (what, entry, expected) in [
            (
                "H.264",
                entry(0x1B, None, &[]),
                CarriedStream::Video(VideoCodec::H264),
            ),
            (
                "HEVC",
                entry(0x24, None, &[]),
                CarriedStream::Video(VideoCodec::Hevc),
            ),
            (
                "HEVC of the days before its type",
                entry(0x06, Some(b"HEVC"), &[]),
                CarriedStream::Video(VideoCodec::Hevc),
            ),
            (
                "ADTS",
                entry(0x0F, None, &[(0x0A, 0)]),
                CarriedStream::Audio(Framing::Adts),
            ),
            (
                "LATM",
                entry(0x11, None, &[(0x7C, 0)]),
                CarriedStream::Audio(Framing::Loas),
            ),
            (
                "MPEG-1 audio",
                entry(0x03, None, &[]),
                CarriedStream::Audio(Framing::MpegAudio),
            ),
            (
                "MPEG-2 audio",
                entry(0x04, None, &[]),
                CarriedStream::Audio(Framing::MpegAudio),
            ),
            ("ATSC AC-3", entry(0x81, None, &[]), ac3),
            ("ATSC E-AC-3", entry(0x87, None, &[]), ac3),
            ("registered AC-3", entry(0x06, Some(b"AC-3"), &[]), ac3),
            ("registered E-AC-3", entry(0x06, Some(b"EAC3"), &[]), ac3),
            ("DVB AC-3", entry(0x06, None, &[(0x0A, 0), (0x6A, 0)]), ac3),
            (
                "DVB E-AC-3",
                entry(0x06, None, &[(0x52, 0), (0x7A, 0)]),
                ac3,
            ),
            (
                "Opus",
                entry(0x06, Some(b"Opus"), &[(0x7F, 0x80)]),
                CarriedStream::Audio(Framing::Opus(None)),
            ),
        ] {
            assert_eq!(stream(&entry, None), Ok(expected), "{what}");
        }
    }

    #[test]
    fn what_is_not_carried_has_its_name() {
        for (entry, kind, shown) in [
            (entry(0x02, None, &[]), Video, "MPEG-2 video, PID 0x104"),
            (
                entry(0x06, None, &[(0x59, 0)]),
                Subtitles,
                "DVB subtitles, PID 0x104",
            ),
            (
                entry(0x06, None, &[(0x56, 0)]),
                Subtitles,
                "DVB teletext, PID 0x104",
            ),
            (
                entry(0x06, None, &[(0xFD, 0)]),
                Subtitles,
                "ARIB captions, PID 0x104",
            ),
            (
                entry(0x06, None, &[(0x7F, 0x15)]),
                Audio,
                "AC-4 audio, PID 0x104",
            ),
            (
                entry(0x06, None, &[(0x7B, 0)]),
                Audio,
                "DTS audio, PID 0x104",
            ),
            (
                entry(0x06, Some(b"BSSD"), &[]),
                Audio,
                "PCM audio (SMPTE 302M), PID 0x104",
            ),
            (
                entry(0x06, Some(b"KLVA"), &[]),
                Data,
                "KLV metadata, PID 0x104",
            ),
            (
                entry(0x06, Some(b"VP09"), &[]),
                Video,
                "VP9 video, PID 0x104",
            ),
            (
                entry(0x06, Some(b"XYZ1"), &[]),
                Data,
                "private data, PID 0x104",
            ),
            (entry(0x06, None, &[]), Data, "private data, PID 0x104"),
            (
                entry(0x05, None, &[(0x6F, 0)]),
                Data,
                "HbbTV application signalling, PID 0x104",
            ),
            (
                entry(0x15, None, &[(0x26, 0)]),
                Data,
                "timed metadata, PID 0x104",
            ),
            (
                entry(0x86, Some(b"CUEI"), &[]),
                Data,
                "SCTE-35 splice information, PID 0x104",
            ),
            (entry(0x33, None, &[]), Video, "VVC video, PID 0x104"),
            (
                entry(0x9E, Some(b"XYZ1"), &[]),
                Data,
                "private data XYZ1, PID 0x104",
            ),
            (
                entry(0x9E, None, &[]),
                Data,
                "a stream of the unknown type 0x9e, PID 0x104",
            ),
        ] {
            let left_out = stream(&entry, None).unwrap_err();
            assert_eq!(
                (left_out.kind, left_out.to_string().as_str()),
                (kind, shown)
            );
        }
    }

    #[test]
    fn a_discs_types_are_its_own() {
        let disc = |stream_type| {
            let found = stream(&entry(stream_type, None, &[]), Some(HDMV));
            found.map_or_else(
                |left_out| left_out.what.into_owned(),
                |found| found.name().into(),
            )
        };
        assert_eq!(disc(0x80), "PCM audio (Blu-ray)");
        assert_eq!(disc(0x84), "AC-3 audio");
        assert_eq!(disc(0x86), "DTS-HD audio");
        assert_eq!(disc(0x90), "PGS subtitles");
        assert_eq!(disc(0x02), "MPEG-2 video");
    }

    #[test]
    fn every_type_of_the_standard_has_a_name() {
        for stream_type in 0x01..=0x36 {
            let known = stream(&entry(stream_type, None, &[]), None);
            let named =
                known.map_or_else(|left_out| left_out.to_string(), |found| found.name().into());
            assert!(!named.contains("unknown"), "{stream_type:#x}: {named}");
        }
    }
}
