//! The checker over the packager, in virtual time: each version of each playlist, as a client that
//! polls after each change would see it.

use std::sync::Arc;

use bytes::Bytes;
use weir_media::hls::{
    Container, EncryptionConfig, Multivariant, Packager, PackagerConfig, PlaylistOptions,
    RenditionReport, Selection, Variant, multivariant_playlist,
};
use weir_media::{
    AudioCodec, AudioTrack, Frame, FrameKind, Item, TrackKind, Tracks, VideoCodec, VideoTrack,
};

use super::*;

const WALL_AT_ZERO_US: i64 = 1_790_000_000_000_000;
const AVCC: &[u8] = &[
    1, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0, 10, 0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xEC, 0x04,
    0x40, 1, 0, 4, 0x68, 0xCE, 0x3C, 0x80,
];

fn tracks(width: u32) -> Tracks {
    Tracks {
        video: Some(VideoTrack {
            codec: VideoCodec::H264,
            config: Bytes::from_static(AVCC),
            width,
            height: 240,
            rfc6381: "avc1.42c00d".into(),
        }),
        audio: Some(AudioTrack {
            codec: AudioCodec::Aac,
            config: Bytes::from_static(&[0x12, 0x10]),
            sample_rate: 44_100,
            channels: 2,
            rfc6381: "mp4a.40.2".into(),
        }),
    }
}

/// A publisher in virtual time.
#[derive(Clone, Copy)]
struct Source {
    /// Rounded to milliseconds on the way, as FLV does.
    frame_us: i64,
    frames_per_gop: i64,
    has_video: bool,
    has_audio: bool,
}

const USUAL: Source = Source {
    frame_us: 33_333,
    frames_per_gop: 60,
    has_video: true,
    has_audio: true,
};

impl Source {
    fn frames(self, from_us: i64, until_us: i64) -> Vec<Frame> {
        let frame = |track, dts_us: i64, kind| {
            let payload = match track {
                TrackKind::Video => Bytes::from_static(&[0, 0, 0, 2, 0x65, 1]),
                TrackKind::Audio => Bytes::from_static(&[0x21, 0x10, 4, 0x60]),
            };
            Frame {
                track,
                dts_us: dts_us / 1000 * 1000,
                cts_us: 0,
                kind,
                payload,
            }
        };
        let mut frames = Vec::new();
        for at in 0..(until_us - from_us) / self.frame_us * i64::from(self.has_video) {
            let key = at % self.frames_per_gop == 0;
            let kind = if key {
                FrameKind::Key
            } else {
                FrameKind::Inter
            };
            frames.push(frame(TrackKind::Video, from_us + at * self.frame_us, kind));
        }
        for at in 0..(until_us - from_us) / 23_220 * i64::from(self.has_audio) {
            let dts_us = from_us + at * 1_024_000_000 / 44_100;
            frames.push(frame(TrackKind::Audio, dts_us, FrameKind::Key));
        }
        frames.sort_by_key(|frame| frame.dts_us);
        frames
    }
}

/// A packager and a client that reads its playlist after each change.
struct Watched {
    packager: Packager,
    last: Option<Parsed>,
    versions: usize,
    deltas: usize,
    next_key: u8,
    pushed: usize,
}

impl Watched {
    fn new(container: Container, part_us: Option<i64>, tracks: Tracks) -> Self {
        Self::with(config(container, part_us), tracks)
    }

    fn with(config: PackagerConfig, tracks: Tracks) -> Self {
        let mut watched = Self {
            packager: Packager::new(config),
            last: None,
            versions: 0,
            deltas: 0,
            next_key: 0,
            pushed: 0,
        };
        watched.push(&Item::Tracks(Arc::new(tracks)));
        watched
    }

