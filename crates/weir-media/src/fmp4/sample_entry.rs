//! Sample entries: what a decoder must know, codec by codec.
//!
//! Bindings: ISO/IEC 14496-15 (avc1, hvc1), 14496-14 (mp4a), AV1-ISOBMFF (av01), VP-in-ISOBMFF
//! (vp09), Opus-in-ISOBMFF (Opus), ETSI TS 102 366 annex F (ac-3, ec-3), FLAC-in-ISOBMFF (fLaC).

use super::audio_timescale;
use super::boxes::{put_box, put_full_box, put_u16, put_u32, put_zeros};
use crate::codec::ac3;
use crate::codec::opus::SAMPLE_RATE;
use crate::{AudioCodec, AudioTrack, MediaError, Result, VideoCodec, VideoTrack};

/// Object type indications of `esds` (ISO/IEC 14496-1 table 5): AAC, and MP3 as MPEG-1 audio.
const OBJECT_AAC: u8 = 0x40;
const OBJECT_MP3: u8 = 0x6B;
/// Bytes of `OpusHead` before the channel mapping table (RFC 7845 §5.1).
const OPUS_HEAD_BYTES: usize = 19;

pub(super) fn put_video_entry(out: &mut Vec<u8>, video: &VideoTrack) -> Result<()> {
    if video.config.is_empty() {
        return Err(MediaError::invalid(
            "init segment",
            "the video track has no codec header",
        ));
    }
    let (entry, config): (&[u8; 4], &[u8; 4]) = match video.codec {
        VideoCodec::H264 => (b"avc1", b"avcC"),
        VideoCodec::Hevc => (b"hvc1", b"hvcC"),
        VideoCodec::Av1 => (b"av01", b"av1C"),
        VideoCodec::Vp9 => (b"vp09", b"vpcC"),
    };
    put_box(out, entry, |out| {
        put_zeros(out, 6);
        put_u16(out, 1); // data reference
        put_zeros(out, 16);
        put_u16(out, video.width.min(0xFFFF) as u16);
        put_u16(out, video.height.min(0xFFFF) as u16);
        put_u32(out, 0x0048_0000); // 72 dpi
        put_u32(out, 0x0048_0000);
        put_u32(out, 0);
        put_u16(out, 1); // frames per sample
        put_zeros(out, 32); // compressor name
        put_u16(out, 0x0018); // depth
        put_u16(out, 0xFFFF);
        put_box(out, config, |out| out.extend_from_slice(&video.config));
    });
    Ok(())
}

pub(super) fn put_audio_entry(
    out: &mut Vec<u8>,
    audio: &AudioTrack,
    first_frame: Option<&[u8]>,
) -> Result<()> {
    let entry: &[u8; 4] = match audio.codec {
        AudioCodec::Aac | AudioCodec::Mp3 => b"mp4a",
        AudioCodec::Opus => b"Opus",
        AudioCodec::Ac3 => b"ac-3",
        AudioCodec::Eac3 => b"ec-3",
        AudioCodec::Flac => b"fLaC",
    };
    let mut result = Ok(());
    put_box(out, entry, |out| {
        put_zeros(out, 6);
        put_u16(out, 1); // data reference
        put_zeros(out, 8);
        put_u16(
            out,
            if audio.channels == 0 {
                2
            } else {
                u16::from(audio.channels)
            },
        );
        put_u16(out, 16); // bits per sample
        put_zeros(out, 4);
        // 16.16 fixed point; rates it cannot hold are written as 0, readers then look inside.
        put_u32(
            out,
            audio_timescale(audio).checked_mul(0x1_0000).unwrap_or(0),
        );
        result = put_audio_config(out, audio, first_frame);
    });
    result
}

fn put_audio_config(out: &mut Vec<u8>, audio: &AudioTrack, frame: Option<&[u8]>) -> Result<()> {
    match audio.codec {
        AudioCodec::Aac => put_esds(out, OBJECT_AAC, Some(&audio.config)),
        AudioCodec::Mp3 => put_esds(out, OBJECT_MP3, None),
        AudioCodec::Opus => return put_opus(out, &audio.config),
        AudioCodec::Ac3 => {
            let body = frame.and_then(|frame| ac3::dac3(frame).ok());
            let body = body.unwrap_or_else(|| assumed_dac3(audio).to_vec());
            put_box(out, b"dac3", |out| out.extend_from_slice(&body));
        }
        AudioCodec::Eac3 => {
            let body = frame.and_then(|frame| ac3::dec3(frame).ok());
            let body = body.unwrap_or_else(|| assumed_dec3(audio).to_vec());
            put_box(out, b"dec3", |out| out.extend_from_slice(&body));
        }
        AudioCodec::Flac => {
            let blocks = audio
                .config
                .strip_prefix(b"fLaC")
                .ok_or(MediaError::invalid(
                    "FLAC set-up",
                    "the fLaC marker is missing",
                ))?;
            put_full_box(out, b"dfLa", 0, 0, |out| out.extend_from_slice(blocks));
        }
    }
    Ok(())
}

