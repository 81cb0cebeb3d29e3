//! Evenings of a stream in virtual time: publishers who fall silent, are taken over, come back; those
//! who wait; those who read too slowly.
//! Shows R47.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use weir_base::{Clock, Code, Refusal, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Hub, Protocol, Publisher, ReadOutcome, Stream};
use weir_media::flv::RawFrame;
use weir_media::{Frame, FrameKind, Item, TrackKind};

use crate::common::{FRAME_US, GOP, IDLE_US, LINGER_US, WALL_US, config, held, times, tracks};

/// A hub and the clock that drives it.
struct House {
    hub: Hub,
    clock: Clock,
}

impl House {
    fn new() -> Self {
        let clock = Clock::manual(WALL_US);
        Self {
            hub: Hub::new(config(), clock.clone()),
            clock,
        }
    }

    fn publish(&self, name: &str, takeover: bool) -> Result<Publisher, Refusal> {
        let publisher = self.hub.publish(PublishRequest {
            name: key(name),
            protocol: Protocol::Rtmp,
            addr: "10.0.0.1:1000".parse().unwrap(),
            grant: Grant {
                takeover,
                ..Grant::default()
            },
        })?;
        publisher.tracks(tracks(320));
        Ok(publisher)
    }

    /// So many frames at 25 fps from `raw_us` on, in real time.
    fn frames(&self, publisher: &mut Publisher, raw_us: i64, count: i64) {
        for n in 0..count {
            self.clock.advance_us(FRAME_US);
            publisher.frame(video(raw_us + n * FRAME_US, n % GOP == 0));
        }
    }

    /// Time passes and the hub looks around, as it does five times a second.
    fn pass_us(&self, us: i64) {
        for _ in 0..us / 200_000 {
            self.clock.advance_us(200_000);
            self.hub.sweep();
        }
    }

    fn stream(&self, name: &str) -> Arc<Stream> {
        self.hub.find(&key(name)).unwrap()
    }

    /// It is remembered, and nobody publishes it.
    fn has_ended(&self, name: &str) -> bool {
        let stream = self.hub.find(&key(name));
        stream.is_some_and(|stream| stream.ended().is_some())
            && self.live_code(name) == Some(Code::NotLive)
    }

    fn live_code(&self, name: &str) -> Option<Code> {
        self.hub
            .find_live(&key(name))
            .err()
            .map(|refusal| refusal.code)
    }
}

fn key(name: &str) -> StreamName {
    StreamName::new("", "live", name).unwrap()
}

fn video(ts_us: i64, key: bool) -> RawFrame {
    RawFrame {
        track: TrackKind::Video,
        ts_us,
        cts_us: 0,
        kind: if key {
            FrameKind::Key
        } else {
            FrameKind::Inter
        },
        payload: Bytes::from_static(b"picture"),
    }
}

fn audio(ts_us: i64) -> RawFrame {
    RawFrame {
        track: TrackKind::Audio,
        ..video(ts_us, true)
    }
}

fn goes_on(times: &[i64]) -> bool {
    times.windows(2).all(|pair| pair[0] < pair[1])
}

#[tokio::test]
async fn a_publisher_that_falls_silent_is_ended_after_the_idle_time_and_not_before() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    house.frames(&mut publisher, 0, 10);
    house.pass_us(IDLE_US - 400_000);
    assert_eq!(house.live_code("a"), None);
    house.frames(&mut publisher, 400_000, 1);
    house.pass_us(IDLE_US - 400_000);
    assert_eq!(house.live_code("a"), None);
    house.pass_us(600_000);
    assert!(house.has_ended("a"));
    assert_eq!(house.stream("a").ended().unwrap().code, Code::NoData);
    assert_eq!(publisher.kicked().await, Code::NoData);
    // The handle goes later and has no more say.
    drop(publisher);
    assert_eq!(house.stream("a").ended().unwrap().code, Code::NoData);
    assert!(house.hub.clients().is_empty());
}

#[test]
fn a_publisher_that_never_sends_a_frame_is_ended_too() {
    let house = House::new();
    let _publisher = house.publish("a", false).unwrap();
    house.pass_us(IDLE_US + 200_000);
    assert!(house.has_ended("a"));
}

#[test]
fn what_comes_after_the_end_is_not_heard() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    house.frames(&mut publisher, 0, 5);
    house.pass_us(IDLE_US + 200_000);
    let head = house.stream("a").ring.head();
    house.frames(&mut publisher, 200_000, 5);
    assert_eq!(house.stream("a").ring.head(), head);
}

