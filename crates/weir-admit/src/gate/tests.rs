//! Tests of the gatekeeper: by what one is let in, what keeps one out, and who is sent away later.

use std::net::SocketAddr;

use parking_lot::Mutex;
use weir_base::sign::{self, SigningKey, Subject};
use weir_hub::ClientGuard;
use weir_hub::clients::NewClient;

use super::*;
use crate::book::FileRules;
use crate::rules::{AppRules, PlayAuth, PublishAuth};
use crate::snapshot::{
    Ban, BanTarget, Change, Channel, Delta, KeyDigest, Snapshot, StreamKey, Visibility, Withdrawn,
};
use crate::ticket;

mod elsewhere;
mod ends;
mod room;

const SECRET: &str = "of this node";
const NOW_S: i64 = 1_000;

/// A node with a gate, in a time of its own.
struct House {
    gate: Arc<Gate>,
    hub: Hub,
    version: u64,
}

fn rules(text: &str) -> AppRules {
    serde_json::from_str(text).unwrap()
}

impl House {
    fn new(set: impl FnOnce(&mut FileRules)) -> Self {
        Self::with(set, |_| {})
    }

    fn with(set: impl FnOnce(&mut FileRules), arrange: impl FnOnce(&mut GateParts)) -> Self {
        let mut file = FileRules::default();
        set(&mut file);
        let clock = Clock::manual(NOW_S * 1_000_000);
        let hub = Hub::new(weir_hub::Config::default(), clock);
        let mut parts = GateParts {
            hub: hub.clone(),
            rulebook: Arc::new(Rulebook::new(file)),
            stream_key_secret: SECRET.into(),
            is_origin: true,
            around: Arc::new(usage::Alone),
            nonces: None,
            consult: None,
        };
        arrange(&mut parts);
        parts.rulebook.install(Snapshot::new("s", 0));
        let gate = Arc::new(Gate::new(parts));
        Self {
            gate,
            hub,
            version: 0,
        }
    }

    /// The store says something.
    fn learn(&mut self, changes: impl Into<Vec<Change>>) {
        let delta = Delta {
            series: "s".into(),
            from: self.version,
            to: self.version + 1,
            changes: changes.into(),
        };
        self.version += 1;
        self.gate.rulebook.take(&delta).unwrap();
    }

    fn pass_s(&self, seconds: i64) {
        self.hub.clock().advance_us(seconds * 1_000_000);
    }

    fn ask(&self, asked: &Ask<'_>) -> Result<Grant, Refusal> {
        let name = StreamName::new("", asked.app, "x").unwrap();
        let pairs = asked
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let query: Vec<_> = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let admission = Admission {
            action: asked.action,
            name: &name,
            query: &query,
            ip: asked.ip.parse().unwrap(),
            protocol: asked.protocol,
            is_cross_site: asked.is_cross_site,
            page: asked.page,
        };
        // Nobody here waits for a socket.
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(self.gate.admit(admission))
    }

    fn code(&self, asked: &Ask<'_>) -> u16 {
        self.ask(asked)
            .map_or_else(|refusal| refusal.code.number(), |_| 0)
    }

    /// A client that is let in and stays.
    fn enter(&self, asked: &Ask<'_>) -> ClientGuard {
        let grant = self.ask(asked).unwrap();
        let new = NewClient {
            role: match asked.action {
                Action::Publish => Role::Publisher,
                Action::Play => Role::Viewer,
            },
            protocol: asked.protocol,
            name: StreamName::new("", asked.app, "x").unwrap(),
            addr: SocketAddr::new(asked.ip.parse().unwrap(), 1),
            is_node: false,
            identity: grant.identity,
            right: grant.right,
            wishes: grant.wishes,
        };
        self.hub.clients().enter(new, 0).unwrap()
    }

    /// What a client is sent away with when it is looked at again.
    fn judged(&self, client: &ClientGuard) -> u16 {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(self.gate.judge_all());
        self.gate.end_expired();
        client.kicked().map_or(0, Code::number)
    }
}

/// One question at the door of `app/x`.
#[derive(Clone, Copy)]
struct Ask<'a> {
    action: Action,
    app: &'a str,
    query: &'a str,
    ip: &'a str,
    protocol: Protocol,
    is_cross_site: bool,
    page: Option<&'a str>,
}

fn publish(query: &str) -> Ask<'_> {
    Ask {
        action: Action::Publish,
        ..play(query)
    }
}

fn play(query: &str) -> Ask<'_> {
    Ask {
        action: Action::Play,
        app: "live",
        query,
        ip: "10.0.0.1",
        protocol: Protocol::Rtmp,
        is_cross_site: false,
        page: None,
    }
}

fn derived(app: &str, stream: &str) -> String {
    format!(
        "key={}",
        sign::stream_key(SECRET.as_bytes(), "", app, stream)
    )
}

fn channel(visibility: Visibility, round: u32) -> Change {
    Change::Channel(Arc::new(Channel {
        id: "ch1".into(),
        owner: "ann".into(),
        app: "live".into(),
        name: "x".into(),
        visibility,
        round,
        max_kbps: Some(4_000),
        record: None,
        shot_every_s: Some(2),
    }))
}

