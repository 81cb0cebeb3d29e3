//! SLSP's control messages, both sides, with the time and the media between them chosen by the
//! input.

use weir_proto::slsp::{
    ACK_MS, ClientMessage, MAX_STRING_CHARS, SlspClientEvent, SlspClientSession, SlspServerSession,
    VERSION,
};

use super::Input;

/// Steps of one input looked at.
const MAX_STEPS: usize = 1024;

/// The first byte picks the side.
pub(super) fn slsp(data: &[u8]) {
    let mut input = Input(data);
    if input.u8() & 1 == 0 {
        server(input);
    } else {
        client(input);
    }
}

fn server(mut input: Input<'_>) {
    let mut session = SlspServerSession::new();
    let (mut now_ms, mut greeted) = (0_u64, false);
    let (mut bytes, mut acked, mut acked_ms) = (0_u64, 0_u64, None);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            return;
        }
        let what = input.u8();
        now_ms += u64::from(what >> 4) * 20;
        match what & 3 {
            0 | 1 => {
                let Ok(message) = session.text(now_ms, input.sized()) else {
                    return;
                };
                check_message(&message);
                let is_hello = matches!(message, ClientMessage::Hello(_));
                assert_ne!(greeted, is_hello, "{message:?}");
                greeted = true;
            }
            2 => {
                let size = input.u16();
                assert_eq!(session.media(size.into()).is_ok(), greeted);
                bytes += if greeted { size.into() } else { 0 };
                assert_eq!(session.bytes(), bytes);
            }
            _ => {
                let due = session.poll_timeout().is_some_and(|at_ms| at_ms <= now_ms);
                let ack = session.poll_ack(now_ms, -1, 0);
                assert_eq!(ack.is_some(), due);
                let Some(ack) = ack else { continue };
                assert!(ack.bytes == bytes && bytes > acked, "{ack:?}");
                let waited = acked_ms.is_none_or(|last_ms| now_ms - last_ms >= u64::from(ACK_MS));
                assert!(waited, "acknowledged at {acked_ms:?} and {now_ms}");
                (acked, acked_ms) = (bytes, Some(now_ms));
            }
        }
    }
}

/// What was taken can be said again, and keeps to the limits.
fn check_message(message: &ClientMessage) {
    let again: ClientMessage = serde_json::from_str(&message.to_json()).expect("our own JSON");
    match message {
        ClientMessage::Hello(hello) => {
            assert_eq!(hello.v, VERSION);
            let resume = hello.resume.as_deref().unwrap_or_default();
            for text in [&hello.container, &hello.agent, resume] {
                assert!(text.chars().count() <= MAX_STRING_CHARS);
            }
        }
        // Floating point numbers may come back a last digit off.
        ClientMessage::Stats(_) => return,
        ClientMessage::Restart(_) | ClientMessage::Bye => {}
    }
    assert_eq!(&again, message);
}

fn client(mut input: Input<'_>) {
    let mut session = SlspClientSession::new();
    let mut now_ms = 0_u64;
    let _ = session.hello("flv", "fuzz");
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            return;
        }
        let what = input.u8();
        now_ms += u64::from(what >> 4) * 20;
        match what & 7 {
            0..=3 => match session.text(now_ms, input.sized()) {
                Ok(Some(SlspClientEvent::Ready(ready))) => {
                    assert_eq!(session.sent_bytes(), ready.bytes);
                    assert_eq!(session.resume_ms(), Some(ready.resume_ms));
                }
                Ok(Some(SlspClientEvent::Hint(max_kbps))) => {
                    assert_eq!(session.max_kbps(), Some(max_kbps));
                }
                Ok(_) => {}
                Err(_) => return,
            },
            4 | 5 => session.media(now_ms, input.u16().into()),
            6 => drop(session.hello("webm", "fuzz")),
            _ => session.forget(),
        }
        assert!(session.unacked_bytes() <= session.sent_bytes());
        let rtt_ms = session.rtt_ms().unwrap_or(0.0);
        assert!(
            (0.0..=now_ms as f64).contains(&rtt_ms),
            "{rtt_ms} at {now_ms}"
        );
    }
}
