//! Rows of accounts: made, found, changed. Whether somebody may is decided above.

mod api_keys;
mod identities;
mod invites;
mod passkeys;
mod proofs;
mod replies;
mod second_factor;
mod sessions;

use std::collections::HashMap;

use crate::db::{Db, Writing};
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

pub use api_keys::{ApiKey, KeyHolder, NewApiKey};
pub use identities::{LinkedIdentity, NewIdentity};
pub use invites::{Invite, NewInvite};
pub use passkeys::{NewPasskey, Passkey};
pub use proofs::{Proof, Purpose};
pub use replies::{Claim, ReplyKey, ReplyRows};
pub use sessions::{NewSession, NewToken, Renewal, Session, Signed, TokenKind};

/// Written to say who one is, and folded by whoever calls: `Ann` and `ann` are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login<'a> {
    /// Chosen at sign-up.
    Name(&'a str),
    /// An address of mail.
    Email(&'a str),
}

/// What an account begins with; all else is empty, and its version 1.
#[derive(Debug, Clone, Default)]
pub struct NewAccount<'a> {
    /// As it is shown.
    pub name: &'a str,
    /// The name in the form in which look-alikes are the same.
    pub skeleton: &'a str,
    /// As it was given; empty for none.
    pub email: &'a str,
    /// What may be written to sign in.
    pub logins: &'a [Login<'a>],
    /// argon2id in PHC form; empty where it cannot sign in by password.
    pub password_hash: &'a str,
    /// What it may do, where no invite says so.
    pub role: &'a str,
    /// `en`, `zh` or empty.
    pub language: &'a str,
    /// The hash of an invite's code, where one is used.
    pub invite: Option<&'a str>,
    /// The address was proved already to be theirs.
    pub has_proved_email: bool,
    /// Who it is elsewhere, where that signs it in.
    pub identity: Option<NewIdentity<'a>>,
}

/// A row of `accounts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose id it is in all other tables.
    pub user_id: Id,
    /// As it is shown and written.
    pub name: String,
    /// As it was given; empty for none.
    pub email: String,
    /// When the address was proved to be theirs, milliseconds since 1970; 0: not yet.
    pub email_verified_ms: i64,
    /// argon2id in PHC form; empty where it cannot sign in by password.
    pub password_hash: String,
    /// What it may do.
    pub role: String,
    /// `active` or `suspended`.
    pub state: String,
    /// Why it is so.
    pub state_reason: String,
    /// What it wants to be called.
    pub display_name: String,
    /// What it says of itself.
    pub about: String,
    /// `en`, `zh` or empty.
    pub language: String,
    /// The id of a picture, or empty.
    pub avatar: String,
    /// The sealed secret of its codes; empty where it has no second factor.
    pub totp_secret: Vec<u8>,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it was changed last, milliseconds since 1970.
    pub changed_ms: i64,
    /// How often it was changed.
    pub version: i64,
}

struct AccountRow {
    user_id: String,
    name: String,
    email: String,
    email_verified_ms: i64,
    password_hash: String,
    role: String,
    state: String,
    state_reason: String,
    display_name: String,
    about: String,
    language: String,
    avatar: String,
    totp_secret: Vec<u8>,
    created_ms: i64,
    changed_ms: i64,
    version: i64,
}
row!(AccountRow {
    user_id,
    name,
    email,
    email_verified_ms,
    password_hash,
    role,
    state,
    state_reason,
    display_name,
    about,
    language,
    avatar,
    totp_secret,
    created_ms,
    changed_ms,
    version
});

/// The columns of [`AccountRow`].
macro_rules! columns {
    () => {
        "a.user_id, a.name, a.email, a.email_verified_ms, a.password_hash, a.role, a.state, a.state_reason, \
         a.display_name, a.about, a.language, a.avatar, a.totp_secret, a.created_ms, a.changed_ms, a.version"
    };
}
use columns;

/// All that goes with an account. Its skeleton stays, as nobody's: nobody else is taken for it.
const OF_AN_ACCOUNT: [&str; 15] = [
    "DELETE FROM session_tokens WHERE user_id = $1",
    "DELETE FROM sessions WHERE user_id = $1",
    "DELETE FROM proofs WHERE user_id = $1",
    "DELETE FROM api_key_hashes WHERE user_id = $1",
    "DELETE FROM api_keys WHERE user_id = $1",
    "DELETE FROM recovery_codes WHERE user_id = $1",
    "DELETE FROM passkey_credentials WHERE user_id = $1",
    "DELETE FROM passkeys WHERE user_id = $1",
    "DELETE FROM identity_subjects WHERE user_id = $1",
    "DELETE FROM identities WHERE user_id = $1",
    "DELETE FROM invites WHERE made_by = $1",
    "DELETE FROM replies WHERE user_id = $1",
    "UPDATE name_skeletons SET user_id = '' WHERE user_id = $1",
    "DELETE FROM logins WHERE user_id = $1",
    "DELETE FROM accounts WHERE user_id = $1",
];

