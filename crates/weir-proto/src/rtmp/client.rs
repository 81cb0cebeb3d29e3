//! The client's end of an RTMP connection, sans-IO: publishes or plays one stream.

use std::collections::VecDeque;

use bytes::Bytes;
use weir_media::amf::Value;

use super::capabilities::{
    CAPS_EX_MOD_EX, CAPS_EX_MULTITRACK, CAPS_EX_RECONNECT, CAPS_EX_TIMESTAMP_NANO_OFFSET,
    Capabilities, announcement,
};
use super::command::Command;
use super::handshake::ClientHandshake;
use super::link::{Control, Link, is_media};
use super::message::{self, Message, UserControl};
use super::wire::{CSID_AUDIO, CSID_DATA, CSID_VIDEO};
use super::{RtmpError, RtmpUrl};

/// Transactions of the commands whose results matter; the others share one.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 2.0;
const IGNORED: f64 = 3.0;

/// How a client presents itself and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// Bytes per chunk we send.
    pub chunk_size: u32,
    /// Bytes after which we acknowledge unless the server asks for another window.
    pub window_bytes: u32,
    /// How much we tell the server we buffer when playing, in milliseconds.
    pub buffer_ms: u32,
    /// The largest message taken, in bytes.
    pub max_message_bytes: usize,
    /// Whether to announce every codec of Enhanced RTMP.
    pub announce_codecs: bool,
    /// Whether to open with a digest, as Flash Player did.
    pub digest_handshake: bool,
    /// The name of our software.
    pub flash_ver: String,
    /// The optional user arguments of `connect` (§7.2.1.1), as the properties of one object; none where empty.
    pub arguments: Vec<(String, String)>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            chunk_size: 60_000,
            window_bytes: 2_500_000,
            buffer_ms: 1000,
            max_message_bytes: 16 * 1024 * 1024,
            announce_codecs: true,
            digest_handshake: false,
            flash_ver: "FMLE/3.0 (compatible; weir)".to_owned(),
            arguments: Vec::new(),
        }
    }
}

/// Something the owner should know.
#[derive(Debug, Clone, PartialEq)]
pub enum RtmpClientEvent {
    /// The server took `connect`.
    Connected {
        /// What it said of its codecs.
        capabilities: Capabilities,
    },
    /// Media may be sent.
    PublishStarted {
        /// Our message stream.
        msid: u32,
    },
    /// Media will come.
    PlayStarted,
    /// One message of the stream we play.
    Media {
        /// 8 audio, 9 video, 18 data in AMF0, 15 data in AMF3.
        message_type: u8,
        /// The server's time; wraps at 2³².
        timestamp_ms: u32,
        /// The body, in FLV tag form.
        body: Bytes,
    },
    /// Any status, the reasons of a refusal among them: then `level` is `error`.
    Status {
        /// `status`, `warning` or `error`.
        level: String,
        /// Such as `NetStream.Play.StreamNotFound`.
        code: String,
        /// Words for people.
        description: String,
        /// The code, from a weir server.
        weir_code: Option<u16>,
    },
    /// The stream is elsewhere.
    Redirect {
        /// URL of the stream.
        url: String,
    },
    /// The server asks us to connect again, here or there, and then leave this connection.
    Reconnect {
        /// Another `tcUrl`, if given; whole, even if it was sent relative to ours.
        tc_url: Option<String>,
    },
    /// The server ended the stream.
    Closed,
}

/// One connection. Send [`take_output`](Self::take_output) first, then feed what comes back.
#[derive(Debug)]
pub struct RtmpClientSession {
    options: ClientOptions,
    url: RtmpUrl,
    publishes: bool,
    handshake: Option<ClientHandshake>,
    link: Link,
    events: VecDeque<RtmpClientEvent>,
    msid: u32,
    started: bool,
    closed: bool,
}

impl RtmpClientSession {
    /// Publishes to `url`. `seed` fills the handshake: random and fresh for each.
    pub fn publish(url: &RtmpUrl, seed: [u8; 32], options: ClientOptions) -> Self {
        Self::new(url, seed, options, true)
    }

    /// Plays `url`. `seed` as above.
    pub fn play(url: &RtmpUrl, seed: [u8; 32], options: ClientOptions) -> Self {
        Self::new(url, seed, options, false)
    }

    fn new(url: &RtmpUrl, seed: [u8; 32], options: ClientOptions, publishes: bool) -> Self {
        let mut link = Link::new(options.max_message_bytes, options.window_bytes);
        // Nobody reads the time in C1, so it need not be asked for here.
        let digest = options.digest_handshake;
        let handshake = ClientHandshake::start(seed, digest, 0, &mut link.output);
        Self {
            options,
            url: url.clone(),
            publishes,
            handshake: Some(handshake),
            link,
            events: VecDeque::new(),
            msid: 0,
            started: false,
            closed: false,
        }
    }

