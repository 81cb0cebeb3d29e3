//! Everybody connected to this node: who they are and how it goes, for the API and the kick.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::{ClientId, Code, Refusal, StreamName, limits};

use crate::identity::Identity;
use crate::right::Right;
use crate::wishes::Wishes;

/// How a client talks to this node. Bounded: used as a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protocol {
    /// RTMP and RTMPS.
    Rtmp = 0,
    /// FLV over HTTP.
    HttpFlv = 1,
    /// FLV over WebSocket.
    WsFlv = 2,
    /// Endless MPEG-TS over HTTP.
    HttpTs = 3,
    /// HLS, fMP4 or TS.
    Hls = 4,
    /// HTTP requests to the REST API.
    Api = 5,
    /// SLSP: publishing over a WebSocket.
    Slsp = 6,
    /// Another node of the cluster.
    Relay = 7,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rtmp,
        Self::HttpFlv,
        Self::WsFlv,
        Self::HttpTs,
        Self::Hls,
        Self::Api,
        Self::Slsp,
        Self::Relay,
    ];

    /// The name in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::HttpFlv => "http-flv",
            Self::WsFlv => "ws-flv",
            Self::HttpTs => "http-ts",
            Self::Hls => "hls",
            Self::Api => "api",
            Self::Slsp => "slsp",
            Self::Relay => "relay",
        }
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends a stream.
    Publisher,
    /// Watches a stream.
    Viewer,
}

/// A client to be entered.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// What it does.
    pub role: Role,
    /// How it talks.
    pub protocol: Protocol,
    /// Which stream.
    pub name: StreamName,
    /// From where, trusted proxies taken into account.
    pub addr: SocketAddr,
    /// It is another node, not a person's publisher or player.
    pub is_node: bool,
    /// Who it is, where that is known.
    pub identity: Option<Arc<Identity>>,
    /// What admitted it; `None` for who is not judged again.
    pub right: Option<Right>,
    /// What a publisher's address chose.
    pub wishes: Option<Arc<Wishes>>,
}

/// One publisher or viewer. About 300 bytes; shared by its owner, the table and the API.
#[derive(Debug)]
pub struct Client {
    /// Its id on this node.
    pub id: ClientId,
    /// What it does.
    pub role: Role,
    /// How it talks.
    pub protocol: Protocol,
    /// Which stream.
    pub name: StreamName,
    /// From where, trusted proxies taken into account.
    pub addr: SocketAddr,
    /// Since when, on the node's monotonic clock, in microseconds.
    pub since_us: i64,
    /// It is another node, not a person's publisher or player.
    pub is_node: bool,
    /// Who it is, where that is known.
    pub identity: Option<Arc<Identity>>,
    /// What admitted it; `None` for who is not judged again.
    pub right: Option<Right>,
    /// What a publisher's address chose.
    pub wishes: Option<Arc<Wishes>>,
    bytes: AtomicU64,
    lost_frames: AtomicU64,
    skips: AtomicU32,
    kicked: OnceLock<Refusal>,
    kick: Notify,
}

impl Client {
    pub(crate) fn new(new: NewClient, now_us: i64) -> Self {
        Self {
            id: ClientId::next(),
            role: new.role,
            protocol: new.protocol,
            name: new.name,
            addr: new.addr,
            since_us: now_us,
            is_node: new.is_node,
            identity: new.identity,
            right: new.right,
            wishes: new.wishes,
            bytes: AtomicU64::new(0),
            lost_frames: AtomicU64::new(0),
            skips: AtomicU32::new(0),
            kicked: OnceLock::new(),
            kick: Notify::new(),
        }
    }

    /// Payload bytes moved so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts payload bytes moved.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Frames this viewer lost by being slow.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames.load(Ordering::Relaxed)
    }

    /// Times this viewer was moved on to a later keyframe.
    pub fn skips(&self) -> u32 {
        self.skips.load(Ordering::Relaxed)
    }

    /// Counts one skip of `frames` frames.
    pub fn add_skip(&self, frames: u64) {
        self.lost_frames.fetch_add(frames, Ordering::Relaxed);
        self.skips.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks the client's owner to end it with `code`. The first code stays.
    pub fn kick(&self, code: Code) {
        self.kick_with(code.into());
    }

    /// The same with words of its own.
    pub fn kick_with(&self, refusal: Refusal) {
        let _ = self.kicked.set(refusal);
        self.kick.notify_waiters();
        self.kick.notify_one();
    }

    /// The code it was kicked with, if it was.
    pub fn kicked(&self) -> Option<Code> {
        self.kicked.get().map(|refusal| refusal.code)
    }

    /// The same with its words.
    pub fn kick_refusal(&self) -> Option<&Refusal> {
        self.kicked.get()
    }

    /// When its right ends by itself, for the table of those.
    fn ends(&self) -> Option<(i64, ClientId)> {
        let until_ms = self.right.as_ref()?.until_ms()?;
        Some((until_ms, self.id))
    }

    /// Resolves when it is kicked.
    pub async fn wait_kicked(&self) -> Code {
        loop {
            let notified = self.kick.notified();
            if let Some(code) = self.kicked() {
                return code;
            }
            notified.await;
        }
    }
}

