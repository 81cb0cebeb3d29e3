//! Writes FLV: file header, tags, and the bodies that are also RTMP's messages.
//!
//! H.264, AAC and MP3 get the legacy headers that every player reads; all else gets the FourCC
//! headers of Enhanced RTMP. Payloads are never copied into a body here: the header goes in front.

use super::tag::{audio_fourcc, video_fourcc};
use crate::{
    AudioCodec, AudioTrack, Frame, FrameKind, Metadata, TrackKind, Tracks, VideoCodec, VideoTrack,
    amf,
};

pub use super::{TAG_AUDIO, TAG_SCRIPT, TAG_VIDEO};

/// Most bytes of a tag's or message's body: the length has 24 bits (FLV §E.4.1, RTMP §5.3.1). Other
/// containers hold larger frames.
pub const MAX_BODY_BYTES: usize = (1 << 24) - 1;

/// Enhanced RTMP packet types.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const CODED_FRAMES_X: u8 = 3;
/// `isExHeader` of video.
const EX_VIDEO: u8 = 0x80;
/// `SoundFormat` ExHeader of audio.
const EX_AUDIO: u8 = 0x90;
/// AAC always says 44 kHz, 16 bits, stereo (§E.4.2.1).
const LEGACY_AAC: u8 = 0xaf;

/// The 9-byte header and the first back pointer.
pub fn put_file_header(out: &mut Vec<u8>, has_video: bool, has_audio: bool) {
    let flags = u8::from(has_audio) << 2 | u8::from(has_video);
    out.extend_from_slice(&[b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]);
}

/// Header of the tag or message body in front of `frame.payload`. Nothing is written for a frame
/// whose track is not in `tracks`.
pub fn put_frame_header(out: &mut Vec<u8>, tracks: &Tracks, frame: &Frame) {
    match frame.track {
        TrackKind::Video => {
            if let Some(track) = &tracks.video {
                put_video_header(out, track.codec, frame);
            }
        }
        TrackKind::Audio => {
            if let Some(track) = &tracks.audio {
                put_audio_header(out, track);
            }
        }
    }
}

/// The whole body that carries the decoder configuration record.
pub fn put_video_config(out: &mut Vec<u8>, track: &VideoTrack) {
    if track.codec == VideoCodec::H264 {
        out.extend_from_slice(&[0x17, 0, 0, 0, 0]);
    } else {
        out.push(EX_VIDEO | 1 << 4 | SEQUENCE_START);
        out.extend_from_slice(&video_fourcc(track.codec));
    }
    out.extend_from_slice(&track.config);
}

/// The whole body that carries the codec's set-up; false where the codec has none.
pub fn put_audio_config(out: &mut Vec<u8>, track: &AudioTrack) -> bool {
    match track.codec {
        AudioCodec::Mp3 | AudioCodec::Ac3 | AudioCodec::Eac3 => return false,
        AudioCodec::Aac => out.extend_from_slice(&[LEGACY_AAC, 0]),
        AudioCodec::Opus | AudioCodec::Flac => {
            out.push(EX_AUDIO | SEQUENCE_START);
            out.extend_from_slice(&audio_fourcc(track.codec));
        }
    }
    out.extend_from_slice(&track.config);
    true
}

/// The body of `onMetaData`: the publisher's own properties as sent, except those weir knows
/// better (which it writes itself), those of tracks that are not there, and those that are only
/// true of a whole file, such as its duration and its index of keyframes.
pub fn on_metadata_body(tracks: &Tracks, metadata: Option<&Metadata>) -> Vec<u8> {
    let mut properties = MetadataArray::default();
    if let Some(metadata) = metadata {
        for (name, value) in RawProperties::new(&metadata.amf0) {
            if !is_replaced(name) && !is_of_absent_track(name, tracks) {
                properties.raw(name, value);
            }
        }
    }
    properties.boolean(b"hasVideo", tracks.video.is_some());
    properties.boolean(b"hasAudio", tracks.audio.is_some());
    if let Some(video) = &tracks.video {
        if video.width > 0 && video.height > 0 {
            properties.number(b"width", f64::from(video.width));
            properties.number(b"height", f64::from(video.height));
        }
        properties.number(b"videocodecid", video_codec_id(video.codec));
    }
    if let Some(audio) = &tracks.audio {
        properties.number(b"audiocodecid", audio_codec_id(audio.codec));
        if audio.sample_rate > 0 {
            properties.number(b"audiosamplerate", f64::from(audio.sample_rate));
        }
        if audio.channels > 0 {
            properties.boolean(b"stereo", audio.channels > 1);
        }
    }
    properties.raw(b"encoder", b"\x02\x00\x04weir");
    properties.finish()
}

