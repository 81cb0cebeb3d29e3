//! The chat loops together: starts them, and hands each new connection to the emptiest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use mio::{Poll, Waker};
use weir_base::limits;
use weir_chat::house::MAX_SLICES;
use weir_chat::{House, Newcomer, Slice};

use super::line::Line;
use super::worker::ChatLoop;
use crate::core::Core;
use crate::deliver::Seat;

/// A connection on its way to a loop, and what it has said already.
pub(super) struct ChatArrival {
    pub(super) newcomer: Newcomer<Line>,
    pub(super) said: Bytes,
}

/// One loop, from outside.
#[derive(Clone)]
pub(super) struct ChatLoopHandle {
    inbox: SyncSender<ChatArrival>,
    waker: Arc<Waker>,
    connections: Arc<AtomicUsize>,
}

/// See the file's words.
pub(super) struct ChatPool(Vec<ChatLoopHandle>);

impl ChatPool {
    /// Starts the loops.
    ///
    /// # Errors
    /// When the system has no epoll or no thread to give.
    pub(super) fn start(house: &Arc<House>, core: &Core) -> std::io::Result<Self> {
        let threads = match house.config.loops {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            loops => loops,
        };
        let mut loops = Vec::new();
        for number in 0..threads.min(MAX_SLICES) {
            let poll = Poll::new()?;
            let waker = Arc::new(ChatLoop::waker(&poll)?);
            let (inbox, arrivals) = sync_channel(limits::DELIVERY_INBOX);
            let (wakes, shutdown) = (waker.clone(), core.shutdown.clone());
            let slice = Slice::new(house.clone(), move || {
                let _ = wakes.wake();
            });
            let worker =
                ChatLoop::new((poll, arrivals), slice, (core.clone(), house.clock.clone()));
            core.tasks
                .thread(format!("chat-{number}"), move || worker.run())?;
            let wakes = waker.clone();
            core.tasks.spawn("chat-stop", async move {
                shutdown.stopping().await;
                let _ = wakes.wake();
            });
            loops.push(ChatLoopHandle {
                inbox,
                waker,
                connections: Arc::default(),
            });
        }
        Ok(Self(loops))
    }

    /// The loop with the fewest connections, and a seat in it.
    pub(super) fn seat(&self) -> Option<(ChatLoopHandle, Seat)> {
        let count = |handle: &&ChatLoopHandle| handle.connections.load(Ordering::Relaxed);
        let handle = self.0.iter().min_by_key(count)?;
        Some((handle.clone(), Seat::take(&handle.connections)))
    }
}

impl ChatLoopHandle {
    /// Hands a connection over; it is lost where the loop is swamped.
    pub(super) fn give(&self, arrival: ChatArrival) {
        if self.inbox.try_send(arrival).is_err() {
            tracing::warn!("a chat connection is dropped: too many arrive at once");
        }
        self.wake();
    }

    /// Has the loop look at what it was given.
    pub(super) fn wake(&self) {
        let _ = self.waker.wake();
    }
}
