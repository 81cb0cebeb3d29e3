//! The chat beside a stream, in Chromium: somebody who is signed in, a moderator and a guest in one room, by mouse and
//! by keyboard, with axe looking on; and messages that fly over the picture. The driver is `web/e2e/chat.mjs`.

use serde_json::Value;
use weir_testkit::media::{self, Source};
use weir_testkit::tools::Tool;

use crate::drivers::{drive, number};
use crate::kit::{build_dir, file_of, log_of, need, open_server};

/// As a page shows it: in a language, in light or dark, on a telephone or not.
fn three_in_a_room(look: &[&str]) -> Value {
    let server = open_server();
    let loops = ["-stream_loop", "-1"];
    let (file, log) = (file_of(&Source::H264_AAC), log_of(&server, "publisher"));
    let url = server.rtmp("live/a");
    let _publisher = media::publish_with(Tool::Ffmpeg, &file, &url, &loops, &log);
    server.wait_live("live/a");
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let mut arguments = vec!["--token", server.token(), "--screenshots", &shots];
    arguments.extend(look);
    drive("chat.mjs", &server.http(""), None, &arguments)
}

/// More messages than fit: none touches another, each is shown or counted, and elements are used again.
fn assert_flew_apart(result: &Value) {
    let flood = &result["flood"];
    assert_eq!(number(flood, "touching"), 0.0, "{flood:#}");
    assert!(number(flood, "most") > 5.0, "{flood:#}");
    assert!(
        number(flood, "elements") < number(flood, "said"),
        "{flood:#}"
    );
}

/// Shows R12 and R100.
#[test]
fn three_people_chat_beside_a_stream_and_one_of_them_moderates() {
    need!(Ffmpeg, Chromium, Node);
    let result = three_in_a_room(&[]);
    // What the server refused is still there to be sent later.
    assert_eq!(result["kept"], "too soon", "{result:#}");
    assert_flew_apart(&result);
}

#[test]
fn they_do_so_on_a_telephone_in_the_dark_in_chinese() {
    need!(Ffmpeg, Chromium, Node);
    assert_flew_apart(&three_in_a_room(&[
        "--phone", "--scheme", "dark", "--lang", "zh",
    ]));
}
