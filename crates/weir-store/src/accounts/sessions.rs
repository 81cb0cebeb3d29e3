//! Sessions and the tokens that stand for them.

use super::{Account, AccountRow, Accounts, columns};
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::{self, Id};

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Sent by a browser with each request.
    Cookie,
    /// Sent by a program with each request.
    Access,
    /// Renews a program's session, once.
    Refresh,
    /// A refresh token that was used.
    Spent,
}

/// A token to be kept.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// SHA-256 of it.
    pub hash: String,
    /// What it is good for.
    pub kind: TokenKind,
    /// Until when, milliseconds since 1970.
    pub expires_ms: i64,
}

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Whose.
    pub user_id: Id,
    /// `cookie`, `token` or `both`.
    pub kind: &'a str,
    /// What the client says it is.
    pub agent: &'a str,
    /// Where it comes from.
    pub address: &'a str,
    /// Until when, milliseconds since 1970.
    pub expires_ms: i64,
    /// What stands for it.
    pub tokens: &'a [NewToken],
    /// Sessions that the account may have: those unused the longest end first.
    pub most: u32,
}

/// Where somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user_id: Id,
    /// By which its owner ends it; no secret.
    pub id: Id,
    /// `cookie`, `token` or `both`.
    pub kind: String,
    /// What the client says it is.
    pub agent: String,
    /// From where it was last used.
    pub address: String,
    /// When it began, milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last used, some minutes ago at most, milliseconds since 1970.
    pub used_ms: i64,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: i64,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub struct Signed {
    /// What it is good for.
    pub kind: TokenKind,
    /// When it was made; for a spent one, when it was used. Milliseconds since 1970.
    pub made_ms: i64,
    /// Which it opens, or has opened.
    pub session: Session,
    /// Whose.
    pub account: Account,
}

/// How a session's tokens are replaced.
#[derive(Debug, Clone)]
pub struct Renewal<'a> {
    /// Whose.
    pub user_id: Id,
    /// Which.
    pub session_id: Id,
    /// SHA-256 of the token that was shown.
    pub shown: &'a str,
    /// What it was good for.
    pub kind: TokenKind,
    /// Until when the session is good now, milliseconds since 1970.
    pub expires_ms: i64,
    /// Until when the token that was shown is still known, milliseconds since 1970.
    pub known_until_ms: i64,
    /// The new ones.
    pub tokens: &'a [NewToken],
}

struct SessionRow {
    user_id: String,
    id: String,
    kind: String,
    agent: String,
    address: String,
    created_ms: i64,
    used_ms: i64,
    expires_ms: i64,
}
row!(SessionRow {
    user_id,
    id,
    kind,
    agent,
    address,
    created_ms,
    used_ms,
    expires_ms
});

struct SignedRow {
    token_kind: String,
    made_ms: i64,
    session_id: String,
    session_kind: String,
    agent: String,
    address: String,
    session_created_ms: i64,
    used_ms: i64,
    session_expires_ms: i64,
    account: AccountRow,
}
row!(
    SignedRow {
        token_kind,
        made_ms,
        session_id,
        session_kind,
        agent,
        address,
        session_created_ms,
        used_ms,
        session_expires_ms
    },
    account
);

