//! Whether another node is gone that the view still believes in.
//!
//! The view takes 8 s of silence for a node's death, and a lease ends after 6 s. A process that died is known
//! sooner: its machine refuses connections to its port. Asked only when somebody wants what that node has.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpStream;
use weir_cluster::record::Scope;
use weir_cluster::{LeaseKey, Name, Scheme};
use weir_link::url::HttpUrl;

use super::Node;

/// How long the node's machine may take to answer: a publisher waits.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// Who does not answer at all is gone if it has missed a beat, too: they come each 2 s, microseconds.
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

/// What was found lately.
#[derive(Default)]
pub(super) struct Fates {
    /// Whether a life of a node is over, and until when that is believed.
    of_nodes: Mutex<HashMap<(Name, u64), (bool, i64)>>,
    /// Streams whose owner is gone, and until when they are waited for.
    orphans: Mutex<HashMap<LeaseKey, i64>>,
}

impl Node {
    /// Whether the life `boot` of a node is over: its port takes no connections, or another life has begun.
    pub(super) async fn is_gone(&self, id: &Name, boot: u64) -> bool {
        if *id == self.settings().me {
            return false;
        }
        let now_us = self.core().hub.clock().now_us();
        let life = (id.clone(), boot);
        if let Some((is_gone, until_us)) = self.0.fates.of_nodes.lock().get(&life)
            && now_us < *until_us
        {
            return *is_gone;
        }
        let is_gone = self.probe(id, boot).await;
        if is_gone {
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
        let mut fates = self.0.fates.of_nodes.lock();
        if fates.len() >= MAX_FATES {
            fates.clear();
        }
        let now_us = self.core().hub.clock().now_us();
        fates.insert(life, (is_gone, now_us + GOOD_US));
        is_gone
    }

    async fn probe(&self, id: &Name, boot: u64) -> bool {
        let (url, has_missed) = {
            let found = self.0.cluster.with(|member, now_us| {
                let node = member.view().find(id)?;
                if node.boot != boot {
                    return Some(None);
                }
                let record = node.record.as_ref()?;
                let spoken = [Scheme::Http, Scheme::Https];
                let address = |scope| record.address(&spoken, scope, None);
                let address = address(Scope::Internal).or(address(Scope::Public))?;
                let has_missed = now_us.saturating_sub(node.seen_us) > MISSED_BEAT_US;
                Some(Some((address.url.clone(), has_missed)))
            });
            match found {
                Some(Some(found)) => found,
                // Another life of it is here.
                Some(None) => return true,
                // Nothing is known of it: its lease tells.
                None => return false,
            }
        };
        let Ok(url) = HttpUrl::parse(&url) else {
            return false;
        };
        let connecting = TcpStream::connect((url.host.as_str(), url.port));
        match tokio::time::timeout(PROBE_TIMEOUT, connecting).await {
            Ok(Ok(_)) => false,
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => true,
            Ok(Err(_)) | Err(_) => has_missed,
        }
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
