//! Edit lists, and composition offsets that count backwards.

use super::super::super::read::boxes;
use super::*;
use crate::Tracks;
use crate::codec::avc;

const UP: u32 = 0x1_0000;
/// −1 as the media time of an entry.
const EMPTY: u32 = u32::MAX;

fn elst(entries: &[[u32; 3]]) -> Vec<u8> {
    let body = [numbers(&[entries.len() as u32]), numbers(&entries.concat())];
    full(b"elst", 0, 0, &body.concat())
}

fn wide_elst(entries: &[(u64, i64, u32)]) -> Vec<u8> {
    let mut body = numbers(&[entries.len() as u32]);
    for (duration, media_time, rate) in entries {
        body.extend(duration.to_be_bytes());
        body.extend(media_time.to_be_bytes());
        body.extend(rate.to_be_bytes());
    }
    full(b"elst", 1, 0, &body)
}

/// The movie of H.264 (90 kHz) and AAC (44.1 kHz), 1000 ticks a second itself, with an `elst` each.
fn edited(video: &[u8], audio: &[u8]) -> Vec<u8> {
    let init = init_segment(&tracks()).unwrap();
    let mut edits = [video, audio].into_iter();
    let mut out = Vec::new();
    for top in boxes(&init).unwrap() {
        let mut body = Vec::new();
        if top.kind == *b"moov" {
            for inside in boxes(&top.body).unwrap() {
                let mut own = inside.body.to_vec();
                if inside.kind == *b"trak" {
                    own.extend(boxed(b"edts", edits.next().unwrap()));
                }
                body.extend(boxed(&inside.kind, &own));
            }
        } else {
            body.extend_from_slice(&top.body);
        }
        out.extend(boxed(&top.kind, &body));
    }
    out
}

/// The first decode and presentation time of each track, and the notes, with these edit lists.
fn begin(video: &[u8], audio: &[u8]) -> ([(i64, i64); 2], Vec<&'static str>) {
    let samples = [
        sample(TrackKind::Video, 9000, 3600, 7200),
        sample(TrackKind::Audio, 4410, 1024, 0),
    ];
    let bytes = [edited(video, audio), write_fragment(0, &samples).to_vec()].concat();
    let events = demux(&[&bytes]);
    let note = |event: &Result<Event>| match event {
        Ok(Event::Note(note)) => Some(*note),
        _ => None,
    };
    let notes = events.iter().filter_map(note).collect();
    let frames = frames_of(events);
    let first = |kind| {
        let frame = frames.iter().find(|frame| frame.track == kind).unwrap();
        (frame.ts_us, frame.ts_us + i64::from(frame.cts_us))
    };
    ([first(TrackKind::Video), first(TrackKind::Audio)], notes)
}

#[test]
fn an_edit_list_tells_which_time_of_the_media_is_shown_first() {
    let plain = ([(100_000, 180_000), (100_000, 100_000)], vec![]);
    assert_eq!(begin(&[], &[]), plain);
    assert_eq!(begin(&elst(&[]), &elst(&[[0, 0, UP]])), plain);
    let expected = [(20_000, 100_000), (-100_000, -100_000)];
    let narrow = begin(&elst(&[[0, 7200, UP]]), &elst(&[[0, 8820, UP]]));
    assert_eq!(narrow, (expected, vec![]));
    let wide = |media_time| wide_elst(&[(0, media_time, UP)]);
    assert_eq!(begin(&wide(7200), &wide(8820)), (expected, vec![]));
}

#[test]
fn an_empty_edit_delays_a_track_on_the_clock_of_the_movie() {
    let video = elst(&[[520, EMPTY, UP], [0, 7200, UP]]);
    let audio = wide_elst(&[(1 << 32, -1, UP)]);
    let late_us = (1i64 << 32) * 1000 + 100_000;
    let expected = [(540_000, 620_000), (late_us, late_us)];
    assert_eq!(begin(&video, &audio), (expected, vec![]));
}

#[test]
fn what_else_an_edit_list_does_is_noted_and_left_out() {
    let plain = [(100_000, 180_000), (100_000, 100_000)];
    let moved = [(20_000, 100_000), (100_000, 100_000)];
    let delayed = [(200_000, 280_000), (100_000, 100_000)];
    for (list, expected) in [
        (elst(&[[500, 7200, UP], [500, 90_000, UP]]), moved),
        (elst(&[[0, 7200, 0]]), plain),
        (elst(&[[100, EMPTY, UP], [100, EMPTY, UP]]), delayed),
        (
            elst(&[[100, EMPTY, UP], [9, 0, UP], [9, 9000, UP]]),
            delayed,
        ),
        (elst(&[[0, -2i32 as u32, UP]]), plain),
        // Cut short, of another version, and no box.
        (full(b"elst", 0, 0, &numbers(&[1, 0, 7200])), plain),
        (full(b"elst", 2, 0, &numbers(&[1, 0, 7200, UP])), plain),
        (full(b"elst", 0, 0, &numbers(&[u32::MAX])), plain),
        (full(b"elst", 0, 0, &[]), plain),
        (vec![0, 0, 0, 99, 1], plain),
    ] {
        let (times, notes) = begin(&list, &[]);
        assert_eq!((times, notes.len()), (expected, 1), "{list:?}");
    }
    let far = wide_elst(&[(u64::MAX, -1, UP), (0, i64::MAX, UP)]);
    begin(&far, &far);
}

