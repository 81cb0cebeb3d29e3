//! Passkeys: what signs somebody in without a password. A question goes out sealed, and its answer is taken once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use weir_base::ids;
use weir_store::accounts::{Account, NewPasskey, Passkey};
use weir_store::{Id, StoreError};

use crate::attempts::{Of, Try};
use crate::error::AccountError;
use crate::service::{AccountService, Client};
use crate::sessions::{SessionKind, SignedIn};
use crate::sign_in::must_be_active;
use crate::token;
use crate::webauthn::{ALGORITHMS, Assertion, NotGood, RelyingParty};

/// Passkeys of one account.
const MAX_PASSKEYS: u32 = 20;
/// Characters of what a passkey is called.
const MAX_PASSKEY_CHARS: usize = 50;
/// Bytes of randomness in a question.
const CHALLENGE_BYTES: usize = 32;
/// Milliseconds in which a question is to be answered.
const QUESTION_MS: i64 = 5 * 60 * 1000;
/// To whom a question is sealed that anybody may answer.
const ANYBODY: &str = "passkey sign-in";

/// A question to a browser, to be sent back with its answer.
#[derive(Debug, Clone)]
pub struct Question {
    /// Sealed: what was asked, and until when it may be answered.
    pub offer: String,
    /// `publicKey` of `navigator.credentials.create` or `get`, in its JSON form.
    pub options: Value,
}

/// A passkey that a browser made.
#[derive(Debug, Clone, Copy)]
pub struct MadePasskey<'a> {
    /// What its owner calls it.
    pub label: &'a str,
    /// As the browser says it, in base64url.
    pub client_data: &'a str,
    /// As the authenticator says it, in base64url.
    pub attestation: &'a str,
}

/// What a browser shows who signs in by a passkey; all of it in base64url.
#[derive(Debug, Clone, Copy)]
pub struct ShownPasskey<'a> {
    /// Which.
    pub credential: &'a str,
    /// As the browser says it.
    pub client_data: &'a str,
    /// As the authenticator says it.
    pub authenticator_data: &'a str,
    /// Over both.
    pub signature: &'a str,
    /// Whose it is, as the authenticator says; empty where it does not.
    pub user_handle: &'a str,
}

impl AccountService {
    /// Asks a browser to make a passkey for an account. `origin` is its page's.
    ///
    /// # Errors
    /// [`AccountError::Field`] for a wrong password, [`AccountError::Conflict`] where this site can have none.
    pub async fn offer_passkey(
        &self,
        account: &Account,
        password: &str,
        origin: &str,
        client: &Client,
    ) -> Result<Question, AccountError> {
        let party = self.relying_party(origin)?;
        self.confirm(account, password, client).await?;
        let (challenge, offer) = self.ask(&offer_of(account))?;
        let known = self.passkeys(account.user_id).await?;
        let known: Vec<_> = known
            .iter()
            .map(|passkey| json!({ "type": "public-key", "id": passkey.credential }))
            .collect();
        let kinds = ALGORITHMS.map(|alg| json!({ "type": "public-key", "alg": alg }));
        let shown = match account.display_name.as_str() {
            "" => &account.name,
            display_name => display_name,
        };
        let options = json!({
            "rp": { "id": party.id, "name": "weir" },
            "user": {
                "id": URL_SAFE_NO_PAD.encode(account.user_id.to_string()),
                "name": account.name,
                "displayName": shown,
            },
            "challenge": challenge,
            "pubKeyCredParams": kinds,
            "timeout": QUESTION_MS,
            "excludeCredentials": known,
            "attestation": "none",
            "authenticatorSelection": {
                "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
            },
        });
        Ok(Question { offer, options })
    }

