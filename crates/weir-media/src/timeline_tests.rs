//! Publishers with odd clocks, in virtual time.

use TrackKind::{Audio, Video};
use proptest::prelude::*;

use super::*;

const MS: i64 = 1000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const WRAP: i64 = (1 << 32) * MS;

fn timeline() -> Timeline {
    Timeline::new(0, WRAP)
}

/// Places frames of (track, raw) with the wall clock at `now`, and gives what came out.
fn place(timeline: &mut Timeline, track: TrackKind, raw_us: i64, now_us: i64) -> i64 {
    let placed = timeline.place(track, raw_us, now_us);
    assert_eq!(placed.correction, None, "{track:?} at {raw_us}");
    placed.dts_us
}

/// A publisher in real time: 25 fps video, 48 kHz AAC, times in ms, in order of time.
struct Source {
    next: [i64; 2],
}

impl Source {
    fn new() -> Self {
        Self { next: [0, 0] }
    }

    /// Track and media time in µs, cut to ms.
    fn frame(&mut self) -> (TrackKind, i64) {
        let (video, audio) = (self.next[0] * 40_000, self.next[1] * 64_000 / 3);
        let (at, kind, time) = if video <= audio {
            (0, Video, video)
        } else {
            (1, Audio, audio)
        };
        self.next[at] += 1;
        (kind, time / MS * MS)
    }
}

#[test]
fn a_high_start_comes_out_at_the_base() {
    let mut timeline = Timeline::new(7 * SECOND, WRAP);
    assert_eq!(timeline.last_us(), 7 * SECOND);
    assert_eq!(place(&mut timeline, Video, 5 * HOUR, 99), 7 * SECOND);
    assert_eq!(
        place(&mut timeline, Audio, 5 * HOUR + 10 * MS, 99),
        7 * SECOND + 10 * MS
    );
    assert_eq!(
        place(&mut timeline, Video, 5 * HOUR + 40 * MS, 99),
        7 * SECOND + 40 * MS
    );
    assert_eq!(timeline.last_us(), 7 * SECOND + 40 * MS);
}

#[test]
fn wraps_at_32_and_31_bits_are_no_jump() {
    for wrap in [WRAP, WRAP / 2] {
        let mut timeline = timeline();
        let mut source = Source::new();
        for _ in 0..800 {
            let (track, time) = source.frame();
            let raw = (wrap - 2 * SECOND + time).rem_euclid(wrap);
            assert_eq!(place(&mut timeline, track, raw, time), time);
        }
    }
}

#[test]
fn a_track_may_wrap_before_the_other_begins() {
    for wrap in [WRAP, WRAP / 2] {
        let mut timeline = timeline();
        assert_eq!(place(&mut timeline, Video, wrap - 20 * MS, 0), 0);
        assert_eq!(place(&mut timeline, Video, 20 * MS, 0), 40 * MS);
        assert_eq!(place(&mut timeline, Audio, wrap - 5 * MS, 0), 15 * MS);
        assert_eq!(place(&mut timeline, Audio, 16 * MS, 0), 36 * MS);
    }
}

/// A jump of both tracks at 4 s; returns the corrections and the largest distance from true.
fn with_jump(jump_us: i64) -> (Vec<Correction>, i64) {
    let mut timeline = timeline();
    let mut source = Source::new();
    let (mut corrections, mut off) = (vec![], 0);
    for _ in 0..1000 {
        let (track, time) = source.frame();
        let raw = 10 * HOUR + time + if time >= 4 * SECOND { jump_us } else { 0 };
        let placed = timeline.place(track, raw, time);
        corrections.extend(placed.correction);
        off = off.max((placed.dts_us - time).abs());
    }
    (corrections, off)
}

#[test]
fn a_jump_of_both_tracks_is_one_correction_and_keeps_them_together() {
    for jump in [
        2 * SECOND,
        60 * SECOND,
        5 * HOUR,
        -SECOND,
        -60 * SECOND,
        -5 * HOUR,
    ] {
        let (corrections, off) = with_jump(jump);
        match corrections[..] {
            [Correction::Backward { by_us }] => assert!((by_us + jump).abs() <= MS, "{by_us}"),
            [Correction::Forward { by_us }] => assert!((by_us - jump).abs() <= MS, "{by_us}"),
            _ => panic!("{jump}: {corrections:?}"),
        }
        assert!(off <= MS, "{jump}: off by {off}");
    }
}

