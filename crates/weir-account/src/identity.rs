//! Who shows a cookie, a token or an API key, and what they may do by it.

use std::net::IpAddr;

use weir_store::Id;
use weir_store::accounts::{Account, Session, TokenKind};

use crate::error::AccountError;
use crate::rights::{AccountRole, Right, Rights};
use crate::service::AccountService;
use crate::sign_in::must_be_active;
use crate::token;

/// Milliseconds between two notes that a session or a key is in use.
const NOTED_EVERY_MS: i64 = 60_000;

/// What somebody showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A browser's cookie.
    Cookie,
    /// A program's access token.
    Access,
    /// An API key.
    ApiKey,
}

/// Somebody who is known.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who.
    pub account: Account,
    /// By what.
    pub shown: Shown,
    /// In which session; none by an API key.
    pub session: Option<Id>,
    /// What they may do by it.
    pub rights: Rights,
}

impl AccountService {
    /// Who shows this as the site's cookie.
    ///
    /// # Errors
    /// [`AccountError::Away`], [`AccountError::Suspended`].
    pub async fn by_cookie(
        &self,
        cookie: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Identity>, AccountError> {
        if !cookie.starts_with(token::COOKIE) {
            return Ok(None);
        }
        self.by_session(cookie, Shown::Cookie, address).await
    }

    /// Who shows this as a bearer token: of a session, or an API key.
    ///
    /// # Errors
    /// [`AccountError::Away`], [`AccountError::Suspended`].
    pub async fn by_bearer(
        &self,
        bearer: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Identity>, AccountError> {
        if bearer.starts_with(token::ACCESS) {
            return self.by_session(bearer, Shown::Access, address).await;
        }
        if bearer.starts_with(token::API_KEY) {
            return self.by_key(bearer, address).await;
        }
        Ok(None)
    }

    /// What an account may do by itself.
    pub(crate) fn rights_of(&self, account: &Account) -> Rights {
        let role = AccountRole::from_name(&account.role).unwrap_or(AccountRole::Viewer);
        let is_proved = account.email_verified_ms > 0 || role >= AccountRole::Moderator;
        if self.0.config.verify_email && !is_proved {
            return Rights::default().with(Right::AccountOwn);
        }
        role.rights()
    }

    async fn by_session(
        &self,
        shown_token: &str,
        shown: Shown,
        address: Option<IpAddr>,
    ) -> Result<Option<Identity>, AccountError> {
        let found = self.rows().by_token(&token::hash(shown_token)).await?;
        let Some(signed) = found else {
            return Ok(None);
        };
        let is_good = match signed.kind {
            TokenKind::Cookie => shown == Shown::Cookie,
            TokenKind::Access => shown == Shown::Access,
            // A cookie that was just replaced is good for some seconds yet.
            TokenKind::Spent => shown == Shown::Cookie,
            TokenKind::Refresh => false,
        };
        if !is_good {
            return Ok(None);
        }
        must_be_active(&signed.account)?;
        self.note_session(&signed.session, shown, address).await;
        Ok(Some(Identity {
            rights: self.rights_of(&signed.account),
            account: signed.account,
            shown,
            session: Some(signed.session.id),
        }))
    }

    async fn by_key(
        &self,
        key: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Identity>, AccountError> {
        let Some(holder) = self.rows().by_api_key(&token::hash(key)).await? else {
            return Ok(None);
        };
        must_be_active(&holder.account)?;
        let scopes = holder.key.scopes.split(' ').filter_map(Right::from_name);
        let rights = self.rights_of(&holder.account).and(scopes.collect());
        if self.now_ms() - holder.key.used_ms >= NOTED_EVERY_MS {
            let from = address
                .map(|address| address.to_string())
                .unwrap_or_default();
            let user_id = holder.account.user_id;
            let noted = self
                .rows()
                .touch_api_key(user_id, holder.key.id, &from)
                .await;
            log_unnoted(noted);
        }
        Ok(Some(Identity {
            account: holder.account,
            shown: Shown::ApiKey,
            session: None,
            rights,
        }))
    }

    async fn note_session(&self, session: &Session, shown: Shown, address: Option<IpAddr>) {
        if self.now_ms() - session.used_ms < NOTED_EVERY_MS {
            return;
        }
        let used = Session {
            used_ms: self.now_ms(),
            address: match address {
                Some(address) => address.to_string(),
                None => session.address.clone(),
            },
            // A program's session is put off when it is renewed.
            expires_ms: match shown {
                Shown::Cookie => self.session_end_ms(),
                Shown::Access | Shown::ApiKey => session.expires_ms,
            },
            ..session.clone()
        };
        log_unnoted(self.rows().touch_session(&used).await);
    }
}

/// Who is known stays known where the note cannot be written, as on a full disk.
fn log_unnoted(noted: Result<(), weir_store::StoreError>) {
    if let Err(error) = noted {
        tracing::debug!("a use was not noted: {error}");
    }
}
