//! Admissions in a second of one core by stream keys and by native signatures, and what a snapshot of
//! 100,000 channels with a key each costs: bytes sent, time to read, memory.
//! `cargo run --release -p weir-admit --example admission_bench`
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot go on says so and stops"
)]

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;

use futures_util::FutureExt as _;
use weir_admit::snapshot::wire::{self, Update};
use weir_admit::usage::Alone;
use weir_admit::{
    Auth, Change, Channel, FileRules, Gate, GateParts, KeyDigest, PlayAuth, Rulebook, Snapshot,
    StreamKey, Visibility,
};
use weir_base::sign::{self, Action, SigningKey, Subject};
use weir_base::{Clock, StreamName, process};
use weir_hub::{Admission, Gatekeeper as _, Hub, Protocol};

const CHANNELS: u64 = 100_000;
const ASKS: u64 = 100_000;
const BATCHES: u64 = 5;

/// One question, as a protocol would have it.
struct Asked {
    name: StreamName,
    query: Vec<(String, String)>,
    action: Action,
}

/// The argument with which the bench makes the snapshot and nothing else, in a process of its own: what making it
/// leaves behind would hide what reading it costs.
const MAKE: &str = "make";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(MAKE) {
        std::io::stdout()
            .write_all(&wire::whole(&snapshot()))
            .unwrap();
        return;
    }
    let mut maker = Command::new(std::env::current_exe().unwrap());
    let bytes = maker.arg(MAKE).output().unwrap().stdout;
    let before = process::own_rss_bytes();
    let clock = Clock::real();
    let Update::Whole(snapshot) = wire::read(&bytes).unwrap() else {
        panic!("the whole is read as a delta");
    };
    let read_ms = clock.now_us() / 1_000;
    let rulebook = Rulebook::new(FileRules {
        auth: Auth {
            play: PlayAuth::Signed,
            keys: vec![url_key()],
            ..Auth::default()
        },
        ..FileRules::default()
    });
    rulebook.install(*snapshot);
    let held = process::own_rss_bytes().saturating_sub(before);
    let gate = Gate::new(GateParts {
        hub: Hub::new(weir_hub::Config::default(), Clock::real()),
        rulebook: Arc::new(rulebook),
        stream_key_secret: "a secret".into(),
        is_origin: true,
        around: Arc::new(Alone),
        nonces: None,
        consult: None,
    });
    let by_key = rate(&gate, &(0..ASKS).map(with_key).collect::<Vec<_>>());
    let by_signature = rate(&gate, &(0..ASKS).map(with_signature).collect::<Vec<_>>());
    println!(
        "{by_key} admissions per CPU-second by stream key, {by_signature} by signature; {CHANNELS} channels and keys: {} bytes sent, read in {read_ms} ms, {held} bytes held",
        bytes.len()
    );
}

fn rate(gate: &Gate, asked: &[Asked]) -> u64 {
    let cpu_s = || process::usage(std::process::id()).unwrap().cpu_s;
    let mut best = 0;
    for _ in 0..BATCHES {
        let before_s = cpu_s();
        for one in asked {
            let answer = gate.admit(Admission {
                action: one.action,
                name: &one.name,
                query: &one.query,
                ip: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
                protocol: Protocol::Rtmp,
                is_cross_site: false,
                page: None,
            });
            // All of it is in memory: there is nothing to wait for.
            answer.now_or_never().unwrap().unwrap();
        }
        let took_s = (cpu_s() - before_s).max(1e-6);
        best = best.max((asked.len() as f64 / took_s) as u64);
    }
    best
}

fn dice(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// As the store writes its ids.
fn id(kind: u64, n: u64) -> String {
    format!("0190{kind:04x}-7b2c-7d1e-8a3f-{n:012x}")
}

fn key_of(n: u64) -> String {
    format!("k{n:024x}")
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::new("bench", 1);
    for n in 0..CHANNELS {
        let channel = Change::Channel(Arc::new(Channel {
            id: id(1, n).into(),
            owner: id(2, n).into(),
            app: "live".into(),
            name: format!("channel{n}").into(),
            visibility: Visibility::Public,
            round: 0,
            max_kbps: None,
            record: None,
            shot_every_s: None,
        }));
        let key = Change::Key(StreamKey {
            digest: KeyDigest::of(&key_of(n)),
            id: id(3, n).into(),
            channel: id(1, n).into(),
            until_ms: None,
            is_revoked: false,
        });
        snapshot.apply(&channel).unwrap();
        snapshot.apply(&key).unwrap();
    }
    snapshot
}

fn url_key() -> SigningKey {
    SigningKey {
        id: "2026a".into(),
        secret: "sixteen bytes at least".into(),
    }
}

fn with_key(n: u64) -> Asked {
    let channel = dice(n) % CHANNELS;
    Asked {
        name: StreamName::new("", "live", &format!("channel{channel}")).unwrap(),
        query: vec![("key".into(), key_of(channel))],
        action: Action::Publish,
    }
}

fn with_signature(n: u64) -> Asked {
    let stream = format!("channel{}", dice(n) % CHANNELS);
    let subject = Subject {
        action: Action::Play,
        vhost: "",
        app: "live",
        stream: &stream,
    };
    let query = sign::sign(&url_key(), subject, 4_000_000_000, "", "");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Asked {
        query: pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        name: StreamName::new("", "live", &stream).unwrap(),
        action: Action::Play,
    }
}
