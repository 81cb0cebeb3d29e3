//! Fragmented MP4 as live publishers send it (MediaRecorder, ffmpeg): bytes cut anywhere in,
//! [`Event`]s out, each sample as soon as its bytes are there (ISO/IEC 14496-12) and it is not far
//! ahead of the other track.
//!
//! Movie and fragment headers are held until they are whole; media data passes through sample by
//! sample.
//! Edit lists, indexes and sample tables are not read: whole files are [`super::read`]'s.

mod fragment;
mod movie;
mod order;

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use self::fragment::Pending;
use self::movie::Track;
use self::order::Order;
pub use self::order::{MAX_AHEAD_BYTES, MAX_AHEAD_US};
use crate::flv::Event;
use crate::ingest::assembler::Assembler;
use crate::{MediaError, Result};

/// Largest sample, in bytes: as large as an FLV tag can be. A 4K keyframe stays under 4 MiB.
pub const MAX_SAMPLE_BYTES: u32 = 16 << 20;
/// Largest `moov`, in bytes: that of a live stream has no sample tables.
const MAX_MOOV_BYTES: u64 = 1 << 20;
/// Largest `moof`, in bytes: [`fragment::MAX_SAMPLES`] with 16 bytes each, and heads.
const MAX_MOOF_BYTES: u64 = 1 << 20;
/// Largest other box passed over, in bytes. A size beyond it is a lie, and believing it would
/// swallow the stream without a word.
const MAX_SKIPPED_BYTES: u64 = 64 << 20;

/// Takes a live fragmented MP4 apart. Holds at most one header box or sample, the places of the
/// samples of one fragment, those of one track that lie before the other's (up to
/// [`MAX_AHEAD_BYTES`]), and what was pushed beyond.
///
/// The first track of each kind that weir carries is used. A new `moov` begins new tracks, as a
/// recorder that was restarted sends it.
#[derive(Debug, Default)]
pub struct Demuxer {
    buffer: BytesMut,
    /// Where in the stream `buffer` begins.
    at: u64,
    /// Where in the stream the file begins that absolute offsets count from.
    file_start: u64,
    /// Bytes still to be passed over.
    skip: u64,
    /// Where the media data at hand ends; `Some(None)`: with the stream.
    data_end: Option<Option<u64>>,
    tracks: Option<Vec<Track>>,
    pending: VecDeque<Pending>,
    order: Order,
    assembler: Assembler,
    failed: Option<MediaError>,
}

/// What a step came to.
enum Step {
    NeedsMore,
    Done,
    /// A codec header or sample is broken; the structure around it is whole.
    Broken(MediaError),
}

