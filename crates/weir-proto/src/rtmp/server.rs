//! The server's end of an RTMP connection, sans-IO.
//!
//! It answers what the protocol alone can answer. Who may publish or watch, and what the media
//! means, is the owner's business: it gets events and calls back.

mod commands;
mod replies;

use std::collections::VecDeque;

use bytes::Bytes;

use super::capabilities::Capabilities;
use super::command::{Command, info};
use super::handshake::ServerHandshake;
use super::link::{Control, Link, is_media};
use super::message::{self, Message};
use super::{RtmpError, Target};

/// How many message streams a connection may have open. Clients use one, some two.
const MAX_MESSAGE_STREAMS: usize = 8;
/// Largest message before an accepted publish: commands, not media.
const MAX_EARLY_MESSAGE_BYTES: usize = 64 * 1024;

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
#[derive(Debug)]
pub struct RtmpServerSession {
    config: ServerConfig,
    handshake: Option<ServerHandshake>,
    link: Link,
    events: VecDeque<ServerEvent>,
    peer: PeerInfo,
    connect: Connect,
    streams: Vec<MessageStream>,
    /// The stream name of `FCPublish`, which is answered once the publish is accepted.
    fc_publish: Option<String>,
    failed: bool,
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

#[derive(Debug, Clone, Copy)]
struct MessageStream {
    msid: u32,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Idle,
    PublishAsked,
    Publishing,
    PlayAsked,
    Playing,
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
            streams: Vec::new(),
            fc_publish: None,
            failed: false,
        }
    }

    /// Bytes from the peer; takes all of them. An error is the end: send what
    /// [`take_output`](Self::take_output) still gives (the peer is told), then close.
    pub fn receive(&mut self, now_ms: u64, bytes: &[u8]) -> Result<(), RtmpError> {
        if self.failed {
            return Err(RtmpError::Protocol("bytes after an error"));
        }
        let result = self.take_bytes(now_ms, bytes);
        if let Err(error) = &result {
            self.failed = true;
            if self.handshake.is_none() {
                let (text, number) = (error.to_string(), error.code().number());
                let closed = info("error", "NetConnection.Connect.Closed", &text, number);
                self.link.send_status(0, closed);
            }
        }
        result
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        let event = self.events.pop_front();
        if event.is_none() && !self.has_role(Role::Publishing) {
            // A viewer's session idles for hours: it keeps no queue.
            self.events = VecDeque::new();
        }
        event
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

    fn take_bytes(&mut self, now_ms: u64, bytes: &[u8]) -> Result<(), RtmpError> {
        let mut input = bytes;
        self.link.bytes_received += bytes.len() as u64;
        if let Some(handshake) = &mut self.handshake {
            if !handshake.receive(now_ms, &mut input, &mut self.link.output)? {
                return Ok(());
            }
            self.handshake = None;
        }
        while let Some(message) = self.link.decoder.next(&mut input)? {
            if message.message_type == message::AGGREGATE {
                for part in message::split_aggregate(&message)? {
                    self.on_message(now_ms, part)?;
                }
            } else {
                self.on_message(now_ms, message)?;
            }
        }
        self.link.acknowledge();
        Ok(())
    }

    fn on_message(&mut self, now_ms: u64, message: Message) -> Result<(), RtmpError> {
        let (was_control, event) = self.link.control(now_ms, &message)?;
        if was_control {
            if let Some(Control::BufferLength { ms }) = event {
                self.events.push_back(ServerEvent::BufferLength { ms });
            }
            return Ok(());
        }
        match message.message_type {
            message::COMMAND_AMF0 | message::COMMAND_AMF3 => {
                let command = Command::decode(message.message_type, &message.body)?;
                self.on_command(message.msid, &command)
            }
            media if is_media(media) => {
                self.on_media(message);
                Ok(())
            }
            // Shared objects and what else there may be: nothing we take, nothing that harms.
            _ => Ok(()),
        }
    }

    /// Media without an accepted publish is dropped: the peer did not wait for the answer. Some
    /// encoders send it on stream 0 instead of the one they publish on.
    fn on_media(&mut self, message: Message) {
        let publishing = self.stream_with(Role::Publishing);
        if publishing.is_some_and(|msid| message.msid == msid || message.msid == 0) {
            self.events.push_back(ServerEvent::Media {
                message_type: message.message_type,
                timestamp_ms: message.timestamp_ms,
                body: message.body,
            });
        }
    }

    fn stream_with(&self, role: Role) -> Option<u32> {
        let found = self.streams.iter().find(|stream| stream.role == role);
        found.map(|stream| stream.msid)
    }

    fn has_role(&self, role: Role) -> bool {
        self.stream_with(role).is_some()
    }

    fn stream_mut(&mut self, msid: u32) -> Option<&mut MessageStream> {
        self.streams.iter_mut().find(|stream| stream.msid == msid)
    }
}
