//! Sees on the node that owns streams when broadcasts begin and end, and has it told.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::{ClientId, Code, Id, Ids, Shutdown, StreamName, ids};
use weir_hub::{Arrival, Client, Event, Events, Hub, Notice, Stream, What};

use crate::report::{
    MAX_SEEN, Order, RecordingOrder, Reply, Report, Told, ToldBegin, ToldEnd, ToldGone,
    ToldRecording,
};
use crate::seen::{SeenReach, SeenStream, all_seen};
use crate::spool::Spool;

/// Between two looks at how many watch.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Witness(Arc<Inner>);

struct Inner {
    hub: Hub,
    ids: Ids,
    boot: String,
    /// Streams that are published here live here. On an edge they live on the origin that it hands them to, which tells
    /// of them.
    is_origin: bool,
    /// How often an app has to be heard of, milliseconds; 0 where it need not.
    heartbeat_ms: Box<dyn Fn(&str) -> i64 + Send + Sync>,
    state: Mutex<State>,
    /// There is something to tell.
    fresh: Notify,
    /// Who has the recordings of this node.
    keeper: OnceLock<Keeper>,
    /// Who knows what of it can be gone back to.
    reach: OnceLock<Reach>,
}

/// Knows what of a live stream is recorded here; it may not wait.
type Reach = Box<dyn Fn(&StreamName) -> Option<SeenReach> + Send + Sync>;

/// Does what is to be done with recordings; it may not wait.
type Keeper = Box<dyn Fn(&RecordingOrder) + Send + Sync>;

struct State {
    events: Events,
    live: HashMap<StreamName, Live>,
    spool: Spool,
}

/// A broadcast that lives here.
struct Live {
    told: ToldBegin,
    client: ClientId,
    publisher: Option<Arc<Client>>,
    stream: Option<Arc<Stream>>,
    sent_before: u64,
    viewers_max: u32,
}

impl Witness {
    /// Looks at `hub` from now on; what was left to tell by an earlier life of this node is in `spool`. A node that is
    /// no origin tells who watches, and nothing else.
    ///
    /// # Errors
    /// Where the system has no randomness to name this life by.
    pub fn new(
        (hub, is_origin): (Hub, bool),
        spool: PathBuf,
        heartbeat_ms: impl Fn(&str) -> i64 + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let boot = ids::random_bytes::<8>().map_err(std::io::Error::other)?;
        let state = State {
            events: hub.events(),
            live: HashMap::new(),
            spool: Spool::open(spool),
        };
        let witness = Self(Arc::new(Inner {
            ids: Ids::new(hub.clock().clone()),
            boot: ids::hex(&boot),
            is_origin,
            heartbeat_ms: Box::new(heartbeat_ms),
            state: Mutex::new(state),
            fresh: Notify::new(),
            keeper: OnceLock::new(),
            reach: OnceLock::new(),
            hub,
        }));
        // What is live already began before anybody looked.
        witness.0.reconcile(&mut witness.0.state.lock());
        Ok(witness)
    }

    /// Looks until the process stops.
    pub async fn run(self, shutdown: Shutdown) {
        let mut wake = self.0.hub.events();
        let mut sample = tokio::time::interval(SAMPLE_EVERY);
        loop {
            tokio::select! {
                _ = wake.next() => self.look(),
                _ = sample.tick() => {
                    // Also what happened before this task began.
                    self.look();
                    self.0.sample();
                }
                () = shutdown.stopping() => return,
            }
        }
    }

    /// Tells of a recording of this node.
    pub fn tell_recording(&self, told: ToldRecording) {
        let is_step = told.step.is_some();
        let mut state = self.0.state.lock();
        match is_step {
            true => state.spool.push(Told::Recording(told)),
            false => state.spool.push_passing(Told::Recording(told)),
        }
        drop(state);
        self.0.fresh.notify_one();
    }

    /// Tells that a recording that was to be taken away is gone from this node.
    pub fn tell_gone(&self, id: Id) {
        let told = Told::RecordingGone(ToldGone { id });
        self.0.state.lock().spool.push_passing(told);
        self.0.fresh.notify_one();
    }

    /// Who does what is to be done with recordings, from now on; said once. It may not wait.
    pub fn keeps_recordings(&self, keeper: impl Fn(&RecordingOrder) + Send + Sync + 'static) {
        // The first one stays.
        let _ = self.0.keeper.set(Box::new(keeper));
    }

