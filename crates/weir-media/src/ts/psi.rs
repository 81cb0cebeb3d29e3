//! Programme tables (ISO/IEC 13818-1 §2.4.4): PAT and PMT sections, written and read.

use super::{
    DESCRIPTOR_EXTENSION, DESCRIPTOR_REGISTRATION, PID_AUDIO, PID_PMT, PID_VIDEO, STREAM_TYPE_AC3,
    STREAM_TYPE_ADTS, STREAM_TYPE_EAC3, STREAM_TYPE_H264, STREAM_TYPE_HEVC,
    STREAM_TYPE_MPEG1_AUDIO, STREAM_TYPE_MPEG2_AUDIO, STREAM_TYPE_PRIVATE,
};
use crate::codec::opus::{self, OpusHead};
use crate::{AudioCodec, AudioTrack, MediaError, Result, Tracks, VideoCodec};

const TABLE_PAT: u8 = 0x00;
const TABLE_PMT: u8 = 0x02;
/// The only programme there is.
const PROGRAM_NUMBER: u16 = 1;
/// Elementary streams looked at in a PMT; more are left out. A section cannot hold many more.
const MAX_STREAMS: usize = 32;
/// Programmes looked at in a PAT; more are left out.
const MAX_PROGRAMMES: usize = 64;
/// Descriptors of one stream whose tags are kept.
const MAX_DESCRIPTORS: usize = 16;

/// The PAT section naming our one PMT.
pub(super) fn pat_section() -> Vec<u8> {
    let mut body = Vec::with_capacity(16);
    body.extend_from_slice(&PROGRAM_NUMBER.to_be_bytes());
    body.extend_from_slice(&(0xE000 | PID_PMT).to_be_bytes());
    section(TABLE_PAT, 1, 0, &body)
}

/// The PMT section for `tracks`; `version` goes up when they change.
pub(super) fn pmt_section(tracks: &Tracks, pcr_pid: u16, version: u8) -> Result<Vec<u8>> {
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(&(0xE000 | pcr_pid).to_be_bytes());
    body.extend_from_slice(&0xF000u16.to_be_bytes()); // no programme descriptors
    if let Some(video) = &tracks.video {
        let (stream_type, descriptors) = match video.codec {
            VideoCodec::H264 => (STREAM_TYPE_H264, Vec::new()),
            VideoCodec::Hevc => (STREAM_TYPE_HEVC, registration(b"HEVC")),
            other => return Err(not_in_ts(other.name())),
        };
        put_stream(&mut body, stream_type, PID_VIDEO, &descriptors);
    }
    if let Some(audio) = &tracks.audio {
        let (stream_type, descriptors) = audio_stream(audio)?;
        put_stream(&mut body, stream_type, PID_AUDIO, &descriptors);
    }
    Ok(section(TABLE_PMT, PROGRAM_NUMBER, version, &body))
}

fn audio_stream(audio: &AudioTrack) -> Result<(u8, Vec<u8>)> {
    Ok(match audio.codec {
        AudioCodec::Aac => (STREAM_TYPE_ADTS, Vec::new()),
        // Half sampling rates exist in MPEG-2 only.
        AudioCodec::Mp3 if (1..32_000).contains(&audio.sample_rate) => {
            (STREAM_TYPE_MPEG2_AUDIO, Vec::new())
        }
        AudioCodec::Mp3 => (STREAM_TYPE_MPEG1_AUDIO, Vec::new()),
        AudioCodec::Ac3 => (STREAM_TYPE_AC3, registration(b"AC-3")),
        AudioCodec::Eac3 => (STREAM_TYPE_EAC3, registration(b"EAC3")),
        AudioCodec::Opus => {
            let code = opus_layout(audio).ok_or_else(|| not_in_ts("Opus of this layout"))?;
            let mut descriptors = registration(b"Opus");
            descriptors.extend_from_slice(&[DESCRIPTOR_EXTENSION, 2, 0x80, code]);
            (STREAM_TYPE_PRIVATE, descriptors)
        }
        AudioCodec::Flac => return Err(not_in_ts("flac")),
    })
}

