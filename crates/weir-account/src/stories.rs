//! What people do with their accounts, told against a real store and a mail server that takes letters.
// long because: each story needs the same site, its clock and its mail server.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use weir_base::{Clock, Shutdown, Tasks, Tongue};
use weir_store::accounts::Account;
use weir_store::{Config, Store};

use crate::*;

/// What the clock says at first: 14 November 2023, in microseconds.
const BEGIN_US: i64 = 1_700_000_000_000_000;
const SECOND_US: i64 = 1_000_000;
const PASSWORD: &str = "correct horse";

/// A mail server that takes every letter.
#[derive(Clone, Default)]
struct Letters {
    taken: Arc<Mutex<Vec<String>>>,
    came: Arc<Notify>,
}

/// Somebody who signed in with a program.
#[derive(Debug)]
struct In {
    session: weir_store::accounts::Session,
    token: String,
    refresh: String,
}

impl From<SignedIn> for In {
    fn from(signed_in: SignedIn) -> Self {
        let token = signed_in.token.unwrap();
        Self {
            session: signed_in.session,
            token: token.access,
            refresh: token.refresh,
        }
    }
}

struct Site {
    service: AccountService,
    clock: Clock,
    letters: Letters,
    shutdown: Shutdown,
    _dir: tempfile::TempDir,
}

