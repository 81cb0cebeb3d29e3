//! What admission reads: URLs signed in any dialect.

use std::io::Write as _;
use std::sync::LazyLock;

use weir_admit::dialect::Request;
use weir_admit::snapshot::wire;
use weir_admit::{AppKey, Change, Dialect, Keyring, Opens, Snapshot};
use weir_base::sign::{Action, Subject};
use weir_serve::request;

/// A key of each dialect, none of which signed anything in the corpus.
static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let key = |(dialect, opens)| AppKey {
        dialect,
        id: "k1".into(),
        secret: "not to be guessed".into(),
        public_key: String::new(),
        opens,
    };
    let keys = [
        (Dialect::Native, Opens::Signed),
        (Dialect::Tencent, Opens::Play),
        (Dialect::Alibaba, Opens::Play),
        (Dialect::Kingsoft, Opens::Play),
        (Dialect::KingsoftAk, Opens::Play),
        (Dialect::JwtHs256, Opens::Signed),
    ];
    Keyring::new(&keys.map(key), JWKS).expect("the keys are good")
});

/// The key of RFC 7517 appendix A.1, whose private part nothing here has.
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"e1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

pub(super) fn signed_dialects(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = request::query(Some(&text));
    for (action, ending) in [(Action::Publish, ""), (Action::Play, ".m3u8")] {
        let request = Request {
            subject: Subject {
                action,
                vhost: "",
                app: "app",
                stream: "stream",
            },
            query: &query,
            ip: std::net::Ipv4Addr::LOCALHOST.into(),
            ending,
            now_s: 1_500_000_000,
        };
        let verdict = RING.verify(&request);
        assert!(!matches!(verdict, Some(Ok(_))), "let in by {text}");
    }
    // Whatever is read as a document of keys has keys in it.
    if let Ok(ring) = Keyring::new(&[], &text) {
        assert!(text.is_empty() || !ring.is_empty());
    }
}

/// The lines of a snapshot, which are packed here: gzip would keep mutations out.
pub(super) fn admission_snapshot(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(data).expect("memory takes it");
    for bytes in [data, &packed.finish().expect("memory takes it")] {
        let _ = wire::read(bytes);
    }
    // The changes by themselves: what is taken comes back as it was.
    let mut snapshot = Snapshot::new("s", 1);
    let changes = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Change>(line).ok());
    for change in changes {
        let _ = snapshot.apply(&change);
    }
    let read = wire::read(&wire::whole(&snapshot)).expect("what was written is read");
    let wire::Update::Whole(again) = read else {
        panic!("a whole snapshot is read as a delta");
    };
    assert_eq!(again.counts(), snapshot.counts());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::seeds;

    #[test]
    fn every_seed_is_looked_at_by_some_dialect() {
        for seed in seeds::signed_dialects() {
            let text = String::from_utf8(seed).unwrap();
            let query = request::query(Some(&text));
            let request = Request {
                subject: Subject {
                    action: Action::Play,
                    vhost: "",
                    app: "app",
                    stream: "stream",
                },
                query: &query,
                ip: std::net::Ipv4Addr::LOCALHOST.into(),
                ending: "",
                now_s: 1_500_000_000,
            };
            let is_set = Keyring::new(&[], &text).is_ok();
            assert!(is_set || RING.verify(&request).is_some(), "{text}");
        }
    }
}
