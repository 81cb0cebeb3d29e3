//! Live WebM made by hand, taken apart wherever it is cut.

use proptest::prelude::*;

use super::*;
use crate::codec::avc::tests::record;
use crate::codec::{opus, vp9};
use crate::flv::RawFrame;
use crate::ingest::testing::{error_of, events_of, frames_of, tracks_of};
use crate::{Frame, TrackKind};

const ID_VOID: u32 = 0xEC;
const ID_CUES: u32 = 0x1C53_BB6B;
const UNKNOWN: &[u8] = &[0x01, 255, 255, 255, 255, 255, 255, 255];

fn id_bytes(id: u32) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    bytes[id.leading_zeros() as usize / 8..].to_vec()
}

fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let size = (body.len() as u32 | 0x1000_0000).to_be_bytes();
    [&id_bytes(id)[..], &size, body].concat()
}

fn open(id: u32) -> Vec<u8> {
    [&id_bytes(id)[..], UNKNOWN].concat()
}

fn head(doc_type: &[u8]) -> Vec<u8> {
    element(ID_EBML, &element(ID_DOC_TYPE, doc_type))
}

fn entry(number: u8, kind: u8, codec: &[u8], more: &[u8]) -> Vec<u8> {
    let body = [
        element(0xD7, &[number]),
        element(0x83, &[kind]),
        element(0x86, codec),
        more.to_vec(),
    ];
    element(0xAE, &body.concat())
}

fn opus_entry() -> Vec<u8> {
    let head = opus::OpusHead::default().build();
    let delay = element(0x56AA, &6_500_000u32.to_be_bytes());
    entry(2, 2, b"A_OPUS", &[element(0x63A2, &head), delay].concat())
}

fn block(track: u8, ticks: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = ticks.to_be_bytes();
    [&[0x80 | track, high, low, flags][..], data].concat()
}

fn simple(track: u8, ticks: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    element(ID_SIMPLE_BLOCK, &block(track, ticks, flags, data))
}

fn start(entries: &[Vec<u8>]) -> Vec<u8> {
    let info = element(ID_INFO, &element(ID_TIMESTAMP_SCALE, &[0x0F, 0x42, 0x40]));
    let tracks = element(ID_TRACKS, &entries.concat());
    [head(b"webm"), open(ID_SEGMENT), info, tracks].concat()
}

fn cluster(ms: u16, blocks: &[Vec<u8>]) -> Vec<u8> {
    let timestamp = element(ID_TIMESTAMP, &ms.to_be_bytes());
    [open(ID_CLUSTER), timestamp, blocks.concat()].concat()
}

fn vp9_and_opus() -> Vec<u8> {
    let group = [
        element(0xA1, &block(1, 66, 0, &[0x86, 1])),
        element(0xFB, &[0xDF]),
    ];
    [
        start(&[entry(1, 1, b"V_VP9", &[]), opus_entry()]),
        element(ID_VOID, &[0; 300]),
        cluster(
            0,
            &[
                simple(2, 0, 0x80, &[0xfc, 1]),
                simple(1, 0, 0x80, vp9::tests::KEY),
                simple(3, 0, 0x80, &[1]),
                element(ID_CUES, &[7; 50]),
            ],
        ),
        cluster(
            1000,
            &[
                simple(1, -967, 0, &[0x86, 0]),
                element(ID_BLOCK_GROUP, &group.concat()),
                simple(2, 20, 0x84, &[1, 0xfc, 2, 0xfc, 3]),
            ],
        ),
    ]
    .concat()
}

/// H.264 and AAC as a recorder writes them, with the picture order that the record tells of.
pub(crate) fn h264_and_aac(frames: &[Frame]) -> Vec<u8> {
    let tracks = crate::ts::tests::tracks();
    let private = |config: &[u8]| element(0x63A2, config);
    let video = private(&tracks.video.unwrap().config);
    let audio = private(&tracks.audio.unwrap().config);
    let blocks = frames.iter().map(|frame| {
        let ticks = (frame.pts_us() / 1000) as i16;
        let flags = if frame.kind == FrameKind::Key {
            0x80
        } else {
            0
        };
        match frame.track {
            TrackKind::Video => simple(1, ticks, flags, &frame.payload),
            TrackKind::Audio => simple(2, ticks, flags, &frame.payload),
        }
    });
    [
        start(&[
            entry(1, 1, b"V_MPEG4/ISO/AVC", &video),
            entry(2, 2, b"A_AAC", &audio),
        ]),
        cluster(0, &blocks.collect::<Vec<_>>()),
    ]
    .concat()
}

