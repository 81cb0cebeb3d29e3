//! Records there and back, cut anywhere; and what is refused.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use weir_media::{
    AudioCodec, AudioTrack, Frame, FrameKind, Item, LeftOut, LeftOutKind, Metadata, TrackKind,
    Tracks, VideoCodec, VideoTrack,
};

use super::*;

fn put(out: &mut Vec<u8>, record: &Record) {
    match record {
        Record::Begin(begin) => put_begin(out, begin),
        Record::Item(item) => put_item(out, item),
        Record::Beat { wall_us } => put_beat(out, *wall_us),
        Record::Remarks(remarks) => put_remarks(out, remarks),
        Record::End {
            code,
            detail,
            location,
        } => put_end(out, *code, detail, location.as_deref()),
    }
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    records.iter().for_each(|record| put(&mut out, record));
    out
}

/// All records of a stream that comes in these pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Record>, RelayError> {
    let mut decoder = RelayDecoder::new(RelayLimits::default());
    let mut records = Vec::new();
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        while let Some(record) = decoder.poll()? {
            records.push(record);
        }
    }
    Ok(records)
}

fn begin() -> Begin {
    Begin {
        epoch: 9,
        via: vec!["edge-1".to_owned(), "origin-2".to_owned()],
        ..Begin::new(77, 1_800_000_000_000_000)
    }
}

fn both_tracks() -> Item {
    Item::Tracks(Arc::new(Tracks {
        video: Some(VideoTrack {
            codec: VideoCodec::H264,
            config: Bytes::from_static(&[1, 0x64, 0, 0x1f]),
            width: 1920,
            height: 1080,
            rfc6381: "avc1.64001f".to_owned(),
        }),
        audio: Some(AudioTrack {
            codec: AudioCodec::Aac,
            config: Bytes::from_static(&[0x12, 0x10]),
            sample_rate: 44_100,
            channels: 2,
            rfc6381: "mp4a.40.2".to_owned(),
        }),
    }))
}

fn picture(dts_us: i64, payload: &'static [u8]) -> Frame {
    Frame {
        track: TrackKind::Video,
        dts_us,
        cts_us: -40_000,
        kind: FrameKind::Inter,
        payload: Bytes::from_static(payload),
    }
}

fn end(location: Option<&str>) -> Record {
    Record::End {
        code: 3003,
        detail: "The stream has ended.".to_owned(),
        location: location.map(str::to_owned),
    }
}

fn remarks() -> Remarks {
    let subtitles = LeftOut {
        kind: LeftOutKind::Subtitles,
        what: "DVB subtitles".into(),
        pid: Some(0x104),
    };
    Remarks {
        notes: vec!["left out: G.711 A-law audio".to_owned(), "zwölf".to_owned()],
        left_out: vec![
            LeftOut::of(TrackKind::Audio, "G.711 A-law audio"),
            subtitles,
        ],
    }
}

/// One of everything.
fn evening() -> Vec<Record> {
    vec![
        Record::Beat { wall_us: -1 },
        Record::Begin(begin()),
        Record::Item(both_tracks()),
        Record::Item(Item::Metadata(Arc::new(Metadata {
            amf0: Bytes::from_static(&[2, 0, 1, b'x']),
        }))),
        Record::Item(Item::Frame(picture(-5, b"picture"))),
        Record::Item(Item::Discontinuity),
        Record::Item(Item::Frame(picture(40_000, b""))),
        Record::Remarks(remarks()),
        Record::Beat { wall_us: 5 },
        end(Some("http://node-2:8080")),
    ]
}

