//! A reader's place in a stream. Each reader has one: a delivery wire, a packager, a push to
//! another server. It pays for its own slowness, and the publisher knows nothing of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use weir_media::Item;

use crate::join::{JoinKind, JoinRule, TrackFilter};
use crate::position::StreamPosition;
use crate::ring::JoinPoint;
use crate::stream::Stream;

/// Where a reader begins, and begins anew after a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the newest join of the current publisher: for viewers.
    Newest,
    /// At the oldest join still there, to have a past at once: for packagers.
    Oldest,
    /// At the newest join at or before this place, on its clock; not at all where the ring has none.
    AtOrBefore(StreamPosition),
}

/// An item, and what a viewer begins with who begins there.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What the publisher said: tracks, metadata or a frame. A discontinuity is [`Read::Broke`].
    pub item: Item,
    /// Set for a frame that a viewer of the tracks taken here may begin with.
    pub join: Option<JoinKind>,
}

/// What one read gave.
#[derive(Debug, Clone)]
#[must_use]
pub enum Read {
    /// The cursor begins here, or begins anew after a loss: what holds at this place.
    Began(JoinPoint),
    /// The caller's list has what comes next, and at least one entry.
    Items,
    /// Times and pictures do not join over this place: [`Cursor::clock_id`] is one more from here on.
    Broke,
    /// So many entries are gone for this reader; it begins anew with the next read.
    Lost(u64),
    /// There is nothing new, or no place to begin yet; the stream is live.
    Nothing,
    /// Everything is read and there is no publisher. A publisher that returns is read by the same cursor.
    Ended,
    /// Everything is read and the hub has forgotten the stream: nothing will follow.
    Forgotten,
}

/// How a stream goes on, for a reader that has read everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    Live,
    Ended,
    Forgotten,
}

/// Begins at the first read that finds a place, and after a loss at the next; cheap to make, and each
/// reader has its own.
#[derive(Debug)]
pub struct Cursor {
    stream: Arc<Stream>,
    start: Start,
    takes: TrackFilter,
    max_lag_us: i64,
    /// None before there is a place to begin.
    place: Option<Place>,
    /// What the last read said, if it came to the end of the ring.
    told: Outlook,
}

#[derive(Debug)]
struct Place {
    /// Sequence number to read next.
    next: u64,
    /// Decode time of the newest frame read.
    dts_us: i64,
    clock_id: u64,
    rule: JoinRule,
}

impl Cursor {
    /// Entries to take in one read where nothing speaks for fewer: the publisher waits while they are
    /// copied.
    pub const BATCH: usize = 256;

    pub(crate) const fn new(stream: Arc<Stream>, start: Start) -> Self {
        Self {
            stream,
            start,
            takes: TrackFilter::ALL,
            max_lag_us: i64::MAX,
            place: None,
            told: Outlook::Live,
        }
    }

    /// Leaves out frames of other tracks; joins are those of what is left.
    #[must_use]
    pub const fn taking(mut self, takes: TrackFilter) -> Self {
        self.takes = takes;
        self
    }

    /// Goes on at a later join, as after a loss, when the newest frame read is more than `max_lag_us`
    /// behind the stream's newest.
    #[must_use]
    pub const fn at_most_behind(mut self, max_lag_us: i64) -> Self {
        self.max_lag_us = max_lag_us;
        self
    }

