//! The process that decodes keyframes: FFmpeg, started by this program with limits that it cannot lift. Pictures go
//! in with a number as their time and come out with it.
//!
//! FFmpeg stops at the first thing it finds wrong (`-xerror`), as otherwise it fills what is missing of a picture
//! with the picture before it, which is somebody else's.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep_until, timeout};
use weir_cage::{Limits, confine};
use weir_media::lone::{LonePicture, black};
use weir_media::webm::write;
use weir_media::{VideoCodec, VideoTrack};

use crate::canvas::Canvas;
use crate::smjpeg::{Odd, PictureReader};

/// The command that this program is started by to become a decoder; codec, canvas and program follow.
pub const COMMAND: &str = "decode-keyframes";
/// Memory for 8K, and FFmpeg's libraries; time for [`MAX_PICTURES`] of the largest; files that it has open while it
/// loads.
const LIMITS: Limits = Limits {
    memory_bytes: 1536 * 1024 * 1024,
    cpu_s: 1_200,
    files: 16,
};
/// How much it gives way to what is live.
const NICENESS: i32 = 10;
/// Pictures that one process makes: what a decoder leaks has an end.
const MAX_PICTURES: u32 = 10_000;
/// How long one picture may take, with the start of the process.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(5);
/// Some decoders give a picture when they have the next one: after so long it is sent once more,
const NUDGE_AFTER: Duration = Duration::from_millis(80);
/// after so long where the process has just been started,
const NUDGE_AFTER_START: Duration = Duration::from_millis(600);
/// and at most so often, which is as late as a picture may be shown (H.265 §7.4.3.2.1).
const MAX_NUDGES: u32 = 17;
/// Pictures that were sent to nudge and did not come out yet.
const MAX_OWED: usize = 64;
/// How long a process that is not needed any more may take to see that.
const END_TIMEOUT: Duration = Duration::from_millis(300);
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Becomes a decoder, if nothing is in the way: the first thing that a process of [`COMMAND`] does.
///
/// # Errors
/// Why it did not.
pub fn become_decoder(program: &OsStr, codec: &str, canvas: &str) -> io::Error {
    let odd = |words: &str| io::Error::new(io::ErrorKind::InvalidInput, words.to_owned());
    let Some(codec) = codec_of(codec) else {
        return odd("no such codec");
    };
    let Some(canvas) = Canvas::from_name(canvas) else {
        return odd("no such canvas");
    };
    if let Err(error) = rustix::process::nice(NICENESS) {
        return error.into();
    }
    if let Err(error) = confine(LIMITS) {
        return error;
    }
    std::process::Command::new(program)
        .args(arguments(codec, canvas))
        .exec()
}

/// The codec of this name.
pub(crate) fn codec_of(name: &str) -> Option<VideoCodec> {
    use VideoCodec::{Av1, H264, Hevc, Vp9};
    [H264, Hevc, Av1, Vp9]
        .into_iter()
        .find(|codec| codec.name() == name)
}

fn arguments(codec: VideoCodec, canvas: Canvas) -> Vec<OsString> {
    let (width, height) = (canvas.width(), canvas.height());
    let filter = format!(
        "scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=bilinear,\
         pad={width}:{height}:-1:-1,setsar=1,format=yuvj420p"
    );
    let mut all: Vec<&str> = vec!["-hide_banner", "-nostdin", "-loglevel", "quiet", "-xerror"];
    all.extend(["-err_detect", "explode", "-protocol_whitelist", "pipe"]);
    // Pictures keep the time that they came with, and none is waited for to guess a rate.
    all.extend(["-copyts", "-probesize", "32", "-analyzeduration", "0"]);
    all.extend(["-fpsprobesize", "0", "-threads", "1"]);
    // Its AV1 decoder is another library's, and has no option of FFmpeg's own ones.
    if codec != VideoCodec::Av1 {
        all.extend(["-ec", "guess_mvs+deblock"]);
    }
    all.extend(["-f", "matroska", "-i", "pipe:0", "-an", "-sn", "-dn"]);
    all.extend([
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1/1000",
        "-vf",
        filter.as_str(),
    ]);
    all.extend(["-c:v", "mjpeg", "-q:v", "4", "-threads", "1"]);
    all.extend(["-f", "smjpeg", "-flush_packets", "1", "pipe:1"]);
    all.into_iter().map(OsString::from).collect()
}

/// The two programs of a decoder: ours, which takes the limits, and the one that it becomes.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    /// This program.
    pub(crate) own: PathBuf,
    /// That of FFmpeg, by its whole path.
    pub(crate) ffmpeg: PathBuf,
}

/// What became of a decoder that gave no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broke {
    #[error("the decoder stopped at it")]
    Stopped,
    #[error("the decoder took too long")]
    Late,
    #[error("it is not certain whose picture it is: {0}")]
    Doubt(&'static str),
}

/// One process, which makes one picture at a time.
#[derive(Debug)]
pub(crate) struct Decoder {
    process: Child,
    to: ChildStdin,
    from: ChildStdout,
    reader: PictureReader,
    /// What is to be written before the next picture.
    pending: BytesMut,
    codec: VideoCodec,
    next_at: u32,
    /// Times of pictures that nobody waits for.
    owed: Vec<u32>,
    made: u32,
}