    fn push(&mut self, item: &Item) {
        while self.packager.wants_key() {
            self.next_key += 1;
            self.packager.supply_key([self.next_key; 16]);
        }
        let changed = self.packager.push(item, WALL_AT_ZERO_US).unwrap();
        self.pushed += 1;
        // Changes are looked at each time; that nothing changes untold, now and then.
        if changed || self.pushed.is_multiple_of(16) {
            self.look(changed);
        }
    }

    fn push_all(&mut self, frames: Vec<Frame>) -> &mut Self {
        for frame in frames {
            self.push(&Item::Frame(frame));
        }
        self
    }

    fn look(&mut self, changed: bool) {
        if !self.packager.has_content() {
            return;
        }
        let reports = [RenditionReport {
            uri: "a.m3u8".into(),
            last_msn: 3,
            last_part: Some(1),
        }];
        let options = PlaylistOptions {
            skip: false,
            query: "?key=x",
            reports: &reports,
        };
        let text = self.packager.media_playlist(&options);
        let parsed = check_media(&text).unwrap_or_else(|violations| fail(&violations, &text));
        let Some(last) = self.last.replace(parsed.clone()) else {
            return;
        };
        assert!(
            changed || last == parsed,
            "a change nobody was told of:\n{text}"
        );
        check_update(&last, &parsed).unwrap_or_else(|violations| fail(&violations, &text));
        self.versions += usize::from(changed);
        self.delta(&last, &parsed, options);
        self.resources(&parsed);
    }

    fn delta(&mut self, last: &Parsed, whole: &Parsed, options: PlaylistOptions<'_>) {
        let text = self.packager.media_playlist(&PlaylistOptions {
            skip: true,
            ..options
        });
        let delta = check_media(&text).unwrap_or_else(|violations| fail(&violations, &text));
        let rebuilt =
            reconstruct(last, &delta).unwrap_or_else(|violations| fail(&violations, &text));
        assert_eq!(rebuilt, *whole, "{text}");
        self.deltas += usize::from(delta.skipped > 0);
    }

    /// All that is listed can be had.
    fn resources(&self, parsed: &Parsed) {
        for segment in &parsed.segments {
            assert!(self.packager.segment(segment.msn).is_some());
            for part in 0..segment.parts.len() {
                assert!(self.packager.part(segment.msn, part as u32).is_some());
            }
        }
        let head = self.packager.head();
        assert_eq!(
            (head.msn, head.parts as usize),
            (parsed.open.msn, parsed.open.parts.len())
        );
    }

    fn last(&self) -> &Parsed {
        self.last.as_ref().unwrap()
    }
}

fn fail(violations: &[Violation], text: &str) -> ! {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    panic!("{}\n{text}", lines.join("\n"))
}

fn config(container: Container, part_us: Option<i64>) -> PackagerConfig {
    PackagerConfig {
        container,
        segment_us: 2_000_000,
        part_us,
        window_segments: 10,
        encryption: None,
        epoch: "e1".into(),
        selection: Selection::Both,
    }
}

#[test]
fn a_minute_of_an_ordinary_stream_breaks_no_rule() {
    let mut watched = Watched::new(Container::Fmp4, Some(200_000), tracks(320));
    watched.push_all(USUAL.frames(0, 60_000_000));
    assert_eq!(watched.last().target_s, 2);
    assert!(watched.versions > 250, "{} versions", watched.versions);
    assert!(watched.deltas > 200, "{} deltas", watched.deltas);
    assert!(watched.last().open.msn >= 28);
    let changed = watched.packager.end();
    watched.look(changed);
    assert!(watched.last().ended);
}

#[test]
fn every_frame_rate_fills_its_parts() {
    for frame_us in [16_683, 20_000, 33_366, 40_000, 41_708, 66_666, 100_000] {
        for part_us in [100_000, 200_000, 333_000, 1_000_000] {
            let frames_per_gop = 2_000_000 / frame_us;
            let source = Source {
                frame_us,
                frames_per_gop,
                ..USUAL
            };
            let mut watched = Watched::new(Container::Fmp4, Some(part_us), tracks(320));
            watched.push_all(source.frames(0, 10_000_000));
            assert!(watched.versions >= 6);
        }
    }
}

