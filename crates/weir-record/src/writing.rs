//! One recording on its way to the disk: what is given is appended to blocks, and what the disk does not take is
//! a hole. Run by a thread that may wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_base::{Backoff, BackoffPlan, Dice};
use weir_media::hls::Recorded;

use crate::block::{BLOCK_BYTES, BLOCK_US, BlockName, HoleCause, Table};
use crate::disk::{Appended, Disk};
use crate::epoch::Epoch;
use crate::piece::{PieceHead, PieceKind};
use crate::recording::{OPEN, Recording, SEALED};
use crate::samples::Gathering;

/// Between two tries of a disk that failed or is full.
const AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(30),
    steady: Duration::from_secs(10),
};

/// What a packager made, in order.
#[derive(Debug, Clone)]
pub enum Given {
    /// From here on an init segment of this id is needed.
    Init {
        /// Its number in its epoch.
        id: u32,
        /// `ftyp` and `moov`.
        bytes: Bytes,
    },
    /// A part of a segment, or all of one.
    Part(Part),
    /// The segment of this number is complete, and lasts so many microseconds.
    SegmentEnd {
        /// Media sequence number.
        msn: u64,
        /// Microseconds that it lasts.
        duration_us: u32,
        /// Pictures in it.
        pictures: u32,
    },
    /// Something is missing from here on, up to the next part.
    Missing(HoleCause),
    /// No segment rounds to more than so many seconds.
    Target(u32),
}

/// A part of a segment as a packager made it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Media sequence number of its segment.
    pub msn: u64,
    /// Which part of it.
    pub index: u32,
    /// Wall clock at its start, Unix microseconds.
    pub wall_us: i64,
    /// Microseconds that it lasts.
    pub duration_us: u32,
    /// The init segment that it needs.
    pub init_id: u32,
    /// Begins with a keyframe.
    pub is_independent: bool,
    /// Its segment begins with another clock or other codecs than the one before had.
    pub is_discontinuity: bool,
    /// `moof` and `mdat`.
    pub bytes: Bytes,
}

impl From<Recorded> for Given {
    fn from(recorded: Recorded) -> Self {
        let us = |us: i64| u32::try_from(us).unwrap_or(u32::MAX);
        match recorded {
            Recorded::Init { id, bytes } => Self::Init { id, bytes },
            Recorded::Part {
                msn,
                index,
                wall_us,
                duration_us,
                init_id,
                is_independent,
                is_discontinuity,
                bytes,
            } => Self::Part(Part {
                msn,
                index,
                wall_us,
                duration_us: us(duration_us),
                init_id,
                is_independent,
                is_discontinuity,
                bytes,
            }),
            Recorded::SegmentEnd {
                msn,
                duration_us,
                pictures,
            } => Self::SegmentEnd {
                msn,
                duration_us: us(duration_us),
                pictures,
            },
            Recorded::Missed => Self::Missing(HoleCause::Slow),
        }
    }
}

/// One recording in one epoch, with the block that is open.
pub(crate) struct Writing {
    recording: Arc<Recording>,
    disk: Arc<dyn Disk>,
    epoch: Epoch,
    next_number: u32,
    init: Option<(u32, Bytes)>,
    open: Option<OpenBlock>,
    /// Nothing can be written, or something was missed: until a segment begins.
    missing: Option<Missing>,
    again: Backoff,
    /// When the disk is tried next, and was last seen to work, microseconds of the caller's clock.
    again_at_us: i64,
    works_since_us: Option<i64>,
    /// The end of what was written, Unix microseconds.
    end_us: Option<i64>,
    /// The first segment of this epoch follows something else.
    is_joined: bool,
}

struct OpenBlock {
    name: BlockName,
    file: Box<dyn Appended>,
    table: Table,
    init_id: Option<u32>,
    is_dirty: bool,
    samples: Gathering,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    cause: HoleCause,
    /// From when on, Unix microseconds; `None`: from the next part on.
    from_us: Option<i64>,
}

impl Writing {
    /// Goes on with `recording` in an epoch of its own.
    pub(crate) fn new(
        recording: Arc<Recording>,
        disk: Arc<dyn Disk>,
        epoch: Epoch,
    ) -> io::Result<Self> {
        let view = recording.view()?;
        let last = view.segments().last().map(|(_, segment)| segment.end_us());
        Ok(Self {
            next_number: recording.next_number(epoch)?,
            is_joined: last.is_some(),
            end_us: last,
            recording,
            disk,
            epoch,
            init: None,
            open: None,
            missing: None,
            again: Backoff::new(AGAIN, Dice::system()),
            again_at_us: 0,
            works_since_us: None,
        })
    }

