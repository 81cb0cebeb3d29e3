//! Rows of accounts: made, found, changed. Whether somebody may is decided above.

use sqlx::FromRow;

use crate::db::Db;
use crate::error::StoreError;
use crate::id::Id;
use crate::module::Module;
use crate::store::Store;

/// Written to say who one is, and folded by whoever calls: `Ann` and `ann` are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login<'a> {
    /// Chosen at sign-up.
    Name(&'a str),
    /// An address of mail.
    Email(&'a str),
}

/// What an account begins with; all else is empty, and its version 1.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    /// As it is shown.
    pub name: &'a str,
    /// As it was given; empty for none.
    pub email: &'a str,
    /// What may be written to sign in.
    pub logins: &'a [Login<'a>],
    /// argon2id in PHC form; empty where it cannot sign in by password.
    pub password_hash: &'a str,
    /// What it may do.
    pub role: &'a str,
}

/// A row of `accounts`, but for what only its owner looks at.
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
    /// argon2id in PHC form.
    pub password_hash: String,
    /// What it may do.
    pub role: String,
    /// `active`, `suspended` or `closed`.
    pub state: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// How often it was changed.
    pub version: i64,
}

#[derive(FromRow)]
struct Row {
    user_id: String,
    name: String,
    email: String,
    email_verified_ms: i64,
    password_hash: String,
    role: String,
    state: String,
    created_ms: i64,
    version: i64,
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "a.user_id, a.name, a.email, a.email_verified_ms, a.password_hash, a.role, a.state, a.created_ms, a.version"
    };
}

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
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where one of its logins is somebody's.
    pub async fn create(&self, new: &NewAccount<'_>) -> Result<Account, StoreError> {
        let user_id = self.store.next_id()?;
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        for login in new.logins {
            sqlx::query("INSERT INTO logins (login, kind, user_id) VALUES ($1, $2, $3)")
                .bind(login.text())
                .bind(login.kind())
                .bind(user_id.to_string())
                .execute(&mut *writing)
                .await
                .map_err(|error| StoreError::from(error).taken(login.what()))?;
        }
        sqlx::query(
            "INSERT INTO accounts (user_id, name, email, email_verified_ms, password_hash, role, state, \
             state_reason, display_name, about, language, avatar, totp_secret, created_ms, changed_ms, version) \
             VALUES ($1, $2, $3, 0, $4, $5, 'active', '', '', '', '', '', NULL, $6, $6, 1)",
        )
        .bind(user_id.to_string())
        .bind(new.name)
        .bind(new.email)
        .bind(new.password_hash)
        .bind(new.role)
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
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
        let row = sqlx::query_as::<_, Row>(SQL).bind(user_id.to_string());
        found(row.fetch_optional(self.db.fresh()).await?)
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
        let row = sqlx::query_as::<_, Row>(SQL).bind(login.to_owned());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// Gives it another role.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not at `version` any more, or is gone.
    pub async fn set_role(
        &self,
        user_id: Id,
        version: i64,
        role: &str,
    ) -> Result<Account, StoreError> {
        let changed = sqlx::query(
            "UPDATE accounts SET role = $3, changed_ms = $4, version = version + 1 \
             WHERE user_id = $1 AND version = $2",
        )
        .bind(user_id.to_string())
        .bind(version)
        .bind(role.to_owned())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the account"));
        }
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
        let rows = sqlx::query_as::<_, Row>(SQL)
            .bind(after)
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.lagging()).await?;
        rows.into_iter().map(Account::try_from).collect()
    }
}

impl Login<'_> {
    const fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Email(text) => text,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Email(_) => "email",
        }
    }

    const fn what(&self) -> &'static str {
        match self {
            Self::Name(_) => "the name",
            Self::Email(_) => "the address",
        }
    }
}

fn found(row: Option<Row>) -> Result<Account, StoreError> {
    row.ok_or(StoreError::Missing("account"))?.try_into()
}

impl TryFrom<Row> for Account {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: Id::stored(&row.user_id)?,
            name: row.name,
            email: row.email,
            email_verified_ms: row.email_verified_ms,
            password_hash: row.password_hash,
            role: row.role,
            state: row.state,
            created_ms: row.created_ms,
            version: row.version,
        })
    }
}
