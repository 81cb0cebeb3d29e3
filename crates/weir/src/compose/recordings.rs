//! The recordings of this node: where they are, and what others are told of them.

mod finder;
mod keeping;
mod teller;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use weir_api::{
    ClipFacts, Clips, HoleFacts, KeepingFacts, NewClip, Reach, RecordingFacts, Recordings,
};
use weir_base::{Clock, Code, Id, Refusal, StreamName};
use weir_keep::KeepTally;
use weir_record::clips::{Clip, NoClip};
use weir_record::disk::LocalDisk;
use weir_record::{Recording, Spool};

use crate::config::Config;

pub(super) use keeping::{is_uploaded, keep};
pub(super) use teller::Teller;

/// How long the disk may take at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The spool of this node. What a crash has left is mended here.
pub(super) fn open(config: &Config, data: &Path, clock: &Clock) -> anyhow::Result<Spool> {
    let folder = match config.record.folder.as_os_str().is_empty() {
        true => data.join("recordings"),
        false => config.record.folder.clone(),
    };
    let opened = Spool::open(Arc::new(LocalDisk), &folder, clock.clone());
    opened.with_context(|| format!("record.folder: {}", folder.display()))
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

/// What the API is told of a spool.
pub(super) struct Kept(pub(super) Spool, pub(super) KeepTally);

impl Recordings for Kept {
    fn find(&self, id: Id) -> io::Result<Option<RecordingFacts>> {
        let found = self.0.find(id);
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
            waiting_blocks: now.waiting_blocks,
            waiting_since_ms: now.waiting_since_ms,
            is_full: now.is_full,
            fault: now.fault,
        }
    }

    fn reach(&self, name: &StreamName) -> Option<Reach> {
        let its = self.0.of_stream(name);
        let taped = its.into_iter().find(|recording| recording.is_taped())?;
        let (from_us, to_us) = taped.extent_us()?;
        Some(Reach {
            from_ms: from_us / 1000,
            to_ms: to_us / 1000,
            recording: taped.id,
        })
    }
}

impl Clips for Kept {
    fn clips(&self, recording: Id) -> Vec<ClipFacts> {
        let its = self.0.clips().of(recording).into_iter();
        its.map(told_of).collect()
    }

    fn make_clip(&self, recording: Id, new: NewClip) -> io::Result<Result<ClipFacts, Refusal>> {
        let Some(recording) = self.0.find(recording) else {
            return Ok(Err(Code::NotFound.into()));
        };
        let new = weir_record::clips::NewClip {
            from_ms: new.from_ms,
            to_ms: new.to_ms,
            title: new.title,
        };
        let made = self.0.clips().make(&recording.view()?, new);
        let code = match &made {
            Ok(_) | Err(NoClip::Disk(_)) => Code::Storage,
            Err(NoClip::TooEarly(_)) => Code::NotRecordedYet,
            Err(NoClip::Empty) => Code::NotKept,
            Err(NoClip::TooMany) => Code::Conflict,
        };
        match made {
            Ok(clip) => Ok(Ok(told_of(clip))),
            Err(NoClip::Disk(error)) => Err(error),
            Err(none) => Ok(Err(Refusal::new(code, none.to_string()))),
        }
    }

    fn remove_clip(&self, clip: Id) -> io::Result<()> {
        self.0.clips().remove(clip).map(drop)
    }
}

fn told_of(clip: Clip) -> ClipFacts {
    ClipFacts {
        id: clip.id,
        recording: clip.recording,
        from_ms: clip.from_ms,
        to_ms: clip.to_ms,
        title: clip.title,
        made_ms: clip.made_ms,
    }
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
