//! The ring: what a stream said lately, in order, shared by everybody who reads it.
//!
//! One writer appends; readers keep a sequence number of their own. Bounded by time, by bytes and
//! by entries; at least the last group of pictures stays while the bytes allow it. A reader that
//! fell off the end is told how much it lost and where it may go on.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use weir_base::limits;
use weir_media::still::StillPicture;
use weir_media::{Frame, Item, Metadata, TrackKind, Tracks};

use crate::join::{JoinKind, JoinRule, TrackFilter, begins_with_sound};
use crate::position::StreamPosition;

/// Bytes of bookkeeping counted for each entry beside its payload.
const ENTRY_BYTES: usize = 128;

/// A place where a viewer may start, with what it must know there.
#[derive(Debug, Clone)]
pub struct JoinPoint {
    /// Sequence number of the first frame to take.
    pub seq: u64,
    /// Decode time of that frame.
    pub dts_us: i64,
    /// What a viewer begins with there.
    pub kind: JoinKind,
    /// The tracks in force there, with those that told of themselves later.
    pub tracks: Arc<Tracks>,
    /// The metadata in force there, or the first behind it.
    pub metadata: Option<Arc<Metadata>>,
    /// The clock in force there: see [`crate::Stream::clock_id`].
    pub clock_id: u64,
    /// How often, before it, what came did not join what came before: breaks of the clock, and other
    /// tracks.
    pub breaks: u64,
}

/// What reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The items were appended to the caller's list; read on from `next`.
    Read {
        /// Sequence number to read next.
        next: u64,
    },
    /// `lost` entries are gone: go on at a [`Ring::newest_join`] or [`Ring::oldest_join`].
    Lagged {
        /// Entries lost.
        lost: u64,
    },
}

/// One stream's newest entries, bounded in time, bytes and number.
#[derive(Debug)]
pub struct Ring {
    max_us: i64,
    max_bytes: usize,
    /// Sequence number of the next entry; readable without the lock.
    head: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Kept>,
    first_seq: u64,
    bytes: usize,
    joins: VecDeque<JoinPoint>,
    rule: JoinRule,
    /// The clock in force behind the last entry.
    clock_id: u64,
    /// Where the current publisher begins: what stands before it is the last one's.
    break_seq: u64,
    /// See [`JoinPoint::breaks`]; frames have come since the last.
    breaks: u64,
    has_frames: bool,
    /// Tracks that the current publisher is waited for with; once that is over it does not begin anew.
    awaited: Option<AwaitedTracks>,
    has_settled: bool,
    /// Decode time of the newest frame.
    newest_us: i64,
    /// What shows the newest picture, also where its keyframe is long gone.
    still: StillPicture,
    tracks: Arc<Tracks>,
    metadata: Option<Arc<Metadata>>,
}

/// Tracks that are announced and not known yet: nobody joins what the publisher says until they are, or
/// until it has gone on without them for too long.
#[derive(Debug, Clone, Copy)]
struct AwaitedTracks {
    tracks: TrackFilter,
    hold_us: i64,
    /// Decode time of the publisher's first frame.
    since_us: Option<i64>,
}

#[derive(Debug)]
struct Kept {
    item: Item,
    join: Option<JoinKind>,
    /// Decode time; that of the frame before for what is no frame.
    dts_us: i64,
}

impl Ring {
    /// A ring that keeps about `max_us` of the stream, and never more than `max_bytes`; its entries are
    /// on the clock `clock_id` until that breaks.
    pub fn new(max_us: i64, max_bytes: usize, clock_id: u64) -> Self {
        let inner = Inner {
            clock_id,
            ..Inner::default()
        };
        Self {
            max_us,
            max_bytes,
            head: AtomicU64::new(0),
            inner: Mutex::new(inner),
        }
    }

