//! The threads of the load generator: connect at a pace, read, and count during a window.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context, bail};
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use weir_base::process::{Usage, own_cpu_s, usage};
use weir_base::{Clock, Tasks};

use super::counters::{Counters, Tolerance};
use super::viewer::{Mode, Viewer};
use crate::address::MediaUrl;

/// What all sockets of a thread are read into, in bytes.
const BUFFER_BYTES: usize = 1 << 20;
/// Viewers that decode everything.
const SAMPLED: usize = 10;
/// Events taken at once.
const EVENTS: usize = 1024;
/// How often a thread looks at the clock.
const TICK: Duration = Duration::from_millis(20);
/// Connections from one loopback address before the next one is used: below the range of ports.
const PER_SOURCE: usize = 20_000;

/// What to do.
#[derive(Debug, Clone)]
pub struct FanOut {
    /// The stream.
    pub url: MediaUrl,
    /// How many viewers.
    pub viewers: usize,
    /// How many of them never read.
    pub stalled: usize,
    /// New connections a second.
    pub per_second: f64,
    /// Between the last connection and the window, seconds.
    pub warmup_s: f64,
    /// The window, seconds.
    pub window_s: f64,
    /// Let the kernel discard what most viewers get.
    pub light: bool,
    /// Threads that share the viewers; each polls its own.
    pub threads: usize,
    /// What is a gap and what a stall.
    pub gap_ms: i64,
    /// See above, milliseconds.
    pub stall_ms: i64,
    /// The server's process, to be measured.
    pub pid: Option<u32>,
}

/// What came of it. Times in µs, counts over the window and all viewers that are not stalled.
#[derive(Debug, Clone, Default)]
pub struct FanOutResult {
    /// Connections begun.
    pub opened: usize,
    /// Viewers still there at the end, stalled ones among them.
    pub alive: usize,
    /// Sum of the viewers' counts.
    pub bytes: u64,
    /// Audio and video frames received.
    pub frames: u64,
    /// Video frames marked as keyframes.
    pub keyframes: u64,
    /// Steps of timestamps over the limit.
    pub gaps: u64,
    /// Timestamps going back.
    pub backward: u64,
    /// Waits over the limit.
    pub stalls: u64,
    /// The longest wait for media of every viewer.
    pub longest_waits_us: Vec<i64>,
    /// The longest step of any track of any viewer.
    pub longest_step_ms: i64,
    /// The window as it was.
    pub seconds: f64,
    /// From a connection's beginning to its first byte, every viewer.
    pub first_byte_us: Vec<i64>,
    /// And to its first keyframe, those who looked.
    pub first_key_us: Vec<i64>,
    /// Of stamped pictures, at the sampled viewers.
    pub latencies_us: Vec<i64>,
    /// Why viewers are gone: words and how many.
    pub ends: Vec<(String, usize)>,
    /// Our own processor seconds in the window.
    pub own_cpu_s: f64,
    /// The server's.
    pub server_cpu_s: Option<f64>,
    /// The server before the first connection.
    pub server_before: Option<Usage>,
    /// The server at the end of the window.
    pub server_after: Option<Usage>,
}

/// Runs it to the end.
pub fn fan_out(plan: &FanOut) -> anyhow::Result<FanOutResult> {
    raise_descriptor_limit(plan.viewers)?;
    let address = resolve(&plan.url)?;
    let clock = Clock::real();
    let ramp_s = plan.viewers as f64 / plan.per_second.max(1.0);
    let start_us = us(ramp_s + plan.warmup_s);
    let end_us = start_us + us(plan.window_s);
    let before = plan.pid.and_then(usage);
    let crew = plan.threads.clamp(1, 16);
    let tasks = Tasks::new();
    let plan = Arc::new(plan.clone());
    let (done, outcomes) = sync_channel(crew);
    for index in 0..crew {
        let worker = Worker {
            plan: plan.clone(),
            address,
            clock: clock.clone(),
            index,
            crew,
            start_us,
            end_us,
        };
        let done = done.clone();
        // Nobody listens any more where another thread has failed.
        let body = move || drop(done.send(worker.run()));
        tasks.thread(format!("load {index}"), body)?;
    }
    drop(done);
    let mut result = FanOutResult {
        server_before: before,
        ..FanOutResult::default()
    };
    sleep_until(&clock, start_us);
    let (own, server, from_us) = (own_cpu_s(), plan.pid.and_then(usage), clock.now_us());
    sleep_until(&clock, end_us);
    result.server_after = plan.pid.and_then(usage);
    result.own_cpu_s = own_cpu_s() - own;
    result.seconds = (clock.now_us() - from_us) as f64 / 1e6;
    result.server_cpu_s = server
        .zip(result.server_after)
        .map(|(from, to)| to.cpu_s - from.cpu_s);
    for _ in 0..crew {
        let viewers = outcomes.recv();
        let viewers = viewers.context("a thread of the load generator failed")??;
        viewers.iter().for_each(|viewer| result.add(viewer));
    }
    Ok(result)
}