#[test]
fn plain_ts_and_plain_fmp4_break_no_rule() {
    for container in [Container::Ts, Container::Fmp4] {
        let mut watched = Watched::new(container, None, tracks(320));
        watched.push_all(USUAL.frames(0, 60_000_000));
        assert!(watched.last().part_target_s.is_none());
        assert_eq!(watched.versions, 28);
    }
}

#[test]
fn encrypted_segments_always_have_their_key_in_the_window() {
    for container in [Container::Ts, Container::Fmp4] {
        let encryption = Some(EncryptionConfig {
            segments_per_key: 3,
        });
        let config = PackagerConfig {
            encryption,
            ..config(container, Some(200_000))
        };
        let mut watched = Watched::with(config, tracks(320));
        watched.push_all(USUAL.frames(0, 60_000_000));
        assert!(
            watched
                .last()
                .segments
                .iter()
                .all(|segment| segment.key.is_some())
        );
        watched.push(&Item::Discontinuity);
        watched.push_all(USUAL.frames(60_000_000, 90_000_000));
        assert!(
            watched
                .last()
                .segments
                .iter()
                .all(|segment| segment.key.is_some())
        );
    }
}

#[test]
fn a_publisher_that_comes_back_continues_behind_a_discontinuity() {
    for container in [Container::Ts, Container::Fmp4] {
        let mut watched = Watched::new(container, Some(200_000), tracks(320));
        watched.push_all(USUAL.frames(0, 9_500_000));
        let changed = watched.packager.pause();
        watched.look(changed);
        let before = watched.last().open.msn;
        watched.push(&Item::Tracks(Arc::new(tracks(320))));
        watched.push_all(USUAL.frames(30_000_000, 37_000_000));
        let marked: Vec<u64> = watched
            .last()
            .segments
            .iter()
            .filter(|s| s.discontinuity)
            .map(|s| s.msn)
            .collect();
        assert_eq!(marked, [before]);
        watched.push_all(USUAL.frames(37_000_000, 90_000_000));
        assert_eq!(watched.last().discontinuity_sequence, 1);
    }
}

#[test]
fn other_tracks_bring_another_init_segment_and_a_discontinuity() {
    let mut watched = Watched::new(Container::Fmp4, Some(200_000), tracks(320));
    watched.push_all(USUAL.frames(0, 10_300_000));
    watched.push(&Item::Tracks(Arc::new(tracks(640))));
    watched.push_all(USUAL.frames(10_300_000, 20_000_000));
    let segments = &watched.last().segments;
    let at = segments
        .iter()
        .position(|segment| segment.discontinuity)
        .unwrap();
    assert_ne!(segments[at].map, segments[at - 1].map);
    for _ in 0..5 {
        watched.push(&Item::Discontinuity);
    }
    watched.push_all(USUAL.frames(20_000_000, 60_000_000));
    assert_eq!(watched.last().discontinuity_sequence, 2);
}

#[test]
fn one_picture_a_second_breaks_no_rule() {
    for has_audio in [false, true] {
        let source = Source {
            frame_us: 1_000_000,
            frames_per_gop: 2,
            has_audio,
            has_video: true,
        };
        let mut slides = tracks(320);
        slides.audio = slides.audio.filter(|_| has_audio);
        let mut watched = Watched::new(Container::Fmp4, Some(200_000), slides);
        watched.push_all(source.frames(0, 60_000_000));
        assert!(watched.versions > 25);
    }
}

#[test]
fn sound_alone_breaks_no_rule() {
    let source = Source {
        has_video: false,
        ..USUAL
    };
    let sound = Tracks {
        video: None,
        ..tracks(320)
    };
    let mut watched = Watched::new(Container::Fmp4, Some(200_000), sound.clone());
    watched.push_all(source.frames(0, 60_000_000));
    assert!(watched.versions > 250);
    let mut watched = Watched::new(Container::Ts, None, sound);
    watched.push_all(source.frames(0, 60_000_000));
    assert!(watched.versions > 25);
}

