//! Against what the playlist writer itself makes of a query.

use std::sync::Arc;

use weir_media::hls::{
    AudioRendition, Container, EncryptionConfig, Multivariant, Packager, PackagerConfig,
    PlaylistOptions, RenditionReport, Selection, Variant, multivariant_playlist,
};
use weir_media::{Item, Tracks};
use weir_testkit::synthetic;

use super::*;

const QUERY: &str = "?e=1700000000&a=play&s=0123abcd&ip=192.0.2.1";

/// Twelve seconds at 25 frames a second, a keyframe each second.
fn packager(container: Container, encryption: Option<EncryptionConfig>) -> Packager {
    let mut packager = Packager::new(PackagerConfig {
        container,
        segment_us: 2_000_000,
        part_us: Some(200_000),
        window_segments: 10,
        encryption,
        epoch: "m3x9k".into(),
        selection: Selection::Both,
    });
    let mut push = |item| {
        while packager.wants_key() {
            assert!(packager.supply_key([7; 16]));
        }
        packager.push(&item, 0).unwrap();
    };
    push(Item::Tracks(Arc::new(synthetic::tracks())));
    for number in 0..300 {
        if number == 120 {
            push(Item::Discontinuity);
        }
        let at_us = i64::try_from(number).unwrap() * 40_000;
        let key = number % 25 == 0;
        push(Item::Frame(synthetic::video_frame(at_us, number, key, 500)));
        push(Item::Frame(synthetic::audio_frame(at_us, 90)));
    }
    packager
}

fn reports(query: &str) -> Vec<RenditionReport> {
    vec![RenditionReport {
        uri: format!("audio.m3u8{query}"),
        last_msn: 5,
        last_part: Some(1),
    }]
}

#[test]
fn a_query_put_in_later_is_the_query_the_writer_puts_in() {
    let encryption = Some(EncryptionConfig {
        segments_per_key: 2,
    });
    let forms = [
        (Container::Fmp4, None, false),
        (Container::Fmp4, None, true),
        (Container::Fmp4, encryption, false),
        (Container::Ts, None, false),
        (Container::Ts, encryption, false),
    ];
    for (container, encryption, skip) in forms {
        let packager = packager(container, encryption);
        let text = |query| {
            let reports = reports(query);
            packager.media_playlist(&PlaylistOptions {
                skip,
                query,
                reports: &reports,
            })
        };
        let plain = text("");
        assert!(plain.matches(".m4s").count() + plain.matches(".ts").count() > 3);
        assert_eq!(with_query(&plain, QUERY), text(QUERY));
        assert_eq!(with_query(&plain, ""), plain);
    }
}

#[test]
fn the_multivariant_playlist_gets_its_query_the_same_way() {
    let tracks: Tracks = synthetic::tracks();
    let text = |query: &str| {
        let (video, audio) = (
            format!("x/video.m3u8{query}"),
            format!("x/audio.m3u8{query}"),
        );
        let variant = Variant {
            uri: &video,
            tracks: &tracks,
            peak_bps: 1000,
            average_bps: 900,
            frame_rate: Some(25.0),
            audio_group: Some("audio"),
        };
        let audio = AudioRendition {
            uri: &audio,
            group: "audio",
            name: "main",
            channels: 2,
        };
        multivariant_playlist(&Multivariant {
            variants: &[variant],
            audio: &[audio],
            independent_segments: true,
        })
    };
    assert_eq!(with_query(&text(""), QUERY), text(QUERY));
}

#[test]
fn a_playlist_tells_its_shape() {
    let packager = packager(Container::Fmp4, None);
    let text = |skip| {
        packager.media_playlist(&PlaylistOptions {
            skip,
            ..PlaylistOptions::default()
        })
    };
    let whole = Shape::read(&text(false)).unwrap();
    assert_eq!(whole.epoch, "m3x9k");
    assert_eq!(whole.target_us, 2_000_000);
    assert!(
        (200_000..250_000).contains(&whole.part_us.unwrap()),
        "{whole:?}"
    );
    assert!(
        (8_000_000..=12_000_000).contains(&whole.window_us),
        "{whole:?}"
    );
    let ts = self::packager(Container::Ts, None);
    let ts = ts.media_playlist(&PlaylistOptions::default());
    assert_eq!(Shape::read(&ts).unwrap().part_us, None);
}

#[test]
fn a_playlist_that_names_nothing_has_no_shape() {
    for text in [
        "",
        "#EXTM3U\n",
        "#EXTM3U\n#EXTINF:NaN,\nsomething.m4s\n",
        "#\u{0}\nURI=\"",
    ] {
        assert_eq!(Shape::read(text), None, "{text:?}");
    }
    let odd =
        "#EXT-X-TARGETDURATION:1e99\n#EXTINF:-4,\nseg-e-1.m4s\n#EXT-X-MAP:URI=\"init-e-0.mp4\n";
    assert_eq!(Shape::read(odd).unwrap().target_us, 86_400_000_000);
    assert_eq!(
        with_query(odd, "?k=1"),
        odd.replace("seg-e-1.m4s", "seg-e-1.m4s?k=1")
    );
}