/// A whole FLV tag: 11-byte header, body = `head` then `payload`, 4-byte back pointer.
///
/// The body must have at most [`MAX_BODY_BYTES`].
pub fn put_tag(out: &mut Vec<u8>, tag_type: u8, ts_ms: u32, head: &[u8], payload: &[u8]) {
    let size = head.len() + payload.len();
    debug_assert!(size <= MAX_BODY_BYTES);
    let [_, size_bytes @ ..] = (size as u32).to_be_bytes();
    let [ts_high, ts_low @ ..] = ts_ms.to_be_bytes();
    out.reserve(size + 15);
    out.push(tag_type);
    out.extend_from_slice(&size_bytes);
    out.extend_from_slice(&ts_low);
    out.extend_from_slice(&[ts_high, 0, 0, 0]);
    out.extend_from_slice(head);
    out.extend_from_slice(payload);
    out.extend_from_slice(&(size as u32 + 11).to_be_bytes());
}

fn put_video_header(out: &mut Vec<u8>, codec: VideoCodec, frame: &Frame) {
    // Disposable goes out as inter: the flag was H.263's, and players know nothing else.
    let kind = if frame.kind == FrameKind::Key {
        1 << 4
    } else {
        2 << 4
    };
    let [_, cts @ ..] = cts_ms(frame).to_be_bytes();
    match codec {
        VideoCodec::H264 => {
            out.extend_from_slice(&[kind | 7, 1]);
            out.extend_from_slice(&cts);
        }
        VideoCodec::Hevc => {
            let no_offset = cts == [0; 3];
            out.push(
                EX_VIDEO
                    | kind
                    | if no_offset {
                        CODED_FRAMES_X
                    } else {
                        CODED_FRAMES
                    },
            );
            out.extend_from_slice(&video_fourcc(codec));
            if !no_offset {
                out.extend_from_slice(&cts);
            }
        }
        VideoCodec::Av1 | VideoCodec::Vp9 => {
            out.push(EX_VIDEO | kind | CODED_FRAMES);
            out.extend_from_slice(&video_fourcc(codec));
        }
    }
}

/// The offset in milliseconds such that the decode time, cut to milliseconds, plus it is the
/// presentation time, cut to milliseconds.
fn cts_ms(frame: &Frame) -> i32 {
    let ms = frame.pts_us().div_euclid(1000) - frame.dts_us.div_euclid(1000);
    ms.clamp(-0x80_0000, 0x7f_ffff) as i32
}

fn put_audio_header(out: &mut Vec<u8>, track: &AudioTrack) {
    match track.codec {
        AudioCodec::Aac => out.extend_from_slice(&[LEGACY_AAC, 1]),
        AudioCodec::Mp3 => {
            let rate = match track.sample_rate {
                0..=8000 => 0,
                8001..=12_000 => 1,
                12_001..=24_000 => 2,
                _ => 3,
            };
            let format = if track.sample_rate == 8000 { 14 } else { 2 };
            out.push(format << 4 | rate << 2 | 2 | u8::from(track.channels != 1));
        }
        AudioCodec::Opus | AudioCodec::Ac3 | AudioCodec::Eac3 | AudioCodec::Flac => {
            out.push(EX_AUDIO | CODED_FRAMES);
            out.extend_from_slice(&audio_fourcc(track.codec));
        }
    }
}

/// The legacy id, or the FourCC as a number (Enhanced RTMP, "Metadata Frame").
fn video_codec_id(codec: VideoCodec) -> f64 {
    match codec {
        VideoCodec::H264 => 7.0,
        other => f64::from(u32::from_be_bytes(video_fourcc(other))),
    }
}

fn audio_codec_id(codec: AudioCodec) -> f64 {
    match codec {
        AudioCodec::Aac => 10.0,
        AudioCodec::Mp3 => 2.0,
        other => f64::from(u32::from_be_bytes(audio_fourcc(other))),
    }
}

/// Written by weir, or true of a file only.
fn is_replaced(name: &[u8]) -> bool {
    const REPLACED: [&[u8]; 17] = [
        b"hasVideo",
        b"hasAudio",
        b"hasKeyframes",
        b"width",
        b"height",
        b"videocodecid",
        b"audiocodecid",
        b"audiosamplerate",
        b"stereo",
        b"encoder",
        b"duration",
        b"filesize",
        b"keyframes",
        b"canSeekToEnd",
        b"lasttimestamp",
        b"lastkeyframetimestamp",
        b"lastkeyframelocation",
    ];
    REPLACED.contains(&name)
}

