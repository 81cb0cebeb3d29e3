//! Commands as clients give them: repeated, out of order, on wrong message streams, several streams on
//! one connection. In each case the connection goes on.
//!
//! | sent | by whom | what comes of it |
//! |---|---|---|
//! | a command before `connect` | clients that hurry | `_error`, or an error status for publish and play; `connect` may follow |
//! | `connect` again | proxies that repeat it | `_result` again; `_error` with another app |
//! | `publish`, `play` without `createStream`, or on 0 | hardware encoders | taken, on a stream that is opened for it |
//! | `publish(false)`, `play(false)`, `publish(null)` | Flash, and what follows it | the stream ends, the next may begin |
//! | `publish`, `play` again with the same name | clients that retry | the same answer again, nothing else changes |
//! | the same with another name | channel switches | the old one ends, the new one is asked for |
//! | `closeStream`, `deleteStream`, `FCUnpublish` for nothing | everybody | passed over |
//! | two publishes, a publish and a play | video chats | both |
//! | media on 0 or on a stream that was not created | encoders | the only publish has it |
//! | bytes behind a wish in one packet | clients that do not wait | kept until it is decided |
//! | control messages that are too short | damaged senders | passed over |

use weir_media::amf::Value;

use super::hostile::Raw;
use crate::rtmp::message::{AUDIO, COMMAND_AMF0, VIDEO};
use crate::rtmp::wire::put_message;
use crate::rtmp::{ServerEvent, StatusRefusal};

/// What happened, in one word each with its message stream.
fn told(events: &[ServerEvent]) -> Vec<String> {
    let one = |event: &ServerEvent| match event {
        ServerEvent::Connect { .. } => "connect".to_owned(),
        ServerEvent::Publish { msid, target, .. } => format!("publish {} on {msid}", target.stream),
        ServerEvent::Play { msid, target, .. } => format!("play {} on {msid}", target.stream),
        ServerEvent::Media { msid, .. } => format!("media of {msid}"),
        ServerEvent::Unpublish { msid } => format!("unpublish {msid}"),
        ServerEvent::StopPlay { msid } => format!("stop {msid}"),
        ServerEvent::Pause { msid, .. } => format!("pause {msid}"),
        ServerEvent::BufferLength { .. } => "buffer".to_owned(),
    };
    events.iter().map(one).collect()
}

impl Raw {
    /// All events, with each wish granted on the way.
    fn granted(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(event) = self.server.poll_event() {
            match &event {
                ServerEvent::Publish { msid, .. } => self.server.accept_publish(*msid),
                ServerEvent::Play { msid, .. } => self.server.accept_play(*msid),
                _ => {}
            }
            all.push(event);
        }
        told(&all)
    }

    fn say(&mut self, msid: u32, name: &str, argument: impl Into<Value>) -> Vec<String> {
        let values = [Value::Null, argument.into()];
        self.command(msid, name, 0.0, &values).unwrap();
        self.granted()
    }

    fn created(count: usize) -> Self {
        let mut raw = Self::connected();
        for _ in 0..count {
            raw.command(0, "createStream", 2.0, &[Value::Null]).unwrap();
        }
        raw.events();
        raw.server.take_output();
        raw
    }
}

#[test]
fn a_command_before_connect_is_refused_and_connect_may_follow() {
    for (name, answer) in [
        ("createStream", "NetConnection.Call.Failed"),
        ("whatever", "NetConnection.Call.Failed"),
        ("publish", "NetStream.Publish.BadName"),
        ("play", "NetStream.Play.Failed"),
    ] {
        let mut raw = Raw::new();
        raw.command(1, name, 1.0, &[Value::Null, "s".into()])
            .unwrap();
        assert!(raw.says(answer), "{name}");
        assert_eq!(raw.events(), [], "{name}");
        let object = Value::object([("app", "live".into())]);
        raw.command(0, "connect", 1.0, &[object]).unwrap();
        assert!(raw.says("NetConnection.Connect.Success"), "{name}");
        assert_eq!(raw.say(1, "publish", "s"), ["connect", "publish s on 1"]);
    }
}

