//! What each target begins with: well-formed inputs, written by weir's own writers and by hand.

mod admit;
mod chat;
mod cluster;
mod live;
mod picture;
mod proto;
mod record;
mod site;

use bytes::Bytes;
use weir_base::sign::{Action, SigningKey, Subject, sign};
use weir_media::amf::Value;
use weir_media::fmp4::{Sample, fragment, init_segment};
use weir_media::ts::Muxer;
use weir_media::{Frame, TrackKind, flv};
use weir_proto::rtmp::message::{AUDIO, DATA_AMF0, VIDEO};

pub(super) use admit::{admission_snapshot, signed_dialects};
pub(super) use chat::{chat, chat_bus};
pub(super) use cluster::{
    cluster_coworker, cluster_maxmind, cluster_message, cluster_report, cluster_table, cluster_url,
};
pub(super) use live::{fmp4_stream, live_demux, slsp, webm};
pub(super) use picture::{picture_answer, picture_carried, picture_file, picture_stream};
pub(super) use proto::{
    relay, rtmp_chunk, rtmp_client, rtmp_handshake, rtmp_server, rtmp_url, ws_client, ws_server,
};
pub(super) use record::{record_block, record_manifest};
pub(super) use site::{site_markdown, site_target};

use crate::synthetic as syn;

/// Piece sizes in front of a stream: whole, byte by byte, and mixed.
const WHOLE: [u8; 4] = [0; 4];
const BYTES: [u8; 4] = [1; 4];
const MIXED: [u8; 4] = [1, 7, 64, 250];

fn in_pieces(stream: &[u8]) -> Vec<Vec<u8>> {
    [WHOLE, BYTES, MIXED]
        .map(|sizes| [&sizes[..], stream].concat())
        .into()
}

fn every_value() -> Vec<Value> {
    vec![
        Value::Number(1.5),
        Value::Boolean(true),
        Value::string("text"),
        Value::object([
            ("a", Value::Null),
            ("b", Value::object([("c", Value::Undefined)])),
        ]),
        Value::EcmaArray(vec![("duration".into(), Value::Number(0.0))]),
        Value::StrictArray(vec![Value::Number(1.0), Value::string("two")]),
        Value::Date {
            unix_ms: 1.7e12,
            zone_minutes: 0,
        },
        Value::Xml("<x/>".into()),
        Value::TypedObject {
            class: "C".into(),
            properties: vec![("p".into(), Value::Boolean(false))],
        },
        Value::Reference(1),
        Value::ByteArray(vec![1, 2, 3]),
        Value::Unsupported,
    ]
}

fn encoded(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    values.iter().for_each(|value| value.encode(&mut out));
    out
}

pub(super) fn amf0() -> Vec<Vec<u8>> {
    let nested = (0..40).fold(Value::Null, |inner, _| Value::object([("in", inner)]));
    vec![
        encoded(&every_value()),
        syn::metadata_body(),
        encoded(&[nested]),
    ]
}

pub(super) fn amf3() -> Vec<Vec<u8>> {
    // By hand: integer, double, string and reference to it, dense array, dynamic object, XML, date.
    let by_hand = [
        &[0x06, 0x0b][..],
        b"hello",
        &[
            0x06, 0x00, 0x04, 0xff, 0xff, 0xff, 0xff, 0x05, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,
        ],
        &[0x09, 0x05, 0x01, 0x04, 0x01, 0x02],
        &[0x0a, 0x0b, 0x01, 0x03, b'k', 0x04, 0x07, 0x01],
        &[
            0x0b, 0x07, b'<', b'x', b'>', 0x08, 0x01, 0x42, 0x78, 0, 0, 0, 0, 0, 0,
        ],
        &[
            0x0c, 0x07, 1, 2, 3, 0x0d, 0x05, 0x00, 0, 0, 0, 1, 0, 0, 0, 2,
        ],
    ]
    .concat();
    let switched = [&[0, 0x11][..], &by_hand].concat();
    vec![
        by_hand,
        switched,
        [&[0][..], &encoded(&every_value())].concat(),
    ]
}