    /// Keeps a passkey that a browser made.
    ///
    /// # Errors
    /// [`AccountError::Stale`] for an offer that is too old or another's, [`AccountError::Field`] for an answer that
    /// is not good, [`AccountError::Taken`], [`AccountError::Conflict`] where there are too many.
    pub async fn add_passkey(
        &self,
        account: &Account,
        offer: &str,
        made: MadePasskey<'_>,
        origin: &str,
    ) -> Result<Passkey, AccountError> {
        let party = self.relying_party(origin)?;
        let label = label_of(made.label)?;
        let (challenge, until_ms) = self.asked(offer, &offer_of(account))?;
        let read = party.register(
            &challenge,
            &decoded("client_data", made.client_data)?,
            &decoded("attestation", made.attestation)?,
        );
        let read = read.map_err(|wrong| not_good("attestation", wrong))?;
        self.spend(&challenge, until_ms).await?;
        let new = NewPasskey {
            credential: &URL_SAFE_NO_PAD.encode(&read.credential),
            cose_key: &read.cose_key,
            sign_count: i64::from(read.sign_count),
            label,
            most: MAX_PASSKEYS,
        };
        let added = self.rows().add_passkey(account, &new).await?;
        tracing::info!(target: "audit", account = %account.user_id, passkey = %added.id, "a passkey was added");
        self.tell_of_proofs(account);
        Ok(added)
    }

