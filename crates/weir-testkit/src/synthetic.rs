//! Media made of nothing: valid headers around frames that carry a number instead of a picture, so
//! that a viewer can tell a gap from a slow stream.

use bytes::Bytes;
use weir_media::amf::Value;
use weir_media::{AudioCodec, Frame, FrameKind, TrackKind, Tracks, VideoCodec, codec};

/// H.264 baseline, 320 × 240.
const SPS: [u8; 10] = [0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xEC, 0x04, 0x40];
const PPS: [u8; 4] = [0x68, 0xCE, 0x3C, 0x80];
/// AAC LC, 44.1 kHz, stereo.
const AUDIO_CONFIG: [u8; 2] = [0x12, 0x10];
/// NAL types: a picture that decodes alone, and one that does not.
const NAL_IDR: u8 = 0x65;
const NAL_INTER: u8 = 0x41;
/// Length and NAL header in front of a frame's number.
const BEFORE_NUMBER_BYTES: usize = 5;
const NUMBER_BYTES: usize = 8;

/// The `avcC` record.
pub fn avcc() -> Bytes {
    let mut config = vec![1, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0, 10];
    config.extend_from_slice(&SPS);
    config.extend_from_slice(&[1, 0, 4]);
    config.extend_from_slice(&PPS);
    config.into()
}

/// H.264 and AAC, as the records above describe them.
pub fn tracks() -> Tracks {
    Tracks {
        video: codec::video_track(VideoCodec::H264, avcc()).ok(),
        audio: codec::audio_track(AudioCodec::Aac, Bytes::from_static(&AUDIO_CONFIG)).ok(),
    }
}

/// A picture's payload of at least 13 bytes that carries `number`.
pub fn picture(number: u64, key: bool, bytes: usize) -> Vec<u8> {
    let size = bytes.max(BEFORE_NUMBER_BYTES + NUMBER_BYTES);
    let nal_bytes = u32::try_from(size - 4).unwrap_or(u32::MAX);
    let mut payload = nal_bytes.to_be_bytes().to_vec();
    payload.push(if key { NAL_IDR } else { NAL_INTER });
    payload.extend_from_slice(&number.to_be_bytes());
    payload.resize(size, 0xAB);
    payload
}

/// The number that [`picture`] put into a payload.
pub fn number_of(payload: &[u8]) -> Option<u64> {
    payload
        .get(BEFORE_NUMBER_BYTES..)?
        .first_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

/// [`picture`] as a frame on the stream's clock.
pub fn video_frame(dts_us: i64, number: u64, key: bool, bytes: usize) -> Frame {
    let kind = if key {
        FrameKind::Key
    } else {
        FrameKind::Inter
    };
    let payload = picture(number, key, bytes).into();
    Frame {
        track: TrackKind::Video,
        dts_us,
        cts_us: 0,
        kind,
        payload,
    }
}

/// A frame of sound on the stream's clock.
pub fn audio_frame(dts_us: i64, bytes: usize) -> Frame {
    let payload = vec![0x21; bytes].into();
    Frame {
        track: TrackKind::Audio,
        dts_us,
        cts_us: 0,
        kind: FrameKind::Key,
        payload,
    }
}

/// The FLV body of the video header.
pub fn video_header_body() -> Vec<u8> {
    [&[0x17, 0, 0, 0, 0][..], &avcc()].concat()
}

/// The FLV body of [`picture`].
pub fn video_body(number: u64, key: bool, bytes: usize) -> Vec<u8> {
    let first = if key { 0x17 } else { 0x27 };
    [&[first, 1, 0, 0, 0][..], &picture(number, key, bytes)].concat()
}

/// The number in an FLV body of [`video_body`].
pub fn number_in_body(body: &[u8]) -> Option<u64> {
    number_of(body.get(5..)?)
}

/// The FLV body of the audio header.
pub fn audio_header_body() -> Vec<u8> {
    [&[0xAF, 0][..], &AUDIO_CONFIG].concat()
}

/// The FLV body of a frame of sound.
pub fn audio_body(bytes: usize) -> Vec<u8> {
    [&[0xAF, 1][..], &vec![0x21; bytes]].concat()
}

/// An `onMetaData` body: the name and one array.
pub fn metadata_body() -> Vec<u8> {
    let mut body = Vec::new();
    Value::string("onMetaData").encode(&mut body);
    let properties = [
        ("width", Value::Number(320.0)),
        ("height", Value::Number(240.0)),
        ("encoder", Value::string("nothing")),
    ];
    Value::object(properties).encode(&mut body);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_tells_its_number_and_the_headers_are_valid() {
        assert_eq!(number_in_body(&video_body(7, true, 100)), Some(7));
        let tracks = tracks();
        assert_eq!(
            tracks.video.map(|video| (video.width, video.height)),
            Some((320, 240))
        );
        assert_eq!(tracks.audio.map(|audio| audio.sample_rate), Some(44_100));
    }
}