#[test]
fn a_selection_makes_renditions_that_break_no_rule() {
    for selection in [Selection::VideoOnly, Selection::AudioOnly] {
        let config = PackagerConfig {
            selection,
            ..config(Container::Fmp4, Some(200_000))
        };
        let mut watched = Watched::with(config, tracks(320));
        watched.push_all(USUAL.frames(0, 30_000_000));
        assert!(watched.versions > 100);
    }
}

#[test]
fn a_long_gop_makes_long_segments() {
    let source = Source {
        frames_per_gop: 300,
        ..USUAL
    };
    let mut watched = Watched::new(Container::Fmp4, Some(200_000), tracks(320));
    watched.push_all(source.frames(0, 60_000_000));
    assert_eq!(watched.last().target_s, 10);
    let promised = watched.last().independent_segments;
    assert!(!promised, "the next group of pictures may be longer still");
}

#[test]
fn a_gop_that_grows_or_never_ends_is_cut_within_the_target() {
    let mut watched = Watched::new(Container::Fmp4, Some(200_000), tracks(320));
    watched.push_all(USUAL.frames(0, 10_000_000));
    let endless = Source {
        frames_per_gop: 10_000,
        ..USUAL
    };
    watched.push_all(endless.frames(10_000_000, 60_000_000));
    assert_eq!(watched.last().target_s, 2);
    assert!(!watched.last().independent_segments);
    assert!(watched.last().open.msn >= 20);
}

#[test]
fn promises_of_part_and_target_hold_when_pictures_get_slower_or_faster() {
    for later_us in [16_666, 41_708, 250_000, 1_000_000] {
        for (part_us, has_audio) in [200_000, 333_000]
            .into_iter()
            .flat_map(|us| [(us, false), (us, true)])
        {
            let source = Source {
                frame_us: 40_000,
                frames_per_gop: 50,
                has_audio,
                ..USUAL
            };
            let mut both = tracks(320);
            both.audio = both.audio.filter(|_| has_audio);
            let mut watched = Watched::new(Container::Fmp4, Some(part_us), both);
            watched.push_all(source.frames(0, 10_000_000));
            let promised = (watched.last().target_s, watched.last().part_target_s);
            let later = Source {
                frame_us: later_us,
                frames_per_gop: 10_000,
                ..source
            };
            watched.push_all(later.frames(10_000_000, 24_000_000));
            let now = (watched.last().target_s, watched.last().part_target_s);
            assert_eq!(now, promised, "{later_us} us a picture, sound: {has_audio}");
            assert!(watched.last().open.msn >= 9, "{}", watched.last().open.msn);
            assert_eq!(watched.last().discontinuity_sequence, 0);
        }
    }
}

#[test]
fn a_still_picture_with_sound_and_pictures_that_go_on_break_no_rule() {
    for (container, still_us) in [
        (Container::Fmp4, 1_200_000),
        (Container::Fmp4, 7_000_000),
        (Container::Fmp4, 60_000_000),
        (Container::Ts, 7_000_000),
    ] {
        let mut watched = Watched::new(container, Some(200_000), tracks(320));
        let mut frames = USUAL.frames(0, 20_000_000 + still_us);
        frames.retain(|frame| {
            frame.track == TrackKind::Audio
                || !(6_000_000..6_000_000 + still_us).contains(&frame.dts_us)
        });
        for frame in &mut frames {
            if frame.track == TrackKind::Video && frame.dts_us > 4_500_000 {
                frame.kind = FrameKind::Inter;
            }
        }
        let last_us = frames.iter().map(|frame| frame.dts_us).max().unwrap();
        watched.push_all(frames);
        assert!(
            !watched
                .last()
                .segments
                .iter()
                .any(|segment| segment.discontinuity)
        );
        let listed_us = watched.last().open.msn as i64 * 2_500_000;
        assert!(
            listed_us > last_us - 4_000_000,
            "{listed_us} of {last_us} us are listed"
        );
    }
}

