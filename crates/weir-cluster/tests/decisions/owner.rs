//! Placement and the owner of a stream: viewers go to it as to any node that has the stream, and its

//! publisher goes back to it.
use weir_cluster::fill::Cost;
use weir_cluster::message::{Body, Message};
use weir_cluster::place::{PlaceRequest, Purpose, Strategy, place};
use weir_cluster::record::{Address, Capacity, Load, Scope};
use weir_cluster::report::StreamReport;
use weir_cluster::reserve::Reservations;
use weir_cluster::view::{View, ViewConfig};
use weir_cluster::{LeaseKey, Name, NodeRecord, Role, Scheme, StreamRecord, Whereabouts};

use crate::common::{name, node_record};

/// Four nodes that are origin and edge, two in each region; `n1` owns the stream and `n0` pulls it.
fn view() -> View {
    let mut view = View::new(ViewConfig::default(), name("n0"));
    for (n, region) in ["eu", "eu", "us", "us"].into_iter().enumerate() {
        let id = name(&format!("n{n}"));
        let record = NodeRecord {
            region: Some(name(region)),
            addresses: vec![Address {
                protocol: Scheme::Http,
                scope: Scope::Public,
                isp: None,
                url: "http://n".into(),
            }],
            capacity: Capacity {
                connections: 100,
                ..Capacity::default()
            },
            load: Load {
                connections: if n == 1 { 60 } else { 5 },
                ..Load::default()
            },
            ..node_record(id.as_str(), 1, &[Role::Origin, Role::Edge])
        };
        let mut seq = 0;
        let mut tell = |body| {
            seq += 1;
            let from = id.clone();
            view.apply(
                &Message {
                    from,
                    boot: 1,
                    seq,
                    body,
                },
                0,
            );
        };
        tell(Body::Hello {
            record: Box::new(record),
        });
        if n == 0 {
            tell(Body::Carries { key: stream() });
        }
        if n == 1 {
            let stream = StreamRecord {
                key: stream(),
                node: id.clone(),
                boot: 1,
                claim: 1,
                epoch: 1,
                since_ms: 0,
                over: 0,
            };
            tell(Body::Owns { stream });
        }
    }
    view
}

fn stream() -> LeaseKey {
    LeaseKey::new("live/demo").unwrap()
}

fn chosen(purpose: Purpose, region: &str, except: &[Name]) -> Vec<(String, bool)> {
    let (view, stream, region) = (view(), stream(), name(region));
    let ask = |seed| {
        let ask = PlaceRequest {
            purpose,
            stream: Some(&stream),
            protocols: &[Scheme::Http],
            region: Some(&region),
            isp: None,
            cost: Cost::default(),
            except,
            count: 1,
            scope: Scope::Public,
            strategy: Strategy::TwoChoices,
            good_for_us: 1,
        };
        let found = place(&view, &ask, &Reservations::default(), 0, seed).unwrap();
        (found[0].node.to_string(), found[0].why.carries)
    };
    let mut all: Vec<_> = (0..200).map(ask).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn a_viewer_goes_to_the_owner_as_to_any_node_that_has_the_stream() {
    // The emptier of the two that have it.
    assert_eq!(chosen(Purpose::Play, "eu", &[]), [("n0".into(), true)]);
    assert_eq!(
        chosen(Purpose::Play, "eu", &[name("n0")]),
        [("n1".into(), true)]
    );
    // Near goes before having it.
    let far = chosen(Purpose::Play, "us", &[]);
    assert_eq!(far, [("n2".into(), false), ("n3".into(), false)]);
}

#[test]
fn a_publisher_goes_back_to_the_owner_and_not_to_one_that_pulls() {
    assert_eq!(chosen(Purpose::Publish, "eu", &[]), [("n1".into(), true)]);
    // It cannot be reached: any other near one, and that it pulls the stream is no reason.
    assert_eq!(
        chosen(Purpose::Publish, "eu", &[name("n1")]),
        [("n0".into(), false)]
    );
    let far = chosen(Purpose::Publish, "us", &[]);
    assert_eq!(far, [("n2".into(), false), ("n3".into(), false)]);
}

#[test]
fn a_stream_is_where_its_owner_is_or_where_it_was_reported_or_nowhere() {
    let mut view = view();
    let at = view.whereabouts(&stream(), 0);
    assert!(matches!(at, Whereabouts::Node { lease, record: Some(_) } if lease.node == name("n1")));
    assert_eq!(at.url(&[Scheme::Http], Scope::Public), Some("http://n"));
    assert_eq!(at.url(&[Scheme::Rtmp], Scope::Public), None);

    let other = LeaseKey::new("live/other").unwrap();
    assert!(view.whereabouts(&other, 0).is_nowhere());
    let report = |key: &LeaseKey| StreamReport {
        key: key.clone(),
        ip: "192.0.2.7".into(),
        port: 1935,
        protocol: "rtmp".into(),
        ttl_ms: 1_000,
    };
    view.believe(&[report(&other), report(&stream())], 0);
    let at = view.whereabouts(&other, 999_999);
    assert!(matches!(at, Whereabouts::Reported(said) if said.port == 1935));
    assert!(view.whereabouts(&other, 1_000_000).is_nowhere());
    let at = view.whereabouts(&stream(), 0);
    assert!(at.other_node().is_some(), "an owner goes before a report");
}

#[test]
fn what_this_node_owns_is_here() {
    let mut view = View::new(ViewConfig::default(), name("n0"));
    let stream = StreamRecord {
        key: stream(),
        node: name("n0"),
        boot: 1,
        claim: 1,
        epoch: 7,
        since_ms: 0,
        over: 0,
    };
    let key = stream.key.clone();
    view.apply(
        &Message {
            from: name("n0"),
            boot: 1,
            seq: 1,
            body: Body::Owns { stream },
        },
        0,
    );
    let at = view.whereabouts(&key, 0);
    assert!(matches!(at, Whereabouts::Here(lease) if lease.epoch == 7));
    assert!(at.other_node().is_none());
}
