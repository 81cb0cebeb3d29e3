//! Readers of a stream and observers of the hub in virtual time: where they begin, what they lose, what
//! wakes them, and that nobody waits for them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_base::{Clock, Code, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{
    Config, Cursor, Entry, Event, Events, Grant, Hub, JoinKind, Notice, Protocol, Publisher, Read,
    Start, TrackFilter, What,
};
use weir_media::flv::RawFrame;
use weir_media::{AudioCodec, AudioTrack, FrameKind, Item, TrackKind, Tracks};

use crate::common::{self, FRAME_US, GOP, WALL_US, config};

struct House {
    hub: Hub,
    clock: Clock,
}

impl House {
    fn new() -> Self {
        let clock = Clock::manual(WALL_US);
        let config = Config {
            ring_ms: 4_000,
            ..config()
        };
        let hub = Hub::new(config, clock.clone());
        Self { hub, clock }
    }

    fn publish(&self, takeover: bool) -> Publisher {
        let mut request = request();
        request.grant.takeover = takeover;
        let publisher = self.hub.publish(request).unwrap();
        publisher.tracks(tracks());
        publisher
    }

    /// Pictures with a sound behind each, in real time.
    fn film(&self, publisher: &mut Publisher, first: i64, count: i64) {
        for number in first..first + count {
            self.clock.advance_us(FRAME_US);
            publisher.frame(picture(number));
            publisher.frame(RawFrame {
                track: TrackKind::Audio,
                kind: FrameKind::Key,
                ..picture(number)
            });
        }
    }

    fn pass_us(&self, us: i64) {
        for _ in 0..us / 200_000 {
            self.clock.advance_us(200_000);
            self.hub.sweep();
        }
    }
}

fn request() -> PublishRequest {
    PublishRequest {
        name: name(),
        protocol: Protocol::Rtmp,
        addr: "10.0.0.1:1000".parse().unwrap(),
        grant: Grant::default(),
    }
}

fn name() -> StreamName {
    StreamName::new("", "live", "a").unwrap()
}

fn tracks() -> Arc<Tracks> {
    let audio = AudioTrack {
        codec: AudioCodec::Aac,
        config: Bytes::new(),
        sample_rate: 48_000,
        channels: 2,
        rfc6381: String::new(),
    };
    Arc::new(Tracks {
        audio: Some(audio),
        ..(*common::tracks(320)).clone()
    })
}

fn picture(number: i64) -> RawFrame {
    RawFrame {
        track: TrackKind::Video,
        ts_us: number * FRAME_US,
        cts_us: 0,
        kind: if number % GOP == 0 {
            FrameKind::Key
        } else {
            FrameKind::Inter
        },
        payload: Bytes::from_static(b"picture"),
    }
}

/// Everything that can be read, with a word for each step.
fn drain(cursor: &mut Cursor) -> (Vec<&'static str>, Vec<Entry>) {
    let (mut words, mut all, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let word = match cursor.read(16, &mut entries) {
            Read::Began(_) => "began",
            Read::Items => "items",
            Read::Broke => "broke",
            Read::Lost(_) => "lost",
            Read::Nothing => "nothing",
            Read::Ended => "ended",
            Read::Forgotten => "forgotten",
        };
        all.append(&mut entries);
        if words.last() != Some(&word) {
            words.push(word);
        }
        if matches!(word, "nothing" | "ended" | "forgotten") {
            return (words, all);
        }
    }
}

fn joins_us(entries: &[Entry]) -> Vec<i64> {
    let joins = entries.iter().filter(|entry| entry.join.is_some());
    joins
        .filter_map(|entry| match &entry.item {
            Item::Frame(frame) => Some(frame.dts_us),
            _ => None,
        })
        .collect()
}

#[test]
fn a_reader_begins_at_a_keyframe_and_is_told_of_the_break_and_the_end() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let stream = publisher.stream().clone();
    let mut cursor = stream.follow(Start::Newest);
    assert_eq!(drain(&mut cursor).0, ["nothing"], "no place to begin yet");
    house.film(&mut publisher, 0, 30);
    let (words, entries) = drain(&mut cursor);
    assert_eq!(words, ["began", "items", "nothing"]);
    assert_eq!(entries.len(), 10, "from the newest keyframe on");
    assert_eq!(joins_us(&entries), [1_000_000]);
    assert_eq!(cursor.clock_id(), stream.clock_id());

    house.film(&mut publisher, 30, 5);
    drop(publisher);
    assert_eq!(drain(&mut cursor).0, ["items", "ended"]);
    let before = cursor.clock_id();
    let mut publisher = house.publish(false);
    house.film(&mut publisher, 0, 5);
    assert_eq!(drain(&mut cursor).0, ["broke", "items", "nothing"]);
    assert_eq!(cursor.clock_id(), before.wrapping_add(1));
    assert_eq!(cursor.clock_id(), stream.clock_id());
}

