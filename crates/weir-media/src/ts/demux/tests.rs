//! What senders put into a transport stream, and what comes out of it.
//!
//! | what is sent | by whom | what comes out |
//! |---|---|---|
//! | subtitles, teletext, SCTE-35, KLV beside the media | broadcasters, drones | the media; each left out by name |
//! | AC-3 and E-AC-3 by DVB's and ATSC's types and descriptors | broadcasters | their frames |
//! | LATM | DVB-T2, ISDB | AAC |
//! | layer II | broadcasters | left out; the next sound of the table, if there is one |
//! | sound that never comes | muted inputs, fixed tables | the pictures, after 1.5 s |
//! | MPEG-2 video and layer II alone | old encoders | refused by name |
//! | packets of 192 and 204 bytes | recorders, DVB receivers | their media |
//! | several programmes | a whole multiplex | the first with media |
//! | scrambled packets | pay television | left out by name |
//! | no tables, tables of others on the PID | damaged feeds | an error in words; passed over |

use super::super::psi::{pat_section_of, pmt_section_of};
use super::*;
use crate::MediaError;
use crate::codec::ac3::tests::{AC3, EAC3};
use crate::codec::latm::tests::loas;
use crate::ts::SYNC_BYTE;
use crate::{AudioCodec, VideoCodec};

const VIDEO_PID: u16 = 0x100;
const SOUND_PID: u16 = 0x101;
const PMT_PID: u16 = 0x1000;

/// Writes packets.
#[derive(Default)]
struct Sender {
    out: Vec<u8>,
    counters: std::collections::HashMap<u16, u8>,
}

impl Sender {
    /// With tables of one programme: type, PID and descriptors of each stream.
    fn of(streams: &[(u8, u16, &[u8])]) -> Self {
        let mut sender = Self::default();
        sender.section(0, &pat_section_of(&[(1, PMT_PID)]));
        sender.section(PMT_PID, &pmt_section_of(1, streams));
        sender
    }

    fn section(&mut self, pid: u16, section: &[u8]) {
        self.packets(pid, 0, false, &[&[0], section].concat());
    }

    /// A PES at `ms`, or without a time.
    fn pes(&mut self, pid: u16, ms: Option<i64>, payload: &[u8]) -> &mut Self {
        self.marked_pes(pid, ms, false, payload)
    }

    fn marked_pes(&mut self, pid: u16, ms: Option<i64>, marked: bool, payload: &[u8]) -> &mut Self {
        let mut pes = vec![0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0];
        if let Some(ms) = ms {
            let pts = (ms * 90 + 900_000) as u64;
            pes[7] = 0x80;
            pes[8] = 5;
            pes.push(0x21 | (pts >> 29) as u8 & 0x0E);
            pes.extend_from_slice(&((pts >> 14) as u16 | 1).to_be_bytes());
            pes.extend_from_slice(&((pts << 1) as u16 | 1).to_be_bytes());
        }
        pes.extend_from_slice(payload);
        if pid != VIDEO_PID {
            let length = (pes.len() - 6) as u16;
            pes[4..6].copy_from_slice(&length.to_be_bytes());
        }
        self.packets(pid, 0, marked, &pes);
        self
    }

    fn packets(&mut self, pid: u16, scrambling: u8, marked: bool, data: &[u8]) {
        let counter = self.counters.entry(pid).or_default();
        for (at, piece) in data.chunks(160).enumerate() {
            let start = u8::from(at == 0) << 6;
            let field = PACKET_BYTES - 5 - piece.len();
            let [high, low] = pid.to_be_bytes();
            self.out.extend([
                SYNC_BYTE,
                start | high,
                low,
                scrambling << 6 | 0x30 | *counter,
            ]);
            *counter = (*counter + 1) & 0x0F;
            self.out.push(field as u8);
            let flags = u8::from(marked && at == 0) << 6;
            self.out.push(flags);
            self.out.resize(self.out.len() + field - 1, 0xFF);
            self.out.extend_from_slice(piece);
        }
    }

    /// A keyframe with its parameter sets, or another picture.
    fn picture(&mut self, ms: i64, key: bool) -> &mut Self {
        let sets = [
            &[0, 0, 0, 1][..],
            crate::codec::avc::tests::SPS_1080P,
            &[0, 0, 1],
        ]
        .concat();
        let sets = [&sets[..], crate::codec::avc::tests::PPS].concat();
        let slice: &[u8] = if key {
            &[0, 0, 1, 0x65, 0x88, 0x84]
        } else {
            &[0, 0, 1, 0x41, 0x9A, 1]
        };
        let unit = if key {
            [&sets[..], slice].concat()
        } else {
            slice.to_vec()
        };
        self.pes(VIDEO_PID, Some(ms), &unit)
    }
}

