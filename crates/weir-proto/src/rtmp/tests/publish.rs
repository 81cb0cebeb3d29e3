//! Scenarios of a publisher.

use proptest::prelude::*;
use weir_media::{AudioCodec, VideoCodec};

use super::{Wire, published};
use crate::rtmp::message::{AUDIO, DATA_AMF0, VIDEO};
use crate::rtmp::{
    ClientOptions, PublishMode, Redirect, RtmpClientEvent, ServerEvent, StatusRefusal,
};

#[test]
fn a_publisher_connects_asks_and_is_accepted() {
    let mut wire = Wire::new(true, ClientOptions::default(), &[1000]);
    wire.settle();
    let events = wire.at_server();
    assert!(matches!(&events[0], ServerEvent::Connect { app, .. } if app == "live"));
    let ServerEvent::Publish {
        msid: 1,
        target,
        mode,
    } = &events[1]
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (&*target.app, &*target.stream, *mode),
        ("live", "show", PublishMode::Live)
    );
    assert_eq!(target.parameter("sign"), Some("abc"));
    assert_eq!(events.len(), 2);

    wire.at_client();
    wire.server.accept_publish(1);
    wire.settle();
    let events = wire.at_client();
    assert_eq!(
        events.last(),
        Some(&RtmpClientEvent::PublishStarted { msid: 1 })
    );
}

#[test]
fn both_ends_learn_each_others_codecs() {
    let mut wire = Wire::new(true, ClientOptions::default(), &[500]);
    wire.settle();
    let peer = wire.server.peer();
    assert!(peer.capabilities.can_video(VideoCodec::Av1));
    assert_eq!(peer.capabilities.caps_ex, 0x0f);
    assert_eq!(peer.tc_url, "rtmp://127.0.0.1/live");
    let events = wire.at_client();
    assert!(matches!(
        &events[0],
        RtmpClientEvent::Connected { capabilities } if capabilities.can_audio(AudioCodec::Flac)
    ));

    let options = ClientOptions {
        announce_codecs: false,
        ..ClientOptions::default()
    };
    let mut wire = Wire::new(true, options, &[500]);
    wire.settle();
    assert!(!wire.server.peer().capabilities.can_video(VideoCodec::Hevc));
}

