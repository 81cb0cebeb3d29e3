//! Signing in. Who guesses learns nothing: a name that is nobody's is refused in the same words after the same work
//! as a wrong password.

use weir_store::StoreError;
use weir_store::accounts::Account;

use crate::attempts::{Of, Try};
use crate::error::AccountError;
use crate::name::folded_login;
use crate::password;
use crate::service::{AccountService, Client};
use crate::sessions::{SessionKind, SignedIn};

/// What somebody shows who signs in.
#[derive(Debug, Clone, Copy)]
pub struct PasswordProof<'a> {
    /// A name or an address.
    pub login: &'a str,
    /// As it was typed: spaces count.
    pub password: &'a str,
    /// A code of the second factor, or one that stands in for it; empty for none.
    pub code: &'a str,
}

impl AccountService {
    /// Signs somebody in by a password.
    ///
    /// # Errors
    /// [`AccountError::SignIn`], [`AccountError::CodeNeeded`], [`AccountError::Suspended`],
    /// [`AccountError::TooOften`], [`AccountError::Busy`].
    pub async fn sign_in(
        &self,
        shown: PasswordProof<'_>,
        kind: SessionKind,
        client: &Client,
    ) -> Result<SignedIn, AccountError> {
        let attempts = &self.0.attempts;
        let folded = folded_login(shown.login);
        let (network, login) = (Of::network(client.address), Of::Login(folded.clone()));
        attempts.take(Try::SignIn, network.clone())?;
        attempts.take(Try::SignIn, login.clone())?;
        let account = match self.rows().by_login(&folded).await {
            Ok(account) => Some(account),
            Err(StoreError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let hash = account
            .as_ref()
            .map(|account| account.password_hash.as_str());
        let fits = shown.password.len() <= password::MAX_BYTES;
        let is_right = fits && self.0.hasher.is_right(shown.password, hash).await?;
        let Some(account) = account.filter(|_| is_right) else {
            tracing::info!(target: "audit", address = %client.address, "a sign-in was refused");
            return Err(AccountError::SignIn);
        };
        must_be_active(&account)?;
        self.check_code(&account, shown.code).await?;
        attempts.forget(Try::SignIn, login);
        attempts.forgive(Try::SignIn, network);
        let account = self.renew_hash(account, shown.password).await;
        self.open(account, kind, client).await
    }

    /// Makes the hash anew where the settings ask for another cost now; that it fails is no reason to refuse.
    async fn renew_hash(&self, account: Account, password: &str) -> Account {
        if !self.0.hasher.is_outdated(&account.password_hash) {
            return account;
        }
        let Ok(password_hash) = self.0.hasher.hash(password).await else {
            return account;
        };
        let renewed = Account {
            password_hash,
            ..account.clone()
        };
        self.rows().save(&renewed).await.unwrap_or(account)
    }
}

/// Refuses whoever is suspended.
pub(crate) fn must_be_active(account: &Account) -> Result<(), AccountError> {
    if account.state == "active" {
        return Ok(());
    }
    Err(AccountError::Suspended(account.state_reason.clone()))
}