#[test]
fn connect_again_is_answered_again_and_to_another_app_refused() {
    let mut raw = Raw::publishing();
    let connect =
        |app: &str| Value::object([("app", app.into()), ("tcUrl", "rtmp://h/live".into())]);
    raw.command(0, "connect", 1.0, &[connect("live")]).unwrap();
    assert!(raw.says("NetConnection.Connect.Success"));
    raw.command(0, "connect", 1.0, &[connect("other")]).unwrap();
    assert!(raw.says("NetConnection.Connect.Rejected"));
    raw.message(VIDEO, 1, b"on it goes").unwrap();
    assert_eq!(raw.granted(), ["media of 1"]);
}

#[test]
fn a_wish_finds_its_message_stream_wherever_it_is_sent() {
    for (created, msid, on) in [
        (0, 1, 1),
        (0, 0, 1),
        (0, 5, 5),
        (2, 0, 1),
        (2, 2, 2),
        (2, 3, 3),
    ] {
        let mut raw = Raw::created(created);
        let seen = raw.say(msid, "publish", "s");
        assert_eq!(seen, [format!("publish s on {on}")], "{created} {msid}");
        assert!(raw.says("NetStream.Publish.Start"));
        raw.message(VIDEO, msid, b"frame").unwrap();
        assert_eq!(raw.granted(), [format!("media of {on}")]);
    }
    let mut raw = Raw::created(1);
    assert_eq!(raw.say(77, "play", "s"), [""; 0]);
    assert!(raw.says("NetStream.Play.Failed"));
    assert_eq!(raw.say(1, "play", "s"), ["play s on 1"]);
}

#[test]
fn publish_false_ends_the_stream_and_the_next_begins_on_the_same_connection() {
    for stop in [
        Value::Boolean(false),
        Value::Null,
        Value::Undefined,
        "".into(),
    ] {
        let mut raw = Raw::publishing();
        assert_eq!(raw.say(1, "publish", stop), ["unpublish 1"]);
        assert!(raw.says("NetStream.Unpublish.Success"));
        assert_eq!(
            raw.say(1, "publish", false),
            [""; 0],
            "nothing is left to end"
        );
        assert_eq!(raw.say(1, "publish", "two"), ["publish two on 1"]);
        assert!(raw.says("NetStream.Publish.Start"));
    }
    let mut raw = Raw::publishing();
    raw.command(1, "publish", 0.0, &[Value::Null]).unwrap();
    assert_eq!(raw.granted(), ["unpublish 1"]);
    let mut raw = Raw::publishing();
    assert_eq!(raw.say(0, "publish", false), ["unpublish 1"]);
    let mut raw = Raw::publishing();
    assert_eq!(raw.say(1, "publish", true), [""; 0]);
}

#[test]
fn play_false_ends_the_play_and_another_begins() {
    let mut raw = Raw::created(1);
    raw.say(1, "play", "s");
    raw.server.take_output();
    assert_eq!(raw.say(1, "play", false), ["stop 1"]);
    assert!(raw.says("NetStream.Play.Stop"));
    assert_eq!(raw.say(1, "play", "t"), ["play t on 1"]);
}

#[test]
fn a_wish_that_is_repeated_is_answered_again_and_changes_nothing() {
    let mut raw = Raw::created(2);
    raw.say(1, "publish", "s?key=1");
    raw.say(2, "play", "t");
    raw.server.take_output();
    assert_eq!(raw.say(1, "publish", "s?key=1"), [""; 0]);
    assert!(raw.says("NetStream.Publish.Start"));
    assert_eq!(raw.say(2, "play", "t"), [""; 0]);
    assert!(raw.says("NetStream.Play.Start"));
}

#[test]
fn a_message_stream_that_is_asked_for_another_name_leaves_the_old_one() {
    let mut raw = Raw::publishing();
    assert_eq!(
        raw.say(1, "publish", "t"),
        ["unpublish 1", "publish t on 1"]
    );
    assert_eq!(raw.say(1, "play", "u"), ["unpublish 1", "play u on 1"]);
    assert_eq!(raw.say(1, "play", "v"), ["stop 1", "play v on 1"]);
    let switch = Value::object([("streamName", "w".into()), ("transition", "switch".into())]);
    assert_eq!(raw.say(1, "play2", switch), ["stop 1", "play w on 1"]);
    assert_eq!(raw.say(1, "play2", "nonsense"), [""; 0]);
}

