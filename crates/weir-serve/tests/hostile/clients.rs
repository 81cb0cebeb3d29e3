//! Clients: a publisher and a viewer that behave, and raw connections for those that do not.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpUrl};
use weir_testkit::synthetic;

use crate::house::until;
use crate::tap::Tap;

/// Pictures a second of the honest publisher, and pictures between two keyframes.
const FPS: u64 = 25;
const GOP: u64 = 12;
const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// An RTMP publisher's connection, driven by hand.
pub(crate) struct Rtmp {
    pub(crate) session: RtmpClientSession,
    pub(crate) socket: TcpStream,
    pub(crate) events: Vec<RtmpClientEvent>,
}

impl Rtmp {
    pub(crate) fn new(addr: SocketAddr, path: &str) -> Self {
        let url = RtmpUrl::parse(&format!("rtmp://{addr}/{path}")).unwrap();
        let session = RtmpClientSession::publish(&url, [9; 32], ClientOptions::default());
        let socket = TcpStream::connect(addr).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        Self {
            session,
            socket,
            events: Vec::new(),
        }
    }

    /// A publisher that was accepted.
    pub(crate) fn publishing(addr: SocketAddr, path: &str) -> Self {
        let mut rtmp = Self::new(addr, path);
        until("publish is accepted", 5, || {
            rtmp.turn().unwrap();
            let started =
                |event: &RtmpClientEvent| matches!(event, RtmpClientEvent::PublishStarted { .. });
            rtmp.events.iter().any(started).then_some(())
        });
        rtmp
    }

    /// Writes what there is, reads for a moment.
    pub(crate) fn turn(&mut self) -> std::io::Result<()> {
        self.socket.write_all(&self.session.take_output())?;
        let mut buffer = [0; 8192];
        match self.socket.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                let _ = self.session.receive(0, &buffer[..read]);
            }
            Err(error) if is_nothing(&error) => {}
            Err(error) => return Err(error),
        }
        self.events
            .extend(std::iter::from_fn(|| self.session.poll_event()));
        Ok(())
    }

    pub(crate) fn send(
        &mut self,
        message_type: u8,
        ts_ms: u32,
        body: &[u8],
    ) -> std::io::Result<()> {
        self.session.send_media(message_type, ts_ms, &[], body);
        self.turn()
    }

    pub(crate) fn send_headers(&mut self) {
        self.session.send_metadata(&synthetic::metadata_body());
        self.send(VIDEO, 0, &synthetic::video_header_body())
            .unwrap();
        self.send(AUDIO, 0, &synthetic::audio_header_body())
            .unwrap();
    }

    /// Reads until the server closes; gives the registry's code it named, if any.
    pub(crate) fn until_closed(&mut self, within_s: u64) -> Option<u16> {
        until("the server closes the connection", within_s, || {
            self.turn().err()
        });
        let code = |event: &RtmpClientEvent| match event {
            RtmpClientEvent::Status { weir_code, .. } => *weir_code,
            _ => None,
        };
        self.events.iter().filter_map(code).next_back()
    }
}

/// Publishes numbered pictures in real time until dropped.
pub(crate) struct Publisher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    pub(crate) fn start(addr: SocketAddr, path: &str, picture_bytes: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, path) = (stop.clone(), path.to_owned());
        let body = move || {
            let mut rtmp = Rtmp::publishing(addr, &path);
            rtmp.socket
                .set_read_timeout(Some(Duration::from_millis(1)))
                .unwrap();
            rtmp.send_headers();
            let began = Instant::now();
            for number in 0.. {
                let at_ms = number * 1000 / FPS;
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let wait = Duration::from_millis(at_ms).saturating_sub(began.elapsed());
                std::thread::sleep(wait);
                let ts_ms = u32::try_from(at_ms).unwrap();
                let picture = synthetic::video_body(number, number % GOP == 0, picture_bytes);
                let sent = rtmp.send(VIDEO, ts_ms, &picture);
                let sent = sent.and_then(|()| rtmp.send(AUDIO, ts_ms, &synthetic::audio_body(50)));
                if let Err(error) = sent {
                    panic!(
                        "the honest publisher lost its connection: {error} {:?}",
                        rtmp.events
                    );
                }
            }
        };
        Self {
            stop,
            thread: Some(std::thread::spawn(body)),
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// Watches until dropped, and remembers the first thing that was wrong.
pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Result<u64, String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(crate) fn start(addr: SocketAddr, path: &str) -> Self {
        let (stop, seen) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Mutex::new(Ok(0))),
        );
        let (stopped, told) = (stop.clone(), seen.clone());
        let mut socket = get(addr, path);
        let body = move || {
            let mut tap = Tap::new();
            let mut buffer = vec![0; 64 * 1024];
            while !stopped.load(Ordering::Relaxed) {
                let outcome = match socket.read(&mut buffer) {
                    Ok(0) => Err("the server closed the connection".to_owned()),
                    Ok(read) => tap.push(&buffer[..read]),
                    Err(error) if is_nothing(&error) => Ok(()),
                    Err(error) => Err(error.to_string()),
                };
                let gap = (tap.skips > 0).then(|| format!("{} frames were lost", tap.lost));
                let outcome = outcome.and(gap.map_or(Ok(tap.pictures), Err));
                let bad = outcome.is_err();
                *told.lock().unwrap() = outcome;
                if bad {
                    return;
                }
            }
        };
        Self {
            stop,
            seen,
            thread: Some(std::thread::spawn(body)),
        }
    }

    /// Pictures seen so far, all in order.
    pub(crate) fn pictures(&self) -> u64 {
        let seen = self.seen.lock().unwrap().clone();
        seen.unwrap_or_else(|wrong| panic!("the honest viewer: {wrong}"))
    }

    /// So many more pictures come, in order.
    pub(crate) fn expect_more(&self, pictures: u64) {
        all_expect_more(std::slice::from_ref(self), pictures);
    }
}

/// Each of them gets so many more pictures, in order.
pub(crate) fn all_expect_more(watchers: &[Watcher], pictures: u64) {
    let goals: Vec<_> = watchers
        .iter()
        .map(|watcher| watcher.pictures() + pictures)
        .collect();
    until("the honest viewers get more", 10, || {
        let mut reached = watchers.iter().zip(&goals);
        reached
            .all(|(watcher, goal)| watcher.pictures() >= *goal)
            .then_some(())
    });
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}

/// A connection that has sent a GET; reads time out after a moment.
pub(crate) fn get(addr: SocketAddr, path: &str) -> TcpStream {
    let mut socket = connect(addr);
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n").unwrap();
    socket
}

/// A bare connection; reads time out after a moment.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    socket
}

/// Reads until the other side closes; gives all that came.
pub(crate) fn read_to_end(socket: &mut TcpStream, within_s: u64) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 8192];
    until(
        "the server closes the connection",
        within_s,
        || match socket.read(&mut buffer) {
            Ok(0) => Some(()),
            Ok(read) => {
                all.extend_from_slice(&buffer[..read]);
                None
            }
            Err(error) if is_nothing(&error) => None,
            Err(_) => Some(()),
        },
    );
    all
}

pub(crate) fn is_nothing(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
