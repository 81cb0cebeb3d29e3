//! Publishers who were let in and then send what is no media.

use weir_base::Code;
use weir_hub::Protocol;
use weir_testkit::synthetic;

use crate::clients::{Rtmp, get, is_nothing};
use crate::house::{House, Options, until};

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const DATA: u8 = 18;

#[test]
fn bodies_with_lying_sizes_end_the_publisher_and_nobody_else() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/liar");
    publisher.send_headers();
    // Multitrack bodies whose tracks are longer than the message.
    let lie = [&[0x96, 0x11][..], b"avc1", &[0, 0xff, 0xff, 0xff, 1, 2, 3]].concat();
    for at in 0..200 {
        if publisher.send(VIDEO, at, &lie).is_err() {
            break;
        }
    }
    assert_eq!(publisher.until_closed(5), Some(4004));
    house.wait_count(Code::ProtocolError, Protocol::Rtmp, 1);
    house.all_is_well();
}

#[test]
fn pictures_with_lying_lengths_reach_no_viewer() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/liar");
    publisher.send_headers();
    for number in 0..50_u32 {
        // Every other picture claims two gigabytes.
        let mut body = synthetic::video_body(number.into(), number % 10 == 0, 100);
        if number % 2 == 1 {
            body[5..9].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
        }
        publisher.send(VIDEO, number * 40, &body).unwrap();
    }
    let name = weir_base::StreamName::new("", "live", "liar").unwrap();
    let stream = house.services.core.hub.find_live(&name).unwrap();
    let mut items = Vec::new();
    let join = stream.ring.newest_join().unwrap();
    stream.ring.read(join.seq, 100, &mut items);
    for item in items {
        let weir_media::Item::Frame(frame) = item else {
            continue;
        };
        let valid = weir_media::codec::nal::valid_len(&frame.payload, 4);
        assert_eq!(valid, frame.payload.len(), "a frame that lies got through");
    }
    house.all_is_well();
}

#[test]
fn h264_without_headers_is_ended_with_4007() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/headless");
    for number in 0..400_u32 {
        let body = synthetic::video_body(number.into(), false, 100);
        if publisher.send(VIDEO, number * 40, &body).is_err() {
            break;
        }
    }
    assert_eq!(publisher.until_closed(5), Some(4007));
    house.wait_count(Code::NoCodecHeader, Protocol::Rtmp, 1);
    house.all_is_well();
}

#[test]
fn a_publisher_in_the_middle_of_a_long_group_is_not_live_yet_until_its_keyframe() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/long");
    let name = weir_base::StreamName::new("", "live", "long").unwrap();
    // A predicted slice that can be read; its parameter sets come with the keyframe.
    let predicted = [0x27, 1, 0, 0, 0, 0, 0, 0, 3, 0x41, 0x9A, 0x80];
    let mut at_ms = 0;
    let mut send = |publisher: &mut Rtmp, body: &[u8]| {
        at_ms += 40;
        publisher.send(VIDEO, at_ms, body).unwrap();
    };
    send(&mut publisher, &predicted);
    let hub = &house.services.core.hub;
    let why = until("a reason", 5, || hub.find_live(&name).ok()?.why_not_live());
    assert_eq!(why.detail, "pictures, and no keyframe among them yet");
    // Two and a half seconds of them are borne with, and who does not wait hears why meanwhile.
    let mut hasty = get(house.http, "/live/long.flv");
    let mut patient = get(house.http, "/live/long.flv?wait=20");
    let until_us = hub.clock().now_us() + 2_500_000;
    until("two and a half seconds", 10, || {
        send(&mut publisher, &predicted);
        (hub.clock().now_us() > until_us).then_some(())
    });
    let answer = read_head(&mut hasty, "not live yet: pictures, and no keyframe");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("3002"), "{answer}");
    send(&mut publisher, &synthetic::video_header_body());
    for number in 0..10 {
        let body = synthetic::video_body(number, number == 0, 100);
        send(&mut publisher, &body);
    }
    read_head(&mut patient, "FLV");
    assert!(hub.find_live(&name).unwrap().why_not_live().is_none());
    house.all_is_well();
}

/// Reads until these words have come; gives all that has.
fn read_head(socket: &mut std::net::TcpStream, words: &str) -> String {
    let mut all = String::new();
    let mut buffer = [0; 8192];
    until("words", 5, || {
        match std::io::Read::read(socket, &mut buffer) {
            Ok(0) => panic!("the end of it, after {all}"),
            Ok(read) => all.push_str(&String::from_utf8_lossy(&buffer[..read])),
            Err(error) if is_nothing(&error) => {}
            Err(error) => panic!("{error}"),
        }
        all.contains(words).then_some(())
    });
    all
}

