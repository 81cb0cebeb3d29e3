//! Live fragmented MP4, by weir's own writer and by hand, taken apart wherever it is cut.

use proptest::prelude::*;

use super::super::boxes::{put_box, put_full_box, put_u16, put_u32, put_zeros};
use super::super::{Sample, fragment as write_fragment, init_segment};
use super::*;
use crate::codec::avc::tests::{PPS, SPS_1080P};
use crate::codec::vp9;
use crate::flv::RawFrame;
use crate::ingest::testing::{drain, error_of, events_of, frames_of, tracks_of};
use crate::ts::tests::tracks;
use crate::{FrameKind, TrackKind};

mod times;

/// Ticks per second of hand-made tracks.
const TIMESCALE: u32 = 1000;
const TFHD_BASE_OFFSET: u32 = 1;
const TFHD_BASE_IS_MOOF: u32 = 0x02_0000;
/// `trun` flags: data offset, sizes, composition offsets.
const TRUN: u32 = 0x1 | 0x200 | 0x800;

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_box(&mut out, kind, |out| out.extend_from_slice(body));
    out
}

fn full(kind: &[u8; 4], version: u8, flags: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_full_box(&mut out, kind, version, flags, |out| {
        out.extend_from_slice(body);
    });
    out
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

/// A `trak` of number 1 with a sample entry.
fn trak(handler: &[u8; 4], entry: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let mut visual = vec![0; 78];
    visual.extend_from_slice(inside);
    let stsd = full(
        b"stsd",
        0,
        0,
        &[numbers(&[1]), boxed(entry, &visual)].concat(),
    );
    let minf = boxed(b"minf", &boxed(b"stbl", &stsd));
    let hdlr = full(b"hdlr", 0, 0, &[&[0; 4][..], handler].concat());
    let mdhd = full(b"mdhd", 0, 0, &numbers(&[0, 0, TIMESCALE, 0]));
    let tkhd = full(b"tkhd", 0, 0, &numbers(&[0, 0, 1]));
    let mdia = boxed(b"mdia", &[mdhd, hdlr, minf].concat());
    boxed(b"trak", &[tkhd, mdia].concat())
}

fn movie(traks: &[Vec<u8>]) -> Vec<u8> {
    let trex = full(b"trex", 0, 0, &numbers(&[1, 1, 40, 3, 0x0101_0000]));
    let moov = [traks.concat(), boxed(b"mvex", &trex)].concat();
    [boxed(b"ftyp", b"iso5"), boxed(b"moov", &moov)].concat()
}

fn vp9_movie() -> Vec<u8> {
    movie(&[trak(b"vide", b"vp09", &boxed(b"vpcC", vp9::tests::RECORD))])
}

fn moof(tfhd: &[u8], more: &[u8]) -> Vec<u8> {
    boxed(b"moof", &boxed(b"traf", &[tfhd, more].concat()))
}

fn demux(pieces: &[&[u8]]) -> Vec<Result<Event>> {
    events_of(Fmp4Demuxer::new(), pieces)
}

fn frames(bytes: &[u8]) -> Vec<RawFrame> {
    frames_of(demux(&[bytes]))
}

fn error(bytes: &[u8]) -> MediaError {
    error_of(demux(&[bytes]))
}

fn sample(track: TrackKind, dts: u64, duration: u32, cts: i32) -> Sample {
    let payload = match track {
        TrackKind::Video => vec![0, 0, 0, 3, 0x65, 1, 2],
        TrackKind::Audio => vec![0x21; 9],
    };
    Sample {
        track,
        dts,
        duration,
        cts,
        key: true,
        payload: payload.into(),
    }
}

/// Two fragments of a second, in each the pictures before the sound.
fn whole() -> Vec<u8> {
    let mut out = init_segment(&tracks()).unwrap().to_vec();
    for second in 0..2u64 {
        let video = (0..10).map(|at| {
            let dts = second * 90_000 + at * 9000;
            sample(TrackKind::Video, dts, 9000, 3000)
        });
        let audio = (0..20).map(|at| {
            let dts = second * 44_100 + at * 2205;
            sample(TrackKind::Audio, dts, 2205, 0)
        });
        let samples: Vec<_> = video.chain(audio).collect();
        out.extend(boxed(b"styp", b"msdh"));
        out.extend(boxed(b"sidx", &[0; 40]));
        out.extend_from_slice(&write_fragment(second as u32, &samples));
    }
    out
}

#[test]
fn samples_come_out_as_they_went_in_with_the_tracks_interleaved() {
    let frames = frames(&whole());
    assert_eq!(frames.len(), 60);
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let own = || frames.iter().filter(|frame| frame.track == kind);
        let step_us = if kind == TrackKind::Video {
            100_000
        } else {
            50_000
        };
        assert!(
            own()
                .map(|frame| frame.ts_us)
                .eq((0..).step_by(step_us).take(own().count()))
        );
    }
    let video = frames.iter().find(|frame| frame.track == TrackKind::Video);
    assert_eq!(video.unwrap().cts_us, 33_333);
    let mut latest_us = 0;
    for frame in &frames {
        assert!(frame.ts_us >= latest_us - MAX_AHEAD_US - 100_000);
        latest_us = latest_us.max(frame.ts_us);
    }
}

