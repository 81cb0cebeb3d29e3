//! Rooms: who gets what, when, and what is there for who comes back.

use serde_json::{Value, json};
use weir_chat::wire::PushKind;
use weir_chat::{Bye, ChatConfig, Encoding, Guests, Lane, limits};

use crate::kit::{Told, World};

fn world() -> World {
    World::new(2, ChatConfig::default())
}

/// Shows R77.
#[test]
fn a_message_in_a_quiet_room_reaches_every_loop_at_once() {
    let mut world = world();
    let (ann, hello) = world.member(0, "user-ann", &json!({ "r:1": null }));
    let (bob, _) = world.member(1, "user-bob", &json!({ "r:1": null }));
    assert_eq!(hello["ok"]["u"], json!({ "u": "ann", "n": "ANN" }));
    assert_eq!(hello["ok"]["g"]["r:1"]["n"], 1);
    assert!(hello["ok"]["g"]["u:ann"]["e"].is_string(), "{hello}");
    world.ticks(40);
    world.told(bob);
    world.say(ann, r#"{"c":"pub","g":"r:1","d":{"m":"hello"}}"#);
    // No time goes by.
    world.turn();
    let lines = world.lines(bob);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["p"], "m");
    assert_eq!(lines[0]["f"], json!({ "u": "ann", "n": "ANN" }));
    assert_eq!(lines[0]["d"], json!({ "m": "hello" }));
    assert!(lines[0]["o"].is_null() && lines[0]["t"].is_i64());
}

#[test]
fn a_busy_connection_has_one_write_a_tick_whatever_the_number_of_rooms_and_posts() {
    let mut world = world();
    let (ann, _) = world.member(0, "user-ann", &json!({ "r:1": null, "r:2": null }));
    world.ticks(40);
    let before = world.pipe(ann).writes;
    for n in 0..12 * 20 {
        let (room, lane) = (["r:1", "r:2"][n % 2], Lane::ALL[n / 2 % 2]);
        world.post(room, lane, "x", &n.to_string());
        world.clock.advance_us(limits::TICK_US / 20);
        world.turn();
    }
    world.ticks(2);
    let writes = world.pipe(ann).writes - before;
    assert!(
        (12..=15).contains(&writes),
        "{writes} writes in twelve ticks"
    );
    let posts = world
        .lines(ann)
        .iter()
        .filter(|line| line["p"] == "m")
        .count();
    assert_eq!(posts, 240);
}

