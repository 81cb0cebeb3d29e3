//! Things that are fetched once however many ask, and kept while there is room: bounded in bytes,
//! least recently used out first. What they are and who fetches them is not known here.
//!
//! Failures are kept like anything else, for as long as whoever fetched says.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;
use weir_base::{Code, Refusal};

/// Bytes that an entry costs beside what it holds: key, map and order.
const ENTRY_BYTES: usize = 512;

/// What a fetch comes to.
pub(super) type Outcome<V> = Result<V, Refusal>;

/// Something that takes room.
pub(super) trait Weigh {
    /// Bytes it takes in memory, headers included.
    fn bytes(&self) -> usize;
}

/// What a cache did and holds.
#[derive(Debug, Default)]
pub struct CacheCounters {
    /// Answers that were there.
    pub hits: AtomicU64,
    /// Answers that were fetched.
    pub misses: AtomicU64,
    /// Answers that waited for a fetch somebody else had begun.
    pub joined: AtomicU64,
    /// Entries that had to make room for others.
    pub evictions: AtomicU64,
    /// Bytes held now.
    pub bytes: AtomicU64,
}

/// See the module's words. Clones share it.
#[derive(Debug)]
pub(super) struct Cache<K, V>(Arc<Inner<K, V>>);

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(CacheState {
                entries: HashMap::new(),
                turns: BTreeMap::new(),
                next_turn: 0,
                bytes: 0,
            }),
            counters: CacheCounters::default(),
        }))
    }
}

#[derive(Debug)]
struct Inner<K, V> {
    state: Mutex<CacheState<K, V>>,
    counters: CacheCounters,
}

#[derive(Debug)]
struct CacheState<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Keys of what is kept, by when it was last asked for.
    turns: BTreeMap<u64, K>,
    next_turn: u64,
    bytes: usize,
}

#[derive(Debug)]
enum Entry<V> {
    Coming(watch::Receiver<Option<Outcome<V>>>),
    Kept(Kept<V>),
}

#[derive(Debug)]
struct Kept<V> {
    outcome: Outcome<V>,
    until_us: i64,
    turn: u64,
    bytes: usize,
}

/// What is known of a key.
pub(super) enum Found<K: Hash + Eq + Clone, V: Clone + Weigh> {
    /// It is here.
    Here(Outcome<V>),
    /// Somebody fetches it.
    Coming(Coming<V>),
    /// Nobody does: whoever asked has to.
    Missing(Flight<K, V>),
}

/// A fetch that somebody else does.
pub(super) struct Coming<V>(watch::Receiver<Option<Outcome<V>>>);

impl<V: Clone> Coming<V> {
    /// What it comes to; 5002 when it was given up.
    pub(super) async fn outcome(mut self) -> Outcome<V> {
        let landed = self.0.wait_for(Option::is_some).await;
        let outcome = landed.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Code::OriginUnreachable.into()))
    }
}

/// The duty to fetch. Dropped without landing, the fetch is given up and the next who asks begins
/// anew.
pub(super) struct Flight<K: Hash + Eq + Clone, V: Clone + Weigh> {
    cache: Cache<K, V>,
    key: K,
    tell: watch::Sender<Option<Outcome<V>>>,
    has_landed: bool,
}

impl<K: Hash + Eq + Clone, V: Clone + Weigh> Cache<K, V> {
    /// What is known of `key`. Something kept that is not `good` any more is as if it were not there.
    pub(super) fn look(
        &self,
        key: &K,
        now_us: i64,
        good: impl FnOnce(&Outcome<V>) -> bool,
    ) -> Found<K, V> {
        let counters = &self.0.counters;
        let mut state = self.0.state.lock();
        match state.entries.get(key) {
            Some(Entry::Coming(coming)) => {
                counters.joined.fetch_add(1, Ordering::Relaxed);
                return Found::Coming(Coming(coming.clone()));
            }
            Some(Entry::Kept(kept)) if now_us < kept.until_us && good(&kept.outcome) => {
                counters.hits.fetch_add(1, Ordering::Relaxed);
                let outcome = kept.outcome.clone();
                state.touch(key);
                return Found::Here(outcome);
            }
            Some(Entry::Kept(_)) | None => {}
        }
        counters.misses.fetch_add(1, Ordering::Relaxed);
        state.remove(key);
        let (tell, coming) = watch::channel(None);
        state.entries.insert(key.clone(), Entry::Coming(coming));
        self.0.tell_bytes(&state);
        Found::Missing(Flight {
            cache: self.clone(),
            key: key.clone(),
            tell,
            has_landed: false,
        })
    }

