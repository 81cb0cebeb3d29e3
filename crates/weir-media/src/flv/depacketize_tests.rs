//! Messages as publishers send them, good and bad, through the depacketizer.

use proptest::prelude::*;

use super::*;
use crate::codec::avc::tests::{PPS, SPS_1080P, record};
use crate::codec::{ac3, av1, flac, hevc, vp9};

fn push(depacketizer: &mut Depacketizer, message_type: u8, ts_ms: u32, body: &[u8]) -> Vec<Event> {
    let mut out = Vec::new();
    depacketizer
        .push(message_type, ts_ms, Bytes::copy_from_slice(body), &mut out)
        .unwrap();
    out
}

fn frames(events: &[Event]) -> Vec<&RawFrame> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Frame(frame) => Some(frame),
            _ => None,
        })
        .collect()
}

fn has_tracks(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Tracks(_)))
}

fn nals(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter()
        .flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat())
        .collect()
}

fn avc_config() -> Vec<u8> {
    [&[0x17, 0, 0, 0, 0], &record(4)[..]].concat()
}

fn avc_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 1, 0, 0, 0], payload].concat()
}

fn with_avc() -> Depacketizer {
    let mut depacketizer = Depacketizer::default();
    push(&mut depacketizer, TAG_VIDEO, 0, &avc_config());
    depacketizer
}

#[test]
fn tracks_come_once_and_again_only_when_they_change() {
    let mut depacketizer = Depacketizer::default();
    assert!(has_tracks(&push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &avc_config()
    )));
    assert_eq!(push(&mut depacketizer, TAG_VIDEO, 0, &avc_config()), []);
    let audio = push(&mut depacketizer, TAG_AUDIO, 0, &[0xaf, 0, 0x12, 0x10]);
    let Some(Event::Tracks(tracks)) = audio.first() else {
        panic!("{audio:?}")
    };
    assert_eq!(tracks.video.as_ref().unwrap().width, 1920);
    assert_eq!(tracks.audio.as_ref().unwrap().sample_rate, 44_100);
    assert_eq!(
        push(&mut depacketizer, TAG_AUDIO, 9, &[0xaf, 0, 0x12, 0x10]),
        []
    );
    assert!(has_tracks(&push(
        &mut depacketizer,
        TAG_AUDIO,
        9,
        &[0xaf, 0, 0x11, 0x90]
    )));
}

#[test]
fn frames_carry_the_publishers_time_and_share_its_bytes() {
    let mut depacketizer = with_avc();
    let body = Bytes::from(avc_frame(0x17, &nals(&[&[0x65, 1]])));
    let mut out = Vec::new();
    depacketizer
        .push(TAG_VIDEO, u32::MAX, body.clone(), &mut out)
        .unwrap();
    let frame = frames(&out)[0];
    assert_eq!(frame.ts_us, i64::from(u32::MAX) * 1000);
    assert_eq!(frame.payload.as_ptr(), body.slice(5..).as_ptr());
}

#[test]
fn frames_without_a_codec_header_are_an_error_each() {
    let mut depacketizer = Depacketizer::default();
    let body = Bytes::from(avc_frame(0x17, &nals(&[&[0x65, 1]])));
    let mut out = Vec::new();
    for _ in 0..3 {
        let error = depacketizer.push(TAG_VIDEO, 0, body.clone(), &mut out);
        assert_eq!(error, Err(MediaError::NoCodecHeader(TrackKind::Video)));
    }
    assert_eq!(out, []);
    let words = MediaError::NoCodecHeader(TrackKind::Video).to_string();
    assert_eq!(words, "no codec header for the video track");
}

