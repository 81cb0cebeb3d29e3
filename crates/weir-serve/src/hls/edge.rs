//! HLS of streams that live on other nodes: nothing is packaged here, so that all edges and the owner
//! say the same; each object is asked once of whoever has it, and kept while there is room.

mod fetch;
mod object;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Semaphore;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::route::Via;
use weir_cluster::{LeaseKey, Role};
use weir_hub::{Hub, Stream};

use self::fetch::{Fetch, FetchPermit};
use self::object::ObjectKey;
use self::streams::EdgeStreams;
use super::asked::{AdmittedRequest, HlsRequest};
use super::cache::{Cache, CacheCounters, Found, Outcome};
use super::stations::Stations;
use crate::core::Core;
use crate::node::Node;
use crate::request::wait_of;

pub(super) use self::object::{Object, What, container_of};

/// Objects fetched at once that need not wait for anything; one more is refused.
const QUICK_FETCHES: usize = 1024;
/// Requests of ours that other nodes hold at once: two or three for each watched stream.
const HELD_FETCHES: usize = 8192;
/// How often viewers, streams and connections are looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// See the module's words. Clones share it.
#[derive(Debug, Clone)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stations: Stations,
    node: Node,
    cache: Cache<ObjectKey, Arc<Object>>,
    streams: EdgeStreams,
    quick: Arc<Semaphore>,
    held: Arc<Semaphore>,
    is_swept: AtomicBool,
}

impl Edge {
    /// Beside what `stations` package, what `node` gets from others.
    pub(super) fn new(stations: Stations, node: Node) -> Self {
        Self(Arc::new(Inner {
            stations,
            node,
            cache: Cache::default(),
            streams: EdgeStreams::default(),
            quick: Arc::new(Semaphore::new(QUICK_FETCHES)),
            held: Arc::new(Semaphore::new(HELD_FETCHES)),
            is_swept: AtomicBool::new(false),
        }))
    }

    /// Streams of other nodes whose HLS is asked for here.
    pub fn streams(&self) -> usize {
        self.0.streams.len()
    }

    /// Objects on their way from other nodes, those included that these hold until there is something.
    pub fn fetches(&self) -> usize {
        let free = self.0.held.available_permits() + self.0.quick.available_permits();
        (HELD_FETCHES + QUICK_FETCHES).saturating_sub(free)
    }

    /// Connections to other nodes that wait for the next request.
    pub fn idle_connections(&self) -> usize {
        self.0.node.client().http().idle_connections()
    }

    /// What the cache did and holds.
    pub fn counters(&self) -> &CacheCounters {
        self.0.cache.counters()
    }

    /// Whether this node packages the stream itself: it owns it, is alone, is no edge, or nobody
    /// else has it in a form of ours.
    pub(super) fn is_packaged_here(&self, name: &StreamName) -> bool {
        let node = &self.0.node;
        let settings = node.settings();
        if settings.is_alone || !settings.roles.has(Role::Edge) {
            return true;
        }
        if published_here(&self.core().hub, name).is_some() {
            return settings.roles.has(Role::Origin);
        }
        let now_us = self.core().hub.clock().now_us();
        if let Some(stream) = self.0.streams.find(name) {
            if stream.is_foreign(now_us) {
                return true;
            }
            if stream.source().is_some() {
                return false;
            }
        }
        !node.is_owned_elsewhere(name) && self.0.stations.runs(name)
    }

    /// The object from another node; `None` when this one packages the stream itself.
    ///
    /// # Errors
    /// What whoever has it says; 3002 when nobody does, 5002 when he cannot be reached or the request
    /// goes in a circle, 5001 when too many requests are under way.
    pub(super) async fn object(
        &self,
        asked: &HlsRequest<'_>,
        admitted: &AdmittedRequest,
        what: &What,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        let name = &admitted.name;
        let clock = self.core().hub.clock();
        let timeout = if what.is_playlist() {
            wait_of(asked.query)
        } else {
            Duration::ZERO
        };
        let timeout_us = i64::try_from(timeout.as_micros()).unwrap_or(0);
        let deadline_us = clock.now_us().saturating_add(timeout_us);
        let key = LeaseKey::of(name)?;
        let mut watch = self.0.node.cluster().watch(&key);
        loop {
            if self.is_packaged_here(name) {
                return Ok(None);
            }
            let via = admitted.via();
            let me = &self.0.node.settings().me;
            // Here and not later: it would wait for itself.
            if via.passed(me) {
                let words = format!("a circle: {via} leads back to {me}");
                return Err(Refusal::new(Code::OriginUnreachable, words));
            }
            let refused = match self.fetched(name, what, &via).await {
                Ok(object) => {
                    self.note(asked, admitted, headers);
                    return Ok(Some(object));
                }
                Err(refused) if is_foreign(&refused) => return Ok(None),
                Err(refused) => refused,
            };
            let left_us = deadline_us.saturating_sub(clock.now_us());
            if refused.code != Code::NotLive || left_us <= 0 {
                return Err(refused);
            }
            let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
            let pause = left.min(self.0.node.look_again(&key));
            let waited = tokio::select! {
                waited = self.core().hub.wait_live(name, pause) => waited,
                () = watch.changed() => continue,
            };
            match waited {
                // It is here, and whoever should package it does not know yet.
                Ok(_) => tokio::time::sleep(pause).await,
                Err(refused) if refused.code == Code::NotLive => {}
                Err(refused) => return Err(refused),
            }
        }
    }