#[test]
fn the_bytes_are_the_documented_ones() {
    let mut out = Vec::new();
    put_item(&mut out, &Item::Frame(picture(0x0102, b"ab")));
    let expected = [
        &[4, 0, 0, 0, 16, 0, 1][..],
        &[0, 0, 0, 0, 0, 0, 1, 2],
        &(-40_000_i32).to_be_bytes(),
        b"ab",
    ];
    assert_eq!(out, expected.concat());
    out.clear();
    put_begin(&mut out, &Begin::new(3, -1));
    let expected = [
        &[1, 0, 0, 0, 26, 1][..],
        &[0, 0, 0, 0, 0, 0, 0, 3],
        &[0xff; 8],
        &[0; 8],
        &[0],
    ];
    assert_eq!(out, expected.concat());
    out.clear();
    put_end(&mut out, 3003, "é", None);
    assert_eq!(out, b"\x07\0\0\0\x08\x0b\xbb\0\x02\xc3\xa9\0\0");
}

#[test]
fn a_stream_cut_at_any_byte_reads_the_same() {
    let records = evening();
    let bytes = written(&records);
    assert_eq!(read([&bytes[..]]).unwrap(), records);
    for at in 0..=bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(read([first, second]).unwrap(), records, "cut at {at}");
    }
    assert_eq!(read(bytes.chunks(1)).unwrap(), records);
}

#[test]
fn a_payload_in_one_piece_is_not_copied() {
    let bytes = Bytes::from(written(&evening()));
    let mut decoder = RelayDecoder::new(RelayLimits::default());
    decoder.push(bytes.clone());
    let payload = loop {
        if let Some(Record::Item(Item::Frame(frame))) = decoder.poll().unwrap() {
            break frame.payload;
        }
    };
    assert_eq!(payload, "picture");
    assert!(bytes.as_ptr_range().contains(&payload.as_ptr()));
    assert_eq!(decoder.held_bytes(), 0);
}

#[test]
fn a_head_before_the_payload_is_the_same_record() {
    let frame = picture(1, b"payload");
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    put_item(&mut whole, &Item::Frame(frame.clone()));
    put_frame_head(&mut parts, &frame);
    parts.extend_from_slice(&frame.payload);
    assert_eq!(whole, parts);
}

#[test]
fn memory_grows_with_what_arrives_and_not_with_what_is_announced() {
    let mut decoder = RelayDecoder::new(RelayLimits::default());
    decoder.push(written(&[Record::Begin(begin())]).into());
    assert!(decoder.poll().unwrap().is_some());
    let size = 16 << 20;
    let mut head = vec![4];
    head.extend_from_slice(&u32::to_be_bytes(size));
    decoder.push(head.into());
    let mut sent = HEAD_BYTES;
    while sent < 1 << 20 {
        decoder.push(vec![0; 1000].into());
        assert_eq!(decoder.poll(), Ok(None));
        sent += 1000;
        assert!(decoder.held_bytes() <= 4096.max(2 * sent), "after {sent}");
    }
}

#[test]
fn kinds_nobody_knows_are_skipped() {
    let mut bytes = vec![200, 0, 0, 0, 3, 1, 2, 3];
    bytes.extend(written(&[Record::Begin(begin())]));
    bytes.extend([0, 0, 0, 0, 0]);
    bytes.extend([255, 0, 0, 1, 0]);
    bytes.extend([7; 256]);
    bytes.extend(written(&[Record::Beat { wall_us: 1 }]));
    let expected = vec![Record::Begin(begin()), Record::Beat { wall_us: 1 }];
    assert_eq!(read([&bytes[..]]).unwrap(), expected);
    assert_eq!(read(bytes.chunks(3)).unwrap(), expected);
    assert_eq!(read(bytes.chunks(1)).unwrap(), expected);
}

#[test]
fn fields_a_newer_node_appends_are_left_alone() {
    let mut bytes = written(&[Record::Begin(begin())]);
    bytes.extend_from_slice(b"more");
    bytes[4] += 4;
    let beat_at = bytes.len();
    bytes.extend(written(&[Record::Beat { wall_us: 1 }]));
    bytes.push(9);
    bytes[beat_at + 4] += 1;
    let expected = vec![Record::Begin(begin()), Record::Beat { wall_us: 1 }];
    assert_eq!(read([&bytes[..]]).unwrap(), expected);
}

