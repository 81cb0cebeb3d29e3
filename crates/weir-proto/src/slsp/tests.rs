//! What both ends of SLSP promise.
//! Shows R17.

use proptest::prelude::*;

use super::*;

const HELLO: &[u8] = br#"{"type":"hello","v":1,"container":"flv","agent":"test","caps":{"x":1}}"#;

fn greeted() -> SlspServerSession {
    let mut session = SlspServerSession::new();
    session.text(0, HELLO).unwrap();
    session
}

fn ready(bytes: u64) -> String {
    let ready = Ready {
        session: "s".into(),
        resume: "token".into(),
        resumed: bytes > 0,
        bytes,
        ack_ms: ACK_MS,
        resume_ms: 5000,
        keyframe_ms: 2000,
        ..Ready::default()
    };
    ServerMessage::Ready(ready).to_json()
}

fn ack(bytes: u64) -> String {
    let (dts_ms, at_ms) = (0, 0);
    ServerMessage::Ack(Ack {
        bytes,
        dts_ms,
        at_ms,
    })
    .to_json()
}

#[test]
fn hello_comes_first_and_once() {
    let mut session = SlspServerSession::new();
    assert!(session.media(1).is_err());
    assert!(session.text(0, br#"{"type":"bye"}"#).is_err());
    let ClientMessage::Hello(hello) = session.text(0, HELLO).unwrap() else {
        panic!("not hello")
    };
    assert_eq!((hello.container.as_str(), hello.resume), ("flv", None));
    let again = session.text(0, HELLO);
    assert_eq!(again, Err(SlspError::Order("a second hello")));
}

#[test]
fn another_version_is_refused_with_ours_named() {
    let hello = br#"{"type":"hello","v":2,"container":"flv"}"#;
    let error = SlspServerSession::new().text(0, hello).unwrap_err();
    assert!(error.to_string().contains("version 1 is"), "{error}");
}

#[test]
fn acknowledgements_are_spaced_and_only_for_what_is_new() {
    let mut session = greeted();
    assert_eq!(session.poll_timeout(), None);
    session.media(100).unwrap();
    let ack = session.poll_ack(1000, 40, 5000).unwrap();
    assert_eq!(
        ServerMessage::Ack(ack).to_json(),
        r#"{"type":"ack","bytes":100,"dts_ms":40,"at_ms":5000}"#
    );
    session.media(50).unwrap();
    let next_ms = 1000 + u64::from(ACK_MS);
    assert!(session.poll_ack(next_ms - 1, 80, 5100).is_none());
    assert_eq!(session.poll_timeout(), Some(next_ms));
    assert!(session.poll_ack(next_ms, 80, 5200).is_some());
    assert!(session.poll_ack(1400, 80, 5400).is_none());
}

#[test]
fn a_flood_of_control_messages_is_an_error() {
    let mut session = greeted();
    let stats = br#"{"type":"stats","fps":30}"#;
    let flood = (0..=MAX_TEXTS_PER_S).find_map(|_| session.text(1, stats).err());
    assert_eq!(flood, Some(SlspError::Flood));
    let mut slow = greeted();
    assert!((0..500).all(|n| slow.text(n * 100, stats).is_ok()));
}

#[test]
fn nonsense_is_an_error_with_words() {
    let deep = "[".repeat(8000);
    for text in [
        "",
        "[]",
        "{}",
        r#"{"type":"hello"}"#,
        r#"{"type":"x"}"#,
        "\u{0}",
        "nul",
        &deep,
    ] {
        let result = SlspServerSession::new().text(0, text.as_bytes());
        assert!(matches!(result, Err(SlspError::Json(_))), "{text}");
    }
}

#[test]
fn a_client_resumes_where_the_server_says() {
    let mut client = SlspClientSession::new();
    assert!(!client.hello("flv", "test").contains("resume"));
    client.text(0, ready(0).as_bytes()).unwrap();
    client.media(10, 1000);
    client.media(20, 1000);
    client.text(100, ack(1000).as_bytes()).unwrap();
    assert_eq!(client.unacked_bytes(), 1000);
    assert!(client.hello("flv", "test").contains(r#""resume":"token""#));
    let event = client.text(3000, ready(1500).as_bytes()).unwrap();
    assert!(matches!(event, Some(SlspClientEvent::Ready(ready)) if ready.resumed));
    assert_eq!((client.sent_bytes(), client.unacked_bytes()), (1500, 0));
}

#[test]
fn the_round_trip_is_that_of_the_newest_byte_acknowledged() {
    let mut client = SlspClientSession::new();
    client.hello("flv", "test");
    client.text(0, ready(0).as_bytes()).unwrap();
    client.media(0, 100);
    client.media(150, 100);
    client.media(190, 100);
    client.text(200, ack(200).as_bytes()).unwrap();
    assert_eq!(client.rtt_ms(), Some(50.0));
    client.text(230, ack(300).as_bytes()).unwrap();
    assert_eq!(client.rtt_ms(), Some(40.0));
}

#[test]
fn a_server_that_acknowledges_too_much_or_too_early_is_not_believed() {
    let mut client = SlspClientSession::new();
    client.hello("flv", "test");
    assert!(client.text(0, ack(0).as_bytes()).is_err());
    client.text(0, ready(0).as_bytes()).unwrap();
    assert!(client.text(0, ack(1).as_bytes()).is_err());
    assert!(client.text(0, ready(0).as_bytes()).is_err());
}

#[test]
fn what_a_later_server_says_is_ignored() {
    let mut client = SlspClientSession::new();
    let news = br#"{"type":"weather","sun":true}"#;
    assert_eq!(client.text(0, news), Ok(None));
}

#[test]
fn messages_survive_the_way() {
    let ready: ServerMessage = serde_json::from_str(&ready(7)).unwrap();
    assert!(matches!(ready, ServerMessage::Ready(ready) if ready.bytes == 7 && ready.resumed));
    let stats = Stats {
        fps: 29.5,
        encoder: "openh264".into(),
        ..Stats::default()
    };
    let mut session = greeted();
    let text = SlspClientSession::new().stats(stats.clone());
    let heard = session.text(0, text.as_bytes());
    assert_eq!(heard, Ok(ClientMessage::Stats(stats)));
    let restart = session.text(0, SlspClientSession::new().restart("webm").as_bytes());
    assert!(matches!(restart, Ok(ClientMessage::Restart(restart)) if restart.container == "webm"));
    let bye = session.text(0, SlspClientSession::new().bye().as_bytes());
    assert_eq!(bye, Ok(ClientMessage::Bye));
}

#[test]
fn numbers_that_are_none_end_no_broadcast() {
    let stats = br#"{"type":"stats","fps":null,"kbps":12.5,"encoder":null}"#;
    let Ok(ClientMessage::Stats(stats)) = greeted().text(0, stats) else {
        panic!("refused")
    };
    assert_eq!((stats.fps, stats.kbps), (0.0, 12.5));
}

#[test]
fn what_is_quoted_of_a_sender_is_short_and_on_one_line() {
    let forged = format!(r#"{{"type":"x\n2026 INFO forged {}"}}"#, "y".repeat(9000));
    let error = SlspServerSession::new()
        .text(0, forged.as_bytes())
        .unwrap_err();
    let words = error.to_string();
    assert!(words.len() < 300 && !words.contains('\n'), "{words}");
}

proptest! {
    #[test]
    fn neither_side_panics_on_anything(texts: Vec<(u64, Vec<u8>)>, json in "\\{\"type\":\"[a-z]{1,6}\",\"[a-z]{1,5}\":[0-9a-z\"]{0,20}\\}") {
        let (mut server, mut client) = (SlspServerSession::new(), SlspClientSession::new());
        for (now_ms, text) in &texts {
            let _ = server.text(*now_ms, text);
            let _ = client.text(*now_ms, text);
            let _ = server.media(text.len());
            client.media(*now_ms, text.len());
            server.poll_ack(*now_ms, 0, 0);
        }
        let _ = server.text(0, json.as_bytes());
        let _ = client.text(0, json.as_bytes());
    }
}
