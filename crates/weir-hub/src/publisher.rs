//! The publisher's handle. Whoever holds it is the stream's only voice; dropping it ends the stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_base::{Clock, Code};
use weir_media::flv::RawFrame;
use weir_media::timeline::Timeline;
use weir_media::{Frame, FrameKind, Item, Metadata, TrackKind, Tracks};

use crate::ceiling::{Ceiling, Standing};
use crate::clients::{Client, ClientGuard};
use crate::hub::{RETURN_STEP_US, WRAP_US};
use crate::relay::{Fitted, Relaying};
use crate::stats::SenderStats;
use crate::stream::{Ended, Stream};

/// Corrections logged one by one; after that only counted, or a broken clock would fill the log.
const LOGGED_CORRECTIONS: u64 = 10;

/// What allows a publisher to be heard: a lease. Asked before each frame, so it must not wait;
/// dropped with the publisher, after the stream has ended.
pub trait Hold: Send + Sync + std::fmt::Debug {
    /// Whether frames go out at `now_us`, on the node's clock.
    fn is_open(&self, now_us: i64) -> bool;
}

/// See the module's words.
#[derive(Debug)]
pub struct Publisher {
    stream: Arc<Stream>,
    client: ClientGuard,
    clock: Clock,
    timeline: Timeline,
    life: u64,
    placed_first: bool,
    /// Pictures before the first keyframe refer to what nobody has.
    has_key: bool,
    end_code: Code,
    max_kbps: Option<u32>,
    ceiling: Option<Ceiling>,
    is_above_ceiling: bool,
    /// The sender's own time of the newest frame.
    raw_us: i64,
    has_restarted: bool,
    relaying: Relaying,
    hold: Option<Box<dyn Hold>>,
}

impl Publisher {
    pub(crate) fn new(
        stream: Arc<Stream>,
        client: ClientGuard,
        clock: Clock,
        timeline: Timeline,
        life: u64,
        max_kbps: Option<u32>,
        relaying: Relaying,
    ) -> Self {
        Self {
            stream,
            client,
            clock,
            timeline,
            life,
            placed_first: false,
            has_key: false,
            end_code: Code::ClientStopped,
            max_kbps,
            ceiling: max_kbps.map(Ceiling::new),
            is_above_ceiling: false,
            raw_us: 0,
            has_restarted: false,
            relaying,
            hold: None,
        }
    }

    /// From now on frames go out only while `hold` is open; others are dropped, and pictures go on at
    /// the next keyframe.
    pub fn guard(&mut self, hold: Box<dyn Hold>) {
        self.hold = Some(hold);
    }

    /// The stream it speaks for.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Its connection, as the API lists it.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The most it may send, kilobits per second.
    pub fn max_kbps(&self) -> Option<u32> {
        self.max_kbps
    }

    /// Whether it sends more than it may: who can be told should be, before it is let go (4011).
    pub fn is_above_ceiling(&self) -> bool {
        self.is_above_ceiling
    }

    /// What comes from here on is from a new container: players are told that times may step, and
    /// pictures before the next keyframe are left out.
    pub fn restart(&mut self) {
        self.has_key = false;
        self.has_restarted = true;
        self.append(Item::Discontinuity);
    }

    /// What the sender says of itself.
    pub fn sender(&self, said: SenderStats) {
        if self.is_in_office() {
            *self.stream.sender.lock() = Some(said);
        }
    }

    /// New tracks from here on.
    pub fn tracks(&self, tracks: Arc<Tracks>) {
        self.append(Item::Tracks(tracks));
    }

    /// New metadata from here on.
    pub fn metadata(&self, metadata: Arc<Metadata>) {
        self.append(Item::Metadata(metadata));
    }

    /// One frame with the sender's own timestamp; it gets its place on the stream's clock here.
    pub fn frame(&mut self, raw: RawFrame) {
        // Or a publisher that was taken over would keep its successor's silence from being noticed.
        if !self.is_in_office() {
            return;
        }
        let now_us = self.clock.now_us();
        self.stream.last_frame_us.store(now_us, Ordering::Release);
        if !self.may_speak(raw.track, now_us) {
            return;
        }
        if raw.track == TrackKind::Video && !self.has_key {
            if raw.kind != FrameKind::Key {
                return self.dropped(1);
            }
            self.has_key = true;
        }
        self.follow_restart(raw.ts_us, now_us);
        let placed = self.timeline.place(raw.track, raw.ts_us, now_us);
        let frame = Frame {
            track: raw.track,
            dts_us: placed.dts_us,
            cts_us: raw.cts_us,
            kind: raw.kind,
            payload: raw.payload,
        };
        if !self.placed_first {
            self.placed_first = true;
            self.stream
                .wall_at_zero_us
                .store(self.clock.wall_us() - frame.dts_us, Ordering::Release);
            *self.stream.zero_at_us.lock() = Some(now_us - frame.dts_us);
        }
        {
            let mut stats = self.stream.stats.lock();
            stats.count(&frame, now_us);
            if let Some(correction) = placed.correction {
                stats.corrections += 1;
                if stats.corrections <= LOGGED_CORRECTIONS {
                    tracing::warn!(stream = %self.stream.name, code = Code::BadTimestamps.number(), ?correction, track = ?frame.track, "timestamp corrected");
                }
            }
        }
        self.count_bytes(frame.payload.len() as u64, now_us);
        self.append(Item::Frame(frame));
    }

