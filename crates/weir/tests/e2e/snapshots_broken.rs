//! A keyframe that is broken has no picture, or its own: never another stream's. Whoever looks at pictures bans by
//! them.

use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use weir_base::{Shutdown, StreamName, Tasks};
use weir_media::codec::nal::Nals;
use weir_media::{VideoCodec, VideoTrack};
use weir_snap::{Darkroom, Develop as _, Reason, Shot, Spoilt, Tally};
use weir_testkit::media::first_picture;
use weir_testkit::tools::Tool;

use crate::kit::{binary, need};
use crate::snapshots::is_near;

/// Streams in the test, each of one colour, and the rest of what it is made of.
const STREAMS: [(&str, [u8; 3], &[&str]); 7] = [
    ("red", [254, 0, 0], X264),
    ("blue", [0, 0, 254], X264),
    ("white", [255, 255, 255], X264_B),
    ("yellow", [255, 255, 0], X265),
    ("magenta", [254, 0, 254], X265),
    ("cyan", [0, 255, 255], VP9),
    ("orange", [255, 165, 0], AV1),
];
const X264: &[&str] = &[
    "-c:v", "libx264", "-preset", "veryfast", "-slices", "4", "-g", "1",
];
/// As encoders do that reorder: a decoder has to be told not to wait.
const X264_B: &[&str] = &[
    "-c:v",
    "libx264",
    "-slices",
    "3",
    "-bf",
    "3",
    "-b_strategy",
    "0",
    "-g",
    "50",
];
const X265: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "slices=4:keyint=50:bframes=3:log-level=none",
];
const VP9: &[&str] = &[
    "-c:v",
    "libvpx-vp9",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
];
const AV1: &[&str] = &[
    "-c:v",
    "libsvtav1",
    "-preset",
    "12",
    "-crf",
    "40",
    "-svtav1-params",
    "pred-struct=1",
];
/// Keyframes that are developed by each FFmpeg.
const SHOTS: u64 = 240;
/// Horizontal stripes of a picture that are looked at by themselves.
const STRIPES: u32 = 15;
/// How far a stripe may be off that is all of one colour.
const NEAR: u8 = 10;

/// A stream's keyframe.
#[derive(Clone)]
struct Sample {
    name: StreamName,
    colour: [u8; 3],
    track: VideoTrack,
    payload: Bytes,
}

fn sample(colour: &str, rgb: [u8; 3], encoder: &[&str]) -> Sample {
    let made = Tool::Ffmpeg
        .command()
        .args(["-v", "error", "-f", "lavfi", "-i"])
        // Noise, so that a picture has more than a few bytes to be broken.
        .arg(format!(
            "color=c={colour}:s=640x360:r=25,noise=alls=6:allf=t"
        ))
        .args(["-frames:v", "8"])
        .args(encoder)
        .args(["-pix_fmt", "yuv420p", "-f", "matroska", "-"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let (track, payload) = first_picture(&made.stdout);
    Sample {
        name: StreamName::new("", "live", colour).unwrap(),
        colour: rgb,
        track,
        payload,
    }
}

/// Seeded numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % n
    }
}

/// The same keyframe with something wrong, as a sick encoder or somebody with a wish to hide sends it.
fn broken(sample: &Sample, dice: &mut Dice) -> Bytes {
    let has_units = matches!(sample.track.codec, VideoCodec::H264 | VideoCodec::Hevc);
    let mut units: Vec<Vec<u8>> = match has_units {
        true => Nals::new(&sample.payload).map(<[u8]>::to_vec).collect(),
        false => vec![sample.payload.to_vec()],
    };
    let at = dice.below(units.len());
    match dice.below(4) {
        0 if units.len() > 1 => drop(units.remove(at)),
        1 => {
            let keep = 1 + dice.below(units[at].len());
            units[at].truncate(keep);
        }
        2 => {
            let unit = &mut units[at];
            let from = dice.below(unit.len());
            unit[from..].fill(0xFF);
        }
        _ => {
            for _ in 0..1 + dice.below(40) {
                let unit = dice.below(units.len());
                let byte = dice.below(units[unit].len());
                units[unit][byte] ^= 1 << dice.below(8);
            }
        }
    }
    if !has_units {
        return units.concat().into();
    }
    let mut payload = Vec::new();
    for unit in units {
        payload.extend(u32::try_from(unit.len()).unwrap().to_be_bytes());
        payload.extend(unit);
    }
    payload.into()
}

