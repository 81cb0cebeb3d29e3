//! People come by a provider that may be away, may lie, and may be somebody else.
// long because: one provider that is wrong in every way, and what becomes of who comes by it

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_base::{Clock, Shutdown, Tasks};
use weir_store::{Config, Store};

use super::*;
use crate::config::{AccountsConfig, MailConfig};
use crate::service::{Parts, RootSecret};
use crate::sign_in::PasswordProof;
use crate::sign_up::SignUp;

const ISSUER: &str = "https://id.school.example";
const BEGIN_US: i64 = 1_800_000_000_000_000;
const BEGIN_S: i64 = BEGIN_US / 1_000_000;
const PASSWORD: &str = "a sentence that nobody guesses";

/// A key of a provider.
struct Key {
    id: &'static str,
    pkcs8: Vec<u8>,
    jwk: Value,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": id,
            "x": B64.encode(&point[1..33]), "y": B64.encode(&point[33..]),
        });
        let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        Self { id, pkcs8, jwk }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.id.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let key = EncodingKey::from_ec_der(&self.pkcs8);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

/// What the provider does.
struct School {
    keys: Vec<Key>,
    published: usize,
    is_away: bool,
    /// The claims of the next token, but for the nonce where they have none.
    claims: Value,
    /// Sent in place of a token of those claims.
    token: Option<String>,
    userinfo: Value,
    metadata: Value,
    /// Where it was asked, with what form.
    asked: Vec<(String, String)>,
    nonce: String,
}

#[derive(Clone)]
struct Wire(Arc<Mutex<School>>);

impl OidcWire for Wire {
    fn ask<'a>(&'a self, request: WireRequest<'a>) -> WireAnswered<'a> {
        let mut school = self.0.lock();
        let form = request.form.unwrap_or_default().to_owned();
        school.asked.push((request.url.to_owned(), form));
        let answer = match (school.is_away, request.url.strip_prefix(ISSUER)) {
            (false, Some("/.well-known/openid-configuration")) => Ok(school.metadata.clone()),
            (false, Some("/keys")) => {
                let keys = school.keys.iter().take(school.published);
                let keys: Vec<_> = keys.map(|key| key.jwk.clone()).collect();
                Ok(json!({ "keys": keys }))
            }
            (false, Some("/token")) => {
                assert_eq!(request.authorization, "", "a public client has no secret");
                let mut claims = school.claims.clone();
                if claims["nonce"].is_null() {
                    claims["nonce"] = school.nonce.as_str().into();
                }
                let signer = &school.keys[school.published - 1];
                let token = school.token.clone();
                let token = token.unwrap_or_else(|| signer.sign(&claims));
                Ok(json!({ "id_token": token, "access_token": "at", "token_type": "Bearer" }))
            }
            (false, Some("/me")) => {
                assert_eq!(request.authorization, "Bearer at");
                Ok(school.userinfo.clone())
            }
            _ => Err("no answer".to_owned()),
        };
        let answer = answer.map(|body| WireAnswer {
            status: 200,
            body: body.to_string().into_bytes(),
        });
        Box::pin(std::future::ready(answer))
    }
}

struct Site {
    service: AccountService,
    school: Arc<Mutex<School>>,
    clock: Clock,
    _dir: TempDir,
}

fn client() -> Client {
    Client {
        address: [192, 0, 2, 1].into(),
        agent: String::new(),
        tongue: weir_base::Tongue::default(),
    }
}

fn claims(subject: &str) -> Value {
    json!({
        "iss": ISSUER, "sub": subject, "aud": "weir", "exp": BEGIN_S + 300, "iat": BEGIN_S,
        "preferred_username": subject,
    })
}