impl FanOutResult {
    fn add(&mut self, viewer: &Viewer) {
        self.opened += 1;
        match &viewer.ended {
            None => self.alive += 1,
            Some(why) => match self.ends.iter_mut().find(|(known, _)| known == why) {
                Some((_, count)) => *count += 1,
                None => self.ends.push((why.clone(), 1)),
            },
        }
        if viewer.mode == Mode::Stalled {
            return;
        }
        let Counters {
            bytes,
            frames,
            keyframes,
            gaps,
            backward,
            stalls,
            longest_wait_us,
            longest_step_ms,
            ..
        } = viewer.counters;
        self.bytes += bytes;
        self.frames += frames;
        self.keyframes += keyframes;
        self.gaps += gaps;
        self.backward += backward;
        self.stalls += stalls;
        self.longest_waits_us.push(longest_wait_us);
        self.longest_step_ms = self.longest_step_ms.max(longest_step_ms);
        self.first_byte_us.extend(viewer.counters.first_byte_us);
        self.first_key_us.extend(viewer.counters.first_key_us);
        if let Some(measure) = &viewer.measure {
            self.latencies_us.extend(&measure.latencies_us);
        }
    }
}

/// One thread: every `crew`th viewer.
struct Worker {
    plan: Arc<FanOut>,
    address: SocketAddr,
    clock: Clock,
    index: usize,
    crew: usize,
    start_us: i64,
    end_us: i64,
}

impl Worker {
    fn run(self) -> anyhow::Result<Vec<Viewer>> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut viewers: Vec<Viewer> = Vec::new();
        let mut next = self.index;
        let mut in_window = false;
        let tolerance = Tolerance {
            gap_ms: self.plan.gap_ms,
            stall_us: self.plan.stall_ms * 1000,
        };
        loop {
            let now_us = self.clock.now_us();
            if now_us >= self.end_us {
                break;
            }
            while next < self.plan.viewers && self.due_us(next) <= now_us {
                viewers.push(self.open(next, &poll, viewers.len())?);
                next += self.crew;
            }
            if !in_window && now_us >= self.start_us {
                in_window = true;
                viewers
                    .iter_mut()
                    .for_each(|viewer| viewer.begin_window(now_us));
            }
            match poll.poll(&mut events, Some(self.nap(now_us, next))) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
            for event in &events {
                let Some(viewer) = viewers.get_mut(event.token().0) else {
                    continue;
                };
                if event.is_writable() {
                    viewer.on_writable();
                }
                if event.is_readable() || event.is_read_closed() {
                    viewer.on_readable(&self.clock, &mut buffer, tolerance);
                }
            }
        }
        for viewer in viewers.iter_mut().filter(|viewer| viewer.ended.is_none()) {
            viewer.counters.end_window(self.clock.now_us(), tolerance);
        }
        Ok(viewers)
    }

    fn due_us(&self, index: usize) -> i64 {
        us(index as f64 / self.plan.per_second.max(1.0))
    }

    fn nap(&self, now_us: i64, next: usize) -> Duration {
        let until_us = if next < self.plan.viewers {
            self.due_us(next)
        } else {
            self.end_us
        };
        Duration::from_micros(u64::try_from(until_us - now_us).unwrap_or(0)).min(TICK)
    }

    fn open(&self, index: usize, poll: &Poll, token: usize) -> anyhow::Result<Viewer> {
        let mut socket = mio::net::TcpStream::from_std(
            dial(self.address, index).context("cannot open a connection")?,
        );
        poll.registry().register(
            &mut socket,
            Token(token),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        // Stalled ones last, so that those who count are there before them.
        let mode = if index >= self.plan.viewers - self.plan.stalled.min(self.plan.viewers) {
            Mode::Stalled
        } else if index < SAMPLED {
            Mode::Sampled
        } else if self.plan.light {
            Mode::Light
        } else {
            Mode::Counting
        };
        Viewer::new(
            socket,
            &self.plan.url,
            mode,
            &self.clock,
            self.plan.gap_ms * 1000,
        )
    }
}

/// Begins to connect. On loopback the source address moves on before its ports run out.
fn dial(address: SocketAddr, index: usize) -> io::Result<std::net::TcpStream> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )?;
    if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) && index >= PER_SOURCE {
        let last = u8::try_from(1 + (index / PER_SOURCE) % 250).unwrap_or(1);
        bind(
            &socket,
            &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0),
        )?;
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn resolve(url: &MediaUrl) -> anyhow::Result<SocketAddr> {
    let (host, port, tls) = match url {
        MediaUrl::Rtmp(url) => (&url.host, url.port, url.tls),
        MediaUrl::Http(url, _) | MediaUrl::WebSocket(url) | MediaUrl::Hls(url) => {
            (&url.host, url.port, url.tls)
        }
    };
    if tls {
        bail!("the load generator speaks no TLS: it would measure its own ciphers");
    }
    let found = (host.as_str(), port)
        .to_socket_addrs()
        .with_context(|| format!("{host} has no address"))?
        .next();
    found.with_context(|| format!("{host} has no address"))
}

/// One descriptor per viewer and some.
pub(super) fn raise_descriptor_limit(viewers: usize) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = viewers as u64 + 64;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        bail!(
            "{viewers} viewers need {wanted} file descriptors, and the hard limit is lower: ulimit -Hn {wanted} (as root)"
        );
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        },
    )
    .context("cannot raise the descriptor limit")
}

pub(super) fn sleep_until(clock: &Clock, until_us: i64) {
    let left_us = u64::try_from(until_us - clock.now_us()).unwrap_or(0);
    std::thread::sleep(Duration::from_micros(left_us));
}

fn us(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}
