//! Protocols: RTMP and WebSocket, with the pieces the network cuts bytes into chosen by the input.

use weir_media::flv::Depacketizer;
use weir_proto::rtmp::chunk::ChunkDecoder;
use weir_proto::rtmp::handshake::{ClientHandshake, ServerHandshake};
use weir_proto::rtmp::message::Message;
use weir_proto::rtmp::{
    ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpServerSession, RtmpUrl, ServerConfig,
    ServerEvent, StatusRefusal, Target,
};
use weir_proto::ws;

use super::Input;

/// Bytes of a message the fuzzed machines take: small, so that the limit is met often.
const MAX_MESSAGE_BYTES: usize = 32 * 1024;
const URL: &str = "rtmp://localhost/live/s?key=k";
/// A handshake's first block with its version byte, and the second.
const FIRST_BYTES: usize = 1 + 1536;
const SECOND_BYTES: usize = 1536;

pub(super) fn rtmp_chunk(data: &[u8]) {
    let mut input = Input(data);
    let whole = messages([data.get(4..).unwrap_or_default()].into_iter());
    let pieces = messages(input.pieces());
    assert_eq!(pieces, whole, "pieces make another message than the whole");
}

fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Message>, bool) {
    let mut decoder = ChunkDecoder::new(MAX_MESSAGE_BYTES);
    let mut messages = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        loop {
            match decoder.next(&mut rest) {
                Ok(Some(message)) => {
                    assert!(message.body.len() <= MAX_MESSAGE_BYTES);
                    messages.push(message);
                }
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
        assert!(rest.is_empty(), "bytes left behind");
    }
    (messages, false)
}

/// The whole server side. The first byte says whether the handshake is already done and what the
/// owner answers.
pub(super) fn rtmp_server(data: &[u8]) {
    let mut input = Input(data);
    let options = input.u8();
    let config = ServerConfig {
        max_message_bytes: MAX_MESSAGE_BYTES,
        ..ServerConfig::default()
    };
    let mut session = RtmpServerSession::new(config, [3; 32]);
    if options & 1 == 0 {
        let mut hello = Vec::new();
        ClientHandshake::start([4; 32], options & 2 != 0, 0, &mut hello);
        hello.resize(FIRST_BYTES + SECOND_BYTES, 0);
        session.receive(0, &hello).expect("our own handshake");
    }
    let mut depacketizer = Depacketizer::default();
    let mut out = Vec::new();
    for (turn, piece) in (0_u64..).zip(input.pieces()) {
        let received = session.receive(turn, piece);
        while let Some(event) = session.poll_event() {
            answer(&mut session, options, event, &mut depacketizer, &mut out);
        }
        let answers = session.take_output();
        // Every byte in may cost some bytes out, but not without bound.
        assert!(
            answers.len() <= 64 * 1024 + piece.len() * 1024,
            "{} bytes of answers",
            answers.len()
        );
        if received.is_err() {
            assert!(
                session.receive(turn, b"more").is_err(),
                "an error is the end"
            );
            return;
        }
    }
}

fn answer(
    session: &mut RtmpServerSession,
    options: u8,
    event: ServerEvent,
    depacketizer: &mut Depacketizer,
    out: &mut Vec<weir_media::flv::Event>,
) {
    let refusal = StatusRefusal {
        code: "NetStream.Publish.BadName",
        description: "no",
        number: 3004,
    };
    match event {
        ServerEvent::Publish { msid, .. } if options & 4 == 0 => session.accept_publish(msid),
        ServerEvent::Play { msid, .. } if options & 4 == 0 => session.accept_play(msid),
        ServerEvent::Publish { msid, .. } | ServerEvent::Play { msid, .. } => {
            session.refuse(msid, &refusal);
        }
        ServerEvent::Media {
            message_type,
            timestamp_ms,
            body,
            ..
        } => {
            let _ = depacketizer.push(message_type, timestamp_ms, body, out);
            out.clear();
        }
        ServerEvent::Pause { msid, .. } => {
            session.end_play(msid, "NetStream.Play.UnpublishNotify", "over", 3003);
        }
        _ => {}
    }
}

pub(super) fn rtmp_client(data: &[u8]) {
    let mut input = Input(data);
    let options = input.u8();
    let Ok(url) = RtmpUrl::parse(URL) else { return };
    let limits = ClientOptions {
        max_message_bytes: MAX_MESSAGE_BYTES,
        digest_handshake: options & 2 != 0,
        ..ClientOptions::default()
    };
    let mut session = match options & 4 {
        0 => RtmpClientSession::publish(&url, [1; 32], limits),
        _ => RtmpClientSession::play(&url, [1; 32], limits),
    };
    if options & 1 == 0 {
        let hello = [&[3][..], &[0; FIRST_BYTES - 1], &[0; SECOND_BYTES]].concat();
        session.receive(0, &hello).expect("a simple handshake");
    }
    for (turn, piece) in (0_u64..).zip(input.pieces()) {
        let received = session.receive(turn, piece);
        while let Some(event) = session.poll_event() {
            match event {
                RtmpClientEvent::PublishStarted { .. } => {
                    session.send_metadata(&crate::synthetic::metadata_body());
                    session.send_media(9, 0, &[], &crate::synthetic::video_header_body());
                }
                RtmpClientEvent::Closed => session.close(),
                _ => {}
            }
        }
        session.take_output();
        if received.is_err() {
            return;
        }
    }
    session.close();
}

pub(super) fn rtmp_handshake(data: &[u8]) {
    let mut input = Input(data);
    let options = input.u8();
    let mut out = Vec::new();
    let mut server = ServerHandshake::new([1; 32]);
    let mut client = ClientHandshake::start([2; 32], options & 1 != 0, 0, &mut Vec::new());
    for piece in input.pieces() {
        let mut rest = piece;
        let done = match options & 2 {
            0 => server.receive(0, &mut rest, &mut out),
            _ => client.receive(0, &mut rest, &mut out),
        };
        assert!(out.len() <= 1 + 2 * SECOND_BYTES);
        match done {
            Ok(false) => assert!(rest.is_empty(), "bytes left behind"),
            Ok(true) | Err(_) => return,
        }
    }
}

pub(super) fn rtmp_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(url) = RtmpUrl::parse(&text) {
        // What a client makes of a URL, a server reads as the same names.
        if let Ok(target) = Target::new(&url.tc_url(), &url.app, &url.stream_with_query()) {
            assert!(!target.stream.is_empty());
        }
    }
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (tc_url, app, name) = (line(), line(), line());
    if let Ok(target) = Target::new(tc_url, app, name) {
        assert!(
            !target.app.split('/').any(|part| part == ".."),
            "{target:?}"
        );
        assert!(
            !target.stream.is_empty() && !target.stream.contains('?'),
            "{target:?}"
        );
        let _ = target.parameter("key");
    }
}

