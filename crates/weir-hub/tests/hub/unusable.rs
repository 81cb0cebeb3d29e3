//! Publishers of whose media little or nothing can be used, in virtual time.

use std::time::Duration;

use weir_base::{Clock, Code, Refusal, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Hub, Protocol, Publisher, Unusable};
use weir_media::flv::RawFrame;
use weir_media::{FrameKind, LeftOut, TrackKind};

use crate::common::{FRAME_US, IDLE_US, WALL_US, config, held, times, tracks};

struct House {
    hub: Hub,
    clock: Clock,
}

impl House {
    fn new() -> Self {
        let clock = Clock::manual(WALL_US);
        let hub = Hub::new(config(), clock.clone());
        Self { hub, clock }
    }

    fn publish(&self) -> Publisher {
        let request = PublishRequest {
            name: StreamName::new("", "live", "a").unwrap(),
            protocol: Protocol::Rtmp,
            addr: "10.0.0.1:1000".parse().unwrap(),
            grant: Grant::default(),
        };
        let publisher = self.hub.publish(request).unwrap();
        publisher.tracks(tracks(320));
        publisher
    }

    /// Time passes while something comes each 200 ms, until the publisher is kicked; when, and why.
    fn until_kicked(
        &self,
        publisher: &mut Publisher,
        mut comes: impl FnMut(&mut Publisher, i64),
    ) -> Option<(i64, Refusal)> {
        for at in 0..100 {
            let us = at * 200_000;
            comes(publisher, us);
            self.hub.sweep();
            if let Some(refusal) = publisher.client().kick_refusal() {
                return Some((us, refusal.clone()));
            }
            self.clock.advance_us(200_000);
        }
        None
    }
}

fn frame(track: TrackKind, ts_us: i64, cts_us: i32, kind: FrameKind) -> RawFrame {
    RawFrame {
        track,
        ts_us,
        cts_us,
        kind,
        payload: bytes::Bytes::from_static(b"frame"),
    }
}

fn refusal(code: Code) -> Refusal {
    Refusal::new(code, "the words")
}

#[test]
fn pictures_that_nobody_can_decode_are_4007_with_words_within_two_seconds() {
    let house = House::new();
    let mut publisher = house.publish();
    let kicked = house.until_kicked(&mut publisher, |publisher, us| {
        publisher.frame(frame(TrackKind::Audio, us, 0, FrameKind::Key));
        publisher.unusable(Unusable::Pictures, refusal(Code::NoCodecHeader));
    });
    let (at_us, why) = kicked.unwrap();
    assert!(at_us <= 2_000_000, "{at_us}");
    assert_eq!((why.code, &*why.detail), (Code::NoCodecHeader, "the words"));
    let ended = publisher.stream().ended().unwrap();
    assert_eq!(ended.code, Code::NoCodecHeader);
}

#[test]
fn pictures_that_are_broken_now_and_then_end_nobody() {
    let house = House::new();
    let mut publisher = house.publish();
    let kicked = house.until_kicked(&mut publisher, |publisher, us| {
        publisher.unusable(Unusable::Pictures, refusal(Code::ProtocolError));
        if us % 1_000_000 == 0 {
            publisher.frame(frame(TrackKind::Video, us, 0, FrameKind::Key));
        }
    });
    assert_eq!(kicked, None);
}

#[test]
fn a_sound_that_is_left_out_costs_the_sound_until_it_is_all_there_is() {
    let sound = LeftOut::of(TrackKind::Audio, "G.711 A-law audio");
    let part = Unusable::Part(Some(TrackKind::Audio));
    let house = House::new();
    let mut publisher = house.publish();
    let kicked = house.until_kicked(&mut publisher, |publisher, us| {
        publisher.left_out(&sound);
        publisher.unusable(part, refusal(Code::CodecUnsupported));
        if us < 4_000_000 {
            publisher.frame(frame(TrackKind::Video, us, 0, FrameKind::Key));
        }
    });
    let (at_us, why) = kicked.unwrap();
    assert_eq!(
        why.code,
        Code::CodecUnsupported,
        "media arrives: it is not 4002"
    );
    assert!(at_us >= 3_800_000 + IDLE_US, "{at_us}");
    let stream = publisher.stream();
    assert_eq!(stream.notes(), ["left out: G.711 A-law audio"]);
    assert_eq!(stream.left_out(), [sound]);

    let house = House::new();
    let mut publisher = house.publish();
    let kicked = house.until_kicked(&mut publisher, |publisher, _| {
        publisher.unusable(part, refusal(Code::CodecUnsupported));
    });
    let (at_us, why) = kicked.unwrap();
    assert_eq!((at_us, why.code), (2_000_000, Code::CodecUnsupported));
}

