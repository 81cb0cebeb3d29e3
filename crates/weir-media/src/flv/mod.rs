//! FLV: files and streams of tags, and the tag bodies that RTMP sends as its messages.
//!
//! Legacy and Enhanced RTMP (v1 and v2). Chunks, sessions and commands belong to `weir-proto`.

mod announce;
pub mod depacketize;
mod depacketize_video;
pub mod read;
pub mod tag;
pub mod write;

pub use announce::Announced;
pub use depacketize::{Depacketizer, Event, RawFrame};
pub use read::{RawTag, Reader};

use crate::TrackKind;

/// Tag and message type of audio.
pub const TAG_AUDIO: u8 = 8;
/// Tag and message type of video.
pub const TAG_VIDEO: u8 = 9;
/// The track that tags and messages of this type are of.
pub const fn track_of(message_type: u8) -> Option<TrackKind> {
    match message_type {
        TAG_AUDIO => Some(TrackKind::Audio),
        TAG_VIDEO => Some(TrackKind::Video),
        _ => None,
    }
}

/// Tag type of script data, message type of AMF0 data.
pub const TAG_SCRIPT: u8 = 18;
/// Message type of AMF3 data; files have none.
pub const MESSAGE_AMF3_DATA: u8 = 15;
