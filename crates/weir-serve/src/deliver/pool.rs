//! The delivery loops together: starts them, and hands each new viewer to one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use mio::{Poll, Waker};
use weir_base::{Code, Refusal, Shutdown, Tasks, limits};
use weir_hub::{Hub, Protocol, Stream};

use super::config::DeliveryConfig;
use super::format::Format;
use super::viewer::{NewViewer, Viewer};
use super::wire::{Wire, Wires};
use super::worker::{Arrival, Worker};

/// Viewers for which another loop is opened: fewer are served cheaper by one, whose batches stay in one
/// core's cache; and one loop is far from busy with so many.
const VIEWERS_PER_LOOP: usize = 512;

/// See the module's words. Clones share the loops.
#[derive(Clone)]
pub struct Pool(Arc<PoolInner>);

struct PoolInner {
    shared: Arc<Shared>,
    loops: Vec<LoopHandle>,
}

struct LoopHandle {
    inbox: SyncSender<Arrival>,
    waker: Arc<Waker>,
    /// Viewers in this loop and on their way to it.
    viewers: Arc<AtomicUsize>,
}

/// What all loops share.
pub(super) struct Shared {
    pub(super) shutdown: Shutdown,
    hub: Hub,
    wires: Wires,
    flush_us: AtomicI64,
    config: DeliveryConfig,
}

impl Pool {
    /// Starts the loops. A wire, one stream in one form, holds as many bytes as the stream's ring may.
    ///
    /// # Errors
    /// When the system has no epoll or no thread to give.
    pub fn start(
        config: DeliveryConfig,
        hub: &Hub,
        tasks: &Tasks,
        shutdown: &Shutdown,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            shutdown: shutdown.clone(),
            hub: hub.clone(),
            wires: Wires::default(),
            flush_us: AtomicI64::new(config.flush_us()),
            config,
        });
        let mut loops = Vec::new();
        for number in 0..shared.config.threads() {
            let poll = Poll::new()?;
            let waker = Arc::new(Worker::waker(&poll)?);
            let (inbox, arrivals) = sync_channel(limits::DELIVERY_INBOX);
            let viewers = Arc::new(AtomicUsize::new(0));
            let clock = hub.clock().clone();
            let worker = Worker::new(poll, arrivals, shared.clone(), clock);
            tasks.thread(format!("deliver-{number}"), move || worker.run())?;
            loops.push(LoopHandle {
                inbox,
                waker,
                viewers,
            });
        }
        let pool = Self(Arc::new(PoolInner { shared, loops }));
        let (stopping, wakers) = (shutdown.clone(), pool.wakers());
        tasks.spawn("deliver-stop", async move {
            stopping.stopping().await;
            for waker in wakers {
                let _ = waker.wake();
            }
        });
        Ok(pool)
    }

    /// Hands a viewer of `stream` to a loop, which sends it the stream in `format` from now on.
    ///
    /// # Errors
    /// 3006 when the stream's codecs cannot go out in this form, 5001 when the loops are swamped.
    pub fn add(
        &self,
        stream: Arc<Stream>,
        format: Format,
        viewer: NewViewer,
    ) -> Result<(), Refusal> {
        if let Some(why) = format.refuses(&stream.ring.tracks()) {
            return Err(Refusal::new(Code::CodecUnsupported, why));
        }
        let counters = self.0.shared.hub.counters();
        counters.connected(format.protocol());
        let Some(handle) = self.0.least_busy() else {
            return Err(Code::Overloaded.into());
        };
        let seat = Seat::take(&handle.viewers);
        handle
            .inbox
            .try_send(Arrival {
                stream,
                format,
                viewer,
                seat,
            })
            .map_err(|refused| match refused {
                TrySendError::Full(_) => {
                    Refusal::new(Code::Overloaded, "too many viewers arrive at once")
                }
                TrySendError::Disconnected(_) => Refusal::from(Code::Draining),
            })?;
        let _ = handle.waker.wake();
        Ok(())
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.0.shared.hub
    }

    /// How long a viewer may take nothing at all.
    pub fn stall(&self) -> std::time::Duration {
        let stall_us = self.0.shared.config.stall_us();
        std::time::Duration::from_micros(u64::try_from(stall_us).unwrap_or(0))
    }

    /// New settings: the flush interval counts from the next tick on, the rest with a restart.
    pub fn reconfigure(&self, config: &DeliveryConfig) {
        let flush_us = &self.0.shared.flush_us;
        flush_us.store(config.flush_us(), Ordering::Relaxed);
    }

    fn wakers(&self) -> Vec<Arc<Waker>> {
        self.0
            .loops
            .iter()
            .map(|handle| handle.waker.clone())
            .collect()
    }
}

impl PoolInner {
    /// As few loops as the viewers need, and of those the emptiest: a popular stream uses all cores.
    fn least_busy(&self) -> Option<&LoopHandle> {
        let seats = |handle: &LoopHandle| handle.viewers.load(Ordering::Relaxed);
        let needed = 1 + self.loops.iter().map(seats).sum::<usize>() / VIEWERS_PER_LOOP;
        self.loops
            .iter()
            .take(needed)
            .min_by_key(|handle| seats(handle))
    }
}

/// A seat in a loop, for as long as it is held: so it is known which loop has the fewest connections.
pub struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// One more.
    pub fn take(viewers: &Arc<AtomicUsize>) -> Self {
        viewers.fetch_add(1, Ordering::Relaxed);
        Self(viewers.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn flush_us(&self) -> i64 {
        self.flush_us.load(Ordering::Relaxed)
    }

    pub(super) fn open_wire(&self, stream: &Arc<Stream>, format: Format) -> Arc<Wire> {
        let max_bytes = stream.ring.max_bytes();
        self.wires
            .open(stream, format, self.config.lag_us(), max_bytes)
    }

    /// Why this viewer has to go, if it has to.
    pub(super) fn verdict(&self, viewer: &Viewer, now_us: i64) -> Option<Code> {
        if viewer.is_stalled(now_us, self.config.stall_us()) {
            return Some(Code::TooSlow);
        }
        viewer.client.kicked()
    }

    pub(super) fn count_sent(&self, format: Format, stream: &Stream, bytes: u64) {
        if bytes > 0 {
            stream.add_sent_bytes(bytes);
            self.hub.counters().sent(format.protocol(), bytes);
        }
    }

    pub(super) fn count_end(&self, code: Code, protocol: Protocol) {
        if code != Code::ClientStopped {
            self.hub.counters().code(code, protocol);
        }
    }
}
