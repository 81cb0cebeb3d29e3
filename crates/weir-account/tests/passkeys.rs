//! An authenticator in software, what of its answers is believed, and an account that signs in by it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use weir_account::{
    AccountError, AccountService, AccountsConfig, Client, MadePasskey, MailConfig, Parts,
    RootSecret, SessionKind, ShownPasskey, SignUp,
};
use weir_base::{Clock, Shutdown, Tasks, Tongue};
use weir_store::accounts::Account;
use weir_store::{Config, Store};

use weir_account::webauthn::{
    Assertion, MAX_CREDENTIAL_BYTES, NotGood, PublicKey, Registration, RelyingParty,
};

const SITE: &str = "https://live.example";
const CHALLENGE: &str = "Y2hhbGxlbmdl";
const PASSWORD: &str = "correct horse";
/// Bits of an authenticator's flags (section 6.1 of the standard).
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const HAS_CREDENTIAL: u8 = 1 << 6;

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Makes one passkey and signs with it.
struct Authenticator {
    pair: Pair,
    host: &'static str,
    origin: &'static str,
    flags: u8,
    count: u32,
}

impl Authenticator {
    fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self::with(Pair::P256(pair))
    }

    fn ed25519() -> Self {
        Self::with(Pair::Ed25519(Ed25519KeyPair::generate().unwrap()))
    }

    fn with(pair: Pair) -> Self {
        Self {
            pair,
            host: "live.example",
            origin: SITE,
            flags: USER_PRESENT | USER_VERIFIED,
            count: 1,
        }
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let origin = self.origin;
        format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false,"other":1}}"#
        )
        .into_bytes()
    }

    fn attestation(&self) -> Vec<u8> {
        let key = self.cose_key();
        let mut data = self.data(self.flags | HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend([0, 4]);
        data.extend(b"cred");
        data.extend(key);
        let length = u8::try_from(data.len()).unwrap();
        let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58";
        [head.as_slice(), &[length], &data].concat()
    }

    fn cose_key(&self) -> Vec<u8> {
        match &self.pair {
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                let head = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20";
                [head.as_slice(), x, b"\x22\x58\x20", y].concat()
            }
            Pair::Ed25519(pair) => {
                let head = b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20";
                [head.as_slice(), pair.public_key().as_ref()].concat()
            }
        }
    }

    /// Authenticator data and its signature.
    fn sign(&self, client_data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let data = self.data(self.flags);
        let signed = [data.as_slice(), Sha256::digest(client_data).as_slice()].concat();
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), &signed).unwrap(),
            Pair::Ed25519(pair) => pair.sign(&signed),
        };
        (data, signature.as_ref().to_owned())
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let site = Sha256::digest(self.host.as_bytes());
        [site.as_slice(), &[flags], &self.count.to_be_bytes()].concat()
    }

    fn register(&self) -> Result<Registration, NotGood> {
        let client_data = self.client_data("webauthn.create", CHALLENGE);
        party().register(CHALLENGE, &client_data, &self.attestation())
    }

    fn sign_in(&self, cose_key: &[u8]) -> Result<u32, NotGood> {
        let client_data = self.client_data("webauthn.get", CHALLENGE);
        let (data, signature) = self.sign(&client_data);
        let shown = Assertion {
            client_data: &client_data,
            authenticator_data: &data,
            signature: &signature,
        };
        party().verify(CHALLENGE, shown, cose_key)
    }
}

fn party() -> RelyingParty {
    RelyingParty::of(SITE).unwrap()
}

#[test]
fn a_passkey_of_either_curve_is_made_and_signs_in() {
    for authenticator in [Authenticator::p256(), Authenticator::ed25519()] {
        let made = authenticator.register().unwrap();
        assert_eq!(
            (made.credential.as_slice(), made.sign_count),
            (&b"cred"[..], 1)
        );
        assert_eq!(authenticator.sign_in(&made.cose_key), Ok(1));
        let other = Authenticator::p256().register().unwrap();
        assert!(authenticator.sign_in(&other.cose_key).is_err());
    }
}

#[test]
fn each_word_of_an_answer_has_to_be_right() {
    type Change = fn(&mut Authenticator);
    let changes: [(Change, &str); 4] = [
        (|it| it.host = "evil.example", "another site"),
        (
            |it| it.origin = "https://evil.example",
            "another site's page",
        ),
        (|it| it.flags = USER_PRESENT, "did not verify"),
        (|it| it.flags = USER_VERIFIED, "did not verify"),
    ];
    for (change, words) in changes {
        let mut authenticator = Authenticator::p256();
        let made = authenticator.register().unwrap();
        change(&mut authenticator);
        for refused in [
            authenticator.register().map(|_| 0),
            authenticator.sign_in(&made.cose_key),
        ] {
            assert!(refused.unwrap_err().to_string().contains(words), "{words}");
        }
    }
}

