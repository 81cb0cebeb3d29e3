//! One face for every container a live publisher may send: bytes cut anywhere in, [`Event`]s out,
//! the same ones that RTMP ingest works with.
//!
//! Who the publisher is, how the bytes come and what becomes of the frames is not known here;
//! times are only read, not judged: that is [`crate::timeline`]'s.

pub(crate) mod assembler;
pub(crate) mod incremental;
mod reorder;
pub(crate) mod waiting;

use std::collections::VecDeque;

use crate::flv::{self, Depacketizer, Event, RawFrame};
use crate::{MediaError, Result, TrackKind, fmp4, ts, webm};

/// A container for live input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiveContainer {
    /// FLV tags, legacy and Enhanced RTMP.
    Flv,
    /// Fragmented MP4.
    Fmp4,
    /// WebM and Matroska.
    WebM,
    /// MPEG-TS.
    Ts,
}

impl LiveContainer {
    /// By the name a publisher gives: `flv`, `fmp4`, `webm` or `ts`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Flv, Self::Fmp4, Self::WebM, Self::Ts]
            .into_iter()
            .find(|container| container.name() == name)
    }

    /// `flv`, `fmp4`, `webm` or `ts`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flv => "flv",
            Self::Fmp4 => "fmp4",
            Self::WebM => "webm",
            Self::Ts => "ts",
        }
    }

    /// As people write it.
    const fn title(self) -> &'static str {
        match self {
            Self::Flv => "FLV",
            Self::Fmp4 => "MP4",
            Self::WebM => "WebM",
            Self::Ts => "MPEG-TS",
        }
    }

    /// By the first bytes of a stream; 8 are enough for all, 189 make sure of MPEG-TS.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"FLV") {
            return Some(Self::Flv);
        }
        if bytes.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
            return Some(Self::WebM);
        }
        if matches!(
            bytes.get(4..8),
            Some(b"ftyp" | b"styp" | b"moov" | b"moof" | b"sidx" | b"free" | b"skip")
        ) {
            return Some(Self::Fmp4);
        }
        // A text may begin with the sync byte too; a first packet is in the clear, with a payload.
        let is_packet = matches!(
            bytes.first_chunk(),
            Some([SYNC_BYTE, flags, _, control])
                if flags & 0x80 == 0 && control & 0xC0 == 0 && control & 0x10 != 0
        );
        let next_sync = bytes.get(ts::PACKET_BYTES).copied().unwrap_or(SYNC_BYTE);
        (is_packet && next_sync == SYNC_BYTE).then_some(Self::Ts)
    }
}

/// First byte of MPEG-TS packets.
const SYNC_BYTE: u8 = 0x47;
/// Most bytes a [`LiveDemuxer`] holds once [`next`](LiveDemuxer::next) has no more, whatever it was
/// sent. Fragmented MP4 needs the most: an unfinished sample (16 MiB), the samples of one track that
/// are before the other's (16 MiB), frames that wait for a track to be known (8 MiB), and the places
/// and times of the samples of a fragment.
pub const MAX_HELD_BYTES: usize = 48 << 20;
/// Bytes that tell one container from another.
const HEAD_BYTES: usize = 8;
/// Bytes without MPEG-TS packets that are searched for some before it is said that there are none.
const MAX_UNSYNCED_BYTES: u64 = 64 << 10;

/// Takes one container's bytes apart as they come.
///
/// After each [`push`](Self::push), call [`next`](Self::next) until it has no more: what is pushed
/// is held until then, and at most [`MAX_HELD_BYTES`] of it longer.
#[derive(Debug)]
pub struct LiveDemuxer {
    container: LiveContainer,
    inner: Inner,
    /// The first bytes of the stream, up to [`HEAD_BYTES`].
    head: Vec<u8>,
    /// Another container than was announced.
    lie: Option<MediaError>,
    last_dts_us: Option<i64>,
}

#[derive(Debug)]
enum Inner {
    Flv(Flv),
    Fmp4(fmp4::stream::Fmp4Demuxer),
    WebM(webm::WebmDemuxer),
    Ts(Ts),
}

