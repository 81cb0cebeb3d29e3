//! The demultiplexer: packets to PES to frames, for one programme, as bytes come in.
//!
//! Sync lost is searched again; a PES with packets missing is dropped; sizes are bounded.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::psi::{read_pat, read_pmt};
use super::{CLOCK_MASK, PACKET_BYTES, PID_PAT, SYNC_BYTE};
use crate::{FrameKind, Result, TrackKind, Tracks};

mod elementary;

use elementary::{Elementary, Pes};

/// Bytes of one PES; a 4K keyframe stays under 4 MiB.
const MAX_PES_BYTES: usize = 8 << 20;
/// Bytes of a PSI section (§2.4.4: 1024, private ones 4096).
const MAX_SECTION_BYTES: usize = 4099;
/// Frames kept while not all tracks of the PMT are known yet: about four seconds of both.
const MAX_HELD_FRAMES: usize = 400;
/// Their bytes.
const MAX_HELD_BYTES: usize = 16 << 20;

/// What comes out of the demultiplexer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TsEvent {
    /// The tracks from here on; comes before the first frame and on each change.
    Tracks(Arc<Tracks>),
    /// One access unit.
    Frame(TsFrame),
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

/// Takes TS bytes cut anywhere; gives tracks and frames of the first programme.
#[derive(Debug, Default)]
pub struct TsDemuxer {
    input: BytesMut,
    synced: bool,
    pmt_pid: Option<u16>,
    pat: SectionBuffer,
    pmt: SectionBuffer,
    streams: Vec<Stream>,
    clock: Unwrapper,
    /// Tracks as told last.
    told: Arc<Tracks>,
    ready: VecDeque<TsEvent>,
    held: Vec<TsFrame>,
    held_bytes: usize,
    /// All of the PMT's tracks are known, or waiting for them was given up.
    settled: bool,
    lost: u64,
    unsynced_bytes: u64,
}

#[derive(Debug)]
struct Stream {
    pid: u16,
    counter: Option<u8>,
    elementary: Elementary,
    pes: Option<BytesMut>,
}

impl TsDemuxer {
    /// A demuxer that waits for its first packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next event out of what was pushed; `None`: push more. An error is a table or a codec
    /// header that cannot be read; the demuxer goes on behind it.
    #[allow(clippy::should_implement_trait)] // fallible and resumable, unlike an iterator
    pub fn next(&mut self) -> Result<Option<TsEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(packet) = self.next_packet() else {
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
        self.settle();
        first_error
    }

