//! Viewers without a connection, as HLS has them: each is here as long as it asks for something. They are
//! listed, counted and kicked as others are.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use weir_base::{ClientId, Code, Refusal, StreamName, limits};

use crate::clients::{Client, NewClient, Protocol, Role};
use crate::identity::Identity;
use crate::stream::Stream;

/// Microseconds after which a viewer that asks no more is gone.
const PRESENT_US: i64 = 10_000_000;
/// Microseconds for which a viewer that was kicked is refused: its player asks again many times a second,
/// and would be back at once.
const BARRED_US: i64 = 60_000_000;
/// Microseconds between two looks for those who are gone.
const SWEEP_EVERY_US: i64 = 1_000_000;
/// Parts of the table that are locked by themselves; a stream is in one of them.
const SHARDS: usize = 16;

/// One viewer that asks for pieces of a stream; told apart by address, player and identity.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// Which stream.
    pub name: &'a StreamName,
    /// From where; the port does not matter.
    pub addr: SocketAddr,
    /// What the player calls itself.
    pub player: &'a [u8],
    /// Who it is, where that is known.
    pub identity: Option<&'a Arc<Identity>>,
}

/// See the module's words. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Audience(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    shards: [Mutex<HashMap<StreamName, Crowd>>; SHARDS],
    /// With a secret of its own: visitors choose what is hashed.
    hasher: RandomState,
    seats: AtomicUsize,
    tally: Tally,
    swept_us: AtomicI64,
}

/// One stream's viewers.
type Crowd = HashMap<u64, Seat>;

/// Viewers that are here.
#[derive(Debug, Default)]
struct Tally {
    present: AtomicUsize,
    /// Those of them that no stream of the hub counts.
    uncounted: AtomicUsize,
}

#[derive(Debug)]
struct Seat {
    client: Arc<Client>,
    seen_us: i64,
    state: Presence,
}

#[derive(Debug)]
enum Presence {
    /// It watches, and this stream of the hub counts it.
    Here(Option<Arc<Stream>>),
    /// It was kicked and is refused until then.
    Barred { until_us: i64 },
}

