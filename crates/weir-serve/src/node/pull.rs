//! Streams that live elsewhere, each pulled once into this node's hub however many watch.
//!
//! A pull begins with the first viewer and outlives the last by the linger time. When its upstream
//! breaks it looks for another, and viewers see nothing of it but, at worst, a pause.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use weir_base::{Backoff, BackoffPlan, Code, Dice, Refusal, StreamName};
use weir_cluster::route::Via;
use weir_cluster::{LeaseKey, StreamRecord};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Hub, Protocol, Publisher, RelayBegin, Stream, StreamPosition};

use super::seek::{Delivery, Seeker, Upstream};
use super::{NOWHERE, Node, relay_pull, srs};

/// Streams pulled at once: as many as the hub holds.
const MAX_PULLS: usize = weir_base::limits::STREAMS;
/// How long a stream that was nowhere is taken to be nowhere still, microseconds. Its announcement
/// ends that at once where there is a registry.
const MISS_US: i64 = 1_000_000;
/// The same of a stream whose upstreams could not be reached: or each viewer who asks would have all of
/// them tried anew.
const BROKEN_US: i64 = 500_000;
/// Names remembered to be nowhere: above it all are forgotten.
const MAX_MISSES: usize = 20_000;
/// Between two tries to find another upstream for a stream that is watched here.
pub(super) const REPAIR: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(1),
    steady: Duration::from_secs(2),
};
/// For so long a broken pull looks for another upstream: publishers find another origin within it, and
/// viewers who wait longer would rather know.
const LOOK_FOR: Duration = Duration::from_secs(8);
/// The same where the upstream says that the stream is over: it may be live elsewhere in a moment, and its
/// viewers are told of the end so much later.
const LOOK_BEYOND_END: Duration = Duration::from_secs(5);
/// A server that speaks RTMP alone is silent where its publisher has gone elsewhere, too. After so long of it
/// others are asked while it is listened to on.
const QUIET: Duration = Duration::from_secs(2);
/// How long a stream whose publisher went to another node may take to come from there.
const CARRY_ON: Duration = Duration::from_secs(3);
/// How often it is looked whether anybody still watches.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// All pulls of this node.
#[derive(Default)]
pub(super) struct Pulls {
    running: Mutex<HashMap<LeaseKey, watch::Receiver<PullState>>>,
    /// Whom they come from, while they do: scheme, host and port.
    bases: Mutex<HashMap<LeaseKey, String>>,
    misses: Mutex<HashMap<LeaseKey, Miss>>,
}

/// A stream that was not to be had a moment ago.
struct Miss {
    until_us: i64,
    refusal: Refusal,
    /// The lease that the view named then; 0 for none. With another one it may be to be had.
    epoch: u64,
}

/// How far a pull has come.
#[derive(Debug, Clone)]
enum PullState {
    /// Nobody has delivered yet.
    Seeking,
    /// The hub has it.
    Live(Arc<Stream>),
    /// Nobody delivers.
    Failed(Refusal),
}

/// How one upstream's delivery ended.
pub(super) enum PullEnd {
    /// The stream is over, for this reason.
    Over(Code),
    /// Nobody watches any more.
    Unwatched,
    /// The hub let the pull go: a publisher came to this node, or an operator ended it.
    Kicked(Code),
    /// The upstream does not have it, or refuses.
    Refused(Refusal),
    /// The upstream broke: another may have it.
    Broken(Refusal),
    /// Another upstream delivers, and this one does not.
    Replaced(Delivery),
}

impl Pulls {
    pub(super) fn len(&self) -> usize {
        self.running.lock().len()
    }

    /// Whom a stream comes from at this moment.
    pub(super) fn base(&self, key: &LeaseKey) -> Option<String> {
        self.bases.lock().get(key).cloned()
    }
}

impl Node {
    /// The stream, pulled by the one pull that there is for it. `after` is up to where a node has it that
    /// asks for it here: a pull that begins now begins there, if its upstream has that place.
    pub(crate) async fn pull(
        &self,
        name: &StreamName,
        key: &LeaseKey,
        (via, after): (&Via, Option<StreamPosition>),
    ) -> Result<Arc<Stream>, Refusal> {
        let seeker = Seeker {
            node: self.clone(),
            name: name.clone(),
            key: key.clone(),
            via: via.clone(),
            after,
        };
        let mut state = self.join_pull(seeker, false)?;
        let decided = state
            .wait_for(|state| !matches!(state, PullState::Seeking))
            .await;
        match decided.as_deref() {
            Ok(PullState::Live(stream)) => Ok(stream.clone()),
            Ok(PullState::Failed(refused)) => Err(refused.clone()),
            Ok(PullState::Seeking) | Err(_) => Err(Code::OriginUnreachable.into()),
        }
    }

