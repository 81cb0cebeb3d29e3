//! Interleaves the tracks of a fragment, which recorders write one behind the other: a second of
//! pictures and then a second of sound would look like two clocks that are a second apart.
//!
//! The fragment's header tells when each sample is, so that a track waits only while the other one
//! has earlier samples still to come in the same fragment.

use std::collections::VecDeque;

use bytes::Bytes;

use super::fragment::PendingSample;
use crate::TrackKind;

/// How far a track may be ahead of the other one's next sample, in µs: as loosely as encoders
/// interleave, so that short fragments flow through without waiting.
pub const MAX_AHEAD_US: i64 = 250_000;
/// Bytes of one fragment that may wait: ten seconds at 12 Mbit/s. Beyond it, order is given up.
pub const MAX_AHEAD_BYTES: usize = 16 << 20;

/// Samples whose bytes are there, and the times of those that are to come.
#[derive(Debug, Default)]
pub(super) struct Order {
    video: TrackQueue,
    audio: TrackQueue,
    held_bytes: usize,
}

#[derive(Debug, Default)]
struct TrackQueue {
    held: VecDeque<(PendingSample, Bytes)>,
    /// Decode times in the order of the data.
    to_come: VecDeque<i64>,
}

impl TrackQueue {
    fn first_us(&self) -> Option<i64> {
        self.held.front().map(|(sample, _)| sample.time.first_us())
    }

    /// Whether the first held sample need not wait for `other`.
    fn may_go(&self, other: &Self) -> bool {
        let Some(first_us) = self.first_us() else {
            return false;
        };
        let next_us = other.to_come.front();
        next_us.is_none_or(|next_us| first_us <= next_us.saturating_add(MAX_AHEAD_US))
    }
}

impl Order {
    /// The samples of a new fragment, in the order of their data.
    pub(super) fn expect<'a>(&mut self, samples: impl IntoIterator<Item = &'a PendingSample>) {
        for sample in samples {
            let times = &mut self.lane(sample.codec.track()).to_come;
            times.push_back(sample.time.first_us());
        }
    }

    /// The bytes of the next expected sample.
    pub(super) fn push(&mut self, sample: PendingSample, payload: Bytes) {
        self.held_bytes = self.held_bytes.saturating_add(payload.len());
        let lane = self.lane(sample.codec.track());
        lane.to_come.pop_front();
        lane.held.push_back((sample, payload));
        if self.held_bytes > MAX_AHEAD_BYTES {
            self.finish();
        }
    }

    /// Bytes of the samples that wait, and of the times that are to come.
    pub(super) fn held_bytes(&self) -> usize {
        let times = self.video.to_come.len() + self.audio.to_come.len();
        self.held_bytes + times * size_of::<i64>()
    }

    /// The next sample that may go.
    pub(super) fn next(&mut self) -> Option<(PendingSample, Bytes)> {
        let video = self.video.may_go(&self.audio);
        let audio = self.audio.may_go(&self.video);
        let lane = match (video, audio) {
            (true, true) if self.audio.first_us() < self.video.first_us() => &mut self.audio,
            (true, _) => &mut self.video,
            (false, true) => &mut self.audio,
            (false, false) => return None,
        };
        let next = lane.held.pop_front();
        if let Some((_, payload)) = &next {
            self.held_bytes = self.held_bytes.saturating_sub(payload.len());
        }
        next
    }

    /// Nothing more is to come: all that is held may go.
    pub(super) fn finish(&mut self) {
        self.video.to_come.clear();
        self.audio.to_come.clear();
    }

    const fn lane(&mut self, kind: TrackKind) -> &mut TrackQueue {
        match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }
}
