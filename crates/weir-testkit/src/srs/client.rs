//! The stand-in as a client: an edge that pulls, and one that hands a publish on.

use std::io::Write as _;
use std::net::TcpStream;

use weir_proto::rtmp::message::DATA_AMF0;
use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpUrl};

use super::{NodeState, READ_BYTES, StoredMessage, prepare, read};
use crate::wait::Stopwatch;

/// Times a 302 is followed.
const REDIRECTS: usize = 1;

/// Plays `url` into its own stream, until the other end closes or nobody is left.
pub(super) fn pull(shared: &NodeState, name: &str, url: &str) {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        let Some(mut link) = ClientConnection::open(&url, false) else {
            return;
        };
        let mut moved = None;
        let mut has_begun = false;
        while moved.is_none() && shared.go_on() && link.turn() {
            while let Some(event) = link.session.poll_event() {
                match event {
                    RtmpClientEvent::Media {
                        message_type,
                        timestamp_ms,
                        body,
                    } if message_type != DATA_AMF0 || has_begun => {
                        has_begun = has_begun || shared.store.begin(name);
                        let message = StoredMessage::received(message_type, timestamp_ms, body);
                        shared.store.add(name, message);
                    }
                    RtmpClientEvent::Redirect { url } => moved = Some(url),
                    _ => {}
                }
            }
        }
        if has_begun {
            shared.store.end(name);
        }
        match moved {
            Some(place) => url = place,
            None => return,
        }
    }
}

/// Publishes its own stream to `url` from the last keyframe on, until it ends.
pub(super) fn push(shared: &NodeState, name: &str, url: &str) {
    let Some(mut link) = ClientConnection::open(url, true) else {
        return;
    };
    let (mut has_started, mut cursor) = (false, None);
    while shared.go_on() && link.turn() {
        while let Some(event) = link.session.poll_event() {
            has_started |= matches!(event, RtmpClientEvent::PublishStarted { .. });
        }
        if !has_started {
            continue;
        }
        let is_live = shared.store.is_live(name);
        for message in shared.store.since(name, &mut cursor) {
            match message.message_type {
                DATA_AMF0 => link.session.send_metadata(&message.body),
                kind => link
                    .session
                    .send_media(kind, message.timestamp_ms, &[], &message.body),
            }
        }
        if !is_live {
            link.session.close();
            link.turn();
            return;
        }
    }
}

struct ClientConnection {
    socket: TcpStream,
    session: RtmpClientSession,
    buffer: Vec<u8>,
    clock: Stopwatch,
}

impl ClientConnection {
    fn open(url: &str, publishes: bool) -> Option<Self> {
        let url = RtmpUrl::parse(url).expect("an RTMP URL");
        let socket = TcpStream::connect((url.host.as_str(), url.port)).ok()?;
        prepare(&socket);
        let text = |text: &str| text.to_owned();
        // Nothing is announced; who it is stands in the arguments.
        let options = ClientOptions {
            announce_codecs: false,
            flash_ver: text("WIN 15,0,0,239"),
            arguments: vec![
                (text("srs_sig"), text("SRS")),
                (text("srs_server"), text("SRS/6.0.157")),
                (text("srs_version"), text("6.0.157")),
            ],
            ..ClientOptions::default()
        };
        let session = if publishes {
            RtmpClientSession::publish(&url, [3; 32], options)
        } else {
            RtmpClientSession::play(&url, [3; 32], options)
        };
        Some(Self {
            socket,
            session,
            buffer: vec![0; READ_BYTES],
            clock: Stopwatch::start(),
        })
    }

    /// Sends what there is and reads what came; false at the end.
    fn turn(&mut self) -> bool {
        let out = self.session.take_output();
        if self.socket.write_all(&out).is_err() {
            return false;
        }
        let now_ms = u64::try_from(self.clock.elapsed().as_millis()).unwrap();
        match read(&mut self.socket, &mut self.buffer) {
            Ok(None) => true,
            Ok(Some(0)) | Err(_) => false,
            Ok(Some(read)) => self.session.receive(now_ms, &self.buffer[..read]).is_ok(),
        }
    }
}