    /// A publisher of this node has gone on to another: the viewers here go on with what comes from
    /// there. True once it comes; until then the publisher must stay, or they are told of an end.
    pub async fn carry_on(&self, name: &StreamName) -> bool {
        let Ok(key) = LeaseKey::of(name) else {
            return false;
        };
        if self.0.settings.is_alone || !self.is_edge() {
            return false;
        }
        let mut watch = self.0.cluster.watch(&key);
        let mut backoff = Backoff::new(REPAIR, Dice::system());
        let carried = async {
            loop {
                let seeker = Seeker {
                    node: self.clone(),
                    name: name.clone(),
                    key: key.clone(),
                    via: Via::default(),
                    after: None,
                };
                if let Ok(mut state) = self.join_pull(seeker, true) {
                    let decided = state.wait_for(|state| !matches!(state, PullState::Seeking));
                    if matches!(decided.await.as_deref(), Ok(PullState::Live(_))) {
                        return;
                    }
                }
                // The other node may not have it yet, or not have said so.
                let _ = tokio::time::timeout(backoff.failed(), watch.changed()).await;
            }
        };
        tokio::time::timeout(CARRY_ON, carried).await.is_ok()
    }

    /// The running pull, or a new one, which `takes_over` from a publisher here.
    ///
    /// # Errors
    /// 5002 in a circle, 2005 when there are too many pulls, and what the last pull ended with where that was a
    /// moment ago.
    fn join_pull(
        &self,
        seeker: Seeker,
        takes_over: bool,
    ) -> Result<watch::Receiver<PullState>, Refusal> {
        if seeker.via.passed(&self.settings().me) {
            // Before the pull that it came back from is joined: that would wait for itself.
            let words = format!(
                "a circle: {} leads back to {}",
                seeker.via,
                self.settings().me
            );
            return Err(Refusal::new(Code::OriginUnreachable, words));
        }
        let mut running = self.0.pulls.running.lock();
        if let Some(state) = running.get(&seeker.key) {
            return Ok(state.clone());
        }
        if let Some(refusal) = self.missed_lately(&seeker.key) {
            return Err(refusal);
        }
        if running.len() >= MAX_PULLS {
            let words = "this node pulls as many streams as it may";
            return Err(Refusal::new(Code::QuotaStreams, words));
        }
        let (tell, state) = watch::channel(PullState::Seeking);
        running.insert(seeker.key.clone(), state.clone());
        let pull = Pull {
            seeker,
            tell,
            publisher: None,
            takes_over,
            since: Instant::now(),
            last_word: Code::NoData,
        };
        self.core().tasks.spawn("pull", pull.run());
        Ok(state)
    }

    /// What was found of a stream a moment ago that was not to be had, unless somebody has announced it
    /// since.
    pub(super) fn missed_lately(&self, key: &LeaseKey) -> Option<Refusal> {
        let mut misses = self.0.pulls.misses.lock();
        let miss = misses.get(key)?;
        let is_so_still = self.0.cluster.with(|member, now_us| {
            let whereabouts = member.view().whereabouts(key, now_us);
            let is_expected = match whereabouts.lease() {
                Some(lease) => lease.epoch == miss.epoch && miss.refusal.code != Code::NotLive,
                None => whereabouts.is_nowhere() || miss.refusal.code != Code::NotLive,
            };
            now_us < miss.until_us && is_expected
        });
        let refusal = miss.refusal.clone();
        if !is_so_still {
            misses.remove(key);
        }
        is_so_still.then_some(refusal)
    }

    /// Nobody has it, or can be reached: do not ask for each viewer again.
    pub(super) fn missed(&self, key: &LeaseKey, refusal: Refusal) {
        let good_us = match refusal.code {
            Code::NotLive => MISS_US,
            code if code.is_retryable_elsewhere() => BROKEN_US,
            _ => return,
        };
        let mut misses = self.0.pulls.misses.lock();
        if misses.len() >= MAX_MISSES {
            misses.clear();
        }
        let miss = self.0.cluster.with(|member, now_us| Miss {
            until_us: now_us + good_us,
            refusal,
            epoch: epoch(member.view().whereabouts(key, now_us).lease()),
        });
        misses.insert(key.clone(), miss);
    }

    /// An upstream could not be reached, or broke: it rests. The first failure of many has a line in the log.
    pub(super) fn upstream_failed(&self, name: &StreamName, url: &str, refusal: &Refusal) {
        let now_us = self.core().hub.clock().now_us();
        let failures = self.0.router.lock().failed(url, now_us);
        if failures.is_power_of_two() {
            tracing::info!(stream = %name, upstream = %url, failures, code = refusal.code.number(), "an upstream does not deliver: {}", refusal.detail);
        }
    }
}

