//! A strict checker of HLS playlists against draft-pantos-hls-rfc8216bis.
//!
//! It has a parser of its own and knows nothing of the packager: what both got wrong in the same
//! way would go unseen otherwise. Each violation names the section it is about.

mod media;
mod multivariant;
mod parse;
#[cfg(test)]
mod tests;
mod update;

use std::fmt;

pub use media::check_media;
pub use multivariant::check_multivariant;
pub use update::{check_update, reconstruct};

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Section of the draft.
    pub section: &'static str,
    /// What is wrong, with the values seen.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "§{}: {}", self.section, self.message)
    }
}

/// A media playlist as a client understands it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parsed {
    /// EXT-X-VERSION; 1 without.
    pub version: u32,
    /// EXT-X-TARGETDURATION in seconds.
    pub target_s: u64,
    /// PART-TARGET in seconds.
    pub part_target_s: Option<f64>,
    /// Attributes of EXT-X-SERVER-CONTROL.
    pub server_control: Option<Vec<(String, String)>>,
    /// EXT-X-MEDIA-SEQUENCE; 0 without.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE; 0 without.
    pub discontinuity_sequence: u64,
    /// Segments an EXT-X-SKIP stands for.
    pub skipped: u64,
    /// Complete segments, those skipped left out.
    pub segments: Vec<ParsedSegment>,
    /// Parts behind the last complete segment.
    pub open: ParsedSegment,
    /// URI of EXT-X-PRELOAD-HINT:TYPE=PART.
    pub hint: Option<String>,
    /// URIs of rendition reports.
    pub reports: Vec<String>,
    /// EXT-X-ENDLIST is there.
    pub ended: bool,
    /// EXT-X-INDEPENDENT-SEGMENTS is there.
    pub independent_segments: bool,
    /// EXT-X-PLAYLIST-TYPE: `EVENT` or `VOD`.
    pub kind: Option<String>,
    /// EXT-X-I-FRAMES-ONLY is there.
    pub is_iframes: bool,
    /// TIME-OFFSET of EXT-X-START.
    pub start_s: Option<f64>,
}

/// One segment of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedSegment {
    /// Media sequence number.
    pub msn: u64,
    /// Its URI; empty for the open one.
    pub uri: String,
    /// EXTINF in seconds; 0 for the open one.
    pub duration_s: f64,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// URI of the EXT-X-MAP in force.
    pub map: Option<String>,
    /// Attributes of the EXT-X-KEY in force; `None` for none or METHOD=NONE.
    pub key: Option<Vec<(String, String)>>,
    /// EXT-X-PROGRAM-DATE-TIME, in Unix milliseconds.
    pub date_time_ms: Option<i64>,
    /// Its parts, where listed.
    pub parts: Vec<ParsedPart>,
    /// EXT-X-GAP stands before it.
    pub gap: bool,
    /// Bytes and the first of them, by EXT-X-BYTERANGE.
    pub range: Option<(u64, u64)>,
}

/// One partial segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedPart {
    /// As the playlist has it, not resolved.
    pub uri: String,
    /// DURATION in seconds.
    pub duration_s: f64,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES.
    pub gap: bool,
}

impl Parsed {
    /// Seconds of all segments and parts.
    pub fn duration_s(&self) -> f64 {
        let parts: f64 = self.open.parts.iter().map(|part| part.duration_s).sum();
        self.segments
            .iter()
            .map(|segment| segment.duration_s)
            .sum::<f64>()
            + parts
    }

    /// An attribute of EXT-X-SERVER-CONTROL as a number.
    pub fn server_control_s(&self, name: &str) -> Option<f64> {
        attribute(self.server_control.as_deref()?, name)?
            .parse()
            .ok()
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|(own, _)| own == name)
        .map(|(_, value)| value.as_str())
}

/// Gathers violations.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    /// Notes a violation unless `holds`.
    fn rule(&mut self, holds: bool, section: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation {
                section,
                message: message(),
            });
        }
    }

    fn into_result<T>(self, value: T) -> Result<T, Vec<Violation>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }
}
