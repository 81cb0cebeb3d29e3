//! Leases of the streams that this node owns: taken before a publisher is heard, given back when the
//! last handle on them is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use weir_base::{Code, Refusal};
use weir_cluster::lease::{Event, Gate, Phase};
use weir_cluster::run::Cluster;
use weir_cluster::{LeaseKey, StreamRecord};
use weir_hub::{Clients, Hold, Role};

/// How long a publisher waits for the registry's word. Without it the stream is taken all the same,
/// which the lease itself decides a little earlier than this.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(3);

/// See the module's words. Clones share it.
#[derive(Clone)]
pub(super) struct Leases(Arc<Inner>);

struct Inner {
    cluster: Cluster,
    held: Mutex<HashMap<LeaseKey, HeldLease>>,
    /// Grows with each lease, so that the end of an old one does not take a new one away.
    generation: Mutex<u64>,
}

/// What the registry said; `None` until it has.
type Verdict = Option<Result<(), Denial>>;

/// A lease that a publisher does not get.
#[derive(Debug, Clone)]
pub(super) struct Denial {
    /// What the publisher is told.
    pub(super) refusal: Refusal,
    /// Who has it, where that is why.
    pub(super) by: Option<StreamRecord>,
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, by: None }
    }
}

struct HeldLease {
    generation: u64,
    lease: Weak<Lease>,
    outcome: watch::Sender<Verdict>,
}

/// A lease that is held.
#[derive(Debug)]
pub(super) struct Lease {
    key: LeaseKey,
    generation: u64,
    gate: Gate,
    claims: LeasesHandle,
}

/// [`Leases`] without its insides in debug output.
struct LeasesHandle(Leases);

impl std::fmt::Debug for LeasesHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leases")
    }
}

/// What a publisher carries of a lease; the publisher that takes over from it shares it.
#[derive(Debug)]
pub(crate) struct LeaseShare(Arc<Lease>);

impl Hold for LeaseShare {
    fn is_open(&self, now_us: i64) -> bool {
        self.0.gate.is_open(now_us)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.claims.0.give_back(&self.key, self.generation);
    }
}

impl Leases {
    /// Nothing claimed yet.
    pub(super) fn new(cluster: Cluster) -> Self {
        Self(Arc::new(Inner {
            cluster,
            held: Mutex::default(),
            generation: Mutex::default(),
        }))
    }

    /// The lease of `name`, claimed if this node does not hold it. `over` is the epoch that it may be
    /// taken over from; 0 for none.
    ///
    /// # Errors
    /// 3004 when another node has the name, 2005 when this one holds as many as it may.
    pub(super) async fn take(
        &self,
        key: &LeaseKey,
        over: u64,
        since_ms: i64,
    ) -> Result<LeaseShare, Denial> {
        let (lease, mut outcome) = self.claim(key, over, since_ms)?;
        let decided = outcome.wait_for(Option::is_some);
        // Else the lease is gone from the map, or the registry is slow: the gate decides.
        if let Ok(Ok(word)) = tokio::time::timeout(VERDICT_TIMEOUT, decided).await {
            word.clone().unwrap_or(Ok(()))?;
        }
        Ok(LeaseShare(lease))
    }

    fn claim(
        &self,
        key: &LeaseKey,
        over: u64,
        since_ms: i64,
    ) -> Result<(Arc<Lease>, watch::Receiver<Verdict>), Refusal> {
        let mut held = self.0.held.lock();
        if let Some(entry) = held.get(key) {
            if let Some(lease) = entry.lease.upgrade() {
                return Ok((lease, entry.outcome.subscribe()));
            }
            // Its last handle is being dropped just now.
            self.0
                .cluster
                .with(|member, now_us| member.unpublish(key, now_us));
        }
        let (gate, phase) = self.0.cluster.with(|member, now_us| {
            let gate = member.publish(key.clone(), over, since_ms, now_us)?;
            Ok::<_, Refusal>((gate, member.leases().phase(key)))
        })?;
        let generation = {
            let mut generation = self.0.generation.lock();
            *generation += 1;
            *generation
        };
        let lease = Arc::new(Lease {
            key: key.clone(),
            generation,
            gate,
            claims: LeasesHandle(self.clone()),
        });
        // Taken without asking, while the registry is known to be away.
        let decided = (phase != Some(Phase::Claiming)).then_some(Ok(()));
        let (outcome, word) = watch::channel(decided);
        let entry = HeldLease {
            generation,
            lease: Arc::downgrade(&lease),
            outcome,
        };
        held.insert(key.clone(), entry);
        Ok((lease, word))
    }

    fn give_back(&self, key: &LeaseKey, generation: u64) {
        let mut held = self.0.held.lock();
        if held
            .get(key)
            .is_some_and(|entry| entry.generation == generation)
        {
            held.remove(key);
            self.0
                .cluster
                .with(|member, now_us| member.unpublish(key, now_us));
        }
    }

    /// Hears what happens to leases until the cluster ends; publishers that lost theirs are let go.
    pub(super) async fn hear(self, mut events: mpsc::Receiver<Event>, clients: Clients) {
        while let Some(event) = events.recv().await {
            match event {
                Event::Owned(record) => self.decided(&record.key, Ok(())),
                Event::Unconfirmed(record) => {
                    if !record.key.is_office() {
                        tracing::warn!(stream = %record.key, "the registry does not answer: the stream is served unconfirmed");
                    }
                    self.decided(&record.key, Ok(()));
                }
                Event::Lapsed(name) => {
                    tracing::warn!(stream = %name, "the lease has lapsed: frames are held until the registry answers");
                }
                Event::Refused { key, by, refusal } => {
                    let words = format!("{key} is live on node {}", by.node);
                    let refusal = Refusal::new(refusal.code, words);
                    let by = Some(by);
                    self.decided(&key, Err(Denial { refusal, by }));
                }
                Event::Lost { key, by, refusal } => {
                    tracing::warn!(stream = %key, by = %by.node, epoch = by.epoch, code = refusal.code.number(), "the lease is lost");
                    self.lost(&key, refusal.code, &clients);
                }
            }
        }
    }

    fn decided(&self, name: &LeaseKey, word: Result<(), Denial>) {
        if let Some(entry) = self.0.held.lock().get(name) {
            entry.outcome.send_replace(Some(word));
        }
    }

    fn lost(&self, name: &LeaseKey, code: Code, clients: &Clients) {
        self.decided(name, Err(Refusal::from(code).into()));
        for client in clients.list() {
            if client.role == Role::Publisher && LeaseKey::of(&client.name).as_ref() == Ok(name) {
                client.kick(code);
            }
        }
    }
}