fn epoch(lease: Option<&StreamRecord>) -> u64 {
    lease.map_or(0, |lease| lease.epoch)
}

/// One pull at work.
pub(super) struct Pull {
    seeker: Seeker,
    tell: watch::Sender<PullState>,
    pub(super) publisher: Option<Publisher>,
    /// Even from a publisher of this node, who has gone on to another.
    takes_over: bool,
    /// Since when nothing has come.
    since: Instant,
    /// How the last upstream ended.
    last_word: Code,
}

impl Pull {
    async fn run(mut self) {
        let node = self.seeker.node.clone();
        let shutdown = node.core().shutdown.clone();
        let ended = tokio::select! {
            ended = self.supply() => ended,
            () = shutdown.stopping() => PullEnd::Kicked(Code::Draining),
        };
        let key = &self.seeker.key;
        node.0.pulls.bases.lock().remove(key);
        if self.publisher.is_some() {
            node.0
                .cluster
                .with(|member, now_us| member.drop_carried(key, now_us));
        }
        let code = match ended {
            PullEnd::Over(code) | PullEnd::Kicked(code) => code,
            PullEnd::Unwatched | PullEnd::Replaced(_) => Code::ClientStopped,
            PullEnd::Refused(refusal) | PullEnd::Broken(refusal) => {
                let code = refusal.code;
                if self.publisher.is_none() {
                    node.missed(key, refusal.clone());
                    self.tell.send_replace(PullState::Failed(refusal));
                }
                code
            }
        };
        // What was missed is known by now: whoever comes next does not begin another pull for it.
        node.0.pulls.running.lock().remove(key);
        if let Some(publisher) = self.publisher.take() {
            publisher.end(code);
        }
    }

    /// One upstream after the other, until the stream is over or nobody watches.
    async fn supply(&mut self) -> PullEnd {
        let mut watch = self.seeker.node.0.cluster.watch(&self.seeker.key);
        let mut backoff = Backoff::new(REPAIR, Dice::system());
        let (mut next, mut told) = (None, None);
        loop {
            let sought = match next.take() {
                Some(found) => Ok(found),
                None => match self.while_wanted(self.seeker.find(told.take())).await {
                    Ok(sought) => sought,
                    Err(ended) => return ended,
                },
            };
            let began = Instant::now();
            let ended = match sought {
                Ok(found) => self.take(found).await,
                Err(refusal) => PullEnd::Refused(refusal),
            };
            backoff.worked(began.elapsed());
            if began.elapsed() >= REPAIR.steady {
                self.since = Instant::now();
            }
            let refusal = match ended {
                PullEnd::Replaced(found) => {
                    next = Some(found);
                    continue;
                }
                // What is live here is not given up for one who could not be reached.
                PullEnd::Refused(refusal) | PullEnd::Broken(refusal)
                    if self.publisher.is_some() =>
                {
                    refusal
                }
                ended => return ended,
            };
            self.last_word = refusal.code;
            let is_first = backoff.failures() == 0;
            let pause = backoff.failed();
            told = refusal.location.filter(|_| refusal.code == Code::Moved);
            if told.is_some() && is_first {
                continue;
            }
            let pause = tokio::time::timeout(pause, watch.changed());
            if let Err(ended) = self.while_wanted(pause).await {
                return ended;
            }
        }
    }

