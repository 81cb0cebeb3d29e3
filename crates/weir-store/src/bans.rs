//! Rows of bans and of appeals against them. Whether somebody may ban is decided above.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use crate::channels::Channel;
use crate::db::{Db, IDS_AT_ONCE, Writing, list};
use crate::error::StoreError;
use crate::id::{self, Id, upper};
use crate::mark::{Thing, mark};
use crate::module::Module;
use crate::store::Store;

/// Bans that stand on one channel: each node that admits keeps all of them in memory.
const CHANNEL_BANS: i64 = 1_000;

/// Whom or what a ban hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// An account, by its id.
    Account,
    /// A network in CIDR form.
    Network,
    /// A stream, as `app/stream`.
    Stream,
}

/// A ban to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewBan<'a> {
    /// Where it counts; `None`: everywhere.
    pub channel: Option<&'a Channel>,
    /// What `subject` is.
    pub kind: SubjectKind,
    /// Whom or what it hits.
    pub subject: &'a str,
    /// `publish`, `play` or `both`.
    pub stops: &'a str,
    /// What the banned are told.
    pub reason: &'a str,
    /// Who banned.
    pub by_user: &'a str,
    /// When it ends, milliseconds since 1970; 0: when somebody lifts it.
    pub expires_ms: i64,
}

/// A row of `bans`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Its own id.
    pub id: Id,
    /// Where it counts; `None`: everywhere.
    pub channel_id: Option<Id>,
    /// What `subject` is.
    pub kind: SubjectKind,
    /// Whom or what it hits.
    pub subject: String,
    /// `publish`, `play` or `both`.
    pub stops: String,
    /// What the banned are told.
    pub reason: String,
    /// Who banned.
    pub by_user: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, milliseconds since 1970; 0: when somebody lifts it.
    pub expires_ms: i64,
    /// When it was lifted, milliseconds since 1970; 0: it was not.
    pub lifted_ms: i64,
    /// By whom.
    pub lifted_by: String,
}

/// A row of `appeals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// Who appeals.
    pub user_id: Id,
    /// Against what.
    pub ban_id: Id,
    /// Its own id.
    pub id: Id,
    /// What they say.
    pub words: String,
    /// `open`, `granted` or `denied`.
    pub state: String,
    /// What they are told.
    pub answer: String,
    /// When it was decided, milliseconds since 1970; 0: it was not.
    pub decided_ms: i64,
}

struct BanRow {
    id: String,
    channel_id: String,
    subject_kind: String,
    subject: String,
    stops: String,
    reason: String,
    by_user: String,
    created_ms: i64,
    expires_ms: i64,
    lifted_ms: i64,
    lifted_by: String,
}
row!(BanRow {
    id,
    channel_id,
    subject_kind,
    subject,
    stops,
    reason,
    by_user,
    created_ms,
    expires_ms,
    lifted_ms,
    lifted_by
});

struct AppealRow {
    user_id: String,
    ban_id: String,
    id: String,
    words: String,
    state: String,
    answer: String,
    decided_ms: i64,
}
row!(AppealRow {
    user_id,
    ban_id,
    id,
    words,
    state,
    answer,
    decided_ms
});

/// The columns of [`BanRow`].
macro_rules! columns {
    () => {
        "id, channel_id, subject_kind, subject, stops, reason, by_user, created_ms, expires_ms, lifted_ms, lifted_by"
    };
}

/// The columns of [`AppealRow`].
macro_rules! appeal_columns {
    () => {
        "a.user_id, a.ban_id, a.id, a.words, a.state, a.answer, a.decided_ms"
    };
}

