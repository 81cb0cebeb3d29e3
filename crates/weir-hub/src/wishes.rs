//! What the address of a publisher chooses of what is made from its stream. The hub keeps it with the publisher;
//! it is heeded by whoever records, packages and transcodes.

use serde::{Deserialize, Serialize};

/// See each field. What is `None` is as the app has it. Nodes tell it each other as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Whether it is recorded, and as what.
    pub record: Option<RecordWish>,
    /// Seconds between two pictures for people to review; 0 for none.
    pub shot_every_s: Option<u32>,
    /// Whether it is packaged as HLS before somebody asks for that.
    pub hls: Option<bool>,
    /// Seconds that viewers see it late.
    pub delay_s: Option<u32>,
    /// The renditions to be made, by name; none where it is empty.
    pub ladder: Option<Vec<Box<str>>>,
    /// Seconds that viewers may go back while it is live.
    pub dvr_s: Option<u32>,
}

/// Whether a stream is recorded, and as what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordWish {
    /// In these forms: none for no recording.
    pub forms: Vec<RecordForm>,
    /// Seconds in one file; `None`: as the app has it.
    pub file_s: Option<u32>,
}

/// What a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordForm {
    /// As the app has it.
    Usual,
    /// FLV files.
    Flv,
    /// MP4 files.
    Mp4,
    /// HLS: playlists with their segments.
    Hls,
}

impl RecordForm {
    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Flv => "flv",
            Self::Mp4 => "mp4",
            Self::Hls => "hls",
        }
    }
}