#[test]
fn a_live_name_is_refused_with_3004_and_goes_on() {
    let house = House::new();
    let mut first = house.publish("a", false).unwrap();
    house.frames(&mut first, 0, 5);
    let refusal = house.publish("a", false).unwrap_err();
    assert_eq!(refusal.code, Code::AlreadyPublishing);
    house.frames(&mut first, 5 * FRAME_US, 5);
    assert_eq!(
        times(&held(&house.stream("a"), 0), TrackKind::Video).len(),
        10
    );
    // Nobody was left behind in the table.
    assert_eq!(house.hub.clients().len(), 1);
}

#[tokio::test]
async fn a_takeover_tells_the_old_publisher_3005_and_hears_it_no_more() {
    let house = House::new();
    let mut old = house.publish("a", false).unwrap();
    house.frames(&mut old, 0, 10);
    let mut new = house.publish("a", true).unwrap();
    assert_eq!(old.kicked().await, Code::TakenOver);
    let head = house.stream("a").ring.head();
    // What the old one still had in its socket.
    house.frames(&mut old, 10 * FRAME_US, 10);
    old.tracks(Arc::default());
    assert_eq!(house.stream("a").ring.head(), head);
    house.frames(&mut new, 0, 10);
    drop(old);
    let stream = house.stream("a");
    assert!(stream.is_live() && stream.ended().is_none());
    assert_eq!(stream.life(), 2);
    let items = held(&stream, 0);
    assert!(goes_on(&times(&items, TrackKind::Video)));
    let cut = items
        .iter()
        .position(|item| *item == Item::Discontinuity)
        .unwrap();
    assert!(matches!(&items[cut + 1], Item::Tracks(tracks) if tracks.video.is_some()));
    assert_eq!(house.hub.clients().len(), 1);
}

#[test]
fn what_a_taken_over_publisher_still_sends_keeps_no_stream_alive() {
    let house = House::new();
    let mut old = house.publish("a", false).unwrap();
    let _new = house.publish("a", true).unwrap();
    for n in 0..200 {
        house.clock.advance_us(FRAME_US);
        old.frame(video(n * FRAME_US, n % GOP == 0));
        house.hub.sweep();
    }
    // The new one said nothing for eight seconds, whatever the old one says.
    assert!(house.has_ended("a"));
    assert_eq!(house.stream("a").stats().video_frames, 0);
}

#[test]
fn a_publisher_back_within_the_linger_time_goes_on_behind_a_discontinuity() {
    let house = House::new();
    let mut first = house.publish("a", false).unwrap();
    house.frames(&mut first, 7_000_000, 50);
    first.end(Code::ClientStopped);
    assert!(house.has_ended("a"));
    let stream = house.stream("a");
    let (last_us, wall_us) = (stream.ring.newest_us(), stream.wall_at_zero_us());
    house.pass_us(LINGER_US - 400_000);
    let mut second = house.publish("a", false).unwrap();
    house.frames(&mut second, 0, 50);
    assert!(Arc::ptr_eq(&stream, &house.stream("a")));
    assert_eq!(stream.life(), 2);
    let items = held(&stream, 0);
    assert!(goes_on(&times(&items, TrackKind::Video)));
    // The time that passed between is in the times, so that the wall clock stays true.
    let first_us = times(&items, TrackKind::Video)
        .into_iter()
        .find(|us| *us > last_us)
        .unwrap();
    assert!(
        (first_us - last_us - LINGER_US).abs() < 1_000_000,
        "{last_us} {first_us}"
    );
    let said_us = stream.wall_at_zero_us() + stream.ring.newest_us();
    assert!(
        (said_us - house.clock.wall_us()).abs() <= FRAME_US,
        "{wall_us} {said_us}"
    );
}

#[test]
fn a_container_that_begins_anew_goes_on_with_the_time_that_has_passed() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    house.frames(&mut publisher, 7_000_000, 50);
    house.pass_us(3_000_000);
    publisher.restart();
    house.frames(&mut publisher, 0, 50);
    let stream = house.stream("a");
    let items = held(&stream, 0);
    assert!(goes_on(&times(&items, TrackKind::Video)));
    assert_eq!(stream.life(), 1);
    let said_us = stream.wall_at_zero_us() + stream.ring.newest_us();
    assert!(
        (said_us - house.clock.wall_us()).abs() <= FRAME_US,
        "{said_us}"
    );
}

