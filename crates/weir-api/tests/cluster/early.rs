//! A publisher of whom nobody can see anything yet: what the API says of it.

use serde_json::Value;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::Role;
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Protocol, Unusable};

use crate::world::{World, record};

#[tokio::test]
async fn who_sends_no_keyframe_is_listed_with_the_reason_and_is_not_on() {
    let world = World::new(record("n1", &[Role::Origin], None));
    let request = PublishRequest {
        name: StreamName::new("", "live", "a").unwrap(),
        protocol: Protocol::Rtmp,
        addr: "10.0.0.1:1000".parse().unwrap(),
        grant: Grant::default(),
    };
    let publisher = world.hub.publish(request).unwrap();
    let seen = async || {
        let listed = world.get_admin("/api/v1/streams").await.json();
        let live = world.get("/api/v1/live").await.json();
        let on = live["streams"].as_array().map(Vec::len);
        (listed["streams"][0]["not_yet_live"].clone(), on)
    };
    assert_eq!(seen().await, (Value::Null, Some(1)));
    let refusal = Refusal::new(Code::NoCodecHeader, "no keyframe yet");
    publisher.unusable(Unusable::BeforeKeyframe, refusal);
    assert_eq!(seen().await, (Value::from("no keyframe yet"), Some(0)));
}
