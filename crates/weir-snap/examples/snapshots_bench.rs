//! Pictures in a second of one core, of keyframes of 720p and 1080p: by a decoder that stays, as weir takes them, and
//! by a process for each picture, in turns.
//! `cargo run --release -p weir-snap --example snapshots_bench -- path/to/weir path/to/ffmpeg`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on says so and stops"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use weir_base::{Shutdown, StreamName, Tasks, process};
use weir_media::VideoTrack;
use weir_media::lone::LonePicture;
use weir_media::webm::write;
use weir_snap::{Darkroom, Develop as _, Reason, Shot, Tally};
use weir_testkit::media::first_picture;

/// Streams whose keyframes come in turns.
const STREAMS: usize = 4;
/// Pictures of each size by the decoder that stays, and by a process each.
const PICTURES: usize = 400;
const SPAWNED: usize = 25;
/// How often both are measured, in turns.
const ROUNDS: usize = 3;
/// `USER_HZ`.
const TICKS_PER_S: f64 = 100.0;

struct Keyframe {
    track: VideoTrack,
    payload: Bytes,
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let weir = PathBuf::from(args.next().expect("the first argument is weir"));
    let ffmpeg = PathBuf::from(args.next().expect("the second argument is ffmpeg"));
    let mut all = Vec::new();
    for (name, size) in [("720p", "1280x720"), ("1080p", "1920x1080")] {
        let keys: Vec<_> = (0..STREAMS).map(|at| keyframe(&ffmpeg, size, at)).collect();
        let bytes = keys.iter().map(|key| key.payload.len()).sum::<usize>() / keys.len();
        let (mut kept, mut spawned) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            kept.push(by_one_that_stays(&weir, &ffmpeg, &keys).await);
            spawned.push(by_one_each(&ffmpeg, &keys));
        }
        let [kept, spawned] = [kept, spawned].map(median);
        all.push(format!(
            "\"{name}\":{{\"keyframe_bytes\":{bytes},\"per_cpu_s\":{kept:.1},\"spawned_per_cpu_s\":{spawned:.1}}}"
        ));
    }
    println!("{{{}}}", all.join(","));
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// A keyframe of a moving picture, as an encoder for live streams makes it.
fn keyframe(ffmpeg: &Path, size: &str, at: usize) -> Keyframe {
    let made = Command::new(ffmpeg)
        .args([
            "-v",
            "error",
            "-ss",
            &format!("{at}.5"),
            "-f",
            "lavfi",
            "-i",
        ])
        .arg(format!("testsrc2=s={size}:r=30,noise=alls=4:allf=t"))
        .args(["-frames:v", "60", "-c:v", "libx264", "-preset", "veryfast"])
        .args([
            "-profile:v",
            "high",
            "-b:v",
            "3500k",
            "-maxrate",
            "3500k",
            "-bufsize",
            "3500k",
        ])
        .args(["-g", "60", "-pix_fmt", "yuv420p", "-f", "matroska", "-"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let (track, payload) = first_picture(&made.stdout);
    Keyframe { track, payload }
}

/// The decoder's own time; ours is counted to it.
async fn by_one_that_stays(weir: &Path, ffmpeg: &Path, keys: &[Keyframe]) -> f64 {
    let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
    let ends = (tasks.clone(), shutdown.clone());
    let program = ffmpeg.to_str().unwrap();
    let room = Darkroom::new(weir.to_owned(), program, ends, Arc::new(Tally::default()));
    let shot = |at: usize| {
        let key = &keys[at % keys.len()];
        Shot {
            name: StreamName::new("", "live", "bench").unwrap(),
            reason: Reason::Interval,
            track: key.track.clone(),
            payload: key.payload.clone(),
            taken_ms: 0,
            is_told: false,
        }
    };
    // Its start is over with the first.
    room.develop(shot(0)).await.unwrap();
    let decoder = child().expect("a decoder runs");
    let cpu_s = || process::own_cpu_s() + process::usage(decoder).unwrap().cpu_s;
    let before_s = cpu_s();
    for at in 0..PICTURES {
        room.develop(shot(at)).await.unwrap();
    }
    let spent_s = cpu_s() - before_s;
    shutdown.stop();
    tasks.join().await;
    PICTURES as f64 / spent_s
}

/// The process that this one has started and that runs.
fn child() -> Option<u32> {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").ok()?.flatten();
    let mut numbers = all.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    numbers.find(|pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace());
        let [state, parent] = fields.map_or([None; 2], |mut fields| [fields.next(), fields.next()]);
        parent == Some(&own) && state != Some("Z")
    })
}

fn by_one_each(ffmpeg: &Path, keys: &[Keyframe]) -> f64 {
    let before_s = children_s();
    for at in 0..SPAWNED {
        let key = &keys[at % keys.len()];
        let lone = LonePicture::of(&key.track, &key.payload).unwrap();
        let mut file = write::head(&key.track);
        write::put_picture(&mut file, 1, &lone.payload);
        let mut process = Command::new(ffmpeg)
            .args([
                "-v", "error", "-threads", "1", "-f", "matroska", "-i", "pipe:0",
            ])
            .args([
                "-frames:v",
                "1",
                "-vf",
                "scale=640:-2:flags=bilinear",
                "-q:v",
                "4",
            ])
            .args([
                "-threads",
                "1",
                "-f",
                "image2pipe",
                "-c:v",
                "mjpeg",
                "pipe:1",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(&file).unwrap();
        let made = process.wait_with_output().unwrap();
        assert!(made.stdout.starts_with(&[0xFF, 0xD8]), "no picture came");
    }
    SPAWNED as f64 / (children_s() - before_s)
}

/// Processor seconds of children that have ended and were waited for: fields 16 and 17 of `/proc/self/stat`.
fn children_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let rest = stat.rsplit_once(')').unwrap().1;
    let ticks = rest.split_whitespace().skip(13).take(2);
    ticks
        .map(|field| field.parse::<f64>().unwrap())
        .sum::<f64>()
        / TICKS_PER_S
}
