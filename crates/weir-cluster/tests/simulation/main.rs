//! A cluster of fifty nodes in virtual time, under everything that goes wrong. Each seed is a life of
//! its own; `WEIR_SEED=n` lives one again, `WEIR_SEEDS=n` lives so many.
//! Shows R97.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

#[path = "../common/mod.rs"]
mod common;

mod world;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use weir_cluster::LeaseKey;
use world::{MS, S, Sim};

const NODES: usize = 50;
const STREAMS: usize = 60;
const HEARTBEAT_US: i64 = 2 * S;
const TTL_US: i64 = 6 * S;
const STEP_US: i64 = 100 * MS;

#[test]
fn nobody_owns_twice_and_nothing_stays_lost_whatever_happens() {
    let seeds: Vec<u64> = match std::env::var("WEIR_SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => vec![seed],
        None => {
            let count = std::env::var("WEIR_SEEDS")
                .ok()
                .and_then(|s| s.parse().ok())
                .unwrap_or(200);
            (1..=count).collect()
        }
    };
    let next = AtomicU64::new(0);
    let live = || {
        while let Some(seed) =
            seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap())
        {
            // Shown when the test fails: the last line is the seed that did.
            println!("WEIR_SEED={seed}");
            let caught = std::panic::catch_unwind(|| life(*seed));
            assert!(caught.is_ok(), "failed with WEIR_SEED={seed}");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(live);
        live();
    });
}

/// Two stretches of trouble, each healed and looked at.
fn life(seed: u64) {
    let mut sim = Sim::new(seed, NODES, STREAMS);
    let mut watch = Watch::default();
    calm(&mut sim, &mut watch, 3 * S);
    for _ in 0..2 {
        let trouble_us = sim.dice.range(10, 30) * S;
        trouble(&mut sim, &mut watch, trouble_us);
        heal(&mut sim);
        let healed_us = sim.now_us;
        watch.settled.clear();
        // Nodes that were killed start with the healing too; leases settle while views mend.
        calm(&mut sim, &mut watch, 2 * HEARTBEAT_US);
        watch.nothing_is_lost(&sim, healed_us);
        // Ghosts take as long as a node that is dead, and one heartbeat of disbelief.
        calm(&mut sim, &mut watch, 10 * S);
        watch.views_are_true(&sim);
    }
}

fn calm(sim: &mut Sim, watch: &mut Watch, for_us: i64) {
    let until_us = sim.now_us + for_us;
    while sim.now_us < until_us {
        sim.run_until(sim.now_us + STEP_US);
        watch.look(sim);
    }
}

fn trouble(sim: &mut Sim, watch: &mut Watch, for_us: i64) {
    let until_us = sim.now_us + for_us;
    sim.trouble = true;
    sim.loss = [0, 20, 50][sim.dice.below(3)];
    let mut next_fault_us = sim.now_us;
    while sim.now_us < until_us {
        if sim.now_us >= next_fault_us {
            fault(sim);
            next_fault_us = sim.now_us + sim.dice.range(S, 5 * S);
        }
        for _ in 0..3 {
            traffic(sim);
        }
        sim.run_until(sim.now_us + STEP_US);
        sim.revive();
        watch.look(sim);
    }
}

/// Publishers and viewers come and go.
fn traffic(sim: &mut Sim) {
    let n = sim.dice.below(NODES);
    if !sim.is_alive(n) || sim.is_paused(n) {
        return;
    }
    let stream = sim.streams[sim.dice.below(STREAMS)].clone();
    match sim.dice.below(10) {
        0..5 => {
            let known = sim.nodes[n]
                .member
                .as_ref()
                .unwrap()
                .view()
                .owner(&stream)
                .cloned();
            // Most look first; some take over; some do neither.
            let over = match (&known, sim.dice.below(8)) {
                (Some(_), 0..6) => return,
                (Some(owner), 6) => owner.epoch,
                _ => 0,
            };
            sim.publish(n, &stream, over);
        }
        5..7 => sim.with(n, |member, now_us| member.unpublish(&stream, now_us)),
        7..9 => sim.with(n, |member, now_us| member.carry(&stream, now_us)),
        _ => sim.with(n, |member, now_us| member.drop_carried(&stream, now_us)),
    }
}

fn fault(sim: &mut Sim) {
    let n = sim.dice.below(NODES);
    let until_us = sim.now_us + sim.dice.range(S, 15 * S);
    match sim.dice.below(9) {
        0 | 1 => sim.nodes[n].cut_until_us = until_us,
        2 => sim.nodes[n].deaf_until_us = until_us,
        3 | 4 => sim.nodes[n].paused_until_us = sim.now_us + sim.dice.range(S, 20 * S),
        5 => {
            let for_us = sim.dice.range(100 * MS, 8 * S);
            sim.kill(n, for_us);
        }
        6 => {
            let (for_us, forget) = (sim.dice.range(200 * MS, 20 * S), sim.dice.one_in(2));
            sim.stop_store(for_us, forget);
        }
        7 => {
            let hour = if sim.dice.one_in(2) {
                3_600_000
            } else {
                -3_600_000
            };
            sim.store.clock_offset_ms += hour;
        }
        _ => {
            for n in 0..NODES / 2 {
                sim.nodes[n].cut_until_us = until_us;
            }
        }
    }
}

