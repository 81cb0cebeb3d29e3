//! The packager in virtual time. Playlists as a whole are checked in weir-testkit.

use std::sync::Arc;

use aes::Aes128;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};

use super::*;
use crate::fmp4::read;
use crate::ts::tests::{audio, tracks, video};
use crate::{Frame, FrameKind, Item, TrackKind};

fn config(container: Container, part_us: Option<i64>) -> PackagerConfig {
    PackagerConfig {
        container,
        segment_us: 2_000_000,
        part_us,
        window_segments: 6,
        encryption: None,
        epoch: "e1".into(),
        selection: Selection::Both,
    }
}

/// Frames of a stream with a keyframe every `gop_us`, in order of their times.
fn frames(from_us: i64, until_us: i64, frame_us: i64, gop_us: i64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut at = from_us;
    while at < until_us {
        frames.push(video(at, 0, (at - from_us) % gop_us == 0, 400));
        at += frame_us;
    }
    let mut at = from_us;
    while at < until_us {
        // As FLV has them: whole milliseconds.
        frames.push(audio(at / 1000 * 1000, 100));
        at += 1_024_000_000 / 44_100;
    }
    frames.sort_by_key(|frame| frame.dts_us);
    frames
}

fn started(config: PackagerConfig) -> Packager {
    let mut packager = Packager::new(config);
    packager.push(&Item::Tracks(Arc::new(tracks())), 0).unwrap();
    packager
}

fn push_all(packager: &mut Packager, frames: Vec<Frame>) {
    for frame in frames {
        packager.push(&Item::Frame(frame), 0).unwrap();
    }
}

/// A player that reads a list of parts without a part in it waits for a whole segment.
#[test]
fn the_first_playlist_lists_a_part_where_it_promises_them() {
    for (part_us, least_us) in [(None, 2_000_000), (Some(200_000), 2_200_000)] {
        let mut packager = started(config(Container::Fmp4, part_us));
        let mut shown_us = None;
        for frame in frames(0, 3_000_000, 40_000, 2_000_000) {
            let now_us = frame.dts_us;
            let changed = packager.push(&Item::Frame(frame), 0).unwrap();
            if shown_us.is_none() && packager.has_content() {
                assert!(changed, "nobody is told at {now_us}");
                shown_us = Some(now_us);
                let text = packager.media_playlist(&PlaylistOptions::default());
                assert_eq!(text.contains("#EXT-X-PART:"), part_us.is_some(), "{text}");
            }
        }
        let shown_us = shown_us.unwrap();
        assert!(
            (least_us..=least_us + 80_000).contains(&shown_us),
            "{shown_us}"
        );
    }
}

#[test]
fn segments_start_with_a_keyframe_and_miss_no_frame() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    let put = frames(0, 10_000_000, 40_000, 2_000_000);
    push_all(&mut packager, put.clone());
    packager.end();
    let movie = read::movie(&packager.init(0).unwrap()).unwrap();
    let mut next_dts = [None; 2];
    let mut got = [0; 2];
    for msn in 0..packager.head().msn {
        let bytes = packager.segment(msn).unwrap();
        assert_eq!(
            bytes.parts.iter().map(bytes::Bytes::len).sum::<usize>(),
            bytes.len
        );
        let samples = read::samples(&movie, &bytes.parts.concat().into()).unwrap();
        assert_eq!(
            (samples[0].track, samples[0].kind),
            (TrackKind::Video, FrameKind::Key)
        );
        for sample in samples {
            let track = sample.track as usize;
            // Durations lead exactly from one sample to the next, over all fragments.
            assert_eq!(next_dts[track].unwrap_or(sample.dts), sample.dts);
            next_dts[track] = Some(sample.dts + u64::from(sample.duration));
            got[track] += 1;
        }
    }
    assert_eq!(got.iter().sum::<usize>(), put.len());
}

#[test]
fn a_segment_is_the_sum_of_its_parts() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    push_all(&mut packager, frames(0, 6_100_000, 40_000, 2_000_000));
    let pieces: Vec<_> = (0..).map_while(|part| packager.part(2, part)).collect();
    assert_eq!(pieces.len(), 10);
    assert_eq!(packager.segment(2).unwrap().parts, pieces);
}

