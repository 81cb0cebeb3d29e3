//! The fuzz targets on a stable compiler: every input of the corpus, then mutations of it; of those alone whose
//! names begin with `WEIR_FUZZ_ONLY`.
//!
//! `WEIR_BLESS=1` writes the seeds of the corpus anew.

use std::path::PathBuf;

use weir_testkit::fuzz::hunt::hunt;
use weir_testkit::fuzz::{TARGETS, Target};

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
    let only = std::env::var("WEIR_FUZZ_ONLY").unwrap_or_default();
    for target in TARGETS.iter().filter(|it| it.name.starts_with(&only)) {
        let inputs = inputs(target).into_iter().map(|(_, input)| input);
        hunt(target.name, &inputs.collect::<Vec<_>>(), target.run);
    }
}