    /// Appends one item; O(1) amortised, waits for nothing but a reader's short look.
    pub fn append(&self, item: Item) {
        let mut inner = self.inner.lock();
        let seq = inner.first_seq + inner.entries.len() as u64;
        let last_us = inner.entries.back().map_or(0, |entry| entry.dts_us);
        let mut dts_us = last_us;
        let mut join = None;
        match &item {
            Item::Tracks(tracks) => inner.set_tracks(tracks.clone()),
            Item::Metadata(metadata) => inner.set_metadata(metadata.clone()),
            Item::Frame(frame) => {
                dts_us = frame.dts_us;
                join = inner.rule.take(frame);
                inner.still.note(frame);
                inner.note_frame(join, seq, dts_us);
            }
            Item::Discontinuity => {
                inner.still.clear();
                inner.break_seq = seq;
                inner.clock_id = inner.clock_id.wrapping_add(1);
                inner.count_break();
                inner.awaited = None;
                inner.has_settled = false;
            }
        }
        inner.bytes += entry_bytes(&item);
        inner.entries.push_back(Kept { item, join, dts_us });
        inner.evict(self.max_us, self.max_bytes);
        self.head.store(seq + 1, Ordering::Release);
    }

    /// Sequence number of the entry to come.
    pub fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Appends the items from `from` on to `out`, at most `max_items`.
    pub fn read(&self, from: u64, max_items: usize, out: &mut Vec<Item>) -> ReadOutcome {
        let before = out.len();
        let walk = |item: &Item, _| {
            out.push(item.clone());
            ControlFlow::Continue(())
        };
        match self.walk(from, max_items, walk) {
            Ok(()) => ReadOutcome::Read {
                next: from + (out.len() - before) as u64,
            },
            Err(lost) => ReadOutcome::Lagged { lost },
        }
    }