pub(super) fn ws_server(data: &[u8]) {
    web_socket(data, ws::WsDecoder::server);
}

pub(super) fn ws_client(data: &[u8]) {
    web_socket(data, ws::WsDecoder::client);
}

/// Largest binary and text message, in bytes.
const WS_BYTES: usize = 1000;
const WS_TEXT_BYTES: usize = 500;

fn web_socket(data: &[u8], decoder: fn(ws::WsLimits) -> ws::WsDecoder) {
    let whole = || [data.get(4..).unwrap_or_default()].into_iter();
    for stream_binary in [false, true] {
        let limits = ws::WsLimits {
            max_message_bytes: WS_BYTES,
            max_text_bytes: WS_TEXT_BYTES,
            max_fragments: 8,
            stream_binary,
        };
        let whole = ws_events(decoder(limits), stream_binary, whole());
        let pieces = ws_events(decoder(limits), stream_binary, Input(data).pieces());
        assert_eq!(pieces, whole, "pieces make other messages than the whole");
    }
    // Streamed or not, the same bytes come out.
    let limits = ws::WsLimits {
        max_message_bytes: WS_BYTES,
        max_text_bytes: WS_BYTES,
        max_fragments: 8,
        stream_binary: false,
    };
    let (held, held_code) = ws_events(decoder(limits), false, whole());
    let streaming = ws::WsLimits {
        stream_binary: true,
        ..limits
    };
    let (streamed, streamed_code) = ws_events(decoder(streaming), true, whole());
    assert_eq!(held_code, streamed_code);
    let (held, streamed) = (binary(&held), binary(&streamed));
    // Of an unfinished message the beginning has been given out.
    assert!(streamed.starts_with(&held));
}

fn binary(events: &[ws::Event]) -> Vec<u8> {
    let data = |event: &ws::Event| match event {
        ws::Event::Message {
            is_text: false,
            data,
        } => data.to_vec(),
        _ => Vec::new(),
    };
    events.iter().flat_map(data).collect()
}

/// The events, streamed pieces run together to where another event stands, and the close code.
fn ws_events<'a>(
    mut decoder: ws::WsDecoder,
    streams: bool,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<ws::Event>, Option<u16>) {
    let mut events = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        loop {
            match decoder.next(&mut rest) {
                Ok(Some(event)) => put_event(&mut events, event, streams),
                Ok(None) => break,
                Err(error) => return (events, Some(error.code)),
            }
        }
        assert!(decoder.held_bytes() <= 4 * WS_BYTES);
    }
    (events, None)
}

fn put_event(events: &mut Vec<ws::Event>, event: ws::Event, streams: bool) {
    if let ws::Event::Message { is_text, data } = &event {
        assert!(data.len() <= WS_BYTES);
        if let Some(ws::Event::Message {
            is_text: false,
            data: before,
        }) = events.last_mut()
            && streams
            && !is_text
        {
            *before = [&before[..], data].concat().into();
            return;
        }
    }
    events.push(event);
}
