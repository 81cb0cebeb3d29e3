//! Pool sizes: each thing that holds one back, growth ahead of time, boot time, and what load that
//! goes up and down may not do. All in virtual time.

use proptest::prelude::*;
use weir_cluster::Role;
use weir_cluster::drain::safe_to_terminate;
use weir_cluster::fill::{Cost, Dimension};
use weir_cluster::scale::{self, Bound, History, Policy};

use crate::common::name;
use crate::pool::{HOUR, S, World, bound, policy};

#[test]
fn demand_alone_decides_where_nothing_holds() {
    // 150 of connections at 60 each.
    let decision = World::of(&[80, 70]).desired(&History::new(0), &policy(), S);
    assert_eq!(bound(&decision), (3, None), "{}", decision.reason);
    assert_eq!(decision.by, Dimension::Connections);
    assert_eq!(decision.reason, "needs 3 nodes at 60 % for connections");
}

#[test]
fn the_minimum_and_the_maximum_hold() {
    let low = World::of(&[1]).desired(&History::new(0), &Policy { min: 2, ..policy() }, S);
    assert_eq!(bound(&low), (2, Some(Bound::Min)));
    let high = Policy { max: 3, ..policy() };
    let high = World::of(&[90; 3]).desired(&History::new(0), &high, S);
    assert_eq!((high.needed, bound(&high)), (5, (3, Some(Bound::Max))));
}

#[test]
fn a_step_is_as_long_as_it_may_be_either_way() {
    let up = Policy {
        step_up: 1,
        ..policy()
    };
    let decision = World::of(&[100; 3]).desired(&History::new(0), &up, S);
    assert_eq!(bound(&decision), (4, Some(Bound::Step)));
    let decision = World::of(&[1; 5]).desired(&History::new(0), &policy(), 60 * S);
    assert_eq!(bound(&decision), (4, Some(Bound::Step)));
    // Nobody there: the minimum at once, however small the step.
    let bare = Policy { min: 4, ..up };
    let decision = World::new().desired(&History::new(0), &bare, S);
    assert_eq!(decision.desired, 4);
}

#[test]
fn a_change_is_followed_by_a_cooldown() {
    let (world, mut history) = (World::of(&[100; 2]), History::new(0));
    let first = world.desired(&history, &policy(), S);
    history.changed(&first, S);
    let waiting = world.desired(&history, &policy(), 10 * S);
    assert_eq!(bound(&waiting), (2, Some(Bound::Cooldown)));
    assert_eq!(world.desired(&history, &policy(), 11 * S).desired, 4);
    // Removal waits for the longer one, after growth too.
    let idle = World::of(&[1; 3]);
    assert_eq!(
        bound(&idle.desired(&history, &policy(), 60 * S)),
        (3, Some(Bound::Cooldown))
    );
    assert_eq!(idle.desired(&history, &policy(), 61 * S).desired, 2);
}

#[test]
fn what_somebody_else_started_or_stopped_is_a_change_too() {
    let mut history = History::new(0);
    let mut world = World::of(&[1; 3]);
    for t in 0..100 {
        world.sample(&mut history, &policy(), t * S);
    }
    assert_eq!(world.desired(&history, &policy(), 100 * S).desired, 2);
    world.node("by-hand", 1, &[Role::Edge], 1, false);
    let decision = world.look(&mut history, &policy(), 101 * S);
    assert_eq!(bound(&decision), (4, Some(Bound::Cooldown)));
    world.goes("n0");
    world.sample(&mut history, &policy(), 150 * S);
    let decision = world.desired(&history, &policy(), 165 * S);
    assert_eq!(bound(&decision), (3, Some(Bound::Cooldown)));
    assert_eq!(world.desired(&history, &policy(), 210 * S).desired, 2);
}

#[test]
fn nodes_on_their_way_are_counted_until_they_come_or_are_overdue() {
    let mut history = History::new(0);
    let mut world = World::of(&[100; 2]);
    let first = world.look(&mut history, &policy(), S);
    assert_eq!(first.desired, 4);
    history.changed(&first, S);
    history.ordered(2, &policy(), S);
    // The cooldown is over, the nodes still boot: nothing is ordered twice.
    let waiting = world.look(&mut history, &policy(), 20 * S);
    assert_eq!(
        (waiting.desired, waiting.booting, waiting.have()),
        (4, 2, 4)
    );
    assert!(
        waiting.reason.contains("2 on their way"),
        "{}",
        waiting.reason
    );
    world.node("new-1", 1, &[Role::Edge], 0, false);
    let one_came = world.look(&mut history, &policy(), 25 * S);
    assert_eq!((one_came.current, one_came.booting), (3, 1));
    // The other never does: after twice the boot time it is ordered again.
    let late = world.look(&mut history, &policy(), 62 * S);
    assert_eq!((late.current, late.booting, late.desired), (3, 0, 4));
    assert_eq!(history.overdue(), 1);
}

