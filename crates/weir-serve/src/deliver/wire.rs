//! One stream in one form: a short ring of batches that all its viewers send from.
//!
//! Whichever delivery loop ticks first muxes what is new; the others find it done. A batch begins at
//! every place a viewer may join, so joining is choosing a batch.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use weir_base::limits;
use weir_hub::{Cursor, Entry, JoinKind, JoinPoint, Read, Start, Stream, begins_with_sound};
use weir_media::silence::PictureWatch;
use weir_media::{Item, TrackKind, Tracks};

use super::format::Format;
use super::forms::ClockName;
use super::framing::Framing;
use super::mux::Mux;

/// Bookkeeping bytes counted per batch.
const BATCH_OVERHEAD_BYTES: usize = 256;

/// A piece of a wire, shared by all viewers of it.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its number in the wire.
    pub seq: u64,
    /// What is sent, framing included.
    pub bytes: Bytes,
    /// Set where a viewer may start: what it needs before these bytes.
    pub join: Option<Arc<Join>>,
    /// Frames in this wire before this batch.
    pub frames_before: u64,
    /// Frames in this wire up to its end.
    pub frames_after: u64,
    /// The stream's timeline after this batch: one more with each discontinuity.
    pub timeline: u64,
    /// Decode time of the first frame.
    pub dts_us: i64,
    /// Set for pictures that are shown before the keyframe of this batch: they refer to what a viewer who
    /// joined there never had.
    pub leads_to: Option<u64>,
}

/// Pictures may come that lead to a keyframe.
#[derive(Debug, Clone, Copy)]
struct Lead {
    /// When it is shown.
    key_pts_us: i64,
    /// The batch that it begins.
    batch: u64,
}

/// What an item is to the keyframe before it.
enum Leads {
    /// A picture that leads to the keyframe of this batch.
    To(u64),
    /// The first picture behind all that do.
    NoLonger(u64),
    /// Something else.
    No,
}

/// A place to join.
#[derive(Debug)]
pub struct Join {
    /// What stands in front of it.
    words: Mutex<JoinWords>,
    /// What a viewer begins with.
    pub kind: JoinKind,
    /// The stream's timeline here.
    pub timeline: u64,
    clock: ClockName,
    dts_us: i64,
}

/// The bytes in front of a place to join. They tell of tracks that came later too.
#[derive(Debug, Clone)]
pub struct JoinWords {
    /// For a viewer that begins.
    pub start: Bytes,
    /// For a viewer that skipped.
    pub resume: Bytes,
    tracks: Arc<Tracks>,
}

impl Join {
    /// The bytes in front of it, as known now.
    pub fn words(&self) -> JoinWords {
        self.words.lock().clone()
    }

    fn write(mux: &mut Mux, framing: Framing, clock: ClockName, dts_us: i64) -> JoinWords {
        let (mut start, mut resume) = (Vec::new(), Vec::new());
        mux.put_start(clock, dts_us, &mut start);
        mux.put_resume(dts_us, &mut resume);
        JoinWords {
            start: framing.wrap(&start).into(),
            resume: framing.wrap(&resume).into(),
            tracks: mux.tracks().clone(),
        }
    }
}

/// One stream's batches in one form, shared by all its viewers in that form.
pub struct Wire {
    /// What is muxed; viewers are counted there.
    pub stream: Arc<Stream>,
    /// Into which form, framing and choice of tracks.
    pub format: Format,
    lag_us: i64,
    max_bytes: usize,
    state: Mutex<State>,
}

struct State {
    /// None before the cursor has begun.
    mux: Option<Mux>,
    cursor: Cursor,
    batches: VecDeque<Batch>,
    /// Number of the first batch held.
    first: u64,
    bytes: usize,
    frames: u64,
    last_us: i64,
    pictures: PictureWatch,
    is_silent: bool,
    /// Number of the batch at which a viewer begins.
    join: Option<u64>,
    lead: Option<Lead>,
    /// Where batches are put together, so that each is kept in no more bytes than it has.
    scratch: Vec<u8>,
    entries: Vec<Entry>,
}