    /// Takes what comes next; `now_us` is the caller's clock.
    pub(crate) fn take(&mut self, given: Given, now_us: i64) {
        match given {
            Given::Init { id, bytes } => self.init = Some((id, bytes)),
            Given::Part(part) => self.part(part, now_us),
            Given::SegmentEnd {
                msn,
                duration_us,
                pictures,
            } => {
                self.end_segment(msn, duration_us, pictures, now_us);
            }
            Given::Missing(cause) => self.miss(cause, None),
            Given::Target(target_s) => self.promise(target_s),
        }
    }

    fn promise(&self, target_s: u32) {
        if self.recording.facts().target_s >= target_s {
            return;
        }
        if let Err(error) = self.recording.note(|facts| facts.target_s = target_s) {
            tracing::warn!(recording = %self.recording.id, "its facts were not written: {error}");
        }
    }

    fn part(&mut self, part: Part, now_us: i64) {
        let open_msn = self
            .open
            .as_ref()
            .and_then(|open| open.table.open.as_ref())
            .map(|open| open.msn);
        let begins = part.index == 0 && open_msn != Some(part.msn);
        if self.missing.is_some() && (!begins || now_us < self.again_at_us) {
            self.miss(HoleCause::Other, Some(part.wall_us));
            return;
        }
        match self.try_part(&part, begins) {
            Ok(()) => drop(self.works_since_us.get_or_insert(now_us)),
            Err(error) => self.fail(&error, part.wall_us, now_us),
        }
    }

    fn try_part(&mut self, part: &Part, begins: bool) -> io::Result<()> {
        if begins && self.open.as_ref().is_some_and(|open| open.is_full()) {
            self.seal()?;
        }
        if self.open.is_none() {
            self.open = Some(self.begin_block()?);
        }
        let hole = self.missing.take();
        let (epoch, joined) = (self.epoch, std::mem::take(&mut self.is_joined));
        let init = self.init.clone().filter(|(id, _)| *id == part.init_id);
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.table.len == 0 {
            open.append(
                head(PieceKind::Facts, epoch),
                &self.recording.facts().told()?,
            )?;
        }
        if let Some(missing) = hole {
            let from_us = missing.from_us.or(self.end_us).unwrap_or(part.wall_us);
            let duration_us = u32::try_from((part.wall_us - from_us).max(0)).unwrap_or(u32::MAX);
            let head = PieceHead {
                wall_us: from_us,
                duration_us,
                init_id: missing.cause.number(),
                ..head(PieceKind::Hole, epoch)
            };
            open.append(head, &[])?;
        }
        if let Some((id, bytes)) = init
            && open.init_id != Some(id)
        {
            let head = PieceHead {
                init_id: id,
                ..head(PieceKind::Init, epoch)
            };
            open.append(head, &bytes)?;
            open.init_id = Some(id);
        }
        let head = PieceHead {
            msn: part.msn,
            part: part.index,
            wall_us: part.wall_us,
            duration_us: part.duration_us,
            init_id: part.init_id,
            is_independent: part.is_independent,
            is_discontinuity: begins && (part.is_discontinuity || joined || hole.is_some()),
            ..head(PieceKind::Part, epoch)
        };
        open.append(head, &part.bytes)?;
        open.note_samples(&part.bytes);
        self.end_us = Some(part.wall_us + i64::from(part.duration_us));
        Ok(())
    }

    fn end_segment(&mut self, msn: u64, duration_us: u32, pictures: u32, now_us: i64) {
        let (epoch, end_us) = (self.epoch, self.end_us);
        let Some(open) = &mut self.open else { return };
        if open.table.open.as_ref().is_none_or(|open| open.msn != msn) {
            return;
        }
        let head = PieceHead {
            msn,
            duration_us,
            pictures,
            ..head(PieceKind::SegmentEnd, epoch)
        };
        match open.append(head, &[]) {
            Ok(()) => self.show(),
            Err(error) => self.fail(&error, end_us.unwrap_or(0), now_us),
        }
    }

    /// Makes what was written outlive a loss of power.
    pub(crate) fn sync(&mut self, now_us: i64) {
        let Some(open) = self.open.as_mut().filter(|open| open.is_dirty) else {
            return;
        };
        open.is_dirty = false;
        if let Err(error) = open.file.sync() {
            let end_us = self.end_us.unwrap_or(0);
            self.fail(&error, end_us, now_us);
        }
    }

