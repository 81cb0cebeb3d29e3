//! A pool's life in virtual time: machines that boot, drain and fail, leaders that come and go.

mod world;

use super::*;
use crate::order::Action;
use world::{Load, World};

const S: i64 = 1_000_000;
const MINUTE: i64 = 60 * S;

/// One node bears 100 connections, and shall bear 60.
fn policy() -> Policy {
    Policy {
        role: weir_cluster::Role::Edge,
        region: None,
        min: 1,
        max: 8,
        target_permille: 600,
        step_up: 4,
        step_down: 1,
        cooldown_up_ms: 10_000,
        cooldown_down_ms: 60_000,
        boot_ms: 20_000,
        budget_node_hours: None,
        node_capacity: weir_cluster::record::Capacity {
            connections: 100,
            ..Default::default()
        },
        dry_run: false,
    }
}

#[test]
fn a_pool_grows_with_its_load_and_shrinks_by_draining_one_after_the_other() {
    let mut world = World::new(1, policy(), Load::steps(&[(0, 30), (2 * MINUTE, 290)]));
    world.run(6 * MINUTE);
    assert_eq!(world.serving(), 5, "{}", world.story());
    world.load = Load::steps(&[(0, 30)]);
    world.run(12 * MINUTE);
    assert_eq!(world.serving(), 1, "{}", world.story());
    assert_eq!(world.machines(), 1, "{}", world.story());
    assert_eq!(world.count("drain"), 4, "{}", world.story());
    assert!(world.most_leaving <= 1, "one at a time");
}

#[test]
fn the_same_order_comes_again_under_its_id_until_it_is_answered() {
    let mut world = World::new(2, policy(), Load::steps(&[(0, 150)]));
    // Done each time, and not answered.
    world.lost_answers = 2;
    world.run(2 * MINUTE);
    assert_eq!(world.serving(), 3, "{}", world.story());
    let grown: Vec<_> = world
        .asked
        .iter()
        .filter(|order| order.action == Action::Grow)
        .collect();
    assert_eq!(grown.len(), 3);
    assert!(grown.iter().all(|order| *order == grown[0]), "{grown:?}");
}

#[test]
fn a_provider_that_fails_is_given_up_for_a_while_and_not_for_ever() {
    let mut world = World::new(3, policy(), Load::steps(&[(0, 150)]));
    world.broken = true;
    world.run(3 * MINUTE);
    assert_eq!(world.serving(), 1);
    let tries = world.asked.len();
    assert!((5..=15).contains(&tries), "{tries} tries in three minutes");
    assert!(world.count("given_up") >= 1, "{}", world.story());
    world.broken = false;
    world.run(3 * MINUTE);
    assert_eq!(world.serving(), 3, "{}", world.story());
}

#[test]
fn an_order_that_is_needed_no_longer_is_not_tried_again() {
    let mut world = World::new(4, policy(), Load::steps(&[(0, 150), (25 * S, 20)]));
    world.broken = true;
    world.run(MINUTE);
    world.broken = false;
    world.run(2 * MINUTE);
    assert_eq!(world.machines(), 1, "{}", world.story());
}

#[test]
fn a_node_that_never_comes_is_missed_and_ordered_again() {
    let mut world = World::new(5, policy(), Load::steps(&[(0, 90)]));
    world.stillborn = 1;
    world.run(3 * MINUTE);
    assert_eq!(world.serving(), 2, "{}", world.story());
    assert_eq!(world.count("overdue"), 1, "{}", world.story());
    assert_eq!(world.count("grow"), 2, "{}", world.story());
}

#[test]
fn a_leader_that_is_lost_in_the_middle_of_a_drain_leaves_it_to_the_next() {
    let mut world = World::new(6, policy(), Load::steps(&[(0, 150), (MINUTE, 20)]));
    world.drain_takes_us = 40 * S;
    world.run_until(10 * MINUTE, |world| world.count("drains") == 1);
    world.leader = None;
    world.run(8 * S);
    assert_eq!(
        world.count("left_to_the_next_leader"),
        1,
        "{}",
        world.story()
    );
    world.leader = Some(1);
    world.run_until(2 * MINUTE, |world| world.machines() == 2);
    assert_eq!(world.machines(), 2, "{}", world.story());
    assert_eq!(world.count("ask_who_drains"), 1, "{}", world.story());
    // And so on until the pool has the size it needs.
    world.run(6 * MINUTE);
    assert_eq!(world.machines(), 1, "{}", world.story());
}

