//! The playlist of a recording's keyframes alone (RFC 8216bis §4.4.3.6), for players that show where one is while
//! one looks for a place: of each segment the bytes up to the end of its first keyframe.

use std::fmt::Write as _;
use std::io;

use weir_media::TrackKind;
use weir_media::fmp4::read::SampleRun;
use weir_media::hls::{DateTime, Name, Resource, Seconds, Selection};

use crate::block::Segment;
use crate::playlist::{Stretch, is_seam, target_s};
use crate::recording::{Block, Recording};

/// A keyframe in the list.
struct Key<'a> {
    block: &'a Block,
    segment: &'a Segment,
    /// Bytes from the beginning of the segment.
    bytes: u64,
    /// Up to the next keyframe.
    duration_us: i64,
    is_break: bool,
}

/// The list of a stretch; `None` where it has no keyframe. Reads what is known of the samples: not for the media path.
///
/// # Errors
/// The disk's.
pub fn iframes(recording: &Recording, stretch: Stretch) -> io::Result<Option<String>> {
    let view = recording.view()?;
    let mut keys: Vec<Key<'_>> = Vec::new();
    let mut before: Option<(&Block, &Segment)> = None;
    let mut is_break = false;
    for block in &view.blocks {
        let is_in = |segment: &Segment| stretch.has(segment);
        if !block.table.segments.iter().any(is_in) {
            continue;
        }
        let samples = recording.samples(block)?;
        for (segment, runs) in block.table.segments.iter().zip(&samples) {
            if !is_in(segment) {
                continue;
            }
            is_break |= before.is_some_and(|before| is_seam(before, (block, segment)));
            before = Some((block, segment));
            let duration_us = i64::from(segment.duration_us);
            match first_key(runs) {
                Some(bytes) => keys.push(Key {
                    block,
                    segment,
                    bytes,
                    duration_us,
                    is_break: std::mem::take(&mut is_break),
                }),
                // The picture before it stands so much longer.
                None => {
                    if let Some(key) = keys.last_mut() {
                        key.duration_us += duration_us;
                    }
                }
            }
        }
    }
    let is_over = view.facts.ended_ms.is_some();
    Ok((!keys.is_empty()).then(|| text(&keys, is_over)))
}

/// Bytes of a segment up to the end of the keyframe that it begins with.
fn first_key(runs: &[SampleRun]) -> Option<u64> {
    let run = runs.iter().find(|run| run.track == TrackKind::Video)?;
    let first = run.samples.first().filter(|sample| sample.is_key)?;
    Some(u64::from(run.offset) + u64::from(first.size))
}

fn text(keys: &[Key<'_>], is_over: bool) -> String {
    let longest_us = keys.iter().map(|key| key.duration_us).max();
    let target_s = target_s(longest_us.unwrap_or(0));
    let kind = if is_over { "VOD" } else { "EVENT" };
    let mut out = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-I-FRAMES-ONLY\n"
    );
    let mut map = None;
    for key in keys {
        let epoch = key.block.name.epoch;
        let name = |resource| Name {
            epoch: epoch.to_string(),
            selection: Selection::Both,
            resource,
        };
        if key.is_break {
            out.push_str("#EXT-X-DISCONTINUITY\n");
        }
        // Writing to a string cannot fail.
        let needed = Some((epoch, key.segment.init_id));
        if key.is_break || map != needed {
            map = needed;
            let init = name(Resource::Init {
                id: key.segment.init_id,
            });
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"{init}\"");
            let time = DateTime(key.segment.wall_us);
            let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{time}");
        }
        let segment = name(Resource::Segment {
            msn: key.segment.msn,
        });
        let (duration, bytes) = (Seconds(key.duration_us), key.bytes);
        let _ = write!(
            out,
            "#EXTINF:{duration},\n#EXT-X-BYTERANGE:{bytes}@0\n{segment}\n"
        );
    }
    if is_over {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}
