//! `/api/v1/dispatch` and `/go`.

use http::{StatusCode, header};
use serde_json::{Value, json};
use weir_api::{DispatchRules, DispatchStrategy};
use weir_base::Code;
use weir_cluster::record::{Address, Load, Scope};
use weir_cluster::{Role, Scheme};

use crate::world::{World, live, name, nodes, record, request, rules, with_token};

/// A dispatcher with an edge in each of two regions, and an origin.
fn world() -> World {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    world.hears(record("cn-1", &[Role::Edge], Some("cn")));
    world.hears(record("eu-1", &[Role::Edge], Some("eu")));
    world.hears(record("o-1", &[Role::Origin], Some("eu")));
    world
}

fn live_over(protocols: &[&str]) -> Value {
    json!({ "app": "live", "stream": "a", "protocols": protocols })
}

#[tokio::test]
async fn a_client_is_sent_to_the_edge_near_it() {
    let world = world();
    let answered = world.dispatch("play", "10.1.0.1", live()).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    assert_eq!(nodes(&answered), ["cn-1", "eu-1"]);
    let json = answered.json();
    assert_eq!(
        json["whereabouts"],
        json!({ "region": "cn", "isp": "telecom" })
    );
    let first = &json["places"][0];
    assert_eq!(first["protocol"], "http-flv");
    assert_eq!(first["url"], "http://cn-1.example:8080/live/a.flv");
    assert_eq!(first["expires_ms"], 4_000);
    assert_eq!(first["why"]["tier"], "region");
    assert!(
        first["why"]["words"]
            .as_str()
            .unwrap()
            .contains("same region")
    );
    let also: Vec<_> = first["also"].as_array().unwrap().clone();
    assert!(
        also.contains(&json!({ "protocol": "rtmp", "url": "rtmp://cn-1.example:1935/live/a" }))
    );
    assert_eq!(answered.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answered.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    // Its word goes before its address.
    let mut wish = live();
    wish["region"] = "eu".into();
    let answered = world.dispatch("play", "10.1.0.1", wish).await;
    assert_eq!(nodes(&answered), ["eu-1", "cn-1"]);
    assert_eq!(answered.json()["whereabouts"]["isp"], "telecom");
}

#[tokio::test]
async fn a_publisher_gets_a_url_with_its_key_over_the_protocol_it_speaks() {
    let world = world();
    let mut wish = live_over(&["rtmp", "slsp"]);
    wish["query"] = "key=abc".into();
    wish["count"] = 1.into();
    let answered = world.dispatch("publish", "10.3.0.1", wish.clone()).await;
    let place = &answered.json()["places"][0];
    assert_eq!(place["url"], "rtmp://eu-1.example:1935/live/a?key=abc");
    let slsp = json!([{ "protocol": "slsp", "url": "ws://eu-1.example:8080/slsp/live/a?key=abc" }]);
    assert_eq!(place["also"], slsp);
    // Where it was sent is dead.
    wish["except"] = json!(["eu-1"]);
    let answered = world.dispatch("publish", "10.3.0.1", wish).await;
    assert_eq!(nodes(&answered), ["cn-1"]);
}

#[tokio::test]
async fn tls_is_used_where_there_is_any_and_may_be_wanted_or_refused() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let mut edge = record("e1", &[Role::Edge], None);
    let tls = |protocol, url: &str| Address {
        protocol,
        scope: Scope::Public,
        isp: None,
        url: url.into(),
    };
    edge.addresses
        .push(tls(Scheme::Https, "https://e1.example"));
    edge.addresses
        .push(tls(Scheme::Rtmps, "rtmps://e1.example"));
    world.hears(edge);
    let url = async |protocol: &str, tls: Value| {
        let mut wish = live_over(&[protocol]);
        wish["tls"] = tls;
        let answered = world.dispatch("play", "10.3.0.1", wish).await.json();
        answered["places"][0]["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        url("ws-flv", Value::Null).await,
        "wss://e1.example/live/a.flv"
    );
    let plain = "ws://e1.example:8080/live/a.flv";
    assert_eq!(url("ws-flv", false.into()).await, plain);
    assert_eq!(
        url("rtmp", Value::Null).await,
        "rtmp://e1.example:1935/live/a"
    );
    assert_eq!(url("rtmp", true.into()).await, "rtmps://e1.example/live/a");
}

#[tokio::test]
async fn a_proxy_inside_the_clients_network_is_named_to_it_alone() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let mut edge = record("e1", &[Role::Edge], None);
    edge.addresses.push(Address {
        protocol: Scheme::Http,
        scope: Scope::Public,
        isp: Some(name("cernet")),
        url: "http://edu-proxy.example".into(),
    });
    world.hears(edge);
    for (from, url) in [
        ("10.2.0.1", "http://edu-proxy.example/live/a.m3u8"),
        ("10.1.0.1", "http://e1.example:8080/live/a.m3u8"),
    ] {
        let answered = world.dispatch("play", from, live_over(&["hls"])).await;
        assert_eq!(answered.json()["places"][0]["url"], url, "{from}");
    }
}

