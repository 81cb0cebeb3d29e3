//! Programme tables (ISO/IEC 13818-1 §2.4.4): PAT and PMT sections, written and read.

use super::{
    DESCRIPTOR_EXTENSION, DESCRIPTOR_REGISTRATION, PID_AUDIO, PID_PMT, PID_VIDEO, STREAM_TYPE_AC3,
    STREAM_TYPE_ADTS, STREAM_TYPE_EAC3, STREAM_TYPE_H264, STREAM_TYPE_HEVC,
    STREAM_TYPE_MPEG1_AUDIO, STREAM_TYPE_MPEG2_AUDIO, STREAM_TYPE_PRIVATE,
};
use crate::{AudioCodec, AudioTrack, MediaError, Result, Tracks, VideoCodec};

const TABLE_PAT: u8 = 0x00;
const TABLE_PMT: u8 = 0x02;
/// The only programme there is.
const PROGRAM_NUMBER: u16 = 1;
/// Elementary streams looked at in a PMT; more are left out. A section cannot hold many more.
const MAX_STREAMS: usize = 32;

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
            let mut descriptors = registration(b"Opus");
            // Extension tag 0x80, then the channel configuration code: 1 to 8 are the Vorbis
            // mappings for that many channels.
            let channels = if audio.channels == 0 {
                2
            } else {
                audio.channels
            };
            if channels > 8 {
                return Err(MediaError::Unsupported(
                    "Opus with more than 8 channels in MPEG-TS".into(),
                ));
            }
            descriptors.extend_from_slice(&[DESCRIPTOR_EXTENSION, 2, 0x80, channels]);
            (STREAM_TYPE_PRIVATE, descriptors)
        }
        AudioCodec::Flac => return Err(not_in_ts("flac")),
    })
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamEntry {
    pub(super) stream_type: u8,
    pub(super) pid: u16,
    /// `format_identifier` of a registration descriptor.
    pub(super) registration: Option<[u8; 4]>,
    /// Opus channel configuration code.
    pub(super) opus_channels: Option<u8>,
}

/// The PMT pid of the first programme in a PAT section.
pub(super) fn read_pat(section: &[u8]) -> Result<Option<u16>> {
    let body = section_body(section, TABLE_PAT)?;
    Ok(body
        .chunks_exact(4)
        .map(|entry| (be16(entry, 0), be16(entry, 2) & 0x1FFF))
        .find(|&(program, _)| program != 0)
        .map(|(_, pid)| pid))
}

/// The elementary streams of a PMT section.
pub(super) fn read_pmt(section: &[u8]) -> Result<Vec<StreamEntry>> {
    let body = section_body(section, TABLE_PMT)?;
    let skip = 4 + usize::from(be16(body, 2) & 0x0FFF);
    let mut rest = body.get(skip..).ok_or(MediaError::Truncated("PMT"))?;
    let mut streams = Vec::new();
    while rest.len() >= 5 && streams.len() < MAX_STREAMS {
        let length = usize::from(be16(rest, 3) & 0x0FFF);
        let descriptors = rest
            .get(5..5 + length)
            .ok_or(MediaError::Truncated("PMT"))?;
        let (registration, opus_channels) = read_descriptors(descriptors);
        streams.push(StreamEntry {
            stream_type: rest.first().copied().unwrap_or(0),
            pid: be16(rest, 1) & 0x1FFF,
            registration,
            opus_channels,
        });
        rest = rest.get(5 + length..).unwrap_or_default();
    }
    Ok(streams)
}

fn read_descriptors(mut rest: &[u8]) -> (Option<[u8; 4]>, Option<u8>) {
    let (mut registration, mut opus_channels) = (None, None);
    while let [tag, length, tail @ ..] = rest {
        let Some((body, next)) = tail.split_at_checked(usize::from(*length)) else {
            break;
        };
        match (*tag, body) {
            (DESCRIPTOR_REGISTRATION, [a, b, c, d, ..]) => registration = Some([*a, *b, *c, *d]),
            (DESCRIPTOR_EXTENSION, [0x80, channels, ..]) => opus_channels = Some(*channels),
            _ => {}
        }
        rest = next;
    }
    (registration, opus_channels)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pat_reads_back_as_written() {
        assert_eq!(read_pat(&pat_section()).unwrap(), Some(PID_PMT));
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