/// ES descriptor (ISO/IEC 14496-1 §7.2.6.5) with its decoder configuration.
fn put_esds(out: &mut Vec<u8>, object_type: u8, specific: Option<&[u8]>) {
    let specific_bytes = specific.map_or(0, |config| 5 + config.len());
    put_full_box(out, b"esds", 0, 0, |out| {
        put_descriptor(out, 0x03, 3 + 5 + 13 + specific_bytes + 5 + 1);
        put_u16(out, 0); // ES id
        out.push(0);
        put_descriptor(out, 0x04, 13 + specific_bytes);
        out.extend_from_slice(&[object_type, 0x15]); // audio stream
        put_zeros(out, 3); // buffer size
        put_u32(out, 0); // peak and average rate: not known
        put_u32(out, 0);
        if let Some(config) = specific {
            put_descriptor(out, 0x05, config.len());
            out.extend_from_slice(config);
        }
        put_descriptor(out, 0x06, 1);
        out.push(0x02); // as MP4 files have it
    });
}

/// Tag and length in the four-byte form.
fn put_descriptor(out: &mut Vec<u8>, tag: u8, length: usize) {
    let byte = |shift: u32| (length >> shift & 0x7F) as u8;
    out.extend_from_slice(&[
        tag,
        byte(21) | 0x80,
        byte(14) | 0x80,
        byte(7) | 0x80,
        byte(0),
    ]);
}

/// `dOps`: `OpusHead` without magic, big-endian, version 0.
fn put_opus(out: &mut Vec<u8>, head: &[u8]) -> Result<()> {
    let (Some(fixed), true) = (
        head.first_chunk::<OPUS_HEAD_BYTES>(),
        head.starts_with(b"OpusHead"),
    ) else {
        return Err(MediaError::invalid("Opus set-up", "not an OpusHead"));
    };
    put_box(out, b"dOps", |out| {
        out.extend_from_slice(&[0, fixed[9]]); // version, channels
        out.extend_from_slice(&[fixed[11], fixed[10]]); // pre-skip
        // The rate before encoding is a remark that nobody needs; Chromium refuses the track where it
        // differs from the sample entry's rate, which is always this (Opus in ISOBMFF §4.3.1).
        put_u32(out, SAMPLE_RATE);
        out.extend_from_slice(&[fixed[17], fixed[16], fixed[18]]); // gain, mapping family
        if fixed[18] != 0 {
            out.extend_from_slice(head.get(OPUS_HEAD_BYTES..).unwrap_or_default());
        }
    });
    Ok(())
}

/// `fscod` by sample rate.
fn ac3_rate_code(audio: &AudioTrack) -> u32 {
    match audio.sample_rate {
        44_100 => 1,
        32_000 => 2,
        _ => 0,
    }
}

/// `acmod` and `lfeon` by number of channels.
const fn ac3_layout(channels: u8) -> (u32, u32) {
    match channels {
        1 => (1, 0),
        3 => (3, 0),
        4 => (6, 0),
        5 => (7, 0),
        6.. => (7, 1),
        _ => (2, 0),
    }
}

/// `dac3` for a stream no frame of which is at hand: bsid 8, main service, 384 kbit/s.
fn assumed_dac3(audio: &AudioTrack) -> [u8; 3] {
    let (acmod, lfe) = ac3_layout(audio.channels);
    let bits = ac3_rate_code(audio) << 22 | 8 << 17 | acmod << 11 | lfe << 10 | 14 << 5;
    let [_, a, b, c] = bits.to_be_bytes();
    [a, b, c]
}

/// `dec3` for a stream no frame of which is at hand: one independent substream, bsid 16.
fn assumed_dec3(audio: &AudioTrack) -> [u8; 5] {
    let (acmod, lfe) = ac3_layout(audio.channels);
    let bits = ac3_rate_code(audio) << 22 | 16 << 17 | acmod << 9 | lfe << 8;
    let [_, a, b, c] = bits.to_be_bytes();
    [0, 0, a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::opus::OpusHead;

    #[test]
    fn opus_has_one_rate_whatever_the_microphone_had() {
        let head = OpusHead {
            input_rate: 44_100,
            ..OpusHead::default()
        };
        let mut out = Vec::new();
        put_opus(&mut out, &head.build()).unwrap();
        // Size, type, version, channels and pre-skip come before it.
        assert_eq!(out.get(12..16), Some(&48_000_u32.to_be_bytes()[..]));
    }
}
