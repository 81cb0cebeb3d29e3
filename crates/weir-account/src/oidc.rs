//! Signing in by a provider elsewhere (OpenID Connect Core 1.0, section 3.1: code flow), with PKCE (RFC 7636).
//!
//! What a journey needs to end where it began goes sealed with the browser that makes it: the provider, what is to be
//! done, and the secrets that its answer has to fit. Where the browser goes afterwards is no word of any request.

pub(crate) mod config;
pub(crate) mod elsewhere;
mod id_token;
mod provider;
#[cfg(test)]
mod stories;
pub(crate) mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weir_base::ids;
use weir_base::sign::same_secret;
use weir_store::accounts::{Account, LinkedIdentity, Login, NewAccount, NewIdentity};
use weir_store::{Id, StoreError};

use crate::attempts::{Of, Try};
use crate::config::SignUpRule;
use crate::error::AccountError;
use crate::name::{EmailAddress, LoginName};
use crate::service::{AccountService, Client};
use crate::sessions::{SessionKind, SignedIn};
use crate::sign_in::must_be_active;
use crate::token;

pub use config::OidcProvider;
use id_token::Told;
use provider::{Exchange, Provider, one_line};
pub use wire::{OidcWire, WireAnswer, WireAnswered, WireRequest};

/// Where a provider sends people back to; its name follows.
const BACK_PAGE: &str = "/account/oidc/";
/// Milliseconds in which somebody is to come back.
const JOURNEY_MS: i64 = 10 * 60 * 1000;
/// Milliseconds in which somebody is to say what is missing.
const MISSING_MS: i64 = 10 * 60 * 1000;
/// Bytes of randomness in each secret of a journey.
const SECRET_BYTES: usize = 32;
/// Bytes of a code, of a state and of an issuer that come back.
const MAX_RETURNED_BYTES: usize = 2_048;
/// Identities of one account.
const MAX_IDENTITIES: u32 = 20;
/// Characters of an identity's label.
const MAX_LABEL_CHARS: usize = 80;
/// To whom a journey is sealed, and what is left of one.
const JOURNEY: &str = "oidc journey";
const REST: &str = "oidc rest";

/// What somebody goes to a provider for.
#[derive(Debug, Clone, Copy)]
pub enum OidcErrand<'a> {
    /// To sign in.
    SignIn,
    /// To have this account signed in from there, too. The password confirms it, where there is one.
    Link {
        /// Which.
        account: &'a Account,
        /// As it was typed.
        password: &'a str,
    },
}

/// Somebody who goes to a provider.
#[derive(Debug, Clone)]
pub struct OidcDeparture {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps to itself until it is back.
    pub journey: String,
    /// Seconds in which it is to be back.
    pub seconds: u64,
}

/// What a provider sends back with somebody.
#[derive(Debug, Clone, Copy)]
pub struct OidcReturn<'a> {
    /// The provider that sends it, by its name here.
    pub provider: &'a str,
    /// What the browser kept.
    pub journey: &'a str,
    /// The journey's own.
    pub state: &'a str,
    /// To be exchanged; empty where it says no.
    pub code: &'a str,
    /// How it calls itself; empty where it does not say.
    pub issuer: &'a str,
    /// Why it says no.
    pub error: &'a str,
}

/// What became of it.
#[derive(Debug)]
pub enum OidcArrival {
    /// They are in: this is their session.
    SignedIn(Box<SignedIn>),
    /// Something is missing yet.
    Missing(OidcMissing),
}

/// What is missing to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcMissing {
    /// To be sent back with what is missing.
    pub rest: String,
    /// A code of the second factor is; else a name for a new account.
    pub is_code: bool,
    /// What the new account might be called.
    pub name: String,
}

/// A journey, as it is sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Journey {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    until_ms: i64,
    /// The account that it is to be linked with.
    link: Option<String>,
}

/// Somebody whom a provider vouches for, as they are sealed while something is missing.
#[derive(Debug, Serialize, Deserialize)]
struct Vouched {
    provider: String,
    issuer: String,
    subject: String,
    /// Empty where the provider says none that counts.
    email: String,
    name: String,
    label: String,
    /// So that it is taken once.
    once: String,
    until_ms: i64,
}

