//! Sessions: a browser has a cookie, a program an access token that it renews.

use weir_store::Id;
use weir_store::accounts::{Account, NewSession, NewToken, Renewal, Session, TokenKind};

use crate::error::AccountError;
use crate::service::{AccountService, Client};
use crate::sign_in::must_be_active;
use crate::token;

/// Sessions of one account: who has more loses those unused the longest.
const MAX_SESSIONS: u32 = 50;
/// Milliseconds in which a token that was just replaced is refused without more: an answer got lost, or two asked
/// at once. Shown later, it was stolen.
const STALE_MS: i64 = 10_000;
/// Milliseconds for which a cookie that was just replaced is still good: requests that are on their way.
pub(crate) const OLD_COOKIE_MS: i64 = 60_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// How a session is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// By a cookie.
    Cookie,
    /// By a token, which another one renews.
    Token,
    /// By either.
    Both,
}

/// Somebody who has just signed in, or renewed it.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub account: Account,
    /// Where.
    pub session: Session,
    /// What a browser shows from now on; none where it is a program's session.
    pub cookie: Option<String>,
    /// What a program shows from now on.
    pub token: Option<ProgramToken>,
}

/// What a program shows, and what renews it.
#[derive(Debug, Clone)]
pub struct ProgramToken {
    /// Sent with each request.
    pub access: String,
    /// Until when that is good, milliseconds since 1970.
    pub expires_ms: i64,
    /// Sent to renew it, once.
    pub refresh: String,
}

/// Tokens of a session, and what is stored of them.
struct Fresh {
    cookie: Option<String>,
    token: Option<ProgramToken>,
    stored: Vec<NewToken>,
}

impl AccountService {
    /// Renews a session by its refresh token, or by its cookie: the old one is good no more, the new one is answered.
    ///
    /// A refresh token that is shown a second time was stolen, from us or from them: its session ends.
    ///
    /// # Errors
    /// [`AccountError::Stale`], [`AccountError::Suspended`].
    pub async fn refresh(&self, shown: &str, client: &Client) -> Result<SignedIn, AccountError> {
        let stale = || AccountError::Stale("token");
        let hash = token::hash(shown);
        let signed = self.rows().by_token(&hash).await?.ok_or_else(stale)?;
        let kind = match signed.kind {
            TokenKind::Refresh => SessionKind::Token,
            TokenKind::Cookie => SessionKind::Cookie,
            TokenKind::Spent => {
                let is_stolen =
                    shown.starts_with(token::REFRESH) && self.now_ms() - signed.made_ms > STALE_MS;
                if is_stolen {
                    let (user_id, id) = (signed.account.user_id, signed.session.id);
                    tracing::warn!(target: "audit", account = %user_id, address = %client.address,
                        "a refresh token was shown a second time: its session is ended");
                    self.rows().end_session(user_id, id).await?;
                }
                return Err(stale());
            }
            TokenKind::Access => return Err(stale()),
        };
        must_be_active(&signed.account)?;
        let fresh = self.fresh(kind)?;
        let session = Session {
            address: client.address.to_string(),
            used_ms: self.now_ms(),
            expires_ms: self.session_end_ms(),
            ..signed.session
        };
        let renewal = Renewal {
            user_id: session.user_id,
            session_id: session.id,
            shown: &hash,
            kind: signed.kind,
            expires_ms: session.expires_ms,
            known_until_ms: match signed.kind {
                TokenKind::Cookie => self.now_ms() + OLD_COOKIE_MS,
                _ => session.expires_ms,
            },
            tokens: &fresh.stored,
        };
        if !self.rows().renew_session(&renewal).await? {
            return Err(stale());
        }
        Ok(fresh.signed_in(signed.account, session))
    }

    /// Where an account is signed in.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn sessions(&self, user_id: Id) -> Result<Vec<Session>, AccountError> {
        Ok(self.rows().sessions(user_id, MAX_SESSIONS).await?)
    }

    /// Ends a session of an account.
    ///
    /// # Errors
    /// [`AccountError::Missing`] where it has none with this id.
    pub async fn end_session(&self, user_id: Id, id: Id) -> Result<(), AccountError> {
        self.rows().end_session(user_id, id).await?;
        self.revoked(user_id);
        Ok(())
    }

    /// Ends all sessions of an account but one.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn end_other_sessions(
        &self,
        user_id: Id,
        but: Option<Id>,
    ) -> Result<(), AccountError> {
        self.rows().end_sessions(user_id, but).await?;
        self.revoked(user_id);
        Ok(())
    }

    pub(crate) async fn open(
        &self,
        account: Account,
        kind: SessionKind,
        client: &Client,
    ) -> Result<SignedIn, AccountError> {
        let fresh = self.fresh(kind)?;
        let new = NewSession {
            user_id: account.user_id,
            kind: kind.name(),
            agent: &client.agent(),
            address: &client.address.to_string(),
            expires_ms: self.session_end_ms(),
            tokens: &fresh.stored,
            most: MAX_SESSIONS,
        };
        let session = self.rows().open_session(&new).await?;
        tracing::info!(target: "audit", account = %account.user_id, address = %client.address, "signed in");
        Ok(fresh.signed_in(account, session))
    }

    pub(crate) fn session_end_ms(&self) -> i64 {
        self.now_ms() + i64::from(self.0.config.session_hours) * HOUR_MS
    }

    fn fresh(&self, kind: SessionKind) -> Result<Fresh, AccountError> {
        let mut fresh = Fresh {
            cookie: None,
            token: None,
            stored: Vec::new(),
        };
        if kind != SessionKind::Token {
            let (cookie, hash) = token::make(token::COOKIE)?;
            fresh.stored.push(NewToken {
                hash,
                kind: TokenKind::Cookie,
                // Until its session ends, which each use puts off.
                expires_ms: i64::MAX,
            });
            fresh.cookie = Some(cookie);
        }
        if kind != SessionKind::Cookie {
            let expires_ms = self.now_ms() + i64::from(self.0.config.access_minutes) * MINUTE_MS;
            let (access, access_hash) = token::make(token::ACCESS)?;
            let (refresh, refresh_hash) = token::make(token::REFRESH)?;
            fresh.stored.push(NewToken {
                hash: access_hash,
                kind: TokenKind::Access,
                expires_ms,
            });
            fresh.stored.push(NewToken {
                hash: refresh_hash,
                kind: TokenKind::Refresh,
                expires_ms: self.session_end_ms(),
            });
            fresh.token = Some(ProgramToken {
                access,
                expires_ms,
                refresh,
            });
        }
        Ok(fresh)
    }
}

impl SessionKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Token => "token",
            Self::Both => "both",
        }
    }
}

impl Fresh {
    fn signed_in(self, account: Account, session: Session) -> SignedIn {
        SignedIn {
            account,
            session,
            cookie: self.cookie,
            token: self.token,
        }
    }
}
