//! An HTTP proxy that does wrong on purpose, in front of a server: it drops answers after the server did what was asked,
//! refuses, conflicts, stands still, trickles, and changes bytes. What it does to which request goes by a seed and by the
//! order in which requests come.
//!
//! One request a connection, HTTP/1.1, bodies with a length: what clients of an S3 store send.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks whether somebody connects.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How long a connection stands still before it breaks: below what clients wait for an answer.
const STALL: Duration = Duration::from_millis(700);
/// Between two drops of an answer that trickles, and how many there are.
const DROP_EVERY: Duration = Duration::from_millis(20);
const DROPS: usize = 20;
/// Nobody sends more in one request.
const MAX_BODY_BYTES: usize = 128 << 20;

/// What may be done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server does it, and nobody hears of it.
    AnswerDropped,
    /// 503, and the server knows nothing.
    Unavailable,
    /// 409, and the server knows nothing.
    Conflict,
    /// Silence, then the connection breaks; the server knows nothing.
    Stall,
    /// The answer comes drop by drop.
    Slow,
    /// One bit of the body of an answer to GET is another.
    WrongBytes,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AnswerDropped,
        Self::Unavailable,
        Self::Conflict,
        Self::Stall,
        Self::Slow,
        Self::WrongBytes,
    ];
}

/// How many of a hundred requests get which fault; a request gets one at most.
pub type Shares = [(Fault, u64)];

/// A running proxy; gone when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Wrongdoing>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Wrongdoing {
    target: String,
    seed: u64,
    requests: AtomicU64,
    shares: Mutex<Vec<(Fault, u64)>>,
    done: [AtomicU64; Fault::ALL.len()],
    stop: AtomicBool,
}

