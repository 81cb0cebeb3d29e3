//! What happened to streams: seen on the node that owns a stream, carried to a node that writes it down, and
//! read there by many.
//!
//! A [`Witness`] looks at the hub and says when broadcasts begin and end. A [`Courier`] carries that to a
//! [`Desk`]: in the same process, or over HTTP to an api node, from a bounded spool while none answers. A
//! [`Recorder`] writes it with the log in one transaction. A [`Log`] reads what is new once and gives it to all
//! who wait. A [`Warden`] ends what nobody looks after any more; a
//! [`RecordingSweeper`] takes away recordings whose time is over. Who may read is not decided here, nor who else
//! is told: that is weir-hook's.

mod courier;
mod desk;
mod log;
mod recorder;
mod recordings;
mod report;
mod seen;
mod spool;
mod sweeper;
mod warden;
mod witness;
mod words;

pub use courier::Courier;
pub use desk::{Desk, DeskAnswer, RemoteDesk};
pub use log::{EventPage, EventWant, Log, LogEntry, WaitPlace};
pub use recorder::{NoOwners, Owner, Owners, Recorder};
pub use report::{
    MAX_HOLES, MAX_REPORT_BYTES, Order, PATH, RecordedStream, RecordingAct, RecordingOrder,
    RecordingStep, Reply, Report, Told, ToldBegin, ToldEnd, ToldGone, ToldHole, ToldRecording,
};
pub use seen::{SeenAudio, SeenReach, SeenStream, SeenVideo};
pub use sweeper::RecordingSweeper;
pub use warden::Warden;
pub use witness::Witness;
pub use words::render;
