//! The business behind the gateway: what it allows, changes and refuses, late, never and out of order.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use weir_chat::{Allowed, Business, ChatConfig, Denied, Deny, Inquiry, Matter, Saying, limits};

use crate::kit::{Key, World};

/// Keeps its questions until the test answers them.
#[derive(Default)]
struct Office {
    asked: Mutex<Vec<(Inquiry, Saying)>>,
    calls: Vec<Matter>,
}

impl Business for Office {
    fn wants(&self, call: Matter) -> bool {
        self.calls.contains(&call)
    }

    fn ask(&self, asked: Inquiry, saying: Saying) {
        self.asked.lock().push((asked, saying));
    }
}

impl Office {
    fn next(&self) -> (Inquiry, Saying) {
        let mut asked = self.asked.lock();
        assert!(!asked.is_empty(), "nothing was asked");
        asked.remove(0)
    }
}

fn world(calls: &[Matter]) -> (World, Arc<Office>) {
    let world = World::new(1, ChatConfig::default());
    let office = Arc::new(Office {
        calls: calls.to_vec(),
        ..Office::default()
    });
    world.house.serve_by(office.clone());
    (world, office)
}

fn publish(world: &mut World, key: Key, i: u64, text: &str) {
    let command = json!({ "i": i, "c": "pub", "g": "r:1", "d": { "m": text } });
    world.say(key, &command.to_string());
}

/// Numbers of the replies, in the order in which they came, and the refusal's number where it is one.
fn replies(world: &mut World, key: Key) -> Vec<(u64, Option<u64>)> {
    // One turn hears the business, the next one the bus.
    world.ticks(2);
    let lines = world.lines(key).into_iter();
    lines
        .filter_map(|line| Some((line["i"].as_u64()?, line["er"]["n"].as_u64())))
        .collect()
}

