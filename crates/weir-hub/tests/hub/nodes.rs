//! A node's hub, and what another node relays to it: pictures that carry their number.

use std::sync::Arc;

use bytes::Bytes;
use weir_base::{Clock, Refusal, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{Config, Grant, Hub, Protocol, Publisher, RelayBegin, Stream};
use weir_media::flv::RawFrame;
use weir_media::{Frame, FrameKind, Item, TrackKind};

use crate::common::{self, FRAME_US, WALL_US, config, held, times, tracks};

const GOP: u64 = common::GOP as u64;

/// One node's hub.
pub(crate) struct Node {
    pub(crate) hub: Hub,
    pub(crate) clock: Clock,
}

impl Node {
    pub(crate) fn new(clock: Clock) -> Self {
        let config = Config {
            ring_ms: 60_000,
            ..config()
        };
        let hub = Hub::new(config, clock.clone());
        Self { hub, clock }
    }

    pub(crate) fn alone() -> Self {
        Self::new(Clock::manual(WALL_US))
    }

    pub(crate) fn publish(&self) -> Publisher {
        let publisher = self.hub.publish(request(Protocol::Rtmp, false)).unwrap();
        publisher.tracks(tracks(320));
        publisher
    }

    pub(crate) fn relay(&self, clock_id: u64) -> Publisher {
        let begin = RelayBegin {
            clock_id,
            wall_at_zero_us: WALL_US,
        };
        self.relay_from(begin).unwrap()
    }

    pub(crate) fn relay_from(&self, begin: RelayBegin) -> Result<Publisher, Refusal> {
        self.hub.relay(request(Protocol::Relay, true), begin)
    }

    pub(crate) fn stream(&self) -> Arc<Stream> {
        self.hub.find(&name()).unwrap()
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        held(&self.stream(), 0)
    }

    /// Times of all pictures.
    pub(crate) fn pictures(&self) -> Vec<i64> {
        times(&self.items(), TrackKind::Video)
    }

    pub(crate) fn breaks(&self) -> usize {
        let items = self.items();
        let breaks = items
            .iter()
            .filter(|item| matches!(item, Item::Discontinuity));
        breaks.count()
    }

    /// So many pictures in real time, the first of them number `first`; keyframes as numbered.
    pub(crate) fn film(&self, publisher: &mut Publisher, first: u64, count: u64) {
        for number in first..first + count {
            self.clock.advance_us(FRAME_US);
            publisher.frame(RawFrame {
                track: TrackKind::Video,
                ts_us: number as i64 * FRAME_US,
                cts_us: 0,
                kind: kind(number),
                payload: payload(number),
            });
        }
    }
}

pub(crate) fn name() -> StreamName {
    StreamName::new("", "live", "a").unwrap()
}

pub(crate) fn request(protocol: Protocol, is_replaceable: bool) -> PublishRequest {
    PublishRequest {
        name: name(),
        protocol,
        addr: "10.0.0.1:1000".parse().unwrap(),
        grant: Grant {
            is_replaceable,
            ..Grant::default()
        },
    }
}

pub(crate) fn kind(number: u64) -> FrameKind {
    if number.is_multiple_of(GOP) {
        FrameKind::Key
    } else {
        FrameKind::Inter
    }
}

/// A picture's number is its payload.
pub(crate) fn payload(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

pub(crate) fn number(frame: &Frame) -> u64 {
    u64::from_be_bytes(frame.payload[..].try_into().unwrap())
}

/// Picture `number` of a stream whose first one is at 0.
pub(crate) fn picture(number: u64) -> Frame {
    Frame {
        track: TrackKind::Video,
        dts_us: number as i64 * FRAME_US,
        cts_us: 0,
        kind: kind(number),
        payload: payload(number),
    }
}

/// What a relayed stream sends first, and then pictures.
pub(crate) fn relayed(publisher: &mut Publisher, numbers: std::ops::Range<u64>) {
    publisher.item(Item::Tracks(tracks(320)));
    for number in numbers {
        publisher.item(Item::Frame(picture(number)));
    }
}

pub(crate) fn steps(numbers: std::ops::Range<u64>, shift_us: i64) -> Vec<i64> {
    numbers
        .map(|number| number as i64 * FRAME_US + shift_us)
        .collect()
}
