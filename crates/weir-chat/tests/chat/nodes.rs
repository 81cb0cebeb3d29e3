//! What moderators do on one gateway holds on all of them, who is where is counted over all of them, and a gateway hears
//! what its members hear.

use serde_json::{Value, json};
use weir_chat::{ChatConfig, Lane};

use crate::net::Net;

/// Steps of a second.
const SECOND: usize = 100;

/// Three gateways; Ann, a moderator, on the first, Bob on the second.
fn three() -> (Net, usize, usize) {
    let mut net = Net::new(3, &ChatConfig::default(), 7);
    net.steps(SECOND);
    let ann = net.member(0, "mod-ann", &json!({ "r:1": null }));
    let bob = net.member(1, "user-bob", &json!({ "r:1": null }));
    net.steps(SECOND);
    net.lines(0, ann);
    net.lines(1, bob);
    (net, ann, bob)
}

fn say(net: &mut Net, node: usize, key: usize, text: &str) -> Value {
    let said = json!({ "i": 9, "c": "pub", "g": "r:1", "d": { "m": text } });
    net.ask(node, key, &said)
}

fn order(net: &mut Net, key: usize, group: &str, method: &str, body: &Value) -> Value {
    let said = json!({ "i": 8, "c": "rpc", "g": group, "m": method, "d": body });
    let told = net.ask(0, key, &said);
    assert!(told["ok"].is_object(), "{told}");
    told
}

/// What a newcomer on a node is told of the room.
fn hello(net: &mut Net, node: usize, token: &str) -> (usize, Value) {
    let key = net.member(node, token, &json!({ "r:1": null }));
    for _ in 0..3 * SECOND {
        net.step();
        let lines = net.lines(node, key);
        if let Some(line) = lines.into_iter().find(|line| line["i"] == 1) {
            return (key, line);
        }
    }
    panic!("no greeting");
}

#[test]
fn what_a_moderator_does_holds_on_all_gateways_within_a_second_and_on_those_that_come_later() {
    let (mut net, ann, bob) = three();
    order(
        &mut net,
        ann,
        "r:1",
        "mute",
        &json!({ "u": "bob", "s": 60, "why": "noise" }),
    );
    net.steps(SECOND);
    assert_eq!(say(&mut net, 1, bob, "one")["er"]["n"], 201);
    order(&mut net, ann, "r:1", "unmute", &json!({ "u": "bob" }));
    net.steps(SECOND);
    let spoken = say(&mut net, 1, bob, "two");
    let id = spoken["ok"]["id"].clone();
    assert!(id.is_string(), "{spoken}");
    net.steps(SECOND);
    // Bob's words came to Ann's gateway, and can be pinned there.
    order(&mut net, ann, "r:1", "pin", &json!({ "id": id }));
    order(&mut net, ann, "r:1", "mode", &json!({ "slow": 30 }));
    net.steps(SECOND);
    let told = net.lines(1, bob);
    let words: Vec<_> = told.iter().filter_map(|line| line["p"].as_str()).collect();
    assert!(words.contains(&"st") && words.contains(&"pin"), "{words:?}");
    let (_, late) = hello(&mut net, 2, "user-cay");
    let room = &late["ok"]["g"]["r:1"];
    assert_eq!((&room["st"]["slow"], &room["pin"]["id"]), (&json!(30), &id));
    assert_eq!(say(&mut net, 1, bob, "three")["er"]["n"], 203);
    order(&mut net, ann, "r:1", "delete", &json!({ "id": id }));
    net.steps(SECOND);
    let (_, late) = hello(&mut net, 2, "user-dan");
    assert!(late["ok"]["g"]["r:1"]["pin"].is_null(), "{late}");
    order(&mut net, ann, "r:1", "ban", &json!({ "u": "bob" }));
    net.steps(SECOND);
    let told = net.lines(1, bob);
    let is_out = |line: &Value| line["p"] == "bye" && line["g"] == "r:1" && line["n"] == 3507;
    assert!(told.iter().any(is_out), "{told:?}");
    let (_, back) = hello(&mut net, 2, "user-bob");
    assert_eq!(back["ok"]["g"]["r:1"]["er"]["n"], 202);
}