#[derive(Debug, Default)]
struct Received {
    tracks: Tracks,
    frames: Vec<TsFrame>,
    left_out: Vec<String>,
    errors: Vec<MediaError>,
}

impl Received {
    fn of(track: TrackKind, frames: &[TsFrame]) -> Vec<&TsFrame> {
        frames.iter().filter(|frame| frame.track == track).collect()
    }

    fn pictures(&self) -> Vec<&TsFrame> {
        Self::of(TrackKind::Video, &self.frames)
    }

    fn sounds(&self) -> Vec<&TsFrame> {
        Self::of(TrackKind::Audio, &self.frames)
    }

    fn sound(&self) -> Option<(AudioCodec, u32, u8)> {
        let audio = self.tracks.audio.as_ref()?;
        Some((audio.codec, audio.sample_rate, audio.channels))
    }
}

/// What came of it without an end, which would end the wait.
fn receive(sender: &Sender) -> Received {
    let mut demuxer = TsDemuxer::new();
    let mut received = Received::default();
    demuxer.push(&sender.out);
    loop {
        match demuxer.next() {
            Ok(None) => return received,
            Ok(Some(TsEvent::Tracks(tracks))) => received.tracks = (*tracks).clone(),
            Ok(Some(TsEvent::Frame(frame))) => received.frames.push(frame),
            Ok(Some(TsEvent::LeftOut(what))) => received.left_out.push(what.to_string()),
            Err(error) => received.errors.push(error),
        }
    }
}

/// The frame with its header, filled to the length it says.
fn filled(header: &[u8], len: usize) -> Vec<u8> {
    let mut frame = header.to_vec();
    frame.resize(len, 0);
    frame
}

fn layer_three() -> Vec<u8> {
    filled(&[0xff, 0xfb, 0x90, 0x64], 417)
}

fn layer_two() -> Vec<u8> {
    filled(&[0xff, 0xfd, 0xa4, 0x04], 576)
}

fn adts() -> Vec<u8> {
    let aac = crate::codec::aac::AacConfig::parse(&[0x11, 0x90]).unwrap();
    filled(&aac.adts_header(100).unwrap(), 107)
}

#[test]
fn the_sound_is_found_however_the_table_announces_it() {
    let lc = [(2, 5), (3, 4), (2, 4), (0, 3)];
    let latm = [loas(&lc, &[0x21; 60]), loas(&[], &[0x22; 60])].concat();
    let ac3 = filled(AC3, 768);
    let eac3 = filled(EAC3, 768);
    let two = |codec| Some((codec, 48_000, 2));
    let opus = [&[0x7F, 0xE0, 2][..], &[0xfc, 1]].concat();
    let cases: [(&str, u8, &[u8], &[u8], _); 15] = [
        (
            "AC-3 by DVB",
            0x06,
            &[0x6A, 1, 0],
            &ac3,
            two(AudioCodec::Ac3),
        ),
        (
            "E-AC-3 by DVB",
            0x06,
            &[0x0A, 4, b'e', b'n', b'g', 0, 0x7A, 1, 0],
            &eac3,
            two(AudioCodec::Eac3),
        ),
        (
            "AC-3 by registration",
            0x06,
            b"\x05\x04AC-3",
            &ac3,
            two(AudioCodec::Ac3),
        ),
        (
            "E-AC-3 by registration",
            0x06,
            b"\x05\x04EAC3",
            &eac3,
            two(AudioCodec::Eac3),
        ),
        ("AC-3 by ATSC", 0x81, &[], &ac3, two(AudioCodec::Ac3)),
        ("E-AC-3 by ATSC", 0x87, &[], &eac3, two(AudioCodec::Eac3)),
        (
            "E-AC-3 that is announced as AC-3",
            0x81,
            &[],
            &eac3,
            two(AudioCodec::Eac3),
        ),
        (
            "AC-3 that is announced as E-AC-3",
            0x06,
            &[0x7A, 1, 0],
            &ac3,
            two(AudioCodec::Ac3),
        ),
        ("ADTS", 0x0F, &[], &adts(), two(AudioCodec::Aac)),
        ("LATM", 0x11, &[], &latm, two(AudioCodec::Aac)),
        (
            "LATM that is announced as ADTS",
            0x0F,
            &[],
            &latm,
            two(AudioCodec::Aac),
        ),
        (
            "layer III",
            0x03,
            &[],
            &layer_three(),
            Some((AudioCodec::Mp3, 44_100, 2)),
        ),
        (
            "layer III as MPEG-2",
            0x04,
            &[],
            &layer_three(),
            Some((AudioCodec::Mp3, 44_100, 2)),
        ),
        (
            "Opus in 5.1",
            0x06,
            b"\x05\x04Opus\x7F\x02\x80\x06",
            &opus,
            Some((AudioCodec::Opus, 48_000, 6)),
        ),
        (
            "Opus that says nothing",
            0x06,
            b"\x05\x04Opus",
            &opus,
            two(AudioCodec::Opus),
        ),
    ];
    for (what, stream_type, descriptors, payload, expected) in cases {
        let mut sender = Sender::of(&[
            (0x1B, VIDEO_PID, &[]),
            (stream_type, SOUND_PID, descriptors),
        ]);
        sender.picture(0, true).pes(SOUND_PID, Some(5), payload);
        sender.picture(40, false).pes(SOUND_PID, Some(50), payload);
        let received = receive(&sender);
        assert_eq!(received.sound(), expected, "{what}");
        assert!(received.sounds().len() >= 2, "{what}: {received:?}");
        assert_eq!(
            (received.errors, received.left_out),
            (vec![], vec![]),
            "{what}"
        );
    }
}

