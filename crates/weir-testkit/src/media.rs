//! Media made by FFmpeg when tests first need it, and FFmpeg as publisher and player.
//!
//! Each picture and each packet of sound is unlike all others, so that a recording can be laid
//! against its source frame by frame.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use weir_media::flv::Event;
use weir_media::webm::WebmDemuxer;
use weir_media::{TrackKind, VideoTrack};

use crate::process::Process;
use crate::tools::Tool;

/// Seconds of a source: longer than any test that publishes it once.
const SOURCE_S: u32 = 40;
/// Pictures per second and per group of pictures.
pub const FPS: u32 = 25;
/// Width and height of all sources.
pub const SIZE: (u64, u64) = (320, 180);
/// Seconds FFmpeg may take to make a source on a busy machine.
const MAKING_S: u64 = 180;

/// What a source is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Name of its file.
    pub name: &'static str,
    /// Codec of the pictures as ffprobe names it.
    pub video: Option<&'static str>,
    /// Codec of the sound as ffprobe names it.
    pub audio: Option<&'static str>,
    /// Pictures that are shown in another order than they are sent in.
    pub b_frames: bool,
}

impl Source {
    const fn new(
        name: &'static str,
        video: Option<&'static str>,
        audio: Option<&'static str>,
    ) -> Self {
        Self {
            name,
            video,
            audio,
            b_frames: false,
        }
    }

    /// H.264 and AAC.
    pub const H264_AAC: Self = Self::new("h264-aac", Some("h264"), Some("aac"));
    /// H.264 with B-frames and AAC.
    pub const H264_B_AAC: Self = Self {
        b_frames: true,
        ..Self::new("h264b-aac", Some("h264"), Some("aac"))
    };
    /// H.264 and MP3.
    pub const H264_MP3: Self = Self::new("h264-mp3", Some("h264"), Some("mp3"));
    /// Sound alone.
    pub const AAC: Self = Self::new("aac", None, Some("aac"));
    /// Pictures alone.
    pub const H264: Self = Self::new("h264", Some("h264"), None);
    /// HEVC and AAC.
    pub const HEVC_AAC: Self = Self::new("hevc-aac", Some("hevc"), Some("aac"));
    /// AV1 and Opus.
    pub const AV1_OPUS: Self = Self::new("av1-opus", Some("av1"), Some("opus"));
    /// VP9 and Opus.
    pub const VP9_OPUS: Self = Self::new("vp9-opus", Some("vp9"), Some("opus"));
    /// H.264 and Opus.
    pub const H264_OPUS: Self = Self::new("h264-opus", Some("h264"), Some("opus"));
    /// H.264 and AC-3.
    pub const H264_AC3: Self = Self::new("h264-ac3", Some("h264"), Some("ac3"));
    /// H.264 and FLAC.
    pub const H264_FLAC: Self = Self::new("h264-flac", Some("h264"), Some("flac"));

    /// Whether FLV of old can carry it; the rest is Enhanced RTMP, which only FFmpeg 9 speaks.
    pub fn is_legacy(&self) -> bool {
        matches!(self.video, None | Some("h264"))
            && matches!(self.audio, None | Some("aac" | "mp3"))
    }

    /// The FFmpeg that publishes and plays it.
    pub fn ffmpeg(&self) -> Tool {
        if self.is_legacy() {
            Tool::Ffmpeg
        } else {
            Tool::Ffmpeg9
        }
    }

    fn video_encoder(&self) -> Vec<&'static str> {
        const X264: &[&str] = &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-sc_threshold",
            "0",
        ];
        const X265: &str =
            "keyint=25:min-keyint=25:open-gop=0:bframes=0:scenecut=0:log-level=error";
        let mut line = match self.video {
            None => return vec!["-vn"],
            Some("hevc") => vec![
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                X265,
            ],
            Some("av1") => vec![
                "-c:v",
                "libsvtav1",
                "-preset",
                "12",
                "-crf",
                "50",
                "-svtav1-params",
                "pred-struct=1",
            ],
            Some("vp9") => vec![
                "-c:v",
                "libvpx-vp9",
                "-deadline",
                "realtime",
                "-cpu-used",
                "8",
                "-lag-in-frames",
                "0",
            ],
            Some(_) if self.b_frames => [X264, &["-bf", "2", "-b_strategy", "0"]].concat(),
            Some(_) => [X264, &["-bf", "0", "-tune", "zerolatency"]].concat(),
        };
        if self.video != Some("av1") {
            // SVT-AV1 knows no average bitrate in its low-delay mode.
            line.extend(["-b:v", "300k"]);
        }
        line.extend(["-g", "25", "-pix_fmt", "yuv420p"]);
        line
    }

    fn audio_encoder(&self) -> &'static [&'static str] {
        match self.audio {
            None => &["-an"],
            Some("mp3") => &["-c:a", "libmp3lame", "-b:a", "96k"],
            Some("opus") => &["-c:a", "libopus", "-b:a", "64k"],
            Some("ac3") => &["-c:a", "ac3", "-b:a", "128k"],
            Some("flac") => &["-c:a", "flac", "-sample_fmt", "s16"],
            Some(_) => &["-c:a", "aac", "-b:a", "96k"],
        }
    }
}