#[test]
fn a_jump_becomes_the_usual_step() {
    let mut timeline = timeline();
    for n in 0..20 {
        place(&mut timeline, Video, n * 20 * MS, n * 20 * MS);
    }
    let placed = timeline.place(Video, HOUR, 400 * MS);
    assert_eq!(placed.dts_us, 400 * MS);
    assert_eq!(
        placed.correction,
        Some(Correction::Forward {
            by_us: HOUR - 400 * MS
        })
    );
}

#[test]
fn a_slide_show_is_no_jump_at_any_speed() {
    for wall_step in [SECOND, 0, SECOND / 10] {
        let mut timeline = timeline();
        for n in 0..100 {
            assert_eq!(
                place(&mut timeline, Video, n * SECOND, n * wall_step),
                n * SECOND
            );
        }
    }
    let mut timeline = timeline();
    for n in 0..100 {
        assert_eq!(
            place(&mut timeline, Video, n * 5 * SECOND, n * 5 * SECOND),
            n * 5 * SECOND
        );
    }
}

#[test]
fn pushing_faster_than_real_time_is_no_jump() {
    let mut timeline = timeline();
    let mut source = Source::new();
    for n in 0..100_000 {
        let (track, time) = source.frame();
        assert_eq!(place(&mut timeline, track, time, n), time);
    }
}

#[test]
fn a_pause_of_one_track_is_no_jump_even_faster_than_real_time() {
    let mut timeline = timeline();
    let mut source = Source::new();
    for n in 0..2000 {
        let (track, time) = source.frame();
        if track == Audio && (5 * SECOND..15 * SECOND).contains(&time) {
            continue;
        }
        assert_eq!(place(&mut timeline, track, time, n), time);
    }
}

#[test]
fn a_sender_freed_from_a_blocked_network_may_catch_up() {
    let mut timeline = timeline();
    let mut source = Source::new();
    for _ in 0..3000 {
        let (track, time) = source.frame();
        // Blocked from 5 s to 15 s; of what gathered, 8 s to 14 s was thrown away.
        if (8 * SECOND..14 * SECOND).contains(&time) {
            continue;
        }
        let now = if (5 * SECOND..15 * SECOND).contains(&time) {
            15 * SECOND
        } else {
            time
        };
        assert_eq!(place(&mut timeline, track, time, now), time);
    }
}

#[test]
fn a_real_pause_keeps_its_length() {
    let mut timeline = timeline();
    place(&mut timeline, Video, 0, 0);
    assert_eq!(
        place(&mut timeline, Video, 90 * SECOND, 90 * SECOND),
        90 * SECOND
    );
}

#[test]
fn video_may_begin_long_after_audio() {
    let mut timeline = timeline();
    for n in 0..1000 {
        place(&mut timeline, Audio, n * 20 * MS, n * 20 * MS);
    }
    assert_eq!(
        place(&mut timeline, Video, 19_950 * MS, 20 * SECOND),
        19_950 * MS
    );
    // Audio fell silent ten seconds ago.
    let mut silent = timeline.clone();
    silent.video = None;
    assert_eq!(
        place(&mut silent, Video, 30 * SECOND, 30 * SECOND),
        30 * SECOND
    );
}

#[test]
fn small_differences_between_the_tracks_are_kept() {
    for (first, second) in [(0, 700 * MS), (HOUR, HOUR - 30 * MS)] {
        let mut timeline = timeline();
        let a = place(&mut timeline, Video, first, 0);
        place(&mut timeline, Audio, second, 0);
        let b = place(&mut timeline, Audio, second + 100 * MS, 100 * MS);
        assert_eq!(b - a, second + 100 * MS - first);
    }
}

#[test]
fn a_track_that_begins_before_the_base_moves_both() {
    let mut timeline = timeline();
    place(&mut timeline, Video, SECOND, 0);
    assert_eq!(place(&mut timeline, Audio, 500 * MS, 0), 0);
    assert_eq!(place(&mut timeline, Video, 1040 * MS, 0), 540 * MS);
    assert_eq!(place(&mut timeline, Audio, 520 * MS, 0), 20 * MS);
}