impl Site {
    async fn new(set: impl FnOnce(&mut OidcProvider, &mut AccountsConfig)) -> Self {
        let school = Arc::new(Mutex::new(School {
            keys: vec![Key::new("one"), Key::new("two")],
            published: 1,
            is_away: false,
            claims: claims("ann"),
            token: None,
            userinfo: json!({}),
            metadata: json!({
                "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/auth?tenant=1"),
                "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/keys"),
            }),
            asked: Vec::new(),
            nonce: String::new(),
        }));
        let mut provider: OidcProvider = serde_json::from_value(json!({
            "name": "school", "issuer": ISSUER, "client_id": "weir",
        }))
        .unwrap();
        let mut accounts = AccountsConfig {
            site_url: "https://tv.example".into(),
            hash_kib: 64,
            hash_passes: 1,
            ..AccountsConfig::default()
        };
        set(&mut provider, &mut accounts);
        accounts.oidc = vec![provider];
        accounts.check().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_US);
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let service = AccountService::start(Parts {
            store,
            accounts,
            mail: MailConfig::default(),
            root: RootSecret::new("a secret of this site").unwrap(),
            wire: Some(Arc::new(Wire(school.clone()))),
            clock: clock.clone(),
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
        });
        Self {
            service: service.unwrap(),
            school,
            clock,
            _dir: dir,
        }
    }

    /// Sends somebody off; gives the journey and its state. The provider knows the nonce.
    async fn depart(&self, errand: OidcErrand<'_>) -> Result<(String, String), AccountError> {
        let departure = self.service.depart("school", errand, &client()).await?;
        let url = url::Url::parse(&departure.url).unwrap();
        let said = |name: &str| {
            let mut pairs = url.query_pairs();
            let found = pairs.find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        assert!(
            departure
                .url
                .starts_with(&format!("{ISSUER}/auth?tenant=1&"))
        );
        assert_eq!(said("response_type"), "code");
        assert_eq!(said("scope"), "openid profile email");
        assert_eq!(said("code_challenge_method"), "S256");
        assert_eq!(
            said("redirect_uri"),
            "https://tv.example/account/oidc/school"
        );
        self.school.lock().nonce = said("nonce");
        Ok((departure.journey, said("state")))
    }

    async fn arrive(&self, journey: &str, state: &str) -> Result<OidcArrival, AccountError> {
        let back = back(journey, state);
        self.service
            .arrive(back, SessionKind::Cookie, &client())
            .await
    }

    /// There and back.
    async fn come(&self) -> Result<OidcArrival, AccountError> {
        let (journey, state) = self.depart(OidcErrand::SignIn).await?;
        self.arrive(&journey, &state).await
    }

    async fn sign_up(&self, name: &str) -> Account {
        let asked = SignUp {
            name: name.into(),
            email: format!("{name}@school.example"),
            password: PASSWORD.into(),
            invite: String::new(),
        };
        self.service.sign_up(&asked, &client()).await.unwrap()
    }

    fn count(&self, path: &str) -> usize {
        let school = self.school.lock();
        let asked = school.asked.iter();
        asked.filter(|(url, _)| url.ends_with(path)).count()
    }
}

fn back<'a>(journey: &'a str, state: &'a str) -> OidcReturn<'a> {
    OidcReturn {
        provider: "school",
        journey,
        state,
        code: "the code",
        issuer: "",
        error: "",
    }
}

fn name_of(arrival: Result<OidcArrival, AccountError>) -> String {
    match arrival.unwrap() {
        OidcArrival::SignedIn(signed_in) => signed_in.account.name,
        OidcArrival::Missing(missing) => panic!("{missing:?}"),
    }
}

fn missing(arrival: Result<OidcArrival, AccountError>) -> OidcMissing {
    match arrival.unwrap() {
        OidcArrival::Missing(missing) => missing,
        OidcArrival::SignedIn(signed_in) => panic!("{signed_in:?}"),
    }
}

