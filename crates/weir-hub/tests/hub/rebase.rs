//! Streams from other nodes: whose clock they are on, what a reconnection skips, what breaks.

use std::sync::Arc;

use bytes::Bytes;
use weir_base::Code;
use weir_hub::{Protocol, RelayBegin};
use weir_media::{Frame, FrameKind, Item, Metadata, TrackKind};

use crate::common::{FRAME_US, IDLE_US, WALL_US, held, times, tracks};
use crate::nodes::{Node, picture, relayed, steps};

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
