//! Rows of channels: made, found, changed, taken away. Whether somebody may is decided above, and so is what a
//! name may be.
//!
//! What belongs to a channel has a file for each kind below this one.

mod follows;
mod keys;
mod listing;
mod row;
mod schedule;
mod team;
mod words;

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

pub use follows::{Follow, Follower};
pub use keys::{NewStreamKey, StreamKey};
pub use listing::{ChannelCard, ListedBy};
pub use schedule::{ScheduledBroadcast, Timing};
pub use team::{Member, MemberRole};

use row::{ChannelRow, columns};

use crate::db::{Db, IDS_AT_ONCE, Writing, list};
use crate::error::StoreError;
use crate::id::Id;
use crate::mark::{Thing, mark};
use crate::module::Module;
use crate::store::Store;

/// Who may watch a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Anybody; it stands in lists.
    #[default]
    Public,
    /// Anybody who knows its name.
    Unlisted,
    /// Who knows its password.
    Password,
    /// Who follows it.
    Followers,
    /// Its owner and their team.
    Private,
}

/// What a channel begins with; all else is empty, and its version 1.
#[derive(Debug, Clone)]
pub struct NewChannel<'a> {
    /// The owner.
    pub user_id: Id,
    /// In URLs.
    pub name: &'a str,
    /// The name folded, so that look-alikes are one.
    pub skeleton: &'a str,
    /// The app of its stream.
    pub app: &'a str,
    /// As it is shown.
    pub title: &'a str,
    /// So many channels the owner may have at most, this one counted.
    pub most: u32,
}

/// A row of `channels`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The owner.
    pub user_id: Id,
    /// Its own id.
    pub id: Id,
    /// In URLs.
    pub name: String,
    /// The app of its stream.
    pub app: String,
    /// As it is shown.
    pub title: String,
    /// About it, in Markdown.
    pub description: String,
    /// What it is about; empty for nothing.
    pub category: String,
    /// In which language it is; empty for none.
    pub language: String,
    /// Id of its picture; empty for none.
    pub cover: String,
    /// Who may watch.
    pub visibility: Visibility,
    /// argon2id in PHC form; empty for none.
    pub password_hash: String,
    /// Leaves to watch of an earlier round have ended.
    pub play_round: i64,
    /// Seconds between two pictures of its stream; 0 for none, -1 for as its app says.
    pub shot_every_s: i64,
    /// Whether its stream is recorded of which its publisher's address says nothing; `None`: as its app says.
    pub record: Option<bool>,
    /// How many follow it.
    pub followers: i64,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last changed, milliseconds since 1970.
    pub changed_ms: i64,
    /// How often it was changed.
    pub version: i64,
}

/// What is to be changed of a channel; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelEdit<'a> {
    /// As [`Channel::title`].
    pub title: Option<&'a str>,
    /// As [`Channel::description`].
    pub description: Option<&'a str>,
    /// As [`Channel::category`].
    pub category: Option<&'a str>,
    /// As [`Channel::language`].
    pub language: Option<&'a str>,
    /// As [`Channel::cover`].
    pub cover: Option<&'a str>,
    /// As [`Channel::visibility`].
    pub visibility: Option<Visibility>,
    /// As [`Channel::password_hash`].
    pub password_hash: Option<&'a str>,
    /// As [`Channel::shot_every_s`].
    pub shot_every_s: Option<i64>,
    /// As [`Channel::record`].
    pub record: Option<Option<bool>>,
}

