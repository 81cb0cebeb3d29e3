//! Streams that live elsewhere, each pulled once into this node's hub however many watch.
//!
//! A pull begins with the first viewer and outlives the last by the linger time. When its upstream
//! breaks it looks for another, and viewers see nothing of it but, at worst, a pause.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::LeaseKey;
use weir_cluster::route::{Hop, Via};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Hub, Protocol, Publisher, RelayBegin, Stream};

use super::whereabouts::not_live;
use super::{NOWHERE, Node, relay_pull, rtmp_url, srs};

/// Streams pulled at once: as many as the hub holds.
const MAX_PULLS: usize = weir_base::limits::STREAMS;
/// How long a stream that was nowhere is taken to be nowhere still, microseconds. Its announcement
/// ends that at once where there is a registry.
const MISS_US: i64 = 1_000_000;
/// Names remembered to be nowhere: above it all are forgotten.
const MAX_MISSES: usize = 20_000;
/// Upstreams tried before a viewer is refused.
const MAX_TRIES: usize = 3;
/// How long a broken pull looks for another upstream: as long as the hub bears silence.
const REPAIR_PAUSE: Duration = Duration::from_millis(100);
/// How long a stream whose publisher went to another node may take to come from there.
const CARRY_ON: Duration = Duration::from_secs(3);
/// How often it is looked whether anybody still watches.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// All pulls of this node.
#[derive(Default)]
pub(super) struct Pulls {
    running: Mutex<HashMap<LeaseKey, watch::Receiver<PullState>>>,
    misses: Mutex<HashMap<LeaseKey, i64>>,
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
}

impl Pulls {
    pub(super) fn len(&self) -> usize {
        self.running.lock().len()
    }
}

impl Node {
    /// The stream, pulled by the one pull that there is for it.
    pub(crate) async fn pull(
        &self,
        name: &StreamName,
        key: &LeaseKey,
        via: &Via,
    ) -> Result<Arc<Stream>, Refusal> {
        let mut state = match self.join_pull(name, key, (via, false)) {
            Some(state) => state?,
            None => return Err(not_live(name)),
        };
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
        let via = Via::default();
        let mut watch = self.0.cluster.watch(&key);
        let carried = async {
            loop {
                if let Some(Ok(mut state)) = self.join_pull(name, &key, (&via, true)) {
                    let decided = state.wait_for(|state| !matches!(state, PullState::Seeking));
                    if matches!(decided.await.as_deref(), Ok(PullState::Live(_))) {
                        return;
                    }
                }
                // The other node may not have it yet, or not have said so.
                let _ = tokio::time::timeout(REPAIR_PAUSE, watch.changed()).await;
            }
        };
        tokio::time::timeout(CARRY_ON, carried).await.is_ok()
    }

    /// The running pull, or a new one, which `takes_over` from a publisher here; `None` where the stream was nowhere a moment ago.
    fn join_pull(
        &self,
        name: &StreamName,
        key: &LeaseKey,
        (via, takes_over): (&Via, bool),
    ) -> Option<Result<watch::Receiver<PullState>, Refusal>> {
        if via.passed(&self.settings().me) {
            // Before the pull that it came back from is joined: that would wait for itself.
            let words = format!("a circle: {via} leads back to {}", self.settings().me);
            return Some(Err(Refusal::new(Code::OriginUnreachable, words)));
        }
        let mut running = self.0.pulls.running.lock();
        if let Some(state) = running.get(key) {
            return Some(Ok(state.clone()));
        }
        if self.misses(key) {
            return None;
        }
        if running.len() >= MAX_PULLS {
            let words = "this node pulls as many streams as it may";
            return Some(Err(Refusal::new(Code::QuotaStreams, words)));
        }
        let (tell, state) = watch::channel(PullState::Seeking);
        running.insert(key.clone(), state.clone());
        let pull = Pull {
            node: self.clone(),
            name: name.clone(),
            key: key.clone(),
            via: via.clone(),
            tell,
            publisher: None,
            takes_over,
        };
        self.core().tasks.spawn("pull", pull.run());
        Some(Ok(state))
    }

