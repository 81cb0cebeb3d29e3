//! A node as a viewer, in virtual time: what it is told when it joins, falls behind, hears nothing and
//! comes to the end.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use weir_base::{Clock, Code, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{
    Grant, Hub, NewClient, Protocol, Publisher, RelayBegin, Role, Stream, StreamPosition,
};
use weir_media::flv::RawFrame;
use weir_media::{FrameKind, Item, Metadata, TrackKind};
use weir_proto::relay::{Record, RelayDecoder, RelayLimits};
use weir_testkit::builders::hub_config;
use weir_testkit::synthetic;

use super::catch_up::CatchUp;
use super::format::Format;
use super::forms::lengths::{Lengths, pieces};
use super::forms::of_path;
use super::forms::relay::Relay;
use super::framing::Framing;
use super::pool::Seat;
use super::sink::Sink;
use super::talk::Over;
use super::viewer::{NewViewer, Turn, Viewer, Window};
use super::wire::{Batch, View, Wire};

mod ends;
mod first_words;

const FORMAT: Format = Format::new(&Relay);
const WALL_US: i64 = 1_700_000_000_000_000;
const FRAME_US: i64 = 40_000;
/// Pictures between two keyframes.
const GOP: u64 = 10;

fn house() -> (Hub, Clock) {
    let clock = Clock::manual(WALL_US);
    (Hub::new(hub_config(), clock.clone()), clock)
}

fn request() -> PublishRequest {
    PublishRequest {
        name: StreamName::new("", "live", "s").unwrap(),
        protocol: Protocol::Rtmp,
        addr: "127.0.0.1:1".parse().unwrap(),
        grant: Grant::default(),
    }
}

fn publish(hub: &Hub) -> Publisher {
    let publisher = hub.publish(request()).unwrap();
    publisher.tracks(Arc::new(synthetic::tracks()));
    publisher
}

fn film(clock: &Clock, publisher: &mut Publisher, first: u64, count: u64) {
    for number in first..first + count {
        clock.advance_us(FRAME_US);
        let key = number.is_multiple_of(GOP);
        publisher.frame(RawFrame {
            track: TrackKind::Video,
            ts_us: number as i64 * FRAME_US,
            cts_us: 0,
            kind: if key {
                FrameKind::Key
            } else {
                FrameKind::Inter
            },
            payload: synthetic::picture(number, key, 60).into(),
        });
    }
}

/// A node's connection, with the loop's part done by hand.
struct Peer {
    clock: Clock,
    wire: Wire,
    batches: VecDeque<Batch>,
    view: View,
    viewer: Viewer,
    queue: mpsc::Receiver<bytes::Bytes>,
    decoder: RelayDecoder,
}

impl Peer {
    /// A connection with room for so many batches on the way.
    fn new(hub: &Hub, stream: &Arc<Stream>, room: usize) -> Self {
        Self::of(FORMAT, hub, stream, room)
    }

    fn of(format: Format, hub: &Hub, stream: &Arc<Stream>, room: usize) -> Self {
        let (sink, queue) = mpsc::channel(room);
        let addr = "127.0.0.1:2".parse().unwrap();
        let key = stream.name.clone();
        let new = NewClient {
            role: Role::Viewer,
            protocol: Protocol::Relay,
            name: key,
            addr,
            is_node: true,
            identity: None,
            right: None,
            wishes: None,
        };
        let client = hub.clients().enter(new, 0);
        let viewer = NewViewer {
            sink: Sink::Task(sink),
            client: client.unwrap(),
            greeting: Vec::new(),
            talk: None,
            after: None,
        };
        let now_us = hub.clock().now_us();
        Self {
            clock: hub.clock().clone(),
            wire: Wire::new(stream.clone(), format, 0, 1 << 20),
            batches: VecDeque::new(),
            view: View::default(),
            viewer: Viewer::new(viewer, Seat::take(&Arc::default()), now_us, 0, 0),
            queue,
            decoder: RelayDecoder::new(RelayLimits::default()),
        }
    }

