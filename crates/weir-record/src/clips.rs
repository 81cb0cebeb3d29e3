//! Clips: stretches of recordings with a name and a link of their own. They have no media, and are some words in a
//! file each; what they are of is not taken away while they are there.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use weir_base::{Clock, Id, Ids};

use crate::disk::Disk;
use crate::playlist::Stretch;
use crate::recording::View;

/// Clips of one recording at most.
pub const MAX_CLIPS: usize = 1000;
/// Bytes of a clip's title at most: some two hundred letters of any script.
pub const MAX_TITLE_BYTES: usize = 600;
/// Bytes of a clip's file that are read.
const MAX_FILE_BYTES: u64 = 16 << 10;
/// The folder of clips, beside those of recordings.
const FOLDER: &str = "clips";

/// A stretch of a recording that somebody gave a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// Its name for ever.
    pub id: Id,
    /// What it is of.
    pub recording: Id,
    /// From when on, Unix milliseconds: where a segment begins.
    pub from_ms: i64,
    /// Up to when, Unix milliseconds: where a segment ends.
    pub to_ms: i64,
    /// What people call it; may be empty.
    pub title: String,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
}

impl Clip {
    /// What of its recording it is.
    pub const fn stretch(&self) -> Stretch {
        Stretch {
            from_us: self.from_ms.saturating_mul(1000),
            to_us: self.to_ms.saturating_mul(1000),
        }
    }
}

/// What a clip is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClip {
    /// From when on, Unix milliseconds.
    pub from_ms: i64,
    /// Up to when, Unix milliseconds.
    pub to_ms: i64,
    /// What people call it; may be empty.
    pub title: String,
}

/// Why there is no such clip.
#[derive(Debug, thiserror::Error)]
pub enum NoClip {
    /// The recording has not come as far yet, but to this time, Unix milliseconds.
    #[error("it is not recorded up to then yet")]
    TooEarly(i64),
    /// Nothing was recorded then.
    #[error("nothing was recorded then")]
    Empty,
    /// The recording has [`MAX_CLIPS`].
    #[error("a recording has 1000 clips at most")]
    TooMany,
    /// The disk's.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Those of a spool, by their ids; clones share them.
#[derive(Clone)]
pub struct Clips(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    clock: Clock,
    ids: Ids,
    clips: Mutex<HashMap<Id, Clip>>,
}

impl Clips {
    /// Those of the spool in `root`.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn open(disk: Arc<dyn Disk>, root: &Path, clock: Clock) -> io::Result<Self> {
        let folder = root.join(FOLDER);
        let mut clips = HashMap::new();
        for name in disk.list(&folder)? {
            let id = name.strip_suffix(".json").map(str::parse::<Id>);
            let Some(Ok(id)) = id else { continue };
            let bytes = disk.read(&folder.join(&name), 0..MAX_FILE_BYTES)?;
            match serde_json::from_slice::<Clip>(&bytes) {
                Ok(clip) if clip.id == id => drop(clips.insert(id, clip)),
                _ => tracing::warn!(clip = %id, "it cannot be read: it is left alone"),
            }
        }
        Ok(Self(Arc::new(Inner {
            ids: Ids::new(clock.clone()),
            disk,
            folder,
            clock,
            clips: Mutex::new(clips),
        })))
    }

    /// One of them.
    pub fn find(&self, id: Id) -> Option<Clip> {
        self.0.clips.lock().get(&id).cloned()
    }

    /// Those of a recording, the newest first.
    pub fn of(&self, recording: Id) -> Vec<Clip> {
        let clips = self.0.clips.lock();
        let its = clips.values().filter(|clip| clip.recording == recording);
        let mut its: Vec<_> = its.cloned().collect();
        its.sort_by_key(|clip| std::cmp::Reverse(clip.id));
        its
    }

