//! RTMP, WebSocket and relay conversations to begin with.

use std::sync::Arc;

use weir_media::amf::Value;
use weir_media::{Item, LeftOut, Metadata, TrackKind, flv};
use weir_proto::relay;
use weir_proto::rtmp::handshake::{ClientHandshake, ServerHandshake};
use weir_proto::rtmp::message::{
    ABORT, ACKNOWLEDGEMENT, AGGREGATE, AUDIO, COMMAND_AMF0, COMMAND_AMF3, SET_CHUNK_SIZE,
    USER_CONTROL, VIDEO, WINDOW_ACK_SIZE,
};
use weir_proto::rtmp::wire::put_message;
use weir_proto::ws::{self, Opcode};

use super::{MIXED, WHOLE, bodies, encoded, in_pieces};
use crate::synthetic as syn;

fn command(out: &mut Vec<u8>, msid: u32, name: &str, transaction: f64, values: &[Value]) {
    let mut body = encoded(&[Value::string(name), Value::Number(transaction)]);
    body.extend_from_slice(&encoded(values));
    put_message(out, 3, 0, COMMAND_AMF0, msid, 128, &[], &body);
}

fn control(out: &mut Vec<u8>, message_type: u8, body: &[u8]) {
    put_message(out, 2, 0, message_type, 0, 128, &[], body);
}

fn info(code: &str) -> Value {
    Value::object([
        ("level", "status".into()),
        ("code", Value::string(code)),
        ("description", "x".into()),
    ])
}

fn status(out: &mut Vec<u8>, code: &str) {
    command(out, 1, "onStatus", 0.0, &[Value::Null, info(code)]);
}

fn connect(out: &mut Vec<u8>) {
    let list = Value::StrictArray(["av01", "hvc1"].map(Value::string).into());
    let object = Value::object([
        ("app", Value::string("live")),
        ("tcUrl", Value::string("rtmp://h/live")),
        ("fourCcList", list),
        ("objectEncoding", Value::Number(0.0)),
    ]);
    command(out, 0, "connect", 1.0, &[object]);
    command(out, 0, "createStream", 2.0, &[Value::Null]);
}

fn publishing() -> Vec<u8> {
    let mut out = Vec::new();
    control(&mut out, SET_CHUNK_SIZE, &[0, 0, 1, 0]);
    out.truncate(out.len() - 4);
    out.extend_from_slice(&[0, 0, 0, 128]);
    connect(&mut out);
    command(
        &mut out,
        0,
        "releaseStream",
        3.0,
        &[Value::Null, Value::string("s")],
    );
    command(
        &mut out,
        0,
        "FCPublish",
        4.0,
        &[Value::Null, Value::string("s")],
    );
    command(
        &mut out,
        1,
        "publish",
        5.0,
        &[Value::Null, Value::string("s?key=k"), Value::string("live")],
    );
    for (at, (kind, body)) in bodies()
        .iter()
        .enumerate()
        .filter(|(_, (kind, _))| *kind != AUDIO)
        .take(4)
    {
        put_message(&mut out, 4, at as u32 * 40, *kind, 1, 128, &[], body);
    }
    put_message(
        &mut out,
        4,
        0x0100_0000,
        VIDEO,
        1,
        128,
        &[],
        &syn::video_body(9, false, 300),
    );
    let mut inner = Vec::new();
    flv::write::put_tag(&mut inner, AUDIO, 5, &[], &syn::audio_body(20));
    flv::write::put_tag(&mut inner, VIDEO, 6, &[], &syn::video_body(10, false, 20));
    put_message(&mut out, 4, 900, AGGREGATE, 1, 128, &[], &inner);
    command(
        &mut out,
        0,
        "FCUnpublish",
        6.0,
        &[Value::Null, Value::string("s")],
    );
    command(
        &mut out,
        0,
        "deleteStream",
        7.0,
        &[Value::Null, Value::Number(1.0)],
    );
    out
}