#[test]
fn the_oldest_join_names_the_clock_it_was_on() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let stream = publisher.stream().clone();
    let first = stream.clock_id();
    house.film(&mut publisher, 0, 5);
    publisher.restart();
    house.film(&mut publisher, 0, 5);
    let mut cursor = stream.follow(Start::Oldest);
    let Read::Began(join) = cursor.read(1, &mut Vec::new()) else {
        panic!("there is a place to begin");
    };
    assert_eq!((join.dts_us, join.clock_id), (0, first));
    assert_eq!(drain(&mut cursor).0, ["items", "broke", "items", "nothing"]);
    assert_eq!(cursor.clock_id(), first.wrapping_add(1));
}

#[test]
fn joins_are_those_of_the_tracks_that_are_taken() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let follow = |video, audio| {
        let cursor = publisher.stream().follow(Start::Oldest);
        cursor.taking(TrackFilter { video, audio })
    };
    let (mut all, mut sound) = (follow(true, true), follow(false, true));
    house.film(&mut publisher, 0, 50);
    let of_all = drain(&mut all).1;
    assert_eq!(joins_us(&of_all), [0, 1_000_000]);
    let of_sound = drain(&mut sound).1;
    assert_eq!(of_sound.len(), 50);
    let every_half_second = [0, 520_000, 1_040_000, 1_560_000];
    assert_eq!(joins_us(&of_sound), every_half_second);
}

#[test]
fn sound_alone_is_joined_when_the_pictures_have_been_off_for_long() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let mut cursor = publisher.stream().follow(Start::Oldest);
    house.film(&mut publisher, 0, 1);
    drain(&mut cursor);
    let mut joins = Vec::new();
    for number in 1..=150 {
        house.clock.advance_us(FRAME_US);
        publisher.frame(RawFrame {
            track: TrackKind::Audio,
            kind: FrameKind::Key,
            ..picture(number)
        });
        joins.extend(joins_us(&drain(&mut cursor).1));
    }
    assert_eq!(joins, [5_040_000, 5_560_000]);
    let join = publisher.stream().newest_join().unwrap();
    assert_eq!(join.dts_us, 5_560_000, "the ring says the same");
}

/// The same tracks, as known before the sound has told of itself.
fn without_sound() -> Arc<Tracks> {
    let mut tracks = Tracks::clone(&tracks());
    tracks.audio = None;
    Arc::new(tracks)
}

fn sound(number: i64) -> RawFrame {
    RawFrame {
        track: TrackKind::Audio,
        kind: FrameKind::Key,
        ..picture(number)
    }
}

#[test]
fn nobody_joins_before_the_tracks_are_known_that_were_announced() {
    let house = House::new();
    let mut publisher = house.hub.publish(request()).unwrap();
    let stream = publisher.stream().clone();
    publisher.await_tracks(TrackFilter::ALL, 1_000_000);
    publisher.tracks(without_sound());
    let mut cursor = stream.follow(Start::Newest);
    for number in 0..10 {
        publisher.frame(picture(number));
    }
    assert_eq!(drain(&mut cursor).0, ["nothing"]);
    assert!(stream.ring.oldest_join().is_none(), "no packager either");
    publisher.tracks(tracks());
    let join = stream.newest_join().unwrap();
    assert_eq!((join.dts_us, &join.tracks), (0, &tracks()));
    assert_eq!(
        drain(&mut cursor).1.len(),
        11,
        "all pictures, and the tracks anew"
    );
    // Who has been let in once is not kept waiting by the next word of the publisher.
    publisher.await_tracks(TrackFilter::ALL, 1_000_000);
    assert!(stream.newest_join().is_some());
}

