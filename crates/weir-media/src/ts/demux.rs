//! The demultiplexer: packets to PES to frames, for one programme, as bytes come in.
//!
//! Sync lost is searched again; a PES with packets missing is dropped; sizes are bounded. Of a programme
//! the first video and the first audio that are carried are taken; of everything else it is told that it
//! is left out. Of several programmes the first is taken of which anything is carried.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::catalog::{self, CarriedStream};
use super::psi::{ProgrammeTable, StreamEntry, read_pat, read_pmt};
use super::{CLOCK_MASK, PACKET_BYTES, PID_PAT};
use crate::ingest::waiting::{Waiting, Waits};
use crate::{FrameKind, LeftOut, LeftOutKind, MediaError, Result, TrackKind, Tracks};

mod audio;
mod av1;
mod clock;
mod elementary;
mod packets;
mod section;

use clock::Unwrapper;
use elementary::{Elementary, Pes, Unit};
use packets::{Packet, PacketReader};
use section::SectionBuffer;

/// Bytes of one PES; a 4K keyframe stays under 4 MiB.
const MAX_PES_BYTES: usize = 8 << 20;
/// Things told of as left out; tables that change tell more.
const MAX_LEFT_OUT: usize = 32;
/// Packets of media before any table, each so many of which are an error: tables are due each 0.1 s.
const MAX_PACKETS_WITHOUT_TABLES: u32 = 50;
/// Packets of this PID are filling.
const PID_NULL: u16 = 0x1FFF;

/// What comes out of the demultiplexer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TsEvent {
    /// The tracks from here on; comes before the first frame and on each change.
    Tracks(Arc<Tracks>),
    /// One access unit.
    Frame(TsFrame),
    /// A stream of the programme, or another programme, that is not taken; each once.
    LeftOut(LeftOut),
}

/// A frame with TS timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsFrame {
    /// The track it belongs to.
    pub track: TrackKind,
    /// Decode time in 90 kHz ticks, unwrapped: goes on over the 33-bit wrap.
    pub dts_90k: i64,
    /// Presentation minus decode time, in 90 kHz ticks.
    pub cts_90k: i32,
    /// How it depends on others.
    pub kind: FrameKind,
    /// Codec data, as `Frame::payload` has it.
    pub payload: Bytes,
}

impl Waits for TsFrame {
    fn at_us(&self) -> i64 {
        self.dts_90k.saturating_mul(100) / 9
    }

    fn bytes(&self) -> usize {
        self.payload.len()
    }
}

/// Takes TS bytes cut anywhere; gives tracks and frames of one programme.
#[derive(Debug, Default)]
pub struct TsDemuxer {
    packets: PacketReader,
    pat: SectionBuffer,
    /// Number and PID of the table of each.
    programmes: Vec<(u16, u16)>,
    /// Which of them is taken, or asked next.
    programme: usize,
    pmt: SectionBuffer,
    streams: Vec<Stream>,
    /// Those of the table that would be taken if one before them turns out to be of no use.
    spare: Vec<(StreamEntry, CarriedStream)>,
    clock: Unwrapper,
    /// Tracks as told last.
    told: Arc<Tracks>,
    ready: VecDeque<TsEvent>,
    waiting: Waiting<TsFrame>,
    left_out: Vec<LeftOut>,
    lost: u64,
    packets_without_tables: u32,
    failed_track: Option<TrackKind>,
}

#[derive(Debug)]
struct Stream {
    entry: StreamEntry,
    carried: CarriedStream,
    counter: Option<u8>,
    elementary: Elementary,
    /// Its bytes turned out to be of what is not carried.
    left_out: Option<LeftOut>,
    pes: Option<BytesMut>,
    /// The PES at hand has the random access indicator.
    is_marked: bool,
}

impl Stream {
    fn new(entry: StreamEntry, carried: CarriedStream) -> Self {
        Self {
            entry,
            carried,
            counter: None,
            elementary: Elementary::new(carried),
            left_out: None,
            pes: None,
            is_marked: false,
        }
    }

    /// Whether nothing has to be waited for: what it is is known, or that it is nothing.
    const fn is_settled(&self) -> bool {
        self.left_out.is_some() || self.elementary.is_known()
    }
}