fn playing() -> Vec<u8> {
    let mut out = Vec::new();
    connect(&mut out);
    control(&mut out, WINDOW_ACK_SIZE, &[0, 0, 0x10, 0]);
    control(&mut out, USER_CONTROL, &[0, 3, 0, 0, 0, 1, 0, 0, 3, 0xe8]);
    control(&mut out, USER_CONTROL, &[0, 6, 0, 0, 0, 1]);
    command(
        &mut out,
        1,
        "play",
        3.0,
        &[Value::Null, Value::string("s"), Value::Number(-2.0)],
    );
    command(
        &mut out,
        1,
        "pause",
        4.0,
        &[Value::Null, Value::Boolean(true), Value::Number(0.0)],
    );
    control(&mut out, ACKNOWLEDGEMENT, &[0, 0, 0x10, 0]);
    control(&mut out, ABORT, &[0, 0, 0, 3]);
    let amf3 = [
        &[0][..],
        &encoded(&[
            Value::string("closeStream"),
            Value::Number(0.0),
            Value::Null,
        ]),
    ]
    .concat();
    put_message(&mut out, 3, 0, COMMAND_AMF3, 1, 128, &[], &amf3);
    out
}

pub(in crate::fuzz) fn rtmp_chunk() -> Vec<Vec<u8>> {
    // Types 0 to 3, an extended time, a two-byte and a three-byte stream id.
    let mut types = vec![4, 0, 0, 10, 0, 0, 4, 8, 1, 0, 0, 0, 0xaf, 1, 2, 3];
    types.extend_from_slice(&[
        0x44, 0, 0, 20, 0, 0, 2, 8, 0xaf, 1, 0x84, 0, 0, 23, 0xaf, 1, 0xc4, 0xaf, 1,
    ]);
    types.extend_from_slice(&[
        0, 200, 0xff, 0xff, 0xff, 0, 0, 2, 9, 1, 0, 0, 0, 1, 0, 0, 0, 0x17, 0,
    ]);
    types.extend_from_slice(&[1, 200, 0, 0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 0x17]);
    [publishing(), playing(), types]
        .iter()
        .flat_map(|stream| in_pieces(stream))
        .collect()
}

pub(in crate::fuzz) fn rtmp_server() -> Vec<Vec<u8>> {
    let mut hello = Vec::new();
    ClientHandshake::start([4; 32], true, 0, &mut hello);
    hello.resize(2 * 1536 + 1, 0);
    hello.truncate(3073);
    let with = |options: u8, stream: &[u8]| [&[options][..], &MIXED, stream].concat();
    vec![
        with(0, &publishing()),
        with(0, &playing()),
        with(4, &publishing()),
        with(6, &playing()),
        with(1, &hello),
    ]
}

pub(in crate::fuzz) fn rtmp_client() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    control(&mut out, WINDOW_ACK_SIZE, &[0, 0, 0x10, 0]);
    command(
        &mut out,
        0,
        "_result",
        1.0,
        &[
            Value::object([("fmsVer", "x".into())]),
            info("NetConnection.Connect.Success"),
        ],
    );
    command(
        &mut out,
        0,
        "_result",
        2.0,
        &[Value::Null, Value::Number(1.0)],
    );
    let mut play = out.clone();
    status(&mut out, "NetStream.Publish.Start");
    status(&mut out, "NetConnection.Connect.Closed");
    status(&mut play, "NetStream.Play.Start");
    for (kind, body) in bodies().iter().take(3) {
        put_message(&mut play, 6, 40, *kind, 1, 128, &[], body);
    }
    control(&mut play, USER_CONTROL, &[0, 1, 0, 0, 0, 1]);
    vec![
        [&[0][..], &MIXED, &out].concat(),
        [&[4][..], &MIXED, &play].concat(),
        [&[6][..], &WHOLE, &play].concat(),
    ]
}

