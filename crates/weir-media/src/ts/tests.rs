//! What the muxer writes, the demuxer reads.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::demux::{TsEvent, TsFrame};
use super::*;
use crate::{AudioCodec, Frame, FrameKind, TrackKind, Tracks, VideoCodec, codec};

mod fields;

/// 320x240, baseline.
const SPS: [u8; 10] = [0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xEC, 0x04, 0x40];
const PPS: [u8; 4] = [0x68, 0xCE, 0x3C, 0x80];

pub(crate) fn avcc() -> Bytes {
    let mut config = vec![1, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0, SPS.len() as u8];
    config.extend_from_slice(&SPS);
    config.extend_from_slice(&[1, 0, PPS.len() as u8]);
    config.extend_from_slice(&PPS);
    config.into()
}

pub(crate) fn tracks() -> Tracks {
    Tracks {
        video: Some(codec::video_track(VideoCodec::H264, avcc()).unwrap()),
        audio: Some(
            codec::audio_track(AudioCodec::Aac, Bytes::from_static(&[0x12, 0x10])).unwrap(),
        ),
    }
}

pub(crate) fn video(dts_us: i64, cts_us: i32, key: bool, bytes: usize) -> Frame {
    let mut payload = (bytes as u32).to_be_bytes().to_vec();
    payload.push(if key { 0x65 } else { 0x41 });
    payload.resize(4 + bytes, 0xAB);
    let kind = if key {
        FrameKind::Key
    } else {
        FrameKind::Inter
    };
    Frame {
        track: TrackKind::Video,
        dts_us,
        cts_us,
        kind,
        payload: payload.into(),
    }
}

pub(crate) fn audio(dts_us: i64, bytes: usize) -> Frame {
    let payload = Bytes::from(vec![0x21; bytes]);
    Frame {
        track: TrackKind::Audio,
        dts_us,
        cts_us: 0,
        kind: FrameKind::Key,
        payload,
    }
}

fn demux(bytes: &[u8]) -> (Vec<Arc<Tracks>>, Vec<TsFrame>, u64) {
    let mut demuxer = TsDemuxer::new();
    let (mut tracks, mut frames) = (Vec::new(), Vec::new());
    let mut take = |demuxer: &mut TsDemuxer| {
        while let Ok(Some(event)) = demuxer.next() {
            match event {
                TsEvent::Tracks(now) => tracks.push(now),
                TsEvent::Frame(frame) => frames.push(frame),
                TsEvent::LeftOut(what) => panic!("left out: {what}"),
            }
        }
    };
    for piece in bytes.chunks(1000) {
        demuxer.push(piece);
        take(&mut demuxer);
    }
    demuxer.finish().unwrap();
    take(&mut demuxer);
    (tracks, frames, demuxer.lost())
}

/// How many pictures MPEG-TS has.
pub(crate) fn count_pictures(bytes: &[u8]) -> usize {
    let (_, frames, _) = demux(bytes);
    let pictures = frames
        .iter()
        .filter(|frame| frame.track == TrackKind::Video);
    pictures.count()
}

#[test]
fn pictures_may_be_taken_out_and_the_counters_go_on() {
    for bytes in [100, 900, 4_000, 184 * 16] {
        let mut muxer = Muxer::new(&tracks()).unwrap();
        let (mut whole, mut without) = (Vec::new(), Vec::new());
        let mut put = |is_left_out: bool, write: &mut dyn FnMut(&mut Muxer, &mut Vec<u8>)| {
            let from = whole.len();
            write(&mut muxer, &mut whole);
            if !is_left_out {
                without.extend_from_slice(&whole[from..]);
            }
        };
        put(false, &mut |muxer, out| muxer.put_tables(out));
        let mut all = Vec::new();
        for at in 0..20_i64 {
            // Pictures come so slowly that the sound has to bring the clock.
            let at_us = at * 200_000;
            let is_leading = (1..5).contains(&at);
            let picture = video(at_us, 400_000, at == 0, bytes);
            let sounds = [0, 100_000].map(|more_us| audio(at_us + more_us, 200));
            if at == 5 {
                put(true, &mut |muxer, out| muxer.end_leading(out));
            }
            put(is_leading, &mut |muxer, out| match is_leading {
                true => muxer.put_leading(&picture, out),
                false => muxer.put_frame(&picture, out),
            });
            for sound in &sounds {
                put(false, &mut |muxer, out| muxer.put_frame(sound, out));
            }
            all.push((is_leading, picture.payload.clone()));
        }
        for (received, has_all) in [(whole, true), (without, false)] {
            let (_, frames, lost) = demux(&received);
            assert_eq!(lost, 0, "{bytes}");
            let pictures = frames
                .iter()
                .filter(|frame| frame.track == TrackKind::Video);
            let got: Vec<_> = pictures.map(|frame| frame.payload.clone()).collect();
            let put = all.iter().filter(|(is_leading, _)| has_all || !is_leading);
            let put: Vec<_> = put.map(|(_, payload)| payload.clone()).collect();
            assert_eq!(got, put, "{bytes}, {has_all}");
            check_counters(&received);
        }
    }
}

