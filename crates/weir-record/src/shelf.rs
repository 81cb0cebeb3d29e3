//! The recordings of a folder, looked at from beside the server that may be writing there: nothing is mended, and what is
//! made again is what a server reads at its next look.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_base::Id;

use crate::block::{BlockName, Table};
use crate::disk::Disk;
use crate::recording::{Around, Ending, Facts, OPEN, Recording, SEALED, View, parse_file_name};

/// Recordings by their folders, which are read anew each time it is asked.
pub struct Shelf {
    around: Arc<Around>,
    root: PathBuf,
}

/// What stands on a shelf of one recording.
#[derive(Debug, Clone)]
pub struct Shelved {
    /// What there is.
    pub view: View,
    /// Its facts were lost: these are its blocks'.
    pub is_factless: bool,
    /// A block is being written to, or was when its node died.
    pub is_open: bool,
}

impl Shelf {
    /// Of this folder, whether it is there or not.
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self {
            around: Around::new(disk),
            root: root.to_owned(),
        }
    }

    /// The recordings that have a folder here, the oldest first.
    ///
    /// # Errors
    /// The disk's.
    pub fn ids(&self) -> io::Result<Vec<Id>> {
        let names = self.around.disk.list(&self.root)?;
        let mut ids: Vec<Id> = names.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// What there is of one; `None` where nothing is, or nothing that says whose it is.
    ///
    /// # Errors
    /// The disk's.
    pub fn find(&self, id: Id) -> io::Result<Option<Shelved>> {
        let files = self.around.disk.list(&self.root.join(id.to_string()))?;
        let is_open = files
            .iter()
            .any(|file| matches!(parse_file_name(file), Some((_, Ending::Open))));
        let own = match Recording::open(&self.around, &self.root, id) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            own => own?,
        };
        if let Some(own) = own {
            return Ok(Some(Shelved {
                view: own.glance()?,
                is_factless: false,
                is_open,
            }));
        }
        let Some(facts) = self.told(id, &files)? else {
            return Ok(None);
        };
        let mut view = Recording::of(&self.around, &self.root, facts, false).glance()?;
        if !is_open {
            let end_ms = (view.end_us() / 1000).max(view.facts.started_ms);
            view.facts.ended_ms = Some(end_ms);
        }
        Ok(Some(Shelved {
            view,
            is_factless: true,
            is_open,
        }))
    }

    /// What the first block that says so says of its recording.
    fn told(&self, id: Id, files: &[String]) -> io::Result<Option<Facts>> {
        for file in files {
            if !file.ends_with(OPEN) && !file.ends_with(SEALED) {
                continue;
            }
            let path = self.root.join(id.to_string()).join(file);
            let begin = self.around.disk.read(&path, 0..Facts::BYTES)?;
            let facts = Facts::of_block(&begin).filter(|facts| facts.id == id);
            if facts.is_some() {
                return Ok(facts);
            }
        }
        Ok(None)
    }

    /// Writes the facts of one down.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_facts(&self, facts: &Facts) -> io::Result<()> {
        Recording::of(&self.around, &self.root, facts.clone(), false).keep_facts()
    }

    /// Marks a block of one that has its folder here as one that is in the store, with this SHA-256.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_mark(
        &self,
        facts: &Facts,
        name: BlockName,
        (table, sha256): (&Table, [u8; 32]),
    ) -> io::Result<()> {
        let recording = Recording::of(&self.around, &self.root, facts.clone(), false);
        recording.keep_mark(name, table, sha256)
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shelf({})", self.root.display())
    }
}
