//! The same stream through each container.

use bytes::Bytes;
use proptest::prelude::*;

use super::testing::{drain, error_of, events_of, file};
use super::*;
use crate::TrackKind;
use crate::fmp4::Sample;
use crate::ts::tests::{tracks, video};

const ALL: [LiveContainer; 4] = [
    LiveContainer::Flv,
    LiveContainer::Fmp4,
    LiveContainer::WebM,
    LiveContainer::Ts,
];

fn demux(container: LiveContainer, pieces: &[&[u8]]) -> Vec<Result<Event>> {
    events_of(LiveDemuxer::new(container), pieces)
}

fn payloads(events: &[Result<Event>], track: TrackKind) -> Vec<(i64, Bytes)> {
    let frame = |event: &Result<Event>| match event {
        Ok(Event::Frame(frame)) if frame.track == track => {
            Some((frame.ts_us / 1000, frame.payload.clone()))
        }
        _ => None,
    };
    events.iter().filter_map(frame).collect()
}

#[test]
fn names_and_first_bytes_tell_the_container() {
    for container in ALL {
        assert_eq!(LiveContainer::from_name(container.name()), Some(container));
    }
    assert_eq!(LiveContainer::from_name("FLV"), None);
    for container in ALL {
        assert_eq!(LiveContainer::sniff(&file(container)), Some(container));
    }
    let mut ts = vec![0x47, 0x40, 0, 0x10];
    ts.resize(188, 0);
    assert_eq!(LiveContainer::sniff(&ts), Some(LiveContainer::Ts));
    ts.push(9);
    assert_eq!(LiveContainer::sniff(&ts), None);
    assert_eq!(LiveContainer::sniff(b"GET / HTTP/1.1"), None);
    assert_eq!(LiveContainer::sniff(b""), None);
}

#[test]
fn containers_give_the_same_frames_for_the_same_stream() {
    let flv = demux(LiveContainer::Flv, &[&file(LiveContainer::Flv)]);
    for container in ALL {
        let events = demux(container, &[&file(container)]);
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let flv = payloads(&flv, kind);
            assert_eq!(flv.len(), 6);
            // Decode times of MPEG-TS and, where pictures may be reordered, of WebM begin elsewhere.
            let mut own = payloads(&events, kind);
            let start_ms = own.first().map_or(0, |(ms, _)| *ms);
            own.iter_mut().for_each(|(ms, _)| *ms -= start_ms);
            // The last packet of MPEG-TS ends when the next one begins.
            let ends = usize::from(container == LiveContainer::Ts);
            assert!(own.len() >= 6 - ends && flv.starts_with(&own), "{own:?}");
        }
    }
}

#[test]
fn the_last_decode_time_is_that_of_the_last_frame_given() {
    let mut demuxer = LiveDemuxer::new(LiveContainer::Flv);
    assert_eq!(demuxer.last_dts_us(), None);
    demuxer.push(&file(LiveContainer::Flv));
    let mut last = None;
    while let Some(event) = demuxer.next().unwrap() {
        if let Event::Frame(frame) = event {
            last = Some(frame.ts_us);
        }
        assert_eq!(demuxer.last_dts_us(), last);
    }
    assert_eq!(last, Some(200_000));
}

#[test]
fn a_broken_flv_stream_stays_broken_and_is_not_kept() {
    let mut demuxer = LiveDemuxer::new(LiveContainer::Flv);
    demuxer.push(b"GET / HTTP/1.1");
    let error = demuxer.next().unwrap_err();
    demuxer.push(&file(LiveContainer::Flv));
    assert_eq!(demuxer.next(), Err(error));
    let Inner::Flv(flv) = &demuxer.inner else {
        panic!("not FLV");
    };
    assert!(!flv.reader.is_mid_tag());
}

/// The most a demuxer holds on the way through `bytes`, as a network gives them.
fn most_held(container: LiveContainer, bytes: &[u8]) -> usize {
    let (mut demuxer, mut most) = (LiveDemuxer::new(container), 0);
    for piece in bytes.chunks(64 << 10) {
        demuxer.push(piece);
        drain(&mut demuxer, &mut Vec::new());
        most = most.max(demuxer.held_bytes());
    }
    most
}

const MIB: usize = 1 << 20;

/// What makes a demuxer hold as much as it can, and how much that is at least.
fn greedy(container: LiveContainer) -> (Vec<u8>, usize) {
    match container {
        LiveContainer::Flv => {
            let tag = [&[9, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0][..], &[7; 20 * MIB]];
            ([&file(container)[..], &tag.concat()].concat(), 15 * MIB)
        }
        // Sound while the pictures are not known, and then a block that never ends.
        LiveContainer::WebM => {
            let sounds = webm::tests::sounds_before_pictures(70, 100_000);
            let block = [&[0xA3, 0x11, 0, 0, 0][..], &[7; 15 * MIB]];
            ([&sounds[..], &block.concat()].concat(), 21 * MIB)
        }
        // Pictures that are ahead of the sound, and then one that never ends.
        LiveContainer::Fmp4 => {
            let sample = |track, at: u64, bytes| Sample {
                track,
                dts: at,
                duration: 90_000,
                cts: 0,
                key: true,
                payload: vec![0; bytes].into(),
            };
            let mut samples: Vec<_> = (0..15)
                .map(|at| sample(TrackKind::Video, at * 90_000, MIB))
                .collect();
            samples.push(sample(TrackKind::Video, 15 * 90_000, 15 * MIB));
            samples.push(sample(TrackKind::Audio, 0, 10));
            let init = fmp4::init_segment(&tracks()).unwrap();
            ([init, fmp4::fragment(1, &samples)].concat(), 28 * MIB)
        }
        LiveContainer::Ts => {
            let mut muxer = ts::Muxer::new(&tracks()).unwrap();
            let mut out = Vec::new();
            muxer.put_tables(&mut out);
            for at in 0..3 {
                muxer.put_frame(&video(at * 40_000, 0, true, 7 * MIB), &mut out);
            }
            (out, 6 * MIB)
        }
    }
}

