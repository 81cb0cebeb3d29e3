//! Fragmented MP4 (ISO/IEC 14496-12, CMAF): init segments and fragments, written and read.
//!
//! Where fragments begin and end is for `hls` to say.

mod boxes;
mod fragment;
mod init;
pub mod read;
mod sample_entry;
pub mod stream;
pub mod whole;

pub use fragment::{Sample, empty_fragment, fragment};
pub use init::{init_segment, init_segment_with};

use crate::{AudioCodec, AudioTrack, TrackKind, Tracks};

/// Ticks per second of video tracks.
pub const VIDEO_TIMESCALE: u32 = 90_000;
/// Track id of video.
pub const VIDEO_TRACK_ID: u32 = 1;
/// Track id of audio, also where it is alone.
pub const AUDIO_TRACK_ID: u32 = 2;
/// Ticks per second of audio whose rate is not known.
const UNKNOWN_RATE: u32 = 48_000;

/// Ticks per second of `track` in what `init_segment` writes for `tracks`.
pub fn timescale(tracks: &Tracks, track: TrackKind) -> u32 {
    match (track, &tracks.audio) {
        (TrackKind::Audio, Some(audio)) => audio_timescale(audio),
        (TrackKind::Audio, None) => UNKNOWN_RATE,
        (TrackKind::Video, _) => VIDEO_TIMESCALE,
    }
}

fn audio_timescale(audio: &AudioTrack) -> u32 {
    match (audio.codec, audio.sample_rate) {
        (AudioCodec::Opus, _) | (_, 0) => UNKNOWN_RATE,
        (_, rate) => rate,
    }
}

const fn track_id(track: TrackKind) -> u32 {
    match track {
        TrackKind::Video => VIDEO_TRACK_ID,
        TrackKind::Audio => AUDIO_TRACK_ID,
    }
}

#[cfg(test)]
mod tests;
