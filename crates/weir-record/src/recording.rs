//! A recording: what is known of it, and its blocks as far as they are written.

mod facts;
mod picture;
mod shared;
mod stored;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use weir_base::{Id, StreamName};

use crate::block::{self, BlockName, Hole, Segment, Table};
use crate::disk::Disk;
use crate::epoch::Epoch;

pub use facts::{Facts, Owning};
pub use picture::MAX_POSTER_BYTES;
pub use shared::in_order;
pub(crate) use stored::Around;
pub use stored::Elsewhere;

/// The file in a recording's folder that has its [`Facts`].
const FACTS: &str = "facts.json";
/// Ending of a block that is written to.
pub(crate) const OPEN: &str = "open";
/// Ending of a block that is complete.
pub(crate) const SEALED: &str = "blk";
/// Ending of the mark of a block that is in the store.
const STORED: &str = "tbl";
/// Bytes from the end of a block in which its table is looked for first.
const TAIL_BYTES: u64 = 8 << 10;

/// A recording of this node's spool.
pub struct Recording {
    /// Its name for ever.
    pub id: Id,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    around: Arc<Around>,
    /// Virtual host, app and name of the stream: they never change.
    stream: [String; 3],
    state: Mutex<State>,
    /// What this node has of it itself, where other nodes have parts of it, too.
    own: Option<Arc<Recording>>,
    /// Who writes to it.
    tapes: AtomicUsize,
    /// Somebody wants it to end.
    is_to_stop: AtomicBool,
}

#[derive(Debug)]
struct State {
    facts: Facts,
    blocks: Vec<Block>,
    /// Blocks were looked for on the disk.
    is_loaded: bool,
}

/// A block of a recording.
#[derive(Debug, Clone)]
pub struct Block {
    /// Which.
    pub name: BlockName,
    /// What is in it.
    pub table: Arc<Table>,
    /// Nothing more comes.
    pub is_sealed: bool,
    /// It is in the store, as it is.
    pub is_stored: bool,
    /// It is on this disk.
    pub is_here: bool,
}

