//! What the cluster wants of a store, and of a bus; in process (`local`) or in Redis (`redis`).

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use crate::lease::Unreachable;
use crate::message::Message;
use crate::name::{LeaseKey, Name};
use crate::record::{NodeRecord, StreamRecord};
use crate::recorded::{RecordingOp, RecordingSaid};
use crate::report::StreamReport;
use crate::table::{LeaseReply, Op};

/// Something that is waited for; boxed so that the traits can be chosen at run time.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All records and all leases.
pub type Everything = (Vec<NodeRecord>, Vec<StreamRecord>);

/// Leases and records. Each call is bounded in time by the implementation; `Unreachable` is all a
/// caller needs to know of a failure, the implementation logs what it was.
pub trait Store: Send + Sync {
    /// Does these operations, atomically each, and answers them in order.
    fn leases(&self, ops: Vec<Op>) -> Waiting<'_, Result<Vec<LeaseReply>, Unreachable>>;

    /// Who holds a lease, for those whose view does not know.
    fn find(&self, key: LeaseKey) -> Waiting<'_, Result<Option<StreamRecord>, Unreachable>>;

    /// Writes a node's record for some heartbeats.
    fn register(&self, record: NodeRecord) -> Waiting<'_, Result<(), Unreachable>>;

    /// Takes a node's record away.
    fn unregister(&self, id: Name) -> Waiting<'_, Result<(), Unreachable>>;

    /// All records and leases: asked at a node's start, never per request.
    fn everything(&self) -> Waiting<'_, Result<Everything, Unreachable>>;

    /// Keeps reports for as long as each is good, and takes away those of no time; at most 256.
    fn report(&self, reports: Vec<StreamReport>) -> Waiting<'_, Result<(), Unreachable>> {
        drop(reports);
        Box::pin(std::future::ready(Ok(())))
    }

    /// All reports, each with the time that is left of it: asked at a node's start and when the bus
    /// lost the thread.
    fn reports(&self) -> Waiting<'_, Result<Vec<StreamReport>, Unreachable>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Does these operations on what is known of recordings, atomically each, and answers them in order; at most 256.
    fn recorded(
        &self,
        ops: Vec<RecordingOp>,
    ) -> Waiting<'_, Result<Vec<RecordingSaid>, Unreachable>> {
        drop(ops);
        Box::pin(std::future::ready(Err(Unreachable)))
    }
}

/// Nonces that all nodes remember: each admits one client.
pub trait NonceStore: Send + Sync {
    /// Notes that `id` was used by `by`, for `ttl_ms`. Answers who used it before; `None` when nobody has.
    fn claim_nonce(
        &self,
        id: String,
        by: String,
        ttl_ms: i64,
    ) -> Waiting<'_, Result<Option<String>, Unreachable>>;
}

/// Messages between nodes: each to all, the sender included, or to one. May lose, delay, double.
pub trait Bus: Send + Sync {
    /// Sends a message, to one node or to all.
    fn send(&self, to: Option<Name>, message: Message) -> Waiting<'_, Result<(), Unreachable>>;

    /// Hears what is for `me` or for all until `inbox` is closed, over whatever reconnections it takes.
    fn listen(&self, me: Name, inbox: mpsc::Sender<BusEvent>) -> Waiting<'_, ()>;
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum BusEvent {
    /// From one member to all, or to this one.
    Message(Box<Message>),
    /// The connection is there (again): what was said in between is lost.
    Connected,
}
