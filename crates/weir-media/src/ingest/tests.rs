//! The same stream through each container.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::flv::write;
use crate::fmp4::Sample;
use crate::ts::tests::{audio, tracks, video};
use crate::{Frame, FrameKind, TrackKind};

const ALL: [Container; 4] = [
    Container::Flv,
    Container::Fmp4,
    Container::WebM,
    Container::Ts,
];

fn stream() -> Vec<Frame> {
    let mut frames = Vec::new();
    for at in 0..6 {
        frames.push(video(at * 40_000, 0, at % 3 == 0, 30));
        frames.push(audio(at * 40_000, 20));
    }
    frames
}

fn flv_file() -> Vec<u8> {
    let tracks = tracks();
    let (mut out, mut body) = (Vec::new(), Vec::new());
    write::put_file_header(&mut out, true, true);
    write::put_video_config(&mut body, tracks.video.as_ref().unwrap());
    write::put_tag(&mut out, flv::TAG_VIDEO, 0, &[], &body);
    body.clear();
    write::put_audio_config(&mut body, tracks.audio.as_ref().unwrap());
    write::put_tag(&mut out, flv::TAG_AUDIO, 0, &[], &body);
    for frame in stream() {
        let mut head = Vec::new();
        write::put_frame_header(&mut head, &tracks, &frame);
        let tag_type = match frame.track {
            TrackKind::Video => flv::TAG_VIDEO,
            TrackKind::Audio => flv::TAG_AUDIO,
        };
        let ts_ms = (frame.dts_us / 1000) as u32;
        write::put_tag(&mut out, tag_type, ts_ms, &head, &frame.payload);
    }
    out
}

fn mp4_file() -> Vec<u8> {
    let tracks = tracks();
    let samples: Vec<_> = stream()
        .into_iter()
        .map(|frame| {
            let hz = i64::from(fmp4::timescale(&tracks, frame.track));
            Sample {
                track: frame.track,
                dts: (frame.dts_us * hz / 1_000_000) as u64,
                duration: (40_000 * hz / 1_000_000) as u32,
                cts: 0,
                key: frame.kind == FrameKind::Key,
                payload: frame.payload,
            }
        })
        .collect();
    let init = fmp4::init_segment(&tracks).unwrap();
    [init, fmp4::fragment(1, &samples)].concat()
}

fn drain(demuxer: &mut LiveDemuxer, out: &mut Vec<Result<Event>>) {
    loop {
        match demuxer.next() {
            Ok(None) => return,
            Err(error) if out.last() == Some(&Err(error.clone())) => return,
            Ok(Some(event)) => out.push(Ok(event)),
            Err(error) => out.push(Err(error)),
        }
    }
}

fn demux(container: Container, pieces: &[&[u8]]) -> Vec<Result<Event>> {
    let (mut demuxer, mut out) = (LiveDemuxer::new(container), Vec::new());
    for piece in pieces {
        demuxer.push(piece);
        drain(&mut demuxer, &mut out);
    }
    out
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
        assert_eq!(Container::from_name(container.name()), Some(container));
    }
    assert_eq!(Container::from_name("FLV"), None);
    assert_eq!(Container::sniff(&flv_file()), Some(Container::Flv));
    assert_eq!(Container::sniff(&mp4_file()), Some(Container::Fmp4));
    let ebml = [0x1A, 0x45, 0xDF, 0xA3];
    assert_eq!(Container::sniff(&ebml), Some(Container::WebM));
    let mut ts = vec![0x47, 0x40, 0, 0x10];
    ts.resize(188, 0);
    assert_eq!(Container::sniff(&ts), Some(Container::Ts));
    ts.push(9);
    assert_eq!(Container::sniff(&ts), None);
    assert_eq!(Container::sniff(b"GET / HTTP/1.1"), None);
    assert_eq!(Container::sniff(b""), None);
}

#[test]
fn containers_give_the_same_frames_for_the_same_stream() {
    let mut muxer = ts::Muxer::new(&tracks()).unwrap();
    let mut ts_file = Vec::new();
    muxer.put_tables(&mut ts_file);
    for frame in stream() {
        muxer.put_frame(&frame, &mut ts_file);
    }
    let flv = demux(Container::Flv, &[&flv_file()]);
    let mp4 = demux(Container::Fmp4, &[&mp4_file()]);
    let ts = demux(Container::Ts, &[&ts_file]);
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let flv = payloads(&flv, kind);
        assert_eq!(flv.len(), 6);
        assert_eq!(flv, payloads(&mp4, kind));
        // The last packet of MPEG-TS ends when the next one begins.
        let mut ts = payloads(&ts, kind);
        let start_ms = ts.first().map_or(0, |(ms, _)| *ms);
        ts.iter_mut().for_each(|(ms, _)| *ms -= start_ms);
        assert!(ts.len() >= 5 && flv.starts_with(&ts), "{ts:?}");
    }
}

#[test]
fn the_last_decode_time_is_that_of_the_last_frame_given() {
    let mut demuxer = LiveDemuxer::new(Container::Flv);
    assert_eq!(demuxer.last_dts_us(), None);
    demuxer.push(&flv_file());
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
    let mut demuxer = LiveDemuxer::new(Container::Flv);
    demuxer.push(b"GET / HTTP/1.1");
    let error = demuxer.next().unwrap_err();
    demuxer.push(&flv_file());
    assert_eq!(demuxer.next(), Err(error));
    let Inner::Flv(flv) = &demuxer.inner else {
        panic!("not FLV");
    };
    assert!(!flv.reader.is_mid_tag());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>, cut in 1usize..50) {
        for container in ALL {
            let pieces: Vec<_> = data.chunks(cut).collect();
            demux(container, &pieces);
        }
    }

    #[test]
    fn splits_never_change_the_result(cut in 1usize..200) {
        for (container, bytes) in [(Container::Flv, flv_file()), (Container::Fmp4, mp4_file())] {
            let pieces: Vec<_> = bytes.chunks(cut).collect();
            prop_assert_eq!(demux(container, &pieces), demux(container, &[&bytes]));
        }
    }
}
