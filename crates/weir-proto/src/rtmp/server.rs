//! The server's end of an RTMP connection, sans-IO.
//!
//! It answers what the protocol alone can answer. Who may publish or watch, and what the media
//! means, is the owner's business: it gets events and calls back.

mod commands;
mod replies;
mod streams;

use std::collections::VecDeque;

use bytes::Bytes;

use super::capabilities::Capabilities;
use super::command::{Command, info};
use super::handshake::ServerHandshake;
use super::link::{Control, Link, is_media};
use super::message::{self, Message};
use super::{RtmpError, Target};
use streams::{Role, Streams};

/// Largest message before an accepted publish: commands, not media.
const MAX_EARLY_MESSAGE_BYTES: usize = 64 * 1024;
/// Bytes kept while a publish or play waits for the owner's answer: two reads of a publisher's socket.
const MAX_HELD_BYTES: usize = 128 * 1024;

/// How a session presents itself and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Bytes per chunk we send, announced at connect. The larger, the fewer headers.
    pub chunk_size: u32,
    /// Bytes after which we want an acknowledgement, and after which we give one unless the peer
    /// asks for another window.
    pub window_bytes: u32,
    /// Bytes the peer may have on the way unacknowledged.
    pub peer_bandwidth: u32,
    /// The largest message of an accepted publisher, in bytes. Before that 64 KiB.
    pub max_message_bytes: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            chunk_size: 60_000,
            window_bytes: 2_500_000,
            peer_bandwidth: 2_500_000,
            max_message_bytes: 16 * 1024 * 1024,
        }
    }
}

/// What the peer said about itself in `connect`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerInfo {
    /// Name and version of its software.
    pub flash_ver: String,
    /// The URL it connected to, without the stream.
    pub tc_url: String,
    /// The web page it runs in; empty for most.
    pub page_url: String,
    /// The app as sent, with its query.
    pub app: String,
    /// Codecs and extensions it takes.
    pub capabilities: Capabilities,
}

/// How the publisher wants its stream kept. weir decides for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PublishMode {
    /// Not kept.
    #[default]
    Live,
    /// Kept from the start.
    Record,
    /// Kept after what is there.
    Append,
}

/// Something the owner should know or decide.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerEvent {
    /// The peer connected. The session says yes by itself with the next output, unless
    /// [`RtmpServerSession::refuse_connect`] comes first.
    Connect {
        /// The app as sent.
        app: String,
        /// The URL as sent.
        tc_url: String,
    },
    /// The peer wants to publish: [`RtmpServerSession::accept_publish`] or [`RtmpServerSession::refuse`].
    Publish {
        /// Its message stream.
        msid: u32,
        /// Which stream.
        target: Target,
        /// How to keep it.
        mode: PublishMode,
    },
    /// The peer wants to watch: [`RtmpServerSession::accept_play`] or [`RtmpServerSession::refuse`].
    Play {
        /// Its message stream.
        msid: u32,
        /// Which stream.
        target: Target,
        /// Seconds from the start, −1 live only, −2 (and absent) live first.
        start: f64,
        /// Seconds to play, −1 to the end.
        duration: f64,
    },
    /// One message of an accepted publisher.
    Media {
        /// The message stream that publishes it, whichever id the message had.
        msid: u32,
        /// 8 audio, 9 video, 18 data in AMF0, 15 data in AMF3.
        message_type: u8,
        /// The publisher's own time; wraps at 2³².
        timestamp_ms: u32,
        /// The body, in FLV tag form.
        body: Bytes,
    },
    /// The publisher stopped, accepted or not.
    Unpublish {
        /// Its message stream.
        msid: u32,
    },
    /// The viewer stopped, accepted or not.
    StopPlay {
        /// Its message stream.
        msid: u32,
    },
    /// The viewer paused or resumed.
    Pause {
        /// Its message stream.
        msid: u32,
        /// Paused, or resumed.
        paused: bool,
    },
    /// How much the viewer buffers.
    BufferLength {
        /// Milliseconds.
        ms: u32,
    },
}

/// Why a wish is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRefusal<'a> {
    /// RTMP's code, such as `NetStream.Publish.BadName`.
    pub code: &'a str,
    /// Words for people.
    pub description: &'a str,
    /// The number of a code, sent as `weirCode`; 0 for none.
    pub number: u16,
}

/// Another server that has what the peer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect<'a> {
    /// `rtmp://host:port/app`, what the peer shall connect to.
    pub tc_url: &'a str,
    /// The whole URL of the stream, its parameters included. Empty for the name it asked here.
    pub url: &'a str,
}

/// One connection. Bytes in by [`receive`](Self::receive), then events out by
/// [`poll_event`](Self::poll_event), then bytes out by [`take_output`](Self::take_output).
///
/// A wish to publish or play is decided before anything behind it is read: clients that do not wait for
/// answers lose nothing by it.
#[derive(Debug)]
pub struct RtmpServerSession {
    config: ServerConfig,
    handshake: Option<ServerHandshake>,
    link: Link,
    events: VecDeque<ServerEvent>,
    peer: PeerInfo,
    connect: Connect,
    streams: Streams,
    /// The stream name of `FCPublish`, which is answered once the publish is accepted.
    fc_publish: Option<String>,
    /// Bytes behind a wish that is not decided yet.
    held: Vec<u8>,
    /// The time of the last bytes.
    now_ms: u64,
    error: Option<Box<RtmpError>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Connect {
    Awaited,
    /// Came, and is not answered yet.
    Pending {
        transaction: f64,
    },
    Answered,
}

impl RtmpServerSession {
    /// A session at its first byte. `seed` fills the handshake: random and fresh for each.
    pub fn new(config: ServerConfig, seed: [u8; 32]) -> Self {
        Self {
            link: Link::new(MAX_EARLY_MESSAGE_BYTES, config.window_bytes),
            config,
            handshake: Some(ServerHandshake::new(seed)),
            events: VecDeque::new(),
            peer: PeerInfo::default(),
            connect: Connect::Awaited,
            streams: Streams::default(),
            fc_publish: None,
            held: Vec::new(),
            now_ms: 0,
            error: None,
        }
    }