fn key(text: &str, channel: &str, until_ms: Option<i64>, is_revoked: bool) -> Change {
    Change::Key(StreamKey {
        digest: KeyDigest::of(text),
        id: text.into(),
        channel: channel.into(),
        until_ms,
        is_revoked,
    })
}

fn ban(target: BanTarget, until_ms: Option<i64>) -> Change {
    Change::Ban(Arc::new(Ban {
        id: "ban1".into(),
        channel: Box::default(),
        target,
        stops: Acts::Both,
        reason: "spam in the chat".into(),
        until_ms,
    }))
}

fn app(text: &str) -> Change {
    Change::App {
        name: "live".into(),
        rules: Arc::new(rules(text)),
    }
}

fn ticket_key() -> SigningKey {
    SigningKey {
        id: "t1".into(),
        secret: "sixteen bytes at least".into(),
    }
}

fn url_key() -> SigningKey {
    SigningKey {
        id: "k1".into(),
        secret: "sixteen bytes at least".into(),
    }
}

fn signed(action: Action, expiry_s: i64, nonce: &str) -> String {
    let subject = Subject {
        action,
        vhost: "",
        app: "live",
        stream: "x",
    };
    sign::sign(&url_key(), subject, expiry_s, nonce, "")
}

#[test]
fn publishing_needs_the_key_of_this_very_stream() {
    let house = House::new(|_| {});
    let (right, other) = (derived("live", "x"), derived("live", "y"));
    assert_eq!(house.code(&publish(&right)), 0);
    assert_eq!(house.code(&publish(&other)), 1004);
    assert_eq!(house.code(&publish("")), 1001);
    assert_eq!(house.code(&play("")), 0);
}

#[test]
fn a_page_of_another_site_needs_the_key_where_publishing_is_open() {
    let house = House::new(|file| file.auth.publish = PublishAuth::Open);
    let right = derived("live", "x");
    let from_elsewhere = |query| Ask {
        is_cross_site: true,
        ..publish(query)
    };
    assert_eq!(house.code(&publish("")), 0);
    assert_eq!(house.code(&from_elsewhere("")), 1001);
    assert_eq!(house.code(&from_elsewhere(&right)), 0);
}

