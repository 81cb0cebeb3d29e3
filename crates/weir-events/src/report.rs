//! What one node tells another of its broadcasts, and what it is told: JSON over HTTP between nodes.

use serde::{Deserialize, Serialize};
use weir_store::Id;

use crate::seen::SeenStream;

/// Where an api node takes reports.
pub const PATH: &str = "/api/v1/nodes/report";
/// Bytes of a report: 500 facts of some 600 bytes, the ids of all streams that a node may hold, and what is seen of
/// those that most people watch.
pub const MAX_REPORT_BYTES: usize = 4 * 1024 * 1024;
/// Streams of a node whose viewers and tracks are told: of some 350 bytes each. Others are known by their names.
pub(crate) const MAX_SEEN: usize = 4_000;

/// Something that happened to a broadcast. Told until it is acknowledged: the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Told {
    /// It begins.
    Began(ToldBegin),
    /// It is over.
    Ended(ToldEnd),
    /// A recording is this now.
    Recording(ToldRecording),
    /// A node has nothing of a recording any more that was to be taken away.
    RecordingGone(ToldGone),
    /// What only a newer release knows: passed over, so that what stands behind it is written down.
    #[serde(other, skip_serializing)]
    Newer,
}

/// A broadcast that begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldBegin {
    /// Id of the event.
    pub event: Id,
    /// Id of the broadcast.
    pub session: Id,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Which life of the node it belongs to.
    pub boot: String,
    /// Of which app.
    pub app: String,
    /// The stream's whole name.
    pub stream: String,
    /// How it is published.
    pub protocol: String,
    /// From where.
    pub address: String,
    /// The app has to be heard of so often, milliseconds; 0: it need not.
    pub heartbeat_ms: i64,
}

/// A broadcast that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldEnd {
    /// Id of the event.
    pub event: Id,
    /// Id of the broadcast.
    pub session: Id,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, milliseconds since 1970.
    pub at_ms: i64,
    /// Of which app.
    pub app: String,
    /// The stream's whole name.
    pub stream: String,
    /// How it was published.
    pub protocol: String,
    /// From where.
    pub address: String,
    /// A code of the registry.
    pub cause: u16,
    /// Most viewers at once.
    pub viewers_max: i64,
    /// Bytes from the publisher.
    pub bytes_in: i64,
    /// Bytes to viewers.
    pub bytes_out: i64,
}

/// A recording as its node has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldRecording {
    /// Its name for ever.
    pub id: Id,
    /// It has come so far just now, and the log is to say so. Told again it is the same event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<RecordingStep>,
    /// When it was so, milliseconds since 1970.
    pub at_ms: i64,
    /// Virtual host of the stream, often none.
    pub vhost: String,
    /// Of which app.
    pub app: String,
    /// The stream's name in its app.
    pub stream: String,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended; 0: it goes on.
    pub ended_ms: i64,
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it.
    pub bytes: i64,
    /// Of these, the ones among the objects.
    #[serde(default)]
    pub stored_bytes: i64,
    /// Where nothing was recorded, the first [`MAX_HOLES`] of them.
    #[serde(default)]
    pub holes: Vec<ToldHole>,
    /// What this node has of it is of the time from here, milliseconds since 1970.
    #[serde(default)]
    pub from_ms: i64,
    /// Up to here.
    #[serde(default)]
    pub to_ms: i64,
    /// Since when this node owned the stream, the last time, milliseconds since 1970; 0: it never did.
    #[serde(default)]
    pub owned_ms: i64,
    /// A picture of it is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_poster: bool,
}

/// Holes of a recording that are told of: whoever has more has no recording worth a list of them.
pub const MAX_HOLES: usize = 100;

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStep {
    /// It began.
    Started,
    /// It is over and can be played.
    Ready,
    /// It is over, and nothing of it can be played.
    Failed,
}

impl RecordingStep {
    /// The type of its event.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Started => "recording.started",
            Self::Ready => "recording.ready",
            Self::Failed => "recording.failed",
        }
    }
}

/// Where nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldHole {
    /// From when on, milliseconds since 1970.
    pub at_ms: i64,
    /// For how long, milliseconds.
    pub duration_ms: i64,
    /// Why, as a word.
    pub cause: String,
}

/// A recording of which a node has nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldGone {
    /// Which.
    pub id: Id,
}

/// What a node tells: some times a second while something happens, else once a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which life of the node speaks.
    pub boot: String,
    /// The next facts, in their order.
    pub told: Vec<Told>,
    /// Nothing else waits to be told.
    pub is_all: bool,
    /// At times, and with nothing left to tell: which of its broadcasts live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub living: Option<Vec<Id>>,
    /// Beside those: the streams here, copies of others among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Vec<SeenStream>>,
}

/// What it is told: that its facts are written down, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Of those that live, the ones that are over here: they begin anew.
    #[serde(default)]
    pub over: Vec<Id>,
    /// Broadcasts to be ended.
    #[serde(default)]
    pub orders: Vec<Order>,
    /// Recordings to be stopped or taken away.
    #[serde(default)]
    pub recordings: Vec<RecordingOrder>,
}

/// Something to be done with a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingOrder {
    /// Which.
    pub id: Id,
    /// What.
    pub act: RecordingAct,
    /// Of which stream, where one is to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<RecordedStream>,
}

/// A stream that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedStream {
    /// Virtual host of it, often none.
    pub vhost: String,
    /// All levels of the app.
    pub app: String,
    /// Without vhost and app.
    pub stream: String,
}

/// What is to be done with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingAct {
    /// It begins, though nobody else wants the stream recorded.
    Start,
    /// It ends, and what there is of it stays.
    Stop,
    /// All of it goes.
    Remove,
    /// Other nodes have parts of it, too.
    Share,
    /// What only a newer release knows.
    #[serde(other)]
    Newer,
}

/// A broadcast to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Which.
    pub session: Id,
    /// With which code of the registry.
    pub cause: u16,
}