#[test]
fn pictures_that_may_be_of_a_group_begun_before_are_told_from_what_nobody_can_read() {
    let mut depacketizer = Depacketizer::default();
    let mut out = Vec::new();
    let mut push = |units: &[&[u8]]| {
        let body = Bytes::from(avc_frame(0x27, &nals(units)));
        depacketizer.push(TAG_VIDEO, 0, body, &mut out)
    };
    // A predicted slice of the parameter set 0.
    assert_eq!(push(&[&[0x41, 0x9A, 0x80]]), Err(MediaError::NoKeyframe));
    let headless = Err(MediaError::NoCodecHeader(TrackKind::Video));
    assert_eq!(
        push(&[&[0x41, 0x80, 0x00, 0x00, 0x03, 0x00, 0x01, 0x55]]),
        headless
    );
    assert_eq!(
        push(&[&[0x65, 0x88, 0x80]]),
        headless,
        "a keyframe brings what it needs"
    );
    assert_eq!(push(&[SPS_1080P, PPS, &[0x65, 0x88, 0x80]]), Ok(()));
    assert_eq!(push(&[&[0x41, 0x9A, 0x80]]), Ok(()));
    assert_eq!(frames(&out).len(), 2);
}

#[test]
fn parameter_sets_in_the_bitstream_make_up_for_a_missing_header() {
    let mut depacketizer = Depacketizer::default();
    let key = avc_frame(0x17, &nals(&[SPS_1080P, PPS, &[0x65, 1]]));
    let events = push(&mut depacketizer, TAG_VIDEO, 0, &key);
    assert!(has_tracks(&events));
    assert_eq!(frames(&events).len(), 1);
    assert!(!has_tracks(&push(&mut depacketizer, TAG_VIDEO, 40, &key)));

    let given = hevc::HevcConfig::parse(&Bytes::from_static(hevc::tests::RECORD)).unwrap();
    let sets = nals(&[&given.vps[0], &given.sps[0], &given.pps[0], &[0x26, 1, 2]]);
    let events = push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &[b"\x93hvc1", &sets[..]].concat(),
    );
    assert!(has_tracks(&events));
    assert_eq!(
        depacketizer.tracks().video.as_ref().unwrap().codec,
        VideoCodec::Hevc
    );
}

#[test]
fn a_header_without_parameter_sets_waits_for_the_bitstream() {
    let mut depacketizer = Depacketizer::default();
    let empty = [0x17, 0, 0, 0, 0, 1, 100, 0, 40, 0xff, 0xe0, 0];
    assert!(!has_tracks(&push(&mut depacketizer, TAG_VIDEO, 0, &empty)));
    let key = avc_frame(0x17, &nals(&[SPS_1080P, PPS, &[0x65, 1]]));
    assert!(has_tracks(&push(&mut depacketizer, TAG_VIDEO, 0, &key)));
}

#[test]
fn new_parameter_sets_in_the_bitstream_change_the_track() {
    let mut depacketizer = with_avc();
    let same = avc_frame(0x17, &nals(&[SPS_1080P, PPS, &[0x65, 1]]));
    assert!(!has_tracks(&push(&mut depacketizer, TAG_VIDEO, 0, &same)));
    let mut sps = SPS_1080P.to_vec();
    sps[3] = 0x29;
    let other = avc_frame(0x17, &nals(&[&sps, PPS, &[0x65, 1]]));
    assert!(has_tracks(&push(&mut depacketizer, TAG_VIDEO, 0, &other)));
    assert_eq!(
        depacketizer.tracks().video.as_ref().unwrap().rfc6381,
        "avc1.640029"
    );
    // The encoder's own header, sent again with every keyframe, does not flip it back.
    assert_eq!(push(&mut depacketizer, TAG_VIDEO, 0, &avc_config()), []);
}

#[test]
fn short_nal_lengths_become_four_bytes() {
    let mut depacketizer = Depacketizer::default();
    let config = [&[0x17, 0, 0, 0, 0], &record(2)[..]].concat();
    push(&mut depacketizer, TAG_VIDEO, 0, &config);
    assert_eq!(
        depacketizer.tracks().video.as_ref().unwrap().config,
        record(4)
    );
    let events = push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &avc_frame(0x17, &[0, 2, 0x65, 1]),
    );
    assert_eq!(frames(&events)[0].payload, nals(&[&[0x65, 1]]));
}

