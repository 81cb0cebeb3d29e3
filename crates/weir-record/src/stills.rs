//! Pictures along a recording: which of its keyframes are shown where, as a WebVTT file of metadata, and the keyframes
//! themselves. Decoding them is for others.

use std::fmt::Write as _;
use std::io;

use bytes::{Bytes, BytesMut};
use weir_media::fmp4::read::{Movie, movie, samples};
use weir_media::{FrameKind, TrackKind, VideoTrack};

use crate::block::Segment;
use crate::playlist::Stretch;
use crate::recording::{Block, Recording, View};

/// Microseconds between two pictures at least.
const EVERY_US: i64 = 10_000_000;
/// Pictures of one storyboard at most: more are not told apart on any bar.
const MAX_PICTURES: i64 = 360;

/// A keyframe of a recording.
#[derive(Debug, Clone)]
pub struct Keyframe {
    /// How it is decoded.
    pub track: VideoTrack,
    /// It, in the shape of [`weir_media::Frame::payload`].
    pub payload: Bytes,
    /// Wall clock, Unix milliseconds.
    pub wall_ms: i64,
}

/// The name of a picture's file.
pub fn picture_name(epoch: &str, msn: u64) -> String {
    format!("picture-{epoch}-{msn}.jpg")
}

/// The epoch and the segment of a picture's file; `None` for anything that [`picture_name`] does not write.
pub fn parse_picture_name(name: &str) -> Option<(String, u64)> {
    let stem = name.strip_prefix("picture-")?.strip_suffix(".jpg")?;
    let (epoch, msn) = stem.split_once('-')?;
    let msn = msn.parse().ok()?;
    (picture_name(epoch, msn) == name).then(|| (epoch.to_owned(), msn))
}

/// The storyboard of a stretch: when in its playlist which picture is shown, each under the Unix milliseconds at which it
/// was captured; `None` where it has no pictures. Reads the disk: not for the media path.
///
/// # Errors
/// The disk's.
pub fn storyboard(recording: &Recording, stretch: Stretch) -> io::Result<Option<String>> {
    let view = recording.view()?;
    let inside = || view.segments().filter(|(_, one)| stretch.has(one));
    let all_us: i64 = inside().map(|(_, one)| i64::from(one.duration_us)).sum();
    let every_us = EVERY_US.max(all_us / MAX_PICTURES);
    let mut cues: Vec<(i64, i64, String)> = Vec::new();
    let (mut at_us, mut next_us) = (0, 0);
    for (block, segment) in inside() {
        if segment.is_independent && at_us >= next_us {
            let epoch = block.name.epoch;
            let name = picture_name(epoch.as_str(), segment.msn);
            cues.push((at_us, segment.wall_us / 1000, name));
            next_us = at_us + every_us;
        }
        at_us += i64::from(segment.duration_us);
    }
    let has_pictures = match inside().next() {
        Some(first) => {
            movie_of(recording, &view, first)?.is_some_and(|movie| movie.tracks.video.is_some())
        }
        None => false,
    };
    if cues.is_empty() || !has_pictures {
        return Ok(None);
    }
    let mut out = String::from("WEBVTT\n");
    for (number, (from_us, wall_ms, name)) in cues.iter().enumerate() {
        let to_us = cues.get(number + 1).map_or(at_us, |(next_us, ..)| *next_us);
        // Writing to a string cannot fail.
        let (from, to) = (Time(*from_us), Time(to_us));
        let _ = write!(out, "\n{wall_ms}\n{from} --> {to}\n{name}\n");
    }
    Ok(Some(out))
}

/// The segment whose keyframe stands for a stretch: a little behind its beginning, where there is more to see.
pub fn poster(view: &View, stretch: Stretch) -> Option<(String, u64)> {
    let inside = || {
        view.segments()
            .filter(|(_, one)| stretch.has(one) && one.is_independent)
    };
    let tenth = inside().count() / 10;
    let (block, segment) = inside().nth(tenth)?;
    Some((block.name.epoch.to_string(), segment.msn))
}

/// The keyframe that a segment begins with; `None` where there is none. Reads the disk: not for the media path.
///
/// # Errors
/// The disk's, and `InvalidData` where it has not what was written.
pub fn keyframe(recording: &Recording, epoch: &str, msn: u64) -> io::Result<Option<Keyframe>> {
    let view = recording.view()?;
    let Some((block, segment)) = view.segment(epoch, msn) else {
        return Ok(None);
    };
    let Some(movie) = movie_of(recording, &view, (block, segment))? else {
        return Ok(None);
    };
    let mut media = BytesMut::with_capacity(segment.bytes as usize);
    for part in recording.media(block, segment)? {
        media.extend_from_slice(&part);
    }
    let all = samples(&movie, &media.freeze()).map_err(io::Error::other)?;
    let first = all.into_iter().find(|one| one.track == TrackKind::Video);
    let key = first.filter(|one| one.kind == FrameKind::Key);
    Ok(key.zip(movie.tracks.video).map(|(key, track)| Keyframe {
        track,
        payload: key.payload,
        wall_ms: segment.wall_us / 1000,
    }))
}

fn movie_of(
    recording: &Recording,
    view: &View,
    (block, segment): (&Block, &Segment),
) -> io::Result<Option<Movie>> {
    let Some((block, place)) = view.init(block.name.epoch.as_str(), segment.init_id) else {
        return Ok(None);
    };
    let init = recording.read(block, place)?;
    movie(&init).map(Some).map_err(io::Error::other)
}

/// Microseconds as WebVTT has times.
struct Time(i64);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0 / 1000;
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        let (seconds, ms) = (ms / 1000 % 60, ms % 1000);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{ms:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pictures_read_back_as_written_and_nothing_else_does() {
        let name = picture_name("lq3k9x01", 12);
        assert_eq!(parse_picture_name(&name), Some(("lq3k9x01".to_owned(), 12)));
        for name in [
            "picture-a-01.jpg",
            "picture-a-+1.jpg",
            "picture-a.jpg",
            "picture-a-1.png",
            "a-1.jpg",
        ] {
            assert_eq!(parse_picture_name(name), None, "{name}");
        }
        assert_eq!(Time(3_723_004_000).to_string(), "01:02:03.004");
    }
}
