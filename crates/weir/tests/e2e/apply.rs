//! `weir apply`: a site is what a file says, and a second run changes nothing.

use std::process::Command;

use serde_json::Value;
use weir_testkit::server::{Options, Server};

use crate::accounts::{account, ask};
use crate::kit::binary;

const FILE: &str = r#"
[categories.games]
title = "Games"
title_zh = "游戏"

[channels.chess]
owner = "ann"
title = "Ann plays chess"
visibility = "followers"
keys = ["OBS", "phone"]

[[hooks]]
url = "https://example.net/hook"
types = ["stream.started"]
"#;

/// What the command prints.
fn apply(server: &Server, text: &str, more: &[&str]) -> String {
    let file = server.data().join("site.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(binary());
    command.arg("apply").arg(&file).args(more);
    command.arg("--data").arg(server.data());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    said
}

/// Shows R46.
#[test]
fn a_site_is_what_a_file_says_and_a_second_run_changes_nothing() {
    let server = Options::new(&binary()).start();
    let token = account(&server, "ann");
    let shown = apply(&server, FILE, &["--dry-run"]);
    assert!(shown.contains("+ channel chess"), "{shown}");
    assert!(shown.contains("nothing was done"), "{shown}");
    assert_eq!(
        ask(&server, "GET", "channels/chess", "", &Value::Null).status,
        404
    );

    let done = apply(&server, FILE, &[]);
    assert!(done.contains("6 changes are made"), "{done}");
    assert!(done.contains("stream key \"OBS\" of chess: "), "{done}");
    let channel = ask(&server, "GET", "channels/chess", "", &Value::Null).json();
    assert_eq!(channel["visibility"], "followers");
    let keys = ask(&server, "GET", "channels/chess/keys", &token, &Value::Null).json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 2);

    let games = ask(&server, "GET", "categories", "", &Value::Null).json();
    assert_eq!(games["items"][0]["title_zh"], "游戏");

    assert!(apply(&server, FILE, &[]).contains("nothing to change"));
    let other = FILE.replace("Ann plays chess", "Finals");
    let done = apply(&server, &other, &[]);
    assert!(
        done.contains("~ title = \"Finals\" (was \"Ann plays chess\")"),
        "{done}"
    );
    assert!(done.contains("1 changes are made"), "{done}");
}
