//! What is live, as the API tells of it: while nobody can see anything yet, and where it is not for everybody.

use serde_json::Value;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::Role;
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Protocol, Publisher, Unusable};

use crate::world::{World, record};

fn publish(world: &World, app: &str, stream: &str) -> Publisher {
    let request = PublishRequest {
        name: StreamName::new("", app, stream).unwrap(),
        protocol: Protocol::Rtmp,
        addr: "10.0.0.1:1000".parse().unwrap(),
        grant: Grant::default(),
    };
    world.hub.publish(request).unwrap()
}

#[tokio::test]
async fn a_list_for_everybody_names_what_is_for_everybody() {
    let world = World::new(record("n1", &[Role::Origin], None));
    let names = ["public", "unlisted", "private"];
    let _live = names.map(|name| publish(&world, "live/tv", name));
    let told = async |target: &str, is_staff: bool| {
        let answered = match is_staff {
            true => world.get_admin(target).await,
            false => world.get(target).await,
        };
        let streams = answered.json()["streams"].as_array().cloned().unwrap();
        let names = streams
            .iter()
            .map(|one| one["stream"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(told("/api/v1/live", false).await, ["public"]);
    assert_eq!(
        told("/api/v1/live?stream=live/tv/public", false).await,
        ["public"]
    );
    assert_eq!(
        told("/api/v1/live?stream=live/tv/unlisted", false).await,
        ["unlisted"]
    );
    for other in ["live/tv/private", "tv/unlisted", "unlisted", ""] {
        let target = format!("/api/v1/live?stream={other}");
        assert_eq!(told(&target, false).await, Vec::<String>::new(), "{other}");
    }
    assert_eq!(told("/api/v1/streams", true).await.len(), 3);
}

#[tokio::test]
async fn who_sends_no_keyframe_is_listed_with_the_reason_and_is_not_on() {
    let world = World::new(record("n1", &[Role::Origin], None));
    let publisher = publish(&world, "live", "a");
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
