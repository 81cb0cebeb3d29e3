//! Streams from other nodes in virtual time: whose clock they are on, what a reconnection skips, what
//! breaks; and publishers that may be heard only while a lease holds.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]
//
// long because: one stand of helpers serves all rules of the relayed clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proptest::prelude::*;
use weir_base::{Clock, Code, Refusal, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{Config, Grant, Hold, Hub, Protocol, Publisher, ReadOutcome, RelayBegin, Stream};
use weir_media::flv::RawFrame;
use weir_media::{Frame, FrameKind, Item, Metadata, TrackKind, Tracks, VideoCodec, VideoTrack};

const IDLE_US: i64 = 5_000_000;
const WALL_US: i64 = 1_700_000_000_000_000;
const FRAME_US: i64 = 40_000;
const GOP: u64 = 25;
/// Pictures are numbered from a multiple of it after each break.
const LIFE: u64 = 1_000_000;

/// One node's hub.
struct Node {
    hub: Hub,
    clock: Clock,
}

impl Node {
    fn new(clock: Clock) -> Self {
        let config = Config {
            idle_timeout_ms: IDLE_US / 1000,
            ring_ms: 60_000,
            ring_bytes: 1 << 20,
            linger_ms: 12_000,
            takeover: false,
        };
        let hub = Hub::new(config, clock.clone());
        Self { hub, clock }
    }

    fn alone() -> Self {
        Self::new(Clock::manual(WALL_US))
    }

    fn publish(&self) -> Publisher {
        let publisher = self.hub.publish(request(Protocol::Rtmp, false)).unwrap();
        publisher.tracks(tracks(320));
        publisher
    }

    fn relay(&self, clock_id: u64) -> Publisher {
        let begin = RelayBegin {
            clock_id,
            wall_at_zero_us: WALL_US,
        };
        self.relay_from(begin).unwrap()
    }

    fn relay_from(&self, begin: RelayBegin) -> Result<Publisher, Refusal> {
        self.hub.relay(request(Protocol::Relay, true), begin)
    }

    fn stream(&self) -> Arc<Stream> {
        self.hub.find(&name()).unwrap()
    }

    fn items(&self) -> Vec<Item> {
        held(&self.stream(), 0)
    }

    /// Times of all pictures.
    fn pictures(&self) -> Vec<i64> {
        times(&self.items(), TrackKind::Video)
    }

    fn breaks(&self) -> usize {
        let items = self.items();
        let breaks = items
            .iter()
            .filter(|item| matches!(item, Item::Discontinuity));
        breaks.count()
    }

    /// So many pictures in real time, the first of them number `first`; keyframes as numbered.
    fn film(&self, publisher: &mut Publisher, first: u64, count: u64) {
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

fn name() -> StreamName {
    StreamName::new("", "live", "a").unwrap()
}

fn request(protocol: Protocol, is_replaceable: bool) -> PublishRequest {
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

fn tracks(width: u32) -> Arc<Tracks> {
    let video = VideoTrack {
        codec: VideoCodec::H264,
        config: Bytes::new(),
        width,
        height: 240,
        rfc6381: String::new(),
    };
    Arc::new(Tracks {
        video: Some(video),
        audio: None,
    })
}

fn kind(number: u64) -> FrameKind {
    if number.is_multiple_of(GOP) {
        FrameKind::Key
    } else {
        FrameKind::Inter
    }
}

/// A picture's number is its payload.
fn payload(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

fn number(frame: &Frame) -> u64 {
    u64::from_be_bytes(frame.payload[..].try_into().unwrap())
}

/// Picture `number` of a stream whose first one is at 0.
fn picture(number: u64) -> Frame {
    Frame {
        track: TrackKind::Video,
        dts_us: number as i64 * FRAME_US,
        cts_us: 0,
        kind: kind(number),
        payload: payload(number),
    }
}

/// What a relayed stream sends first, and then pictures.
fn relayed(publisher: &mut Publisher, numbers: std::ops::Range<u64>) {
    publisher.item(Item::Tracks(tracks(320)));
    for number in numbers {
        publisher.item(Item::Frame(picture(number)));
    }
}

fn held(stream: &Stream, from: u64) -> Vec<Item> {
    let mut items = Vec::new();
    let mut from = from;
    loop {
        match stream.ring.read(from, 64, &mut items) {
            ReadOutcome::Lagged { lost } => from += lost,
            ReadOutcome::Read { next } if next == from => return items,
            ReadOutcome::Read { next } => from = next,
        }
    }
}

fn times(items: &[Item], track: TrackKind) -> Vec<i64> {
    let frames = items.iter().filter_map(|item| match item {
        Item::Frame(frame) if frame.track == track => Some(frame.dts_us),
        _ => None,
    });
    frames.collect()
}

fn steps(numbers: std::ops::Range<u64>, shift_us: i64) -> Vec<i64> {
    numbers
        .map(|number| number as i64 * FRAME_US + shift_us)
        .collect()
}

#[test]
fn a_stream_without_frames_takes_the_clock_it_comes_with() {
    let node = Node::alone();
    let begin = RelayBegin {
        clock_id: 7,
        wall_at_zero_us: 42,
    };
    let mut publisher = node.relay_from(begin).unwrap();
    relayed(&mut publisher, 100..130);
    let stream = node.stream();
    assert_eq!(stream.clock_id(), 7);
    assert_eq!(stream.wall_at_zero_us(), 42);
    assert_eq!(node.pictures(), steps(100..130, 0));
    assert_eq!(node.breaks(), 0);
    assert_eq!(stream.stats().video_frames, 30);
    assert_eq!(publisher.client().bytes(), 240);
    assert_eq!(stream.publisher().unwrap().protocol, Protocol::Relay);
}

#[test]
fn what_begins_here_has_a_clock_of_its_own_by_lot() {
    let (one, other) = (Node::alone(), Node::alone());
    drop((one.publish(), other.publish()));
    assert_ne!(one.stream().clock_id(), other.stream().clock_id());
}

#[test]
fn the_same_clock_goes_on_without_a_break_and_nothing_comes_twice() {
    let node = Node::alone();
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..40);
    publisher.end(Code::NetworkReset);
    assert!(!node.stream().is_live());
    // The upstream begins with its newest group of pictures.
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 25..60);
    assert_eq!(node.pictures(), steps(0..60, 0));
    assert_eq!(node.breaks(), 0);
    let items = node.items();
    let tracks = items.iter().filter(|item| matches!(item, Item::Tracks(_)));
    assert_eq!(tracks.count(), 1, "told again though they are the same");
    assert_eq!(node.stream().stats().dropped_frames, 0);
}

#[test]
fn after_a_gap_pictures_go_on_at_a_keyframe() {
    let node = Node::alone();
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..40);
    drop(publisher);
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 45..80);
    let expected = [steps(0..40, 0), steps(50..80, 0)].concat();
    assert_eq!(node.pictures(), expected);
    assert_eq!(node.stream().stats().dropped_frames, 5);
}

#[test]
fn the_sound_of_a_reconnection_is_skipped_by_its_own_clock() {
    let node = Node::alone();
    let sound = |ms: i64| {
        Item::Frame(Frame {
            track: TrackKind::Audio,
            dts_us: ms * 1000,
            kind: FrameKind::Key,
            ..picture(0)
        })
    };
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..10);
    publisher.item(sound(200));
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..10);
    for ms in [180, 200, 220, 220, 240] {
        publisher.item(sound(ms));
    }
    let sounds = times(&node.items(), TrackKind::Audio);
    assert_eq!(sounds, [200_000, 220_000, 240_000]);
}

