//! Leader boards: who gave most to a channel in this hour, day or week. Read from the ledger's totals, and kept for a
//! moment, since a whole room asks at once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use weir_store::gifts::Total;
use weir_store::{Id, Store, StoreError};

use crate::limits;
use crate::rules::Span;

/// See the file's words. Clones share them.
#[derive(Debug, Clone)]
pub struct Tops {
    store: Store,
    kept: Arc<Mutex<HashMap<(Id, Span), Kept>>>,
}

/// A board, and when it was read.
#[derive(Debug, Clone)]
struct Kept {
    at_ms: i64,
    begin_ms: i64,
    board: Arc<[Total]>,
}

impl Tops {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            kept: Arc::default(),
        }
    }

    /// Who gave most to the channel of this owner and id in the span that goes on, and when that began.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn of(
        &self,
        channel: (Id, Id),
        span: Span,
    ) -> Result<(i64, Arc<[Total]>), StoreError> {
        let now_ms = self.store.now_ms();
        let begin_ms = span.begin_ms(now_ms);
        let key = (channel.1, span);
        if let Some(kept) = self.kept.lock().get(&key)
            && kept.begin_ms == begin_ms
            && now_ms - kept.at_ms < limits::BOARD_KEPT_MS
        {
            return Ok((begin_ms, kept.board.clone()));
        }
        let board = self.store.gifts();
        let board = board.top(channel, begin_ms, limits::BOARD_PLACES).await?;
        let board: Arc<[Total]> = board.into();
        let mut kept = self.kept.lock();
        if kept.len() >= limits::BOARDS {
            kept.retain(|_, board| now_ms - board.at_ms < limits::BOARD_KEPT_MS);
        }
        if kept.len() < limits::BOARDS {
            let entry = Kept {
                at_ms: now_ms,
                begin_ms,
                board: board.clone(),
            };
            kept.insert(key, entry);
        }
        Ok((begin_ms, board))
    }
}
