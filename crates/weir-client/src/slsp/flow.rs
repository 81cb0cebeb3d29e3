//! What goes to the server and when, without sockets: the container, the window in which it is
//! under way, what is held to be sent again, and what is left out. Times are in milliseconds of any
//! clock that does not go back.

use std::collections::VecDeque;

use bytes::Bytes;
use weir_media::flv::write::{put_file_header, put_tag};
use weir_media::flv::{TAG_AUDIO, TAG_SCRIPT, TAG_VIDEO};
use weir_proto::slsp::{Ready, SlspClientEvent, SlspClientSession, SlspError, Stats};

use super::held::{Held, MAX_HELD_BYTES};
use super::way::{Pace, RoundTrip, Window};
use crate::adapt::{Dropped, GROUP_MS, GROUP_TARGET_MS, Queue};
use crate::clip::{ClipTag, Role, low_32};

/// The container sent.
const CONTAINER: &str = "flv";
/// Who we are, for the server's logs.
const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));
/// Most bytes a tag has around its body.
const TAG_OVERHEAD_BYTES: usize = 15;

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// Control.
    Text(String),
    /// A piece of the container.
    Media(Bytes),
}

/// How it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Gauge {
    /// Time of media waiting and under way, beyond the round trip.
    pub(crate) queue_ms: i64,
    /// What was left out.
    pub(crate) dropped: Dropped,
    /// The round trip at rest, in milliseconds.
    pub(crate) rtt_ms: Option<f64>,
    /// Bytes of media sent, those sent again included.
    pub(crate) sent_bytes: u64,
}

/// Takes tags, gives messages: the caller sends them and reports what the server says.
#[derive(Debug)]
pub(crate) struct Flow {
    adapts: bool,
    session: SlspClientSession,
    queue: Queue,
    held: Held,
    /// To go before anything else.
    first: VecDeque<Message>,
    /// The container's beginning is still to be written.
    needs_head: bool,
    /// Where the container was begun anew, until the server is known to have heard of it.
    restarted_at: Option<u64>,
    /// Metadata, video and audio headers as sent last.
    headers: [Option<Bytes>; 3],
    /// Pictures went before, so that others may refer to them.
    has_pictures: bool,
    /// There was no connection, and what waited meanwhile is still on its way.
    catches_up: bool,
    pace: Pace,
    trip: RoundTrip,
    window: Window,
    sent_bytes: u64,
    offered: Offered,
}

/// What the source gave since the last [`Flow::stats`].
#[derive(Debug, Default)]
struct Offered {
    bytes: u64,
    pictures: u64,
    since_ms: u64,
}

impl Flow {
    /// Before the first connection; `headers` are metadata, video and audio headers that are known
    /// already.
    pub(crate) fn new(adapts: bool, headers: [Option<Bytes>; 3]) -> Self {
        let [_, video, _] = &headers;
        let has_pictures = video.is_some();
        Self {
            adapts,
            session: SlspClientSession::new(),
            queue: Queue::new(adapts),
            has_pictures,
            catches_up: false,
            held: Held::default(),
            first: VecDeque::new(),
            needs_head: true,
            restarted_at: None,
            headers,
            pace: Pace::default(),
            trip: RoundTrip::default(),
            window: Window::default(),
            sent_bytes: 0,
            offered: Offered::default(),
        }
    }

    /// The first message of a connection.
    pub(crate) fn hello(&mut self) -> String {
        self.first.clear();
        self.session.hello(CONTAINER, AGENT)
    }

    /// The last message.
    pub(crate) fn bye(&self) -> String {
        self.session.bye()
    }

    /// Takes a tag of the source.
    pub(crate) fn push(&mut self, tag: ClipTag, is_connected: bool) {
        if tag.is_extra {
            return;
        }
        self.offered.bytes += tag.body.len() as u64;
        let is_picture = matches!(tag.role, Role::Key | Role::Picture | Role::Disposable);
        self.offered.pictures += u64::from(is_picture);
        self.queue.push(tag);
        let queue_ms = self.queue_ms();
        self.catches_up = !is_connected || (self.catches_up && queue_ms > GROUP_TARGET_MS);
        // What waited for a connection is not too much of itself: the newest group is kept for it.
        let keep_ms = match self.catches_up {
            true => GROUP_MS,
            false => GROUP_TARGET_MS,
        };
        self.queue.trim(queue_ms, keep_ms);
    }