impl FaultProxy {
    /// In front of `target` (`host:port`), doing nothing wrong yet.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(target: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Wrongdoing {
            target: target.to_owned(),
            seed,
            requests: AtomicU64::new(0),
            shares: Mutex::default(),
            done: Default::default(),
            stop: AtomicBool::new(false),
        });
        let own = shared.clone();
        let thread = std::thread::Builder::new().name("fault proxy".into());
        let thread = thread.spawn(move || own.listen(&listener));
        Self {
            shared,
            address,
            thread: Some(thread.expect("a thread")),
        }
    }

    /// `host:port` where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on so many of a hundred requests get these faults.
    pub fn set(&self, shares: &Shares) {
        *self
            .shared
            .shares
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = shares.to_vec();
    }

    /// Requests that came.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How often a fault was done.
    pub fn done(&self, fault: Fault) -> u64 {
        self.shared.done[fault as usize].load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Wrongdoing {
    /// Takes connections, a thread each, until it is told to stop.
    fn listen(self: Arc<Self>, listener: &TcpListener) {
        let mut threads: Vec<JoinHandle<()>> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((socket, _)) => {
                    let own = self.clone();
                    let thread = std::thread::Builder::new().name("fault proxy".into());
                    // Whoever went away is no failure of a test.
                    let serving = thread.spawn(move || drop(own.serve(socket)));
                    threads.push(serving.expect("a thread"));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    threads.retain(|thread| !thread.is_finished());
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(_) => return,
            }
        }
    }

    fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        let Some(request) = HttpMessage::read(&mut BufReader::new(&socket), Side::Request)? else {
            return Ok(());
        };
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let is_get = request.head.starts_with("GET ");
        let fault = self.fault(number);
        match fault {
            Some(Fault::Unavailable) => {
                self.count(Fault::Unavailable);
                return say(&mut socket, "503 Service Unavailable", "SlowDown");
            }
            Some(Fault::Conflict) => {
                self.count(Fault::Conflict);
                return say(&mut socket, "409 Conflict", "ConditionalRequestConflict");
            }
            Some(Fault::Stall) => {
                self.count(Fault::Stall);
                std::thread::sleep(STALL);
                return Ok(());
            }
            _ => {}
        }
        let is_head = request.head.starts_with("HEAD ");
        let Some(mut answer) = self.ask(&request, is_head)? else {
            return Ok(());
        };
        match fault {
            Some(Fault::AnswerDropped) => {
                self.count(Fault::AnswerDropped);
                return Ok(());
            }
            Some(Fault::WrongBytes) if is_get && !answer.body.is_empty() => {
                self.count(Fault::WrongBytes);
                let at = (roll(self.seed ^ 1, number) % answer.body.len() as u64) as usize;
                answer.body[at] ^= 0x10;
            }
            _ => {}
        }
        socket.write_all(answer.head.as_bytes())?;
        if fault != Some(Fault::Slow) {
            return socket.write_all(&answer.body);
        }
        self.count(Fault::Slow);
        for drop in answer.body.chunks(answer.body.len().div_ceil(DROPS).max(1)) {
            std::thread::sleep(DROP_EVERY);
            socket.write_all(drop)?;
        }
        Ok(())
    }

    /// What the server says.
    fn ask(&self, request: &HttpMessage, is_head: bool) -> std::io::Result<Option<HttpMessage>> {
        let mut server = TcpStream::connect(&self.target)?;
        server.set_read_timeout(Some(Duration::from_secs(60)))?;
        server.write_all(request.head.as_bytes())?;
        server.write_all(&request.body)?;
        let side = if is_head {
            Side::AnswerToHead
        } else {
            Side::Answer
        };
        HttpMessage::read(&mut BufReader::new(&server), side)
    }

    /// What is done to the request of this number.
    fn fault(&self, number: u64) -> Option<Fault> {
        let shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = roll(self.seed, number) % 100;
        for (fault, share) in shares.iter() {
            if left < *share {
                return Some(*fault);
            }
            left -= share;
        }
        None
    }

    fn count(&self, fault: Fault) {
        self.done[fault as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
    AnswerToHead,
}

/// A head, which says that the connection ends with it, and a body.
#[derive(Debug)]
struct HttpMessage {
    head: String,
    body: Vec<u8>,
}

impl HttpMessage {
    /// The next one; `None` where the other side has nothing to say.
    fn read(from: &mut BufReader<&TcpStream>, side: Side) -> std::io::Result<Option<Self>> {
        let mut head = String::new();
        if from.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let (mut length, mut is_chunked) = (None, false);
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let lower = line.trim_end().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse::<usize>().ok();
            }
            is_chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
            if !lower.starts_with("connection:") && !lower.starts_with("transfer-encoding:") {
                head.push_str(&line);
            }
        }
        let mut body = Vec::new();
        let most = MAX_BODY_BYTES as u64;
        match (side, length) {
            (Side::AnswerToHead, _) => {}
            _ if is_chunked => {
                body = chunks(from)?;
                head.push_str(&format!("content-length: {}\r\n", body.len()));
            }
            (_, Some(length)) => {
                from.take(length.min(MAX_BODY_BYTES) as u64)
                    .read_to_end(&mut body)?;
            }
            (Side::Answer, None) => drop(from.take(most).read_to_end(&mut body)?),
            (Side::Request, None) => {}
        }
        head.push_str("connection: close\r\n\r\n");
        Ok(Some(Self { head, body }))
    }
}

fn chunks(from: &mut BufReader<&TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(std::io::Error::other)?;
        let is_last = size == 0;
        from.take(size.min(MAX_BODY_BYTES) as u64)
            .read_to_end(&mut body)?;
        from.read_line(&mut String::new())?;
        if is_last {
            return Ok(body);
        }
    }
}

/// An answer of the proxy's own, as an S3 store words it.
fn say(socket: &mut TcpStream, status: &str, code: &str) -> std::io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/xml\r\n");
    socket.write_all(
        format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}").as_bytes(),
    )
}

/// SplitMix64 of a seed and a number.
fn roll(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