#[test]
fn an_answer_is_for_one_question_and_one_purpose() {
    let authenticator = Authenticator::p256();
    let made = authenticator.register().unwrap();
    for (kind, challenge) in [("webauthn.create", CHALLENGE), ("webauthn.get", "b3RoZXI")] {
        let client_data = authenticator.client_data(kind, challenge);
        let (data, signature) = authenticator.sign(&client_data);
        let shown = Assertion {
            client_data: &client_data,
            authenticator_data: &data,
            signature: &signature,
        };
        assert!(
            party().verify(CHALLENGE, shown, &made.cose_key).is_err(),
            "{kind}"
        );
    }
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed() {
    let authenticator = Authenticator::p256();
    let made = authenticator.register().unwrap();
    let client_data = authenticator.client_data("webauthn.get", CHALLENGE);
    let (data, signature) = authenticator.sign(&client_data);
    let check = |client_data: &[u8], authenticator_data: &[u8], signature: &[u8]| {
        let shown = Assertion {
            client_data,
            authenticator_data,
            signature,
        };
        party().verify(CHALLENGE, shown, &made.cose_key)
    };
    assert_eq!(check(&client_data, &data, &signature), Ok(1));
    for at in 0..data.len() {
        let mut changed = data.clone();
        changed[at] ^= 1;
        assert!(
            check(&client_data, &changed, &signature).is_err(),
            "data {at}"
        );
        assert!(
            check(&client_data, &data[..at], &signature).is_err(),
            "data cut at {at}"
        );
    }
    for at in 0..client_data.len() {
        let mut changed = client_data.clone();
        changed[at] ^= 1;
        assert!(
            check(&changed, &data, &signature).is_err(),
            "client data {at}"
        );
    }
}

#[test]
fn an_attestation_that_is_cut_anywhere_is_refused() {
    let authenticator = Authenticator::p256();
    let client_data = authenticator.client_data("webauthn.create", CHALLENGE);
    let attestation = authenticator.attestation();
    for at in 0..attestation.len() {
        let cut = party().register(CHALLENGE, &client_data, &attestation[..at]);
        assert!(cut.is_err(), "{at}");
    }
    let longer = [attestation.as_slice(), b"\x01"].concat();
    assert!(party().register(CHALLENGE, &client_data, &longer).is_err());
}

/// The mutations keep what an authenticator's answer looks like, which random bytes have not.
#[test]
fn nothing_that_an_authenticator_says_panics_and_what_is_taken_is_bounded() {
    let seeds = [Authenticator::p256(), Authenticator::ed25519()].map(|it| it.attestation());
    let client_data = Authenticator::p256().client_data("webauthn.create", CHALLENGE);
    weir_testkit::fuzz::hunt::hunt("passkey", &seeds, |attestation| {
        if let Ok(made) = party().register(CHALLENGE, &client_data, attestation) {
            assert!((1..=MAX_CREDENTIAL_BYTES).contains(&made.credential.len()));
            let key = PublicKey::read(&made.cose_key).unwrap();
            assert!(key.verify(b"nothing", b"by nobody").is_err());
        }
    });
}

#[test]
fn only_a_name_has_passkeys() {
    assert_eq!(RelyingParty::of("http://192.0.2.1:8080"), None);
    assert_eq!(RelyingParty::of("live.example"), None);
    let local = RelyingParty::of("http://localhost:8080/").unwrap();
    assert_eq!(
        (local.id.as_str(), local.origin.as_str()),
        ("localhost", "http://localhost:8080")
    );
}

proptest::proptest! {
    /// Whatever comes is read to its end or refused; what is cut out of a good answer too.
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0_usize..400, put: u8) {
        let authenticator = Authenticator::p256();
        let client_data = authenticator.client_data("webauthn.create", CHALLENGE);
        let _ = party().register(CHALLENGE, &client_data, &bytes);
        let _ = PublicKey::read(&bytes);
        let mut changed = authenticator.attestation();
        if let Some(byte) = changed.get_mut(at) {
            *byte = put;
        }
        if let Ok(made) = party().register(CHALLENGE, &client_data, &changed) {
            proptest::prop_assert!(made.credential.len() <= MAX_CREDENTIAL_BYTES);
            let key = PublicKey::read(&made.cose_key);
            proptest::prop_assert!(key.is_ok());
        }
        let shown = Assertion { client_data: &bytes, authenticator_data: &bytes, signature: &bytes };
        proptest::prop_assert!(party().verify(CHALLENGE, shown, &authenticator.cose_key()).is_err());
    }
}