#[test]
fn a_members_words_wait_in_their_order_and_others_do_not_wait() {
    let (mut world, office) = world(&[Matter::Publish]);
    let (bob, _) = world.member(0, "user-bob", &json!({ "r:1": null }));
    let (eve, _) = world.member(0, "user-eve", &json!({ "r:1": null }));
    publish(&mut world, bob, 2, "one");
    world.say(bob, r#"{"i":3,"c":"who","g":"r:1"}"#);
    publish(&mut world, bob, 4, "two");
    assert_eq!(replies(&mut world, bob), []);
    world.say(eve, r#"{"i":2,"c":"who","g":"r:1"}"#);
    assert_eq!(replies(&mut world, eve), [(2, None)]);
    let (asked, say) = office.next();
    let what = (asked.user.as_str(), asked.standing, asked.body.as_str());
    assert_eq!(what, ("bob", "user", r#"{"m":"one"}"#));
    assert!(office.asked.lock().is_empty(), "two questions at once");
    say(Ok(Allowed {
        body: Some(r#"{"m":"o*e"}"#.into()),
        refused: Vec::new(),
    }));
    world.turn();
    let (_, say) = office.next();
    say(Err(Denied::because(Deny::BusinessSays, "no two")));
    world.ticks(2);
    let lines = world.lines(bob);
    let told = lines.iter().filter_map(|line| line["i"].as_u64());
    let posts: Vec<_> = told.filter(|i| *i != 3).collect();
    assert_eq!(posts, [2, 4]);
    assert!(lines.iter().any(|line| line["i"] == 3), "{lines:?}");
    let refused = lines.iter().find(|line| line["i"] == 4).unwrap();
    assert_eq!(
        (&refused["er"]["n"], &refused["er"]["m"]),
        (&json!(152), &json!("no two"))
    );
    let heard = world.lines(eve);
    let said: Vec<_> = heard.iter().filter(|line| line["p"] == "m").collect();
    assert_eq!((said.len(), &said[0]["d"]["m"]), (1, &json!("o*e")));
}

#[test]
fn a_question_that_nobody_answers_ends_and_its_late_answer_is_nobodys() {
    let (mut world, office) = world(&[Matter::Publish]);
    let (bob, _) = world.member(0, "user-bob", &json!({ "r:1": null }));
    publish(&mut world, bob, 2, "one");
    world.ticks(1);
    world.clock.advance_us(limits::BUSINESS_US);
    assert_eq!(replies(&mut world, bob), [(2, Some(151))]);
    let (_, late) = office.next();
    publish(&mut world, bob, 3, "one");
    late(Ok(Allowed::default()));
    assert_eq!(
        replies(&mut world, bob),
        [],
        "the late answer was taken for another"
    );
    // The refusal took nothing of pace and repetition: the very same words go out now.
    office.next().1(Ok(Allowed::default()));
    assert_eq!(replies(&mut world, bob), [(3, None)]);
    // A question that is dropped is one that nobody answers.
    publish(&mut world, bob, 4, "three");
    drop(office.next());
    world.clock.advance_us(limits::BUSINESS_US);
    assert_eq!(replies(&mut world, bob), [(4, Some(151))]);
    assert!(world.ended.is_empty());
}

#[test]
fn who_is_muted_while_the_business_thinks_is_muted() {
    let (mut world, office) = world(&[Matter::Publish]);
    let (ann, _) = world.member(0, "mod-ann", &json!({ "r:1": null }));
    let (bob, _) = world.member(0, "user-bob", &json!({ "r:1": null }));
    publish(&mut world, bob, 2, "one");
    let mute = json!({ "i": 2, "c": "rpc", "g": "r:1", "m": "mute", "d": { "u": "bob" } });
    assert!(world.ask(ann, &mute)["ok"].is_object());
    office.next().1(Ok(Allowed::default()));
    assert_eq!(replies(&mut world, bob), [(2, Some(201))]);
    // What the house refuses does not come to the business at all.
    publish(&mut world, bob, 3, "two");
    assert_eq!(replies(&mut world, bob), [(3, Some(201))]);
    assert!(office.asked.lock().is_empty());
}

#[test]
fn a_greeting_and_its_groups_are_the_businesss_to_allow_and_its_absence_closes_nothing() {
    let (mut world, office) = world(&[Matter::Connect, Matter::Join]);
    let key = world.arrive(0, weir_chat::Encoding::Json);
    let hello = json!({ "i": 1, "c": "hi", "tk": "user-bob", "g": { "r:1": null, "r:2": null } });
    world.say(key, &hello.to_string());
    let (asked, say) = office.next();
    assert_eq!((asked.call, asked.groups.len()), (Matter::Connect, 2));
    say(Err(Deny::BusinessAway.into()));
    assert_eq!(replies(&mut world, key), [(1, Some(150))]);
    world.say(key, &hello.to_string());
    office.next().1(Ok(Allowed {
        body: None,
        refused: vec!["r:2".into()],
    }));
    world.ticks(1);
    let lines = world.lines(key);
    let groups = &lines.iter().find(|line| line["i"] == 1).unwrap()["ok"]["g"];
    assert!(groups["r:1"]["h"].is_u64(), "{groups}");
    assert_eq!(groups["r:2"]["er"]["n"], 103, "{groups}");
    world.say(key, r#"{"i":2,"c":"join","g":"r:3"}"#);
    let (asked, say) = office.next();
    assert_eq!(
        (asked.call, asked.groups),
        (Matter::Join, vec!["r:3".to_owned()])
    );
    say(Err(Denied::because(Deny::Forbidden, "not you")));
    assert_eq!(replies(&mut world, key), [(2, Some(103))]);
    assert!(world.ended.is_empty());

    let other = world.arrive(0, weir_chat::Encoding::Json);
    world.say(other, r#"{"i":1,"c":"hi","tk":"user-eve"}"#);
    office.next().1(Err(Deny::BusinessSays.into()));
    assert_eq!(replies(&mut world, other), [(1, Some(152))]);
    assert!(world.ended.contains_key(&other), "who is not let in stays");
}

#[test]
fn calls_that_weir_does_not_know_are_the_businesss_to_answer() {
    let (mut world, office) = world(&[Matter::Rpc]);
    let (bob, _) = world.member(0, "user-bob", &json!({ "r:1": null }));
    world.say(bob, r#"{"i":2,"c":"rpc","m":"score","d":{"of":7}}"#);
    let (asked, say) = office.next();
    let what = (asked.kind.as_str(), asked.body.as_str(), asked.groups.len());
    assert_eq!(what, ("score", r#"{"of":7}"#, 0));
    say(Ok(Allowed {
        body: Some(r#"{"score":3}"#.into()),
        refused: Vec::new(),
    }));
    world.ticks(1);
    let lines: Vec<Value> = world.lines(bob);
    let told = lines.iter().find(|line| line["i"] == 2).unwrap();
    assert_eq!(told["ok"]["score"], 3);
    // Orders of moderators stay weir's own.
    let mute = json!({ "i": 3, "c": "rpc", "g": "r:1", "m": "mute", "d": { "u": "eve" } });
    assert_eq!(world.ask(bob, &mute)["er"]["n"], 103);
    assert!(office.asked.lock().is_empty());
}