    /// One turn of the loop.
    fn tick(&mut self) -> Turn {
        self.view = self.wire.sync(self.view.next, &mut self.batches);
        let window = Window {
            format: self.wire.format,
            stream: &self.wire.stream,
            view: self.view,
            batches: &self.batches,
            now_us: self.clock.now_us(),
        };
        self.viewer.mark_lagged(&window);
        if let Some(ended) = self.wire.stream.ended() {
            self.viewer.end(&window, ended.code_for(true));
        }
        let mut beat = Vec::new();
        let Format { form, framing, .. } = window.format;
        form.beat(self.clock.wall_us(), &mut beat);
        let remarks = super::viewer::ToldRemarks::default();
        self.viewer.beat(&window, &framing.wrap(&beat), &remarks);
        let turn = self.viewer.pump(&window, &mut 0);
        let first = self.view.first;
        self.batches.retain(|batch| batch.seq >= first);
        turn
    }

    /// What has arrived on the other side.
    fn arrived(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        while let Ok(bytes) = self.queue.try_recv() {
            self.decoder.push(bytes);
            while let Some(record) = self.decoder.poll().unwrap() {
                records.push(record);
            }
        }
        records
    }

    fn hear(&mut self) -> Vec<Record> {
        self.tick();
        self.arrived()
    }
}

fn numbers(records: &[Record]) -> Vec<u64> {
    let numbers = records.iter().filter_map(|record| match record {
        Record::Item(Item::Frame(frame)) => synthetic::number_of(&frame.payload),
        _ => None,
    });
    numbers.collect()
}

fn breaks(records: &[Record]) -> usize {
    let breaks = records
        .iter()
        .filter(|record| **record == Record::Item(Item::Discontinuity));
    breaks.count()
}

#[test]
fn a_node_that_joins_is_told_the_clock_the_tracks_and_all_from_the_last_keyframe() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    let metadata = Arc::new(Metadata {
        amf0: vec![5].into(),
    });
    publisher.metadata(metadata.clone());
    film(&clock, &mut publisher, 0, 25);
    let stream = publisher.stream().clone();
    let mut peer = Peer::new(&hub, &stream, 64);
    let records = peer.hear();
    let [Record::Begin(begin), tracks, about, ..] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(begin.timeline, stream.clock_id());
    assert_eq!(begin.wall_at_zero_us, stream.wall_at_zero_us());
    assert_eq!((begin.epoch, begin.via.len()), (0, 0));
    assert_eq!(
        *tracks,
        Record::Item(Item::Tracks(Arc::new(synthetic::tracks())))
    );
    assert_eq!(*about, Record::Item(Item::Metadata(metadata)));
    assert_eq!(numbers(&records), (20..25).collect::<Vec<_>>());
    // A second one shares the bytes of the first, and later items come as they are said.
    publisher.restart();
    film(&clock, &mut publisher, 30, 2);
    let records = peer.hear();
    assert_eq!(breaks(&records), 1);
    assert_eq!(numbers(&records), [30, 31]);
    let mut second = Peer::new(&hub, &stream, 64);
    let Some(Record::Begin(begin)) = second.hear().into_iter().next() else {
        panic!("no begin");
    };
    assert_eq!(
        begin.timeline,
        stream.clock_id(),
        "as it is after the break"
    );
}

/// What a node hears that comes back with `after`, and then `more` pictures from number `next` on.
fn heard_again(
    (hub, clock): &(Hub, Clock),
    publisher: &mut Publisher,
    after: Option<StreamPosition>,
    (next, more): (u64, u64),
) -> Vec<Record> {
    let mut peer = Peer::new(hub, publisher.stream(), 64);
    peer.view = peer.wire.sync(peer.view.next, &mut peer.batches);
    let held = (peer.view, &peer.batches);
    let missed = after.and_then(|after| CatchUp::read(&peer.wire, held, after));
    if let Some(missed) = missed {
        peer.viewer.catch_up(peer.view, missed);
    }
    let mut heard = peer.hear();
    film(clock, publisher, next, more);
    heard.extend(peer.hear());
    heard
}

