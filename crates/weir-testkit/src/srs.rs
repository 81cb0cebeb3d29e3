//! A stand-in for a node of SRS, written from the facts about it: an RTMP server that has streams or
//! sends to who has them (302), its coworker query, and its two ways of being a client: an edge that
//! pulls and one that hands a publish on. It keeps what it was asked.
//!
//! Its carelessness is kept where it matters to others: a viewer of nothing hears silence, or with coworkers
//! sees the socket close, as a refused publisher does.

mod client;
mod log;

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_proto::rtmp::wire::put_message;
use weir_proto::rtmp::{Redirect, RtmpServerSession, ServerConfig, ServerEvent, Target};

use crate::http::Request;
use crate::wait::{Stopwatch, until};
pub use log::{Store, StoredMessage};

/// Between two looks at a socket and at what there is to send.
const POLL: Duration = Duration::from_millis(5);
/// A peer that takes nothing for so long is let go.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Seconds a viewer sent elsewhere has to go by itself.
const LINGER_S: f64 = 3.0;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// The largest head of an HTTP request taken.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const LOOPBACK: &str = "127.0.0.1";

/// What somebody asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To play, with the whole of the query.
    Play(String, Vec<(String, String)>),
    /// To publish, with the whole of the query.
    Publish(String, Vec<(String, String)>),
    /// Whether it has a stream: method and target of the HTTP request.
    Coworker(String),
}

/// When a node lets a publisher go whom it does not want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LetsGo {
    /// Instead of its yes, as 6.0.157 does.
    #[default]
    InsteadOfYes,
    /// Right after its yes, as releases up to 5 do.
    AfterYes,
}

/// A node. Dropping it is pulling its plug.
pub struct SrsNode {
    shared: Arc<NodeState>,
}

struct NodeState {
    store: Store,
    rtmp_port: u16,
    api_port: u16,
    coworkers: Mutex<Vec<String>>,
    moved: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<Asked>>,
    stopped: Mutex<HashSet<String>>,
    lets_go: Mutex<LetsGo>,
    hook_says_no: AtomicBool,
    viewers: AtomicU32,
    is_dead: AtomicBool,
    is_frozen: AtomicBool,
}

impl SrsNode {
    /// A node on ports of its own, without streams.
    pub fn start() -> Self {
        let rtmp = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let api = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let port = |listener: &TcpListener| listener.local_addr().map(|addr| addr.port()).unwrap();
        let shared = Arc::new(NodeState {
            store: Store::default(),
            rtmp_port: port(&rtmp),
            api_port: port(&api),
            coworkers: Mutex::default(),
            moved: Mutex::default(),
            asked: Mutex::default(),
            stopped: Mutex::default(),
            lets_go: Mutex::default(),
            hook_says_no: AtomicBool::new(false),
            viewers: AtomicU32::new(0),
            is_dead: AtomicBool::new(false),
            is_frozen: AtomicBool::new(false),
        });
        accept(&shared, rtmp, serve_rtmp);
        accept(&shared, api, serve_api);
        Self { shared }
    }

    /// URL of a stream, given as `app/stream`.
    pub fn url(&self, name: &str) -> String {
        format!("rtmp://{}/{name}", self.rtmp())
    }

    /// `host:port` of its RTMP.
    pub fn rtmp(&self) -> String {
        format!("{LOOPBACK}:{}", self.shared.rtmp_port)
    }

    /// `host:port` of its API, as coworkers name it.
    pub fn api(&self) -> String {
        format!("{LOOPBACK}:{}", self.shared.api_port)
    }

    /// Whom it asks about streams it lacks, each as `host:port`.
    pub fn ask_coworkers(&self, coworkers: &[&str]) {
        *lock(&self.shared.coworkers) = coworkers.iter().map(|&one| one.to_owned()).collect();
    }

    /// Sends viewers of `app/stream` to the RTMP of `host:port`.
    pub fn send_elsewhere(&self, name: &str, place: &str) {
        lock(&self.shared.moved).insert(name.to_owned(), place.to_owned());
    }

