//! Publishing, playing, or both: what a ban keeps from, and what somebody is asked about.

use serde::{Deserialize, Serialize};
use weir_base::sign::Action;

/// What a ban keeps from, or what somebody is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acts {
    /// Publishing alone.
    Publish,
    /// Playing alone.
    Play,
    /// Whatever it is.
    #[default]
    Both,
}

impl From<Action> for Acts {
    fn from(action: Action) -> Self {
        match action {
            Action::Publish => Self::Publish,
            Action::Play => Self::Play,
        }
    }
}

impl Acts {
    /// Whether both have something in common.
    pub fn hits(self, asked: Self) -> bool {
        self == Self::Both || asked == Self::Both || self == asked
    }
}