#[test]
fn a_node_that_comes_back_begins_at_the_keyframe_before_what_it_has() {
    let house = house();
    let mut publisher = publish(&house.0);
    film(&house.1, &mut publisher, 0, 15);
    let at_15 = publisher.stream().position().unwrap();
    assert_eq!(at_15.clock_id, publisher.stream().clock_id());
    film(&house.1, &mut publisher, 15, 16);
    let mut next = 31;
    let mut hear = |after| {
        let heard = heard_again(&house, &mut publisher, after, (next, 2));
        next += 2;
        assert!(matches!(heard[0], Record::Begin(_)), "{heard:?}");
        numbers(&heard)
    };
    assert_eq!(hear(Some(at_15)), (10..33).collect::<Vec<_>>());
    assert_eq!(hear(None), (30..35).collect::<Vec<_>>(), "a new one");
    let other_clock = StreamPosition {
        clock_id: at_15.clock_id.wrapping_add(9),
        ..at_15
    };
    assert_eq!(hear(Some(other_clock)), (30..37).collect::<Vec<_>>());
    let too_old = at_15.earlier_by(i64::MAX);
    assert_eq!(hear(Some(too_old)), (30..39).collect::<Vec<_>>());
    // A break of the clock is told of, and the clock before it still fits.
    publisher.restart();
    film(&house.1, &mut publisher, 50, 15);
    let heard = heard_again(&house, &mut publisher, Some(at_15), (65, 2));
    let Record::Begin(begin) = &heard[0] else {
        panic!("{heard:?}");
    };
    assert_eq!((begin.timeline, breaks(&heard)), (at_15.clock_id, 1));
    assert_eq!(numbers(&heard), (10..39).chain(50..67).collect::<Vec<_>>());
}

#[test]
fn what_arrives_is_what_was_said_to_the_microsecond() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    film(&clock, &mut publisher, 0, 12);
    let stream = publisher.stream().clone();
    let mut peer = Peer::new(&hub, &stream, 64);
    let mut records = peer.hear();
    film(&clock, &mut publisher, 12, 3);
    records.extend(peer.hear());
    let join = stream.ring.oldest_join().unwrap();
    let mut said = Vec::new();
    stream.ring.read(join.seq + GOP, 64, &mut said);
    let heard: Vec<_> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Item(item @ Item::Frame(_)) => Some(item),
            _ => None,
        })
        .collect();
    assert_eq!(heard, said);
}