    /// Bytes from the peer; takes all of them. An error is the end: send what
    /// [`take_output`](Self::take_output) still gives (the peer is told), then close. What stands behind a
    /// wish is read once that is decided: see [`check`](Self::check).
    pub fn receive(&mut self, now_ms: u64, bytes: &[u8]) -> Result<(), RtmpError> {
        if self.error.is_some() {
            return Err(RtmpError::Protocol("bytes after an error"));
        }
        self.now_ms = now_ms;
        let result = self.take_bytes(bytes);
        self.keep(result);
        self.check()
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        let goes_on = self.events.is_empty() && !self.streams.has_wish();
        if goes_on && !self.held.is_empty() {
            let result = self.take_bytes(&[]);
            self.keep(result);
        }
        let event = self.events.pop_front();
        if event.is_none() && !self.streams.has(Role::Publishing) {
            // A viewer's session idles for hours: it keeps no queue.
            self.events = VecDeque::new();
        }
        event
    }

    /// The error that ended the session, if one did. Ask after the last event: it may stand behind a wish
    /// that was decided in between.
    pub fn check(&self) -> Result<(), RtmpError> {
        match &self.error {
            Some(error) => Err(RtmpError::clone(error)),
            None => Ok(()),
        }
    }

    /// Bytes to send to the peer since the last call; empty, without allocation, if none.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.answer_connect();
        std::mem::take(&mut self.link.output)
    }

    /// What the peer said about itself.
    pub const fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    /// All bytes received, handshake included.
    pub const fn bytes_received(&self) -> u64 {
        self.link.bytes_received
    }

    /// The chunk size of everything sent from the connect answer on.
    pub const fn chunk_size(&self) -> u32 {
        self.config.chunk_size
    }

    /// How long the last answered ping took, in milliseconds.
    pub const fn round_trip_ms(&self) -> Option<u32> {
        self.link.round_trip_ms
    }

    #[cfg(test)]
    pub(super) fn events_capacity(&self) -> usize {
        self.events.capacity()
    }

    fn keep(&mut self, result: Result<(), RtmpError>) {
        let Err(error) = result else {
            return;
        };
        if self.handshake.is_none() {
            let (text, number) = (error.to_string(), error.code().number());
            let closed = info("error", "NetConnection.Connect.Closed", &text, number);
            self.link.send_status(0, closed);
        }
        self.held = Vec::new();
        self.error = Some(Box::new(error));
    }

    fn take_bytes(&mut self, bytes: &[u8]) -> Result<(), RtmpError> {
        let mut input = bytes;
        self.link.bytes_received += bytes.len() as u64;
        if let Some(handshake) = &mut self.handshake {
            if !handshake.receive(self.now_ms, &mut input, &mut self.link.output)? {
                return Ok(());
            }
            self.handshake = None;
        }
        let mut held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            held.extend_from_slice(input);
            input = &held;
        }
        while !self.streams.has_wish()
            && let Some(message) = self.link.decoder.next(&mut input)?
        {
            if message.message_type == message::AGGREGATE {
                for part in message::split_aggregate(&message)? {
                    self.on_message(part)?;
                }
            } else {
                self.on_message(message)?;
            }
        }
        if input.len() > MAX_HELD_BYTES {
            let words = "too many bytes behind a publish or play that is not answered";
            return Err(RtmpError::Protocol(words));
        }
        self.held = input.to_vec();
        self.link.acknowledge();
        Ok(())
    }

    fn on_message(&mut self, message: Message) -> Result<(), RtmpError> {
        let (was_control, event) = self.link.control(self.now_ms, &message);
        if was_control {
            if let Some(Control::BufferLength { ms }) = event {
                self.events.push_back(ServerEvent::BufferLength { ms });
            }
            return Ok(());
        }
        match message.message_type {
            message::COMMAND_AMF0 | message::COMMAND_AMF3 => {
                match Command::decode(message.message_type, &message.body)? {
                    Some(command) => self.on_command(message.msid, &command),
                    None => Ok(()),
                }
            }
            media if is_media(media) => {
                self.on_media(message);
                Ok(())
            }
            // Shared objects and what else there may be: nothing we take, nothing that harms.
            _ => Ok(()),
        }
    }

    /// Media without an accepted publish is dropped. Encoders send it on stream 0, or on one they did not
    /// create: where only one stream publishes it can be no other's.
    fn on_media(&mut self, message: Message) {
        if let Some(msid) = self.streams.publishing_for(message.msid) {
            self.events.push_back(ServerEvent::Media {
                msid,
                message_type: message.message_type,
                timestamp_ms: message.timestamp_ms,
                body: message.body,
            });
        }
    }
}