    fn note(&self, asked: &HlsRequest<'_>, admitted: &AdmittedRequest, headers: &HeaderMap) {
        let Some(stream) = self.0.streams.find(&admitted.name) else {
            return;
        };
        let now_us = self.core().hub.clock().now_us();
        stream.touch(now_us);
        if let Some(visitor) = asked.visitor(admitted, headers) {
            let here = published_here(&self.core().hub, &admitted.name);
            self.core()
                .hub
                .audience()
                .asked(visitor, here.as_ref(), now_us);
        }
    }

    fn core(&self) -> &Core {
        self.0.stations.core()
    }

    /// From the cache, from a fetch that is under way, or from a new one.
    async fn fetched(&self, name: &StreamName, what: &What, via: &Via) -> Outcome<Arc<Object>> {
        let object = ObjectKey {
            stream: name.clone(),
            what: what.clone(),
        };
        let now_us = self.core().hub.clock().now_us();
        let is_good = |outcome: &_| self.is_good(&object, outcome);
        let coming = match self.0.cache.look(&object, now_us, is_good) {
            Found::Here(outcome) => return outcome,
            Found::Coming(coming) => coming,
            Found::Missing(flight) => {
                // A flight that cannot begin is given up here, and nobody waits for it.
                let place = self.place_for(what)?;
                let coming = flight.coming();
                let fetch = Fetch {
                    edge: self.clone(),
                    via: via.clone(),
                    place,
                };
                self.keep_swept();
                self.core().tasks.spawn("hls-fetch", fetch.run(flight));
                coming
            }
        };
        let _place = self.0.stations.block()?;
        coming.outcome().await
    }

    fn place_for(&self, what: &What) -> Result<FetchPermit, Refusal> {
        let fetching = if what.is_held() {
            &self.0.held
        } else {
            &self.0.quick
        };
        let place = fetching.clone().try_acquire_owned();
        place.map_err(|_| {
            let words = "too many objects of other nodes are being fetched";
            Refusal::new(Code::Overloaded, words)
        })
    }

    /// Whether what is kept is still the answer.
    fn is_good(&self, key: &ObjectKey, outcome: &Outcome<Arc<Object>>) -> bool {
        let object = match outcome {
            Ok(object) => object,
            Err(refused) if refused.code == Code::NotLive => {
                return !self.0.node.is_owned_elsewhere(&key.stream);
            }
            Err(_) => return true,
        };
        let Object::Playlist { shape, .. } = &**object else {
            return true;
        };
        let (stream, rendition) = (self.0.streams.find(&key.stream), key.what.rendition());
        match (stream, rendition, shape) {
            (Some(stream), Some(rendition), Some(shape)) => stream.is_current(rendition, shape),
            _ => true,
        }
    }

    /// Looks through viewers, streams and connections as long as there are any.
    fn keep_swept(&self) {
        if self.0.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let edge = self.clone();
        self.core().tasks.spawn("hls-edge", async move {
            let mut tick = tokio::time::interval(SWEEP_EVERY);
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    () = edge.core().shutdown.stopping() => return,
                }
                let now_us = edge.core().hub.clock().now_us();
                edge.0.streams.sweep(now_us);
                edge.0.cache.sweep(now_us);
                edge.0.node.client().http().sweep();
            }
        });
    }
}

/// The stream if it is published on this node, and not merely pulled: who watches HLS that another node
/// packages does not need the pull.
pub(super) fn published_here(hub: &Hub, name: &StreamName) -> Option<Arc<Stream>> {
    let stream = hub.find_live(name).ok()?;
    let publisher = stream.publisher()?;
    (!publisher.is_replaceable).then_some(stream)
}

/// The stream is on a server that has no HLS of ours.
fn is_foreign(refused: &Refusal) -> bool {
    let place = refused.location.as_deref();
    refused.code == Code::Moved && place.is_some_and(|place| place.starts_with("rtmp"))
}
