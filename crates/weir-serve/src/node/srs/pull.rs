//! From a server into our hub.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use weir_base::{Code, Refusal};
use weir_hub::{Hub, Protocol, Publisher};
use weir_media::MediaError;
use weir_media::flv::{Depacketizer, Event};
use weir_proto::rtmp::ClientEvent;

use super::link::Way;
use super::{Begun, Link, Route, SETUP_LIMIT, SILENCE_LIMIT, sent_away, unreachable};

/// Malformed frames in a row after which the server is let go.
const MALFORMED_IN_A_ROW: u32 = 100;
/// Events held until the first frame: metadata and tracks, each new.
const MAX_HELD_EVENTS: usize = 64;

/// A stream that has begun to come.
pub(super) struct Incoming {
    pub(super) link: Link,
    depacketizer: Depacketizer,
    /// What came and is not published yet.
    events: Vec<Event>,
    malformed: u32,
}

impl Incoming {
    /// Connects and waits for the first frame; follows redirects.
    pub(super) async fn open(hub: &Hub, mut route: Route<'_>) -> Result<Self, Refusal> {
        loop {
            let link = Link::connect(&route.url()?, Way::Play, hub.clock()).await?;
            let mut incoming = Self {
                link,
                depacketizer: Depacketizer::default(),
                events: Vec::new(),
                malformed: 0,
            };
            let begun = incoming.first_frame().await;
            if let Ok(Begun::Here) = begun {
                return Ok(incoming);
            }
            incoming.link.close().await;
            if let Begun::Elsewhere(place) = begun? {
                route.follow(place)?;
            }
        }
    }

    /// SRS redirects after it has said that the play begins, so only media is a yes.
    async fn first_frame(&mut self) -> Result<Begun, Refusal> {
        let mut by = Instant::now() + SETUP_LIMIT;
        let mut has_started = false;
        loop {
            let Ok(next) = timeout_at(by, self.link.next()).await else {
                return Err(if has_started {
                    Refusal::new(Code::NotLive, "the origin sends nothing of this stream")
                } else {
                    unreachable("the origin did not answer in time")
                });
            };
            match next? {
                ClientEvent::PlayStarted => {
                    has_started = true;
                    by = Instant::now() + SILENCE_LIMIT;
                }
                ClientEvent::Redirect { url } => return Ok(Begun::Elsewhere(url)),
                ClientEvent::Reconnect {
                    tc_url: Some(there),
                } => {
                    return Ok(Begun::Elsewhere(self.link.stream_at(&there)));
                }
                ClientEvent::Closed => {
                    return Err(Refusal::new(
                        Code::NotLive,
                        "the stream ended at the origin",
                    ));
                }
                ClientEvent::Media {
                    message_type,
                    timestamp_ms,
                    body,
                } => {
                    self.read(message_type, timestamp_ms, body)?;
                    let is_frame = |event: &Event| matches!(event, Event::Frame(_));
                    if self.events.iter().any(is_frame) {
                        return Ok(Begun::Here);
                    }
                    if self.events.len() > MAX_HELD_EVENTS {
                        let why = "the origin sends headers and no frame";
                        return Err(Refusal::new(Code::ProtocolError, why));
                    }
                }
                _ => {}
            }
        }
    }

    /// Publishes what comes until it ends.
    pub(super) async fn run(
        &mut self,
        hub: &Hub,
        publisher: &mut Publisher,
    ) -> Result<(), Refusal> {
        loop {
            for event in self.events.drain(..) {
                publish(publisher, event);
            }
            let next = tokio::select! {
                next = self.link.next() => next?,
                code = publisher.kicked() => return Err(code.into()),
            };
            match next {
                ClientEvent::Media {
                    message_type,
                    timestamp_ms,
                    body,
                } => {
                    hub.counters().received(Protocol::Relay, body.len() as u64);
                    if !self.read(message_type, timestamp_ms, body)? {
                        publisher.dropped(1);
                    }
                }
                ClientEvent::Closed => return Ok(()),
                ClientEvent::Redirect { .. } | ClientEvent::Reconnect { .. } => {
                    return Err(sent_away());
                }
                _ => {}
            }
        }
    }

    /// Takes a message apart; false if it cannot be read and is left out.
    fn read(&mut self, message_type: u8, timestamp_ms: u32, body: Bytes) -> Result<bool, Refusal> {
        let before = self.events.len();
        let pushed = self
            .depacketizer
            .push(message_type, timestamp_ms, body, &mut self.events);
        match pushed {
            Ok(()) => {
                let new = self.events.get(before..).unwrap_or_default();
                if new.iter().any(|event| matches!(event, Event::Frame(_))) {
                    self.malformed = 0;
                }
                Ok(true)
            }
            Err(error) => {
                self.malformed += 1;
                let is_lasting = matches!(
                    error,
                    MediaError::Unsupported(_) | MediaError::NoCodecHeader(_)
                );
                if is_lasting || self.malformed >= MALFORMED_IN_A_ROW {
                    return Err(refusal_of(&error));
                }
                Ok(false)
            }
        }
    }
}

fn publish(publisher: &mut Publisher, event: Event) {
    match event {
        Event::Tracks(tracks) => publisher.tracks(tracks),
        Event::Metadata(metadata) => publisher.metadata(metadata),
        Event::Frame(frame) => publisher.frame(frame),
        Event::Note(note) => tracing::info!(stream = %publisher.stream().key, "{note}"),
        Event::EndOfSequence => {}
    }
}

fn refusal_of(error: &MediaError) -> Refusal {
    let code = match error {
        MediaError::Unsupported(_) => Code::CodecUnsupported,
        MediaError::NoCodecHeader(_) => Code::NoCodecHeader,
        MediaError::TooLarge { .. } => Code::FrameTooLarge,
        _ => Code::ProtocolError,
    };
    Refusal::new(code, format!("from the origin: {error}"))
}