    /// Publishes pictures that carry numbers, and sound, at 25 a second until the end.
    pub fn publish_numbers(&self, name: &str) {
        let (shared, owned) = (self.shared.clone(), name.to_owned());
        thread("srs numbers", move || {
            log::numbers(&shared.store, &owned, || {
                shared.pause() && !lock(&shared.stopped).contains(&owned)
            });
        });
        self.wait_live(name);
    }

    /// Ends what [`publish_numbers`](Self::publish_numbers) began: its viewers hear silence.
    pub fn stop_numbers(&self, name: &str) {
        lock(&self.shared.stopped).insert(name.to_owned());
        until("the end of a stream at the SRS node", 10, || {
            (!self.shared.store.is_live(name)).then_some(())
        });
        lock(&self.shared.stopped).remove(name);
    }

    /// From now on its hook takes no publisher.
    pub fn refuse_publishers(&self) {
        self.shared.hook_says_no.store(true, Ordering::SeqCst);
    }

    /// When it lets publishers go whom it does not want.
    pub fn lets_go(&self, when: LetsGo) {
        *lock(&self.shared.lets_go) = when;
    }

    /// How often it was asked to take a stream.
    pub fn publishes(&self) -> usize {
        let asked = lock(&self.shared.asked);
        let publishes = asked.iter().filter(|one| matches!(one, Asked::Publish(..)));
        publishes.count()
    }

    /// How often it was asked to play a stream.
    pub fn plays(&self) -> usize {
        let asked = lock(&self.shared.asked);
        let plays = asked.iter().filter(|one| matches!(one, Asked::Play(..)));
        plays.count()
    }

    /// As an edge does: plays `url` (a 302 is followed once) and has it as `app/stream`.
    pub fn pull(&self, name: &str, url: &str) {
        let (shared, name, url) = (self.shared.clone(), name.to_owned(), url.to_owned());
        thread("srs pull", move || client::pull(&shared, &name, &url));
    }

    /// As an edge does: publishes its `app/stream` to `url`.
    pub fn push(&self, name: &str, url: &str) {
        let (shared, name, url) = (self.shared.clone(), name.to_owned(), url.to_owned());
        thread("srs push", move || client::push(&shared, &name, &url));
    }

    /// Its streams.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// Those who play from it now.
    pub fn viewers(&self) -> u32 {
        self.shared.viewers.load(Ordering::SeqCst)
    }

    /// Waits until it has the stream.
    pub fn wait_live(&self, name: &str) {
        until("a stream at the SRS node", 10, || {
            self.shared.store.is_live(name).then_some(())
        });
    }

    /// From now on it neither reads nor writes, as a process that was stopped; or goes on again.
    pub fn freeze(&self, is_frozen: bool) {
        self.shared.is_frozen.store(is_frozen, Ordering::SeqCst);
    }
}

impl Drop for SrsNode {
    fn drop(&mut self) {
        self.shared.is_dead.store(true, Ordering::SeqCst);
    }
}

impl NodeState {
    /// Waits a moment, longer while frozen; false when it is all over.
    fn pause(&self) -> bool {
        std::thread::sleep(POLL);
        self.go_on()
    }

    fn go_on(&self) -> bool {
        while self.is_frozen.load(Ordering::SeqCst) && !self.is_dead.load(Ordering::SeqCst) {
            std::thread::sleep(POLL);
        }
        !self.is_dead.load(Ordering::SeqCst)
    }

    /// `host:port` of the node that has it: of those told, else of what the coworkers know.
    fn elsewhere(&self, host: &str, app: &str, stream: &str) -> Option<String> {
        let told = lock(&self.moved).get(&format!("{app}/{stream}")).cloned();
        let coworkers = lock(&self.coworkers).clone();
        told.or_else(|| {
            let ask = |coworker: &String| ask(coworker, host, app, stream);
            coworkers.iter().find_map(ask)
        })
    }
}

