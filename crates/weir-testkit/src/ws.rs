//! A WebSocket viewer (RFC 6455) over any byte stream: reads what a server sends, strictly.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::http::Request;

/// The key of the RFC's own example (§1.3) and the answer it has to get.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// Largest message taken, in bytes.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A binary message.
    Binary(Vec<u8>),
    /// A text message.
    Text(String),
    /// Pong, with what the ping carried.
    Pong(Vec<u8>),
    /// The end: code and reason.
    Close(u16, String),
}

/// A connected viewer.
pub struct WsClient {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    _tunnel: Option<Tunnel>,
}

impl WsClient {
    /// Connects to `ws://host:port/path`.
    pub fn connect(url: &str) -> Self {
        Self::connect_as(url, "", &[])
    }

    /// The same, with a subprotocol.
    pub fn connect_for(url: &str, subprotocol: &str) -> Self {
        Self::connect_as(url, subprotocol, &[])
    }

    /// The same, with header lines more.
    pub fn connect_as(url: &str, subprotocol: &str, headers: &[(&str, &str)]) -> Self {
        let url = url.replacen("ws://", "http://", 1);
        let mut request = upgrade(Request::get(&url));
        if !subprotocol.is_empty() {
            request = request.header("Sec-WebSocket-Protocol", subprotocol);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request
            .open()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(
            (answer.status, answer.header("sec-websocket-accept")),
            (101, Some(ACCEPT))
        );
        let reader = answer.into_inner();
        let writer = reader.get_ref().try_clone().unwrap();
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            _tunnel: None,
        }
    }

    /// Connects to `wss://host:port/path` through `openssl s_client`, which trusts anybody.
    pub fn connect_tls(openssl: &mut Command, url: &str) -> Self {
        let (tunnel, reader, writer) = Tunnel::upgrade(openssl, url, "");
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            _tunnel: Some(tunnel),
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// When the connection ends without a close frame, or the server breaks the protocol.
    pub fn next_message(&mut self) -> io::Result<Message> {
        let [first, second] = self.bytes::<2>()?;
        if first & 0x70 != 0 || second & 0x80 != 0 || first & 0x80 == 0 {
            return Err(io::Error::other(format!(
                "reserved bits, a mask or a fragment: {first:#x} {second:#x}"
            )));
        }
        let length = match second {
            126 => u64::from(u16::from_be_bytes(self.bytes()?)),
            127 => u64::from_be_bytes(self.bytes()?),
            short => u64::from(short),
        };
        assert!(length <= MAX_MESSAGE_BYTES, "a message of {length} bytes");
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.reader.read_exact(&mut payload)?;
        match first & 0x0f {
            0x1 => String::from_utf8(payload)
                .map(Message::Text)
                .map_err(io::Error::other),
            0x2 => Ok(Message::Binary(payload)),
            0xa => Ok(Message::Pong(payload)),
            0x8 => {
                let code = payload
                    .first_chunk()
                    .map_or(1005, |code| u16::from_be_bytes(*code));
                Ok(Message::Close(
                    code,
                    String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned(),
                ))
            }
            opcode => Err(io::Error::other(format!("opcode {opcode}"))),
        }
    }

    /// Sends a ping of up to 125 bytes.
    pub fn ping(&mut self, payload: &[u8]) {
        self.send(0x9, payload);
    }

    /// Sends a text message.
    pub fn text(&mut self, text: &str) {
        self.send(0x1, text.as_bytes());
    }

    /// Sends a binary message.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.send(0x2, bytes);
    }

    /// Says goodbye.
    pub fn close(&mut self, code: u16) {
        self.send(0x8, &code.to_be_bytes());
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let written = self.writer.write_all(bytes);
        written.and_then(|()| self.writer.flush()).unwrap();
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) {
        // A mask of zeros is a mask: the payload stays readable.
        let mut frame = vec![0x80 | opcode];
        match u8::try_from(payload.len()) {
            Ok(short @ 0..=125) => frame.push(0x80 | short),
            _ => {
                let bytes = u16::try_from(payload.len()).expect("a short message");
                frame.push(0x80 | 126);
                frame.extend_from_slice(&bytes.to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.writer
            .write_all(&frame)
            .and_then(|()| self.writer.flush())
            .unwrap();
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Makes a GET an upgrade.
pub fn upgrade(request: Request) -> Request {
    request
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY)
}

/// `openssl s_client`, which dies with its guard.
#[derive(Debug)]
pub struct Tunnel(Child);

impl Tunnel {
    /// Connects to `address` with TLS.
    pub fn open(openssl: &mut Command, address: &str) -> (Self, ChildStdin, ChildStdout) {
        let mut child = openssl
            .args(["s_client", "-quiet", "-connect", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        (Self(child), stdin, stdout)
    }

    /// Connects to `wss://host:port/path` and makes a WebSocket of it; `more` are header lines.
    pub(crate) fn upgrade(
        openssl: &mut Command,
        url: &str,
        more: &str,
    ) -> (Self, BufReader<ChildStdout>, ChildStdin) {
        let rest = url
            .strip_prefix("wss://")
            .unwrap_or_else(|| panic!("{url} is not wss://"));
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (tunnel, mut writer, stdout) = Self::open(openssl, address);
        let mut reader = BufReader::new(stdout);
        let head = format!(
            "GET /{path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
        );
        writer
            .write_all(head.as_bytes())
            .and_then(|()| writer.flush())
            .unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            assert!(
                reader.read_line(&mut answer).unwrap() > 0,
                "no answer to the upgrade: {answer:?}"
            );
        }
        assert!(
            answer.starts_with("HTTP/1.1 101") && answer.contains(ACCEPT),
            "{answer}"
        );
        (tunnel, reader, writer)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