    /// Shows the items from `from` on, and whether a viewer of all tracks may begin with them, to `visit` until it breaks off, at most `max_items`; short, the
    /// publisher waits meanwhile. An error is how many entries are gone.
    pub(crate) fn walk(
        &self,
        from: u64,
        max_items: usize,
        mut visit: impl FnMut(&Item, Option<JoinKind>) -> ControlFlow<()>,
    ) -> Result<(), u64> {
        let inner = self.inner.lock();
        if from < inner.first_seq {
            return Err(inner.first_seq - from);
        }
        let skip = usize::try_from(from - inner.first_seq).unwrap_or(usize::MAX);
        for entry in inner.entries.iter().skip(skip).take(max_items) {
            if visit(&entry.item, entry.join).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Where a new viewer starts: the newest keyframe of the current publisher. Where pictures have been
    /// silent for longer than the ring keeps, at its sound.
    pub fn newest_join(&self) -> Option<JoinPoint> {
        let inner = self.inner.lock();
        inner.newest_join(self.max_us, TrackFilter::ALL).cloned()
    }

    /// The same for a viewer of these tracks.
    pub(crate) fn newest_join_of(&self, takes: TrackFilter) -> Option<JoinPoint> {
        let inner = self.inner.lock();
        inner.newest_join(self.max_us, takes).cloned()
    }

    /// The newest keyframe and the tracks in force there, whether its publisher is still here or not: for who wants
    /// one picture and reads nothing else. None where there are no pictures.
    pub fn newest_keyframe(&self) -> Option<(JoinPoint, Frame)> {
        let inner = self.inner.lock();
        let joins = inner.joins.iter().rev();
        let mut found = joins
            .filter(|join| join.kind == JoinKind::Whole && inner.is_told(join))
            .take(1)
            .filter_map(|join| {
                let at = usize::try_from(join.seq.checked_sub(inner.first_seq)?).ok()?;
                match &inner.entries.get(at)?.item {
                    Item::Frame(frame) if frame.is_video_key() => {
                        Some((join.clone(), frame.clone()))
                    }
                    _ => None,
                }
            });
        found.next()
    }

    /// The oldest keyframe still here: where a packager starts, to have a window at once.
    pub fn oldest_join(&self) -> Option<JoinPoint> {
        let inner = self.inner.lock();
        let oldest = inner.joins.front();
        oldest.filter(|join| inner.is_told(join)).cloned()
    }

    /// The newest place to join at or before `position`, on its clock.
    pub(crate) fn join_before(&self, position: StreamPosition) -> Option<JoinPoint> {
        let inner = self.inner.lock();
        let mut joins = inner.joins.iter().rev();
        let fits = |join: &&JoinPoint| {
            join.clock_id == position.clock_id && join.dts_us <= position.dts_us
        };
        joins.find(fits).filter(|join| inner.is_told(join)).cloned()
    }

    /// Nobody joins what the current publisher says before these tracks are known, or `hold_us` of it are
    /// here: players believe for good what they are told first.
    pub(crate) fn await_tracks(&self, tracks: TrackFilter, hold_us: i64) {
        let mut inner = self.inner.lock();
        if inner.has_settled {
            return;
        }
        let since_us = inner.awaited.and_then(|awaited| awaited.since_us);
        inner.awaited = Some(AwaitedTracks {
            tracks,
            hold_us,
            since_us,
        });
        inner.check_awaited();
    }

    /// This track will not come: nobody waits for it. Whether that ends the wait.
    pub(crate) fn await_no_more(&self, track: TrackKind) -> bool {
        let mut inner = self.inner.lock();
        let Some(awaited) = &mut inner.awaited else {
            return false;
        };
        match track {
            TrackKind::Video => awaited.tracks.video = false,
            TrackKind::Audio => awaited.tracks.audio = false,
        }
        inner.check_awaited();
        inner.has_settled |= inner.has_frames && inner.awaited.is_none();
        inner.awaited.is_none()
    }

    /// Waits no longer for tracks. Whether it did.
    pub(crate) fn settle(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.has_settled = true;
        inner.awaited.take().is_some()
    }

    /// Whether tracks are waited for.
    pub(crate) fn is_awaiting(&self) -> bool {
        self.inner.lock().awaited.is_some()
    }

    /// What shows the picture that stands still to who begins with the sound at `at_us`
    /// ([`JoinKind::Sound`]): decoded before that.
    pub fn still_before(&self, at_us: i64) -> Vec<Frame> {
        self.inner.lock().still.before(at_us)
    }

    /// Microseconds of the stream that it keeps, beside the last group of pictures.
    pub const fn keeps_us(&self) -> i64 {
        self.max_us
    }

    /// The tracks in force now.
    pub fn tracks(&self) -> Arc<Tracks> {
        self.inner.lock().tracks.clone()
    }

    /// The metadata in force now.
    pub fn metadata(&self) -> Option<Arc<Metadata>> {
        self.inner.lock().metadata.clone()
    }

    /// Forgets the tracks and metadata: a new publisher tells its own.
    pub(crate) fn forget_tracks(&self) {
        let mut inner = self.inner.lock();
        inner.set_tracks(Arc::default());
        inner.metadata = None;
    }

    /// The clock in force behind the last entry.
    pub(crate) fn clock_id(&self) -> u64 {
        self.inner.lock().clock_id
    }

    /// What comes is on another clock; only for a ring that has no frames.
    pub(crate) fn set_clock(&self, clock_id: u64) {
        self.inner.lock().clock_id = clock_id;
    }

    /// Decode time of the newest frame.
    pub fn newest_us(&self) -> i64 {
        self.inner
            .lock()
            .entries
            .back()
            .map_or(0, |entry| entry.dts_us)
    }

    /// Bytes it holds at most.
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }
}

impl Inner {
    fn set_tracks(&mut self, tracks: Arc<Tracks>) {
        self.rule.tracks(&tracks, TrackFilter::ALL);
        let before = std::mem::replace(&mut self.tracks, tracks);
        if before == self.tracks {
            return;
        }
        if before.video != self.tracks.video {
            self.still.clear();
        }
        if !self.tracks.grew_from(&before) {
            self.count_break();
            return;
        }
        for join in joins_since(&mut self.joins, self.break_seq) {
            if self.tracks.grew_from(&join.tracks) {
                join.tracks = self.tracks.clone();
            }
        }
        self.check_awaited();
    }

    fn set_metadata(&mut self, metadata: Arc<Metadata>) {
        for join in joins_since(&mut self.joins, self.break_seq) {
            join.metadata.get_or_insert_with(|| metadata.clone());
        }
        self.metadata = Some(metadata);
    }

