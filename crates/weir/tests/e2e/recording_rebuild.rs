//! What is known of recordings is made again from their blocks, and what is to go by time is said before it goes.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response};
use weir_testkit::media::Source;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::kit::{begin, binary, need};

fn list(server: &Server) -> Vec<Value> {
    let list = server.api("GET", "recordings?app=live").json();
    list["items"].as_array().unwrap().clone()
}

/// `weir recording …` beside the server, and what it says.
fn recording(data: &Path, settings: &[&str], args: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.arg("recording").arg("--data").arg(data);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.args(args);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let answer = Request::get(&server.http(&format!("api/v1/{path}")))
        .method(method)
        .header("Authorization", &format!("Bearer {}", server.token()))
        .json(body)
        .send();
    assert!(answer.status < 300, "{}", answer.text());
    answer
}

fn decodes(server: &Server, id: &str) {
    let url = server.http(&format!("r/{id}/index.m3u8"));
    let mut command = weir_testkit::tools::Tool::Ffmpeg.command();
    command.args(["-v", "error", "-xerror", "-i", &url, "-f", "null", "-"]);
    let said = weir_testkit::ffprobe::silent(&mut command);
    assert!(said.is_empty(), "{said}");
}

/// Removes the database, and the manifests of the store.
fn lose_index(data: &Path, objects: &Path) {
    for file in ["weir.db", "weir.db-wal", "weir.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
    for recording in std::fs::read_dir(objects).unwrap() {
        std::fs::remove_dir_all(recording.unwrap().path().join("m")).unwrap();
    }
}

/// Without what only a node's disk or a manifest knows, and what was not the same twice.
fn lasting(mut one: Value) -> Value {
    for field in ["node", "ended_at", "expires_at"] {
        one.as_object_mut().unwrap().remove(field);
    }
    one
}

/// Shows R13, R59.
#[test]
fn lost_rows_and_manifests_are_made_again_from_blocks_and_what_goes_by_time_is_said_first() {
    need!(Ffmpeg);
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let place = format!("store.recordings.url=file:{}", objects.display());
    let settings = [
        "auth.publish=open",
        "record.default=on",
        "record.keep_h=24",
        "stream.linger_ms=500",
        "hls.segment_ms=1000",
        &place,
    ];
    let server = Options::new(&binary()).set(&settings).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    until("four seconds are recorded", 30, || {
        list(&server)
            .into_iter()
            .find(|one| one["duration_ms"].as_i64() >= Some(4_000))
    });
    drop(publisher);
    let before = until("it is over, and in the store with its picture", 30, || {
        let one = list(&server).into_iter().next()?;
        let picture = objects.join(one["id"].as_str()?).join("poster.jpg");
        let is_stored = one["stored_bytes"] == one["bytes"] && picture.exists();
        (one["state"] == "ready" && is_stored && one["poster"].is_string()).then_some(one)
    });
    let id = before["id"].as_str().unwrap().to_owned();

    let server = server.restart_after(&settings, |data| {
        lose_index(data, &objects);
        let said = recording(data, &settings, &["rebuild", "--all"]);
        assert!(said.contains("its row, its manifest"), "{said}");
        assert!(
            said.contains("1 recordings are as their blocks say; 1 rows and 1 manifests"),
            "{said}"
        );
        let again = recording(data, &settings, &["rebuild", &id]);
        assert!(again.contains("all was there"), "{again}");
    });
    assert_eq!(list(&server), std::slice::from_ref(&before));

    // The disk of the node is lost too.
    let server = server.restart_after(&settings, |data| {
        lose_index(data, &objects);
        std::fs::remove_dir_all(data.join("recordings")).unwrap();
        let said = recording(data, &settings, &["rebuild", "--all"]);
        assert!(said.contains("its row, its manifest"), "{said}");
    });
    let after = list(&server);
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["node"], "");
    assert_eq!(lasting(after[0].clone()), lasting(before));
    decodes(&server, &id);
    expires(&server, &settings, &after[0]);
}

/// What is to go is said, with what keeps it.
fn expires(server: &Server, settings: &[&str], one: &Value) {
    let id = one["id"].as_str().unwrap();
    let now = recording(server.data(), settings, &["expire"]);
    assert!(now.starts_with("0 recordings go"), "{now}");
    let then = || {
        recording(
            server.data(),
            settings,
            &["expire", "--dry-run", "--in-hours", "25"],
        )
    };
    let pins = || {
        let too_far = server.api("GET", "recordings/expiring?in_hours=17521");
        assert_eq!(too_far.status, 400, "{}", too_far.text());
        let told = server.api("GET", "recordings/expiring?in_hours=25").json();
        assert_eq!(told["items"][0]["recording"]["id"], id);
        assert_eq!(told["items"][0]["kept_hours"], 24);
        (told["going"].clone(), told["items"][0]["kept_by"].clone())
    };
    let said = then();
    assert!(
        said.contains("(kept 24 h): would go") && said.contains("1 recordings would go"),
        "{said}"
    );
    assert_eq!(pins(), (json!(1), json!([])));

    let path = format!("recordings/{id}");
    send(server, "PATCH", &path, &json!({ "held": true }));
    assert!(then().contains("stays: it is held"), "{}", then());
    assert_eq!(pins(), (json!(0), json!(["held"])));
    send(server, "PATCH", &path, &json!({ "held": false }));

    let from_ms = until("the list says when it began", 10, || {
        let answer = Request::get(&server.http(&format!("r/{id}/index.m3u8"))).send();
        let list = weir_testkit::hls_check::check_media(&answer.text()).ok()?;
        list.segments[0].date_time_ms
    });
    let wish = json!({ "from_ms": from_ms, "to_ms": from_ms + 1_500 });
    // No disk of this node has the recording: it is cut by what the store has.
    let clip = send(server, "POST", &format!("{path}/clips"), &wish).json();
    assert!(then().contains("stays: 1 clips are of it"), "{}", then());
    assert_eq!(pins(), (json!(0), json!(["clips"])));
    let link = server.http(clip["url"].as_str().unwrap().trim_start_matches('/'));
    assert_eq!(Request::get(&link).send().status, 200);
    let own = format!("{path}/clips/{}", clip["id"].as_str().unwrap());
    assert_eq!(server.api("DELETE", &own).status, 204);
    assert_eq!(pins().0, 1);
}
