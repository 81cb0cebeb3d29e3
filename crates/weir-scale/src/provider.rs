//! Whoever starts and stops nodes.

pub(crate) mod exec;
pub(crate) mod process;
pub(crate) mod webhook;

use std::future::Future;
use std::pin::Pin;

use serde::Deserialize;
use weir_cluster::Name;

use crate::order::{Done, Failure, Order};

/// Nodes that an answer may name.
const MAX_NODES: u32 = 4_096;
/// Characters of an answer's note that are kept.
const MAX_NOTE_CHARS: usize = 500;

/// An order being carried out.
pub(crate) type Acting<'a> = Pin<Box<dyn Future<Output = Result<Done, Failure>> + Send + 'a>>;

/// Starts and stops nodes. An order may come twice under one id, when the first answer was not heard:
/// it is then carried out once all the same, or the provider says so to whoever it asks.
pub(crate) trait Provider: Send + Sync {
    /// Starts nodes.
    fn grow<'a>(&'a self, order: &'a Order) -> Acting<'a>;

    /// Removes a node that has drained, or is gone already.
    fn shrink<'a>(&'a self, order: &'a Order) -> Acting<'a>;

    /// Whether it could remove this node.
    fn may_remove(&self, node: &Name) -> bool {
        let _ = node;
        true
    }

    /// Nodes that have drained and have nobody left, whoever leads: for providers whose nodes end with
    /// this process.
    fn tend(&self, empty: &[Name]) {
        let _ = empty;
    }
}

/// What a webhook or a command answers; all of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    /// How many nodes will come, when it is not as many as were ordered.
    started: Option<u32>,
    /// For the log.
    note: String,
}

/// What was said of an order that was carried out; what is not JSON of this shape says nothing.
fn done(answer: &[u8]) -> Done {
    let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
    Done {
        started: answer.started.map(|started| started.min(MAX_NODES)),
        note: short(&answer.note),
    }
}

/// The beginning of what others say, on one line.
fn short(text: &str) -> String {
    let text = text.trim().chars().take(MAX_NOTE_CHARS);
    text.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
