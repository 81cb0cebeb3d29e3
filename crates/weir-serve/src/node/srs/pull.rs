//! From a server into our hub.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use weir_base::{Code, Refusal};
use weir_hub::{Hub, Protocol, Publisher};
use weir_link::rtmp::Direction;
use weir_media::MediaError;
use weir_media::flv::{self, Depacketizer, Event};
use weir_proto::rtmp::RtmpClientEvent;

use super::{Begun, Link, RtmpRoute, SETUP_LIMIT, SILENCE_LIMIT, sent_away, unreachable};
use crate::intake::Intake;

/// Events held until the first frame: metadata and tracks, each new.
const MAX_HELD_EVENTS: usize = 64;

/// A stream that has begun to come.
pub(super) struct Incoming {
    pub(super) link: Link,
    depacketizer: Depacketizer,
    /// What came and is not published yet.
    events: Vec<Event>,
    intake: Intake,
}

impl Incoming {
    /// Connects and waits for the first frame; follows redirects.
    pub(super) async fn open(hub: &Hub, mut route: RtmpRoute<'_>) -> Result<Self, Refusal> {
        loop {
            let link = Link::connect(&route.url()?, Direction::Play, hub.clock()).await?;
            let mut incoming = Self {
                link,
                depacketizer: Depacketizer::default(),
                events: Vec::new(),
                intake: Intake::default(),
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
                RtmpClientEvent::PlayStarted => {
                    has_started = true;
                    by = Instant::now() + SILENCE_LIMIT;
                }
                RtmpClientEvent::Redirect { url } => return Ok(Begun::Elsewhere(url)),
                RtmpClientEvent::Reconnect {
                    tc_url: Some(there),
                } => {
                    return Ok(Begun::Elsewhere(self.link.stream_at(&there)));
                }
                RtmpClientEvent::Closed => {
                    return Err(Refusal::new(
                        Code::NotLive,
                        "the stream ended at the origin",
                    ));
                }
                RtmpClientEvent::Media {
                    message_type,
                    timestamp_ms,
                    body,
                } => {
                    if let Err(error) = self.read(message_type, timestamp_ms, body) {
                        self.intake.check(&error)?;
                    }
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
                self.intake.take(publisher, event);
            }
            let next = tokio::select! {
                next = self.link.next() => next?,
                code = publisher.kicked() => return Err(code.into()),
            };
            match next {
                RtmpClientEvent::Media {
                    message_type,
                    timestamp_ms,
                    body,
                } => {
                    hub.counters().received(Protocol::Relay, body.len() as u64);
                    if let Err(error) = self.read(message_type, timestamp_ms, body) {
                        let track = flv::track_of(message_type);
                        self.intake.skip(publisher, track, &error)?;
                    }
                }
                RtmpClientEvent::Closed => return Ok(()),
                RtmpClientEvent::Redirect { .. } | RtmpClientEvent::Reconnect { .. } => {
                    return Err(sent_away());
                }
                _ => {}
            }
        }
    }

    /// Takes a message apart.
    fn read(&mut self, message_type: u8, timestamp_ms: u32, body: Bytes) -> Result<(), MediaError> {
        let events = &mut self.events;
        self.depacketizer
            .push(message_type, timestamp_ms, body, events)
    }
}
