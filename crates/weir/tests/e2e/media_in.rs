//! What senders' bytes are, from the sender to the viewer.
//!
//! | what is sent | by whom | what comes out |
//! |---|---|---|
//! | sound that the table announces and that never comes | a muted input | the pictures |
//! | E-AC-3 by DVB's descriptor alone | a broadcaster | the sound |
//! | open groups of pictures, with recovery points | a broadcaster | viewers join at each |
//! | every picture marked as keyframe | libraries of phones | viewers join at IDRs |
//! | G.711 | a camera | the pictures; the API and `weir probe` say why there is no sound |

use std::process::Command;

use weir_testkit::flv::{FlvViewer, Kind, Tag};
use weir_testkit::http::get;
use weir_testkit::media::quiet;
use weir_testkit::server::Server;
use weir_testkit::slsp::{Client, Container};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{binary, need, open_server};
use crate::slsp::address;

const PACKET_BYTES: usize = 188;
const PMT_PID: u16 = 0x1000;
const SOUND_PID: u16 = 0x101;
/// NAL unit types.
const SLICE: u8 = 1;
const IDR: u8 = 5;

/// A test picture and a tone for so many seconds, in this container and with these options.
fn made(seconds: &str, container: &str, options: &[&str]) -> Vec<u8> {
    let mut command = quiet(Tool::Ffmpeg);
    command.args(["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25"]);
    command.args(["-f", "lavfi", "-i", "sine=440:r=48000", "-t", seconds]);
    command.args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ]);
    command.args(options).args(["-f", container, "-"]);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words}");
    output.stdout
}

/// All of it at once under this name; the session stays while the client does.
fn send(server: &Server, name: &str, container: Container, media: &[u8]) -> Client {
    let (mut client, _) = Client::publishing(&address(server, name), container);
    for piece in media.chunks(16 << 10) {
        client.media(piece).unwrap();
    }
    client
}

fn pid_of(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1F, packet[2]])
}

/// Tags of pictures that a viewer of `name` gets, the headers not among them.
fn pictures(server: &Server, name: &str, span_ms: u32) -> Vec<Tag> {
    let mut viewer = FlvViewer::open(&server.http(&format!("{name}.flv?wait=10")));
    viewer.watch_ms(span_ms);
    let frames = viewer.frames().filter(|tag| tag.kind == Kind::Video);
    frames.cloned().collect()
}

/// The type of the first slice in a tag of H.264.
fn first_slice(tag: &Tag) -> Option<u8> {
    let mut rest = tag.body.get(5..)?;
    while let Some((length, units)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let kind = units.first()? & 0x1F;
        if matches!(kind, SLICE | IDR) {
            return Some(kind);
        }
        rest = units.get(length..)?;
    }
    None
}

#[test]
fn sound_that_is_announced_and_never_comes_costs_no_picture() {
    need!(Ffmpeg);
    let server = open_server();
    let whole = made("4", "mpegts", &["-g", "25", "-c:a", "aac"]);
    let packets = whole.chunks(PACKET_BYTES);
    let muted: Vec<u8> = packets
        .filter(|packet| pid_of(packet) != SOUND_PID)
        .flatten()
        .copied()
        .collect();
    let client = send(&server, "live/a", Container::Ts, &muted);
    assert!(pictures(&server, "live/a", 500).len() > 10);
    let stream = server.wait_live("live/a");
    assert_eq!(
        (&stream["video"]["codec"], &stream["audio"]),
        (&"h264".into(), &serde_json::Value::Null)
    );
    assert!(!client.inbox().is_over(), "{}", client.inbox().words());
}

/// CRC-32/MPEG-2, as sections have it.
fn crc(section: &[u8]) -> [u8; 4] {
    let step = |crc: u32, _| {
        if crc >> 31 == 1 {
            crc << 1 ^ 0x04C1_1DB7
        } else {
            crc << 1
        }
    };
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte) << 24, step);
    section.iter().fold(u32::MAX, add).to_be_bytes()
}