/// The mean colour of each stripe of a picture.
fn stripes(jpeg: &[u8]) -> Vec<[u8; 3]> {
    let picture = image::load_from_memory(jpeg).unwrap().to_rgb8();
    let height = picture.height() / STRIPES;
    let mean = |stripe: u32| {
        let mut sums = [0_u64; 3];
        for y in stripe * height..(stripe + 1) * height {
            for x in 0..picture.width() {
                let pixel = picture.get_pixel(x, y).0;
                sums.iter_mut()
                    .zip(pixel)
                    .for_each(|(sum, value)| *sum += u64::from(value));
            }
        }
        let pixels = u64::from(height) * u64::from(picture.width());
        sums.map(|sum| u8::try_from(sum / pixels).unwrap())
    };
    (0..STRIPES).map(mean).collect()
}

/// Shows R42.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_broken_keyframe_shows_another_stream() {
    need!(Ffmpeg, Ffmpeg9);
    let samples: Vec<Sample> = STREAMS
        .iter()
        .map(|(colour, rgb, encoder)| sample(colour, *rgb, encoder))
        .collect();
    for ffmpeg in [Tool::Ffmpeg, Tool::Ffmpeg9] {
        let program = ffmpeg.path().unwrap();
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let tally = Arc::new(Tally::default());
        let ends = (tasks.clone(), shutdown.clone());
        let room = Darkroom::new(binary(), program.to_str().unwrap(), ends, tally.clone());
        let mut dice = Dice(42);
        let (mut good, mut shown, mut undecodable) = (0, 0, 0);
        for turn in 0..SHOTS {
            let sample = &samples[dice.below(samples.len())];
            let is_broken = dice.below(3) == 0;
            let payload = match is_broken {
                true => broken(sample, &mut dice),
                false => sample.payload.clone(),
            };
            let shot = Shot {
                name: sample.name.clone(),
                reason: Reason::Interval,
                track: sample.track.clone(),
                payload,
                taken_ms: 0,
                is_told: false,
            };
            let what = format!(
                "{program:?}, turn {turn}, {}, broken: {is_broken}",
                sample.name
            );
            match room.develop(shot).await {
                Ok(picture) => {
                    let seen = stripes(&picture.jpeg);
                    let others = samples.iter().filter(|other| other.name != sample.name);
                    for other in others {
                        let is_others = |stripe: &[u8; 3]| is_near(*stripe, other.colour, NEAR);
                        assert!(
                            !seen.iter().any(is_others),
                            "{what} shows {}: {seen:?}",
                            other.name
                        );
                    }
                    if is_broken {
                        shown += 1;
                    } else {
                        good += 1;
                        let own = |stripe: &[u8; 3]| is_near(*stripe, sample.colour, 30);
                        assert!(seen.iter().all(own), "{what}: {seen:?}");
                    }
                }
                Err(Spoilt::Undecodable(why)) => {
                    assert!(is_broken, "{what}: {why}");
                    undecodable += 1;
                }
                Err(Spoilt::Away(why)) => panic!("{what}: {why}"),
            }
        }
        println!("{program:?}: {good} good, {shown} broken and shown, {undecodable} undecodable");
        assert!(
            undecodable > SHOTS / 10,
            "what is broken is noticed: {undecodable}"
        );
        shutdown.stop();
        tasks.join().await;
    }
}