impl Store {
    /// Rows of channels and what belongs to them.
    pub fn channels(&self) -> Channels<'_> {
        Channels {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Asks and changes the content database, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Channels<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Channels<'_> {
    /// Makes a channel.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where the name or one that looks like it is somebody's, [`StoreError::Bound`] where
    /// the owner has as many as may be.
    pub async fn create(&self, new: &NewChannel<'_>) -> Result<Channel, StoreError> {
        let id = self.store.next_id()?;
        let mut writing = self.db.begin().await?;
        count_one_more(&mut writing, new.user_id, new.most).await?;
        sqlx::query(
            "INSERT INTO channel_names (name, skeleton, user_id, channel_id) VALUES ($1, $2, $3, $4)",
        )
        .bind(new.name)
        .bind(new.skeleton)
        .bind(new.user_id.to_string())
        .bind(id.to_string())
        .execute(&mut *writing)
        .await
        .map_err(|error| StoreError::from(error).taken("the name"))?;
        sqlx::query(
            "INSERT INTO channels (user_id, id, name, app, title, description, category, language, cover, \
             visibility, password_hash, play_round, followers, created_ms, changed_ms, version) \
             VALUES ($1, $2, $3, $4, $5, '', '', '', '', 'public', '', 1, 0, $6, $6, 1)",
        )
        .bind(new.user_id.to_string())
        .bind(id.to_string())
        .bind(new.name)
        .bind(new.app)
        .bind(new.title)
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        let made = of_row(by_id(&mut writing, new.user_id, id).await?)?;
        listing::list(&mut writing, None, &made).await?;
        self.changed(&mut writing, &made).await?;
        writing.commit().await?;
        Ok(made)
    }

    /// The channel of this name.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_name(&self, name: &str) -> Result<Channel, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM channel_names n JOIN channels c ON c.user_id = n.user_id AND c.id = n.channel_id \
             WHERE n.name = $1"
        );
        let row = sqlx::query_as::<_, ChannelRow>(SQL).bind(name.to_owned());
        of_row(row.fetch_optional(self.db.fresh()).await?)
    }

    /// What the channels among these ids are called.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn names_of(&self, ids: &[Id]) -> Result<HashMap<Id, String>, StoreError> {
        const HEAD: &str = "SELECT channel_id, name FROM channel_names WHERE channel_id IN";
        self.db.named(HEAD, ids).await
    }

    /// The channels among these, each said by its owner and its id.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn by_ids(&self, places: &[(Id, Id)]) -> Result<HashMap<Id, Channel>, StoreError> {
        let mut channels = HashMap::with_capacity(places.len());
        for places in places.chunks(IDS_AT_ONCE) {
            let count = places.len();
            // By owners, too: they say where a row is in tables that are split.
            let sql = format!(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM channels c WHERE c.user_id IN {} AND c.id IN {}"
                ),
                list(0, count),
                list(count, count)
            );
            // Only the numbers of the places are not written here.
            let mut rows = sqlx::query_as::<_, ChannelRow>(AssertSqlSafe(sql));
            let (owners, ids) = (
                places.iter().map(|one| one.0),
                places.iter().map(|one| one.1),
            );
            for id in owners.chain(ids) {
                rows = rows.bind(id.to_string());
            }
            for row in rows.fetch_all(self.db.fresh()).await? {
                let channel = Channel::try_from(row)?;
                channels.insert(channel.id, channel);
            }
        }
        Ok(channels)
    }

    /// The channel of this owner and id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, user_id: Id, id: Id) -> Result<Channel, StoreError> {
        let mut reading = self.db.fresh().acquire().await?;
        of_row(by_id(&mut reading, user_id, id).await?)
    }

    /// At most `limit` channels of an owner behind `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn of_owner(
        &self,
        user_id: Id,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Channel>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM channels c WHERE c.user_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3"
        );
        let rows = sqlx::query_as::<_, ChannelRow>(SQL)
            .bind(user_id.to_string())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Channel::try_from).collect()
    }

    /// At most `limit` channels of all, whatever their visibility, behind the one of this owner and id.
    pub(crate) async fn all(
        &self,
        user_id: &str,
        id: &str,
        limit: u32,
    ) -> Result<Vec<Channel>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM channels c WHERE (c.user_id, c.id) > ($1, $2) ORDER BY c.user_id, c.id LIMIT $3"
        );
        let rows = sqlx::query_as::<_, ChannelRow>(SQL)
            .bind(user_id.to_owned())
            .bind(id.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Channel::try_from).collect()
    }

    /// Changes a channel that is at `version`. Another password or a narrower visibility begins a new round.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not at `version` any more, [`StoreError::Missing`].
    pub async fn edit(
        &self,
        (user_id, id): (Id, Id),
        version: i64,
        edit: &ChannelEdit<'_>,
    ) -> Result<Channel, StoreError> {
        let mut writing = self.db.begin().await?;
        let before = of_row(by_id(&mut writing, user_id, id).await?)?;
        if before.version != version {
            return Err(StoreError::Changed("the channel"));
        }
        let mut after = before.clone();
        edit.apply(&mut after);
        after.changed_ms = self.store.now_ms();
        let changed = sqlx::query(
            "UPDATE channels SET title = $4, description = $5, category = $6, language = $7, cover = $8, \
             visibility = $9, password_hash = $10, play_round = $11, changed_ms = $12, \
             shot_every_s = $13, record = $14, version = version + 1 \
             WHERE user_id = $1 AND id = $2 AND version = $3",
        )
        .bind(user_id.to_string())
        .bind(id.to_string())
        .bind(version)
        .bind(after.title.clone())
        .bind(after.description.clone())
        .bind(after.category.clone())
        .bind(after.language.clone())
        .bind(after.cover.clone())
        .bind(after.visibility.name())
        .bind(after.password_hash.clone())
        .bind(after.play_round)
        .bind(after.changed_ms)
        .bind(after.shot_every_s)
        .bind(after.record.map_or(-1, i64::from))
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the channel"));
        }
        after.version += 1;
        listing::list(&mut writing, Some(&before), &after).await?;
        self.changed(&mut writing, &after).await?;
        writing.commit().await?;
        Ok(after)
    }

    /// Ends all leaves to watch that were given until now.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn next_round(&self, channel: &Channel) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let changed = sqlx::query(
            "UPDATE channels SET play_round = play_round + 1 WHERE user_id = $1 AND id = $2",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Missing("channel"));
        }
        self.changed(&mut writing, channel).await?;
        writing.commit().await.map_err(StoreError::from)
    }

    /// Takes a channel away with all that belongs to it. Its name is free again.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove(&self, channel: &Channel) -> Result<(), StoreError> {
        let (user_id, id) = (channel.user_id.to_string(), channel.id.to_string());
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM channels WHERE user_id = $1 AND id = $2")
            .bind(user_id.clone())
            .bind(id.clone())
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("channel"));
        }
        sqlx::query("UPDATE channel_owners SET channels = channels - 1 WHERE user_id = $1")
            .bind(user_id.clone())
            .execute(&mut *writing)
            .await?;
        sqlx::query("DELETE FROM channel_names WHERE channel_id = $1 AND name = $2")
            .bind(id.clone())
            .bind(channel.name.clone())
            .execute(&mut *writing)
            .await?;
        listing::unlist(&mut writing, channel.id).await?;
        sqlx::query(
            "UPDATE recordings SET state = 'deleting', version = version + 1 \
             WHERE user_id = $1 AND channel_id = $2 AND held = 0",
        )
        .bind(user_id.clone())
        .bind(id.clone())
        .execute(&mut *writing)
        .await?;
        sqlx::query("DELETE FROM scheduled_broadcasts WHERE user_id = $1 AND channel_id = $2")
            .bind(user_id.clone())
            .bind(id.clone())
            .execute(&mut *writing)
            .await?;
        let keys: Vec<String> = sqlx::query_scalar(
            "DELETE FROM stream_keys WHERE user_id = $1 AND channel_id = $2 RETURNING key_hash",
        )
        .bind(user_id)
        .bind(id)
        .fetch_all(&mut *writing)
        .await?;
        self.disband(&mut writing, channel).await?;
        self.changed(&mut writing, channel).await?;
        for hash in keys {
            let thing = Thing::Key(channel.user_id, hash);
            mark(&mut writing, &thing, self.store.now_ms()).await?;
        }
        writing.commit().await?;
        self.let_followers_go(channel.id).await
    }

    /// Whoever keeps a copy learns that somebody may watch a channel no more by what they have been given; the last
    /// act of a transaction.
    async fn leave_ended(
        &self,
        writing: &mut Writing,
        channel: &Channel,
        account: Id,
    ) -> Result<(), StoreError> {
        let thing = Thing::Leave(channel.id, account);
        mark(writing, &thing, self.store.now_ms()).await
    }

    /// Whoever keeps a copy of channels learns that this one changed; the last act of a transaction.
    async fn changed(&self, writing: &mut Writing, channel: &Channel) -> Result<(), StoreError> {
        let thing = Thing::Channel(channel.user_id, channel.id);
        mark(writing, &thing, self.store.now_ms()).await
    }
}

