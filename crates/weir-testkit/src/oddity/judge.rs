//! FFmpeg decodes what came out, many files in one process, and what it shows is laid against the clip.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::Tool;

/// Files one FFmpeg decodes: starting one costs more than decoding a clip.
const BATCH: usize = 12;
/// Seconds by which distances of pictures may differ: FLV rounds to milliseconds.
const ROUNDING_S: f64 = 0.005;

/// A file to be judged.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// What it is, for messages.
    pub title: String,
    /// Where it is.
    pub file: PathBuf,
    /// It has Enhanced RTMP in it, which only the newer FFmpeg reads.
    pub is_enhanced: bool,
    /// Its sound is decoded too.
    pub has_sound: bool,
}

/// What FFmpeg made of a file.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Pictures in the order they are shown: when, in seconds, and their hash.
    pub pictures: Vec<(f64, String)>,
    /// Decoded frames of sound.
    pub sounds: usize,
    /// What it complained of.
    pub words: String,
}

/// Decodes all of them, in their order.
pub fn decode(exhibits: &[Exhibit]) -> Vec<Shown> {
    let mut shown: HashMap<PathBuf, Shown> = HashMap::new();
    for kind in [(false, false), (false, true), (true, false), (true, true)] {
        let own: Vec<_> = exhibits
            .iter()
            .filter(|exhibit| (exhibit.is_enhanced, exhibit.has_sound) == kind)
            .collect();
        std::thread::scope(|scope| {
            let batches = own
                .chunks(BATCH)
                .map(|batch| scope.spawn(move || decode_batch(batch)));
            // Two at a time: all at once would only wait for each other.
            let batches: Vec<_> = batches.collect();
            for batch in batches {
                shown.extend(batch.join().expect("a judge that ends"));
            }
        });
    }
    exhibits
        .iter()
        .map(|exhibit| shown.remove(&exhibit.file).unwrap_or_default())
        .collect()
}

/// One process for all; where it complains, one for each, to know whom of.
fn decode_batch(batch: &[&Exhibit]) -> Vec<(PathBuf, Shown)> {
    let words = run(batch);
    batch
        .iter()
        .map(|exhibit| {
            let own = match (words.is_empty(), batch.len()) {
                (true, _) => String::new(),
                (false, 1) => words.clone(),
                (false, _) => run(&[exhibit]),
            };
            let pictures = read_hashes(&hashes(&exhibit.file, "video"));
            let sounds = read_hashes(&hashes(&exhibit.file, "audio")).len();
            let shown = Shown {
                pictures,
                sounds,
                words: own,
            };
            (exhibit.file.clone(), shown)
        })
        .collect()
}

fn hashes(file: &Path, kind: &str) -> PathBuf {
    file.with_extension(format!("{kind}.hash"))
}

fn run(batch: &[&Exhibit]) -> String {
    let is_enhanced = batch.first().is_some_and(|exhibit| exhibit.is_enhanced);
    let tool = if is_enhanced {
        Tool::Ffmpeg9
    } else {
        Tool::Ffmpeg
    };
    let mut command: Command = tool.command();
    command.args(["-hide_banner", "-nostdin", "-y", "-v", "error"]);
    for exhibit in batch {
        command.args(["-threads", "1", "-i"]).arg(&exhibit.file);
    }
    for (at, exhibit) in batch.iter().enumerate() {
        let of = |kind: &str| format!("{at}:{kind}");
        let form = ["-f", "framehash", "-hash", "crc32"];
        command.args(["-map", &of("v"), "-fps_mode", "passthrough", "-noautoscale"]);
        command.args(form).arg(hashes(&exhibit.file, "video"));
        if exhibit.has_sound {
            command.args(["-map", &of("a")]);
            command.args(form).arg(hashes(&exhibit.file, "audio"));
        }
    }
    let output = command.output().expect("ffmpeg starts");
    let words = String::from_utf8_lossy(&output.stderr);
    // FFmpeg looks at sound that it cannot decode even when nobody asks for it.
    let is_of_note =
        |line: &&str| !(line.starts_with("[aac @") && batch.iter().any(|one| !one.has_sound));
    let mut words: String = words
        .lines()
        .filter(is_of_note)
        .flat_map(|line| [line, "\n"])
        .collect();
    if !output.status.success() && words.is_empty() {
        words = format!("ffmpeg ended with {}", output.status);
    }
    words
}

/// Lines of framehash: stream, dts, pts, duration, size, hash.
fn read_hashes(file: &Path) -> Vec<(f64, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: "));
    let base = base
        .and_then(|base| base.split_once('/'))
        .unwrap_or(("0", "1"));
    let tick_s = base.0.parse::<f64>().unwrap() / base.1.parse::<f64>().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let fields: Vec<_> = line.split(',').map(str::trim).collect();
            let pts: f64 = fields.get(2)?.parse().ok()?;
            Some((pts * tick_s, (*fields.get(5)?).to_owned()))
        })
        .collect()
}

/// What is wrong with pictures that should be these.
pub fn differs(expected: &[(f64, String)], shown: &[(f64, String)], times: bool) -> Option<String> {
    let hashes = |all: &[(f64, String)]| -> Vec<String> {
        all.iter().map(|(_, hash)| hash.clone()).collect()
    };
    let (wanted, got) = (hashes(expected), hashes(shown));
    if wanted != got {
        let same = wanted
            .iter()
            .zip(&got)
            .take_while(|(one, other)| one == other);
        let known = got.iter().filter(|hash| wanted.contains(hash)).count();
        return Some(format!(
            "{} pictures for {}, the first {} as they should be, {known} of the clip",
            got.len(),
            wanted.len(),
            same.count()
        ));
    }
    let shift_s = match (expected.first(), shown.first()) {
        (Some(expected), Some(shown)) => shown.0 - expected.0,
        _ => return Some("no pictures".to_owned()),
    };
    let worst_s = expected
        .iter()
        .zip(shown)
        .map(|(expected, shown)| (shown.0 - expected.0 - shift_s).abs())
        .fold(0.0, f64::max);
    (times && worst_s > ROUNDING_S).then(|| format!("a picture {:.1} ms off", worst_s * 1000.0))
}
