//! What a recording holds, as ffprobe and ffmpeg see it, laid against its source.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tools::Tool;

/// Seconds two timestamps of one frame may differ from the common shift: containers round to 1 ms,
/// once on the way in and once on the way out.
const ROUNDING_S: f64 = 0.005;
/// Seconds audio and video may be apart from how they were in the source.
const LIP_SYNC_S: f64 = 0.040;

/// Pictures at the end of a recording whose neighbours may be missing.
const MAX_REORDERED: usize = 3;

/// The tracks of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracks {
    /// Codec, width and height of the pictures.
    pub video: Option<(String, u64, u64)>,
    /// Codec and sample rate of the sound.
    pub audio: Option<(String, u64)>,
}

/// Asks ffprobe for the tracks.
pub fn tracks(file: &Path) -> Tracks {
    let streams = ffprobe(file, &["-show_streams"]);
    let mut tracks = Tracks::default();
    for stream in streams["streams"].as_array().into_iter().flatten() {
        let codec = stream["codec_name"].as_str().unwrap_or_default().to_owned();
        match stream["codec_type"].as_str() {
            Some("video") => {
                let size = |name: &str| stream[name].as_u64().unwrap_or(0);
                tracks.video = Some((codec, size("width"), size("height")));
            }
            Some("audio") => {
                let rate = stream["sample_rate"]
                    .as_str()
                    .and_then(|rate| rate.parse().ok());
                tracks.audio = Some((codec, rate.unwrap_or(0)));
            }
            _ => {}
        }
    }
    tracks
}

/// Decode times never go back, in any track.
///
/// # Panics
/// With the first that does.
pub fn assert_monotonic(file: &Path) {
    let packets = ffprobe(
        file,
        &[
            "-show_packets",
            "-show_entries",
            "packet=stream_index,dts_time",
        ],
    );
    let mut last: HashMap<u64, f64> = HashMap::new();
    for packet in packets["packets"].as_array().into_iter().flatten() {
        let Some(dts_s) = packet["dts_time"]
            .as_str()
            .and_then(|dts| dts.parse::<f64>().ok())
        else {
            continue;
        };
        let track = packet["stream_index"].as_u64().unwrap_or(0);
        let before = last.insert(track, dts_s);
        assert!(
            before.is_none_or(|before| before < dts_s),
            "{}: track {track} went from {before:?} to {dts_s}",
            file.display()
        );
    }
    assert!(!last.is_empty(), "{} holds no packets", file.display());
}

fn ffprobe(file: &Path, what: &[&str]) -> Value {
    let mut command = Tool::Ffprobe.command();
    let output = command
        .args(["-v", "error", "-print_format", "json"])
        .args(what)
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ffprobe {}: {}",
        file.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("ffprobe writes JSON")
}

/// Every frame of a file: time in seconds and what it is; pictures and lossless sound decoded, other
/// sound as it is packed.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    /// Pictures in the order they are shown.
    pub video: Vec<(f64, String)>,
    /// Packets of sound.
    pub audio: Vec<(f64, String)>,
}

/// Decodes a whole file.
///
/// # Panics
/// When ffmpeg has anything to complain about.
pub fn frames(file: &Path) -> Frames {
    let tracks = tracks(file);
    let (video, audio) = (
        file.with_extension("video.hash"),
        file.with_extension("audio.hash"),
    );
    let mut command = Tool::Ffmpeg.command();
    command
        .args([
            "-hide_banner",
            "-nostdin",
            "-y",
            "-v",
            "error",
            "-xerror",
            "-i",
        ])
        .arg(file);
    if tracks.video.is_some() {
        command
            .args([
                "-map",
                "0:v",
                "-fps_mode",
                "passthrough",
                "-f",
                "framehash",
                "-hash",
                "md5",
            ])
            .arg(&video);
    }
    if tracks.audio.is_some() {
        let lossless = |codec: &str| codec == "flac" || codec.starts_with("pcm");
        let decodes = tracks
            .audio
            .as_ref()
            .is_some_and(|(codec, _)| lossless(codec));
        let form = if decodes { "pcm_s16le" } else { "copy" };
        command
            .args(["-map", "0:a", "-c", form, "-f", "framehash", "-hash", "md5"])
            .arg(&audio);
        command.args(["-map", "0:a", "-f", "null", "-"]);
    }
    let output = silent(&mut command);
    assert!(
        output.is_empty(),
        "{} does not decode cleanly:\n{output}",
        file.display()
    );
    let read = |wanted: bool, path: &Path| {
        if wanted {
            read_hashes(path)
        } else {
            Vec::new()
        }
    };
    Frames {
        video: read(tracks.video.is_some(), &video),
        audio: read(tracks.audio.is_some(), &audio),
    }
}

/// Runs a command that has to succeed; gives what it complained about.
pub fn silent(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    said
}