impl AccountService {
    /// Sends somebody to a provider.
    ///
    /// # Errors
    /// [`AccountError::Missing`] for no such provider, [`AccountError::ProviderAway`], [`AccountError::TooOften`],
    /// [`AccountError::Field`] for a wrong password.
    pub async fn depart(
        &self,
        provider: &str,
        errand: OidcErrand<'_>,
        client: &Client,
    ) -> Result<OidcDeparture, AccountError> {
        let elsewhere = &self.0.elsewhere;
        let provider = elsewhere.provider(provider)?;
        let link = match errand {
            OidcErrand::SignIn => None,
            OidcErrand::Link { account, password } => {
                self.confirm(account, password, client).await?;
                Some(account.user_id.to_string())
            }
        };
        let metadata = provider.metadata(elsewhere.wire()?, &self.0.clock).await?;
        // The page that one comes back to reads at its beginning what it is about.
        let kind = if link.is_some() { "link" } else { "in" };
        let journey = Journey {
            provider: provider.config.name.clone(),
            state: format!("{kind}.{}", secret()?),
            nonce: secret()?,
            verifier: secret()?,
            until_ms: self.now_ms() + JOURNEY_MS,
            link,
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(journey.verifier.as_bytes()));
        let url = provider.departure(
            &metadata,
            &[
                ("redirect_uri", &self.back_to(provider)),
                ("state", &journey.state),
                ("nonce", &journey.nonce),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        )?;
        Ok(OidcDeparture {
            url,
            journey: elsewhere.close(&journey, JOURNEY)?,
            seconds: JOURNEY_MS.unsigned_abs() / 1000,
        })
    }

    /// Signs in whoever comes back from a provider.
    ///
    /// # Errors
    /// [`AccountError::Stale`] for a journey that is over, another browser's or for something else;
    /// [`AccountError::ProviderAway`], [`AccountError::ProviderRefused`], [`AccountError::Forbidden`] where nobody new
    /// is taken, [`AccountError::Suspended`], [`AccountError::TooOften`].
    pub async fn arrive(
        &self,
        back: OidcReturn<'_>,
        kind: SessionKind,
        client: &Client,
    ) -> Result<OidcArrival, AccountError> {
        let (journey, provider) = self.resume(back, client)?;
        if journey.link.is_some() {
            return Err(AccountError::Stale("journey"));
        }
        let vouched = self.vouched(provider, &journey, back).await?;
        self.admit(vouched, ("", ""), kind, client).await
    }

    /// Links an account with what its owner is at a provider, where they come back from.
    ///
    /// # Errors
    /// As [`Self::arrive`]; [`AccountError::Taken`] where it is another account's, [`AccountError::Conflict`] where
    /// there are too many.
    pub async fn link(
        &self,
        account: &Account,
        back: OidcReturn<'_>,
        client: &Client,
    ) -> Result<LinkedIdentity, AccountError> {
        let (journey, provider) = self.resume(back, client)?;
        if journey.link.as_deref() != Some(&account.user_id.to_string()) {
            return Err(AccountError::Stale("journey"));
        }
        let vouched = self.vouched(provider, &journey, back).await?;
        self.link_to(account, &vouched).await
    }

    /// Signs in somebody who says what was missing: a name for a new account, or a code.
    ///
    /// # Errors
    /// [`AccountError::Stale`] where it is too old or was taken; what is wrong with the name or the code.
    pub async fn arrive_with(
        &self,
        rest: &str,
        (name, code): (&str, &str),
        kind: SessionKind,
        client: &Client,
    ) -> Result<SignedIn, AccountError> {
        let network = Of::network(client.address);
        self.0.attempts.take(Try::SignIn, network)?;
        let stale = || AccountError::Stale("journey");
        let vouched: Vouched = self.0.elsewhere.open(rest, REST).ok_or_else(stale)?;
        if vouched.until_ms < self.now_ms() {
            return Err(stale());
        }
        let who = format!("{} {}", vouched.issuer, vouched.subject);
        let login = Of::Login(token::hash(&who));
        self.0.attempts.take(Try::SignIn, login.clone())?;
        let arrived = self.admit(vouched, (name, code), kind, client).await?;
        self.0.attempts.forget(Try::SignIn, login);
        match arrived {
            OidcArrival::SignedIn(signed_in) => Ok(*signed_in),
            OidcArrival::Missing(missing) if missing.is_code => Err(AccountError::CodeNeeded),
            OidcArrival::Missing(_) => Err(AccountError::field(
                "name",
                "say what you want to be called",
            )),
        }
    }

    /// Who an account is elsewhere.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn identities(&self, user_id: Id) -> Result<Vec<LinkedIdentity>, AccountError> {
        Ok(self.rows().identities(user_id, MAX_IDENTITIES).await?)
    }

    /// Ends an account's link.
    ///
    /// # Errors
    /// [`AccountError::Field`] for a wrong password, [`AccountError::Missing`], [`AccountError::Conflict`] where
    /// nothing else signs it in.
    pub async fn unlink(
        &self,
        account: &Account,
        id: Id,
        password: &str,
        client: &Client,
    ) -> Result<(), AccountError> {
        self.confirm(account, password, client).await?;
        self.rows().unlink_identity(account.user_id, id).await?;
        tracing::info!(target: "audit", account = %account.user_id, identity = %id, "an identity was unlinked");
        Ok(())
    }