#[test]
fn a_sample_comes_out_when_its_last_byte_is_there() {
    let bytes = [
        init_segment(&tracks()).unwrap(),
        write_fragment(0, &[sample(TrackKind::Video, 0, 1, 0); 1]),
    ]
    .concat();
    let mut demuxer = Fmp4Demuxer::new();
    let mut out = Vec::new();
    demuxer.push(&bytes[..bytes.len() - 1]);
    drain(&mut demuxer, &mut out);
    assert!(out.is_empty(), "{out:?}");
    let only_video = sample(TrackKind::Video, 0, 1, 0);
    demuxer.push(&bytes[bytes.len() - 1..]);
    drain(&mut demuxer, &mut out);
    // The audio track is known too, from its header alone.
    assert!(matches!(&out[1], Ok(Event::Frame(frame)) if frame.payload == only_video.payload));
}

#[test]
fn every_split_gives_the_same_events() {
    let bytes = whole();
    let expected = demux(&[&bytes]);
    for at in 0..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(demux(&[head, tail]), expected, "cut at {at}");
    }
}

#[test]
fn defaults_offsets_and_both_versions_of_boxes_are_understood() {
    let key = vp9::tests::KEY;
    let size = key.len() as u32;
    let init = vp9_movie();
    // From the moof, 32-bit time, unsigned composition offsets, first sample a keyframe by its
    // bytes, the second of the default size.
    let run = |offset: u32| {
        let first = numbers(&[1, offset, size, 7]);
        let second = full(b"trun", 0, 0, &numbers(&[1]));
        [full(b"trun", 0, TRUN, &first), second].concat()
    };
    let tfdt = full(b"tfdt", 0, 0, &numbers(&[500]));
    let tfhd = full(b"tfhd", 0, TFHD_BASE_IS_MOOF, &numbers(&[1]));
    let bytes = moof(&tfhd, &[tfdt, run(0)].concat()).len() as u32;
    let tfdt = full(b"tfdt", 0, 0, &numbers(&[500]));
    let first = moof(&tfhd, &[tfdt, run(bytes + 8)].concat());
    let data = boxed(b"mdat", &[key, &[0x86, 0, 0x40]].concat());

    // From the start of the file, 64-bit time, a negative composition offset (decoded earlier
    // instead), and no end.
    let before = (init.len() + first.len() + data.len()) as u32;
    let tfhd = |base| full(b"tfhd", 0, TFHD_BASE_OFFSET, &numbers(&[1, 0, base]));
    let tfdt = full(b"tfdt", 1, 0, &numbers(&[1, 0]));
    let trun = full(b"trun", 1, TRUN, &numbers(&[1, 8, size, -20i32 as u32]));
    let tail = [tfdt, trun].concat();
    let base = before + moof(&tfhd(0), &tail).len() as u32;
    let second = moof(&tfhd(base), &tail);
    let endless = [&[0, 0, 0, 0][..], b"mdat", key, &[1; 20]].concat();

    let bytes = [init, first, data, second, endless].concat();
    let frames: Vec<_> = frames(&bytes)
        .into_iter()
        .map(|frame| (frame.ts_us, frame.cts_us, frame.kind, frame.payload.len()))
        .collect();
    use FrameKind::{Inter, Key};
    assert_eq!(
        frames,
        [
            (500_000, 7000, Key, key.len()),
            (540_000, 0, Inter, 3),
            ((1i64 << 32) * 1000 - 20_000, 0, Key, key.len()),
        ]
    );
}

#[test]
fn parameter_sets_may_be_in_the_samples() {
    let empty = [1, 0x64, 0, 0x28, 0xff, 0xe0, 0];
    let init = movie(&[trak(b"vide", b"avc3", &boxed(b"avcC", &empty))]);
    let mut payload = Vec::new();
    for nal in [SPS_1080P, PPS, &[0x65, 0x88]] {
        put_u32(&mut payload, nal.len() as u32);
        payload.extend_from_slice(nal);
    }
    let tfhd = full(b"tfhd", 0, TFHD_BASE_IS_MOOF, &numbers(&[1]));
    let run = |offset| {
        let fields = numbers(&[1, offset, payload.len() as u32, 0]);
        full(b"trun", 0, TRUN, &fields)
    };
    let head = moof(&tfhd, &run(0)).len() as u32;
    let bytes = [init, moof(&tfhd, &run(head + 8)), boxed(b"mdat", &payload)];
    let events = demux(&[&bytes.concat()]);
    let told = tracks_of(&events);
    assert_eq!(told[0].video.as_ref().unwrap().width, 1920);
    assert!(matches!(events.last(), Some(Ok(Event::Frame(_)))));
}

