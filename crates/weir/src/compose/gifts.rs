//! Gifts on this node: where they are paid, and who tells the rooms.

use std::sync::Arc;

use weir_api::Happenings;
use weir_chat::House;
use weir_gift::{Crier, Till};
use weir_serve::Core;

use crate::config::Config;

/// Opens the till, on a node that has the store; with a gateway beside it, has its rooms told too.
pub(super) fn open(
    config: &Config,
    happenings: Option<&Happenings>,
    chat: Option<&Arc<House>>,
    core: &Core,
) -> Option<Till> {
    super::chat_filters::read(happenings, chat, core);
    let store = &happenings?.store;
    let till = Till::new(store.clone(), config.gifts.clone());
    match chat {
        Some(house) => {
            let crier = Crier::new(store.clone(), house.clone());
            let run = crier.run(till.clone(), core.shutdown.clone());
            core.tasks.spawn("gifts", run);
        }
        None => tracing::info!(
            "gifts: this node has no chat gateway; rooms are told by a node whose roles include api and chat"
        ),
    }
    Some(till)
}
