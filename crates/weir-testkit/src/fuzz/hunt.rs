//! Mutations of good inputs on a stable compiler: always the same ones. `WEIR_FUZZ_SEED` asks for others,
//! `WEIR_FUZZ_RUNS` for more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use weir_base::Clock;

use super::mutate::Mutator;

/// Mutated inputs for each target.
const RUNS: u64 = 2000;
/// Microseconds after which a target's mutations stop short: a slow machine shall not wait.
const TARGET_US: i64 = 4_000_000;
/// Microseconds a single small input may take: far above any real one, far below a hang.
const INPUT_US: i64 = 2_000_000;
/// An input that takes so long hangs.
const HANG: Duration = Duration::from_secs(20);
const SEED: u64 = 20_261_120;
/// Inputs that were begun, and those that were ended.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Runs `target` on each input and on mutations of them, which it calls by `name` where something is wrong.
///
/// # Panics
/// Where the target does, or takes too long for an input, which is kept in a file then.
pub fn hunt(name: &str, inputs: &[Vec<u8>], target: impl Fn(&[u8])) {
    let (seed, runs) = (
        number("WEIR_FUZZ_SEED", SEED),
        number("WEIR_FUZZ_RUNS", RUNS),
    );
    assert!(!inputs.is_empty(), "{name} has no inputs");
    static WATCH: Once = Once::new();
    WATCH.call_once(watch_for_hangs);
    let clock = Clock::real();
    for (at, input) in inputs.iter().enumerate() {
        run(name, &target, &clock, &format!("input {at}"), input);
    }
    let mut mutator = Mutator::new(seed);
    let began_us = clock.now_us();
    let mut done = 0;
    while done < runs && (runs > RUNS || clock.now_us() - began_us < TARGET_US) {
        let from = &inputs[usize::try_from(done).unwrap() % inputs.len()];
        let input = mutator.mutate(from, inputs);
        let what = format!("mutation {done} of seed {seed}");
        run(name, &target, &clock, &what, &input);
        done += 1;
    }
    let took_ms = (clock.now_us() - began_us) / 1000;
    println!("{name}: {done} mutations of seed {seed} in {took_ms} ms");
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().expect(variable))
}

/// A loop without end cannot be caught like a panic: it ends everything.
fn watch_for_hangs() {
    let watch = || {
        let mut last = 0;
        loop {
            std::thread::sleep(HANG);
            let begun = BEGUN.load(Ordering::Relaxed);
            if begun == last && ENDED.load(Ordering::Relaxed) < begun {
                eprintln!(
                    "input {begun} hangs; the target named last above is done, another it is"
                );
                std::process::abort();
            }
            last = begun;
        }
    };
    std::thread::Builder::new().spawn(watch).unwrap();
}

fn run(name: &str, target: impl Fn(&[u8]), clock: &Clock, what: &str, input: &[u8]) {
    let began_us = clock.now_us();
    BEGUN.fetch_add(1, Ordering::Relaxed);
    let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
    ENDED.fetch_add(1, Ordering::Relaxed);
    let took_us = clock.now_us() - began_us;
    let slow = took_us > INPUT_US;
    if outcome.is_err() || slow {
        let path = std::env::temp_dir().join(format!("weir-fuzz-{name}"));
        std::fs::write(&path, input).unwrap();
        let fate = if slow { "was slow" } else { "panicked" };
        panic!(
            "{name} {fate} on {what}, {took_us} µs; kept as {}",
            path.display()
        );
    }
}