    /// The stream it reads.
    pub const fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The clock of what was read last, as [`Stream::clock_id`]; 0 before the beginning.
    pub fn clock_id(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.clock_id)
    }

    /// Sequence number of the entry to read next; none before the beginning.
    pub fn next_seq(&self) -> Option<u64> {
        self.place.as_ref().map(|place| place.next)
    }

    /// Reads on without waiting. `entries` is emptied, and has at most `max` of them after
    /// [`Read::Items`].
    pub fn read(&mut self, max: usize, entries: &mut Vec<Entry>) -> Read {
        entries.clear();
        loop {
            // Asked before the ring: what was appended before the end is read before the end is told.
            let outlook = self.outlook();
            let Some(place) = &mut self.place else {
                match self.begin() {
                    Some(join) => return Read::Began(join),
                    None => return self.at_head(outlook),
                }
            };
            if place.next >= self.stream.ring.head() {
                return self.at_head(outlook);
            }
            self.told = Outlook::Live;
            if let Some(lost) = lag(&self.stream, place, self.max_lag_us) {
                self.place = None;
                return Read::Lost(lost);
            }
            match place.read(&self.stream, self.takes, max, entries) {
                Ok(true) => return Read::Broke,
                Ok(false) if entries.is_empty() => {}
                Ok(false) => return Read::Items,
                Err(lost) => {
                    self.place = None;
                    return Read::Lost(lost);
                }
            }
        }
    }

    /// Resolves when [`Cursor::read`] has something to say that it has not said.
    pub async fn ready(&self) {
        loop {
            let changed = self.stream.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_news() {
                return;
            }
            changed.await;
        }
    }

    fn has_news(&self) -> bool {
        // In this order: the end is told only after all that came before it.
        let outlook = self.outlook();
        let has_ended = outlook != Outlook::Live && outlook != self.told;
        let has_items = match &self.place {
            Some(place) => place.next < self.stream.ring.head(),
            None => self.join().is_some(),
        };
        has_items || has_ended
    }

    fn join(&self) -> Option<JoinPoint> {
        match self.start {
            Start::Newest => self.stream.ring.newest_join_of(self.takes),
            Start::Oldest => self.stream.ring.oldest_join(),
            Start::AtOrBefore(position) => self.stream.ring.join_before(position),
        }
    }

    fn begin(&mut self) -> Option<JoinPoint> {
        let join = self.join()?;
        self.place = Some(Place {
            next: join.seq,
            dts_us: join.dts_us,
            clock_id: join.clock_id,
            rule: JoinRule::at(&join.tracks, self.takes, join.dts_us),
        });
        self.told = Outlook::Live;
        Some(join)
    }

    fn outlook(&self) -> Outlook {
        if self.stream.is_live() {
            Outlook::Live
        } else if self.stream.is_forgotten() {
            Outlook::Forgotten
        } else {
            Outlook::Ended
        }
    }

    const fn at_head(&mut self, outlook: Outlook) -> Read {
        self.told = outlook;
        match outlook {
            Outlook::Live => Read::Nothing,
            Outlook::Ended => Read::Ended,
            Outlook::Forgotten => Read::Forgotten,
        }
    }
}

impl Place {
    /// Reads up to the next break, or over it if it is what comes next; whether it was.
    fn read(
        &mut self,
        stream: &Stream,
        takes: TrackFilter,
        max: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<bool, u64> {
        let first = self.next;
        let mut has_broken = false;
        stream.ring.walk(first, max, |item, whole| {
            if matches!(item, Item::Discontinuity) {
                if self.next == first {
                    has_broken = true;
                    self.next += 1;
                    self.clock_id = self.clock_id.wrapping_add(1);
                }
                return ControlFlow::Break(());
            }
            self.next += 1;
            if let Some(mut join) = self.pass(item, takes) {
                if takes == TrackFilter::ALL {
                    join = whole; // The ring has judged for all who take everything.
                }
                let item = item.clone();
                entries.push(Entry { item, join });
            }
            ControlFlow::Continue(())
        })?;
        Ok(has_broken)
    }

    /// What a viewer begins with at the item, if it may begin there; none if the item is not taken.
    fn pass(&mut self, item: &Item, takes: TrackFilter) -> Option<Option<JoinKind>> {
        match item {
            Item::Frame(frame) if !takes.takes(frame.track) => None,
            Item::Frame(frame) => {
                self.dts_us = frame.dts_us;
                Some(self.rule.take(frame))
            }
            Item::Tracks(tracks) => {
                self.rule.tracks(tracks, takes);
                Some(None)
            }
            Item::Metadata(_) | Item::Discontinuity => Some(None),
        }
    }
}

/// How many entries a reader this far behind skips, if it is too far and there is somewhere to go on.
fn lag(stream: &Stream, place: &Place, max_lag_us: i64) -> Option<u64> {
    if max_lag_us == i64::MAX || stream.ring.newest_us().saturating_sub(place.dts_us) <= max_lag_us
    {
        return None;
    }
    let join = stream.ring.newest_join()?;
    join.seq.checked_sub(place.next).filter(|lost| *lost > 0)
}