    /// Does `work` while nothing comes: until the hub lets the pull go, or it has been looked for long enough.
    async fn while_wanted<T>(&self, work: impl Future<Output = T>) -> Result<T, PullEnd> {
        let Some(publisher) = &self.publisher else {
            return Ok(work.await);
        };
        let mut look = tokio::time::interval(LOOK_EVERY);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                code = publisher.kicked() => return Err(PullEnd::Kicked(code)),
                _ = look.tick() => {
                    let limit = match self.last_word {
                        Code::Ended => LOOK_BEYOND_END,
                        _ => LOOK_FOR,
                    };
                    if self.since.elapsed() >= limit {
                        return Err(PullEnd::Over(self.last_word));
                    }
                    publisher.still_sought();
                }
            }
        }
    }

    /// Takes the stream from who delivers it, until that ends.
    async fn take(&mut self, found: Delivery) -> PullEnd {
        let Seeker { node, key, .. } = &self.seeker;
        let (pulls, key) = (node.clone(), key.clone());
        let bases = &pulls.0.pulls.bases;
        bases.lock().insert(key.clone(), found.base.clone());
        let ended = match found.upstream {
            Upstream::Relay(body) => relay_pull::run(self, body).await,
            Upstream::Rtmp(incoming) => self.take_rtmp(*incoming, found.base).await,
        };
        bases.lock().remove(&key);
        if let PullEnd::Broken(refusal) = &ended
            && refusal.code != Code::Ended
        {
            pulls.upstream_failed(&self.seeker.name, &found.hop, refusal);
        }
        ended
    }

    /// From a server that is not weir: its times get their place on the clock here.
    async fn take_rtmp(&mut self, mut incoming: srs::Incoming, base: String) -> PullEnd {
        let hub = self.seeker.node.core().hub.clone();
        let mut request = request(self.seeker.name.clone());
        request.grant.takeover = self.takes_over;
        match hub.publish(request) {
            Ok(publisher) => self.go_live(publisher),
            Err(refusal) => {
                incoming.close().await;
                return PullEnd::Refused(refusal);
            }
        }
        let unwatched = self.unwatched();
        tokio::pin!(unwatched);
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut last = Instant::now();
        let mut elsewhere: Option<Pin<Box<dyn Future<Output = Delivery> + Send>>> = None;
        let ended = loop {
            let Some(publisher) = &mut self.publisher else {
                break PullEnd::Unwatched;
            };
            let client = publisher.client().clone();
            tokio::select! {
                received = incoming.next(&hub, publisher) => match received {
                    Ok(srs::Received::Media) => (last, elsewhere) = (Instant::now(), None),
                    Ok(srs::Received::Other) => {}
                    Ok(srs::Received::Ended) => break PullEnd::Broken(Code::Ended.into()),
                    Err(refusal) => break PullEnd::Broken(refusal),
                },
                found = once_there(&mut elsewhere) => break PullEnd::Replaced(found),
                code = client.wait_kicked() => break PullEnd::Kicked(code),
                () = &mut unwatched => break PullEnd::Unwatched,
                _ = look.tick() => {
                    let quiet = last.elapsed();
                    if quiet >= LOOK_FOR {
                        break PullEnd::Over(Code::NoData);
                    }
                    if quiet >= QUIET {
                        publisher.still_sought();
                        let seeker = &self.seeker;
                        elsewhere.get_or_insert_with(|| Box::pin(seeker.clone().elsewhere(base.clone())));
                    }
                }
            }
        };
        incoming.close().await;
        ended
    }

    /// The upstream's first word: the stream is in the hub from here on.
    pub(super) fn begin(&mut self, begin: RelayBegin) -> Result<(), Refusal> {
        let mut request = request(self.seeker.name.clone());
        request.grant.takeover = self.takes_over;
        let publisher = self.seeker.node.core().hub.relay(request, begin)?;
        self.go_live(publisher);
        Ok(())
    }

    fn go_live(&mut self, publisher: Publisher) {
        let stream = publisher.stream().clone();
        let is_first = self.publisher.replace(publisher).is_none();
        if is_first {
            let Seeker { node, key, .. } = &self.seeker;
            node.0
                .cluster
                .with(|member, now_us| member.carry(key, now_us));
        }
        self.tell.send_replace(PullState::Live(stream));
    }

    /// Up to where viewers here have what comes: what is found next begins there if it has that place.
    pub(super) fn note_position(&mut self) {
        let held = self.publisher.as_ref();
        let position = held.and_then(|publisher| publisher.stream().source_position());
        self.seeker.after = position.or(self.seeker.after);
    }

    /// Resolves when nobody has watched for the linger time.
    pub(super) fn unwatched(&self) -> impl Future<Output = ()> + Send + 'static {
        let Seeker { node, name, .. } = &self.seeker;
        unwatched(&node.core().hub, name, node.settings().linger)
    }
}

async fn once_there<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

fn request(name: StreamName) -> PublishRequest {
    PublishRequest {
        name,
        protocol: Protocol::Relay,
        addr: NOWHERE,
        grant: Grant {
            is_replaceable: true,
            is_node: true,
            ..Grant::default()
        },
    }
}

fn unwatched(
    hub: &Hub,
    name: &StreamName,
    linger: Duration,
) -> impl Future<Output = ()> + Send + 'static {
    let (hub, name) = (hub.clone(), name.clone());
    async move {
        let mut idle = Duration::ZERO;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.tick().await;
        while idle < linger.max(LOOK_EVERY) {
            look.tick().await;
            let watched = hub
                .find(&name)
                .is_some_and(|stream| stream.all_viewers() > 0);
            idle = if watched {
                Duration::ZERO
            } else {
                idle + LOOK_EVERY
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_whose_upstreams_are_gone_is_looked_for_a_few_times_while_it_is_looked_for() {
        for seed in 0..20 {
            let tries = Backoff::new(REPAIR, Dice::seeded(seed)).tries_within(LOOK_FOR);
            assert!((8..=19).contains(&tries), "{tries}");
        }
    }
}
