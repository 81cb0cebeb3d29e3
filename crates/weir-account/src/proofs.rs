//! Links that prove something once: an address, the right to a new password, the right to sign in.

use weir_base::Tongue;
use weir_store::StoreError;
use weir_store::accounts::{Account, Proof, Purpose};

use crate::attempts::{Of, Try};
use crate::error::AccountError;
use crate::mail::Letter;
use crate::name::{EmailAddress, folded_login};
use crate::profile::in_field;
use crate::service::{AccountService, Client};
use crate::sessions::{SessionKind, SignedIn};
use crate::sign_in::must_be_active;
use crate::{password, token};

/// Milliseconds in which an address is to be proved.
const EMAIL_MS: i64 = 48 * 60 * 60 * 1000;
/// Milliseconds in which a new password is to be set.
const RESET_MS: i64 = 60 * 60 * 1000;
/// Milliseconds in which a link to sign in is to be followed.
const LINK_MS: i64 = 24 * 60 * 60 * 1000;
/// Pages of the site that read a link's token.
const PROVE_PAGE: &str = "/account/prove";
const RESET_PAGE: &str = "/account/reset";
const LINK_PAGE: &str = "/account/link";

impl AccountService {
    /// Follows the link of a letter: the address is theirs from now on.
    ///
    /// # Errors
    /// [`AccountError::Stale`]; [`AccountError::Taken`] where another account has it by now.
    pub async fn prove_email(&self, shown: &str) -> Result<Account, AccountError> {
        let proof = self.take(shown, Purpose::Email).await?;
        let email = EmailAddress::new(&proof.email)?;
        let before = self.rows().by_id(proof.user_id).await?;
        let changed = self
            .rows()
            .set_email(proof.user_id, &email.given, &email.folded)
            .await?;
        let is_another = !before.email.is_empty() && before.email != changed.email;
        if is_another && before.email_verified_ms > 0 {
            let letter = Letter::email_changed(&before, &changed.email);
            if let Err(error) = self.0.mailer.send(letter) {
                tracing::warn!(account = %changed.user_id, "the old address was not told of the new one: {error}");
            }
        }
        tracing::info!(target: "audit", account = %changed.user_id, "an address was proved");
        Ok(changed)
    }

    /// Sends the letter once more that proves an account's address.
    ///
    /// # Errors
    /// [`AccountError::TooOften`]; [`AccountError::Conflict`] where there is nothing to prove.
    pub async fn send_proof_again(
        &self,
        account: &Account,
        client: &Client,
    ) -> Result<(), AccountError> {
        if account.email.is_empty() || account.email_verified_ms > 0 {
            let words = "this account has no address that waits to be proved";
            return Err(AccountError::Conflict(words.to_owned()));
        }
        let email = EmailAddress::new(&account.email)?;
        self.0
            .attempts
            .take(Try::Mail, Of::network(client.address))?;
        self.0
            .attempts
            .take(Try::Mail, Of::Login(email.folded.clone()))?;
        self.send_email_proof(account, &email, client.tongue).await
    }

