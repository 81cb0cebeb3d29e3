//! The fake link.

use crate::rtmp::{
    ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpServerSession, RtmpUrl, ServerConfig,
    ServerEvent,
};

pub(crate) const URL: &str = "rtmp://127.0.0.1:1935/live/show?sign=abc";

/// A server, a client, and bytes between them in pieces of any size; a millisecond a turn.
pub(crate) struct Wire {
    pub(crate) server: RtmpServerSession,
    pub(crate) client: RtmpClientSession,
    pub(crate) server_events: Vec<ServerEvent>,
    pub(crate) client_events: Vec<RtmpClientEvent>,
    pub(crate) now_ms: u64,
    pieces: Vec<usize>,
    turn: usize,
}

impl Wire {
    pub(crate) fn new(publishes: bool, options: ClientOptions, pieces: &[usize]) -> Self {
        Self::to(URL, publishes, options, pieces)
    }

    pub(crate) fn to(url: &str, publishes: bool, options: ClientOptions, pieces: &[usize]) -> Self {
        let url = RtmpUrl::parse(url).unwrap();
        let client = if publishes {
            RtmpClientSession::publish(&url, [1; 32], options)
        } else {
            RtmpClientSession::play(&url, [1; 32], options)
        };
        Self {
            server: RtmpServerSession::new(ServerConfig::default(), [2; 32]),
            client,
            server_events: Vec::new(),
            client_events: Vec::new(),
            now_ms: 1000,
            pieces: pieces.to_vec(),
            turn: 0,
        }
    }

    /// Carries bytes both ways until nobody has anything to say.
    pub(crate) fn settle(&mut self) {
        loop {
            let (up, down) = (self.client.take_output(), self.server.take_output());
            if up.is_empty() && down.is_empty() {
                return;
            }
            self.now_ms += 1;
            self.carry(&up, true);
            self.carry(&down, false);
        }
    }

    fn carry(&mut self, bytes: &[u8], to_server: bool) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = self.pieces[self.turn % self.pieces.len()].clamp(1, rest.len());
            self.turn += 1;
            let (now, later) = rest.split_at(piece);
            rest = later;
            if to_server {
                self.server.receive(self.now_ms, now).unwrap();
                self.server_events
                    .extend(std::iter::from_fn(|| self.server.poll_event()));
            } else {
                self.client.receive(self.now_ms, now).unwrap();
                self.client_events
                    .extend(std::iter::from_fn(|| self.client.poll_event()));
            }
        }
    }

    /// Takes the server's events so far, those behind a wish that was decided since among them.
    pub(crate) fn at_server(&mut self) -> Vec<ServerEvent> {
        self.server_events
            .extend(std::iter::from_fn(|| self.server.poll_event()));
        std::mem::take(&mut self.server_events)
    }

    /// Takes the client's events so far.
    pub(crate) fn at_client(&mut self) -> Vec<RtmpClientEvent> {
        std::mem::take(&mut self.client_events)
    }
}

/// A wire with an accepted publish on message stream 1, events taken.
pub(crate) fn published(pieces: &[usize]) -> Wire {
    let mut wire = Wire::new(true, ClientOptions::default(), pieces);
    wire.settle();
    wire.server.accept_publish(1);
    wire.settle();
    wire.at_server();
    wire.at_client();
    wire
}