#[test]
fn a_node_that_was_only_lost_from_sight_is_not_taken_for_one_that_was_ordered() {
    let mut history = History::new(0);
    let mut world = World::of(&[60; 3]);
    world.sample(&mut history, &policy(), S);
    history.ordered(1, &policy(), S);
    world.goes("n0");
    world.sample(&mut history, &policy(), 2 * S);
    world.view = World::of(&[60; 3]).view;
    world.sample(&mut history, &policy(), 3 * S);
    assert_eq!(history.booting(3 * S), 1);
    world.node("n0", 2, &[Role::Edge], 60, false);
    world.sample(&mut history, &policy(), 4 * S);
    assert_eq!(history.booting(4 * S), 0, "another life is another node");
}

#[test]
fn nothing_is_removed_while_nodes_come() {
    let mut history = History::new(0);
    history.ordered(1, &policy(), 50 * S);
    let decision = World::of(&[1; 3]).desired(&history, &policy(), 61 * S);
    assert_eq!(bound(&decision), (4, Some(Bound::Booting)));
}

#[test]
fn growth_is_looked_ahead_by_the_time_a_node_takes_to_boot() {
    let grown = |boot_ms| {
        let policy = Policy {
            boot_ms,
            ..policy()
        };
        let mut history = History::new(0);
        let mut last = None;
        // One more connection each second.
        for t in 0..=60 {
            let world = World::of(&[60 + t]);
            last = Some(world.look(&mut history, &policy, i64::try_from(t).unwrap() * S));
        }
        last.unwrap()
    };
    let slow = grown(300_000);
    // 120 now and 300 more until a node serves.
    assert_eq!(slow.needed, 7, "{}", slow.reason);
    assert!(slow.reason.contains("growth"), "{}", slow.reason);
    assert_eq!(grown(1_000).needed, 3);
    assert_eq!(grown(0).needed, 2);
}

#[test]
fn what_shrinks_is_not_believed_ahead_of_time() {
    let mut history = History::new(0);
    let mut last = None;
    for t in 0..=60 {
        let world = World::of(&[60 - t, 60 - t, 60 - t]);
        last = Some(world.look(&mut history, &policy(), i64::try_from(t).unwrap() * S));
    }
    let decision = last.unwrap();
    assert_eq!(decision.needed, 0);
    assert_eq!(bound(&decision), (3, Some(Bound::Peak)));
}

#[test]
fn load_that_goes_up_and_down_moves_nobody() {
    let mut history = History::new(0);
    for t in 0..1_800 {
        // Between 61 and 119 in forty seconds: now one node would do, now two.
        let busy = t / 20 % 2 == 0;
        let world = if busy {
            World::of(&[60, 59])
        } else {
            World::of(&[30, 31])
        };
        let decision = world.look(&mut history, &policy(), t * S);
        assert_eq!(decision.desired, 2, "at {t} s: {}", decision.reason);
    }
}

#[test]
fn a_pool_is_no_smaller_than_the_peak_within_the_cooldown_asks_for() {
    let mut history = History::new(0);
    for t in 0..100 {
        World::of(&[10; 3]).sample(&mut history, &policy(), t * S);
    }
    World::of(&[50; 3]).sample(&mut history, &policy(), 100 * S);
    let idle = World::of(&[10; 3]);
    let decision = idle.look(&mut history, &policy(), 120 * S);
    assert_eq!(bound(&decision), (3, Some(Bound::Peak)));
    assert_eq!(idle.look(&mut history, &policy(), 170 * S).desired, 2);
}