/// The coworker query: `host:port` of the RTMP that has the stream.
fn ask(coworker: &str, host: &str, app: &str, stream: &str) -> Option<String> {
    let query =
        format!("vhost=__defaultVhost__&ip={host}&app={app}&stream={stream}&coworker={coworker}");
    let request = Request::get(&format!("http://{coworker}/api/v1/clusters?{query}"));
    let request = request.method("POST").header("Content-Length", "0");
    let answer = request
        .try_send()
        .ok()
        .filter(|answer| answer.status == 200)?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let origin = &answer["data"]["origin"];
    let found = answer["code"] == 0 && !origin.is_null();
    let host = origin["ip"].as_str().filter(|_| found)?;
    Some(format!("{host}:{}", origin["port"].as_u64()?))
}

/// What one connection does.
enum Doing {
    Nothing,
    Publishing(String),
    Playing {
        name: String,
        msid: u32,
        cursor: Option<usize>,
    },
    /// Sent elsewhere: closed when the peer has had its time.
    Going(Stopwatch),
}

fn serve_rtmp(shared: &NodeState, mut socket: TcpStream) {
    let mut session = RtmpServerSession::new(ServerConfig::default(), [7; 32]);
    let mut doing = Doing::Nothing;
    let mut buffer = vec![0; READ_BYTES];
    let clock = Stopwatch::start();
    while shared.go_on() {
        let read = match read(&mut socket, &mut buffer) {
            Ok(None) => &[][..],
            Ok(Some(0)) | Err(_) => break,
            Ok(Some(read)) => &buffer[..read],
        };
        let now_ms = u64::try_from(clock.elapsed().as_millis()).unwrap();
        if session.receive(now_ms, read).is_err() {
            break;
        }
        let mut is_over = matches!(&doing, Doing::Going(since) if since.elapsed_s() > LINGER_S);
        while let Some(event) = session.poll_event() {
            is_over |= !hear(shared, &mut session, &mut doing, event);
        }
        let mut out = session.take_output();
        send_media(shared, &session, &mut doing, &mut out);
        if socket.write_all(&out).is_err() || is_over {
            break;
        }
    }
    leave(shared, &mut doing);
}

/// False when the connection is to be closed.
fn hear(
    shared: &NodeState,
    session: &mut RtmpServerSession,
    doing: &mut Doing,
    event: ServerEvent,
) -> bool {
    match event {
        ServerEvent::Publish { msid, target, .. } => {
            let name = name_of(&target);
            lock(&shared.asked).push(Asked::Publish(name.clone(), target.query));
            let is_wanted = !shared.hook_says_no.load(Ordering::SeqCst);
            if !is_wanted || !shared.store.begin(&name) {
                if *lock(&shared.lets_go) == LetsGo::AfterYes {
                    session.accept_publish(msid);
                }
                return false;
            }
            session.accept_publish(msid);
            *doing = Doing::Publishing(name);
        }
        ServerEvent::Play { msid, target, .. } => {
            return play(shared, session, doing, msid, &target);
        }
        ServerEvent::Media {
            message_type,
            timestamp_ms,
            body,
            ..
        } => {
            if let Doing::Publishing(name) = doing {
                let message = StoredMessage::received(message_type, timestamp_ms, body);
                shared.store.add(name, message);
            }
        }
        ServerEvent::Unpublish { .. } | ServerEvent::StopPlay { .. } => leave(shared, doing),
        _ => {}
    }
    true
}

/// False when the connection is to be closed: where there are coworkers and none has the stream, it is, after
/// the yes.
fn play(
    shared: &NodeState,
    session: &mut RtmpServerSession,
    doing: &mut Doing,
    msid: u32,
    target: &Target,
) -> bool {
    let name = name_of(target);
    lock(&shared.asked).push(Asked::Play(name.clone(), target.query.clone()));
    let (host, app, stream) = (&target.host, &target.app, &target.stream);
    let is_here = shared.store.is_live(&name);
    let place = (!is_here).then(|| shared.elsewhere(host, app, stream));
    if let Some(place) = place.flatten() {
        let parameters = target.query.iter();
        let parameters = parameters.map(|(name, value)| format!("{name}={value}"));
        let parameters = parameters.collect::<Vec<_>>().join("&");
        let mark = if parameters.is_empty() { "" } else { "?" };
        let tc_url = format!("rtmp://{place}/{app}");
        let url = format!("{tc_url}/{stream}{mark}{parameters}");
        let tc_url = &tc_url;
        session.redirect(msid, &Redirect { tc_url, url: &url });
        *doing = Doing::Going(Stopwatch::start());
        return true;
    }
    session.accept_play(msid);
    if !is_here && !lock(&shared.coworkers).is_empty() {
        return false;
    }
    shared.viewers.fetch_add(1, Ordering::SeqCst);
    *doing = Doing::Playing {
        name,
        msid,
        cursor: None,
    };
    true
}

