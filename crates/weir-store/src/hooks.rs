//! Who is told of events over HTTP, what they are told, and how it went.
//!
//! Each event becomes one delivery for each endpoint that wants it, once, whichever node does it. One node at a
//! time delivers to an endpoint: whoever holds its claim.

mod deliveries;

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

pub use deliveries::{Attempt, Delivery, DeliveryState, NewDelivery, Outcome};

/// Endpoints of a whole platform: their deliveries are made of each event, one by one.
pub const MAX_ENDPOINTS: usize = 10_000;

/// A row of `hook_endpoints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose it is; empty for the operator's.
    pub user_id: String,
    /// In addresses of the API and in deliveries.
    pub id: Id,
    /// Of this app's streams alone; empty for all.
    pub app: String,
    /// Where it is told.
    pub url: String,
    /// Deliveries are signed with it.
    pub secret: String,
    /// The one before it, or empty.
    pub old_secret: String,
    /// Deliveries are signed with both until then, milliseconds since 1970.
    pub old_until_ms: i64,
    /// The types of events; empty for all.
    pub types: Vec<String>,
    /// `standard`, `srs` or `tencent`.
    pub dialect: String,
    /// `active` or `paused`.
    pub state: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// How often it was changed.
    pub version: i64,
}

/// What an endpoint begins with, or becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointFields<'a> {
    /// Of this app's streams alone; empty for all.
    pub app: &'a str,
    /// Where it is told.
    pub url: &'a str,
    /// The types of events; empty for all.
    pub types: &'a [String],
    /// `standard`, `srs` or `tencent`.
    pub dialect: &'a str,
    /// `active` or `paused`.
    pub state: &'a str,
}

struct HookRow {
    user_id: String,
    id: String,
    app: String,
    url: String,
    secret: String,
    old_secret: String,
    old_until_ms: i64,
    types: String,
    dialect: String,
    state: String,
    created_ms: i64,
    version: i64,
}
row!(HookRow {
    user_id,
    id,
    app,
    url,
    secret,
    old_secret,
    old_until_ms,
    types,
    dialect,
    state,
    created_ms,
    version
});

/// The columns of [`HookRow`].
macro_rules! columns {
    () => {
        "user_id, id, app, url, secret, old_secret, old_until_ms, types, dialect, state, created_ms, version"
    };
}

impl Store {
    /// Endpoints of hooks and their deliveries.
    pub fn hooks(&self) -> Hooks<'_> {
        Hooks {
            store: self,
            db: self.db(Module::Events),
        }
    }
}