#[tokio::test]
async fn only_the_operator_asks_for_somebody_else() {
    let world = world();
    let mut wish = live();
    wish["ip"] = "10.1.0.1".into();
    let answered = world.dispatch("play", "10.3.0.1", wish.clone()).await;
    assert_eq!(answered.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answered.json()["code"], Code::SignedOut.number());
    // Its own address is nobody else's.
    assert_eq!(
        nodes(&world.dispatch("play", "10.1.0.1", wish.clone()).await)[0],
        "cn-1"
    );
    let target = "/api/v1/dispatch/play";
    let asked = with_token(request("POST", target, "10.3.0.1", &wish.to_string()));
    assert_eq!(nodes(&world.ask(asked).await)[0], "cn-1");
}

#[tokio::test]
async fn a_full_cluster_says_5001_and_whom_to_try_later() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let full = |id, connections| {
        let mut edge = record(id, &[Role::Edge], None);
        edge.load = Load {
            connections,
            ..Load::default()
        };
        edge
    };
    world.hears(full("e1", 105));
    world.hears(full("e2", 101));
    let answered = world
        .dispatch("play", "10.3.0.1", live_over(&["hls"]))
        .await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    let json = answered.json();
    assert_eq!(json["code"], Code::Overloaded.number());
    assert_eq!(json["next_best"]["node"], "e2");
    assert_eq!(
        json["next_best"]["url"],
        "http://e2.example:8080/live/a.m3u8"
    );
    assert_eq!(answered.header(header::RETRY_AFTER), "5");
    let answered = world.get("/go/live/a.m3u8").await;
    assert_eq!(answered.json()["next_best"]["node"], "e2");
    let nobody = world.dispatch("chat", "10.3.0.1", json!({})).await;
    assert_eq!(nobody.json()["code"], Code::Overloaded.number());
}

#[tokio::test]
async fn what_was_handed_out_fills_a_node_but_one_address_cannot_fill_them_all() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let mut edge = record("e1", &[Role::Edge], None);
    edge.capacity.connections = 1_000;
    edge.capacity.out_kbps = 0;
    world.hears(edge);
    world.dispatcher.set_rules(DispatchRules {
        good_for_ms: 60_000,
        ..rules()
    });
    for _ in 0..2_000 {
        let answered = world.dispatch("play", "10.3.0.1", live()).await;
        assert_eq!(answered.status, StatusCode::OK);
    }
    let pending = |world: &World| {
        let cluster = world.cluster.clone();
        cluster.with(|m, now_us| world.dispatcher.pending(m.view(), now_us, |_| true))
    };
    assert_eq!(pending(&world).connections, 256);
    let mut refused = 0;
    for n in 0..2_000 {
        let from = format!("10.3.{}.{}", n / 250, n % 250);
        let answered = world.dispatch("play", &from, live()).await;
        refused += usize::from(answered.status != StatusCode::OK);
    }
    assert_eq!(pending(&world).connections, 1_000);
    // 10.3.0.1 was among them once more.
    assert_eq!(refused, 2_000 - 744 - 1);
}

#[tokio::test]
async fn in_turn_every_host_is_named_as_often() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    world.dispatcher.set_rules(DispatchRules {
        strategy: DispatchStrategy::RoundRobin,
        play_kbps: 0,
        ..rules()
    });
    for id in ["c1", "c2", "c3"] {
        let mut chat = record(id, &[Role::Chat], None);
        chat.capacity.connections = 10_000;
        world.hears(chat);
    }
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..150 {
        let answered = world
            .dispatch("chat", "10.3.0.1", json!({ "count": 1 }))
            .await;
        let url = answered.json()["places"][0]["url"]
            .as_str()
            .unwrap()
            .to_owned();
        *counts.entry(url).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert!(counts.contains_key("ws://c1.example:8080/chat"));
    assert!(counts.values().all(|n| (48..=52).contains(n)), "{counts:?}");
}

