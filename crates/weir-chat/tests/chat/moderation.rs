//! What moderators do, and what everybody else may not.

use serde_json::{Value, json};
use weir_chat::{Bye, ChatConfig, Lane};

use crate::kit::{Key, Told, World};

fn room() -> (World, Key, Key) {
    let mut world = World::new(2, ChatConfig::default());
    let (ann, _) = world.member(0, "mod-ann", &json!({ "r:1": null }));
    let (bob, _) = world.member(1, "user-bob", &json!({ "r:1": null }));
    world.ticks(24);
    world.told(ann);
    world.told(bob);
    (world, ann, bob)
}

fn say(world: &mut World, key: Key, text: &str) -> Value {
    world.ask(
        key,
        &json!({ "i": 9, "c": "pub", "g": "r:1", "d": { "m": text } }),
    )
}

fn order(world: &mut World, key: Key, method: &str, body: &Value) -> Value {
    world.ask(
        key,
        &json!({ "i": 8, "c": "rpc", "g": "r:1", "m": method, "d": body }),
    )
}

#[test]
fn a_mute_holds_at_once_is_told_and_can_be_lifted() {
    let (mut world, ann, bob) = room();
    assert!(say(&mut world, bob, "one")["ok"]["id"].is_string());
    assert_eq!(
        order(&mut world, bob, "mute", &json!({ "u": "ann" }))["er"]["n"],
        103
    );
    let muted = order(
        &mut world,
        ann,
        "mute",
        &json!({ "u": "bob", "s": 60, "why": "noise" }),
    );
    assert!(muted["ok"]["until"].is_i64(), "{muted}");
    let refused = say(&mut world, bob, "two");
    assert_eq!(refused["er"]["n"], 201);
    assert!(refused["er"]["r"].as_i64().unwrap() > 50_000);
    world.ticks(2);
    let told = world.lines(bob);
    let told = told.iter().find(|line| line["p"] == "st").unwrap();
    assert_eq!(
        (&told["g"], &told["d"]["muted"], &told["d"]["why"]),
        (&json!("u:bob"), &json!("r:1"), &json!("noise"))
    );
    order(&mut world, ann, "unmute", &json!({ "u": "bob" }));
    assert!(say(&mut world, bob, "three")["ok"]["id"].is_string());
    order(&mut world, ann, "mute", &json!({ "u": "bob", "s": 2 }));
    assert_eq!(say(&mut world, bob, "four")["er"]["n"], 201);
    world.seconds(2);
    assert!(say(&mut world, bob, "five")["ok"]["id"].is_string());
}

#[test]
fn who_is_banned_from_a_room_is_out_of_it_and_its_words_are_gone() {
    let (mut world, ann, bob) = room();
    say(&mut world, bob, "spam");
    order(&mut world, ann, "ban", &json!({ "u": "bob" }));
    world.ticks(2);
    let told = world.lines(bob);
    assert!(
        told.iter()
            .any(|line| line["p"] == "bye" && line["g"] == "r:1" && line["n"] == 3507),
        "{told:?}"
    );
    let told = world.lines(ann);
    assert!(
        told.iter()
            .any(|line| line["p"] == "clr" && line["u"] == "bob"),
        "{told:?}"
    );
    assert_eq!(say(&mut world, bob, "again")["er"]["n"], 103);
    let back = world.ask(bob, &json!({ "i": 3, "c": "join", "g": "r:1" }));
    assert_eq!(back["er"]["n"], 202);
    let page = world.ask(ann, &json!({ "i": 4, "c": "hist", "g": "r:1" }));
    assert_eq!(page["ok"]["ms"], json!([]));
    // Also for who comes back by a place that it remembers.
    let (_, hello) = world.member(0, "user-bob", &json!({ "r:1": { "o": 0, "e": "x" } }));
    assert_eq!(hello["ok"]["g"]["r:1"]["er"]["n"], 202);
}

