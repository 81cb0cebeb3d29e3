//! argon2id, away from the threads that serve everybody: so many at once, so many waiting, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use weir_base::ids;

use crate::config::AccountsConfig;
use crate::error::AccountError;

/// Who may wait for a turn: at 50 ms each, some seconds' worth. More are told to come again.
const WAITING: usize = 64;

/// Hashes and compares passwords.
#[derive(Debug)]
pub(crate) struct Hasher {
    argon: Argon2<'static>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Compared with where there is no account, so that finding none takes as long.
    nobodys: String,
    /// Passwords that were hashed or compared.
    #[cfg(test)]
    pub(crate) runs: AtomicUsize,
}

/// Counts who waits for as long as it lives, also when the client goes away.
struct InLine<'a>(&'a AtomicUsize);

impl Hasher {
    /// With the cost of the settings.
    ///
    /// # Errors
    /// Where the cost makes no sense, or the system has no randomness.
    pub(crate) fn new(config: &AccountsConfig) -> Result<Self, AccountError> {
        let params = Params::new(config.hash_kib, config.hash_passes, 1, None).map_err(fault)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let at_once = match config.hashes_at_once {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            at_once => usize::try_from(at_once).unwrap_or(1),
        };
        let nobodys = hash(&argon, b"nobody's")?;
        Ok(Self {
            argon,
            turns: Arc::new(Semaphore::new(at_once)),
            waiting: AtomicUsize::new(0),
            nobodys,
            #[cfg(test)]
            runs: AtomicUsize::new(0),
        })
    }

    /// The hash of a password, in PHC form.
    ///
    /// # Errors
    /// [`AccountError::Busy`].
    pub(crate) async fn hash(&self, password: &str) -> Result<String, AccountError> {
        let (argon, password) = (self.argon.clone(), password.to_owned());
        self.in_turn(move || hash(&argon, password.as_bytes()))
            .await?
    }

    /// Whether a password is the one that was hashed. An empty hash, or none, is nobody's, and found out as slowly.
    ///
    /// # Errors
    /// [`AccountError::Busy`].
    pub(crate) async fn is_right(
        &self,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, AccountError> {
        let (argon, password) = (self.argon.clone(), password.to_owned());
        let is_somebodys = hash.is_some_and(|hash| !hash.is_empty());
        let hash = hash
            .filter(|hash| !hash.is_empty())
            .unwrap_or(&self.nobodys);
        let hash = hash.to_owned();
        let compare = move || {
            argon
                .verify_password(password.as_bytes(), hash.as_str())
                .is_ok()
        };
        Ok(self.in_turn(compare).await? && is_somebodys)
    }

    /// Whether a hash was made at another cost: it is made anew when the password is next seen.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        let params = self.argon.params();
        let (m, t) = (params.m_cost(), params.t_cost());
        !hash.starts_with(&format!("$argon2id$v=19$m={m},t={t},p=1$"))
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(AccountError::Busy);
        }
        #[cfg(test)]
        self.runs.fetch_add(1, Ordering::AcqRel);
        let in_line = InLine(&self.waiting);
        let turn = self.turns.clone().acquire_owned().await.map_err(fault)?;
        drop(in_line);
        // The turn goes with the work, which goes on when the client does not.
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(fault)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn hash(argon: &Argon2<'_>, password: &[u8]) -> Result<String, AccountError> {
    let salt = ids::random_bytes::<16>().map_err(fault)?;
    let hash = argon
        .hash_password_with_salt(password, &salt)
        .map_err(fault)?;
    Ok(hash.to_string())
}

fn fault(error: impl std::fmt::Display) -> AccountError {
    AccountError::Fault(format!("a password cannot be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> AccountsConfig {
        AccountsConfig {
            hash_kib: 64,
            hash_passes: 1,
            hashes_at_once: 1,
            ..AccountsConfig::default()
        }
    }

    #[tokio::test]
    async fn only_the_right_password_opens_and_nothing_opens_an_account_without_one() {
        let hasher = Hasher::new(&cheap()).unwrap();
        let hash = hasher.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(!hasher.is_outdated(&hash));
        assert!(hasher.is_outdated(&hasher.nobodys.replace("m=64", "m=32")));
        assert!(hasher.is_right("correct horse", Some(&hash)).await.unwrap());
        for (password, hash) in [
            ("Correct horse", Some(hash.as_str())),
            ("nobody's", None),
            ("nobody's", Some("")),
            ("", Some("$argon2id$broken")),
        ] {
            let right = hasher.is_right(password, hash).await.unwrap();
            assert!(!right, "{password} {hash:?}");
        }
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_come_again_and_who_left_the_line_is_not_counted() {
        let hasher = Hasher::new(&cheap()).unwrap();
        let turn = hasher.turns.clone().acquire_owned().await.unwrap();
        {
            let mut line: Vec<_> = (0..WAITING).map(|_| Box::pin(hasher.hash("x"))).collect();
            for waiting in &mut line {
                let waker = std::task::Context::from_waker(std::task::Waker::noop());
                let mut waker = waker;
                assert!(waiting.as_mut().poll(&mut waker).is_pending());
            }
            let refused = hasher.hash("x").await;
            assert!(matches!(refused, Err(AccountError::Busy)), "{refused:?}");
        }
        drop(turn);
        hasher.hash("x").await.unwrap();
    }
}
