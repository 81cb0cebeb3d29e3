//! The row of a channel.

use super::{Channel, Visibility};
use crate::error::StoreError;
use crate::id;

/// A channel, as its row has it.
pub(super) struct ChannelRow {
    user_id: String,
    id: String,
    name: String,
    app: String,
    title: String,
    description: String,
    category: String,
    language: String,
    cover: String,
    visibility: String,
    password_hash: String,
    play_round: i64,
    shot_every_s: i64,
    record: i64,
    followers: i64,
    created_ms: i64,
    changed_ms: i64,
    version: i64,
}
row!(ChannelRow {
    user_id,
    id,
    name,
    app,
    title,
    description,
    category,
    language,
    cover,
    visibility,
    password_hash,
    play_round,
    shot_every_s,
    record,
    followers,
    created_ms,
    changed_ms,
    version
});

/// The columns of [`ChannelRow`].
macro_rules! columns {
    () => {
        "c.user_id, c.id, c.name, c.app, c.title, c.description, c.category, c.language, c.cover, c.visibility, \
         c.password_hash, c.play_round, c.shot_every_s, c.record, c.followers, c.created_ms, c.changed_ms, c.version"
    };
}
pub(super) use columns;

impl TryFrom<ChannelRow> for Channel {
    type Error = StoreError;

    fn try_from(row: ChannelRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            id: id::stored(&row.id)?,
            name: row.name,
            app: row.app,
            title: row.title,
            description: row.description,
            category: row.category,
            language: row.language,
            cover: row.cover,
            visibility: Visibility::stored(&row.visibility)?,
            password_hash: row.password_hash,
            play_round: row.play_round,
            shot_every_s: row.shot_every_s,
            record: (row.record >= 0).then_some(row.record > 0),
            followers: row.followers,
            created_ms: row.created_ms,
            changed_ms: row.changed_ms,
            version: row.version,
        })
    }
}