#[test]
fn another_clock_that_is_ahead_keeps_its_times_behind_a_discontinuity() {
    let node = Node::alone();
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..30);
    let begin = RelayBegin {
        clock_id: 900,
        wall_at_zero_us: 5,
    };
    let mut publisher = node.relay_from(begin).unwrap();
    relayed(&mut publisher, 1000..1010);
    let expected = [steps(0..30, 0), steps(1000..1010, 0)].concat();
    assert_eq!(node.pictures(), expected);
    assert_eq!(node.breaks(), 1);
    assert_eq!(node.stream().wall_at_zero_us(), 5);
    assert_eq!(node.stream().clock_id(), 8, "its own, broken once");
}

#[test]
fn another_clock_that_is_behind_is_shifted_no_more_than_it_must_and_the_wall_alike() {
    let node = Node::alone();
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..100);
    let mut publisher = node.relay(900);
    relayed(&mut publisher, 0..10);
    // Right behind picture 99.
    let shift_us = 100 * FRAME_US;
    let expected = [steps(0..100, 0), steps(0..10, shift_us)].concat();
    assert_eq!(node.pictures(), expected);
    assert_eq!(node.stream().wall_at_zero_us(), WALL_US - shift_us);
    // The same one again: it has a place already.
    let mut publisher = node.relay(900);
    relayed(&mut publisher, 0..20);
    let expected = [steps(0..100, 0), steps(0..20, shift_us)].concat();
    assert_eq!(node.pictures(), expected);
    assert_eq!(node.breaks(), 1);
    assert_eq!(node.stream().wall_at_zero_us(), WALL_US - shift_us);
}

