//! All streams of this node: which may begin, which is found, which has been silent too long.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::{Clock, Code, Refusal, StreamName, limits};

use crate::audience::Audience;
use crate::clients::{Clients, NewClient, Protocol, Role};
use crate::config::Config;
use crate::counters::Counters;
use crate::events::{self, Events, Feed, What};
use crate::gate::Grant;
use crate::publisher::Publisher;
use crate::rebase::{self, Rebase};
use crate::ring::Ring;
use crate::sender_clock::SenderClock;
use crate::stream::{Ended, State, Stream};

/// RTMP and FLV timestamps are 32-bit milliseconds; longer clocks never reach the end.
pub(crate) const WRAP_US: i64 = (1 << 32) * 1000;
/// Microseconds a returning publisher's first frame is set behind the last one at least.
pub(crate) const RETURN_STEP_US: i64 = 40_000;

/// See the module's words. Clones share it.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Mutex<Config>,
    clock: Clock,
    clients: Clients,
    audience: Audience,
    counters: Counters,
    streams: Mutex<HashMap<StreamName, Arc<Stream>>>,
    awaited: Mutex<HashMap<StreamName, Awaited>>,
    waiters: AtomicUsize,
    feed: Arc<Feed>,
}

/// The requests that wait for one stream to begin.
#[derive(Debug, Default)]
struct Awaited {
    begun: Arc<Notify>,
    waiting: usize,
}

/// Who wants to publish.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// Under which name.
    pub name: StreamName,
    /// How.
    pub protocol: Protocol,
    /// From where.
    pub addr: SocketAddr,
    /// What the gatekeeper granted.
    pub grant: Grant,
}

/// Where another node's stream lies in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayBegin {
    /// Its clock: [`Stream::clock_id`] there.
    pub clock_id: u64,
    /// Unix microseconds at which that clock's time 0 lies.
    pub wall_at_zero_us: i64,
}

