//! A shaped link: a TCP proxy with a rate, a delay and a cord that can be cut, in front of a server.
//!
//! It shapes what TCP carries, not packets: nothing is lost or reordered. Like a real bottleneck it
//! holds a bounded queue and then stops reading, so that the sender feels TCP's back-pressure. All
//! connections share the rate of a direction. Rates are computed from the time that passed, not from
//! how long a sleep took, so that they hold on a busy machine.

mod command;
mod pipe;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt;

use crate::wait::Stopwatch;
pub use command::COMMANDS;
use pipe::{Bucket, Pipe, State};

/// Bytes the bottleneck holds by default, each way and connection.
pub const BUFFER_BYTES: usize = 256 * 1024;
/// Pause between two looks at all sockets.
const TICK: Duration = Duration::from_millis(1);
/// Socket buffers, in bytes: small, so that the kernel hides no queue of seconds behind the proxy.
/// The kernel takes twice as much for its own needs.
const SOCKET_BUFFER_BYTES: usize = 32 * 1024;
/// How long the target may take to answer.
const CONNECT: Duration = Duration::from_secs(5);

/// A way through the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From who connects to the target.
    Up,
    /// From the target to who connected.
    Down,
}

/// A running proxy; gone, with its connections, when dropped.
#[derive(Debug)]
pub struct Link {
    shared: Arc<ProxyState>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// In front of `target` (`host:port`) on a free port of this machine, as fast as it goes.
    pub fn start(target: &str) -> Self {
        Self::listen("127.0.0.1:0", target)
    }

    /// The same at an address of one's own.
    pub fn listen(listen: &str, target: &str) -> Self {
        let listener =
            TcpListener::bind(listen).unwrap_or_else(|error| panic!("{listen}: {error}"));
        listener.set_nonblocking(true).unwrap();
        // What is accepted inherits it.
        small_buffers(&listener);
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(ProxyState::default());
        let proxy = Proxy {
            listener,
            target: target.to_owned(),
            shared: shared.clone(),
            connections: Vec::new(),
            buckets: [Bucket::default(), Bucket::default()],
            turns: [0, 0],
            clock: Stopwatch::start(),
        };
        let thread = std::thread::Builder::new().name("link".into());
        let thread = thread.spawn(move || proxy.run()).unwrap();
        Self {
            shared,
            address,
            thread: Some(thread),
        }
    }

    /// `host:port` where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// A URL of the target, led through the link.
    pub fn url(&self, url: &str) -> String {
        let (scheme, rest) = url
            .split_once("://")
            .unwrap_or_else(|| panic!("{url} has no scheme"));
        let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        format!("{scheme}://{}{path}", self.address)
    }

    /// Kilobits per second each way; `None` for no limit.
    pub fn set_rate_kbps(&self, rate_kbps: Option<u32>) {
        self.set_rate_of(Direction::Up, rate_kbps);
        self.set_rate_of(Direction::Down, rate_kbps);
    }

    /// Kilobits per second one way; `None` for no limit.
    pub fn set_rate_of(&self, direction: Direction, rate_kbps: Option<u32>) {
        self.shared.settings().ways[direction as usize].rate_kbps = rate_kbps;
    }

    /// Milliseconds each way: half of what the round trip grows by.
    pub fn set_delay_ms(&self, delay_ms: u32) {
        self.set_delay_of(Direction::Up, delay_ms);
        self.set_delay_of(Direction::Down, delay_ms);
    }

    /// Milliseconds one way.
    pub fn set_delay_of(&self, direction: Direction, delay_ms: u32) {
        self.shared.settings().ways[direction as usize].delay_ms = delay_ms;
    }

    /// Bytes the bottleneck holds each way and connection before it stops reading.
    pub fn set_buffer_bytes(&self, bytes: usize) {
        for way in &mut self.shared.settings().ways {
            way.buffer_bytes = bytes.max(1);
        }
    }

    /// Silence: nothing passes and nothing is closed; who connects now waits.
    pub fn cut(&self) {
        self.shared.settings().is_cut = true;
    }

    /// The end of [`Self::cut`] and of [`Self::refuse`]. What was on its way arrives.
    pub fn restore(&self) {
        let mut settings = self.shared.settings();
        (settings.is_cut, settings.refuses) = (false, false);
    }

    /// Whether who connects is reset at once.
    pub fn refuse(&self, refuses: bool) {
        self.shared.settings().refuses = refuses;
    }

    /// Resets every connection, on both sides.
    pub fn kill(&self) {
        self.order(|settings| settings.kills += 1);
    }

    /// Leaves the connections there are silent for good, without closing them, as a phone does that
    /// went to another network. New ones pass.
    pub fn strand(&self) {
        self.order(|settings| settings.strandings += 1);
    }

    /// Bytes that have passed the bottleneck.
    pub fn passed_bytes(&self, direction: Direction) -> u64 {
        self.shared.passed[direction as usize].load(Ordering::Relaxed)
    }

