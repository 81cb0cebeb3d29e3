//! The fuzz targets on a stable compiler: every input of the corpus, then mutations of it. Always
//! the same ones; `WEIR_FUZZ_SEED` asks for others, `WEIR_FUZZ_RUNS` for more.
//!
//! `WEIR_BLESS=1` writes the seeds of the corpus anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use weir_base::Clock;
use weir_testkit::fuzz::mutate::Mutator;
use weir_testkit::fuzz::{TARGETS, Target};

/// Mutated inputs for each target.
const RUNS: u64 = 2000;
/// Microseconds after which a target's mutations stop short: a slow machine shall not wait.
const TARGET_US: i64 = 4_000_000;
/// Microseconds a single small input may take: far above any real one, far below a hang.
const INPUT_US: i64 = 2_000_000;
/// An input that takes so long hangs.
const HANG: Duration = Duration::from_secs(20);
static INPUTS_BEGUN: AtomicU64 = AtomicU64::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);
const SEED: u64 = 20_261_120;
/// Bytes of one input in the repository, and of all together.
const MAX_INPUT_BYTES: usize = 4096;
const MAX_CORPUS_BYTES: usize = 300 * 1024;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The inputs that belong to the repository; what cargo-fuzz found on this machine has other names.
fn inputs(target: &Target) -> Vec<(String, Vec<u8>)> {
    let Ok(folder) = std::fs::read_dir(corpus().join(target.name)) else {
        return Vec::new();
    };
    let mut inputs: Vec<_> = folder
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let ours = name.starts_with("seed-") || name.starts_with("found-");
            ours.then(|| (name, std::fs::read(path).unwrap()))
        })
        .collect();
    inputs.sort();
    inputs
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().expect(variable))
}

/// A loop without end cannot be caught like a panic: say which target, and end everything.
fn watch_for_hangs() {
    let watch = || {
        let mut last = 0;
        loop {
            std::thread::sleep(HANG);
            let now = INPUTS_BEGUN.load(Ordering::Relaxed);
            if now == last && RUNNING.load(Ordering::Relaxed) {
                eprintln!(
                    "input {now} hangs; the last target named above is done, the next one it is"
                );
                std::process::abort();
            }
            last = now;
        }
    };
    std::thread::Builder::new().spawn(watch).unwrap();
}

fn run(target: &Target, clock: &Clock, what: &str, input: &[u8]) {
    let began_us = clock.now_us();
    INPUTS_BEGUN.fetch_add(1, Ordering::Relaxed);
    RUNNING.store(true, Ordering::Relaxed);
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    RUNNING.store(false, Ordering::Relaxed);
    let took_us = clock.now_us() - began_us;
    let slow = took_us > INPUT_US;
    if outcome.is_err() || slow {
        let path = std::env::temp_dir().join(format!("weir-fuzz-{}", target.name));
        std::fs::write(&path, input).unwrap();
        let fate = if slow { "was slow" } else { "panicked" };
        panic!(
            "{} {fate} on {what}, {took_us} µs; kept as {}",
            target.name,
            path.display()
        );
    }
}

#[test]
fn the_corpus_holds_the_seeds_and_stays_small() {
    let mut total = 0;
    for target in TARGETS {
        let folder = corpus().join(target.name);
        for (at, seed) in (target.seeds)().into_iter().enumerate() {
            let path = folder.join(format!("seed-{at}"));
            if std::env::var_os("WEIR_BLESS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &seed).unwrap();
            }
            let stored = std::fs::read(&path).unwrap_or_default();
            assert!(stored == seed, "{}: run with WEIR_BLESS=1", path.display());
        }
        for (name, input) in inputs(target) {
            assert!(
                input.len() <= MAX_INPUT_BYTES,
                "{}/{name}: {} bytes",
                target.name,
                input.len()
            );
            total += input.len();
        }
    }
    assert!(total <= MAX_CORPUS_BYTES, "{total} bytes");
}

#[test]
fn every_target_has_a_driver_for_cargo_fuzz() {
    let fuzz = corpus().join("..");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{}\"", target.name)),
            "{}",
            target.name
        );
        let driver = fuzz.join(format!("fuzz_targets/{}.rs", target.name));
        let driver = std::fs::read_to_string(driver).expect(target.name);
        assert!(
            driver.contains(&format!("\"{}\"", target.name)),
            "{}",
            target.name
        );
    }
}

#[test]
fn nothing_panics_on_the_corpus_and_its_mutations() {
    let (seed, runs) = (
        number("WEIR_FUZZ_SEED", SEED),
        number("WEIR_FUZZ_RUNS", RUNS),
    );
    println!("WEIR_FUZZ_SEED={seed}");
    let clock = Clock::real();
    watch_for_hangs();
    for target in TARGETS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for (name, input) in &inputs {
            run(target, &clock, name, input);
        }
        let inputs: Vec<_> = inputs.into_iter().map(|(_, input)| input).collect();
        let mut mutator = Mutator::new(seed);
        let began_us = clock.now_us();
        let mut done = 0;
        while done < runs && (runs > RUNS || clock.now_us() - began_us < TARGET_US) {
            let from = &inputs[usize::try_from(done).unwrap() % inputs.len()];
            let input = mutator.mutate(from, &inputs);
            run(
                target,
                &clock,
                &format!("mutation {done} of seed {seed}"),
                &input,
            );
            done += 1;
        }
        println!(
            "{}: {done} mutations in {} ms",
            target.name,
            (clock.now_us() - began_us) / 1000
        );
    }
}