/// The channel configuration code of Opus in TS: the number of channels where they are mapped as
/// Vorbis has them (RFC 7845 §5.1.1.2), 0 for a pair without a meaning.
fn opus_layout(audio: &AudioTrack) -> Option<u8> {
    const NO_MEANING: u8 = 255;
    let head = OpusHead::parse(&audio.config).ok()?;
    let vorbis = opus::VORBIS_LAYOUTS
        .get(usize::from(head.channels).checked_sub(1)?)
        .copied();
    match (head.family, head.channels) {
        (0, channels) => Some(channels),
        (1, channels) if Some(&head.mapping[..]) == vorbis => Some(channels),
        (NO_MEANING, 2) if head.mapping[..] == [1, 1, 0, 1] => Some(0),
        _ => None,
    }
}

fn not_in_ts(codec: &str) -> MediaError {
    MediaError::Unsupported(format!("{codec} in MPEG-TS"))
}

fn registration(id: &[u8; 4]) -> Vec<u8> {
    let mut out = vec![DESCRIPTOR_REGISTRATION, 4];
    out.extend_from_slice(id);
    out
}

fn put_stream(body: &mut Vec<u8>, stream_type: u8, pid: u16, descriptors: &[u8]) {
    body.push(stream_type);
    body.extend_from_slice(&(0xE000 | pid).to_be_bytes());
    body.extend_from_slice(&(0xF000 | descriptors.len() as u16).to_be_bytes());
    body.extend_from_slice(descriptors);
}

/// A long-form section with its CRC.
fn section(table_id: u8, table_id_extension: u16, version: u8, body: &[u8]) -> Vec<u8> {
    let length = (5 + body.len() + 4) as u16;
    let mut out = vec![table_id];
    out.extend_from_slice(&(0xB000 | length).to_be_bytes());
    out.extend_from_slice(&table_id_extension.to_be_bytes());
    out.push(0xC1 | (version & 0x1F) << 1); // current
    out.extend_from_slice(&[0, 0]); // section 0 of 0
    out.extend_from_slice(body);
    let crc = crc32(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// CRC-32/MPEG-2 (ISO/IEC 13818-1 annex A): no reflection, no final inversion.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xFFFF_FFFF, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            if crc & 0x8000_0000 != 0 {
                crc << 1 ^ 0x04C1_1DB7
            } else {
                crc << 1
            }
        })
    })
}

/// One elementary stream as the PMT announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamEntry {
    pub(super) stream_type: u8,
    pub(super) pid: u16,
    /// `format_identifier` of a registration descriptor.
    pub(super) registration: Option<[u8; 4]>,
    /// Opus channel configuration code.
    pub(super) opus_channels: Option<u8>,
    /// Tags of its descriptors in order, each with its first byte where it is DVB's extension.
    pub(super) tags: Vec<(u8, u8)>,
}

impl StreamEntry {
    /// Whether a descriptor has one of these tags.
    pub(super) fn has_any(&self, tags: &[u8]) -> bool {
        self.tags.iter().any(|(tag, _)| tags.contains(tag))
    }
}

/// What a PMT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgrammeTable {
    /// `format_identifier` of the programme's own registration descriptor.
    pub(super) registration: Option<[u8; 4]>,
    pub(super) streams: Vec<StreamEntry>,
}

/// The programmes of a PAT section, each with the PID of its table; `None` for what is not in force.
pub(super) fn read_pat(section: &[u8]) -> Result<Option<Vec<(u16, u16)>>> {
    if section.first() != Some(&TABLE_PAT) || !is_current(section) {
        return Ok(None);
    }
    let programmes = section_body(section, TABLE_PAT)?
        .chunks_exact(4)
        .map(|entry| (be16(entry, 0), be16(entry, 2) & 0x1FFF))
        .filter(|&(programme, _)| programme != 0);
    Ok(Some(programmes.take(MAX_PROGRAMMES).collect()))
}

