//! A block: some segments of one life of a packager, with the init segments that they need, in a file of its own.
//! Its table says where what stands; it is made of the pieces' heads alone, so it can be made again.

use std::ops::Range;

use bytes::{Buf as _, BufMut as _, Bytes};

use crate::epoch::Epoch;
use crate::piece::{BadPiece, HEAD_BYTES, MAX_PIECE_BYTES, PieceHead, PieceKind};

/// Bytes of a block beyond which no segment begins in it. 17 times fewer files than a file for each segment
/// of two seconds at 4 Mbit/s.
pub const BLOCK_BYTES: usize = 16 << 20;
/// Microseconds of a block beyond which no segment begins in it.
pub const BLOCK_US: i64 = 60_000_000;
/// Bytes of a block at most: one that is nearly full, and one more segment.
pub const MAX_BLOCK_BYTES: usize = 2 * BLOCK_BYTES + MAX_PIECE_BYTES;
/// Segments of a block at most; more are not believed of a table.
pub(crate) const MAX_SEGMENTS: usize = 4096;

/// Which of a recording's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockName {
    /// Whose segments are in it.
    pub epoch: Epoch,
    /// Which of them: they count from 0 in each epoch.
    pub number: u32,
}

impl BlockName {
    /// The name that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.rsplit_once('-')?;
        let (epoch, number) = (Epoch::new(epoch)?, number.parse().ok()?);
        Some(Self { epoch, number })
    }
}

impl std::fmt::Display for BlockName {
    /// `lq3k9x01-000007`: in names of files and objects.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:06}", self.epoch, self.number)
    }
}

/// A segment in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number in its epoch.
    pub msn: u64,
    /// Wall clock at its start, Unix microseconds.
    pub wall_us: i64,
    /// Microseconds that it lasts.
    pub duration_us: u32,
    /// The init segment that it needs.
    pub init_id: u32,
    /// What comes before it in the recording has another clock or other codecs, or is missing.
    pub is_discontinuity: bool,
    /// Begins with a keyframe.
    pub is_independent: bool,
    /// Its pieces, heads and all, in the block.
    pub place: Range<u32>,
    /// Bytes of media in it.
    pub bytes: u32,
}

impl Segment {
    /// Wall clock at its end, Unix microseconds.
    pub fn end_us(&self) -> i64 {
        self.wall_us.saturating_add(i64::from(self.duration_us))
    }
}

/// Where nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Wall clock at its start, Unix microseconds.
    pub wall_us: i64,
    /// Microseconds that it lasts.
    pub duration_us: u32,
    /// Why.
    pub cause: HoleCause,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoleCause {
    /// The disk did not keep up, and the stream waits for nobody.
    Slow,
    /// The disk was full.
    Full,
    /// The disk failed.
    Failed,
    /// Another origin had to take the stream over. Stands in no block: it is seen where those of two nodes meet.
    Origin,
    /// A cause of a release that is not known.
    Other,
}

impl HoleCause {
    /// As a word of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Origin => "origin",
            Self::Other => "other",
        }
    }

    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Slow => 1,
            Self::Full => 2,
            Self::Failed => 3,
            Self::Origin => 4,
            Self::Other => 0,
        }
    }

    const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Slow,
            2 => Self::Full,
            3 => Self::Failed,
            4 => Self::Origin,
            _ => Self::Other,
        }
    }
}

/// What is in a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Segments that are complete, in order.
    pub segments: Vec<Segment>,
    /// Init segments: ids, and their bytes in the block.
    pub inits: Vec<(u32, Range<u32>)>,
    /// What is missing before or between segments.
    pub holes: Vec<Hole>,
    /// The segment whose end is still to come; of a block that was torn off, its last one.
    pub open: Option<Segment>,
    /// Where the samples of its segments are told, head and all; none where they are not.
    pub samples: Option<Range<u32>>,
    /// Bytes of whole pieces.
    pub len: u32,
}

impl Table {
    /// Takes up the next piece, that stands at [`Table::len`].
    pub fn note(&mut self, head: &PieceHead) {
        let start = self.len;
        let end = start.saturating_add(head.whole_len() as u32);
        self.len = end;
        let bytes = start.saturating_add(HEAD_BYTES as u32)..end;
        match head.kind {
            PieceKind::Init => self.inits.push((head.init_id, bytes)),
            PieceKind::Part => self.part(head, start..end),
            PieceKind::SegmentEnd => self.end_segment(head),
            PieceKind::Hole => self.holes.push(Hole {
                wall_us: head.wall_us,
                duration_us: head.duration_us,
                cause: HoleCause::from_number(head.init_id),
            }),
            PieceKind::Samples => self.samples = Some(start..end),
            PieceKind::Table | PieceKind::Facts => {}
        }
    }