/// Shows R82.
#[test]
fn who_comes_back_gets_what_the_hi_lane_had_meanwhile_and_never_a_part_of_it() {
    let config = ChatConfig {
        history_posts: 5,
        ..ChatConfig::default()
    };
    let mut world = World::new(2, config);
    let (ann, hello) = world.member(0, "user-ann", &json!({ "r:1": null }));
    let at = &hello["ok"]["g"]["r:1"];
    let place = json!({ "r:1": { "o": at["o"], "e": at["e"] } });
    world.slices[0].lost(ann.1);
    for n in 0..5 {
        world.post("r:1", Lane::Hi, "gift", &n.to_string());
        world.post("r:1", Lane::Lo, "chat", &n.to_string());
    }
    world.ticks(1);
    let (bob, _) = world.member(1, "user-bob", &json!({ "r:1": null }));
    world.ticks(2);
    let (_, hello) = world.member(1, "user-ann", &place);
    let room = &hello["ok"]["g"]["r:1"];
    assert_eq!(room["rec"], true, "{room}");
    let missed: Vec<_> = room["ms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["o"].as_u64().unwrap())
        .collect();
    assert_eq!(missed, [1, 2, 3, 4, 5]);
    world.post("r:1", Lane::Hi, "gift", "5");
    world.ticks(2);
    let (_, hello) = world.member(0, "user-ann", &place);
    let room = &hello["ok"]["g"]["r:1"];
    assert_eq!((&room["rec"], &room["ms"]), (&json!(false), &Value::Null));
    let (_, hello) = world.member(0, "user-cay", &json!({ "r:1": { "o": 3, "e": "another" } }));
    assert_eq!(hello["ok"]["g"]["r:1"]["rec"], false);
    let page = world.ask(bob, &json!({ "i": 5, "c": "hist", "g": "r:1", "since": 3 }));
    assert_eq!(page["ok"]["ms"].as_array().unwrap().len(), 3);
    let page = world.ask(bob, &json!({ "i": 6, "c": "hist", "g": "r:1", "since": 0 }));
    assert_eq!(page["er"]["n"], 112);
}

#[test]
fn posts_that_were_placed_before_somebody_came_and_go_out_after_come_once() {
    let mut world = world();
    let (_, _) = world.member(0, "user-ann", &json!({ "r:1": null }));
    world.ticks(20);
    for n in 0..3 {
        world.post("r:1", Lane::Hi, "gift", &n.to_string());
        world.turn();
    }
    // Two of them wait for the tick.
    let epoch = world_epoch(&world);
    let (bob, hello) = world.member(1, "user-bob", &json!({ "r:1": { "o": 0, "e": epoch } }));
    let missed = hello["ok"]["g"]["r:1"]["ms"].as_array().map_or(0, Vec::len);
    world.ticks(3);
    let live: Vec<_> = world
        .lines(bob)
        .iter()
        .filter_map(|line| line["o"].as_u64())
        .collect();
    assert_eq!(missed + live.len(), 3, "{missed} {live:?}");
}

fn world_epoch(world: &World) -> String {
    let name = weir_chat::GroupName::new("r:1").unwrap();
    world.house.find(&name).unwrap().epoch().to_string()
}

#[test]
fn the_same_name_is_the_same_post() {
    let mut world = world();
    let (ann, _) = world.member(0, "mod-ann", &json!({ "r:1": null }));
    let post =
        json!({ "i": 2, "c": "pub", "g": "r:1", "k": "notice", "d": { "m": "hi" }, "x": "once" });
    let first = world.ask(ann, &post);
    let again = world.ask(ann, &post);
    assert_eq!(first["ok"]["o"], 1);
    assert_eq!(
        (&again["ok"]["id"], &again["ok"]["again"]),
        (&first["ok"]["id"], &json!(true))
    );
    world.ticks(2);
    let posts = world
        .lines(ann)
        .iter()
        .filter(|line| line["p"] == "m")
        .count();
    assert_eq!(posts, 1);
    // Another's name is another's.
    let (bob, _) = world.member(0, "mod-bob", &json!({ "r:1": null }));
    assert_eq!(world.ask(bob, &post)["ok"]["o"], 2);
}

#[test]
fn a_record_says_what_a_line_says() {
    let mut world = world();
    let (ann, _) = world.member(0, "user-ann", &json!({ "r:1": null }));
    let (bob, hello) = world.member_of(1, Encoding::Binary, "user-bob", &json!({ "r:1": null }));
    let handle = u32::try_from(hello["ok"]["g"]["r:1"]["h"].as_u64().unwrap()).unwrap();
    world.ticks(20);
    world.told(ann);
    world.told(bob);
    for n in 0..3 {
        world.post("r:1", Lane::Hi, "gift", &n.to_string());
        world.post("r:1", Lane::Lo, "chat", &n.to_string());
    }
    world.ticks(2);
    let (mut offset, mut records) = (0, Vec::new());
    for told in world.told(bob) {
        let Told::Record(kind, is_hi, of, step, mut body) = told else {
            panic!("{told:?}");
        };
        let kind = PushKind::from_number(kind).unwrap();
        assert_eq!(of, handle);
        body["p"] = kind.word().into();
        body["g"] = "r:1".into();
        if is_hi {
            offset += step;
            body["l"] = 1.into();
            body["o"] = offset.into();
        }
        records.push(body);
    }
    assert_eq!(records, world.lines(ann));
    assert_eq!(records.len(), 6);
    // Text on such a connection is another language.
    world.slices[1].hear(bob.1, weir_chat::Said::Text("{}"));
    world.turn();
    assert_eq!(world.ended[&bob], Bye::BadRequest);
}

#[test]
fn whoever_says_nothing_or_another_language_first_is_let_go() {
    let mut world = world();
    let silent = world.arrive(0, Encoding::Json);
    let early = world.arrive(0, Encoding::Json);
    let garbage = world.arrive(0, Encoding::Json);
    let records = world.arrive(0, Encoding::Binary);
    world.say(early, r#"{"i":1,"c":"pub","g":"r:1","d":{"m":"x"}}"#);
    world.say(garbage, "GET / HTTP/1.1");
    world.slices[0].hear(records.1, weir_chat::Said::Binary(&[1, 2, 3]));
    world.turn();
    assert_eq!(world.ended[&early], Bye::BadRequest);
    let told = world.told(early);
    let Some(Told::Line(refused)) = told.first() else {
        panic!("{told:?}");
    };
    assert_eq!(refused["er"]["n"], 101);
    assert_eq!(told.last(), Some(&Told::Close(3501)));
    assert_eq!(world.ended[&garbage], Bye::BadRequest);
    assert_eq!(world.ended[&records], Bye::BadRequest);
    assert!(!world.ended.contains_key(&silent));
    world.seconds(6);
    assert_eq!(world.ended[&silent], Bye::Stale);
}

#[test]
fn a_token_says_who_it_is_and_a_bad_one_is_the_end() {
    let mut world = world();
    for (token, number, bye) in [("forged", 101, Bye::BadToken), ("old", 109, Bye::Expired)] {
        let key = world.arrive(0, Encoding::Json);
        world.say(key, &json!({ "i": 1, "c": "hi", "tk": token }).to_string());
        world.turn();
        let told = world.lines(key);
        assert_eq!(told[0]["er"]["n"], number);
        assert_eq!(world.ended[&key], bye);
    }
    let (ann, _) = world.member(0, "user-ann", &json!({}));
    assert_eq!(
        world.ask(ann, &json!({ "i": 2, "c": "refresh", "tk": "user-ann" }))["ok"]["ttl"],
        0
    );
    world.say(ann, r#"{"i":3,"c":"refresh","tk":"user-bob"}"#);
    world.turn();
    assert_eq!(world.ended[&ann], Bye::BadToken);
}

#[test]
fn guests_read_write_or_stay_out_as_the_settings_say() {
    for (guests, may_read, refusal) in [
        (Guests::None, false, 101),
        (Guests::Read, true, 101),
        (Guests::Write, true, 0),
    ] {
        let mut world = World::new(
            1,
            ChatConfig {
                guests,
                ..ChatConfig::default()
            },
        );
        let key = world.arrive(0, Encoding::Json);
        world.say(key, r#"{"i":1,"c":"hi","g":{"r:1":null}}"#);
        world.turn();
        assert_eq!(!world.ended.contains_key(&key), may_read, "{guests:?}");
        if may_read {
            world.ticks(2);
            let said = world.ask(
                key,
                &json!({ "i": 2, "c": "pub", "g": "r:1", "d": { "m": "x" } }),
            );
            assert_eq!(said["er"]["n"].as_u64().unwrap_or(0), refusal, "{guests:?}");
        }
    }
}

#[test]
fn nobody_is_in_anothers_own_group_or_writes_where_it_is_not() {
    let mut world = world();
    let (ann, _) = world.member(0, "user-ann", &json!({}));
    let number = |told: &Value| told["er"]["n"].as_u64();
    let join = world.ask(ann, &json!({ "i": 2, "c": "join", "g": "u:bob" }));
    assert_eq!(number(&join), Some(103));
    let post = world.ask(
        ann,
        &json!({ "i": 3, "c": "pub", "g": "r:1", "d": { "m": "x" } }),
    );
    assert_eq!(number(&post), Some(103));
    let post = world.ask(
        ann,
        &json!({ "i": 4, "c": "pub", "g": "r:0", "d": { "m": "x" } }),
    );
    assert_eq!(number(&post), Some(103));
    let join = world.ask(ann, &json!({ "i": 5, "c": "join", "g": "r:0" }));
    assert_eq!(number(&join), Some(105));
    let join = world.ask(ann, &json!({ "i": 6, "c": "join", "g": "q:1" }));
    assert_eq!(number(&join), Some(102));
    world.ticks(12);
    let join = world.ask(ann, &json!({ "i": 7, "c": "join", "g": "r:1" }));
    assert!(join["ok"]["h"].is_u64(), "{join}");
    assert_eq!(
        world.ask(ann, &json!({ "i": 8, "c": "leave", "g": "r:1" }))["ok"],
        json!({})
    );
    let post = world.ask(
        ann,
        &json!({ "i": 9, "c": "pub", "g": "r:1", "d": { "m": "x" } }),
    );
    assert_eq!(number(&post), Some(103));
}

/// Shows R82.
#[test]
fn a_post_that_wants_a_receipt_comes_again_until_it_has_one() {
    let mut world = world();
    let (ann, hello) = world.member(0, "user-ann", &json!({}));
    let ordered = weir_chat::desk::Ordered {
        wanted: weir_chat::desk::Wanted {
            kind: "order",
            body: "7",
            once: None,
        },
        lane: None,
        from: None,
        wants_receipt: true,
    };
    let own = weir_chat::GroupName::new("u:ann").unwrap();
    weir_chat::desk::publish_ordered(&world.house, &own, &ordered, Box::new(drop)).unwrap();
    world.ticks(2);
    let live = world.lines(ann);
    assert_eq!((&live[0]["rc"], &live[0]["o"]), (&json!(1), &json!(1)));
    let epoch = &hello["ok"]["g"]["u:ann"]["e"];
    let all = json!({ "u:ann": { "o": 1, "e": epoch } });
    // It has come, but nobody has said so.
    let (ann, hello) = world.member(1, "user-ann", &all);
    assert_eq!(hello["ok"]["g"]["u:ann"]["ms"][0]["o"], 1);
    assert_eq!(
        world.ask(ann, &json!({ "i": 2, "c": "ack", "g": "u:ann", "o": 1 }))["ok"],
        json!({})
    );
    let (_, hello) = world.member(0, "user-ann", &all);
    assert!(hello["ok"]["g"]["u:ann"]["ms"].is_null(), "{hello}");
}

#[test]
fn how_many_are_there_is_told_and_who_while_they_are_few() {
    let mut world = world();
    let (ann, _) = world.member(0, "user-ann", &json!({ "r:1": null }));
    let (bob, _) = world.member(1, "user-bob", &json!({ "r:1": null }));
    world.seconds(4);
    world.seconds(1);
    let told = world.lines(ann);
    let counts: Vec<_> = told
        .iter()
        .filter(|line| line["p"] == "on" && line["g"] == "r:1")
        .collect();
    assert_eq!(counts.last().unwrap()["n"], 2, "{told:?}");
    let who = world.ask(ann, &json!({ "i": 2, "c": "who", "g": "r:1" }));
    assert_eq!(
        who["ok"]["us"],
        json!([{ "u": "ann", "n": "ANN" }, { "u": "bob", "n": "BOB" }])
    );
    world.slices[1].lost(bob.1);
    world.seconds(4);
    world.seconds(1);
    let told = world.lines(ann);
    let counts: Vec<_> = told
        .iter()
        .filter(|line| line["p"] == "on" && line["g"] == "r:1")
        .collect();
    assert_eq!(counts.last().unwrap()["n"], 1, "{told:?}");
}

/// Shows R78, R79, R80, R81.
#[test]
fn a_post_reaches_everybody_or_one_user_wherever_it_is_or_who_is_in_a_room_by_request() {
    let mut world = world();
    let (phone, _) = world.member(0, "user-ann", &json!({ "r:1": null, "r:2": null }));
    let (tablet, _) = world.member(1, "user-ann", &json!({}));
    let (bob, _) = world.member(1, "user-bob", &json!({}));
    let join = world.ask(bob, &json!({ "i": 2, "c": "join", "g": "r:2" }));
    assert!(join["ok"]["h"].is_u64());
    world.ask(phone, &json!({ "i": 2, "c": "leave", "g": "r:1" }));
    world.ticks(24);
    for key in [phone, tablet, bob] {
        world.told(key);
    }
    for group in ["r:0", "u:ann", "r:1", "r:2"] {
        world.post(group, Lane::Hi, "notice", &Value::from(group).to_string());
    }
    world.ticks(2);
    let mut heard = |key| {
        let lines = world.lines(key);
        let groups = lines.iter().filter(|line| line["p"] == "m");
        groups
            .map(|line| line["d"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(heard(phone), ["r:0", "u:ann", "r:2"]);
    assert_eq!(heard(tablet), ["r:0", "u:ann"]);
    assert_eq!(heard(bob), ["r:0", "r:2"]);
}