#[tokio::test]
async fn who_is_new_gets_an_account_once_and_is_known_afterwards() {
    let site = Site::new(|_, _| {}).await;
    assert_eq!(name_of(site.come().await), "ann");
    let account = site.service.rows().by_login("ann").await.unwrap();
    assert_eq!(
        (account.email.as_str(), account.password_hash.as_str()),
        ("", "")
    );
    // What it is called there may change: the subject does not.
    site.school.lock().claims["preferred_username"] = "anna".into();
    assert_eq!(name_of(site.come().await), "ann");
    assert!(site.service.rows().by_login("anna").await.is_err());
    let form = site.school.lock().asked.last().unwrap().1.clone();
    for part in [
        "grant_type=authorization_code",
        "code=the+code",
        "code_verifier=",
        "client_id=weir",
    ] {
        assert!(form.contains(part), "{form}");
    }
    assert_eq!(
        (site.count("/keys"), site.count("openid-configuration")),
        (1, 1)
    );
}

#[tokio::test]
async fn whose_name_is_taken_says_another() {
    let site = Site::new(|_, _| {}).await;
    site.sign_up("ann").await;
    let missing = missing(site.come().await);
    assert_eq!((missing.is_code, missing.name.as_str()), (false, "ann"));
    let say = async |name: &str| {
        let said = (name, "");
        let signed_in = site
            .service
            .arrive_with(&missing.rest, said, SessionKind::Cookie, &client())
            .await;
        signed_in.map(|signed_in| signed_in.account.name)
    };
    assert!(matches!(say("").await, Err(AccountError::Field { .. })));
    assert!(matches!(
        say("admin").await,
        Err(AccountError::Field { .. })
    ));
    assert!(matches!(
        say("Ann").await,
        Err(AccountError::Taken("the name"))
    ));
    assert_eq!(say("ann-of-school").await.unwrap(), "ann-of-school");
    // What is left of the journey is good once.
    assert!(matches!(say("").await, Err(AccountError::Stale(_))));
    assert_eq!(name_of(site.come().await), "ann-of-school");
}

#[tokio::test]
async fn a_journey_ends_once_in_its_own_browser_and_in_time() {
    let site = Site::new(|_, _| {}).await;
    let stale = |arrival: Result<OidcArrival, AccountError>| {
        assert!(
            matches!(arrival, Err(AccountError::Stale(_))),
            "{arrival:?}"
        );
    };
    let (journey, state) = site.depart(OidcErrand::SignIn).await.unwrap();
    let (other, other_state) = site.depart(OidcErrand::SignIn).await.unwrap();
    stale(site.arrive(&journey, &other_state).await);
    stale(site.arrive("", &state).await);
    stale(site.arrive("AAAA", &state).await);
    stale(site.arrive(&journey, "").await);
    // Another provider sends it.
    let mut elsewhere = back(&journey, &state);
    elsewhere.provider = "club";
    stale(
        site.service
            .arrive(elsewhere, SessionKind::Cookie, &client())
            .await,
    );
    assert_eq!(site.count("/token"), 0, "none of them was asked about");
    site.school.lock().nonce = {
        // The nonce of the first journey is not that of the second.
        let opened: Journey = site.service.0.elsewhere.open(&journey, JOURNEY).unwrap();
        opened.nonce
    };
    assert_eq!(name_of(site.arrive(&journey, &state).await), "ann");
    stale(site.arrive(&journey, &state).await);
    site.clock.advance_us((JOURNEY_MS + 1) * 1_000);
    stale(site.arrive(&other, &other_state).await);
    // A link's journey signs nobody in.
    let bob = site.sign_up("bob").await;
    let errand = OidcErrand::Link {
        account: &bob,
        password: PASSWORD,
    };
    let (journey, state) = site.depart(errand).await.unwrap();
    stale(site.arrive(&journey, &state).await);
}

#[tokio::test]
async fn tokens_that_say_what_they_should_not_sign_nobody_in() {
    let site = Site::new(|_, _| {}).await;
    let good = claims("ann");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let wrong = [
        with("iss", "https://id.evil.example".into()),
        with("aud", "another".into()),
        with("aud", json!(["weir", "another"])),
        with("aud", json!([])),
        with("azp", "another".into()),
        with("exp", (BEGIN_S - 61).into()),
        with("exp", Value::Null),
        with("iat", (BEGIN_S + 61).into()),
        with("nbf", (BEGIN_S + 61).into()),
        with("nonce", "another".into()),
        with("sub", "".into()),
        with("sub", "x".repeat(256).into()),
    ];
    for claims in wrong {
        site.school.lock().claims = claims.clone();
        let arrival = site.come().await;
        let is_refused = matches!(arrival, Err(AccountError::ProviderRefused(_)));
        assert!(is_refused, "{claims}: {arrival:?}");
    }
}

