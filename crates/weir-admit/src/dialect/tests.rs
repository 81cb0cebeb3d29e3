//! Tests of the dialects: the vendors' vectors, and each way to get one wrong.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use weir_base::sign::{self, Action, Subject};

use super::*;

const NOW_S: i64 = 1_600_000_000;
/// Key pairs on P-256: new ones for each run.
static PAIRS: LazyLock<[Pair; 2]> = LazyLock::new(|| [(); 2].map(|()| Pair::new()));

struct Pair {
    private: String,
    public: String,
}

impl Pair {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        Self {
            private: pair.serialize_pem(),
            public: pair.public_key_pem(),
        }
    }
}

fn key(dialect: Dialect, id: &str, secret: &str, opens: Opens) -> AppKey {
    AppKey {
        dialect,
        id: id.into(),
        secret: secret.into(),
        public_key: String::new(),
        opens,
    }
}

fn ring(keys: &[AppKey]) -> Keyring {
    Keyring::new(keys, "").unwrap()
}

/// One URL, over RTMP at [`NOW_S`] where nothing else is said.
struct Url<'a> {
    action: Action,
    stream: &'a str,
    query: &'a str,
    ending: &'static str,
    now_s: i64,
}

fn play<'a>(stream: &'a str, query: &'a str) -> Url<'a> {
    Url {
        action: Action::Play,
        stream,
        query,
        ending: "",
        now_s: NOW_S,
    }
}

impl Url<'_> {
    /// The code it is refused with, 0 for none; `None` where nothing in it is a signature.
    fn code(&self, ring: &Keyring) -> Option<u16> {
        let pairs = self.query.split('&').filter_map(|p| p.split_once('='));
        let query: Vec<_> = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let request = Request {
            subject: Subject {
                action: self.action,
                vhost: "",
                app: "app",
                stream: self.stream,
            },
            query: &query,
            ip: "10.0.0.9".parse().unwrap(),
            ending: self.ending,
            now_s: self.now_s,
        };
        let verdict = ring.verify(&request)?;
        Some(verdict.map_or_else(|refusal| refusal.code.number(), |_| 0))
    }
}

#[test]
fn tencents_vectors_are_right_and_every_change_of_them_is_wrong() {
    let keys = ring(&[
        key(
            Dialect::Tencent,
            "",
            "e12c46f2612d5106e2034781ab261ca3",
            Opens::Play,
        ),
        key(Dialect::Tencent, "", "weirkey", Opens::Play),
    ]);
    let documents = "txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099";
    let at = Url {
        now_s: 0x5C27_1098,
        ..play("test", documents)
    };
    assert_eq!(at.code(&keys), Some(0));
    let late = Url {
        now_s: 0x5C27_1099,
        ..play("test", documents)
    };
    assert_eq!(late.code(&keys), Some(1003));
    let ours = "txSecret=2875680ec5571b2462ebc185f3dd211d&txTime=6553F100";
    assert_eq!(play("stream", ours).code(&keys), Some(0));
    assert_eq!(play("other", ours).code(&keys), Some(1004));
    let publishing = Url {
        action: Action::Publish,
        ..play("stream", ours)
    };
    assert_eq!(publishing.code(&keys), Some(1007));
    for (from, to, code) in [
        // The time is hashed as it is written, so another case is another text.
        ("6553F100", "6553f100", 1004),
        ("6553F100", "6553F101", 1004),
        ("6553F100", "+553F100", 1002),
        ("6553F100", "", 1002),
        ("&txTime=6553F100", "", 1002),
        ("2875680e", "2875680E", 1002),
        ("2875680e", "2875680f", 1004),
        ("211d", "", 1002),
        ("211d", "211d00", 1002),
        ("2875680ec5571b2462ebc185f3dd211d", "", 1002),
    ] {
        let forged = ours.replace(from, to);
        assert_eq!(play("stream", &forged).code(&keys), Some(code), "{forged}");
    }
}

