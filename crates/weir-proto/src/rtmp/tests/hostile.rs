//! Peers that do it wrong, on purpose or not.

use proptest::prelude::*;
use weir_base::Code;
use weir_media::amf::Value;

use crate::rtmp::handshake::ClientHandshake;
use crate::rtmp::message::{AGGREGATE, AUDIO, COMMAND_AMF0, COMMAND_AMF3, VIDEO};
use crate::rtmp::wire::put_message;
use crate::rtmp::{RtmpError, RtmpServerSession, ServerConfig, ServerEvent};

/// A server after the handshake, and what a hand-made client says to it.
pub(crate) struct Raw {
    pub(crate) server: RtmpServerSession,
}

impl Raw {
    pub(crate) fn new() -> Self {
        let mut server = RtmpServerSession::new(ServerConfig::default(), [3; 32]);
        let mut hello = Vec::new();
        ClientHandshake::start([4; 32], false, 0, &mut hello);
        server.receive(0, &hello).unwrap();
        server.receive(0, &[0; 1536]).unwrap();
        server.take_output();
        Self { server }
    }

    pub(crate) fn connected() -> Self {
        let mut raw = Self::new();
        let object = Value::object([("app", "live".into()), ("tcUrl", "rtmp://h/live".into())]);
        raw.command(0, "connect", 1.0, &[object]).unwrap();
        raw
    }

    pub(crate) fn publishing() -> Self {
        let mut raw = Self::connected();
        raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
        raw.command(1, "publish", 3.0, &[Value::Null, "s".into(), "live".into()])
            .unwrap();
        raw.server.accept_publish(1);
        raw.events();
        raw.server.take_output();
        raw
    }

    pub(crate) fn message(
        &mut self,
        message_type: u8,
        msid: u32,
        body: &[u8],
    ) -> Result<(), RtmpError> {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 3, 0, message_type, msid, 128, &[], body);
        self.server.receive(0, &bytes)
    }

    pub(crate) fn command(
        &mut self,
        msid: u32,
        name: &str,
        transaction: f64,
        values: &[Value],
    ) -> Result<(), RtmpError> {
        let mut body = Vec::new();
        Value::from(name).encode(&mut body);
        Value::Number(transaction).encode(&mut body);
        values.iter().for_each(|value| value.encode(&mut body));
        self.message(COMMAND_AMF0, msid, &body)
    }

    pub(crate) fn events(&mut self) -> Vec<ServerEvent> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// Whether the answer has this text in it.
    pub(crate) fn says(&mut self, text: &str) -> bool {
        let out = self.server.take_output();
        out.windows(text.len())
            .any(|window| window == text.as_bytes())
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_and_told() {
    let mut raw = Raw::connected();
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    let error = raw
        .command(1, "publish", 3.0, &[Value::Null, "../etc".into()])
        .unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(raw.says("NetStream.Publish.BadName"));
}

#[test]
fn endless_create_stream_is_answered_with_an_error() {
    let mut raw = Raw::connected();
    for _ in 0..8 {
        raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    }
    assert!(!raw.says("_error"));
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    assert!(raw.says("_error"));
    raw.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(3.0)])
        .unwrap();
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    assert!(raw.says("_result"));
}

#[test]
fn fc_publish_is_answered_once_the_publish_is_accepted() {
    let mut raw = Raw::connected();
    raw.command(0, "FCPublish", 5.0, &[Value::Null, "s".into()])
        .unwrap();
    assert!(!raw.says("onFCPublish"));
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    raw.command(
        1,
        "publish",
        3.0,
        &[Value::Null, "s".into(), "append".into()],
    )
    .unwrap();
    raw.server.accept_publish(1);
    assert!(raw.says("onFCPublish"));
}

#[test]
fn an_amf3_command_is_understood() {
    let mut raw = Raw::connected();
    raw.server.take_output();
    let mut body = vec![0];
    Value::from("createStream").encode(&mut body);
    Value::Number(2.0).encode(&mut body);
    body.extend_from_slice(&[0x11, 0x01]);
    raw.message(COMMAND_AMF3, 0, &body).unwrap();
    assert!(raw.says("_result"));
}

#[test]
fn a_pause_is_reported_while_playing() {
    let mut raw = Raw::connected();
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    raw.command(
        1,
        "play",
        0.0,
        &[Value::Null, "s".into(), Value::Number(f64::NAN)],
    )
    .unwrap();
    raw.server.accept_play(1);
    raw.events();
    raw.command(
        1,
        "pause",
        0.0,
        &[Value::Null, true.into(), Value::Number(0.0)],
    )
    .unwrap();
    assert_eq!(
        raw.events(),
        [ServerEvent::Pause {
            msid: 1,
            paused: true
        }]
    );
    assert!(raw.says("NetStream.Pause.Notify"));
}