#[test]
fn tracks_hours_apart_are_brought_together_once() {
    for offset in [3 * SECOND, 5 * HOUR, -5 * HOUR] {
        let mut timeline = timeline();
        let mut source = Source::new();
        let mut corrections = vec![];
        for _ in 0..1000 {
            let (track, time) = source.frame();
            let raw = 10 * HOUR + time + if track == Audio { offset } else { 0 };
            let placed = timeline.place(track, raw, time);
            corrections.extend(placed.correction);
            assert!(
                (placed.dts_us - time).abs() <= 40 * MS,
                "{offset}: {placed:?} at {time}"
            );
        }
        let [Correction::TrackOffset { by_us }] = corrections[..] else {
            panic!("{corrections:?}")
        };
        assert!((by_us + offset).abs() <= 40 * MS);
    }
}

#[test]
fn a_frame_a_little_out_of_order_moves_behind_its_predecessor() {
    let mut timeline = timeline();
    for raw_us in [0, 20 * MS, 60 * MS] {
        assert_eq!(place(&mut timeline, Video, raw_us, 0), raw_us);
    }
    let placed = timeline.place(Video, 40 * MS, 0);
    assert_eq!(placed.dts_us, 60 * MS + MIN_STEP_US);
    assert_eq!(
        placed.correction,
        Some(Correction::Reordered { by_us: 20 * MS })
    );
    assert_eq!(place(&mut timeline, Video, 80 * MS, 0), 80 * MS);
}

/// Packets of sound closer than they last are an overlap, which players cut or refuse.
#[test]
fn sound_that_has_to_wait_for_its_times_goes_on_by_half_packets() {
    let mut timeline = timeline();
    for raw_us in [0, 20 * MS, 60 * MS] {
        place(&mut timeline, Audio, raw_us, 0);
    }
    let half_us = 15 * MS;
    let placed = timeline.place(Audio, 40 * MS, 0);
    assert_eq!(placed.dts_us, 60 * MS + half_us);
    assert_eq!(place(&mut timeline, Audio, 80 * MS, 0), 80 * MS);
}

#[test]
fn sound_that_begins_a_little_before_the_picture_is_not_squeezed() {
    let mut timeline = timeline();
    place(&mut timeline, Video, 30 * MS, 0);
    let mut last_us = None;
    for at in 0..20 {
        let dts_us = place(&mut timeline, Audio, at * 20 * MS, at * 20 * MS);
        if let Some(last_us) = last_us {
            assert!(dts_us - last_us >= 10 * MS, "{at}: {last_us} {dts_us}");
        }
        assert!(at > 0 || dts_us == 0, "none before the base: {dts_us}");
        last_us = Some(dts_us);
    }
    assert_eq!(
        last_us,
        Some((19 * 20 - 30) * MS),
        "and it is in step again"
    );
}

#[test]
fn equal_times_come_out_apart_and_do_not_shift_what_follows() {
    let mut timeline = timeline();
    assert_eq!(place(&mut timeline, Video, 5, 0), 0);
    assert_eq!(place(&mut timeline, Video, 5, 0), MIN_STEP_US);
    assert_eq!(place(&mut timeline, Video, 5 + 40 * MS, 0), 40 * MS);
}

#[test]
fn a_looped_file_goes_on_in_step_though_its_tracks_end_apart() {
    // 10 s of video, and 10.3 s or 9.8 s of audio, looped ten times in real time.
    for audio_len in [10_300 * MS, 9_800 * MS] {
        let mut timeline = timeline();
        let mut corrections = 0;
        let mut start = 0;
        let mut last = [-1i64; 2];
        for _ in 0..10 {
            let mut source = Source::new();
            let mut offsets = [None; 2];
            loop {
                let (track, time) = source.frame();
                if time > 11 * SECOND {
                    break;
                }
                let len = if track == Video {
                    10 * SECOND
                } else {
                    audio_len
                };
                if time >= len {
                    continue;
                }
                let placed = timeline.place(track, time, start + time);
                corrections += usize::from(placed.correction.is_some());
                let at = usize::from(track == Audio);
                assert!(placed.dts_us > last[at]);
                last[at] = placed.dts_us;
                offsets[at] = Some(placed.dts_us - time);
            }
            let [Some(video), Some(audio)] = offsets else {
                panic!()
            };
            assert!((video - audio).abs() <= SYNC_US, "{video} {audio}");
            start += 10 * SECOND.max(audio_len);
        }
        assert_eq!(corrections, 9);
    }
}