fn send_media(
    shared: &NodeState,
    session: &RtmpServerSession,
    doing: &mut Doing,
    out: &mut Vec<u8>,
) {
    let Doing::Playing { name, msid, cursor } = doing else {
        return;
    };
    let chunk_size = session.chunk_size();
    for message in shared.store.since(name, cursor) {
        let (kind, time) = (message.message_type, message.timestamp_ms);
        let csid = message.csid();
        put_message(out, csid, time, kind, *msid, chunk_size, &[], &message.body);
    }
}

fn leave(shared: &NodeState, doing: &mut Doing) {
    match std::mem::replace(doing, Doing::Nothing) {
        Doing::Publishing(name) => shared.store.end(&name),
        Doing::Playing { .. } => {
            shared.viewers.fetch_sub(1, Ordering::SeqCst);
        }
        Doing::Nothing | Doing::Going(_) => {}
    }
}

/// `POST /api/v1/clusters`, answered in SRS's words; anything else is 404.
fn serve_api(shared: &NodeState, mut socket: TcpStream) {
    let mut head = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        match read(&mut socket, &mut buffer) {
            Ok(None) if shared.go_on() => {}
            Ok(Some(read @ 1..)) => head.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default();
    let asked = line.trim_end_matches(" HTTP/1.1").to_owned();
    lock(&shared.asked).push(Asked::Coworker(asked.clone()));
    let (status, body) = match asked.split_once("/api/v1/clusters?") {
        Some(("POST " | "GET ", query)) => ("200 OK", cluster_answer(shared, query)),
        _ => ("404 Not Found", String::new()),
    };
    let _ = write!(
        socket,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: Close\r\n\r\n{body}",
        body.len()
    );
}

fn cluster_answer(shared: &NodeState, query: &str) -> String {
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name);
        values.next().map_or("", |(_, value)| value)
    };
    let [ip, vhost, app, stream] = ["ip", "vhost", "app", "stream"].map(value);
    let (rtmp, api) = (shared.rtmp_port, shared.api_port);
    let origin = if shared.store.is_live(&format!("{app}/{stream}")) {
        format!(
            r#"{{"ip":"{LOOPBACK}","port":{rtmp},"vhost":"{vhost}","api":"{LOOPBACK}:{api}","routers":["{LOOPBACK}:{api}"]}}"#
        )
    } else {
        "null".to_owned()
    };
    format!(
        r#"{{"code":0,"data":{{"query":{{"ip":"{ip}","vhost":"{vhost}","app":"{app}","stream":"{stream}"}},"origin":{origin}}}}}"#
    )
}

fn accept(shared: &Arc<NodeState>, listener: TcpListener, serve: fn(&NodeState, TcpStream)) {
    listener.set_nonblocking(true).unwrap();
    let shared = shared.clone();
    thread("srs accept", move || {
        while shared.pause() {
            let Ok((socket, _)) = listener.accept() else {
                continue;
            };
            prepare(&socket);
            let shared = shared.clone();
            thread("srs connection", move || serve(&shared, socket));
        }
    });
}

fn prepare(socket: &TcpStream) {
    socket.set_nonblocking(false).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(POLL)).unwrap();
    socket.set_write_timeout(Some(WRITE_LIMIT)).unwrap();
}

/// `None` when nothing came within [`POLL`].
fn read(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match socket.read(buffer) {
        Ok(read) => Ok(Some(read)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(None),
            _ => Err(error),
        },
    }
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(body).unwrap();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name_of(target: &Target) -> String {
    format!("{}/{}", target.app, target.stream)
}

#[cfg(test)]
mod tests;
