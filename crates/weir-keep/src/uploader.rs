//! Brings to the store what a spool has, three blocks at a time, and again until it is there. Nothing waits for it but
//! room on the disk.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use weir_base::{Backoff, BackoffPlan, Clock, Dice, Id, Shutdown};
use weir_record::block::BlockName;
use weir_record::{Block, Recording, Spool};
use weir_store::StoreError;

use crate::archive::Archive;
use crate::budget::{Egress, pause};
use crate::room::{RoomRules, make_room};
use crate::tally::KeepTally;

/// Blocks that are on their way at once.
const IN_FLIGHT: usize = 3;
/// Between two looks at what there is to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the disk.
const ROOM_EVERY_US: i64 = 10_000_000;
/// A manifest is written anew when so many times as many blocks are stored as since the last one: with each block at
/// first, and all manifests of a recording together have some times the bytes of its last.
const MANIFEST_SHARE: usize = 8;
/// How long a store may take for anything, and for so many bytes a second more.
const TRY_TIMEOUT: Duration = Duration::from_secs(20);
const TRY_BYTES_S: u64 = 256 * 1024;
/// Recordings that are over and wait of which the blocks are looked at, at once.
const LOOKED_AT: usize = 32;
/// Pauses after a store that takes nothing.
pub const UPLOAD_AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(30),
    steady: Duration::from_secs(60),
};

/// What it is made of.
pub struct UploaderParts {
    /// What there is.
    pub spool: Spool,
    /// Where it goes; `None`: it stays here, and the disk alone is looked after.
    pub archive: Option<Archive>,
    /// What viewers need.
    pub egress: Arc<dyn Egress>,
    /// Bytes a second at most; 0: what viewers leave.
    pub most_bytes_s: u64,
    /// What leaves the disk.
    pub room: RoomRules,
    /// Pauses after failures; but for tests [`UPLOAD_AGAIN`].
    pub again: BackoffPlan,
    /// Tells the time.
    pub clock: Clock,
    /// Counts.
    pub tally: KeepTally,
}

/// Brings blocks and manifests to the store, one round after the other, and looks after the disk.
pub struct Uploader {
    parts: UploaderParts,
    failures: Backoff,
    /// With how many blocks a recording's last manifest was.
    manifests: Mutex<HashMap<Id, usize>>,
    looked_at_disk_us: Option<i64>,
}

/// What is to be done next.
enum Work {
    /// A block is to be brought there.
    Block(Arc<Recording>, BlockName),
    /// All blocks of one that is over are there.
    Finish(Arc<Recording>),
}

impl Uploader {
    /// Of these parts.
    pub fn new(parts: UploaderParts) -> Self {
        Self {
            failures: Backoff::new(parts.again, Dice::system()),
            parts,
            manifests: Mutex::default(),
            looked_at_disk_us: None,
        }
    }