#[test]
fn media_without_an_accepted_publish_is_dropped() {
    let mut raw = Raw::connected();
    raw.message(VIDEO, 1, b"early").unwrap();
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    raw.message(VIDEO, 1, b"still early").unwrap();
    raw.command(1, "publish", 3.0, &[Value::Null, "s".into()])
        .unwrap();
    let events = raw.events();
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, ServerEvent::Media { .. }))
    );
}

#[test]
fn a_large_message_is_too_large_before_the_publish_and_fine_after() {
    let large = vec![0; 70_000];
    let error = Raw::connected().message(VIDEO, 1, &large).unwrap_err();
    assert_eq!(error.code().number(), 4005);
    Raw::publishing().message(VIDEO, 1, &large).unwrap();
}

#[test]
fn a_huge_command_is_refused_even_from_a_publisher() {
    let mut raw = Raw::publishing();
    let value = Value::String("x".repeat(100_000));
    let error = raw.command(0, "call", 1.0, &[value]).unwrap_err();
    assert_eq!(error.code().number(), 4005);
}

#[test]
fn an_aggregate_comes_apart() {
    let mut raw = Raw::publishing();
    let tag = [AUDIO, 0, 0, 1, 0, 0, 9, 0, 0, 0, 0, b'a', 0, 0, 0, 12];
    raw.message(AGGREGATE, 1, &tag.repeat(3)).unwrap();
    assert_eq!(raw.events().len(), 3);
}

#[test]
fn a_command_that_nests_without_end_is_an_error() {
    let mut body = b"\x02\x00\x07connect\x00\x3f\xf0\0\0\0\0\0\0".to_vec();
    for _ in 0..10_000 {
        body.extend_from_slice(b"\x03\x00\x01a");
    }
    let error = Raw::new().message(COMMAND_AMF0, 0, &body).unwrap_err();
    assert!(matches!(error, RtmpError::Amf(_)));
    assert_eq!(error.code().number(), 4004);
}

#[test]
fn half_a_handshake_costs_little_and_says_nothing() {
    let mut server = RtmpServerSession::new(ServerConfig::default(), [3; 32]);
    server.receive(0, &[3]).unwrap();
    server.receive(0, &[0; 1000]).unwrap();
    assert_eq!(server.take_output(), b"");
    assert_eq!(server.poll_event(), None);
}

#[test]
fn a_playing_session_is_small() {
    let mut raw = Raw::connected();
    raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
    raw.command(1, "play", 0.0, &[Value::Null, "s".into()])
        .unwrap();
    raw.server.accept_play(1);
    raw.events();
    raw.server.take_output();
    assert_eq!(raw.server.take_output().capacity(), 0);
    assert_eq!(raw.server.events_capacity(), 0);
    assert!(
        size_of::<RtmpServerSession>() <= 640,
        "{}",
        size_of::<RtmpServerSession>()
    );
}

proptest! {
    #[test]
    fn garbage_after_the_handshake_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..1500),
        publishing: bool,
    ) {
        let mut raw = if publishing { Raw::publishing() } else { Raw::new() };
        let _ = raw.server.receive(0, &bytes);
        raw.events();
        raw.server.take_output();
    }

    #[test]
    fn messages_of_any_type_and_body_never_panic(
        messages in proptest::collection::vec(
            (0_u8..25, 0_u32..3, proptest::collection::vec(any::<u8>(), 0..80)), 0..12),
    ) {
        let mut raw = Raw::publishing();
        for (message_type, msid, body) in messages {
            if raw.message(message_type, msid, &body).is_err() {
                break;
            }
        }
        raw.events();
    }

    #[test]
    fn commands_in_any_order_never_panic(
        commands in proptest::collection::vec((0_usize..15, 0_u32..4, 0_u8..3), 0..30),
    ) {
        const NAMES: [&str; 15] = [
            "connect", "createStream", "publish", "play", "deleteStream", "closeStream", "FCPublish",
            "FCUnpublish", "pause", "seek", "releaseStream", "_checkbw", "_result", "play2", "huh",
        ];
        let mut raw = Raw::connected();
        for (name, msid, kind) in commands {
            let argument = [Value::Null, "live/s".into(), Value::Number(msid.into())][usize::from(kind)].clone();
            if raw.command(msid, NAMES[name], 1.0, &[Value::Null, argument]).is_err() {
                break;
            }
            raw.server.accept_publish(msid);
            raw.server.accept_play(msid);
        }
        raw.events();
        raw.server.take_output();
    }
}