#[tokio::test]
async fn tokens_that_somebody_else_signed_sign_nobody_in() {
    let site = Site::new(|_, _| {}).await;
    let (good, other) = (claims("ann"), Key::new("one"));
    // By another key of the same name, by none, and by the public key as if it were a shared secret.
    let b64 = |value: &Value| B64.encode(value.to_string());
    let nonce = |site: &Site| site.school.lock().nonce.clone();
    type Forge<'a> = Box<dyn Fn(&Value) -> String + 'a>;
    let public = B64
        .decode(site.school.lock().keys[0].jwk["x"].as_str().unwrap())
        .unwrap();
    let forgeries: [Forge<'_>; 5] = [
        Box::new(|claims| other.sign(claims)),
        Box::new(|claims| format!("{}.{}.", b64(&json!({ "alg": "none" })), b64(claims))),
        Box::new(|claims| {
            let header = Header {
                kid: Some("one".into()),
                ..Header::new(Algorithm::HS256)
            };
            let key = EncodingKey::from_secret(&public);
            jsonwebtoken::encode(&header, claims, &key).unwrap()
        }),
        Box::new(|claims| {
            // Another's claims under a right signature.
            let signed = Key::new("one").sign(claims);
            let parts: Vec<&str> = signed.split('.').collect();
            format!(
                "{}.{}.{}",
                parts[0],
                b64(&json!({ "sub": "root" })),
                parts[2]
            )
        }),
        Box::new(|_| "x".repeat(20_000)),
    ];
    for (at, forge) in forgeries.iter().enumerate() {
        let (journey, state) = site.depart(OidcErrand::SignIn).await.unwrap();
        let mut claims = good.clone();
        claims["nonce"] = nonce(&site).into();
        site.school.lock().token = Some(forge(&claims));
        let arrival = site.arrive(&journey, &state).await;
        let is_refused = matches!(arrival, Err(AccountError::ProviderRefused(_)));
        assert!(is_refused, "forgery {at}: {arrival:?}");
    }
    assert!(site.service.rows().by_login("ann").await.is_err());
    {
        let mut school = site.school.lock();
        (school.token, school.claims) = (None, good);
        school.claims["aud"] = json!(["weir"]);
    }
    assert_eq!(name_of(site.come().await), "ann");
}

#[tokio::test]
async fn a_provider_that_is_away_says_so_and_is_not_asked_by_everybody() {
    let site = Site::new(|_, _| {}).await;
    site.school.lock().is_away = true;
    for _ in 0..5 {
        let refused = site.depart(OidcErrand::SignIn).await;
        assert!(
            matches!(refused, Err(AccountError::ProviderAway(_))),
            "{refused:?}"
        );
    }
    assert_eq!(site.count("openid-configuration"), 1);
    site.school.lock().is_away = false;
    site.clock.advance_us(5_000_001);
    assert_eq!(name_of(site.come().await), "ann");
    // It goes while somebody is there: nothing is harmed, and they come again.
    let (journey, state) = site.depart(OidcErrand::SignIn).await.unwrap();
    site.school.lock().is_away = true;
    let arrival = site.arrive(&journey, &state).await;
    assert!(
        matches!(arrival, Err(AccountError::ProviderAway(_))),
        "{arrival:?}"
    );
    site.school.lock().is_away = false;
    assert_eq!(name_of(site.come().await), "ann");
}

