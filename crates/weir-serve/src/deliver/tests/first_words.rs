//! What a viewer is told first, and what becomes of it when it does not hold.

use super::super::forms::flv::Flv;
use super::super::forms::lengths::Lengths;
use super::super::forms::ts::Ts;
use super::*;

/// Bytes of a sound, which are fewer than those of a picture.
const SOUND_BYTES: usize = 20;

/// What a wire wrote: what a viewer gets first who begins there, and all that came after.
fn written(peer: &Peer) -> (Vec<u8>, Vec<u8>) {
    let seq = peer.view.join.unwrap();
    let batch = peer.batches.iter().find(|batch| batch.seq == seq).unwrap();
    let start = batch.join.as_ref().unwrap().words().start.to_vec();
    let rest = peer.batches.iter().filter(|batch| batch.seq >= seq);
    (start, rest.flat_map(|batch| batch.bytes.to_vec()).collect())
}

/// What `onMetaData` says of the sound, each time it is said.
fn said_of_sound(flv: &[u8]) -> Vec<bool> {
    let name = b"hasAudio\x01";
    let places = flv
        .windows(name.len() + 1)
        .filter(|bytes| bytes.starts_with(name));
    places.map(|bytes| bytes.last() == Some(&1)).collect()
}

#[test]
fn sound_that_comes_late_is_announced_to_who_watches_and_to_who_comes() {
    let (hub, clock) = house();
    let mut publisher = hub.publish(request()).unwrap();
    let mut silent = synthetic::tracks();
    silent.audio = None;
    publisher.tracks(Arc::new(silent));
    film(&clock, &mut publisher, 0, 3);
    let stream = publisher.stream().clone();
    let mut peer = Peer::of(Format::new(&Flv), &hub, &stream, 64);
    peer.tick();
    let (start, _) = written(&peer);
    assert_eq!((start[4], said_of_sound(&start)), (1, vec![false]));
    publisher.tracks(Arc::new(synthetic::tracks()));
    film(&clock, &mut publisher, 3, 3);
    peer.tick();
    let (start, rest) = written(&peer);
    assert_eq!(said_of_sound(&rest), [true], "who watches already");
    assert_eq!(
        (start[4], said_of_sound(&start)),
        (5, vec![true]),
        "who comes"
    );
    let headers = |flv: &[u8]| {
        flv.windows(5)
            .filter(|tag| *tag == [0x17, 0, 0, 0, 0])
            .count()
    };
    assert_eq!(headers(&rest), 0, "the pictures' header is as it was");
    // The same again says nothing.
    publisher.tracks(Arc::new(synthetic::tracks()));
    film(&clock, &mut publisher, 6, 1);
    peer.tick();
    assert_eq!(said_of_sound(&written(&peer).1), [true]);
}

#[test]
fn tables_of_a_transport_stream_get_another_version_only_with_other_tracks() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    let stream = publisher.stream().clone();
    film(&clock, &mut publisher, 0, 5);
    let mut peer = Peer::of(Format::new(&Ts), &hub, &stream, 64);
    peer.tick();
    publisher.tracks(Arc::new(synthetic::tracks()));
    film(&clock, &mut publisher, 5, 10);
    let mut silent = synthetic::tracks();
    silent.audio = None;
    publisher.tracks(Arc::new(silent));
    film(&clock, &mut publisher, 15, 5);
    peer.tick();
    let bytes: Vec<u8> = peer
        .batches
        .iter()
        .flat_map(|batch| batch.bytes.to_vec())
        .collect();
    let tables = bytes.chunks(188).filter(|packet| packet[1..3] == [0x50, 0]);
    let mut versions: Vec<u8> = tables.map(|packet| packet[10] >> 1 & 0x1F).collect();
    versions.dedup();
    assert_eq!(versions, [0, 1]);
}

#[test]
fn who_comes_to_a_still_picture_begins_with_it() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    let stream = publisher.stream().clone();
    film(&clock, &mut publisher, 0, 3);
    let mut before = Peer::of(Format::new(&Lengths), &hub, &stream, 1024);
    before.tick();
    for number in 3..200 {
        sound_alone(&clock, &mut publisher, number);
        before.tick();
    }
    film(&clock, &mut publisher, 201, 3);
    before.tick();
    // The wire that somebody watched, and one that begins now, say the same.
    let mut now = Peer::of(Format::new(&Lengths), &hub, &stream, 1024);
    now.tick();
    for peer in [&mut before, &mut now] {
        let bytes = written(peer).1;
        let frames = pieces(&bytes);
        let pictures = frames.iter().filter(|(_, body)| body.len() > SOUND_BYTES);
        let pictures = pictures.filter_map(|(_, body)| synthetic::number_of(body));
        assert_eq!(pictures.collect::<Vec<_>>(), [0, 1, 2, 201, 202, 203]);
    }
}

/// A sound, and no picture with it.
fn sound_alone(clock: &Clock, publisher: &mut Publisher, number: i64) {
    clock.advance_us(FRAME_US);
    publisher.frame(RawFrame {
        track: TrackKind::Audio,
        ts_us: number * FRAME_US,
        cts_us: 0,
        kind: FrameKind::Key,
        payload: vec![0x21; SOUND_BYTES].into(),
    });
}

#[test]
fn who_comes_to_a_picture_that_stands_still_for_longer_than_the_ring_keeps_sees_it() {
    let (hub, clock) = house();
    let mut publisher = publish(&hub);
    let stream = publisher.stream().clone();
    film(&clock, &mut publisher, 0, 3);
    let mut before = Peer::of(Format::new(&Lengths), &hub, &stream, 1024);
    assert_eq!(pictures_of(&mut before), [0, 1, 2]);
    for number in 3..2_000 {
        sound_alone(&clock, &mut publisher, number);
        pictures_of(&mut before);
    }
    assert!(stream.ring.oldest_join().unwrap().dts_us > 60_000_000);
    let mut now = Peer::of(Format::new(&Lengths), &hub, &stream, 1024);
    let seen = |peer: &mut Peer| -> Vec<u64> {
        let numbers = pictures_of(peer).into_iter();
        // Sounds look like other numbers.
        numbers.filter(|number| *number < 10_000).collect()
    };
    assert_eq!(seen(&mut now), [0, 1, 2]);
    // What goes on refers to the last of them.
    clock.advance_us(FRAME_US);
    publisher.frame(RawFrame {
        track: TrackKind::Video,
        ts_us: 2_000 * FRAME_US,
        cts_us: 0,
        kind: FrameKind::Inter,
        payload: synthetic::picture(2_000, false, 60).into(),
    });
    for peer in [&mut now, &mut before] {
        assert_eq!(seen(peer), [2_000]);
    }
    // MPEG-TS has no place for it: there is sound.
    let mut ts = Peer::of(Format::new(&Ts), &hub, &stream, 1024);
    ts.tick();
    assert!(ts.queue.try_recv().is_ok());
}
