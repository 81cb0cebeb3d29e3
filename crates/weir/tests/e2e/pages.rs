//! The site's own pages in the browser: written, published and taken away in the console.

use serde_json::{Value, json};
use weir_testkit::server::Options;

use crate::accounts::{account, ask};
use crate::console::operators_link;
use crate::drivers::drive;
use crate::kit::{binary, build_dir, need};

fn write(language: &str, told: &str, more: &[&str]) {
    let server = Options::new(&binary()).start();
    let link = operators_link(&server);
    let max = account(&server, "max");
    let id = ask(&server, "GET", "me", &max, &Value::Null).json()["id"].clone();
    let path = format!("accounts/{}", id.as_str().unwrap());
    let wish = json!({ "role": "moderator" });
    let changed = ask(&server, "PATCH", &path, server.token(), &wish);
    assert_eq!(changed.status, 200, "{}", changed.text());

    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let mut arguments = vec!["--link", &link, "--lang", language];
    arguments.extend(["--screenshots", &shots]);
    arguments.extend(more);
    let seen = drive("pages.mjs", &server.http(""), None, &arguments);
    for (what, want) in [
        ("draft", json!(404)),
        ("same", json!(true)),
        ("told", json!(told)),
        ("theirs", json!("Mine")),
        ("mine", json!("Mine again")),
        ("restored", json!("Open day")),
        ("later", json!(true)),
        ("left", json!(true)),
        ("publishes", json!(0)),
        ("listed", json!(1)),
        ("remain", json!(1)),
    ] {
        assert_eq!(seen[what], want, "{what}: {seen:#}");
    }
}

/// Shows R27.
#[test]
fn a_page_is_written_published_and_taken_away_in_the_console() {
    need!(Chromium, Node);
    let told = "Somebody else changed this page meanwhile.";
    write("en", told, &[]);
}

#[test]
fn pages_are_written_in_chinese_on_a_phone() {
    need!(Chromium, Node);
    write("zh", "其他人刚刚修改了此页面。", &["--phone"]);
}