    /// PES dropped because packets were missing or they grew too large.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Bytes that were in no packet; each packet found since makes up for as many as it has.
    pub const fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes
    }

    /// Bytes pushed and not given out: unfinished PES, and frames that wait for tracks to be known.
    pub fn held_bytes(&self) -> usize {
        let streams = self.streams.iter().map(|stream| {
            let pes = stream.pes.as_ref().map_or(0, BytesMut::len);
            pes + stream.elementary.held_bytes()
        });
        self.input.len() + self.held_bytes + streams.sum::<usize>()
    }

    fn next_packet(&mut self) -> Option<[u8; PACKET_BYTES]> {
        loop {
            if self.input.first() != Some(&SYNC_BYTE) {
                self.synced = false;
                let skip = self.input.iter().position(|&byte| byte == SYNC_BYTE);
                let skip = skip.unwrap_or(self.input.len());
                self.input.advance(skip);
                self.unsynced_bytes = self.unsynced_bytes.saturating_add(skip as u64);
            }
            let packet = self.input.first_chunk::<PACKET_BYTES>().copied()?;
            // A sync byte found by search counts when another stands one packet on.
            if !self.synced
                && self
                    .input
                    .get(PACKET_BYTES)
                    .is_some_and(|&byte| byte != SYNC_BYTE)
            {
                self.input.advance(1);
                self.unsynced_bytes = self.unsynced_bytes.saturating_add(1);
                continue;
            }
            self.synced = true;
            self.unsynced_bytes = self.unsynced_bytes.saturating_sub(PACKET_BYTES as u64);
            self.input.advance(PACKET_BYTES);
            return Some(packet);
        }
    }

    fn packet(&mut self, packet: &[u8; PACKET_BYTES]) -> Result<()> {
        let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
        let start = packet[1] & 0x40 != 0;
        let (error, scrambled) = (packet[1] & 0x80 != 0, packet[3] & 0xC0 != 0);
        let skip = match packet[3] >> 4 & 3 {
            1 => 4,
            3 => 5 + usize::from(packet[4]),
            _ => return Ok(()), // no payload
        };
        let Some(payload) = packet.get(skip..).filter(|_| !error && !scrambled) else {
            return Ok(());
        };
        if pid == PID_PAT {
            return self.pat(payload, start);
        }
        if Some(pid) == self.pmt_pid {
            return self.pmt(payload, start);
        }
        match self.streams.iter().position(|stream| stream.pid == pid) {
            Some(at) => self.elementary(at, packet[3] & 0x0F, start, payload),
            None => Ok(()),
        }
    }

    fn pat(&mut self, payload: &[u8], start: bool) -> Result<()> {
        if let Some(section) = self.pat.push(payload, start) {
            self.pmt_pid = read_pat(&section)?;
        }
        Ok(())
    }

    fn pmt(&mut self, payload: &[u8], start: bool) -> Result<()> {
        let Some(section) = self.pmt.push(payload, start) else {
            return Ok(());
        };
        let entries = read_pmt(&section)?;
        let mut wanted: Vec<(u16, Elementary)> = Vec::new();
        for entry in entries {
            if let Some(elementary) = Elementary::new(&entry) {
                // The first of each kind; further ones are left out.
                if !wanted
                    .iter()
                    .any(|(_, other)| other.kind() == elementary.kind())
                {
                    wanted.push((entry.pid, elementary));
                }
            }
        }
        let same = wanted.len() == self.streams.len()
            && wanted
                .iter()
                .zip(&self.streams)
                .all(|((pid, elementary), stream)| {
                    *pid == stream.pid && elementary.same_codec(&stream.elementary)
                });
        if !same {
            let mut first_error = Ok(());
            for at in 0..self.streams.len() {
                first_error = first_error.and(self.end_pes(at));
            }
            self.settle();
            // What is in both tables goes on with what it knows.
            let mut before = std::mem::take(&mut self.streams);
            self.streams = wanted
                .into_iter()
                .map(|(pid, elementary)| {
                    let same = before
                        .iter()
                        .position(|old| old.pid == pid && elementary.same_codec(&old.elementary));
                    match same {
                        Some(at) => before.swap_remove(at),
                        None => Stream {
                            pid,
                            counter: None,
                            elementary,
                            pes: None,
                        },
                    }
                })
                .collect();
            self.settled = false;
            return first_error;
        }
        Ok(())
    }

    fn elementary(&mut self, at: usize, counter: u8, start: bool, payload: &[u8]) -> Result<()> {
        let Some(stream) = self.streams.get_mut(at) else {
            return Ok(());
        };
        let expected = stream.counter.map(|last| (last + 1) & 0x0F);
        if stream.counter == Some(counter) {
            return Ok(()); // sent twice (§2.4.3.3)
        }
        stream.counter = Some(counter);
        if expected.is_some_and(|expected| expected != counter) && stream.pes.take().is_some() {
            self.lost += 1;
        }
        let mut result = Ok(());
        if start {
            result = self.end_pes(at);
        }
        let Some(stream) = self.streams.get_mut(at) else {
            return result;
        };
        if start {
            stream.pes = Some(BytesMut::from(payload));
        } else if let Some(pes) = &mut stream.pes {
            if pes.len() + payload.len() > MAX_PES_BYTES {
                stream.pes = None;
                self.lost += 1;
                return result;
            }
            pes.extend_from_slice(payload);
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
        let pts = self.clock.unwrap(pes.pts);
        let dts = pts - (pes.pts.wrapping_sub(pes.dts) & CLOCK_MASK) as i64;
        let mut frames = Vec::new();
        let result = stream.elementary.push(pts, dts, pes.payload, &mut frames);
        for frame in frames {
            self.emit(frame);
        }
        result
    }

    fn emit(&mut self, frame: TsFrame) {
        if self.settled {
            self.tell_tracks();
            self.ready.push_back(TsEvent::Frame(frame));
            return;
        }
        self.held_bytes += frame.payload.len();
        self.held.push(frame);
        let known = self
            .streams
            .iter()
            .all(|stream| stream.elementary.is_known());
        if known || self.held.len() >= MAX_HELD_FRAMES || self.held_bytes >= MAX_HELD_BYTES {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.settled = true;
        self.held_bytes = 0;
        if self.held.is_empty() {
            return;
        }
        self.tell_tracks();
        self.ready.extend(self.held.drain(..).map(TsEvent::Frame));
    }

    fn tell_tracks(&mut self) {
        let mut tracks = Tracks::default();
        for stream in &self.streams {
            stream.elementary.add_to(&mut tracks);
        }
        if tracks != *self.told {
            self.told = Arc::new(tracks);
            self.ready
                .push_back(TsEvent::Tracks(Arc::clone(&self.told)));
        }
    }
}

/// Takes 33-bit times to a line without wraps.
#[derive(Debug, Default)]
struct Unwrapper {
    last: Option<i64>,
}

impl Unwrapper {
    fn unwrap(&mut self, time: u64) -> i64 {
        let next = match self.last {
            None => time as i64,
            Some(last) => {
                // The nearest of the times that look like this one.
                let ahead = time.wrapping_sub(last as u64) & CLOCK_MASK;
                let step = if ahead > CLOCK_MASK / 2 {
                    ahead as i64 - (CLOCK_MASK as i64 + 1)
                } else {
                    ahead as i64
                };
                last.saturating_add(step)
            }
        };
        self.last = Some(next);
        next
    }
}

/// Puts one section together.
#[derive(Debug, Default)]
struct SectionBuffer {
    bytes: Vec<u8>,
}

impl SectionBuffer {
    fn push(&mut self, payload: &[u8], start: bool) -> Option<Vec<u8>> {
        let mut payload = payload;
        if start {
            let (&pointer, rest) = payload.split_first()?;
            self.bytes.clear();
            payload = rest.get(usize::from(pointer)..)?;
        } else if self.bytes.is_empty() {
            return None;
        }
        self.bytes.extend_from_slice(payload);
        let &[_, high, low, ..] = self.bytes.as_slice() else {
            return None;
        };
        let total = 3 + usize::from(u16::from_be_bytes([high & 0x0F, low]));
        if self.bytes.len() < total {
            if self.bytes.len() > MAX_SECTION_BYTES {
                self.bytes.clear();
            }
            return None;
        }
        let mut section = std::mem::take(&mut self.bytes);
        section.truncate(total);
        Some(section)
    }
}
