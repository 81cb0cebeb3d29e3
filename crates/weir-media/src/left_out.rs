//! What of a sender's stream is not carried: told to the publisher, the API and the watch page, so that
//! nobody has to guess why there is no sound.

use std::borrow::Cow;
use std::fmt;

use crate::{MediaError, Result, TrackKind};

/// Things named in one refusal.
const MAX_NAMED: usize = 8;

/// Which sense is the poorer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeftOutKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Text to be read with the pictures.
    Subtitles,
    /// Anything that is for machines.
    Data,
}

impl LeftOutKind {
    /// `video`, `audio`, `subtitles` or `data`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitles => "subtitles",
            Self::Data => "data",
        }
    }
}

impl From<TrackKind> for LeftOutKind {
    fn from(track: TrackKind) -> Self {
        match track {
            TrackKind::Video => Self::Video,
            TrackKind::Audio => Self::Audio,
        }
    }
}

/// One thing that is left out. Shown as words: `G.711 A-law audio`, `DVB subtitles, PID 0x104`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// What it is for.
    pub kind: LeftOutKind,
    /// Its name as people know it, with what to do instead where that helps.
    pub what: Cow<'static, str>,
    /// The packet identifier, where it is of MPEG-TS.
    pub pid: Option<u16>,
}

impl LeftOut {
    /// Something of a track, without a place.
    pub fn of(track: TrackKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: track.into(),
            what: what.into(),
            pid: None,
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.pid {
            Some(pid) => write!(f, ", PID {pid:#x}"),
            None => Ok(()),
        }
    }
}

/// Whether a container whose header is complete is worth taking: something of it is carried, and its picture
/// if it has one. `carried` is the kind of each track that is taken.
///
/// # Errors
/// [`MediaError::Unsupported`] that names what is not carried.
pub(crate) fn check_carried(
    container: &str,
    mut carried: impl Iterator<Item = TrackKind> + Clone,
    left_out: &[LeftOut],
) -> Result<()> {
    let picture = left_out.iter().find(|out| out.kind == LeftOutKind::Video);
    let has_video = carried.clone().any(|kind| kind == TrackKind::Video);
    if let Some(picture) = picture.filter(|_| !has_video) {
        // The header says so before anything plays, and the sender can choose another codec.
        return Err(MediaError::Unsupported(picture.to_string()));
    }
    match carried.next() {
        Some(_) => Ok(()),
        None => Err(nothing_carried(container, left_out)),
    }
}

/// What a container is refused with of which nothing is carried.
fn nothing_carried(container: &str, left_out: &[LeftOut]) -> MediaError {
    if left_out.is_empty() {
        return MediaError::Unsupported(format!("{container} with neither video nor audio"));
    }
    let names: Vec<_> = left_out
        .iter()
        .take(MAX_NAMED)
        .map(LeftOut::to_string)
        .collect();
    MediaError::Unsupported(format!(
        "{container} of which nothing is carried: {}",
        names.join("; ")
    ))
}