#[test]
fn tracks_that_do_not_come_are_waited_for_so_long_by_the_stream_or_by_the_clock() {
    let house = House::new();
    let begin = || {
        let mut publisher = house.hub.publish(request()).unwrap();
        publisher.await_tracks(TrackFilter::ALL, 400_000);
        publisher.tracks(without_sound());
        publisher.frame(picture(0));
        assert!(publisher.stream().newest_join().is_none());
        publisher
    };
    let mut publisher = begin();
    publisher.frame(picture(9));
    assert!(publisher.stream().newest_join().is_none());
    publisher.frame(picture(10));
    assert!(publisher.stream().newest_join().is_some(), "by its times");
    drop(publisher);
    house.pass_us(common::LINGER_US);
    let publisher = begin();
    house.pass_us(200_000);
    assert!(publisher.stream().newest_join().is_none());
    house.pass_us(200_000);
    assert!(publisher.stream().newest_join().is_some(), "by the clock");
}

#[test]
fn whoever_joins_is_told_of_a_track_that_came_behind_that_place() {
    let house = House::new();
    let mut publisher = house.hub.publish(request()).unwrap();
    publisher.tracks(without_sound());
    for number in 0..20 {
        publisher.frame(picture(number));
    }
    publisher.tracks(tracks());
    publisher.frame(sound(20));
    let join = publisher.stream().newest_join().unwrap();
    assert_eq!((join.dts_us, &join.tracks), (0, &tracks()));
    assert_eq!(join.breaks, 0);
    publisher.tracks(common::tracks(640));
    let join = publisher.stream().newest_join().unwrap();
    assert_eq!(join.tracks, tracks(), "other tracks are no more tracks");
    for number in 21..60 {
        publisher.frame(picture(number));
    }
    let join = publisher.stream().newest_join().unwrap();
    assert_eq!((join.tracks, join.breaks), (common::tracks(640), 1));
}

#[test]
fn whoever_comes_to_a_still_picture_sees_it_for_as_long_as_the_ring_keeps() {
    let house = House::new();
    let config = Config {
        ring_ms: 12_000,
        ..config()
    };
    house.hub.reconfigure(config);
    let mut publisher = house.publish(false);
    let stream = publisher.stream().clone();
    let joins = || stream.newest_join().unwrap().dts_us;
    for number in 0..=275 {
        publisher.frame(sound(number));
        if number % 25 == 0 && number <= 100 || number == 101 || number == 102 {
            publisher.frame(picture(number));
        }
    }
    assert_eq!(joins(), 4_000_000, "the keyframe is seven seconds old");
    let mut cursor = stream.follow(Start::Newest);
    let entries = drain(&mut cursor).1;
    assert!(entries[0].join.is_some(), "readers hear the same");
    for number in 276..=400 {
        publisher.frame(sound(number));
    }
    assert_eq!(joins(), 4_000_000);
    publisher.frame(sound(405));
    assert_eq!(
        joins(),
        15_880_000,
        "older than the ring keeps: sound alone"
    );
    let all = drain(&mut stream.follow(Start::Newest)).1;
    assert!(all[0].join.is_some() && all.len() < 20, "{}", all.len());
    let pictures = TrackFilter {
        audio: false,
        ..TrackFilter::ALL
    };
    let mut cursor = stream.follow(Start::Newest).taking(pictures);
    assert_eq!(
        drain(&mut cursor).0,
        ["nothing"],
        "whose ring has no picture waits"
    );
}

#[test]
fn pictures_that_go_on_behind_a_still_one_are_joined_at_its_keyframe() {
    let house = House::new();
    let mut publisher = house.publish(false);
    for number in 0..200 {
        publisher.frame(sound(number));
        if !(4..=160).contains(&number) {
            let kind = match number {
                0 => FrameKind::Key,
                _ => FrameKind::Inter,
            };
            publisher.frame(RawFrame {
                kind,
                ..picture(number)
            });
        }
    }
    let join = publisher.stream().newest_join().unwrap();
    let is_whole = join.kind == JoinKind::Whole;
    // The ring keeps four seconds: after the silence began, the keyframe had left it.
    assert!(!is_whole && join.dts_us > 5_000_000, "{join:?}");
    let house = House::new();
    house.hub.reconfigure(Config {
        ring_ms: 12_000,
        ..config()
    });
    let mut publisher = house.publish(false);
    for number in 0..600 {
        publisher.frame(sound(number));
        if number == 0 || number > 160 {
            let kind = match number {
                0 => FrameKind::Key,
                _ => FrameKind::Inter,
            };
            publisher.frame(RawFrame {
                kind,
                ..picture(number)
            });
        }
    }
    let join = publisher.stream().newest_join().unwrap();
    assert_eq!(
        join.dts_us, 0,
        "what goes on refers to it, however old it is"
    );
}