/// Lines of ffmpeg's framehash: `stream, dts, pts, duration, size, hash`; the time base is in a
/// comment.
fn read_hashes(path: &Path) -> Vec<(f64, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let base = text
        .lines()
        .find_map(|line| line.strip_prefix("#tb 0: "))
        .expect("a time base");
    let (over, under) = base.split_once('/').expect("a fraction");
    let tick_s = over.parse::<f64>().unwrap() / under.parse::<f64>().unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            (
                fields[2].parse::<f64>().unwrap() * tick_s,
                fields[5].to_owned(),
            )
        })
        .collect()
}

/// Lays a recording against its source: the very same frames, none missing between the first and the
/// last, all shifted by the same time, and audio shifted like video.
///
/// # Panics
/// With what is different.
pub fn assert_same(what: &str, source: &Frames, recorded: &Frames) {
    // Cut in the order of decoding, a recording may lack pictures that are shown before its last one.
    let whole = recorded.video.len().saturating_sub(MAX_REORDERED);
    let video_s = shift(
        &format!("{what}: video"),
        &source.video,
        &recorded.video[..whole],
    );
    // A recording that encodes its sound cuts the last packet short.
    let uncut = recorded
        .audio
        .len()
        .saturating_sub(1)
        .max(1)
        .min(recorded.audio.len());
    let audio_s = shift(
        &format!("{what}: audio"),
        &source.audio,
        &recorded.audio[..uncut],
    );
    if let (Some(video_s), Some(audio_s)) = (video_s, audio_s) {
        let apart_s = video_s - audio_s;
        assert!(
            apart_s.abs() <= LIP_SYNC_S,
            "{what}: audio and video are {:.1} ms apart",
            apart_s * 1000.0
        );
    }
}

/// The shift that all frames have in common; `None` without frames.
fn shift(what: &str, source: &[(f64, String)], recorded: &[(f64, String)]) -> Option<f64> {
    let places: HashMap<&str, usize> = source
        .iter()
        .enumerate()
        .map(|(at, (_, hash))| (hash.as_str(), at))
        .collect();
    let mut expected = None;
    let mut shifts = Vec::new();
    for (at, (time_s, hash)) in recorded.iter().enumerate() {
        let place = *places
            .get(hash.as_str())
            .unwrap_or_else(|| panic!("{what}: frame {at} is not in the source"));
        let next = *expected.get_or_insert(place);
        assert_eq!(
            place, next,
            "{what}: frame {at} of the recording is frame {place} of the source, not {next}"
        );
        expected = Some(place + 1);
        shifts.push(time_s - source[place].0);
    }
    let mean_s = shifts.iter().sum::<f64>() / shifts.len().max(1) as f64;
    let worst_s = shifts
        .iter()
        .map(|shift_s| (shift_s - mean_s).abs())
        .fold(0.0, f64::max);
    assert!(
        worst_s <= ROUNDING_S,
        "{what}: a timestamp is {:.1} ms off",
        worst_s * 1000.0
    );
    (!shifts.is_empty()).then_some(mean_s)
}

/// Seconds from the first to the last frame.
pub fn length_s(frames: &[(f64, String)]) -> f64 {
    match (frames.first(), frames.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(times_s: &[(f64, &str)]) -> Vec<(f64, String)> {
        times_s
            .iter()
            .map(|(time_s, hash)| (*time_s, (*hash).to_owned()))
            .collect()
    }

    fn source() -> Frames {
        Frames {
            video: frames(&[
                (0.0, "v0"),
                (0.04, "v1"),
                (0.08, "v2"),
                (0.12, "v3"),
                (0.16, "v4"),
            ]),
            audio: frames(&[(0.0, "a0"), (0.02, "a1")]),
        }
    }

    #[test]
    fn a_recording_that_is_shifted_as_a_whole_is_the_same() {
        let video = frames(&[(5.0, "v1"), (5.04, "v2"), (5.08, "v3"), (5.12, "v4")]);
        let audio = frames(&[(4.98, "a1")]);
        assert_same("x", &source(), &Frames { video, audio });
    }

    #[test]
    #[should_panic(expected = "audio and video are")]
    fn sound_that_is_late_is_found() {
        let video = frames(&[(5.0, "v1"), (5.04, "v2"), (5.08, "v3"), (5.12, "v4")]);
        let audio = frames(&[(5.03, "a1")]);
        assert_same("x", &source(), &Frames { video, audio });
    }

    #[test]
    #[should_panic(expected = "is frame 2 of the source, not 1")]
    fn a_missing_frame_is_found() {
        let video = frames(&[
            (0.0, "v0"),
            (0.08, "v2"),
            (0.12, "v3"),
            (0.16, "v4"),
            (0.2, "v5"),
        ]);
        assert_same(
            "x",
            &source(),
            &Frames {
                video,
                audio: Vec::new(),
            },
        );
    }

    #[test]
    #[should_panic(expected = "not in the source")]
    fn a_broken_frame_is_found() {
        assert_same(
            "x",
            &source(),
            &Frames {
                video: Vec::new(),
                audio: frames(&[(0.0, "?")]),
            },
        );
    }
}