/// The table of clients with a connection. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    all: BTreeMap<ClientId, Arc<Client>>,
    /// Those whose right ends by itself, by when it does.
    ending: BTreeSet<(i64, ClientId)>,
}

impl Clients {
    /// Enters a client; it leaves when the guard is dropped.
    ///
    /// # Errors
    /// 2006 when the table is full.
    pub fn enter(&self, new: NewClient, now_us: i64) -> Result<ClientGuard, Refusal> {
        let client = Arc::new(Client::new(new, now_us));
        let mut table = self.0.lock();
        if table.all.len() >= limits::CLIENTS {
            return Err(Refusal::new(
                Code::QuotaViewers,
                "this node's table of clients is full",
            ));
        }
        table.ending.extend(client.ends());
        table.all.insert(client.id, client.clone());
        drop(table);
        Ok(ClientGuard {
            client,
            table: self.clone(),
        })
    }

    /// The client of this id.
    pub fn find(&self, id: ClientId) -> Option<Arc<Client>> {
        self.0.lock().all.get(&id).cloned()
    }

    /// Everybody, by id.
    pub fn list(&self) -> Vec<Arc<Client>> {
        self.0.lock().all.values().cloned().collect()
    }

    /// Some of them, by id: at most `most`, those behind `after` (all for `None`).
    pub fn page(&self, after: Option<ClientId>, most: usize) -> Vec<Arc<Client>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let table = self.0.lock();
        let rest = table.all.range((from, Bound::Unbounded));
        rest.take(most).map(|(_, client)| client.clone()).collect()
    }

    /// Those whose right has ended by itself at `now_ms` (Unix milliseconds), at most `most`. Each is told of
    /// once.
    pub fn take_ended(&self, now_ms: i64, most: usize) -> Vec<Arc<Client>> {
        let mut table = self.0.lock();
        let mut ended = Vec::new();
        while ended.len() < most
            && let Some((until_ms, id)) = table.ending.first().copied()
            && until_ms <= now_ms
        {
            table.ending.pop_first();
            ended.extend(table.all.get(&id).cloned());
        }
        ended
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().all.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.lock().all.is_empty()
    }
}

/// A client's place in the table; dropping it is leaving.
#[derive(Debug)]
pub struct ClientGuard {
    client: Arc<Client>,
    table: Clients,
}

impl std::ops::Deref for ClientGuard {
    type Target = Arc<Client>;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        let mut table = self.table.0.lock();
        table.all.remove(&self.client.id);
        if let Some(ends) = self.client.ends() {
            table.ending.remove(&ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(right: Option<Right>) -> NewClient {
        NewClient {
            role: Role::Viewer,
            protocol: Protocol::HttpFlv,
            name: StreamName::new("", "live", "a").unwrap(),
            addr: "127.0.0.1:1".parse().unwrap(),
            is_node: false,
            identity: None,
            right,
            wishes: None,
        }
    }

    #[test]
    fn clients_whose_right_has_ended_are_told_of_once_and_those_who_left_never() {
        let clients = Clients::default();
        let until = |until_ms| Some(Right::new((), until_ms));
        let enter = |right| clients.enter(viewer(right), 0).unwrap();
        let late = enter(until(Some(200)));
        let early = enter(until(Some(100)));
        let gone = enter(until(Some(50)));
        let _endless = (enter(until(None)), enter(None));
        drop(gone);
        let ended = |now_ms, most| -> Vec<_> {
            let ended = clients.take_ended(now_ms, most).into_iter();
            ended.map(|client| client.id).collect()
        };
        assert_eq!(ended(99, 9), []);
        assert_eq!(ended(250, 1), [early.id]);
        assert_eq!(ended(250, 9), [late.id]);
        assert_eq!(ended(i64::MAX, 9), []);
    }

    #[test]
    fn the_table_is_read_in_pages() {
        let clients = Clients::default();
        let guards: Vec<_> = (0..5)
            .map(|_| clients.enter(viewer(None), 0).unwrap())
            .collect();
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = clients.page(after, 2);
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            seen.extend(page.iter().map(|client| client.id));
        }
        let ids: Vec<_> = guards.iter().map(|guard| guard.id).collect();
        assert_eq!(seen, ids);
    }

    #[tokio::test]
    async fn a_client_leaves_with_its_guard_and_hears_the_kick() {
        let clients = Clients::default();
        let guard = clients.enter(viewer(None), 0).unwrap();
        let found = clients.find(guard.id).unwrap();
        found.kick(Code::Operator);
        found.kick(Code::TooSlow);
        assert_eq!(guard.wait_kicked().await, Code::Operator);
        drop(guard);
        assert!(clients.is_empty());
    }
}
