//! Placement: what it promises of any view and any ask, and the choices it should make.

//! Shows R83.
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use weir_base::Code;
use weir_cluster::fill::{Cost, worst};
use weir_cluster::message::{Body, Message};
use weir_cluster::place::{Full, PlaceRequest, Purpose, Strategy, Tier, place};
use weir_cluster::record::{Address, Capacity, Load, Scope};
use weir_cluster::reserve::Reservations;
use weir_cluster::view::{View, ViewConfig};
use weir_cluster::{LeaseKey, Name, NodeRecord, Role, Scheme};

use crate::common::{name, node_record};

#[derive(Debug, Clone)]
struct Spec {
    region: usize,
    isp: usize,
    connections: u64,
    draining: bool,
    carries: bool,
    rtmp: bool,
}

const REGIONS: [&str; 3] = ["eu", "us", "cn"];
const ISPS: [&str; 3] = ["acme", "telecom", "cernet"];

fn stream() -> LeaseKey {
    LeaseKey::new(":live/demo").unwrap()
}

fn view(specs: &[Spec]) -> View {
    let mut view = View::new(ViewConfig::default(), name("dispatcher"));
    for (spec, n) in specs.iter().zip(0..) {
        add(&mut view, &format!("n{n}"), spec);
    }
    view
}

fn add(view: &mut View, id: &str, spec: &Spec) {
    let address = |protocol, url: &str| Address {
        protocol,
        scope: Scope::Public,
        isp: None,
        url: url.into(),
    };
    let mut addresses = vec![address(Scheme::Http, "http://n")];
    if spec.rtmp {
        addresses.push(address(Scheme::Rtmp, "rtmp://n"));
    }
    let record = NodeRecord {
        region: Some(name(REGIONS[spec.region])),
        isp: Some(name(ISPS[spec.isp])),
        addresses,
        capacity: Capacity {
            connections: 100,
            ..Capacity::default()
        },
        load: Load {
            connections: spec.connections,
            viewers: spec.connections,
            ..Load::default()
        },
        draining: spec.draining,
        ..node_record(id, 1, &[Role::Edge])
    };
    let say = |seq, body| Message {
        from: name(id),
        boot: 1,
        seq,
        body,
    };
    view.apply(
        &say(
            1,
            Body::Hello {
                record: Box::new(record),
            },
        ),
        0,
    );
    if spec.carries {
        view.apply(&say(2, Body::Carries { key: stream() }), 0);
    }
}

fn node(region: usize, isp: usize, connections: u64) -> Spec {
    Spec {
        region,
        isp,
        connections,
        draining: false,
        carries: false,
        rtmp: true,
    }
}

struct Wants {
    stream: LeaseKey,
    region: Name,
    isp: Name,
}

impl Wants {
    fn new(region: usize, isp: usize) -> Self {
        Self {
            stream: stream(),
            region: name(REGIONS[region]),
            isp: name(ISPS[isp]),
        }
    }

    fn ask(&self) -> PlaceRequest<'_> {
        PlaceRequest {
            purpose: Purpose::Play,
            stream: Some(&self.stream),
            protocols: &[Scheme::Http],
            region: Some(&self.region),
            isp: Some(&self.isp),
            cost: Cost {
                connections: 1,
                ..Cost::default()
            },
            except: &[],
            count: 3,
            scope: Scope::Public,
            strategy: Strategy::TwoChoices,
            good_for_us: 4_000_000,
        }
    }
}

fn first(view: &View, ask: &PlaceRequest<'_>, seed: u64) -> String {
    place(view, ask, &Reservations::default(), 0, seed).unwrap()[0]
        .node
        .to_string()
}

#[test]
fn the_nearest_comes_first_and_the_rest_in_order() {
    let view = view(&[node(1, 1, 0), node(0, 1, 0), node(1, 2, 0), node(0, 2, 50)]);
    let wants = Wants::new(0, 2);
    let answers = place(
        &view,
        &PlaceRequest {
            count: 4,
            ..wants.ask()
        },
        &Reservations::default(),
        7,
        1,
    )
    .unwrap();
    let ids: Vec<_> = answers
        .iter()
        .map(|a| (a.node.as_str(), a.why.tier))
        .collect();
    let want = [
        ("n3", Tier::RegionAndIsp),
        ("n1", Tier::Region),
        ("n2", Tier::Isp),
        ("n0", Tier::Any),
    ];
    assert_eq!(ids, want);
    assert_eq!(answers[0].good_until_us, 4_000_007);
    assert_eq!(
        answers[0].why.to_string(),
        "same region and ISP, 51 % of its connections used, of 1 considered"
    );
}