#[test]
fn a_clock_that_never_said_anything_breaks_nothing_twice() {
    let node = Node::alone();
    let mut publisher = node.relay(7);
    relayed(&mut publisher, 0..10);
    for timeline in [100, 200, 300] {
        drop(node.relay(timeline));
    }
    let mut publisher = node.relay(400);
    // Pictures that refer to what is not here are no beginning.
    relayed(&mut publisher, 20..30);
    assert_eq!(node.breaks(), 1);
    assert_eq!(
        node.pictures(),
        [steps(0..10, 0), steps(25..30, 0)].concat()
    );
}

#[test]
fn a_break_that_was_heard_of_joins_at_a_reconnection_and_one_that_was_missed_does_not() {
    let (upstream, node) = (Node::alone(), Node::alone());
    let mut publisher = upstream.publish();
    upstream.film(&mut publisher, 0, 30);
    let copy = |begin: RelayBegin, from: u64| {
        let mut relay = node.relay_from(begin).unwrap();
        for item in held(&upstream.stream(), from) {
            relay.item(item);
        }
    };
    let now = || RelayBegin {
        clock_id: upstream.stream().clock_id(),
        wall_at_zero_us: WALL_US,
    };
    let first = now();
    publisher.restart();
    upstream.film(&mut publisher, 50, 30);
    copy(first, 0);
    assert_eq!(node.breaks(), 1);
    assert_eq!(node.stream().clock_id(), upstream.stream().clock_id());
    let join = upstream.stream().newest_join().unwrap();
    assert_eq!(join.clock_id, upstream.stream().clock_id());
    copy(now(), join.seq);
    assert_eq!(node.breaks(), 1, "heard of");
    // The publisher comes back while nobody relays.
    drop(publisher);
    let mut publisher = upstream.publish();
    upstream.film(&mut publisher, 0, 30);
    let join = upstream.stream().newest_join().unwrap();
    copy(now(), join.seq);
    assert_eq!(node.breaks(), 2, "missed");
    assert_eq!(
        node.pictures().last(),
        upstream.pictures().last(),
        "times are kept"
    );
}

#[test]
fn a_publisher_takes_a_relayed_streams_place_and_a_relay_takes_no_publishers() {
    let node = Node::alone();
    let mut relay = node.relay(7);
    relayed(&mut relay, 0..50);
    node.clock.advance_us(300_000);
    let mut publisher = node.publish();
    assert_eq!(relay.client().kicked(), Some(Code::TakenOver));
    relayed(&mut relay, 50..60);
    node.film(&mut publisher, 0, 5);
    let pictures = node.pictures();
    assert_eq!(
        pictures.len(),
        55,
        "a relay that was taken over is not heard"
    );
    assert!(pictures[50] >= 50 * FRAME_US);
    assert_eq!(node.breaks(), 1);
    let begin = RelayBegin {
        clock_id: 7,
        wall_at_zero_us: 0,
    };
    let refusal = node.relay_from(begin).unwrap_err();
    assert_eq!(refusal.code, Code::AlreadyPublishing);
}

#[test]
fn who_publishes_after_a_relay_keeps_the_time_that_has_passed() {
    let node = Node::alone();
    let mut relay = node.relay(7);
    // A group of pictures at once, as a relay begins; then as they come.
    relayed(&mut relay, 100..125);
    for number in 125..130 {
        node.clock.advance_us(FRAME_US);
        relay.item(Item::Frame(picture(number)));
    }
    drop(relay);
    node.clock.advance_us(1_000_000);
    let mut publisher = node.publish();
    node.film(&mut publisher, 0, 1);
    let last_us = 129 * FRAME_US;
    let expected_us = last_us + 1_000_000;
    let back_us = *node.pictures().last().unwrap();
    assert!(back_us.abs_diff(expected_us) <= 2 * FRAME_US.unsigned_abs());
}