#[test]
fn a_stream_is_forgotten_after_the_linger_time_and_begins_anew() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    house.frames(&mut publisher, 0, 30);
    drop(publisher);
    house.pass_us(LINGER_US - 400_000);
    assert!(house.has_ended("a"));
    house.pass_us(800_000);
    assert_eq!(house.live_code("a"), Some(Code::NotLive));
    assert!(house.hub.streams().is_empty());
    let mut again = house.publish("a", false).unwrap();
    house.frames(&mut again, 0, 1);
    assert_eq!(
        (house.stream("a").life(), house.stream("a").ring.newest_us()),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_gets_the_stream_when_it_begins() {
    let house = House::new();
    let wait = |name: &'static str| {
        let hub = house.hub.clone();
        tokio::spawn(async move { hub.wait_live(&key(name), Duration::from_secs(10)).await })
    };
    let waiting: Vec<_> = (0..500).map(|_| wait("a")).collect();
    let others: Vec<_> = (0..50).map(|_| wait("b")).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let publisher = house.publish("a", false).unwrap();
    for waiter in waiting {
        assert!(waiter.await.unwrap().is_ok());
    }
    // Those who wait for another stream wait on, to the end.
    assert!(others.iter().all(|waiter| !waiter.is_finished()));
    for waiter in others {
        assert_eq!(waiter.await.unwrap().unwrap_err().code, Code::NotLive);
    }
    drop(publisher);
    let late = house.hub.wait_live(&key("a"), Duration::from_secs(1)).await;
    assert_eq!(late.unwrap_err().code, Code::NotLive);
    let at_once = house.hub.wait_live(&key("a"), Duration::ZERO).await;
    assert_eq!(at_once.unwrap_err().code, Code::NotLive);
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_lost_and_goes_on_at_the_newest_keyframe() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    house.frames(&mut publisher, 0, 2 * GOP);
    let stream = house.stream("a");
    let (mut next, mut items) = (stream.ring.newest_join().unwrap().seq, Vec::new());
    let ReadOutcome::Read { next: read } = stream.ring.read(next, 1000, &mut items) else {
        panic!()
    };
    next = read;
    // It sleeps for ten seconds; the ring holds two.
    house.frames(&mut publisher, 2 * GOP * FRAME_US, 10 * GOP);
    let ReadOutcome::Lagged { lost } = stream.ring.read(next, 1000, &mut items) else {
        panic!()
    };
    assert!(lost > 5 * GOP as u64, "{lost}");
    let join = stream.ring.newest_join().unwrap();
    items.clear();
    let outcome = stream.ring.read(join.seq, 1000, &mut items);
    assert_eq!(
        outcome,
        ReadOutcome::Read {
            next: stream.ring.head()
        }
    );
    assert!(matches!(&items[0], Item::Frame(frame) if frame.is_video_key()));
    assert!(join.tracks.video.is_some());
    assert_eq!(items.len(), GOP as usize);
}

#[test]
fn times_that_start_high_wrap_jump_and_part_come_out_in_order() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    let wrap_us = (1_i64 << 32) * 1000;
    // Just before the wrap, over it, then an encoder's restart, an hour ahead, and sound of another clock.
    let starts = [wrap_us - 400_000, 90_000_000, 3_600_000_000 * 9, 5];
    let (mut all_video, mut all_audio) = (Vec::new(), Vec::new());
    for start_us in starts {
        for n in 0..20_i64 {
            house.clock.advance_us(FRAME_US);
            let raw_us = (start_us + n * FRAME_US).rem_euclid(wrap_us);
            publisher.frame(video(raw_us, n == 0));
            publisher.frame(audio((raw_us + 20_000_000).rem_euclid(wrap_us)));
        }
        let items = held(&house.stream("a"), 0);
        all_video.extend(times(&items, TrackKind::Video));
        all_audio.extend(times(&items, TrackKind::Audio));
    }
    for times in [&mut all_video, &mut all_audio] {
        times.dedup();
        times.sort_unstable();
        times.dedup();
        assert_eq!(times.len(), 80, "a time twice");
        assert_eq!(times[0].min(0), 0);
        // Eighty frames of 40 ms: no jump got through.
        assert!(times[79] < 5_000_000, "{times:?}");
    }
    assert!(goes_on(&times(
        &held(&house.stream("a"), 0),
        TrackKind::Video
    )));
    let corrections = house.stream("a").stats().corrections;
    assert!((3..=10).contains(&corrections), "{corrections}");
}

#[tokio::test]
async fn an_operators_kick_reaches_the_publisher_and_names_the_end() {
    let house = House::new();
    let mut publisher = house.publish("a", false).unwrap();
    house.frames(&mut publisher, 0, 5);
    let id = house.stream("a").publisher().unwrap().id;
    house.hub.clients().find(id).unwrap().kick(Code::Operator);
    let code = publisher.kicked().await;
    publisher.end(code);
    assert_eq!(house.stream("a").ended().unwrap().code, Code::Operator);
    house.hub.kick_all(Code::Draining);
    assert!(house.hub.clients().is_empty());
}