/// What a loop sees of a wire after a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct View {
    /// Number of the first batch still held.
    pub first: u64,
    /// Number of the batch to come.
    pub next: u64,
    /// Frames in the wire before that batch.
    pub frames: u64,
    /// Where in the stream's ring that batch begins; none before the wire has begun.
    pub ring_seq: Option<u64>,
    /// Number of the batch at which a viewer begins, or goes on after a fall.
    pub join: Option<u64>,
}

impl Wire {
    /// A wire that holds the last group of pictures, `lag_us` beyond it, and at most `max_bytes`.
    pub fn new(stream: Arc<Stream>, format: Format, lag_us: i64, max_bytes: usize) -> Self {
        let state = State {
            mux: None,
            cursor: stream.follow(Start::Newest).taking(format.tracks),
            batches: VecDeque::new(),
            first: 0,
            bytes: 0,
            frames: 0,
            last_us: 0,
            pictures: PictureWatch::default(),
            is_silent: false,
            join: None,
            lead: None,
            scratch: Vec::new(),
            entries: Vec::new(),
        };
        Self {
            stream,
            format,
            lag_us,
            max_bytes,
            state: Mutex::new(state),
        }
    }

    /// Muxes what is new, then copies the batches a loop has not seen (`from` on) to `out`.
    pub fn sync(&self, from: u64, out: &mut VecDeque<Batch>) -> View {
        let mut state = self.state.lock();
        state.advance(self);
        let next = state.first + state.batches.len() as u64;
        let skip = usize::try_from(from.saturating_sub(state.first)).unwrap_or(usize::MAX);
        out.extend(state.batches.iter().skip(skip).cloned());
        View {
            first: state.first,
            next,
            frames: state.frames,
            ring_seq: state.cursor.next_seq(),
            join: state.join,
        }
    }
}

impl State {
    fn advance(&mut self, wire: &Wire) {
        let mut entries = std::mem::take(&mut self.entries);
        let mut has_news = false;
        loop {
            match self.cursor.read(Cursor::BATCH, &mut entries) {
                Read::Began(join) => self.begin(wire, join),
                Read::Items => self.put_entries(wire, &entries),
                Read::Broke => self.put_break(wire),
                // The ring was too small for the time between two looks: all viewers fall, and go on
                // at its newest keyframe with headers.
                Read::Lost(_) => self.clear(),
                Read::Nothing | Read::Ended | Read::Forgotten => break,
            }
            has_news = true;
        }
        self.entries = entries;
        if has_news {
            self.evict(wire);
        }
    }

    fn clear(&mut self) {
        self.join = None;
        self.mux = None;
        self.lead = None;
        self.first += self.batches.len() as u64;
        self.batches.clear();
        self.bytes = 0;
    }

    fn begin(&mut self, wire: &Wire, join: JoinPoint) {
        self.last_us = join.dts_us;
        self.mux = Some(Mux::new(wire.format, &join.tracks, join.metadata));
    }

    fn put_entries(&mut self, wire: &Wire, entries: &[Entry]) {
        let framing = wire.format.framing;
        let mut open = OpenBatch::new(framing, std::mem::take(&mut self.scratch));
        for entry in entries {
            let mut join = None;
            if let Item::Frame(frame) = &entry.item {
                if let Some(kind) = entry.join {
                    join = self.join_at(wire, kind, frame.dts_us);
                }
                self.last_us = frame.dts_us;
                self.is_silent = self.pictures.note(frame.track, frame.dts_us);
            }
            let joins = join.is_some();
            let leads_to = match self.leads_to(wire, &entry.item) {
                Leads::To(batch) => Some(batch),
                Leads::No => None,
                Leads::NoLonger(batch) => {
                    self.end_leading(batch, &mut open);
                    None
                }
            };
            if joins || leads_to != open.leads_to || open.bytes.len() >= limits::BATCH_BYTES {
                self.close(&mut open);
                open.join = join;
                open.leads_to = leads_to;
            }
            if joins {
                self.lead = self.lead_of(&entry.item);
            }
            if open.is_empty() {
                open.frames_before = self.frames;
                open.dts_us = self.last_us;
            }
            if joins && let Some(mux) = &mut self.mux {
                mux.put_join(&mut open.bytes);
            }
            match &mut self.mux {
                Some(mux) if leads_to.is_some() => {
                    mux.put_leading(&entry.item, self.last_us, &mut open.bytes);
                }
                Some(mux) => mux.put(&entry.item, self.last_us, &mut open.bytes),
                None => {}
            }
            if matches!(entry.item, Item::Tracks(_)) {
                self.renew_joins(framing, &open);
            }
            self.frames += u64::from(matches!(entry.item, Item::Frame(_)));
        }
        self.close(&mut open);
        self.scratch = open.bytes;
    }