#[test]
fn a_reader_that_fell_out_of_the_ring_is_told_how_much_and_begins_anew() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let mut cursor = publisher.stream().follow(Start::Newest);
    house.film(&mut publisher, 0, 1);
    let mut entries = Vec::new();
    assert!(matches!(cursor.read(1, &mut entries), Read::Began(_)));
    house.film(&mut publisher, 1, 200);
    let Read::Lost(lost) = cursor.read(16, &mut entries) else {
        panic!("it cannot have everything");
    };
    assert!(lost > 0 && entries.is_empty());
    let (words, entries) = drain(&mut cursor);
    assert_eq!(words, ["began", "items", "nothing"]);
    assert!(entries[0].join.is_some());
}

#[test]
fn a_reader_that_may_not_lag_goes_on_at_the_newest_keyframe() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let cursor = publisher.stream().follow(Start::Newest);
    let mut cursor = cursor.at_most_behind(1_500_000);
    house.film(&mut publisher, 0, 30);
    drain(&mut cursor);
    house.film(&mut publisher, 30, 21);
    assert_eq!(drain(&mut cursor).0, ["items", "nothing"], "not far behind");
    house.film(&mut publisher, 51, 60);
    assert_eq!(
        drain(&mut cursor).0,
        ["lost", "began", "items", "nothing"],
        "2.4 s behind"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_woken_by_items_and_by_the_end_and_by_nothing_it_knows() {
    let house = House::new();
    let mut publisher = house.publish(false);
    let mut cursor = publisher.stream().follow(Start::Newest);
    assert!(!is_ready(&cursor).await, "no keyframe yet");
    house.film(&mut publisher, 0, 1);
    assert!(is_ready(&cursor).await);
    drain(&mut cursor);
    assert!(!is_ready(&cursor).await);
    let waiting = cursor.ready();
    let ending = async { drop(publisher) };
    tokio::join!(waiting, ending);
    assert_eq!(drain(&mut cursor).0, ["ended"]);
    assert!(!is_ready(&cursor).await, "told already");
    let publisher = house.publish(false);
    assert!(is_ready(&cursor).await, "a break stands before the next");
    drop(publisher);
    assert_eq!(drain(&mut cursor).0, ["broke", "items", "ended"]);
    house.pass_us(12_000_000);
    assert!(is_ready(&cursor).await);
    assert_eq!(drain(&mut cursor).0, ["forgotten"]);
    assert!(!is_ready(&cursor).await, "for good");
}

async fn is_ready(cursor: &Cursor) -> bool {
    let wait = tokio::time::timeout(Duration::from_millis(1), cursor.ready());
    wait.await.is_ok()
}

fn told(events: &mut Events) -> Vec<What> {
    let all = std::iter::from_fn(|| events.try_next());
    all.map(|notice| match notice {
        Notice::Event(Event { what, .. }) => what,
        Notice::Lost(lost) => panic!("{lost} lost"),
    })
    .collect()
}

#[tokio::test]
async fn observers_are_told_the_life_of_a_stream_in_order() {
    let house = House::new();
    let mut events = house.hub.events();
    let first = house.publish(false);
    let second = house.publish(true);
    drop(first);
    second.end(Code::Operator);
    let third = house.publish(false);
    house.pass_us(6_000_000);
    drop(third);
    house.pass_us(12_000_000);
    let told = told(&mut events);
    let words: Vec<String> = told
        .iter()
        .map(|what| match what {
            What::Began(who) => format!("began {}", who.life),
            What::Returned(who) => format!("returned {}", who.life),
            What::TakenOver(who) => format!("taken over {}", who.life),
            What::Tracks(_) => "tracks".to_owned(),
            What::Ended(code) => format!("ended {}", code.number()),
            What::Forgotten => "forgotten".to_owned(),
        })
        .collect();
    assert_eq!(
        words,
        [
            "began 1",
            "tracks",
            "taken over 2",
            "tracks",
            "ended 4008",
            "returned 3",
            "tracks",
            "ended 4002",
            "forgotten",
        ]
    );
}

#[test]
fn an_observer_that_never_reads_delays_no_publisher_and_costs_a_bounded_memory() {
    let house = House::new();
    let mut slow = house.hub.events();
    let publisher = house.publish(false);
    for _ in 0..10_000 {
        publisher.tracks(tracks());
    }
    let Some(Notice::Lost(lost)) = slow.try_next() else {
        panic!("it cannot have been told everything");
    };
    let rest = told(&mut slow);
    assert_eq!(lost + rest.len() as u64, 10_002);
    assert!(publisher.stream().is_live(), "what it reads anew");
}