    /// Sends a letter to set a new password, where an account signs in as this and has an address. Whoever asks is
    /// told the same either way.
    ///
    /// # Errors
    /// [`AccountError::TooOften`], [`AccountError::Busy`], [`AccountError::Away`].
    pub async fn ask_reset(&self, login: &str, client: &Client) -> Result<(), AccountError> {
        let folded = folded_login(login);
        self.0
            .attempts
            .take(Try::Mail, Of::network(client.address))?;
        self.0.attempts.take(Try::Mail, Of::Login(folded.clone()))?;
        let account = match self.rows().by_login(&folded).await {
            Ok(account) => Some(account),
            Err(StoreError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        // Beside the answer, which else would come later where there is an account.
        if let Some(account) = account.filter(|account| !account.email.is_empty()) {
            let (service, asked) = (self.clone(), client.tongue);
            self.0.tasks.spawn("reset", async move {
                if let Err(error) = service.send_reset(&account, asked).await {
                    tracing::warn!(account = %account.user_id, "no letter to set a new password was sent: {error}");
                }
            });
        }
        Ok(())
    }

    async fn send_reset(&self, account: &Account, asked: Tongue) -> Result<(), AccountError> {
        let email = EmailAddress::new(&account.email)?;
        // An address that is another account's login proves nothing about this one.
        let holder = self.rows().by_login(&email.folded).await?;
        if holder.user_id != account.user_id {
            return Ok(());
        }
        let proof = Proof {
            user_id: account.user_id,
            email: account.email.clone(),
            expires_ms: self.now_ms() + RESET_MS,
        };
        let (shown, hash) = token::make(token::LINK)?;
        self.rows().put_proof(&hash, Purpose::Reset, &proof).await?;
        let tongue = tongue_of(account, asked);
        let letter = Letter::reset(account, &self.page(RESET_PAGE, &shown), tongue);
        self.0.mailer.send(letter)
    }

    /// Follows the link of such a letter: sets a new password, and ends all sessions.
    ///
    /// # Errors
    /// [`AccountError::Stale`]; [`AccountError::Field`], after which the link is still good.
    pub async fn reset(&self, shown: &str, new: &str) -> Result<(), AccountError> {
        let check = |own: &[&str]| {
            password::check(new, own).map_err(|error| in_field(error, "new_password"))
        };
        check(&[])?;
        let proof = self.take(shown, Purpose::Reset).await?;
        let account = self.rows().by_id(proof.user_id).await?;
        let stored = match check(&[&account.name, &account.email]) {
            Ok(()) => self.store_password(account, new).await,
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            let hash = token::hash(shown);
            self.rows().put_proof(&hash, Purpose::Reset, &proof).await?;
            return Err(error);
        }
        // It was read in mail to that address.
        let email = EmailAddress::new(&proof.email)?;
        let rows = self.rows();
        rows.set_email(proof.user_id, &email.given, &email.folded)
            .await?;
        rows.end_sessions(proof.user_id, None).await?;
        self.revoked(proof.user_id);
        Ok(())
    }

    /// A link by which whoever has it signs in as an account, once.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn make_link(&self, account: &Account) -> Result<String, AccountError> {
        let proof = Proof {
            user_id: account.user_id,
            email: String::new(),
            expires_ms: self.now_ms() + LINK_MS,
        };
        let (shown, hash) = token::make(token::LINK)?;
        self.rows().put_proof(&hash, Purpose::Link, &proof).await?;
        Ok(self.page(LINK_PAGE, &shown))
    }

    /// Follows such a link.
    ///
    /// # Errors
    /// [`AccountError::Stale`], [`AccountError::Suspended`], [`AccountError::TooOften`].
    pub async fn sign_in_by_link(
        &self,
        shown: &str,
        kind: SessionKind,
        client: &Client,
    ) -> Result<SignedIn, AccountError> {
        let network = Of::network(client.address);
        self.0.attempts.take(Try::SignIn, network.clone())?;
        let proof = self.take(shown, Purpose::Link).await?;
        self.0.attempts.forgive(Try::SignIn, network);
        let account = self.rows().by_id(proof.user_id).await?;
        must_be_active(&account)?;
        self.open(account, kind, client).await
    }

    /// Sends a letter to prove an address; to one that somebody else signs in with, one that tells its owner so.
    pub(crate) async fn send_email_proof(
        &self,
        account: &Account,
        email: &EmailAddress,
        tongue: Tongue,
    ) -> Result<(), AccountError> {
        let proof = Proof {
            user_id: account.user_id,
            email: email.given.clone(),
            expires_ms: self.now_ms() + EMAIL_MS,
        };
        let (shown, hash) = token::make(token::LINK)?;
        // Also where nobody is sent this link: whoever asks waits for the same work.
        self.rows().put_proof(&hash, Purpose::Email, &proof).await?;
        let letter = match self.rows().by_login(&email.folded).await {
            Ok(holder) if holder.user_id != account.user_id => Letter::known(&holder),
            Ok(_) | Err(StoreError::Missing(_)) => {
                let link = self.page(PROVE_PAGE, &shown);
                let tongue = tongue_of(account, tongue);
                Letter::prove(account, &email.given, &link, tongue)
            }
            Err(error) => return Err(error.into()),
        };
        self.0.mailer.send(letter)
    }

    async fn take(&self, shown: &str, purpose: Purpose) -> Result<Proof, AccountError> {
        let proof = self.rows().take_proof(&token::hash(shown), purpose).await?;
        proof.ok_or(AccountError::Stale("link"))
    }
}

/// What they chose, or else what the request asks for.
fn tongue_of(account: &Account, asked: Tongue) -> Tongue {
    match account.language.as_str() {
        "" => asked,
        chosen => Tongue::of(chosen),
    }
}