    /// One entry of a stream that another node has placed on its clock ([`crate::Hub::relay`]): kept as
    /// it is, or with its time shifted. Frames the stream has, and tracks and metadata that change
    /// nothing, are left out.
    pub fn item(&mut self, item: Item) {
        match item {
            Item::Frame(frame) => self.relayed_frame(frame),
            Item::Tracks(tracks) => {
                if *self.stream.ring.tracks() != *tracks {
                    self.tracks(tracks);
                }
            }
            Item::Metadata(metadata) => {
                if self.stream.ring.metadata().as_ref() != Some(&metadata) {
                    self.metadata(metadata);
                }
            }
            Item::Discontinuity => {
                self.relaying.note_break();
                self.append(Item::Discontinuity);
            }
        }
    }

    fn relayed_frame(&mut self, frame: Frame) {
        let now_us = self.clock.now_us();
        if !self.is_in_office() {
            return;
        }
        self.stream.last_frame_us.store(now_us, Ordering::Release);
        if !self.may_speak(frame.track, now_us) {
            return;
        }
        let fitted = {
            let mut state = self.stream.state.lock();
            if !state.is_in_office(self.life) {
                return;
            }
            self.relaying.fit(&self.stream, &mut state, frame, now_us)
        };
        match fitted {
            Fitted::Known => {}
            Fitted::Unusable => self.dropped(1),
            Fitted::Next(frame) => {
                self.stream.stats.lock().count(&frame, now_us);
                self.count_bytes(frame.payload.len() as u64, now_us);
                self.append(Item::Frame(frame));
            }
        }
    }

    /// Whether the hold is open. While it is not, nothing joins what is said after.
    fn may_speak(&mut self, track: TrackKind, now_us: i64) -> bool {
        let is_open = self.hold.as_ref().is_none_or(|hold| hold.is_open(now_us));
        if !is_open {
            if track == TrackKind::Video {
                self.has_key = false;
                self.relaying.note_loss();
            }
            self.dropped(1);
        }
        is_open
    }

    /// A container whose times begin anew goes on with the time that has passed, as a publisher that
    /// comes back does; one whose times go on is left alone.
    fn follow_restart(&mut self, raw_us: i64, now_us: i64) {
        let began_anew = raw_us < self.raw_us;
        self.raw_us = raw_us;
        if !std::mem::take(&mut self.has_restarted) || !began_anew {
            return;
        }
        let zero_us = *self.stream.zero_at_us.lock();
        let elapsed_us = zero_us.map_or(0, |zero_us| now_us - zero_us);
        let base_us = elapsed_us.max(self.timeline.last_us() + RETURN_STEP_US);
        self.timeline = Timeline::new(base_us, WRAP_US);
    }

    fn count_bytes(&mut self, bytes: u64, now_us: i64) {
        self.client.add_bytes(bytes);
        let Some(ceiling) = &mut self.ceiling else {
            return;
        };
        let standing = ceiling.count(bytes, now_us);
        self.is_above_ceiling = standing != Standing::Below;
        if standing == Standing::TooLong {
            self.client.kick(Code::BitrateExceeded);
        }
    }

    /// Counts frames that did not make it in.
    pub fn dropped(&self, frames: u64) {
        self.stream.stats.lock().dropped_frames += frames;
    }

    /// Resolves when this publisher has to go: idle (4002), taken over (3005), operator (4008),
    /// draining (4009).
    pub async fn kicked(&self) -> Code {
        self.client.wait_kicked().await
    }

    /// Ends the stream and says why.
    pub fn end(mut self, code: Code) {
        self.end_code = code;
    }

    fn is_in_office(&self) -> bool {
        self.stream.state.lock().is_in_office(self.life)
    }

    fn append(&self, item: Item) {
        // A publisher that was taken over or ended may still hold frames in its socket: they are not
        // heard. The lock is kept, so that none slips in behind a successor's discontinuity.
        let mut state = self.stream.state.lock();
        if !state.is_in_office(self.life) {
            return;
        }
        state.note(&item);
        self.stream.ring.append(item);
        drop(state);
        self.stream.changed.notify_waiters();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let mut state = self.stream.state.lock();
        if state.life != self.life || state.publisher.is_none() {
            return;
        }
        let code = self.client.kicked().unwrap_or(self.end_code);
        state.publisher = None;
        state.ended = Some(Ended {
            code,
            at_us: self.clock.now_us(),
        });
        drop(state);
        tracing::info!(stream = %self.stream.name, client = %self.client.id, code = code.number(), "stream ended: {}", code.entry().message);
        self.stream.changed.notify_waiters();
    }
}
