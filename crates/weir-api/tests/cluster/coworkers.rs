//! Coworkers of SRS, and the stream manager.

use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use weir_base::{Code, StreamName};
use weir_cluster::Role;
use weir_cluster::record::Scope;
use weir_hub::Protocol;
use weir_hub::gate::Grant;
use weir_hub::hub::PublishRequest;

use crate::world::{Answered, NODE, World, record, request, with_token};

const QUERY: &str = "/api/v1/clusters?vhost=__defaultVhost__&ip=192.168.1.5&app=live&stream=livestream&coworker=127.0.0.1:9091";

/// The origin of the captured answers.
fn origin() -> World {
    let mut me = record("o-1", &[Role::Origin], None);
    me.addresses
        .retain(|address| address.scope == Scope::Public);
    for address in &mut me.addresses {
        if address.url.starts_with("rtmp") {
            address.url = "rtmp://127.0.0.1:19351".into();
        }
    }
    World::new(me)
}

fn publish(world: &World, protocol: Protocol) -> weir_hub::Publisher {
    let request = PublishRequest {
        name: StreamName::new("", "live", "livestream").unwrap(),
        protocol,
        addr: "10.0.0.9:5".parse().unwrap(),
        grant: Grant {
            is_node: protocol == Protocol::Relay,
            ..Grant::default()
        },
    };
    world.hub.publish(request).unwrap()
}

async fn ask(world: &World, from: &str) -> Value {
    world.ask(request("POST", QUERY, from, "")).await.json()["data"]["origin"].clone()
}

async fn report(world: &World, body: Value) -> Answered {
    let target = "/api/v1/streams/report";
    let asked = request("POST", target, "10.0.0.5", &body.to_string());
    world.ask(with_token(asked)).await
}

fn on(ip: &str, port: u16) -> Value {
    json!({ "app": "live", "stream": "livestream", "ip": ip, "port": port })
}