/// Counts one more channel of an owner.
async fn count_one_more(writing: &mut Writing, user_id: Id, most: u32) -> Result<(), StoreError> {
    let counted = sqlx::query(
        "INSERT INTO channel_owners (user_id, channels) VALUES ($1, 1) \
         ON CONFLICT (user_id) DO UPDATE SET channels = channel_owners.channels + 1 \
         WHERE channel_owners.channels < $2",
    )
    .bind(user_id.to_string())
    .bind(i64::from(most))
    .execute(&mut **writing)
    .await?;
    if counted.rows_affected() == 0 || most == 0 {
        let words = format!("an account may have {most} channels here: take one away first");
        return Err(StoreError::Bound(words));
    }
    Ok(())
}

/// Holds the row of a channel, so that of two who change what belongs to it one waits.
async fn hold(writing: &mut Writing, user_id: Id, id: Id) -> Result<(), StoreError> {
    let held = sqlx::query("UPDATE channels SET version = version WHERE user_id = $1 AND id = $2")
        .bind(user_id.to_string())
        .bind(id.to_string())
        .execute(&mut **writing)
        .await?;
    match held.rows_affected() {
        0 => Err(StoreError::Missing("channel")),
        _ => Ok(()),
    }
}

async fn by_id(
    reading: &mut sqlx::AnyConnection,
    user_id: Id,
    id: Id,
) -> Result<Option<ChannelRow>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM channels c WHERE c.user_id = $1 AND c.id = $2"
    );
    let row = sqlx::query_as::<_, ChannelRow>(SQL)
        .bind(user_id.to_string())
        .bind(id.to_string());
    Ok(row.fetch_optional(reading).await?)
}

