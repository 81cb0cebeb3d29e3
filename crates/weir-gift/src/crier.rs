//! Tells rooms of gifts: each that was committed, once, whoever dies in between.
//!
//! A gift and the task to tell of it are committed together. A crier takes tasks for a while, posts them in the hi
//! lane under the gift's own id, and lets go of them. One that died after it posted leaves a task that the next one
//! posts again under the same id: the room knows it, and so does a client.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use weir_base::Shutdown;
use weir_chat::desk::{Ordered, Wanted, publish_ordered};
use weir_chat::{Denied, GroupName, House, Lane};
use weir_store::gifts::Untold;
use weir_store::{Store, StoreError};

use crate::limits;
use crate::till::Till;

/// The kind of the posts.
const KIND: &str = "gift";

/// See the file's words.
pub struct Crier {
    store: Store,
    house: Arc<House>,
}

impl Crier {
    /// Tells the rooms of this house.
    pub fn new(store: Store, house: Arc<House>) -> Self {
        Self { store, house }
    }

    /// Tells of all that is given, at once where it was given at this node's till.
    pub async fn run(self, till: Till, shutdown: Shutdown) {
        let bell = till.bell();
        loop {
            match self.round().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::debug!("gifts wait to be told of: {error}"),
            }
            tokio::select! {
                () = shutdown.stopping() => return,
                () = bell.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(limits::CRIER_LOOK_MS)) => {}
            }
        }
    }

    /// Takes some tasks and does them; how many it took.
    ///
    /// # Errors
    /// Where the store does not do it now. What was taken is somebody's again when its time is over.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let gifts = self.store.gifts();
        if !gifts.has_untold().await? {
            return Ok(0);
        }
        let lease = self.store.next_id()?.to_string();
        let (lease_ms, limit) = (limits::CRIER_LEASE_MS, limits::CRIED_AT_ONCE);
        let taken = gifts.take_untold(&lease, lease_ms, limit).await?;
        let mut told = Vec::with_capacity(taken.len());
        for untold in &taken {
            match self.tell(untold).await {
                Ok(()) => told.push(untold.id.clone()),
                Err(denied) if denied.why.is_temporary() => {
                    tracing::debug!(gift = untold.id, "a room is not told yet: {}", denied.words);
                }
                Err(denied) => {
                    // Nobody will ever be told: it would stand in the way of others.
                    tracing::error!(
                        gift = untold.id,
                        room = untold.room,
                        "a room cannot be told: {}",
                        denied.words
                    );
                    told.push(untold.id.clone());
                }
            }
        }
        gifts.told(&told).await?;
        Ok(taken.len())
    }

    async fn tell(&self, untold: &Untold) -> Result<(), Denied> {
        let group = GroupName::new(&untold.room)?;
        let body = body_of(untold);
        let once = format!("gift-{}", untold.id);
        let ordered = Ordered {
            wanted: Wanted {
                kind: KIND,
                body: &body,
                once: Some(&once),
            },
            lane: Some(Lane::Hi),
            from: Some((untold.giver_id.as_str().into(), &untold.giver_name)),
            wants_receipt: false,
        };
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |result| drop(answer.send(result)));
        publish_ordered(&self.house, &group, &ordered, answer)?;
        let lost = |_| Denied::new(weir_chat::Deny::Unavailable);
        answered.await.map_err(lost)?.map(|_| ())
    }
}

/// What a room is told of a gift: `docs/ref/chat.md` says what stands in it.
fn body_of(untold: &Untold) -> String {
    json!({
        "id": untold.id, "gift": untold.gift, "n": untold.amount, "coins": untold.coins,
        "combo": { "id": untold.combo, "n": untold.combo_count },
    })
    .to_string()
}