    /// Whether a stream was nowhere a moment ago, and nobody has announced it since.
    pub(super) fn misses(&self, key: &LeaseKey) -> bool {
        let mut misses = self.0.pulls.misses.lock();
        let Some(until_us) = misses.get(key).copied() else {
            return false;
        };
        let is_missing = self.0.cluster.with(|member, now_us| {
            let view = member.view();
            now_us < until_us && view.whereabouts(key, now_us).is_nowhere()
        });
        if !is_missing {
            misses.remove(key);
        }
        is_missing
    }

    /// Nobody has it: do not ask for each viewer again.
    pub(super) fn missed(&self, key: &LeaseKey) {
        let mut misses = self.0.pulls.misses.lock();
        if misses.len() >= MAX_MISSES {
            misses.clear();
        }
        let until_us = self.0.cluster.with(|_, now_us| now_us + MISS_US);
        misses.insert(key.clone(), until_us);
    }
}

/// One pull at work.
pub(super) struct Pull {
    pub(super) node: Node,
    pub(super) name: StreamName,
    key: LeaseKey,
    pub(super) via: Via,
    tell: watch::Sender<PullState>,
    pub(super) publisher: Option<Publisher>,
    /// Even from a publisher of this node, who has gone on to another.
    takes_over: bool,
}

impl Pull {
    async fn run(mut self) {
        let shutdown = self.node.core().shutdown.clone();
        let ended = tokio::select! {
            ended = self.supply() => ended,
            () = shutdown.stopping() => PullEnd::Kicked(Code::Draining),
        };
        self.node.0.pulls.running.lock().remove(&self.key);
        if self.publisher.is_some() {
            self.node
                .0
                .cluster
                .with(|member, now_us| member.drop_carried(&self.key, now_us));
        }
        let code = match ended {
            PullEnd::Over(code) | PullEnd::Kicked(code) => code,
            PullEnd::Unwatched => Code::ClientStopped,
            PullEnd::Refused(refusal) | PullEnd::Broken(refusal) => {
                let code = refusal.code;
                if self.publisher.is_none() {
                    if code == Code::NotLive {
                        self.node.missed(&self.key);
                    }
                    self.tell.send_replace(PullState::Failed(refusal));
                }
                code
            }
        };
        if let Some(publisher) = self.publisher.take() {
            publisher.end(code);
        }
    }

    /// One upstream after the other, until the stream is over or nobody watches.
    async fn supply(&mut self) -> PullEnd {
        let mut watch = self.node.0.cluster.watch(&self.key);
        loop {
            let ended = self.round().await;
            match (&ended, &self.publisher) {
                // What is live here is not given up for one who could not be reached: the hub ends it
                // when the silence has lasted too long.
                (PullEnd::Refused(_) | PullEnd::Broken(_), Some(publisher)) => {
                    if let Some(code) = publisher.client().kicked() {
                        return PullEnd::Kicked(code);
                    }
                    let _ = tokio::time::timeout(REPAIR_PAUSE, watch.changed()).await;
                }
                _ => return ended,
            }
        }
    }

    /// All upstreams that there are now, once.
    async fn round(&mut self) -> PullEnd {
        let Self { node, .. } = self;
        let hops = node.upstreams(&self.name, &self.key, &self.via).await;
        let hops = match hops {
            Ok(hops) => hops,
            Err(refused) => return PullEnd::Refused(refused),
        };
        let mut last = PullEnd::Refused(not_live(&self.name));
        for hop in hops.into_iter().take(MAX_TRIES) {
            last = self.follow(&hop).await;
            let now_us = self.node.core().hub.clock().now_us();
            let mut router = self.node.0.router.lock();
            match &last {
                PullEnd::Broken(refusal) => {
                    tracing::info!(stream = %self.name, upstream = %hop.url, code = refusal.code.number(), "the pull broke: {}", refusal.detail);
                    router.failed(&hop.url, now_us);
                }
                PullEnd::Refused(_) => {}
                _ => {
                    router.succeeded(&hop.url);
                    return last;
                }
            }
        }
        last
    }