#[tokio::test]
async fn a_provider_may_change_its_keys_and_is_asked_for_them_once_in_a_while() {
    let site = Site::new(|_, _| {}).await;
    assert_eq!(name_of(site.come().await), "ann");
    site.school.lock().published = 2;
    // Asked for just now: not again.
    let arrival = site.come().await;
    assert!(
        matches!(arrival, Err(AccountError::ProviderRefused(_))),
        "{arrival:?}"
    );
    assert_eq!(site.count("/keys"), 1);
    site.clock.advance_us(60_000_001);
    assert_eq!(name_of(site.come().await), "ann");
    assert_eq!(site.count("/keys"), 2);
}

#[tokio::test]
async fn a_provider_that_names_another_or_an_open_line_is_not_believed() {
    let changes = [
        ("issuer", json!("https://id.evil.example")),
        ("token_endpoint", json!("http://id.school.example/token")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("authorization_endpoint", Value::Null),
    ];
    for (name, value) in changes {
        let site = Site::new(|_, _| {}).await;
        site.school.lock().metadata[name] = value;
        let refused = site.depart(OidcErrand::SignIn).await;
        assert!(
            matches!(refused, Err(AccountError::ProviderAway(_))),
            "{name}: {refused:?}"
        );
    }
    // One that says who answers has to (RFC 9207).
    let site = Site::new(|_, _| {}).await;
    site.school.lock().metadata["authorization_response_iss_parameter_supported"] = true.into();
    let arrival = site.come().await;
    assert!(
        matches!(arrival, Err(AccountError::ProviderRefused(_))),
        "{arrival:?}"
    );
    let (journey, state) = site.depart(OidcErrand::SignIn).await.unwrap();
    let mut right = back(&journey, &state);
    right.issuer = ISSUER;
    assert_eq!(
        name_of(
            site.service
                .arrive(right, SessionKind::Cookie, &client())
                .await
        ),
        "ann"
    );
}

#[tokio::test]
async fn an_account_is_linked_by_its_owner_and_unlinked_while_there_is_another_way_in() {
    let site = Site::new(|_, accounts| accounts.sign_up = SignUpRule::Invite).await;
    let refused = site.come().await;
    assert!(
        matches!(refused, Err(AccountError::Forbidden(_))),
        "{refused:?}"
    );
    let site = Site::new(|provider, _| provider.sign_up = Some(false)).await;
    let (bob, eve) = (site.sign_up("bob").await, site.sign_up("eve").await);
    let link = async |account: &Account, password: &str| {
        let errand = OidcErrand::Link { account, password };
        let (journey, state) = site.depart(errand).await?;
        site.service
            .link(account, back(&journey, &state), &client())
            .await
    };
    assert!(matches!(
        link(&bob, "wrong").await,
        Err(AccountError::Field { .. })
    ));
    let linked = link(&bob, PASSWORD).await.unwrap();
    assert_eq!(linked.label, "ann");
    assert_eq!(name_of(site.come().await), "bob");
    let taken = link(&eve, PASSWORD).await;
    assert!(
        matches!(taken, Err(AccountError::Taken("the identity"))),
        "{taken:?}"
    );
    // A journey of one account ends at no other.
    let errand = OidcErrand::Link {
        account: &bob,
        password: PASSWORD,
    };
    let (journey, state) = site.depart(errand).await.unwrap();
    let foreign = site
        .service
        .link(&eve, back(&journey, &state), &client())
        .await;
    assert!(
        matches!(foreign, Err(AccountError::Stale(_))),
        "{foreign:?}"
    );
    site.service
        .unlink(&bob, linked.id, PASSWORD, &client())
        .await
        .unwrap();
    let refused = site.come().await;
    assert!(
        matches!(refused, Err(AccountError::Forbidden(_))),
        "{refused:?}"
    );
    // Whoever has nothing else keeps it.
    let site = Site::new(|_, _| {}).await;
    assert_eq!(name_of(site.come().await), "ann");
    let ann = site.service.rows().by_login("ann").await.unwrap();
    let only = site.service.identities(ann.user_id).await.unwrap();
    let kept = site.service.unlink(&ann, only[0].id, "", &client()).await;
    assert!(matches!(kept, Err(AccountError::Conflict(_))), "{kept:?}");
    assert_eq!(name_of(site.come().await), "ann");
}

#[tokio::test]
async fn an_address_leads_to_an_account_where_both_sides_know_it_to_be_theirs() {
    let told = |is_verified: bool| {
        let mut told = claims("someone");
        told["email"] = "Bob@school.example".into();
        told["email_verified"] = is_verified.into();
        told
    };
    let prove = async |site: &Site| {
        let bob = site.sign_up("bob").await;
        let rows = site.service.rows();
        rows.set_email(bob.user_id, "bob@school.example", "bob@school.example")
            .await
            .unwrap();
    };
    // Not trusted, not verified there, not proved here.
    for (trusts, is_verified, is_proved, is_bob) in [
        (false, true, true, false),
        (true, false, true, false),
        (true, true, false, false),
        (true, true, true, true),
    ] {
        let site = Site::new(|provider, _| provider.trust_email = trusts).await;
        match is_proved {
            true => prove(&site).await,
            false => drop(site.sign_up("bob").await),
        }
        site.school.lock().claims = told(is_verified);
        let name = name_of(site.come().await);
        let want = if is_bob { "bob" } else { "someone" };
        assert_eq!(name, want, "{trusts} {is_verified} {is_proved}");
        let someone = site.service.rows().by_login(&name).await.unwrap();
        assert!(is_bob || someone.email.is_empty(), "{}", someone.email);
    }
    // Told beside the token: by the same, or not at all.
    let site = Site::new(|provider, _| provider.trust_email = true).await;
    prove(&site).await;
    {
        let mut school = site.school.lock();
        school.metadata["userinfo_endpoint"] = format!("{ISSUER}/me").into();
        school.userinfo = told(true);
        school.userinfo["sub"] = "another".into();
    }
    let refused = site.come().await;
    assert!(
        matches!(refused, Err(AccountError::ProviderRefused(_))),
        "{refused:?}"
    );
    site.school.lock().userinfo["sub"] = "ann".into();
    assert_eq!(name_of(site.come().await), "bob");
}

#[tokio::test]
async fn who_has_a_second_factor_shows_its_code_here_too_and_the_suspended_stay_out() {
    let site = Site::new(|_, _| {}).await;
    let bob = site.sign_up("bob").await;
    let errand = OidcErrand::Link {
        account: &bob,
        password: PASSWORD,
    };
    let (journey, state) = site.depart(errand).await.unwrap();
    site.service
        .link(&bob, back(&journey, &state), &client())
        .await
        .unwrap();
    let codes = ["a recovery code".to_owned()];
    let hashes = codes
        .clone()
        .map(|code| token::hash(&code.to_ascii_uppercase()));
    let owner = bob.user_id.to_string();
    let sealed = site
        .service
        .0
        .seal
        .close(b"12345678901234567890", &owner)
        .unwrap();
    site.service
        .rows()
        .set_totp(&bob, &sealed, &hashes)
        .await
        .unwrap();
    let missing = missing(site.come().await);
    assert!(missing.is_code && missing.name.is_empty());
    let say = async |code: &str| {
        let said = ("", code);
        let signed_in = site
            .service
            .arrive_with(&missing.rest, said, SessionKind::Cookie, &client())
            .await;
        signed_in.map(|signed_in| signed_in.account.name)
    };
    assert!(matches!(say("").await, Err(AccountError::CodeNeeded)));
    assert!(matches!(say("000000").await, Err(AccountError::SignIn)));
    assert_eq!(say(&codes[0]).await.unwrap(), "bob");
    let shown = PasswordProof {
        login: "bob",
        password: PASSWORD,
        code: "",
    };
    let by_password = site
        .service
        .sign_in(shown, SessionKind::Cookie, &client())
        .await;
    assert!(matches!(by_password, Err(AccountError::CodeNeeded)));
    let mut bob = site.service.rows().by_id(bob.user_id).await.unwrap();
    bob.state = "suspended".into();
    site.service.rows().save(&bob).await.unwrap();
    let refused = site.come().await;
    assert!(
        matches!(refused, Err(AccountError::Suspended(_))),
        "{refused:?}"
    );
}