#[test]
fn an_app_may_have_rules_of_its_own_and_the_store_those_above_them() {
    let mut house = House::new(|file| {
        file.apps.insert(
            "live".into(),
            rules(r#"{"publish":"open","takeover":true,"max_kbps":9}"#),
        );
    });
    let grant = house.ask(&publish("")).unwrap();
    assert!(grant.takeover && !grant.by_query);
    assert_eq!(grant.max_kbps, Some(9));
    assert_eq!(
        house.code(&Ask {
            app: "other",
            ..publish("")
        }),
        1001
    );
    house.learn([app(r#"{"publish":"key"}"#)]);
    assert_eq!(house.code(&publish("")), 1001);
    house.learn([Change::AppGone {
        name: "live".into(),
    }]);
    assert_eq!(house.code(&publish("")), 0);
    house.learn([app(r#"{"disabled":true}"#)]);
    assert_eq!(house.code(&publish("")), 2002);
    assert_eq!(house.code(&play("")), 2002);
}

#[test]
fn a_signed_url_publishes_and_plays_and_a_nonce_admits_once() {
    let house = House::new(|file| {
        file.auth.play = PlayAuth::Signed;
        file.auth.keys = vec![url_key()];
    });
    let query = signed(Action::Play, 2_000, "");
    assert_eq!(house.code(&play(&query)), 0);
    assert_eq!(house.code(&publish(&query)), 1007);
    assert_eq!(house.code(&play("")), 1001);
    assert_eq!(house.code(&play(&query)), 0);
    let once = signed(Action::Play, 2_000, "once");
    assert_eq!(house.code(&play(&once)), 0);
    assert_eq!(house.code(&play(&once)), 1005);
    let again = signed(Action::Play, 2_000, "again");
    let hls = Ask {
        protocol: Protocol::Hls,
        ..play(&again)
    };
    assert_eq!((house.code(&hls), house.code(&hls)), (0, 0));
    assert_eq!(
        house.code(&Ask {
            ip: "10.0.0.2",
            ..hls
        }),
        1005
    );
    house.pass_s(1_000);
    assert_eq!(house.code(&play(&query)), 1003);
}

#[test]
fn a_channel_is_published_to_with_its_own_keys_alone_also_where_publishing_is_open() {
    let mut house = House::new(|file| file.auth.publish = PublishAuth::Open);
    assert_eq!(house.code(&publish("")), 0);
    house.learn([
        channel(Visibility::Public, 0),
        key("new", "ch1", None, false),
        key("old", "ch1", Some((NOW_S + 10) * 1_000), false),
        key("gone", "ch1", None, true),
        key("foreign", "ch2", None, false),
    ]);
    let grant = house.ask(&publish("key=new")).unwrap();
    assert_eq!(grant.identity.unwrap().account(), "ann");
    assert_eq!(grant.max_kbps, Some(4_000));
    assert_eq!(house.code(&publish("key=old")), 0);
    assert_eq!(house.code(&publish("key=gone")), 1006);
    assert_eq!(house.code(&publish("key=foreign")), 1004);
    assert_eq!(house.code(&publish("key=unknown")), 1004);
    assert_eq!(house.code(&publish(&derived("live", "x"))), 1004);
    assert_eq!(house.code(&publish("")), 1001);
    house.pass_s(10);
    assert_eq!(house.code(&publish("key=old")), 1006);
    house.learn([Change::ChannelGone { id: "ch1".into() }]);
    assert_eq!(house.code(&publish("")), 0);
}

#[test]
fn a_channel_that_is_not_for_everybody_needs_a_ticket() {
    let mut house = House::new(|_| {});
    let Change::Channel(private) = channel(Visibility::Private, 3) else {
        unreachable!()
    };
    house.learn([
        Change::Channel(private.clone()),
        Change::TicketKeys(vec![ticket_key()]),
    ]);
    assert_eq!(house.code(&play("")), 1001);
    let text = ticket::make(&ticket_key(), &private, "bob", NOW_S + 60).unwrap();
    let query = format!("ticket={text}");
    let grant = house.ask(&play(&query)).unwrap();
    assert_eq!(grant.identity.unwrap().account(), "bob");
    assert!(grant.by_query);
    assert_eq!(house.code(&publish(&query)), 1001);
    house.learn([ban(BanTarget::Account("bob".into()), None)]);
    assert_eq!(house.code(&play(&query)), 2007);
    house.learn([
        Change::BanGone { id: "ban1".into() },
        channel(Visibility::Private, 4),
    ]);
    assert_eq!(house.code(&play(&query)), 1006);
    house.learn([channel(Visibility::Unlisted, 4)]);
    assert_eq!(house.code(&play("")), 0);
}

#[test]
fn the_banned_are_told_why_and_until_when() {
    let mut house = House::new(|_| {});
    house.learn([channel(Visibility::Public, 0), key("k", "ch1", None, false)]);
    for (target, code) in [
        (BanTarget::Stream("live/x".into()), 2001),
        (BanTarget::Account("ann".into()), 2007),
        (BanTarget::Network("10.0.0.0/24".parse().unwrap()), 2003),
    ] {
        house.learn([ban(target, Some((NOW_S + 10) * 1_000))]);
        for asked in [publish("key=k"), play("")] {
            let refusal = house.ask(&asked).unwrap_err();
            assert_eq!(
                (refusal.code.number(), &*refusal.detail),
                (code, "spam in the chat")
            );
        }
    }
    assert_eq!(
        house.code(&Ask {
            ip: "10.0.1.1",
            ..play("")
        }),
        0
    );
    house.pass_s(10);
    assert_eq!(house.code(&play("")), 0);
}

#[test]
fn an_app_is_played_where_it_may_be() {
    let house = House::new(|file| {
        let text = r#"{"referers":["example.com"],"play_networks":["10.0.0.0/8"]}"#;
        file.apps.insert("live".into(), rules(text));
    });
    let on = |page| Ask { page, ..play("") };
    assert_eq!(house.code(&on(Some("https://example.com/a"))), 0);
    assert_eq!(house.code(&on(Some("https://other.example/a"))), 2009);
    assert_eq!(house.code(&on(None)), 2009);
    let far = Ask {
        ip: "192.0.2.1",
        ..on(Some("https://example.com/a"))
    };
    assert_eq!(house.code(&far), 2003);
    assert_eq!(
        house.code(&publish(&derived("live", "x"))),
        0,
        "pages are of players"
    );
}

#[test]
fn an_edge_that_passes_tokens_on_still_keeps_the_banned_out() {
    let set = |file: &mut FileRules| {
        file.apps
            .insert("live".into(), rules(r#"{"tokens":"origin"}"#));
    };
    let mut house = House::with(set, |parts| parts.is_origin = false);
    assert!(house.ask(&publish("")).unwrap().ask_origin);
    house.learn([ban(BanTarget::Stream("live/x".into()), None)]);
    assert_eq!(house.code(&publish("")), 2001);
}

/// Shows R45.
#[test]
fn an_address_that_chooses_what_makes_no_sense_is_refused_and_the_rest_is_kept() {
    let house = House::new(|file| file.auth.publish = PublishAuth::Open);
    let grant = house.ask(&publish("rec=mp4&dvr=60")).unwrap();
    assert_eq!(grant.wishes.unwrap().dvr_s, Some(60));
    assert_eq!(house.code(&publish("rec=avi")), 1002);
    assert_eq!(house.code(&play("rec=avi")), 0);
}

#[test]
fn a_node_that_has_heard_of_no_store_goes_by_its_file() {
    let house = House::new(|_| {});
    house.gate.rulebook.install(Snapshot::default());
    assert_eq!(house.gate.rulebook.position(), None);
    assert_eq!(house.code(&publish(&derived("live", "x"))), 0);
    assert_eq!(house.code(&play("")), 0);
}
