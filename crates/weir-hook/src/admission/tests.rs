//! What answers mean, and what is asked.

use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;

use super::*;

fn answer(status: u16, body: &str) -> WholeAnswer {
    WholeAnswer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn ask() -> AdmissionAsk<'static> {
    AdmissionAsk {
        action: "publish",
        vhost: "",
        app: "live",
        stream: "a",
        query: &[],
        ip: "192.0.2.1",
        protocol: "rtmp",
    }
}

fn said(dialect: Dialect, status: u16, body: &str) -> &'static str {
    match read(dialect, &answer(status, body)) {
        HookVerdict::Leave(_) => "yes",
        HookVerdict::Refused(_) => "no",
        HookVerdict::Silent(_) => "nothing",
    }
}

#[test]
fn an_answer_is_yes_no_or_nothing() {
    for (status, body, want) in [
        (200, r#"{"allow":true}"#, "yes"),
        (204, "", "yes"),
        (200, r#"{"allow":false,"reason":"no"}"#, "no"),
        (403, "", "no"),
        (401, r#"{"allow":true}"#, "no"),
        (404, "<html>", "no"),
        // Who lies or is broken has said nothing: the app's own word for that counts.
        (200, "", "nothing"),
        (200, "ok", "nothing"),
        (200, "{}", "nothing"),
        (200, r#"{"allow":"yes"}"#, "nothing"),
        (200, r#"{"allow":true,"parameters":{"a":[1]}}"#, "nothing"),
        (302, "", "nothing"),
        (500, r#"{"allow":true}"#, "nothing"),
    ] {
        assert_eq!(
            said(Dialect::Standard, status, body),
            want,
            "{status} {body}"
        );
    }
}

#[test]
fn in_srs_words_only_its_zero_is_a_yes() {
    for (status, body, want) in [
        (200, "0", "yes"),
        (201, r#"{"code":0}"#, "yes"),
        (200, r#"{"code":1}"#, "no"),
        (200, "", "no"),
        (204, "", "no"),
        (403, "0", "no"),
        (502, "0", "nothing"),
    ] {
        assert_eq!(said(Dialect::Srs, status, body), want, "{status} {body}");
    }
}

#[test]
fn what_it_allows_is_read_and_its_words_are_one_line() {
    let body = r#"{"allow":true,"account":"u1","until":99,"stream":"b","parameters":{"rec":"mp4","shot":5,"hls":true}}"#;
    let HookVerdict::Leave(leave) = read(Dialect::Standard, &answer(200, body)) else {
        panic!("refused");
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut parameters = leave.parameters.clone();
    parameters.sort();
    assert_eq!(
        parameters,
        [pair("hls", "1"), pair("rec", "mp4"), pair("shot", "5")]
    );
    assert_eq!(
        (
            leave.account.as_str(),
            leave.until_s,
            leave.stream.as_deref()
        ),
        ("u1", Some(99), Some("b"))
    );
    let long = format!(
        r#"{{"allow":false,"reason":"a\u000ab{}"}}"#,
        "x".repeat(1_000)
    );
    let HookVerdict::Refused(words) = read(Dialect::Standard, &answer(200, &long)) else {
        panic!("allowed");
    };
    assert!(
        words.starts_with("abx") && words.chars().count() == MAX_REASON_CHARS,
        "{words}"
    );
    let many: Vec<String> = (0..40).map(|n| format!("\"p{n}\":\"\"")).collect();
    let many = format!(r#"{{"allow":true,"parameters":{{{}}}}}"#, many.join(","));
    assert_eq!(said(Dialect::Standard, 200, &many), "nothing");
}

#[test]
fn a_question_is_what_receivers_know() {
    let query = [("key".to_owned(), "a b&c".to_owned())];
    let ask = AdmissionAsk {
        query: &query,
        ..ask()
    };
    let srs: Value = serde_json::from_str(&in_srs_words(ask)).unwrap();
    assert_eq!(
        (&srs["action"], &srs["param"]),
        (&json!("on_publish"), &json!("?key=a+b%26c"))
    );
    assert_eq!(srs["vhost"], "__defaultVhost__");
    let play = AdmissionAsk {
        action: "play",
        ..ask
    };
    let srs: Value = serde_json::from_str(&in_srs_words(play)).unwrap();
    assert_eq!(
        (&srs["action"], &srs["pageUrl"]),
        (&json!("on_play"), &json!(""))
    );
    let own: Value = serde_json::from_str(&in_own_words(ask, 5)).unwrap();
    assert_eq!(own["type"], "admission.publish");
    assert_eq!(own["data"]["query"], json!([["key", "a b&c"]]));
}

proptest! {
    #[test]
    fn no_answer_panics(status in 200_u16..600, body in ".{0,200}") {
        for dialect in [Dialect::Standard, Dialect::Srs] {
            let _ = read(dialect, &answer(status, &body));
        }
    }
}

/// Whatever a receiver answers, what the client and the stream get of it is bounded, and nobody is let in but by a
/// plain yes.
#[test]
fn no_answer_of_a_receiver_panics_or_is_more_than_it_may_be() {
    let answers = [
        r#"{"allow":true,"account":"a1","until":1700000000,"stream":"b","parameters":{"record":"1","n":2,"x":true}}"#,
        r#"{"allow":false,"reason":"not before noon"}"#,
        r#"{"code":0,"data":{}}"#,
        "0",
        "",
    ];
    let statuses = [200, 201, 204, 302, 401, 403, 500];
    let seeds = answers.iter().enumerate().flat_map(|(at, body)| {
        (0..2).map(move |dialect| {
            let head = [dialect, u8::try_from(at).unwrap()];
            [&head, body.as_bytes()].concat()
        })
    });
    weir_testkit::fuzz::hunt::hunt("hook_answer", &seeds.collect::<Vec<_>>(), |data| {
        let Some(([dialect, status], body)) = data.split_first_chunk() else {
            return;
        };
        let dialect = [Dialect::Standard, Dialect::Srs][usize::from(dialect % 2)];
        let status = statuses[usize::from(*status) % statuses.len()];
        let whole = WholeAnswer {
            body: Bytes::copy_from_slice(body),
            ..answer(status, "")
        };
        match read(dialect, &whole) {
            HookVerdict::Leave(leave) => {
                assert!((200..300).contains(&status), "let in by {status}");
                assert!(leave.parameters.len() <= MAX_PARAMETERS);
                let says_yes = dialect == Dialect::Srs || status == 204 || {
                    let text = String::from_utf8_lossy(body);
                    text.contains("true")
                };
                assert!(says_yes, "let in by {body:?}");
            }
            HookVerdict::Refused(words) => {
                assert!(!words.is_empty() && words.chars().count() <= MAX_REASON_CHARS);
                assert!(!words.contains(char::is_control), "{words:?}");
            }
            HookVerdict::Silent(_) => {}
        }
    });
}