#[test]
fn a_still_picture_at_the_start_keeps_nobody_waiting() {
    let mut watched = Watched::new(Container::Fmp4, Some(200_000), tracks(320));
    let mut frames = USUAL.frames(0, 4_000_000);
    frames.retain(|frame| frame.track == TrackKind::Audio || frame.dts_us == 0);
    watched.push_all(frames);
    assert_eq!((watched.last().target_s, watched.last().open.msn), (2, 1));
}

#[test]
fn a_hole_in_the_stream_breaks_no_rule() {
    for hole_us in [300_000, 1_000_000, 3_000_000, 20_000_000] {
        let mut watched = Watched::new(Container::Ts, None, tracks(320));
        watched.push_all(USUAL.frames(0, 10_000_000));
        watched.push_all(USUAL.frames(10_000_000 + hole_us, 42_000_000 + hole_us));
        // Both begin with a keyframe, so nothing but the hole is missing.
        let listed = watched.last().open.msn;
        assert!(
            listed >= 20,
            "{listed} segments around a hole of {hole_us} us"
        );
    }
}

#[test]
fn the_multivariant_playlist_breaks_no_rule() {
    let tracks = tracks(320);
    let variants = [Variant {
        uri: "v.m3u8?key=x",
        tracks: &tracks,
        peak_bps: 900_000,
        average_bps: 800_000,
        frame_rate: Some(29.97),
        audio_group: None,
    }];
    let playlist = Multivariant {
        variants: &variants,
        audio: &[],
        independent_segments: true,
    };
    let text = multivariant_playlist(&playlist);
    assert_eq!(check_multivariant(&text).unwrap(), ["v.m3u8?key=x"]);
    assert!(text.contains("CODECS=\"avc1.42c00d,mp4a.40.2\",RESOLUTION=320x240,FRAME-RATE=29.970"));
}

/// The checker must be able to say no.
#[test]
fn broken_playlists_are_seen_as_broken() {
    let head = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n";
    let good = format!("{head}#EXTINF:2.0,\na.ts\n#EXTINF:2.0,\nb.ts\n#EXTINF:2.0,\nc.ts\n");
    let old = check_media(&good).unwrap();
    for (broken, section) in [
        (good.replace("2.0,\nb", "2.6,\nb"), "4.4.3.1"),
        (good.replace("b.ts", "a.ts"), "4.4.4"),
        (good.replace("#EXTINF:2.0,\nb", "b"), "4.4.4.1"),
        (good.replace("c.ts", "c.m4s"), "3.1.2"),
        (good.replace("VERSION:6", "VERSION:2"), "8"),
        (
            format!("{good}#EXT-X-PART:DURATION=1,URI=\"p\"\n"),
            "4.4.3.7",
        ),
        (format!("{good}#EXT-X-NONSENSE\n"), "4.4"),
    ] {
        let violations = check_media(&broken).unwrap_err();
        assert!(
            violations.iter().any(|found| found.section == section),
            "{violations:?}"
        );
    }
    for (changed, section) in [
        (
            good.replace("TARGETDURATION:2", "TARGETDURATION:3"),
            "6.2.1",
        ),
        (good.replace("SEQUENCE:7", "SEQUENCE:6"), "4.4.3.2"),
        (good.replace("b.ts", "x.ts"), "6.2.1"),
        (
            good.replace(
                "SEQUENCE:7\n",
                "SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n",
            ),
            "6.2.2",
        ),
    ] {
        let new = check_media(&changed).unwrap();
        let violations = check_update(&old, &new).unwrap_err();
        assert!(
            violations.iter().any(|found| found.section == section),
            "{violations:?}"
        );
    }
}