    /// Who knows what of a live stream is recorded here, from now on; said once. It may not wait.
    pub fn knows_reach(
        &self,
        reach: impl Fn(&StreamName) -> Option<SeenReach> + Send + Sync + 'static,
    ) {
        // The first one stays.
        let _ = self.0.reach.set(Box::new(reach));
    }

    /// Sees what has happened until now.
    pub fn look(&self) {
        let mut state = self.0.state.lock();
        while let Some(notice) = state.events.try_next() {
            match notice {
                Notice::Event(event) => self.0.see(&mut state, event),
                Notice::Lost(_) => self.0.reconcile(&mut state),
            }
        }
        let (front, _) = state.spool.front(1);
        drop(state);
        if !front.is_empty() {
            self.0.fresh.notify_one();
        }
    }

    /// The node goes: what lives ends.
    pub(crate) fn leave(&self) {
        self.look();
        let mut state = self.0.state.lock();
        let names: Vec<StreamName> = state.live.keys().cloned().collect();
        let now_ms = self.0.hub.clock().wall_ms();
        for name in names {
            self.0.end(&mut state, &name, Code::Draining, now_ms);
        }
    }

    /// Resolves when there may be something to tell.
    pub(crate) async fn fresh(&self) {
        self.0.fresh.notified().await;
    }

    /// The next report: at most `limit` facts. With `says_living`, and nothing left to tell, which live and how.
    pub(crate) fn report(&self, limit: usize, says_living: bool) -> Report {
        let state = self.0.state.lock();
        let (told, is_all) = state.spool.front(limit);
        let says_living = is_all && says_living;
        let living =
            says_living.then(|| state.live.values().map(|live| live.told.session).collect());
        drop(state);
        Report {
            boot: self.0.boot.clone(),
            told,
            is_all,
            living,
            seen: says_living.then(|| self.0.seen()),
        }
    }

    /// A report was taken, with this reply.
    pub(crate) fn taken(&self, report: &Report, reply: &Reply) {
        let mut state = self.0.state.lock();
        state.spool.written(&report.told);
        let over: HashSet<Id> = reply.over.iter().copied().collect();
        let again: Vec<StreamName> = state
            .live
            .iter()
            .filter(|(_, live)| over.contains(&live.told.session))
            .map(|(name, _)| name.clone())
            .collect();
        for name in again {
            self.0.begin_anew(&mut state, &name);
        }
        for order in &reply.orders {
            obey(&state, order);
        }
        drop(state);
        if let Some(keeper) = self.0.keeper.get() {
            reply.recordings.iter().for_each(keeper);
        }
    }

    /// A report was not taken: what is to be told outlives this process.
    pub(crate) fn keep(&self) {
        self.0.state.lock().spool.keep();
    }
}

impl Inner {
    fn see(&self, state: &mut State, event: Event) {
        let clock = self.hub.clock();
        let at_ms = clock.wall_ms() - (clock.now_us() - event.at_us) / 1000;
        match event.what {
            What::Began(arrival) | What::Returned(arrival) | What::TakenOver(arrival) => {
                let known = state.live.get(&event.name);
                if known.is_some_and(|live| live.client == arrival.id) {
                    // Seen already, when all that is live was compared.
                    return;
                }
                // A copy from elsewhere is another node's broadcast.
                self.end(state, &event.name, Code::TakenOver, at_ms);
                if !arrival.is_replaceable {
                    self.begin(state, &event.name, arrival, at_ms);
                }
            }
            What::Ended(code) => self.end(state, &event.name, code, at_ms),
            What::Tracks(_) | What::Forgotten => {}
        }
    }

    fn begin(&self, state: &mut State, name: &StreamName, arrival: Arrival, at_ms: i64) {
        if !self.is_origin {
            return;
        }
        let publisher = self.hub.clients().find(arrival.id);
        let stream = self.hub.find(name);
        let (Ok(session), Ok(event)) = (self.ids.next(), self.ids.next()) else {
            tracing::error!(stream = %name, "the system has no randomness: this broadcast is not written down");
            return;
        };
        let address = publisher.as_ref().map(|client| client.addr.to_string());
        let told = ToldBegin {
            event,
            session,
            at_ms,
            boot: self.boot.clone(),
            app: name.app().to_owned(),
            stream: name.to_string(),
            protocol: arrival.protocol.name().to_owned(),
            address: address.unwrap_or_default(),
            heartbeat_ms: (self.heartbeat_ms)(name.app()),
        };
        let live = Live {
            client: arrival.id,
            publisher,
            sent_before: stream.as_ref().map_or(0, |stream| stream.sent_bytes()),
            stream,
            viewers_max: 0,
            told: told.clone(),
        };
        state.spool.push(Told::Began(told));
        state.live.insert(name.clone(), live);
    }