impl Store {
    /// Who or what may not, and what they say against it.
    pub fn bans(&self) -> Bans<'_> {
        Bans {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Asks and changes bans and appeals, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Bans<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Bans<'_> {
    /// Bans.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where a channel has as many as may be.
    pub async fn create(&self, new: &NewBan<'_>) -> Result<Ban, StoreError> {
        let ban = Ban {
            id: self.store.next_id()?,
            channel_id: new.channel.map(|channel| channel.id),
            kind: new.kind,
            subject: new.subject.to_owned(),
            stops: new.stops.to_owned(),
            reason: new.reason.to_owned(),
            by_user: new.by_user.to_owned(),
            created_ms: self.store.now_ms(),
            expires_ms: new.expires_ms,
            lifted_ms: 0,
            lifted_by: String::new(),
        };
        let channel_id = channel_text(ban.channel_id);
        let mut writing = self.db.begin().await?;
        if new.channel.is_some() {
            self.has_room(&mut writing, &channel_id).await?;
        }
        sqlx::query(
            "INSERT INTO bans (id, channel_id, subject_kind, subject, stops, reason, by_user, created_ms, \
             expires_ms, lifted_ms, lifted_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '')",
        )
        .bind(ban.id.to_string())
        .bind(channel_id)
        .bind(ban.kind.name())
        .bind(ban.subject.clone())
        .bind(ban.stops.clone())
        .bind(ban.reason.clone())
        .bind(ban.by_user.clone())
        .bind(ban.created_ms)
        .bind(ban.expires_ms)
        .execute(&mut *writing)
        .await?;
        mark(&mut writing, &Thing::Ban(ban.id), ban.created_ms).await?;
        writing.commit().await?;
        Ok(ban)
    }

    /// Lifts a ban; one that was lifted stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn lift(&self, id: Id, by_user: &str) -> Result<Ban, StoreError> {
        let mut writing = self.db.begin().await?;
        self.lift_in(&mut writing, id, by_user).await?;
        mark(&mut writing, &Thing::Ban(id), self.store.now_ms()).await?;
        writing.commit().await?;
        self.by_id(id).await
    }