/// Presentation and decode times of a fragment each for `fragments`, which count in pictures.
fn shown(init: &[u8], fragments: &[&[(u64, i32)]]) -> Vec<(i64, i64)> {
    let mut bytes = init.to_vec();
    for (number, pictures) in fragments.iter().enumerate() {
        let picture = |&(dts, cts): &(u64, i32)| Sample {
            key: dts == 0,
            ..sample(TrackKind::Video, dts * 3600, 3600, cts * 3600)
        };
        let samples: Vec<_> = pictures.iter().map(picture).collect();
        bytes.extend_from_slice(&write_fragment(number as u32, &samples));
    }
    let frames = frames(&bytes).into_iter();
    frames
        .map(|frame| (frame.ts_us + i64::from(frame.cts_us), frame.ts_us))
        .collect()
}

/// Headers that do not tell how far pictures move.
fn silent() -> Vec<u8> {
    init_segment(&tracks()).unwrap().to_vec()
}

/// Headers that tell that pictures move by up to two others.
fn telling() -> Vec<u8> {
    let video = Some(avc::track(avc::tests::record(4)).unwrap());
    let tracks = Tracks { video, audio: None };
    init_segment(&tracks).unwrap().to_vec()
}

/// I0 P3 B1 B2, and again, with times from 0: their writer counts backwards.
const BACKWARDS: [(u64, i32); 8] = [
    (0, 0),
    (1, 2),
    (2, -1),
    (3, -1),
    (4, 0),
    (5, 2),
    (6, -1),
    (7, -1),
];

#[test]
fn pictures_are_decoded_as_much_earlier_as_the_first_fragment_needs() {
    let times = shown(&silent(), &[&BACKWARDS[..4], &BACKWARDS[4..]]);
    let at = |(dts, cts): (u64, i32)| {
        let dts = dts as i64;
        ((dts + i64::from(cts)) * 40_000, (dts - 1) * 40_000)
    };
    assert!(times.iter().copied().eq(BACKWARDS.into_iter().map(at)));
}

#[test]
fn where_a_fragment_is_one_picture_the_parameter_sets_tell_how_much_earlier() {
    // Shown when decoded: so two pictures earlier, for those to come.
    let pictures: [&[_]; 4] = [&[(0, 0)], &[(1, 3)], &[(2, 0)], &[(3, -2)]];
    let times = shown(&telling(), &pictures);
    let expected = [(0, -80), (160, -40), (80, 0), (40, 40)];
    assert_eq!(times, expected.map(|(pts, dts)| (pts * 1000, dts * 1000)));
    // One of the two is in the offset, so one is missing.
    assert_eq!(shown(&telling(), &[&[(0, 1)]]), [(40_000, -40_000)]);
    // A whole fragment leaves room for what may come, too.
    let times = shown(&telling(), &[&BACKWARDS[..4], &[(4, 2), (5, -2)]]);
    assert_eq!(times[5], (120_000, 120_000));
}

#[test]
fn offsets_that_count_forwards_move_nothing() {
    let times = shown(&telling(), &[&[(0, 2), (1, 3), (2, 0), (3, 1)]]);
    let expected = [(80, 0), (160, 40), (80, 80), (160, 120)];
    assert_eq!(times, expected.map(|(pts, dts)| (pts * 1000, dts * 1000)));
}

#[test]
fn decode_times_close_up_where_a_later_fragment_needs_more() {
    let times = shown(&silent(), &[&[(0, 1)], &[(1, 2), (2, -1), (3, -1), (4, 0)]]);
    let expected = [
        (40_000, 0),
        (120_000, 100),
        (40_000, 40_000),
        (80_000, 80_000),
        (160_000, 120_000),
    ];
    assert_eq!(times, expected);
    // Too late: no place is left before the picture; it is shown when it comes.
    let times = shown(&silent(), &[&[(0, 1)], &[(1, 2)], &[(2, -2)]]);
    assert_eq!(times[2], (40_100, 40_100));
}

proptest! {
    #[test]
    fn presentation_times_stay_and_decode_times_rise_before_them(
        fragments in proptest::collection::vec(
            proptest::collection::vec(-20i32..20, 1..6), 1..6,
        ),
    ) {
        let mut dts = 0..;
        let fragments: Vec<Vec<_>> = fragments
            .into_iter()
            .map(|run| dts.by_ref().zip(run).collect())
            .collect();
        let runs: Vec<_> = fragments.iter().map(Vec::as_slice).collect();
        let times = shown(&silent(), &runs);
        let least = fragments.iter().flatten().map(|(_, cts)| *cts).min().unwrap_or(0);
        let first = fragments[0].iter().map(|(_, cts)| *cts).min().unwrap_or(0);
        for ((pts, dts), raw) in times.iter().zip(fragments.iter().flatten()) {
            let own = (raw.0 as i64 + i64::from(raw.1)) * 40_000;
            prop_assert!(pts >= dts && *pts >= own);
            prop_assert!(*pts == own || least < first);
        }
        prop_assert!(times.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }
}
