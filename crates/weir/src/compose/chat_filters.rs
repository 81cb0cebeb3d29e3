//! Has this node's gateway know what is not said, as the store has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use weir_api::Happenings;
use weir_chat::{GroupName, House, RoomFilter, Term};
use weir_serve::Core;
use weir_store::chat_filters::ChatFilter;
use weir_store::{Store, StoreError};

/// Between two looks whether something was changed, on whichever node.
const LOOK: Duration = Duration::from_millis(900);

/// Reads it now and whenever it was changed, on a node that has the store and a gateway.
pub(super) fn read(happenings: Option<&Happenings>, chat: Option<&Arc<House>>, core: &Core) {
    let (Some(happenings), Some(house)) = (happenings, chat) else {
        return;
    };
    let (store, house, shutdown) = (
        happenings.store.clone(),
        house.clone(),
        core.shutdown.clone(),
    );
    core.tasks.spawn("chat filters", async move {
        let mut known = (0, 0);
        loop {
            match newer(&store, known).await {
                Ok(Some((state, all))) => {
                    house.filters.set(all);
                    known = state;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!("what is not said in chat cannot be read: {error}"),
            }
            tokio::select! {
                () = shutdown.stopping() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    });
}

/// What there is, where it is not what is known.
async fn newer(
    store: &Store,
    known: (i64, i64),
) -> Result<Option<((i64, i64), HashMap<GroupName, Arc<RoomFilter>>)>, StoreError> {
    let filters = store.chat_filters();
    // Asked before the rows are read: what changes in between is read again.
    let state = filters.state().await?;
    if state == known {
        return Ok(None);
    }
    let rows = filters.all().await?;
    let all = rows.iter().filter_map(|row| {
        let room = GroupName::new(&row.room).ok()?;
        Some((room, Arc::new(compiled(row))))
    });
    Ok(Some((state, all.collect())))
}

fn compiled(row: &ChatFilter) -> RoomFilter {
    let terms: Vec<Term> = row.words.lines().map(term).collect();
    RoomFilter::new(&terms, row.no_links == 1)
}

/// A line: `~` in front says that what sounds the same is meant too.
fn term(line: &str) -> Term {
    Term {
        text: line.trim_start_matches('~').to_owned(),
        is_by_sound: line.starts_with('~'),
    }
}