#[test]
fn who_is_banned_everywhere_is_let_go_and_not_let_in() {
    let (mut world, ann, bob) = room();
    let ban = json!({ "i": 8, "c": "rpc", "g": "r:0", "m": "ban", "d": { "u": "bob", "s": 60 } });
    world.ask(ann, &ban);
    world.ticks(1);
    assert_eq!(world.ended[&bob], Bye::Banned);
    assert_eq!(world.told(bob).last(), Some(&Told::Close(3507)));
    let again = world.arrive(0, weir_chat::Encoding::Json);
    world.say(again, r#"{"i":1,"c":"hi","tk":"user-bob"}"#);
    world.turn();
    assert_eq!(world.lines(again)[0]["er"]["n"], 202);
    assert_eq!(world.ended[&again], Bye::Banned);
}

#[test]
fn what_was_deleted_does_not_come_back_with_who_comes_back() {
    let (mut world, ann, bob) = room();
    let first = world.ask(
        ann,
        &json!({ "i": 2, "c": "pub", "g": "r:1", "k": "notice", "d": { "m": "secret" } }),
    );
    let id = first["ok"]["id"].clone();
    let spoken = say(&mut world, bob, "mine");
    // One's own may be taken back by anybody, another's by moderators.
    assert_eq!(
        order(&mut world, bob, "delete", &json!({ "id": id }))["er"]["n"],
        103
    );
    assert_eq!(
        order(
            &mut world,
            bob,
            "delete",
            &json!({ "id": spoken["ok"]["id"] })
        )["ok"],
        json!({})
    );
    assert_eq!(
        order(&mut world, ann, "delete", &json!({ "id": id }))["ok"],
        json!({})
    );
    world.ticks(2);
    let name = weir_chat::GroupName::new("r:1").unwrap();
    let epoch = world.house.find(&name).unwrap().epoch().to_string();
    let (_, hello) = world.member(0, "user-cay", &json!({ "r:1": { "o": 0, "e": epoch } }));
    let room = &hello["ok"]["g"]["r:1"];
    assert_eq!(room["rec"], true);
    let missed = room["ms"].as_array().unwrap();
    assert!(missed.iter().all(|line| line["p"] == "del"), "{missed:?}");
    let offsets: Vec<_> = missed
        .iter()
        .map(|line| line["o"].as_u64().unwrap())
        .collect();
    assert_eq!(offsets, [1, 2, 3], "no hole where it was");
    let told = world.lines(bob);
    assert!(
        told.iter()
            .any(|line| line["p"] == "del" && line["id"] == id),
        "{told:?}"
    );
}

#[test]
fn a_room_is_slowed_closed_and_kept_to_emotes() {
    let (mut world, ann, bob) = room();
    let mode = |world: &mut World, body: Value| order(world, ann, "mode", &body)["ok"].clone();
    assert_eq!(mode(&mut world, json!({ "slow": 30 })), json!({}));
    assert!(say(&mut world, bob, "one")["ok"]["id"].is_string());
    let refused = say(&mut world, bob, "two");
    assert_eq!(
        (&refused["er"]["n"], &refused["er"]["tmp"]),
        (&json!(203), &json!(true))
    );
    assert!((29_000..=30_001).contains(&refused["er"]["r"].as_i64().unwrap()));
    assert!(say(&mut world, ann, "moderators are free")["ok"]["id"].is_string());
    mode(&mut world, json!({ "slow": 0, "emote": 1 }));
    assert_eq!(say(&mut world, bob, "words")["er"]["n"], 206);
    assert!(say(&mut world, bob, ":wave:")["ok"]["id"].is_string());
    mode(&mut world, json!({ "emote": 0, "closed": 1 }));
    assert_eq!(say(&mut world, bob, "words")["er"]["n"], 211);
    assert_eq!(mode(&mut world, json!({ "slow": 99_999 })), Value::Null);
    assert_eq!(mode(&mut world, json!({})), Value::Null);
    world.ticks(2);
    let told = world.lines(bob);
    let last = told.iter().rfind(|line| line["p"] == "st").unwrap();
    assert_eq!(last["d"], json!({ "slow": 0, "emote": 0, "closed": 1 }));
    let (_, hello) = world.member(0, "user-cay", &json!({ "r:1": null }));
    assert_eq!(hello["ok"]["g"]["r:1"]["st"]["closed"], 1);
}

#[test]
fn the_same_words_again_and_too_many_of_them_are_refused() {
    let (mut world, _, bob) = room();
    assert!(say(&mut world, bob, "Buy  THIS")["ok"]["id"].is_string());
    assert_eq!(say(&mut world, bob, "buy this")["er"]["n"], 207);
    let mut refused = Vec::new();
    for n in 0..8 {
        let told = say(&mut world, bob, &format!("word {n}"));
        refused.extend(told["er"]["n"].as_u64());
    }
    assert!(
        !refused.is_empty() && refused.iter().all(|n| *n == 111),
        "{refused:?}"
    );
    assert_eq!(say(&mut world, bob, &"x".repeat(501))["er"]["n"], 208);
}

#[test]
fn what_is_pinned_is_there_for_who_comes_later() {
    let (mut world, ann, bob) = room();
    let spoken = say(&mut world, bob, "wise words");
    let id = spoken["ok"]["id"].clone();
    assert_eq!(
        order(&mut world, ann, "pin", &json!({ "id": id }))["ok"],
        json!({})
    );
    world.ticks(2);
    let told = world.lines(bob);
    let pin = told.iter().find(|line| line["p"] == "pin").unwrap();
    assert_eq!(pin["post"]["d"], json!({ "m": "wise words" }));
    let (cay, hello) = world.member(0, "user-cay", &json!({ "r:1": null }));
    assert_eq!(hello["ok"]["g"]["r:1"]["pin"]["id"], id);
    order(&mut world, ann, "delete", &json!({ "id": id }));
    world.post("r:1", Lane::Lo, "chat", "1");
    world.slices[0].lost(cay.1);
    let (_, hello) = world.member(0, "user-cay", &json!({ "r:1": null }));
    assert!(hello["ok"]["g"]["r:1"]["pin"].is_null());
}