#[test]
fn an_enhanced_frame_keeps_the_substreams_that_add_to_it() {
    let mut dependent = filled(EAC3, 768);
    dependent[2] |= 0x40;
    let unit = [filled(EAC3, 768), dependent].concat();
    let mut sender = Sender::of(&[(0x87, SOUND_PID, &[])]);
    sender.pes(SOUND_PID, Some(0), &unit.repeat(2));
    let received = receive(&sender);
    let sounds = received.sounds();
    assert_eq!(sounds.len(), 2);
    assert!(sounds.iter().all(|frame| frame.payload == unit));
    assert_eq!(sounds[1].dts_90k - sounds[0].dts_90k, 2880);
}

#[test]
fn what_is_not_carried_is_left_out_by_name_and_the_rest_plays() {
    let mut sender = Sender::of(&[
        (0x1B, VIDEO_PID, &[]),
        (0x06, 0x104, &[0x59, 0]),
        (0x86, 0x105, b"\x05\x04CUEI"),
        (0x0F, SOUND_PID, &[]),
        (0x0F, 0x102, &[]),
    ]);
    sender.picture(0, true).pes(SOUND_PID, Some(0), &adts());
    sender.picture(40, false);
    let received = receive(&sender);
    assert_eq!((received.pictures().len(), received.sounds().len()), (1, 1));
    assert_eq!(
        received.left_out,
        [
            "DVB subtitles, PID 0x104",
            "SCTE-35 splice information, PID 0x105",
            "further AAC audio, PID 0x102",
        ]
    );
}

#[test]
fn layer_two_costs_the_sound_or_gives_way_to_the_next_one() {
    let two: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO_PID, &[]), (0x03, SOUND_PID, &[])];
    let mut sender = Sender::of(&two);
    sender
        .picture(0, true)
        .pes(SOUND_PID, Some(0), &layer_two());
    sender.picture(40, false);
    let received = receive(&sender);
    assert_eq!(received.left_out, ["MPEG audio layer II, PID 0x101"]);
    assert_eq!((received.pictures().len(), received.sound()), (1, None));
    assert!(
        matches!(received.errors[..], [MediaError::LeftOut(_)]),
        "each is one"
    );

    let mut sender = Sender::of(&[two[0], two[1], (0x06, 0x102, &[0x6A, 0])]);
    sender
        .picture(0, true)
        .pes(SOUND_PID, Some(0), &layer_two());
    for ms in [0, 32] {
        sender.pes(0x102, Some(ms), &filled(AC3, 768));
    }
    sender.picture(40, false);
    let received = receive(&sender);
    assert_eq!(received.sound(), Some((AudioCodec::Ac3, 48_000, 2)));
    assert!(!received.sounds().is_empty());
}

#[test]
fn a_sound_that_never_comes_costs_a_second_and_a_half() {
    let mut sender = Sender::of(&[(0x1B, VIDEO_PID, &[]), (0x0F, SOUND_PID, &[])]);
    for at in 0..38 {
        sender.picture(at * 40, at == 0);
    }
    assert_eq!(receive(&sender).frames.len(), 0);
    sender.picture(38 * 40, false).picture(39 * 40, false);
    let received = receive(&sender);
    assert_eq!(received.frames.len(), 39, "all of them");
    assert!(received.tracks.audio.is_none());
    // It comes after all.
    sender.pes(SOUND_PID, Some(1600), &adts());
    assert_eq!(receive(&sender).sound(), Some((AudioCodec::Aac, 48_000, 2)));
}