    fn part(&mut self, head: &PieceHead, place: Range<u32>) {
        if self.open.as_ref().is_some_and(|open| open.msn != head.msn) {
            self.close();
        }
        match &mut self.open {
            Some(open) => {
                open.duration_us = open.duration_us.saturating_add(head.duration_us);
                open.bytes = open.bytes.saturating_add(head.len);
                open.place.end = place.end;
            }
            None => {
                self.open = Some(Segment {
                    msn: head.msn,
                    wall_us: head.wall_us,
                    duration_us: head.duration_us,
                    init_id: head.init_id,
                    is_discontinuity: head.is_discontinuity,
                    is_independent: head.is_independent,
                    place,
                    bytes: head.len,
                });
            }
        }
    }

    fn end_segment(&mut self, head: &PieceHead) {
        if let Some(open) = &mut self.open
            && open.msn == head.msn
        {
            open.duration_us = head.duration_us;
            self.close();
        }
    }

    /// Nothing more comes: the segment that was not ended ends with its last part.
    pub fn close(&mut self) {
        self.segments.extend(self.open.take());
    }

    /// Of pieces that stand in a row, until one is not whole.
    pub fn scan(block: &[u8]) -> Self {
        let mut table = Self::default();
        while let Some(rest) = block.get(table.len as usize..)
            && let Ok(head) = whole_piece(rest)
            && head.kind != PieceKind::Table
        {
            table.note(&head);
        }
        table
    }

    /// Where in the block the bytes of an init segment are.
    pub fn init(&self, id: u32) -> Option<Range<u32>> {
        let mut inits = self.inits.iter().rev();
        inits
            .find(|(own, _)| *own == id)
            .map(|(_, place)| place.clone())
    }

    /// The bytes around a place that can be checked by themselves: a segment, an init segment or the samples, head and
    /// all. None where it is inside none of them.
    pub(crate) fn unit(&self, place: &Range<u32>) -> Option<Range<u32>> {
        let segments = self.segments.iter().map(|one| one.place.clone());
        let head = HEAD_BYTES as u32;
        let inits = self.inits.iter();
        let inits = inits.map(|(_, place)| place.start.saturating_sub(head)..place.end);
        let mut units = segments.chain(inits).chain(self.samples.clone());
        units.find(|unit| unit.start <= place.start && place.end <= unit.end)
    }

    /// Microseconds that its segments last.
    pub fn duration_us(&self) -> i64 {
        self.segments
            .iter()
            .map(|one| i64::from(one.duration_us))
            .sum()
    }

