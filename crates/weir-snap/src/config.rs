//! `[snapshot]`: how often pictures are taken of live streams, and how long they are kept.

use weir_base::section;
use weir_base::section::{Senseless, in_range, sensible};

/// Seconds between two pictures at most: an hour.
pub const MAX_EVERY_S: u32 = 3_600;
/// Pictures of one stream that may be kept: a day of one each second.
const MAX_KEPT: u32 = 100_000;
/// Seconds that they may be kept: ten years.
const MAX_KEPT_S: i64 = 315_360_000;

section! {
    /// Pictures of live streams.
    pub SnapshotConfig {
        /// Seconds between two pictures of a stream whose app, channel and publisher say nothing; 0: none are taken.
        reload every_s: u32 = 30,
        /// Seconds between two pictures at most, whatever apps and publishers say; 0: they may say anything.
        reload at_most_s: u32 = 0,
        /// Pictures that are kept of one stream: the oldest go first.
        reload keep_count: u32 = 500,
        /// Seconds that pictures are kept.
        reload keep_s: i64 = 604_800,
        /// The FFmpeg program that decodes keyframes: a path, or a name that is looked for in `PATH`.
        restart program: String = "ffmpeg".into(),
    }
}

impl SnapshotConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("snapshot.every_s", self.every_s, 0..=MAX_EVERY_S)?;
        in_range("snapshot.at_most_s", self.at_most_s, 0..=MAX_EVERY_S)?;
        in_range("snapshot.keep_count", self.keep_count, 1..=MAX_KEPT)?;
        in_range("snapshot.keep_s", self.keep_s, 60..=MAX_KEPT_S)?;
        sensible(!self.program.is_empty(), || {
            "snapshot.program is empty: set snapshot.every_s = 0 for no pictures".to_owned()
        })
    }

    /// Seconds between two pictures of a stream of which `said` was said; 0 for none.
    pub fn every_s(&self, said: Option<u32>) -> u32 {
        let every_s = said.unwrap_or(self.every_s);
        match (every_s, self.at_most_s) {
            (every_s, 0) => every_s,
            (0, most) => most,
            (every_s, most) => every_s.min(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_publishes_does_not_escape_what_the_operator_looks_at() {
        let with = |every_s, at_most_s| SnapshotConfig {
            every_s,
            at_most_s,
            ..SnapshotConfig::default()
        };
        assert_eq!(with(30, 0).every_s(None), 30);
        assert_eq!(with(30, 0).every_s(Some(0)), 0);
        assert_eq!(with(30, 0).every_s(Some(2)), 2);
        assert_eq!(with(0, 60).every_s(None), 60);
        assert_eq!(with(30, 60).every_s(Some(0)), 60);
        assert_eq!(with(30, 60).every_s(Some(3_600)), 60);
        assert_eq!(with(30, 60).every_s(Some(5)), 5);
    }
}
