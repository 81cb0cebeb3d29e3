//! Making an account.

use weir_base::Tongue;
use weir_store::StoreError;
use weir_store::accounts::{Account, Login, NewAccount};

use crate::attempts::{Of, Try};
use crate::config::SignUpRule;
use crate::error::AccountError;
use crate::name::{EmailAddress, LoginName};
use crate::rights::AccountRole;
use crate::service::{AccountService, Client};
use crate::{password, token};

/// What somebody says who wants an account.
#[derive(Debug, Clone, Default)]
pub struct SignUp {
    /// What they want to be called.
    pub name: String,
    /// Their address of mail.
    pub email: String,
    /// What they want to sign in with.
    pub password: String,
    /// An invite's code; empty for none.
    pub invite: String,
}

impl AccountService {
    /// Makes an account, and sends a letter to prove its address.
    ///
    /// # Errors
    /// What is wrong, taken, closed, or tried too often.
    pub async fn sign_up(&self, asked: &SignUp, client: &Client) -> Result<Account, AccountError> {
        let has_invite = !asked.invite.is_empty();
        match self.0.config.sign_up {
            SignUpRule::Open => {}
            SignUpRule::Invite if has_invite => {}
            SignUpRule::Invite => {
                return Err(AccountError::Forbidden("signing up here takes an invite"));
            }
            SignUpRule::Closed => {
                return Err(AccountError::Forbidden("nobody can sign up here"));
            }
        }
        let name = LoginName::chosen(&asked.name)?;
        let email = EmailAddress::new(&asked.email)?;
        password::check(&asked.password, &[&name.folded, &email.folded])?;
        self.0
            .attempts
            .take(Try::SignUp, Of::network(client.address))?;
        let password_hash = self.0.hasher.hash(&asked.password).await?;
        let invite = has_invite.then(|| token::hash(&asked.invite));
        let new = NewAccount {
            name: &name.shown,
            skeleton: &name.skeleton,
            email: &email.given,
            logins: &[Login::Name(&name.folded), Login::Email(&email.folded)],
            password_hash: &password_hash,
            role: self.0.config.role.name(),
            language: client.tongue.tag(),
            invite: invite.as_deref(),
            ..NewAccount::default()
        };
        let made = self
            .rows()
            .create(&new)
            .await
            .map_err(|error| match error {
                StoreError::Missing("invite") => AccountError::Stale("invite"),
                error => error.into(),
            })?;
        tracing::info!(target: "audit", account = %made.user_id, address = %client.address, "signed up");
        // The account is there: that the letter waits is no reason to say that it is not.
        if let Err(error) = self.send_email_proof(&made, &email, client.tongue).await {
            tracing::warn!(account = %made.user_id, "no letter to prove an address was sent: {error}");
        }
        Ok(made)
    }

    /// The first admin, who is made without a password where there is none, and a link to sign in as them; none where
    /// the first admin has a password.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn first_admin_link(&self) -> Result<Option<String>, AccountError> {
        let role = AccountRole::Admin.name();
        let admin = match self.rows().first_with_role(role).await {
            Ok(admin) => admin,
            Err(StoreError::Missing(_)) => self.make_first_admin().await?,
            Err(error) => return Err(error.into()),
        };
        if !admin.password_hash.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.make_link(&admin).await?))
    }

    async fn make_first_admin(&self) -> Result<Account, AccountError> {
        let name = LoginName::any("admin")?;
        let new = NewAccount {
            name: &name.shown,
            skeleton: &name.skeleton,
            logins: &[Login::Name(&name.folded)],
            role: AccountRole::Admin.name(),
            language: Tongue::default().tag(),
            ..NewAccount::default()
        };
        match self.rows().create(&new).await {
            // Another node was faster.
            Err(StoreError::Taken(_)) => Ok(self.rows().by_login(&name.folded).await?),
            made => Ok(made?),
        }
    }
}