impl Inner {
    fn new(container: LiveContainer) -> Self {
        match container {
            LiveContainer::Flv => Self::Flv(Flv::default()),
            LiveContainer::Fmp4 => Self::Fmp4(fmp4::stream::Fmp4Demuxer::new()),
            LiveContainer::WebM => Self::WebM(webm::WebmDemuxer::new()),
            LiveContainer::Ts => Self::Ts(Ts::default()),
        }
    }
}

impl LiveDemuxer {
    /// A demuxer that waits for the first byte of the stream.
    pub fn new(container: LiveContainer) -> Self {
        Self {
            container,
            inner: Inner::new(container),
            head: Vec::with_capacity(HEAD_BYTES),
            lie: None,
            last_dts_us: None,
        }
    }

    /// The next bytes, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        if missing > 0 {
            self.head.extend(bytes.iter().take(missing));
            self.lie = lie(self.container, &self.head);
        }
        if self.lie.is_some() {
            self.inner = Inner::new(self.container);
            return;
        }
        match &mut self.inner {
            Inner::Flv(flv) => flv.push(bytes),
            Inner::Fmp4(fmp4) => fmp4.push(bytes),
            Inner::WebM(webm) => webm.push(bytes),
            Inner::Ts(ts) => ts.push(bytes),
        }
    }

    /// The next event, or `None` until more bytes are pushed.
    ///
    /// # Errors
    /// What the container's own reader says, or that this is another container. After an error in
    /// the container itself (not in a codec header or a frame) every further call gives the same
    /// error. MPEG-TS goes on behind damage, unless it is nothing but damage.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and not at its end on None"
    )]
    pub fn next(&mut self) -> Result<Option<Event>> {
        if let Some(lie) = &self.lie {
            return Err(lie.clone());
        }
        if self.head.len() < HEAD_BYTES {
            return Ok(None);
        }
        let event = match &mut self.inner {
            Inner::Flv(flv) => flv.next(),
            Inner::Fmp4(fmp4) => fmp4.next(),
            Inner::WebM(webm) => webm.next(),
            Inner::Ts(ts) => ts.next(),
        }?;
        if let Some(Event::Frame(frame)) = &event {
            self.last_dts_us = Some(frame.ts_us);
        }
        Ok(event)
    }

    /// Bytes held: what was pushed, and neither given out nor passed over; with what is noted about
    /// bytes that are to come. At most [`MAX_HELD_BYTES`] when [`next`](Self::next) has no more.
    pub fn held_bytes(&self) -> usize {
        match &self.inner {
            Inner::Flv(flv) => flv.held_bytes(),
            Inner::Fmp4(fmp4) => fmp4.held_bytes(),
            Inner::WebM(webm) => webm.held_bytes(),
            Inner::Ts(ts) => ts.demuxer.held_bytes(),
        }
    }

    /// Whether the container itself could not be read: nothing more will come.
    pub fn has_failed(&self) -> bool {
        match &self.inner {
            Inner::Flv(flv) => flv.failed.is_some(),
            Inner::Fmp4(fmp4) => fmp4.has_failed(),
            Inner::WebM(webm) => webm.has_failed(),
            Inner::Ts(ts) => ts.failed,
        }
    }

    /// Whether frames wait until all announced tracks are known.
    pub const fn is_waiting(&self) -> bool {
        match &self.inner {
            // Tags announce nothing: each is given as it comes.
            Inner::Flv(_) => false,
            Inner::Fmp4(fmp4) => fmp4.is_waiting(),
            Inner::WebM(webm) => webm.is_waiting(),
            Inner::Ts(ts) => ts.demuxer.is_waiting(),
        }
    }

    /// Waits no longer: [`next`](Self::next) gives what waited. For whoever sees by a clock that it took
    /// too long, where the frames' own times do not go on.
    pub fn wait_no_longer(&mut self) {
        match &mut self.inner {
            Inner::Flv(_) => {}
            Inner::Fmp4(fmp4) => fmp4.wait_no_longer(),
            Inner::WebM(webm) => webm.wait_no_longer(),
            Inner::Ts(ts) => ts.demuxer.wait_no_longer(),
        }
    }

    /// No more bytes will come: [`next`](Self::next) gives what waited for more, such as the picture whose PES
    /// the next one would have ended.
    ///
    /// # Errors
    /// As [`next`](Self::next), about what waited.
    pub fn finish(&mut self) -> Result<()> {
        if self.lie.is_some() || self.has_failed() {
            return Ok(());
        }
        match &mut self.inner {
            Inner::Ts(ts) => ts.demuxer.finish(),
            Inner::Flv(_) | Inner::Fmp4(_) | Inner::WebM(_) => {
                self.wait_no_longer();
                Ok(())
            }
        }
    }

    /// The track whose frame the last error was about, where that is known.
    pub const fn failed_track(&self) -> Option<TrackKind> {
        match &self.inner {
            Inner::Flv(flv) => flv.failed_track,
            Inner::Fmp4(fmp4) => fmp4.failed_track(),
            Inner::WebM(webm) => webm.failed_track(),
            Inner::Ts(ts) => ts.demuxer.failed_track(),
        }
    }

    /// Decode time of the last frame given, in microseconds of the publisher's own clock.
    pub const fn last_dts_us(&self) -> Option<i64> {
        self.last_dts_us
    }
}

