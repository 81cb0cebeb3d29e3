//! One fetch for all, room for so much and no more, and nothing left behind by who goes away.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::future::join_all;
use weir_base::Tasks;

use super::*;

const FOREVER: i64 = i64::MAX;
const ROOM: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing(usize);

impl Weigh for Thing {
    fn bytes(&self) -> usize {
        self.0
    }
}

type Things = Cache<&'static str, Thing>;

fn look(cache: &Things, key: &'static str) -> Found<&'static str, Thing> {
    cache.look(&key, 0, |_| true)
}

fn missing(cache: &Things, key: &'static str) -> Flight<&'static str, Thing> {
    match look(cache, key) {
        Found::Missing(flight) => flight,
        _ => panic!("{key} is there, or coming"),
    }
}

fn put(cache: &Things, key: &'static str, bytes: usize, max_bytes: usize) {
    missing(cache, key).land(Ok(Thing(bytes)), 0, FOREVER, max_bytes);
}

fn is_here(cache: &Things, key: &'static str) -> bool {
    let state = cache.0.state.lock();
    matches!(state.entries.get(key), Some(Entry::Kept(_)))
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn not_there() -> Refusal {
    Code::NotFound.into()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_at_once_make_one_fetch() {
    let (cache, tasks) = (Things::default(), Tasks::new());
    let fetches = Arc::new(AtomicUsize::new(0));
    let ask = || async {
        match look(&cache, "x") {
            Found::Here(outcome) => outcome,
            Found::Coming(coming) => coming.outcome().await,
            Found::Missing(flight) => {
                fetches.fetch_add(1, Ordering::Relaxed);
                let coming = flight.coming();
                tasks.spawn("fetch", async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    flight.land(Ok(Thing(7)), 0, FOREVER, ROOM);
                });
                coming.outcome().await
            }
        }
    };
    let answers = join_all((0..1000).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Thing(7))));
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    let counters = cache.counters();
    assert_eq!((count(&counters.misses), count(&counters.joined)), (1, 999));
    assert_eq!(ask().await, Ok(Thing(7)));
    assert_eq!(count(&counters.hits), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_given_to_all_who_wait_and_remembered_as_long_as_was_said() {
    let cache = Things::default();
    let flight = missing(&cache, "x");
    let Found::Coming(coming) = look(&cache, "x") else {
        panic!("nobody fetches");
    };
    let waiting = [flight.coming(), coming].map(Coming::outcome);
    flight.land(Err(not_there()), 0, 1000, ROOM);
    assert!(
        join_all(waiting)
            .await
            .iter()
            .all(|o| *o == Err(not_there()))
    );
    let at = |now_us| cache.look(&"x", now_us, |_| true);
    assert!(matches!(at(999), Found::Here(Err(_))));
    assert!(matches!(at(1000), Found::Missing(_)));
}

#[test]
fn a_failure_that_shall_not_be_remembered_is_not() {
    let cache = Things::default();
    missing(&cache, "x").land(Err(not_there()), 0, 0, ROOM);
    assert!(matches!(look(&cache, "x"), Found::Missing(_)));
    assert_eq!(count(&cache.counters().bytes), 0);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_takes_nothing_from_the_others() {
    let (cache, tasks) = (Things::default(), Tasks::new());
    let flight = missing(&cache, "x");
    let impatient = tokio::time::timeout(Duration::from_millis(1), flight.coming().outcome());
    let Found::Coming(patient) = look(&cache, "x") else {
        panic!("nobody fetches");
    };
    tasks.spawn("fetch", async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        flight.land(Ok(Thing(7)), 0, FOREVER, ROOM);
    });
    assert!(impatient.await.is_err());
    assert_eq!(patient.outcome().await, Ok(Thing(7)));
}

#[tokio::test]
async fn a_fetch_that_is_given_up_lets_all_go_and_the_next_begins_anew() {
    let cache = Things::default();
    let flight = missing(&cache, "x");
    let waiting = flight.coming();
    drop(flight);
    let given_up = waiting.outcome().await.unwrap_err();
    assert_eq!(given_up.code, Code::OriginUnreachable);
    drop(missing(&cache, "x"));
    assert!(cache.0.state.lock().entries.is_empty());
}

#[test]
fn what_was_asked_for_least_recently_makes_room() {
    let cache = Things::default();
    let max_bytes = 3 * (100 + ENTRY_BYTES);
    for key in ["a", "b", "c"] {
        put(&cache, key, 100, max_bytes);
    }
    assert!(matches!(look(&cache, "a"), Found::Here(_)));
    put(&cache, "d", 100, max_bytes);
    let here = ["a", "b", "c", "d"].map(|key| is_here(&cache, key));
    assert_eq!(here, [true, false, true, true]);
    let counters = cache.counters();
    assert_eq!(count(&counters.bytes), max_bytes as u64);
    assert_eq!(count(&counters.evictions), 1);
    // One that is twice as large takes the place of two.
    put(&cache, "e", 100 + 100 + ENTRY_BYTES, max_bytes);
    let here = ["a", "c", "d", "e"].map(|key| is_here(&cache, key));
    assert_eq!(here, [false, false, true, true]);
}

#[tokio::test]
async fn what_has_no_room_is_given_and_not_kept() {
    let cache = Things::default();
    put(&cache, "a", 100, 1000);
    let flight = missing(&cache, "large");
    let waiting = flight.coming();
    flight.land(Ok(Thing(1000)), 0, FOREVER, 1000);
    assert_eq!(waiting.outcome().await, Ok(Thing(1000)));
    assert!(is_here(&cache, "a") && !is_here(&cache, "large"));
}

#[tokio::test]
async fn an_eviction_does_not_touch_what_is_being_fetched() {
    let cache = Things::default();
    let max_bytes = 100 + ENTRY_BYTES;
    let flight = missing(&cache, "x");
    let waiting = flight.coming();
    put(&cache, "a", 100, max_bytes);
    put(&cache, "b", 100, max_bytes);
    assert!(matches!(look(&cache, "x"), Found::Coming(_)));
    flight.land(Ok(Thing(100)), 0, FOREVER, max_bytes);
    assert_eq!(waiting.outcome().await, Ok(Thing(100)));
    assert!(is_here(&cache, "x") && !is_here(&cache, "b"));
}

#[test]
fn what_is_no_longer_good_is_fetched_again() {
    let cache = Things::default();
    put(&cache, "x", 100, ROOM);
    let Found::Missing(flight) = cache.look(&"x", 0, |_| false) else {
        panic!("it was good");
    };
    assert_eq!(count(&cache.counters().bytes), 0);
    flight.land(Ok(Thing(1)), 0, FOREVER, ROOM);
    assert!(matches!(look(&cache, "x"), Found::Here(Ok(Thing(1)))));
}

#[test]
fn a_sweep_takes_what_is_old() {
    let cache = Things::default();
    missing(&cache, "old").land(Ok(Thing(1)), 0, 10, ROOM);
    missing(&cache, "new").land(Ok(Thing(1)), 0, 11, ROOM);
    let flight = missing(&cache, "coming");
    cache.sweep(10);
    assert!(!is_here(&cache, "old") && is_here(&cache, "new"));
    assert_eq!(count(&cache.counters().bytes), 1 + ENTRY_BYTES as u64);
    assert_eq!(*flight.key(), "coming");
}

#[test]
fn smaller_settings_take_hold_with_the_next_that_is_kept() {
    let cache = Things::default();
    for key in ["a", "b", "c"] {
        put(&cache, key, 100, ROOM);
    }
    put(&cache, "d", 100, 100 + ENTRY_BYTES);
    assert!(is_here(&cache, "d"));
    assert_eq!(cache.0.state.lock().entries.len(), 1);
}

#[test]
fn no_order_of_things_exceeds_the_bytes() {
    const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const MAX_BYTES: usize = 6000;
    let cache = Things::default();
    let mut dice = 1_u64;
    let mut throw = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % sides
    };
    for now_us in 0..20_000 {
        let key = KEYS[throw(6) as usize];
        let (bytes, keep_us) = (throw(3000) as usize, throw(50) as i64);
        if let Found::Missing(flight) = cache.look(&key, now_us, |_| true) {
            flight.land(Ok(Thing(bytes)), now_us, now_us + keep_us, MAX_BYTES);
        }
        let state = cache.0.state.lock();
        let kept = state.entries.values().map(|entry| match entry {
            Entry::Kept(kept) => kept.bytes,
            Entry::Coming(_) => 0,
        });
        assert_eq!(kept.sum::<usize>(), state.bytes);
        assert!(state.bytes <= MAX_BYTES);
        assert_eq!(state.turns.len(), state.entries.len());
    }
    assert!(count(&cache.counters().evictions) > 100);
}
