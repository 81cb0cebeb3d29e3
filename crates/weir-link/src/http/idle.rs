//! Connections that have answered a request whole and wait for the next.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Sender;
use crate::url::HttpUrl;

/// Connections kept to one server. Each request that waits there holds one of its own, and two or three
/// of each watched stream wait at any time.
const MAX_IDLE: usize = 64;
/// Microseconds a connection is kept: less than the other end keeps it.
const IDLE_US: i64 = 30_000_000;

/// At most [`MAX_IDLE`] connections to each server, the newest handed out first.
#[derive(Debug, Default)]
pub(super) struct IdleConnections(Mutex<HashMap<Server, Vec<Idle>>>);

/// TLS or not, host, port.
type Server = (bool, String, u16);

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since_us: i64,
}

impl Idle {
    fn is_good(&self, now_us: i64) -> bool {
        now_us - self.since_us < IDLE_US && !self.sender.is_closed()
    }
}

impl IdleConnections {
    /// The one used last, if it is still open.
    pub(super) fn take(&self, url: &HttpUrl, now_us: i64) -> Option<Sender> {
        let mut all = self.0.lock();
        let idle = all.get_mut(&server(url))?;
        while let Some(last) = idle.pop() {
            if last.is_good(now_us) {
                return Some(last.sender);
            }
        }
        None
    }

    /// Keeps a connection, if there is room.
    pub(super) fn put(&self, url: &HttpUrl, sender: Sender, since_us: i64) {
        if sender.is_closed() {
            return;
        }
        let mut all = self.0.lock();
        let idle = all.entry(server(url)).or_default();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since_us });
        }
    }

    pub(super) fn sweep(&self, now_us: i64) {
        self.0.lock().retain(|_, idle| {
            idle.retain(|idle| idle.is_good(now_us));
            !idle.is_empty()
        });
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().values().map(Vec::len).sum()
    }
}

fn server(url: &HttpUrl) -> Server {
    (url.tls, url.host.clone(), url.port)
}