#[test]
fn a_programme_of_which_nothing_is_carried_is_refused_by_name_each_time() {
    let streams: [(u8, u16, &[u8]); 2] = [(0x02, VIDEO_PID, &[]), (0x06, 0x104, &[0x56, 0])];
    let mut sender = Sender::of(&streams);
    sender.section(PMT_PID, &pmt_section_of(1, &streams));
    let received = receive(&sender);
    let named =
        "MPEG-TS of which nothing is carried: MPEG-2 video, PID 0x100; DVB teletext, PID 0x104";
    let errors: Vec<_> = received.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, [named, named]);
    assert_eq!(received.left_out.len(), 2, "each once");
    let mut empty = Sender::of(&[]);
    empty.section(PMT_PID, &pmt_section_of(1, &[]));
    let errors = receive(&empty).errors;
    assert!(
        errors[0].to_string().contains("names no streams"),
        "{errors:?}"
    );
}

#[test]
fn of_several_programmes_the_first_with_media_is_taken() {
    let mut sender = Sender::default();
    sender.section(
        0,
        &pat_section_of(&[(1, PMT_PID), (2, 0x1001), (3, 0x1001)]),
    );
    let data = pmt_section_of(1, &[(0x0B, 0x300, &[])]);
    let third = pmt_section_of(3, &[(0x1B, 0x200, &[])]);
    let second = pmt_section_of(2, &[(0x1B, VIDEO_PID, &[])]);
    for _ in 0..2 {
        sender.section(PMT_PID, &data);
        // Two tables share a PID, and a section.
        sender.section(0x1001, &[&third[..], &second].concat());
    }
    sender.picture(0, true).picture(40, false);
    let received = receive(&sender);
    assert_eq!(received.pictures().len(), 1);
    assert_eq!(received.errors, []);
    assert!(
        received
            .left_out
            .iter()
            .any(|what| what.contains("programme 3"))
    );
}

#[test]
fn packets_may_have_a_time_in_front_or_error_correction_behind() {
    let mut sender = Sender::of(&[(0x1B, VIDEO_PID, &[])]);
    for at in 0..20 {
        sender.picture(at * 40, at == 0);
    }
    let wrap = |before: usize, behind: usize| -> Vec<u8> {
        let wrapped = sender
            .out
            .chunks(PACKET_BYTES)
            .flat_map(|packet| [vec![0x12; before], packet.to_vec(), vec![0x34; behind]].concat());
        wrapped.collect()
    };
    for (what, before, behind) in [("M2TS", 4, 0), ("Reed-Solomon", 0, 16)] {
        let wrapped = Sender {
            out: wrap(before, behind),
            ..Sender::default()
        };
        let received = receive(&wrapped);
        assert_eq!(received.pictures().len(), 19, "{what}");
        assert_eq!(received.errors, [], "{what}");
    }
}

#[test]
fn scrambled_media_and_media_without_tables_are_told_of() {
    let mut sender = Sender::of(&[(0x1B, VIDEO_PID, &[])]);
    for _ in 0..3 {
        sender.packets(VIDEO_PID, 2, false, &[7; 150]);
    }
    let received = receive(&sender);
    assert_eq!(received.left_out, ["scrambled H.264 video, PID 0x100"]);
    assert_eq!(received.errors.len(), 3);

    let mut sender = Sender::default();
    for at in 0..120 {
        sender.picture(at * 40, true);
    }
    assert_eq!(
        receive(&sender).errors,
        [MediaError::NoTables, MediaError::NoTables]
    );
}

#[test]
fn sections_of_others_on_the_tables_pid_are_passed_over() {
    let mut sender = Sender::default();
    sender.section(0, &pat_section_of(&[(1, PMT_PID)]));
    let table = pmt_section_of(1, &[(0x1B, VIDEO_PID, &[])]);
    let mut next = pmt_section_of(1, &[(0x24, VIDEO_PID, &[])]);
    next[5] &= !1;
    sender.section(PMT_PID, &[&[0xC0, 0x30, 2, 7, 7][..], &table].concat());
    sender.section(PMT_PID, &next);
    sender.picture(0, true).picture(40, false);
    let received = receive(&sender);
    assert_eq!((received.pictures().len(), received.errors), (1, vec![]));
}

