//! Blocks of a recording that are in a store, too, or there alone: a mark beside each says so and has its table, so that
//! lists need nobody else.

use std::io;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock, atomic::AtomicBool};

use bytes::Bytes;
use parking_lot::Mutex;
use weir_base::Id;

use super::{Block, Recording, SEALED, STORED, State, View};
use crate::block::{BlockName, Segment, Table};
use crate::disk::{Appended, Disk};

/// What all recordings of a spool share.
pub(crate) struct Around {
    pub(crate) disk: Arc<dyn Disk>,
    elsewhere: OnceLock<Arc<dyn Elsewhere>>,
    /// No new block is begun: what is here is as much as may be.
    pub(crate) is_full: AtomicBool,
    /// A disk said that it is full.
    pub(crate) wants_room: AtomicBool,
}

/// Where blocks are that are not on this disk.
pub trait Elsewhere: Send + Sync + 'static {
    /// The bytes at a place of a block that has whole pieces, which [`crate::block::is_whole`] knows: what is not what
    /// was written is given to nobody and kept by nobody. It may wait for a network: it is called on threads that may.
    ///
    /// # Errors
    /// `NotFound` where it is nowhere; `ResourceBusy` where as many wait already as may; whatever is in the way.
    fn read(&self, id: Id, name: BlockName, place: std::ops::Range<u32>) -> io::Result<Bytes>;

    /// This is likely to be asked for next. Waits for nothing.
    fn ahead(&self, id: Id, name: BlockName, place: std::ops::Range<u32>) {
        let _ = (id, name, place);
    }
}

impl Around {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self {
            disk,
            elsewhere: OnceLock::new(),
            is_full: AtomicBool::new(false),
            wants_room: AtomicBool::new(false),
        })
    }

    /// Blocks that are not here are read there, from now on; said once.
    pub(crate) fn set_elsewhere(&self, elsewhere: Arc<dyn Elsewhere>) {
        // The first one stays.
        let _ = self.elsewhere.set(elsewhere);
    }

    pub(super) fn read_elsewhere(
        &self,
        id: Id,
        block: &Block,
        place: std::ops::Range<u32>,
    ) -> io::Result<Bytes> {
        let elsewhere = self.elsewhere.get().ok_or(io::ErrorKind::NotFound)?;
        let unit = block.table.unit(&place).ok_or(io::ErrorKind::NotFound)?;
        let bytes = elsewhere.read(id, block.name, unit.clone())?;
        if bytes.len() != unit.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let start = (place.start - unit.start) as usize;
        Ok(bytes.slice(start..start + place.len()))
    }

    /// What is not here and follows is made ready.
    fn ahead(&self, id: Id, name: BlockName, place: std::ops::Range<u32>) {
        if let Some(elsewhere) = self.elsewhere.get() {
            elsewhere.ahead(id, name, place);
        }
    }
}

impl Recording {
    /// One of which nodes have parts: `own`, where this one has some, and the others' blocks are read elsewhere.
    pub fn shared(view: View, own: Option<Arc<Self>>, elsewhere: Arc<dyn Elsewhere>) -> Self {
        let around = Around::new(Arc::new(NoDisk));
        around.set_elsewhere(elsewhere);
        let mut blocks = view.blocks;
        blocks
            .iter_mut()
            .for_each(|block| block.is_here &= own.is_some());
        let facts = &view.facts;
        Self {
            id: facts.id,
            folder: std::path::PathBuf::new(),
            disk: around.disk.clone(),
            around,
            stream: [facts.vhost.clone(), facts.app.clone(), facts.stream.clone()],
            state: Mutex::new(State {
                facts: view.facts,
                blocks,
                is_loaded: true,
            }),
            own,
            tapes: AtomicUsize::new(0),
            is_to_stop: AtomicBool::new(false),
        }
    }

    /// All bytes of a block to which nothing more comes.
    ///
    /// # Errors
    /// The disk's.
    pub fn whole(&self, name: BlockName) -> io::Result<Bytes> {
        let path = self.path_of(name, SEALED);
        let len = self.disk.len(&path)?;
        self.disk.read(&path, 0..len)
    }

    /// A block with this SHA-256 is in the store for good.
    ///
    /// # Errors
    /// The disk's.
    pub fn mark_stored(&self, name: BlockName, sha256: [u8; 32]) -> io::Result<()> {
        let view = self.view()?;
        let block = view.blocks.iter().find(|block| block.name == name);
        let block = block.ok_or(io::ErrorKind::NotFound)?;
        self.keep_mark(name, &block.table, sha256)?;
        self.change(name, |block| block.is_stored = true);
        Ok(())
    }

    /// Writes the mark of a block that is in the store.
    pub(crate) fn keep_mark(
        &self,
        name: BlockName,
        table: &Table,
        sha256: [u8; 32],
    ) -> io::Result<()> {
        let mark = [&sha256[..], &table.piece(name.epoch)].concat();
        self.disk.replace(&self.path_of(name, STORED), &mark)
    }

    /// Takes a block off this disk that is in the store. Says how many bytes that gave.
    ///
    /// # Errors
    /// The disk's; `InvalidInput` for one that is here alone.
    pub fn drop_here(&self, name: BlockName) -> io::Result<u64> {
        let view = self.view()?;
        let block = view.blocks.iter().find(|block| block.name == name);
        if !block.is_some_and(|block| block.is_stored && block.is_sealed) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = self.path_of(name, SEALED);
        let len = match self.disk.len(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            len => len?,
        };
        self.disk.remove(&path)?;
        self.change(name, |block| block.is_here = false);
        Ok(len)
    }

    /// All of it is in the store since `at_ms`.
    ///
    /// # Errors
    /// The disk's.
    pub fn mark_all_stored(&self, at_ms: i64) -> io::Result<()> {
        self.note(|facts| facts.stored_ms = Some(at_ms))
    }

    /// Whoever plays a segment plays the one behind it next: where that is not here, it is made ready.
    pub(super) fn read_ahead(&self, block: &Block, segment: &Segment) {
        if block.is_here {
            return;
        }
        let segments = &block.table.segments;
        let at = segments.partition_point(|one| one.msn <= segment.msn);
        let next = match segments.get(at) {
            Some(next) => Some((block.name, next.place.clone())),
            None => self.first_behind(block.name),
        };
        if let Some((name, place)) = next {
            self.around.ahead(self.id, name, place);
        }
    }

    /// The first segment of the block behind this one, where that is not here.
    fn first_behind(&self, name: BlockName) -> Option<(BlockName, std::ops::Range<u32>)> {
        let state = self.state.lock();
        let at = state.blocks.iter().position(|block| block.name == name)?;
        let next = state.blocks.get(at + 1).filter(|next| !next.is_here)?;
        let first = next.table.segments.first()?;
        Some((next.name, first.place.clone()))
    }

    fn change(&self, name: BlockName, change: impl FnOnce(&mut Block)) {
        let mut state = self.state.lock();
        let mut blocks = state.blocks.iter_mut();
        if let Some(block) = blocks.find(|block| block.name == name) {
            change(block);
        }
    }
}

/// Has nothing and takes nothing.
struct NoDisk;

impl Disk for NoDisk {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn create(&self, _: &Path, _: u64) -> io::Result<Box<dyn Appended>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn replace(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn cut(&self, _: &Path, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read(&self, _: &Path, _: std::ops::Range<u64>) -> io::Result<Bytes> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn len(&self, _: &Path) -> io::Result<u64> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