/// Each packet has the counter of the one before on its PID, and one more if it has a payload (§2.4.3.3).
fn check_counters(bytes: &[u8]) {
    let mut last = std::collections::HashMap::new();
    for (at, packet) in bytes.chunks(PACKET_BYTES).enumerate() {
        let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
        let counter = packet[3] & 0x0F;
        let has_payload = u8::from(packet[3] & 0x10 != 0);
        if let Some(last) = last.insert(pid, counter) {
            assert_eq!(
                counter,
                (last + has_payload) & 0x0F,
                "packet {at} on {pid:#x}"
            );
        }
    }
}

fn second_of_both(muxer: &mut Muxer, from_us: i64, out: &mut Vec<u8>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for at in 0..25 {
        frames.push(video(from_us + at * 40_000, 80_000, at == 0, 900));
        frames.push(audio(from_us + at * 40_000 + 1_000, 200));
    }
    frames.iter().for_each(|frame| muxer.put_frame(frame, out));
    frames
}

/// PCRs in order, in 90 kHz ticks, with the index of their packet.
fn pcrs(bytes: &[u8]) -> Vec<u64> {
    let packets = bytes.chunks(PACKET_BYTES);
    let with_pcr = packets.filter(|p| p[3] & 0x20 != 0 && p[4] > 0 && p[5] & 0x10 != 0);
    with_pcr
        .map(|p| {
            u64::from(u32::from_be_bytes([p[6], p[7], p[8], p[9]])) << 1 | u64::from(p[10] >> 7)
        })
        .collect()
}

#[test]
fn frames_come_out_as_they_went_in() {
    let mut muxer = Muxer::new(&tracks()).unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    let put = second_of_both(&mut muxer, 0, &mut out);
    let (seen, frames, lost) = demux(&out);
    assert_eq!((seen.len(), lost), (1, 0));
    assert_eq!(seen[0].video.as_ref().unwrap().config, avcc());
    assert_eq!(seen[0].audio.as_ref().unwrap().config, [0x12, 0x10][..]);
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let put: Vec<_> = put.iter().filter(|frame| frame.track == kind).collect();
        let got: Vec<_> = frames.iter().filter(|frame| frame.track == kind).collect();
        assert_eq!(put.len(), got.len());
        for (put, got) in put.iter().zip(&got) {
            assert_eq!((&put.payload, put.kind), (&got.payload, got.kind));
            assert_eq!(got.dts_90k, put.dts_us * 9 / 100 + 126_000);
            assert_eq!(i64::from(got.cts_90k), i64::from(put.cts_us) * 9 / 100);
        }
    }
}

#[test]
fn times_go_on_over_the_33_bit_wrap() {
    let mut muxer = Muxer::new(&tracks()).unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    let wrap_us = (1i64 << 33) * 100 / 9;
    second_of_both(&mut muxer, wrap_us - 1_900_000, &mut out);
    second_of_both(&mut muxer, wrap_us - 900_000, &mut out);
    let (_, frames, _) = demux(&out);
    let video: Vec<_> = frames
        .iter()
        .filter(|frame| frame.track == TrackKind::Video)
        .collect();
    assert_eq!(video.len(), 50);
    assert!(
        video
            .windows(2)
            .all(|pair| pair[1].dts_90k - pair[0].dts_90k == 3_600)
    );
}

