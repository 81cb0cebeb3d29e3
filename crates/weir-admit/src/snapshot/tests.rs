//! Tests of the snapshot: what it finds, how it travels, and what a broken one does.

use std::os::unix::fs::PermissionsExt as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::copy::DiskCopy;
use super::journal::{Answer, Journal};
use super::wire::{self, Update, WireError};
use super::*;
use std::io::Write as _;

fn channel(id: u32, name: &str) -> Change {
    Change::Channel(Arc::new(Channel {
        id: format!("ch{id}").into(),
        owner: format!("acc{id}").into(),
        app: "live".into(),
        name: name.into(),
        visibility: Visibility::Public,
        round: 0,
        max_kbps: None,
        record: None,
        shot_every_s: None,
    }))
}

fn key(text: &str, channel: u32) -> Change {
    Change::Key(StreamKey {
        digest: KeyDigest::of(text),
        id: format!("key of {text}").into(),
        channel: format!("ch{channel}").into(),
        until_ms: None,
        is_revoked: false,
    })
}

fn ban(id: u32, target: BanTarget, stops: Acts, until_ms: Option<i64>) -> Change {
    Change::Ban(Arc::new(Ban {
        id: format!("ban{id}").into(),
        channel: Box::default(),
        target,
        stops,
        reason: "spam".into(),
        until_ms,
    }))
}

/// On the channel `ch{id}`.
fn on_channel(id: u32, target: BanTarget) -> Change {
    let Change::Ban(ban) = ban(id, target, Acts::Play, None) else {
        unreachable!()
    };
    Change::ban(Arc::new(Ban {
        channel: format!("ch{id}").into(),
        ..(*ban).clone()
    }))
}

fn net(text: &str) -> BanTarget {
    BanTarget::Network(text.parse().unwrap())
}

fn of(changes: &[Change]) -> Snapshot {
    let mut snapshot = Snapshot::new("s1", 1);
    for change in changes {
        snapshot.apply(change).unwrap();
    }
    snapshot
}

/// All that a snapshot says, in an order of its own.
fn said(snapshot: &Snapshot) -> Vec<String> {
    let changes = snapshot.changes();
    let mut lines: Vec<_> = changes
        .map(|c| serde_json::to_string(&c).unwrap())
        .collect();
    lines.sort_unstable();
    lines
}

fn read_whole(bytes: &[u8]) -> Snapshot {
    match wire::read(bytes).unwrap() {
        Update::Whole(snapshot) => *snapshot,
        Update::Delta(delta) => panic!("a delta: {delta:?}"),
    }
}

#[test]
fn a_channel_that_is_renamed_is_found_under_its_new_name_alone() {
    let mut snapshot = of(&[channel(1, "a"), key("k", 1)]);
    snapshot.apply(&channel(1, "b")).unwrap();
    assert!(snapshot.channel("live/a").is_none());
    assert_eq!(&*snapshot.channel("live/b").unwrap().id, "ch1");
    assert_eq!(&*snapshot.key(&KeyDigest::of("k")).unwrap().channel, "ch1");
    // Another takes the old name, and the first one's end does not take it away.
    for change in [channel(2, "b"), Change::ChannelGone { id: "ch1".into() }] {
        snapshot.apply(&change).unwrap();
    }
    assert_eq!(&*snapshot.channel("live/b").unwrap().id, "ch2");
}