#[test]
fn who_goes_on_with_a_stream_goes_on_counting() {
    let mut packager = Packager::new(config(Container::Fmp4, Some(200_000)));
    packager.count_from(700, 0);
    packager.push(&Item::Tracks(Arc::new(tracks())), 0).unwrap();
    assert_eq!(packager.blocking(701, Some(0)), Blocking::Wait);
    assert_eq!(packager.blocking(702, None), Blocking::TooFarAhead);
    push_all(&mut packager, frames(0, 4_500_000, 40_000, 2_000_000));
    packager.count_from(3, 9);
    assert_eq!(packager.head(), Head { msn: 702, parts: 2 });
    let text = packager.media_playlist(&PlaylistOptions::default());
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:700\n"), "{text}");
    assert!(text.contains("seg-e1-701.m4s"), "{text}");
    assert!(!text.contains("DISCONTINUITY"), "{text}");
    assert!(packager.segment(700).is_some() && packager.segment(0).is_none());
}

#[test]
fn a_blocking_request_waits_for_exactly_what_it_asks_for() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    assert_eq!(packager.blocking(0, None), Blocking::Wait);
    assert_eq!(packager.blocking(2, None), Blocking::TooFarAhead);
    push_all(&mut packager, frames(0, 4_500_000, 40_000, 2_000_000));
    let head = packager.head();
    assert_eq!(head, Head { msn: 2, parts: 2 });
    assert_eq!(packager.blocking(1, None), Blocking::Ready);
    assert_eq!(packager.blocking(2, None), Blocking::Wait);
    assert_eq!(packager.blocking(2, Some(1)), Blocking::Ready);
    assert_eq!(packager.blocking(2, Some(2)), Blocking::Wait);
    assert_eq!(packager.blocking(3, Some(0)), Blocking::Wait);
    assert_eq!(packager.blocking(5, None), Blocking::TooFarAhead);
    assert_eq!(packager.blocking(2, Some(40)), Blocking::TooFarAhead);
    // Behind the last part of a complete segment lies the first of the next one.
    assert_eq!(packager.blocking(1, Some(10)), Blocking::Ready);
}

#[test]
fn a_part_behind_the_last_one_waits_for_the_next_segment() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    push_all(&mut packager, frames(0, 4_040_000, 40_000, 2_000_000));
    assert_eq!(packager.head(), Head { msn: 2, parts: 0 });
    assert_eq!(packager.blocking(1, Some(9)), Blocking::Ready);
    assert_eq!(packager.blocking(1, Some(10)), Blocking::Wait);
}

#[test]
fn encrypted_segments_decrypt_to_the_plain_ones_and_no_iv_comes_twice() {
    let encryption = Some(EncryptionConfig {
        segments_per_key: 2,
    });
    let mut plain = started(config(Container::Ts, None));
    let mut packager = started(PackagerConfig {
        encryption,
        ..config(Container::Ts, None)
    });
    let mut keys = 0;
    for frame in frames(0, 12_000_000, 40_000, 2_000_000) {
        while packager.wants_key() {
            keys += 1;
            assert!(packager.supply_key([keys; 16]));
        }
        plain.push(&Item::Frame(frame.clone()), 0).unwrap();
        packager.push(&Item::Frame(frame), 0).unwrap();
    }
    for msn in 0..packager.head().msn {
        let key = packager.key(msn as u32 / 2).unwrap();
        let decryptor =
            cbc::Decryptor::<Aes128>::new(&key.into(), &u128::from(msn).to_be_bytes().into());
        let bytes = packager.segment(msn).unwrap().parts.concat();
        let opened = decryptor.decrypt_padded_vec::<Pkcs7>(&bytes).unwrap();
        assert!(
            opened == plain.segment(msn).unwrap().parts.concat(),
            "segment {msn}"
        );
    }
    assert_ne!(packager.key(0), packager.key(1));
}

#[test]
fn nothing_leaves_in_the_clear_when_keys_are_missing() {
    let encryption = Some(EncryptionConfig {
        segments_per_key: 1,
    });
    let mut packager = started(PackagerConfig {
        encryption,
        ..config(Container::Ts, None)
    });
    assert!(
        packager
            .push(&Item::Frame(video(0, 0, true, 10)), 0)
            .is_err()
    );
    push_quietly(&mut packager, frames(0, 6_000_000, 40_000, 2_000_000));
    assert!(!packager.has_content());
}