    /// What it writes to.
    pub(crate) const fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    /// Nothing more comes from this epoch, nor from any where the broadcast was over at `ended_ms`.
    pub(crate) fn end(&mut self, ended_ms: Option<i64>) -> io::Result<()> {
        let sealed = self.seal();
        if ended_ms.is_some() {
            self.recording.note(|facts| facts.ended_ms = ended_ms)?;
        }
        sealed
    }

    fn begin_block(&mut self) -> io::Result<OpenBlock> {
        let name = BlockName {
            epoch: self.epoch,
            number: self.next_number,
        };
        if self.recording.is_spool_full() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.next_number += 1;
        let path = self.recording.path_of(name, OPEN);
        let file = self.disk.create(&path, BLOCK_BYTES as u64)?;
        Ok(OpenBlock {
            name,
            file,
            table: Table::default(),
            init_id: None,
            is_dirty: false,
            samples: Gathering::default(),
        })
    }

    /// Ends the open block with its table.
    fn seal(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        open.table.close();
        if let Some(samples) = open.samples.take()
            && let Err(error) = open.append(head(PieceKind::Samples, self.epoch), &samples)
        {
            self.put_away(&open);
            return Err(error);
        }
        let written = open.file.append(&[&open.table.piece(self.epoch)]);
        let synced = written.and_then(|()| open.file.close());
        self.put_away(&open);
        synced
    }

    /// Gives a block its lasting name. Where even that fails it is found by its other one.
    fn put_away(&self, open: &OpenBlock) {
        let from = self.recording.path_of(open.name, OPEN);
        let to = self.recording.path_of(open.name, SEALED);
        if let Err(error) = self.disk.rename(&from, &to) {
            tracing::warn!(recording = %self.recording.id, "a block keeps its name, {}: {error}", from.display());
        }
        self.recording.show(open.name, &open.table, true);
    }

    fn fail(&mut self, error: &io::Error, wall_us: i64, now_us: i64) {
        let cause = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => HoleCause::Full,
            _ => HoleCause::Failed,
        };
        if cause == HoleCause::Full {
            self.recording.want_room();
        }
        if let Some(since_us) = self.works_since_us.take() {
            let lasted_us = u64::try_from(now_us - since_us).unwrap_or(0);
            self.again.worked(Duration::from_micros(lasted_us));
        }
        let pause = self.again.failed();
        self.again_at_us = now_us + i64::try_from(pause.as_micros()).unwrap_or(i64::MAX / 2);
        if self.again.is_worth_a_line() {
            tracing::warn!(recording = %self.recording.id, "the disk does not take it, it is tried again: {error}");
        }
        // What stands behind the last whole piece is not known: nothing is appended to this file again.
        if let Some(mut open) = self.open.take() {
            open.table.close();
            self.put_away(&open);
        }
        self.miss(cause, Some(wall_us));
    }

    fn miss(&mut self, cause: HoleCause, from_us: Option<i64>) {
        let missing = self.missing.get_or_insert(Missing { cause, from_us });
        missing.from_us = missing.from_us.or(self.end_us).or(from_us);
    }

    fn show(&self) {
        if let Some(open) = &self.open {
            self.recording.show(open.name, &open.table, false);
        }
    }
}

impl OpenBlock {
    fn append(&mut self, head: PieceHead, bytes: &[u8]) -> io::Result<()> {
        let head = PieceHead {
            len: bytes.len() as u32,
            ..head
        };
        self.is_dirty = true;
        self.file.append(&[&head.encode(bytes), bytes])?;
        self.table.note(&head);
        Ok(())
    }

    /// Takes up the samples of the part that was appended last.
    fn note_samples(&mut self, part: &Bytes) {
        if let Some(segment) = &self.table.open {
            let at = segment.bytes.saturating_sub(part.len() as u32);
            self.samples.note(self.table.segments.len(), at, part);
        }
    }

    fn is_full(&self) -> bool {
        self.table.len as usize >= BLOCK_BYTES || self.table.duration_us() >= BLOCK_US
    }
}

const fn head(kind: PieceKind, epoch: Epoch) -> PieceHead {
    PieceHead {
        kind,
        epoch,
        is_independent: false,
        is_discontinuity: false,
        msn: 0,
        part: 0,
        wall_us: 0,
        duration_us: 0,
        init_id: 0,
        pictures: 0,
        len: 0,
    }
}

#[cfg(test)]
mod tests;
