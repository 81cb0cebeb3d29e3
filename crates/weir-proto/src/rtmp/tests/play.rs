//! Scenarios of a viewer.

use super::Wire;
use super::link::URL;
use crate::rtmp::message::VIDEO;
use crate::rtmp::wire::{CSID_VIDEO, put_message};
use crate::rtmp::{ClientOptions, Redirect, RtmpClientEvent, ServerEvent, StatusRefusal};

/// A 302 as SRS 6 puts it on the wire: one chunk of a 227-byte command.
const REDIRECT_302: &str = "\
    050000000000e314000000000200086f6e537461747573000000000000000000\
    050300056c6576656c0200056572726f720004636f646502001e4e6574436f6e\
    6e656374696f6e2e436f6e6e6563742e52656a6563746564000b646573637269\
    7074696f6e02001152544d502033303220526564697265637400026578030004\
    636f6465004072e000000000000008726564697265637402001b72746d703a2f\
    2f3132372e302e302e313a31393335322f6c6976650009726564697265637432\
    02002672746d703a2f2f3132372e302e302e313a31393335322f6c6976652f6c\
    69766573747265616d000009000009";

/// What that one says.
const HERE: Redirect<'static> = Redirect {
    tc_url: "rtmp://127.0.0.1:19352/live",
    url: "rtmp://127.0.0.1:19352/live/livestream",
};

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn asking(pieces: &[usize]) -> Wire {
    let mut wire = Wire::new(false, ClientOptions::default(), pieces);
    wire.settle();
    wire
}

fn playing(pieces: &[usize]) -> Wire {
    let mut wire = asking(pieces);
    wire.server.accept_play(1);
    wire.settle();
    wire.at_server();
    wire.at_client();
    wire
}

#[test]
fn a_viewer_asks_and_gets_what_every_viewer_gets() {
    let mut wire = asking(&[100]);
    let events = wire.at_server();
    let wants = events.iter().any(|event| {
        matches!(event, ServerEvent::Play { msid: 1, target, start, .. }
            if target.stream == "show" && *start == -2.0)
    });
    assert!(wants, "{events:?}");

    wire.at_client();
    wire.server.accept_play(1);
    wire.settle();
    assert_eq!(wire.at_server(), [ServerEvent::BufferLength { ms: 1000 }]);
    let events = wire.at_client();
    let started = events
        .iter()
        .position(|event| *event == RtmpClientEvent::PlayStarted);
    let sample_access = events
        .iter()
        .position(|event| matches!(event, RtmpClientEvent::Media { .. }));
    assert!(started.unwrap() < sample_access.unwrap());

    let mut shared = Vec::new();
    let chunk_size = wire.server.chunk_size();
    put_message(
        &mut shared,
        CSID_VIDEO,
        77,
        VIDEO,
        1,
        chunk_size,
        b"head",
        &[9; 100_000],
    );
    for part in shared.chunks(1000) {
        wire.client.receive(0, part).unwrap();
    }
    let Some(RtmpClientEvent::Media {
        timestamp_ms: 77,
        body,
        ..
    }) = wire.client.poll_event()
    else {
        panic!("no media");
    };
    assert_eq!((&body[..5], body.len()), (&b"head\x09"[..], 100_004));
}

#[test]
fn the_answers_to_a_play_come_in_the_usual_order() {
    let mut wire = asking(&[1000]);
    wire.server.accept_play(1);
    let out = wire.server.take_output();
    let find = |needle: &[u8]| {
        out.windows(needle.len())
            .position(|window| window == needle)
    };
    let order = [
        &b"\x04\0\0\0\0\0\0\0\0\0\x01"[..],
        b"Play.Reset",
        b"Play.Start",
        b"|RtmpSampleAccess",
    ]
    .map(find);
    assert!(order.is_sorted() && order[0].is_some(), "{order:?}");
}

#[test]
fn the_redirect_is_byte_for_byte_the_one_of_srs() {
    let mut wire = playing(&[64]);
    wire.server.redirect(1, &HERE);
    assert_eq!(wire.server.take_output(), from_hex(REDIRECT_302));
}

#[test]
fn a_viewer_that_waits_hears_the_beginning_and_then_the_redirect() {
    let mut wire = asking(&[1000]);
    let mut other = asking(&[1000]);
    other.server.accept_play(1);
    let beginning = other.server.take_output();
    wire.server.redirect(1, &HERE);
    let expected = [beginning, from_hex(REDIRECT_302)].concat();
    assert_eq!(wire.server.take_output(), expected);
}

#[test]
fn a_redirected_client_learns_the_new_place() {
    let mut wire = playing(&[64]);
    wire.client.receive(0, &from_hex(REDIRECT_302)).unwrap();
    let url = HERE.url.to_owned();
    assert_eq!(
        wire.client.poll_event(),
        Some(RtmpClientEvent::Redirect { url })
    );

    let to = Redirect {
        tc_url: "rtmp://other:1/live/",
        url: "",
    };
    wire.server.redirect(1, &to);
    wire.settle();
    let url = "rtmp://other:1/live/show?sign=abc".to_owned();
    assert_eq!(wire.at_client(), [RtmpClientEvent::Redirect { url }]);
}

#[test]
fn a_viewer_of_nothing_is_told_and_may_ask_again() {
    let mut wire = asking(&[64]);
    wire.at_client();
    let refusal = StatusRefusal {
        code: "NetStream.Play.StreamNotFound",
        description: "not live yet",
        number: 3002,
    };
    wire.server.refuse(1, &refusal);
    wire.settle();
    let events = wire.at_client();
    assert!(matches!(
        &events[..],
        [RtmpClientEvent::Status {
            weir_code: Some(3002),
            ..
        }]
    ));
}

#[test]
fn the_end_of_the_stream_reaches_the_viewer() {
    let mut wire = playing(&[64]);
    wire.server.end_play(
        1,
        "NetStream.Play.UnpublishNotify",
        "the publisher left",
        3003,
    );
    wire.settle();
    assert!(wire.at_client().contains(&RtmpClientEvent::Closed));
    wire.server.end_play(1, "NetStream.Play.Stop", "again", 0);
    assert_eq!(wire.server.take_output(), b"");
}

#[test]
fn a_viewer_that_leaves_is_reported() {
    let mut wire = playing(&[64]);
    wire.client.close();
    wire.settle();
    assert_eq!(wire.at_server(), [ServerEvent::StopPlay { msid: 1 }]);
}

#[test]
fn a_digest_handshake_leads_to_the_same_place() {
    let options = ClientOptions {
        digest_handshake: true,
        ..ClientOptions::default()
    };
    let mut wire = Wire::to(URL, false, options, &[999]);
    wire.settle();
    assert!(
        wire.at_server()
            .iter()
            .any(|event| matches!(event, ServerEvent::Play { .. }))
    );
}