fn push_quietly(packager: &mut Packager, frames: Vec<Frame>) {
    for frame in frames {
        let _ = packager.push(&Item::Frame(frame), 0);
    }
}

#[test]
fn ts_segments_begin_with_tables_and_a_keyframe() {
    let mut packager = started(config(Container::Ts, Some(200_000)));
    push_all(&mut packager, frames(0, 10_000_000, 40_000, 2_000_000));
    for msn in 0..packager.head().msn {
        let bytes = packager.segment(msn).unwrap().parts.concat();
        let pid = |at: usize| u16::from_be_bytes([bytes[at * 188 + 1] & 0x1F, bytes[at * 188 + 2]]);
        assert_eq!((pid(0), pid(1), pid(2)), (0, 0x1000, 0x100));
        assert_eq!(bytes[2 * 188 + 5] & 0x50, 0x50, "PCR and random access");
    }
}

#[test]
fn old_segments_stay_for_a_while_and_then_go() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    push_all(&mut packager, frames(0, 18_000_000, 40_000, 2_000_000));
    assert!(
        packager.segment(0).is_some(),
        "left the playlist, still there"
    );
    push_all(
        &mut packager,
        frames(18_000_000, 60_000_000, 40_000, 2_000_000),
    );
    let msn = packager.head().msn;
    assert!(packager.segment(0).is_none());
    let kept = (0..msn)
        .filter(|&msn| packager.segment(msn).is_some())
        .count();
    assert!(kept <= 14, "{kept} segments are kept");
}

#[test]
fn a_track_that_tells_of_itself_late_is_no_discontinuity() {
    for container in [Container::Fmp4, Container::Ts] {
        let mut packager = Packager::new(config(container, None));
        let silent = crate::Tracks {
            audio: None,
            ..tracks()
        };
        packager.push(&Item::Tracks(Arc::new(silent)), 0).unwrap();
        let mut frames = frames(0, 6_100_000, 40_000, 2_000_000);
        let rest = frames.split_off(3);
        push_all(&mut packager, frames);
        packager.push(&Item::Tracks(Arc::new(tracks())), 0).unwrap();
        push_all(&mut packager, rest);
        assert_eq!(packager.head().msn, 3);
        let playlist = packager.media_playlist(&PlaylistOptions::default());
        assert!(!playlist.contains("DISCONTINUITY"), "{playlist}");
    }
}

#[test]
fn sound_goes_on_when_pictures_stop_and_pictures_come_back() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    push_all(&mut packager, frames(0, 6_000_000, 40_000, 2_000_000));
    let sound = frames(6_000_000, 20_000_000, 40_000, 2_000_000);
    let sound = sound
        .into_iter()
        .filter(|frame| frame.track == TrackKind::Audio);
    push_all(&mut packager, sound.collect());
    let silent = packager.head().msn;
    assert!(silent >= 8, "{silent}");
    push_all(
        &mut packager,
        frames(20_000_000, 26_000_000, 40_000, 2_000_000),
    );
    assert!(packager.head().msn >= silent + 2);
}

#[test]
fn pictures_that_refer_to_what_no_segment_has_are_left_out() {
    // Open groups in decode order: a keyframe, two pictures shown before it, three behind it.
    let shown = [2, -1, -1, 0, 0, 0];
    let pictures = |from: i64, until: i64| -> Vec<Frame> {
        let picture = |at: i64| {
            let in_group = at.rem_euclid(6) as usize;
            let cts_us = (shown[in_group] + 1) * 40_000;
            video(at * 40_000, cts_us, in_group == 0, 400)
        };
        (from..until).map(picture).collect()
    };
    for container in [Container::Fmp4, Container::Ts] {
        let mut packager = started(config(container, None));
        // It begins in the middle of a stream, and once more behind a break.
        push_all(&mut packager, pictures(3, 120));
        packager.pause();
        push_all(&mut packager, pictures(126, 240));
        packager.end();
        let pieces = (0..packager.head().msn).map(|msn| packager.segment(msn).unwrap());
        let bytes = pieces
            .flat_map(|piece| piece.parts.concat())
            .collect::<Vec<_>>();
        let count = match container {
            Container::Fmp4 => {
                let movie = read::movie(&packager.init(0).unwrap()).unwrap();
                read::samples(&movie, &bytes.into()).unwrap().len()
            }
            Container::Ts => crate::ts::tests::count_pictures(&bytes),
        };
        assert_eq!(count, (120 - 6 - 2) + (240 - 126 - 2), "{container:?}");
    }
}