#[test]
fn alibabas_vectors_are_right_and_the_path_is_that_of_the_form() {
    let keys = ring(&[key(Dialect::Alibaba, "", "weirkey", Opens::Play)]);
    let bare = "auth_key=1700000000-0-0-d3141e6d22d8db8fb0755ffc437212e4";
    let flv = "auth_key=1700000000-0-0-48e009b9382c3cf9bb49889f6316fb0b";
    assert_eq!(play("stream", bare).code(&keys), Some(0));
    assert_eq!(play("stream", flv).code(&keys), Some(1004));
    let over_flv = |query| Url {
        ending: ".flv",
        ..play("stream", query)
    };
    assert_eq!(over_flv(flv).code(&keys), Some(0));
    assert_eq!(over_flv(bare).code(&keys), Some(0));
    let over_hls = Url {
        ending: ".m3u8",
        ..play("stream", flv)
    };
    assert_eq!(over_hls.code(&keys), Some(1004));
    let late = Url {
        now_s: 1_700_000_000,
        ..play("stream", bare)
    };
    assert_eq!(late.code(&keys), Some(1003));
    for (from, to, code) in [
        ("1700000000", "1700000001", 1004),
        ("1700000000", "170000000x", 1002),
        ("1700000000", "-1", 1002),
        ("-0-0-", "-0-", 1002),
        ("-0-0-", "-0-0-0-", 1002),
        ("-0-0-", "-1-0-", 1004),
        ("-d3141e6d", "-D3141E6D", 1002),
        ("12e4", "", 1002),
        ("12e4", "12e5", 1004),
    ] {
        let forged = bare.replace(from, to);
        assert_eq!(play("stream", &forged).code(&keys), Some(code), "{forged}");
    }
    let long = bare.replace("-0-0-", &format!("-{}-0-", "0".repeat(4_000)));
    assert_eq!(play("stream", &long).code(&keys), Some(1002));
}

#[test]
fn kingsofts_simple_vector_is_right() {
    let keys = ring(&[key(Dialect::Kingsoft, "", "123456", Opens::Publish)]);
    fn url(query: &str) -> Url<'_> {
        Url {
            action: Action::Publish,
            now_s: 1_560_096_711,
            ..play("stream", query)
        }
    }
    let right = "t=1560096712&k=4f88e741140240e2";
    assert_eq!(url(right).code(&keys), Some(0));
    assert_eq!(
        Url {
            now_s: 1_560_096_712,
            ..url(right)
        }
        .code(&keys),
        Some(1003)
    );
    assert_eq!(
        Url {
            action: Action::Play,
            ..url(right)
        }
        .code(&keys),
        Some(1007)
    );
    for (from, to, code) in [
        ("1560096712", "1560096713", Some(1004)),
        ("1560096712", "99999999999999999999", Some(1002)),
        ("4f88e741", "4F88E741", Some(1002)),
        ("40e2", "", Some(1002)),
        ("40e2", "40e3", Some(1004)),
        ("t=1560096712&", "", None),
    ] {
        let forged = right.replace(from, to);
        assert_eq!(url(&forged).code(&keys), code, "{forged}");
    }
}

#[test]
fn kingsofts_access_key_vector_is_right_and_covers_what_it_says() {
    let keys = ring(&[key(Dialect::KingsoftAk, "weirak", "weirsk", Opens::Play)]);
    let right = "signature=ghG8PqVKgGo0gctloFyYVGKdCa4=&accesskey=weirak&expire=1700000000&nonce=abc123&public=0&vdoid=42";
    assert_eq!(play("s", right).code(&keys), Some(0));
    let shuffled = "vdoid=42&public=0&nonce=abc123&_HLS_msn=4&expire=1700000000&accesskey=weirak&signature=ghG8PqVKgGo0gctloFyYVGKdCa4=";
    assert_eq!(play("s", shuffled).code(&keys), Some(0));
    let late = Url {
        now_s: 1_700_000_000,
        ..play("s", right)
    };
    assert_eq!(late.code(&keys), Some(1003));
    for (from, to, code) in [
        ("vdoid=42", "vdoid=43", Some(1004)),
        ("&vdoid=42", "", Some(1004)),
        ("nonce=abc123&", "", Some(1002)),
        ("expire=1700000000", "expire=1700000001", Some(1004)),
        ("expire=1700000000", "expire=", Some(1002)),
        ("weirak", "other", Some(1006)),
        ("ghG8", "gHG8", Some(1004)),
        ("Ca4=", "", Some(1002)),
        ("accesskey=weirak&", "", None),
    ] {
        let forged = right.replace(from, to);
        assert_eq!(play("s", &forged).code(&keys), code, "{forged}");
    }
    let long = right.replace("abc123", &"a".repeat(300));
    assert_eq!(play("s", &long).code(&keys), Some(1002));
}