impl Accounts<'_> {
    /// Opens a session.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn open_session(&self, new: &NewSession<'_>) -> Result<Session, StoreError> {
        let session = Session {
            user_id: new.user_id,
            id: self.store.next_id()?,
            kind: new.kind.to_owned(),
            agent: new.agent.to_owned(),
            address: new.address.to_owned(),
            created_ms: self.store.now_ms(),
            used_ms: self.store.now_ms(),
            expires_ms: new.expires_ms,
        };
        let mut writing = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (user_id, id, kind, agent, address, created_ms, used_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        )
        .bind(session.user_id.to_string())
        .bind(session.id.to_string())
        .bind(session.kind.clone())
        .bind(session.agent.clone())
        .bind(session.address.clone())
        .bind(session.created_ms)
        .bind(session.expires_ms)
        .execute(&mut *writing)
        .await?;
        self.put_tokens(&mut writing, session.user_id, session.id, new.tokens)
            .await?;
        let most = i64::from(new.most);
        let over = sqlx::query_scalar::<_, String>(
            "SELECT id FROM sessions WHERE user_id = $1 ORDER BY used_ms DESC, id DESC LIMIT 100 OFFSET $2",
        )
        .bind(session.user_id.to_string())
        .bind(most)
        .fetch_all(&mut *writing)
        .await?;
        for id in over {
            end(&mut writing, session.user_id, &id).await?;
        }
        writing.commit().await?;
        Ok(session)
    }

    /// What a token stands for; none where it stands for nothing, or not any more.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn by_token(&self, token_hash: &str) -> Result<Option<Signed>, StoreError> {
        const SQL: &str = concat!(
            "SELECT t.kind AS token_kind, t.made_ms, s.id AS session_id, s.kind AS session_kind, s.agent, \
             s.address, s.created_ms AS session_created_ms, s.used_ms, s.expires_ms AS session_expires_ms, ",
            columns!(),
            " FROM session_tokens t \
             JOIN sessions s ON s.user_id = t.user_id AND s.id = t.session_id \
             JOIN accounts a ON a.user_id = t.user_id \
             WHERE t.token_hash = $1 AND t.expires_ms > $2 AND s.expires_ms > $2"
        );
        let row = sqlx::query_as::<_, SignedRow>(SQL)
            .bind(token_hash.to_owned())
            .bind(self.store.now_ms())
            .fetch_optional(self.db.fresh())
            .await?;
        row.map(Signed::try_from).transpose()
    }

    /// Notes that a session was used, from where, and how long it is good now.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sessions SET used_ms = $3, address = $4, expires_ms = $5 WHERE user_id = $1 AND id = $2",
        )
        .bind(session.user_id.to_string())
        .bind(session.id.to_string())
        .bind(session.used_ms)
        .bind(session.address.clone())
        .bind(session.expires_ms)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Replaces a session's tokens, once for each token that is shown: of two who show the same, one is told false.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn renew_session(&self, renewal: &Renewal<'_>) -> Result<bool, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let spent = sqlx::query(
            "UPDATE session_tokens SET kind = 'spent', made_ms = $3, expires_ms = $4 \
             WHERE token_hash = $1 AND kind = $2",
        )
        .bind(renewal.shown.to_owned())
        .bind(renewal.kind.name())
        .bind(now_ms)
        .bind(renewal.known_until_ms)
        .execute(&mut *writing)
        .await?;
        if spent.rows_affected() == 0 {
            return Ok(false);
        }
        let (user_id, session_id) = (renewal.user_id, renewal.session_id);
        let done = sqlx::query(
            "UPDATE sessions SET used_ms = $3, expires_ms = $4 WHERE user_id = $1 AND id = $2",
        )
        .bind(user_id.to_string())
        .bind(session_id.to_string())
        .bind(now_ms)
        .bind(renewal.expires_ms)
        .execute(&mut *writing)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if renewal.kind == TokenKind::Refresh {
            sqlx::query(
                "DELETE FROM session_tokens WHERE user_id = $1 AND session_id = $2 AND kind = 'access'",
            )
            .bind(user_id.to_string())
            .bind(session_id.to_string())
            .execute(&mut *writing)
            .await?;
        }
        self.put_tokens(&mut writing, user_id, session_id, renewal.tokens)
            .await?;
        writing.commit().await?;
        Ok(true)
    }

    /// Where an account is signed in, the latest use first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn sessions(&self, user_id: Id, limit: u32) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query_as::<_, SessionRow>(
            "SELECT user_id, id, kind, agent, address, created_ms, used_ms, expires_ms FROM sessions \
             WHERE user_id = $1 AND expires_ms > $2 ORDER BY used_ms DESC, id DESC LIMIT $3",
        )
        .bind(user_id.to_string())
        .bind(self.store.now_ms())
        .bind(i64::from(limit))
        .fetch_all(self.db.fresh())
        .await?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where the account has no such session.
    pub async fn end_session(&self, user_id: Id, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let ended = end(&mut writing, user_id, &id.to_string()).await?;
        writing.commit().await?;
        ended.then_some(()).ok_or(StoreError::Missing("session"))
    }

    /// Ends all sessions of an account but one.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn end_sessions(&self, user_id: Id, but: Option<Id>) -> Result<(), StoreError> {
        let but = but.map(|id| id.to_string()).unwrap_or_default();
        let mut writing = self.db.begin().await?;
        for sql in [
            "DELETE FROM session_tokens WHERE user_id = $1 AND session_id <> $2",
            "DELETE FROM sessions WHERE user_id = $1 AND id <> $2",
        ] {
            sqlx::query(sql)
                .bind(user_id.to_string())
                .bind(but.clone())
                .execute(&mut *writing)
                .await?;
        }
        writing.commit().await?;
        Ok(())
    }

    async fn put_tokens(
        &self,
        writing: &mut Writing,
        user_id: Id,
        session_id: Id,
        tokens: &[NewToken],
    ) -> Result<(), StoreError> {
        for token in tokens {
            sqlx::query(
                "INSERT INTO session_tokens (token_hash, kind, user_id, session_id, made_ms, expires_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(token.hash.clone())
            .bind(token.kind.name())
            .bind(user_id.to_string())
            .bind(session_id.to_string())
            .bind(self.store.now_ms())
            .bind(token.expires_ms)
            .execute(&mut **writing)
            .await?;
        }
        Ok(())
    }
}

impl TokenKind {
    const ALL: [Self; 4] = [Self::Cookie, Self::Access, Self::Refresh, Self::Spent];

    const fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Spent => "spent",
        }
    }

    fn stored(name: &str) -> Result<Self, StoreError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| StoreError::Damaged(format!("a token's kind: {name:?}")))
    }
}

async fn end(writing: &mut Writing, user_id: Id, id: &str) -> Result<bool, StoreError> {
    let mut rows = 0;
    for sql in [
        "DELETE FROM session_tokens WHERE user_id = $1 AND session_id = $2",
        "DELETE FROM sessions WHERE user_id = $1 AND id = $2",
    ] {
        let done = sqlx::query(sql)
            .bind(user_id.to_string())
            .bind(id.to_owned());
        rows = done.execute(&mut **writing).await?.rows_affected();
    }
    Ok(rows > 0)
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            id: id::stored(&row.id)?,
            kind: row.kind,
            agent: row.agent,
            address: row.address,
            created_ms: row.created_ms,
            used_ms: row.used_ms,
            expires_ms: row.expires_ms,
        })
    }
}

impl TryFrom<SignedRow> for Signed {
    type Error = StoreError;

    fn try_from(row: SignedRow) -> Result<Self, StoreError> {
        let account = Account::try_from(row.account)?;
        Ok(Self {
            kind: TokenKind::stored(&row.token_kind)?,
            made_ms: row.made_ms,
            session: Session {
                user_id: account.user_id,
                id: id::stored(&row.session_id)?,
                kind: row.session_kind,
                agent: row.agent,
                address: row.address,
                created_ms: row.session_created_ms,
                used_ms: row.used_ms,
                expires_ms: row.session_expires_ms,
            },
            account,
        })
    }
}