#[test]
fn a_ban_hits_what_it_names_until_it_ends() {
    let snapshot = of(&[
        ban(1, net("10.1.0.0/16"), Acts::Both, None),
        ban(2, net("10.1.2.3/32"), Acts::Play, Some(1_000)),
        ban(3, net("2001:db8::/32"), Acts::Publish, None),
        ban(4, BanTarget::Account("ann".into()), Acts::Play, Some(1_000)),
        ban(5, BanTarget::Stream("live/x".into()), Acts::Publish, None),
    ]);
    let ip = |ip: &str, stops, now_ms| {
        let found = snapshot.ban_of_ip("", ip.parse().unwrap(), stops, now_ms);
        found.map(|ban| ban.id.to_string())
    };
    let found = |id: &str| Some(id.to_owned());
    assert_eq!(ip("10.1.2.3", Acts::Play, 999), found("ban2"));
    assert_eq!(ip("10.1.2.3", Acts::Play, 1_000), found("ban1"));
    assert_eq!(ip("::ffff:10.1.2.3", Acts::Publish, 0), found("ban1"));
    assert_eq!(ip("10.2.2.3", Acts::Play, 0), None);
    assert_eq!(ip("2001:db8::9", Acts::Publish, 0), found("ban3"));
    assert_eq!(ip("2001:db8::9", Acts::Play, 0), None);
    let ann = BanTarget::Account("ann".into());
    assert!(snapshot.ban("", &ann, Acts::Play, 999).is_some());
    assert!(snapshot.ban("", &ann, Acts::Play, 1_000).is_none());
    assert!(snapshot.ban("", &ann, Acts::Publish, 0).is_none());
}

#[test]
fn a_ban_on_a_channel_hits_there_alone_and_is_lifted_like_any() {
    let mut snapshot = of(&[
        on_channel(1, net("10.1.0.0/16")),
        on_channel(2, BanTarget::Account("ann".into())),
        ban(3, net("10.2.0.0/16"), Acts::Both, None),
    ]);
    let ip = "10.1.0.9".parse().unwrap();
    let ann = BanTarget::Account("ann".into());
    for (channel, by_ip, by_name) in [
        ("", false, false),
        ("ch1", true, false),
        ("ch2", false, true),
    ] {
        let hit = snapshot.ban_of_ip(channel, ip, Acts::Play, 0);
        assert_eq!(hit.is_some(), by_ip, "{channel}");
        let hit = snapshot.ban(channel, &ann, Acts::Play, 0);
        assert_eq!(hit.is_some(), by_name, "{channel}");
    }
    assert!(snapshot.ban("ch2", &ann, Acts::Publish, 0).is_none());
    for id in ["ban1", "ban2"] {
        snapshot.apply(&Change::BanGone { id: id.into() }).unwrap();
    }
    assert!(snapshot.ban_of_ip("ch1", ip, Acts::Play, 0).is_none());
    assert!(snapshot.ban("ch2", &ann, Acts::Play, 0).is_none());
    assert_eq!(snapshot.counts().bans, 1);
    // One that says where it counts in a way that an older node reads otherwise is none.
    let Change::ChannelBan(placed) = on_channel(1, ann) else {
        panic!("a ban on a channel is a change of its own kind")
    };
    assert!(snapshot.apply(&Change::Ban(placed)).is_err());
}

#[test]
fn a_lifted_ban_hits_nobody_and_one_of_two_stays() {
    let mut snapshot = of(&[
        ban(1, net("10.0.0.0/8"), Acts::Both, None),
        ban(2, net("10.0.0.0/8"), Acts::Both, None),
    ]);
    let ip = "10.0.0.1".parse().unwrap();
    for left in ["ban2", "ban1"] {
        snapshot
            .apply(&Change::BanGone { id: left.into() })
            .unwrap();
        let hit = snapshot.ban_of_ip("", ip, Acts::Both, 0).is_some();
        assert_eq!(hit, left == "ban2");
    }
    assert_eq!(snapshot.counts().bans, 0);
}

#[test]
fn changes_that_do_not_begin_here_are_not_taken() {
    let mut snapshot = of(&[channel(1, "a")]);
    let delta = |series: &str, from, to| Delta {
        series: series.into(),
        from,
        to,
        changes: vec![channel(2, "b")],
    };
    let before = said(&snapshot);
    for wrong in [
        delta("s2", 1, 2),
        delta("s1", 0, 2),
        delta("s1", 2, 3),
        delta("s1", 1, 0),
    ] {
        assert_eq!(snapshot.take(&wrong), Err(Untaken::Gap));
    }
    assert_eq!(said(&snapshot), before);
    assert_eq!(
        Snapshot::default().take(&delta("s1", 0, 1)),
        Err(Untaken::Gap)
    );
    snapshot.take(&delta("s1", 1, 5)).unwrap();
    assert_eq!(snapshot.position().unwrap().version, 5);
    assert!(snapshot.channel("live/b").is_some());
}

