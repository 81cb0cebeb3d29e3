//! One stream: its ring, its state, its counters. It outlives its publisher for a linger time, so
//! that a publisher who comes back goes on where it stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::{Code, Refusal, StreamName};
use weir_media::{Item, LeftOut, TrackKind, silence};

use crate::clients::{Client, Protocol};
use crate::cursor::{Cursor, Start};
use crate::events::{Feed, What};
use crate::position::StreamPosition;
use crate::ring::{JoinPoint, Ring};
use crate::stats::{SenderStats, StreamStats};
use crate::trouble::Remarks;

/// One name's ring, publisher and counters.
#[derive(Debug)]
pub struct Stream {
    /// Vhost, app and stream.
    pub name: StreamName,
    /// What it said lately.
    pub ring: Ring,
    pub(crate) state: Mutex<State>,
    /// Whether the state has a publisher, for readers that take no lock.
    is_live: AtomicBool,
    is_forgotten: AtomicBool,
    feed: Arc<Feed>,
    pub(crate) stats: Mutex<StreamStats>,
    pub(crate) sender: Mutex<Option<SenderStats>>,
    pub(crate) remarks: Mutex<Remarks>,
    /// Counts what is said of publishers.
    remarks_version: AtomicU64,
    /// Frames of the current publisher cannot be used: the remarks say which.
    pub(crate) is_troubled: AtomicBool,
    /// A frame of the current publisher was fine.
    pub(crate) has_played: AtomicBool,
    /// When this node took it up, Unix microseconds.
    begun_wall_us: i64,
    /// When, on the node's clock, tracks are waited for no longer; `i64::MAX`: none are.
    pub(crate) settle_at_us: AtomicI64,
    /// Unix microseconds at which the stream's time 0 lies.
    pub(crate) wall_at_zero_us: AtomicI64,
    /// When, on the node's clock, the stream's time 0 lies; none before the first frame.
    pub(crate) zero_at_us: Mutex<Option<i64>>,
    pub(crate) last_frame_us: AtomicI64,
    pub(crate) changed: Notify,
    viewers: [AtomicU32; Protocol::ALL.len()],
    sent_bytes: AtomicU64,
    skipped_frames: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The current publisher; set by [`Stream::set_publisher`].
    pub(crate) publisher: Option<Arc<Client>>,
    /// Counts publishers: a handle with an older number has no say.
    pub(crate) life: u64,
    /// The current publisher is a copy from elsewhere, which any other replaces.
    pub(crate) is_replaceable: bool,
    pub(crate) since_us: i64,
    pub(crate) ended: Option<Ended>,
    /// Where the last frames came from, if from another node with a clock that is not this one's.
    pub(crate) source: Option<Source>,
    /// Decode time of the newest picture.
    pub(crate) newest_video_us: Option<i64>,
    /// Decode time of the newest sound.
    pub(crate) newest_audio_us: Option<i64>,
    /// A discontinuity was the last thing said, but for tracks and metadata.
    is_broken: bool,
}

/// Another node's clock, and how far behind the stream's own it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) clock_id: u64,
    pub(crate) shift_us: i64,
}

impl State {
    /// Whether the publisher of this life still has a say.
    pub(crate) const fn is_current(&self, life: u64) -> bool {
        self.life == life && self.publisher.is_some()
    }

    /// Decode time of the newest frame of a track.
    pub(crate) const fn newest_us(&self, track: TrackKind) -> Option<i64> {
        match track {
            TrackKind::Video => self.newest_video_us,
            TrackKind::Audio => self.newest_audio_us,
        }
    }

    /// Decode time of the newest frame of all.
    pub(crate) fn latest_us(&self) -> Option<i64> {
        self.newest_video_us.max(self.newest_audio_us)
    }

    /// Decode time up to which the frames of each track are there that has not fallen silent.
    fn complete_us(&self) -> Option<i64> {
        let latest_us = self.latest_us()?;
        let newest = [self.newest_video_us, self.newest_audio_us];
        newest
            .into_iter()
            .flatten()
            .filter(|us| !silence::is_silent(*us, latest_us))
            .min()
    }

    /// How far it has come, on the clock that this one is `shift_us` ahead of.
    fn position(&self, clock_id: u64, shift_us: i64) -> Option<StreamPosition> {
        let dts_us = self.complete_us()?.saturating_sub(shift_us);
        Some(StreamPosition { clock_id, dts_us })
    }

    /// What comes next does not join what came before, and tells its own tracks.
    pub(crate) fn break_off(&mut self, ring: &Ring) {
        ring.forget_tracks();
        ring.append(Item::Discontinuity);
        self.record(&Item::Discontinuity);
    }

    /// Keeps account of what is appended to the ring.
    pub(crate) const fn record(&mut self, item: &Item) {
        match item {
            Item::Frame(frame) => {
                match frame.track {
                    TrackKind::Video => self.newest_video_us = Some(frame.dts_us),
                    TrackKind::Audio => self.newest_audio_us = Some(frame.dts_us),
                }
                self.is_broken = false;
            }
            Item::Discontinuity => {
                if let Some(source) = &mut self.source {
                    source.clock_id = source.clock_id.wrapping_add(1);
                }
                self.is_broken = true;
            }
            Item::Tracks(_) | Item::Metadata(_) => {}
        }
    }