fn enhanced(first: u8, fourcc: [u8; 4], rest: &[u8]) -> Vec<u8> {
    [&[first][..], &fourcc, rest].concat()
}

fn bodies() -> Vec<(u8, Vec<u8>)> {
    use weir_media::{AudioCodec, VideoCodec};
    let avc = flv::tag::video_fourcc(VideoCodec::H264);
    let hevc = flv::tag::video_fourcc(VideoCodec::Hevc);
    let av1 = flv::tag::video_fourcc(VideoCodec::Av1);
    let vp9 = flv::tag::video_fourcc(VideoCodec::Vp9);
    let opus = flv::tag::audio_fourcc(AudioCodec::Opus);
    let ac3 = flv::tag::audio_fourcc(AudioCodec::Ac3);
    let picture = syn::picture(3, true, 40);
    vec![
        (VIDEO, syn::video_header_body()),
        (VIDEO, syn::video_body(1, true, 60)),
        (VIDEO, syn::video_body(2, false, 60)),
        (VIDEO, vec![0x17, 2, 0, 0, 0]),
        (VIDEO, vec![0x52, 0]),
        (VIDEO, enhanced(0x90, avc, &syn::avcc())),
        (
            VIDEO,
            enhanced(0x91, avc, &[&[0, 0, 40][..], &picture].concat()),
        ),
        (VIDEO, enhanced(0x93, avc, &picture)),
        (VIDEO, enhanced(0x90, hevc, &hevc_config())),
        (VIDEO, enhanced(0x90, av1, &[0x81, 0, 0x0c, 0])),
        (VIDEO, enhanced(0x90, vp9, &VPCC)),
        // ModEx with a nanosecond offset, multitrack with one track, metadata.
        (
            VIDEO,
            [&[0x97, 2, 0, 0, 9, 0x01][..], &avc, &[0, 0, 0], &picture].concat(),
        ),
        (
            VIDEO,
            [&[0x96, 0x01][..], &avc, &[0, 0, 0, 0], &picture].concat(),
        ),
        (
            VIDEO,
            enhanced(
                0x94,
                avc,
                &encoded(&[Value::string("colorInfo"), Value::object([])]),
            ),
        ),
        (AUDIO, syn::audio_header_body()),
        (AUDIO, syn::audio_body(50)),
        (AUDIO, [&[0x2f][..], &MP3].concat()),
        (AUDIO, enhanced(0x90, opus, OPUS_HEAD)),
        (AUDIO, enhanced(0x91, opus, &[0xfc, 1, 2, 3])),
        (AUDIO, enhanced(0x91, ac3, &AC3)),
        (AUDIO, [&[0x95, 0x00][..], &opus, &[0, 0xfc, 1]].concat()),
        (DATA_AMF0, syn::metadata_body()),
        (
            DATA_AMF0,
            [
                encoded(&[Value::string("@setDataFrame")]),
                syn::metadata_body(),
            ]
            .concat(),
        ),
    ]
}

const VPCC: [u8; 12] = [1, 0, 0, 0, 0, 10, 0x82, 2, 2, 2, 0, 0];
const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
const MP3: [u8; 8] = [0xff, 0xfb, 0x90, 0x64, 0, 0, 0, 0];
const AC3: [u8; 10] = [0x0b, 0x77, 0, 0, 0x14, 0x40, 0x2f, 0x84, 0x2a, 0];
const STREAMINFO: [u8; 42] = {
    let mut config = [0; 42];
    let head = *b"fLaC\x80\x00\x00\x22\x10\x00\x10\x00";
    let mut at = 0;
    while at < head.len() {
        config[at] = head[at];
        at += 1;
    }
    // 48 kHz, two channels, 16 bits.
    (config[18], config[19], config[20], config[21]) = (0x0b, 0xb8, 0x02, 0xf0);
    config
};