/// Pictures stop for seven seconds, and go on with such as refer to the last one.
fn with_a_still(until_us: i64) -> Vec<Frame> {
    let mut all = frames(0, until_us, 40_000, 4_000_000);
    all.retain(|frame| {
        frame.track == TrackKind::Audio || !(6_000_000..13_000_000).contains(&frame.dts_us)
    });
    for frame in &mut all {
        if frame.track == TrackKind::Video && frame.dts_us > 4_000_000 {
            frame.kind = FrameKind::Inter;
        }
    }
    all
}

#[test]
fn pictures_that_refer_to_a_still_one_are_there_and_so_is_all_sound() {
    let mut packager = started(config(Container::Fmp4, Some(200_000)));
    let put = with_a_still(20_000_000);
    push_all(&mut packager, put.clone());
    packager.end();
    let movie = read::movie(&packager.init(0).unwrap()).unwrap();
    let mut got = Vec::new();
    for msn in 0..packager.head().msn {
        let segment = packager.segment(msn).unwrap().parts.concat();
        got.extend(read::samples(&movie, &segment.into()).unwrap());
    }
    // A still picture is shown again at each segment's head: a tick lies between what shows it.
    let is_again = |sample: &read::ReadSample| {
        let is_picture = sample.track == TrackKind::Video;
        is_picture && (6_000 * 90..13_000 * 90).contains(&sample.dts)
    };
    let again: Vec<_> = got
        .iter()
        .filter(|sample| is_again(sample))
        .cloned()
        .collect();
    assert_eq!(again.len() % 50, 0, "whole groups: {}", again.len());
    assert!(again.len() >= 50, "{}", again.len());
    got.retain(|sample| !is_again(sample));
    let of = |track| got.iter().filter(move |sample| sample.track == track);
    let put_of = |track| put.iter().filter(move |frame| frame.track == track).count();
    for track in [TrackKind::Video, TrackKind::Audio] {
        assert_eq!(of(track).count(), put_of(track), "{}", track.name());
        let steps = of(track).zip(of(track).skip(1));
        assert!(steps.clone().all(|(one, next)| one.dts < next.dts));
        // A player takes a step of more than two durations for a loss.
        let is_loss = |(one, next): &(&read::ReadSample, &read::ReadSample)| {
            next.dts - one.dts > 2 * u64::from(one.duration)
        };
        assert!(
            !steps.clone().any(|step| is_loss(&step)),
            "{}",
            track.name()
        );
    }
    let steps = again.iter().zip(again.iter().skip(1));
    assert!(steps.clone().all(|(one, next)| one.dts < next.dts));
    let is_loss = |one: &read::ReadSample, next: &read::ReadSample| {
        next.dts - one.dts > 2 * u64::from(one.duration)
    };
    assert!(!steps.into_iter().any(|(one, next)| is_loss(one, next)));
    let last = of(TrackKind::Video).next_back().unwrap();
    assert!(last.dts > 19 * 90_000, "the newest picture too");
}