#[tokio::test]
async fn one_url_leads_a_plain_player_to_the_best_node() {
    let world = world();
    for (target, location) in [
        (
            "/go/live/a.flv?key=1&x=%20",
            "http://eu-1.example:8080/live/a.flv?key=1&x=%20",
        ),
        (
            "/go/school/room1/a.m3u8",
            "http://eu-1.example:8080/school/room1/a.m3u8",
        ),
        (
            "/go/live/a%20b.ts",
            "http://eu-1.example:8080/live/a%20b.ts",
        ),
    ] {
        for method in ["GET", "HEAD"] {
            let answered = world.ask(request(method, target, "10.3.0.1", "")).await;
            assert_eq!(answered.status, StatusCode::FOUND, "{}", answered.text);
            assert_eq!(answered.header(header::LOCATION), location);
            assert_eq!(answered.header(header::CACHE_CONTROL), "no-store");
            assert_eq!(answered.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        }
    }
    for target in ["/go/live/a.mp4", "/go/a.flv", "/go/api/x.flv"] {
        assert!(world.get(target).await.status.is_client_error(), "{target}");
    }
}

#[tokio::test]
async fn the_name_a_player_called_us_by_goes_on_as_its_virtual_host() {
    let world = world();
    let mut asked = request("GET", "/go/live/a.flv", "10.3.0.1", "");
    let host = "School.example:8080".parse().unwrap();
    asked.headers_mut().insert(header::HOST, host);
    let answered = world.ask(asked).await;
    let location = "http://eu-1.example:8080/live/a.flv?vhost=school.example";
    assert_eq!(answered.header(header::LOCATION), location);
}

#[tokio::test]
async fn a_node_that_is_the_only_one_sends_to_itself() {
    let all = [Role::Origin, Role::Edge, Role::Dispatcher];
    let world = World::new(record("n1", &all, None));
    let answered = world.get("/go/live/a.flv").await;
    let location = "http://n1.example:8080/live/a.flv";
    assert_eq!(answered.header(header::LOCATION), location);
}

#[tokio::test]
async fn a_node_that_is_no_dispatcher_names_one() {
    let world = World::new(record("e1", &[Role::Edge], None));
    let answered = world.get("/go/live/a.flv").await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
    world.hears(record("d9", &[Role::Dispatcher], None));
    let answered = world.get("/go/live/a.flv?key=1").await;
    let location = "http://d9.example:8080/go/live/a.flv?key=1";
    assert_eq!(answered.header(header::LOCATION), location);
    let answered = world.dispatch("play", "10.3.0.1", live()).await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
    assert!(answered.text.contains("http://d9.example:8080"));
}

#[tokio::test]
async fn browsers_of_any_site_may_ask() {
    let world = world();
    let asked = request("OPTIONS", "/api/v1/dispatch/publish", "10.3.0.1", "");
    let answered = world.ask(asked).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT);
    assert_eq!(answered.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(
        answered
            .header(header::ACCESS_CONTROL_ALLOW_METHODS)
            .contains("POST")
    );
    assert!(
        answered
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS)
            .contains("Content-Type")
    );
    // A page must be able to read a refusal too.
    let refused = world
        .dispatch("publish", "10.3.0.1", json!({ "app": "" }))
        .await;
    assert_eq!(refused.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    let long = "x".repeat(20_000);
    let answered = world
        .dispatch("play", "10.3.0.1", json!({ "app": long }))
        .await;
    assert_eq!(answered.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_preflight_is_granted_what_it_asks_for_on_whatever_any_site_may_read() {
    let world = world();
    for path in [
        "/go/live/x.m3u8",
        "/api/v1/apps/live",
        "/api/v1/versions",
        "/api/v1/dispatch/play",
    ] {
        let mut asked = request("OPTIONS", path, "10.3.0.1", "");
        let names = http::HeaderValue::from_static("authorization,x-own");
        let headers = asked.headers_mut();
        headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, names);
        let answered = world.ask(asked).await;
        assert_eq!(answered.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(answered.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert_eq!(
            answered.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
            "authorization, x-own"
        );
    }
}