    /// Makes one of a recording as it is now, from the segment with its beginning to the one with its end.
    ///
    /// # Errors
    /// Why there is none.
    pub fn make(&self, view: &View, new: NewClip) -> Result<Clip, NoClip> {
        let wished = Stretch {
            from_us: new.from_ms.saturating_mul(1000),
            to_us: new.to_ms.saturating_mul(1000),
        };
        let end_us = view.end_us();
        if view.facts.ended_ms.is_none() && wished.to_us > end_us {
            return Err(NoClip::TooEarly(end_us / 1000));
        }
        let inside = || view.segments().filter(|(_, one)| wished.has(one));
        let from_us = inside().map(|(_, one)| one.wall_us).min();
        let to_us = inside().map(|(_, one)| one.end_us()).max();
        let (from_us, to_us) = from_us.zip(to_us).ok_or(NoClip::Empty)?;
        let recording = view.facts.id;
        if self.of(recording).len() >= MAX_CLIPS {
            return Err(NoClip::TooMany);
        }
        let clip = Clip {
            id: self.0.ids.next().map_err(io::Error::other)?,
            recording,
            // Up, so that the segment before is not in it.
            from_ms: (from_us + 999) / 1000,
            to_ms: to_us / 1000,
            title: new.title,
            made_ms: self.0.clock.wall_ms(),
        };
        let inner = &self.0;
        inner.disk.make_folder(&inner.folder)?;
        let bytes = serde_json::to_vec(&clip).map_err(io::Error::other)?;
        inner.disk.replace(&self.path_of(clip.id), &bytes)?;
        inner.clips.lock().insert(clip.id, clip.clone());
        Ok(clip)
    }

    /// Takes one away, for good; whether there was one.
    ///
    /// # Errors
    /// The disk's: then it is gone from here until the next start.
    pub fn remove(&self, id: Id) -> io::Result<bool> {
        let was_there = self.0.clips.lock().remove(&id).is_some();
        self.0.disk.remove(&self.path_of(id))?;
        Ok(was_there)
    }

    /// Takes all of a recording away.
    ///
    /// # Errors
    /// As [`Clips::remove`].
    pub fn remove_of(&self, recording: Id) -> io::Result<()> {
        let mut its = self.of(recording).into_iter();
        its.try_for_each(|clip| self.remove(clip.id).map(drop))
    }

    fn path_of(&self, id: Id) -> PathBuf {
        self.0.folder.join(format!("{id}.json"))
    }
}

#[cfg(test)]
mod tests {
    use weir_base::StreamName;

    use super::*;
    use crate::disk::LocalDisk;
    use crate::epoch::Epoch;
    use crate::spool::Spool;
    use crate::writing::{Given, Part};

    const START_US: i64 = 1_800_000_000_000_000;

    #[test]
    fn a_clip_is_cut_at_segments_and_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START_US);
        let open = || Spool::open(Arc::new(LocalDisk), folder.path(), clock.clone()).unwrap();
        let spool = open();
        let name = StreamName::new("", "live", "a").unwrap();
        let mut tape = spool.record(&name, Epoch::new("e1").unwrap()).unwrap();
        let id = tape.recording().id;
        for msn in 0..10 {
            tape.give(Given::Part(Part {
                msn,
                index: 0,
                wall_us: START_US + msn as i64 * 2_000_000,
                duration_us: 2_000_000,
                init_id: 0,
                is_independent: true,
                is_discontinuity: false,
                bytes: vec![0; 100].into(),
            }));
            tape.give(Given::SegmentEnd {
                msn,
                duration_us: 2_000_000,
                pictures: 1,
            });
        }
        drop(tape);
        spool.close();
        let view = spool.find(id).unwrap().view().unwrap();
        let at = |s: i64| START_US / 1000 + s * 1000;
        let new = |from: i64, to: i64| NewClip {
            from_ms: at(from),
            to_ms: at(to),
            title: "a goal 进球".to_owned(),
        };
        let clip = spool.clips().make(&view, new(5, 11)).unwrap();
        assert_eq!((clip.from_ms, clip.to_ms), (at(4), at(12)));
        let inside = view.segments().filter(|(_, one)| clip.stretch().has(one));
        assert_eq!(inside.count(), 4);
        let early = spool.clips().make(&view, new(15, 25));
        assert!(matches!(early, Err(NoClip::TooEarly(end_ms)) if end_ms == at(20)));
        let before = spool.clips().make(&view, new(-9, -5));
        assert!(matches!(before, Err(NoClip::Empty)));

        let spool = open();
        assert_eq!(spool.clips().of(id), std::slice::from_ref(&clip));
        assert!(spool.clips().remove(clip.id).unwrap());
        assert!(!spool.clips().remove(clip.id).unwrap());
        let other = spool.clips().make(&view, new(0, 3)).unwrap();
        spool.remove(id).unwrap();
        assert_eq!(
            spool.clips().find(other.id),
            None,
            "it goes with its recording"
        );
        assert!(open().clips().of(id).is_empty());
    }
}