/// Opus packets of a stream whose pictures never come.
pub(crate) fn sounds_before_pictures(packets: usize, bytes: usize) -> Vec<u8> {
    let packet = [vec![0xfc], vec![0; bytes - 1]].concat();
    let blocks: Vec<_> = (0..packets)
        .map(|at| simple(2, at as i16, 0x80, &packet))
        .collect();
    let tracks = [entry(1, 1, b"V_VP9", &[]), opus_entry()];
    [start(&tracks), cluster(0, &blocks)].concat()
}

fn demux(pieces: &[&[u8]]) -> Vec<Result<Event>> {
    events_of(WebmDemuxer::new(), pieces)
}

fn frames(bytes: &[u8]) -> Vec<RawFrame> {
    frames_of(demux(&[bytes]))
}

fn error(bytes: &[u8]) -> MediaError {
    error_of(demux(&[bytes]))
}

#[test]
fn blocks_become_frames_with_the_time_of_their_cluster() {
    let times: Vec<_> = frames(&vp9_and_opus())
        .into_iter()
        .map(|frame| (frame.track, frame.ts_us, frame.kind, frame.payload.len()))
        .collect();
    use FrameKind::{Inter, Key};
    use TrackKind::{Audio, Video};
    assert_eq!(
        times,
        [
            (Audio, -6500, Key, 2),
            (Video, 0, Key, vp9::tests::KEY.len()),
            (Video, 33_000, Inter, 2),
            (Video, 1_066_000, Inter, 2),
            (Audio, 1_013_500, Key, 2),
            (Audio, 1_033_500, Key, 2),
        ]
    );
}

#[test]
fn tracks_are_told_once_and_whole() {
    let events = demux(&[&vp9_and_opus()]);
    assert!(matches!(events[0], Ok(Event::Tracks(_))));
    let [tracks] = &tracks_of(&events)[..] else {
        panic!("{events:?}");
    };
    let video = tracks.video.as_ref().unwrap();
    assert_eq!((video.width, video.height), (320, 240));
    assert_eq!(video.config, vp9::tests::RECORD);
    assert_eq!(tracks.audio.as_ref().unwrap().channels, 2);
}

#[test]
fn every_split_gives_the_same_events() {
    let bytes = vp9_and_opus();
    let whole = demux(&[&bytes]);
    for at in 0..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(demux(&[head, tail]), whole, "cut at {at}");
    }
}

#[test]
fn known_sizes_change_nothing() {
    let blocks = [
        element(ID_TIMESTAMP, &[5]),
        simple(1, 1, 0x80, vp9::tests::KEY),
    ];
    let body = [
        element(ID_TRACKS, &entry(1, 1, b"V_VP9", &[])),
        element(ID_CLUSTER, &blocks.concat()),
    ];
    let bytes = [head(b"matroska"), element(ID_SEGMENT, &body.concat())].concat();
    assert_eq!(frames(&bytes)[0].ts_us, 6000);
}

#[test]
fn pictures_out_of_order_get_decode_times() {
    let avcc = element(0x63A2, &record(4));
    let slice = |nal: u8| [0, 0, 0, 2, nal, 9];
    // The record says that two pictures may be out of order; frames last 40 ms.
    let duration = element(0x23_E383, &40_000_000u32.to_be_bytes());
    let bytes = [
        start(&[entry(1, 1, b"V_MPEG4/ISO/AVC", &[avcc, duration].concat())]),
        cluster(
            0,
            &[
                simple(1, 0, 0x80, &slice(0x65)),
                simple(1, 120, 0, &slice(0x41)),
                simple(1, 40, 0, &slice(0x41)),
                simple(1, 80, 0, &slice(0x01)),
            ],
        ),
    ];
    let times: Vec<_> = frames(&bytes.concat())
        .into_iter()
        .map(|frame| (frame.ts_us / 1000, frame.cts_us / 1000, frame.kind))
        .collect();
    use FrameKind::{Disposable, Inter, Key};
    assert_eq!(
        times,
        [
            (-80, 80, Key),
            (-40, 160, Inter),
            (0, 40, Inter),
            (40, 40, Disposable)
        ]
    );
}

#[test]
fn a_second_stream_may_follow_with_other_tracks() {
    let audio = [
        start(&[opus_entry()]),
        cluster(0, &[simple(2, 0, 0x80, &[0xfc])]),
    ];
    let events = demux(&[&vp9_and_opus(), &audio.concat()]);
    let Some(Ok(Event::Tracks(tracks))) = events.get(events.len() - 2) else {
        panic!("{events:?}");
    };
    assert!(tracks.video.is_none() && tracks.audio.is_some());
}