fn heal(sim: &mut Sim) {
    sim.loss = 0;
    sim.trouble = false;
    sim.store.down_until_us = sim.store.down_until_us.min(sim.now_us);
    for n in 0..NODES {
        let now_us = sim.now_us;
        let node = &mut sim.nodes[n];
        let was_cut = node.cut_until_us > now_us || node.deaf_until_us > now_us;
        for until in [
            &mut node.cut_until_us,
            &mut node.deaf_until_us,
            &mut node.paused_until_us,
            &mut node.dead_until_us,
        ] {
            *until = (*until).min(now_us);
        }
        // Half of those who were cut off notice that they were.
        if was_cut && sim.dice.one_in(2) {
            sim.with(n, |member, now_us| member.bus_gap(now_us));
        }
    }
    sim.revive();
}

/// Two nodes that serve one stream, and since when.
type Since = HashMap<(LeaseKey, usize, usize), i64>;

/// What must hold at all times, and since when something has not.
#[derive(Default)]
struct Watch {
    twice_confirmed: Since,
    twice_reachable: Since,
    /// Streams with one owner that the store confirmed, and since when.
    settled: HashMap<LeaseKey, (usize, i64)>,
}

impl Watch {
    fn look(&mut self, sim: &Sim) {
        for key in &sim.streams {
            let serving: Vec<_> = (0..NODES)
                .filter_map(|n| Some((n, sim.serves(n, key)?)))
                .collect();
            let confirmed = serving.iter().filter(|(_, confirmed)| *confirmed);
            let confirmed: Vec<_> = confirmed.map(|(n, _)| *n).collect();
            let reachable = serving.iter().filter(|(n, _)| sim.store_reachable(*n));
            let reachable: Vec<_> = reachable.map(|(n, _)| *n).collect();
            within_ttl(
                &mut self.twice_confirmed,
                sim.now_us,
                key,
                &confirmed,
                "confirmed",
            );
            within_ttl(
                &mut self.twice_reachable,
                sim.now_us,
                key,
                &reachable,
                "within reach of the store",
            );
            match serving[..] {
                [(n, true)] => {
                    let since = self.settled.entry(key.clone()).or_insert((n, sim.now_us));
                    if since.0 != n {
                        *since = (n, sim.now_us);
                    }
                }
                _ => {
                    self.settled.remove(key);
                }
            }
        }
    }

    /// Every node knows the owner of every stream that has had one since shortly after the healing.
    fn nothing_is_lost(&self, sim: &Sim, healed_us: i64) {
        let long = self
            .settled
            .iter()
            .filter(|(_, (_, since))| *since <= healed_us + HEARTBEAT_US);
        for (key, (owner, _)) in long {
            for n in 0..NODES {
                let view = sim.nodes[n].member.as_ref().unwrap().view();
                let believed = view.owner(key).map(|record| record.node.clone());
                let about = (
                    view.is_frozen(),
                    view.is_doubting(),
                    view.find(&Sim::name(*owner)),
                );
                assert_eq!(
                    believed,
                    Some(Sim::name(*owner)),
                    "{key} as node {n} sees it: {about:?}"
                );
            }
        }
    }

    /// Every view is exactly what is.
    fn views_are_true(&self, sim: &Sim) {
        for n in 0..NODES {
            let view = sim.nodes[n].member.as_ref().unwrap().view();
            assert_eq!(view.len(), NODES);
            assert!(view.stream_count() <= STREAMS);
            assert!(!view.is_frozen() && !view.is_doubting());
            for key in &sim.streams {
                let held = (0..NODES).find(|peer| sim.nodes[*peer].gates.contains_key(key));
                let believed = view.owner(key).map(|record| record.node.clone());
                assert_eq!(believed, held.map(Sim::name), "{key} as node {n} sees it");
                if let Some(record) = view.owner(key) {
                    assert_eq!(Some(record), sim.store_owner(key), "{key}: view and store");
                }
            }
        }
    }
}

/// No two of these serve together for longer than the term of a lease.
fn within_ttl(since: &mut Since, now_us: i64, key: &LeaseKey, serving: &[usize], how: &str) {
    since.retain(|(k, a, b), _| k != key || (serving.contains(a) && serving.contains(b)));
    for (at, a) in serving.iter().enumerate() {
        for b in &serving[at + 1..] {
            let since_us = *since.entry((key.clone(), *a, *b)).or_insert(now_us);
            let both_us = now_us - since_us;
            assert!(
                both_us <= TTL_US,
                "{key}: nodes {a} and {b}, {how}, for {} ms",
                both_us / 1000
            );
        }
    }
}
