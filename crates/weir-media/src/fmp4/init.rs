//! The init segment: `ftyp` and `moov` without samples (ISO/IEC 14496-12 §8).

use bytes::Bytes;

use super::boxes::{put_box, put_full_box, put_u16, put_u32, put_zeros};
use super::sample_entry::{put_audio_entry, put_video_entry};
use super::{VIDEO_TIMESCALE, audio_timescale, track_id};
use crate::{MediaError, Result, TrackKind, Tracks};

/// Ticks per second of the movie header, which nothing else refers to.
const MOVIE_TIMESCALE: u32 = 1_000;
/// The unity matrix of `mvhd` and `tkhd`, 16.16 and 2.30 fixed point.
pub(super) const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// `und`, packed in 5-bit letters.
pub(super) const LANGUAGE_UNDETERMINED: u16 = 0x55C4;

/// The init segment for `tracks`. Invalid without any track or without the codec set-up a sample
/// entry is made of.
pub fn init_segment(tracks: &Tracks) -> Result<Bytes> {
    init_segment_with(tracks, None)
}

/// Same; `first_audio` is a frame of the audio track, which tells AC-3 and E-AC-3 headers their
/// exact values. Without it they are written from rate and channels alone.
pub fn init_segment_with(tracks: &Tracks, first_audio: Option<&[u8]>) -> Result<Bytes> {
    if tracks.is_empty() {
        return Err(MediaError::invalid("init segment", "no tracks"));
    }
    let mut out = Vec::with_capacity(2048);
    put_box(&mut out, b"ftyp", |out| {
        out.extend_from_slice(b"iso6");
        put_u32(out, 0x200);
        out.extend_from_slice(b"iso6cmfcmp41");
    });
    let mut result = Ok(());
    put_box(&mut out, b"moov", |out| {
        put_movie_header(out);
        for kind in [TrackKind::Video, TrackKind::Audio] {
            if has(tracks, kind) {
                let track = put_track(out, tracks, kind, first_audio);
                result = std::mem::replace(&mut result, Ok(())).and(track);
            }
        }
        put_box(out, b"mvex", |out| {
            for kind in [TrackKind::Video, TrackKind::Audio] {
                if has(tracks, kind) {
                    put_track_extends(out, kind);
                }
            }
        });
    });
    result.map(|()| Bytes::from(out))
}

fn has(tracks: &Tracks, kind: TrackKind) -> bool {
    match kind {
        TrackKind::Video => tracks.video.is_some(),
        TrackKind::Audio => tracks.audio.is_some(),
    }
}

fn put_movie_header(out: &mut Vec<u8>) {
    put_full_box(out, b"mvhd", 0, 0, |out| {
        put_zeros(out, 8); // created, modified
        put_u32(out, MOVIE_TIMESCALE);
        put_u32(out, 0); // duration: in the fragments
        put_u32(out, 0x1_0000); // rate 1.0
        put_u16(out, 0x0100); // volume 1.0
        put_zeros(out, 10);
        UNITY_MATRIX.iter().for_each(|&value| put_u32(out, value));
        put_zeros(out, 24);
        put_u32(out, 3); // next track id
    });
}

fn put_track_extends(out: &mut Vec<u8>, kind: TrackKind) {
    put_full_box(out, b"trex", 0, 0, |out| {
        put_u32(out, track_id(kind));
        put_u32(out, 1); // sample description
        put_zeros(out, 12); // duration, size and flags stand in the fragments
    });
}

fn put_track(
    out: &mut Vec<u8>,
    tracks: &Tracks,
    kind: TrackKind,
    first_audio: Option<&[u8]>,
) -> Result<()> {
    let mut result = Ok(());
    put_box(out, b"trak", |out| {
        put_track_header(out, tracks, kind);
        put_box(out, b"mdia", |out| {
            put_media_header(out, tracks, kind);
            put_handler(out, kind);
            put_box(out, b"minf", |out| {
                match kind {
                    TrackKind::Video => put_full_box(out, b"vmhd", 0, 1, |out| put_zeros(out, 8)),
                    TrackKind::Audio => put_full_box(out, b"smhd", 0, 0, |out| put_zeros(out, 4)),
                }
                put_box(out, b"dinf", |out| {
                    put_full_box(out, b"dref", 0, 0, |out| {
                        put_u32(out, 1);
                        put_full_box(out, b"url ", 0, 1, |_| ()); // in this file
                    });
                });
                result = put_sample_table(out, tracks, kind, first_audio);
            });
        });
    });
    result
}

fn put_track_header(out: &mut Vec<u8>, tracks: &Tracks, kind: TrackKind) {
    put_full_box(out, b"tkhd", 0, 3, |out| {
        put_zeros(out, 8); // created, modified
        put_u32(out, track_id(kind));
        put_zeros(out, 8); // reserved, duration
        put_zeros(out, 8); // reserved
        put_u32(out, 0); // layer, alternate group
        put_u16(out, if kind == TrackKind::Audio { 0x0100 } else { 0 });
        put_u16(out, 0);
        UNITY_MATRIX.iter().for_each(|&value| put_u32(out, value));
        let (width, height) = match (&tracks.video, kind) {
            (Some(video), TrackKind::Video) => (video.width, video.height),
            _ => (0, 0),
        };
        put_u32(out, width << 16);
        put_u32(out, height << 16);
    });
}

fn put_media_header(out: &mut Vec<u8>, tracks: &Tracks, kind: TrackKind) {
    let timescale = match (kind, &tracks.audio) {
        (TrackKind::Audio, Some(audio)) => audio_timescale(audio),
        _ => VIDEO_TIMESCALE,
    };
    put_full_box(out, b"mdhd", 0, 0, |out| {
        put_zeros(out, 8); // created, modified
        put_u32(out, timescale);
        put_u32(out, 0); // duration
        put_u16(out, LANGUAGE_UNDETERMINED);
        put_u16(out, 0);
    });
}

fn put_handler(out: &mut Vec<u8>, kind: TrackKind) {
    put_full_box(out, b"hdlr", 0, 0, |out| {
        put_u32(out, 0);
        out.extend_from_slice(if kind == TrackKind::Video {
            b"vide"
        } else {
            b"soun"
        });
        put_zeros(out, 12);
        out.extend_from_slice(b"weir\0");
    });
}

fn put_sample_table(
    out: &mut Vec<u8>,
    tracks: &Tracks,
    kind: TrackKind,
    first_audio: Option<&[u8]>,
) -> Result<()> {
    let mut result = Ok(());
    put_box(out, b"stbl", |out| {
        put_full_box(out, b"stsd", 0, 0, |out| {
            put_u32(out, 1);
            result = match (kind, &tracks.video, &tracks.audio) {
                (TrackKind::Video, Some(video), _) => put_video_entry(out, video),
                (TrackKind::Audio, _, Some(audio)) => put_audio_entry(out, audio, first_audio),
                _ => Ok(()),
            };
        });
        put_full_box(out, b"stts", 0, 0, |out| put_u32(out, 0));
        put_full_box(out, b"stsc", 0, 0, |out| put_u32(out, 0));
        put_full_box(out, b"stsz", 0, 0, |out| put_zeros(out, 8));
        put_full_box(out, b"stco", 0, 0, |out| put_u32(out, 0));
    });
    result
}