#[test]
fn pictures_that_all_lie_end_their_publisher_whatever_sound_plays() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/liar");
    publisher.send_headers();
    for number in 0..50_u32 {
        let mut body = synthetic::video_body(number.into(), number % 10 == 0, 100);
        body[5..9].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
        // On a busy machine the verdict comes before the last of them.
        let sent = publisher.send(VIDEO, number * 40, &body);
        let sound = synthetic::audio_body(50);
        let sent = sent.and_then(|()| publisher.send(AUDIO, number * 40, &sound));
        if sent.is_err() {
            break;
        }
    }
    assert_eq!(publisher.until_closed(5), Some(4004));
    house.all_is_well();
}

#[test]
fn a_camera_whose_sound_is_not_carried_keeps_its_pictures() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/camera");
    let header = synthetic::video_header_body();
    publisher.send(VIDEO, 0, &header).unwrap();
    for number in 0..20_u32 {
        let body = synthetic::video_body(number.into(), number % 10 == 0, 100);
        publisher.send(VIDEO, number * 40, &body).unwrap();
        // G.711 in FLV: sound format 8.
        publisher
            .send(AUDIO, number * 40, &[0x82, 1, 2, 3])
            .unwrap();
    }
    let name = weir_base::StreamName::new("", "live", "camera").unwrap();
    let hub = &house.services.core.hub;
    until("pictures and a note", 5, || {
        let stream = hub.find_live(&name).ok()?;
        let has_pictures = stream.stats().video_frames == 20;
        (has_pictures && !stream.notes().is_empty()).then_some(())
    });
    let stream = hub.find_live(&name).unwrap();
    assert_eq!(stream.notes(), ["left out: G.711 µ-law audio"]);
    let stats = stream.stats();
    assert_eq!((stats.audio_frames, stats.dropped_frames), (0, 0));
    assert!(stream.ring.tracks().audio.is_none());
    house.all_is_well();
}

#[test]
fn sound_alone_that_is_not_carried_is_refused_by_name() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/speex");
    for number in 0..5_u32 {
        publisher
            .send(AUDIO, number * 20, &[0xb2, 1, 2, 3])
            .unwrap();
    }
    assert_eq!(publisher.until_closed(5), Some(3006));
    house.wait_count(Code::CodecUnsupported, Protocol::Rtmp, 1);
    house.all_is_well();
}

#[test]
fn a_codec_nobody_carries_is_named() {
    let house = House::open(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/sorenson");
    // Codec id 2, from the days of Flash.
    let _ = publisher.send(VIDEO, 0, &[0x12, 0, 0, 0x84, 0]);
    assert_eq!(publisher.until_closed(5), Some(3006));
    house.all_is_well();
}

#[test]
fn metadata_without_end_stays_bounded() {
    let house = House::open_alone(Options::default());
    let mut publisher = Rtmp::publishing(house.rtmp, "live/talker");
    publisher.send_headers();
    let before = house.resident_bytes();
    for number in 0..100_u32 {
        let mut body = synthetic::metadata_body();
        body.resize(200_000 + number as usize, b'x');
        publisher.send(DATA, number, &body).unwrap();
        publisher
            .send(
                VIDEO,
                number,
                &synthetic::video_body(number.into(), true, 100),
            )
            .unwrap();
    }
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    house.all_is_well();
}

#[test]
fn a_publisher_of_one_byte_at_a_time_is_ended_with_4002() {
    let house = House::open(Options {
        idle_timeout_ms: 1500,
        ..Options::default()
    });
    let mut publisher = Rtmp::publishing(house.rtmp, "live/trickle");
    publisher.send_headers();
    // The server hears something all the time, but never a whole frame.
    let mut bytes = Vec::new();
    let body = synthetic::video_body(0, true, 100_000);
    weir_proto::rtmp::wire::put_message(&mut bytes, 6, 0, VIDEO, 1, 60_000, &[], &body);
    for byte in bytes {
        use std::io::Write as _;
        if publisher.socket.write_all(&[byte]).is_err() || publisher.turn().is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(publisher.until_closed(3), Some(4002));
    house.wait_count(Code::NoData, Protocol::Rtmp, 1);
    house.all_is_well();
}
