//! Passwords of channels: one word for all who may watch, so it may be plainer than an account's; whoever guesses
//! waits longer each time.

use std::net::IpAddr;

use crate::attempts::{Of, Try};
use crate::error::AccountError;
use crate::password;
use crate::service::AccountService;

/// Bytes of the shortest.
const MIN_BYTES: usize = 4;

impl AccountService {
    /// What is kept of a channel's password.
    ///
    /// # Errors
    /// Where it is too short or too long, or [`AccountError::Busy`].
    pub async fn hash_watch_word(&self, word: &str) -> Result<String, AccountError> {
        if !(MIN_BYTES..=password::MAX_BYTES).contains(&word.len()) {
            let words = format!(
                "a channel's password has {MIN_BYTES} to {} bytes",
                password::MAX_BYTES
            );
            return Err(AccountError::field("password", &words));
        }
        self.0.hasher.hash(word).await
    }

    /// Whether this is the password that was hashed; somebody at `address` asks.
    ///
    /// # Errors
    /// [`AccountError::TooOften`] for whoever guesses, [`AccountError::Busy`].
    pub async fn is_watch_word(
        &self,
        word: &str,
        hash: &str,
        address: IpAddr,
    ) -> Result<bool, AccountError> {
        let network = Of::network(address);
        self.0.attempts.take(Try::Watch, network.clone())?;
        let fits = word.len() <= password::MAX_BYTES;
        let is_right = fits && self.0.hasher.is_right(word, Some(hash)).await?;
        if is_right {
            self.0.attempts.forgive(Try::Watch, network);
        }
        Ok(is_right)
    }
}
