//! Headless Chromium opens the pages, plays, and looks at them with axe. The drivers are `web/e2e/watch.mjs` and
//! `axe.mjs`.

use serde_json::json;
use weir_testkit::http::get;
use weir_testkit::media::{self, Source};
use weir_testkit::picture::png;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::drivers::drive;
use crate::kit::{
    build_dir, file_of, log_of, need, open_options, open_server, publish, repository,
};
use crate::pictures::sent;

/// Plays the live stream `live/a` over one protocol; the page has three seconds of it to play.
fn watch(server: &Server, protocol: &str, picture: &str) {
    let script = repository().join("web/e2e/watch.mjs");
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let mut command = Tool::Node.command();
    command.arg(script).args([
        "--base",
        &server.http(""),
        "--stream",
        "a",
        "--protocol",
        protocol,
    ]);
    command.arg("--browser").arg(Tool::Chromium.path().unwrap());
    command
        .arg("--screenshot")
        .arg(shots.join(format!("{picture}.png")));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{protocol}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn watch_source(source: &Source, protocol: &str) {
    need!(Ffmpeg, Ffmpeg9, Chromium, Node);
    let server = open_server();
    let _publisher = publish(&server, source, "live/a");
    watch(&server, protocol, &format!("{}-{protocol}", source.name));
}

/// Shows R6 and R27.
#[test]
fn a_browser_plays_http_flv() {
    watch_source(&Source::H264_AAC, "flv");
}

#[test]
fn a_browser_plays_ws_flv() {
    watch_source(&Source::H264_AAC, "wsflv");
}

/// Shows R13.
#[test]
fn a_browser_plays_low_latency_hls() {
    watch_source(&Source::H264_AAC, "hls");
}

#[test]
fn a_browser_plays_ts_over_http() {
    watch_source(&Source::H264_AAC, "ts");
}

#[test]
fn a_browser_plays_av1_and_opus_over_hls() {
    watch_source(&Source::AV1_OPUS, "hls");
}

/// Every page in both languages, light and dark, wide and narrow, with what opens on it.
#[test]
fn axe_finds_nothing_on_any_page() {
    need!(Ffmpeg, Chromium, Node);
    let server = open_options().set(&["record.default=on"]).start();
    let loops = ["-stream_loop", "-1"];
    let (file, log) = (file_of(&Source::H264_AAC), log_of(&server, "publisher"));
    let url = server.rtmp("live/a");
    let _publisher = media::publish_with(Tool::Ffmpeg, &file, &url, &loops, &log);
    server.wait_live("live/a");
    furnish(&server);
    let arguments = ["--token", server.token()];
    drive("axe.mjs", &server.http(""), None, &arguments);
}

/// What a site has after some weeks: a channel with a picture, words and a schedule, a category, a notice, help.
fn furnish(server: &Server) {
    let ann = account(server, "ann");
    let about = json!({ "category": "games", "language": "en", "description": "We play **chess**.\n\n- openings\n- [rules](/help/keys)" });
    let coming = json!({ "title": "Finals", "description": "The *best* of all.", "starts_ms": 4_102_444_800_000_i64 });
    let games = json!({ "title": "Games", "title_zh": "游戏" });
    let page = |kind: &str, slug: &str, title: &str, body: &str| json!({ "kind": kind, "slug": slug, "title": title, "body": body, "publish_ms": 1 });
    let table = "Keys are *secret*.\n\n| key | for |\n|---|---|\n| `a` | you |\n\n```\nffmpeg -re -i file.mp4 -c copy -f flv rtmp://live.example/live/chess?key=…\n```";
    for (method, path, token, body, want) in [
        (
            "POST",
            "channels",
            &*ann,
            &json!({ "name": "chess", "title": "Ann plays chess" }),
            201,
        ),
        ("PATCH", "channels/chess", &*ann, &about, 200),
        ("POST", "channels/chess/schedule", &*ann, &coming, 201),
        ("PUT", "categories/games", server.token(), &games, 200),
        (
            "POST",
            "pages",
            server.token(),
            &page("notice", "open-day", "Open day", "Come **all**."),
            201,
        ),
        (
            "POST",
            "pages",
            server.token(),
            &page("help", "keys", "Keys", table),
            201,
        ),
        (
            "POST",
            "pages",
            server.token(),
            &page("category", "games", "Games", "All that is *played*."),
            201,
        ),
    ] {
        let answer = ask(server, method, path, token, body);
        assert_eq!(answer.status, want, "{method} {path}: {}", answer.text());
    }
    sent(
        server,
        "channels/chess/cover",
        "cover",
        &ann,
        &png(1280, 720),
    );
    until("the pages tell of it", 20, || {
        let pages = ["c/chess", "notices/open-day", "help/keys"];
        let is_told = |path: &&str| get(&server.http(path)).status == 200;
        let picture = get(&server.http("c/chess")).text().contains("/i/");
        (pages.iter().all(is_told) && picture).then_some(())
    });
}
