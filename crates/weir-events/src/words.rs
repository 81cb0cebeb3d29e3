//! An event as its readers see it: JSON, in the log's answers and in hooks.

use serde::Serialize;
use serde_json::value::RawValue;
use weir_base::{Code, rfc3339};
use weir_store::events::LoggedEvent;

#[derive(Serialize)]
struct Words<'a> {
    id: String,
    r#type: &'a str,
    app: &'a str,
    stream: &'a str,
    session: Option<String>,
    at: String,
    cause: Option<i64>,
    cause_name: Option<&'static str>,
    data: &'a RawValue,
}

/// An event as JSON: `id`, `type`, `app`, `stream`, `session`, `at` (RFC 3339), `cause` (a code of the registry
/// or null) with `cause_name`, and `data`.
pub fn render(event: &LoggedEvent) -> String {
    let code = u16::try_from(event.cause).ok().and_then(Code::from_number);
    let nothing = RawValue::NULL;
    let data = serde_json::from_str::<&RawValue>(&event.data).unwrap_or(nothing);
    let words = Words {
        id: event.id.to_string(),
        r#type: &event.kind,
        app: &event.app,
        stream: &event.stream,
        session: event.session.map(|id| id.to_string()),
        at: rfc3339(event.at_ms),
        cause: (event.cause > 0).then_some(event.cause),
        cause_name: code.map(Code::name),
        data,
    };
    serde_json::to_string(&words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_what_happened_to_which_stream_when_and_why() {
        let id = "019f0000-0000-7000-8000-000000000000";
        let event = LoggedEvent {
            seq: 7,
            id: id.parse().unwrap(),
            kind: "stream.ended".to_owned(),
            app: "live".to_owned(),
            stream: "live/直播".to_owned(),
            session: Some(id.parse().unwrap()),
            cause: 4001,
            data: r#"{"viewers_max":3}"#.to_owned(),
            at_ms: 1_700_000_000_123,
        };
        let want = serde_json::json!({
            "id": id, "type": "stream.ended", "app": "live", "stream": "live/直播", "session": id,
            "at": "2023-11-14T22:13:20.123Z", "cause": 4001, "cause_name": "client_stopped",
            "data": {"viewers_max": 3},
        });
        let got: serde_json::Value = serde_json::from_str(&render(&event)).unwrap();
        assert_eq!(got, want);
    }

    #[test]
    fn data_that_is_damaged_hides_no_event() {
        let event = LoggedEvent {
            seq: 7,
            id: "019f0000-0000-7000-8000-000000000000".parse().unwrap(),
            kind: "x".to_owned(),
            app: String::new(),
            stream: String::new(),
            session: None,
            cause: 0,
            data: "{".to_owned(),
            at_ms: 0,
        };
        let got: serde_json::Value = serde_json::from_str(&render(&event)).unwrap();
        assert_eq!(got["data"], serde_json::Value::Null);
        assert_eq!(got["cause"], serde_json::Value::Null);
    }
}
