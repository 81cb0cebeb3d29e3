//! A container made by FFmpeg at its own speed, and a thread that sends it over SLSP. All of it is
//! kept, so that a session can go on from any byte.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Client, Inbox};
use crate::media::{Source, quiet};
use crate::tools::Tool;

/// Pause between two messages: about a frame of 50 a second.
const PAUSE: Duration = Duration::from_millis(20);

/// A container of SLSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// FLV, the native one.
    Flv,
    /// Fragmented MP4.
    Fmp4,
    /// WebM, or Matroska for what WebM must not hold.
    WebM,
    /// MPEG-TS.
    Ts,
}

impl Container {
    /// The name in hello.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flv => "flv",
            Self::Fmp4 => "fmp4",
            Self::WebM => "webm",
            Self::Ts => "ts",
        }
    }

    /// FFmpeg's output options.
    fn muxer(self, source: &Source) -> &'static [&'static str] {
        match self {
            Self::Flv => &["-f", "flv", "-flvflags", "no_duration_filesize"],
            Self::Fmp4 => &[
                "-f",
                "mp4",
                "-movflags",
                "empty_moov+delay_moov+default_base_moof+frag_keyframe",
                "-frag_duration",
                "200000",
            ],
            Self::WebM if matches!(source.video, Some("h264" | "hevc")) => {
                &["-f", "matroska", "-live", "1", "-cluster_time_limit", "200"]
            }
            Self::WebM => &["-f", "webm", "-live", "1", "-cluster_time_limit", "200"],
            Self::Ts => &["-f", "mpegts", "-muxdelay", "0"],
        }
    }
}

/// FFmpeg writing a container into memory; ended when dropped.
#[derive(Debug)]
pub struct Feed {
    child: Child,
    bytes: Arc<Mutex<Vec<u8>>>,
    is_over: Arc<AtomicBool>,
}

impl Feed {
    /// The file of a source in this container, in real time.
    pub fn start(source: &Source, file: &Path, container: Container) -> Self {
        Self::start_with(source, file, container, &[])
    }

    /// The same, with options of FFmpeg's before the input.
    pub fn start_with(source: &Source, file: &Path, container: Container, input: &[&str]) -> Self {
        let tool = if container == Container::Flv {
            source.ffmpeg()
        } else {
            Tool::Ffmpeg9
        };
        let mut command = quiet(tool);
        command.args(input).args(["-re", "-i"]).arg(file);
        command.args(["-c", "copy", "-flush_packets", "1"]);
        command.args(container.muxer(source)).arg("-");
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("ffmpeg starts");
        let mut output = child.stdout.take().unwrap();
        let (bytes, is_over) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (kept, over) = (bytes.clone(), is_over.clone());
        let body = move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
            }
            over.store(true, Ordering::Relaxed);
        };
        std::thread::Builder::new()
            .name("feed".into())
            .spawn(body)
            .unwrap();
        Self {
            child,
            bytes,
            is_over,
        }
    }

    /// What there is from this byte on.
    pub fn since(&self, at: usize) -> Vec<u8> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.get(at..).unwrap_or_default().to_vec()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether nothing has come yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing more comes.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that sends a feed as it comes.
pub struct Pump {
    inbox: Inbox,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Client>>,
}

impl Pump {
    /// Sends `feed` from byte `at` on over a client that is ready.
    pub fn start(mut client: Client, feed: Arc<Feed>, mut at: usize) -> Self {
        let (inbox, stop) = (client.inbox(), Arc::new(AtomicBool::new(false)));
        let sent = Arc::new(AtomicU64::new(at as u64));
        let (stopped, counted) = (stop.clone(), sent.clone());
        let body = move || {
            while !stopped.load(Ordering::Relaxed) {
                let more = feed.since(at);
                at += more.len();
                if !more.is_empty() && client.media(&more).is_err() {
                    break;
                }
                counted.store(at as u64, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
            client
        };
        let thread = std::thread::Builder::new().name("pump".into());
        Self {
            inbox,
            sent,
            stop,
            thread: Some(thread.spawn(body).unwrap()),
        }
    }

    /// What the server has said.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Bytes of the feed that were handed to the socket.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Stops sending; gives the client back.
    pub fn stop(mut self) -> Client {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