#[test]
fn the_days_node_hours_hold_growth_and_never_the_minimum() {
    let budget = |hours| Policy {
        budget_node_hours: Some(hours),
        ..policy()
    };
    let busy = World::of(&[100; 2]);
    let decision = busy.desired(&History::new(0), &budget(72), S);
    assert_eq!(bound(&decision), (3, Some(Bound::Budget)));
    // Half a day of two nodes has used 24 of 48; what is left pays for two.
    let mut history = History::new(0);
    for hour in 0..=12 {
        busy.sample(&mut history, &policy(), hour * HOUR);
    }
    let decision = busy.desired(&history, &budget(48), 12 * HOUR + S);
    assert_eq!(bound(&decision), (2, Some(Bound::Budget)));
    let decision = busy.desired(&history, &budget(60), 12 * HOUR + S);
    assert_eq!(bound(&decision), (3, Some(Bound::Budget)));
    // All is spent: nobody is sent away for that, and the minimum is kept.
    let minimum = Policy {
        min: 3,
        ..budget(1)
    };
    assert_eq!(busy.desired(&history, &minimum, 12 * HOUR + S).desired, 3);
    assert_eq!(busy.desired(&history, &budget(1), 12 * HOUR + S).desired, 2);
    // Another day.
    for hour in 13..=24 {
        busy.sample(&mut history, &policy(), hour * HOUR);
    }
    let decision = busy.desired(&history, &budget(72), 24 * HOUR + S);
    assert_eq!(decision.desired, 3);
}

#[test]
fn nothing_is_decided_while_the_view_is_in_doubt() {
    let mut world = World::of(&[100; 4]);
    world.view.tick(false, S);
    let frozen = world.desired(&History::new(0), &policy(), S);
    assert_eq!(bound(&frozen), (4, Some(Bound::Doubt)));
    // Half of them fall silent at once.
    let mut world = World::of(&[100; 4]);
    world.view.tick(true, 6 * S);
    assert!(world.view.is_doubting());
    let decision = world.desired(&History::new(0), &policy(), 6 * S);
    assert_eq!(bound(&decision), (4, Some(Bound::Doubt)));
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let dry = Policy {
        dry_run: true,
        ..policy()
    };
    let decision = World::of(&[100; 2]).desired(&History::new(0), &dry, S);
    assert_eq!((decision.desired, decision.wanted), (2, 4));
    assert!(
        decision.reason.ends_with("dry run: would be 4"),
        "{}",
        decision.reason
    );
}

#[test]
fn who_takes_over_waits_for_what_the_one_before_may_have_ordered() {
    let world = World::of(&[100; 2]);
    let mut history = History::new(0);
    world.sample(&mut history, &policy(), 100 * S);
    history.takes_office(100 * S);
    let decision = world.desired(&history, &policy(), 105 * S);
    assert_eq!(bound(&decision), (2, Some(Bound::Cooldown)));
    assert_eq!(world.desired(&history, &policy(), 110 * S).desired, 4);
}

#[test]
fn the_cheapest_to_move_leaves_and_never_an_origin_or_the_only_dispatcher_before_an_edge() {
    let mut world = World::new();
    world.node("all", 1, &[Role::Origin, Role::Edge], 0, false);
    world.node("both", 1, &[Role::Edge, Role::Dispatcher], 0, false);
    world.node("busy", 1, &[Role::Edge], 9, false);
    world.node("idle", 1, &[Role::Edge], 2, false);
    let chosen = |world: &World, may_go: &dyn Fn(&str) -> bool| {
        let node = scale::victim_among(&world.view, &policy(), |node| may_go(node.id.as_str()));
        node.map(|node| node.id.to_string())
    };
    assert_eq!(chosen(&world, &|_| true).unwrap(), "idle");
    assert_eq!(chosen(&world, &|id| id != "idle").unwrap(), "busy");
    assert_eq!(chosen(&world, &|id| id == "both").unwrap(), "both");
    assert_eq!(chosen(&world, &|id| id == "all"), None);
    world.node("leaving", 1, &[Role::Edge], 1, true);
    assert_eq!(chosen(&world, &|_| true), None, "one at a time");
}

#[test]
fn a_node_may_be_ended_when_it_drains_and_nobody_is_left() {
    let mut world = World::new();
    for (id, connections, draining, safe) in [
        ("a", 0, true, true),
        ("b", 1, true, false),
        ("c", 0, false, false),
    ] {
        world.node(id, 1, &[Role::Edge], connections, draining);
        let node = world.view.find(&name(id)).unwrap();
        assert_eq!(safe_to_terminate(node), safe, "{id}");
    }
}

/// Up to five nodes, two more at a time, each a minute in the making.
fn in_steps_of_two() -> Policy {
    Policy {
        max: 5,
        step_up: 2,
        boot_ms: 60_000,
        ..policy()
    }
}

fn connections(connections: u64) -> Cost {
    Cost {
        connections,
        ..Cost::default()
    }
}

#[test]
fn a_busy_pool_grows_by_what_it_needs() {
    let decision = World::of(&[90, 90]).desired(&History::new(0), &in_steps_of_two(), 20 * S);
    assert_eq!(
        (decision.needed, decision.desired, decision.current),
        (3, 3, 2),
        "{}",
        decision.reason
    );
}

