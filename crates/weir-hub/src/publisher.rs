//! The publisher's handle. There is one for each live stream; dropping it ends the stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_base::{Clock, Code, Refusal};
use weir_media::flv::RawFrame;
use weir_media::{Frame, FrameKind, Item, LeftOut, MediaError, Metadata, TrackKind, Tracks};

use crate::ceiling::{Ceiling, Standing};
use crate::clients::{Client, ClientGuard};
use crate::events::What;
use crate::join::TrackFilter;
use crate::rebase::{Fitted, Rebase};
use crate::sender_clock::SenderClock;
use crate::stats::SenderStats;
use crate::stream::{Ended, Stream};
use crate::trouble::Unusable;

/// What allows a publisher to be heard: a lease. Asked before each frame, so it must not wait;
/// dropped with the publisher, after the stream has ended.
pub trait Hold: Send + Sync + std::fmt::Debug {
    /// Whether frames go out at `now_us`, on the node's clock.
    fn is_open(&self, now_us: i64) -> bool;
}

/// The right to speak for one stream until it is dropped.
#[derive(Debug)]
pub struct Publisher {
    stream: Arc<Stream>,
    client: ClientGuard,
    clock: Clock,
    life: u64,
    end_code: Code,
    hold: Option<Box<dyn Hold>>,
    /// Pictures before the first keyframe refer to pictures that no viewer has.
    has_key: bool,
    /// When the first keyframe is shown, on the sender's clock, while pictures may come that lead to it.
    leads_to_us: Option<i64>,
    /// For frames with the sender's own times.
    sender_clock: SenderClock,
    /// For frames that another node has placed.
    rebase: Rebase,
    max_kbps: Option<u32>,
    ceiling: Option<Ceiling>,
    is_above_ceiling: bool,
    /// What is waited for before anybody joins, until frames come.
    hold_us: Option<i64>,
}

impl Publisher {
    pub(crate) fn new(
        stream: Arc<Stream>,
        client: ClientGuard,
        clock: Clock,
        sender_clock: SenderClock,
        life: u64,
        max_kbps: Option<u32>,
        rebase: Rebase,
    ) -> Self {
        Self {
            stream,
            client,
            clock,
            life,
            end_code: Code::ClientStopped,
            hold: None,
            has_key: false,
            leads_to_us: None,
            sender_clock,
            rebase,
            max_kbps,
            ceiling: max_kbps.map(Ceiling::new),
            is_above_ceiling: false,
            hold_us: None,
        }
    }

    /// From now on frames go out only while `hold` is open; others are dropped, and pictures go on at
    /// the next keyframe.
    pub fn guard(&mut self, hold: Box<dyn Hold>) {
        self.hold = Some(hold);
    }

    /// The node's clock.
    pub const fn clock(&self) -> &Clock {
        &self.clock
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
        self.sender_clock.restart();
        self.append(Item::Discontinuity);
    }

    /// What the sender says of itself.
    pub fn sender(&self, said: SenderStats) {
        if self.is_current() {
            *self.stream.sender.lock() = Some(said);
        }
    }

    /// Something was left out or put right that people may want to know; logged and told once.
    pub fn note(&self, note: &str) {
        if self.is_current() && self.stream.remarks.lock().note(note) {
            self.stream.count_remark();
            tracing::info!(stream = %self.stream.name, client = %self.client.id, "{note}");
        }
    }

    /// Something of the sender's is not carried; logged and told once.
    pub fn left_out(&self, what: &LeftOut) {
        if self.is_current() && self.stream.remarks.lock().leave_out(what) {
            self.stream.count_remark();
            tracing::info!(stream = %self.stream.name, client = %self.client.id, "left out: {what}");
        }
    }

    /// A track that was announced, or might have come, will not: viewers who wait for it do so no longer.
    pub fn await_no_more(&self, track: TrackKind) {
        let is_over = self.is_current() && self.stream.ring.await_no_more(track);
        if is_over {
            self.stream.changed.notify_waiters();
        }
    }

    /// What the node says of the publisher from which the stream comes: it is said here, too, in place of
    /// what was.
    pub fn relayed_remarks(&self, notes: Vec<String>, left_out: Vec<LeftOut>) {
        if !self.is_current() {
            return;
        }
        self.stream.remarks.lock().replace(notes, left_out);
        self.stream.count_remark();
    }

    /// A frame came that cannot be used. Where that goes on, the publisher is kicked with `refusal`.
    pub fn unusable(&self, what: Unusable, refusal: Refusal) {
        if !self.is_current() {
            return;
        }
        let now_us = self.clock.now_us();
        let mut remarks = self.stream.remarks.lock();
        remarks.unusable(what, refusal, now_us);
        if what == Unusable::BeforeKeyframe && remarks.awaits_keyframe(now_us) {
            self.stream.last_frame_us.store(now_us, Ordering::Release);
        }
        self.stream.is_troubled.store(true, Ordering::Release);
    }

    /// New tracks from here on.
    pub fn tracks(&self, tracks: Arc<Tracks>) {
        self.append(Item::Tracks(tracks));
    }

    /// These tracks are announced, and not known yet: viewers who wait do so until they are, or until frames
    /// have come for `hold_us`, by their own times or by the clock. May be said anew.
    pub fn await_tracks(&mut self, tracks: TrackFilter, hold_us: i64) {
        let state = self.stream.state.lock();
        if state.is_current(self.life) {
            self.stream.ring.await_tracks(tracks, hold_us);
            self.hold_us = Some(hold_us);
        }
    }

    /// New metadata from here on.
    pub fn metadata(&self, metadata: Arc<Metadata>) {
        self.append(Item::Metadata(metadata));
    }

