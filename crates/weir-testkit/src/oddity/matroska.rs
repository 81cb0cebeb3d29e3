//! Matroska and WebM (RFC 9559), live: a segment and clusters without a size.

use weir_media::{AudioCodec, VideoCodec};

use super::clip::{Pictures, Sound};
use super::draft::{Draft, Piece};

/// Microseconds of media in a cluster: block times have 16 bits.
const CLUSTER_US: i64 = 200_000;
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
const VIDEO_NUMBER: u8 = 1;
const AUDIO_NUMBER: u8 = 2;

/// The header, and a piece for each block.
pub fn file(draft: &Draft) -> Vec<Piece> {
    let mut out = vec![Piece {
        at_us: 0,
        bytes: header(draft),
    }];
    let ticks = |us: i64| (us + draft.start_us) * 1000 / draft.scale_ns as i64;
    let mut cluster_us = i64::MIN / 2;
    // A step of a tick of its own must fit 16 bits.
    let span_us = CLUSTER_US.min(draft.scale_ns as i64 * 30_000 / 1000);
    draft.interleaved(|at_us, unit, pictures, _| {
        let mut bytes = Vec::new();
        if at_us - cluster_us >= span_us {
            cluster_us = at_us;
            bytes.extend_from_slice(&[0x1F, 0x43, 0xB6, 0x75]);
            bytes.extend_from_slice(&UNKNOWN_SIZE);
            bytes.extend(number(0xE7, ticks(at_us) as u64));
        }
        // Blocks are in the order of decoding, and say when they are shown.
        let offset = ticks(at_us + unit.cts_us) - ticks(cluster_us);
        let offset = i16::try_from(offset).expect("a block near its cluster");
        let (track, payload) = match pictures {
            Some(pictures) => (VIDEO_NUMBER, draft.payload(pictures, unit)),
            None => (AUDIO_NUMBER, unit.whole()),
        };
        let mut block = vec![0x80 | track];
        block.extend_from_slice(&offset.to_be_bytes());
        let is_key = pictures.is_none() || draft.is_marked(unit);
        block.push(if is_key { 0x80 } else { 0 });
        block.extend(payload);
        bytes.extend(element(0xA3, &block));
        out.push(Piece { at_us, bytes });
    });
    out
}

fn header(draft: &Draft) -> Vec<u8> {
    let ebml = [
        number(0x4286, 1),
        number(0x42F7, 1),
        number(0x42F2, 4),
        number(0x42F3, 8),
        element(0x4282, b"matroska"),
        number(0x4287, 4),
        number(0x4285, 2),
    ];
    let mut out = element(0x1A45_DFA3, &ebml.concat());
    out.extend_from_slice(&[0x18, 0x53, 0x80, 0x67]);
    out.extend_from_slice(&UNKNOWN_SIZE);
    let info = [
        number(0x2A_D7B1, draft.scale_ns),
        element(0x4D80, b"oddity"),
        element(0x5741, b"oddity"),
    ];
    out.extend(element(0x1549_A966, &info.concat()));
    let mut tracks = Vec::new();
    if let Some(pictures) = &draft.clip.pictures {
        tracks.extend(video(draft, pictures));
    }
    if let Some(sound) = &draft.clip.sound {
        tracks.extend(audio(sound));
    }
    out.extend(element(0x1654_AE6B, &tracks));
    out
}

fn video(draft: &Draft, pictures: &Pictures) -> Vec<u8> {
    let codec: &[u8] = match pictures.codec {
        VideoCodec::H264 => b"V_MPEG4/ISO/AVC",
        VideoCodec::Hevc => b"V_MPEGH/ISO/HEVC",
        VideoCodec::Av1 => b"V_AV1",
        VideoCodec::Vp9 => b"V_VP9",
    };
    let (width, height) = pictures.size;
    let size = [number(0xB0, width.into()), number(0xBA, height.into())].concat();
    let mut entry = [
        number(0xD7, VIDEO_NUMBER.into()),
        number(0x73C5, 1),
        number(0x83, 1),
        element(0x86, codec),
        element(0xE0, &size),
    ]
    .concat();
    if pictures.codec != VideoCodec::Vp9 {
        let config = pictures.config(draft.length_bytes, draft.sets_outside);
        entry.extend(element(0x63A2, &config));
    }
    element(0xAE, &entry)
}

fn audio(sound: &Sound) -> Vec<u8> {
    let codec: &[u8] = match sound.codec {
        AudioCodec::Aac => b"A_AAC",
        AudioCodec::Opus => b"A_OPUS",
        AudioCodec::Mp3 => b"A_MPEG/L3",
        AudioCodec::Ac3 => b"A_AC3",
        AudioCodec::Eac3 => b"A_EAC3",
        AudioCodec::Flac => b"A_FLAC",
    };
    let settings = [
        element(0xB5, &f64::from(sound.rate).to_be_bytes()),
        number(0x9F, sound.channels.into()),
    ];
    let mut entry = [
        number(0xD7, AUDIO_NUMBER.into()),
        number(0x73C5, 2),
        number(0x83, 2),
        element(0x86, codec),
        element(0xE1, &settings.concat()),
    ]
    .concat();
    if !sound.config.is_empty() {
        entry.extend(element(0x63A2, &sound.config));
    }
    element(0xAE, &entry)
}

fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let start = id.iter().position(|byte| *byte != 0).unwrap_or(3);
    // A size of eight bytes will do for everything.
    let size = (1_u64 << 56 | body.len() as u64).to_be_bytes();
    [&id[start..], &size, body].concat()
}

fn number(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}