    fn note_frame(&mut self, join: Option<JoinKind>, seq: u64, dts_us: i64) {
        self.has_frames = true;
        self.newest_us = dts_us;
        if let Some(awaited) = &mut self.awaited {
            awaited.since_us.get_or_insert(dts_us);
        }
        if let Some(kind) = join {
            self.joins.push_back(JoinPoint {
                seq,
                dts_us,
                kind,
                tracks: self.tracks.clone(),
                metadata: self.metadata.clone(),
                clock_id: self.clock_id,
                breaks: self.breaks,
            });
        }
        self.check_awaited();
        self.has_settled |= self.awaited.is_none();
    }

    /// Ends the wait for tracks when all are known, or enough is here.
    fn check_awaited(&mut self) {
        let newest_us = self.newest_us;
        self.awaited = self.awaited.filter(|awaited| {
            let TrackFilter { video, audio } = awaited.tracks;
            let is_missing =
                video && self.tracks.video.is_none() || audio && self.tracks.audio.is_none();
            let is_enough = |since_us| newest_us.saturating_sub(since_us) >= awaited.hold_us;
            is_missing && !awaited.since_us.is_some_and(is_enough)
        });
    }

    const fn count_break(&mut self) {
        if self.has_frames {
            self.breaks += 1;
            self.has_frames = false;
        }
    }

    /// Whether readers may hear of a place to join.
    const fn is_told(&self, join: &JoinPoint) -> bool {
        self.awaited.is_none() || join.seq < self.break_seq
    }

    fn newest_join(&self, keep_us: i64, takes: TrackFilter) -> Option<&JoinPoint> {
        let own = || {
            let joins = self.joins.iter().rev();
            joins.take_while(|join| join.seq >= self.break_seq && self.is_told(join))
        };
        let whole = own().find(|join| join.kind == JoinKind::Whole);
        let now_us = self.entries.back().map_or(0, |entry| entry.dts_us);
        let (whole_us, is_silent) = (whole.map(|join| join.dts_us), self.rule.is_silent());
        let is_heard = takes.audio && begins_with_sound(whole_us, is_silent, now_us, keep_us);
        let sound = own().find(|join| join.kind == JoinKind::Sound);
        sound.filter(|_| is_heard).or(whole)
    }

    /// What stays even where it is older than the rest: what a viewer begins with who comes now, or will be
    /// once there is one.
    fn kept_join(&self, max_us: i64) -> Option<&JoinPoint> {
        let newest = self.newest_join(max_us, TrackFilter::ALL);
        newest.or_else(|| self.joins.back())
    }

