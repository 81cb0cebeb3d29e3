//! Keys of programs that act for an account, each with what it was made for.

use weir_store::Id;
use weir_store::accounts::{Account, ApiKey, NewApiKey};

use crate::error::AccountError;
use crate::rights::Right;
use crate::service::AccountService;
use crate::token;

/// Keys of one account.
const MAX_KEYS: u32 = 50;
/// Characters of what a key is called.
const MAX_LABEL_CHARS: usize = 50;

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// What its owner calls it.
    pub label: String,
    /// Names of rights.
    pub scopes: Vec<String>,
    /// Until when it is good, milliseconds since 1970; none for ever.
    pub expires_ms: Option<i64>,
}

impl AccountService {
    /// Makes a key and says it, this once.
    ///
    /// # Errors
    /// [`AccountError::Field`]; [`AccountError::Forbidden`] for a right that its owner does not have.
    pub async fn make_api_key(
        &self,
        account: &Account,
        asked: &NewKey,
    ) -> Result<(ApiKey, String), AccountError> {
        let label = asked.label.trim();
        let length = label.chars().count();
        if !(1..=MAX_LABEL_CHARS).contains(&length) || label.contains(char::is_control) {
            let words = "a key is called something, in 1 to 50 characters";
            return Err(AccountError::field("label", words));
        }
        if asked.scopes.is_empty() {
            let words = "a key is for something: name at least one right";
            return Err(AccountError::field("scopes", words));
        }
        let own = self.rights_of(account);
        let mut scopes = Vec::with_capacity(Right::ALL.len());
        for name in &asked.scopes {
            let right = Right::from_name(name).ok_or_else(|| {
                let known = Right::ALL.map(Right::name).join(", ");
                AccountError::field("scopes", format!("{name:?} is none of {known}"))
            })?;
            if !own.has(right) {
                return Err(AccountError::Forbidden("a key may no more than its owner"));
            }
            if !scopes.contains(&right.name()) {
                scopes.push(right.name());
            }
        }
        if asked
            .expires_ms
            .is_some_and(|expires_ms| expires_ms <= self.now_ms())
        {
            return Err(AccountError::field("expires_ms", "this is over already"));
        }
        let (key, key_hash) = token::make(token::API_KEY)?;
        let new = NewApiKey {
            user_id: account.user_id,
            key_hash: &key_hash,
            label,
            scopes: &scopes.join(" "),
            expires_ms: asked.expires_ms.unwrap_or(0),
            most: MAX_KEYS,
        };
        let made = self.rows().make_api_key(&new).await?;
        tracing::info!(target: "audit", account = %account.user_id, key = %made.id, "an API key was made");
        Ok((made, key))
    }

    /// An account's keys.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn api_keys(&self, user_id: Id) -> Result<Vec<ApiKey>, AccountError> {
        Ok(self.rows().api_keys(user_id, MAX_KEYS).await?)
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`AccountError::Missing`] where the account has no such key.
    pub async fn revoke_api_key(&self, user_id: Id, id: Id) -> Result<(), AccountError> {
        self.rows().revoke_api_key(user_id, id).await?;
        tracing::info!(target: "audit", account = %user_id, key = %id, "an API key was taken back");
        Ok(())
    }
}