impl Letters {
    async fn listen(&self, tasks: &Tasks, shutdown: Shutdown) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let letters = self.clone();
        tasks.spawn("mail server", async move {
            loop {
                tokio::select! {
                    () = shutdown.stopping() => return,
                    connection = listener.accept() => {
                        let (socket, _) = connection.unwrap();
                        letters.take(BufReader::new(socket)).await;
                    }
                }
            }
        });
        port
    }

    /// RFC 5321, as much as one letter needs.
    async fn take(&self, mut socket: BufReader<tokio::net::TcpStream>) {
        socket.write_all(b"220 here\r\n").await.unwrap();
        let (mut line, mut letter, mut is_text) = (String::new(), String::new(), false);
        while socket
            .read_line(&mut line)
            .await
            .is_ok_and(|bytes| bytes > 0)
        {
            let answer = match line.trim_end() {
                "." if is_text => {
                    is_text = false;
                    self.taken.lock().push(std::mem::take(&mut letter));
                    self.came.notify_one();
                    "250 taken\r\n"
                }
                _ if is_text => {
                    letter += &line;
                    ""
                }
                "DATA" => {
                    is_text = true;
                    "354 go on\r\n"
                }
                "QUIT" => "221 bye\r\n",
                _ => "250 fine\r\n",
            };
            socket.write_all(answer.as_bytes()).await.unwrap();
            line.clear();
        }
    }

    /// The next letter, its text readable.
    async fn next(&self) -> String {
        loop {
            let came = self.came.notified();
            if !self.taken.lock().is_empty() {
                let letter = self.taken.lock().remove(0);
                let (head, body) = letter.split_once("\r\n\r\n").unwrap();
                let packed: String = body.split_whitespace().collect();
                let body = match head.contains("base64") {
                    true => String::from_utf8(STANDARD.decode(packed).unwrap()).unwrap(),
                    // Quoted-printable: soft line ends and `=`.
                    false => body.replace("=\r\n", "").replace("=3D", "="),
                };
                return format!("{head}\n\n{body}");
            }
            came.await;
        }
    }

    /// The token in the link of the next letter, which goes to this address and to this page.
    async fn token(&self, to: &str, page: &str) -> String {
        let letter = self.next().await;
        assert!(letter.contains(&format!("To: {to}\r\n")), "{letter}");
        let link = letter.split_once(&format!("https://live.example{page}#token="));
        let (_, rest) = link.unwrap_or_else(|| panic!("no link to {page}: {letter}"));
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

impl Site {
    async fn new(set: impl FnOnce(&mut AccountsConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_US);
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let letters = Letters::default();
        let port = letters.listen(&tasks, shutdown.clone()).await;
        let mut accounts = AccountsConfig {
            site_url: "https://live.example".into(),
            hash_kib: 64,
            hash_passes: 1,
            ..AccountsConfig::default()
        };
        set(&mut accounts);
        accounts.check().unwrap();
        let mail = MailConfig {
            url: format!("smtp://127.0.0.1:{port}"),
            ..MailConfig::default()
        };
        mail.check(&accounts).unwrap();
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let service = AccountService::start(Parts {
            store,
            accounts,
            mail,
            root: RootSecret::new("a secret of this site").unwrap(),
            wire: None,
            clock: clock.clone(),
            tasks,
            shutdown: shutdown.clone(),
        });
        Self {
            service: service.unwrap(),
            clock,
            letters,
            shutdown,
            _dir: dir,
        }
    }

    async fn sign_up(&self, name: &str) -> Result<Account, AccountError> {
        let asked = SignUp {
            name: name.into(),
            email: format!("{name}@example.net"),
            password: PASSWORD.into(),
            invite: String::new(),
        };
        self.service.sign_up(&asked, &client(1)).await
    }

    /// Somebody who has proved their address.
    async fn proved(&self, name: &str) -> Account {
        self.sign_up(name).await.unwrap();
        let to = format!("{name}@example.net");
        let token = self.letters.token(&to, "/account/prove").await;
        self.service.prove_email(&token).await.unwrap()
    }

    async fn sign_in(&self, login: &str, password: &str, code: &str) -> Result<In, AccountError> {
        let shown = PasswordProof {
            login,
            password,
            code,
        };
        let signed_in = self
            .service
            .sign_in(shown, SessionKind::Both, &client(1))
            .await?;
        assert!(signed_in.cookie.is_some());
        Ok(signed_in.into())
    }

    async fn refresh(&self, shown: &str, host: u8) -> Result<In, AccountError> {
        Ok(self.service.refresh(shown, &client(host)).await?.into())
    }

    async fn who(&self, token: &str) -> Option<String> {
        let found = self.service.by_bearer(token, None).await.unwrap();
        found.map(|identity| identity.account.name)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

fn client(host: u8) -> Client {
    Client {
        address: IpAddr::from([192, 0, 2, host]),
        agent: "a test\u{7}".into(),
        tongue: Tongue::English,
    }
}

#[tokio::test]
async fn somebody_signs_up_proves_an_address_and_signs_in_by_name_or_address() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("Ann").await;
    assert_eq!(
        (ann.role.as_str(), ann.email.as_str()),
        ("broadcaster", "Ann@example.net")
    );
    assert_eq!(ann.email_verified_ms, BEGIN_US / 1000);
    for login in ["ann", "ＡＮＮ", "ann@EXAMPLE.net"] {
        let signed_in = site.sign_in(login, PASSWORD, "").await.unwrap();
        assert_eq!(
            site.who(&signed_in.token).await.as_deref(),
            Some("Ann"),
            "{login}"
        );
    }
    let sessions = site.service.sessions(ann.user_id).await.unwrap();
    assert_eq!((sessions.len(), sessions[0].agent.as_str()), (3, "a test"));
    let alike = site.sign_up("аnn").await;
    assert!(
        matches!(alike, Err(AccountError::Field { field: "name", .. })),
        "{alike:?}"
    );
    let taken = site.sign_up("ANN").await;
    assert!(
        matches!(taken, Err(AccountError::Taken("the name"))),
        "{taken:?}"
    );
}

#[tokio::test]
async fn who_guesses_learns_nothing_and_waits() {
    let site = Site::new(|_| {}).await;
    site.proved("ann").await;
    for login in ["ann", "nobody"] {
        let mut refusals = Vec::new();
        for _ in 0..6 {
            let refused = site.sign_in(login, "wrong horse", "").await.unwrap_err();
            refusals.push(refused.to_string());
        }
        assert!(
            refusals[..5]
                .iter()
                .all(|words| *words == AccountError::SignIn.to_string())
        );
        assert!(refusals[5].contains("too often"), "{refusals:?}");
    }
    // The right password waits as well, and is good afterwards.
    assert!(matches!(
        site.sign_in("ann", PASSWORD, "").await,
        Err(AccountError::TooOften { .. })
    ));
    site.clock.advance_us(2 * SECOND_US);
    site.sign_in("ann", PASSWORD, "").await.unwrap();
}

/// The work that takes time is the same, whoever is asked for: what a clock would show, without one.
#[tokio::test]
async fn a_refused_sign_in_hashes_once_whoever_it_is_for() {
    let site = Site::new(|_| {}).await;
    site.proved("ann").await;
    // Made without a password, as the first admin is.
    site.service.first_admin_link().await.unwrap();
    let runs = || site.service.0.hasher.runs.load(Ordering::Relaxed);
    let long = "long ".repeat(1000);
    for (login, password, hashes) in [
        ("ann", "wrong horse", 1),
        ("ann@example.net", "wrong horse", 1),
        ("admin", "wrong horse", 1),
        ("nobody", "wrong horse", 1),
        ("nobody@example.net", "wrong horse", 1),
        ("no name at all\u{0}", "wrong horse", 1),
        ("ann", "", 1),
        ("nobody", "", 1),
        // Too long to be anybody's.
        ("ann", &long, 0),
        ("nobody", &long, 0),
    ] {
        let before = runs();
        let refused = site.sign_in(login, password, "").await.unwrap_err();
        assert!(
            matches!(refused, AccountError::SignIn),
            "{login}: {refused}"
        );
        assert_eq!(runs() - before, hashes, "{login:?}");
    }
}

#[tokio::test]
async fn who_signs_up_with_anothers_address_is_told_nothing_and_its_owner_is_told() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    let asked = SignUp {
        name: "eve".into(),
        email: "Ann@Example.net".into(),
        password: PASSWORD.into(),
        invite: String::new(),
    };
    let before = site.service.0.hasher.runs.load(Ordering::Relaxed);
    let eve = site.service.sign_up(&asked, &client(2)).await.unwrap();
    let hashes = site.service.0.hasher.runs.load(Ordering::Relaxed) - before;
    assert_eq!(hashes, 1);
    assert_eq!((eve.name.as_str(), eve.email_verified_ms), ("eve", 0));
    let letter = site.letters.next().await;
    assert!(
        letter.contains("To: ann@example.net") && !letter.contains("#token="),
        "{letter}"
    );
    // The address stays its owner's, to sign in by and to be written to.
    let signed_in = site.sign_in("ann@example.net", PASSWORD, "").await.unwrap();
    assert_eq!(site.who(&signed_in.token).await.as_deref(), Some("ann"));
    site.sign_in("eve", PASSWORD, "").await.unwrap();
    // Neither by a new password nor by another address does eve get at it, or learn of it.
    site.service.ask_reset("eve", &client(2)).await.unwrap();
    site.service
        .change_email(&eve, PASSWORD, "ann@example.net", &client(2))
        .await
        .unwrap();
    let letter = site.letters.next().await;
    assert!(
        letter.contains("To: ann@example.net") && !letter.contains("#token="),
        "{letter}"
    );
    site.service
        .send_proof_again(&eve, &client(2))
        .await
        .unwrap();
    let letter = site.letters.next().await;
    assert!(letter.contains("You have an account already"), "{letter}");
    assert_eq!(site.service.account(ann.user_id).await.unwrap(), ann);
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_session() {
    let site = Site::new(|_| {}).await;
    site.proved("ann").await;
    let first = site.sign_in("ann", PASSWORD, "").await.unwrap();
    let shown = first.refresh;
    site.clock.advance_us(3600 * SECOND_US);
    assert_eq!(site.who(&first.token).await, None);
    let second = site.refresh(&shown, 1).await.unwrap();
    assert_eq!(site.who(&second.token).await.as_deref(), Some("ann"));
    // An answer that got lost: refused, and nothing else.
    assert!(matches!(
        site.refresh(&shown, 1).await,
        Err(AccountError::Stale(_))
    ));
    assert!(site.who(&second.token).await.is_some());
    site.clock.advance_us(11 * SECOND_US);
    assert!(matches!(
        site.refresh(&shown, 2).await,
        Err(AccountError::Stale(_))
    ));
    assert_eq!(site.who(&second.token).await, None);
    for wrong in ["", "wr_", &second.token, &second.refresh] {
        assert!(site.refresh(wrong, 1).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_cookie_is_renewed_put_off_by_use_and_no_bearer_token() {
    let site = Site::new(|config| config.session_hours = 1).await;
    site.proved("ann").await;
    let shown = PasswordProof {
        login: "ann",
        password: PASSWORD,
        code: "",
    };
    let signed_in = site
        .service
        .sign_in(shown, SessionKind::Cookie, &client(1))
        .await
        .unwrap();
    assert!(signed_in.token.is_none());
    let first = signed_in.cookie.unwrap();
    let known = async |cookie: &str| {
        site.service
            .by_cookie(cookie, None)
            .await
            .unwrap()
            .is_some()
    };
    assert!(known(&first).await);
    assert_eq!(site.who(&first).await, None);
    // Each use puts the end off by an hour.
    for _ in 0..3 {
        site.clock.advance_us(3000 * SECOND_US);
        assert!(known(&first).await);
    }
    let renewed = site.service.refresh(&first, &client(1)).await.unwrap();
    let second = renewed.cookie.unwrap();
    assert!(renewed.token.is_none() && known(&first).await && known(&second).await);
    site.clock.advance_us(61 * SECOND_US);
    assert!(!known(&first).await && known(&second).await);
    site.clock.advance_us(3600 * SECOND_US);
    assert!(!known(&second).await);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_is_told_by_mail() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    let here = site.sign_in("ann", PASSWORD, "").await.unwrap();
    let there = site.sign_in("ann", PASSWORD, "").await.unwrap();
    let change = async |old: &str, new: &str| {
        let ann = site.service.account(ann.user_id).await.unwrap();
        let session = Some(here.session.id);
        site.service
            .change_password(ann, session, old, new, &client(1))
            .await
    };
    for (old, new, field) in [
        ("wrong", "another horse", "password"),
        (PASSWORD, "ann", "new_password"),
        (PASSWORD, "password123", "new_password"),
    ] {
        match change(old, new).await {
            Err(AccountError::Field { field: said, .. }) => assert_eq!(said, field),
            other => panic!("{other:?}"),
        }
    }
    change(PASSWORD, "another horse").await.unwrap();
    assert!(
        site.letters
            .next()
            .await
            .contains("Your password was changed")
    );
    assert!(site.who(&here.token).await.is_some() && site.who(&there.token).await.is_none());
    assert!(site.sign_in("ann", PASSWORD, "").await.is_err());
    site.sign_in("ann", "another horse", "").await.unwrap();
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_a_letter_and_a_stranger_is_told_the_same() {
    let site = Site::new(|_| {}).await;
    site.proved("ann").await;
    let before = site.sign_in("ann", PASSWORD, "").await.unwrap();
    site.service
        .ask_reset("nobody@example.net", &client(1))
        .await
        .unwrap();
    site.service.ask_reset("ann", &client(1)).await.unwrap();
    let token = site
        .letters
        .token("ann@example.net", "/account/reset")
        .await;
    assert!(
        site.service
            .reset("wl_other", "another horse")
            .await
            .is_err()
    );
    // A password that is not taken leaves the link good.
    assert!(site.service.reset(&token, "short").await.is_err());
    assert!(site.service.reset(&token, "ann@example.net").await.is_err());
    site.service.reset(&token, "another horse").await.unwrap();
    assert!(site.service.reset(&token, "a third horse").await.is_err());
    assert_eq!(site.who(&before.token).await, None);
    site.sign_in("ann", "another horse", "").await.unwrap();
    for _ in 0..2 {
        site.service.ask_reset("ann", &client(1)).await.unwrap();
    }
    let often = site.service.ask_reset("ann", &client(1)).await;
    assert!(
        matches!(often, Err(AccountError::TooOften { .. })),
        "{often:?}"
    );
}

#[tokio::test]
async fn a_new_address_counts_when_it_is_proved_and_the_old_one_is_told() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    site.service
        .change_email(&ann, PASSWORD, "Anna@example.org", &client(1))
        .await
        .unwrap();
    let token = site
        .letters
        .token("Anna@example.org", "/account/prove")
        .await;
    site.sign_in("ann@example.net", PASSWORD, "").await.unwrap();
    let changed = site.service.prove_email(&token).await.unwrap();
    assert_eq!(changed.email, "Anna@example.org");
    let told = site.letters.next().await;
    assert!(
        told.contains("To: ann@example.net") && told.contains("Anna@example.org"),
        "{told}"
    );
    assert!(site.sign_in("ann@example.net", PASSWORD, "").await.is_err());
    site.sign_in("anna@example.org", PASSWORD, "")
        .await
        .unwrap();
}

#[tokio::test]
async fn the_first_admin_comes_by_a_link_once_and_sets_a_password() {
    let site = Site::new(|_| {}).await;
    let link = site.service.first_admin_link().await.unwrap().unwrap();
    let token = link
        .strip_prefix("https://live.example/account/link#token=")
        .unwrap();
    let by_link = async |token: &str| {
        site.service
            .sign_in_by_link(token, SessionKind::Cookie, &client(1))
            .await
    };
    let admin = by_link(token).await.unwrap().account;
    assert_eq!(
        (admin.name.as_str(), admin.role.as_str()),
        ("admin", "admin")
    );
    assert!(matches!(
        by_link(token).await,
        Err(AccountError::Stale("link"))
    ));
    assert!(site.sign_in("admin", "", "").await.is_err());
    // The next start makes another link for the same account, until there is a password.
    assert!(site.service.first_admin_link().await.unwrap().is_some());
    let changed = site
        .service
        .change_password(admin, None, "", PASSWORD, &client(1))
        .await
        .unwrap();
    assert_eq!(site.service.first_admin_link().await.unwrap(), None);
    site.sign_in("admin", PASSWORD, "").await.unwrap();
    let refused = site.service.remove(&changed, PASSWORD, &client(1)).await;
    assert!(
        matches!(refused, Err(AccountError::Conflict(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn signing_up_may_take_an_invite() {
    let site = Site::new(|config| config.sign_up = SignUpRule::Invite).await;
    assert!(matches!(
        site.sign_up("ann").await,
        Err(AccountError::Forbidden(_))
    ));
    let offer = InviteOffer {
        role: AccountRole::Moderator,
        uses: 1,
        hours: 1,
    };
    let (_, invite) = site.service.invite(None, &offer).await.unwrap();
    let come = async |name: &str, invite: &str| {
        let asked = SignUp {
            name: name.into(),
            email: format!("{name}@example.net"),
            password: PASSWORD.into(),
            invite: invite.into(),
        };
        site.service.sign_up(&asked, &client(1)).await
    };
    assert!(matches!(
        come("ann", "wi_other").await,
        Err(AccountError::Stale("invite"))
    ));
    assert_eq!(come("ann", &invite).await.unwrap().role, "moderator");
    assert!(come("bob", &invite).await.is_err());
    let closed = Site::new(|config| config.sign_up = SignUpRule::Closed).await;
    assert!(matches!(
        closed.sign_up("ann").await,
        Err(AccountError::Forbidden(_))
    ));
}

#[tokio::test]
async fn staff_reaches_those_below_and_who_is_suspended_is_out_at_once() {
    let site = Site::new(|_| {}).await;
    let (ann, bob, eve) = (
        site.proved("ann").await,
        site.proved("bob").await,
        site.proved("eve").await,
    );
    let role = |role| AccountChange {
        role: Some(role),
        ..AccountChange::default()
    };
    let suspend = || AccountChange {
        suspended: Some(true),
        reason: Some("spam".into()),
        ..AccountChange::default()
    };
    let service = &site.service;
    let ann = service
        .change_account(None, ann, role(AccountRole::Moderator))
        .await
        .unwrap();
    let bob = service
        .change_account(None, bob, role(AccountRole::Moderator))
        .await
        .unwrap();
    for (account, change) in [
        (bob.clone(), suspend()),
        (ann.clone(), role(AccountRole::Admin)),
        (eve.clone(), role(AccountRole::Moderator)),
    ] {
        let refused = service.change_account(Some(&ann), account, change).await;
        assert!(
            matches!(refused, Err(AccountError::Forbidden(_))),
            "{refused:?}"
        );
    }
    let of_eve = site.sign_in("eve", PASSWORD, "").await.unwrap();
    let key = NewKey {
        label: "bot".into(),
        scopes: vec!["account.own".into()],
        expires_ms: None,
    };
    let (_, key) = service.make_api_key(&eve, &key).await.unwrap();
    let out = service
        .change_account(Some(&ann), eve.clone(), suspend())
        .await
        .unwrap();
    assert_eq!(site.who(&of_eve.token).await, None);
    assert!(matches!(
        service.by_bearer(&key, None).await,
        Err(AccountError::Suspended(_))
    ));
    match site.sign_in("eve", PASSWORD, "").await {
        Err(AccountError::Suspended(reason)) => assert_eq!(reason, "spam"),
        other => panic!("{other:?}"),
    }
    // Only who knows the password is told.
    assert!(matches!(
        site.sign_in("eve", "wrong horse", "").await,
        Err(AccountError::SignIn)
    ));
    let back = AccountChange {
        suspended: Some(false),
        ..AccountChange::default()
    };
    service.change_account(Some(&ann), out, back).await.unwrap();
    site.sign_in("eve", PASSWORD, "").await.unwrap();
}

#[tokio::test]
async fn an_api_key_may_what_it_was_made_for_and_never_more_than_its_owner() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    let make = async |scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let asked = NewKey {
            label: "bot".into(),
            scopes,
            expires_ms: None,
        };
        site.service.make_api_key(&ann, &asked).await
    };
    assert!(matches!(
        make(&[]).await,
        Err(AccountError::Field {
            field: "scopes",
            ..
        })
    ));
    assert!(matches!(
        make(&["everything"]).await,
        Err(AccountError::Field {
            field: "scopes",
            ..
        })
    ));
    assert!(matches!(
        make(&["node.drain"]).await,
        Err(AccountError::Forbidden(_))
    ));
    let (key, shown) = make(&["chat.join", "channels.own"]).await.unwrap();
    let rights = async || {
        let identity = site.service.by_bearer(&shown, None).await.unwrap().unwrap();
        Right::ALL
            .into_iter()
            .filter(|right| identity.rights.has(*right))
            .collect::<Vec<_>>()
    };
    assert_eq!(rights().await, [Right::ChatJoin, Right::ChannelsOwn]);
    let viewer = AccountChange {
        role: Some(AccountRole::Viewer),
        ..AccountChange::default()
    };
    site.service
        .change_account(None, ann.clone(), viewer)
        .await
        .unwrap();
    assert_eq!(rights().await, [Right::ChatJoin]);
    site.service
        .revoke_api_key(ann.user_id, key.id)
        .await
        .unwrap();
    assert!(
        site.service
            .by_bearer(&shown, None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn who_has_not_proved_an_address_may_only_look_after_the_account_where_the_site_asks_for_it()
{
    let site = Site::new(|config| config.verify_email = true).await;
    site.sign_up("ann").await.unwrap();
    let token = site.sign_in("ann", PASSWORD, "").await.unwrap().token;
    let may = async |right| {
        let identity = site.service.by_bearer(&token, None).await.unwrap();
        identity.unwrap().rights.has(right)
    };
    assert!(may(Right::AccountOwn).await && !may(Right::ChannelsOwn).await);
    let link = site
        .letters
        .token("ann@example.net", "/account/prove")
        .await;
    site.service.prove_email(&link).await.unwrap();
    assert!(may(Right::ChannelsOwn).await);
}

#[tokio::test]
async fn one_is_told_by_mail_when_a_second_factor_comes_and_goes() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    let offered = site
        .service
        .offer_totp(&ann, PASSWORD, &client(1))
        .await
        .unwrap();
    let code = || totp::code_of(&offered.secret, site.clock.wall_ms());
    let enrolled = site
        .service
        .enroll_totp(&ann, &offered.offer, &code())
        .await
        .unwrap();
    let letter = site.letters.next().await;
    assert!(letter.contains("How you sign in was changed"), "{letter}");
    let recovery = &enrolled.recovery_codes[0];
    let removed = site
        .service
        .remove_totp(&enrolled.account, PASSWORD, recovery, &client(1))
        .await;
    removed.unwrap();
    let letter = site.letters.next().await;
    assert!(letter.contains("How you sign in was changed"), "{letter}");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_no_code_is_good_twice() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    let offered = site
        .service
        .offer_totp(&ann, PASSWORD, &client(1))
        .await
        .unwrap();
    assert!(offered.uri.contains(&offered.secret));
    let code = |at: i64| totp::code_of(&offered.secret, site.clock.wall_ms() + at);
    let bob = site.proved("bob").await;
    let service = &site.service;
    assert!(matches!(
        service.enroll_totp(&bob, &offered.offer, &code(0)).await,
        Err(AccountError::Stale(_))
    ));
    assert!(
        service
            .enroll_totp(&ann, &offered.offer, "000000")
            .await
            .is_err()
    );
    let enrolled = service
        .enroll_totp(&ann, &offered.offer, &code(0))
        .await
        .unwrap();
    assert_eq!(enrolled.recovery_codes.len(), 10);
    assert!(matches!(
        site.sign_in("ann", PASSWORD, "").await,
        Err(AccountError::CodeNeeded)
    ));
    assert!(matches!(
        site.sign_in("ann", PASSWORD, "123").await,
        Err(AccountError::SignIn)
    ));
    site.sign_in("ann", PASSWORD, &code(0)).await.unwrap();
    assert!(matches!(
        site.sign_in("ann", PASSWORD, &code(0)).await,
        Err(AccountError::SignIn)
    ));
    let spare = enrolled.recovery_codes[3].to_lowercase();
    site.sign_in("ann", PASSWORD, &spare).await.unwrap();
    assert!(site.sign_in("ann", PASSWORD, &spare).await.is_err());
    site.clock.advance_us(60 * SECOND_US);
    let ann = service.account(ann.user_id).await.unwrap();
    assert!(
        service
            .remove_totp(&ann, PASSWORD, "", &client(1))
            .await
            .is_err()
    );
    service
        .remove_totp(&ann, PASSWORD, &code(0), &client(1))
        .await
        .unwrap();
    site.sign_in("ann", PASSWORD, "").await.unwrap();
}

#[tokio::test]
async fn one_takes_ones_data_along_and_goes_and_no_secret_is_in_it() {
    let site = Site::new(|_| {}).await;
    let ann = site.proved("ann").await;
    let session = site.sign_in("ann", PASSWORD, "").await.unwrap();
    let data = site.service.export(&ann).await.unwrap();
    assert_eq!(data["account"]["name"], "ann");
    assert_eq!(data["sessions"][0]["address"], "192.0.2.1");
    assert!(!data.to_string().contains("argon2") && !data.to_string().contains("_hash"));
    assert!(
        site.service
            .remove(&ann, "wrong horse", &client(1))
            .await
            .is_err()
    );
    site.service
        .remove(&ann, PASSWORD, &client(1))
        .await
        .unwrap();
    assert_eq!(site.who(&session.token).await, None);
    assert!(matches!(
        site.sign_in("ann", PASSWORD, "").await,
        Err(AccountError::SignIn)
    ));
    assert!(matches!(
        site.sign_up("ann").await,
        Err(AccountError::Taken(_))
    ));
}