/// A record with the three parameter sets, cut short: their fields are for the fuzzer to find.
fn hevc_config() -> Vec<u8> {
    let mut config = vec![
        1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f,
        3,
    ];
    for (kind, nal) in [(32, &HEVC_VPS[..]), (33, &HEVC_SPS), (34, &HEVC_PPS)] {
        config.extend_from_slice(&[0x80 | kind, 0, 1, 0, nal.len() as u8]);
        config.extend_from_slice(nal);
    }
    config
}

const HEVC_VPS: [u8; 24] = [
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c,
    0x95, 0x98, 0x09,
];
const HEVC_SPS: [u8; 30] = [
    0x42, 0x01, 0x01, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0xa0, 0x0a, 0x08,
    0x0f, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0x80, 0x40,
];
const HEVC_PPS: [u8; 7] = [0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

pub(super) fn flv_tag() -> Vec<Vec<u8>> {
    let selected = |(kind, body): (u8, Vec<u8>)| [&[u8::from(kind == VIDEO)][..], &body].concat();
    bodies()
        .into_iter()
        .filter(|(kind, _)| *kind != DATA_AMF0)
        .map(selected)
        .collect()
}

pub(super) fn flv_reader() -> Vec<Vec<u8>> {
    let mut file = Vec::new();
    flv::write::put_file_header(&mut file, true, true);
    for (at, (kind, body)) in bodies().into_iter().enumerate().take(6) {
        flv::write::put_tag(&mut file, kind, at as u32 * 40, &[], &body);
    }
    in_pieces(&file)
}

pub(super) fn depacketizer() -> Vec<Vec<u8>> {
    let message = |(kind, body): &(u8, Vec<u8>)| {
        let selector = match *kind {
            VIDEO => 0_u8,
            AUDIO => 1,
            _ => 2,
        };
        let head = [selector << 5 | 5, (body.len() >> 8) as u8, body.len() as u8];
        [&head[..], body].concat()
    };
    let all = bodies();
    let mut streams = vec![all.iter().map(message).collect::<Vec<_>>().concat()];
    // A stream of two seconds that the packagers make segments of.
    let mut stream: Vec<_> = [
        (VIDEO, syn::video_header_body()),
        (AUDIO, syn::audio_header_body()),
    ]
    .into();
    for number in 0..50 {
        stream.push((VIDEO, syn::video_body(number, number % 12 == 0, 20)));
        stream.push((AUDIO, syn::audio_body(8)));
    }
    streams.push(stream.iter().map(message).collect::<Vec<_>>().concat());
    // Annex B and ADTS where lengths and raw frames belong.
    let annex_b = [
        &[0x17, 1, 0, 0, 0, 0, 0, 0, 1][..],
        &syn::picture(1, true, 30)[4..],
    ]
    .concat();
    let adts = [
        &[0xaf, 1, 0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc][..],
        &[0x21; 9],
    ]
    .concat();
    let odd = [
        (VIDEO, annex_b),
        (AUDIO, adts),
        (VIDEO, vec![0x1c, 0, 0, 0, 0]),
    ];
    streams.push(odd.iter().map(message).collect::<Vec<_>>().concat());
    let started =
        |(options, stream): (u8, Vec<u8>)| [&[options, 0, 0, 0x03, 0xe8][..], &stream].concat();
    [0, 2, 1].into_iter().zip(streams).map(started).collect()
}

fn configs() -> Vec<(u8, Vec<u8>)> {
    vec![
        (0, syn::avcc().to_vec()),
        (1, hevc_config()),
        (2, [&[0x81, 0, 0x0c, 0][..], &AV1_SEQUENCE].concat()),
        (3, VPCC.to_vec()),
        (4, vec![0x12, 0x10]),
        // HE-AAC v2, written out, and a programme config element.
        (4, vec![0xeb, 0x09, 0x88, 0x00]),
        (4, vec![0x10, 0x04, 0, 0, 0, 0, 0, 0, 0, 0]),
        (5, OPUS_HEAD.to_vec()),
        (6, STREAMINFO.to_vec()),
    ]
}

/// A sequence header OBU, 320 × 240.
const AV1_SEQUENCE: [u8; 12] = [
    0x0a, 0x0a, 0x00, 0x00, 0x00, 0x02, 0xaf, 0xff, 0x9f, 0xff, 0x30, 0x08,
];

pub(super) fn codec_config() -> Vec<Vec<u8>> {
    configs()
        .into_iter()
        .map(|(which, config)| [&[which][..], &config].concat())
        .collect()
}

pub(super) fn codec_frame() -> Vec<Vec<u8>> {
    let with_sets = [
        &[0, 0, 0, 10][..],
        &syn::avcc()[8..18],
        &[0, 0, 0, 4],
        &syn::avcc()[21..25],
        &syn::picture(1, true, 30),
    ]
    .concat();
    let sized = |nal: &[u8]| [&(nal.len() as u32).to_be_bytes()[..], nal].concat();
    let hevc = [
        sized(&HEVC_VPS),
        sized(&HEVC_SPS),
        sized(&HEVC_PPS),
        sized(&[0x26, 1, 2, 3]),
    ]
    .concat();
    let av1 = [&[0x12, 0][..], &AV1_SEQUENCE, &[0x32, 3, 0x10, 0, 0]].concat();
    let vp9 = vec![0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0e, 0xf6, 0, 0x38];
    let adts = [&[0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc][..], &[0x21; 9]].concat();
    let flac = vec![0xff, 0xf8, 0xc9, 0x18, 0, 0xc2, 0, 0];
    let frames = [
        (0, adts),
        (1, vec![0xfc, 0xff]),
        (2, MP3.to_vec()),
        (3, AC3.to_vec()),
        (4, AC3.to_vec()),
        (5, flac),
    ];
    let plain = [with_sets, hevc, av1, vp9].map(|frame| (0, frame));
    frames
        .into_iter()
        .chain(plain)
        .map(|(which, frame)| [&[which][..], &frame].concat())
        .collect()
}

fn second_of_both() -> Vec<Frame> {
    let both = |at: i64| {
        [
            syn::video_frame(at * 200_000, at as u64, at == 0, 40),
            syn::audio_frame(at * 200_000 + 1000, 30),
        ]
    };
    (0..4).flat_map(both).collect()
}

fn ts_stream() -> Vec<u8> {
    let mut out = Vec::new();
    if let Ok(mut muxer) = Muxer::new(&syn::tracks()) {
        muxer.put_tables(&mut out);
        second_of_both()
            .iter()
            .for_each(|frame| muxer.put_frame(frame, &mut out));
    }
    out
}

pub(super) fn ts_demux() -> Vec<Vec<u8>> {
    in_pieces(&ts_stream())
}

fn to_sample(frame: &Frame) -> Sample {
    Sample {
        track: frame.track,
        dts: frame.dts_us.unsigned_abs(),
        duration: 3000,
        cts: frame.cts_us,
        key: frame.is_video_key() || frame.track == TrackKind::Audio,
        payload: frame.payload.clone(),
    }
}

pub(super) fn fmp4_read() -> Vec<Vec<u8>> {
    let init = init_segment(&syn::tracks()).unwrap_or_default();
    let samples: Vec<_> = second_of_both().iter().map(to_sample).collect();
    let media = fragment(1, &samples);
    let join =
        |init: &Bytes, media: &[u8]| [&(init.len() as u16).to_be_bytes()[..], init, media].concat();
    vec![
        join(&init, &media),
        join(&init, &[]),
        join(&Bytes::new(), &[&init[..], &media].concat()),
    ]
}

pub(super) fn hls_name() -> Vec<Vec<u8>> {
    [
        "init-e1-0.mp4",
        "seg-e1-12.m4s",
        "seg-e1-12-v.m4s",
        "seg-e1-3.ts",
        "part-e1-9-2-a.m4s",
        "key-e1-1.key",
    ]
    .map(|name| name.as_bytes().to_vec())
    .into()
}

pub(super) fn hls_packager() -> Vec<Vec<u8>> {
    let mut items = vec![0x0e];
    for number in 0..120_u8 {
        items.extend_from_slice(&[if number % 20 == 0 { 0x20 } else { 0x26 }, 0x25]);
        if number == 60 {
            items.extend_from_slice(&[0x0f, 0x0c, 0x0e]);
        }
    }
    [0, 1, 2, 4, 8, 0x10, 0x12]
        .map(|options| [&[options][..], &items].concat())
        .into()
}

pub(super) fn timeline() -> Vec<Vec<u8>> {
    let even: Vec<u8> = (0..200)
        .map(|n| if n % 2 == 0 { 0x24 } else { 0x25 })
        .collect();
    let mut jumps = even.clone();
    jumps.extend_from_slice(&[0x2c, 0xff, 0xff, 0xff, 0xf0, 0x2d, 0xff, 0xff, 0xff, 0xf0]);
    jumps.extend_from_slice(&even);
    jumps.extend_from_slice(&[
        0x2e, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x2a, 0xff, 0xff, 0x29, 0xff, 0xff,
    ]);
    jumps.extend_from_slice(&even);
    vec![
        [&[0; 5][..], &even].concat(),
        [&[0, 0, 3, 0xe8, 0][..], &jumps].concat(),
        [&[0, 0, 3, 0xe8, 1][..], &jumps].concat(),
    ]
}

pub(super) fn http_head() -> Vec<Vec<u8>> {
    [
        "GET /live/s.flv?wait=3&audio=0 HTTP/1.1\r\nHost: h:8080\r\nX-Forwarded-For: 10.0.0.1, ::1\r\n\r\n",
        "GET /a/b/s.flv HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Protocol: x, y\r\n\r\n",
        "GET /live/s/part-e-3-1-v.m4s?_HLS_msn=4&_HLS_part=1 HTTP/1.0\r\n\r\n",
        "GET /live/%E7%9B%B4.ts HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "POST /api/v1/x HTTP/1.1\r\n\r\n",
    ]
    .map(|head| head.as_bytes().to_vec())
    .into()
}

pub(super) fn preferences() -> Vec<Vec<u8>> {
    [
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        "application/json;q=0.5, text/html;level=1 ; Q=0.75\ntext/*",
        "fr-CH, fr;q=0.9, en;q=0.8, zh-Hant;q=0.85, *;q=0.5",
        "/live/<b>{title}&.flv",
    ]
    .map(|list| list.as_bytes().to_vec())
    .into()
}

pub(super) fn proxy_header() -> Vec<Vec<u8>> {
    let v2 = |rest: &[u8]| [&b"\r\n\r\n\0\r\nQUIT\n"[..], rest].concat();
    vec![
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 1935\r\nrest".to_vec(),
        b"PROXY TCP6 ::1 2001:db8::1 4711 1935\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        v2(&[
            0x21, 0x11, 0, 12, 203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0x07, 0x8f, b'r',
        ]),
        v2(&[
            0x21, 0x11, 0, 19, 203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0x07, 0x8f, 4, 0, 4, 0, 0,
            0, 0,
        ]),
        v2(&[0x20, 0, 0, 0]),
    ]
}

pub(super) fn signed_url() -> Vec<Vec<u8>> {
    let key = SigningKey {
        id: "k1".into(),
        secret: "another secret".into(),
    };
    let subject = Subject {
        action: Action::Play,
        vhost: "",
        app: "live",
        stream: "s",
    };
    let signed = sign(&key, subject, 1_800_000_000, "n", "10.0.0.1");
    vec![
        signed.clone().into_bytes(),
        signed.replace("k=k1", "k=k2").into_bytes(),
        b"s=00&e=1&a=play".to_vec(),
    ]
}

pub(super) fn time_shift() -> Vec<Vec<u8>> {
    let texts = [
        "shift=30s&window=4h",
        "from=1800000000000&to=2027-01-15T16:01:00.5%2B08:00",
        "txTimeshift=on&tsFormat=human_ms_-8&tsStart=20270115160000&tsEnd=1800000060000",
        "txTimeshift=on&tsDelay=30",
        "aliyunols=on&lhs_start_unix_us_0=1800000000000001&lhs_vodend_human_s_8=2027-01-15T16:01:00",
        "aliyunols=on&lhs_offset_unix_ns_0=30000000000",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
