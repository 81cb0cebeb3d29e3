//! Fragmented MP4 as live publishers send it (MediaRecorder, ffmpeg): bytes cut anywhere in,
//! [`Event`]s out, each sample as soon as its bytes are there (ISO/IEC 14496-12) and it is not far
//! ahead of the other track.
//!
//! Movie and fragment headers are held until they are whole; media data passes through sample by
//! sample.
//! Of an edit list only the start is followed; indexes and sample tables are not read: whole files
//! are [`super::read`]'s.

mod fragment;
mod movie;
mod order;
mod times;

use std::collections::VecDeque;

use bytes::Bytes;

use self::fragment::PendingSample;
use self::movie::CarriedTrack;
use self::order::Order;
pub use self::order::{MAX_AHEAD_BYTES, MAX_AHEAD_US};
use crate::flv::Event;
use crate::ingest::assembler::Assembler;
use crate::ingest::incremental::{Incremental, Input, Parse, Step};
use crate::{MediaError, Result, TrackKind};

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
pub struct Fmp4Demuxer(Incremental<Fmp4Parser>);

impl Fmp4Demuxer {
    /// A demuxer that waits for `ftyp` or `moov`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes; follow with [`Self::next`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// The next event, or `None` until more bytes are pushed. Times are in µs on the clock of the
    /// fragments, moved by edit lists, so that they may begin below 0; presentation times are never
    /// before decode times. Where a fragment has one track behind the other, as recorders write it, they come
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
        self.0.next()
    }

    /// Whether the structure is broken: nothing more will come.
    pub(crate) const fn has_failed(&self) -> bool {
        self.0.has_failed()
    }

    /// Whether frames wait until all announced tracks are known.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }

    /// Waits no longer.
    pub(crate) fn wait_no_longer(&mut self) {
        self.0.wait_no_longer();
    }

    /// The track whose frame the last error was about.
    pub(crate) const fn failed_track(&self) -> Option<TrackKind> {
        self.0.failed_track()
    }

    /// Bytes pushed, and not given out or passed over; with the places of samples to come.
    pub(crate) fn held_bytes(&self) -> usize {
        self.0.held_bytes()
    }
}

/// Where in the stream we are, and what is to come there.
#[derive(Debug, Default)]
struct Fmp4Parser {
    /// Where in the stream the file begins that absolute offsets count from.
    file_start: u64,
    /// Where the media data at hand ends; `Some(None)`: with the stream.
    data_end: Option<Option<u64>>,
    tracks: Option<Vec<CarriedTrack>>,
    pending: VecDeque<PendingSample>,
    order: Order,
}

impl Parse for Fmp4Parser {
    fn step(&mut self, input: &mut Input, out: &mut Assembler) -> Result<Step> {
        match self.data_end {
            Some(end) => self.data(end, input, out),
            None => self.next_box(input, out),
        }
    }

    fn held_bytes(&self) -> usize {
        self.pending.len() * size_of::<PendingSample>() + self.order.held_bytes()
    }
}

impl Fmp4Parser {
    /// The next sample of the media data, or what is left of the data without one.
    fn data(&mut self, end: Option<u64>, input: &mut Input, out: &mut Assembler) -> Result<Step> {
        // An empty sample may lie just at the end.
        let is_inside = |sample: &PendingSample| {
            end.is_none_or(|end| sample.offset < end || sample.end() <= end)
        };
        let Some(sample) = self.pending.front().copied().filter(is_inside) else {
            // The rest of this data belongs to nobody.
            self.data_end = None;
            input.skip(end.map_or(u64::MAX, |end| end.saturating_sub(input.at())));
            return Ok(Step::Done);
        };
        if sample.offset > input.at() {
            input.skip(sample.offset - input.at());
            return Ok(Step::Done);
        }
        if sample.offset < input.at() || end.is_some_and(|end| sample.end() > end) {
            return Err(MediaError::invalid(
                "MP4 fragment",
                "samples overlap or lie outside of their data",
            ));
        }
        let Some(payload) = input.take(0, sample.size as usize) else {
            return Ok(Step::NeedsMore);
        };
        self.pending.pop_front();
        self.order.push(sample, payload);
        Ok(self.emit(out))
    }

    /// Hands on what the order lets go.
    fn emit(&mut self, out: &mut Assembler) -> Step {
        let mut result = Ok(());
        while let Some((sample, payload)) = self.order.next() {
            let PendingSample {
                codec, time, kind, ..
            } = sample;
            result = result.and(out.sample(codec, time, kind, &payload));
        }
        result.into()
    }

    fn next_box(&mut self, input: &mut Input, out: &mut Assembler) -> Result<Step> {
        let Some(head) = BoxHead::read(input.bytes())? else {
            return Ok(Step::NeedsMore);
        };
        let limit = match &head.kind {
            b"mdat" => return self.begin_data(&head, input),
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
                self.file_start = input.at();
            }
            input.skip(size);
            return Ok(Step::Done);
        }
        let start = input.at();
        // Within the limit, so within `usize` too.
        let Some(body) = input.take(head.bytes, size as usize - head.bytes) else {
            return Ok(Step::NeedsMore);
        };
        if head.kind == *b"moov" {
            self.moov(&body, out)
        } else {
            self.moof(start, &body, out)
        }
    }

    fn begin_data(&mut self, head: &BoxHead, input: &mut Input) -> Result<Step> {
        if self.tracks.is_none() {
            return Err(movie::not_fragmented());
        }
        let end = head.size.map(|size| input.at().saturating_add(size));
        input.skip(head.bytes as u64);
        self.data_end = Some(end);
        Ok(Step::Done)
    }

    fn moov(&mut self, body: &Bytes, out: &mut Assembler) -> Result<Step> {
        let chosen = movie::read(body)?;
        for what in chosen.left_out {
            out.leave_out(what);
        }
        if chosen.has_edits {
            out.note("an edit list was followed no further than where it starts");
        }
        self.pending.clear();
        self.order.finish();
        let rest = self.emit(out);
        let announced = chosen
            .tracks
            .iter()
            .map(|track| (track.codec, track.config.clone()));
        let result = out.begin(announced.collect());
        self.tracks = Some(chosen.tracks);
        Ok(result.map_or_else(Step::Broken, |()| rest))
    }

    fn moof(&mut self, start: u64, body: &Bytes, out: &mut Assembler) -> Result<Step> {
        let Some(tracks) = &mut self.tracks else {
            return Err(MediaError::invalid("MP4", "a fragment before its movie"));
        };
        if !self.pending.is_empty() {
            out.note("samples whose data never came were left out");
        }
        self.pending = fragment::read(body, start, self.file_start, tracks, out)?.into();
        self.order.finish();
        let rest = self.emit(out);
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