/// A recording's blocks at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// What it is of.
    pub facts: Facts,
    /// In the order of time.
    pub blocks: Vec<Block>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// A new one: its folder and its facts are on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn create(around: &Arc<Around>, root: &Path, facts: Facts) -> std::io::Result<Self> {
        let recording = Self::of(around, root, facts, true);
        recording.disk.make_folder(&recording.folder)?;
        recording.keep_facts()?;
        Ok(recording)
    }

    /// One that is on the disk; `None` where its facts make no sense.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn open(around: &Arc<Around>, root: &Path, id: Id) -> std::io::Result<Option<Self>> {
        let path = root.join(id.to_string()).join(FACTS);
        let bytes = around.disk.read(&path, 0..64 << 10)?;
        let facts: Option<Facts> = serde_json::from_slice(&bytes).ok();
        let facts = facts.filter(|facts| facts.id == id);
        Ok(facts.map(|facts| Self::of(around, root, facts, false)))
    }

    pub(crate) fn of(around: &Arc<Around>, root: &Path, facts: Facts, is_loaded: bool) -> Self {
        Self {
            id: facts.id,
            folder: root.join(facts.id.to_string()),
            disk: around.disk.clone(),
            around: around.clone(),
            stream: [facts.vhost.clone(), facts.app.clone(), facts.stream.clone()],
            state: Mutex::new(State {
                facts,
                blocks: Vec::new(),
                is_loaded,
            }),
            own: None,
            tapes: AtomicUsize::new(0),
            is_to_stop: AtomicBool::new(false),
        }
    }

    /// What it is of.
    pub fn facts(&self) -> Facts {
        self.state.lock().facts.clone()
    }

    /// Changes what is known of it, for good.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Facts)) -> std::io::Result<()> {
        change(&mut self.state.lock().facts);
        self.keep_facts()
    }

    pub(crate) fn keep_facts(&self) -> std::io::Result<()> {
        let facts = serde_json::to_vec(&self.facts()).map_err(std::io::Error::other)?;
        self.disk.replace(&self.folder.join(FACTS), &facts)
    }

    /// All that is there now. Reads the disk where that was not done yet: not for the media path.
    ///
    /// # Errors
    /// The disk's.
    pub fn view(&self) -> std::io::Result<View> {
        let mut state = self.state.lock();
        if !state.is_loaded {
            state.blocks = self.read_blocks()?;
            state.is_loaded = true;
        }
        Ok(View {
            facts: state.facts.clone(),
            blocks: state.blocks.clone(),
        })
    }

    /// The same without keeping what was read of the disk: for lists of many.
    ///
    /// # Errors
    /// The disk's.
    pub fn glance(&self) -> std::io::Result<View> {
        let state = self.state.lock();
        let blocks = match state.is_loaded {
            true => state.blocks.clone(),
            false => self.read_blocks()?,
        };
        Ok(View {
            facts: state.facts.clone(),
            blocks,
        })
    }

    /// Forgets what was read of the disk, unless it is written to.
    pub(crate) fn rest(&self) {
        let mut state = self.state.lock();
        if !self.is_taped() {
            (state.blocks, state.is_loaded) = (Vec::new(), false);
        }
    }

    /// Whether it is of this stream.
    pub fn is_of(&self, name: &StreamName) -> bool {
        let [vhost, app, stream] = &self.stream;
        vhost == name.vhost() && app == name.app() && stream == name.stream()
    }

    /// Wall clock at its beginning and at its end so far, Unix microseconds, where that is known without the disk and
    /// there is something.
    pub fn extent_us(&self) -> Option<(i64, i64)> {
        let state = self.state.lock();
        let of_block = |block: &Block| {
            let (first, last) = (block.table.segments.first()?, block.table.segments.last()?);
            Some((first.wall_us, last.end_us()))
        };
        let (from_us, _) = state.blocks.iter().find_map(of_block)?;
        let (_, to_us) = state.blocks.iter().rev().find_map(of_block)?;
        Some((from_us, to_us))
    }

    /// Whether somebody writes to it.
    pub fn is_taped(&self) -> bool {
        self.tapes.load(Ordering::Relaxed) > 0
    }

    /// Nobody has ended it.
    pub(crate) fn is_unended(&self) -> bool {
        self.state.lock().facts.ended_ms.is_none()
    }

    /// Somebody wants it to end, though the broadcast goes on.
    pub fn stop(&self) {
        self.is_to_stop.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wants it to end: for who gives it what is recorded.
    pub fn is_to_stop(&self) -> bool {
        self.is_to_stop.load(Ordering::Relaxed)
    }

    /// As much is here as may be.
    pub(crate) fn is_spool_full(&self) -> bool {
        self.around.is_full.load(Ordering::Relaxed)
    }

    /// The disk has no room for it.
    pub(crate) fn want_room(&self) {
        self.around.wants_room.store(true, Ordering::Relaxed);
    }

    /// Whether a crash has left it: nobody has ended it, and nobody writes to it.
    pub(crate) fn is_left(&self) -> bool {
        !self.is_taped() && self.state.lock().facts.ended_ms.is_none()
    }

    pub(crate) fn begin_tape(&self) {
        self.tapes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_tape(&self) {
        self.tapes.fetch_sub(1, Ordering::Relaxed);
    }

    /// The blocks of the disk, by their tables or, where these are missing, by their pieces; and those in the store
    /// alone, by their marks.
    fn read_blocks(&self) -> std::io::Result<Vec<Block>> {
        let mut found: BTreeMap<BlockName, Vec<Ending>> = BTreeMap::new();
        for file in self.disk.list(&self.folder)? {
            if let Some((name, ending)) = parse_file_name(&file) {
                found.entry(name).or_default().push(ending);
            }
        }
        let mut blocks = Vec::with_capacity(found.len());
        for (name, endings) in found {
            let has = |ending| endings.contains(&ending);
            let (is_sealed, is_here) = (
                !has(Ending::Open),
                !endings.iter().all(|one| *one == Ending::Stored),
            );
            let ending = match (is_here, is_sealed) {
                (true, true) => SEALED,
                (true, false) => OPEN,
                (false, _) => STORED,
            };
            let path = self.path_of(name, ending);
            let table = match self.table_at_end(&path, self.disk.len(&path)?)? {
                Some(table) => table,
                None if is_here => self.scan(&path)?,
                None => {
                    tracing::warn!(recording = %self.id, "the mark {} is damaged: rebuild it", path.display());
                    continue;
                }
            };
            blocks.push(Block {
                name,
                table: Arc::new(table),
                is_sealed,
                is_stored: has(Ending::Stored),
                is_here,
            });
        }
        in_order(&mut blocks);
        Ok(blocks)
    }

    /// Closes blocks that a crash has left open, each behind its last whole piece.
    pub(crate) fn mend(&self) -> std::io::Result<()> {
        for file in self.disk.list(&self.folder)? {
            let Some((name, Ending::Open)) = parse_file_name(&file) else {
                continue;
            };
            let path = self.path_of(name, OPEN);
            let table = self.scan(&path)?;
            if table.segments.is_empty() {
                self.disk.remove(&path)?;
                continue;
            }
            self.disk.cut(&path, u64::from(table.len))?;
            self.disk.rename(&path, &self.path_of(name, SEALED))?;
        }
        Ok(())
    }

    /// The table of a block's pieces.
    fn scan(&self, path: &Path) -> std::io::Result<Table> {
        let most = block::MAX_BLOCK_BYTES as u64;
        let mut table = Table::scan(&self.disk.read(path, 0..most)?);
        table.close();
        Ok(table)
    }

    fn table_at_end(&self, path: &Path, len: u64) -> std::io::Result<Option<Table>> {
        let tail = |bytes: u64| self.disk.read(path, len.saturating_sub(bytes)..len);
        let first = tail(TAIL_BYTES)?;
        let needed = Table::bytes_at_end(&first) as u64;
        match needed {
            0 => Ok(None),
            _ if needed <= first.len() as u64 => Ok(Table::at_end(&first)),
            _ => Ok(Table::at_end(&tail(needed)?)),
        }
    }

    /// The number that the next block of an epoch gets.
    pub(crate) fn next_number(&self, epoch: Epoch) -> std::io::Result<u32> {
        let view = self.view()?;
        let own = view.blocks.iter().filter(|block| block.name.epoch == epoch);
        Ok(own.map(|block| block.name.number + 1).max().unwrap_or(0))
    }

    /// Shows what a block has now.
    pub(crate) fn show(&self, name: BlockName, table: &Table, is_sealed: bool) {
        let mut state = self.state.lock();
        let block = Block {
            name,
            table: Arc::new(table.clone()),
            is_sealed,
            is_stored: false,
            is_here: true,
        };
        match state.blocks.iter_mut().rev().find(|own| own.name == name) {
            Some(own) => *own = block,
            None => state.blocks.push(block),
        }
    }

    /// Where a block is, or will be.
    pub(crate) fn path_of(&self, name: BlockName, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    /// The bytes of a segment or an init segment, checked. Reads the disk: not for the media path.
    ///
    /// # Errors
    /// The disk's, and `InvalidData` where it has not what was written.
    pub fn media(&self, block: &Block, segment: &Segment) -> std::io::Result<Vec<Bytes>> {
        let span = self.read(block, segment.place.clone())?;
        self.read_ahead(block, segment);
        let damaged = |bad| std::io::Error::new(std::io::ErrorKind::InvalidData, bad);
        block::media(&span).map_err(damaged)
    }

    /// The bytes of segments in a row, as [`Recording::media`].
    ///
    /// # Errors
    /// The disk's, and `InvalidData` where it has not what was written.
    pub fn media_of(&self, block: &Block, segments: &[Segment]) -> std::io::Result<Vec<Bytes>> {
        let each = segments.iter().map(|segment| self.media(block, segment));
        Ok(each.collect::<std::io::Result<Vec<_>>>()?.concat())
    }

    /// The bytes at a place of a block.
    ///
    /// # Errors
    /// The disk's, and `UnexpectedEof` where it has fewer.
    pub fn read(&self, block: &Block, place: std::ops::Range<u32>) -> std::io::Result<Bytes> {
        if !block.is_here {
            return self.around.read_elsewhere(self.id, block, place);
        }
        if let Some(own) = &self.own {
            return own.read(block, place);
        }
        let range = u64::from(place.start)..u64::from(place.end);
        let read = |ending| {
            let path = self.path_of(block.name, ending);
            self.disk.read(&path, range.clone())
        };
        let (first, otherwise) = match block.is_sealed {
            true => (SEALED, OPEN),
            false => (OPEN, SEALED),
        };
        let bytes = match read(first) {
            // It was sealed meanwhile, or could not be renamed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match read(otherwise) {
                // It left this disk meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && block.is_stored => {
                    return self.around.read_elsewhere(self.id, block, place);
                }
                bytes => bytes?,
            },
            bytes => bytes?,
        };
        match bytes.len() == place.len() {
            true => Ok(bytes),
            false => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl View {
    /// Each segment that is complete, with its block, in order.
    pub fn segments(&self) -> impl Iterator<Item = (&Block, &Segment)> {
        self.blocks.iter().flat_map(|block| {
            let of_block = block.table.segments.iter();
            of_block.map(move |segment| (block, segment))
        })
    }

    /// What is missing in it.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.blocks.iter().flat_map(|block| &block.table.holes)
    }

    /// Microseconds that it lasts.
    pub fn duration_us(&self) -> i64 {
        self.blocks
            .iter()
            .map(|block| block.table.duration_us())
            .sum()
    }

    /// Wall clock at its end, Unix microseconds; 0 where it has nothing.
    pub fn end_us(&self) -> i64 {
        self.segments()
            .map(|(_, one)| one.end_us())
            .max()
            .unwrap_or(0)
    }

    /// The segment of this number in this epoch.
    pub fn segment(&self, epoch: &str, msn: u64) -> Option<(&Block, &Segment)> {
        self.of_epoch(epoch).find_map(|block| {
            let at = block
                .table
                .segments
                .binary_search_by_key(&msn, |one| one.msn);
            Some((block, block.table.segments.get(at.ok()?)?))
        })
    }

    /// So many segments from this number on, where they follow one another in one block.
    pub fn segments_in_a_row(
        &self,
        epoch: &str,
        msn: u64,
        count: u32,
    ) -> Option<(&Block, &[Segment])> {
        let (block, _) = self.segment(epoch, msn)?;
        let all = &block.table.segments;
        let at = all.binary_search_by_key(&msn, |one| one.msn).ok()?;
        let row = all.get(at..at.checked_add(count as usize)?)?;
        let first = row.first()?;
        let follows = |(at, one): (usize, &Segment)| {
            one.msn == msn + at as u64
                && one.init_id == first.init_id
                && !(at > 0 && one.is_discontinuity)
        };
        row.iter().enumerate().all(follows).then_some((block, row))
    }

    /// A block with this init segment of this epoch, and where in it that is.
    pub fn init(&self, epoch: &str, id: u32) -> Option<(&Block, std::ops::Range<u32>)> {
        self.of_epoch(epoch)
            .find_map(|block| Some((block, block.table.init(id)?)))
    }

    fn of_epoch(&self, epoch: &str) -> impl Iterator<Item = &Block> {
        self.blocks
            .iter()
            .filter(move |block| block.name.epoch.as_str() == epoch)
    }
}

/// When a block begins, by its first segment.
pub(crate) fn begin_of(table: &Table) -> i64 {
    let first = table.segments.first().or(table.open.as_ref());
    first.map_or(i64::MAX, |segment| segment.wall_us)
}

/// What a file of a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Open,
    Sealed,
    Stored,
}

/// The block that a file is of, and what of it.
pub(crate) fn parse_file_name(name: &str) -> Option<(BlockName, Ending)> {
    let (stem, ending) = name.rsplit_once('.')?;
    let ending = match ending {
        SEALED => Ending::Sealed,
        OPEN => Ending::Open,
        STORED => Ending::Stored,
        _ => return None,
    };
    Some((BlockName::parse(stem)?, ending))
}
