//! Writes facts in one transaction: broadcasts first, then the events of those that changed something.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use super::{BATCH_FACTS, Ending, Fact, NewBroadcast, NewEvent};
use crate::db::{Db, Writing, list, placeholders};
use crate::error::StoreError;
use crate::id::Id;

/// See [`super::Events::record`].
pub(super) async fn record(db: &Db, facts: &[Fact]) -> Result<i64, StoreError> {
    if facts.len() > BATCH_FACTS {
        let words = format!("at most {BATCH_FACTS} facts are written at once");
        return Err(StoreError::Bound(words));
    }
    let mut writing = db.begin().await?;
    // Others who write wait here until these events are there.
    let head: i64 = sqlx::query_scalar(
        "INSERT INTO event_head (one, seq) VALUES (1, 0) \
         ON CONFLICT (one) DO UPDATE SET seq = event_head.seq RETURNING seq",
    )
    .fetch_one(&mut *writing)
    .await?;
    let told = already_logged(&mut writing, facts).await?;
    let begun = begin(&mut writing, facts).await?;
    let ended = end(&mut writing, facts).await?;
    let mut seen = HashSet::with_capacity(facts.len());
    let events: Vec<&NewEvent> = facts
        .iter()
        .filter(|fact| match fact {
            Fact::Began(broadcast, _) => begun.contains(&broadcast.id.to_string()),
            Fact::Ended(ending, _) => ended.contains(&ending.id.to_string()),
            Fact::Other(_) => true,
        })
        .map(Fact::event)
        .filter(|event| !told.contains(&event.id.to_string()) && seen.insert(event.id))
        .collect();
    if events.is_empty() {
        writing.commit().await?;
        return Ok(head);
    }
    let latest = log(&mut writing, head, &events).await?;
    sqlx::query("UPDATE event_head SET seq = $1 WHERE one = 1")
        .bind(latest)
        .execute(&mut *writing)
        .await?;
    writing.commit().await?;
    Ok(latest)
}

/// Ids of events that are in the log.
async fn already_logged(
    writing: &mut Writing,
    facts: &[Fact],
) -> Result<HashSet<String>, StoreError> {
    if facts.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!("SELECT id FROM events WHERE id IN {}", list(0, facts.len()));
    let mut query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).persistent(false);
    for fact in facts {
        query = query.bind(fact.event().id.to_string());
    }
    Ok(query.fetch_all(&mut **writing).await?.into_iter().collect())
}

/// Ids of the broadcasts that were not known.
async fn begin(writing: &mut Writing, facts: &[Fact]) -> Result<HashSet<String>, StoreError> {
    let new = facts.iter().filter_map(|fact| match fact {
        Fact::Began(broadcast, _) => Some(broadcast),
        _ => None,
    });
    let new: Vec<&NewBroadcast> = new.collect();
    if new.is_empty() {
        return Ok(HashSet::new());
    }
    // The owner's row decides: a broadcast that was told of twice keeps the owner it had first.
    let sql = format!(
        "INSERT INTO broadcast_owners (id, user_id) VALUES {} ON CONFLICT (id) DO NOTHING RETURNING id",
        placeholders(0, new.len(), 2)
    );
    let mut query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).persistent(false);
    for broadcast in &new {
        query = query
            .bind(broadcast.id.to_string())
            .bind(broadcast.user_id.clone());
    }
    let begun: HashSet<String> = query.fetch_all(&mut **writing).await?.into_iter().collect();
    let mut once = begun.clone();
    let rows = new
        .into_iter()
        .filter(|broadcast| once.remove(&broadcast.id.to_string()));
    insert(writing, &rows.collect::<Vec<_>>()).await?;
    Ok(begun)
}

async fn insert(writing: &mut Writing, rows: &[&NewBroadcast]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO broadcasts (user_id, id, channel_id, app, stream, node, boot, protocol, address, key_id, \
         started_ms, heartbeat_ms, heard_ms, ended_ms, cause, order_cause, viewers_max, bytes_in, bytes_out) \
         VALUES {}",
        placeholders(0, rows.len(), 19)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for row in rows {
        query = query
            .bind(row.user_id.clone())
            .bind(row.id.to_string())
            .bind(row.channel_id.clone())
            .bind(row.app.clone())
            .bind(row.stream.clone())
            .bind(row.node.clone())
            .bind(row.boot.clone())
            .bind(row.protocol.clone())
            .bind(row.address.clone())
            .bind(row.key_id.clone())
            .bind(row.started_ms)
            .bind(row.heartbeat_ms)
            .bind(row.started_ms)
            .bind(0_i64)
            .bind(0_i64)
            .bind(0_i64)
            .bind(0_i64)
            .bind(0_i64)
            .bind(0_i64);
    }
    query.execute(&mut **writing).await?;
    Ok(())
}

/// Ids of the broadcasts that lived until now.
async fn end(writing: &mut Writing, facts: &[Fact]) -> Result<HashSet<String>, StoreError> {
    let mut once = HashSet::new();
    let endings = facts.iter().filter_map(|fact| match fact {
        Fact::Ended(ending, _) => Some(ending),
        _ => None,
    });
    let endings: Vec<&Ending> = endings.filter(|ending| once.insert(ending.id)).collect();
    if endings.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "WITH told (id, ended_ms, cause, viewers_max, bytes_in, bytes_out) AS (VALUES {}) \
         UPDATE broadcasts SET ended_ms = told.ended_ms, cause = told.cause, viewers_max = told.viewers_max, \
         bytes_in = told.bytes_in, bytes_out = told.bytes_out \
         FROM told, broadcast_owners o \
         WHERE o.id = told.id AND broadcasts.user_id = o.user_id AND broadcasts.id = told.id \
         AND broadcasts.ended_ms = 0 RETURNING broadcasts.id",
        placeholders(0, endings.len(), 6)
    );
    let mut query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).persistent(false);
    for ending in endings {
        query = query
            .bind(ending.id.to_string())
            .bind(ending.ended_ms)
            .bind(ending.cause)
            .bind(ending.viewers_max)
            .bind(ending.bytes_in)
            .bind(ending.bytes_out);
    }
    Ok(query.fetch_all(&mut **writing).await?.into_iter().collect())
}

/// Writes events behind the number `head`, and says the number of the last.
async fn log(writing: &mut Writing, head: i64, events: &[&NewEvent]) -> Result<i64, StoreError> {
    let sql = format!(
        "INSERT INTO events (seq, id, type, app, stream, session, cause, data, at_ms) VALUES {}",
        placeholders(0, events.len(), 9)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let mut seq = head;
    for event in events {
        seq += 1;
        let session = event.session.as_ref().map(Id::to_string);
        query = query
            .bind(seq)
            .bind(event.id.to_string())
            .bind(event.kind.clone())
            .bind(event.app.clone())
            .bind(event.stream.clone())
            .bind(session.unwrap_or_default())
            .bind(event.cause)
            .bind(event.data.clone())
            .bind(event.at_ms);
    }
    query.execute(&mut **writing).await?;
    Ok(seq)
}