#[test]
fn codecs_weir_does_not_carry_are_refused_in_words() {
    for (kind, codec, word) in [
        (1, &b"V_VP8"[..], "VP9"),
        (1, b"V_THEORA", "VP9"),
        (2, b"A_VORBIS", "Opus"),
        (2, b"A_PCM/INT/LIT", "Opus"),
        (1, b"V_UNCOMPRESSED", "H.264"),
    ] {
        let error = error(&start(&[entry(1, kind, codec, &[])]));
        assert!(matches!(error, MediaError::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
        let shown = error.to_string();
        let name = codec
            .split(|byte| matches!(byte, b'_' | b'/'))
            .nth(1)
            .unwrap();
        let name = String::from_utf8_lossy(name).to_lowercase();
        assert!(shown.to_lowercase().contains(&name), "{error}");
    }
}

#[test]
fn the_first_track_weir_carries_is_used_and_others_are_noted() {
    let entries = [
        entry(1, 1, b"V_VP8", &[]),
        entry(4, 1, b"V_VP9", &[]),
        entry(5, 17, b"S_TEXT/UTF8", &[]),
    ];
    let bytes = [
        start(&entries),
        cluster(
            0,
            &[
                simple(1, 0, 0x80, &[1]),
                simple(4, 0, 0x80, vp9::tests::KEY),
            ],
        ),
    ]
    .concat();
    assert_eq!(frames(&bytes).len(), 1);
    let events = demux(&[&bytes]);
    let told = events.iter().filter_map(|event| match event {
        Ok(Event::LeftOut(what)) => Some((what.kind.name(), what.to_string())),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert!(told[0].1.contains("VP8"), "{told:?}");
    assert_eq!(told[1], ("subtitles", "Matroska subtitles".to_owned()));
}

#[test]
fn what_is_passed_over_is_not_kept() {
    let mut demuxer = WebmDemuxer::new();
    demuxer.push(&start(&[opus_entry()]));
    assert!(demuxer.next().unwrap().is_none());
    // A size of 5 bytes that says 16 MiB.
    demuxer.push(&[&id_bytes(ID_VOID)[..], &[0x08, 1, 0, 0, 0]].concat());
    assert!(demuxer.next().unwrap().is_none());
    for _ in 0..16 {
        demuxer.push(&vec![0; 1 << 20]);
        assert_eq!(demuxer.held_bytes(), 0);
        assert!(demuxer.next().unwrap().is_none());
    }
    demuxer.push(&cluster(0, &[simple(2, 7, 0x80, &[0xfc])]));
    assert!(matches!(demuxer.next(), Ok(Some(Event::Tracks(_)))));
}

#[test]
fn sizes_over_the_limits_are_refused_at_once_and_for_good() {
    for id in [ID_SIMPLE_BLOCK, ID_BLOCK_GROUP, ID_TRACKS, ID_VOID] {
        let lie = [&id_bytes(id)[..], &[0x01, 0, 0, 1, 0, 0, 0, 0]].concat();
        let mut demuxer = WebmDemuxer::new();
        demuxer.push(&[head(b"webm"), lie].concat());
        let error = demuxer.next().unwrap_err();
        assert!(matches!(error, MediaError::TooLarge { .. }), "{error:?}");
        demuxer.push(&[0; 100]);
        assert_eq!(demuxer.next(), Err(error));
        assert_eq!(demuxer.held_bytes(), 0);
    }
}

#[test]
fn what_is_no_webm_is_refused() {
    assert!(matches!(
        error(b"GET / HTTP/1.1"),
        MediaError::Invalid { .. }
    ));
    assert!(matches!(
        error(&head(b"archive")),
        MediaError::Unsupported(_)
    ));
    let no_tracks = [head(b"webm"), cluster(0, &[simple(1, 0, 0, &[1])])].concat();
    assert!(matches!(error(&no_tracks), MediaError::Invalid { .. }));
    let no_time = [start(&[opus_entry()]), simple(2, 0, 0, &[1])].concat();
    assert!(matches!(error(&no_time), MediaError::Invalid { .. }));
    let open_tracks = [head(b"webm"), open(ID_TRACKS)].concat();
    assert!(matches!(error(&open_tracks), MediaError::Invalid { .. }));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_splits_never_matter(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        cut in 1usize..50,
    ) {
        let bytes = [start(&[entry(1, 1, b"V_VP9", &[]), opus_entry()]), data.clone()].concat();
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        prop_assert_eq!(demux(&pieces), demux(&[&bytes]));
        demux(&[&data]);
    }

    #[test]
    fn broken_streams_never_panic_and_splits_never_matter(
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..10),
        cut in 1usize..100,
    ) {
        let mut bytes = vp9_and_opus();
        for (at, value) in flips {
            let len = bytes.len();
            bytes[usize::from(at) % len] ^= value;
        }
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        prop_assert_eq!(demux(&pieces), demux(&[&bytes]));
    }
}