#[test]
fn two_publishes_and_a_play_share_a_connection() {
    let mut raw = Raw::created(3);
    raw.say(1, "publish", "s");
    assert_eq!(raw.say(2, "publish", "t"), ["publish t on 2"]);
    assert_eq!(raw.say(3, "play", "u"), ["play u on 3"]);
    let media = |raw: &mut Raw, msid| {
        raw.message(AUDIO, msid, b"a").unwrap();
        raw.granted()
    };
    assert_eq!(media(&mut raw, 1), ["media of 1"]);
    assert_eq!(media(&mut raw, 2), ["media of 2"]);
    assert_eq!(
        media(&mut raw, 3),
        [""; 0],
        "a stream that plays takes no media"
    );
    assert_eq!(media(&mut raw, 0), [""; 0], "nobody knows whose it is");
    assert_eq!(raw.say(0, "FCUnpublish", "t?x=1"), ["unpublish 2"]);
    assert_eq!(media(&mut raw, 0), ["media of 1"]);
    assert_eq!(media(&mut raw, 2), ["media of 1"]);
    raw.message(VIDEO, 1, &[0; 70_000]).unwrap();
    assert_eq!(
        raw.granted(),
        ["media of 1"],
        "it may still send what a publisher may"
    );
    assert_eq!(raw.say(0, "deleteStream", Value::Number(3.0)), ["stop 3"]);
    assert_eq!(raw.say(1, "closeStream", Value::Null), ["unpublish 1"]);
}

#[test]
fn an_impossible_name_beside_a_stream_that_goes_on_is_refused_alone() {
    let mut raw = Raw::publishing();
    assert_eq!(raw.say(2, "publish", "../etc"), [""; 0]);
    assert!(raw.says("NetStream.Publish.BadName"));
    raw.message(AUDIO, 1, b"a").unwrap();
    assert_eq!(raw.granted(), ["media of 1"]);
}

#[test]
fn the_end_of_nothing_is_passed_over() {
    let mut raw = Raw::publishing();
    for (name, argument) in [
        ("FCUnpublish", Value::from("other")),
        ("deleteStream", Value::Number(7.0)),
        ("deleteStream", Value::Number(-1.0)),
        ("deleteStream", Value::Number(f64::NAN)),
        ("releaseStream", "s".into()),
        ("FCPublish", "s".into()),
        ("FCUnsubscribe", "s".into()),
        ("pause", true.into()),
        ("close", Value::Null),
    ] {
        assert_eq!(raw.say(0, name, argument), [""; 0], "{name}");
    }
    assert_eq!(
        raw.say(5, "closeStream", Value::Null),
        ["unpublish 1"],
        "the only one there is"
    );
    assert_eq!(raw.say(1, "closeStream", Value::Null), [""; 0]);
    raw.command(1, "deleteStream", 0.0, &[Value::Null]).unwrap();
    assert_eq!(raw.say(1, "publish", "s"), ["publish s on 1"]);
}

#[test]
fn unknown_commands_get_an_error_if_they_want_an_answer() {
    let mut raw = Raw::connected();
    raw.server.take_output();
    raw.command(0, "doTheDishes", 7.0, &[Value::Null]).unwrap();
    assert!(raw.says("_error"));
    raw.command(0, "doTheDishes", 0.0, &[Value::Null]).unwrap();
    assert_eq!(raw.server.take_output(), b"");
}

