//! What each node says is live on it: one row a node, whatever the number of its streams.

use crate::db::Db;
use crate::error::StoreError;
use crate::module::Module;
use crate::store::Store;

/// Nodes whose rows are read at once.
const NODES: i64 = 10_000;

/// A row of `node_streams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStreams {
    /// Its id in the cluster.
    pub node: String,
    /// JSON, as the node said it.
    pub body: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}
row!(NodeStreams { node, body, at_ms });

impl Store {
    /// What nodes say of the streams on them.
    pub fn node_streams(&self) -> NodeStreamsRows<'_> {
        NodeStreamsRows {
            db: self.db(Module::Events),
        }
    }
}

/// Writes and reads them.
#[derive(Debug, Clone, Copy)]
pub struct NodeStreamsRows<'a> {
    db: &'a Db,
}

impl NodeStreamsRows<'_> {
    /// A node says what is live there.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn say(&self, node: &str, body: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO node_streams (node, body, at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (node) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms",
        )
        .bind(node.to_owned())
        .bind(body.to_owned())
        .bind(now_ms)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// What was said since then, of all nodes but `me`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn others(&self, me: &str, since_ms: i64) -> Result<Vec<NodeStreams>, StoreError> {
        let rows = sqlx::query_as::<_, NodeStreams>(
            "SELECT node, body, at_ms FROM node_streams WHERE node <> $1 AND at_ms >= $2 LIMIT $3",
        )
        .bind(me.to_owned())
        .bind(since_ms)
        .bind(NODES);
        Ok(rows.fetch_all(self.db.lagging()).await?)
    }

    /// Forgets nodes that have said nothing since then.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn prune(&self, since_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM node_streams WHERE at_ms < $1")
            .bind(since_ms)
            .execute(self.db.write())
            .await?;
        Ok(())
    }
}