#[test]
fn another_version_is_refused() {
    let newer = Begin {
        version: 2,
        ..begin()
    };
    let error = read([&written(&[Record::Begin(newer)])[..]]).unwrap_err();
    assert_eq!(error, RelayError::Version(2));
    assert_eq!(error.code().number(), 4004);
}

#[test]
fn begin_comes_once_and_before_all_items() {
    let early = [Record::Item(both_tracks())];
    assert!(read([&written(&early)[..]]).is_err());
    let early = [Record::Item(Item::Discontinuity)];
    assert!(read([&written(&early)[..]]).is_err());
    let twice = [Record::Begin(begin()), Record::Begin(begin())];
    assert!(read([&written(&twice)[..]]).is_err());
}

#[test]
fn a_frame_of_a_track_nobody_announced_is_left_out() {
    let audio = Frame {
        track: TrackKind::Audio,
        ..picture(7, b"sound")
    };
    let Item::Tracks(tracks) = both_tracks() else {
        unreachable!()
    };
    let silent = Tracks {
        audio: None,
        ..(*tracks).clone()
    };
    let records = [
        Record::Begin(begin()),
        Record::Item(Item::Frame(picture(0, b"early"))),
        Record::Item(Item::Tracks(Arc::new(silent))),
        Record::Item(Item::Frame(audio)),
        Record::Item(Item::Frame(picture(1, b"kept"))),
    ];
    let kept = read([&written(&records)[..]]).unwrap();
    assert_eq!(
        kept,
        [&records[0], &records[2], &records[4]].map(Clone::clone)
    );
}

#[test]
fn sizes_over_the_limit_are_refused_before_they_arrive() {
    let too_large = |kind, size: u32| {
        let head = [&[kind][..], &size.to_be_bytes()].concat();
        let error = read([&head[..]]).unwrap_err();
        assert_eq!(read(head.chunks(1)), Err(error.clone()));
        error
    };
    for kind in [2, 3, 4, 99] {
        let error = too_large(kind, (16 << 20) + 1025);
        assert_eq!(error.code().number(), 4005, "{error}");
    }
    for kind in [1, 5, 6, 7] {
        assert_eq!(too_large(kind, (16 << 10) + 1).code().number(), 4005);
    }
}

#[test]
fn what_is_malformed_is_refused() {
    let bad: &[&[u8]] = &[
        // A begin cut short, one from too many nodes, one whose name is no name.
        &[1, 0, 0, 0, 2, 1, 0],
        &[&[1, 0, 0, 0, 26, 1][..], &[0; 24], &[9]].concat(),
        &[&[1, 0, 0, 0, 29, 1][..], &[0; 24], &[1, 2, b'a', b'\n']].concat(),
        // A time nobody lives in.
        &[6, 0, 0, 0, 8, 0x7f, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0, 0, 0, 8, 0x80, 0, 0, 0, 0, 0, 0, 0],
        // An end whose words are not UTF-8.
        &[7, 0, 0, 0, 7, 0, 1, 0, 1, 0xff, 0, 0],
    ];
    for bytes in bad {
        let error = read([*bytes]).unwrap_err();
        assert_eq!(error.code().number(), 4004, "{error}");
    }
    let bad_items: &[&[u8]] = &[
        // A codec, a track, a dependency nobody knows.
        &[2, 0, 0, 0, 2, 9, 0],
        &[&[4, 0, 0, 0, 14, 2, 0][..], &[0; 12]].concat(),
        &[&[4, 0, 0, 0, 14, 0, 3][..], &[0; 12]].concat(),
        // A frame without a time, a configuration that is longer than its record.
        &[4, 0, 0, 0, 2, 0, 0],
        &[
            2, 0, 0, 0, 12, 0, 1, 0, 0, 0, 0, 2, 0, 0xff, 0xff, 0xff, 0xff,
        ],
        // Quotes where they would end one.
        &[2, 0, 0, 0, 13, 0, 1, 0, 0, 0, 0, 2, 1, b'"', 0, 0, 0, 0],
        // Metadata that is no AMF0, and more than one value.
        &[3, 0, 0, 0, 1, 0xff],
        &[3, 0, 0, 0, 2, 5, 5],
        &[3, 0, 0, 0, 0],
    ];
    for bytes in bad_items {
        let mut whole = written(&[Record::Begin(begin())]);
        assert!(read([&whole[..]]).is_ok());
        whole.extend_from_slice(bytes);
        assert!(read([&whole[..]]).is_err(), "{bytes:?}");
    }
}