/// Words for a publisher that announced one container and sends another. Told by the first bytes;
/// what is none of the four is for the reader to judge.
fn lie(announced: LiveContainer, head: &[u8]) -> Option<MediaError> {
    let found = LiveContainer::sniff(head)?;
    // One byte and some bits are no proof of MPEG-TS.
    let proven = found != announced && found != LiveContainer::Ts;
    let why = match found {
        LiveContainer::Flv => "the bytes are FLV",
        LiveContainer::Fmp4 => "the bytes are MP4",
        LiveContainer::WebM => "the bytes are WebM",
        LiveContainer::Ts => "the bytes are MPEG-TS",
    };
    proven.then(|| MediaError::invalid(announced.title(), why))
}

/// FLV: tags and what the depacketizer makes of them.
#[derive(Debug, Default)]
struct Flv {
    reader: flv::Reader,
    depacketizer: Depacketizer,
    ready: VecDeque<Event>,
    scratch: Vec<Event>,
    failed: Option<MediaError>,
    failed_track: Option<TrackKind>,
}

impl Flv {
    fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.reader.push(bytes);
        }
    }

    fn held_bytes(&self) -> usize {
        self.reader.held_bytes() + self.ready.len() * size_of::<Event>()
    }

    fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            let tag = match self.reader.next() {
                Ok(Some(tag)) => tag,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.reader = flv::Reader::default();
                    self.failed = Some(error);
                    continue;
                }
            };
            self.failed_track = flv::track_of(tag.tag_type);
            let result =
                self.depacketizer
                    .push(tag.tag_type, tag.ts_ms, tag.body, &mut self.scratch);
            self.ready.extend(self.scratch.drain(..));
            result?;
        }
    }
}

/// MPEG-TS, and the end of patience with what is none.
#[derive(Debug, Default)]
struct Ts {
    demuxer: ts::TsDemuxer,
    failed: bool,
}

impl Ts {
    fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.demuxer.push(bytes);
        }
    }

    fn next(&mut self) -> Result<Option<Event>> {
        if !self.failed {
            let event = self.demuxer.next().map(|event| event.map(from_ts));
            if self.demuxer.unsynced_bytes() <= MAX_UNSYNCED_BYTES {
                return event;
            }
            self.failed = true;
            self.demuxer = ts::TsDemuxer::new();
        }
        Err(MediaError::invalid(
            "MPEG-TS",
            "no packets: a sync byte every 188 bytes is missing",
        ))
    }
}

fn from_ts(event: ts::demux::TsEvent) -> Event {
    let us = |ticks: i64| ticks.saturating_mul(100) / 9;
    match event {
        ts::demux::TsEvent::Tracks(tracks) => Event::Tracks(tracks),
        ts::demux::TsEvent::LeftOut(what) => Event::LeftOut(what),
        ts::demux::TsEvent::Frame(frame) => Event::Frame(RawFrame {
            track: frame.track,
            ts_us: us(frame.dts_90k),
            cts_us: assembler::clamp_i32(us(i64::from(frame.cts_90k))),
            kind: frame.kind,
            payload: frame.payload,
        }),
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
