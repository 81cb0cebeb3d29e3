//! A raw SLSP publisher (`docs/ref/slsp.md`), written from the protocol alone: it says what a test
//! tells it to say, right or wrong, and keeps all that the server answers.

mod feed;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::http::Request;
use crate::wait::{Stopwatch, until};
use crate::ws::{Tunnel, upgrade};

pub use feed::{Container, Feed, Pump};

/// Seconds an answer may take.
const PATIENCE_S: u64 = 20;
/// Largest message taken from the server, in bytes.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;
const SUBPROTOCOL: &str = "slsp.v1";

/// What the server said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A text message.
    Text(Value),
    /// A binary message.
    Media(Vec<u8>),
    /// A pong, with what the ping carried.
    Pong(Vec<u8>),
    /// The close frame: code (1005 for none) and reason.
    Close(u16, String),
    /// The connection ended.
    Gone,
}

/// All the server has said, with the second it came; shared with whoever sends.
#[derive(Debug, Clone)]
pub struct Inbox {
    said: Arc<Mutex<Vec<(f64, Said)>>>,
    clock: Stopwatch,
}

impl Inbox {
    fn new() -> Self {
        Self {
            said: Arc::default(),
            clock: Stopwatch::start(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(f64, Said)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since the connection.
    pub fn now_s(&self) -> f64 {
        self.clock.elapsed_s()
    }

    /// The messages of a type, with the second they came.
    pub fn all(&self, message_type: &str) -> Vec<(f64, Value)> {
        let of_type = |(at_s, said): &(f64, Said)| match said {
            Said::Text(value) if value["type"] == message_type => Some((*at_s, value.clone())),
            _ => None,
        };
        self.lock().iter().filter_map(of_type).collect()
    }

    /// Waits for the first message of a type.
    ///
    /// # Panics
    /// When none comes, with what came.
    pub fn wait(&self, message_type: &str) -> Value {
        self.wait_within(message_type, PATIENCE_S)
    }

    /// The same with a patience of one's own.
    pub fn wait_within(&self, message_type: &str, within_s: u64) -> Value {
        until(&format!("the server says {message_type}"), within_s, || {
            if let Some((_, message)) = self.all(message_type).into_iter().next() {
                return Some(message);
            }
            assert!(
                !self.lock().iter().any(|(_, said)| *said == Said::Gone),
                "the connection ended before {message_type}: {}",
                self.words()
            );
            None
        })
    }

    /// Bytes of the last acknowledgement.
    pub fn acked_bytes(&self) -> u64 {
        self.all("ack")
            .last()
            .map_or(0, |(_, ack)| ack["bytes"].as_u64().unwrap())
    }

    /// Waits for the end: the error the server named (null if none), close code and reason; 1006 for
    /// a connection that broke.
    pub fn end(&self) -> (Value, u16, String) {
        self.end_within(PATIENCE_S)
    }

    /// The same with a patience of one's own.
    pub fn end_within(&self, within_s: u64) -> (Value, u16, String) {
        until("the server ends the connection", within_s, || {
            let said = self.lock();
            let close = said.iter().find_map(|(_, said)| match said {
                Said::Close(code, reason) => Some((*code, reason.clone())),
                Said::Gone => Some((1006, String::new())),
                _ => None,
            });
            drop(said);
            let (code, reason) = close?;
            let errors = self.all("error");
            assert!(errors.len() < 2, "{errors:?}");
            let error = errors.into_iter().next().map_or(Value::Null, |(_, e)| e);
            Some((error, code, reason))
        })
    }

    /// The code of the registry and the close code by which the server ends it; all that has to fit
    /// together is looked at.
    ///
    /// # Panics
    /// When there is no error message, or it does not fit the close frame.
    pub fn refusal(&self) -> (u64, u16) {
        let (error, close, reason) = self.end();
        let code = error["code"].as_u64();
        let code = code.unwrap_or_else(|| panic!("no error message: {}", self.words()));
        let name = error["name"].as_str().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.len() > 10, "no words: {error}");
        assert_eq!(reason, format!("{code} {name}"), "{error}");
        (code, close)
    }

    /// Whether the connection is over.
    pub fn is_over(&self) -> bool {
        let over = |said: &Said| matches!(said, Said::Gone | Said::Close(..));
        self.lock().iter().any(|(_, said)| over(said))
    }

    /// Pongs so far.
    pub fn pongs(&self) -> Vec<Vec<u8>> {
        let pong = |(_, said): &(f64, Said)| match said {
            Said::Pong(payload) => Some(payload.clone()),
            _ => None,
        };
        self.lock().iter().filter_map(pong).collect()
    }

    /// Everything in short, for a failure.
    pub fn words(&self) -> String {
        let said = self.lock();
        let acks = |said: &Said| matches!(said, Said::Text(value) if value["type"] == "ack");
        let others = said.iter().filter(|(_, one)| !acks(one));
        others
            .map(|(at_s, one)| format!("{at_s:.2} s: {one:.300?}"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A connected publisher.
pub struct Client {
    writer: Box<dyn Write + Send>,
    inbox: Inbox,
    socket: Option<TcpStream>,
    _tunnel: Option<Tunnel>,
}

impl Client {
    /// Connects to `ws://host:port/slsp/…`, without saying hello.
    pub fn connect(url: &str) -> Self {
        Self::try_connect(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// The same.
    ///
    /// # Errors
    /// When there is no connection or no upgrade.
    pub fn try_connect(url: &str) -> io::Result<Self> {
        let request = Request::get(&url.replacen("ws://", "http://", 1));
        let request = upgrade(request).header("Sec-WebSocket-Protocol", SUBPROTOCOL);
        let answer = request.open()?;
        let selected = answer.header("sec-websocket-protocol");
        if (answer.status, selected) != (101, Some(SUBPROTOCOL)) {
            let words = format!("status {}, subprotocol {selected:?}", answer.status);
            return Err(io::Error::other(words));
        }
        let reader = answer.into_inner();
        let socket = reader.get_ref().try_clone()?;
        socket.set_read_timeout(None)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            writer: Box::new(socket.try_clone()?),
            inbox: listen(Box::new(reader)),
            socket: Some(socket),
            _tunnel: None,
        })
    }

    /// Connects to `wss://host:port/slsp/…` through `openssl s_client`, which trusts anybody.
    pub fn connect_tls(openssl: &mut Command, url: &str) -> Self {
        let more = format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n");
        let (tunnel, reader, writer) = Tunnel::upgrade(openssl, url, &more);
        Self {
            writer: Box::new(writer),
            inbox: listen(Box::new(reader)),
            socket: None,
            _tunnel: Some(tunnel),
        }
    }

    /// Connects, says hello and waits for ready.
    pub fn publishing(url: &str, container: Container) -> (Self, Value) {
        let mut client = Self::connect(url);
        let ready = client.hello(&json!({ "container": container.name() }));
        (client, ready)
    }

    /// Connects with the token of a session; `ready` says whether that worked.
    pub fn resuming(url: &str, container: Container, token: &str) -> (Self, Value) {
        let mut client = Self::connect(url);
        let hello = json!({ "container": container.name(), "resume": token });
        let ready = client.hello(&hello);
        (client, ready)
    }

    /// Says hello with these members, waits for ready.
    pub fn hello(&mut self, members: &Value) -> Value {
        self.say_hello(members);
        self.inbox.wait("ready")
    }

    /// Says hello with these members (version 1 unless they say otherwise), waits for nothing.
    pub fn say_hello(&mut self, members: &Value) {
        let mut hello = json!({ "type": "hello", "v": 1, "agent": "weir-testkit" });
        for (name, value) in members.as_object().into_iter().flatten() {
            hello[name] = value.clone();
        }
        self.say(&hello).unwrap();
    }

    /// A control message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn say(&mut self, message: &Value) -> io::Result<()> {
        self.frame(0x1, message.to_string().as_bytes())
    }

    /// A binary message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn media(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frame(0x2, bytes)
    }

    /// A frame of one's own: opcode, final.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.raw(&frame(0x80 | opcode, payload))
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }

    /// Says goodbye with a close frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn close(&mut self, code: u16) -> io::Result<()> {
        self.frame(0x8, &code.to_be_bytes())
    }

    /// Breaks the connection without a close frame.
    pub fn abandon(self) {
        drop(self);
    }

    /// What the server has said.
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// A frame with this first byte and a mask that is no mask of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x17, 0xe0, 0x3c];
    let mut out = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    out.extend(masked.map(|(byte, mask)| byte ^ mask));
    out
}

/// Keeps what comes until the end.
fn listen(mut reader: Box<dyn Read + Send>) -> Inbox {
    let inbox = Inbox::new();
    let kept = inbox.clone();
    let body = move || {
        loop {
            let said = message(&mut reader).unwrap_or(Said::Gone);
            let at_s = kept.now_s();
            let is_end = said == Said::Gone;
            kept.lock().push((at_s, said));
            if is_end {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("slsp inbox".into());
    thread.spawn(body).unwrap();
    inbox
}

/// The next message of a server that keeps RFC 6455 and cuts nothing.
fn message(reader: &mut impl Read) -> io::Result<Said> {
    let [first, second] = bytes::<2>(reader)?;
    assert!(
        first & 0xf0 == 0x80 && second & 0x80 == 0,
        "reserved bits, a mask or a fragment: {first:#x} {second:#x}"
    );
    let length = match second {
        126 => u64::from(u16::from_be_bytes(bytes(reader)?)),
        127 => u64::from_be_bytes(bytes(reader)?),
        short => u64::from(short),
    };
    assert!(length <= MAX_MESSAGE_BYTES, "a message of {length} bytes");
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    reader.read_exact(&mut payload)?;
    Ok(match first & 0x0f {
        0x1 => Said::Text(serde_json::from_slice(&payload).expect("control is JSON")),
        0x2 => Said::Media(payload),
        0x8 => {
            let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            let reason = payload.get(2..).unwrap_or_default();
            let reason = String::from_utf8(reason.to_vec()).expect("a reason in UTF-8");
            Said::Close(code.unwrap_or(1005), reason)
        }
        0xa => Said::Pong(payload),
        opcode => panic!("opcode {opcode}"),
    })
}

fn bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_length_their_size_needs() {
        assert_eq!(frame(0x82, &[0; 125])[..2], [0x82, 0x80 | 125]);
        assert_eq!(frame(0x82, &[0; 126])[..4], [0x82, 0x80 | 126, 0, 126]);
        let long = frame(0x82, &vec![0; 70_000]);
        assert_eq!(long[1], 0x80 | 127);
        assert_eq!(long.len(), 2 + 8 + 4 + 70_000);
    }

    #[test]
    fn what_a_server_says_is_read() {
        let mut said = &b"\x81\x11{\"type\":\"ready\"} \x82\x02xy\x88\x06\x03\xe84001"[..];
        assert_eq!(
            message(&mut said).unwrap(),
            Said::Text(json!({ "type": "ready" }))
        );
        assert_eq!(message(&mut said).unwrap(), Said::Media(b"xy".to_vec()));
        assert_eq!(
            message(&mut said).unwrap(),
            Said::Close(1000, "4001".into())
        );
        assert!(message(&mut said).is_err());
    }
}
