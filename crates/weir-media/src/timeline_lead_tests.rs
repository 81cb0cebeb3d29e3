//! Senders that say of pictures that they are shown before they are decoded.

use TrackKind::{Audio, Video};

use super::*;

const MS: i64 = 1000;
const SECOND: i64 = 1_000_000;

fn timeline() -> Timeline {
    Timeline::new(0, (1 << 32) * MS)
}

#[test]
fn pictures_shown_before_they_are_decoded_are_decoded_earlier() {
    let mut timeline = timeline();
    // Order of decoding I P B B P B B, counted in that order: the first B is shown before its time.
    let shown_ms = [0, 120, 40, 80, 240, 160, 200, 360, 280, 320];
    let mut last_us = -1;
    for (at, shown_ms) in (0..).zip(shown_ms) {
        let raw_us = SECOND + at * 40 * MS;
        let cts_us = i32::try_from(SECOND + shown_ms * MS - raw_us).unwrap();
        let (placed, cts_us) = timeline.place_shown(Video, raw_us, cts_us, at * 40 * MS);
        let audio = timeline.place_shown(Audio, raw_us, 7, at * 40 * MS);
        assert_eq!((placed.correction, audio.1), (None, 0));
        assert!(placed.dts_us > last_us && cts_us >= 0, "{at}");
        last_us = placed.dts_us;
        let off_us = placed.dts_us + i64::from(cts_us) - shown_ms * MS;
        assert!((0..=MIN_STEP_US).contains(&off_us), "{at}: {off_us}");
        assert_eq!(audio.0.dts_us, at * 40 * MS, "sound stays where it was");
    }
}

#[test]
fn an_offset_of_an_hour_back_is_damage_and_moves_nothing() {
    let mut timeline = timeline();
    for at in 0..100 {
        let cts_us = if at == 50 { i32::MIN } else { 0 };
        let (placed, shown_us) = timeline.place_shown(Video, at * 40 * MS, cts_us, at * 40 * MS);
        assert_eq!((placed.dts_us, shown_us), (at * 40 * MS, 0));
    }
}