#[test]
fn nothing_comes_after_an_end_or_an_error() {
    let after = |first: &[u8]| {
        let mut decoder = RelayDecoder::new(RelayLimits::default());
        decoder.push(Bytes::copy_from_slice(first));
        let _ = decoder.poll();
        decoder.push(written(&[Record::Begin(begin())]).into());
        assert_eq!(decoder.poll(), Ok(None));
        assert_eq!(decoder.held_bytes(), 0);
    };
    after(&written(&[end(None), Record::Beat { wall_us: 0 }]));
    after(&[5, 0, 0, 0, 0, 6, 0]);
}

#[test]
fn texts_too_long_are_cut_where_a_character_ends() {
    let mut bytes = Vec::new();
    put_end(&mut bytes, 1, &"é\n".repeat(600), Some(&"x".repeat(3000)));
    let records = read([&bytes[..]]).unwrap();
    let Record::End {
        detail, location, ..
    } = &records[0]
    else {
        panic!("{records:?}");
    };
    assert_eq!(detail, &"é".repeat(512));
    assert_eq!(*location, None);
    let far = Begin {
        via: (0..12)
            .map(|n| format!("node {n}{}", "y".repeat(80)))
            .collect(),
        ..begin()
    };
    let records = read([&written(&[Record::Begin(far)])[..]]).unwrap();
    let Record::Begin(begin) = &records[0] else {
        panic!("{records:?}");
    };
    assert_eq!(begin.via.len(), MAX_VIA);
    assert!(begin.via[0].starts_with("node4y") && begin.via[0].len() == MAX_NAME_BYTES);
}

fn any_codec_data() -> impl Strategy<Value = (String, Bytes)> {
    let config = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    ("[a-zA-Z0-9.]{0,20}", config)
}

fn any_video() -> impl Strategy<Value = VideoTrack> {
    let codec = prop::sample::select(vec![
        VideoCodec::H264,
        VideoCodec::Hevc,
        VideoCodec::Av1,
        VideoCodec::Vp9,
    ]);
    (codec, any::<u32>(), any::<u32>(), any_codec_data()).prop_map(
        |(codec, width, height, (rfc6381, config))| VideoTrack {
            codec,
            config,
            width,
            height,
            rfc6381,
        },
    )
}

fn any_audio() -> impl Strategy<Value = AudioTrack> {
    let codec = prop::sample::select(vec![
        AudioCodec::Aac,
        AudioCodec::Opus,
        AudioCodec::Mp3,
        AudioCodec::Ac3,
        AudioCodec::Eac3,
        AudioCodec::Flac,
    ]);
    (codec, any::<u32>(), any::<u8>(), any_codec_data()).prop_map(
        |(codec, sample_rate, channels, (rfc6381, config))| AudioTrack {
            codec,
            config,
            sample_rate,
            channels,
            rfc6381,
        },
    )
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let track = prop::sample::select(vec![TrackKind::Video, TrackKind::Audio]);
    let kind = prop::sample::select(vec![
        FrameKind::Key,
        FrameKind::Inter,
        FrameKind::Disposable,
    ]);
    let payload = prop::collection::vec(any::<u8>(), 0..60);
    let dts_us = -MAX_TIME_US..=MAX_TIME_US;
    (track, kind, dts_us, any::<i32>(), payload).prop_map(
        |(track, kind, dts_us, cts_us, payload)| Frame {
            track,
            dts_us,
            cts_us,
            kind,
            payload: payload.into(),
        },
    )
}