    /// The ban of this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, id: Id) -> Result<Ban, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM bans WHERE id = $1");
        let row = sqlx::query_as::<_, BanRow>(SQL).bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("ban"))?.try_into()
    }

    /// The bans among these ids.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn by_ids(&self, ids: &[Id]) -> Result<HashMap<Id, Ban>, StoreError> {
        let mut bans = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(IDS_AT_ONCE) {
            let sql = format!(
                concat!("SELECT ", columns!(), " FROM bans WHERE id IN {}"),
                list(0, ids.len())
            );
            // Only the numbers of the places are not written here.
            let mut rows = sqlx::query_as::<_, BanRow>(AssertSqlSafe(sql));
            for id in ids {
                rows = rows.bind(id.to_string());
            }
            for row in rows.fetch_all(self.db.fresh()).await? {
                let ban = Ban::try_from(row)?;
                bans.insert(ban.id, ban);
            }
        }
        Ok(bans)
    }

    /// At most `limit` bans on a channel (`None`: everywhere), the newest first, made before `before`; with those
    /// that ended.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        channel_id: Option<Id>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Ban>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM bans WHERE channel_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
        );
        let rows = sqlx::query_as::<_, BanRow>(SQL)
            .bind(channel_text(channel_id))
            .bind(upper(before))
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Ban::try_from).collect()
    }

    /// The ban that stands against an account, on a channel (`None`: everywhere).
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn standing(
        &self,
        account: Id,
        channel_id: Option<Id>,
    ) -> Result<Option<Ban>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM bans WHERE subject_kind = 'account' AND subject = $1 AND channel_id = $2 AND lifted_ms = 0 \
             AND (expires_ms = 0 OR expires_ms > $3) ORDER BY id DESC LIMIT 1"
        );
        let row = sqlx::query_as::<_, BanRow>(SQL)
            .bind(account.to_string())
            .bind(channel_text(channel_id))
            .bind(self.store.now_ms());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.map(Ban::try_from).transpose()
    }

    /// At most `limit` bans that somebody may appeal against: those on the account and on its streams.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn against(
        &self,
        kind: SubjectKind,
        subject: &str,
        limit: u32,
    ) -> Result<Vec<Ban>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM bans WHERE subject_kind = $1 AND subject = $2 AND lifted_ms = 0 \
             AND (expires_ms = 0 OR expires_ms > $3) ORDER BY id DESC LIMIT $4"
        );
        let rows = sqlx::query_as::<_, BanRow>(SQL)
            .bind(kind.name())
            .bind(subject.to_owned())
            .bind(self.store.now_ms())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Ban::try_from).collect()
    }

    /// At most `limit` bans that stand, on channels and everywhere, behind the one of this id.
    pub(crate) async fn standing_behind(
        &self,
        id: &str,
        limit: u32,
    ) -> Result<Vec<Ban>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM bans WHERE id > $1 AND lifted_ms = 0 \
             AND (expires_ms = 0 OR expires_ms > $2) ORDER BY id LIMIT $3"
        );
        let rows = sqlx::query_as::<_, BanRow>(SQL)
            .bind(id.to_owned())
            .bind(self.store.now_ms())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Ban::try_from).collect()
    }

    /// Says something against a ban, once.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where they did before.
    pub async fn appeal(&self, user_id: Id, ban: &Ban, words: &str) -> Result<Appeal, StoreError> {
        let id = self.store.next_id()?;
        let mut writing = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO appeals (user_id, ban_id, id, words, state, answer, decided_by, decided_ms) \
             VALUES ($1, $2, $3, $4, 'open', '', '', 0)",
        )
        .bind(user_id.to_string())
        .bind(ban.id.to_string())
        .bind(id.to_string())
        .bind(words)
        .execute(&mut *writing)
        .await
        .map_err(|error| StoreError::from(error).taken("the one appeal against this ban"))?;
        sqlx::query(
            "INSERT INTO open_appeals (channel_id, id, user_id, ban_id) VALUES ($1, $2, $3, $4)",
        )
        .bind(channel_text(ban.channel_id))
        .bind(id.to_string())
        .bind(user_id.to_string())
        .bind(ban.id.to_string())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(Appeal {
            user_id,
            ban_id: ban.id,
            id,
            words: words.to_owned(),
            state: "open".to_owned(),
            answer: String::new(),
            decided_ms: 0,
        })
    }

    /// Decides an appeal; one that is granted lifts the ban.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where no such appeal is open.
    pub async fn decide(
        &self,
        ban: &Ban,
        appeal: Id,
        is_granted: bool,
        answer: &str,
        by_user: &str,
    ) -> Result<Appeal, StoreError> {
        let mut writing = self.db.begin().await?;
        let user_id: Option<String> = sqlx::query_scalar(
            "DELETE FROM open_appeals WHERE channel_id = $1 AND id = $2 AND ban_id = $3 RETURNING user_id",
        )
        .bind(channel_text(ban.channel_id))
        .bind(appeal.to_string())
        .bind(ban.id.to_string())
        .fetch_optional(&mut *writing)
        .await?;
        let user_id = user_id.ok_or(StoreError::Missing("open appeal"))?;
        sqlx::query(
            "UPDATE appeals SET state = $3, answer = $4, decided_by = $5, decided_ms = $6 \
             WHERE user_id = $1 AND ban_id = $2",
        )
        .bind(user_id.clone())
        .bind(ban.id.to_string())
        .bind(if is_granted { "granted" } else { "denied" })
        .bind(answer)
        .bind(by_user)
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        if is_granted {
            self.lift_in(&mut writing, ban.id, by_user).await?;
            mark(&mut writing, &Thing::Ban(ban.id), self.store.now_ms()).await?;
        }
        writing.commit().await?;
        self.appeal_of(id::stored(&user_id)?, ban.id).await
    }

    /// What somebody said against a ban.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn appeal_of(&self, user_id: Id, ban_id: Id) -> Result<Appeal, StoreError> {
        let mut found = self.appeals_of(user_id, &[ban_id]).await?;
        found.remove(&ban_id).ok_or(StoreError::Missing("appeal"))
    }

    /// What somebody said against these bans, by the ban.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn appeals_of(
        &self,
        user_id: Id,
        ban_ids: &[Id],
    ) -> Result<HashMap<Id, Appeal>, StoreError> {
        let mut appeals = HashMap::with_capacity(ban_ids.len());
        for ids in ban_ids.chunks(IDS_AT_ONCE) {
            let sql = format!(
                concat!(
                    "SELECT ",
                    appeal_columns!(),
                    " FROM appeals a WHERE a.user_id = $1 AND a.ban_id IN {}"
                ),
                list(1, ids.len())
            );
            // Only the numbers of the places are not written here.
            let mut rows = sqlx::query_as::<_, AppealRow>(AssertSqlSafe(sql));
            rows = rows.bind(user_id.to_string());
            for id in ids {
                rows = rows.bind(id.to_string());
            }
            for row in rows.fetch_all(self.db.fresh()).await? {
                let appeal = Appeal::try_from(row)?;
                appeals.insert(appeal.ban_id, appeal);
            }
        }
        Ok(appeals)
    }

    /// At most `limit` appeals that nobody decided, against bans on a channel (`None`: everywhere), oldest first,
    /// behind `after`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn open_appeals(
        &self,
        channel_id: Option<Id>,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Appeal>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            appeal_columns!(),
            " FROM open_appeals o JOIN appeals a ON a.user_id = o.user_id AND a.ban_id = o.ban_id \
             WHERE o.channel_id = $1 AND o.id > $2 ORDER BY o.id LIMIT $3"
        );
        let rows = sqlx::query_as::<_, AppealRow>(SQL)
            .bind(channel_text(channel_id))
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Appeal::try_from).collect()
    }

    async fn has_room(&self, writing: &mut Writing, channel_id: &str) -> Result<(), StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM bans WHERE channel_id = $1 AND lifted_ms = 0 \
             AND (expires_ms = 0 OR expires_ms > $2)",
        )
        .bind(channel_id.to_owned())
        .bind(self.store.now_ms())
        .fetch_one(&mut **writing)
        .await?;
        if count >= CHANNEL_BANS {
            let words = format!("a channel may have {CHANNEL_BANS} bans: lift one first");
            return Err(StoreError::Bound(words));
        }
        Ok(())
    }

    async fn lift_in(
        &self,
        writing: &mut Writing,
        id: Id,
        by_user: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE bans SET lifted_ms = $2, lifted_by = $3 WHERE id = $1 AND lifted_ms = 0",
        )
        .bind(id.to_string())
        .bind(self.store.now_ms())
        .bind(by_user.to_owned())
        .execute(&mut **writing)
        .await?;
        Ok(())
    }
}