    /// Whether an item is a picture that leads to a keyframe, where the form can leave it out for one viewer.
    fn leads_to(&mut self, wire: &Wire, item: &Item) -> Leads {
        let lead = self.lead.filter(|_| wire.format.form.about().can_leave_out);
        match (lead, item) {
            (Some(lead), Item::Frame(frame)) if frame.track == TrackKind::Video => {
                if frame.pts_us() < lead.key_pts_us && !frame.is_video_key() {
                    return Leads::To(lead.batch);
                }
                self.lead = None;
                Leads::NoLonger(lead.batch)
            }
            _ => Leads::No,
        }
    }

    /// What belongs to the pictures that led to the keyframe of `batch`, in a batch of its own.
    fn end_leading(&mut self, batch: u64, open: &mut OpenBatch) {
        let mut end = Vec::new();
        if let Some(mux) = &mut self.mux {
            mux.end_leading(&mut end);
        }
        if end.is_empty() {
            return;
        }
        self.close(open);
        open.leads_to = Some(batch);
        open.frames_before = self.frames;
        open.dts_us = self.last_us;
        open.bytes.extend_from_slice(&end);
        self.close(open);
    }

    /// A keyframe that begins the batch to come.
    fn lead_of(&self, item: &Item) -> Option<Lead> {
        match item {
            Item::Frame(frame) if frame.is_video_key() => Some(Lead {
                key_pts_us: frame.pts_us(),
                batch: self.first + self.batches.len() as u64,
            }),
            _ => None,
        }
    }

    /// Not every form has a way to say so, but each batch names the clock behind it.
    fn put_break(&mut self, wire: &Wire) {
        let scratch = std::mem::take(&mut self.scratch);
        let mut open = OpenBatch::new(wire.format.framing, scratch);
        open.frames_before = self.frames;
        open.dts_us = self.last_us;
        if let Some(mux) = &mut self.mux {
            mux.put(&Item::Discontinuity, self.last_us, &mut open.bytes);
        }
        self.close(&mut open);
        self.scratch = open.bytes;
    }

    fn join_at(&mut self, wire: &Wire, kind: JoinKind, dts_us: i64) -> Option<Arc<Join>> {
        let clock = ClockName {
            timeline: self.cursor.clock_id(),
            wall_at_zero_us: wire.stream.wall_at_zero_us(),
        };
        let words = Join::write(self.mux.as_mut()?, wire.format.framing, clock, dts_us);
        Some(Arc::new(Join {
            words: Mutex::new(words),
            kind,
            timeline: clock.timeline,
            clock,
            dts_us,
        }))
    }

    /// A track has told of itself: whoever begins before it from now on is told of it there.
    fn renew_joins(&mut self, framing: Framing, open: &OpenBatch) {
        let Some(mux) = &mut self.mux else { return };
        let timeline = self.cursor.clock_id();
        let kept = self.batches.iter().filter_map(|batch| batch.join.as_ref());
        for join in kept.chain(&open.join) {
            let mut words = join.words.lock();
            let grew = join.timeline == timeline && mux.tracks().grew_from(&words.tracks);
            if grew && words.tracks != *mux.tracks() {
                *words = Join::write(mux, framing, join.clock, join.dts_us);
            }
        }
    }