fn is_of_absent_track(name: &[u8], tracks: &Tracks) -> bool {
    let video = name.starts_with(b"video") || name == b"framerate";
    (tracks.video.is_none() && video) || (tracks.audio.is_none() && name.starts_with(b"audio"))
}

/// Names and encoded values of an AMF0 object or ECMA array, as they stand there.
struct RawProperties<'a> {
    rest: &'a [u8],
}

impl<'a> RawProperties<'a> {
    fn new(value: &'a [u8]) -> Self {
        let rest = match value {
            [3, rest @ ..] | [8, _, _, _, _, rest @ ..] => rest,
            _ => &[],
        };
        Self { rest }
    }
}

impl<'a> Iterator for RawProperties<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.rest.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        // The end marker is no value, so it ends the walk too.
        let (value, rest) = rest.split_at_checked(amf::check_one(rest).ok()?)?;
        self.rest = rest;
        Some((name, value))
    }
}

/// An ECMA array being written behind the name `onMetaData`.
struct MetadataArray {
    out: Vec<u8>,
    count: u32,
}

const METADATA_HEAD: &[u8] = b"\x02\x00\x0aonMetaData\x08\0\0\0\0";

impl Default for MetadataArray {
    fn default() -> Self {
        Self {
            out: METADATA_HEAD.to_vec(),
            count: 0,
        }
    }
}

impl MetadataArray {
    fn raw(&mut self, name: &[u8], value: &[u8]) {
        self.out
            .extend_from_slice(&(name.len() as u16).to_be_bytes());
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(value);
        self.count += 1;
    }

    fn number(&mut self, name: &[u8], value: f64) {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = value.to_be_bytes();
        self.raw(name, &[0, b0, b1, b2, b3, b4, b5, b6, b7]);
    }