#[test]
fn the_small_commands_of_the_field_are_answered() {
    let mut raw = Raw::created(0);
    for name in [
        "releaseStream",
        "FCPublish",
        "getStreamLength",
        "_checkbw",
        "FCUnpublish",
        "FCUnsubscribe",
    ] {
        raw.command(0, name, 5.0, &[Value::Null, "s".into()])
            .unwrap();
        assert!(raw.says("_result"), "{name}");
    }
    raw.command(0, "FCSubscribe", 0.0, &[Value::Null, "s".into()])
        .unwrap();
    assert!(raw.says("onFCSubscribe"));
    raw.command(1, "seek", 0.0, &[Value::Null, Value::Number(5.0)])
        .unwrap();
    assert!(raw.says("NetStream.Seek.Notify"));
    for name in ["receiveAudio", "receiveVideo", "_result", "onStatus"] {
        assert_eq!(raw.say(1, name, false), [""; 0], "{name}");
    }
}

#[test]
fn a_command_that_nobody_can_read_to_its_end_is_taken_as_far_as_it_can() {
    let mut raw = Raw::created(1);
    let mut body = Vec::new();
    Value::from("publish").encode(&mut body);
    Value::Number(0.0).encode(&mut body);
    Value::Null.encode(&mut body);
    Value::from("s").encode(&mut body);
    body.extend_from_slice(&[0xee, 0xee]);
    raw.message(COMMAND_AMF0, 1, &body).unwrap();
    assert_eq!(raw.granted(), ["publish s on 1"]);
    let mut nameless = Vec::new();
    Value::Number(1.0).encode(&mut nameless);
    raw.message(COMMAND_AMF0, 1, &nameless).unwrap();
    assert_eq!(raw.granted(), [""; 0]);
}

#[test]
fn what_stands_behind_a_wish_in_one_packet_is_kept_until_it_is_decided() {
    let packet = || {
        let mut bytes = Vec::new();
        let mut body = Vec::new();
        Value::from("publish").encode(&mut body);
        Value::Number(0.0).encode(&mut body);
        Value::Null.encode(&mut body);
        Value::from("s").encode(&mut body);
        put_message(&mut bytes, 3, 0, COMMAND_AMF0, 1, 128, &[], &body);
        put_message(&mut bytes, 6, 0, VIDEO, 1, 128, &[], &[7; 90_000]);
        bytes
    };
    let mut raw = Raw::created(1);
    raw.server.receive(0, &packet()).unwrap();
    assert_eq!(raw.granted(), ["publish s on 1", "media of 1"]);

    let mut raw = Raw::created(1);
    raw.server.receive(0, &packet()).unwrap();
    assert_eq!(told(&raw.events()), ["publish s on 1"]);
    let refusal = StatusRefusal {
        code: "NetStream.Publish.BadName",
        description: "no",
        number: 3004,
    };
    raw.server.refuse(1, &refusal);
    assert_eq!(raw.server.poll_event(), None);
    assert_eq!(raw.server.check().unwrap_err().code().number(), 4005);

    let mut raw = Raw::created(1);
    raw.server.receive(0, &packet()).unwrap();
    let error = raw.server.receive(0, &vec![0; 200_000]).unwrap_err();
    assert_eq!(error.code().number(), 4004, "nobody waits with that much");
}

#[test]
fn control_messages_that_are_too_short_say_nothing() {
    let mut raw = Raw::publishing();
    for (message_type, body) in [
        (2, &[1][..]),
        (4, &[0, 6]),
        (4, &[9]),
        (5, &[1, 2]),
        (6, &[]),
    ] {
        raw.message(message_type, 0, body).unwrap();
    }
    assert_eq!(raw.server.take_output(), b"");
    raw.message(VIDEO, 1, b"v").unwrap();
    assert_eq!(raw.granted(), ["media of 1"]);
}

#[test]
fn codecs_are_announced_to_those_who_speak_of_codecs() {
    let connect = |object: Value| {
        let mut raw = Raw::new();
        raw.command(0, "connect", 1.0, &[object]).unwrap();
        raw.says("fourCcList")
    };
    assert!(!connect(Value::object([("app", "live".into())])));
    for announced in [
        ("fourCcList", Value::StrictArray(vec!["hvc1".into()])),
        (
            "videoFourCcInfoMap",
            Value::object([("*", Value::Number(1.0))]),
        ),
        ("capsEx", Value::Number(1.0)),
    ] {
        assert!(connect(Value::object([announced])));
    }
}
