//! One operation into the books, inside a transaction of whoever does it.

use sqlx::AssertSqlSafe;

use super::{Done, Holding, LedgerError, MAX_COINS, Movement, Op, OpKey};
use crate::db::{Writing, placeholders};
use crate::id::{self, Id};

struct KeyRow {
    digest: String,
    op_id: String,
    coins: i64,
}
row!(KeyRow {
    digest,
    op_id,
    coins
});

/// What was done under a key before.
///
/// # Errors
/// [`LedgerError::KeyReused`] where that was something else.
pub(crate) async fn kept(
    writing: &mut Writing,
    kind: &str,
    key: OpKey<'_>,
) -> Result<Option<Done>, LedgerError> {
    let row = sqlx::query_as::<_, KeyRow>(
        "SELECT digest, op_id, coins FROM ledger_keys WHERE user_id = $1 AND id = $2",
    )
    .bind(whose(key))
    .bind(format!("{kind} {}", key.key))
    .fetch_optional(&mut **writing)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    if row.digest != key.digest {
        return Err(LedgerError::KeyReused);
    }
    Ok(Some(Done {
        id: id::stored(&row.op_id)?,
        coins: row.coins,
        is_again: true,
    }))
}

/// Keeps what is done under a key.
///
/// # Errors
/// [`crate::StoreError::Taken`] where somebody did the same at this moment.
pub(crate) async fn keep(
    writing: &mut Writing,
    op: &Op<'_>,
    (key, coins): (OpKey<'_>, i64),
) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO ledger_keys (user_id, id, digest, op_id, coins, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(whose(key))
    .bind(format!("{} {}", op.kind, key.key))
    .bind(key.digest.to_owned())
    .bind(op.id.to_string())
    .bind(coins)
    .bind(op.at_ms)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Writes a movement's entries, and has the wallets follow.
///
/// # Errors
/// [`LedgerError::NotEnough`], [`LedgerError::TooMuch`].
pub(crate) async fn book(
    writing: &mut Writing,
    op: &Op<'_>,
    movement: &Movement,
) -> Result<(), LedgerError> {
    for (account, coins) in &movement.legs {
        match account {
            Holding::Wallet(user) if *coins < 0 => take(writing, *user, -coins).await?,
            Holding::Wallet(user) => put(writing, *user, *coins).await?,
            _ => {}
        }
    }
    let sql = format!(
        "INSERT INTO ledger_entries (user_id, account, op_id, kind, about, coins, at_ms) VALUES {}",
        placeholders(0, movement.legs.len(), 7)
    );
    // Only the numbers of the places are not written here.
    let mut rows = sqlx::query(AssertSqlSafe(sql));
    for (account, coins) in &movement.legs {
        let (user_id, account) = account.named();
        rows = rows
            .bind(user_id)
            .bind(account)
            .bind(op.id.to_string())
            .bind(op.kind)
            .bind(op.about.to_owned())
            .bind(*coins)
            .bind(op.at_ms);
    }
    rows.execute(&mut **writing).await?;
    Ok(())
}

async fn take(writing: &mut Writing, user: Id, coins: i64) -> Result<(), LedgerError> {
    let taken =
        sqlx::query("UPDATE wallets SET coins = coins - $2 WHERE user_id = $1 AND coins >= $2")
            .bind(user.to_string())
            .bind(coins)
            .execute(&mut **writing)
            .await?;
    if taken.rows_affected() > 0 {
        return Ok(());
    }
    let left: Option<i64> = sqlx::query_scalar("SELECT coins FROM wallets WHERE user_id = $1")
        .bind(user.to_string())
        .fetch_optional(&mut **writing)
        .await?;
    Err(LedgerError::NotEnough(left.unwrap_or(0)))
}

async fn put(writing: &mut Writing, user: Id, coins: i64) -> Result<(), LedgerError> {
    let put = sqlx::query(
        "INSERT INTO wallets (user_id, coins) VALUES ($1, $2) \
         ON CONFLICT (user_id) DO UPDATE SET coins = wallets.coins + excluded.coins WHERE wallets.coins <= $3",
    )
    .bind(user.to_string())
    .bind(coins)
    .bind(MAX_COINS - coins)
    .execute(&mut **writing)
    .await?;
    match put.rows_affected() {
        0 => Err(LedgerError::TooMuch),
        _ => Ok(()),
    }
}

fn whose(key: OpKey<'_>) -> String {
    key.user_id.map(|id| id.to_string()).unwrap_or_default()
}