    /// One frame with the sender's own timestamp; it gets its place on the stream's clock here.
    pub fn frame(&mut self, raw: RawFrame) {
        let Some(now_us) = self.accept(raw.track) else {
            return;
        };
        if raw.track == TrackKind::Video && !self.can_be_shown(&raw) {
            return self.dropped(1);
        }
        self.stream.last_frame_us.store(now_us, Ordering::Release);
        let frame = self
            .sender_clock
            .place(&self.stream, &self.clock, raw, now_us);
        self.put_frame(frame, now_us);
    }

    /// Whether a picture refers to nothing but what the ring has. Behind the first keyframe may stand
    /// pictures that are shown before it (HEVC's RASL, the first B-pictures of an open GOP): they refer to
    /// what was before.
    fn can_be_shown(&mut self, raw: &RawFrame) -> bool {
        let shown_us = raw.ts_us.saturating_add(raw.cts_us.into());
        if !self.has_key {
            self.has_key = raw.kind == FrameKind::Key;
            if !self.has_key {
                let words = MediaError::NoKeyframe.to_string();
                let refusal = Refusal::new(Code::ProtocolError, words);
                self.unusable(Unusable::BeforeKeyframe, refusal);
            }
            self.leads_to_us = self.has_key.then_some(shown_us);
            return self.has_key;
        }
        match self.leads_to_us {
            Some(key_us) if raw.kind != FrameKind::Key && shown_us < key_us => false,
            _ => {
                self.leads_to_us = None;
                true
            }
        }
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
                self.rebase.mark_break();
                self.append(Item::Discontinuity);
            }
        }
    }

    fn relayed_frame(&mut self, frame: Frame) {
        let Some(now_us) = self.accept(frame.track) else {
            return;
        };
        self.stream.last_frame_us.store(now_us, Ordering::Release);
        let fitted = {
            let mut state = self.stream.state.lock();
            if !state.is_current(self.life) {
                return;
            }
            self.rebase.fit(&self.stream, &mut state, frame, now_us)
        };
        match fitted {
            Fitted::Known => {}
            Fitted::Unusable => self.dropped(1),
            Fitted::Next(frame) => {
                self.stream.stats.lock().count(&frame, now_us);
                self.put_frame(frame, now_us);
            }
        }
    }

    /// When a frame came, if frames are accepted: from the current publisher, while the hold is open.
    /// Behind a frame that was not, pictures go on at a keyframe.
    fn accept(&mut self, track: TrackKind) -> Option<i64> {
        // Or a publisher that was taken over would keep its successor's silence from being noticed.
        if !self.is_current() {
            return None;
        }
        let now_us = self.clock.now_us();
        if self.hold.as_ref().is_none_or(|hold| hold.is_open(now_us)) {
            return Some(now_us);
        }
        self.stream.last_frame_us.store(now_us, Ordering::Release);
        if track == TrackKind::Video {
            self.has_key = false;
            self.rebase.mark_loss();
        }
        self.dropped(1);
        None
    }

    fn put_frame(&mut self, frame: Frame, now_us: i64) {
        if let Some(hold_us) = self.hold_us.take()
            && self.stream.ring.is_awaiting()
        {
            let at_us = now_us.saturating_add(hold_us);
            self.stream.settle_at_us.store(at_us, Ordering::Release);
        }
        self.count_bytes(frame.payload.len() as u64, now_us);
        self.stream.has_played.store(true, Ordering::Release);
        if self.stream.is_troubled.load(Ordering::Acquire) {
            let is_well = self.stream.remarks.lock().usable(frame.track);
            self.stream.is_troubled.store(!is_well, Ordering::Release);
        }
        self.append(Item::Frame(frame));
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

    /// Nothing comes, and whoever holds this looks for where it may come from: the stream is not ended as a
    /// silent one yet. Whoever says so ends it himself in a while.
    pub fn still_sought(&self) {
        if self.is_current() {
            let now_us = self.clock.now_us();
            self.stream.last_frame_us.store(now_us, Ordering::Release);
        }
    }

    /// Resolves when this publisher has to go: idle (4002), nothing of its media can be used (3006, 4004,
    /// 4007), taken over (3005), operator (4008), draining (4009).
    pub async fn kicked(&self) -> Code {
        self.client.wait_kicked().await
    }

    /// The same with the words for whoever publishes.
    pub async fn kicked_with(&self) -> Refusal {
        let code = self.client.wait_kicked().await;
        let refusal = self.client.kick_refusal().cloned();
        refusal.unwrap_or_else(|| code.into())
    }

    /// Ends the stream and says why.
    pub fn end(mut self, code: Code) {
        self.end_code = code;
    }

    fn is_current(&self) -> bool {
        self.stream.state.lock().is_current(self.life)
    }

    fn append(&self, item: Item) {
        // A publisher that was taken over or ended may still hold frames in its socket: they are
        // dropped. The lock is kept, so that none slips in behind a successor's discontinuity.
        let mut state = self.stream.state.lock();
        if !state.is_current(self.life) {
            return;
        }
        state.record(&item);
        if let Item::Tracks(tracks) = &item {
            let now_us = self.clock.now_us();
            self.stream.tell(now_us, What::Tracks(tracks.clone()));
        }
        self.stream.ring.append(item);
        drop(state);
        self.stream.changed.notify_waiters();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let mut state = self.stream.state.lock();
        if !state.is_current(self.life) {
            return;
        }
        let code = self.client.kicked().unwrap_or(self.end_code);
        let ended = Ended {
            code,
            at_us: self.clock.now_us(),
            was_node: self.client.is_node,
        };
        self.stream.set_ended(&mut state, ended);
        drop(state);
        tracing::info!(stream = %self.stream.name, client = %self.client.id, code = code.number(), "stream ended: {}", code.entry().message);
        self.stream.changed.notify_waiters();
    }
}
