//! What leaves a node's disk: blocks that are in the store and old, or the oldest of those where room is wanted.

use std::io;
use std::sync::Arc;

use weir_record::block::{BLOCK_BYTES, BlockName};
use weir_record::{Recording, Spool};

use crate::tally::KeepTally;

/// Bytes that are given back at once where the disk has no room.
const WANTED_BYTES: u64 = 16 * BLOCK_BYTES as u64;

/// How much stays on a node's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomRules {
    /// Bytes of recordings on the disk at most; 0: as much as it takes.
    pub most_bytes: u64,
    /// How long a block stays that is in the store, milliseconds behind its end.
    pub keep_ms: i64,
}

/// A block that may leave.
struct Leaving {
    end_ms: i64,
    bytes: u64,
    recording: Arc<Recording>,
    name: BlockName,
}

/// Takes off the disk of `spool` what may leave, and has it begin no new blocks where that is not enough.
///
/// # Errors
/// The disk's: what is gone by then is gone.
pub(crate) fn make_room(
    spool: &Spool,
    rules: RoomRules,
    now_ms: i64,
    tally: &KeepTally,
) -> io::Result<()> {
    let (mut here_bytes, mut leaving) = (0, Vec::new());
    for recording in spool.all() {
        let view = match recording.glance() {
            // It was taken away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            view => view?,
        };
        for block in view.blocks.iter().filter(|block| block.is_here) {
            let bytes = u64::from(block.table.len);
            here_bytes += bytes;
            if block.is_stored && block.is_sealed {
                let end_us = block.table.segments.last().map_or(0, |one| one.end_us());
                leaving.push(Leaving {
                    end_ms: end_us / 1000,
                    bytes,
                    recording: recording.clone(),
                    name: block.name,
                });
            }
        }
    }
    leaving.sort_by_key(|one| one.end_ms);
    let wanted = if spool.wanted_room() { WANTED_BYTES } else { 0 };
    let most = match rules.most_bytes {
        0 => u64::MAX,
        // A block more may be begun before the next look.
        most => most.saturating_sub(BLOCK_BYTES as u64),
    };
    let mut dropped = 0;
    for one in leaving {
        let is_old = now_ms - one.end_ms > rules.keep_ms;
        if !is_old && here_bytes <= most && dropped >= wanted {
            continue;
        }
        one.recording.drop_here(one.name)?;
        here_bytes -= one.bytes;
        dropped += one.bytes;
        tally.dropped(one.bytes);
    }
    let is_full = here_bytes > most;
    spool.set_full(is_full);
    tally.here(here_bytes, rules.most_bytes, is_full);
    Ok(())
}