#[test]
fn pictures_without_a_keyframe_are_given_time_and_end_it_where_nothing_else_plays() {
    for has_sound in [false, true] {
        let house = House::new();
        let mut publisher = house.publish();
        let kicked = house.until_kicked(&mut publisher, |publisher, us| {
            publisher.frame(frame(TrackKind::Video, us, 0, FrameKind::Inter));
            if has_sound {
                publisher.frame(frame(TrackKind::Audio, us, 0, FrameKind::Key));
            }
            let why = publisher.stream().why_not_live();
            assert_eq!(why.is_some(), !has_sound, "{us}: {why:?}");
        });
        if has_sound {
            assert_eq!(kicked, None, "sound goes on alone");
            continue;
        }
        let (at_us, why) = kicked.unwrap();
        assert_eq!((at_us, why.code), (12_000_000, Code::ProtocolError));
        assert!(why.detail.contains("keyframe interval"), "{why}");
    }
}

#[test]
fn whoever_comes_in_the_middle_of_a_long_group_of_pictures_is_live_with_the_next() {
    let house = House::new();
    let mut publisher = house.publish();
    let kicked = house.until_kicked(&mut publisher, |publisher, us| {
        // The parameter sets come with the keyframe.
        if us < 9_000_000 {
            let refusal = refusal(Code::NoCodecHeader);
            publisher.unusable(Unusable::BeforeKeyframe, refusal);
            let why = publisher.stream().why_not_live().unwrap();
            assert_eq!(&*why.detail, "the words");
            assert!(publisher.stream().newest_join().is_none());
            return;
        }
        let kind = match us {
            9_000_000 => FrameKind::Key,
            _ => FrameKind::Inter,
        };
        publisher.frame(frame(TrackKind::Video, us, 0, kind));
        assert_eq!(publisher.stream().why_not_live(), None);
        assert!(publisher.stream().newest_join().is_some());
    });
    assert_eq!(kicked, None);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_stream_that_is_not_live_yet_gets_it_with_its_keyframe_or_hears_why() {
    let house = House::new();
    let mut publisher = house.publish();
    let stream = publisher.stream().clone();
    let wait = |s| house.hub.wait_usable(&stream, Duration::from_secs(s));
    assert_eq!(
        wait(1).await,
        Ok(()),
        "nothing is wrong before the first frame"
    );
    publisher.frame(frame(TrackKind::Video, 0, 0, FrameKind::Inter));
    let why = wait(1).await.unwrap_err();
    assert_eq!(why.code, Code::NotLive);
    assert_eq!(
        why.detail,
        "live/a is not live yet: pictures, and no keyframe among them yet"
    );
    let (waited, ()) = tokio::join!(wait(10), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        publisher.frame(frame(TrackKind::Video, 40_000, 0, FrameKind::Key));
    });
    assert_eq!(waited, Ok(()));
    drop(publisher);
    assert_eq!(wait(0).await.unwrap_err().detail, "live/a has ended");
}

#[test]
fn pictures_behind_the_last_sound_that_nobody_can_decode_are_silence_in_the_end() {
    let house = House::new();
    let mut publisher = house.publish();
    let kicked = house.until_kicked(&mut publisher, |publisher, us| {
        publisher.frame(frame(TrackKind::Video, us, 0, FrameKind::Inter));
        if us < 1_000_000 {
            publisher.frame(frame(TrackKind::Audio, us, 0, FrameKind::Key));
        }
    });
    let (at_us, why) = kicked.unwrap();
    assert!((16_000_000..18_000_000).contains(&at_us), "{at_us}");
    assert_eq!(
        why.code,
        Code::ProtocolError,
        "media arrives: it is not 4002"
    );
}

#[test]
fn a_new_publisher_has_no_notes_of_the_last_one() {
    let house = House::new();
    let publisher = house.publish();
    publisher.note("padding was cut off");
    assert_eq!(publisher.stream().notes().len(), 1);
    drop(publisher);
    let publisher = house.publish();
    assert!(publisher.stream().notes().is_empty());
}

#[test]
fn pictures_that_lead_to_the_first_keyframe_are_left_out() {
    let house = House::new();
    let mut publisher = house.publish();
    let step = FRAME_US as i32;
    // An open group of pictures as it is decoded: I, two B before it, P, two B between.
    let open = [
        (3 * step, FrameKind::Key),
        (0, FrameKind::Disposable),
        (0, FrameKind::Disposable),
        (3 * step, FrameKind::Inter),
        (0, FrameKind::Disposable),
        (0, FrameKind::Disposable),
    ];
    for (at, (cts_us, kind)) in open.iter().chain(&open).enumerate() {
        let ts_us = at as i64 * FRAME_US;
        publisher.frame(frame(TrackKind::Video, ts_us, *cts_us, *kind));
    }
    let kept = times(&held(publisher.stream(), 0), TrackKind::Video);
    assert_eq!(
        kept.len(),
        10,
        "the second group has what its pictures refer to"
    );
    assert_eq!(publisher.stream().stats().dropped_frames, 2);
}