impl Store {
    /// Rows of accounts, sessions and logins.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts {
            store: self,
            db: self.db(Module::Accounts),
        }
    }
}

/// Asks and changes the accounts' database, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Accounts<'_> {
    /// Makes an account. An address that somebody else signs in with is not one of its logins then.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where its name is somebody's, or looks like somebody's;
    /// [`StoreError::Missing`] where its invite is none or used up.
    pub async fn create(&self, new: &NewAccount<'_>) -> Result<Account, StoreError> {
        let user_id = self.store.next_id()?;
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let role = match new.invite {
            Some(code_hash) => invites::take(&mut writing, code_hash, now_ms).await?,
            None => new.role.to_owned(),
        };
        for login in new.logins {
            match login.insert(user_id, &mut writing).await {
                Ok(true) => {}
                // Whoever makes accounts would else be told which addresses have one. Who has proved an address knows.
                Ok(false) if matches!(login, Login::Email(_)) && !new.has_proved_email => {}
                Ok(false) => return Err(login.taken()),
                Err(error) => return Err(error),
            }
        }
        sqlx::query("INSERT INTO name_skeletons (skeleton, user_id) VALUES ($1, $2)")
            .bind(new.skeleton)
            .bind(user_id.to_string())
            .execute(&mut *writing)
            .await
            .map_err(|error| StoreError::from(error).taken("the name"))?;
        sqlx::query(
            "INSERT INTO accounts (user_id, name, email, email_verified_ms, password_hash, role, state, \
             state_reason, display_name, about, language, avatar, totp_secret, totp_step, created_ms, \
             changed_ms, version) \
             VALUES ($1, $2, $3, $9, $4, $5, 'active', '', '', '', $6, '', $7, 0, $8, $8, 1)",
        )
        .bind(user_id.to_string())
        .bind(new.name)
        .bind(new.email)
        .bind(new.password_hash)
        .bind(role)
        .bind(new.language)
        .bind(Vec::<u8>::new())
        .bind(now_ms)
        .bind(if new.has_proved_email { now_ms } else { 0 })
        .execute(&mut *writing)
        .await?;
        if let Some(identity) = &new.identity {
            let id = self.store.next_id()?;
            identities::insert(&mut writing, (user_id, id), identity, now_ms).await?;
        }
        writing.commit().await?;
        self.by_id(user_id).await
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, user_id: Id) -> Result<Account, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM accounts a WHERE a.user_id = $1"
        );
        let row = sqlx::query_as::<_, AccountRow>(SQL).bind(user_id.to_string());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// What the accounts among these ids are called.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn names_of(&self, ids: &[Id]) -> Result<HashMap<Id, String>, StoreError> {
        const HEAD: &str = "SELECT user_id, name FROM accounts WHERE user_id IN";
        self.db.named(HEAD, ids).await
    }

    /// The account that signs in as this.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_login(&self, login: &str) -> Result<Account, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM logins l JOIN accounts a ON a.user_id = l.user_id WHERE l.login = $1"
        );
        let row = sqlx::query_as::<_, AccountRow>(SQL).bind(login.to_owned());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// The oldest account with this role.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn first_with_role(&self, role: &str) -> Result<Account, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM accounts a WHERE a.role = $1 ORDER BY a.user_id LIMIT 1"
        );
        let row = sqlx::query_as::<_, AccountRow>(SQL).bind(role.to_owned());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// Writes an account as it was read and changed, all but its id, name, address and second factor.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where somebody else changed it since it was read, or it is gone.
    pub async fn save(&self, changed: &Account) -> Result<Account, StoreError> {
        let done = sqlx::query(
            "UPDATE accounts SET password_hash = $3, role = $4, state = $5, state_reason = $6, \
             display_name = $7, about = $8, language = $9, avatar = $10, changed_ms = $11, \
             version = version + 1 WHERE user_id = $1 AND version = $2",
        )
        .bind(changed.user_id.to_string())
        .bind(changed.version)
        .bind(changed.password_hash.clone())
        .bind(changed.role.clone())
        .bind(changed.state.clone())
        .bind(changed.state_reason.clone())
        .bind(changed.display_name.clone())
        .bind(changed.about.clone())
        .bind(changed.language.clone())
        .bind(changed.avatar.clone())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Changed("the account"));
        }
        self.by_id(changed.user_id).await
    }

    /// Gives an account an address that was proved to be theirs. `folded` is what they may sign in with.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where it is somebody else's.
    pub async fn set_email(
        &self,
        user_id: Id,
        email: &str,
        folded: &str,
    ) -> Result<Account, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        sqlx::query("DELETE FROM logins WHERE user_id = $1 AND kind = 'email'")
            .bind(user_id.to_string())
            .execute(&mut *writing)
            .await?;
        let login = Login::Email(folded);
        if !login.insert(user_id, &mut writing).await? {
            return Err(login.taken());
        }
        let done = sqlx::query(
            "UPDATE accounts SET email = $2, email_verified_ms = $3, changed_ms = $3, version = version + 1 \
             WHERE user_id = $1",
        )
        .bind(user_id.to_string())
        .bind(email.to_owned())
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Missing("account"));
        }
        writing.commit().await?;
        self.by_id(user_id).await
    }

    /// At most `limit` accounts behind `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(&self, after: Option<Id>, limit: u32) -> Result<Vec<Account>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM accounts a WHERE a.user_id > $1 ORDER BY a.user_id LIMIT $2"
        );
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = sqlx::query_as::<_, AccountRow>(SQL)
            .bind(after)
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.lagging()).await?;
        rows.into_iter().map(Account::try_from).collect()
    }

    /// At most `limit` accounts whose name or address begins with `start` (folded), behind the login `after`, each
    /// with the login that it was found by: its name, where both begin so.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn search(
        &self,
        start: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Account)>, StoreError> {
        const SQL: &str = concat!(
            "SELECT l.login, ",
            columns!(),
            " FROM logins l JOIN accounts a ON a.user_id = l.user_id \
             WHERE l.login >= $1 AND l.login < $2 AND l.login > $3 \
             AND (l.kind = 'name' OR NOT EXISTS (SELECT 1 FROM logins n WHERE n.user_id = l.user_id \
             AND n.kind = 'name' AND n.login >= $1 AND n.login < $2)) ORDER BY l.login LIMIT $4"
        );
        struct Found {
            login: String,
            account: AccountRow,
        }
        row!(Found { login }, account);
        let rows = sqlx::query_as::<_, Found>(SQL)
            .bind(start.to_owned())
            .bind(format!("{start}{}", char::MAX))
            .bind(after.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.lagging()).await?;
        let found = |row: Found| Ok((row.login, row.account.try_into()?));
        rows.into_iter().map(found).collect()
    }

    /// Removes an account and all that this module knows of it.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove(&self, user_id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let mut rows = 0;
        for sql in OF_AN_ACCOUNT {
            let done = sqlx::query(sql).bind(user_id.to_string());
            // The last of them is the account itself.
            rows = done.execute(&mut *writing).await?.rows_affected();
        }
        if rows == 0 {
            return Err(StoreError::Missing("account"));
        }
        writing.commit().await?;
        Ok(())
    }

    /// Removes sessions, links and invites that are over, and says how many sessions.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now_ms = self.store.now_ms();
        let mut sessions = 0;
        for sql in [
            "DELETE FROM session_tokens WHERE expires_ms <= $1",
            "DELETE FROM session_tokens WHERE (user_id, session_id) IN \
             (SELECT user_id, id FROM sessions WHERE expires_ms <= $1)",
            "DELETE FROM proofs WHERE expires_ms <= $1",
            "DELETE FROM spent_challenges WHERE expires_ms <= $1",
            "DELETE FROM invites WHERE expires_ms <= $1",
            "DELETE FROM sessions WHERE expires_ms <= $1",
        ] {
            let done = sqlx::query(sql).bind(now_ms).execute(self.db.write());
            sessions = done.await?.rows_affected();
        }
        Ok(sessions)
    }
}