/// The registration of E-AC-3 in each programme table becomes DVB's own descriptor.
fn by_dvb_descriptor(mut media: Vec<u8>) -> Vec<u8> {
    for packet in media.chunks_mut(PACKET_BYTES) {
        if pid_of(packet) != PMT_PID || packet[1] & 0x40 == 0 {
            continue;
        }
        let registration = packet.windows(6).position(|bytes| bytes == b"\x05\x04EAC3");
        let at = registration.unwrap();
        packet[at..at + 6].copy_from_slice(&[0x7A, 4, 0, 0, 0, 0]);
        let end = 8 + usize::from(u16::from_be_bytes([packet[6] & 0x0F, packet[7]])) - 4;
        let crc = crc(&packet[5..end]);
        packet[end..end + 4].copy_from_slice(&crc);
    }
    media
}

#[test]
fn a_broadcasters_sound_is_found_by_its_descriptor() {
    need!(Ffmpeg);
    let server = open_server();
    let options = ["-g", "25", "-c:a", "eac3", "-mpegts_flags", "system_b"];
    let media = by_dvb_descriptor(made("4", "mpegts", &options));
    let _client = send(&server, "live/a", Container::Ts, &media);
    let sound = until("sound", 10, || {
        let stream = server.stream("live/a")?;
        Some(stream["audio"].clone()).filter(|audio| !audio.is_null())
    });
    assert_eq!(
        (&sound["codec"], &sound["channels"]),
        (&"eac3".into(), &1.into())
    );
}

#[test]
fn an_open_group_of_pictures_is_joined_where_it_recovers() {
    need!(Ffmpeg);
    let server = open_server();
    let open = "open-gop=1:keyint=25:min-keyint=25:scenecut=0:bframes=2";
    let options = ["-x264-params", open, "-preset", "fast", "-c:a", "aac"];
    let _client = send(
        &server,
        "live/a",
        Container::Ts,
        &made("5", "mpegts", &options),
    );
    until("all of it", 10, || {
        let stream = server.stream("live/a")?;
        stream["video_frames"]
            .as_u64()
            .filter(|frames| *frames > 110)
    });
    let first = pictures(&server, "live/a", 200).swap_remove(0);
    assert_eq!(
        (first.is_keyframe(), first_slice(&first)),
        (true, Some(SLICE))
    );
    assert!(first.ts_ms > 2_500, "{}", first.ts_ms);
}

#[test]
fn where_every_picture_is_marked_viewers_join_at_the_real_keyframes() {
    need!(Ffmpeg);
    let server = open_server();
    let mut media = made(
        "4",
        "flv",
        &["-g", "50", "-sc_threshold", "0", "-c:a", "aac"],
    );
    // Behind the file's header: tag header, body, size of both.
    let mut at = 13;
    while let Some(&[kind, a, b, c]) = media.get(at..at + 4).and_then(|head| head.first_chunk()) {
        if kind == 9 {
            media[at + 11] = 0x10 | media[at + 11] & 0x0F;
        }
        at += 15 + u32::from_be_bytes([0, a, b, c]) as usize;
    }
    let _client = send(&server, "live/a", Container::Flv, &media);
    until("all of it", 10, || {
        let stream = server.stream("live/a")?;
        stream["video_frames"]
            .as_u64()
            .filter(|frames| *frames > 90)
    });
    let pictures = pictures(&server, "live/a", 500);
    assert_eq!(first_slice(&pictures[0]), Some(IDR));
    for tag in &pictures {
        assert_eq!(
            tag.is_keyframe(),
            first_slice(tag) == Some(IDR),
            "at {} ms",
            tag.ts_ms
        );
    }
}

#[test]
fn a_camera_with_g711_keeps_its_pictures_and_everybody_says_why_there_is_no_sound() {
    need!(Ffmpeg);
    let server = open_server();
    let sound = ["-g", "25", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"];
    let media = made("6", "flv", &sound);
    let _client = send(&server, "live/a", Container::Flv, &media);
    let note = "left out: G.711 A-law audio";
    until("the note", 10, || {
        let live = get(&server.http("api/v1/live")).json();
        let stream = live["streams"].as_array()?.first()?.clone();
        let left_out = &stream["left_out"];
        let is_told = left_out[0]["kind"] == "audio" && left_out[0]["what"] == "G.711 A-law audio";
        (is_told && stream["notes"][0] == note && stream["video"]["codec"] == "h264").then_some(())
    });
    server.wait_for_log(note);
    let probe = |url: &str| {
        let mut command = Command::new(binary());
        let output = command
            .args(["probe", "--seconds", "1", url])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = probe(&server.http("live/a.flv"));
    assert!(said.contains(note) && said.contains("h264"), "{said}");
}
