//! The accounts of a site: what all that can be done with them shares.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use weir_base::{Clock, Shutdown, Tasks, Tongue};
use weir_store::Store;
use weir_store::accounts::{Account, Accounts};
use weir_store::seal::Seal;

use crate::attempts::{Attempts, Of, Try};
use crate::chat::ChatSigner;
use crate::config::{AccountsConfig, MailConfig};
use crate::error::AccountError;
use crate::hasher::Hasher;
use crate::mail::Mailer;
use crate::oidc::elsewhere::Elsewhere;
use crate::oidc::wire::OidcWire;
use crate::password;

/// How often what is over is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// Milliseconds after which an answer that was kept is removed: nobody asks again after a day.
const REPLIES_MS: i64 = 25 * 60 * 60 * 1000;
/// Characters of what a client says it is that are kept.
const MAX_AGENT_CHARS: usize = 200;

/// What the accounts are made of.
pub struct Parts {
    /// Where they are kept.
    pub store: Store,
    /// Their settings.
    pub accounts: AccountsConfig,
    /// How mail is sent.
    pub mail: MailConfig,
    /// What signs and seals.
    pub root: RootSecret,
    /// How providers elsewhere are asked; none where nobody signs in by one.
    pub wire: Option<Arc<dyn OidcWire>>,
    /// The time.
    pub clock: Clock,
    /// Who runs what goes on beside requests.
    pub tasks: Tasks,
    /// When that ends.
    pub shutdown: Shutdown,
}

/// The secret that signs chat tokens and seals second factors; the same on all nodes that have these accounts.
#[derive(Clone)]
pub struct RootSecret(String);

/// Who asks: kept with sessions, and counted.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it comes from.
    pub address: IpAddr,
    /// What it says it is.
    pub agent: String,
    /// In which language it is answered.
    pub tongue: Tongue,
}

/// Accounts and all that can be done with them. Clones share them.
#[derive(Clone)]
pub struct AccountService(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) config: AccountsConfig,
    pub(crate) hasher: Hasher,
    pub(crate) attempts: Attempts,
    pub(crate) mailer: Mailer,
    pub(crate) chat: ChatSigner,
    pub(crate) seal: Seal,
    pub(crate) reply_seal: Seal,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    revoked: OnceLock<TellsRevoked>,
}

/// Called with an account whose chat tokens are good no more.
type TellsRevoked = Box<dyn Fn(weir_store::Id) + Send + Sync>;

impl AccountService {
    /// Begins to look after the accounts of a store.
    ///
    /// # Errors
    /// Where settings make no sense, or the system has no randomness.
    pub fn start(parts: Parts) -> Result<Self, AccountError> {
        let Parts {
            store,
            accounts,
            mail,
            root,
            wire,
            clock,
            tasks,
            shutdown,
        } = parts;
        let mailer = Mailer::start(&mail, &tasks, shutdown.clone())?;
        let service = Self(Arc::new(Inner {
            hasher: Hasher::new(&accounts)?,
            attempts: Attempts::new(clock.clone()),
            chat: ChatSigner::new(&root.derive("chat tokens"))?,
            seal: Seal::new(&root.derive("second factors"))?,
            reply_seal: Seal::new(&root.derive("replies"))?,
            elsewhere: Elsewhere::new(&accounts.oidc, wire, Seal::new(&root.derive("oidc"))?)?,
            store,
            config: accounts,
            mailer,
            clock,
            tasks: tasks.clone(),
            revoked: OnceLock::new(),
        }));
        let sweeper = service.clone();
        tasks.spawn("sweep accounts", async move {
            loop {
                tokio::select! {
                    () = shutdown.stopping() => return,
                    () = tokio::time::sleep(SWEEP_EVERY) => sweeper.sweep().await,
                }
            }
        });
        Ok(service)
    }

    /// Has `tell` called whenever the chat tokens that an account has are good no more, though their time is not over:
    /// it was suspended, has another role, or signed out. The first call counts.
    pub fn tell_revoked(&self, tell: impl Fn(weir_store::Id) + Send + Sync + 'static) {
        let _ = self.0.revoked.set(Box::new(tell));
    }