    /// Whether what comes next stands behind a discontinuity anyway.
    pub(crate) const fn is_broken(&self) -> bool {
        self.is_broken
    }
}

/// How and when the last publisher went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub code: Code,
    /// When, on the node's clock.
    pub at_us: i64,
    /// The publisher was another node, which hands on the stream of a publisher of its own.
    pub was_node: bool,
}

impl Ended {
    /// What viewers are told: the stream's end (3003) where the reason lies between the publisher and
    /// us, the reason itself where it concerns them too. It concerns a viewer that is a node where the
    /// line to the publishing node broke: the stream is not over, and comes again in a moment.
    pub fn code_for(self, viewer_is_node: bool) -> Code {
        match self.code {
            code @ (Code::NoData | Code::Operator | Code::Draining) => code,
            code if viewer_is_node && self.was_node && code.is_retryable_elsewhere() => code,
            _ => Code::Ended,
        }
    }
}

/// The current publisher, for the API.
#[derive(Debug, Clone, Copy)]
pub struct PublisherInfo {
    /// Its client id.
    pub id: weir_base::ClientId,
    /// How it publishes.
    pub protocol: Protocol,
    /// From where.
    pub addr: SocketAddr,
    /// Since when, on the node's clock.
    pub since_us: i64,
    /// It is a copy from elsewhere, which any other publisher replaces.
    pub is_replaceable: bool,
    /// It is another node, not a person's publisher.
    pub is_node: bool,
}

impl Stream {
    pub(crate) fn new(name: StreamName, ring: Ring, feed: Arc<Feed>, begun_wall_us: i64) -> Self {
        Self {
            name,
            ring,
            state: Mutex::default(),
            is_live: AtomicBool::new(false),
            is_forgotten: AtomicBool::new(false),
            feed,
            stats: Mutex::default(),
            sender: Mutex::default(),
            remarks: Mutex::default(),
            remarks_version: AtomicU64::new(0),
            is_troubled: AtomicBool::new(false),
            has_played: AtomicBool::new(false),
            begun_wall_us,
            settle_at_us: AtomicI64::new(i64::MAX),
            wall_at_zero_us: AtomicI64::new(0),
            zero_at_us: Mutex::new(None),
            last_frame_us: AtomicI64::new(0),
            changed: Notify::new(),
            viewers: Default::default(),
            sent_bytes: AtomicU64::new(0),
            skipped_frames: AtomicU64::new(0),
        }
    }

    /// What the sender last said of itself, if it says such things.
    pub fn sender(&self) -> Option<SenderStats> {
        self.sender.lock().clone()
    }

    /// What was left out of the publisher's media or put right in it, in words: a few lines at most.
    pub fn notes(&self) -> Vec<String> {
        self.remarks.lock().notes().to_vec()
    }