#[test]
fn media_arrives_whole_and_in_order() {
    let mut wire = published(&[777]);
    let keyframe = vec![0x17; 300_000];
    wire.client.send_metadata(b"\x02\x00\x0aonMetaData\x05");
    wire.client
        .send_media(VIDEO, 40, &[0x17, 1, 0, 0, 0], &keyframe);
    wire.client.send_media(AUDIO, 46, &[0xaf, 1], b"aac");
    wire.settle();
    let events = wire.at_server();
    let seen: Vec<_> = events
        .iter()
        .map(|event| match event {
            ServerEvent::Media {
                message_type,
                timestamp_ms,
                body,
                ..
            } => (*message_type, *timestamp_ms, body.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            (DATA_AMF0, 0, 16 + 14),
            (VIDEO, 40, 300_005),
            (AUDIO, 46, 5)
        ]
    );
}

#[test]
fn times_above_24_bits_arrive_as_sent() {
    let mut wire = published(&[50]);
    for time in [0xff_fffe, 0xff_ffff, 0x0100_0000, u32::MAX, 0] {
        wire.client
            .send_media(VIDEO, time, &[0x27, 1], &vec![1; 70_000]);
    }
    wire.settle();
    let times: Vec<_> = wire
        .at_server()
        .into_iter()
        .filter_map(|event| match event {
            ServerEvent::Media { timestamp_ms, .. } => Some(timestamp_ms),
            _ => None,
        })
        .collect();
    assert_eq!(times, [0xff_fffe, 0xff_ffff, 0x0100_0000, u32::MAX, 0]);
}

#[test]
fn a_refused_publisher_is_told_why_with_the_code() {
    let mut wire = Wire::new(true, ClientOptions::default(), &[64]);
    wire.settle();
    wire.at_client();
    let refusal = StatusRefusal {
        code: "NetStream.Publish.BadName",
        description: "somebody is publishing here",
        number: 3004,
    };
    wire.server.refuse(1, &refusal);
    wire.settle();
    let expected = RtmpClientEvent::Status {
        level: "error".to_owned(),
        code: "NetStream.Publish.BadName".to_owned(),
        description: "somebody is publishing here".to_owned(),
        weir_code: Some(3004),
    };
    assert_eq!(wire.at_client(), [expected]);
    wire.client.send_media(VIDEO, 0, &[], b"too early");
    wire.settle();
    assert_eq!(wire.at_server().len(), 2);
}

#[test]
fn a_refused_connect_is_an_error_and_nothing_more() {
    let mut wire = Wire::new(true, ClientOptions::default(), &[10_000]);
    let refusal = StatusRefusal {
        code: "NetConnection.Connect.Rejected",
        description: "not from there",
        number: 2003,
    };
    for _ in 0..2 {
        let up = wire.client.take_output();
        wire.server.receive(0, &up).unwrap();
        while let Some(event) = wire.server.poll_event() {
            assert!(matches!(event, ServerEvent::Connect { .. }));
            wire.server.refuse_connect(&refusal);
        }
        let down = wire.server.take_output();
        wire.client.receive(0, &down).unwrap();
    }
    let event = wire.client.poll_event();
    assert!(
        matches!(
            event,
            Some(RtmpClientEvent::Status {
                weir_code: Some(2003),
                ..
            })
        ),
        "{event:?}"
    );
    assert_eq!(wire.client.poll_event(), None);
}

#[test]
fn a_publisher_that_says_good_bye_is_reported_once() {
    let mut wire = published(&[33]);
    wire.client.close();
    wire.client.send_media(VIDEO, 9, &[], b"after the end");
    wire.settle();
    assert_eq!(wire.at_server(), [ServerEvent::Unpublish { msid: 1 }]);
}

#[test]
fn an_ended_publisher_hears_the_reason_and_what_it_still_sends_is_dropped() {
    let mut wire = published(&[33]);
    wire.server.end_publish(1, 4002, "no data for 5 s");
    wire.client.send_media(VIDEO, 9, &[], &[0; 100_000]);
    wire.settle();
    assert_eq!(wire.at_server(), []);
    let events = wire.at_client();
    assert!(events.iter().any(|event| matches!(
        event,
        RtmpClientEvent::Status { code, weir_code: Some(4002), level, .. }
            if code == "NetConnection.Connect.Closed" && level == "error"
    )));
    assert_eq!(events.last(), Some(&RtmpClientEvent::Closed));
}

#[test]
fn somebody_who_left_before_the_answer_leaves_once_it_is_given() {
    let mut wire = Wire::new(true, ClientOptions::default(), &[64]);
    wire.settle();
    wire.client.close();
    wire.settle();
    let left = [ServerEvent::Unpublish { msid: 1 }];
    assert!(!wire.at_server().contains(&left[0]));
    wire.server.accept_publish(1);
    assert_eq!(wire.at_server(), left);
    wire.server.take_output();
    wire.server.accept_publish(1);
    assert_eq!(wire.server.take_output(), b"");
    assert_eq!(wire.server.take_output().capacity(), 0);
}

#[test]
fn a_ping_measures_the_way_there_and_back() {
    let mut wire = published(&[64]);
    wire.server.ping(wire.now_ms);
    wire.settle();
    assert_eq!(wire.server.round_trip_ms(), Some(2));
}

#[test]
fn a_window_of_bytes_is_acknowledged() {
    let mut wire = published(&[4096]);
    let before = wire.client.bytes_received();
    wire.client.send_media(VIDEO, 0, &[], &vec![0; 3_000_000]);
    wire.settle();
    // One acknowledgement: twelve bytes of header, four of number.
    assert_eq!(wire.client.bytes_received() - before, 16);
    assert!(wire.server.bytes_received() > 3_000_000);
}

#[test]
fn a_client_with_the_reconnect_extension_can_be_sent_elsewhere() {
    let mut wire = published(&[64]);
    assert!(wire.server.peer().capabilities.can_reconnect());
    for (asked, heard) in [
        (Some("rtmp://other/live"), Some("rtmp://other/live")),
        (Some("//other:19350/app"), Some("rtmp://other:19350/app")),
        (Some("/app"), Some("rtmp://127.0.0.1/app")),
        (None, None),
    ] {
        assert!(wire.server.ask_to_reconnect(asked, "moving"));
        wire.settle();
        let tc_url = heard.map(str::to_owned);
        let event = RtmpClientEvent::Reconnect { tc_url };
        assert_eq!(wire.at_client().last(), Some(&event));
    }
}

#[test]
fn a_client_without_the_reconnect_extension_is_not_asked() {
    let options = ClientOptions {
        announce_codecs: false,
        ..ClientOptions::default()
    };
    let mut wire = Wire::new(true, options, &[64]);
    wire.settle();
    assert!(!wire.server.peer().capabilities.can_reconnect());
    assert!(!wire.server.ask_to_reconnect(None, "moving"));
    assert_eq!(wire.server.take_output(), b"");
}

#[test]
fn a_publisher_sent_elsewhere_hears_nothing_of_a_beginning() {
    let mut wire = Wire::new(true, ClientOptions::default(), &[64]);
    wire.settle();
    wire.at_client();
    let to = Redirect {
        tc_url: "rtmp://other:1/live",
        url: "rtmp://other:1/live/show?sign=abc",
    };
    wire.server.redirect(1, &to);
    wire.settle();
    let url = to.url.to_owned();
    assert_eq!(wire.at_client(), [RtmpClientEvent::Redirect { url }]);
    wire.server.accept_publish(1);
    assert_eq!(wire.server.take_output(), b"");
}

proptest! {
    #[test]
    fn the_cuts_between_bytes_do_not_matter(
        pieces in proptest::collection::vec(1_usize..400, 1..12),
        digest_handshake: bool,
        chunk_size in 1_u32..5000,
        sizes in proptest::collection::vec(0_usize..3000, 1..6),
    ) {
        let options = ClientOptions { digest_handshake, chunk_size, ..ClientOptions::default() };
        let mut wire = Wire::new(true, options, &pieces);
        wire.settle();
        wire.server.accept_publish(1);
        wire.settle();
        wire.at_server();
        for (time, size) in (0..).zip(&sizes) {
            wire.client.send_media(AUDIO, time, &[], &vec![5; *size]);
        }
        wire.settle();
        let lengths: Vec<_> = wire.at_server().into_iter().map(|event| match event {
            ServerEvent::Media { body, .. } => body.len(),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(lengths, sizes);
    }
}