#[test]
fn a_sparse_track_pushed_fast_is_learnt_after_one_step() {
    let mut timeline = timeline();
    let corrections = (0..50)
        .filter_map(|n| timeline.place(Video, n * 5 * SECOND, n).correction)
        .count();
    assert_eq!(corrections, 1);
}

#[test]
fn a_loop_starts_behind_the_longer_track_without_a_second_gap() {
    let mut timeline = timeline();
    for n in 0..=75 {
        place(&mut timeline, Video, n * 40 * MS, n * 40 * MS);
        place(&mut timeline, Audio, n * 40 * MS, n * 40 * MS);
    }
    for n in 76..84 {
        place(&mut timeline, Audio, n * 40 * MS, 3 * SECOND);
    }
    assert_eq!(timeline.place(Video, 0, 3 * SECOND).dts_us, 84 * 40 * MS);
    assert_eq!(place(&mut timeline, Audio, 0, 3 * SECOND), 84 * 40 * MS);
    assert_eq!(
        place(&mut timeline, Video, 40 * MS, 3 * SECOND),
        85 * 40 * MS
    );
}

#[test]
fn a_longer_track_that_arrives_after_the_jump_moves_both_behind_it() {
    let mut timeline = timeline();
    for n in 0..=75 {
        place(&mut timeline, Video, n * 40 * MS, n * 40 * MS);
        place(&mut timeline, Audio, n * 40 * MS, n * 40 * MS);
    }
    assert_eq!(timeline.place(Video, 0, 3 * SECOND).dts_us, 76 * 40 * MS);
    for n in 76..84 {
        assert_eq!(
            place(&mut timeline, Audio, n * 40 * MS, 3 * SECOND),
            n * 40 * MS
        );
    }
    assert_eq!(place(&mut timeline, Audio, 0, 3 * SECOND), 84 * 40 * MS);
    assert_eq!(
        place(&mut timeline, Video, 40 * MS, 3 * SECOND),
        85 * 40 * MS
    );
}

#[test]
fn a_jump_long_after_the_other_tracks_is_one_of_its_own() {
    let mut timeline = timeline();
    let mut source = Source::new();
    let mut corrections = vec![];
    for _ in 0..2000 {
        let (track, time) = source.frame();
        let jumped = time >= if track == Video { 5 } else { 15 } * SECOND;
        let placed = timeline.place(track, time + if jumped { HOUR } else { 0 }, time);
        corrections.extend(placed.correction.map(|_| track));
        assert!((placed.dts_us - time).abs() <= MS);
    }
    assert_eq!(corrections, [Video, Audio]);
}

#[test]
fn two_jumps_before_the_other_track_makes_the_first_end_in_step() {
    let mut timeline = timeline();
    let raw = |time: i64| {
        time + if time >= 5_100 * MS {
            3 * HOUR
        } else if time >= 5 * SECOND {
            HOUR
        } else {
            0
        }
    };
    // Audio arrives 200 ms after video of the same time.
    let mut frames = vec![];
    let mut source = Source::new();
    for _ in 0..1000 {
        let (track, time) = source.frame();
        frames.push((
            time + if track == Audio { 200 * MS } else { 0 },
            track,
            time,
        ));
    }
    frames.sort_by_key(|(arrival, ..)| *arrival);
    let mut corrections = vec![];
    for (arrival, track, time) in frames {
        let placed = timeline.place(track, raw(time), arrival);
        corrections.extend(placed.correction.map(|_| track));
        assert!(
            (placed.dts_us - time).abs() <= 2 * MS,
            "{placed:?} at {time}"
        );
    }
    assert_eq!(corrections, [Video, Video, Audio]);
}

#[test]
fn one_track_may_jump_alone() {
    let mut timeline = timeline();
    let mut source = Source::new();
    let mut corrections = 0;
    for _ in 0..2000 {
        let (track, time) = source.frame();
        let jumped = track == Video && time >= 5 * SECOND;
        let placed = timeline.place(track, time + if jumped { HOUR } else { 0 }, time);
        corrections += usize::from(placed.correction.is_some());
        assert!((placed.dts_us - time).abs() <= MS);
    }
    assert_eq!(corrections, 1);
}