#[test]
fn a_pcr_comes_every_100_ms_and_never_after_its_frame() {
    let sound = Tracks {
        video: None,
        ..tracks()
    };
    let slides = Tracks {
        audio: None,
        ..tracks()
    };
    for (tracks, step_us) in [(sound, 21_333), (slides, 1_000_000)] {
        let mut muxer = Muxer::new(&tracks).unwrap();
        let mut out = Vec::new();
        muxer.put_tables(&mut out);
        for at in 0..40 {
            let dts_us = at * step_us;
            let frame = if tracks.video.is_some() {
                video(dts_us, 0, true, 50)
            } else {
                audio(dts_us, 50)
            };
            muxer.put_frame(&frame, &mut out);
            assert!(*pcrs(&out).last().unwrap() <= (dts_us * 9 / 100 + 126_000) as u64);
        }
        let pcrs = pcrs(&out);
        assert!(
            pcrs.windows(2)
                .all(|pair| (1..=9_000).contains(&(pair[1] - pair[0]))),
            "{pcrs:?}"
        );
    }
}

#[test]
fn a_lost_packet_costs_one_frame() {
    let mut muxer = Muxer::new(&tracks()).unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    let put = second_of_both(&mut muxer, 0, &mut out);
    // A packet in the middle of a video frame.
    let lost_at = (40..).find(|at| {
        let packet = &out[at * PACKET_BYTES..];
        packet[1] == 0x01 && packet[2] == 0 && packet[3] & 0x20 == 0
    });
    let at = lost_at.unwrap() * PACKET_BYTES;
    out.drain(at..at + PACKET_BYTES);
    let (_, frames, lost) = demux(&out);
    assert_eq!((frames.len(), lost), (put.len() - 1, 1));
}

#[test]
fn garbage_before_and_between_packets_is_passed_over() {
    let mut muxer = Muxer::new(&tracks()).unwrap();
    let mut out = vec![0x47; 100];
    muxer.put_tables(&mut out);
    let put = second_of_both(&mut muxer, 0, &mut out);
    assert_eq!(demux(&out).1.len(), put.len());
}

#[test]
fn an_added_track_leaves_the_other_one_whole() {
    let both = tracks();
    let mut muxer = Muxer::new(&Tracks {
        audio: None,
        ..both.clone()
    })
    .unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    let mut put = second_of_both(&mut muxer, 0, &mut out).len() / 2;
    muxer.change_tracks(&both).unwrap();
    muxer.put_tables(&mut out);
    put += second_of_both(&mut muxer, 1_000_000, &mut out).len();
    let (seen, frames, lost) = demux(&out);
    assert_eq!((seen.len(), frames.len(), lost), (2, put, 0));
}

#[test]
fn av1_is_refused() {
    let mut tracks = tracks();
    tracks.video.as_mut().unwrap().codec = VideoCodec::Av1;
    assert!(Muxer::new(&tracks).is_err());
}

#[test]
fn opus_keeps_packets_of_every_size() {
    let audio_track = codec::audio_track_from_frame(AudioCodec::Opus, &[]).unwrap();
    let tracks = Tracks {
        video: None,
        audio: Some(audio_track),
    };
    let mut muxer = Muxer::new(&tracks).unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    let sizes = [1, 2, 254, 255, 256, 510, 1275];
    for (at, size) in sizes.iter().enumerate() {
        muxer.put_frame(&audio(at as i64 * 20_000, *size), &mut out);
    }
    let (_, frames, _) = demux(&out);
    assert_eq!(
        frames
            .iter()
            .map(|frame| frame.payload.len())
            .collect::<Vec<_>>(),
        sizes
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        demux_quietly(&bytes);
    }

    #[test]
    fn broken_streams_never_panic(
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..60),
    ) {
        let mut muxer = Muxer::new(&tracks()).unwrap();
        let mut out = Vec::new();
        muxer.put_tables(&mut out);
        second_of_both(&mut muxer, 0, &mut out);
        for (at, value) in flips {
            let at = usize::from(at) % out.len();
            out[at] ^= value;
        }
        demux_quietly(&out);
    }
}

fn demux_quietly(bytes: &[u8]) {
    let mut demuxer = TsDemuxer::new();
    for piece in bytes.chunks(100) {
        demuxer.push(piece);
        while !matches!(demuxer.next(), Ok(None)) {}
    }
    let _ = demuxer.finish();
}
