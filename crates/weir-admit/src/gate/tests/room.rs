//! Quotas of an app, and who gives way where a node is full.

use weir_hub::hub::PublishRequest;

use super::*;

/// What a node is told of itself and of others.
#[derive(Default)]
struct Told {
    full_permille: u64,
    streams: u32,
    nodes: u32,
}

impl Surroundings for Told {
    fn full_permille(&self) -> u64 {
        self.full_permille
    }

    fn streams_of(&self, _: &str) -> Option<u32> {
        Some(self.streams)
    }

    fn sharing_nodes(&self) -> u32 {
        self.nodes
    }
}

/// Shows R46.
#[test]
fn low_gives_way_before_normal_and_that_before_high() {
    for (full_permille, codes) in [
        (849, [0, 0, 0]),
        (850, [5001, 0, 0]),
        (950, [5001, 5001, 0]),
        (1_000, [5001, 5001, 5001]),
    ] {
        let set = |file: &mut FileRules| {
            for name in ["low", "normal", "high"] {
                let text = format!(r#"{{"priority":"{name}","publish":"open"}}"#);
                file.apps.insert(name.into(), rules(&text));
            }
        };
        let told = Told {
            full_permille,
            ..Told::default()
        };
        let house = House::with(set, |parts| parts.around = Arc::new(told));
        for action in [Action::Play, Action::Publish] {
            let got = ["low", "normal", "high"].map(|app| {
                house.code(&Ask {
                    action,
                    app,
                    ..play("")
                })
            });
            assert_eq!(got, codes, "{action:?} at {full_permille}");
        }
        if full_permille == 850 {
            let refusal = house
                .ask(&Ask {
                    app: "low",
                    ..play("")
                })
                .unwrap_err();
            assert!(refusal.detail.contains("priority low"), "{refusal}");
        }
    }
}

#[test]
fn a_viewer_of_hls_who_is_here_stays_when_the_node_fills_up() {
    let full = Arc::new(Mutex::new(0));
    struct Filling(Arc<Mutex<u64>>);
    impl Surroundings for Filling {
        fn full_permille(&self) -> u64 {
            *self.0.lock()
        }
    }
    let around = Filling(full.clone());
    let house = House::with(|_| {}, |parts| parts.around = Arc::new(around));
    let here = Ask {
        protocol: Protocol::Hls,
        ..play("")
    };
    assert_eq!(house.code(&here), 0);
    *full.lock() = 1_000;
    assert_eq!(
        house.code(&Ask {
            ip: "10.0.0.2",
            ..here
        }),
        5001
    );
    for _ in 0..10 {
        house.pass_s(10);
        assert_eq!(house.code(&here), 0);
    }
    house.pass_s(60);
    assert_eq!(house.code(&here), 5001, "whoever was away comes anew");
}

/// Shows R46.
#[test]
fn an_app_has_so_many_streams_in_the_cluster_and_so_many_viewers_a_node() {
    let set = |file: &mut FileRules| {
        let text = r#"{"publish":"open","max_streams":3,"max_viewers":5}"#;
        file.apps.insert("live".into(), rules(text));
    };
    let told = |streams| Told {
        streams,
        nodes: 2,
        ..Told::default()
    };
    let house = House::with(set, |parts| parts.around = Arc::new(told(2)));
    assert_eq!(house.code(&publish("")), 0);
    let house = House::with(set, |parts| parts.around = Arc::new(told(3)));
    assert_eq!(house.code(&publish("")), 2005);
    let codes: Vec<_> = (0..4).map(|_| house.code(&play(""))).collect();
    assert_eq!(
        codes,
        [0, 0, 0, 2006],
        "three of five are this node's share"
    );
    // Counted anew: of those three nobody came.
    house.pass_s(1);
    assert_eq!(house.code(&play("")), 0);
    assert_eq!(
        house.code(&Ask {
            app: "other",
            ..play("")
        }),
        0
    );
}

#[test]
fn a_stream_that_is_live_may_be_published_again_where_the_app_is_full() {
    let house = House::new(|file| {
        file.apps.insert(
            "live".into(),
            rules(r#"{"publish":"open","max_streams":1}"#),
        );
    });
    let request = PublishRequest {
        name: StreamName::new("", "live", "x").unwrap(),
        protocol: Protocol::Rtmp,
        addr: "10.0.0.1:1".parse().unwrap(),
        grant: house.ask(&publish("")).unwrap(),
    };
    let _publisher = house.hub.publish(request).unwrap();
    house.pass_s(2);
    assert_eq!(house.code(&publish("")), 0);
    let other = StreamName::new("", "live", "y").unwrap();
    let app = house.gate.rulebook.app("live");
    let full = house
        .gate
        .usage
        .check_publish(&other, &app.rules, &usage::Alone);
    assert_eq!(full.unwrap_err().code, Code::QuotaStreams);
}
