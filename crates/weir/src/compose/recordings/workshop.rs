//! What commands do to recordings beside a server that may run: it has the same disk, the same store and the same rows.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use weir_base::{Clock, Id};
use weir_events::{Log, Recorder, ToldRecording};
use weir_keep::{Archive, NotRebuilt, Rebuilt, rebuild};
use weir_record::disk::LocalDisk;
use weir_record::shelf::Shelf;
use weir_store::recordings::{RecordingState, StoredRecording, Telling};
use weir_store::{Store, StoreError};

use super::keeping::archive;
use super::teller::told;
use crate::compose::{cluster, happenings};
use crate::config::Config;

/// The disk, the store and the rows of a server, for one command.
pub(crate) struct Workshop {
    pub(crate) store: Store,
    shelf: Shelf,
    archive: Option<Archive>,
    recorder: Recorder,
    /// The node whose disk it is.
    me: String,
}

/// What became of a recording that was to be made again.
pub(crate) enum Outcome {
    /// It is as its blocks say.
    Done {
        rebuilt: Box<Rebuilt>,
        /// It had no row.
        is_new: bool,
    },
    /// It is left alone, for this reason.
    Left(&'static str),
    /// It cannot be made again.
    Failed(NotRebuilt),
}

impl Workshop {
    /// Of the server with this configuration and this data folder.
    pub(crate) async fn open(config: &Config, data: &Path) -> anyhow::Result<Self> {
        let opened = Store::open(&config.store, data, Clock::real()).await;
        let store = opened.context("cannot open the store")?;
        let me = cluster::identity(config)?.to_string();
        let folder = super::folder(config, data);
        Ok(Self {
            shelf: Shelf::new(Arc::new(LocalDisk), &folder),
            archive: archive(config, (data, &me), Some(&store))?,
            recorder: happenings::recorder(config, &store, Log::new(store.clone()), &me),
            me,
            store,
        })
    }

    /// All recordings that this node's disk or the store has something of, the oldest first.
    pub(crate) async fn ids(&self) -> anyhow::Result<Vec<Id>> {
        let mut ids = self.shelf.ids().context("the disk")?;
        if let Some(archive) = &self.archive {
            ids.extend(archive.ids().await?);
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Makes again what is known of one: facts and marks on the disk, the manifest in the store, its row.
    pub(crate) async fn rebuild(&self, id: Id) -> Result<Outcome, StoreError> {
        let row = match self.store.recordings().by_id(id).await {
            Err(StoreError::Missing(_)) => None,
            row => Some(row?),
        };
        match row.as_ref().map(|row| row.state) {
            Some(RecordingState::Deleting) => return Ok(Outcome::Left("it is being taken away")),
            Some(RecordingState::Recording) => return Ok(Outcome::Left("it goes on")),
            _ => {}
        }
        let rebuilt = match rebuild(id, &self.shelf, self.archive.as_ref()).await {
            Ok(rebuilt) => rebuilt,
            Err(NotRebuilt::GoesOn) => {
                return Ok(Outcome::Left(
                    "it goes on, or its node has not ended it yet",
                ));
            }
            Err(none) => return Ok(Outcome::Failed(none)),
        };
        let poster = match &self.archive {
            Some(archive) => archive.poster(id).await?,
            None => None,
        };
        let told = ToldRecording {
            has_poster: poster.is_some(),
            ..told(&rebuilt.view, self.store.now_ms())
        };
        let node = self.node(&rebuilt, row.as_ref());
        Ok(match self.recorder.tell_again(node, told).await? {
            Telling::Written(_) => Outcome::Done {
                rebuilt: Box::new(rebuilt),
                is_new: row.is_none(),
            },
            Telling::Gone => Outcome::Left(
                "it was taken away: what is left of it goes with its node's next report",
            ),
        })
    }

    /// Who has it: this node, or whoever had it, or the store alone.
    fn node<'a>(&'a self, rebuilt: &Rebuilt, row: Option<&'a StoredRecording>) -> &'a str {
        match rebuilt.is_here {
            true => &self.me,
            false => row.map_or("", |row| row.node.as_str()),
        }
    }
}