/// Shows R78.
#[test]
fn who_is_banned_everywhere_is_let_go_everywhere_also_by_a_gateway_that_was_cut_off() {
    let (mut net, ann, bob) = three();
    net.nodes[1].is_cut = true;
    net.steps(SECOND);
    order(
        &mut net,
        ann,
        "r:0",
        "ban",
        &json!({ "u": "bob", "s": 600 }),
    );
    net.steps(SECOND);
    assert!(
        say(&mut net, 1, bob, "still here")["ok"]["id"].is_string(),
        "nobody knows there"
    );
    net.nodes[1].is_cut = false;
    net.steps(2 * SECOND);
    let told = net.told(1, bob);
    assert!(told.contains(&crate::kit::Told::Close(3507)), "{told:?}");
    // And where he was never.
    let (_, back) = hello(&mut net, 2, "user-bob");
    assert_eq!(back["er"]["n"], 202);
    // Only who is there is let go by a kick.
    let (cay, _) = hello(&mut net, 1, "user-cay");
    order(&mut net, ann, "r:0", "kick", &json!({ "u": "cay" }));
    net.steps(SECOND);
    assert!(net.told(1, cay).contains(&crate::kit::Told::Close(3503)));
    net.steps(11 * SECOND);
    let (_, back) = hello(&mut net, 1, "user-cay");
    assert!(back["ok"].is_object());
}

#[test]
fn a_token_that_is_revoked_is_good_nowhere_within_a_second() {
    let (mut net, ann, bob) = three();
    weir_chat::desk::void(&net.nodes[2].house, "bob");
    net.steps(SECOND);
    assert!(net.told(1, bob).contains(&crate::kit::Told::Close(3005)));
    assert!(
        net.told(0, ann)
            .iter()
            .all(|told| *told != crate::kit::Told::Close(3005))
    );
    for node in 0..3 {
        let (_, back) = hello(&mut net, node, "user-bob");
        assert_eq!(back["er"]["n"], 109, "{node}: {back}");
    }
}

#[test]
fn who_is_there_is_counted_over_all_gateways_and_those_that_die_fall_out() {
    let (mut net, ann, _) = three();
    net.steps(10 * SECOND);
    for node in 0..3 {
        net.nodes[node].house.sweep();
    }
    net.steps(SECOND);
    let told = net.lines(0, ann);
    let online = told
        .iter()
        .rfind(|line| line["p"] == "on" && line["g"] == "r:1");
    assert_eq!(online.unwrap()["n"], 2, "{told:?}");
    net.nodes[1].is_cut = true;
    net.steps(16 * SECOND);
    let who = net.ask(0, ann, &json!({ "i": 5, "c": "who", "g": "r:1" }));
    assert_eq!(who["ok"]["n"], 1, "{who}");
    assert_eq!(who["ok"]["us"][0]["u"], "ann");
}

/// Shows R90.
#[test]
fn without_redis_a_room_chats_on_each_gateway_and_what_needs_a_place_is_refused_in_time() {
    let (mut net, ann, bob) = three();
    net.is_down = true;
    net.steps(SECOND);
    assert!(say(&mut net, 1, bob, "hello?")["ok"]["id"].is_string());
    let notice = json!({ "i": 4, "c": "pub", "g": "r:1", "k": "notice", "d": { "m": "x" } });
    net.say(0, ann, &notice);
    net.steps(6 * SECOND);
    let told = net.lines(0, ann);
    let told = told.iter().find(|line| line["i"] == 4).unwrap();
    assert_eq!(
        (&told["er"]["n"], &told["er"]["tmp"]),
        (&json!(108), &json!(true))
    );
    // A room that nobody here was in is entered with what is known: nothing.
    let (cay, late) = hello(&mut net, 2, "user-cay");
    let provisional = late["ok"]["g"]["r:1"]["e"].clone();
    net.is_down = false;
    net.steps(3 * SECOND);
    let told = net.lines(2, cay);
    let renumbered = told
        .iter()
        .find(|line| line["p"] == "ep" && line["g"] == "r:1");
    assert_ne!(renumbered.unwrap()["e"], provisional);
    net.say(0, ann, &notice);
    net.steps(SECOND);
    for (node, key) in [(0, ann), (1, bob), (2, cay)] {
        let told = net.lines(node, key);
        assert!(
            told.iter()
                .any(|line| line["k"] == "notice" && line["o"] == 1),
            "{told:?}"
        );
    }
}

/// Shows R90.
#[test]
fn a_gateway_hears_the_groups_of_its_members_and_no_others() {
    let (mut net, ann, _) = three();
    assert_eq!(net.nodes[2].relay.heard_groups(), 0, "nobody is there");
    for room in 0..200 {
        net.post(0, &format!("r:many/{room}"), (Lane::Hi, "1", None), |_| ());
    }
    net.steps(2 * SECOND);
    // r:0, r:1 and Ann's own.
    assert_eq!(
        net.nodes[0].relay.heard_groups(),
        3,
        "to post is not to hear"
    );
    assert_eq!(net.listened, 6);
    net.nodes[0].slice.lost(ann);
    net.steps(40 * SECOND);
    assert_eq!(
        net.nodes[0].relay.heard_groups(),
        1,
        "everybody's is heard on"
    );
}
