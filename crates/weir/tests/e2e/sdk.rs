//! The packages for other people's pages: what is in them, how the server hands out their files, and that
//! the examples of their READMEs publish, play and chat from another origin. The driver is `web/e2e/sdk.mjs`.

use serde_json::Value;
use weir_testkit::http::{Request, Response, get};
use weir_testkit::server::Server;

use crate::drivers::{drive, number, screenshot};
use crate::kit::{need, open_server};

/// Headers of every file, for a page on any site.
fn for_any_page(response: &Response) {
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let policy = response.header("cross-origin-resource-policy");
    assert_eq!(policy, Some("cross-origin"));
}

fn index(server: &Server) -> Value {
    let index = get(&server.http("sdk/index.json"));
    assert_eq!(index.status, 200, "the pages are not built: make web");
    serde_json::from_str(&index.text()).unwrap()
}

#[test]
fn the_files_of_the_packages_are_for_any_page_and_kept_as_long_as_they_say() {
    need!(Node);
    let server = open_server();
    let index = index(&server);
    assert_eq!(index["version"], env!("CARGO_PKG_VERSION"));

    let url = server.http("sdk/player.js");
    let plain = get(&url);
    let script = Some("text/javascript; charset=utf-8");
    assert_eq!((plain.status, plain.header("content-type")), (200, script));
    assert_eq!(plain.header("cache-control"), Some("no-cache"));
    for_any_page(&plain);

    let packed = Request::get(&url).header("Accept-Encoding", "gzip").send();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 2);
    for coded in [plain.header("etag"), packed.header("etag")] {
        let coding = if coded == packed.header("etag") {
            "gzip"
        } else {
            "identity"
        };
        let again = Request::get(&url).header("Accept-Encoding", coding);
        let again = again.header("If-None-Match", coded.unwrap()).send();
        assert_eq!((again.status, again.body.len()), (304, 0), "{coding}");
        for_any_page(&again);
    }
    assert_ne!(plain.header("etag"), packed.header("etag"));

    for (name, file) in index["files"].as_object().unwrap() {
        let path = file["path"].as_str().unwrap().trim_start_matches('/');
        let fixed = get(&server.http(path));
        assert_eq!(fixed.status, 200, "{path}");
        let kept = Some("public, max-age=31536000, immutable");
        assert_eq!(fixed.header("cache-control"), kept, "{path}");
        assert_eq!(fixed.body, get(&server.http(&format!("sdk/{name}"))).body);
    }
}

#[test]
fn a_release_that_is_no_more_leads_to_the_present_one_and_nothing_else_is_there() {
    need!(Node);
    let server = open_server();
    index(&server);
    let old = get(&server.http("sdk/0.0.1-00000000/player.js"));
    assert_eq!(
        (old.status, old.header("location")),
        (302, Some("/sdk/player.js"))
    );
    for_any_page(&old);
    for path in [
        "sdk/0.0.1-00000000/none.js",
        "sdk/none.js",
        "sdk/types/api.d.ts",
        "sdk/../index.html",
    ] {
        let none = get(&server.http(path));
        assert_eq!(none.status, 404, "{path}");
        assert!(
            none.text().contains("\"code\":3001"),
            "{path}: {}",
            none.text()
        );
    }
    let asked = Request::get(&server.http("sdk/player.js")).method("OPTIONS");
    let asked = asked
        .header("Origin", "https://example.org")
        .header("Access-Control-Request-Method", "GET");
    assert_eq!(asked.send().status, 204);
}

#[test]
fn a_page_of_another_site_publishes_and_plays_by_the_servers_scripts() {
    need!(Chromium, Node);
    let server = open_server();
    let shot = screenshot("sdk-tags");
    let arguments = ["--how", "tags", "--screenshot", &shot];
    let result = drive("sdk.mjs", &server.http(""), None, &arguments);
    assert_eq!(result["players"], 1, "{result:#}");
    assert_eq!(result["chats"], 1, "{result:#}");
    // A worker of the server's origin is forbidden to such a page; it ticks all the same.
    assert_eq!(number(&result, "workers"), 1.0, "{result:#}");
}

#[test]
fn an_empty_project_installs_the_packages_and_publishes_and_plays_from_another_origin() {
    need!(Chromium, Node);
    let server = open_server();
    let shot = screenshot("sdk-project");
    let arguments = ["--how", "project", "--screenshot", &shot];
    let result = drive("sdk.mjs", &server.http(""), None, &arguments);
    // The element and the class.
    assert_eq!(result["players"], 2, "{result:#}");
    assert_eq!(result["chats"], 1, "{result:#}");
    assert_eq!(number(&result, "workers"), 1.0, "{result:#}");
    for (name, must) in [
        (
            "player",
            &[
                "dist/player.js",
                "dist/player-core.js",
                "dist/NOTICES.txt",
                "dist/types/element/index.d.ts",
            ][..],
        ),
        (
            "publisher",
            &[
                "dist/publisher.js",
                "dist/ticker.js",
                "dist/worklet.js",
                "dist/types/index.d.ts",
            ][..],
        ),
        (
            "chat",
            &[
                "dist/chat.js",
                "dist/danmaku.js",
                "dist/types/index.d.ts",
                "dist/types/danmaku/index.d.ts",
            ][..],
        ),
    ] {
        let package = &result["packed"][name];
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"), "{name}");
        let files: Vec<&str> = package["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let both = [
            "README.md",
            "package.json",
            "dist/LICENSE-MIT",
            "dist/LICENSE-APACHE",
        ];
        for file in must.iter().chain(&both) {
            assert!(files.contains(file), "{name} lacks {file}: {files:?}");
        }
        let may = |file: &str| {
            let is_script = file.starts_with("dist/")
                && file.ends_with(".js")
                && file.matches('/').count() == 1;
            let is_type = file.starts_with("dist/types/") && file.ends_with(".d.ts");
            is_script || is_type || must.contains(&file) || both.contains(&file)
        };
        let more: Vec<&str> = files.iter().copied().filter(|file| !may(file)).collect();
        assert!(more.is_empty(), "{name} has what nobody needs: {more:?}");
        for script in files.iter().filter(|file| file.ends_with(".js")) {
            let served = server.http(&script.replace("dist/", "sdk/"));
            assert_eq!(get(&served).status, 200, "{served}");
        }
    }
}
