//! What is legal elsewhere and has no field here: told otherwise, left out, or refused.

use super::*;
use crate::codec::aac::{AacConfig, ProgramConfig};
use crate::codec::opus::{OpusHead, VORBIS_LAYOUTS};

/// AAC LC at 48 kHz whose element tells a front pair and an LFE, as FFmpeg's encoder writes 2.1.
const TWO_AND_LFE: [u8; 25] = [
    0x11, 0x80, 0x04, 0xC4, 0x01, 0x00, 0x20, 0x00, 0x0D, 0x4C, 0x61, 0x76, 0x63, 0x35, 0x39, 0x2E,
    0x33, 0x37, 0x2E, 0x31, 0x30, 0x30, 0x56, 0xE5, 0x00,
];

fn sound(codec: AudioCodec, config: &[u8]) -> Tracks {
    Tracks {
        video: None,
        audio: Some(codec::audio_track(codec, Bytes::copy_from_slice(config)).unwrap()),
    }
}

fn muxed(tracks: &Tracks, frames: &[Frame]) -> Vec<u8> {
    let mut muxer = Muxer::new(tracks).unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    for frame in frames {
        muxer.put_frame(frame, &mut out);
    }
    out
}

#[test]
fn a_layout_without_a_number_is_told_in_each_unit() {
    let tracks = sound(AudioCodec::Aac, &TWO_AND_LFE);
    let channels = tracks.audio.as_ref().unwrap().channels;
    let out = muxed(&tracks, &[audio(0, 100), audio(21_333, 100)]);
    let (seen, frames, _) = demux(&out);
    let seen = seen[0].audio.as_ref().unwrap();
    assert_eq!((seen.channels, frames.len()), (channels, 2));
    for frame in &frames {
        let program = ProgramConfig::of_unit(&frame.payload).unwrap();
        assert_eq!(program.channels, channels);
        assert!(frame.payload.ends_with(&[0x21; 100]));
    }
    // What tells itself already is not told twice.
    let again = Frame {
        payload: frames[0].payload.clone(),
        ..audio(0, 0)
    };
    let (_, twice, _) = demux(&muxed(&tracks, &[again]));
    assert_eq!(twice[0].payload, frames[0].payload);
}

#[test]
fn sound_that_no_field_has_room_for_is_left_out() {
    // ADTS counts to 8,191 with its header, a PES of sound to 65,535.
    let fits = 8191 - 7;
    let sizes = |codec, config: &[u8], sizes: &[usize]| {
        let frames = sizes.iter().zip(0..);
        let frames: Vec<_> = frames.map(|(size, at)| audio(at * 60_000, *size)).collect();
        let (_, got, _) = demux(&muxed(&sound(codec, config), &frames));
        got.iter()
            .map(|frame| frame.payload.len())
            .collect::<Vec<_>>()
    };
    let aac = sizes(AudioCodec::Aac, &[0x11, 0x90], &[10, fits, fits + 1, 20]);
    assert_eq!(aac, [10, fits, 20]);
    let opus = OpusHead::default().build();
    let opus = sizes(AudioCodec::Opus, &opus, &[10, 60_000, 70_000, 20]);
    assert_eq!(opus, [10, 60_000, 20]);
}

#[test]
fn aac_that_adts_has_no_word_for_is_refused_with_words() {
    // Object type 23 (ER AAC LD), 42 (xHE-AAC), 960 samples, 44,056 Hz, 22.2.
    let rows: [(&[u8], &str); 5] = [
        (&[0xB9, 0x90, 0x00], "object type"),
        (&[0xF9, 0x46, 0x40, 0x00], "object type"),
        (&[0x11, 0x94], "960"),
        (&[0x17, 0x80, 0x56, 0x0C, 0x10], "sampling rate"),
        (&[0x11, 0xE8], "layout"),
    ];
    for (config, word) in rows {
        let tracks = sound(AudioCodec::Aac, config);
        let error = Muxer::new(&tracks).unwrap_err().to_string();
        assert!(error.contains(word), "{config:x?}: {error}");
    }
    // HE-AAC is its core to who knows no better, whichever way it is signalled.
    for config in [&[0x2B, 0x11, 0x88, 0x00][..], &[0xEB, 0x09, 0x88, 0x00]] {
        let out = muxed(&sound(AudioCodec::Aac, config), &[audio(0, 9)]);
        let (tracks, ..) = demux(&out);
        assert_eq!(tracks[0].audio.as_ref().unwrap().sample_rate, 24_000);
    }
}