    fn close(&mut self, open: &mut OpenBatch) {
        let seq = self.first + self.batches.len() as u64;
        if let Some(batch) = open.close(seq, self.frames, self.cursor.clock_id()) {
            self.bytes += batch.bytes.len() + BATCH_OVERHEAD_BYTES;
            self.batches.push_back(batch);
        }
    }

    /// Keeps the newest place to join and all after it; of the rest, `lag_us` worth.
    fn evict(&mut self, wire: &Wire) {
        self.join = self.find_join(wire);
        let mut before_join = match self.join {
            Some(seq) => usize::try_from(seq - self.first).unwrap_or(usize::MAX),
            None => self.batches.len(),
        };
        while let Some(front) = self.batches.front() {
            let too_old = before_join > 0 && self.last_us - front.dts_us > wire.lag_us;
            if !too_old && self.bytes <= wire.max_bytes {
                break;
            }
            self.bytes -= front.bytes.len() + BATCH_OVERHEAD_BYTES;
            self.batches.pop_front();
            self.first += 1;
            before_join = before_join.saturating_sub(1);
        }
        self.join = self.join.filter(|seq| *seq >= self.first);
    }

    /// Number of the batch at which a viewer begins, as the ring has it.
    fn find_join(&self, wire: &Wire) -> Option<u64> {
        let newest = |kind| {
            let mut batches = self.batches.iter().rev();
            batches.find(|batch| batch.join.as_ref().is_some_and(|join| join.kind == kind))
        };
        let whole = newest(JoinKind::Whole);
        let whole_us = whole.map(|batch| batch.dts_us);
        let keep_us = wire.stream.ring.keeps_us();
        let is_heard = begins_with_sound(whole_us, self.is_silent, self.last_us, keep_us);
        let sound = is_heard.then(|| newest(JoinKind::Sound)).flatten();
        let chosen = sound.or(whole);
        chosen.map(|batch| batch.seq)
    }
}

struct OpenBatch {
    framing: Framing,
    room: usize,
    bytes: Vec<u8>,
    join: Option<Arc<Join>>,
    frames_before: u64,
    dts_us: i64,
    leads_to: Option<u64>,
}

impl OpenBatch {
    fn new(framing: Framing, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        let room = framing.open(&mut bytes);
        Self {
            framing,
            room,
            bytes,
            join: None,
            frames_before: 0,
            dts_us: 0,
            leads_to: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes.len() == self.room
    }

    fn close(&mut self, seq: u64, frames_after: u64, timeline: u64) -> Option<Batch> {
        if self.is_empty() {
            return None;
        }
        let unused = self.framing.close(self.room, &mut self.bytes);
        let bytes = Bytes::copy_from_slice(self.bytes.get(unused..).unwrap_or_default());
        self.bytes.clear();
        self.room = self.framing.open(&mut self.bytes);
        Some(Batch {
            seq,
            bytes,
            join: self.join.take(),
            frames_before: self.frames_before,
            frames_after,
            timeline,
            dts_us: self.dts_us,
            leads_to: self.leads_to.take(),
        })
    }
}

/// The wires in use, so that all loops share one per stream and form.
#[derive(Default)]
pub struct Wires {
    map: Mutex<HashMap<(usize, Format), Weak<Wire>>>,
}

impl Wires {
    /// The wire of this stream and form, made if nobody uses it yet.
    pub fn open(
        &self,
        stream: &Arc<Stream>,
        format: Format,
        lag_us: i64,
        max_bytes: usize,
    ) -> Arc<Wire> {
        let mut map = self.map.lock();
        // A wire holds its stream, so while the entry upgrades, the address is that stream's.
        let key = (Arc::as_ptr(stream) as usize, format);
        if let Some(wire) = map.get(&key).and_then(Weak::upgrade) {
            return wire;
        }
        map.retain(|_, wire| wire.strong_count() > 0);
        let wire = Arc::new(Wire::new(stream.clone(), format, lag_us, max_bytes));
        map.insert(key, Arc::downgrade(&wire));
        wire
    }
}