struct Site {
    service: AccountService,
    clock: Clock,
    _dir: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_700_000_000_000_000);
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let service = AccountService::start(Parts {
            store,
            accounts: AccountsConfig {
                site_url: SITE.to_owned(),
                hash_kib: 64,
                hash_passes: 1,
                ..AccountsConfig::default()
            },
            mail: MailConfig::default(),
            root: RootSecret::new("a secret of this site").unwrap(),
            wire: None,
            clock: clock.clone(),
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
        });
        Self {
            service: service.unwrap(),
            clock,
            _dir: dir,
        }
    }

    async fn sign_up(&self, name: &str) -> Account {
        let asked = SignUp {
            name: name.to_owned(),
            email: format!("{name}@example.net"),
            password: PASSWORD.to_owned(),
            invite: String::new(),
        };
        self.service.sign_up(&asked, &client(1)).await.unwrap()
    }
}

fn client(host: u8) -> Client {
    Client {
        address: std::net::IpAddr::from([192, 0, 2, host]),
        agent: "a test".to_owned(),
        tongue: Tongue::English,
    }
}

#[tokio::test]
async fn a_passkey_signs_in_alone_and_no_answer_is_good_twice() {
    let site = Site::new().await;
    let ann = site.sign_up("ann").await;
    let mut authenticator = Authenticator::p256();
    let offered = site
        .service
        .offer_passkey(&ann, "wrong", "", &client(1))
        .await;
    assert!(matches!(
        offered,
        Err(AccountError::Field {
            field: "password",
            ..
        })
    ));
    let offered = site
        .service
        .offer_passkey(&ann, PASSWORD, "", &client(1))
        .await
        .unwrap();
    let challenge = offered.options["challenge"].as_str().unwrap();
    let client_data =
        URL_SAFE_NO_PAD.encode(authenticator.client_data("webauthn.create", challenge));
    let attestation = URL_SAFE_NO_PAD.encode(authenticator.attestation());
    let made = MadePasskey {
        label: "My phone",
        client_data: &client_data,
        attestation: &attestation,
    };
    let bob = site.sign_up("bob").await;
    let stolen = site
        .service
        .add_passkey(&bob, &offered.offer, made, "")
        .await;
    assert!(matches!(stolen, Err(AccountError::Stale(_))), "{stolen:?}");
    let added = site
        .service
        .add_passkey(&ann, &offered.offer, made, "")
        .await
        .unwrap();
    let again = site
        .service
        .add_passkey(&ann, &offered.offer, made, "")
        .await;
    assert!(matches!(again, Err(AccountError::Stale(_))), "{again:?}");

    let answer = |authenticator: &Authenticator| {
        let question = site.service.ask_passkey("").unwrap();
        let challenge = question.options["challenge"].as_str().unwrap().to_owned();
        let client_data = authenticator.client_data("webauthn.get", &challenge);
        let (data, signature) = authenticator.sign(&client_data);
        [client_data, data, signature]
            .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
            .into_iter()
            .chain([question.offer])
            .collect::<Vec<_>>()
    };
    let sign_in = async |answer: &[String]| {
        let shown = ShownPasskey {
            credential: &added.credential,
            client_data: &answer[0],
            authenticator_data: &answer[1],
            signature: &answer[2],
            user_handle: "",
        };
        site.service
            .sign_in_by_passkey(&answer[3], shown, SessionKind::Token, "", &client(1))
            .await
    };
    authenticator.count = 2;
    let first = answer(&authenticator);
    let late = answer(&authenticator);
    assert_eq!(sign_in(&first).await.unwrap().account.user_id, ann.user_id);
    let replayed = sign_in(&first).await;
    assert!(
        matches!(replayed, Err(AccountError::Stale(_))),
        "{replayed:?}"
    );
    // A copy of it, which does not know that it signed meanwhile.
    let copied = sign_in(&answer(&authenticator)).await;
    assert!(
        matches!(copied, Err(AccountError::Stale("passkey"))),
        "{copied:?}"
    );
    site.clock.advance_us(5 * 60 * 1_000_000 + 1000);
    let stale = sign_in(&late).await;
    assert!(
        matches!(stale, Err(AccountError::Stale("offer"))),
        "{stale:?}"
    );
    let service = &site.service;
    let named = service
        .rename_passkey(ann.user_id, added.id, "Old phone")
        .await
        .unwrap();
    assert_eq!(named.label, "Old phone");
    let foreign = service.rename_passkey(bob.user_id, added.id, "Mine").await;
    assert!(
        matches!(foreign, Err(AccountError::Missing("passkey"))),
        "{foreign:?}"
    );
    service
        .remove_passkey(&ann, added.id, PASSWORD, &client(1))
        .await
        .unwrap();
    authenticator.count = 3;
    let gone = sign_in(&answer(&authenticator)).await;
    assert!(
        matches!(gone, Err(AccountError::Stale("passkey"))),
        "{gone:?}"
    );
}