    pub(crate) fn revoked(&self, user_id: weir_store::Id) {
        if let Some(tell) = self.0.revoked.get() {
            tell(user_id);
        }
    }

    /// The account with this id, such as a session has.
    ///
    /// # Errors
    /// [`AccountError::Missing`].
    pub async fn account(&self, user_id: weir_store::Id) -> Result<Account, AccountError> {
        Ok(self.rows().by_id(user_id).await?)
    }

    /// Seals an answer that is kept for whoever asks again: a secret that is shown once may stand in it.
    ///
    /// # Errors
    /// [`AccountError::Fault`].
    pub fn seal_reply(&self, answer: &[u8], owner: &str) -> Result<Vec<u8>, AccountError> {
        Ok(self.0.reply_seal.close(answer, owner)?)
    }

    /// Opens what [`AccountService::seal_reply`] sealed to `owner`; none where it did not.
    pub fn open_reply(&self, sealed: &[u8], owner: &str) -> Option<Vec<u8>> {
        self.0.reply_seal.open(sealed, owner)
    }

    /// The settings.
    pub fn config(&self) -> &AccountsConfig {
        &self.0.config
    }

    pub(crate) fn rows(&self) -> Accounts<'_> {
        self.0.store.accounts()
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.0.clock.wall_ms()
    }

    /// Asks an account's owner for the password once more, before what only they may do.
    pub(crate) async fn confirm(
        &self,
        account: &Account,
        password: &str,
        client: &Client,
    ) -> Result<(), AccountError> {
        // Who signed in by a link, or elsewhere, has none to confirm with.
        if account.password_hash.is_empty() {
            return Ok(());
        }
        let login = Of::Login(account.user_id.to_string());
        self.0
            .attempts
            .take(Try::SignIn, Of::network(client.address))?;
        self.0.attempts.take(Try::SignIn, login.clone())?;
        let hash = Some(account.password_hash.as_str());
        let fits = password.len() <= password::MAX_BYTES;
        if !fits || !self.0.hasher.is_right(password, hash).await? {
            return Err(AccountError::field("password", "this is not the password"));
        }
        self.0.attempts.forget(Try::SignIn, login);
        self.0
            .attempts
            .forgive(Try::SignIn, Of::network(client.address));
        Ok(())
    }

    /// A page of the site, for a link.
    pub(crate) fn page(&self, path: &str, token: &str) -> String {
        let site = self.0.config.site_url.trim_end_matches('/');
        // Behind the #, so that no server's log has it and no page that is linked from there is told.
        format!("{site}{path}#token={token}")
    }

    async fn sweep(&self) {
        match self.rows().sweep().await {
            Ok(0) => {}
            Ok(sessions) => tracing::debug!(sessions, "sessions that were over are removed"),
            Err(error) => tracing::warn!("old sessions could not be removed: {error}"),
        }
        let replies = self.0.store.replies();
        if let Err(error) = replies.forget(self.now_ms() - REPLIES_MS).await {
            tracing::warn!("old answers could not be removed: {error}");
        }
    }
}

impl RootSecret {
    /// A secret of at least 16 bytes.
    ///
    /// # Errors
    /// Where it is shorter.
    pub fn new(text: impl Into<String>) -> Result<Self, AccountError> {
        let text = text.into();
        if text.len() < 16 {
            let words = "the secret of accounts is shorter than 16 bytes";
            return Err(AccountError::Fault(words.to_owned()));
        }
        Ok(Self(text))
    }

    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        let tag = hmac::sign(&key, purpose.as_bytes());
        let mut derived = [0; 32];
        derived.copy_from_slice(tag.as_ref());
        derived
    }
}

impl std::fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

impl std::fmt::Debug for AccountService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountService")
    }
}

impl Client {
    pub(crate) fn agent(&self) -> String {
        let kept = self.agent.chars().filter(|c| !c.is_control());
        kept.take(MAX_AGENT_CHARS).collect()
    }
}