/// What can happen in one step of a random evening.
#[derive(Debug, Clone)]
enum Act {
    Publish {
        name: usize,
        takeover: bool,
    },
    End {
        handle: usize,
    },
    Frames {
        handle: usize,
        count: i64,
        raw_us: i64,
    },
    Pass {
        us: i64,
    },
    Kick {
        handle: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..3_usize, any::<bool>()).prop_map(|(name, takeover)| Act::Publish { name, takeover }),
        (0..6_usize).prop_map(|handle| Act::End { handle }),
        (
            0..6_usize,
            1..40_i64,
            prop_oneof![
                0..10_000_000_i64,
                any::<u32>().prop_map(|ms| i64::from(ms) * 1000)
            ]
        )
            .prop_map(|(handle, count, raw_us)| Act::Frames {
                handle,
                count,
                raw_us
            }),
        (0..8_000_000_i64).prop_map(|us| Act::Pass { us }),
        (0..6_usize).prop_map(|handle| Act::Kick { handle }),
    ]
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What must hold after every step.
struct Invariants {
    seen: Vec<(Arc<Stream>, u64, i64)>,
}

impl Invariants {
    fn check(&mut self, house: &House, handles: &[Publisher]) {
        for stream in house.hub.streams() {
            let publishing = handles.iter().filter(|handle| {
                let info = stream.publisher();
                Arc::ptr_eq(handle.stream(), &stream)
                    && info.is_some_and(|info| house.hub.clients().find(info.id).is_some())
            });
            assert!(
                stream.publisher().is_none() || publishing.count() >= 1,
                "a publisher nobody holds"
            );
            assert_eq!(stream.publisher().is_some(), stream.is_live());
            assert!(
                stream.is_live() != stream.ended().is_some(),
                "neither live nor ended, or both"
            );
            self.grows(&stream);
            let items = held(&stream, 0);
            assert!(
                goes_on(&times(&items, TrackKind::Video)),
                "{:?}",
                times(&items, TrackKind::Video)
            );
            if let Some(join) = stream.ring.newest_join() {
                let mut first = Vec::<Item>::new();
                stream.ring.read(join.seq, 1, &mut first);
                assert!(matches!(
                    &first[..],
                    [Item::Frame(Frame {
                        kind: FrameKind::Key,
                        ..
                    })]
                ));
            }
        }
        // Whoever is in the table is held by somebody here, and the other way round.
        assert_eq!(house.hub.clients().len(), handles.len());
    }

    fn grows(&mut self, stream: &Arc<Stream>) {
        let now = (stream.ring.head(), stream.ring.newest_us());
        match self
            .seen
            .iter_mut()
            .find(|(seen, ..)| Arc::ptr_eq(seen, stream))
        {
            Some((_, head, newest_us)) => {
                assert!(
                    now.0 >= *head && now.1 >= *newest_us,
                    "{now:?} after {head} {newest_us}"
                );
                (*head, *newest_us) = now;
            }
            None => self.seen.push((stream.clone(), now.0, now.1)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_evening_breaks_the_house(acts in prop::collection::vec(act(), 1..60)) {
        let house = House::new();
        let mut handles: Vec<Publisher> = Vec::new();
        let mut invariants = Invariants { seen: Vec::new() };
        for act in acts {
            match act {
                Act::Publish { name, takeover } => {
                    let live = house.live_code(NAMES[name]).is_none();
                    match house.publish(NAMES[name], takeover) {
                        Ok(publisher) => handles.push(publisher),
                        Err(refusal) => {
                            prop_assert!(live && !takeover);
                            prop_assert_eq!(refusal.code, Code::AlreadyPublishing);
                        }
                    }
                }
                Act::End { handle } if handle < handles.len() => drop(handles.remove(handle)),
                Act::Frames { handle, count, raw_us } if handle < handles.len() => {
                    house.frames(&mut handles[handle], raw_us, count);
                }
                Act::Pass { us } => house.pass_us(us),
                Act::Kick { handle } if handle < handles.len() => {
                    let info = handles[handle].stream().publisher();
                    if let Some(client) = info.and_then(|info| house.hub.clients().find(info.id)) {
                        client.kick(Code::Operator);
                    }
                }
                _ => {}
            }
            invariants.check(&house, &handles);
        }
        handles.clear();
        house.pass_us(LINGER_US + 1_000_000);
        prop_assert!(house.hub.streams().is_empty(), "a stream leaked");
        prop_assert!(house.hub.clients().is_empty(), "a client leaked");
        let only_ours = invariants.seen.iter().all(|(stream, ..)| Arc::strong_count(stream) == 1);
        prop_assert!(only_ours, "somebody holds on to a stream");
    }
}
