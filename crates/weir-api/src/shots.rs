//! Who takes pictures of live streams, as handlers and pages see it: there or not, and why not.

use weir_snap::{Snapper, TallyNow};

/// Who takes pictures on this node, or why nobody does.
#[derive(Debug, Clone)]
pub enum Snapshots {
    /// This one.
    On(Snapper),
    /// In words.
    Off(&'static str),
}

impl Snapshots {
    /// Why none are taken; none where they are.
    pub(crate) fn why_off(&self) -> Option<String> {
        match self {
            Self::On(snapper) => snapper.why_off(),
            Self::Off(why) => Some((*why).to_owned()),
        }
    }

    /// What was counted.
    pub(crate) fn tally(&self) -> TallyNow {
        match self {
            Self::On(snapper) => snapper.tally(),
            Self::Off(_) => TallyNow::default(),
        }
    }

    /// Where the newest public picture of a live stream is.
    pub(crate) fn poster(&self, app: &str, stream: &str) -> Option<String> {
        match self {
            Self::On(snapper) => {
                let id = snapper.poster(app, stream)?;
                Some(format!("/i/{id}-640.jpg"))
            }
            Self::Off(_) => None,
        }
    }
}