#[tokio::test]
async fn a_coworker_gets_what_srs_sends_and_where_http_is() {
    let world = origin();
    let query = r#""query":{"ip":"192.168.1.5","vhost":"__defaultVhost__","app":"live","stream":"livestream"}"#;
    for method in ["POST", "GET"] {
        let answered = world.ask(request(method, QUERY, "10.0.0.5", "")).await;
        assert_eq!(answered.status, StatusCode::OK);
        assert_eq!(answered.header(header::CONTENT_TYPE), "application/json");
        assert_eq!(
            answered.text,
            format!(r#"{{"code":0,"data":{{{query},"origin":null}}}}"#)
        );
    }
    let _publisher = publish(&world, Protocol::Rtmp);
    let answered = world.ask(request("POST", QUERY, "10.0.0.5", "")).await;
    let origin = r#""origin":{"ip":"127.0.0.1","port":19351,"vhost":"__defaultVhost__","api":"127.0.0.1:9091","routers":["127.0.0.1:9091"],"http":"http://o-1.example:8080"}"#;
    assert_eq!(
        answered.text,
        format!(r#"{{"code":0,"data":{{{query},{origin}}}}}"#)
    );
    let nameless = world.get("/api/v1/clusters?app=live").await;
    assert_eq!(nameless.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_owner_that_the_registry_names_is_answered_with_the_way_to_it() {
    let world = origin();
    world.hears(record("o-2", &[Role::Origin], None));
    world.hears_owned("o-2", 2, "live/livestream");
    let origin = ask(&world, "10.0.0.5").await;
    assert_eq!(origin["ip"], "o-2.example");
    assert_eq!(origin["port"], 1935);
    // The owner first, then who answered.
    let routers = json!(["o-2.internal:8080", "127.0.0.1:9091"]);
    assert_eq!(origin["routers"], routers);
}

#[tokio::test]
async fn a_stream_that_is_pulled_from_elsewhere_is_not_here() {
    let world = origin();
    let _pulled = publish(&world, Protocol::Relay);
    assert_eq!(ask(&world, "10.0.0.5").await, Value::Null);
}

#[tokio::test]
async fn a_report_is_answered_until_it_ends_and_never_to_the_one_it_names() {
    let world = origin();
    assert_eq!(
        report(&world, on("10.0.0.5", 1935)).await.status,
        StatusCode::OK
    );
    assert_eq!(ask(&world, "10.0.0.6").await["ip"], "10.0.0.5");
    assert_eq!(ask(&world, "10.0.0.5").await, Value::Null);
    // Two servers share the address: which of them asks cannot be told.
    let mut other = on("10.0.0.5", 1936);
    other["stream"] = "other".into();
    report(&world, other).await;
    assert_eq!(ask(&world, "10.0.0.5").await["port"], 1935);
    let mut ended = on("10.0.0.5", 1935);
    ended["ttl_ms"] = 0.into();
    report(&world, ended).await;
    assert_eq!(ask(&world, "10.0.0.6").await, Value::Null);
    let mut short = on("10.0.0.5", 1935);
    short["ttl_ms"] = 1.into();
    report(&world, short).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(ask(&world, "10.0.0.6").await, Value::Null);
}

#[tokio::test]
async fn a_stream_is_located_by_the_registry_or_by_a_report() {
    let world = origin();
    let target = "/api/v1/streams/locate?app=live&stream=livestream";
    let nobody = world.get_admin(target).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert_eq!(nobody.json()["code"], Code::NotLive.number());
    report(&world, on("10.0.0.5", 19350)).await;
    let found = world.get_admin(target).await.json();
    assert_eq!(
        (&found["source"], &found["ip"], &found["port"]),
        (&"report".into(), &"10.0.0.5".into(), &19350.into())
    );
    world.hears(record("o-2", &[Role::Origin], None));
    world.hears_owned("o-2", 2, "live/livestream");
    let found = world.get_admin(target).await.json();
    assert_eq!(
        (&found["source"], &found["node"]),
        (&"registry".into(), &"o-2".into())
    );
    assert_eq!(
        (&found["protocol"], &found["epoch"]),
        (&"rtmp".into(), &2.into())
    );
    // The streams' own addresses are where they were.
    let one = world.get_admin("/api/v1/streams/live/locate").await;
    assert_eq!(one.json()["code"], Code::NotLive.number());
}

#[tokio::test]
async fn only_the_operator_and_nodes_report_and_locate() {
    let world = origin();
    let target = "/api/v1/streams/locate?app=live&stream=livestream";
    assert_eq!(world.get(target).await.status, StatusCode::UNAUTHORIZED);
    let node = |proof: &str| {
        let request = Request::builder().uri(target);
        let request = request.header(header::AUTHORIZATION, format!("{NODE}{proof}"));
        request.body(axum::body::Body::empty()).unwrap()
    };
    // Nobody has it: but it was answered.
    assert_eq!(world.ask(node(target)).await.status, StatusCode::NOT_FOUND);
    assert!(!world.ask(node("/other")).await.json()["code"].is_null());
    assert_ne!(
        world.ask(node("/other")).await.status,
        StatusCode::NOT_FOUND
    );
    let body = on("10.0.0.5", 1935).to_string();
    let open = request("POST", "/api/v1/streams/report", "10.0.0.5", &body);
    assert_eq!(world.ask(open).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_report_without_sense_is_refused_in_words() {
    let world = origin();
    let with = |key: &str, value: Value| {
        let mut body = on("10.0.0.5", 1935);
        body[key] = value;
        body
    };
    for body in [
        with("ip", "a b".into()),
        with("port", 0.into()),
        with("port", 70_000.into()),
        with("ttl_ms", (-1).into()),
        with("ttl_ms", 86_400_000.into()),
        with("protocol", "x/y".into()),
        with("stream", "".into()),
        json!({}),
    ] {
        let answered = report(&world, body.clone()).await;
        assert!(answered.status.is_client_error(), "{body}");
        assert!(answered.json()["detail"].is_string(), "{body}");
    }
}