    /// Reads a text message of the server's.
    ///
    /// # Errors
    /// When it breaks the protocol: also by a `ready` that counts bytes which were never sent.
    pub(crate) fn heard(
        &mut self,
        now_ms: u64,
        text: &[u8],
    ) -> Result<Option<SlspClientEvent>, SlspError> {
        let has_session = self.session.resume_ms().is_some();
        let event = self.session.text(now_ms, text)?;
        match &event {
            Some(SlspClientEvent::Ready(ready)) => {
                self.check(ready, has_session)?;
                self.offered.since_ms = now_ms;
                self.begin(ready);
            }
            Some(SlspClientEvent::Acked) => self.acked(now_ms),
            _ => {}
        }
        Ok(event)
    }

    /// The next message, if one may go out now.
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<Message> {
        if self.wait_until(now_ms).is_some() {
            return None;
        }
        if let Some(message) = self.first.pop_front() {
            if let Message::Media(bytes) = &message {
                self.count(now_ms, bytes.len());
            }
            return Some(message);
        }
        if self.is_window_full() {
            return None;
        }
        if self.needs_head {
            return self.head(now_ms);
        }
        let queued = self.queue.pop(self.queue_ms())?;
        self.remember(&queued.tag);
        Some(self.hand_over(now_ms, tag_bytes(&queued.tag), queued.at_ms))
    }

    /// Until when the limit forbids to send, if it does.
    pub(crate) fn wait_until(&mut self, now_ms: u64) -> Option<u64> {
        let max_kbps = self.session.max_kbps()?;
        self.pace.wait_until(now_ms, max_kbps)
    }

    /// How it went since the last time, for the server's curves.
    pub(crate) fn stats(&mut self, now_ms: u64) -> String {
        let offered = std::mem::take(&mut self.offered);
        self.offered.since_ms = now_ms;
        let past_ms = now_ms.saturating_sub(offered.since_ms).max(1) as f64;
        self.session.stats(Stats {
            fps: (offered.pictures as f64 * 1000.0 / past_ms).round(),
            kbps: (offered.bytes as f64 * 8.0 / past_ms).round(),
            queue_ms: self.queue_ms() as f64,
            dropped: self.queue.dropped().pictures as f64,
            encoder: AGENT.to_owned(),
        })
    }

    /// How it goes.
    pub(crate) fn gauge(&self) -> Gauge {
        Gauge {
            queue_ms: self.queue_ms(),
            dropped: self.queue.dropped(),
            rtt_ms: self.trip.ms(),
            sent_bytes: self.sent_bytes,
        }
    }

    /// Milliseconds a dropped connection may be replaced within; `None` before the first one.
    pub(crate) fn resume_ms(&self) -> Option<u64> {
        self.session.resume_ms().map(u64::from)
    }

    /// Bytes that wait for the socket.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Whether something is under way: an acknowledgement must come.
    pub(crate) const fn awaits_ack(&self) -> bool {
        self.session.unacked_bytes() > 0
    }

    /// Whether all has arrived.
    pub(crate) fn is_delivered(&self) -> bool {
        self.queue.front().is_none() && self.first.is_empty() && !self.awaits_ack()
    }

    fn check(&self, ready: &Ready, has_session: bool) -> Result<(), SlspError> {
        if ready.resumed && !has_session {
            return Err(SlspError::Order("a session resumed that never was"));
        }
        let sent = if ready.resumed { self.held.end() } else { 0 };
        if ready.bytes > sent {
            return Err(SlspError::Order(
                "a session with bytes that were never sent",
            ));
        }
        Ok(())
    }

    fn queue_ms(&self) -> i64 {
        let waiting_ms = self.queue.front().map(|queued| queued.at_ms);
        let Some(oldest_ms) = self.held.oldest_ms().or(waiting_ms) else {
            return 0;
        };
        let rtt_ms = self.trip.ms().unwrap_or(0.0) as i64;
        (self.queue.newest_ms() - oldest_ms - rtt_ms).max(0)
    }