    fn boolean(&mut self, name: &[u8], value: bool) {
        self.raw(name, &[1, u8::from(value)]);
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(&[0, 0, 9]);
        let count = METADATA_HEAD.len() - 4..METADATA_HEAD.len();
        if let Some(field) = self.out.get_mut(count) {
            field.copy_from_slice(&self.count.to_be_bytes());
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::tag::{AudioTag, VideoTag, parse_audio, parse_video};
    use super::*;
    use crate::amf::{Decoder, Value};
    use crate::codec;

    fn video(codec: VideoCodec) -> Tracks {
        let video = VideoTrack {
            codec,
            config: Bytes::from_static(&[1, 2, 3]),
            width: 640,
            height: 360,
            rfc6381: String::new(),
        };
        Tracks {
            video: Some(video),
            audio: None,
        }
    }

    fn frame(track: TrackKind, dts_us: i64, cts_us: i32, kind: FrameKind) -> Frame {
        Frame {
            track,
            dts_us,
            cts_us,
            kind,
            payload: Bytes::from_static(&[7, 8]),
        }
    }

    fn body(tracks: &Tracks, frame: &Frame) -> Bytes {
        let mut out = Vec::new();
        put_frame_header(&mut out, tracks, frame);
        out.extend(&frame.payload);
        out.into()
    }

    #[test]
    fn rounding_never_moves_the_presentation_time() {
        let late = frame(TrackKind::Video, 33_367, 66_733, FrameKind::Inter);
        assert_eq!(33 + cts_ms(&late), 100);
        let early = frame(TrackKind::Video, 1_000, -1, FrameKind::Inter);
        assert_eq!(cts_ms(&early), -1);
    }

    #[test]
    fn hevc_saves_the_offset_where_it_is_zero() {
        let tracks = video(VideoCodec::Hevc);
        let without = body(&tracks, &frame(TrackKind::Video, 0, 0, FrameKind::Key));
        assert_eq!(&without[..], b"\x93hvc1\x07\x08");
        let with = body(
            &tracks,
            &frame(TrackKind::Video, 0, 40_000, FrameKind::Inter),
        );
        assert_eq!(&with[..], b"\xa1hvc1\x00\x00\x28\x07\x08");
    }

    #[test]
    fn mp3_says_its_rate() {
        let mut track =
            codec::audio_track_from_frame(AudioCodec::Mp3, &[0xff, 0xfb, 0x90, 0x64]).unwrap();
        let mut head = |rate| {
            track.sample_rate = rate;
            let mut out = Vec::new();
            put_audio_header(&mut out, &track);
            out[0]
        };
        assert_eq!(
            [head(44_100), head(22_050), head(8_000)],
            [0x2f, 0x2b, 0xe3]
        );
        assert!(!put_audio_config(&mut Vec::new(), &track));
    }

    #[test]
    fn metadata_keeps_what_the_publisher_said_and_corrects_the_rest() {
        let publisher = Value::object([
            ("title", Value::string("a talk")),
            ("width", Value::Number(1.0)),
            ("duration", Value::Number(600.0)),
            ("audiodatarate", Value::Number(128.0)),
            ("framerate", Value::Number(25.0)),
        ]);
        let mut amf0 = Vec::new();
        publisher.encode(&mut amf0);
        let metadata = Metadata { amf0: amf0.into() };
        let body = on_metadata_body(&video(VideoCodec::Hevc), Some(&metadata));
        let mut decoder = Decoder::new(&body);
        assert_eq!(
            decoder.next().unwrap().unwrap().as_str(),
            Some("onMetaData")
        );
        let value = decoder.next().unwrap().unwrap();
        assert_eq!(decoder.next().unwrap(), None);
        let number = |name| value.property(name).and_then(Value::as_f64);
        assert_eq!(
            value.property("title").and_then(Value::as_str),
            Some("a talk")
        );
        assert_eq!(
            value.property("encoder").and_then(Value::as_str),
            Some("weir")
        );
        assert_eq!(
            (number("width"), number("framerate")),
            (Some(640.0), Some(25.0))
        );
        assert_eq!(number("videocodecid"), Some(1_752_589_105.0));
        assert_eq!((number("duration"), number("audiodatarate")), (None, None));
        let count = u32::from_be_bytes(body[14..18].try_into().unwrap());
        assert_eq!(count as usize, value.properties().unwrap().len());
    }

    proptest! {
        #[test]
        fn video_bodies_read_back(ts in 0i64..1 << 40, cts_ms in -1000i32..1000, key: bool, which in 0usize..4) {
            use VideoCodec::{Av1, H264, Hevc, Vp9};
            let codec = [H264, Hevc, Av1, Vp9][which];
            let kind = if key { FrameKind::Key } else { FrameKind::Inter };
            let cts_us = if which < 2 { cts_ms * 1000 } else { 0 };
            let tracks = video(codec);
            let payload = Bytes::from_static(&[7, 8]);
            let body = body(&tracks, &frame(TrackKind::Video, ts, cts_us, kind));
            let expected = VideoTag::Frame { codec, kind, cts_us, ts_offset_ns: 0, payload };
            prop_assert_eq!(parse_video(body).unwrap().tag, expected);
            let mut config = Vec::new();
            put_video_config(&mut config, tracks.video.as_ref().unwrap());
            let expected = VideoTag::Config { codec, config: Bytes::from_static(&[1, 2, 3]) };
            prop_assert_eq!(parse_video(config.into()).unwrap().tag, expected);
        }

        #[test]
        fn audio_bodies_read_back(which in 0usize..6, config: Vec<u8>) {
            use AudioCodec::{Aac, Ac3, Eac3, Flac, Mp3, Opus};
            let codec = [Aac, Opus, Mp3, Ac3, Eac3, Flac][which];
            let config = Bytes::from(config);
            let rfc6381 = String::new();
            let track = AudioTrack { codec, config: config.clone(), sample_rate: 48_000, channels: 2, rfc6381 };
            let mut out = Vec::new();
            if put_audio_config(&mut out, &track) {
                prop_assert_eq!(parse_audio(out.into()).unwrap().tag, AudioTag::Config { codec, config });
            }
            let tracks = Tracks { video: None, audio: Some(track) };
            let body = body(&tracks, &frame(TrackKind::Audio, 0, 0, FrameKind::Key));
            let payload = Bytes::from_static(&[7, 8]);
            let expected = AudioTag::Frame { codec, ts_offset_ns: 0, payload };
            prop_assert_eq!(parse_audio(body).unwrap().tag, expected);
        }

        #[test]
        fn arbitrary_metadata_never_panics(data: Vec<u8>, marker in prop::sample::select(vec![3u8, 8])) {
            let amf0 = [&[marker], &data[..]].concat().into();
            let body = on_metadata_body(&Tracks::default(), Some(&Metadata { amf0 }));
            prop_assert_eq!(amf::check_one(&body[13..]), Ok(body.len() - 13));
        }
    }
}
