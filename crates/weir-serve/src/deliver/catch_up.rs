//! What a node missed that comes back: from the ring, once and for it alone, up to where the wire stands.
//! From there on it takes the wire's batches, as everybody does.

use std::collections::VecDeque;

use weir_hub::{Cursor, Read, Start, StreamPosition};
use weir_media::Item;

use super::forms::ClockName;
use super::mux::Mux;
use super::wire::{Batch, View, Wire};

/// Frames read for one viewer, ready to be sent.
pub(super) struct CatchUp {
    /// What is sent before the batch [`View::next`], framing included. No more than the ring holds.
    pub(super) bytes: Vec<u8>,
    /// The stream's timeline behind it.
    pub(super) timeline: u64,
}

impl CatchUp {
    /// From the newest place to join at or before `after`; none where the ring has none, or where the
    /// wire's own newest join is that one. `batches` are the wire's as of `view`.
    pub(super) fn read(
        wire: &Wire,
        (view, batches): (View, &VecDeque<Batch>),
        after: StreamPosition,
    ) -> Option<Self> {
        let until = view.ring_seq?;
        let mut cursor = wire.stream.follow(Start::AtOrBefore(after));
        let mut entries = Vec::new();
        let Read::Began(join) = cursor.read(Cursor::BATCH, &mut entries) else {
            return None;
        };
        let newest = batches.iter().find(|batch| Some(batch.seq) == view.join);
        if newest.is_some_and(|newest| newest.dts_us <= join.dts_us) {
            return None;
        }
        let mut mux = Mux::new(wire.format, &join.tracks, join.metadata);
        let mut body = Vec::new();
        let clock = ClockName {
            timeline: join.clock_id,
            wall_at_zero_us: wire.stream.wall_at_zero_us(),
        };
        mux.put_start(clock, join.dts_us, &mut body);
        let mut last_us = join.dts_us;
        while let Some(left) = until.checked_sub(cursor.next_seq()?)
            && left > 0
        {
            let most = usize::try_from(left).map_or(Cursor::BATCH, |left| left.min(Cursor::BATCH));
            match cursor.read(most, &mut entries) {
                Read::Items => {
                    for entry in &entries {
                        if let Item::Frame(frame) = &entry.item {
                            last_us = frame.dts_us;
                        }
                        if entry.join.is_some() {
                            mux.put_join(&mut body);
                        }
                        mux.put(&entry.item, last_us, &mut body);
                    }
                }
                Read::Broke => mux.put(&Item::Discontinuity, last_us, &mut body),
                // The ring moved on meanwhile: as if it had not had it.
                _ => return None,
            }
        }
        Some(Self {
            bytes: wire.format.framing.wrap(&body),
            timeline: cursor.clock_id(),
        })
    }
}