#[test]
fn a_node_that_carries_the_stream_is_preferred_until_it_is_full() {
    let carrier = |connections| Spec {
        carries: true,
        ..node(0, 0, connections)
    };
    for seed in 0..50 {
        let wants = Wants::new(0, 0);
        assert_eq!(
            first(&view(&[node(0, 0, 0), carrier(80)]), &wants.ask(), seed),
            "n1"
        );
        assert_eq!(
            first(&view(&[node(0, 0, 0), carrier(86)]), &wants.ask(), seed),
            "n0"
        );
        // Near goes before carrying.
        let far = Spec {
            region: 1,
            ..carrier(0)
        };
        assert_eq!(
            first(&view(&[node(0, 0, 0), far]), &wants.ask(), seed),
            "n0"
        );
    }
}

#[test]
fn what_was_handed_out_counts_before_it_shows() {
    let view = view(&[node(0, 0, 0), node(0, 0, 0)]);
    let (wants, mut reservations) = (Wants::new(0, 0), Reservations::default());
    let mut counts = [0, 0];
    for seed in 0..100 {
        let ask = PlaceRequest {
            stream: None,
            ..wants.ask()
        };
        let answer = place(&view, &ask, &reservations, 0, seed)
            .unwrap()
            .remove(0);
        reservations.reserve(answer.at, ask.cost, 10, 0);
        counts[usize::from(answer.node.as_str() == "n1")] += 1;
    }
    assert_eq!(counts, [50, 50]);
    reservations.expire(10);
    assert!(reservations.is_empty());
    assert_eq!(
        reservations.on(view.reference(&name("n0")).unwrap()),
        Cost::default()
    );
}

#[test]
fn a_burst_between_two_beats_does_not_run_a_node_over() {
    let view = view(&[node(0, 0, 90), node(1, 1, 0)]);
    let (wants, mut reservations) = (Wants::new(0, 0), Reservations::default());
    let mut refused = 0;
    for seed in 0..200 {
        match place(&view, &wants.ask(), &reservations, 0, seed) {
            Ok(answers) => reservations.reserve(answers[0].at, wants.ask().cost, 10, 0),
            Err(Full { refusal, next_best }) => {
                assert_eq!(refusal.code, Code::Overloaded);
                assert!(refusal.detail.contains(next_best.unwrap().node.as_str()));
                refused += 1;
            }
        }
    }
    assert_eq!(
        refused,
        200 - 10 - 100,
        "each is filled to its limit and not beyond"
    );
}

#[test]
fn full_at_85_and_free_again_at_70() {
    let mut view = view(&[node(0, 0, 0), node(1, 1, 0)]);
    let wants = Wants::new(0, 0);
    let mut at = |connections| {
        let load = Load {
            connections,
            ..Load::default()
        };
        let body = Body::Beat {
            load,
            draining: false,
            digest: 0,
        };
        view.apply(
            &Message {
                from: name("n0"),
                boot: 1,
                seq: 1,
                body,
            },
            0,
        );
        first(&view, &wants.ask(), 1)
    };
    let chosen: Vec<_> = [84, 85, 71, 70, 83].map(&mut at).to_vec();
    assert_eq!(chosen, ["n0", "n1", "n1", "n0", "n0"]);
}

#[test]
fn in_turn_each_gets_its_weight_and_an_exception_is_kept() {
    let view = view(&[node(0, 0, 0), node(0, 0, 0), node(0, 0, 0)]);
    let wants = Wants::new(0, 0);
    let mut counts = std::collections::BTreeMap::new();
    for turn in 0..300 {
        let strategy = Strategy::WeightedRoundRobin { turn };
        let ask = PlaceRequest {
            stream: None,
            strategy,
            ..wants.ask()
        };
        *counts.entry(first(&view, &ask, 9)).or_insert(0) += 1;
    }
    assert!(
        counts.values().all(|count| (98..=102).contains(count)),
        "{counts:?}"
    );
    let except = [name("n0"), name("n1")];
    assert_eq!(
        first(
            &view,
            &PlaceRequest {
                except: &except,
                ..wants.ask()
            },
            1
        ),
        "n2"
    );
}

#[test]
fn half_of_the_nodes_gone_at_once_is_not_believed_for_one_interval() {
    let specs = vec![node(0, 0, 0); 6];
    let mut view = view(&specs);
    let beat = |view: &mut View, n: usize, now_us: i64| {
        let body = Body::Beat {
            load: Load::default(),
            draining: false,
            digest: 0,
        };
        view.apply(
            &Message {
                from: name(&format!("n{n}")),
                boot: 1,
                seq: 1,
                body,
            },
            now_us,
        );
    };
    let taking = |view: &View| view.nodes().filter(|node| node.takes_work()).count();
    const S: i64 = 1_000_000;
    for t in (0..=6).step_by(2) {
        for n in 0..3 {
            beat(&mut view, n, t * S);
        }
    }
    view.tick(true, 6 * S);
    assert!(view.is_doubting());
    assert_eq!((taking(&view), view.len()), (6, 6));
    view.tick(true, 8 * S);
    assert_eq!((taking(&view), view.len()), (3, 6));
    // One of five is no doubt.
    let mut view = self::view(&specs[..5]);
    for t in (0..=10).step_by(2) {
        (0..4).for_each(|n| beat(&mut view, n, t * S));
        view.tick(true, t * S);
    }
    assert_eq!(
        (taking(&view), view.len(), view.is_doubting()),
        (4, 4, false)
    );
    // Cut off oneself: everybody stays as last seen.
    view.tick(false, 100 * S);
    assert_eq!((taking(&view), view.is_frozen()), (4, true));
}

