//! The recordings of this node: where they are, and what others are told of them.

mod finder;
mod keeping;
mod posters;
mod teller;
mod workshop;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use weir_api::{Cutting, HoleFacts, KeepingFacts, RecordingFacts, Recordings};
use weir_base::{Clock, Code, Id, Refusal, StreamName};
use weir_events::SeenReach;
use weir_keep::KeepTally;
use weir_record::clips::{NoClip, cut};
use weir_record::disk::LocalDisk;
use weir_record::{Recording, Spool, View};
use weir_serve::hls::Hls;

use crate::config::Config;

pub(super) use keeping::{archive, is_uploaded, keep};
pub(super) use posters::Posters;
pub(super) use teller::Teller;
pub(crate) use workshop::{Outcome, Workshop};

/// How long the disk may take at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The spool of this node. What a crash has left is mended here.
pub(super) fn open(config: &Config, data: &Path, clock: &Clock) -> anyhow::Result<Spool> {
    let folder = folder(config, data);
    let opened = Spool::open(Arc::new(LocalDisk), &folder, clock.clone());
    opened.with_context(|| format!("record.folder: {}", folder.display()))
}

/// Where its recordings are.
fn folder(config: &Config, data: &Path) -> PathBuf {
    match config.record.folder.as_os_str().is_empty() {
        true => data.join("recordings"),
        false => config.record.folder.clone(),
    }
}

/// Has what was recorded written down before the process ends.
pub(super) async fn close(spool: Spool) {
    let closed = tokio::task::spawn_blocking(move || spool.close());
    if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
        tracing::warn!(
            "the disk of the recordings does not answer: what was not written is mended at the next start"
        );
    }
}

/// What the API knows of the recordings of this node, where it has any.
pub(super) fn kept(hls: &Hls, tally: KeepTally) -> Option<Arc<dyn Recordings>> {
    let spool = hls.recordings()?.clone();
    Some(Arc::new(Kept(spool, tally, hls.clone())))
}

/// What the API is told of a spool.
pub(super) struct Kept(pub(super) Spool, pub(super) KeepTally, pub(super) Hls);

impl Recordings for Kept {
    fn find(&self, id: Id) -> io::Result<Option<RecordingFacts>> {
        // Of one that others have parts of, too, the row knows more.
        let found = self.0.find(id).filter(|recording| !recording.is_shared());
        found.map(|recording| facts_of(&recording)).transpose()
    }

    fn remove(&self, id: Id) -> io::Result<()> {
        self.0.remove(id)
    }

    fn keeping(&self) -> KeepingFacts {
        let now = self.1.now();
        KeepingFacts {
            uploaded_blocks: now.uploaded_blocks,
            uploaded_bytes: now.uploaded_bytes,
            failures: now.failures,
            here_bytes: now.here_bytes,
            most_bytes: now.most_bytes,
            waiting_blocks: now.waiting_blocks,
            waiting_since_ms: now.waiting_since_ms,
            is_full: now.is_full,
            fault: now.fault,
        }
    }

    fn cut(&self, recording: Id, from_ms: i64, to_ms: i64) -> Cutting<'_> {
        Box::pin(cut_of(self.2.clone(), recording, from_ms, to_ms))
    }

    fn reach(&self, name: &StreamName) -> Option<SeenReach> {
        teller::reach(&self.0, name)
    }
}

/// What there is of a recording, read by a thread that may wait.
async fn read_view(recording: Arc<Recording>) -> Result<View, Refusal> {
    let id = recording.id;
    let read = tokio::task::spawn_blocking(move || recording.view()).await;
    let view = read.map_err(io::Error::other).and_then(|view| view);
    view.map_err(|error| {
        tracing::error!(recording = %id, "it cannot be read: {error}");
        Refusal::from(Code::Storage)
    })
}

/// Where a clip of a recording begins and ends, wherever that is.
async fn cut_of(hls: Hls, id: Id, from_ms: i64, to_ms: i64) -> Result<(i64, i64), Refusal> {
    let view = read_view(hls.recording(id).await?).await?;
    cut(&view, from_ms, to_ms).map_err(|none| {
        let code = match none {
            NoClip::TooEarly(_) => Code::NotRecordedYet,
            NoClip::Empty => Code::NotKept,
        };
        Refusal::new(code, none.to_string())
    })
}

fn facts_of(recording: &Recording) -> io::Result<RecordingFacts> {
    let view = recording.glance()?;
    let hole = |hole: &weir_record::block::Hole| HoleFacts {
        at_ms: hole.wall_us / 1000,
        duration_ms: i64::from(hole.duration_us) / 1000,
        cause: hole.cause.name().to_owned(),
    };
    let bytes = view.blocks.iter().map(|block| u64::from(block.table.len));
    Ok(RecordingFacts {
        duration_ms: view.duration_us() / 1000,
        bytes: bytes.sum(),
        holes: view.holes().map(hole).collect(),
    })
}
