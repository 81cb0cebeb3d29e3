//! Who helps with a channel, or may watch it in any case: kept from both sides.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::{Channel, Channels, hold};
use crate::db::{IDS_AT_ONCE, Writing, list};
use crate::error::StoreError;
use crate::id::{self, Id};

/// Members of one channel's team.
const MEMBERS: i64 = 200;
/// Teams that one account is listed in.
const TEAMS: i64 = 200;

/// What a member of a team does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRole {
    /// Watches, whoever else may.
    Guest,
    /// Changes what is said of the channel, and its schedule; goes live.
    Editor,
    /// Bans from the channel, and hears who appeals.
    Moderator,
}

/// A row of `channel_members`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: Id,
    /// As what.
    pub role: MemberRole,
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
}

struct MemberRow {
    member_id: String,
    role: String,
    since_ms: i64,
}
row!(MemberRow {
    member_id,
    role,
    since_ms
});

struct PlaceRow {
    owner_id: String,
    channel_id: String,
}
row!(PlaceRow {
    owner_id,
    channel_id
});

impl Channels<'_> {
    /// Takes somebody into the team, or gives them another role in it.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where it has as many as may be, [`StoreError::Missing`].
    pub async fn set_member(
        &self,
        channel: &Channel,
        member: Id,
        role: MemberRole,
    ) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        hold(&mut writing, channel.user_id, channel.id).await?;
        sqlx::query(
            "INSERT INTO channel_members (user_id, channel_id, member_id, role, since_ms) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id, channel_id, member_id) DO UPDATE SET role = excluded.role",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(member.to_string())
        .bind(role.name())
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM channel_members WHERE user_id = $1 AND channel_id = $2",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .fetch_one(&mut *writing)
        .await?;
        if count > MEMBERS {
            let words = format!("a team may have {MEMBERS} members: let one go first");
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO memberships (user_id, channel_id, owner_id) VALUES ($1, $2, $3) \
             ON CONFLICT (user_id, channel_id) DO NOTHING",
        )
        .bind(member.to_string())
        .bind(channel.id.to_string())
        .bind(channel.user_id.to_string())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(())
    }

    /// Lets somebody go out of the team.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove_member(&self, channel: &Channel, member: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM channel_members WHERE user_id = $1 AND channel_id = $2 AND member_id = $3",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(member.to_string())
        .execute(&mut *writing)
        .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("member"));
        }
        leave(&mut writing, &member.to_string(), channel).await?;
        self.leave_ended(&mut writing, channel, member).await?;
        writing.commit().await?;
        Ok(())
    }

    /// The team, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn members(&self, channel: &Channel) -> Result<Vec<Member>, StoreError> {
        let rows = sqlx::query_as::<_, MemberRow>(
            "SELECT member_id, role, since_ms FROM channel_members WHERE user_id = $1 AND channel_id = $2 \
             ORDER BY since_ms, member_id LIMIT $3",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(MEMBERS);
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Member::try_from).collect()
    }

    /// As what somebody helps with a channel, if they do.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn role_in(
        &self,
        channel: &Channel,
        user_id: Id,
    ) -> Result<Option<MemberRole>, StoreError> {
        let role: Option<String> = sqlx::query_scalar(
            "SELECT role FROM channel_members WHERE user_id = $1 AND channel_id = $2 AND member_id = $3",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(user_id.to_string())
        .fetch_optional(self.db.fresh())
        .await?;
        role.as_deref().map(MemberRole::stored).transpose()
    }

    /// What somebody helps as with the channels among these, each said by its owner and its id.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn roles_in(
        &self,
        places: &[(Id, Id)],
        user_id: Id,
    ) -> Result<HashMap<Id, MemberRole>, StoreError> {
        let mut roles = HashMap::with_capacity(places.len());
        for places in places.chunks(IDS_AT_ONCE) {
            let count = places.len();
            let sql = format!(
                "SELECT channel_id, role FROM channel_members WHERE member_id = $1 AND user_id IN {} \
                 AND channel_id IN {}",
                list(1, count),
                list(1 + count, count)
            );
            // Only the numbers of the places are not written here.
            let mut rows = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(sql));
            rows = rows.bind(user_id.to_string());
            let (owners, ids) = (
                places.iter().map(|one| one.0),
                places.iter().map(|one| one.1),
            );
            for id in owners.chain(ids) {
                rows = rows.bind(id.to_string());
            }
            for (id, role) in rows.fetch_all(self.db.fresh()).await? {
                roles.insert(id::stored(&id)?, MemberRole::stored(&role)?);
            }
        }
        Ok(roles)
    }

    /// Owner and id of each channel that somebody helps with.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn teams_of(&self, user_id: Id) -> Result<Vec<(Id, Id)>, StoreError> {
        let rows = sqlx::query_as::<_, PlaceRow>(
            "SELECT owner_id, channel_id FROM memberships WHERE user_id = $1 ORDER BY channel_id LIMIT $2",
        )
        .bind(user_id.to_string())
        .bind(TEAMS);
        let rows = rows.fetch_all(self.db.fresh()).await?;
        let place = |row: PlaceRow| Ok((id::stored(&row.owner_id)?, id::stored(&row.channel_id)?));
        rows.into_iter().map(place).collect()
    }

    /// Lets the whole team go.
    pub(super) async fn disband(
        &self,
        writing: &mut Writing,
        channel: &Channel,
    ) -> Result<(), StoreError> {
        let gone = sqlx::query_scalar::<_, String>(
            "DELETE FROM channel_members WHERE user_id = $1 AND channel_id = $2 RETURNING member_id",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .fetch_all(&mut **writing)
        .await?;
        for member in gone {
            leave(writing, &member, channel).await?;
        }
        Ok(())
    }
}

async fn leave(writing: &mut Writing, member: &str, channel: &Channel) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM memberships WHERE user_id = $1 AND channel_id = $2")
        .bind(member.to_owned())
        .bind(channel.id.to_string())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

impl MemberRole {
    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Editor => "editor",
            Self::Moderator => "moderator",
        }
    }

    fn stored(text: &str) -> Result<Self, StoreError> {
        match text {
            "guest" => Ok(Self::Guest),
            "editor" => Ok(Self::Editor),
            "moderator" => Ok(Self::Moderator),
            _ => Err(StoreError::Damaged(format!("a role in a row: {text:?}"))),
        }
    }
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.member_id)?,
            role: MemberRole::stored(&row.role)?,
            since_ms: row.since_ms,
        })
    }
}