    /// Where a provider sends people back to.
    fn back_to(&self, provider: &Provider) -> String {
        let site = self.config().site_url.trim_end_matches('/');
        format!("{site}{BACK_PAGE}{}", provider.config.name)
    }

    /// The journey that somebody is on who comes back, where it is theirs.
    fn resume(
        &self,
        back: OidcReturn<'_>,
        client: &Client,
    ) -> Result<(Journey, &Provider), AccountError> {
        let network = Of::network(client.address);
        self.0.attempts.take(Try::SignIn, network)?;
        let stale = || AccountError::Stale("journey");
        let texts = [back.state, back.code, back.issuer, back.error];
        if texts.iter().any(|text| text.len() > MAX_RETURNED_BYTES) {
            return Err(stale());
        }
        let elsewhere = &self.0.elsewhere;
        let journey: Journey = elsewhere.open(back.journey, JOURNEY).ok_or_else(stale)?;
        let is_theirs = journey.provider == back.provider
            && same_secret(&journey.state, back.state)
            && journey.until_ms >= self.now_ms();
        if !is_theirs {
            return Err(stale());
        }
        Ok((journey, elsewhere.provider(back.provider)?))
    }

    /// Whom the provider vouches for.
    async fn vouched(
        &self,
        provider: &Provider,
        journey: &Journey,
        back: OidcReturn<'_>,
    ) -> Result<Vouched, AccountError> {
        // Each answer is looked at once, whatever comes of it.
        self.spend(&journey.state, journey.until_ms).await?;
        let wire = self.0.elsewhere.wire()?;
        let metadata = provider.metadata(wire, &self.0.clock).await?;
        let issuer = &provider.config.issuer;
        // RFC 9207: another provider's answer is no answer of this one.
        let is_right = match back.issuer {
            "" => !metadata.says_issuer,
            said => said == issuer,
        };
        if !is_right {
            return Err(provider.refused("somebody else answered"));
        }
        if !back.error.is_empty() || back.code.is_empty() {
            return Err(provider.refused(&format!("it says no: {}", one_line(back.error))));
        }
        let exchange = Exchange {
            code: back.code,
            redirect_uri: &self.back_to(provider),
            verifier: &journey.verifier,
            nonce: &journey.nonce,
        };
        let told = provider.exchange(wire, &self.0.clock, exchange).await?;
        self.of_told(provider, told)
    }

    fn of_told(&self, provider: &Provider, told: Told) -> Result<Vouched, AccountError> {
        let counts = provider.config.trust_email && told.has_proved_email();
        let email = told.email.clone().unwrap_or_default();
        let named = [&told.preferred_username, &told.name];
        let name = named.into_iter().flatten().next();
        let name = name.map(|name| one_line(name)).unwrap_or_default();
        let label = match (name.is_empty(), email.is_empty()) {
            (_, false) => &email,
            (false, true) => &name,
            (true, true) => &told.sub,
        };
        let is_shown = |c: &char| !c.is_control();
        Ok(Vouched {
            label: label
                .chars()
                .filter(is_shown)
                .take(MAX_LABEL_CHARS)
                .collect(),
            provider: provider.config.name.clone(),
            issuer: provider.config.issuer.clone(),
            subject: told.sub,
            email: if counts { email } else { String::new() },
            name,
            once: secret()?,
            until_ms: self.now_ms() + MISSING_MS,
        })
    }

    /// Signs in whom a provider vouches for, with what they say besides: a name and a code.
    async fn admit(
        &self,
        vouched: Vouched,
        (name, code): (&str, &str),
        kind: SessionKind,
        client: &Client,
    ) -> Result<OidcArrival, AccountError> {
        let known = self.known(&vouched).await?;
        let account = match known {
            Some(account) => {
                must_be_active(&account)?;
                match self.check_code(&account, code).await {
                    Ok(()) => account,
                    Err(AccountError::CodeNeeded) => return self.missing(&vouched, true),
                    Err(error) => return Err(error),
                }
            }
            None => match self.newcomer(&vouched, name, client).await? {
                Some(account) => account,
                None => return self.missing(&vouched, false),
            },
        };
        self.spend(&vouched.once, vouched.until_ms).await?;
        let identity = self.identity(&account, &vouched).await?;
        self.rows().use_identity(&identity).await?;
        let network = Of::network(client.address);
        self.0.attempts.forgive(Try::SignIn, network);
        tracing::info!(target: "audit", account = %account.user_id, provider = vouched.provider, "came from a provider");
        let signed_in = self.open(account, kind, client).await?;
        Ok(OidcArrival::SignedIn(Box::new(signed_in)))
    }