#[test]
fn what_an_operator_drains_is_left_alone() {
    let mut world = World::new(7, policy(), Load::steps(&[(0, 150)]));
    world.run(2 * MINUTE);
    let node = world.first_serving();
    world.drain(&node, "operator");
    world.run(10 * MINUTE);
    assert!(world.is_there(&node), "{}", world.story());
    assert_eq!(world.count("not_ours"), 1, "{}", world.story());
    assert_eq!(world.serving(), 3, "its work is done by another");
}

#[test]
fn load_that_flaps_flaps_no_nodes() {
    for period_us in [20 * S, 50 * S, 110 * S] {
        let mut world = World::new(8, policy(), Load::flapping(70, 115, period_us));
        world.run(3 * MINUTE);
        let (grown, gone) = (world.count("grow"), world.count("drain"));
        world.run(60 * MINUTE);
        // One that is slower than the cooldown moves a node now and then, not each time.
        assert!(
            world.count("grow") - grown <= 1 && world.count("drain") - gone <= 1,
            "a period of {} s: {}",
            period_us / S,
            world.story()
        );
    }
}

#[test]
fn a_dry_run_tells_each_change_once_and_orders_nothing() {
    let dry = Policy {
        dry_run: true,
        ..policy()
    };
    let mut world = World::new(9, dry, Load::steps(&[(0, 150), (5 * MINUTE, 20)]));
    world.run(10 * MINUTE);
    assert!(world.asked.is_empty() && world.machines() == 1);
    assert!(
        (1..=3).contains(&world.count("dry_run")),
        "{}",
        world.story()
    );
}

#[test]
fn the_days_node_hours_end_growth() {
    let budget = Policy {
        budget_node_hours: Some(48),
        ..policy()
    };
    let mut world = World::new(10, budget, Load::steps(&[(0, 400)]));
    world.run(5 * MINUTE);
    assert_eq!(world.serving(), 2, "{}", world.story());
}

#[test]
fn a_node_that_keeps_its_clients_is_removed_when_its_time_is_over() {
    let mut world = World::new(11, policy(), Load::steps(&[(0, 100), (MINUTE, 20)]));
    world.drain_takes_us = 10_000 * MINUTE;
    world.run(4 * MINUTE);
    assert_eq!(
        (world.serving(), world.machines()),
        (1, 2),
        "{}",
        world.story()
    );
    world.run(world::DRAIN_MS * 1000);
    assert_eq!(world.machines(), 1, "{}", world.story());
    assert_eq!(world.count("drained_long_enough"), 1);
}

#[test]
fn a_drained_node_that_ends_by_itself_still_has_its_machine_removed() {
    let mut world = World::new(12, policy(), Load::steps(&[(0, 100), (MINUTE, 20)]));
    world.exits_when_drained = true;
    world.run(5 * MINUTE);
    assert_eq!(world.machines(), 1, "{}", world.story());
    assert!(
        world
            .asked
            .iter()
            .any(|order| order.action == Action::Shrink)
    );
}

#[test]
fn nobody_acts_who_does_not_lead() {
    let mut world = World::new(13, policy(), Load::steps(&[(0, 300)]));
    world.leader = None;
    world.run(3 * MINUTE);
    assert!(world.asked.is_empty());
    let wanted = world.planners[1].decisions().next().unwrap().2.desired;
    assert_eq!(wanted, 5, "who is asked knows all the same");
}

#[test]
fn two_leaders_one_after_the_other_never_use_one_id_for_two_orders() {
    let seeds: Vec<u64> = match std::env::var("WEIR_SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=40).collect(),
    };
    for seed in seeds {
        println!("WEIR_SEED={seed}");
        let mut world = World::new(seed, policy(), Load::random(seed));
        world.chaos = true;
        world.run(90 * MINUTE);
        world.chaos = false;
        world.broken = false;
        world.leader = Some(0);
        world.load = Load::steps(&[(0, 30)]);
        world.run(40 * MINUTE);
        assert_eq!(world.serving(), 1, "{}", world.story());
        assert_eq!(
            world.machines(),
            1,
            "no machine is left behind: {}",
            world.story()
        );
    }
}