#[test]
fn what_is_senseless_is_not_taken() {
    let mut snapshot = of(&[]);
    for wrong in [
        channel(1, ""),
        channel(1, "a\nb"),
        channel(1, &"x".repeat(256)),
        ban(1, BanTarget::Account("".into()), Acts::Both, None),
        Change::TicketKeys(vec![
            SigningKey {
                id: "k".into(),
                secret: "s".into()
            };
            3
        ]),
    ] {
        assert!(
            matches!(snapshot.apply(&wrong), Err(Untaken::Senseless(_))),
            "{wrong:?}"
        );
    }
    assert_eq!(snapshot.counts(), Counts::default());
}

#[test]
fn a_node_that_is_a_little_behind_gets_what_changed_and_another_the_whole() {
    let journal = Journal::new(of(&[channel(1, "a")]));
    let at = |version| Position {
        series: "s1".into(),
        version,
    };
    let mut edge = match journal.answer(None) {
        Answer::Bytes(bytes) => read_whole(&bytes),
        Answer::Nothing => panic!("nothing"),
    };
    assert!(matches!(journal.answer(edge.position()), Answer::Nothing));
    for version in 2..=4 {
        journal
            .push(vec![key(&format!("k{version}"), 1)], version)
            .unwrap();
    }
    let Answer::Bytes(bytes) = journal.answer(edge.position()) else {
        panic!("nothing");
    };
    let Update::Delta(delta) = wire::read(&bytes).unwrap() else {
        panic!("the whole");
    };
    assert_eq!((delta.from, delta.to, delta.changes.len()), (1, 4, 3));
    edge.take(&delta).unwrap();
    assert_eq!(edge.position(), Some(&at(4)));
    assert_eq!(edge.counts().keys, 3);
    for stranger in [
        Position {
            series: "s0".into(),
            version: 4,
        },
        at(9),
        at(0),
    ] {
        let Answer::Bytes(bytes) = journal.answer(Some(&stranger)) else {
            panic!("nothing for {stranger:?}");
        };
        assert_eq!(said(&read_whole(&bytes)), said(&edge), "{stranger:?}");
    }
    // Changes beyond what is kept: the oldest go, and who needs them gets the whole.
    let many = vec![key("k5", 1); wire::DELTA_CHANGES];
    journal.push(many, 5).unwrap();
    let Answer::Bytes(bytes) = journal.answer(Some(&at(1))) else {
        panic!("nothing");
    };
    assert_eq!(read_whole(&bytes).position(), Some(&at(5)));
}