#[test]
fn a_new_movie_begins_new_tracks() {
    let mut second = tracks();
    second.video = None;
    let bytes = [
        whole(),
        init_segment(&second).unwrap().to_vec(),
        write_fragment(0, &[sample(TrackKind::Audio, 0, 1, 0)]).to_vec(),
    ];
    let events = demux(&[&bytes.concat()]);
    let told = tracks_of(&events);
    let told: Vec<_> = told.iter().map(|tracks| tracks.video.is_some()).collect();
    assert_eq!(told, [true, false]);
}

#[test]
fn files_without_fragments_and_codecs_weir_does_not_carry_are_refused_in_words() {
    let mut plain = boxed(b"ftyp", b"isom");
    plain.extend(boxed(b"moov", &trak(b"vide", b"avc1", &[])));
    let data_first = [boxed(b"ftyp", b"isom"), boxed(b"mdat", &[1])].concat();
    for (bytes, word) in [
        (plain, "frag_keyframe"),
        (data_first, "frag_keyframe"),
        (movie(&[trak(b"vide", b"vp08", &[])]), "VP9"),
        (movie(&[trak(b"vide", b"encv", &[])]), "encrypted"),
        (movie(&[trak(b"soun", b"alac", &[])]), "Opus"),
    ] {
        let error = error(&bytes);
        assert!(matches!(error, MediaError::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn sizes_over_the_limits_are_refused_at_once_and_for_good() {
    for kind in [b"moov", b"moof", b"free"] {
        let mut lie = 0x7fff_ffffu32.to_be_bytes().to_vec();
        lie.extend_from_slice(kind);
        let mut demuxer = Fmp4Demuxer::new();
        demuxer.push(&lie);
        let error = demuxer.next().unwrap_err();
        assert!(matches!(error, MediaError::TooLarge { .. }), "{error:?}");
        demuxer.push(&[0; 100]);
        assert_eq!(demuxer.next(), Err(error));
        assert_eq!(demuxer.held_bytes(), 0);
    }
    let tfhd = full(b"tfhd", 0, TFHD_BASE_IS_MOOF, &numbers(&[1]));
    for fields in [&[1, 0, u32::MAX, 0][..], &[u32::MAX, 0]] {
        let trun = full(b"trun", 0, TRUN, &numbers(fields));
        let error = error(&[vp9_movie(), moof(&tfhd, &trun)].concat());
        assert!(matches!(error, MediaError::TooLarge { .. }), "{error:?}");
    }
}

#[test]
fn samples_outside_of_their_data_are_refused() {
    let tfhd = full(b"tfhd", 0, TFHD_BASE_IS_MOOF, &numbers(&[1]));
    for (offset, size) in [(0, 5), (500, 600)] {
        let trun = full(b"trun", 0, TRUN, &numbers(&[1, offset, size, 0]));
        let bytes = [vp9_movie(), moof(&tfhd, &trun), boxed(b"mdat", &[0; 1000])];
        assert!(matches!(error(&bytes.concat()), MediaError::Invalid { .. }));
    }
    assert!(matches!(
        error(b"GET / HTTP/1.1"),
        MediaError::TooLarge { .. }
    ));
    assert!(matches!(
        error(&[0, 0, 0, 9, 1, 2, 3, 4]),
        MediaError::Invalid { .. }
    ));
}

#[test]
fn media_data_of_nobody_is_not_kept() {
    let mut demuxer = Fmp4Demuxer::new();
    demuxer.push(&vp9_movie());
    let mut head = (1u32 << 30).to_be_bytes().to_vec();
    head.extend_from_slice(b"mdat");
    demuxer.push(&head);
    assert_eq!(demuxer.next(), Ok(None));
    demuxer.push(&vec![0; 1 << 20]);
    assert_eq!(demuxer.held_bytes(), 0);
}

#[test]
fn a_header_of_an_audio_entry_is_read_as_files_are() {
    // What the writer writes for audio goes through the reader of files.
    let mut audio_only = tracks();
    audio_only.video = None;
    let init = init_segment(&audio_only).unwrap();
    let data = write_fragment(0, &[sample(TrackKind::Audio, 0, 1024, 0)]);
    let events = demux(&[&init, &data]);
    let Some(Ok(Event::Tracks(told))) = events.first() else {
        panic!("{events:?}");
    };
    assert_eq!(**told, audio_only);
    // An entry that ends early is an error, not a panic.
    let mut short = Vec::new();
    put_u16(&mut short, 0);
    put_zeros(&mut short, 3);
    let entry = boxed(b"mp4a", &short);
    let broken = movie(&[trak(b"soun", b"mp4a", &entry)]);
    assert!(demux(&[&broken]).last().unwrap().is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_splits_never_matter(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        cut in 1usize..50,
    ) {
        let bytes = [vp9_movie(), data.clone()].concat();
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        prop_assert_eq!(demux(&pieces), demux(&[&bytes]));
        demux(&[&data]);
    }

    #[test]
    fn broken_streams_never_panic_and_splits_never_matter(
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..10),
        cut in 1usize..200,
    ) {
        let mut bytes = whole();
        for (at, value) in flips {
            let len = bytes.len();
            bytes[usize::from(at) % len] ^= value;
        }
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        prop_assert_eq!(demux(&pieces), demux(&[&bytes]));
    }
}
