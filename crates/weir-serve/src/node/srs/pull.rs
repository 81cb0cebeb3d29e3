//! From a server into our hub.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use weir_base::{Code, Refusal};
use weir_hub::{Hub, Protocol, Publisher};
use weir_link::rtmp::Direction;
use weir_media::MediaError;
use weir_media::flv::{self, Depacketizer, Event};
use weir_proto::rtmp::RtmpClientEvent;

use super::super::seek::Denied;
use super::{Begun, Link, RtmpRoute, SETUP_LIMIT, SILENCE_LIMIT, sent_away, unreachable};
use crate::intake::{Intake, refusal_of};

/// Events held until the first frame: metadata and tracks, each new.
const MAX_HELD_EVENTS: usize = 64;

/// A stream that has begun to come.
pub(in crate::node) struct Incoming {
    link: Link,
    /// Where the redirects led.
    place: String,
    depacketizer: Depacketizer,
    /// What came and is not published yet.
    events: Vec<Event>,
    intake: Intake,
}

/// What happened on a connection that plays.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::node) enum Received {
    /// Media came.
    Media,
    /// Something else.
    Other,
    /// The server says that the stream is over.
    Ended,
}

impl Incoming {
    /// Connects and waits for the first frame; follows redirects.
    pub(super) async fn open(hub: &Hub, mut route: RtmpRoute<'_>) -> Result<Self, Denied> {
        loop {
            let url = route.url().map_err(Denied::Refused)?;
            let link = Link::connect(&url, Direction::Play, hub.clock()).await?;
            let mut incoming = Self {
                link,
                place: route.place.clone(),
                depacketizer: Depacketizer::default(),
                events: Vec::new(),
                intake: Intake::of_messages(),
            };
            let begun = incoming.first_frame().await;
            if let Ok(Begun::Here) = begun {
                return Ok(incoming);
            }
            let was_turned_away = incoming.link.was_turned_away();
            incoming.link.close().await;
            match begun {
                Ok(Begun::Elsewhere(place)) => route.follow(place).map_err(Denied::Refused)?,
                // SRS with coworkers closes where none of them has the stream; others where they refuse.
                Err(_) if was_turned_away => {
                    let words = "the origin closed the connection when it was asked for the stream";
                    return Err(Denied::Refused(Refusal::new(Code::NotLive, words)));
                }
                Err(refusal) => return Err(refusal.into()),
                Ok(Begun::Here) => {}
            }
        }
    }

    /// The address that the stream comes from, redirects followed.
    pub(in crate::node) fn place(&self) -> &str {
        &self.place
    }

    /// Says good-bye.
    pub(in crate::node) async fn close(self) {
        self.link.close().await;
    }

    /// SRS redirects after it has said that the play begins, so only media is a yes.
    async fn first_frame(&mut self) -> Result<Begun, Refusal> {
        let mut by = Instant::now() + SETUP_LIMIT;
        let mut has_started = false;
        // Media that nothing can be made of: then it is not silence.
        let mut unusable = None;
        loop {
            let Ok(next) = timeout_at(by, self.link.next()).await else {
                return Err(match unusable {
                    Some(refusal) => refusal,
                    None if has_started => {
                        Refusal::new(Code::NotLive, "the origin sends nothing of this stream")
                    }
                    None => unreachable("the origin did not answer in time"),
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
                        unusable = Some(refusal_of(&error));
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

    /// Publishes what came, and hears what comes next. May be dropped and asked again.
    ///
    /// # Errors
    /// 5002 when the server went away without a word, 5004 when it sends us elsewhere in the middle, a
    /// codec that nobody carries.
    pub(in crate::node) async fn next(
        &mut self,
        hub: &Hub,
        publisher: &mut Publisher,
    ) -> Result<Received, Refusal> {
        for event in self.events.drain(..) {
            self.intake.take(publisher, event);
        }
        match self.link.next().await? {
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
                for event in self.events.drain(..) {
                    self.intake.take(publisher, event);
                }
                Ok(Received::Media)
            }
            RtmpClientEvent::Closed => Ok(Received::Ended),
            RtmpClientEvent::Redirect { .. } | RtmpClientEvent::Reconnect { .. } => {
                Err(sent_away())
            }
            _ => Ok(Received::Other),
        }
    }

    /// Takes a message apart.
    fn read(&mut self, message_type: u8, timestamp_ms: u32, body: Bytes) -> Result<(), MediaError> {
        let events = &mut self.events;
        self.depacketizer
            .push(message_type, timestamp_ms, body, events)
    }
}
