//! What the writer writes, the reader reads.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::ts::tests::tracks;
use crate::{AudioTrack, FrameKind};

fn sample(track: TrackKind, dts: u64, duration: u32, cts: i32, key: bool, bytes: usize) -> Sample {
    let payload = Bytes::from(vec![dts as u8; bytes]);
    Sample {
        track,
        dts,
        duration,
        cts,
        key,
        payload,
    }
}

#[test]
fn tracks_come_back_out_of_the_init_segment() {
    let tracks = tracks();
    assert_eq!(
        read::movie(&init_segment(&tracks).unwrap()).unwrap().tracks,
        tracks
    );
}

#[test]
fn audio_codecs_come_back_out_of_the_init_segment() {
    let opus = crate::codec::audio_track_from_frame(AudioCodec::Opus, &[]).unwrap();
    let plain = |codec, rfc6381: &str| AudioTrack {
        codec,
        config: Bytes::new(),
        sample_rate: 48_000,
        channels: 2,
        rfc6381: rfc6381.into(),
    };
    for audio in [
        opus,
        plain(AudioCodec::Mp3, "mp4a.6B"),
        plain(AudioCodec::Ac3, "ac-3"),
        plain(AudioCodec::Eac3, "ec-3"),
    ] {
        let tracks = Tracks {
            video: None,
            audio: Some(audio),
        };
        let movie = read::movie(&init_segment(&tracks).unwrap()).unwrap();
        assert_eq!(movie.tracks, tracks);
    }
}

#[test]
fn samples_come_back_out_of_a_fragment() {
    let movie = read::movie(&init_segment(&tracks()).unwrap()).unwrap();
    let samples = [
        sample(TrackKind::Video, 1 << 40, 3000, 6000, true, 10),
        sample(TrackKind::Audio, 7, 1024, 0, true, 20),
        sample(TrackKind::Video, (1 << 40) + 3000, 2999, -300, false, 30),
        sample(TrackKind::Video, (1 << 40) + 5999, 3000, 0, false, 0),
        sample(TrackKind::Audio, 1031, 1024, 0, true, 5),
    ];
    let data = fragment(1, &samples);
    let mut got = read::samples(&movie, &data).unwrap();
    assert_eq!(got.len(), samples.len());
    for put in samples.iter() {
        let at = got.iter().position(|got| got.track == put.track).unwrap();
        let got = got.remove(at);
        assert_eq!(
            (got.dts, got.duration, got.cts),
            (put.dts, put.duration, put.cts)
        );
        assert_eq!(
            (got.kind == FrameKind::Key, got.payload),
            (put.key, put.payload.clone())
        );
    }
}

#[test]
fn runs_say_where_the_samples_of_fragments_stand() {
    let movie = read::movie(&init_segment(&tracks()).unwrap()).unwrap();
    let fragments = [0_u64, 6].map(|from| {
        fragment(
            1,
            &[
                sample(TrackKind::Video, 90_000 + from * 3000, 3000, 6000, true, 10),
                sample(TrackKind::Audio, from, 1024, 0, true, 20),
                sample(
                    TrackKind::Video,
                    93_000 + from * 3000,
                    3001,
                    -300,
                    false,
                    30,
                ),
            ],
        )
    });
    let data = Bytes::from(fragments.concat());
    let expected = read::samples(&movie, &data).unwrap();
    let runs = read::runs(&data).unwrap();
    assert_eq!(runs.len(), 4);
    let mut at = expected.iter();
    for run in &runs {
        let (mut dts, mut offset) = (run.dts, run.offset as usize);
        for one in &run.samples {
            let expected = at.next().unwrap();
            let payload = data.slice(offset..offset + one.size as usize);
            assert_eq!(
                (run.track, dts, one.cts),
                (expected.track, expected.dts, expected.cts)
            );
            assert_eq!(
                (payload, one.duration),
                (expected.payload.clone(), expected.duration)
            );
            assert_eq!(one.is_key, expected.kind == FrameKind::Key);
            dts += u64::from(one.duration);
            offset += one.size as usize;
        }
    }
    assert!(at.next().is_none());
    assert!(read::runs(&data.slice(..data.len() - 1)).is_err());
}

#[test]
fn a_fragment_fits_the_room_reserved_for_it() {
    let samples: Vec<_> = (0..100)
        .map(|at| {
            sample(
                TrackKind::Video,
                at * 3000,
                3000 + at as u32 % 2,
                at as i32,
                at % 7 == 0,
                50,
            )
        })
        .collect();
    let data = fragment(1, &samples);
    // Boxes take what was reserved for them at most.
    assert!(data.len() <= 256 + 100 * (16 + 50));
}

#[test]
fn nothing_makes_no_init_segment() {
    assert!(init_segment(&Tracks::default()).is_err());
    let mut tracks = tracks();
    tracks.video.as_mut().unwrap().config = Bytes::new();
    assert!(init_segment(&tracks).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let bytes = Bytes::from(bytes);
        let movie = read::movie(&init_segment(&tracks()).unwrap()).unwrap();
        let _ = read::movie(&bytes);
        let _ = read::samples(&movie, &bytes);
        let _ = read::runs(&bytes);
        let _ = read::next_box_bytes(&bytes);
    }

    #[test]
    fn broken_files_never_panic(flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..20)) {
        let mut init = init_segment(&tracks()).unwrap().to_vec();
        let samples = [
            sample(TrackKind::Video, 0, 3000, 6000, true, 10),
            sample(TrackKind::Video, 3000, 3001, 0, false, 10),
        ];
        let mut data = fragment(1, &samples).to_vec();
        let movie = read::movie(&Bytes::from(init.clone())).unwrap();
        for (at, value) in flips {
            let at = usize::from(at);
            let (init_bytes, data_bytes) = (init.len(), data.len());
            init[at % init_bytes] ^= value;
            data[at % data_bytes] ^= value;
        }
        if let Ok(broken) = read::movie(&Bytes::from(init)) {
            let _ = read::samples(&broken, &Bytes::from(data.clone()));
        }
        let data = Bytes::from(data);
        let _ = (read::samples(&movie, &data), read::runs(&data));
    }
}
