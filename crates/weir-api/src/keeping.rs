//! Recordings of this node, as handlers see who keeps them.

use std::io;

use serde::Deserialize;
use utoipa::ToSchema;
use weir_base::{Id, Refusal, StreamName};

/// Who keeps recordings on this node. All of it may ask a disk: it is called on threads that may wait.
pub trait Recordings: Clips + Send + Sync {
    /// What is known here of one; fresher than its row while it goes on.
    ///
    /// # Errors
    /// The disk's.
    fn find(&self, id: Id) -> io::Result<Option<RecordingFacts>>;

    /// Takes away what this node has of one, for good; fine where it has nothing.
    ///
    /// # Errors
    /// `ResourceBusy` while the broadcast goes on; the disk's.
    fn remove(&self, id: Id) -> io::Result<()>;

    /// From when to when a stream is recorded that is live, Unix milliseconds. Asks no disk.
    fn reach(&self, name: &StreamName) -> Option<Reach>;

    /// How it stands with what is kept here and what goes to the store. Asks no disk.
    fn keeping(&self) -> KeepingFacts;
}

/// What of a live stream can be gone back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The oldest, Unix milliseconds.
    pub from_ms: i64,
    /// The newest.
    pub to_ms: i64,
    /// What it is recorded as.
    pub recording: Id,
}

/// How it stands with recordings on a node's disk, and on their way to the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepingFacts {
    /// Blocks that were brought to the store.
    pub uploaded_blocks: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Bytes of recordings on the disk.
    pub here_bytes: u64,
    /// Blocks that are to be brought to the store.
    pub waiting_blocks: u64,
    /// Since when the one waits that waits longest, Unix milliseconds.
    pub waiting_since_ms: Option<i64>,
    /// As much is on the disk as may be: recordings have holes.
    pub is_full: bool,
    /// Since when the store takes nothing, Unix milliseconds, and why.
    pub fault: Option<(i64, String)>,
}

/// What a node knows of a recording that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFacts {
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it.
    pub bytes: u64,
    /// What is missing in it.
    pub holes: Vec<HoleFacts>,
}

/// Where nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoleFacts {
    /// From when on, Unix milliseconds.
    pub at_ms: i64,
    /// For how long, milliseconds.
    pub duration_ms: i64,
    /// Why, as a word.
    pub cause: String,
}

/// Who keeps clips. All of it may ask a disk: it is called on threads that may wait.
pub trait Clips {
    /// Those of a recording, the newest first.
    fn clips(&self, recording: Id) -> Vec<ClipFacts>;

    /// Makes one, from the segment with its beginning to the one with its end.
    ///
    /// # Errors
    /// The disk's; and inside why there is none.
    fn make_clip(&self, recording: Id, new: NewClip) -> io::Result<Result<ClipFacts, Refusal>>;

    /// Takes one away, for good.
    ///
    /// # Errors
    /// The disk's.
    fn remove_clip(&self, clip: Id) -> io::Result<()>;
}

/// What is known of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipFacts {
    /// Its name for ever.
    pub id: Id,
    /// What it is of.
    pub recording: Id,
    /// Where it begins, Unix milliseconds.
    pub from_ms: i64,
    /// Where it ends, Unix milliseconds.
    pub to_ms: i64,
    /// What people call it; may be empty.
    pub title: String,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
}

/// What a clip is to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "from_ms": 1_800_000_010_000_i64, "to_ms": 1_800_000_040_000_i64, "title": "The goal",
}))]
pub struct NewClip {
    /// From when on, Unix milliseconds.
    #[schema(example = 1_800_000_010_000_i64)]
    pub from_ms: i64,
    /// Up to when, Unix milliseconds.
    #[schema(example = 1_800_000_040_000_i64)]
    pub to_ms: i64,
    /// What people call it: up to 200 letters; may be left out.
    #[serde(default)]
    #[schema(max_length = 200, required = false, example = "The goal")]
    pub title: String,
}
