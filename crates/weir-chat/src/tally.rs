//! What happened in chat, as numbers that only grow, and as levels of now.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bye::Bye;
use crate::deny::Deny;
use crate::post::Lane;

/// One number.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// So many fewer.
    pub fn less(&self, fewer: u64) {
        self.0.fetch_sub(fewer, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections now.
    pub connections: Count,
    /// Connections that were let in, ever.
    pub opened: Count,
    /// Commands that were heard.
    pub commands: Count,
    posts: [Count; Lane::ALL.len()],
    /// Posts of the lo lane that were left out of a tick, for all members.
    pub shed: Count,
    /// Posts of the lo lane that members were told they missed because their sockets took nothing.
    pub skipped: Count,
    /// Hearts that were given.
    pub likes: Count,
    /// Bytes written to sockets.
    pub sent_bytes: Count,
    /// Writes to sockets.
    pub writes: Count,
    /// Members who came back and missed nothing.
    pub recovered: Count,
    /// Members who came back too late.
    pub unrecovered: Count,
    /// Posts that were sent again for want of a receipt.
    pub resent: Count,
    denied: [Count; Deny::ALL.len()],
    closed: [Count; Bye::ALL.len()],
}

impl Tally {
    /// Posts of a lane.
    pub const fn posts(&self, lane: Lane) -> &Count {
        let [lo, hi] = &self.posts;
        match lane {
            Lane::Lo => lo,
            Lane::Hi => hi,
        }
    }

    /// Commands that were refused for this reason.
    pub fn denied(&self, why: Deny) -> Option<&Count> {
        let at = Deny::ALL.iter().position(|deny| *deny == why)?;
        self.denied.get(at)
    }

    /// Connections that ended for this reason.
    pub fn closed(&self, why: Bye) -> Option<&Count> {
        let at = Bye::ALL.iter().position(|bye| *bye == why)?;
        self.closed.get(at)
    }
}
