//! A place in a stream that means the same on every node that relays it: a clock and a time on it. How it
//! is asked for is the relay form's concern.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// How far a reader has come. Its text is `{clock id}:{dts_us}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// As [`crate::Stream::clock_id`].
    pub clock_id: u64,
    /// A decode time, microseconds: all frames up to it are there, in each track.
    pub dts_us: i64,
}

impl StreamPosition {
    /// So much earlier on the same clock.
    #[must_use]
    pub const fn earlier_by(self, us: i64) -> Self {
        Self {
            dts_us: self.dts_us.saturating_sub(us),
            ..self
        }
    }
}

impl fmt::Display for StreamPosition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.clock_id, self.dts_us)
    }
}

impl FromStr for StreamPosition {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (clock_id, dts_us) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            clock_id: clock_id.parse()?,
            dts_us: dts_us.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_read_back() {
        for (clock_id, dts_us) in [(0, 0), (u64::MAX, -1), (7, i64::MAX)] {
            let position = StreamPosition { clock_id, dts_us };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for wrong in ["", "7", "7:", ":7", "-1:0", "7:8:9", "7: 8"] {
            assert!(wrong.parse::<StreamPosition>().is_err(), "{wrong}");
        }
    }
}