#[test]
fn an_access_key_signs_no_stream_and_so_opens_all_of_its_app() {
    // The vendor's own text names none; whoever turns this form on should know.
    let keys = ring(&[key(Dialect::KingsoftAk, "weirak", "weirsk", Opens::Play)]);
    let right = "signature=ghG8PqVKgGo0gctloFyYVGKdCa4=&accesskey=weirak&expire=1700000000&nonce=abc123&public=0&vdoid=42";
    assert_eq!(play("another", right).code(&keys), Some(0));
}

fn claims() -> serde_json::Value {
    json!({"a": "play", "app": "app", "stream": "s", "exp": NOW_S + 60})
}

fn token(header: Header, claims: &serde_json::Value, key: &EncodingKey) -> String {
    format!(
        "token={}",
        jsonwebtoken::encode(&header, claims, key).unwrap()
    )
}

fn header(algorithm: jsonwebtoken::Algorithm, kid: Option<&str>) -> Header {
    Header {
        kid: kid.map(str::to_owned),
        ..Header::new(algorithm)
    }
}

const SECRET: &str = "sixteen bytes at least";

fn hs256() -> AppKey {
    key(Dialect::JwtHs256, "h1", SECRET, Opens::Signed)
}

fn es256(id: &str, public_key: &str) -> AppKey {
    AppKey {
        public_key: public_key.into(),
        ..key(Dialect::JwtEs256, id, "", Opens::Signed)
    }
}

fn hs_token(claims: &serde_json::Value) -> String {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    token(
        header(jsonwebtoken::Algorithm::HS256, Some("h1")),
        claims,
        &secret,
    )
}

fn es_token(kid: Option<&str>, private: &str) -> String {
    let private = EncodingKey::from_ec_pem(private.as_bytes()).unwrap();
    token(
        header(jsonwebtoken::Algorithm::ES256, kid),
        &claims(),
        &private,
    )
}

#[test]
fn a_token_says_for_what_for_whom_and_from_when_to_when() {
    let keys = ring(&[hs256()]);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims();
        claims[name] = value;
        play("s", &hs_token(&claims)).code(&keys)
    };
    assert_eq!(with("sub", json!("ann")), Some(0));
    assert_eq!(with("a", json!("publish")), Some(1007));
    assert_eq!(with("a", json!("dance")), Some(1002));
    assert_eq!(with("a", json!(7)), Some(1002));
    assert_eq!(with("stream", json!("t")), Some(1004));
    assert_eq!(with("app", json!("live")), Some(1004));
    assert_eq!(with("vhost", json!("other.example")), Some(1004));
    assert_eq!(with("exp", json!(NOW_S)), Some(1003));
    assert_eq!(with("exp", json!(NOW_S as f64 + 0.5)), Some(1003));
    assert_eq!(with("exp", json!(-1e300)), Some(1003));
    assert_eq!(with("exp", json!("tomorrow")), Some(1002));
    assert_eq!(with("exp", json!(null)), Some(1002));
    assert_eq!(with("nbf", json!(NOW_S)), Some(0));
    assert_eq!(with("nbf", json!(NOW_S + 1)), Some(1003));
    assert_eq!(with("ip", json!("10.0.0.9")), Some(0));
    assert_eq!(with("ip", json!("::ffff:10.0.0.9")), Some(2003));
    assert_eq!(with("ip", json!("10.0.0.8")), Some(2003));
    assert_eq!(with("sub", json!("x".repeat(5_000))), Some(1002));
}

