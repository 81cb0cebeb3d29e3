//! What a room takes right now.

use serde::Deserialize;

/// What a room takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// Seconds between two messages of one user; 0 for no slow mode.
    pub slow_s: u32,
    /// Emotes alone.
    pub is_emote_only: bool,
    /// Nothing but what moderators say.
    pub is_closed: bool,
}

/// What is to change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeChange {
    /// Seconds.
    #[serde(default)]
    slow: Option<u32>,
    /// 1 or 0.
    #[serde(default)]
    emote: Option<u8>,
    /// 1 or 0.
    #[serde(default)]
    closed: Option<u8>,
}

/// Seconds of the longest slow mode: an hour.
const MAX_SLOW_S: u32 = 3_600;

impl ModeChange {
    /// Whether each of it makes sense, and there is something.
    pub fn is_sensible(&self) -> bool {
        let is_bit = |bit: Option<u8>| bit.is_none_or(|bit| bit <= 1);
        *self != Self::default()
            && self.slow.is_none_or(|slow| slow <= MAX_SLOW_S)
            && is_bit(self.emote)
            && is_bit(self.closed)
    }
}

impl Mode {
    /// With the change.
    #[must_use]
    pub fn changed(self, change: ModeChange) -> Self {
        Self {
            slow_s: change.slow.unwrap_or(self.slow_s),
            is_emote_only: change.emote.map_or(self.is_emote_only, |bit| bit == 1),
            is_closed: change.closed.map_or(self.is_closed, |bit| bit == 1),
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        let Self {
            slow_s,
            is_emote_only,
            is_closed,
        } = *self;
        format!(
            "{{\"slow\":{slow_s},\"emote\":{},\"closed\":{}}}",
            u8::from(is_emote_only),
            u8::from(is_closed)
        )
    }
}