#[test]
fn the_keyframe_flag_is_checked_against_the_pictures() {
    let mut depacketizer = with_avc();
    let mut kind = |first: u8, units: &[&[u8]]| {
        let events = push(
            &mut depacketizer,
            TAG_VIDEO,
            0,
            &avc_frame(first, &nals(units)),
        );
        frames(&events)[0].kind
    };
    assert_eq!(kind(0x17, &[&[0x65, 1]]), FrameKind::Key);
    assert_eq!(kind(0x27, &[&[0x65, 1]]), FrameKind::Key);
    assert_eq!(kind(0x17, &[&[0x06, 1], &[0x41, 1]]), FrameKind::Key);
    assert_eq!(kind(0x27, &[&[0x41, 1]]), FrameKind::Inter);
    assert_eq!(kind(0x27, &[&[0x01, 1]]), FrameKind::Disposable);
}

#[test]
fn a_frame_whose_nal_lengths_lie_is_left_out() {
    let mut depacketizer = with_avc();
    let lying = avc_frame(0x27, &[&nals(&[&[0x41, 1]])[..], &[0, 0, 1, 0, 9]].concat());
    let mut out = Vec::new();
    let error = depacketizer.push(TAG_VIDEO, 0, lying.into(), &mut out);
    assert!(
        matches!(error, Err(MediaError::Invalid { .. })),
        "{error:?}"
    );
    assert_eq!(out, []);
}

#[test]
fn units_in_messages_of_their_own_stand_in_front_of_their_picture() {
    let mut depacketizer = Depacketizer::default();
    for (first, unit) in [(0x17, SPS_1080P), (0x17, PPS), (0x27, &[6, 5, 1, 0])] {
        let body = avc_frame(first, &nals(&[unit]));
        let mut out = Vec::new();
        let _ = depacketizer.push(TAG_VIDEO, 0, body.into(), &mut out);
        assert!(frames(&out).is_empty());
    }
    let idr: &[u8] = &[0x65, 1];
    let events = push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &avc_frame(0x27, &nals(&[idr])),
    );
    let frame = frames(&events)[0];
    assert_eq!(frame.kind, FrameKind::Key);
    assert_eq!(frame.payload, nals(&[SPS_1080P, PPS, &[6, 5, 1, 0], idr]));
}

#[test]
fn a_track_of_units_without_a_picture_is_an_error() {
    let mut depacketizer = with_avc();
    let body = Bytes::from(avc_frame(0x17, &nals(&[&[6, 5, 1, 0]])));
    let mut out = Vec::new();
    let mut push = || depacketizer.push(TAG_VIDEO, 0, body.clone(), &mut out);
    assert!((0..10).map(|_| push()).filter(Result::is_err).count() >= 2);
    assert_eq!(out, []);
}

#[test]
fn empty_payloads_are_dropped() {
    let mut depacketizer = with_avc();
    assert_eq!(
        push(&mut depacketizer, TAG_VIDEO, 0, &avc_frame(0x27, &[])),
        []
    );
    push(&mut depacketizer, TAG_AUDIO, 0, &[0xaf, 0, 0x12, 0x10]);
    assert_eq!(push(&mut depacketizer, TAG_AUDIO, 0, &[0xaf, 1]), []);
}

#[test]
fn vp9_waits_for_a_keyframe_to_tell_its_size() {
    let mut depacketizer = Depacketizer::default();
    let config = [b"\x90vp09", vp9::tests::RECORD].concat();
    assert_eq!(push(&mut depacketizer, TAG_VIDEO, 0, &config), []);
    let inter = Bytes::from_static(b"\xa1vp09\x86\0");
    let early = depacketizer.push(TAG_VIDEO, 0, inter, &mut Vec::new());
    assert!(early.is_err(), "nobody can decode it");
    let events = push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &[b"\x91vp09", vp9::tests::KEY].concat(),
    );
    assert!(has_tracks(&events));
    let video = depacketizer.tracks().video.clone().unwrap();
    assert_eq!((video.width, video.height), (320, 240));
    assert_eq!(video.config, vp9::tests::RECORD);
    assert_eq!(
        push(&mut depacketizer, TAG_VIDEO, 0, b"\xa1vp09\x86\0").len(),
        1
    );
    assert_eq!(push(&mut depacketizer, TAG_VIDEO, 0, &config), []);
}