impl Demuxer {
    /// A demuxer that waits for `ftyp` or `moov`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes; follow with [`Self::next`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let mut bytes = bytes;
        if self.buffer.is_empty() {
            // What is passed over is not kept first.
            let now = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
            bytes = bytes.get(now..).unwrap_or_default();
            self.skip -= now as u64;
            self.at = self.at.saturating_add(now as u64);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event, or `None` until more bytes are pushed. Times are in µs on the clock of the
    /// fragments. Where a fragment has one track behind the other, as recorders write it, they come
    /// interleaved to within [`MAX_AHEAD_US`].
    ///
    /// # Errors
    /// Broken structure or sizes over the limits, and codecs weir does not carry, are final: every
    /// further call says the same. Broken codec headers and samples are told once.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and not at its end on None"
    )]
    pub fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.assembler.next_event() {
                return Ok(Some(event));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            match self.step() {
                Ok(Step::NeedsMore) => return Ok(None),
                Ok(Step::Done) => {}
                Ok(Step::Broken(error)) => return Err(error),
                Err(error) => {
                    self.buffer = BytesMut::new();
                    self.pending = VecDeque::new();
                    self.order = Order::default();
                    self.failed = Some(error);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step> {
        let now = usize::try_from(self.skip)
            .map_or(self.buffer.len(), |skip| skip.min(self.buffer.len()));
        self.skip -= now as u64;
        self.advance(now);
        if self.skip > 0 {
            return Ok(Step::NeedsMore);
        }
        match self.data_end {
            Some(end) => self.data(end),
            None => self.next_box(),
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.at = self.at.saturating_add(bytes as u64);
    }

    /// The next sample of the media data, or what is left of the data without one.
    fn data(&mut self, end: Option<u64>) -> Result<Step> {
        // An empty sample may lie just at the end.
        let is_inside =
            |sample: &Pending| end.is_none_or(|end| sample.offset < end || sample.end() <= end);
        let Some(sample) = self.pending.front().copied().filter(is_inside) else {
            // The rest of this data belongs to nobody.
            self.data_end = None;
            self.skip = end.map_or(u64::MAX, |end| end.saturating_sub(self.at));
            return Ok(Step::Done);
        };
        if sample.offset > self.at {
            self.skip = sample.offset - self.at;
            return Ok(Step::Done);
        }
        if sample.offset < self.at || end.is_some_and(|end| sample.end() > end) {
            return Err(MediaError::invalid(
                "MP4 fragment",
                "samples overlap or lie outside of their data",
            ));
        }
        let size = sample.size as usize;
        if self.buffer.len() < size {
            return Ok(Step::NeedsMore);
        }
        let payload = self.buffer.split_to(size).freeze();
        self.at = self.at.saturating_add(size as u64);
        self.pending.pop_front();
        self.order.push(sample, payload);
        Ok(self.emit())
    }

    /// Hands on what the order lets go.
    fn emit(&mut self) -> Step {
        let mut result = Ok(());
        while let Some((sample, payload)) = self.order.next() {
            let Pending {
                codec, time, kind, ..
            } = sample;
            result = result.and(self.assembler.sample(codec, time, kind, &payload));
        }
        result.map_or_else(Step::Broken, |()| Step::Done)
    }

    fn next_box(&mut self) -> Result<Step> {
        let Some(head) = BoxHead::read(&self.buffer)? else {
            return Ok(Step::NeedsMore);
        };
        let limit = match &head.kind {
            b"mdat" => return self.begin_data(&head),
            b"moov" => MAX_MOOV_BYTES,
            b"moof" => MAX_MOOF_BYTES,
            _ => MAX_SKIPPED_BYTES,
        };
        // A box that takes all the rest would end the stream.
        let size = head.size.unwrap_or(u64::MAX);
        if size > limit {
            return Err(MediaError::TooLarge {
                what: "MP4 box",
                size,
                limit,
            });
        }
        if limit == MAX_SKIPPED_BYTES {
            if !head
                .kind
                .iter()
                .all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | 0xA9))
            {
                return Err(MediaError::invalid("MP4", "bytes that are no box"));
            }
            if head.kind == *b"ftyp" {
                self.file_start = self.at;
            }
            self.skip = size;
            return Ok(Step::Done);
        }
        // Within the limit, so within `usize` too.
        let size = size as usize;
        if self.buffer.len() < size {
            return Ok(Step::NeedsMore);
        }
        let start = self.at;
        self.advance(head.bytes);
        let body = self.buffer.split_to(size - head.bytes).freeze();
        self.at = self.at.saturating_add(body.len() as u64);
        if head.kind == *b"moov" {
            self.moov(&body)
        } else {
            self.moof(start, &body)
        }
    }

    fn begin_data(&mut self, head: &BoxHead) -> Result<Step> {
        if self.tracks.is_none() {
            return Err(movie::not_fragmented());
        }
        let end = head.size.map(|size| self.at.saturating_add(size));
        self.advance(head.bytes);
        self.data_end = Some(end);
        Ok(Step::Done)
    }

    fn moov(&mut self, body: &Bytes) -> Result<Step> {
        let chosen = movie::read(body)?;
        if chosen.left_out {
            self.assembler
                .note("further tracks of the container were left out");
        }
        self.pending.clear();
        self.order.finish();
        let rest = self.emit();
        let announced = chosen
            .tracks
            .iter()
            .map(|track| (track.codec, track.config.clone()));
        let result = self.assembler.begin(announced.collect());
        self.tracks = Some(chosen.tracks);
        Ok(result.map_or_else(Step::Broken, |()| rest))
    }

    fn moof(&mut self, start: u64, body: &Bytes) -> Result<Step> {
        let Some(tracks) = &mut self.tracks else {
            return Err(MediaError::invalid("MP4", "a fragment before its movie"));
        };
        if !self.pending.is_empty() {
            self.assembler
                .note("samples whose data never came were left out");
        }
        self.pending = fragment::read(body, start, self.file_start, tracks)?.into();
        self.order.finish();
        let rest = self.emit();
        self.order.expect(&self.pending);
        Ok(rest)
    }
}

/// What stands in front of a box.
#[derive(Debug, Clone, Copy)]
struct BoxHead {
    kind: [u8; 4],
    /// Bytes of the head itself: 8 or 16.
    bytes: usize,
    /// Bytes of the whole box; `None`: to the end of the stream.
    size: Option<u64>,
}

impl BoxHead {
    /// `None` while it is incomplete.
    fn read(data: &[u8]) -> Result<Option<Self>> {
        let Some(&[a, b, c, d, ref kind @ ..]) = data.first_chunk::<8>() else {
            return Ok(None);
        };
        let short = u32::from_be_bytes([a, b, c, d]);
        let (bytes, size) = match short {
            0 => (8, None),
            1 => match data.get(8..).and_then(|rest| rest.first_chunk()) {
                Some(size) => (16, Some(u64::from_be_bytes(*size))),
                None => return Ok(None),
            },
            size => (8, Some(u64::from(size))),
        };
        if size.is_some_and(|size| size < bytes as u64) {
            return Err(MediaError::invalid(
                "MP4 box",
                "smaller than its own header",
            ));
        }
        Ok(Some(Self {
            kind: *kind,
            bytes,
            size,
        }))
    }
}

#[cfg(test)]
mod tests;