    fn acked(&mut self, now_ms: u64) {
        let arrived = self.session.sent_bytes() - self.session.unacked_bytes();
        self.restarted_at = self.restarted_at.filter(|at| arrived <= *at);
        let was_full = self.is_window_full();
        if let Some(sent_ms) = self.held.acked(arrived) {
            let rtt_ms = now_ms.saturating_sub(sent_ms) as f64;
            self.trip.sample(now_ms, rtt_ms);
            let rest_ms = self.trip.ms().unwrap_or(rtt_ms);
            self.window.acked(rtt_ms, rest_ms, was_full);
        }
    }

    /// After hello: goes on where the server is, or begins the container anew.
    fn begin(&mut self, ready: &Ready) {
        self.first.clear();
        let rest = self.held.from(ready.bytes).filter(|_| ready.resumed);
        let is_heard = self.restarted_at.is_none_or(|at| ready.bytes > at);
        if let Some(rest) = rest {
            self.held.acked(ready.bytes);
            if is_heard {
                self.restarted_at = None;
            } else {
                let restart = self.session.restart(CONTAINER);
                self.first.push_back(Message::Text(restart));
            }
            self.first.extend(rest.into_iter().map(Message::Media));
            return;
        }
        self.held = Held::at(ready.bytes);
        self.restarted_at = None;
        if ready.resumed && ready.bytes > 0 {
            self.restarted_at = Some(ready.bytes);
            let restart = self.session.restart(CONTAINER);
            self.first.push_back(Message::Text(restart));
        }
        self.needs_head = true;
        if self.has_pictures {
            self.queue.require_key();
        }
    }

    /// The container's beginning, at the time of what comes next.
    fn head(&mut self, now_ms: u64) -> Option<Message> {
        let (time_ms, at_ms) = self
            .queue
            .front()
            .map(|queued| (queued.tag.time_ms, queued.at_ms))?;
        self.needs_head = false;
        let mut bytes = Vec::new();
        // Which tracks there will be is not known, and nobody believes these flags.
        put_file_header(&mut bytes, true, true);
        for (kind, body) in [TAG_SCRIPT, TAG_VIDEO, TAG_AUDIO].iter().zip(&self.headers) {
            if let Some(body) = body {
                put_tag(&mut bytes, *kind, low_32(time_ms), &[], body);
            }
        }
        Some(self.hand_over(now_ms, bytes, at_ms))
    }

    fn remember(&mut self, tag: &ClipTag) {
        let index = match tag.role {
            Role::Metadata => 0,
            Role::VideoConfig => 1,
            Role::AudioConfig => 2,
            Role::Sound => return,
            Role::Key | Role::Picture | Role::Disposable => {
                self.has_pictures = true;
                return;
            }
        };
        if let Some(header) = self.headers.get_mut(index) {
            *header = Some(tag.body.clone());
        }
    }

    fn hand_over(&mut self, now_ms: u64, bytes: Vec<u8>, at_ms: i64) -> Message {
        let bytes = Bytes::from(bytes);
        self.held.push(now_ms, bytes.clone(), at_ms, self.adapts);
        self.count(now_ms, bytes.len());
        Message::Media(bytes)
    }

    fn count(&mut self, now_ms: u64, bytes: usize) {
        self.session.media(now_ms, bytes);
        self.pace.sent(bytes);
        self.sent_bytes += bytes as u64;
    }

    /// Whether as much is under way as may be. What is not to be adapted goes as fast as it can, as
    /// long as all of it is held to be sent again.
    fn is_window_full(&self) -> bool {
        if self.held.is_empty() {
            return false;
        }
        if !self.adapts {
            let next = self.queue.front().map_or(0, |queued| queued.tag.body.len());
            return self.held.bytes().saturating_add(next as u64) >= MAX_HELD_BYTES / 2;
        }
        self.held.span_ms() >= self.window.ms(self.trip.ms())
            || self.held.bytes() >= MAX_HELD_BYTES / 2
    }
}

fn tag_bytes(tag: &ClipTag) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(tag.body.len() + TAG_OVERHEAD_BYTES);
    put_tag(&mut bytes, tag.kind, low_32(tag.time_ms), &[], &tag.body);
    bytes
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;