/// What a publisher's clock does at a moment of media time, to both tracks alike.
#[derive(Debug, Clone)]
enum Upset {
    Jump(i64),
    Pause(i64),
}

fn upset() -> impl Strategy<Value = Upset> {
    prop_oneof![
        (1_500 * MS..20 * HOUR).prop_map(Upset::Jump),
        (-20 * HOUR..-500 * MS).prop_map(Upset::Jump),
        (0..20 * SECOND).prop_map(Upset::Pause),
    ]
}

proptest! {
    #[test]
    fn tracks_stay_together_and_do_not_drift_through_jumps_wraps_and_pauses(
        start in 0..WRAP,
        upsets in prop::collection::vec((3 * SECOND..12 * SECOND, upset()), 0..8),
        late in prop::collection::vec(0..150 * MS, 64),
    ) {
        // Frames in the order they arrive: each track late by its own changing amount.
        let mut source = Source::new();
        let end = upsets.iter().map(|(after, _)| after).sum::<i64>() + 5 * SECOND;
        let mut frames = vec![];
        let mut arrived = [0; 2];
        loop {
            let (track, time) = source.frame();
            if time > end {
                break;
            }
            let at = usize::from(track == Audio);
            let arrival = (time + late[(time / SECOND) as usize * 2 % 64 + at]).max(arrived[at]);
            arrived[at] = arrival;
            frames.push((arrival, track, time));
        }
        frames.sort_by_key(|(arrival, ..)| *arrival);

        let mut timeline = timeline();
        let mut last = [i64::MIN; 2];
        // Per track: media time of the frame, and by how much it came out away from it.
        let mut first = None;
        let mut settled = [(0, 0); 2];
        for (arrival, track, time) in frames {
            let (mut raw, mut paused, mut moment) = (start + time, 0, 0);
            let mut near_upset = false;
            for (after, upset) in &upsets {
                moment += after;
                near_upset |= (moment - 500 * MS..moment + 500 * MS).contains(&time);
                if time >= moment {
                    match upset {
                        Upset::Jump(by) => raw += by,
                        Upset::Pause(by) => {
                            raw += by;
                            paused += by;
                        }
                    }
                }
            }
            let placed = timeline.place(track, raw.rem_euclid(WRAP), arrival + paused);
            let at = usize::from(track == Audio);
            prop_assert!(placed.dts_us >= last[at].saturating_add(MIN_STEP_US) || last[at] == i64::MIN);
            last[at] = placed.dts_us;
            let off = placed.dts_us - time - paused;
            let first = *first.get_or_insert(off);
            settled[at] = (time, off);
            if !near_upset && settled[1 - at].0 > time - 500 * MS {
                prop_assert!((off - settled[1 - at].1).abs() <= 40 * MS, "{track:?} at {time}: {settled:?}");
                prop_assert!((off - first).abs() <= 20 * MS, "drift at {time}: {off} against {first}");
            }
        }
    }

    #[test]
    fn whatever_comes_in_increases_within_its_track(
        frames in prop::collection::vec((any::<bool>(), any::<i64>(), any::<i64>(), 0u8..4), 1..300),
        wrap in prop::sample::select(vec![0, WRAP, i64::MAX]),
    ) {
        let mut timeline = Timeline::new(0, wrap);
        let mut last = [-MIN_STEP_US; 2];
        let (mut raw, mut now) = (0i64, 0i64);
        for (video, far, wall, kind) in frames {
            raw = match kind {
                0 => far,
                1 => far.rem_euclid(WRAP),
                2 => raw.saturating_add(far % (3 * SECOND)),
                _ => raw.saturating_add(far.rem_euclid(50 * MS)),
            };
            now = now.saturating_add(wall.rem_euclid(100 * MS));
            let track = if video { Video } else { Audio };
            let placed = timeline.place(track, raw, now);
            let at = usize::from(video);
            prop_assert!(placed.dts_us >= last[at] + MIN_STEP_US);
            last[at] = placed.dts_us;
            prop_assert_eq!(timeline.last_us(), last[0].max(last[1]));
        }
    }
}