#[test]
fn a_node_too_slow_goes_on_at_a_keyframe_and_hears_of_the_breaks_it_missed() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    film(&clock, &mut publisher, 0, 15);
    let stream = publisher.stream().clone();
    let mut peer = Peer::new(&hub, &stream, 2);
    let mut heard = peer.hear();
    // Nobody takes what comes, until the wire has let most of it go.
    let mut first = 15;
    for round in 0..8 {
        if round == 3 || round == 5 {
            publisher.restart();
            first += GOP - first % GOP;
        }
        film(&clock, &mut publisher, first, 10);
        first += 10;
        peer.tick();
    }
    loop {
        let records = [peer.arrived(), peer.hear()].concat();
        if records.is_empty() {
            break;
        }
        heard.extend(records);
    }
    assert!(stream.skipped_frames() > 0, "nothing was lost");
    assert_eq!(breaks(&heard), 2);
    let begins = heard
        .iter()
        .filter(|record| matches!(record, Record::Begin(_)));
    assert_eq!(begins.count(), 1);
    let numbers = numbers(&heard);
    for pair in numbers.windows(2) {
        assert!(
            pair[1] == pair[0] + 1 || (pair[1] > pair[0] && pair[1].is_multiple_of(GOP)),
            "{numbers:?}"
        );
    }
    // Another hub that takes all this is on the same clock in the end.
    let (copy, _) = house();
    let mut relay = None;
    for record in heard {
        match record {
            Record::Begin(begin) => {
                let begin = RelayBegin {
                    clock_id: begin.timeline,
                    wall_at_zero_us: begin.wall_at_zero_us,
                };
                relay = Some(copy.relay(request(), begin).unwrap());
            }
            Record::Item(item) => relay.as_mut().unwrap().item(item),
            // Nothing fits into its queue for longer than a beat.
            Record::Beat { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let relayed = relay.as_ref().unwrap().stream();
    assert_eq!(relayed.clock_id(), stream.clock_id());
    assert_eq!(relayed.ring.newest_us(), stream.ring.newest_us());
}

#[test]
fn a_node_that_has_nothing_to_hear_hears_that_at_each_look() {
    let (hub, clock) = house();
    let publisher = publish(&hub);
    let mut peer = Peer::new(&hub, publisher.stream(), 64);
    let mut beats = 0;
    for _ in 0..40 {
        clock.advance_us(250_000);
        for record in peer.hear() {
            let Record::Beat { wall_us } = record else {
                panic!("{record:?}");
            };
            assert_eq!(wall_us, clock.wall_us());
            beats += 1;
        }
    }
    assert_eq!(beats, 40);
}

#[test]
fn beats_for_a_node_that_does_not_read_do_not_pile_up() {
    let (hub, clock) = house();
    let publisher = publish(&hub);
    let mut peer = Peer::new(&hub, publisher.stream(), 1);
    for _ in 0..100 {
        clock.advance_us(1_000_000);
        peer.tick();
    }
    assert_eq!(peer.arrived().len(), 1);
    assert_eq!(peer.hear().len(), 1);
    assert_eq!(peer.hear().len(), 0);
}

#[test]
fn a_form_of_one_file_and_one_line_is_played_with_a_fall_and_an_end() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    film(&clock, &mut publisher, 0, 15);
    let stream = publisher.stream().clone();
    let (form, app, stream_name) = of_path("/live/a.lengths").unwrap();
    assert_eq!((app, stream_name), ("live", "a"));
    let format = Format::new(form);
    let mut peer = Peer::of(format, &hub, &stream, 2);
    peer.tick();
    // Nobody takes what comes, until the wire has let most of it go.
    for round in 0..8 {
        film(&clock, &mut publisher, 15 + round * 10, 10);
        peer.tick();
    }
    let mut played = Vec::new();
    let mut play = |peer: &mut Peer| {
        loop {
            let before = played.len();
            peer.tick();
            while let Ok(bytes) = peer.queue.try_recv() {
                played.extend_from_slice(&bytes);
            }
            if played.len() == before {
                break;
            }
        }
    };
    play(&mut peer);
    publisher.end(Code::Operator);
    play(&mut peer);
    let pieces = pieces(&played);
    let letters: String = pieces.iter().map(|(letter, _)| letter).collect();
    assert!(letters.starts_with("BRF"), "{letters}");
    assert!(letters.contains("LRF"), "{letters}");
    assert!(letters.ends_with("FE"), "{letters}");
    let told = pieces
        .iter()
        .filter(|(letter, _)| *letter == 'L')
        .map(|(_, lost)| u64::from_be_bytes((*lost).try_into().unwrap()));
    let lost = told.sum::<u64>();
    assert_eq!(lost, stream.skipped_frames());
    let frames = pieces.iter().filter(|(letter, _)| *letter == 'F');
    let numbers: Vec<_> = frames
        .filter_map(|(_, payload)| synthetic::number_of(payload))
        .collect();
    assert_eq!(numbers, (10..15).chain(90..95).collect::<Vec<_>>());
    assert_eq!(lost, 75, "what it was told is what it misses");
    let (_, code) = pieces.last().unwrap();
    assert_eq!(**code, Code::Operator.number().to_be_bytes());
}

/// An open group of pictures in decode order: a keyframe that is shown behind the three
/// that follow it, and one more.
fn open_group(clock: &Clock, publisher: &mut Publisher, first: u64) {
    let shown_us = [4 * FRAME_US, 0, 0, 0, FRAME_US];
    for (at, cts_us) in shown_us.into_iter().enumerate() {
        clock.advance_us(FRAME_US);
        let number = first + at as u64;
        let key = at == 0;
        publisher.frame(RawFrame {
            track: TrackKind::Video,
            ts_us: number as i64 * FRAME_US,
            cts_us: cts_us as i32,
            kind: if key {
                FrameKind::Key
            } else {
                FrameKind::Inter
            },
            payload: synthetic::picture(number, key, 60).into(),
        });
        publisher.frame(RawFrame {
            track: TrackKind::Audio,
            ts_us: number as i64 * FRAME_US,
            cts_us: 0,
            kind: FrameKind::Key,
            payload: synthetic::picture(100 + number, false, 60).into(),
        });
    }
}

/// Numbers of the frames that arrived in the form of the tests.
fn pictures_of(peer: &mut Peer) -> Vec<u64> {
    peer.tick();
    let mut numbers = Vec::new();
    while let Ok(bytes) = peer.queue.try_recv() {
        let frames = pieces(&bytes)
            .into_iter()
            .filter(|(letter, _)| *letter == 'F');
        numbers.extend(frames.filter_map(|(_, body)| synthetic::number_of(body)));
    }
    numbers
}

#[test]
fn pictures_that_lead_to_a_keyframe_are_left_out_for_who_joins_there_alone() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    let stream = publisher.stream().clone();
    let format = Format::new(&Lengths);
    open_group(&clock, &mut publisher, 0);
    let mut early = Peer::of(format, &hub, &stream, 64);
    pictures_of(&mut early);
    open_group(&clock, &mut publisher, 5);
    let whole = [5, 105, 6, 106, 7, 107, 8, 108, 9, 109];
    assert_eq!(pictures_of(&mut early), whole, "it has what they refer to");
    let mut late = Peer::of(format, &hub, &stream, 64);
    assert_eq!(pictures_of(&mut late), [5, 105, 106, 107, 108, 9, 109]);
    open_group(&clock, &mut publisher, 10);
    let next = whole.map(|number| number + 5);
    assert_eq!(pictures_of(&mut late), next);
    assert_eq!(pictures_of(&mut early), next);
}