impl Hub {
    /// An empty hub.
    pub fn new(config: Config, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            config: Mutex::new(config),
            clock,
            clients: Clients::default(),
            audience: Audience::default(),
            counters: Counters::default(),
            streams: Mutex::default(),
            awaited: Mutex::default(),
            waiters: AtomicUsize::new(0),
            feed: Arc::default(),
        }))
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Everybody with a connection.
    pub fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// Viewers without a connection.
    pub fn audience(&self) -> &Audience {
        &self.0.audience
    }

    /// Totals since the start.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// What happens to streams from now on: begins, ends and all between.
    pub fn events(&self) -> Events {
        Events::new(self.0.feed.clone())
    }

    /// Microseconds without a frame after which a stream is ended.
    pub fn idle_timeout_us(&self) -> i64 {
        self.0.config.lock().idle_timeout_us()
    }

    /// New settings for what comes; rings that exist keep their size.
    pub fn reconfigure(&self, config: Config) {
        *self.0.config.lock() = config;
    }

    /// Begins a stream, or takes a live one over where the grant says so, or where what is live
    /// is a copy from elsewhere.
    ///
    /// # Errors
    /// 3004 when the name is live, 2005 when the node is full.
    pub fn publish(&self, request: PublishRequest) -> Result<Publisher, Refusal> {
        self.begin(request, None)
    }

    /// Begins, goes on with or takes over a stream that another node has placed on its clock already:
    /// [`Publisher::item`] takes it.
    ///
    /// - A stream without frames takes that node's clock for its own.
    /// - A stream that is on the same clock goes on where it is.
    /// - Any other goes on on its own clock, behind a discontinuity.
    ///
    /// # Errors
    /// As [`Hub::publish`].
    pub fn relay(&self, request: PublishRequest, begin: RelayBegin) -> Result<Publisher, Refusal> {
        self.begin(request, Some(begin))
    }

    fn begin(
        &self,
        request: PublishRequest,
        relayed: Option<RelayBegin>,
    ) -> Result<Publisher, Refusal> {
        let now_us = self.0.clock.now_us();
        // Held to the end, so that a sweep cannot forget the stream between finding and filling it.
        let mut streams = self.0.streams.lock();
        let stream = self.find_or_create(&mut streams, &request.name)?;
        let new = NewClient {
            role: Role::Publisher,
            protocol: request.protocol,
            name: request.name.clone(),
            addr: request.addr,
            is_node: request.grant.is_node,
            identity: request.grant.identity.clone(),
            right: request.grant.right.clone(),
            wishes: request.grant.wishes.clone(),
        };
        let client = self.0.clients.enter(new, now_us)?;
        let mut state = stream.state.lock();
        let is_takeover = state.publisher.is_some();
        if let Some(old) = &state.publisher {
            if !request.grant.takeover && !state.is_replaceable {
                return Err(already_live(&request.name, old.addr, old.protocol));
            }
            old.kick(Code::TakenOver);
        }
        stream.set_publisher(&mut state, Some(client.clone()));
        state.is_replaceable = request.grant.is_replaceable;
        state.life += 1;
        state.since_us = now_us;
        state.ended = None;
        let life = state.life;
        let arrival = events::Arrival {
            id: client.id,
            protocol: request.protocol,
            life,
            is_replaceable: state.is_replaceable,
        };
        stream.tell(now_us, arrival.told(is_takeover));
        // Under the lock, so that two takeovers cannot interleave their items.
        let (base_us, rebase) = match relayed {
            Some(begin) => (0, rebase::begin(&stream, &mut state, begin)),
            None if life > 1 => (self.begin_again(&stream, &mut state), Rebase::default()),
            None => (0, Rebase::default()),
        };
        *stream.stats.lock() = Default::default();
        *stream.sender.lock() = None;
        stream.forget_remarks();
        // Before anybody sees the publisher: a sweep would take it for one silent since the last frame.
        stream.last_frame_us.store(now_us, Ordering::Release);
        drop(state);
        drop(streams);
        tracing::info!(stream = %request.name, client = %client.id, protocol = request.protocol.name(), addr = %request.addr, life, "stream begins");
        stream.changed.notify_waiters();
        if let Some(awaited) = self.0.awaited.lock().get(&request.name) {
            awaited.begun.notify_waiters();
        }
        Ok(Publisher::new(
            stream,
            client,
            self.0.clock.clone(),
            SenderClock::new(base_us),
            life,
            request.grant.max_kbps,
            rebase,
        ))
    }

    /// The stream of this name, live or lingering.
    pub fn find(&self, name: &StreamName) -> Option<Arc<Stream>> {
        self.0.streams.lock().get(name).cloned()
    }

    /// The stream of this name if it is live.
    ///
    /// # Errors
    /// 3002 when it is not, whether it never was or has ended.
    pub fn find_live(&self, name: &StreamName) -> Result<Arc<Stream>, Refusal> {
        match self.find(name) {
            Some(stream) if stream.is_live() => Ok(stream),
            Some(_) => Err(Refusal::new(Code::NotLive, format!("{name} has ended"))),
            None => Err(Refusal::new(Code::NotLive, format!("{name} is not live"))),
        }
    }

    /// The live stream of this name, waiting for it up to `wait`.
    ///
    /// # Errors
    /// As [`Hub::find_live`]; 5001 when too many wait already.
    pub async fn wait_live(
        &self,
        name: &StreamName,
        wait: Duration,
    ) -> Result<Arc<Stream>, Refusal> {
        let found = self.find_live(name);
        if found.is_ok() || wait.is_zero() {
            return found;
        }
        let place = WaitingPlace::take(&self.0, name)?;
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        loop {
            let notified = place.begun.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            let found = self.find_live(name);
            if found.is_ok() {
                return found;
            }
            tokio::select! {
                () = &mut notified => {}
                () = &mut deadline => return self.find_live(name),
            }
        }
    }

    /// Waits up to `wait` for a stream that has a publisher to be of use to viewers, where what comes is not
    /// yet ([`Stream::why_not_live`]).
    ///
    /// # Errors
    /// 3002 with the reason when it is not, 5001 when too many wait already.
    pub async fn wait_usable(&self, stream: &Stream, wait: Duration) -> Result<(), Refusal> {
        let Err(refused) = check_usable(stream) else {
            return Ok(());
        };
        if wait.is_zero() {
            return Err(refused);
        }
        let _place = WaitingPlace::take(&self.0, &stream.name)?;
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        loop {
            let changed = stream.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if check_usable(stream).is_ok() {
                return Ok(());
            }
            tokio::select! {
                () = &mut changed => {}
                () = &mut deadline => return check_usable(stream),
            }
        }
    }

    /// All streams, live and lingering, by name.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        let mut all = self.unsorted();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn unsorted(&self) -> Vec<Arc<Stream>> {
        self.0.streams.lock().values().cloned().collect()
    }

    /// Ends waits for tracks that do not come, and streams whose publisher has been silent too long or sends
    /// what nobody can decode; forgets those long gone, and viewers
    /// that ask no more. Call it a few times a second.
    pub fn sweep(&self) {
        let now_us = self.0.clock.now_us();
        self.0.audience.sweep(now_us);
        let config = self.0.config.lock().clone();
        for stream in self.unsorted() {
            stream.settle_if_due(now_us);
            let mut state = stream.state.lock();
            if let Some(publisher) = &state.publisher {
                if let Some(refusal) = stream.reason_to_end(config.idle_timeout_us(), now_us) {
                    // Ended here and now: viewers are told even if the publisher's task is stuck.
                    let silent_us = now_us - stream.last_frame_us.load(Ordering::Acquire);
                    tracing::info!(stream = %stream.name, client = %publisher.id, code = refusal.code.number(), silent_ms = silent_us / 1000, "stream ended: {}", refusal.detail);
                    let ended = Ended {
                        code: refusal.code,
                        at_us: now_us,
                        was_node: publisher.is_node,
                    };
                    publisher.kick_with(refusal);
                    stream.set_ended(&mut state, ended);
                    stream.changed.notify_waiters();
                }
            } else if state
                .ended
                .is_none_or(|ended| now_us - ended.at_us >= config.linger_us())
            {
                drop(state);
                self.forget(&stream);
            }
        }
    }

    /// Tells every publisher and viewer to go, with `code`.
    pub fn kick_all(&self, code: Code) {
        for client in self.0.clients.list() {
            client.kick(code);
        }
    }

    fn find_or_create(
        &self,
        streams: &mut HashMap<StreamName, Arc<Stream>>,
        name: &StreamName,
    ) -> Result<Arc<Stream>, Refusal> {
        if let Some(stream) = streams.get(name) {
            return Ok(stream.clone());
        }
        if streams.len() >= limits::STREAMS {
            return Err(Refusal::new(
                Code::QuotaStreams,
                "this node holds as many streams as it may",
            ));
        }
        let clock_id = weir_base::ids::random_bytes().map_err(|error| {
            let why = format!("the system has no randomness to give: {error}");
            Refusal::new(Code::Overloaded, why)
        })?;
        let config = self.0.config.lock();
        let stream = Arc::new(Stream::new(
            name.clone(),
            Ring::new(
                config.ring_us(),
                config.ring_bytes,
                u64::from_be_bytes(clock_id),
            ),
            self.0.feed.clone(),
            self.0.clock.wall_us(),
        ));
        streams.insert(name.clone(), stream.clone());
        Ok(stream)
    }

    /// Times go on from where the last publisher stopped, with the time that passed between kept, so
    /// that wall-clock times stay true. The wall clock itself is not asked: it may have been set.
    fn begin_again(&self, stream: &Stream, state: &mut State) -> i64 {
        state.source = None;
        state.break_off(&stream.ring);
        match *stream.zero_at_us.lock() {
            None => 0,
            Some(zero_us) => {
                let elapsed_us = self.0.clock.now_us() - zero_us;
                elapsed_us.max(state.latest_us().unwrap_or(0) + RETURN_STEP_US)
            }
        }
    }

    /// A stream is forgotten only if no publisher has begun it anew meanwhile.
    fn forget(&self, stream: &Arc<Stream>) {
        let mut streams = self.0.streams.lock();
        if !stream.is_live() {
            streams.remove(&stream.name);
            stream.set_forgotten();
            if stream.life() > 0 {
                stream.tell(self.0.clock.now_us(), What::Forgotten);
            }
            stream.changed.notify_waiters();
        }
    }
}