/// A channel as its column has it: empty for everywhere.
fn channel_text(channel_id: Option<Id>) -> String {
    channel_id.map(|id| id.to_string()).unwrap_or_default()
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Account, Self::Network, Self::Stream];

    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Network => "network",
            Self::Stream => "stream",
        }
    }

    fn stored(text: &str) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| StoreError::Damaged(format!("a subject in a row: {text:?}")))
    }
}

impl TryFrom<BanRow> for Ban {
    type Error = StoreError;

    fn try_from(row: BanRow) -> Result<Self, StoreError> {
        let channel_id = match row.channel_id.is_empty() {
            true => None,
            false => Some(id::stored(&row.channel_id)?),
        };
        Ok(Self {
            id: id::stored(&row.id)?,
            channel_id,
            kind: SubjectKind::stored(&row.subject_kind)?,
            subject: row.subject,
            stops: row.stops,
            reason: row.reason,
            by_user: row.by_user,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            lifted_ms: row.lifted_ms,
            lifted_by: row.lifted_by,
        })
    }
}

impl TryFrom<AppealRow> for Appeal {
    type Error = StoreError;

    fn try_from(row: AppealRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            ban_id: id::stored(&row.ban_id)?,
            id: id::stored(&row.id)?,
            words: row.words,
            state: row.state,
            answer: row.answer,
            decided_ms: row.decided_ms,
        })
    }
}