    fn evict(&mut self, max_us: i64, max_bytes: usize) {
        let newest_us = self.entries.back().map_or(0, |entry| entry.dts_us);
        let last_join = self.kept_join(max_us).map_or(u64::MAX, |join| join.seq);
        while let Some(front) = self.entries.front() {
            let too_much = self.bytes > max_bytes || self.entries.len() > limits::RING_ENTRIES;
            let too_old = newest_us - front.dts_us > max_us && self.first_seq < last_join;
            if !too_much && !too_old {
                break;
            }
            self.bytes -= entry_bytes(&front.item);
            self.entries.pop_front();
            self.first_seq += 1;
        }
        while self
            .joins
            .front()
            .is_some_and(|join| join.seq < self.first_seq)
        {
            self.joins.pop_front();
        }
    }
}

/// The places to join from `seq` on, the newest first.
fn joins_since(joins: &mut VecDeque<JoinPoint>, seq: u64) -> impl Iterator<Item = &mut JoinPoint> {
    let joins = joins.iter_mut().rev();
    joins.take_while(move |join| join.seq >= seq)
}

fn entry_bytes(item: &Item) -> usize {
    ENTRY_BYTES
        + match item {
            Item::Frame(frame) => frame.payload.len(),
            Item::Metadata(metadata) => metadata.amf0.len(),
            Item::Tracks(_) | Item::Discontinuity => 0,
        }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::{FrameKind, VideoCodec, VideoTrack};

    use super::*;

    fn video(ms: i64, kind: FrameKind, size: usize) -> Item {
        let payload = Bytes::from(vec![0; size]);
        Item::Frame(Frame {
            track: TrackKind::Video,
            dts_us: ms * 1000,
            cts_us: 0,
            kind,
            payload,
        })
    }

    fn tracks() -> Item {
        let video = VideoTrack {
            codec: VideoCodec::H264,
            config: Bytes::new(),
            width: 0,
            height: 0,
            rfc6381: String::new(),
        };
        Item::Tracks(Arc::new(Tracks {
            video: Some(video),
            audio: None,
        }))
    }

    #[test]
    fn nobody_joins_what_an_earlier_publisher_left() {
        let ring = Ring::new(10_000_000, 1 << 20, 0);
        filled(&ring, 2, 10);
        ring.append(Item::Discontinuity);
        assert!(ring.newest_join().is_none());
        assert!(
            ring.oldest_join().is_some(),
            "a packager begins with what is there"
        );
        ring.append(tracks());
        ring.append(video(9_000, FrameKind::Key, 10));
        assert_eq!(ring.newest_join().map(|join| join.dts_us), Some(9_000_000));
    }

    /// 25 fps, a keyframe each second, `seconds` long.
    fn filled(ring: &Ring, seconds: i64, size: usize) {
        ring.append(tracks());
        for n in 0..seconds * 25 {
            let kind = if n % 25 == 0 {
                FrameKind::Key
            } else {
                FrameKind::Inter
            };
            ring.append(video(n * 40, kind, size));
        }
    }

    #[test]
    fn a_joiner_starts_at_the_newest_keyframe_with_its_tracks() {
        let ring = Ring::new(10_000_000, 1 << 20, 0);
        filled(&ring, 3, 100);
        let join = ring.newest_join().unwrap();
        assert_eq!(join.dts_us, 2_000_000);
        assert!(join.tracks.video.is_some());
        let mut items = Vec::new();
        assert_eq!(
            ring.read(join.seq, 1000, &mut items),
            ReadOutcome::Read { next: ring.head() }
        );
        assert_eq!(items.len(), 25);
        assert!(matches!(&items[0], Item::Frame(frame) if frame.is_video_key()));
    }

    #[test]
    fn who_comes_back_begins_at_the_keyframe_before_what_it_has() {
        let ring = Ring::new(10_000_000, 1 << 20, 7);
        filled(&ring, 3, 10);
        let join = |clock_id, dts_us| {
            let join = ring.join_before(StreamPosition { clock_id, dts_us });
            join.map(|join| join.dts_us)
        };
        assert_eq!(join(7, 1_999_999), Some(1_000_000));
        assert_eq!(join(7, 2_000_000), Some(2_000_000));
        assert_eq!(join(7, -1), None, "the ring has no more of it");
        assert_eq!(join(8, 2_000_000), None, "another clock");
        ring.append(Item::Discontinuity);
        ring.append(video(3_000, FrameKind::Key, 10));
        assert_eq!(join(7, 9_000_000), Some(2_000_000));
        assert_eq!(join(8, 3_000_000), Some(3_000_000));
    }

    #[test]
    fn old_entries_leave_but_the_last_group_of_pictures_stays() {
        let ring = Ring::new(100_000, 1 << 20, 0);
        filled(&ring, 3, 100);
        let join = ring.newest_join().unwrap();
        assert_eq!(ring.oldest_join().unwrap().seq, join.seq);
        let mut items = Vec::new();
        assert!(
            matches!(ring.read(0, 10, &mut items), ReadOutcome::Lagged { lost } if lost == join.seq)
        );
    }

    #[test]
    fn bytes_are_bounded_even_inside_one_group_of_pictures() {
        let ring = Ring::new(10_000_000, 50_000, 0);
        ring.append(tracks());
        for n in 0..1000 {
            ring.append(video(
                n * 40,
                if n == 0 {
                    FrameKind::Key
                } else {
                    FrameKind::Inter
                },
                1000,
            ));
            assert!(ring.bytes() <= 50_000);
        }
        assert!(ring.newest_join().is_none());
    }

    #[test]
    fn audio_alone_can_be_joined_every_half_second() {
        let ring = Ring::new(10_000_000, 1 << 20, 0);
        for n in 0..100 {
            let payload = Bytes::from_static(b"aac");
            let frame = Frame {
                track: TrackKind::Audio,
                dts_us: n * 20_000,
                cts_us: 0,
                kind: FrameKind::Key,
                payload,
            };
            ring.append(Item::Frame(frame));
        }
        assert_eq!(ring.newest_join().unwrap().dts_us, 1_500_000);
    }
}
