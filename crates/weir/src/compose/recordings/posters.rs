//! Pictures of recordings that are over: made once by the node that recorded, kept beside the blocks and in the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_base::{Clock, Id, Refusal, Shutdown};
use weir_keep::Archive;
use weir_record::{Recording, Spool};
use weir_serve::hls::Hls;

use super::Teller;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What ended longer ago gets none, milliseconds: it had a day.
const LATELY_MS: i64 = 24 * 3_600_000;
/// How often one is tried.
const TRIES: u32 = 3;

/// Looks for recordings that are over and have no picture yet.
pub(in crate::compose) struct Posters {
    pub(in crate::compose) spool: Spool,
    pub(in crate::compose) hls: Hls,
    pub(in crate::compose) archive: Option<Archive>,
    pub(in crate::compose) teller: Teller,
    pub(in crate::compose) clock: Clock,
}

impl Posters {
    /// Makes them until the process stops, one after the other.
    pub(in crate::compose) async fn run(self, shutdown: Shutdown) {
        let mut tried: HashMap<Id, u32> = HashMap::new();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.stopping() => return,
            }
            tried.retain(|id, _| self.spool.has(*id));
            let (done, next) = self.next(&tried).await;
            // Nobody takes a picture away alone: what has one is not looked at again.
            tried.extend(done.into_iter().map(|id| (id, TRIES)));
            let Some(next) = next else {
                continue;
            };
            let tries = tried.entry(next.id).or_default();
            *tries += 1;
            let made = tokio::select! {
                made = self.make(&next) => made,
                () = shutdown.stopping() => return,
            };
            match made {
                Ok(()) => self.teller.tell_anew(next.id),
                Err(why) if *tries == TRIES => {
                    tracing::info!(recording = %next.id, "it has no picture: {why}");
                }
                Err(_) => {}
            }
        }
    }

    /// The first that lacks its picture, and those before it, which have theirs.
    async fn next(&self, tried: &HashMap<Id, u32>) -> (Vec<Id>, Option<Arc<Recording>>) {
        let now_ms = self.clock.wall_ms();
        let is_due = |recording: &Arc<Recording>| {
            let ended_ms = recording.facts().ended_ms;
            let is_late = ended_ms.is_some_and(|ended_ms| now_ms - ended_ms < LATELY_MS);
            let is_tried = tried
                .get(&recording.id)
                .is_some_and(|tries| *tries >= TRIES);
            is_late && !is_tried && !recording.is_taped()
        };
        let due: Vec<_> = self.spool.all().into_iter().filter(is_due).collect();
        let looked = tokio::task::spawn_blocking(move || {
            let mut due = due.into_iter();
            let mut done = Vec::new();
            let next = due.find(|recording| {
                let is_done = recording.has_poster();
                done.extend(is_done.then_some(recording.id));
                !is_done
            });
            (done, next)
        });
        looked.await.unwrap_or_default()
    }

    async fn make(&self, recording: &Arc<Recording>) -> Result<(), Refusal> {
        let jpeg: Bytes = self.hls.poster_of(recording.clone()).await?;
        if let Some(archive) = &self.archive {
            let put = archive.put_poster(recording.id, jpeg.clone()).await;
            put.map_err(|error| {
                Refusal::new(weir_base::Code::Storage, format!("the store: {error}"))
            })?;
        }
        let (own, kept) = (recording.clone(), jpeg);
        let written = tokio::task::spawn_blocking(move || own.keep_poster(&kept)).await;
        let written = written.map_err(std::io::Error::other).and_then(|done| done);
        written
            .map_err(|error| Refusal::new(weir_base::Code::Storage, format!("the disk: {error}")))
    }
}
