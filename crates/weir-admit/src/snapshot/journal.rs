//! What an api node keeps to tell others of: the snapshot as it is, and what changed of late.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::wire::{self, DELTA_CHANGES};
use super::{Change, Delta, Position, Snapshot, Untaken};

/// The newest snapshot with the deltas that led to it, and the answers made of both.
#[derive(Debug)]
pub struct Journal(Mutex<Held>);

#[derive(Debug)]
struct Held {
    snapshot: Snapshot,
    /// Deltas that lead to the snapshot, one behind the other; all together at most [`DELTA_CHANGES`].
    recent: VecDeque<Delta>,
    changes: usize,
    /// The snapshot as bytes, and its version.
    whole: Option<(u64, std::sync::Arc<[u8]>)>,
}

/// What a node that asks is told.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It has everything.
    Nothing,
    /// Bytes for [`wire::read`].
    Bytes(std::sync::Arc<[u8]>),
}

impl Journal {
    /// Of a snapshot that the store made.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(Mutex::new(Held {
            snapshot,
            recent: VecDeque::new(),
            changes: 0,
            whole: None,
        }))
    }

    /// Where it stands.
    pub fn position(&self) -> Option<Position> {
        self.0.lock().snapshot.position().cloned()
    }

    /// Takes what the store says has changed, up to `version`, and answers with the delta for the node's own
    /// rulebook.
    ///
    /// # Errors
    /// When it cannot be taken: read the whole store anew then.
    pub fn push(&self, changes: Vec<Change>, version: u64) -> Result<Delta, Untaken> {
        let held = &mut *self.0.lock();
        let here = held.snapshot.position().cloned().ok_or(Untaken::Gap)?;
        let delta = Delta {
            series: here.series,
            from: here.version,
            to: version,
            changes,
        };
        held.snapshot.take(&delta)?;
        held.changes += delta.changes.len();
        held.recent.push_back(delta.clone());
        while held.changes > DELTA_CHANGES
            && let Some(oldest) = held.recent.pop_front()
        {
            held.changes -= oldest.changes.len();
        }
        Ok(delta)
    }

    /// What a node is told that stands at `since`. Making the whole takes a moment: not on a thread that
    /// serves others.
    pub fn answer(&self, since: Option<&Position>) -> Answer {
        let held = &mut *self.0.lock();
        let Some(here) = held.snapshot.position() else {
            return Answer::Nothing;
        };
        if since == Some(here) {
            return Answer::Nothing;
        }
        let since = since.filter(|since| since.series == here.series);
        let first = since.and_then(|since| {
            let fits = |delta: &Delta| delta.from == since.version;
            held.recent.iter().position(fits)
        });
        if let Some(first) = first {
            let newer = held.recent.range(first..);
            let delta = Delta {
                series: here.series.clone(),
                from: since.map_or(0, |since| since.version),
                to: here.version,
                changes: newer.flat_map(|delta| delta.changes.clone()).collect(),
            };
            return Answer::Bytes(wire::delta(&delta).into());
        }
        let version = here.version;
        match &held.whole {
            Some((of, bytes)) if *of == version => Answer::Bytes(bytes.clone()),
            _ => {
                let bytes: std::sync::Arc<[u8]> = wire::whole(&held.snapshot).into();
                held.whole = Some((version, bytes.clone()));
                Answer::Bytes(bytes)
            }
        }
    }
}