impl Decoder {
    /// Starts a process for pictures of `track`'s codec.
    pub(crate) fn start(
        launcher: &Launcher,
        canvas: Canvas,
        track: &VideoTrack,
    ) -> io::Result<Self> {
        let mut process = Command::new(&launcher.own)
            .args([COMMAND, track.codec.name(), canvas.name()])
            .arg(&launcher.ffmpeg)
            // Secrets may stand in it, and settings that change what the program does.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let no_pipe = || io::Error::other("a process without pipes");
        let to = process.stdin.take().ok_or_else(no_pipe)?;
        let from = process.stdout.take().ok_or_else(no_pipe)?;
        Ok(Self {
            process,
            to,
            from,
            reader: PictureReader::new(canvas),
            pending: BytesMut::from(&write::head(track)[..]),
            codec: track.codec,
            next_at: 1,
            owed: Vec::new(),
            made: 0,
        })
    }

    /// Makes a picture that every decoder of the codec makes: whether FFmpeg does what it is asked to.
    pub(crate) async fn rehearse(&mut self) -> Result<(), Broke> {
        self.develop(&black(self.codec)).await.map(|_| ())
    }

    /// Whether it has made nobody's picture yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.made <= 1
    }

    /// Whether it should make no more.
    pub(crate) const fn is_old(&self) -> bool {
        self.made >= MAX_PICTURES || self.owed.len() >= MAX_OWED
    }

    /// Whether it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// How it ended: by itself if it is about to, else because it was told to.
    pub(crate) async fn end(mut self) -> Option<ExitStatus> {
        drop((self.to, self.from));
        if let Ok(ended) = timeout(END_TIMEOUT, self.process.wait()).await {
            return ended.ok();
        }
        let _ = self.process.start_kill();
        self.process.wait().await.ok()
    }

    /// The picture of one keyframe, as a JPEG. After an error it is not to be used again.
    pub(crate) async fn develop(&mut self, lone: &LonePicture) -> Result<Bytes, Broke> {
        let deadline = Instant::now() + PICTURE_TIMEOUT;
        let at = self.put(&lone.payload);
        let filler = match lone.needs_curtain {
            true => black(self.codec).payload,
            false => lone.payload.clone(),
        };
        if lone.needs_curtain {
            self.nudge(&filler);
        }
        let pause = match self.made {
            0 => NUDGE_AFTER_START,
            _ => NUDGE_AFTER,
        };
        let (mut nudge_at, mut nudges) = (Instant::now() + pause, 0);
        let mut answer = None;
        loop {
            if let Some(jpeg) = answer.take_if(|_| !self.pending.has_remaining()) {
                self.made += 1;
                return Ok(jpeg);
            }
            self.reader.inbox().reserve(READ_BYTES);
            tokio::select! {
                written = self.to.write_buf(&mut self.pending), if self.pending.has_remaining() => {
                    written.map_err(|_| Broke::Stopped)?;
                }
                read = self.from.read_buf(self.reader.inbox()) => {
                    if read.unwrap_or(0) == 0 {
                        return Err(Broke::Stopped);
                    }
                    self.read(at, &mut answer)?;
                }
                () = sleep_until(nudge_at), if !self.pending.has_remaining() && nudges < MAX_NUDGES => {
                    self.nudge(&filler);
                    nudges += 1;
                    nudge_at = Instant::now() + NUDGE_AFTER;
                }
                () = sleep_until(deadline) => return Err(Broke::Late),
            }
        }
    }

    /// Takes what came: the answer is the picture with this time, and others are those that nobody waits for.
    fn read(&mut self, at: u32, answer: &mut Option<Bytes>) -> Result<(), Broke> {
        loop {
            let next = self.reader.next_picture();
            let Some(picture) = next.map_err(|Odd(words)| Broke::Doubt(words))? else {
                return Ok(());
            };
            if picture.at == at && answer.is_none() {
                *answer = Some(picture.jpeg);
            } else if let Some(place) = self.owed.iter().position(|owed| *owed == picture.at) {
                self.owed.swap_remove(place);
            } else {
                return Err(Broke::Doubt("a picture came that nobody asked for"));
            }
        }
    }

    fn put(&mut self, payload: &[u8]) -> u32 {
        let at = self.next_at;
        self.next_at += 1;
        let mut cluster = Vec::with_capacity(payload.len() + 64);
        write::put_picture(&mut cluster, at, payload);
        self.pending.extend_from_slice(&cluster);
        at
    }

    fn nudge(&mut self, filler: &[u8]) {
        let at = self.put(filler);
        self.owed.push(at);
    }
}

/// Whether `program` can be run at all.
pub(crate) fn is_program(program: &Path) -> bool {
    rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok() && program.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_is_told_to_stop_at_what_is_wrong_and_to_keep_times() {
        for codec in [
            VideoCodec::H264,
            VideoCodec::Hevc,
            VideoCodec::Av1,
            VideoCodec::Vp9,
        ] {
            assert_eq!(codec_of(codec.name()), Some(codec));
            let all = arguments(codec, Canvas::Wide);
            for needed in ["-xerror", "-copyts", "explode", "smjpeg"] {
                assert!(all.iter().any(|one| one == needed), "{needed}");
            }
        }
        assert_eq!(codec_of("mpeg4"), None);
    }
}
