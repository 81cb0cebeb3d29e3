//! Placement decisions in a second of one core: 500 nodes in 5 regions and 8 ISPs, 100,000 streams.
//! `cargo run --release -p weir-cluster --example place_bench`
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot go on says so and stops"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::node_record;
use weir_base::Clock;
use weir_cluster::fill::Cost;
use weir_cluster::message::{Body, Message};
use weir_cluster::place::{PlaceRequest, Purpose, Strategy, place, seed};
use weir_cluster::record::{Address, Capacity, Load, Scope};
use weir_cluster::reserve::Reservations;
use weir_cluster::view::{View, ViewConfig};
use weir_cluster::{LeaseKey, Name, NodeRecord, Role, Scheme, StreamRecord};

const NODES: usize = 500;
const STREAMS: usize = 100_000;
const DECISIONS: u64 = 400_000;

fn main() {
    let mut view = View::new(ViewConfig::default(), Name::new("d").unwrap());
    let regions = names("r", 5);
    let isps = names("isp", 8);
    let streams: Vec<_> = (0..STREAMS)
        .map(|n| LeaseKey::new(&format!(":live/stream-{n}")).unwrap())
        .collect();
    for n in 0..NODES {
        fill(&mut view, n, &regions, &isps, &streams);
    }
    for (what, strategy) in [("two choices", true), ("weighted round robin", false)] {
        let (clock, mut reservations) = (Clock::real(), Reservations::default());
        let (mut placed, mut carried) = (0_u64, 0_u64);
        let began_us = clock.now_us();
        for count in 0..DECISIONS {
            // Half of the asks are for the hundred streams that everybody watches.
            let dice = seed(count) as usize;
            let stream = if dice.is_multiple_of(2) {
                dice / 2 % 100
            } else {
                dice / 2 % STREAMS
            };
            let turn = Strategy::WeightedRoundRobin { turn: count };
            let ask = PlaceRequest {
                purpose: Purpose::Play,
                stream: streams.get(stream),
                protocols: &[Scheme::Https, Scheme::Http],
                region: regions.get(dice / 7 % regions.len()),
                isp: isps.get(dice / 11 % isps.len()),
                cost: Cost {
                    out_kbps: 2_000,
                    cpu_permille: 0,
                    connections: 1,
                },
                except: &[],
                count: 3,
                scope: Scope::Public,
                strategy: if strategy { Strategy::TwoChoices } else { turn },
                good_for_us: 4_000_000,
            };
            // 20,000 clients a second arrive.
            let now_us = i64::try_from(count).unwrap() * 50;
            if let Ok(answers) = place(&view, &ask, &reservations, now_us, seed(count)) {
                let first = answers.first().unwrap();
                reservations.reserve(first.at, ask.cost, first.good_until_us, now_us);
                placed += 1;
                carried += u64::from(first.why.carries);
            }
        }
        let took_us = clock.now_us() - began_us;
        let per_second = DECISIONS * 1_000_000 / u64::try_from(took_us.max(1)).unwrap();
        println!(
            "{what}: {per_second} decisions per CPU-second of 3 places each, {NODES} nodes, {STREAMS} streams; \
             {placed} placed, {carried} on a node that carries the stream"
        );
    }
}

fn fill(view: &mut View, n: usize, regions: &[Name], isps: &[Name], streams: &[LeaseKey]) {
    let id = Name::new(&format!("n{n}")).unwrap();
    let edge = !n.is_multiple_of(10);
    let role = if edge { Role::Edge } else { Role::Origin };
    let record = NodeRecord {
        region: regions.get(n % regions.len()).cloned(),
        isp: isps.get(n / 5 % isps.len()).cloned(),
        addresses: vec![Address {
            protocol: Scheme::Http,
            scope: Scope::Public,
            isp: None,
            url: format!("http://n{n}.example:8080"),
        }],
        capacity: Capacity {
            out_kbps: 10_000_000,
            cpu_permille: 900,
            connections: 50_000,
        },
        load: Load {
            out_kbps: 20_000 * (n as u64 % 400),
            ..Load::default()
        },
        ..node_record(id.as_str(), 1, &[role])
    };
    let mut seq = 1;
    let mut tell = |body| {
        view.apply(
            &Message {
                from: id.clone(),
                boot: 1,
                seq,
                body,
            },
            0,
        );
        seq += 1;
    };
    tell(Body::Hello {
        record: Box::new(record),
    });
    let mine = streams.iter().enumerate().skip(n / 10).step_by(NODES / 10);
    for (at, key) in mine.take(if edge { 0 } else { STREAMS }) {
        tell(Body::Owns {
            stream: StreamRecord {
                key: key.clone(),
                node: id.clone(),
                boot: 1,
                claim: at as u64,
                epoch: at as u64 + 1,
                since_ms: 0,
                over: 0,
            },
        });
    }
    // Every edge carries half of the popular hundred and two hundred others.
    let popular = streams.iter().take(100).skip(n % 2).step_by(2);
    let others = streams.iter().skip(n * 199).take(200);
    for key in popular.chain(others).take(if edge { 300 } else { 0 }) {
        tell(Body::Carries { key: key.clone() });
    }
}

fn names(prefix: &str, count: usize) -> Vec<Name> {
    (0..count)
        .map(|n| Name::new(&format!("{prefix}{n}")).unwrap())
        .collect()
}