#[test]
fn the_key_chooses_the_algorithm_and_not_the_token() {
    let both = ring(&[hs256(), es256("e1", &PAIRS[0].public)]);
    assert_eq!(play("s", &hs_token(&claims())).code(&both), Some(0));
    assert_eq!(
        play("s", &es_token(Some("e1"), &PAIRS[0].private)).code(&both),
        Some(0)
    );
    assert_eq!(
        play("s", &es_token(None, &PAIRS[0].private)).code(&both),
        Some(0)
    );
    assert_eq!(
        play("s", &es_token(Some("e1"), &PAIRS[1].private)).code(&both),
        Some(1004)
    );
    assert_eq!(
        play("s", &es_token(Some("gone"), &PAIRS[0].private)).code(&both),
        Some(1006)
    );
    // Signed with HMAC, the public key for a secret: what everybody knows opens nothing.
    let public_bytes = EncodingKey::from_secret(PAIRS[0].public.as_bytes());
    for kid in [Some("e1"), Some("h1"), None] {
        let confused = token(
            header(jsonwebtoken::Algorithm::HS256, kid),
            &claims(),
            &public_bytes,
        );
        assert_eq!(play("s", &confused).code(&both), Some(1004), "{kid:?}");
    }
    let wider = token(
        header(jsonwebtoken::Algorithm::HS512, Some("h1")),
        &claims(),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    );
    assert_eq!(play("s", &wider).code(&both), Some(1004));
}

#[test]
fn a_token_without_a_signature_opens_nothing() {
    let both = ring(&[hs256(), es256("e1", &PAIRS[0].public)]);
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let body = part(&claims());
    for alg in ["none", "None", "NONE", "", "HS256", "ES256"] {
        for header in [
            json!({"alg": alg}),
            json!({"alg": alg, "kid": "h1"}),
            json!({"alg": alg, "kid": "e1"}),
        ] {
            for tail in ["", ".", "..", ".e30", ".e30.e30"] {
                let url = format!("token={}.{body}{tail}", part(&header));
                let code = play("s", &url).code(&both);
                assert!(matches!(code, Some(1002 | 1004)), "{url}: {code:?}");
            }
        }
    }
    let right = hs_token(&claims());
    for cut in 6..right.len() {
        let code = play("s", &right[..cut]).code(&both);
        assert!(matches!(code, Some(1002 | 1004)), "cut at {cut}: {code:?}");
    }
}

#[test]
fn keys_of_a_set_rotate() {
    let jwk = |kid: &str, public: &str| {
        let der = DecodingPoint::of(public);
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": der.x, "y": der.y})
    };
    let (old, new) = (
        jwk("2026a", &PAIRS[0].public),
        jwk("2026b", &PAIRS[1].public),
    );
    let set = |keys: serde_json::Value| Keyring::new(&[], &json!({"keys": keys}).to_string());
    let (first, second) = (
        es_token(Some("2026a"), &PAIRS[0].private),
        es_token(Some("2026b"), &PAIRS[1].private),
    );
    let codes = |ring: &Keyring| [&first, &second].map(|token| play("s", token).code(ring));
    assert_eq!(codes(&set(json!([old])).unwrap()), [Some(0), Some(1006)]);
    assert_eq!(codes(&set(json!([old, new])).unwrap()), [Some(0), Some(0)]);
    assert_eq!(codes(&set(json!([new])).unwrap()), [Some(1006), Some(0)]);
    let noise = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "r"});
    assert_eq!(
        codes(&set(json!([noise, 7, old])).unwrap()),
        [Some(0), Some(1006)]
    );
    // A document that everybody may read holds no shared secret.
    let secret =
        json!({"kty": "oct", "k": "c2l4dGVlbiBieXRlcyBhdCBsZWFzdA", "kid": "h1", "alg": "HS256"});
    assert!(set(json!([secret])).is_err());
    assert!(set(json!([])).is_err());
    assert!(Keyring::new(&[], "not json").is_err());
    assert!(Keyring::new(&[], &" ".repeat(jwt::MAX_SET_BYTES + 1)).is_err());
}