    async fn follow(&mut self, hop: &Hop) -> PullEnd {
        let mut url = hop.url.clone();
        for _ in 0..relay_pull::MAX_REDIRECTS {
            if self.node.is_own(&url) {
                return PullEnd::Refused(Refusal::new(
                    Code::OriginUnreachable,
                    format!("{} was redirected to this node itself", self.name),
                ));
            }
            let ended = if url.starts_with("rtmp") {
                self.follow_rtmp(&url).await
            } else {
                relay_pull::pull(self, &url).await
            };
            match ended {
                PullEnd::Refused(Refusal {
                    code: Code::Moved,
                    location: Some(location),
                    ..
                }) => url = relay_pull::base_of(&location).to_owned(),
                ended => return ended,
            }
        }
        let words = format!(
            "{}: redirected more than {} times",
            self.name,
            relay_pull::MAX_REDIRECTS
        );
        PullEnd::Refused(Refusal::new(Code::OriginUnreachable, words))
    }

    /// From a server that is not weir: its times get their place on the clock here.
    async fn follow_rtmp(&mut self, base: &str) -> PullEnd {
        let url = rtmp_url(base, &self.name);
        let (name, key) = (self.name.clone(), self.key.clone());
        let (node, linger) = (self.node.clone(), self.node.settings().linger);
        let tell = self.tell.clone();
        let hub = self.node.core().hub.clone();
        let began = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let has_begun = began.clone();
        let begin_key = name.clone();
        let begin = move || {
            let publisher = hub.publish(request(begin_key))?;
            began.store(true, std::sync::atomic::Ordering::Relaxed);
            tell.send_replace(PullState::Live(publisher.stream().clone()));
            node.0
                .cluster
                .with(|member, now_us| member.carry(&key, now_us));
            Ok(publisher)
        };
        let own = &self.node.settings().own;
        let idle = unwatched(&self.node.core().hub, &name, linger);
        let ended = srs::pull(&self.node.core().hub, &url, own, begin, idle).await;
        if has_begun.load(std::sync::atomic::Ordering::Relaxed) {
            // The publisher went with it, so this pull is over: viewers may start another.
            self.node
                .0
                .cluster
                .with(|member, now_us| member.drop_carried(&self.key, now_us));
            return PullEnd::Over(
                ended
                    .err()
                    .map_or(Code::ClientStopped, |refusal| refusal.code),
            );
        }
        match ended {
            Err(refusal) if refusal.code.is_retryable_elsewhere() => PullEnd::Broken(refusal),
            Err(refusal) => PullEnd::Refused(refusal),
            Ok(()) => PullEnd::Refused(not_live(&name)),
        }
    }

    /// The upstream's first word: the stream is in the hub from here on.
    pub(super) fn begin(&mut self, begin: RelayBegin) -> Result<(), Refusal> {
        let mut request = request(self.name.clone());
        request.grant.takeover = self.takes_over;
        let publisher = self.node.core().hub.relay(request, begin)?;
        let stream = publisher.stream().clone();
        let is_first = self.publisher.replace(publisher).is_none();
        if is_first {
            self.node
                .0
                .cluster
                .with(|member, now_us| member.carry(&self.key, now_us));
        }
        self.tell.send_replace(PullState::Live(stream));
        Ok(())
    }

    /// Resolves when nobody has watched for the linger time.
    pub(super) fn unwatched(&self) -> impl Future<Output = ()> + Send + 'static {
        unwatched(
            &self.node.core().hub,
            &self.name,
            self.node.settings().linger,
        )
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