    /// Bytes that wait in front of the bottleneck.
    pub fn queued_bytes(&self, direction: Direction) -> usize {
        self.shared.queued[direction as usize].load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Gives an order and waits until it is carried out.
    fn order(&self, order: impl FnOnce(&mut Settings)) {
        order(&mut self.shared.settings());
        crate::wait::until("the link obeys", 10, || {
            let settings = self.shared.settings();
            let given = settings.kills + settings.strandings;
            (self.shared.obeyed.load(Ordering::Acquire) >= given).then_some(())
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the owner and the proxy's thread share.
#[derive(Debug, Default)]
struct ProxyState {
    settings: Mutex<Settings>,
    passed: [AtomicU64; 2],
    queued: [AtomicUsize; 2],
    open: AtomicUsize,
    obeyed: AtomicU64,
    stop: AtomicBool,
}

impl ProxyState {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    ways: [Way; 2],
    is_cut: bool,
    refuses: bool,
    kills: u64,
    strandings: u64,
}

/// One direction's settings.
#[derive(Debug, Clone, Copy)]
struct Way {
    rate_kbps: Option<u32>,
    delay_ms: u32,
    buffer_bytes: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            rate_kbps: None,
            delay_ms: 0,
            buffer_bytes: BUFFER_BYTES,
        }
    }
}

struct Proxy {
    listener: TcpListener,
    target: String,
    shared: Arc<ProxyState>,
    connections: Vec<Connection>,
    buckets: [Bucket; 2],
    /// Whose turn it is, each way.
    turns: [usize; 2],
    clock: Stopwatch,
}

struct Connection {
    near: TcpStream,
    far: TcpStream,
    pipes: [Pipe; 2],
    is_stranded: bool,
}

impl Proxy {
    fn run(mut self) {
        let mut obeyed = Settings::default();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let settings = *self.shared.settings();
            if settings.kills > obeyed.kills {
                self.connections.drain(..).for_each(Connection::reset);
            }
            if settings.strandings > obeyed.strandings {
                for connection in &mut self.connections {
                    connection.is_stranded = true;
                }
            }
            obeyed = settings;
            if settings.is_cut {
                self.buckets = [Bucket::default(), Bucket::default()];
            } else {
                self.accept(settings.refuses);
                self.pass(&settings);
            }
            self.report(&settings);
            std::thread::sleep(TICK);
        }
        // Whoever is still here sees a broken line, not a proper end.
        self.connections.drain(..).for_each(Connection::reset);
    }

    fn accept(&mut self, refuses: bool) {
        while let Ok((near, _)) = self.listener.accept() {
            let far = self.target.parse().map_or_else(
                |_| TcpStream::connect(&self.target),
                |address| TcpStream::connect_timeout(&address, CONNECT),
            );
            match far {
                Ok(far) if !refuses => self.connections.push(Connection::new(near, far)),
                _ => reset(&near),
            }
        }
    }

    /// One tick: reads what there is room for, lets through what the rate allows, delivers what has
    /// been under way for long enough.
    fn pass(&mut self, settings: &Settings) {
        let now_s = self.clock.elapsed_s();
        for (way, direction) in settings.ways.iter().zip([Direction::Up, Direction::Down]) {
            let at = direction as usize;
            for connection in self.connections.iter_mut().filter(|one| !one.is_stranded) {
                let (from, _) = ends(&connection.near, &connection.far, direction);
                connection.pipes[at].read(from, way.buffer_bytes);
            }
            self.squeeze(at, way, now_s);
            for connection in self.connections.iter_mut().filter(|one| !one.is_stranded) {
                let (_, to) = ends(&connection.near, &connection.far, direction);
                connection.pipes[at].deliver(to, now_s - f64::from(way.delay_ms) / 1000.0);
            }
        }
        let broken = self.connections.extract_if(.., |one| one.is_broken());
        broken.for_each(Connection::reset);
        self.connections.retain(|one| !one.is_over());
    }

    /// Lets bytes through in turns, a packet each, until the rate is used up.
    fn squeeze(&mut self, at: usize, way: &Way, now_s: f64) {
        let bucket = &mut self.buckets[at];
        bucket.fill(way.rate_kbps, now_s);
        let passed = &self.shared.passed[at];
        let count = self.connections.len();
        let next = &mut self.turns[at];
        let mut idle = 0;
        while idle < count && bucket.has_some() {
            let connection = &mut self.connections[*next % count];
            *next = next.wrapping_add(1);
            let moved = if connection.is_stranded {
                0
            } else {
                connection.pipes[at].let_through(now_s)
            };
            bucket.take(moved);
            passed.fetch_add(moved as u64, Ordering::Relaxed);
            idle = if moved > 0 { 0 } else { idle + 1 };
        }
        bucket.is_used_up = idle < count;
    }

    fn report(&self, settings: &Settings) {
        for (at, queued) in self.shared.queued.iter().enumerate() {
            let bytes = self.connections.iter().map(|one| one.pipes[at].waiting());
            queued.store(bytes.sum(), Ordering::Relaxed);
        }
        let open = self.connections.len();
        self.shared.open.store(open, Ordering::Relaxed);
        let obeyed = settings.kills + settings.strandings;
        self.shared.obeyed.store(obeyed, Ordering::Release);
    }
}

impl Connection {
    fn new(near: TcpStream, far: TcpStream) -> Self {
        for socket in [&near, &far] {
            socket.set_nonblocking(true).unwrap();
            socket.set_nodelay(true).unwrap();
            small_buffers(socket);
        }
        Self {
            near,
            far,
            pipes: [Pipe::default(), Pipe::default()],
            is_stranded: false,
        }
    }

    fn is_over(&self) -> bool {
        self.pipes.iter().all(|pipe| pipe.state == State::Over)
    }

    fn is_broken(&self) -> bool {
        self.pipes.iter().any(|pipe| pipe.state == State::Broken)
    }

    fn reset(self) {
        reset(&self.near);
        reset(&self.far);
    }
}

fn ends<'a>(
    near: &'a TcpStream,
    far: &'a TcpStream,
    direction: Direction,
) -> (&'a TcpStream, &'a TcpStream) {
    match direction {
        Direction::Up => (near, far),
        Direction::Down => (far, near),
    }
}

fn small_buffers(socket: &impl std::os::fd::AsFd) {
    sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER_BYTES).unwrap();
    sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER_BYTES).unwrap();
}

/// Makes the close that follows a reset.
fn reset(socket: &TcpStream) {
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
