//! Whether another node is gone that the view still believes in.
//!
//! The view takes 8 s of silence for a node's death, and a lease ends after 6 s. A process that died is known
//! sooner: its machine refuses connections to its port. One that stands still is known when it neither
//! answers nor beats. Asked only when somebody wants what that node has.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use weir_cluster::record::Scope;
use weir_cluster::{LeaseKey, Name, Scheme};
use weir_link::node::NodeRequest;
use weir_link::url::HttpUrl;

use super::Node;

/// How long the node may take to answer at least: a publisher waits.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// What it is asked for: a path that costs nothing.
const PROBE_TARGET: &str = "/livez";
/// Who does not answer at all is gone when it has missed a beat, too: they come each 2 s, microseconds.
const MISSED_BEAT_US: i64 = 2_500_000;
/// How long it is believed what was found, microseconds: many clients may ask at once.
const GOOD_US: i64 = 1_000_000;
/// Lives whose fate is remembered: above it all are forgotten.
const MAX_FATES: usize = weir_cluster::limits::NODES;
/// Streams remembered whose owner is gone: above it all are forgotten.
const MAX_ORPHANS: usize = 20_000;
/// For so long the publisher of a node that is gone is taken to be on its way to another, microseconds.
const ON_ITS_WAY_US: i64 = 5_000_000;
/// How long a viewer of its stream is kept waiting for it, who was not ready to wait.
const RETURN_WAIT: Duration = Duration::from_secs(3);

/// Whether a life of a node is over, and until when that is believed.
type Fate = OnceCell<(bool, i64)>;

/// A life of another node.
struct Life {
    url: String,
    seen_us: i64,
}

/// What was found lately.
#[derive(Default)]
pub(super) struct Fates {
    of_nodes: Mutex<HashMap<(Name, u64), Arc<Fate>>>,
    /// Streams whose owner is gone, and until when they are waited for.
    orphans: Mutex<HashMap<LeaseKey, i64>>,
}

impl Node {
    /// Whether the life `boot` of a node is over: its port takes no connections or answers nothing, or another
    /// life has begun. However many ask, the node is asked once.
    pub(super) async fn is_gone(&self, id: &Name, boot: u64) -> bool {
        if *id == self.settings().me {
            return false;
        }
        let fate = self.fate(id, boot);
        let found = fate.get_or_init(|| async {
            let is_gone = self.probe(id, boot).await;
            if is_gone {
                self.bury(id, boot);
            }
            let now_us = self.core().hub.clock().now_us();
            (is_gone, now_us + GOOD_US)
        });
        found.await.0
    }

    /// What was found lately of a life of a node, or is being found, or is to be.
    fn fate(&self, id: &Name, boot: u64) -> Arc<Fate> {
        let now_us = self.core().hub.clock().now_us();
        let mut fates = self.0.fates.of_nodes.lock();
        if fates.len() >= MAX_FATES {
            fates.clear();
        }
        let fate = fates.entry((id.clone(), boot)).or_default();
        if fate.get().is_some_and(|(_, until_us)| now_us >= *until_us) {
            *fate = Arc::default();
        }
        fate.clone()
    }

    fn bury(&self, id: &Name, boot: u64) {
        tracing::warn!(node = %id, boot, "the node is gone: its streams may be taken over");
        let owned: Vec<_> = self.0.cluster.with(|member, _| {
            let node = member.view().find(id);
            let node = node.filter(|node| node.boot == boot);
            let owned = node.into_iter().flat_map(|node| node.owns());
            let owned = owned.take(MAX_ORPHANS).map(|stream| stream.key.clone());
            let owned = owned.collect();
            member.believe_gone(id, boot);
            owned
        });
        for key in &owned {
            self.orphaned(key);
        }
    }

    async fn probe(&self, id: &Name, boot: u64) -> bool {
        let life = match self.life(id, boot) {
            Some(Ok(life)) => life,
            // Another life of it is here.
            Some(Err(())) => return true,
            // Nothing is known of it: its lease tells.
            None => return false,
        };
        let clock = self.core().hub.clock();
        let left_us = life.seen_us + MISSED_BEAT_US - clock.now_us();
        let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
        match self
            .ask_whether_alive(&life.url, left.max(PROBE_TIMEOUT))
            .await
        {
            Some(is_alive) => !is_alive,
            // It may live behind a line that is slow: then its beats still come.
            None => match self.life(id, boot) {
                Some(Ok(now)) => clock.now_us() - now.seen_us >= MISSED_BEAT_US,
                Some(Err(())) => true,
                None => false,
            },
        }
    }

    /// Where a life of a node is and when it was heard of; an error where another has begun.
    fn life(&self, id: &Name, boot: u64) -> Option<Result<Life, ()>> {
        self.0.cluster.with(|member, _| {
            let node = member.view().find(id)?;
            if node.boot != boot {
                return Some(Err(()));
            }
            let record = node.record.as_ref()?;
            let spoken = [Scheme::Http, Scheme::Https];
            let address = |scope| record.address(&spoken, scope, None);
            let address = address(Scope::Internal).or(address(Scope::Public))?;
            Some(Ok(Life {
                url: address.url.clone(),
                seen_us: node.seen_us,
            }))
        })
    }

    /// Whether somebody answers at `url` within `limit`; none where nobody says a word. A process that stands
    /// still has its machine take connections for it.
    async fn ask_whether_alive(&self, url: &str, limit: Duration) -> Option<bool> {
        let began = Instant::now();
        let place = HttpUrl::parse(url).ok()?;
        let connecting = TcpStream::connect((place.host.as_str(), place.port));
        match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => return Some(false),
            Ok(Err(_)) | Err(_) => return None,
        }
        let request = NodeRequest {
            base: url,
            method: Method::GET,
            target: PROBE_TARGET,
            headers: HeaderMap::new(),
            head_timeout: limit.saturating_sub(began.elapsed()),
        };
        // Whatever it answers.
        self.client().send(request).await.ok().map(|_| true)
    }

    /// The owner of a stream is gone: its publisher is taken to be on its way.
    fn orphaned(&self, key: &LeaseKey) {
        let now_us = self.core().hub.clock().now_us();
        let mut orphans = self.0.fates.orphans.lock();
        if orphans.len() >= MAX_ORPHANS {
            orphans.clear();
        }
        orphans.entry(key.clone()).or_insert(now_us + ON_ITS_WAY_US);
    }

    /// How long somebody waits for a stream who was not ready to: its owner died a moment ago.
    pub(crate) fn return_wait(&self, key: &LeaseKey) -> Duration {
        let now_us = self.core().hub.clock().now_us();
        let mut orphans = self.0.fates.orphans.lock();
        match orphans.get(key) {
            Some(until_us) if now_us < *until_us => RETURN_WAIT,
            Some(_) => {
                orphans.remove(key);
                Duration::ZERO
            }
            None => Duration::ZERO,
        }
    }
}
