//! Numbers for what changes in content: see `changes.rs` for who reads them.

use crate::db::Writing;
use crate::error::StoreError;
use crate::id::Id;

/// Something that others keep copies of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thing {
    /// By its name.
    App(String),
    /// By its owner and id.
    Channel(Id, Id),
    /// By its owner and hash.
    Key(Id, String),
    /// By its id.
    Ban(Id),
    /// Leave to watch the channel of this id, which this account had: the row itself is all there is of it.
    Leave(Id, Id),
    /// By its id.
    Page(Id),
    /// By its name.
    Category(String),
}

/// Gives a thing the next number. Others who change something wait from here to the commit, so it is the last act
/// of a transaction.
pub(crate) async fn mark(
    writing: &mut Writing,
    thing: &Thing,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (kind, id, user_id) = thing.parts();
    sqlx::query(
        "INSERT INTO content_clock (one, seq, series) VALUES (1, 1, '') \
         ON CONFLICT (one) DO UPDATE SET seq = content_clock.seq + 1",
    )
    .execute(&mut **writing)
    .await?;
    sqlx::query(
        "INSERT INTO content_changes (kind, id, user_id, seq, at_ms) \
         SELECT $1, $2, $3, seq, $4 FROM content_clock WHERE one = 1 \
         ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq, user_id = excluded.user_id, at_ms = excluded.at_ms",
    )
    .bind(kind)
    .bind(id)
    .bind(user_id)
    .bind(now_ms)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

impl Thing {
    fn parts(&self) -> (&'static str, String, String) {
        match self {
            Self::App(name) => ("app", name.clone(), String::new()),
            Self::Channel(user_id, id) => ("channel", id.to_string(), user_id.to_string()),
            Self::Key(user_id, hash) => ("key", hash.clone(), user_id.to_string()),
            Self::Ban(id) => ("ban", id.to_string(), String::new()),
            Self::Leave(channel_id, account) => (
                "leave",
                format!("{channel_id} {account}"),
                account.to_string(),
            ),
            Self::Page(id) => ("page", id.to_string(), String::new()),
            Self::Category(name) => ("category", name.clone(), String::new()),
        }
    }
}