    /// Uploads until the process stops.
    pub async fn run(mut self, shutdown: Shutdown) {
        loop {
            let wait = tokio::select! {
                wait = self.round() => wait,
                () = shutdown.stopping() => return,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    /// Does what there is to do now, and says how long there is nothing.
    async fn round(&mut self) -> Duration {
        if let Err(error) = self.look_at_disk().await {
            tracing::warn!("room for recordings cannot be made: {error}");
        }
        let Some(archive) = self.parts.archive.clone() else {
            return LOOK_EVERY;
        };
        let work = match self.work().await {
            Ok(work) if work.is_empty() => return LOOK_EVERY,
            Ok(work) => work,
            Err(error) => {
                tracing::warn!("what is to be uploaded cannot be read: {error}");
                return LOOK_EVERY;
            }
        };
        let outcomes = join_all(work.into_iter().map(|work| self.one(&archive, work))).await;
        let mut sent_bytes = 0;
        let mut failed = None;
        for outcome in outcomes {
            match outcome {
                Ok(bytes) => sent_bytes += bytes,
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            self.failures.worked(LOOK_EVERY);
            let wait = pause(sent_bytes, self.parts.egress.now(), self.parts.most_bytes_s);
            return wait;
        };
        let words = error.to_string();
        self.parts.tally.failed(self.parts.clock.wall_ms(), &words);
        let wait = self.failures.failed();
        if self.failures.is_worth_a_line() || self.failures.failures() == 1 {
            tracing::warn!("recordings are not uploaded, it is tried again: {words}");
        }
        wait
    }

    async fn look_at_disk(&mut self) -> io::Result<()> {
        let now_us = self.parts.clock.now_us();
        let is_due = self
            .looked_at_disk_us
            .is_none_or(|at_us| now_us - at_us >= ROOM_EVERY_US);
        if !is_due {
            return Ok(());
        }
        self.looked_at_disk_us = Some(now_us);
        let (spool, rules, tally) = (
            self.parts.spool.clone(),
            self.parts.room,
            self.parts.tally.clone(),
        );
        let now_ms = self.parts.clock.wall_ms();
        waiting(move || make_room(&spool, rules, now_ms, &tally)).await
    }

    /// What is to be done first: broadcasts that are over, the newest first; then the oldest blocks of the others.
    async fn work(&self) -> io::Result<Vec<Work>> {
        let (spool, tally) = (self.parts.spool.clone(), self.parts.tally.clone());
        let found = waiting(move || look(&spool, &tally)).await?;
        Ok(found)
    }

    /// Does one thing; gives the bytes that it took.
    async fn one(&self, archive: &Archive, work: Work) -> Result<u64, StoreError> {
        let (recording, name) = match work {
            Work::Block(recording, name) => (recording, name),
            Work::Finish(recording) => return self.finish(archive, &recording).await,
        };
        let (id, reads) = (recording.id, recording.clone());
        let bytes = match waiting(move || reads.whole(name)).await {
            Ok(bytes) => bytes,
            // It was taken away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => {
                return Err(StoreError::Damaged(format!(
                    "block {name} of {id}: {error}"
                )));
            }
        };
        let sent_bytes = bytes.len() as u64;
        let limit = TRY_TIMEOUT + Duration::from_secs(sent_bytes / TRY_BYTES_S);
        let digest = within(limit, archive.put_block(id, name, bytes)).await?;
        let marks = recording.clone();
        let marked = waiting(move || marks.mark_stored(name, digest)).await;
        if let Err(error) = marked {
            tracing::warn!(recording = %id, "that a block is stored cannot be written down: {error}");
        }
        self.parts.tally.uploaded(sent_bytes);
        self.tell(archive, &recording).await?;
        Ok(sent_bytes)
    }

    /// Writes a manifest where one is due.
    async fn tell(&self, archive: &Archive, recording: &Arc<Recording>) -> Result<(), StoreError> {
        let Ok(view) = recording.glance() else {
            return Ok(());
        };
        let stored = view.blocks.iter().filter(|block| block.is_stored).count();
        let before = self
            .manifests
            .lock()
            .get(&recording.id)
            .copied()
            .unwrap_or(0);
        if stored < before + (before / MANIFEST_SHARE).max(1) {
            return Ok(());
        }
        within(TRY_TIMEOUT, archive.put_manifest(&view)).await?;
        self.manifests.lock().insert(recording.id, stored);
        Ok(())
    }

    /// The last manifest of one that is over, and all of it is there.
    async fn finish(
        &self,
        archive: &Archive,
        recording: &Arc<Recording>,
    ) -> Result<u64, StoreError> {
        let Ok(view) = recording.glance() else {
            return Ok(0);
        };
        within(TRY_TIMEOUT, archive.put_manifest(&view)).await?;
        self.manifests.lock().remove(&recording.id);
        let (marks, at_ms) = (recording.clone(), self.parts.clock.wall_ms());
        if let Err(error) = waiting(move || marks.mark_all_stored(at_ms)).await {
            tracing::warn!(recording = %recording.id, "that it is stored cannot be written down: {error}");
        }
        Ok(0)
    }
}

fn look(spool: &Spool, tally: &KeepTally) -> io::Result<Vec<Work>> {
    let (mut over, mut going_on) = (Vec::new(), Vec::new());
    let (mut waiting, mut since_us, mut looked_at) = (0, i64::MAX, 0);
    for recording in spool.all() {
        let facts = recording.facts();
        if facts.stored_ms.is_some() && !recording.is_taped() {
            continue;
        }
        let is_over = facts.ended_ms.is_some() && !recording.is_taped();
        // The rest has its turn when these are done.
        if is_over && looked_at >= LOOKED_AT {
            continue;
        }
        looked_at += usize::from(is_over);
        let view = match recording.glance() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            view => view?,
        };
        let waits = |block: &&Block| block.is_sealed && block.is_here && !block.is_stored;
        let blocks: Vec<&Block> = view.blocks.iter().filter(waits).collect();
        waiting += blocks.len() as u64;
        let end_us = |block: &Block| {
            block
                .table
                .segments
                .last()
                .map_or(i64::MAX, |one| one.end_us())
        };
        since_us = blocks
            .iter()
            .map(|block| end_us(block))
            .fold(since_us, i64::min);
        if is_over && blocks.is_empty() {
            over.push(Work::Finish(recording.clone()));
        }
        for block in blocks {
            let work = Work::Block(recording.clone(), block.name);
            match is_over {
                true => over.push(work),
                false => going_on.push((end_us(block), work)),
            }
        }
    }
    let since_ms = (since_us < i64::MAX).then_some(since_us / 1000);
    tally.waits(waiting, since_ms);
    going_on.sort_by_key(|(end_us, _)| *end_us);
    over.extend(going_on.into_iter().map(|(_, work)| work));
    over.truncate(IN_FLIGHT);
    Ok(over)
}

/// A store that says nothing for so long does not do it.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Away(format!(
            "no answer within {} s",
            limit.as_secs()
        ))),
    }
}

/// Work that the disk may hold up, on a thread that may wait.
async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).and_then(|done| done)
}
