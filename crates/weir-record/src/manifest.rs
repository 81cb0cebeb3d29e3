//! All that is known of a recording in one piece of bytes: its facts and the tables of its blocks. What a node tells
//! another, and what stands in a store beside the blocks, so that nobody has to read each of them first.

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _};

use crate::block::{BlockName, Table};
use crate::epoch::{Epoch, MAX_EPOCH_BYTES};
use crate::recording::{Block, Facts, View};

/// Bytes of a manifest at most: a broadcast of three days with a segment a second has half of it.
pub const MAX_MANIFEST_BYTES: usize = 32 << 20;
/// Blocks of a recording at most: a month of them.
const MAX_BLOCKS: usize = 65_536;
const MAGIC: &[u8; 8] = b"weirrec1";
/// The block has more to come.
const IS_OPEN: u8 = 1;
/// The block is in the store.
const IS_STORED: u8 = 2;

/// A recording as bytes.
///
/// # Errors
/// What no JSON can say.
pub fn encode(view: &View) -> serde_json::Result<Vec<u8>> {
    let facts = serde_json::to_vec(&view.facts)?;
    let mut out = Vec::with_capacity(256 + view.blocks.len() * 1024);
    out.put_slice(MAGIC);
    out.put_u32(facts.len() as u32);
    out.put_slice(&facts);
    out.put_u32(view.blocks.len() as u32);
    for block in &view.blocks {
        // A segment that is not complete yet is nobody else's business.
        let table = block.table.encode();
        let open = if block.is_sealed { 0 } else { IS_OPEN };
        let stored = if block.is_stored { IS_STORED } else { 0 };
        out.put_slice(&block.name.epoch.padded());
        out.put_u32(block.name.number);
        out.put_u8(open | stored);
        out.put_u32(table.len() as u32);
        out.put_slice(&table);
    }
    out.put_u32(crc32fast::hash(&out));
    Ok(out)
}

/// Reads what [`encode`] wrote; `None` where it makes no sense. Nothing of it is here.
pub fn decode(bytes: &[u8]) -> Option<View> {
    let (body, said) = bytes.split_last_chunk::<4>()?;
    let is_whole =
        bytes.len() <= MAX_MANIFEST_BYTES && crc32fast::hash(body) == u32::from_be_bytes(*said);
    let mut at = body.strip_prefix(MAGIC).filter(|_| is_whole)?;
    let facts: Facts = serde_json::from_slice(take(&mut at)?).ok()?;
    let count = at.try_get_u32().ok()? as usize;
    if count > MAX_BLOCKS {
        return None;
    }
    let mut blocks = Vec::new();
    for _ in 0..count {
        let mut epoch = [0; MAX_EPOCH_BYTES];
        at.try_copy_to_slice(&mut epoch).ok()?;
        let name = BlockName {
            epoch: Epoch::from_padded(epoch)?,
            number: at.try_get_u32().ok()?,
        };
        let flags = at.try_get_u8().ok()?;
        blocks.push(Block {
            name,
            table: Arc::new(Table::decode(take(&mut at)?)?),
            is_sealed: flags & IS_OPEN == 0,
            is_stored: flags & IS_STORED != 0,
            is_here: false,
        });
    }
    at.is_empty().then_some(View { facts, blocks })
}

/// Some bytes behind their count.
fn take<'a>(at: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = at.try_get_u32().ok()? as usize;
    let (taken, rest) = at.split_at_checked(len)?;
    *at = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_base::Id;

    use super::*;
    use crate::block::{Hole, HoleCause, Segment};
    use crate::recording::Owning;

    fn view() -> View {
        let table = Table {
            segments: vec![Segment {
                msn: 7,
                wall_us: 1_800_000_000_000_000,
                duration_us: 2_000_000,
                init_id: 1,
                is_discontinuity: true,
                is_independent: true,
                place: 100..900,
                bytes: 600,
            }],
            inits: vec![(1, 84..100)],
            holes: vec![Hole {
                wall_us: 1_700_000_000_000_000,
                duration_us: 5,
                cause: HoleCause::Full,
            }],
            open: None,
            samples: Some(900..980),
            len: 1000,
        };
        let block = |number, is_stored| Block {
            name: BlockName {
                epoch: Epoch::new("lq3k9x01").unwrap(),
                number,
            },
            table: Arc::new(table.clone()),
            is_sealed: is_stored,
            is_stored,
            is_here: false,
        };
        View {
            facts: Facts {
                id: Id::first_of(1_800_000_000_000),
                vhost: String::new(),
                app: "live".to_owned(),
                stream: "直播".to_owned(),
                started_ms: 1,
                ended_ms: Some(2),
                target_s: 2,
                stored_ms: None,
                is_shared: true,
                owned: vec![Owning {
                    from_ms: 1,
                    epoch: "lq3k9x01".to_owned(),
                }],
            },
            blocks: vec![block(0, true), block(1, false)],
        }
    }

    #[test]
    fn what_is_known_of_a_recording_reads_as_it_was_written_and_no_other_way() {
        let written = encode(&view()).unwrap();
        let read = decode(&written).unwrap();
        assert_eq!(read.facts, view().facts);
        let told = |view: &View| {
            let blocks = view.blocks.iter();
            let told =
                blocks.map(|one| (one.name, one.table.clone(), one.is_sealed, one.is_stored));
            told.collect::<Vec<_>>()
        };
        assert_eq!(told(&read), told(&view()));
        for at in 0..written.len() {
            let mut changed = written.clone();
            changed[at] ^= 0x10;
            assert!(decode(&changed).is_none(), "{at}");
            assert!(decode(&written[..at]).is_none(), "{at}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_nothing_breaks(bytes: Vec<u8>) {
            let sealed = [&bytes[..], &crc32fast::hash(&bytes).to_be_bytes()].concat();
            let _ = decode(&bytes);
            let _ = decode(&sealed);
        }
    }
}