impl TsDemuxer {
    /// A demuxer that waits for its first packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.packets.push(bytes);
    }

    /// The next event out of what was pushed; `None`: push more. The demuxer goes on behind errors.
    ///
    /// # Errors
    /// A table or a codec header that cannot be read; frames of which nothing came, one by one; and
    /// [`MediaError::NothingCarried`] for each table that names nothing weir carries.
    #[allow(clippy::should_implement_trait)] // fallible and resumable, unlike an iterator
    pub fn next(&mut self) -> Result<Option<TsEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(packet) = self.packets.next() else {
                return Ok(None);
            };
            self.packet(&packet)?;
        }
    }

    /// No more bytes will come: the PES still open are ended, `next` gives what was in them.
    pub fn finish(&mut self) -> Result<()> {
        let mut first_error = Ok(());
        for at in 0..self.streams.len() {
            first_error = first_error.and(self.end_pes(at));
        }
        self.wait_no_longer();
        first_error
    }

    /// Whether frames wait until all streams of the table are known.
    pub const fn is_waiting(&self) -> bool {
        self.waiting.is_on()
    }

    /// Waits no longer for streams that are not known yet.
    pub fn wait_no_longer(&mut self) {
        let held = self.waiting.end();
        if !held.is_empty() {
            self.tell_tracks();
            let told = Arc::clone(&self.told);
            // A stream that was given up meanwhile has no track.
            let is_told = |frame: &TsFrame| match frame.track {
                TrackKind::Video => told.video.is_some(),
                TrackKind::Audio => told.audio.is_some(),
            };
            let frames = held.into_iter().filter(is_told);
            self.ready.extend(frames.map(TsEvent::Frame));
        }
    }

    /// PES dropped because packets were missing or they grew too large.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The track whose frame the last error was about, where that is known.
    pub const fn failed_track(&self) -> Option<TrackKind> {
        self.failed_track
    }

    /// Bytes that were in no packet; each packet found since makes up for as many as it has.
    pub const fn unsynced_bytes(&self) -> u64 {
        self.packets.unsynced_bytes()
    }

    /// Bytes pushed and not given out: unfinished PES, and frames that wait for tracks to be known.
    pub fn held_bytes(&self) -> usize {
        let streams = self.streams.iter().map(|stream| {
            let pes = stream.pes.as_ref().map_or(0, BytesMut::len);
            pes + stream.elementary.held_bytes()
        });
        self.packets.held_bytes() + self.waiting.bytes() + streams.sum::<usize>()
    }

    fn packet(&mut self, packet: &[u8; PACKET_BYTES]) -> Result<()> {
        let Some(packet) = Packet::read(packet) else {
            return Ok(());
        };
        self.failed_track = None;
        if packet.pid == PID_PAT {
            return self.pat(&packet);
        }
        let table = self.programmes.get(self.programme);
        if table.is_some_and(|(_, pid)| *pid == packet.pid) {
            return self.pmt(&packet);
        }
        let is_it = |stream: &Stream| stream.entry.pid == packet.pid;
        match self.streams.iter().position(is_it) {
            Some(at) => self.elementary(at, &packet),
            None => self.count_unknown(packet.pid),
        }
    }

    /// Media without tables tells nobody what it is.
    fn count_unknown(&mut self, pid: u16) -> Result<()> {
        if pid == PID_NULL || !self.streams.is_empty() {
            return Ok(());
        }
        self.packets_without_tables += 1;
        if self.packets_without_tables < MAX_PACKETS_WITHOUT_TABLES {
            return Ok(());
        }
        self.packets_without_tables = 0;
        Err(MediaError::NoTables)
    }

    fn pat(&mut self, packet: &Packet<'_>) -> Result<()> {
        let mut result = Ok(());
        for section in self.pat.push(packet.payload, packet.is_start) {
            match read_pat(&section) {
                Ok(Some(programmes)) if programmes != self.programmes => {
                    self.programmes = programmes;
                    self.programme = 0;
                    self.pmt = SectionBuffer::default();
                }
                Ok(_) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }

    fn pmt(&mut self, packet: &Packet<'_>) -> Result<()> {
        let Some((number, pid)) = self.programmes.get(self.programme).copied() else {
            return Ok(());
        };
        let mut result = Ok(());
        for section in self.pmt.push(packet.payload, packet.is_start) {
            match read_pmt(&section, number) {
                Ok(Some(table)) => result = result.and(self.table(&table, (number, pid))),
                Ok(None) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// What the table of the programme says now.
    fn table(&mut self, table: &ProgrammeTable, programme: (u16, u16)) -> Result<()> {
        let mut wanted: Vec<(StreamEntry, CarriedStream)> = Vec::new();
        let mut spare = Vec::new();
        let mut left_out = Vec::new();
        for entry in &table.streams {
            match catalog::stream(entry, table.registration) {
                Ok(carried) if wanted.iter().any(|(_, other)| other.is_like(carried)) => {
                    spare.push((entry.clone(), carried));
                }
                Ok(carried) => wanted.push((entry.clone(), carried)),
                Err(what) => left_out.push(what),
            }
        }
        if wanted.is_empty() {
            return self.nothing_in(&left_out);
        }
        let same = wanted.len() == self.streams.len()
            && wanted
                .iter()
                .zip(&self.streams)
                .all(|((entry, _), stream)| *entry == stream.entry);
        if same {
            return Ok(());
        }
        let result = self.take_streams(wanted);
        for (entry, carried) in &spare {
            left_out.push(LeftOut {
                kind: carried.kind().into(),
                what: format!("further {}", carried.name()).into(),
                pid: Some(entry.pid),
            });
        }
        self.spare = spare;
        left_out.into_iter().for_each(|what| self.leave_out(what));
        let others = self.programmes.clone();
        for (number, pid) in others.into_iter().filter(|other| *other != programme) {
            self.leave_out(LeftOut {
                kind: LeftOutKind::Data,
                what: format!("the programme {number} of several").into(),
                pid: Some(pid),
            });
        }
        result
    }

    /// Nothing is carried of this programme: the next one is looked at, if there is one.
    fn nothing_in(&mut self, left_out: &[LeftOut]) -> Result<()> {
        let mut result = Ok(());
        for at in 0..self.streams.len() {
            result = result.and(self.end_pes(at));
        }
        self.streams.clear();
        self.spare.clear();
        left_out
            .iter()
            .for_each(|what| self.leave_out(what.clone()));
        self.pmt = SectionBuffer::default();
        self.programme += 1;
        if self.programme < self.programmes.len() {
            return result;
        }
        self.programme = 0;
        result.and(Err(MediaError::NothingCarried(names(&self.left_out))))
    }

    /// Other streams from here on. What is in both tables goes on with what it knows.
    fn take_streams(&mut self, wanted: Vec<(StreamEntry, CarriedStream)>) -> Result<()> {
        let mut result = Ok(());
        for at in 0..self.streams.len() {
            result = result.and(self.end_pes(at));
        }
        self.wait_no_longer();
        let mut before = std::mem::take(&mut self.streams);
        self.streams = wanted
            .into_iter()
            .map(|(entry, carried)| {
                let same = before.iter().position(|old| old.entry == entry);
                match same {
                    Some(at) => before.swap_remove(at),
                    None => Stream::new(entry, carried),
                }
            })
            .collect();
        self.waiting.begin();
        result
    }

    fn elementary(&mut self, at: usize, packet: &Packet<'_>) -> Result<()> {
        let Some(stream) = self.streams.get_mut(at) else {
            return Ok(());
        };
        if let Some(refused) = stream.refused(packet) {
            self.failed_track = Some(stream.elementary.kind());
            return refused.map_or(Ok(()), |what| {
                self.leave_out(what.clone());
                Err(MediaError::LeftOut(what))
            });
        }
        let expected = stream.counter.map(|last| (last + 1) & 0x0F);
        if stream.counter == Some(packet.counter) {
            return Ok(()); // sent twice (§2.4.3.3)
        }
        stream.counter = Some(packet.counter);
        let is_expected = expected.is_none_or(|expected| expected == packet.counter);
        if !is_expected && stream.pes.take().is_some() {
            self.lost += 1;
        }
        let mut result = Ok(());
        if packet.is_start {
            result = self.end_pes(at);
        }
        let Some(stream) = self.streams.get_mut(at) else {
            return result;
        };
        if packet.is_start {
            stream.pes = Some(BytesMut::from(packet.payload));
            stream.is_marked = packet.is_marked;
        } else if let Some(pes) = &mut stream.pes {
            if pes.len() + packet.payload.len() > MAX_PES_BYTES {
                stream.pes = None;
                self.lost += 1;
                return result;
            }
            pes.extend_from_slice(packet.payload);
        }
        if stream.pes.as_ref().is_some_and(|pes| Pes::is_complete(pes)) {
            result = result.and(self.end_pes(at));
        }
        result
    }

    fn end_pes(&mut self, at: usize) -> Result<()> {
        let Some(stream) = self.streams.get_mut(at) else {
            return Ok(());
        };
        let Some(pes) = stream
            .pes
            .take()
            .and_then(|bytes| Pes::parse(bytes.freeze()))
        else {
            return Ok(());
        };
        let clock = &mut self.clock;
        let times = pes.times.map(|(pts, dts)| {
            // Before its decoding a picture cannot be shown, but senders say so (§2.7.5).
            let lead = (pts.wrapping_sub(dts) & CLOCK_MASK) as i64;
            let wrap = CLOCK_MASK as i64 + 1;
            let pts = clock.unwrap(pts);
            (pts, pts - if lead > wrap / 2 { lead - wrap } else { lead })
        });
        let unit = Unit {
            times,
            is_marked: stream.is_marked,
            payload: pes.payload,
        };
        let mut frames = Vec::new();
        let result = stream.elementary.push(unit, &mut frames);
        let kind = stream.elementary.kind();
        for frame in frames {
            self.emit(frame);
        }
        result.map_err(|error| {
            self.failed_track = Some(kind);
            match error {
                MediaError::LeftOut(what) => MediaError::LeftOut(self.give_up(at, what)),
                other => other,
            }
        })
    }

    /// The bytes of a stream are of what is not carried: another of its kind takes its place, if the
    /// table has one.
    fn give_up(&mut self, at: usize, what: LeftOut) -> LeftOut {
        let Some(stream) = self.streams.get_mut(at) else {
            return what;
        };
        let what = LeftOut {
            pid: Some(stream.entry.pid),
            ..what
        };
        stream.left_out = Some(what.clone());
        let carried = stream.carried;
        let next = self
            .spare
            .iter()
            .position(|(_, other)| other.is_like(carried));
        if let Some(next) = next {
            let (entry, carried) = self.spare.remove(next);
            self.streams.push(Stream::new(entry, carried));
        }
        self.leave_out(what.clone());
        if self.waiting.is_on() && self.streams.iter().all(Stream::is_settled) {
            self.wait_no_longer();
        }
        what
    }

    fn leave_out(&mut self, what: LeftOut) {
        if self.left_out.len() < MAX_LEFT_OUT && !self.left_out.contains(&what) {
            self.left_out.push(what.clone());
            self.ready.push_back(TsEvent::LeftOut(what));
        }
    }

    fn emit(&mut self, frame: TsFrame) {
        if self.waiting.is_over() {
            self.tell_tracks();
            self.ready.push_back(TsEvent::Frame(frame));
            return;
        }
        let all_known = self.streams.iter().all(Stream::is_settled);
        if self.waiting.push(frame, all_known) {
            self.wait_no_longer();
        }
    }

    fn tell_tracks(&mut self) {
        let mut tracks = Tracks::default();
        for stream in self
            .streams
            .iter()
            .filter(|stream| stream.left_out.is_none())
        {
            stream.elementary.add_to(&mut tracks);
        }
        if tracks != *self.told {
            self.told = Arc::new(tracks);
            self.ready
                .push_back(TsEvent::Tracks(Arc::clone(&self.told)));
        }
    }
}

impl Stream {
    /// A packet of which nothing can come; with what to say of it where a frame begins.
    fn refused(&self, packet: &Packet<'_>) -> Option<Option<LeftOut>> {
        if let Some(what) = &self.left_out {
            return Some(packet.is_start.then(|| what.clone()));
        }
        packet.is_scrambled.then(|| {
            packet.is_start.then(|| LeftOut {
                kind: self.elementary.kind().into(),
                what: format!("scrambled {}", self.carried.name()).into(),
                pid: Some(self.entry.pid),
            })
        })
    }
}

/// What a refusal names.
fn names(left_out: &[LeftOut]) -> String {
    /// Names in one refusal.
    const MAX_NAMES: usize = 8;
    if left_out.is_empty() {
        return "its table names no streams".to_owned();
    }
    let names: Vec<_> = left_out
        .iter()
        .take(MAX_NAMES)
        .map(LeftOut::to_string)
        .collect();
    names.join("; ")
}

#[cfg(test)]
mod tests;
