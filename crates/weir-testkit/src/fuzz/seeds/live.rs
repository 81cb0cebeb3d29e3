//! Live containers to begin with.

use weir_media::fmp4::{fragment, init_segment};
use weir_media::{Frame, FrameKind, TrackKind, flv};

use super::{in_pieces, second_of_both, to_sample, ts_stream};
use crate::synthetic as syn;

/// A size of eight bytes that says that it is not known.
const UNKNOWN: [u8; 8] = [0x01, 255, 255, 255, 255, 255, 255, 255];

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16 | 0x4000).to_be_bytes();
    [id, &[high, low], body].concat()
}

fn track(number: u8, kind: u8, codec: &[u8], private: &[u8]) -> Vec<u8> {
    let body = [
        element(&[0xD7], &[number]),
        element(&[0x83], &[kind]),
        element(&[0x86], codec),
        element(&[0x63, 0xA2], private),
        element(&[0x23, 0xE3, 0x83], &40_000_000_u32.to_be_bytes()),
    ];
    element(&[0xAE], &body.concat())
}

fn file(doc_type: &[u8], tracks: &[Vec<u8>], clusters: &[Vec<u8>]) -> Vec<u8> {
    let scale = element(&[0x2A, 0xD7, 0xB1], &[0x0F, 0x42, 0x40]);
    [
        element(&[0x1A, 0x45, 0xDF, 0xA3], &element(&[0x42, 0x82], doc_type)),
        [&[0x18, 0x53, 0x80, 0x67][..], &UNKNOWN].concat(),
        element(&[0x15, 0x49, 0xA9, 0x66], &scale),
        element(&[0x16, 0x54, 0xAE, 0x6B], &tracks.concat()),
        element(&[0xEC], &[0; 20]),
        clusters.concat(),
    ]
    .concat()
}

fn cluster(ms: u16, blocks: &[Vec<u8>]) -> Vec<u8> {
    let timestamp = element(&[0xE7], &ms.to_be_bytes());
    let body = [timestamp, blocks.concat()].concat();
    [&[0x1F, 0x43, 0xB6, 0x75][..], &UNKNOWN, &body].concat()
}

fn block(number: u8, ms: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = ms.to_be_bytes();
    [&[0x80 | number, high, low, flags][..], data].concat()
}

fn simple(number: u8, ms: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    element(&[0xA3], &block(number, ms, flags, data))
}

fn h264_and_aac() -> Vec<u8> {
    let blocks = |frame: &Frame| {
        let flags = if frame.kind == FrameKind::Key {
            0x80
        } else {
            0
        };
        let number = if frame.track == TrackKind::Video {
            1
        } else {
            2
        };
        simple(number, (frame.dts_us / 1000) as i16, flags, &frame.payload)
    };
    let blocks: Vec<_> = second_of_both().iter().map(blocks).collect();
    let tracks = [
        track(1, 1, b"V_MPEG4/ISO/AVC", &syn::avcc()),
        track(2, 2, b"A_AAC", &[0x12, 0x10]),
    ];
    file(b"matroska", &tracks, &[cluster(0, &blocks)])
}

/// With a group and each kind of lacing.
fn vp9_and_opus() -> Vec<u8> {
    let key = [0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0e, 0xf6, 0, 0x38];
    let group = [
        element(&[0xA1], &block(1, 40, 0, &[0x86, 0, 0x40])),
        element(&[0xFB], &[0xD7]),
    ];
    let laced = [
        simple(2, 0, 0x82, &[1, 2, 0xfc, 1, 0xfc]),
        simple(2, 20, 0x84, &[1, 0xfc, 2, 0xfc, 3]),
        simple(2, 40, 0x86, &[2, 0x82, 0xBF, 0xfc, 1, 0xfc, 2, 0xfc]),
    ];
    let blocks = [
        simple(1, 0, 0x80, &key),
        laced.concat(),
        element(&[0xA0], &group.concat()),
    ];
    let tracks = [
        track(1, 1, b"V_VP9", &[]),
        track(2, 2, b"A_OPUS", super::OPUS_HEAD),
    ];
    file(
        b"webm",
        &tracks,
        &[cluster(7, &blocks), cluster(1000, &blocks)],
    )
}

fn vp8() -> Vec<u8> {
    file(b"webm", &[track(1, 1, b"V_VP8", &[])], &[])
}