impl Login<'_> {
    /// Whether it was nobody's, and is theirs now.
    async fn insert(self, user_id: Id, writing: &mut Writing) -> Result<bool, StoreError> {
        let (text, kind) = match self {
            Self::Name(text) => (text, "name"),
            Self::Email(text) => (text, "email"),
        };
        let sql = "INSERT INTO logins (login, kind, user_id) VALUES ($1, $2, $3) \
                   ON CONFLICT (login) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(text.to_owned())
            .bind(kind)
            .bind(user_id.to_string())
            .execute(&mut **writing)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    const fn taken(self) -> StoreError {
        StoreError::Taken(match self {
            Self::Name(_) => "the name",
            Self::Email(_) => "the address",
        })
    }
}

fn found(row: Option<AccountRow>) -> Result<Account, StoreError> {
    row.ok_or(StoreError::Missing("account"))?.try_into()
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            name: row.name,
            email: row.email,
            email_verified_ms: row.email_verified_ms,
            password_hash: row.password_hash,
            role: row.role,
            state: row.state,
            state_reason: row.state_reason,
            display_name: row.display_name,
            about: row.about,
            language: row.language,
            avatar: row.avatar,
            totp_secret: row.totp_secret,
            created_ms: row.created_ms,
            changed_ms: row.changed_ms,
            version: row.version,
        })
    }
}