#[test]
fn av1_without_a_header_is_learnt_from_a_keyframe_and_loses_its_delimiters() {
    let mut depacketizer = Depacketizer::default();
    let events = push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &[b"\x91av01", av1::tests::KEY].concat(),
    );
    assert!(has_tracks(&events));
    assert_eq!(frames(&events)[0].payload, av1::tests::KEY[2..]);
    let config = [&b"\x90av01"[..], &[0x81, 0, 0x0c, 0]].concat();
    push(&mut depacketizer, TAG_VIDEO, 0, &config);
    push(
        &mut depacketizer,
        TAG_VIDEO,
        0,
        &[b"\x91av01", av1::tests::KEY].concat(),
    );
    assert_eq!(depacketizer.tracks().video.as_ref().unwrap().width, 320);
}

#[test]
fn audio_that_tells_all_in_its_frames_needs_no_header() {
    for (head, payload, expected) in [
        (&b"\x2f"[..], &[0xff, 0xfb, 0x90, 0x64][..], AudioCodec::Mp3),
        (b"\xe0", &[0xff, 0xe3, 0x18, 0xc4], AudioCodec::Mp3),
        (b"\x91ac-3", ac3::tests::AC3, AudioCodec::Ac3),
        (b"\x91ec-3", ac3::tests::EAC3, AudioCodec::Eac3),
        (b"\x91Opus", &[0xfc, 1], AudioCodec::Opus),
    ] {
        let mut depacketizer = Depacketizer::default();
        let body = [head, payload].concat();
        assert_eq!(
            push(&mut depacketizer, TAG_AUDIO, 0, &body).len(),
            2,
            "{expected:?}"
        );
        assert_eq!(
            push(&mut depacketizer, TAG_AUDIO, 20, &body).len(),
            1,
            "{expected:?}"
        );
        assert_eq!(
            depacketizer.tracks().audio.as_ref().unwrap().codec,
            expected
        );
    }
}

#[test]
fn flac_takes_streaminfo_alone() {
    let mut depacketizer = Depacketizer::default();
    let body = [b"\x90fLaC", &flac::tests::info()[..]].concat();
    assert!(has_tracks(&push(&mut depacketizer, TAG_AUDIO, 0, &body)));
}

#[test]
fn adts_headers_come_off_aac() {
    let mut depacketizer = Depacketizer::default();
    let header = AacConfig::parse(&[0x11, 0x90])
        .unwrap()
        .adts_header(2)
        .unwrap();
    let unit = [&header[..], &[7, 8]].concat();
    let body = [&[0xaf, 1], &unit[..], &unit].concat();
    let events = push(&mut depacketizer, TAG_AUDIO, 100, &body);
    let frames = frames(&events);
    assert_eq!(
        (frames[0].ts_us, &frames[0].payload[..]),
        (100_000, &[7, 8][..])
    );
    assert_eq!(frames[1].ts_us, 121_333);
    assert_eq!(
        depacketizer.tracks().audio.as_ref().unwrap().sample_rate,
        48_000
    );
}

#[test]
fn a_second_track_is_left_out_and_noted_once() {
    let mut depacketizer = with_avc();
    let second = b"\x96\x01avc1\x01\0\0\0\0\0\0\x02\x65\x01";
    assert_eq!(push(&mut depacketizer, TAG_VIDEO, 0, second).len(), 2);
    assert_eq!(push(&mut depacketizer, TAG_VIDEO, 0, second), []);
}