#[test]
fn opus_layouts_have_a_code_or_are_refused() {
    let code = |channels: u8, family, mapping: &[u8]| {
        let head = OpusHead {
            channels,
            family,
            mapping: Bytes::copy_from_slice(mapping),
            ..OpusHead::default()
        };
        let tracks = sound(AudioCodec::Opus, &head.build());
        let mut out = Vec::new();
        Muxer::new(&tracks).ok()?.put_tables(&mut out);
        let at = out.windows(3).position(|part| part == [0x7F, 2, 0x80])?;
        out.get(at + 3).copied()
    };
    assert_eq!(code(1, 0, &[]), Some(1));
    assert_eq!(code(6, 1, VORBIS_LAYOUTS[5]), Some(6));
    assert_eq!(code(2, 255, &[1, 1, 0, 1]), Some(0));
    // Two that are no pair, which have a code that no demultiplexer reads, and two that come twice.
    assert_eq!(code(2, 255, &[2, 0, 0, 1]), None);
    assert_eq!(code(4, 255, &[2, 0, 0, 0, 1, 1]), None);
    assert_eq!(code(3, 1, &[3, 0, 0, 1, 2]), None);
}

#[test]
fn opus_of_two_channels_without_a_meaning_reads_back_as_written() {
    let head = OpusHead {
        channels: 2,
        family: 255,
        mapping: Bytes::from_static(&[1, 1, 0, 1]),
        ..OpusHead::default()
    };
    let tracks = sound(AudioCodec::Opus, &head.build());
    let (told, ..) = demux(&muxed(&tracks, &[audio(0, 40), audio(20_000, 40)]));
    let config = &told[0].audio.as_ref().unwrap().config;
    let read_back = OpusHead::parse(config).unwrap();
    assert_eq!((read_back.family, read_back.mapping), (255, head.mapping));
}

#[test]
fn a_picture_before_its_decoding_time_is_told_as_such() {
    let out = muxed(&tracks(), &[video(0, 40_000, true, 50), audio(0, 9)]);
    let mut swapped = out.clone();
    // PTS and DTS of the first PES of pictures change places.
    let at = out
        .windows(4)
        .position(|part| part == [0, 0, 1, 0xE0])
        .unwrap();
    let (pts, dts) = (at + 9, at + 14);
    swapped[pts..pts + 5].copy_from_slice(&out[dts..dts + 5]);
    swapped[dts..dts + 5].copy_from_slice(&out[pts..pts + 5]);
    let first = |bytes: &[u8]| {
        let (_, frames, _) = demux(bytes);
        frames
            .into_iter()
            .find(|frame| frame.track == TrackKind::Video)
    };
    let (right, wrong) = (first(&out).unwrap(), first(&swapped).unwrap());
    assert_eq!((right.cts_90k, wrong.cts_90k), (3_600, -3_600));
    assert_eq!(wrong.dts_90k, right.dts_90k + 3_600);
}

#[test]
fn a_pps_of_a_later_picture_stays_with_it() {
    let unit = |nal: &[u8]| [&(nal.len() as u32).to_be_bytes()[..], nal].concat();
    let slice = |head: u8| unit(&[&[head][..], &[0xAB; 40]].concat());
    let key = [unit(&SPS), unit(&PPS), slice(0x65)].concat();
    let own = [0x68, 0x5E, 0x3C, 0x80];
    let inter = [unit(&own), slice(0x41)].concat();
    let same = [unit(&PPS), slice(0x41)].concat();
    let frames = [(0, key), (1, inter.clone()), (2, same)].map(|(at, payload)| Frame {
        payload: payload.into(),
        ..video(at * 40_000, 0, at == 0, 0)
    });
    let out = muxed(&tracks(), &[&frames[..], &[audio(90_000, 9)]].concat());
    let (seen, got, _) = demux(&out);
    assert_eq!(seen.last().unwrap().video.as_ref().unwrap().config, avcc());
    assert_eq!(seen.len(), 1, "the track is told once");
    let payloads = [slice(0x65), inter, slice(0x41)];
    let pictures: Vec<_> = got
        .iter()
        .filter(|frame| frame.track == TrackKind::Video)
        .map(|frame| frame.payload.to_vec())
        .collect();
    assert_eq!(pictures, payloads);
}

#[test]
fn an_adts_stream_with_elements_now_and_then_keeps_its_track() {
    let program = ProgramConfig::of_config(&TWO_AND_LFE).unwrap().unwrap();
    let config = program.config(&AacConfig::parse(&[0x11, 0x90]).unwrap());
    let track = codec::audio_track(AudioCodec::Aac, config).unwrap();
    let frame = [&[0xFF, 0xF1, 0x4C, 0, 0, 0, 0][..], &program.element()].concat();
    let mut frame = frame;
    let bytes = frame.len();
    frame[3] = (bytes >> 11) as u8;
    frame[4] = (bytes >> 3) as u8;
    frame[5] = (bytes << 5) as u8 | 0x1F;
    frame[6] = 0xFC;
    assert_eq!(
        codec::audio_track_from_frame(AudioCodec::Aac, &frame),
        Ok(track)
    );
    let silent = [0xFF, 0xF1, 0x4C, 0, 1, 0x1F, 0xFC, 0x21];
    assert!(codec::audio_track_from_frame(AudioCodec::Aac, &silent).is_err());
}
