//! SRS's hooks: `on_publish` and `on_unpublish` (SRS 6).

use serde_json::{Value, json};

use crate::event::HookEvent;

/// As SRS sends it; none for what it has no hook for.
pub(super) fn body(event: &HookEvent) -> Option<String> {
    let action = match event {
        event if event.is_start() => "on_publish",
        event if event.is_end() => "on_unpublish",
        _ => return None,
    };
    let vhost = match event.vhost() {
        "" => "__defaultVhost__",
        vhost => vhost,
    };
    let session = event.session.as_deref().unwrap_or_default();
    let (app, stream) = (&event.app, event.short_name());
    let body = json!({
        "server_id": event.text("node"),
        "service_id": event.text("node"),
        "action": action,
        "client_id": session,
        "ip": event.ip(),
        "vhost": vhost,
        "app": app,
        "tcUrl": format!("rtmp://{vhost}/{app}"),
        "stream": stream,
        "param": "",
        "stream_url": format!("/{app}/{stream}"),
        "stream_id": session,
    });
    Some(body.to_string())
}

/// SRS takes `0`, or an object whose `code` is 0.
pub(crate) fn is_taken(body: &[u8]) -> bool {
    match serde_json::from_slice(body) {
        Ok(Value::Number(number)) => number.as_i64() == Some(0),
        Ok(Value::Object(object)) => object.get("code").and_then(Value::as_i64) == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str) -> HookEvent {
        let json = json!({
            "id": "1", "type": kind, "app": "live", "stream": "live/livestream", "session": "s",
            "data": {"node": "a", "address": "[2001:db8::1]:5"},
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_back_end_for_srs_reads_what_it_knows() {
        let body: Value = serde_json::from_str(&body(&event("stream.started")).unwrap()).unwrap();
        assert_eq!(body["action"], "on_publish");
        assert_eq!(body["vhost"], "__defaultVhost__");
        assert_eq!(body["ip"], "2001:db8::1");
        assert_eq!(body["stream_url"], "/live/livestream");
        assert_eq!(super::body(&event("channel.followed")), None);
    }

    #[test]
    fn only_its_zero_is_a_yes() {
        for yes in ["0", r#"{"code":0}"#, r#"{"code":0,"data":null}"#] {
            assert!(is_taken(yes.as_bytes()), "{yes}");
        }
        for no in ["", "1", "ok", r#"{"code":1}"#, r#"{"code":"0"}"#, "[0]"] {
            assert!(!is_taken(no.as_bytes()), "{no}");
        }
    }
}