pub(in crate::fuzz) fn rtmp_handshake() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for digest in [false, true] {
        let mut hello = Vec::new();
        ClientHandshake::start([4; 32], digest, 0, &mut hello);
        let mut answer = Vec::new();
        let _ = ServerHandshake::new([5; 32]).receive(0, &mut &hello[..], &mut answer);
        answer.truncate(1600);
        let digest = u8::from(digest);
        seeds.push([&[digest][..], &[0, 200, 0, 9], &hello].concat());
        seeds.push([&[digest | 2][..], &[0, 200, 0, 9], &answer].concat());
    }
    seeds
}

pub(in crate::fuzz) fn rtmp_url() -> Vec<Vec<u8>> {
    [
        "rtmp://example.org:1935/live/s?key=abc&vhost=v",
        "rtmps://[::1]/a/b/c",
        "rtmp://h/live?vhost=x/s",
        "rtmp://h/live\nlive\ns?key=k",
        "rtmp://h:1935/a/b?k=v\na/b?k=v\nmp4:s%20t?x=%41",
        "\nlive...vhost...v\ns",
    ]
    .map(|url| url.as_bytes().to_vec())
    .into()
}

fn frames(mask: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |opcode, fin, payload: &[u8]| {
        if mask {
            ws::put_masked_frame(&mut out, opcode, fin, [1, 2, 3, 4], payload);
        } else {
            ws::put_frame_header(&mut out, opcode, fin, payload.len());
            out.extend_from_slice(payload);
        }
    };
    put(Opcode::Text, true, "grüße".as_bytes());
    put(Opcode::Binary, false, &[7; 200]);
    put(Opcode::Ping, true, b"are you there");
    put(Opcode::Continuation, true, &[8; 20]);
    put(Opcode::Pong, true, b"");
    put(Opcode::Close, true, &ws::close_payload(1000, "bye"));
    out
}

pub(in crate::fuzz) fn ws_server() -> Vec<Vec<u8>> {
    in_pieces(&frames(true))
}

pub(in crate::fuzz) fn ws_client() -> Vec<Vec<u8>> {
    in_pieces(&frames(false))
}

/// A stream as a node sends it, with something of a newer version in between, and its end.
pub(in crate::fuzz) fn relay() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut begin = relay::Begin::new(0x0123_4567_89ab_cdef, 1_800_000_000_000_000);
    begin.epoch = 7;
    begin.via = vec!["edge-1".into(), "origin-2".into()];
    relay::put_begin(&mut out, &begin);
    let mut put = |item: Item| relay::put_item(&mut out, &item);
    put(Item::Tracks(Arc::new(syn::tracks())));
    let amf0 = encoded(&[Value::object([("title", Value::string("t"))])]).into();
    put(Item::Metadata(Arc::new(Metadata { amf0 })));
    for number in 0..6 {
        let dts_us = 40_000 * number as i64;
        put(Item::Frame(syn::video_frame(
            dts_us,
            number,
            number % 3 == 0,
            60,
        )));
        put(Item::Frame(syn::audio_frame(dts_us + 10_000, 20)));
        if number == 2 {
            put(Item::Discontinuity);
        }
    }
    out.extend([99, 0, 0, 0, 4, 1, 2, 3, 4]);
    let remarks = relay::Remarks {
        notes: vec!["left out: sound".into()],
        left_out: vec![LeftOut::of(TrackKind::Audio, "sound")],
    };
    relay::put_remarks(&mut out, &remarks);
    relay::put_beat(&mut out, 1_800_000_000_000_000);
    relay::put_end(&mut out, 5004, "elsewhere", Some("http://n:8080"));
    let mut seeds = in_pieces(&out);
    let mut back = Vec::new();
    relay::put_beat(&mut back, -1);
    relay::put_end(&mut back, 4009, "", None);
    seeds.push([&WHOLE[..], &back].concat());
    seeds
}