impl Audience {
    /// Whether this visitor may ask for something; to be asked before it is given anything.
    ///
    /// # Errors
    /// What it was kicked with, for a minute.
    pub fn check(&self, visitor: Visitor<'_>, now_us: i64) -> Result<(), Refusal> {
        let mut crowds = self.shard(visitor.name);
        let key = self.key(visitor);
        let Some(crowd) = crowds.get_mut(visitor.name) else {
            return Ok(());
        };
        match crowd.get_mut(&key).and_then(|seat| self.barred(seat)) {
            Some((code, until_us)) if now_us < until_us => {
                let words = "this viewer was sent away a moment ago";
                Err(Refusal::new(code, words))
            }
            Some(_) => {
                crowd.remove(&key);
                self.0.seats.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The visitor was given something of a stream that there is, and is a viewer for a while. `stream`
    /// counts it, if the hub has that. Beyond the limits no new viewer is noted.
    pub fn asked(&self, visitor: Visitor<'_>, stream: Option<&Arc<Stream>>, now_us: i64) {
        let mut crowds = self.shard(visitor.name);
        let crowd = crowds.entry(visitor.name.clone()).or_default();
        let key = self.key(visitor);
        if !crowd.contains_key(&key) {
            if crowd.len() >= limits::HLS_SESSIONS_PER_STREAM || !self.take_seat() {
                return;
            }
            self.0.tally.enter(None);
            let seat = Seat {
                client: Arc::new(visitor.client(now_us)),
                seen_us: now_us,
                state: Presence::Here(None),
            };
            crowd.insert(key, seat);
        }
        let Some(seat) = crowd.get_mut(&key) else {
            return;
        };
        seat.seen_us = now_us;
        if let Presence::Here(counted) = &mut seat.state
            && counted.as_ref().map(Arc::as_ptr) != stream.map(Arc::as_ptr)
        {
            self.0.tally.leave(counted.take());
            self.0.tally.enter(stream);
            *counted = stream.cloned();
        }
    }

    /// Counts bytes that went to a viewer.
    pub fn sent(&self, visitor: Visitor<'_>, bytes: u64) {
        let crowds = self.shard(visitor.name);
        let crowd = crowds.get(visitor.name);
        if let Some(seat) = crowd.and_then(|crowd| crowd.get(&self.key(visitor))) {
            seat.client.add_bytes(bytes);
        }
    }

    /// Everybody who is here, by id.
    pub fn list(&self) -> Vec<Arc<Client>> {
        let mut all = Vec::new();
        for shard in &self.0.shards {
            let crowds = shard.lock();
            let seats = crowds.values().flat_map(HashMap::values);
            let clients = seats.map(|seat| &seat.client);
            all.extend(clients.filter(|client| client.kicked().is_none()).cloned());
        }
        all.sort_unstable_by_key(|client| client.id);
        all
    }

    /// The viewer of this id; for operators, as everybody is looked through.
    pub fn find(&self, id: ClientId) -> Option<Arc<Client>> {
        self.list().into_iter().find(|client| client.id == id)
    }

    /// How many are here.
    pub fn len(&self) -> usize {
        self.0.tally.present.load(Ordering::Relaxed)
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of those are here that no stream of the hub counts: they watch what other nodes have.
    pub fn uncounted(&self) -> usize {
        self.0.tally.uncounted.load(Ordering::Relaxed)
    }

    /// Forgets those who asked no more. Called often, it looks once a second.
    pub(crate) fn sweep(&self, now_us: i64) {
        let swept_us = self.0.swept_us.load(Ordering::Relaxed);
        if now_us - swept_us < SWEEP_EVERY_US {
            return;
        }
        self.0.swept_us.store(now_us, Ordering::Relaxed);
        for shard in &self.0.shards {
            shard.lock().retain(|_, crowd| {
                let before = crowd.len();
                crowd.retain(|_, seat| self.stays(seat, now_us));
                let gone = before - crowd.len();
                self.0.seats.fetch_sub(gone, Ordering::Relaxed);
                !crowd.is_empty()
            });
        }
    }

    fn stays(&self, seat: &mut Seat, now_us: i64) -> bool {
        if let Some((_, until_us)) = self.barred(seat) {
            return now_us < until_us;
        }
        let is_here = now_us - seat.seen_us < PRESENT_US;
        if !is_here && let Presence::Here(counted) = &mut seat.state {
            self.0.tally.leave(counted.take());
        }
        is_here
    }

    /// What a kicked viewer is refused with, and until when; it is counted no more.
    fn barred(&self, seat: &mut Seat) -> Option<(Code, i64)> {
        let code = seat.client.kicked()?;
        if let Presence::Here(counted) = &mut seat.state {
            self.0.tally.leave(counted.take());
            // Counted from its last request, so that a look at the list prolongs nothing.
            let until_us = seat.seen_us + BARRED_US;
            seat.state = Presence::Barred { until_us };
        }
        match seat.state {
            Presence::Barred { until_us } => Some((code, until_us)),
            Presence::Here(_) => None,
        }
    }

    fn take_seat(&self) -> bool {
        let is_free = self.0.seats.fetch_add(1, Ordering::Relaxed) < limits::AUDIENCE;
        if !is_free {
            self.0.seats.fetch_sub(1, Ordering::Relaxed);
        }
        is_free
    }

    fn shard(&self, name: &StreamName) -> MutexGuard<'_, HashMap<StreamName, Crowd>> {
        let at = self.0.hasher.hash_one(name) as usize % SHARDS;
        self.0.shards[at].lock()
    }

    fn key(&self, visitor: Visitor<'_>) -> u64 {
        let who = (visitor.addr.ip(), visitor.player, visitor.identity);
        self.0.hasher.hash_one(who)
    }
}

impl Tally {
    fn enter(&self, counted: Option<&Arc<Stream>>) {
        self.present.fetch_add(1, Ordering::Relaxed);
        match counted {
            Some(stream) => stream.add_viewers(Protocol::Hls, 1),
            None => {
                self.uncounted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn leave(&self, counted: Option<Arc<Stream>>) {
        self.present.fetch_sub(1, Ordering::Relaxed);
        match counted {
            Some(stream) => stream.add_viewers(Protocol::Hls, -1),
            None => {
                self.uncounted.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl Visitor<'_> {
    fn client(&self, now_us: i64) -> Client {
        let new = NewClient {
            role: Role::Viewer,
            protocol: Protocol::Hls,
            name: self.name.clone(),
            addr: self.addr,
            is_node: false,
            identity: self.identity.cloned(),
            // Who asks for each piece is judged with each.
            right: None,
            wishes: None,
        };
        Client::new(new, now_us)
    }
}

#[cfg(test)]
mod tests {
    use weir_base::Clock;

    use super::*;
    use crate::Grant;
    use crate::config::Config;
    use crate::hub::{Hub, PublishRequest};
    use crate::publisher::Publisher;

    fn house() -> (Hub, Clock) {
        let clock = Clock::manual(0);
        let config = Config {
            idle_timeout_ms: i64::MAX / 1000,
            ring_ms: 1_000,
            ring_bytes: 1 << 20,
            linger_ms: 1_000,
            takeover: false,
        };
        (Hub::new(config, clock.clone()), clock)
    }

    fn name() -> StreamName {
        StreamName::new("", "live", "x").unwrap()
    }

    fn publish(hub: &Hub) -> Publisher {
        let request = PublishRequest {
            name: name(),
            protocol: Protocol::Rtmp,
            addr: "127.0.0.1:1".parse().unwrap(),
            grant: Grant::default(),
        };
        hub.publish(request).unwrap()
    }

    fn visitor<'a>(name: &'a StreamName, player: &'a str, port: u16) -> Visitor<'a> {
        Visitor {
            name,
            addr: SocketAddr::from(([192, 0, 2, 1], port)),
            player: player.as_bytes(),
            identity: None,
        }
    }

    #[test]
    fn a_viewer_is_listed_and_counted_once_until_it_asks_no_more() {
        let ((hub, clock), name) = (house(), name());
        let publisher = publish(&hub);
        let (audience, stream) = (hub.audience(), publisher.stream());
        let shown = || (audience.len(), stream.viewers(Protocol::Hls));
        audience.asked(visitor(&name, "a", 1), Some(stream), 0);
        audience.asked(visitor(&name, "a", 2), Some(stream), 0);
        assert_eq!(shown(), (1, 1), "the port is nobody's name");
        clock.advance_us(5_000_000);
        audience.asked(visitor(&name, "b", 1), Some(stream), clock.now_us());
        audience.sent(visitor(&name, "b", 1), 700);
        hub.sweep();
        assert_eq!(shown(), (2, 2));
        let listed = audience.list();
        assert_eq!((listed[0].since_us, listed[1].bytes()), (0, 700));
        clock.advance_us(5_000_000);
        hub.sweep();
        assert_eq!(shown(), (1, 1));
        clock.advance_us(5_000_000);
        hub.sweep();
        assert_eq!(shown(), (0, 0));
        assert!(audience.list().is_empty());
    }

    #[test]
    fn viewers_of_other_nodes_streams_are_counted_by_the_hub_as_soon_as_it_has_the_stream() {
        let ((hub, clock), name) = (house(), name());
        let audience = hub.audience();
        audience.asked(visitor(&name, "a", 1), None, 0);
        assert_eq!((audience.len(), audience.uncounted()), (1, 1));
        let publisher = publish(&hub);
        let stream = publisher.stream();
        audience.asked(visitor(&name, "a", 1), Some(stream), 0);
        assert_eq!((audience.len(), audience.uncounted()), (1, 0));
        assert_eq!(stream.viewers(Protocol::Hls), 1);
        audience.asked(visitor(&name, "a", 1), None, 0);
        assert_eq!((audience.len(), audience.uncounted()), (1, 1));
        assert_eq!(stream.viewers(Protocol::Hls), 0);
        clock.advance_us(PRESENT_US);
        hub.sweep();
        assert_eq!((audience.len(), audience.uncounted()), (0, 0));
    }

    #[test]
    fn one_that_was_kicked_is_refused_with_the_code_for_a_minute_and_counted_no_more() {
        let ((hub, clock), name) = (house(), name());
        let publisher = publish(&hub);
        let (audience, stream) = (hub.audience(), publisher.stream());
        let (kicked, other) = (visitor(&name, "a", 1), visitor(&name, "b", 1));
        audience.asked(kicked, Some(stream), 0);
        audience.asked(other, Some(stream), 0);
        let id = audience.list()[0].id;
        audience.find(id).unwrap().kick(Code::Operator);
        let refused = |visitor| {
            let checked = audience.check(visitor, clock.now_us());
            checked.err().map(|refusal| refusal.code)
        };
        assert_eq!(refused(kicked), Some(Code::Operator));
        assert_eq!(refused(other), None);
        assert_eq!((audience.len(), stream.viewers(Protocol::Hls)), (1, 1));
        assert!(audience.find(id).is_none());
        clock.advance_us(BARRED_US - 1);
        hub.sweep();
        assert_eq!(refused(kicked), Some(Code::Operator));
        clock.advance_us(1);
        assert_eq!(refused(kicked), None);
        hub.sweep();
        audience.asked(kicked, Some(stream), clock.now_us());
        assert_eq!((audience.len(), stream.viewers(Protocol::Hls)), (1, 1));
    }

    #[test]
    fn accounts_behind_one_address_are_told_apart() {
        let ((hub, _), name) = (house(), name());
        let who = |account| Arc::new(Identity::new(account, "", "", "").unwrap());
        let (ann, bob) = (who("ann"), who("bob"));
        for identity in [&ann, &bob, &ann] {
            let visitor = Visitor {
                identity: Some(identity),
                ..visitor(&name, "a", 1)
            };
            hub.audience().asked(visitor, None, 0);
        }
        let listed = hub.audience().list();
        let accounts: Vec<_> = listed
            .iter()
            .filter_map(|client| client.identity.as_deref())
            .map(Identity::account)
            .collect();
        assert_eq!(accounts, ["ann", "bob"]);
    }

    #[test]
    fn a_stream_takes_note_of_so_many_and_no_more() {
        let ((hub, clock), name) = (house(), name());
        let audience = hub.audience();
        for n in 0..=limits::HLS_SESSIONS_PER_STREAM {
            audience.asked(visitor(&name, &n.to_string(), 1), None, 0);
        }
        assert_eq!(audience.len(), limits::HLS_SESSIONS_PER_STREAM);
        clock.advance_us(PRESENT_US);
        hub.sweep();
        assert!(audience.is_empty());
        assert_eq!(audience.0.seats.load(Ordering::Relaxed), 0);
    }
}
