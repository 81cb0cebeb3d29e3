//! The database away, at the start and in the middle: what needs none goes on, the rest says so and comes back by
//! itself.

use serde_json::json;
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::postgres::Postgres;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::kit::{begin_at, binary, need};

fn ready(server: &Server) -> String {
    get(&server.http("readyz")).text()
}

fn wait_for_database(server: &Server) {
    until("the database is there", 30, || {
        (!ready(server).contains("database:")).then_some(())
    });
}

#[test]
fn a_node_starts_without_its_database_and_takes_it_when_it_comes() {
    need!(Ffmpeg, Postgres);
    let mut database = Postgres::start();
    let url = database.database();
    database.kill();
    let server = Options::new(&binary())
        .set(&[&format!("store.url={url}"), "store.timeout_ms=300"])
        .start();
    until("it is said", 20, || {
        ready(&server).contains("database:").then_some(())
    });
    assert_eq!(
        get(&server.http("readyz")).status,
        200,
        "{}",
        ready(&server)
    );
    let wish = json!({ "login": "ann", "password": "a sentence that nobody guesses" });
    let refused = ask(&server, "POST", "sessions", "", &wish);
    assert_eq!(refused.refusal(), (503, 6008), "{}", refused.text());
    assert_eq!(get(&server.http("")).status, 200, "pages are served");

    // What opens a stream by a key that needs no database is taken, and watched.
    let url = format!(
        "{}?key={}",
        server.rtmp("live/a"),
        server.stream_key("live/a")
    );
    let publisher = begin_at(&server, &Source::H264_AAC, &url, "a");
    server.wait_live("live/a");

    database.restart();
    wait_for_database(&server);
    account(&server, "ann");
    assert!(
        server.stream("live/a").is_some(),
        "it was live all the while"
    );
    drop(publisher);
}

#[test]
fn a_database_that_is_restarted_loses_nobody_their_stream() {
    need!(Ffmpeg, Postgres);
    let mut database = Postgres::start();
    let url = database.database();
    let server = Options::new(&binary())
        .set(&[&format!("store.url={url}"), "store.timeout_ms=300"])
        .start();
    let token = account(&server, "ann");
    for name in ["chess", "go"] {
        let made = ask(
            &server,
            "POST",
            "channels",
            &token,
            &json!({ "name": name }),
        );
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let keys = ["chess", "go"].map(|name| {
        let key = ask(
            &server,
            "POST",
            &format!("channels/{name}/keys"),
            &token,
            &json!({}),
        );
        let key = key.json()["key"].as_str().unwrap().to_owned();
        format!("{}?key={key}", server.rtmp(&format!("live/{name}")))
    });
    let live = |name: &str, url: &str| {
        let mut publisher = begin_at(&server, &Source::H264_AAC, url, name);
        until("the channel's key publishes", 30, || {
            if publisher.ended().is_some() {
                publisher = begin_at(&server, &Source::H264_AAC, url, name);
            }
            server.stream(&format!("live/{name}"))
        });
        publisher
    };
    let first = live("chess", &keys[0]);
    database.kill();
    until("it is said", 20, || {
        ready(&server).contains("database:").then_some(())
    });
    assert!(
        server.stream("live/chess").is_some(),
        "what is live stays live"
    );
    let second = live("go", &keys[1]);
    let refused = ask(&server, "GET", "me", &token, &json!({}));
    assert_eq!(refused.status, 503, "{}", refused.text());

    database.restart();
    wait_for_database(&server);
    let me = ask(&server, "GET", "me", &token, &json!({}));
    assert_eq!(me.json()["name"], "ann", "{}", me.text());
    // What began while nobody could write it down is written down.
    until("the broadcast is in the log", 30, || {
        let seen = server.api("GET", "broadcasts?live=true").json();
        let all = seen["items"].as_array()?;
        (all.len() == 2).then_some(())
    });
    drop((first, second));
}