#[test]
fn what_is_held_has_a_limit() {
    for container in ALL {
        let (bytes, at_least) = greedy(container);
        let held = most_held(container, &bytes);
        assert!(
            (at_least..=MAX_HELD_BYTES).contains(&held),
            "{container:?}: {held}"
        );
    }
}

#[test]
fn another_container_than_announced_is_refused_in_words() {
    for announced in ALL {
        for sent in ALL.into_iter().filter(|sent| *sent != announced) {
            let bytes = file(sent).repeat(200);
            let whole = error_of(demux(announced, &[&bytes]));
            let octets: Vec<_> = bytes.chunks(1).take(70_000).collect();
            assert_eq!(error_of(demux(announced, &octets)), whole);
            let words = whole.to_string();
            let tells = words == format!("{}: the bytes are {}", announced.title(), sent.title());
            assert!(
                tells || sent == LiveContainer::Ts,
                "{sent:?} as {announced:?}: {words}"
            );
        }
        let mut demuxer = LiveDemuxer::new(announced);
        demuxer.push(&b"<!doctype html><p>404 Not Found".repeat(10_000));
        let error = demuxer.next().unwrap_err();
        assert!(error.to_string().len() > 10, "{error}");
        demuxer.push(&file(announced));
        assert_eq!(demuxer.next(), Err(error));
        assert_eq!(demuxer.held_bytes(), 0);
    }
}

#[test]
fn nothing_is_held_once_the_container_is_broken() {
    let sounds = webm::tests::sounds_before_pictures(5, 1000);
    let broken = [&sounds[..], &[0xA3, 0x01, 0x7F, 0, 0, 0, 0, 0, 0]].concat();
    let mut demuxer = LiveDemuxer::new(LiveContainer::WebM);
    demuxer.push(&sounds);
    drain(&mut demuxer, &mut Vec::new());
    assert!(demuxer.held_bytes() > 4000);
    demuxer.push(&broken[sounds.len()..]);
    assert!(demuxer.next().is_err());
    assert_eq!(demuxer.held_bytes(), 0);
}

#[test]
fn mpeg_ts_goes_on_behind_damage_that_is_not_all_of_it() {
    let bytes = file(LiveContainer::Ts);
    let mut demuxer = LiveDemuxer::new(LiveContainer::Ts);
    demuxer.push(&[&bytes[..], &[0; 60_000]].concat());
    drain(&mut demuxer, &mut Vec::new());
    demuxer.push(&bytes);
    let mut out = Vec::new();
    drain(&mut demuxer, &mut out);
    assert!(out.iter().all(Result::is_ok) && !out.is_empty());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>, cut in 1usize..50) {
        for container in ALL {
            // Behind a beginning that is believed, too.
            for bytes in [data.clone(), [file(container), data.clone()].concat()] {
                let mut demuxer = LiveDemuxer::new(container);
                for piece in bytes.chunks(cut) {
                    demuxer.push(piece);
                    drain(&mut demuxer, &mut Vec::new());
                    prop_assert!(demuxer.held_bytes() <= MAX_HELD_BYTES);
                }
            }
        }
    }

    #[test]
    fn splits_never_change_the_result(cut in 1usize..200) {
        for container in ALL {
            let bytes = file(container);
            let pieces: Vec<_> = bytes.chunks(cut).collect();
            prop_assert_eq!(demux(container, &pieces), demux(container, &[&bytes]));
        }
    }
}

#[test]
fn the_picture_whose_end_nothing_tells_comes_out_at_the_end() {
    let mut muxer = crate::ts::Muxer::new(&crate::ts::tests::tracks()).unwrap();
    let mut bytes = Vec::new();
    muxer.put_tables(&mut bytes);
    for at in 0..3 {
        let picture = crate::ts::tests::video(at * 40_000, 0, at == 0, 400);
        muxer.put_frame(&picture, &mut bytes);
        muxer.put_frame(&crate::ts::tests::audio(at * 40_000, 100), &mut bytes);
    }
    let mut demuxer = LiveDemuxer::new(LiveContainer::Ts);
    demuxer.push(&bytes);
    let pictures = |demuxer: &mut LiveDemuxer| {
        let events = std::iter::from_fn(|| demuxer.next().unwrap());
        let is_picture =
            |event: &Event| matches!(event, Event::Frame(raw) if raw.track == TrackKind::Video);
        events.filter(is_picture).count()
    };
    assert_eq!(pictures(&mut demuxer), 2);
    demuxer.finish().unwrap();
    assert_eq!(pictures(&mut demuxer), 1);
}
