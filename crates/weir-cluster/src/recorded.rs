//! Which recording the broadcast of a stream goes into, whoever owns the stream: a word for each stream that outlives its
//! owner by a term, so that the next one goes on with it. This is the in-process store's half; the Lua script of the
//! Redis store says the same.

use std::collections::HashMap;

use weir_base::Id;

use crate::name::{LeaseKey, Name};

/// One thing that a node says of a stream's recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingOp {
    /// The stream.
    pub key: LeaseKey,
    /// Who says it.
    pub node: Name,
    /// What it goes into; `None`: nothing of this broadcast is to be recorded any more.
    pub recording: Option<Id>,
    /// What is said.
    pub act: RecordingAct,
}

/// What is said of a stream's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingAct {
    /// This node records the stream from now on: into what is said already, else into this.
    Take,
    /// The same, whatever is said already.
    Begin,
    /// It still does: what it said holds for another term.
    Keep,
    /// The broadcast is over here: nothing is said of it any more, unless another node goes on with it.
    End,
}

impl RecordingAct {
    #[cfg(feature = "redis")]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Begin => "begin",
            Self::Keep => "keep",
            Self::End => "end",
        }
    }
}

/// What there is to an [`RecordingOp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingSaid {
    /// What the broadcast goes into.
    pub recording: Option<Id>,
    /// Nobody else has said something since.
    pub is_own: bool,
    /// When that was, by the store's clock, Unix milliseconds: nodes' own clocks are not compared.
    pub at_ms: i64,
}

/// What is said of each stream, and until when, milliseconds.
#[derive(Debug, Default)]
pub(crate) struct RecordingTable(HashMap<LeaseKey, Word>);

#[derive(Debug, Clone)]
struct Word {
    recording: Option<Id>,
    node: Name,
    until_ms: i64,
}

impl RecordingTable {
    /// Does some operations at the store's time.
    pub(crate) fn apply(
        &mut self,
        ops: &[RecordingOp],
        now_ms: i64,
        term_ms: i64,
    ) -> Vec<RecordingSaid> {
        self.0.retain(|_, word| word.until_ms > now_ms);
        let said = ops.iter();
        said.map(|op| self.one(op, now_ms, term_ms)).collect()
    }

    fn one(&mut self, op: &RecordingOp, now_ms: i64, term_ms: i64) -> RecordingSaid {
        let said = self.0.get(&op.key).cloned();
        let is_same = |word: &Word| (word.recording, &word.node) == (op.recording, &op.node);
        let is_own = match op.act {
            RecordingAct::Take | RecordingAct::Begin => true,
            RecordingAct::Keep => said.as_ref().is_none_or(is_same),
            RecordingAct::End => said.as_ref().is_none_or(|word| word.node == op.node),
        };
        let recording = match (op.act, &said) {
            (RecordingAct::Take, Some(word)) => word.recording,
            _ => op.recording,
        };
        if op.act == RecordingAct::End {
            if said.as_ref().is_some_and(is_same) {
                self.0.remove(&op.key);
            }
        } else if is_own {
            let word = Word {
                recording,
                node: op.node.clone(),
                until_ms: now_ms.saturating_add(term_ms),
            };
            self.0.insert(op.key.clone(), word);
        }
        RecordingSaid {
            recording,
            is_own,
            at_ms: now_ms,
        }
    }
}