/// The table of this programme; `None` for another table or programme, and for what is not in force.
pub(super) fn read_pmt(section: &[u8], programme: u16) -> Result<Option<ProgrammeTable>> {
    let is_it = section.first() == Some(&TABLE_PMT) && be16(section, 3) == programme;
    if !is_it || !is_current(section) {
        return Ok(None);
    }
    let body = section_body(section, TABLE_PMT)?;
    let own_bytes = usize::from(be16(body, 2) & 0x0FFF);
    let own = body
        .get(4..4 + own_bytes)
        .ok_or(MediaError::Truncated("PMT"))?;
    let registration = read_descriptors(own).registration;
    let mut rest = body.get(4 + own_bytes..).unwrap_or_default();
    let mut streams = Vec::new();
    while rest.len() >= 5 && streams.len() < MAX_STREAMS {
        let length = usize::from(be16(rest, 3) & 0x0FFF);
        let descriptors = rest
            .get(5..5 + length)
            .ok_or(MediaError::Truncated("PMT"))?;
        let Descriptors {
            registration,
            opus_channels,
            tags,
        } = read_descriptors(descriptors);
        streams.push(StreamEntry {
            stream_type: rest.first().copied().unwrap_or(0),
            pid: be16(rest, 1) & 0x1FFF,
            registration,
            opus_channels,
            tags,
        });
        rest = rest.get(5 + length..).unwrap_or_default();
    }
    Ok(Some(ProgrammeTable {
        registration,
        streams,
    }))
}

/// `current_next_indicator`: the table is in force, and not the next one.
fn is_current(section: &[u8]) -> bool {
    section.get(5).is_some_and(|byte| byte & 1 == 1)
}

#[derive(Debug, Default)]
struct Descriptors {
    registration: Option<[u8; 4]>,
    opus_channels: Option<u8>,
    tags: Vec<(u8, u8)>,
}

fn read_descriptors(mut rest: &[u8]) -> Descriptors {
    let mut found = Descriptors::default();
    while let [tag, length, tail @ ..] = rest {
        let Some((body, next)) = tail.split_at_checked(usize::from(*length)) else {
            break;
        };
        let first = body.first().copied().unwrap_or(0);
        match (*tag, body) {
            (DESCRIPTOR_REGISTRATION, [a, b, c, d, ..]) => {
                found.registration = Some([*a, *b, *c, *d]);
            }
            (DESCRIPTOR_EXTENSION, [0x80, channels, ..]) => found.opus_channels = Some(*channels),
            _ => {}
        }
        if found.tags.len() < MAX_DESCRIPTORS {
            let extension = if *tag == DESCRIPTOR_EXTENSION {
                first
            } else {
                0
            };
            found.tags.push((*tag, extension));
        }
        rest = next;
    }
    found
}

/// What stands between the 8-byte section header and the CRC, after checking both.
fn section_body(section: &[u8], table_id: u8) -> Result<&[u8]> {
    if section.first() != Some(&table_id) {
        return Err(MediaError::invalid(
            "PSI section",
            "not the table that belongs on this pid",
        ));
    }
    if crc32(section) != 0 {
        return Err(MediaError::invalid("PSI section", "the CRC does not fit"));
    }
    let end = section
        .len()
        .checked_sub(4)
        .ok_or(MediaError::Truncated("PSI section"))?;
    let body = section
        .get(8..end)
        .ok_or(MediaError::Truncated("PSI section"))?;
    if table_id == TABLE_PMT && body.len() < 4 {
        return Err(MediaError::Truncated("PMT"));
    }
    Ok(body)
}

/// Big-endian 16 bits at `at`; 0 where there is nothing.
fn be16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

/// A PAT of these programmes, each with the PID of its table.
#[cfg(test)]
pub(super) fn pat_section_of(programmes: &[(u16, u16)]) -> Vec<u8> {
    let entry = |(number, pid): &(u16, u16)| [number.to_be_bytes(), (0xE000 | pid).to_be_bytes()];
    let body: Vec<_> = programmes.iter().flat_map(entry).flatten().collect();
    section(TABLE_PAT, 1, 0, &body)
}

/// A PMT of this programme: type, PID and descriptors of each stream.
#[cfg(test)]
pub(super) fn pmt_section_of(programme: u16, streams: &[(u8, u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![0xE1, 0, 0xF0, 0];
    for (stream_type, pid, descriptors) in streams {
        put_stream(&mut body, *stream_type, *pid, descriptors);
    }
    section(TABLE_PMT, programme, 0, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pat_reads_back_as_written() {
        assert_eq!(read_pat(&pat_section()), Ok(Some(vec![(1, PID_PMT)])));
    }

    #[test]
    fn the_crc_is_the_one_of_the_standard() {
        // "123456789" is the check word of every CRC catalogue.
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
    }

    #[test]
    fn a_flipped_bit_in_a_section_is_noticed() {
        let mut section = pat_section();
        section[9] ^= 1;
        assert!(read_pat(&section).is_err());
    }
}