#[test]
fn pictures_before_their_parameter_sets_are_an_error_each() {
    let mut sender = Sender::of(&[(0x1B, VIDEO_PID, &[])]);
    for at in 0..4 {
        sender.picture(at * 40, false);
    }
    sender.picture(160, true).picture(200, false);
    let received = receive(&sender);
    assert_eq!(received.errors, vec![MediaError::NoKeyframe; 4]);
    assert_eq!(received.pictures().len(), 1);
    let video = received.tracks.video.unwrap();
    assert_eq!((video.codec, video.width), (VideoCodec::H264, 1920));
}

#[test]
fn the_random_access_indicator_makes_a_keyframe_of_an_intra_picture_alone() {
    let (intra, predicted) = ([0, 0, 1, 0x61, 0x88, 0x80], [0, 0, 1, 0x41, 0x9A, 0x80]);
    let mut sender = Sender::of(&[(0x1B, VIDEO_PID, &[])]);
    sender.picture(0, true);
    for (ms, marked, unit) in [
        (40, true, intra),
        (80, false, intra),
        (120, true, predicted),
        (160, false, predicted),
    ] {
        sender.marked_pes(VIDEO_PID, Some(ms), marked, &unit);
    }
    let received = receive(&sender);
    let keys: Vec<_> = received
        .pictures()
        .iter()
        .map(|frame| frame.kind == FrameKind::Key)
        .collect();
    assert_eq!(keys, [true, true, false, false]);
}

#[test]
fn a_pes_without_a_time_comes_one_step_later() {
    let mut sender = Sender::of(&[(0x1B, VIDEO_PID, &[]), (0x0F, SOUND_PID, &[])]);
    sender.picture(0, true).pes(SOUND_PID, Some(0), &adts());
    sender.picture(20, false);
    sender.pes(VIDEO_PID, None, &[0, 0, 1, 0x41, 0x9A, 1]);
    sender.pes(SOUND_PID, None, &adts());
    sender.picture(60, false);
    let received = receive(&sender);
    let ms = |frames: Vec<&TsFrame>| -> Vec<_> {
        frames
            .iter()
            .map(|frame| (frame.dts_90k - 900_000) / 90)
            .collect()
    };
    assert_eq!(ms(received.pictures()), [0, 20, 40]);
    assert_eq!(ms(received.sounds()), [0, 21]);
}

/// OBUs as MPEG-TS has them: behind start codes, escaped.
fn escaped(obus: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for obu in obus {
        out.extend([0, 0, 1]);
        let mut zeros = 0;
        for &byte in *obu {
            if zeros >= 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
    }
    out
}

#[test]
fn av1_is_carried_as_its_mapping_says() {
    let key = crate::codec::av1::tests::KEY;
    let whole: Vec<&[u8]> = crate::codec::av1::Obus::new(key)
        .map(|obu| obu.whole)
        .collect();
    // A frame that is not shown, with zeros to be escaped and at its end; then one that is.
    let hidden: &[u8] = &[0x32, 7, 0x20, 0, 0, 1, 0, 0, 0];
    let shown: &[u8] = &[0x32, 2, 0x30, 0x11];
    let unsized_one: &[u8] = &[0x30, 0x30, 0x11];
    let mut sender = Sender::of(&[(0x06, VIDEO_PID, b"\x05\x04AV01\x80\x04\x81\x00\x0c\x00")]);
    sender
        .marked_pes(VIDEO_PID, Some(0), true, &escaped(&whole))
        .pes(VIDEO_PID, Some(40), &escaped(&[&[0x12, 0], hidden]))
        .pes(VIDEO_PID, Some(40), &escaped(&[shown]))
        .pes(VIDEO_PID, Some(80), &escaped(&[unsized_one]))
        .pes(VIDEO_PID, Some(120), &[&[0x12, 0][..], shown].concat())
        .pes(VIDEO_PID, Some(160), &escaped(&[shown]));
    let received = receive(&sender);
    assert_eq!((received.errors, received.left_out), (vec![], vec![]));
    let video = received.tracks.video.clone().unwrap();
    assert_eq!(video.codec, VideoCodec::Av1);
    let track = crate::codec::av1::config_from_payload(key).unwrap();
    assert_eq!(video.config, track);
    let pictures: Vec<_> = received
        .frames
        .iter()
        .map(|frame| {
            (
                frame.kind,
                frame.dts_90k / 90 - 10_000,
                frame.payload.to_vec(),
            )
        })
        .collect();
    let inter = FrameKind::Inter;
    assert_eq!(
        pictures,
        [
            (FrameKind::Key, 0, key[2..].to_vec()),
            (inter, 40, [hidden, shown].concat()),
            (inter, 80, shown.to_vec()),
            (inter, 120, shown.to_vec()),
        ]
    );
}
