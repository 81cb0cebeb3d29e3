//! A channel's key, made where the database is, opens nodes that have none.

use serde_json::{Value, json};
use weir_testkit::cluster::Node;
use weir_testkit::http::{Request, Response};
use weir_testkit::media::{self, Source};
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::wait::until;

use crate::kit::{cluster, file_of, log_of, need};

const PASSWORD: &str = "a sentence that nobody guesses";

fn ask(server: &Server, path: &str, token: &str, body: &Value) -> Response {
    let mut request = Request::get(&server.http(&format!("api/v1/{path}"))).method("POST");
    if !token.is_empty() {
        request = request.header("Authorization", &format!("Bearer {token}"));
    }
    request.json(body).send()
}

/// An account with a channel; gives the channel's key.
fn channel_key(server: &Server, name: &str) -> String {
    let email = format!("{name}@example.net");
    let wish = json!({ "name": name, "email": email, "password": PASSWORD });
    let made = ask(server, "accounts", "", &wish);
    assert_eq!(made.status, 201, "{}", made.text());
    let wish = json!({ "login": name, "password": PASSWORD });
    let token = ask(server, "sessions", "", &wish).json()["token"].clone();
    let token = token.as_str().unwrap().to_owned();
    let made = ask(server, "channels", &token, &json!({ "name": name }));
    assert_eq!(made.status, 201, "{}", made.text());
    let key = ask(server, &format!("channels/{name}/keys"), &token, &json!({}));
    key.json()["key"].as_str().unwrap().to_owned()
}

fn begin_at(server: &Server, url: &str, log: &str) -> Process {
    let source = &Source::H264_AAC;
    media::publish(source.ffmpeg(), &file_of(source), url, &log_of(server, log))
}

/// Publishes as an encoder does that tries again until it is let in.
fn publish_at_last(server: &Server, name: &str, key: &str) -> Process {
    let url = format!("{}?key={key}", server.rtmp(name));
    let mut publisher = begin_at(server, &url, name);
    until("the channel's key publishes", 30, || {
        if publisher.ended().is_some() {
            publisher = begin_at(server, &url, name);
        }
        server.stream(name)
    });
    publisher
}

#[test]
fn a_channels_key_opens_an_edge_without_a_store_also_while_the_api_node_is_away() {
    need!(Ffmpeg, RedisServer);
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "store.url=sqlite:{}",
        folder.path().join("one.db").display()
    );
    // Keys are asked for here, as where strangers come: not open as other tests have it.
    let key = &["auth.publish=key"];
    let mut cluster = cluster(vec![
        Node::new("p", &["api"]).set(&[&url]),
        Node::origin("o").set(key),
        Node::edge("a").set(key),
    ]);
    let key = channel_key(&cluster["p"], "chess");
    let publisher = publish_at_last(&cluster["a"], "live/chess", &key);
    cluster["o"].wait_live("live/chess");
    drop(publisher);
    cluster["a"].wait_gone("live/chess", 20);

    cluster.kill("p");
    let publisher = publish_at_last(&cluster["a"], "live/chess", &key);
    drop(publisher);
    let url = format!("{}?key=wrong", cluster["a"].rtmp("live/chess"));
    let mut wrong = begin_at(&cluster["a"], &url, "wrong");
    assert!(!wrong.wait(20).success());
    cluster["a"].wait_for_log("code=1004");
}