/// What may stand between the first tracks and the end.
fn any_record() -> impl Strategy<Value = Record> {
    let tracks = (any_video(), any_audio()).prop_map(|(video, audio)| {
        Item::Tracks(Arc::new(Tracks {
            video: Some(video),
            audio: Some(audio),
        }))
    });
    let metadata = "[a-z]{0,9}".prop_map(|text| {
        let mut amf0 = Vec::new();
        weir_media::amf::Value::string(text).encode(&mut amf0);
        Item::Metadata(Arc::new(Metadata { amf0: amf0.into() }))
    });
    prop_oneof![
        any_frame().prop_map(|frame| Record::Item(Item::Frame(frame))),
        tracks.prop_map(Record::Item),
        metadata.prop_map(Record::Item),
        Just(Record::Item(Item::Discontinuity)),
        (-MAX_TIME_US..=MAX_TIME_US).prop_map(|wall_us| Record::Beat { wall_us }),
        Just(Record::Remarks(remarks())),
    ]
}

fn any_stream() -> impl Strategy<Value = Vec<Record>> {
    let begin = (
        any::<u64>(),
        -MAX_TIME_US..=MAX_TIME_US,
        any::<u64>(),
        prop::collection::vec("[!-~]{0,64}", 0..=MAX_VIA),
    );
    let begin = begin.prop_map(|(timeline, wall_at_zero_us, epoch, via)| {
        Record::Begin(Begin {
            epoch,
            via,
            ..Begin::new(timeline, wall_at_zero_us)
        })
    });
    let end = (any::<u16>(), "\\PC{0,99}", prop::option::of("[!-~]{1,40}"));
    let end = end.prop_map(|(code, detail, location)| Record::End {
        code,
        detail,
        location,
    });
    (begin, prop::collection::vec(any_record(), 0..12), end).prop_map(|(begin, records, end)| {
        let mut all = vec![begin, Record::Item(both_tracks())];
        all.extend(records);
        all.push(end);
        all
    })
}

#[test]
fn remarks_over_their_limits_are_cut_by_who_writes_and_refused_by_who_reads() {
    let mut many = remarks();
    many.notes = vec!["e\né".repeat(1000); 40];
    many.left_out = vec![LeftOut::of(TrackKind::Video, "x".repeat(1000)); 40];
    let mut out = Vec::new();
    put_remarks(&mut out, &many);
    assert!(out.len() - HEAD_BYTES <= RelayLimits::default().max_words_bytes);
    let records = read([&out[..]]).unwrap();
    let [Record::Remarks(read_back)] = &records[..] else {
        panic!("{records:?}");
    };
    let (notes, left_out) = (&read_back.notes, &read_back.left_out);
    assert_eq!((notes.len(), left_out.len()), (MAX_REMARKS, MAX_REMARKS));
    assert_eq!(
        (notes[0].len(), left_out[0].what.len()),
        (MAX_NOTE_BYTES, 200)
    );
    for body in [
        &[17_u8][..],
        &[0, 17],
        &[0, 1, 4, 0, 1, 0, 0],
        &[1, 0, 1, 7, 0],
        &[1],
    ] {
        let record = [&[8, 0, 0, 0, body.len() as u8][..], body].concat();
        assert!(read([&record[..]]).is_err(), "{body:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_in_any_pieces(
        records in any_stream(),
        sizes in prop::collection::vec(1_usize..300, 1..9),
    ) {
        let bytes = written(&records);
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            let (piece, later) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read(pieces).unwrap(), records);
    }

    #[test]
    fn any_bytes_give_records_or_an_error_the_same_in_any_pieces(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        kinds in prop::collection::vec((0_u8..10, 0_u8..40), 0..8),
        size in 1_usize..50,
    ) {
        // Heads that get somewhere, strewn over the noise.
        let mut at = 0;
        for (kind, length) in kinds {
            let Some(head) = bytes.get_mut(at..at + HEAD_BYTES) else { break };
            head.copy_from_slice(&[kind, 0, 0, 0, length]);
            at += HEAD_BYTES + usize::from(length);
        }
        let whole = read([&bytes[..]]);
        prop_assert_eq!(read(bytes.chunks(size)), whole);
    }
}