#[test]
fn a_newer_release_may_say_more_than_this_one_knows() {
    let lines = [
        r#"{"weir_admission":1,"series":"s1","to":7,"moon":"full"}"#,
        r#"{"app":{"name":"live","rules":{"max_kbps":5,"colour":"red"}}}"#,
        r#"{"weather":{"it":"rains"}}"#,
        r#"{"channel":{"id":"ch1","owner":"o","name":"a","mood":"good"}}"#,
    ];
    let snapshot = read_whole(&packed(&lines));
    assert_eq!(snapshot.app("live").unwrap().max_kbps, Some(5));
    assert_eq!(&*snapshot.channel("live/a").unwrap().owner, "o");
    let form = [r#"{"weir_admission":2,"series":"s1","to":7}"#];
    assert!(matches!(
        wire::read(&packed(&form)),
        Err(WireError::Form(2))
    ));
}

/// Lines with a right foot.
fn packed(lines: &[&str]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let text = lines.join("\n") + "\n";
    let sha256 = weir_base::ids::hex(&Sha256::digest(text.as_bytes()));
    let foot = format!("{{\"lines\":{},\"sha256\":\"{sha256}\"}}\n", lines.len());
    gzip(&(text + &foot))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn what_is_broken_or_endless_is_refused() {
    let head = r#"{"weir_admission":1,"series":"s1","to":7}"#;
    let bad = |lines: &[&str]| wire::read(&packed(lines)).unwrap_err();
    assert!(matches!(
        bad(&[head, r#"{"channel":{"id":7}}"#]),
        WireError::Line(2, _)
    ));
    assert!(matches!(bad(&[head, "[]"]), WireError::Line(2, _)));
    assert!(matches!(bad(&["{}"]), WireError::Line(1, _)));
    assert!(matches!(
        bad(&[head, r#"{"key_gone":{"digest":"00"}}"#]),
        WireError::Line(2, _)
    ));
    let long = format!(r#"{{"weather":"{}"}}"#, "x".repeat(200_000));
    assert!(matches!(bad(&[head, &long]), WireError::TooLong(_)));
    // No foot, a wrong foot, and more behind the foot.
    assert!(wire::read(&gzip(&format!("{head}\n"))).is_err());
    let lies = format!("{head}\n{{\"lines\":1,\"sha256\":\"00\"}}\n");
    assert!(matches!(wire::read(&gzip(&lies)), Err(WireError::Digest)));
    let more = format!("{head}\n{{\"lines\":1,\"sha256\":\"{}\"}}\nmore\n", {
        use sha2::{Digest as _, Sha256};
        weir_base::ids::hex(&Sha256::digest(format!("{head}\n").as_bytes()))
    });
    assert!(matches!(
        wire::read(&gzip(&more)),
        Err(WireError::TooLong(_))
    ));
    assert!(wire::read(b"not gzip").is_err());
    assert!(wire::read(b"").is_err());
}

#[test]
fn a_copy_on_disk_is_read_again_with_what_came_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admission.snapshot");
    let (mut disk, nothing) = DiskCopy::open(&path).unwrap();
    assert!(nothing.is_none() && disk.wants_whole());
    let journal = Journal::new(of(&[channel(1, "a")]));
    let Answer::Bytes(whole) = journal.answer(None) else {
        panic!("nothing")
    };
    disk.keep(&wire::read(&whole).unwrap(), &whole).unwrap();
    assert!(!disk.wants_whole());
    for version in 2..5 {
        let delta = journal
            .push(vec![key(&format!("k{version}"), 1)], version)
            .unwrap();
        let bytes = wire::delta(&delta);
        disk.keep(&wire::read(&bytes).unwrap(), &bytes).unwrap();
        // The same again does not fit behind itself.
        disk.keep(&wire::read(&bytes).unwrap(), &bytes).unwrap();
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (again, known) = DiskCopy::open(&path).unwrap();
    assert!(!again.wants_whole());
    assert_eq!(known.unwrap().position(), journal.position().as_ref());
}

#[test]
fn wherever_a_copy_is_torn_it_is_a_version_that_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admission.snapshot");
    let journal = Journal::new(of(&[channel(1, "a")]));
    let (mut disk, _) = DiskCopy::open(&path).unwrap();
    let Answer::Bytes(whole) = journal.answer(None) else {
        panic!("nothing")
    };
    disk.keep(&wire::read(&whole).unwrap(), &whole).unwrap();
    for version in 2..4 {
        let delta = journal
            .push(vec![key(&format!("k{version}"), 1)], version)
            .unwrap();
        let bytes = wire::delta(&delta);
        disk.keep(&wire::read(&bytes).unwrap(), &bytes).unwrap();
    }
    let all = std::fs::read(&path).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in 0..all.len() {
        std::fs::write(&path, &all[..cut]).unwrap();
        let (disk, known) = DiskCopy::open(&path).unwrap();
        let version = known.map_or(0, |known| {
            assert_eq!(
                known.counts().keys as u64,
                known.position().unwrap().version - 1
            );
            known.position().unwrap().version
        });
        seen.insert(version);
        let is_whole_frame = version > 0 && !disk.wants_whole();
        assert!(!is_whole_frame || cut >= whole.len() + 4, "cut at {cut}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    let mut hurt = all;
    let middle = hurt.len() / 2;
    hurt[middle] ^= 0xff;
    std::fs::write(&path, &hurt).unwrap();
    assert!(DiskCopy::open(&path).unwrap().0.wants_whole());
}

fn any_change() -> impl Strategy<Value = Change> {
    let id = 0..6_u32;
    let name = prop::sample::select(vec!["a", "b", "c", "频道"]);
    let network = prop::sample::select(vec!["10.0.0.0/8", "10.0.0.1/32", "2001:db8::/32"]);
    prop_oneof![
        (id.clone(), name.clone()).prop_map(|(id, name)| channel(id, name)),
        id.clone().prop_map(|id| Change::ChannelGone {
            id: format!("ch{id}")
        }),
        (name.clone(), id.clone()).prop_map(|(text, id)| key(text, id)),
        name.clone().prop_map(|text| Change::KeyGone {
            digest: KeyDigest::of(text)
        }),
        (id.clone(), network).prop_map(|(id, network)| ban(id, net(network), Acts::Both, Some(5))),
        (id.clone(), name.clone())
            .prop_map(|(id, name)| { ban(id, BanTarget::Stream(name.into()), Acts::Play, None) }),
        (id.clone(), name.clone())
            .prop_map(|(id, name)| on_channel(id, BanTarget::Account(name.into()))),
        id.clone().prop_map(|id| Change::BanGone {
            id: format!("ban{id}")
        }),
        (name.clone(), id).prop_map(|(name, limit)| Change::App {
            name: name.into(),
            rules: Arc::new(AppRules {
                max_kbps: Some(limit + 1),
                ..AppRules::default()
            }),
        }),
        name.prop_map(|name| Change::AppGone { name: name.into() }),
    ]
}

proptest! {
    #[test]
    fn whatever_changed_arrives_as_it_was_whole_or_in_deltas(
        steps in prop::collection::vec(prop::collection::vec(any_change(), 0..6), 1..12),
        asked in prop::collection::vec(any::<bool>(), 12),
    ) {
        let journal = Journal::new(Snapshot::new("s1", 0));
        let mut edge = Snapshot::new("s1", 0);
        let mut here = of(&[]);
        for (n, changes) in steps.into_iter().enumerate() {
            for change in &changes {
                here.apply(change).unwrap();
            }
            journal.push(changes, n as u64 + 1).unwrap();
            if asked[n]
                && let Answer::Bytes(bytes) = journal.answer(edge.position())
                && let Update::Delta(delta) = wire::read(&bytes).unwrap()
            {
                edge.take(&delta).unwrap();
                prop_assert_eq!(said(&edge), said(&here));
            }
        }
        if let Answer::Bytes(bytes) = journal.answer(None) {
            prop_assert_eq!(said(&read_whole(&bytes)), said(&here));
        }
    }

    #[test]
    fn no_bytes_break_the_reader(hurts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = wire::whole(&of(&[channel(1, "a"), key("k", 1), ban(1, net("10.0.0.0/8"), Acts::Both, None)]));
        for (at, byte) in hurts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = wire::read(&bytes);
    }
}

#[test]
fn rules_of_a_newer_release_count_as_far_as_they_are_known() {
    let text = r#"{"app":{"name":"live","rules":{"max_kbps":5,"newer":{"x":1},"keys":[
        {"id":"k1","secret":"sixteen bytes at least","newer":1},
        {"id":"k2","secret":"sixteen bytes at least","dialect":"of-tomorrow"}]}}}"#;
    let Change::App { rules, .. } = serde_json::from_str(text).unwrap() else {
        panic!("it is no app");
    };
    let ids: Vec<&str> = rules.keys.iter().map(|key| key.id.as_str()).collect();
    assert_eq!((rules.max_kbps, ids), (Some(5), vec!["k1"]));
}
