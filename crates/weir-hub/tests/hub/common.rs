//! What all of these tests film with: a hub's settings, one video track, and what a ring holds.

use std::sync::Arc;

use bytes::Bytes;
use weir_hub::{Config, ReadOutcome, Stream};
use weir_media::{Item, TrackKind, Tracks, VideoCodec, VideoTrack};

pub(crate) const IDLE_US: i64 = 5_000_000;
pub(crate) const LINGER_US: i64 = 12_000_000;
pub(crate) const WALL_US: i64 = 1_700_000_000_000_000;
pub(crate) const FRAME_US: i64 = 40_000;
/// Pictures between two keyframes.
pub(crate) const GOP: i64 = 25;

/// Two seconds of ring, and the times above.
pub(crate) fn config() -> Config {
    Config {
        idle_timeout_ms: IDLE_US / 1000,
        ring_ms: 2_000,
        ring_bytes: 1 << 20,
        linger_ms: LINGER_US / 1000,
        takeover: false,
    }
}

/// H.264 in this width and nothing else.
pub(crate) fn tracks(width: u32) -> Arc<Tracks> {
    let video = VideoTrack {
        codec: VideoCodec::H264,
        config: Bytes::new(),
        width,
        height: 240,
        rfc6381: String::new(),
    };
    Arc::new(Tracks {
        video: Some(video),
        audio: None,
    })
}

/// All that the ring still holds from this item on.
pub(crate) fn held(stream: &Stream, from: u64) -> Vec<Item> {
    let mut items = Vec::new();
    let mut from = from;
    loop {
        match stream.ring.read(from, 64, &mut items) {
            ReadOutcome::Lagged { lost } => from += lost,
            ReadOutcome::Read { next } if next == from => return items,
            ReadOutcome::Read { next } => from = next,
        }
    }
}

/// Decode times of one track's frames.
pub(crate) fn times(items: &[Item], track: TrackKind) -> Vec<i64> {
    let frames = items.iter().filter_map(|item| match item {
        Item::Frame(frame) if frame.track == track => Some(frame.dts_us),
        _ => None,
    });
    frames.collect()
}
