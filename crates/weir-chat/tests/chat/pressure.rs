//! Too much: for a socket, for a room, from a client.

use serde_json::{Value, json};
use weir_chat::{Bye, ChatConfig, Lane, limits};

use crate::kit::{Told, World};

fn skips(lines: &[Value]) -> u64 {
    let skips = lines.iter().filter(|line| line["p"] == "skip");
    skips.map(|line| line["n"].as_u64().unwrap()).sum()
}

fn posts(lines: &[Value], lane: Lane) -> usize {
    let is_hi = lane == Lane::Hi;
    let of_lane = |line: &&Value| line["p"] == "m" && (line["l"] == 1) == is_hi;
    lines.iter().filter(of_lane).count()
}

/// Shows R82, R86.
#[test]
fn a_socket_that_takes_nothing_loses_chat_is_told_how_much_and_loses_no_gift() {
    let mut world = World::new(1, ChatConfig::default());
    let (ann, _) = world.member(0, "user-ann", &json!({ "r:1": null }));
    world.ticks(40);
    world.told(ann);
    world.pipe(ann).room = Some(100);
    for n in 0..60 {
        world.post("r:1", Lane::Hi, "gift", &n.to_string());
        for m in 0..5 {
            world.post("r:1", Lane::Lo, "chat", &format!("\"{n}.{m}\""));
        }
        world.ticks(1);
    }
    world.unblock(ann);
    world.ticks(2);
    let lines = world.lines(ann);
    assert_eq!(posts(&lines, Lane::Hi), 60);
    let offsets: Vec<_> = lines.iter().filter_map(|line| line["o"].as_u64()).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
    let (got, skipped) = (posts(&lines, Lane::Lo) as u64, skips(&lines));
    assert_eq!(got + skipped, 300);
    assert!(skipped > 200, "{skipped}");
    assert_eq!(world.house.tally.skipped.get(), skipped);
}

#[test]
fn a_socket_that_takes_nothing_for_long_is_closed_and_nobody_else_waits_for_it() {
    let mut world = World::new(1, ChatConfig::default());
    let (ann, _) = world.member(0, "user-ann", &json!({ "r:1": null }));
    let (bob, _) = world.member(0, "user-bob", &json!({ "r:1": null }));
    world.ticks(40);
    world.told(bob);
    world.pipe(ann).room = Some(0);
    for n in 0..20 * 12 {
        world.post("r:1", Lane::Hi, "gift", &n.to_string());
        world.ticks(1);
        let lines = world.lines(bob);
        assert_eq!(posts(&lines, Lane::Hi), 1, "at tick {n}");
        if world.ended.contains_key(&ann) {
            assert!(n > 14 * 12, "closed at tick {n}");
        }
    }
    assert_eq!(world.ended[&ann], Bye::Slow);
}

#[test]
fn who_falls_off_the_hi_lane_is_sent_to_recover() {
    let mut world = World::new(1, ChatConfig::default());
    let (ann, _) = world.member(0, "user-ann", &json!({ "r:1": null }));
    world.ticks(40);
    world.told(ann);
    world.pipe(ann).room = Some(0);
    // More than is kept, within seconds.
    let body = Value::from("x".repeat(2_000)).to_string();
    let ticks = limits::HI_KEPT_BYTES / 2_000 / 8 + 4;
    assert!(ticks < 14 * 12);
    for _ in 0..ticks {
        for _ in 0..8 {
            world.post("r:1", Lane::Hi, "gift", &body);
        }
        world.ticks(1);
    }
    world.unblock(ann);
    world.ticks(2);
    assert_eq!(world.ended[&ann], Bye::Resync);
    assert_eq!(world.told(ann).last(), Some(&Told::Close(3010)));
}

#[test]
fn a_room_with_too_much_chat_leaves_some_out_and_its_author_sees_it_all_the_same() {
    let config = ChatConfig {
        lo_posts_per_tick: 3,
        ..ChatConfig::default()
    };
    let mut world = World::new(1, config);
    let (ann, _) = world.member(0, "mod-ann", &json!({ "r:1": null }));
    let (bob, _) = world.member(0, "user-bob", &json!({ "r:1": null }));
    world.ticks(40);
    world.told(ann);
    world.told(bob);
    // The first goes out at once; three of the others with the tick.
    for n in 0..10 {
        world.say(
            ann,
            &json!({ "i": n, "c": "pub", "g": "r:1", "d": { "m": format!("{n}") } }).to_string(),
        );
        world.post("r:1", Lane::Hi, "gift", "1");
        world.turn();
    }
    world.ticks(3);
    let lines = world.lines(bob);
    assert_eq!((posts(&lines, Lane::Lo), skips(&lines)), (4, 6));
    assert_eq!(posts(&lines, Lane::Hi), 10);
    let lines = world.lines(ann);
    assert_eq!(posts(&lines, Lane::Lo), 10, "{lines:?}");
    let shed = lines
        .iter()
        .filter(|line| line["ok"]["shed"] == true)
        .count();
    assert_eq!(shed, 6);
    assert_eq!(world.house.tally.shed.get(), 6);
}

#[test]
fn a_flood_of_commands_is_refused_and_then_closed() {
    let mut world = World::new(1, ChatConfig::default());
    let (ann, _) = world.member(0, "user-ann", &json!({}));
    let mut refused = 0;
    for n in 0..1_000 {
        if world.ended.contains_key(&ann) {
            break;
        }
        world.say(ann, &json!({ "i": n, "c": "who", "g": "r:0" }).to_string());
        world.turn();
        refused += 1;
    }
    assert_eq!(world.ended[&ann], Bye::Flood);
    assert!(
        refused > limits::FLOOD_COMMANDS && refused < limits::FLOOD_COMMANDS + 100,
        "{refused}"
    );
    let told = world.lines(ann);
    let rates: Vec<_> = told.iter().filter(|line| line["er"]["n"] == 111).collect();
    assert!(
        rates.len() > 10
            && rates
                .iter()
                .all(|line| line["er"]["r"].as_i64().unwrap() > 0)
    );
}

#[test]
fn whoever_gives_no_sign_of_life_is_let_go_and_who_does_is_not() {
    let mut world = World::new(1, ChatConfig::default());
    let (ann, _) = world.member(0, "user-ann", &json!({}));
    let (bob, _) = world.member(0, "user-bob", &json!({}));
    let mut pings = 0;
    for _ in 0..90 {
        world.ticks(12);
        let pinged = world
            .told(bob)
            .iter()
            .filter(|told| **told == Told::Ping)
            .count();
        for _ in 0..pinged {
            world.say(bob, "");
        }
        pings += pinged;
    }
    assert_eq!(world.ended.get(&ann), Some(&Bye::NoPong));
    assert_eq!(world.ended.get(&bob), None);
    assert!(
        (3..=4).contains(&pings),
        "{pings} signs of life in 90 seconds"
    );
}

#[test]
fn a_user_has_so_many_connections_and_no_more() {
    let mut world = World::new(2, ChatConfig::default());
    let most = limits::CONNECTIONS_PER_USER as usize;
    let keys: Vec<_> = (0..most)
        .map(|n| world.member(n % 2, "user-ann", &json!({})).0)
        .collect();
    let one_more = world.arrive(0, weir_chat::Encoding::Json);
    world.say(one_more, r#"{"i":1,"c":"hi","tk":"user-ann"}"#);
    world.turn();
    assert_eq!(world.ended[&one_more], Bye::TooMany);
    world.slices[keys[0].0].lost(keys[0].1);
    let (_, hello) = world.member(0, "user-ann", &json!({}));
    assert!(hello["ok"].is_object());
}