/// The coordinates of a PEM's point, as a JWK has them.
struct DecodingPoint {
    x: String,
    y: String,
}

impl DecodingPoint {
    fn of(pem: &str) -> Self {
        let key = jsonwebtoken::DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
        let point = key.try_get_as_bytes().unwrap();
        Self {
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
        }
    }
}

#[test]
fn the_native_form_goes_through_the_same_ring() {
    let native = key(Dialect::Native, "k1", SECRET, Opens::Signed);
    let playing = AppKey {
        id: "k2".into(),
        opens: Opens::Play,
        ..native.clone()
    };
    let keys = ring(&[native, playing]);
    let signed = |id: &str, action| {
        let key = sign::SigningKey {
            id: id.into(),
            secret: SECRET.into(),
        };
        let subject = Subject {
            action,
            vhost: "",
            app: "app",
            stream: "s",
        };
        sign::sign(&key, subject, NOW_S + 1, "once", "")
    };
    fn url(query: &str, action: Action) -> Url<'_> {
        Url {
            action,
            ..play("s", query)
        }
    }
    let publish = signed("k1", Action::Publish);
    assert_eq!(url(&publish, Action::Publish).code(&keys), Some(0));
    assert_eq!(url(&publish, Action::Play).code(&keys), Some(1007));
    let publish = signed("k2", Action::Publish);
    assert_eq!(url(&publish, Action::Publish).code(&keys), Some(1007));
    assert_eq!(
        url(&signed("k2", Action::Play), Action::Play).code(&keys),
        Some(0)
    );
    assert_eq!(
        url(&signed("k3", Action::Play), Action::Play).code(&keys),
        Some(1006)
    );
}

#[test]
fn of_several_forms_in_one_url_one_right_one_is_enough() {
    let keys = ring(&[key(Dialect::Tencent, "", "weirkey", Opens::Play), hs256()]);
    let tencent = "txSecret=2875680ec5571b2462ebc185f3dd211d&txTime=6553F100";
    let wrong = format!("token=a.b.c&{tencent}");
    assert_eq!(play("stream", &wrong).code(&keys), Some(0));
    let wrong = wrong.replace("6553F100", "6553F101");
    assert_eq!(play("stream", &wrong).code(&keys), Some(1004));
    // A form that no key of the app signs is not there at all.
    assert_eq!(play("stream", "auth_key=1-0-0-x").code(&keys), None);
    assert_eq!(play("stream", "").code(&keys), None);
}

#[test]
fn keys_that_make_no_sense_are_refused_by_name() {
    let bad = |key: AppKey, words: &str| {
        let error = Keyring::new(std::slice::from_ref(&key), "").unwrap_err();
        assert!(error.to_string().contains(words), "{key:?}: {error}");
    };
    bad(
        key(Dialect::Native, "a", "short", Opens::Signed),
        "shorter than 16",
    );
    bad(
        key(Dialect::Tencent, "a", "weirkey", Opens::Signed),
        "opens",
    );
    bad(
        key(Dialect::JwtEs256, "a", SECRET, Opens::Signed),
        "public_key",
    );
    bad(
        AppKey {
            public_key: PAIRS[0].public.clone(),
            ..hs256()
        },
        "opposite",
    );
    bad(
        es256(
            "a",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ),
        "public_key",
    );
    bad(es256("a", &PAIRS[0].private), "public_key");
    bad(key(Dialect::Native, "a\nb", SECRET, Opens::Signed), "text");
    bad(
        key(Dialect::Native, "a", &"s".repeat(2_000), Opens::Signed),
        "longer",
    );
    let many = vec![hs256(); MAX_APP_KEYS + 1];
    assert!(Keyring::new(&many, "").is_err());
    assert!(!format!("{:?}", hs256()).contains(SECRET));
}