    fn end(&self, state: &mut State, name: &StreamName, code: Code, at_ms: i64) {
        let Some(mut live) = state.live.remove(name) else {
            return;
        };
        live.sample();
        let Ok(event) = self.ids.next() else {
            tracing::error!(stream = %name, "the system has no randomness: this end is not written down");
            return;
        };
        state
            .spool
            .push(Told::Ended(live.ended(event, code, at_ms)));
    }

    /// Somebody thought that it was over: it goes on under another id.
    fn begin_anew(&self, state: &mut State, name: &StreamName) {
        state.live.remove(name);
        let publisher = self.hub.find(name).and_then(|stream| stream.publisher());
        if let Some(publisher) = publisher.filter(|publisher| !publisher.is_replaceable) {
            let arrival = Arrival {
                id: publisher.id,
                protocol: publisher.protocol,
                life: 0,
                is_replaceable: false,
            };
            self.begin(state, name, arrival, self.hub.clock().wall_ms());
        }
    }

    /// Some events were missed: what is live is compared with what is known.
    fn reconcile(&self, state: &mut State) {
        let now_ms = self.hub.clock().wall_ms();
        let mut here = HashMap::new();
        for stream in self.hub.streams() {
            if let Some(publisher) = stream.publisher().filter(|one| !one.is_replaceable) {
                here.insert(stream.name.clone(), publisher);
            }
        }
        let gone: Vec<StreamName> = state
            .live
            .iter()
            .filter(|(name, live)| here.get(name).is_none_or(|one| one.id != live.client))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            let ended = self.hub.find(&name).and_then(|stream| stream.ended());
            let code = ended.map_or(Code::Ended, |ended| ended.code);
            self.end(state, &name, code, now_ms);
        }
        for (name, publisher) in here {
            if !state.live.contains_key(&name) {
                let arrival = Arrival {
                    id: publisher.id,
                    protocol: publisher.protocol,
                    life: 0,
                    is_replaceable: false,
                };
                self.begin(state, &name, arrival, now_ms);
            }
        }
    }

    /// What is live here, for lists on other nodes.
    fn seen(&self) -> Vec<SeenStream> {
        let clock = self.hub.clock();
        let (now_us, now_ms) = (clock.now_us(), clock.wall_ms());
        let streams = self.hub.streams().into_iter();
        let live = streams.filter(|stream| stream.is_live() && stream.name.vhost().is_empty());
        let seen = live.map(|stream| {
            let mut seen = SeenStream::of(&stream, now_us, now_ms);
            seen.is_copy |= !self.is_origin;
            let reach = self.reach.get().and_then(|reach| reach(&stream.name));
            seen.reach = reach.and_then(|reach| reach.as_wished(&self.hub, &stream, now_ms));
            seen
        });
        all_seen(seen, MAX_SEEN)
    }

    fn sample(&self) {
        let mut state = self.state.lock();
        state.live.values_mut().for_each(Live::sample);
    }
}

impl Live {
    fn sample(&mut self) {
        if let Some(stream) = &self.stream {
            self.viewers_max = self.viewers_max.max(stream.people());
        }
    }

    fn ended(self, event: Id, code: Code, at_ms: i64) -> ToldEnd {
        let received = self.publisher.map_or(0, |client| client.bytes());
        let sent = self.stream.map_or(0, |stream| stream.sent_bytes());
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        ToldEnd {
            event,
            session: self.told.session,
            started_ms: self.told.at_ms,
            at_ms,
            app: self.told.app,
            stream: self.told.stream,
            protocol: self.told.protocol,
            address: self.told.address,
            cause: code.number(),
            viewers_max: i64::from(self.viewers_max),
            bytes_in: count(received),
            bytes_out: count(sent.saturating_sub(self.sent_before)),
        }
    }
}

/// Ends a broadcast that shall end, if it lives here.
fn obey(state: &State, order: &Order) {
    let live = state
        .live
        .values()
        .find(|live| live.told.session == order.session);
    let Some(publisher) = live.and_then(|live| live.publisher.as_ref()) else {
        return;
    };
    let code = Code::from_number(order.cause).unwrap_or(Code::Operator);
    publisher.kick(code);
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Witness({})", self.0.boot)
    }
}