/// Whether nothing is known to be wrong with a stream that has a publisher.
fn check_usable(stream: &Stream) -> Result<(), Refusal> {
    let name = &stream.name;
    let words = match stream.why_not_live() {
        Some(why) => format!("{name} is not live yet: {}", why.detail),
        None if stream.is_live() => return Ok(()),
        None => format!("{name} has ended"),
    };
    Err(Refusal::new(Code::NotLive, words))
}

/// The refusal of a second publisher.
pub fn already_live(name: &StreamName, addr: SocketAddr, protocol: Protocol) -> Refusal {
    let from = addr.ip();
    let words = format!("{name} is live from {from} over {}", protocol.name());
    Refusal::new(Code::AlreadyPublishing, words)
}

/// A viewer's place among the waiting requests; dropped with the request, however that ends.
struct WaitingPlace<'a> {
    inner: &'a Inner,
    name: &'a StreamName,
    begun: Arc<Notify>,
}

impl<'a> WaitingPlace<'a> {
    fn take(inner: &'a Inner, name: &'a StreamName) -> Result<Self, Refusal> {
        if inner.waiters.fetch_add(1, Ordering::Relaxed) >= limits::WAITERS {
            inner.waiters.fetch_sub(1, Ordering::Relaxed);
            let why = "too many viewers wait for streams to begin";
            return Err(Refusal::new(Code::Overloaded, why));
        }
        let mut all = inner.awaited.lock();
        let awaited = all.entry(name.clone()).or_default();
        awaited.waiting += 1;
        let begun = awaited.begun.clone();
        Ok(Self { inner, name, begun })
    }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.inner.waiters.fetch_sub(1, Ordering::Relaxed);
        let mut all = self.inner.awaited.lock();
        if let Some(awaited) = all.get_mut(self.name) {
            awaited.waiting -= 1;
            if awaited.waiting == 0 {
                all.remove(self.name);
            }
        }
    }
}
