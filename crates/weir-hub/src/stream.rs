//! One stream: its ring, its state, its counters. It outlives its publisher for a linger time, so
//! that a publisher who comes back goes on where it stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::Code;

use crate::clients::{Client, Protocol};
use crate::key::StreamKey;
use crate::ring::Ring;
use crate::stats::{SenderStats, StreamStats};

/// See the module's words.
#[derive(Debug)]
pub struct Stream {
    /// Its name.
    pub key: StreamKey,
    /// What it said lately.
    pub ring: Ring,
    pub(crate) state: Mutex<State>,
    pub(crate) stats: Mutex<StreamStats>,
    pub(crate) sender: Mutex<Option<SenderStats>>,
    /// Unix microseconds at which the stream's time 0 lies.
    pub(crate) wall_at_zero_us: AtomicI64,
    /// When, on the node's clock, the stream's time 0 lies; none before the first frame.
    pub(crate) zero_at_us: Mutex<Option<i64>>,
    pub(crate) last_frame_us: AtomicI64,
    pub(crate) changed: Notify,
    viewers: [AtomicU32; Protocol::ALL.len()],
    sent_bytes: AtomicU64,
    skipped_frames: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The publisher in office.
    pub(crate) publisher: Option<Arc<Client>>,
    /// Counts publishers: a handle with an older number has no say.
    pub(crate) life: u64,
    pub(crate) since_us: i64,
    pub(crate) ended: Option<Ended>,
}

impl State {
    /// Whether the publisher of this life still has a say.
    pub(crate) const fn is_in_office(&self, life: u64) -> bool {
        self.life == life && self.publisher.is_some()
    }
}

/// How and when the last publisher went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub code: Code,
    /// When, on the node's clock.
    pub at_us: i64,
}

impl Ended {
    /// What viewers are told: the stream's end (3003) where the reason lies between the publisher and
    /// us, the reason itself where it concerns them too.
    pub fn code_for_viewers(self) -> Code {
        match self.code {
            code @ (Code::NoData | Code::Operator | Code::Draining) => code,
            _ => Code::Ended,
        }
    }
}

/// The publisher in office, for the API.
#[derive(Debug, Clone, Copy)]
pub struct PublisherInfo {
    /// Its client id.
    pub id: weir_base::ClientId,
    /// How it publishes.
    pub protocol: Protocol,
    /// From where.
    pub addr: SocketAddr,
    /// Since when, on the node's clock.
    pub since_us: i64,
}

impl Stream {
    pub(crate) fn new(key: StreamKey, ring: Ring) -> Self {
        Self {
            key,
            ring,
            state: Mutex::default(),
            stats: Mutex::default(),
            sender: Mutex::default(),
            wall_at_zero_us: AtomicI64::new(0),
            zero_at_us: Mutex::new(None),
            last_frame_us: AtomicI64::new(0),
            changed: Notify::new(),
            viewers: Default::default(),
            sent_bytes: AtomicU64::new(0),
            skipped_frames: AtomicU64::new(0),
        }
    }

    /// What the sender last said of itself, if it says such things.
    pub fn sender(&self) -> Option<SenderStats> {
        self.sender.lock().clone()
    }

    /// Whether somebody publishes it.
    pub fn is_live(&self) -> bool {
        self.state.lock().publisher.is_some()
    }

    /// How the last publisher went; `None` while one is here.
    pub fn ended(&self) -> Option<Ended> {
        self.state.lock().ended
    }

    /// Counts publishers: 1 for the first.
    pub fn life(&self) -> u64 {
        self.state.lock().life
    }

    /// Who publishes it.
    pub fn publisher(&self) -> Option<PublisherInfo> {
        let state = self.state.lock();
        state.publisher.as_ref().map(|client| PublisherInfo {
            id: client.id,
            protocol: client.protocol,
            addr: client.addr,
            since_us: state.since_us,
        })
    }

    /// Unix microseconds at which the stream's time 0 lies.
    pub fn wall_at_zero_us(&self) -> i64 {
        self.wall_at_zero_us.load(Ordering::Acquire)
    }

    /// Resolves after the next item or change of state. Take it before looking, or a wake is lost.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// A copy of the counters.
    pub fn stats(&self) -> StreamStats {
        self.stats.lock().clone()
    }

    /// Viewers over `protocol` now.
    pub fn viewers(&self, protocol: Protocol) -> u32 {
        self.viewers[protocol as usize].load(Ordering::Relaxed)
    }

    /// Viewers over all protocols now.
    pub fn all_viewers(&self) -> u32 {
        Protocol::ALL
            .iter()
            .map(|protocol| self.viewers(*protocol))
            .sum()
    }

    /// One more (`+1`) or fewer (`-1`) viewers.
    pub fn add_viewers(&self, protocol: Protocol, delta: i32) {
        let count = &self.viewers[protocol as usize];
        if delta >= 0 {
            count.fetch_add(delta.unsigned_abs(), Ordering::Relaxed);
        } else {
            count.fetch_sub(delta.unsigned_abs(), Ordering::Relaxed);
        }
    }

    /// Bytes sent to viewers.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes sent to viewers.
    pub fn add_sent_bytes(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Frames that slow viewers lost.
    pub fn skipped_frames(&self) -> u64 {
        self.skipped_frames.load(Ordering::Relaxed)
    }

    /// Counts frames that a slow viewer lost.
    pub fn add_skipped_frames(&self, frames: u64) {
        self.skipped_frames.fetch_add(frames, Ordering::Relaxed);
    }
}