#[test]
fn each_segment_of_a_long_still_shows_the_picture_to_who_comes_then() {
    for container in [Container::Fmp4, Container::Ts] {
        let mut packager = started(config(container, Some(200_000)));
        let mut put = frames(0, 60_000_000, 40_000, 2_000_000);
        // Twelve pictures behind the last keyframe the screen stands still.
        put.retain(|frame| frame.track == TrackKind::Audio || frame.dts_us < 4_480_000);
        push_all(&mut packager, put);
        let text = packager.media_playlist(&PlaylistOptions::default());
        let head = packager.head().msn;
        assert!(head > 20, "{head}");
        for msn in head - 6..head {
            let bytes = packager.segment(msn).unwrap().parts.concat();
            let pictures = match container {
                Container::Ts => crate::ts::tests::count_pictures(&bytes),
                Container::Fmp4 => {
                    let movie = read::movie(&packager.init(0).unwrap()).unwrap();
                    let samples = read::samples(&movie, &bytes.into()).unwrap();
                    let first = &samples[0];
                    let is_key = (first.track, first.kind) == (TrackKind::Video, FrameKind::Key);
                    assert!(is_key, "{msn}: {first:?}");
                    let is_picture = |sample: &&read::ReadSample| sample.track == TrackKind::Video;
                    // Pictures are there for as long as sound is.
                    let newest = samples.iter().rfind(|sample| is_picture(sample)).unwrap();
                    let sound = samples.iter().rfind(|sample| !is_picture(sample)).unwrap();
                    let end_s = (newest.dts + u64::from(newest.duration)) as f64 / 90e3;
                    assert!(end_s >= sound.dts as f64 / 44_100.0, "{msn}");
                    samples.iter().filter(is_picture).count()
                }
            };
            assert_eq!(pictures, 12, "{msn}, {container:?}");
            if container == Container::Fmp4 {
                let part = format!("part-e1-{msn}-0.m4s\",INDEPENDENT=YES");
                assert!(msn + 3 < head || text.contains(&part), "{msn}: {text}");
            }
        }
    }
}

#[test]
fn a_rate_of_pictures_is_that_of_the_segments_listed() {
    let mut packager = started(config(Container::Fmp4, None));
    push_all(&mut packager, frames(0, 20_000_000, 100_000, 2_000_000));
    let rate = |packager: &Packager| packager.frame_rate().unwrap().round();
    assert_eq!(rate(&packager), 10.0);
    push_all(
        &mut packager,
        frames(20_000_000, 50_000_000, 40_000, 2_000_000),
    );
    assert_eq!(rate(&packager), 25.0);
    let sound = frames(50_000_000, 70_000_000, 40_000, 2_000_000);
    let sound = sound
        .into_iter()
        .filter(|frame| frame.track == TrackKind::Audio);
    push_all(&mut packager, sound.collect());
    assert_eq!(
        packager.frame_rate(),
        None,
        "sound has no pictures a second"
    );
}

#[test]
fn a_ts_segment_without_a_keyframe_brings_the_parameter_sets() {
    let mut packager = started(config(Container::Ts, None));
    push_all(&mut packager, frames(0, 4_000_000, 40_000, 2_000_000));
    push_all(
        &mut packager,
        frames(4_000_000, 20_000_000, 40_000, 100_000_000),
    );
    let mut without_key = 0;
    for msn in 0..packager.head().msn {
        let bytes = packager.segment(msn).unwrap().parts.concat();
        let has = |nal: u8| bytes.windows(5).any(|five| five == [0, 0, 0, 1, nal]);
        assert!(
            has(0x67) && has(0x68),
            "segment {msn} lacks a parameter set"
        );
        without_key += u32::from(!has(0x65));
    }
    assert!(without_key >= 4, "{without_key}");
    assert!(!packager.independent_segments());
}

#[test]
fn renditions_of_one_stream_have_their_discontinuities_at_the_same_places() {
    let other = || {
        let mut other = tracks();
        if let Some(video) = &mut other.video {
            video.width += 2;
        }
        other
    };
    for selection in [Selection::VideoOnly, Selection::AudioOnly] {
        let mut packager = started(PackagerConfig {
            selection,
            ..config(Container::Fmp4, None)
        });
        push_all(&mut packager, frames(0, 5_000_000, 40_000, 2_000_000));
        packager.push(&Item::Tracks(Arc::new(other())), 0).unwrap();
        push_all(
            &mut packager,
            frames(5_000_000, 11_000_000, 40_000, 2_000_000),
        );
        let playlist = packager.media_playlist(&PlaylistOptions::default());
        let marks = playlist.matches("#EXT-X-DISCONTINUITY\n").count();
        assert_eq!(marks, 1, "{selection:?}: {playlist}");
    }
}

#[test]
fn the_epoch_is_cleaned_for_names() {
    let packager = Packager::new(PackagerConfig {
        epoch: "../a-b".into(),
        ..config(Container::Ts, None)
    });
    assert_eq!(
        packager.name(Resource::Key { id: 0 }).to_string(),
        "key-ab-0.key"
    );
}
