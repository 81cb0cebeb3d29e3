//! What happens in a room beside words: hearts, who comes in, and who is meant by a message.

use serde_json::{Value, json};
use weir_chat::{ChatConfig, Deny, Encoding, Lane};

use crate::kit::{Told, World};
use crate::net::Net;

fn of<'a>(lines: &'a [Value], push: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["p"] == push).collect()
}

#[test]
fn hearts_of_a_tick_are_told_as_one_number_to_all_and_to_who_comes_later() {
    let mut world = World::new(2, ChatConfig::default());
    let groups = json!({ "r:1": null });
    let (ann, _) = world.member(0, "user-ann", &groups);
    let (bob, _) = world.member_of(1, Encoding::Binary, "user-bob", &groups);
    world.ticks(2);
    world.told(bob);
    for _ in 0..3 {
        world.say(ann, r#"{"c":"like","g":"r:1","n":7}"#);
    }
    world.say(bob, r#"{"c":"like","g":"r:1"}"#);
    world.ticks(2);
    let lines = world.lines(ann);
    let told = of(&lines, "like");
    assert_eq!(
        told.last().map(|line| &line["n"]),
        Some(&json!(22)),
        "{lines:?}"
    );
    assert!(told.len() <= 2, "a push for each tap: {told:?}");
    let records = world.told(bob);
    let is_sum =
        |told: &Told| matches!(told, Told::Record(10, false, _, 0, body) if body["n"] == 22);
    assert!(records.iter().any(is_sum), "{records:?}");
    let (_, hello) = world.member(0, "user-cid", &groups);
    assert_eq!(hello["ok"]["g"]["r:1"]["lk"], 22);
    // A number is all that there is: no post, and nothing that is remembered.
    let history = world.ask(ann, &json!({ "i": 2, "c": "hist", "g": "r:1" }));
    assert_eq!(history["ok"]["ms"], json!([]));
}

#[test]
fn more_hearts_than_fingers_make_are_refused_and_those_of_the_silenced_too() {
    let mut world = World::new(1, ChatConfig::default());
    let groups = json!({ "r:1": null });
    let (ann, _) = world.member(0, "user-ann", &groups);
    let (guest, _) = world.member(0, "", &groups);
    let (max, _) = world.member(0, "mod-max", &groups);
    let like = |n: u32, group: &str| json!({ "i": 5, "c": "like", "g": group, "n": n });
    assert_eq!(world.ask(ann, &like(60, "r:1"))["ok"], json!({}));
    let refused = world.ask(ann, &like(60, "r:1"));
    assert_eq!(refused["er"]["n"], Deny::Rate.number());
    let wait_ms = refused["er"]["r"].as_i64().unwrap();
    world.clock.advance_us(wait_ms * 1_000);
    assert_eq!(world.ask(ann, &like(60, "r:1"))["ok"], json!({}));
    for n in [0, 61] {
        assert_eq!(
            world.ask(max, &like(n, "r:1"))["er"]["n"],
            Deny::BadRequest.number()
        );
    }
    assert_eq!(
        world.ask(ann, &like(1, "u:ann"))["er"]["n"],
        Deny::Forbidden.number()
    );
    assert_eq!(
        world.ask(guest, &like(1, "r:1"))["er"]["n"],
        Deny::Unauthenticated.number()
    );
    let mute = json!({ "i": 6, "c": "rpc", "g": "r:1", "m": "mute", "d": { "u": "ann" } });
    world.ask(max, &mute);
    world.seconds(4);
    assert_eq!(
        world.ask(ann, &like(1, "r:1"))["er"]["n"],
        Deny::Muted.number()
    );
}

#[test]
fn hearts_are_counted_once_over_all_gateways_whatever_the_network_loses() {
    let mut net = Net::new(3, &ChatConfig::default(), 7);
    let groups = json!({ "r:1": null });
    let keys: Vec<_> = (0..3)
        .map(|node| net.member(node, &format!("user-n{node}"), &groups))
        .collect();
    net.steps(400);
    net.lost_of_1000 = 200;
    let mut given = 0;
    for round in 0..60 {
        let node = round % 3;
        given += 2;
        net.say(
            node,
            keys[node],
            &json!({ "c": "like", "g": "r:1", "n": 2 }),
        );
        net.steps(20);
    }
    net.lost_of_1000 = 0;
    net.steps(2_000);
    // What was lost on the way is made up for by the next that comes.
    net.say(0, keys[0], &json!({ "c": "like", "g": "r:1", "n": 1 }));
    net.steps(400);
    for (node, key) in keys.iter().enumerate() {
        let lines = net.lines(node, *key);
        let told = of(&lines, "like");
        assert_eq!(
            told.last().map(|line| &line["n"]),
            Some(&json!(given + 1)),
            "node {node}"
        );
    }
    let late = net.member(1, "user-late", &groups);
    net.steps(400);
    let hello = net.lines(1, late);
    assert_eq!(hello[0]["ok"]["g"]["r:1"]["lk"], given + 1, "{hello:?}");
}

#[test]
fn who_comes_in_is_told_a_few_a_tick_not_again_and_not_in_a_big_room() {
    let config = ChatConfig {
        entries_per_tick: 2,
        entries_up_to: 6,
        ..ChatConfig::default()
    };
    let mut world = World::telling(1, config);
    let groups = json!({ "r:1": null });
    let (ann, _) = world.member(0, "user-ann", &groups);
    world.ticks(2);
    world.lines(ann);
    // Three in one tick, and a guest: two are told.
    for token in ["user-b", "user-c", "user-d", ""] {
        world.member(0, token, &groups);
    }
    world.ticks(2);
    let lines = world.lines(ann);
    let names: Vec<_> = of(&lines, "in")
        .iter()
        .map(|line| line["f"]["n"].clone())
        .collect();
    assert_eq!(names, ["B", "C"], "{lines:?}");
    assert_eq!(
        of(&lines, "skip"),
        Vec::<&Value>::new(),
        "who is not told of is no message"
    );
    // Another connection of the same user is nobody new, nor is who was here just now.
    let (again, _) = world.member(0, "user-b", &groups);
    world.slices[again.0].lost(again.1);
    world.ticks(2);
    assert!(of(&world.lines(ann), "in").is_empty());
    // Seven are more than six.
    world.member(0, "user-e", &groups);
    world.ticks(2);
    world.member(0, "user-f", &groups);
    world.ticks(2);
    let lines = world.lines(ann);
    let names: Vec<_> = of(&lines, "in")
        .iter()
        .map(|line| line["f"]["n"].clone())
        .collect();
    assert_eq!(names, ["E"], "{lines:?}");
    // It is no post: nobody finds it later.
    let history = world.ask(ann, &json!({ "i": 2, "c": "hist", "g": "r:1" }));
    assert_eq!(history["ok"]["ms"], json!([]));
    world.post("r:1", Lane::Lo, "chat", r#"{"m":"x"}"#);
    world.ticks(1);
    assert_eq!(of(&world.lines(ann), "m").len(), 1);
}

#[test]
fn an_answer_and_those_it_is_for_go_with_a_message_and_what_is_too_much_does_not() {
    let mut world = World::new(1, ChatConfig::default());
    let groups = json!({ "r:1": null });
    let (ann, _) = world.member(0, "user-ann", &groups);
    let (bob, _) = world.member(0, "user-bob", &groups);
    let publish = |d: Value| json!({ "i": 3, "c": "pub", "g": "r:1", "d": d });
    let first = world.ask(ann, &publish(json!({ "m": "hello" })));
    let id = first["ok"]["id"].clone();
    world.ask(
        bob,
        &publish(json!({ "m": "hello you", "re": id, "at": ["ann"] })),
    );
    world.ticks(1);
    let lines = world.lines(ann);
    let post = of(&lines, "m").pop().unwrap().clone();
    assert_eq!((&post["d"]["re"], &post["d"]["at"]), (&id, &json!(["ann"])));
    let many: Vec<_> = (0..11).map(|n| format!("u{n}")).collect();
    for bad in [
        json!({ "m": "x", "re": "no id" }),
        json!({ "m": "x", "at": many }),
        json!({ "m": "x", "at": [""] }),
        json!({ "m": "x", "at": ["a\u{202e}b"] }),
        json!({ "m": "x", "at": ["x".repeat(129)] }),
        json!({ "m": "x", "at": "ann" }),
    ] {
        let told = world.ask(bob, &publish(bad.clone()));
        assert_eq!(told["er"]["n"], Deny::BadRequest.number(), "{bad}");
    }
}