/// Asks and changes hooks, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Hooks<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Hooks<'_> {
    /// Makes an endpoint.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are too many.
    pub async fn create(
        &self,
        user_id: &str,
        fields: EndpointFields<'_>,
        secret: &str,
    ) -> Result<Endpoint, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM hook_endpoints")
            .fetch_one(self.db.fresh())
            .await?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_ENDPOINTS {
            let words = format!("there are {MAX_ENDPOINTS} hooks already: remove one");
            return Err(StoreError::Bound(words));
        }
        let id = self.store.next_id()?;
        sqlx::query(
            "INSERT INTO hook_endpoints (user_id, id, app, url, secret, old_secret, old_until_ms, types, dialect, \
             state, claimed_by, claimed_until_ms, created_ms, changed_ms, version) \
             VALUES ($1, $2, $3, $4, $5, '', 0, $6, $7, $8, '', 0, $9, $9, 1)",
        )
        .bind(user_id.to_owned())
        .bind(id.to_string())
        .bind(fields.app.to_owned())
        .bind(fields.url.to_owned())
        .bind(self.store.0.sealing.close(secret, &secret_of(id))?)
        .bind(fields.types.join(" "))
        .bind(fields.dialect.to_owned())
        .bind(fields.state.to_owned())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        self.one(user_id, id).await
    }

    /// An account's endpoint.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn one(&self, user_id: &str, id: Id) -> Result<Endpoint, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM hook_endpoints WHERE user_id = $1 AND id = $2"
        );
        let row = sqlx::query_as::<_, HookRow>(SQL)
            .bind(user_id.to_owned())
            .bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        let row = row.ok_or(StoreError::Missing("hook"))?;
        Ok(self.opened(row.try_into()?).0)
    }

    /// At most `limit` of an account's endpoints behind `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        user_id: &str,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Endpoint>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM hook_endpoints WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        );
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = sqlx::query_as::<_, HookRow>(SQL)
            .bind(user_id.to_owned())
            .bind(after)
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        let opened = |row: HookRow| Ok(self.opened(row.try_into()?).0);
        rows.into_iter().map(opened).collect()
    }

    /// With its secrets as they were said, and whether they could be opened: what cannot be is empty.
    fn opened(&self, endpoint: Endpoint) -> (Endpoint, bool) {
        let owner = secret_of(endpoint.id);
        let open = |text: &str| self.store.0.sealing.open(text, &owner);
        let (secret, old_secret) = (open(&endpoint.secret), open(&endpoint.old_secret));
        let is_open = secret.is_some() && old_secret.is_some();
        let endpoint = Endpoint {
            secret: secret.unwrap_or_default(),
            old_secret: old_secret.unwrap_or_default(),
            ..endpoint
        };
        (endpoint, is_open)
    }

    /// All active endpoints, at most [`MAX_ENDPOINTS`]; without those whose secret no key here opens, as what is signed
    /// by nothing would be told to nobody who checks it.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn active(&self) -> Result<Vec<Endpoint>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM hook_endpoints WHERE state = 'active' ORDER BY id LIMIT $1"
        );
        let most = i64::try_from(MAX_ENDPOINTS).unwrap_or(i64::MAX);
        let rows = sqlx::query_as::<_, HookRow>(SQL).bind(most);
        let rows = rows.fetch_all(self.db.fresh()).await?;
        let mut active = Vec::with_capacity(rows.len());
        for row in rows {
            match self.opened(row.try_into()?) {
                (endpoint, true) => active.push(endpoint),
                (endpoint, false) => {
                    tracing::error!(hook = %endpoint.id, "no key here opens the secret of a hook: it waits");
                }
            }
        }
        Ok(active)
    }

    /// Gives an endpoint other fields.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not at `version` any more, or is gone.
    pub async fn change(
        &self,
        endpoint: (&str, Id),
        version: i64,
        fields: EndpointFields<'_>,
    ) -> Result<Endpoint, StoreError> {
        let (user_id, id) = endpoint;
        let changed = sqlx::query(
            "UPDATE hook_endpoints SET app = $4, url = $5, types = $6, dialect = $7, state = $8, changed_ms = $9, \
             version = version + 1 WHERE user_id = $1 AND id = $2 AND version = $3",
        )
        .bind(user_id.to_owned())
        .bind(id.to_string())
        .bind(version)
        .bind(fields.app.to_owned())
        .bind(fields.url.to_owned())
        .bind(fields.types.join(" "))
        .bind(fields.dialect.to_owned())
        .bind(fields.state.to_owned())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the hook"));
        }
        self.one(user_id, id).await
    }

    /// Gives an endpoint another secret; deliveries are signed with the old one too until `old_until_ms`.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn rotate(
        &self,
        endpoint: (&str, Id),
        secret: &str,
        old_until_ms: i64,
    ) -> Result<Endpoint, StoreError> {
        let (user_id, id) = endpoint;
        sqlx::query(
            "UPDATE hook_endpoints SET old_secret = secret, secret = $3, old_until_ms = $4, changed_ms = $5, \
             version = version + 1 WHERE user_id = $1 AND id = $2",
        )
        .bind(user_id.to_owned())
        .bind(id.to_string())
        .bind(self.store.0.sealing.close(secret, &secret_of(id))?)
        .bind(old_until_ms)
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        self.one(user_id, id).await
    }

    /// Removes an endpoint with all its deliveries.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove(&self, user_id: &str, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM hook_endpoints WHERE user_id = $1 AND id = $2")
            .bind(user_id.to_owned())
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("hook"));
        }
        sqlx::query("DELETE FROM deliveries WHERE user_id = $1 AND endpoint_id = $2")
            .bind(user_id.to_owned())
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// Takes or keeps the right to deliver to an endpoint until `until_ms`; false where another node has it.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn claim(
        &self,
        endpoint: (&str, Id),
        node: &str,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        let (user_id, id) = endpoint;
        let claimed = sqlx::query(
            "UPDATE hook_endpoints SET claimed_by = $3, claimed_until_ms = $4 \
             WHERE user_id = $1 AND id = $2 AND state = 'active' AND (claimed_by = $3 OR claimed_until_ms < $5)",
        )
        .bind(user_id.to_owned())
        .bind(id.to_string())
        .bind(node.to_owned())
        .bind(until_ms)
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        Ok(claimed.rows_affected() > 0)
    }

    /// Gives that right back.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn release(&self, endpoint: (&str, Id), node: &str) -> Result<(), StoreError> {
        let (user_id, id) = endpoint;
        sqlx::query(
            "UPDATE hook_endpoints SET claimed_by = '', claimed_until_ms = 0 \
             WHERE user_id = $1 AND id = $2 AND claimed_by = $3",
        )
        .bind(user_id.to_owned())
        .bind(id.to_string())
        .bind(node.to_owned())
        .execute(self.db.write())
        .await?;
        Ok(())
    }
}

impl TryFrom<HookRow> for Endpoint {
    type Error = StoreError;

    fn try_from(row: HookRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: row.user_id,
            id: id::stored(&row.id)?,
            app: row.app,
            url: row.url,
            secret: row.secret,
            old_secret: row.old_secret,
            old_until_ms: row.old_until_ms,
            types: row.types.split_whitespace().map(str::to_owned).collect(),
            dialect: row.dialect,
            state: row.state,
            created_ms: row.created_ms,
            version: row.version,
        })
    }
}

/// To whom the secrets of an endpoint are sealed.
pub(crate) fn secret_of(id: Id) -> String {
    format!("secret of {id}")
}