#[test]
fn metadata_comes_with_and_without_its_prefix_and_only_when_new() {
    let mut object = Vec::new();
    Value::object([("title", Value::string("x"))]).encode(&mut object);
    let plain = [b"\x02\x00\x0aonMetaData", &object[..]].concat();
    let set = [b"\x02\x00\x0d@setDataFrame", &plain[..]].concat();
    let mut depacketizer = Depacketizer::default();
    let events = push(&mut depacketizer, TAG_SCRIPT, 0, &set);
    let [Event::Metadata(metadata)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(metadata.amf0, object);
    assert_eq!(push(&mut depacketizer, TAG_SCRIPT, 0, &plain), []);
    let wrapped = [&[0], &set[..]].concat();
    assert_eq!(push(&mut depacketizer, MESSAGE_AMF3_DATA, 0, &wrapped), []);
    let events = push(&mut Depacketizer::default(), MESSAGE_AMF3_DATA, 0, &wrapped);
    assert!(matches!(events[..], [Event::Metadata(_)]));
}

#[test]
fn odd_script_data_is_noted_and_never_an_error() {
    let mut depacketizer = Depacketizer::default();
    let cue = b"\x02\x00\x0aonCuePoint\x03\0\0\x09";
    assert!(matches!(
        push(&mut depacketizer, TAG_SCRIPT, 0, cue)[..],
        [Event::Note(_)]
    ));
    assert_eq!(
        push(
            &mut depacketizer,
            TAG_SCRIPT,
            0,
            b"\x02\x00\x0aonMetaData\x03\x00"
        ),
        []
    );
    let mut huge = b"\x02\x00\x0aonMetaData\x03\x00\x01x\x0c\x00\x02\x00\x00".to_vec();
    huge.resize(huge.len() + 0x2_0000, b'x');
    huge.extend([0, 0, 9]);
    assert!(matches!(
        push(&mut depacketizer, TAG_SCRIPT, 0, &huge)[..],
        [Event::Note(_)]
    ));
    assert!(matches!(
        push(&mut depacketizer, 77, 0, &[])[..],
        [Event::Note(_)]
    ));
}

#[test]
fn the_end_of_the_video_ends_the_sequence() {
    let mut depacketizer = with_avc();
    assert_eq!(
        push(&mut depacketizer, TAG_VIDEO, 0, &[0x17, 2, 0, 0, 0]),
        [Event::EndOfSequence]
    );
    assert_eq!(push(&mut depacketizer, TAG_AUDIO, 0, b"\x92Opus"), []);
}

proptest! {
    #[test]
    fn arbitrary_messages_never_panic(
        messages in prop::collection::vec((0usize..4, any::<u32>(), 0usize..12, any::<Vec<u8>>()), 1..12),
    ) {
        const HEADS: [&[u8]; 12] = [
            b"", b"\x17\x00\0\0\0", b"\x17\x01\0\0\0", b"\x90hvc1", b"\x91hvc1", b"\x91av01",
            b"\x91vp09", b"\xaf\x00", b"\xaf\x01", b"\x91Opus", b"\x2f", b"\x02\x00\x0aonMetaData",
        ];
        let mut depacketizer = Depacketizer::default();
        let mut out = Vec::new();
        for (kind, ts_ms, head, rest) in messages {
            let message_type = [TAG_AUDIO, TAG_VIDEO, TAG_SCRIPT, MESSAGE_AMF3_DATA][kind];
            let body = [HEADS[head], &rest].concat();
            let _ = depacketizer.push(message_type, ts_ms, body.into(), &mut out);
        }
        for frame in frames(&out) {
            prop_assert!(!frame.payload.is_empty());
        }
    }
}

#[test]
fn a_layout_that_only_units_tell_is_read_from_them() {
    use crate::codec::aac::ProgramConfig;
    // 2.1 as FFmpeg's encoder tells it, and what a gateway leaves of that.
    let whole = [0x11, 0x80, 0x04, 0xC4, 0x01, 0x00, 0x20, 0x00, 0x00];
    let program = ProgramConfig::of_config(&whole).unwrap().unwrap();
    let unit = [&program.element()[..], &[0x21, 0x10]].concat();
    let mut depacketizer = Depacketizer::default();
    let mut out = Vec::new();
    let mut push =
        |body: &[u8]| depacketizer.push(TAG_AUDIO, 0, Bytes::copy_from_slice(body), &mut out);
    push(&[0xAF, 0, 0x11, 0x80]).unwrap();
    let early = push(&[0xAF, 1, 0x21, 0x10]);
    assert_eq!(early, Err(MediaError::NoCodecHeader(TrackKind::Audio)));
    push(&[&[0xAF, 1], &unit[..]].concat()).unwrap();
    push(&[0xAF, 1, 0x21, 0x10]).unwrap();
    let tracks: Vec<_> = out
        .iter()
        .filter_map(|event| match event {
            Event::Tracks(tracks) => tracks.audio.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(tracks.len(), 1);
    assert_eq!((tracks[0].channels, &tracks[0].config[..]), (3, &whole[..]));
    let frames = out.iter().filter(|event| matches!(event, Event::Frame(_)));
    assert_eq!(frames.count(), 2, "none before the layout is known");
}