    /// Forgets what is older than it may be.
    pub(super) fn sweep(&self, now_us: i64) {
        let mut state = self.0.state.lock();
        let old = state.entries.iter().filter_map(|(key, entry)| match entry {
            Entry::Kept(kept) if kept.until_us <= now_us => Some(key.clone()),
            _ => None,
        });
        let old: Vec<K> = old.collect();
        for key in &old {
            state.remove(key);
        }
        self.0.tell_bytes(&state);
    }

    /// What it did so far.
    pub(super) fn counters(&self) -> &CacheCounters {
        &self.0.counters
    }
}

impl<K: Hash + Eq + Clone, V: Clone + Weigh> Flight<K, V> {
    /// The same for whoever waits.
    pub(super) fn coming(&self) -> Coming<V> {
        Coming(self.tell.subscribe())
    }

    /// What is fetched.
    pub(super) const fn key(&self) -> &K {
        &self.key
    }

    /// Gives the outcome to all who wait, and keeps it until `until_us` if there is room for it
    /// among `max_bytes`.
    pub(super) fn land(
        mut self,
        outcome: Outcome<V>,
        now_us: i64,
        until_us: i64,
        max_bytes: usize,
    ) {
        self.has_landed = true;
        let held = outcome.as_ref().map_or(0, Weigh::bytes);
        let bytes = held.saturating_add(ENTRY_BYTES);
        let inner = &self.cache.0;
        let mut state = inner.state.lock();
        state.entries.remove(&self.key);
        if now_us < until_us && bytes <= max_bytes {
            let evicted = state.make_room(max_bytes - bytes);
            inner
                .counters
                .evictions
                .fetch_add(evicted, Ordering::Relaxed);
            state.keep(self.key.clone(), outcome.clone(), until_us, bytes);
        }
        inner.tell_bytes(&state);
        drop(state);
        self.tell.send_replace(Some(outcome));
    }
}

impl<K: Hash + Eq + Clone, V: Clone + Weigh> Drop for Flight<K, V> {
    fn drop(&mut self) {
        if !self.has_landed {
            self.cache.0.state.lock().entries.remove(&self.key);
        }
    }
}

impl<K, V> Inner<K, V> {
    fn tell_bytes(&self, state: &CacheState<K, V>) {
        self.counters
            .bytes
            .store(state.bytes as u64, Ordering::Relaxed);
    }
}

impl<K: Hash + Eq + Clone, V> CacheState<K, V> {
    fn keep(&mut self, key: K, outcome: Outcome<V>, until_us: i64, bytes: usize) {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, key.clone());
        self.bytes += bytes;
        let kept = Kept {
            outcome,
            until_us,
            turn,
            bytes,
        };
        self.entries.insert(key, Entry::Kept(kept));
    }

    fn touch(&mut self, key: &K) {
        let Some(Entry::Kept(kept)) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(key) = self.turns.remove(&kept.turn) {
            kept.turn = self.next_turn;
            self.turns.insert(self.next_turn, key);
            self.next_turn += 1;
        }
    }

    /// Takes something kept away; what is being fetched stays.
    fn remove(&mut self, key: &K) {
        if let Some(Entry::Kept(kept)) = self.entries.get(key) {
            self.turns.remove(&kept.turn);
            self.bytes -= kept.bytes;
            self.entries.remove(key);
        }
    }

    /// Evicts until no more than `max_bytes` are held; how many entries went.
    fn make_room(&mut self, max_bytes: usize) -> u64 {
        let mut evicted = 0;
        while self.bytes > max_bytes
            && let Some((_, key)) = self.turns.pop_first()
        {
            if let Some(Entry::Kept(kept)) = self.entries.remove(&key) {
                self.bytes -= kept.bytes;
            }
            evicted += 1;
        }
        evicted
    }
}

#[cfg(test)]
mod tests;