    /// As the bytes of a piece of [`PieceKind::Table`]. Their last four are the length of the whole piece, so
    /// that it is found from the end of the block.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.segments.len() * 40);
        for count in [self.segments.len(), self.inits.len(), self.holes.len()] {
            out.put_u32(count as u32);
        }
        for one in &self.segments {
            out.put_u64(one.msn);
            out.put_i64(one.wall_us);
            out.put_u32(one.duration_us);
            out.put_u32(one.init_id);
            out.put_u32(u32::from(one.is_discontinuity) | u32::from(one.is_independent) << 1);
            out.put_u32(one.place.start);
            out.put_u32(one.place.end);
            out.put_u32(one.bytes);
        }
        for (id, place) in &self.inits {
            out.put_u32(*id);
            out.put_u32(place.start);
            out.put_u32(place.end);
        }
        for hole in &self.holes {
            out.put_i64(hole.wall_us);
            out.put_u32(hole.duration_us);
            out.put_u32(hole.cause.number());
        }
        out.put_u32(self.len);
        if let Some(place) = &self.samples {
            out.put_u32(place.start);
            out.put_u32(place.end);
        }
        let whole = HEAD_BYTES + out.len() + size_of::<u32>();
        out.put_u32(whole as u32);
        out
    }

    /// As the piece that ends a block of this epoch.
    pub fn piece(&self, epoch: Epoch) -> Vec<u8> {
        let table = self.encode();
        let head = PieceHead {
            kind: PieceKind::Table,
            is_independent: false,
            is_discontinuity: false,
            epoch,
            msn: 0,
            part: 0,
            wall_us: 0,
            duration_us: 0,
            init_id: 0,
            pictures: 0,
            len: table.len() as u32,
        };
        [&head.encode(&table)[..], &table].concat()
    }

    /// Reads what [`Table::encode`] wrote; `None` where it makes no sense.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut at = bytes;
        let mut u32 = || at.try_get_u32().ok();
        let counts = [u32()?, u32()?, u32()?].map(|count| count as usize);
        if counts.iter().any(|count| *count > MAX_SEGMENTS) {
            return None;
        }
        let mut table = Self::default();
        for _ in 0..counts[0] {
            let (msn, wall_us) = (at.try_get_u64().ok()?, at.try_get_i64().ok()?);
            let mut u32 = || at.try_get_u32().ok();
            let (duration_us, init_id, flags) = (u32()?, u32()?, u32()?);
            let (start, end, bytes) = (u32()?, u32()?, u32()?);
            table.segments.push(Segment {
                msn,
                wall_us,
                duration_us,
                init_id,
                is_discontinuity: flags & 1 != 0,
                is_independent: flags & 2 != 0,
                place: start..end,
                bytes,
            });
        }
        for _ in 0..counts[1] {
            let mut u32 = || at.try_get_u32().ok();
            let (id, start, end) = (u32()?, u32()?, u32()?);
            table.inits.push((id, start..end));
        }
        for _ in 0..counts[2] {
            table.holes.push(Hole {
                wall_us: at.try_get_i64().ok()?,
                duration_us: at.try_get_u32().ok()?,
                cause: HoleCause::from_number(at.try_get_u32().ok()?),
            });
        }
        table.len = at.try_get_u32().ok()?;
        // The length of the piece is last.
        if at.remaining() > size_of::<u32>() {
            table.samples = Some(at.try_get_u32().ok()?..at.try_get_u32().ok()?);
        }
        let fits = |place: &Range<u32>| place.start <= place.end && place.end <= table.len;
        let segments_fit = table.segments.iter().all(|one| fits(&one.place));
        let inits_fit = table.inits.iter().all(|(_, place)| fits(place));
        let samples_fit = table.samples.iter().all(fits);
        (segments_fit && inits_fit && samples_fit).then_some(table)
    }

    /// The table at the end of a block, of whose last bytes this is a copy; `None` where it has none, or where
    /// these are too few.
    pub fn at_end(tail: &[u8]) -> Option<Self> {
        let len = u32::from_be_bytes(*tail.last_chunk::<4>()?) as usize;
        let whole = tail.get(tail.len().checked_sub(len)?..)?;
        let head = PieceHead::decode(whole).ok()?;
        PieceHead::check(whole).ok()?;
        let is_table = head.kind == PieceKind::Table && head.whole_len() == len;
        is_table.then(|| Self::decode(&whole[HEAD_BYTES..]))?
    }

    /// Bytes at the end of a block, of which these are the last ones, that its table needs; 0 where it has none.
    pub fn bytes_at_end(tail: &[u8]) -> usize {
        let len = tail
            .last_chunk::<4>()
            .map_or(0, |len| u32::from_be_bytes(*len));
        let most = HEAD_BYTES + 64 * MAX_SEGMENTS;
        if (len as usize) < most {
            len as usize
        } else {
            0
        }
    }
}

/// The bytes of media of a segment: `span` is its place in the block.
///
/// # Errors
/// Where these are no whole pieces, as on a disk that forgets.
pub fn media(span: &Bytes) -> Result<Vec<Bytes>, BadPiece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = span.get(at..).filter(|rest| !rest.is_empty()) {
        let head = whole_piece(rest)?;
        let end = at + head.whole_len();
        if head.kind == PieceKind::Part {
            pieces.push(span.slice(at + HEAD_BYTES..end));
        }
        at = end;
    }
    Ok(pieces)
}

/// Whether these are whole pieces, one behind the other, as they were written.
pub fn is_whole(span: &[u8]) -> bool {
    let mut rest = span;
    while !rest.is_empty() {
        let Ok(head) = whole_piece(rest) else {
            return false;
        };
        rest = rest.get(head.whole_len()..).unwrap_or_default();
    }
    true
}

pub(crate) fn whole_piece(bytes: &[u8]) -> Result<PieceHead, BadPiece> {
    let head = PieceHead::decode(bytes)?;
    let whole = bytes.get(..head.whole_len()).ok_or(BadPiece::Short)?;
    PieceHead::check(whole)?;
    Ok(head)
}