/// The folder sources are made in, shared by all tests and kept between runs.
#[derive(Debug, Clone)]
pub struct Library {
    dir: PathBuf,
}

impl Library {
    /// In this folder.
    pub fn new(dir: &Path) -> Self {
        let dir = dir.join("media");
        std::fs::create_dir_all(&dir).unwrap();
        Self { dir }
    }

    /// The file of a source; made if nobody has made it yet.
    pub fn file(&self, source: &Source) -> PathBuf {
        let path = self.dir.join(format!("{}-{SOURCE_S}s.mp4", source.name));
        // One maker at a time, over processes too: two encoders at once only slow each other down.
        let lock = std::fs::File::create(self.dir.join(format!("{}.lock", source.name))).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        if !path.is_file() {
            self.make(source, &path);
        }
        path
    }

    fn make(&self, source: &Source, path: &Path) {
        let beside = path.with_extension("making.mp4");
        let pictures = format!(
            "testsrc2=size={}x{}:rate={FPS}:duration={SOURCE_S}",
            SIZE.0, SIZE.1
        );
        // A tone that rises all the time: no two packets are alike.
        let sound = format!("aevalsrc=0.2*sin(2*PI*(200+20*t)*t):s=48000:d={SOURCE_S}");
        let mut command = source.ffmpeg().command();
        command.args([
            "-v", "error", "-y", "-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &sound,
        ]);
        command
            .args(source.video_encoder())
            .args(source.audio_encoder())
            .arg(&beside);
        let log = path.with_extension("making.log");
        Process::spawn("ffmpeg makes a source", &mut command, &log).succeed(MAKING_S);
        std::fs::rename(&beside, path).unwrap();
    }
}

/// The first picture of a Matroska file, and how it is decoded.
///
/// # Panics
/// Where it has none.
pub fn first_picture(matroska: &[u8]) -> (VideoTrack, Bytes) {
    let mut demuxer = WebmDemuxer::new();
    demuxer.push(matroska);
    let (mut track, mut payload) = (None, None);
    while let Some(event) = demuxer.next().unwrap() {
        match event {
            Event::Tracks(tracks) => track = tracks.video.clone(),
            Event::Frame(frame) if frame.track == TrackKind::Video => {
                payload.get_or_insert(frame.payload);
            }
            _ => {}
        }
    }
    (track.unwrap(), payload.unwrap())
}

/// FFmpeg publishing `file` at its own speed.
pub fn publish(ffmpeg: Tool, file: &Path, url: &str, log: &Path) -> Process {
    publish_with(ffmpeg, file, url, &[], log)
}

/// The same, with options before the input.
pub fn publish_with(ffmpeg: Tool, file: &Path, url: &str, input: &[&str], log: &Path) -> Process {
    let mut command = quiet(ffmpeg);
    command.args(input).args(["-re", "-i"]).arg(file);
    command.args(["-c", "copy", "-f", "flv", url]);
    Process::spawn(&format!("publisher to {url}"), &mut command, log)
}

/// FFmpeg copying what it plays into a file, `seconds` of it.
pub fn record(ffmpeg: Tool, url: &str, input: &[&str], seconds: &str, out: &Path) -> Process {
    record_with(ffmpeg, url, input, &["-c", "copy", "-t", seconds], out)
}

/// The same with options of one's own before the file.
pub fn record_with(
    ffmpeg: Tool,
    url: &str,
    input: &[&str],
    output: &[&str],
    out: &Path,
) -> Process {
    let mut command = quiet(ffmpeg);
    command.args(input).args(["-i", url]).args(output).arg(out);
    let (name, log) = (format!("player of {url}"), out.with_extension("log"));
    Process::spawn(&name, &mut command, &log)
}

/// FFmpeg that says only what is wrong.
pub fn quiet(ffmpeg: Tool) -> Command {
    let mut command = ffmpeg.command();
    command.args(["-hide_banner", "-nostdin", "-v", "warning", "-y"]);
    command
}
