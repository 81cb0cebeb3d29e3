//! Message bodies, legacy and enhanced, good and bad.

use proptest::prelude::*;

use super::*;

fn video(body: &[u8]) -> Parsed<VideoTag> {
    parse_video(Bytes::copy_from_slice(body)).unwrap()
}

fn audio(body: &[u8]) -> Parsed<AudioTag> {
    parse_audio(Bytes::copy_from_slice(body)).unwrap()
}

fn frame(tag: VideoTag) -> (VideoCodec, FrameKind, i32, u32, Bytes) {
    match tag {
        VideoTag::Frame {
            codec,
            kind,
            cts_us,
            ts_offset_ns,
            payload,
        } => (codec, kind, cts_us, ts_offset_ns, payload),
        other => panic!("{other:?}"),
    }
}

#[test]
fn legacy_video_is_read() {
    use VideoCodec::{H264, Hevc};
    let config = VideoTag::Config {
        codec: H264,
        config: Bytes::from_static(&[9]),
    };
    assert_eq!(video(&[0x17, 0, 0, 0, 0, 9]).tag, config);
    let got = frame(video(&[0x27, 1, 0xff, 0xff, 0xd8, 5, 6]).tag);
    assert_eq!(
        got,
        (
            H264,
            FrameKind::Inter,
            -40_000,
            0,
            Bytes::from_static(&[5, 6])
        )
    );
    assert_eq!(frame(video(&[0x1c, 1, 0, 0, 40, 5]).tag).0, Hevc);
    assert_eq!(
        frame(video(&[0x37, 1, 0, 0, 0, 5]).tag).1,
        FrameKind::Disposable
    );
    assert_eq!(video(&[0x17, 2, 0, 0, 0]).tag, VideoTag::EndOfSequence);
    assert!(matches!(video(&[0x57, 0]).tag, VideoTag::Ignored(_)));
    assert!(matches!(video(&[]).tag, VideoTag::Ignored(_)));
    assert!(matches!(
        parse_video(Bytes::from_static(&[0x22])),
        Err(MediaError::LeftOut(_))
    ));
}

#[test]
fn payloads_share_the_body() {
    let body = Bytes::from(vec![0x27, 1, 0, 0, 0, 5, 6]);
    let tag = parse_video(body.clone()).unwrap().tag;
    assert_eq!(frame(tag).4.as_ptr(), body.slice(5..).as_ptr());
}

#[test]
fn enhanced_video_is_read() {
    let got = frame(video(b"\x91hvc1\x00\x00\x50xy").tag);
    assert_eq!(
        got,
        (
            VideoCodec::Hevc,
            FrameKind::Key,
            80_000,
            0,
            Bytes::from_static(b"xy")
        )
    );
    assert_eq!(frame(video(b"\xa3hvc1xy").tag).2, 0);
    assert_eq!(frame(video(b"\xa1avc1\x00\x00\x28xy").tag).2, 40_000);
    assert_eq!(frame(video(b"\x91av01\x00xy").tag).4, b"\x00xy"[..]);
    assert_eq!(frame(video(b"\x91vp09xy").tag).0, VideoCodec::Vp9);
    assert_eq!(video(b"\x92av01").tag, VideoTag::EndOfSequence);
    assert_eq!(
        video(b"\xd4hvc1\x02").tag,
        VideoTag::Ignored("video metadata")
    );
    assert!(matches!(video(b"\x90av01c").tag, VideoTag::Config { .. }));
    assert!(parse_video(Bytes::from_static(b"\x91vvc1")).is_err());
}

#[test]
fn mod_ex_carries_the_nanoseconds() {
    let got = frame(video(b"\x97\x02\x07\xa1\x20\x03hvc1xy").tag);
    assert_eq!((got.3, &got.4[..]), (500_000, &b"xy"[..]));
    // A ModEx of an unknown kind with a long size, then the frame.
    let mut long = vec![0x97, 0xff, 1, 3];
    long.extend([0; 260]);
    long.extend(b"\x13hvc1xy");
    assert_eq!(frame(video(&long).tag).4, b"xy"[..]);
    assert!(parse_video(vec![0x97; 64].into()).is_err());
}

#[test]
fn of_many_tracks_the_first_is_kept_and_the_rest_counted() {
    let one = video(b"\x96\x01avc1\x05\0\0\0xy");
    assert_eq!((one.track_id, one.extra_tracks), (5, 0));
    let many = video(b"\x96\x13hvc1\x00\0\0\x02xy\x01\0\0\x01z");
    assert_eq!(
        (frame(many.tag).4, many.extra_tracks),
        (Bytes::from_static(b"xy"), 1)
    );
    let mixed = video(b"\x96\x21vp09\x00\0\0\x02xyav01\x01\0\0\x01zhvc1\x02\0\0\x00");
    assert_eq!(
        (frame(mixed.tag).0, mixed.extra_tracks),
        (VideoCodec::Vp9, 2)
    );
    let audio = audio(b"\x95\x11Opus\x00\0\0\x02xy\x01\0\0\x01z");
    assert_eq!(audio.extra_tracks, 1);
}

#[test]
fn a_track_that_was_not_asked_for_is_left_out() {
    let body = Bytes::from_static(b"\x96\x01avc1\x05\0\0\0xy");
    let parsed = parse_video_of(body.clone(), Some(0)).unwrap();
    assert_eq!(
        (parsed.tag, parsed.extra_tracks),
        (VideoTag::Ignored("a further track"), 1)
    );
    assert!(matches!(
        parse_video_of(body, Some(5)).unwrap().tag,
        VideoTag::Frame { .. }
    ));
}

#[test]
fn audio_is_read() {
    let aac = AudioTag::Config {
        codec: AudioCodec::Aac,
        config: Bytes::from_static(&[0x12]),
    };
    assert_eq!(audio(&[0xaf, 0, 0x12]).tag, aac);
    for (head, expected) in [
        (&b"\xaf\x01"[..], AudioCodec::Aac),
        (b"\x2f", AudioCodec::Mp3),
        (b"\xe0", AudioCodec::Mp3),
        (b"\x91mp4a", AudioCodec::Aac),
        (b"\x91Opus", AudioCodec::Opus),
        (b"\x91.mp3", AudioCodec::Mp3),
        (b"\x91ac-3", AudioCodec::Ac3),
        (b"\x91ec-3", AudioCodec::Eac3),
        (b"\x91fLaC", AudioCodec::Flac),
    ] {
        let AudioTag::Frame { codec, payload, .. } = audio(&[head, b"xy"].concat()).tag else {
            panic!("{head:?} is no frame");
        };
        assert_eq!((codec, payload), (expected, Bytes::from_static(b"xy")));
    }
    assert_eq!(
        audio(b"\x94Opus\x01\x02").tag,
        AudioTag::Ignored("a multichannel layout")
    );
    assert!(matches!(
        parse_audio(Bytes::from_static(&[0xb2])),
        Err(MediaError::LeftOut(_))
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>, head in 0u8..=255, types: u8) {
        let enhanced = [&[head | 0x80, types], &data[..]].concat();
        for body in [Bytes::from(data), Bytes::from(enhanced)] {
            let _ = parse_video(body.clone());
            let _ = parse_audio(body);
        }
    }
}