fn mp4() -> Vec<u8> {
    let init = init_segment(&syn::tracks()).unwrap_or_default();
    let samples: Vec<_> = second_of_both().iter().map(to_sample).collect();
    // The same again: a recorder that was restarted.
    [
        &init[..],
        &fragment(1, &samples),
        &init,
        &fragment(2, &samples),
    ]
    .concat()
}

fn flv() -> Vec<u8> {
    let mut out = Vec::new();
    flv::write::put_file_header(&mut out, true, true);
    let bodies = [
        (flv::TAG_VIDEO, syn::video_header_body()),
        (flv::TAG_AUDIO, syn::audio_header_body()),
        (flv::TAG_SCRIPT, syn::metadata_body()),
        (flv::TAG_VIDEO, syn::video_body(1, true, 60)),
        (flv::TAG_AUDIO, syn::audio_body(50)),
        (flv::TAG_VIDEO, syn::video_body(2, false, 60)),
    ];
    for (at, (kind, body)) in bodies.iter().enumerate() {
        flv::write::put_tag(&mut out, *kind, at as u32 * 40, &[], body);
    }
    out
}

pub(in crate::fuzz) fn webm() -> Vec<Vec<u8>> {
    [h264_and_aac(), vp9_and_opus(), vp8()]
        .iter()
        .flat_map(|stream| in_pieces(stream))
        .collect()
}

pub(in crate::fuzz) fn fmp4_stream() -> Vec<Vec<u8>> {
    in_pieces(&mp4())
}

pub(in crate::fuzz) fn live_demux() -> Vec<Vec<u8>> {
    let streams = [
        (0, flv()),
        (1, mp4()),
        (2, h264_and_aac()),
        (2, vp9_and_opus()),
        (3, ts_stream()),
    ];
    let cut = |(at, (which, stream)): (usize, (u8, Vec<u8>))| {
        let cut = [0, 1, 7, 64, 250][at];
        [&[which, cut][..], &stream].concat()
    };
    let mut seeds: Vec<_> = streams.into_iter().enumerate().map(cut).collect();
    // Another container than announced.
    seeds.push([&[3, 0][..], &flv()].concat());
    seeds
}

fn step(what: u8, text: &str) -> Vec<u8> {
    [
        &[what][..],
        &(text.len() as u16).to_be_bytes(),
        text.as_bytes(),
    ]
    .concat()
}

pub(in crate::fuzz) fn slsp() -> Vec<Vec<u8>> {
    let server = [
        step(
            0,
            r#"{"type":"hello","v":1,"container":"flv","agent":"x","resume":"t","more":[1]}"#,
        ),
        vec![2, 1, 0, 0x33, 2, 0, 9, 0xf3, 0xf3],
        step(
            0x10,
            r#"{"type":"stats","fps":29.97,"kbps":2500,"queue_ms":12.5,"dropped":3,"encoder":"sw"}"#,
        ),
        step(0x10, r#"{"type":"restart","container":"webm"}"#),
        vec![0x12, 0xff, 0xff, 0xf3],
        step(0, r#"{"type":"bye"}"#),
    ];
    let ready = r#"{"type":"ready","session":"s","resume":"t","resumed":true,"bytes":7,"ack_ms":200,"resume_ms":5000,"max_kbps":800,"keyframe_ms":2000,"codecs":["avc1"]}"#;
    let client = [
        step(0, ready),
        vec![0x14, 1, 0, 0x14, 0, 9],
        step(
            0x50,
            r#"{"type":"ack","bytes":263,"dts_ms":-1,"at_ms":1800000000000}"#,
        ),
        step(0, r#"{"type":"hint","max_kbps":400}"#),
        step(0, r#"{"type":"later","new":{}}"#),
        step(0, r#"{"type":"redirect","url":"wss://h/slsp/live/x"}"#),
        vec![6],
        step(0, ready),
        step(
            0,
            r#"{"type":"error","code":1004,"name":"auth_bad_signature","message":"m"}"#,
        ),
        vec![7],
    ];
    let wrong = [
        step(0, r#"{"type":"hello","v":2,"container":"flv"}"#),
        step(0, "{"),
    ];
    vec![
        [&[0][..], &server.concat()].concat(),
        [&[1][..], &client.concat()].concat(),
        [&[0][..], &wrong.concat()].concat(),
    ]
}