    /// An account's passkeys.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn passkeys(&self, user_id: Id) -> Result<Vec<Passkey>, AccountError> {
        Ok(self.rows().passkeys(user_id, MAX_PASSKEYS).await?)
    }

    /// Calls a passkey something else.
    ///
    /// # Errors
    /// [`AccountError::Field`], [`AccountError::Missing`].
    pub async fn rename_passkey(
        &self,
        user_id: Id,
        id: Id,
        label: &str,
    ) -> Result<Passkey, AccountError> {
        let label = label_of(label)?;
        Ok(self.rows().rename_passkey(user_id, id, label).await?)
    }

    /// Removes a passkey.
    ///
    /// # Errors
    /// [`AccountError::Field`] for a wrong password, [`AccountError::Missing`].
    pub async fn remove_passkey(
        &self,
        account: &Account,
        id: Id,
        password: &str,
        client: &Client,
    ) -> Result<(), AccountError> {
        self.confirm(account, password, client).await?;
        self.rows().remove_passkey(account.user_id, id).await?;
        tracing::info!(target: "audit", account = %account.user_id, passkey = %id, "a passkey was removed");
        self.tell_of_proofs(account);
        Ok(())
    }

    /// Asks a browser who it is. Nothing about any account is said.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] where this site can have no passkeys.
    pub fn ask_passkey(&self, origin: &str) -> Result<Question, AccountError> {
        let party = self.relying_party(origin)?;
        let (challenge, offer) = self.ask(ANYBODY)?;
        let options = json!({
            "rpId": party.id,
            "challenge": challenge,
            "timeout": QUESTION_MS,
            "userVerification": "required",
            "allowCredentials": [],
        });
        Ok(Question { offer, options })
    }

    /// Signs somebody in by a passkey, which stands for password and second factor together.
    ///
    /// # Errors
    /// [`AccountError::Stale`] where the question is too old, was answered before, or the passkey is nobody's or not
    /// good: which of them is not said. [`AccountError::Suspended`], [`AccountError::TooOften`].
    pub async fn sign_in_by_passkey(
        &self,
        offer: &str,
        shown: ShownPasskey<'_>,
        kind: SessionKind,
        origin: &str,
        client: &Client,
    ) -> Result<SignedIn, AccountError> {
        let network = Of::network(client.address);
        self.0.attempts.take(Try::SignIn, network.clone())?;
        let party = self.relying_party(origin)?;
        let (challenge, until_ms) = self.asked(offer, ANYBODY)?;
        let stale = || AccountError::Stale("passkey");
        let passkey = match self.rows().passkey_by_credential(shown.credential).await {
            Ok(passkey) => passkey,
            Err(StoreError::Missing(_)) => return Err(stale()),
            Err(error) => return Err(error.into()),
        };
        let owner = URL_SAFE_NO_PAD.encode(passkey.user_id.to_string());
        if !shown.user_handle.is_empty() && shown.user_handle != owner {
            return Err(stale());
        }
        let assertion = Assertion {
            client_data: &decoded("client_data", shown.client_data)?,
            authenticator_data: &decoded("authenticator_data", shown.authenticator_data)?,
            signature: &decoded("signature", shown.signature)?,
        };
        let count = party
            .verify(&challenge, assertion, &passkey.cose_key)
            .map_err(|wrong| {
                tracing::info!(target: "audit", address = %client.address, "a passkey was refused: {wrong}");
                stale()
            })?;
        self.spend(&challenge, until_ms).await?;
        if !self.rows().use_passkey(&passkey, i64::from(count)).await? {
            tracing::warn!(target: "audit", account = %passkey.user_id, passkey = %passkey.id,
                "a passkey signed no more often than before: there may be a copy of it");
            return Err(stale());
        }
        let account = self.rows().by_id(passkey.user_id).await?;
        must_be_active(&account)?;
        self.0.attempts.forgive(Try::SignIn, network);
        self.open(account, kind, client).await
    }

    /// The site that passkeys belong to: as the settings say, or this machine's own name where they say nothing.
    fn relying_party(&self, origin: &str) -> Result<RelyingParty, AccountError> {
        let site = match self.config().site_url.as_str() {
            "" => origin,
            site => site,
        };
        let party = RelyingParty::of(site);
        let is_set = !self.config().site_url.is_empty();
        party
            .filter(|party| is_set || party.id == "localhost")
            .ok_or_else(|| {
                let words = "passkeys belong to a site's name: set accounts.site_url to one, or use http://localhost";
                AccountError::Conflict(words.to_owned())
            })
    }

    /// A new question, and the same sealed to whoever may answer it.
    fn ask(&self, to: &str) -> Result<(String, String), AccountError> {
        let random = ids::random_bytes::<CHALLENGE_BYTES>()
            .map_err(|error| AccountError::Fault(format!("no randomness: {error}")))?;
        let until_ms = self.now_ms() + QUESTION_MS;
        let content = [until_ms.to_be_bytes().as_slice(), &random].concat();
        let sealed = self.0.seal.close(&content, to)?;
        Ok((
            URL_SAFE_NO_PAD.encode(random),
            URL_SAFE_NO_PAD.encode(sealed),
        ))
    }

    /// What was asked, and until when it may be answered.
    fn asked(&self, offer: &str, to: &str) -> Result<(String, i64), AccountError> {
        let stale = || AccountError::Stale("offer");
        let sealed = URL_SAFE_NO_PAD.decode(offer).map_err(|_| stale())?;
        let content = self.0.seal.open(&sealed, to).ok_or_else(stale)?;
        let (until_ms, challenge) = content.split_first_chunk::<8>().ok_or_else(stale)?;
        let until_ms = i64::from_be_bytes(*until_ms);
        if until_ms < self.now_ms() {
            return Err(stale());
        }
        Ok((URL_SAFE_NO_PAD.encode(challenge), until_ms))
    }

    /// An answer that was good is good once.
    pub(crate) async fn spend(&self, challenge: &str, until_ms: i64) -> Result<(), AccountError> {
        let hash = token::hash(challenge);
        let is_first = self.rows().spend_challenge(&hash, until_ms + 1).await?;
        is_first.then_some(()).ok_or(AccountError::Stale("offer"))
    }
}

/// A question to one account opens for no other, and no other sealed thing is one.
fn offer_of(account: &Account) -> String {
    format!("passkey {}", account.user_id)
}

fn label_of(label: &str) -> Result<&str, AccountError> {
    let label = label.trim();
    let is_fit = (1..=MAX_PASSKEY_CHARS).contains(&label.chars().count());
    if !is_fit || label.contains(char::is_control) {
        let words = "a passkey is called something, in 1 to 50 characters";
        return Err(AccountError::field("label", words));
    }
    Ok(label)
}

fn decoded(field: &'static str, text: &str) -> Result<Vec<u8>, AccountError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| AccountError::field(field, "this is no base64url without padding"))
}

fn not_good(field: &'static str, wrong: NotGood) -> AccountError {
    AccountError::field(field, wrong.to_string())
}