#[test]
fn metadata_that_changes_nothing_is_told_once() {
    let node = Node::alone();
    let metadata = |text: &'static [u8]| {
        Item::Metadata(Arc::new(Metadata {
            amf0: Bytes::from_static(text),
        }))
    };
    let mut relay = node.relay(7);
    relay.item(metadata(b"a"));
    relayed(&mut relay, 0..3);
    let mut relay = node.relay(7);
    relay.item(metadata(b"a"));
    relayed(&mut relay, 0..3);
    relay.item(metadata(b"b"));
    relay.item(metadata(b"a"));
    let items = node.items();
    let told = items
        .iter()
        .filter(|item| matches!(item, Item::Metadata(_)));
    assert_eq!(told.count(), 3);
    relay.item(Item::Tracks(tracks(640)));
    assert_eq!(*node.stream().ring.tracks(), *tracks(640));
}

#[test]
fn a_relay_without_frames_is_ended_as_a_publisher_is() {
    let node = Node::alone();
    let mut relay = node.relay(7);
    relayed(&mut relay, 0..3);
    node.clock.advance_us(IDLE_US - 1);
    node.hub.sweep();
    assert!(node.stream().is_live());
    node.clock.advance_us(1);
    node.hub.sweep();
    assert_eq!(node.stream().ended().unwrap().code, Code::NoData);
    assert_eq!(relay.client().kicked(), Some(Code::NoData));
}

/// A lease as a test opens and shuts it.
#[derive(Debug)]
struct Lease {
    is_open: Arc<AtomicBool>,
    stream: Arc<Stream>,
    was_live_when_dropped: Arc<AtomicBool>,
}

impl Hold for Lease {
    fn is_open(&self, _now_us: i64) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let is_live = self.stream.is_live();
        self.was_live_when_dropped.store(is_live, Ordering::Relaxed);
    }
}

fn guarded(publisher: &mut Publisher) -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let (open, was_live) = (Arc::new(true.into()), Arc::new(true.into()));
    publisher.guard(Box::new(Lease {
        is_open: Arc::clone(&open),
        stream: publisher.stream().clone(),
        was_live_when_dropped: Arc::clone(&was_live),
    }));
    (open, was_live)
}

#[test]
fn while_the_hold_is_shut_nothing_goes_out_and_pictures_go_on_at_a_keyframe() {
    let node = Node::alone();
    let mut publisher = node.publish();
    let (open, was_live) = guarded(&mut publisher);
    node.film(&mut publisher, 0, 30);
    open.store(false, Ordering::Relaxed);
    // Longer than the idle time: the publisher is here, it is the lease that is not.
    for second in 0..8 {
        node.film(&mut publisher, 30 + second * 25, 25);
        node.hub.sweep();
    }
    assert!(node.stream().is_live());
    assert_eq!(node.pictures().len(), 30);
    open.store(true, Ordering::Relaxed);
    node.film(&mut publisher, 230, 40);
    let pictures = node.pictures();
    assert_eq!(pictures.len(), 30 + 20, "from keyframe 250 on");
    assert_eq!(
        pictures[30] - pictures[29],
        221 * FRAME_US,
        "the time that passed is kept"
    );
    assert_eq!(node.stream().stats().dropped_frames, 200 + 20);
    drop(publisher);
    assert!(!was_live.load(Ordering::Relaxed), "the stream ends first");
}

#[test]
fn a_relayed_stream_is_held_alike() {
    let node = Node::alone();
    let mut relay = node.relay(7);
    let (open, _) = guarded(&mut relay);
    relayed(&mut relay, 0..30);
    open.store(false, Ordering::Relaxed);
    relayed(&mut relay, 30..40);
    open.store(true, Ordering::Relaxed);
    relayed(&mut relay, 40..60);
    assert_eq!(
        node.pictures(),
        [steps(0..30, 0), steps(50..60, 0)].concat()
    );
    assert_eq!(node.breaks(), 0);
}

