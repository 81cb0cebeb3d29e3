//! Tencent's live callbacks: event type 1 when a stream begins, 0 when it ends, 200 for each picture of it, signed by
//! MD5 of key and time.

use md5::{Digest as _, Md5};
use serde_json::json;
use weir_base::ids::hex;

use crate::event::HookEvent;

/// Seconds for which a notification is good.
const GOOD_S: i64 = 600;
/// Tencent's number for an end by the publisher,
const ENDED_BY_PUBLISHER: i64 = 1;
/// and for a connection that broke.
const CONNECTION_BROKE: i64 = 3;

/// As Tencent sends it at `now_ms`; none for what it has no callback for. `key` is the callback key.
pub(super) fn body(event: &HookEvent, key: &str, now_ms: i64) -> Option<String> {
    if event.is_picture() {
        return Some(picture(event, key, now_ms.div_euclid(1000) + GOOD_S));
    }
    let event_type = match event {
        event if event.is_start() => 1,
        event if event.is_end() => 0,
        _ => return None,
    };
    let now_s = now_ms.div_euclid(1000);
    let until_s = now_s + GOOD_S;
    let name = event.short_name();
    let mut body = json!({
        "t": until_s,
        "sign": sign(key, until_s),
        "event_type": event_type,
        "appid": 0,
        "app": event.vhost(),
        "appname": event.app,
        "stream_id": name,
        "channel_id": name,
        "event_time": now_s,
        "sequence": event.session.as_deref().unwrap_or_default(),
        "node": event.text("node"),
        "user_ip": event.ip(),
        "stream_param": "",
    });
    if event.is_end() {
        let code = match event.cause_name.as_deref() {
            Some("client_stopped") => ENDED_BY_PUBLISHER,
            _ => CONNECTION_BROKE,
        };
        body["errcode"] = code.into();
        body["errmsg"] = event.cause_name.as_deref().unwrap_or_default().into();
        body["push_duration"] = event.number("duration_ms").to_string().into();
    }
    Some(body.to_string())
}

/// A picture of a stream; its address is whole where the site's own is known.
fn picture(event: &HookEvent, key: &str, until_s: i64) -> String {
    let (name, url) = (event.short_name(), event.text("url"));
    json!({
        "t": until_s,
        "sign": sign(key, until_s),
        "event_type": 200,
        "app": event.vhost(),
        "appname": event.app,
        "stream_id": name,
        "channel_id": name,
        "stream_param": "",
        "create_time": event.number("taken_s"),
        "file_size": event.number("bytes"),
        "width": event.number("width"),
        "height": event.number("height"),
        "pic_url": event.text("path"),
        "pic_full_url": url,
        "task_id": event.text("snapshot"),
    })
    .to_string()
}

fn sign(key: &str, until_s: i64) -> String {
    hex(&Md5::digest(format!("{key}{until_s}")))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_picture_is_told_with_its_address_and_size() {
        let json = json!({
            "id": "1", "type": "snapshot.taken", "app": "live", "stream": "live/a", "session": "s", "cause": null,
            "data": {"url": "https://tv.example/p.jpg", "path": "/p.jpg", "bytes": 30_000, "width": 640, "height": 360,
                "taken_s": 1_700_000_000, "snapshot": "7"},
        });
        let event: HookEvent = serde_json::from_value(json).unwrap();
        let body: Value = serde_json::from_str(&body(&event, "key", 1_000).unwrap()).unwrap();
        assert_eq!(
            (&body["event_type"], &body["t"]),
            (&json!(200), &json!(601))
        );
        assert_eq!(body["sign"], "26bc54e5016bff8ce61bee3ef54770c4");
        assert_eq!(body["pic_full_url"], "https://tv.example/p.jpg");
        assert_eq!(
            (&body["stream_id"], &body["file_size"]),
            (&json!("a"), &json!(30_000))
        );
        assert_eq!(body["create_time"], 1_700_000_000);
    }

    #[test]
    fn a_back_end_for_tencent_reads_what_it_knows() {
        let json = json!({
            "id": "1", "type": "stream.ended", "app": "live", "stream": "push.example.net:live/a", "session": "s",
            "cause": 4001, "cause_name": "client_stopped",
            "data": {"address": "192.0.2.1:5", "duration_ms": 1500},
        });
        let event: HookEvent = serde_json::from_value(json).unwrap();
        let body: Value = serde_json::from_str(&body(&event, "key", 1_000).unwrap()).unwrap();
        assert_eq!((&body["t"], &body["event_type"]), (&json!(601), &json!(0)));
        // echo -n key601 | md5sum
        assert_eq!(body["sign"], "26bc54e5016bff8ce61bee3ef54770c4");
        assert_eq!(
            (&body["app"], &body["user_ip"]),
            (&json!("push.example.net"), &json!("192.0.2.1"))
        );
        assert_eq!(
            (&body["errcode"], &body["push_duration"]),
            (&json!(1), &json!("1500"))
        );
    }
}