fn of_row(row: Option<ChannelRow>) -> Result<Channel, StoreError> {
    row.ok_or(StoreError::Missing("channel"))?.try_into()
}

impl ChannelEdit<'_> {
    fn apply(&self, channel: &mut Channel) {
        let set = |field: &mut String, to: Option<&str>| {
            if let Some(to) = to {
                to.clone_into(field);
            }
        };
        let (visibility, password) = (channel.visibility, channel.password_hash.clone());
        set(&mut channel.title, self.title);
        set(&mut channel.description, self.description);
        set(&mut channel.category, self.category);
        set(&mut channel.language, self.language);
        set(&mut channel.cover, self.cover);
        set(&mut channel.password_hash, self.password_hash);
        channel.visibility = self.visibility.unwrap_or(visibility);
        channel.shot_every_s = self.shot_every_s.unwrap_or(channel.shot_every_s);
        channel.record = self.record.unwrap_or(channel.record);
        if channel.visibility != visibility || channel.password_hash != password {
            channel.play_round += 1;
        }
    }
}

impl Visibility {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Public,
        Self::Unlisted,
        Self::Password,
        Self::Followers,
        Self::Private,
    ];

    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Password => "password",
            Self::Followers => "followers",
            Self::Private => "private",
        }
    }

    fn stored(text: &str) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|one| one.name() == text);
        known.ok_or_else(|| StoreError::Damaged(format!("a visibility in a row: {text:?}")))
    }
}