    /// The account of whoever it is: linked, or by an address that both sides know to be theirs.
    async fn known(&self, vouched: &Vouched) -> Result<Option<Account>, AccountError> {
        let rows = self.rows();
        match rows.identity_of(&vouched.issuer, &vouched.subject).await {
            Ok(identity) => return Ok(Some(rows.by_id(identity.user_id).await?)),
            Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let Ok(email) = EmailAddress::new(&vouched.email) else {
            return Ok(None);
        };
        match rows.by_login(&email.folded).await {
            Ok(account) if account.email_verified_ms > 0 => Ok(Some(account)),
            Ok(_) | Err(StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The account's link with whoever it is, made where there is none.
    async fn identity(
        &self,
        account: &Account,
        vouched: &Vouched,
    ) -> Result<LinkedIdentity, AccountError> {
        let rows = self.rows();
        match rows.identity_of(&vouched.issuer, &vouched.subject).await {
            Ok(identity) if identity.user_id == account.user_id => Ok(identity),
            Ok(_) => Err(AccountError::Taken("the identity")),
            Err(StoreError::Missing(_)) => self.link_to(account, vouched).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn link_to(
        &self,
        account: &Account,
        vouched: &Vouched,
    ) -> Result<LinkedIdentity, AccountError> {
        let new = vouched.identity();
        let linked = self
            .rows()
            .link_identity(account.user_id, &new, MAX_IDENTITIES)
            .await?;
        tracing::info!(target: "audit", account = %account.user_id, identity = %linked.id, provider = vouched.provider,
            "an identity was linked");
        Ok(linked)
    }

    /// An account for somebody new; none where it has no name yet.
    async fn newcomer(
        &self,
        vouched: &Vouched,
        chosen: &str,
        client: &Client,
    ) -> Result<Option<Account>, AccountError> {
        let provider = self.0.elsewhere.provider(&vouched.provider)?;
        let is_open = self.config().sign_up == SignUpRule::Open;
        if !provider.config.sign_up.unwrap_or(is_open) {
            let words = "no account here is linked with this: sign in another way and link it";
            return Err(AccountError::Forbidden(words));
        }
        let name = match (chosen, LoginName::chosen(&vouched.name)) {
            ("", Ok(name)) => name,
            ("", Err(_)) => return Ok(None),
            (chosen, _) => LoginName::chosen(chosen)?,
        };
        self.0
            .attempts
            .take(Try::SignUp, Of::network(client.address))?;
        let email = EmailAddress::new(&vouched.email).ok();
        let made = match self.make(vouched, &name, email.as_ref(), client).await {
            // Somebody wrote the address down as theirs and did not prove it: the account does without.
            Err(StoreError::Taken("the address")) => self.make(vouched, &name, None, client).await,
            made => made,
        };
        match made {
            Ok(made) => Ok(Some(made)),
            Err(StoreError::Taken("the name")) if chosen.is_empty() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn make(
        &self,
        vouched: &Vouched,
        name: &LoginName,
        email: Option<&EmailAddress>,
        client: &Client,
    ) -> Result<Account, StoreError> {
        let mut logins = vec![Login::Name(&name.folded)];
        logins.extend(email.map(|email| Login::Email(&email.folded)));
        let new = NewAccount {
            name: &name.shown,
            skeleton: &name.skeleton,
            email: email.map_or("", |email| &email.given),
            logins: &logins,
            role: self.config().role.name(),
            language: client.tongue.tag(),
            has_proved_email: email.is_some(),
            identity: Some(vouched.identity()),
            ..NewAccount::default()
        };
        let made = self.rows().create(&new).await?;
        tracing::info!(target: "audit", account = %made.user_id, address = %client.address, provider = vouched.provider,
            "signed up by a provider");
        Ok(made)
    }

    fn missing(&self, vouched: &Vouched, is_code: bool) -> Result<OidcArrival, AccountError> {
        Ok(OidcArrival::Missing(OidcMissing {
            rest: self.0.elsewhere.close(vouched, REST)?,
            is_code,
            name: match is_code {
                true => String::new(),
                false => vouched.name.clone(),
            },
        }))
    }
}

impl Vouched {
    fn identity(&self) -> NewIdentity<'_> {
        NewIdentity {
            provider: &self.provider,
            issuer: &self.issuer,
            subject: &self.subject,
            label: &self.label,
        }
    }
}

fn secret() -> Result<String, AccountError> {
    let random = ids::random_bytes::<SECRET_BYTES>()
        .map_err(|error| AccountError::Fault(format!("no randomness: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