#[test]
fn in_mpeg_ts_too_and_no_counter_jumps_for_it() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    let stream = publisher.stream().clone();
    let format = Format::new(&super::forms::ts::Ts);
    open_group(&clock, &mut publisher, 0);
    let mut early = Peer::of(format, &hub, &stream, 64);
    early.tick();
    open_group(&clock, &mut publisher, 5);
    early.tick();
    let mut late = Peer::of(format, &hub, &stream, 64);
    late.tick();
    open_group(&clock, &mut publisher, 10);
    for (peer, expected) in [(&mut early, 12), (&mut late, 7)] {
        peer.tick();
        let mut demuxer = weir_media::ts::TsDemuxer::new();
        while let Ok(bytes) = peer.queue.try_recv() {
            demuxer.push(&bytes);
        }
        let mut pictures = 0;
        let mut count = |demuxer: &mut weir_media::ts::TsDemuxer| {
            while let Some(event) = demuxer.next().unwrap() {
                pictures += usize::from(matches!(
                    event,
                    weir_media::ts::demux::TsEvent::Frame(frame) if frame.track == TrackKind::Video
                ));
            }
        };
        count(&mut demuxer);
        demuxer.finish().unwrap();
        count(&mut demuxer);
        assert_eq!((pictures, demuxer.lost()), (expected, 0));
    }
}