#[test]
fn times_from_the_ends_of_the_world_overflow_nothing() {
    let node = Node::alone();
    for (timeline, dts_us) in [(1, i64::MIN), (2, i64::MAX), (3, 0), (4, i64::MIN)] {
        let begin = RelayBegin {
            clock_id: timeline,
            wall_at_zero_us: -dts_us.saturating_add(1),
        };
        let mut relay = node.relay_from(begin).unwrap();
        relayed(&mut relay, 0..0);
        relay.item(Item::Frame(Frame {
            dts_us: dts_us / 4,
            ..picture(0)
        }));
    }
    let pictures = node.pictures();
    assert!(pictures.windows(2).all(|pair| pair[0] < pair[1]));
}

/// What can happen in one step of a random evening over two nodes.
#[derive(Debug, Clone)]
enum Act {
    Film(u64),
    Restart,
    Return { later_us: i64 },
    Forget,
    Reconnect,
    Hear(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..60_u64).prop_map(Act::Film),
        1 => Just(Act::Restart),
        1 => (0..8_000_000_i64).prop_map(|later_us| Act::Return { later_us }),
        1 => Just(Act::Forget),
        3 => Just(Act::Reconnect),
        4 => (1..90_usize).prop_map(Act::Hear),
    ]
}

/// A pull as a node does it: from the newest keyframe on, item by item.
struct Pull {
    source: Arc<Stream>,
    publisher: Publisher,
    seq: u64,
}

impl Pull {
    fn open(upstream: &Node, node: &Node) -> Option<Self> {
        let source = upstream.hub.find(&name())?;
        let join = source.newest_join()?;
        let mut publisher = node
            .relay_from(RelayBegin {
                clock_id: join.clock_id,
                wall_at_zero_us: source.wall_at_zero_us(),
            })
            .unwrap();
        publisher.item(Item::Tracks(join.tracks));
        Some(Self {
            source,
            publisher,
            seq: join.seq,
        })
    }

    fn hear(&mut self, count: usize) {
        let mut items = Vec::new();
        if let ReadOutcome::Read { next } = self.source.ring.read(self.seq, count, &mut items) {
            self.seq = next;
        }
        for item in items {
            self.publisher.item(item);
        }
    }
}

/// Times grow, no picture refers to one that is not there, and none joins another publisher's.
fn check(items: &[Item]) {
    let pictures = times(items, TrackKind::Video);
    assert!(pictures.windows(2).all(|pair| pair[0] < pair[1]));
    let mut last = None;
    for item in items {
        match item {
            Item::Discontinuity => last = None,
            Item::Frame(frame) => {
                if let Some(last) = last {
                    assert_eq!(last / LIFE, number(frame) / LIFE, "a break is missing");
                }
                if frame.kind != FrameKind::Key {
                    assert_eq!(last, Some(number(frame) - 1), "a picture is missing");
                }
                last = Some(number(frame));
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_breaks_between_two_nodes_pictures_join_and_times_grow(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let clock = Clock::manual(WALL_US);
        let (mut upstream, node) = (Node::new(clock.clone()), Node::new(clock));
        let mut publisher = upstream.publish();
        let mut pull: Option<Pull> = None;
        let mut next = 0;
        for act in acts {
            match act {
                Act::Film(count) => {
                    upstream.film(&mut publisher, next, count);
                    next += count;
                }
                Act::Restart => {
                    publisher.restart();
                    next = (next / LIFE + 1) * LIFE;
                }
                Act::Return { later_us } => {
                    drop(publisher);
                    upstream.clock.advance_us(later_us);
                    publisher = upstream.publish();
                    next = (next / LIFE + 1) * LIFE;
                }
                Act::Forget => {
                    upstream = Node::new(upstream.clock.clone());
                    publisher = upstream.publish();
                    next = (next / LIFE + 1) * LIFE;
                }
                Act::Reconnect => {
                    pull = None;
                    pull = Pull::open(&upstream, &node).or(pull);
                }
                Act::Hear(count) => {
                    if let Some(pull) = &mut pull {
                        pull.hear(count);
                    }
                }
            }
            if node.hub.find(&name()).is_some() {
                check(&node.items());
            }
        }
    }
}