#[test]
fn what_is_on_its_way_counts_and_steps_and_cooldowns_hold() {
    let (busy, policy, mut history) = (World::of(&[90, 90]), in_steps_of_two(), History::new(0));
    let on_its_way = |history: &History, now_us| {
        scale::desired(&busy.view, &policy, history, connections(500), now_us)
    };
    let decision = on_its_way(&history, 20 * S);
    assert_eq!(bound(&decision), (4, Some(Bound::Step)));
    history.changed(&decision, 20 * S);
    let waiting = on_its_way(&history, 25 * S);
    assert_eq!(bound(&waiting), (2, Some(Bound::Cooldown)));
}

/// Twenty seconds in which ten connections more are asked for each second.
fn growing(policy: &Policy) -> History {
    let mut history = History::new(0);
    for (t, asked) in (0..20).zip((0..).step_by(10)) {
        let world = World::of(&[10]);
        history.sample(&world.view, policy, connections(asked), t * S);
    }
    history
}

#[test]
fn growth_is_met_for_as_long_as_a_node_takes_to_boot() {
    let policy = in_steps_of_two();
    let decision = World::of(&[10]).desired(&growing(&policy), &policy, 100 * S);
    assert!(decision.needed >= 10, "{decision:?}");
}

#[test]
fn a_pool_that_grows_is_held_by_its_budget_and_by_a_dry_run() {
    let (busy, policy) = (World::of(&[90, 90]), in_steps_of_two());
    let history = growing(&policy);
    let spent = Policy {
        budget_node_hours: Some(24),
        ..policy.clone()
    };
    let decision = busy.desired(&history, &spent, 100 * S);
    assert_eq!(bound(&decision), (2, Some(Bound::Budget)));
    let dry = Policy {
        dry_run: true,
        ..policy
    };
    assert_eq!(busy.desired(&history, &dry, 100 * S).desired, 2);
}

#[test]
fn the_idlest_of_an_idle_pool_leaves_after_the_cooldown() {
    let (idle, policy, quiet) = (World::of(&[9, 3, 8]), in_steps_of_two(), History::new(0));
    assert_eq!(idle.desired(&quiet, &policy, 59 * S).desired, 3);
    assert_eq!(idle.desired(&quiet, &policy, 60 * S).desired, 2);
    let victim = scale::victim(&idle.view, &policy).unwrap();
    assert_eq!(victim.id.as_str(), "n1");
}

#[test]
fn one_leaves_at_a_time_and_ends_when_it_drained() {
    let mut leaving = World::new();
    leaving.hello("n0", 1, &[Role::Edge], 0, true);
    leaving.hello("n1", 1, &[Role::Edge], 0, false);
    assert!(scale::victim(&leaving.view, &in_steps_of_two()).is_none());
    let node = |id| leaving.view.find(&name(id)).unwrap();
    assert_eq!(safe_to_terminate(node("n0")), node("n0").is_synced());
    assert!(!safe_to_terminate(node("n1")));
}

#[test]
fn an_empty_pool_gets_its_minimum_at_once() {
    let decision = World::new().desired(&History::new(0), &in_steps_of_two(), S);
    assert_eq!(decision.desired, 1);
}

proptest! {
    /// Whatever is borne and whatever was done: never beyond the bounds, never further than a step.
    #[test]
    fn no_history_leads_out_of_bounds(
        loads in prop::collection::vec((prop::collection::vec(0u64..200, 0..8), 1i64..90), 1..60),
        (min, more) in (0u32..4, 0u32..6),
        (step_up, step_down) in (1u32..4, 1u32..4),
        budget in prop::option::of(0u64..500),
    ) {
        let policy = Policy {
            min,
            max: (min + more).max(1),
            step_up,
            step_down,
            budget_node_hours: budget,
            ..policy()
        };
        let mut history = History::new(0);
        let mut now_us = 0;
        for (connections, seconds) in loads {
            now_us += seconds * S;
            let decision = World::of(&connections).look(&mut history, &policy, now_us);
            let have = decision.have();
            if decision.desired > have {
                prop_assert!(decision.desired <= policy.max);
                prop_assert!(decision.desired <= (have + step_up).max(min));
                history.changed(&decision, now_us);
                history.ordered(decision.desired - have, &policy, now_us);
            } else if decision.desired < have {
                prop_assert!(decision.desired >= policy.min);
                prop_assert!(decision.desired + step_down >= have);
                prop_assert_eq!(decision.booting, 0);
                history.changed(&decision, now_us);
            }
        }
    }
}