    /// Bytes from the server; takes all of them. An error is the end.
    pub fn receive(&mut self, now_ms: u64, bytes: &[u8]) -> Result<(), RtmpError> {
        let mut input = bytes;
        self.link.bytes_received += bytes.len() as u64;
        if let Some(handshake) = &mut self.handshake {
            if !handshake.receive(now_ms, &mut input, &mut self.link.output)? {
                return Ok(());
            }
            self.handshake = None;
            self.send_connect();
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

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<RtmpClientEvent> {
        self.events.pop_front()
    }

    /// Bytes to send to the server since the last call; empty, without allocation, if none.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.link.output)
    }

    /// One audio, video or data message, its body `head` followed by `payload`. Nothing is sent
    /// before [`RtmpClientEvent::PublishStarted`].
    pub fn send_media(&mut self, message_type: u8, timestamp_ms: u32, head: &[u8], payload: &[u8]) {
        if !(self.publishes && self.started) || self.closed {
            return;
        }
        let csid = match message_type {
            message::AUDIO => CSID_AUDIO,
            message::VIDEO => CSID_VIDEO,
            _ => CSID_DATA,
        };
        self.link
            .send(csid, timestamp_ms, message_type, self.msid, head, payload);
    }

    /// The body of an `onMetaData` message (name and value in AMF0), sent as `@setDataFrame`.
    pub fn send_metadata(&mut self, body: &[u8]) {
        let mut head = Vec::new();
        Value::from("@setDataFrame").encode(&mut head);
        self.send_media(message::DATA_AMF0, 0, &head, body);
    }

    /// Says good-bye; send the output, then close.
    pub fn close(&mut self) {
        if self.closed || self.msid == 0 {
            return;
        }
        self.closed = true;
        if self.publishes {
            self.command(
                "FCUnpublish",
                IGNORED,
                &[self.url.stream_with_query().into()],
            );
        }
        self.command("deleteStream", 0.0, &[Value::Number(self.msid.into())]);
    }

    /// All bytes received, handshake included.
    pub const fn bytes_received(&self) -> u64 {
        self.link.bytes_received
    }

    /// Bytes made and not taken yet: what a sender watches to stay behind its socket.
    pub const fn pending_output_bytes(&self) -> usize {
        self.link.output.len()
    }

    fn on_message(&mut self, now_ms: u64, message: Message) -> Result<(), RtmpError> {
        let (was_control, event) = self.link.control(now_ms, &message);
        if was_control {
            if event == Some(Control::StreamEof) && !self.publishes {
                self.events.push_back(RtmpClientEvent::Closed);
            }
            return Ok(());
        }
        match message.message_type {
            message::COMMAND_AMF0 | message::COMMAND_AMF3 => {
                if let Some(command) = Command::decode(message.message_type, &message.body)? {
                    self.on_command(&command);
                }
            }
            media if is_media(media) && !self.publishes => {
                self.events.push_back(RtmpClientEvent::Media {
                    message_type: message.message_type,
                    timestamp_ms: message.timestamp_ms,
                    body: message.body,
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn on_command(&mut self, command: &Command) {
        match command.name.as_str() {
            "_result" if command.transaction == CONNECT => self.on_connected(command),
            "_result" if command.transaction == CREATE_STREAM => self.on_stream(command),
            "_error" if command.transaction == IGNORED => {}
            "_error" | "onStatus" => self.on_status(command),
            "close" => self.events.push_back(RtmpClientEvent::Closed),
            _ => {}
        }
    }

    fn send_connect(&mut self) {
        let mut object = vec![
            ("app".to_owned(), Value::from(self.url.app.as_str())),
            ("type".to_owned(), "nonprivate".into()),
            (
                "flashVer".to_owned(),
                self.options.flash_ver.as_str().into(),
            ),
            ("tcUrl".to_owned(), self.url.tc_url().into()),
            ("fpad".to_owned(), false.into()),
            ("capabilities".to_owned(), Value::Number(15.0)),
            // Every codec bit of the Flash days, for servers that still look.
            ("audioCodecs".to_owned(), Value::Number(4071.0)),
            ("videoCodecs".to_owned(), Value::Number(252.0)),
            ("videoFunction".to_owned(), Value::Number(1.0)),
            ("objectEncoding".to_owned(), Value::Number(0.0)),
        ];
        if self.options.announce_codecs {
            object.append(&mut announcement(
                CAPS_EX_RECONNECT
                    | CAPS_EX_MULTITRACK
                    | CAPS_EX_MOD_EX
                    | CAPS_EX_TIMESTAMP_NANO_OFFSET,
            ));
        }
        let arguments = self.options.arguments.iter();
        let arguments = arguments.map(|(name, value)| (name.clone(), value.as_str().into()));
        let arguments: Vec<_> = match self.options.arguments.is_empty() {
            true => Vec::new(),
            false => vec![Value::Object(arguments.collect())],
        };
        self.link.send_chunk_size(self.options.chunk_size);
        self.link
            .send_command(0, "connect", CONNECT, &Value::Object(object), &arguments);
    }

    fn on_connected(&mut self, command: &Command) {
        let capabilities = Capabilities::from_object(&command.object);
        self.events
            .push_back(RtmpClientEvent::Connected { capabilities });
        self.link.send_window(self.options.window_bytes);
        if self.publishes {
            let name = Value::from(self.url.stream_with_query());
            self.command("releaseStream", IGNORED, std::slice::from_ref(&name));
            self.command("FCPublish", IGNORED, &[name]);
        }
        self.command("createStream", CREATE_STREAM, &[]);
    }

    fn on_stream(&mut self, command: &Command) {
        let msid = command.number(0).unwrap_or_default();
        let valid = (1.0..=f64::from(u32::MAX)).contains(&msid);
        self.msid = if valid { msid as u32 } else { 1 };
        let name = Value::from(self.url.stream_with_query());
        if self.publishes {
            let arguments = [name, "live".into()];
            self.link
                .send_command(self.msid, "publish", IGNORED, &Value::Null, &arguments);
        } else {
            // −2: live, or else recorded.
            let arguments = [name, Value::Number(-2.0)];
            self.link
                .send_command(self.msid, "play", IGNORED, &Value::Null, &arguments);
            let (msid, ms) = (self.msid, self.options.buffer_ms);
            self.link
                .send_user_control(UserControl::BufferLength { msid, ms });
        }
    }

    fn on_status(&mut self, command: &Command) {
        let Some(info) = command.info() else {
            return;
        };
        let text = |name| {
            info.property(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (level, code) = (text("level"), text("code"));
        if let Some(url) = self.redirected(info, level) {
            self.events.push_back(RtmpClientEvent::Redirect { url });
            return;
        }
        let number = info.property("weirCode").and_then(Value::as_f64);
        self.events.push_back(RtmpClientEvent::Status {
            level: level.to_owned(),
            code: code.to_owned(),
            description: text("description").to_owned(),
            weir_code: number.and_then(code_number),
        });
        match code {
            "NetStream.Publish.Start" if self.publishes && self.msid != 0 && !self.started => {
                self.started = true;
                let msid = self.msid;
                self.events
                    .push_back(RtmpClientEvent::PublishStarted { msid });
            }
            "NetStream.Play.Start" if !self.publishes && !self.started => {
                self.started = true;
                self.events.push_back(RtmpClientEvent::PlayStarted);
            }
            "NetStream.Play.UnpublishNotify"
            | "NetStream.Play.Stop"
            | "NetStream.Play.Complete"
            | "NetConnection.Connect.Closed" => self.events.push_back(RtmpClientEvent::Closed),
            "NetConnection.Connect.ReconnectRequest" => {
                let tc_url = info.property("tcUrl").and_then(Value::as_str);
                let tc_url = tc_url.filter(|url| !url.is_empty());
                let tc_url = tc_url.map(|url| resolved(url, &self.url));
                self.events.push_back(RtmpClientEvent::Reconnect { tc_url });
            }
            _ => {}
        }
    }

    /// Where an error with an `ex` sends us: `redirect2`, or `redirect` and our stream.
    fn redirected(&self, info: &Value, level: &str) -> Option<String> {
        let place = info.property("ex").filter(|_| level == "error")?;
        let text = |name| place.property(name).and_then(Value::as_str);
        let text = |name| text(name).filter(|url| !url.is_empty());
        let whole = text("redirect2").map(str::to_owned);
        whole.or_else(|| {
            let tc_url = text("redirect")?.trim_end_matches('/');
            Some(format!("{tc_url}/{}", self.url.stream_with_query()))
        })
    }

    /// A command of the connection, without a command object.
    fn command(&mut self, name: &str, transaction: f64, arguments: &[Value]) {
        self.link
            .send_command(0, name, transaction, &Value::Null, arguments);
    }
}

/// A `tcUrl` that may be relative to the one we are connected to.
fn resolved(tc_url: &str, base: &RtmpUrl) -> String {
    let whole = base.tc_url();
    let scheme = whole.split("//").next().unwrap_or_default();
    if tc_url.starts_with("//") {
        return format!("{scheme}{tc_url}");
    }
    match tc_url.strip_prefix('/') {
        Some(app) => {
            let authority = whole.strip_suffix(&base.app).unwrap_or(&whole);
            format!("{authority}{app}")
        }
        None => tc_url.to_owned(),
    }
}

fn code_number(number: f64) -> Option<u16> {
    let valid = (1.0..=f64::from(u16::MAX)).contains(&number);
    valid.then_some(number as u16)
}