    /// Those of the notes that say what is not carried.
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.remarks.lock().left_out().to_vec()
    }

    /// One more with each change of [`Stream::notes`] and [`Stream::left_out`].
    pub fn remarks_version(&self) -> u64 {
        self.remarks_version.load(Ordering::Acquire)
    }

    /// To be called behind a change, so that whoever sees the number finds it.
    pub(crate) fn count_remark(&self) {
        self.remarks_version.fetch_add(1, Ordering::AcqRel);
    }

    /// Why nobody can watch it yet although it has a publisher: what comes cannot be used. None where
    /// something has played, or nothing is wrong.
    pub fn why_not_live(&self) -> Option<Refusal> {
        let is_early = self.is_live() && !self.has_played.load(Ordering::Acquire);
        if !is_early || !self.is_troubled.load(Ordering::Acquire) {
            return None;
        }
        self.remarks.lock().trouble().cloned()
    }

    /// A new publisher: nothing is said of it yet.
    pub(crate) fn forget_remarks(&self) {
        *self.remarks.lock() = Remarks::default();
        self.count_remark();
        self.is_troubled.store(false, Ordering::Release);
        self.has_played.store(false, Ordering::Release);
    }

    /// Why the publisher has to go: nothing of it arrives, or nothing that can be used.
    pub(crate) fn reason_to_end(&self, idle_us: i64, now_us: i64) -> Option<Refusal> {
        let is_idle = now_us - self.last_frame_us.load(Ordering::Acquire) >= idle_us;
        if !is_idle && !self.is_troubled.load(Ordering::Acquire) {
            return None;
        }
        let remarks = self.remarks.lock();
        let has_played = self.has_played.load(Ordering::Acquire);
        match remarks.verdict(has_played, now_us) {
            Some(verdict) => Some(verdict),
            None if is_idle => {
                let reason = remarks.reason_of_silence(idle_us, now_us);
                Some(reason.cloned().unwrap_or_else(|| Code::NoData.into()))
            }
            None => None,
        }
    }

    /// A reader of its own, from `start` on.
    pub fn follow(self: &Arc<Self>, start: Start) -> Cursor {
        Cursor::new(self.clone(), start)
    }

    /// Whether it has a publisher.
    pub fn is_live(&self) -> bool {
        self.is_live.load(Ordering::Acquire)
    }

    /// Whether the hub has forgotten it: a publisher of its name begins another stream.
    pub fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Ordering::Acquire)
    }

    pub(crate) fn set_forgotten(&self) {
        self.is_forgotten.store(true, Ordering::Release);
    }

    pub(crate) fn set_publisher(&self, state: &mut State, publisher: Option<Arc<Client>>) {
        self.is_live.store(publisher.is_some(), Ordering::Release);
        state.publisher = publisher;
    }

    /// Its publisher is gone; the caller has the state's lock, so that events come in order.
    pub(crate) fn set_ended(&self, state: &mut State, ended: Ended) {
        self.set_publisher(state, None);
        state.ended = Some(ended);
        self.tell(ended.at_us, What::Ended(ended.code));
    }

    /// Tells the hub's observers.
    pub(crate) fn tell(&self, at_us: i64, what: What) {
        self.feed.tell(at_us, &self.name, what);
    }

    /// How the last publisher went; `None` while one is here.
    pub fn ended(&self) -> Option<Ended> {
        self.state.lock().ended
    }

    /// Counts publishers: 1 for the first.
    pub fn life(&self) -> u64 {
        self.state.lock().life
    }

    /// Who publishes it.
    pub fn publisher(&self) -> Option<PublisherInfo> {
        let state = self.state.lock();
        state.publisher.as_ref().map(|client| PublisherInfo {
            id: client.id,
            protocol: client.protocol,
            addr: client.addr,
            since_us: state.since_us,
            is_replaceable: state.is_replaceable,
            is_node: client.is_node,
        })
    }

    /// Names the stream's clock, on this node and on all that relay it: a random number where the stream
    /// began, and one more after each discontinuity. Equal ones mean the same times, and no break missed.
    pub fn clock_id(&self) -> u64 {
        self.ring.clock_id()
    }

    /// How far it has come; none before the first frame.
    pub fn position(&self) -> Option<StreamPosition> {
        let state = self.state.lock();
        state.position(self.ring.clock_id(), 0)
    }

    /// The same on the clock of the node that it comes from, where that is another.
    pub fn source_position(&self) -> Option<StreamPosition> {
        let state = self.state.lock();
        let (clock_id, shift_us) = match state.source {
            Some(source) => (source.clock_id, source.shift_us),
            None => (self.ring.clock_id(), 0),
        };
        state.position(clock_id, shift_us)
    }

    /// Where a new viewer starts, as [`Ring::newest_join`].
    pub fn newest_join(&self) -> Option<JoinPoint> {
        self.ring.newest_join()
    }

    /// When this node took it up, Unix microseconds: later for each stream that has the name after another.
    pub const fn begun_wall_us(&self) -> i64 {
        self.begun_wall_us
    }

    /// Ends the wait for tracks if it is time.
    pub(crate) fn settle_if_due(&self, now_us: i64) {
        if self.settle_at_us.load(Ordering::Acquire) > now_us {
            return;
        }
        self.settle_at_us.store(i64::MAX, Ordering::Release);
        if self.ring.settle() {
            self.changed.notify_waiters();
        }
    }

    /// Unix microseconds at which the stream's time 0 lies.
    pub fn wall_at_zero_us(&self) -> i64 {
        self.wall_at_zero_us.load(Ordering::Acquire)
    }

    /// Resolves after the next item or change of state. Take it before looking, or a wake is lost.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// A copy of the counters.
    pub fn stats(&self) -> StreamStats {
        self.stats.lock().clone()
    }

    /// Viewers over `protocol` now.
    pub fn viewers(&self, protocol: Protocol) -> u32 {
        self.viewers[protocol as usize].load(Ordering::Relaxed)
    }

    /// Viewers over all protocols now.
    pub fn all_viewers(&self) -> u32 {
        Protocol::ALL
            .iter()
            .map(|protocol| self.viewers(*protocol))
            .sum()
    }

    /// Viewers that are no nodes, which have viewers of their own.
    pub fn people(&self) -> u32 {
        self.all_viewers()
            .saturating_sub(self.viewers(Protocol::Relay))
    }

    /// One more (`+1`) or fewer (`-1`) viewers.
    pub fn add_viewers(&self, protocol: Protocol, delta: i32) {
        let count = &self.viewers[protocol as usize];
        if delta >= 0 {
            count.fetch_add(delta.unsigned_abs(), Ordering::Relaxed);
        } else {
            count.fetch_sub(delta.unsigned_abs(), Ordering::Relaxed);
        }
    }

    /// Bytes sent to viewers.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes sent to viewers.
    pub fn add_sent_bytes(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Frames that slow viewers lost.
    pub fn skipped_frames(&self) -> u64 {
        self.skipped_frames.load(Ordering::Relaxed)
    }

    /// Counts frames that a slow viewer lost.
    pub fn add_skipped_frames(&self, frames: u64) {
        self.skipped_frames.fetch_add(frames, Ordering::Relaxed);
    }
}