fn specs() -> impl proptest::strategy::Strategy<Value = Vec<Spec>> {
    let spec = (
        0..3usize,
        0..3usize,
        0..130u64,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let spec = spec.prop_map(|(region, isp, connections, draining, carries, rtmp)| Spec {
        region,
        isp,
        connections,
        draining,
        carries,
        rtmp,
    });
    prop::collection::vec(spec, 0..40)
}

proptest! {
    #[test]
    fn no_answer_is_over_its_limit_and_all_explain_themselves(
        specs in specs(), region in 0..3usize, isp in 0..3usize, rtmp in any::<bool>(),
        count in 0..12usize, seed in any::<u64>(), turn in prop::option::of(any::<u64>()),
        connections in 0..40u64, reserved in prop::collection::vec((0..40usize, 0..40u64), 0..20),
    ) {
        let view = view(&specs);
        let mut reservations = Reservations::default();
        for (n, connections) in reserved {
            if let Some(at) = view.reference(&name(&format!("n{n}"))) {
                reservations.reserve(at, Cost { connections, ..Cost::default() }, 10, 0);
            }
        }
        let wants = Wants::new(region, isp);
        let protocols = [if rtmp { Scheme::Rtmp } else { Scheme::Http }];
        let ask = PlaceRequest {
            protocols: &protocols,
            count,
            cost: Cost { connections, ..Cost::default() },
            strategy: turn.map_or(Strategy::TwoChoices, |turn| Strategy::WeightedRoundRobin { turn }),
            ..wants.ask()
        };
        let placed = place(&view, &ask, &reservations, 0, seed);
        prop_assert_eq!(&placed, &place(&view, &ask, &reservations, 0, seed), "the same seed, the same answer");
        let fits = |n: &weir_cluster::view::Node| {
            let record = n.record.as_ref().unwrap();
            let more = reservations.on(view.reference(&n.id).unwrap()).plus(ask.cost);
            n.takes_work() && worst(&record.load, &record.capacity, more).0 <= 1000
                && record.address(&protocols, Scope::Public, None).is_some()
        };
        let fitting = view.nodes().filter(|n| fits(n)).count();
        match placed {
            Ok(answers) => {
                // As many as were asked for, or all there are.
                prop_assert_eq!(answers.len(), count.clamp(1, 8).min(fitting));
                let mut seen = std::collections::HashSet::new();
                for answer in answers {
                    prop_assert!(fits(view.find(&answer.node).unwrap()));
                    prop_assert!(answer.why.full_permille <= 1000);
                    prop_assert_eq!(answer.protocol, protocols[0]);
                    prop_assert!(!answer.why.to_string().is_empty());
                    prop_assert!(seen.insert(answer.node));
                }
            }
            Err(full) => {
                prop_assert_eq!(fitting, 0);
                prop_assert_eq!(full.refusal.code, Code::Overloaded);
            }
        }
    }
}

#[test]
fn a_restarted_node_begins_empty_and_its_earlier_life_is_not_heard_again() {
    let mut view = view(&[Spec {
        carries: true,
        ..node(0, 0, 0)
    }]);
    let say = |boot, seq, body| Message {
        from: name("n0"),
        boot,
        seq,
        body,
    };
    assert_eq!(view.carriers(&stream()).count(), 1);
    let at = view.reference(&name("n0")).unwrap();
    let draining = Body::Beat {
        load: Load::default(),
        draining: true,
        digest: 0,
    };
    view.apply(&say(2, 0, draining.clone()), 1);
    assert_eq!(view.carriers(&stream()).count(), 0);
    view.apply(&say(1, 3, Body::Carries { key: stream() }), 2);
    assert_eq!(
        view.carriers(&stream()).count(),
        0,
        "a late word of the earlier life"
    );
    assert_eq!(view.node(at).unwrap().boot, 2);
    // Goodbye is goodbye.
    view.apply(&say(2, 0, Body::Bye), 3);
    view.apply(&say(2, 0, draining), 4);
    assert!(view.is_empty());
    assert!(view.node(at).is_none());
}
