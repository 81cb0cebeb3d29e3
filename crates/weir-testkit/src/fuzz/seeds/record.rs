//! Recordings as they are written.

use std::sync::Arc;

use weir_record::block::{BlockName, Table};
use weir_record::manifest;
use weir_record::piece::{PieceHead, PieceKind};
use weir_record::{Block, Epoch, View};

/// A block as it is written: an init segment, two segments of two parts, and its table.
pub(in crate::fuzz) fn record_block() -> Vec<Vec<u8>> {
    let epoch = Epoch::new("lq3k9x01").unwrap();
    let head = |kind, msn, part, len| PieceHead {
        kind,
        is_independent: part == 0,
        is_discontinuity: false,
        epoch,
        msn,
        part,
        wall_us: 1_800_000_000_000_000 + msn as i64 * 2_000_000,
        duration_us: 1_000_000,
        init_id: 0,
        pictures: 25,
        len,
    };
    let mut block = Vec::new();
    let mut put = |kind, msn, part, bytes: &[u8]| {
        let head = head(kind, msn, part, bytes.len() as u32);
        block.extend_from_slice(&head.encode(bytes));
        block.extend_from_slice(bytes);
    };
    put(PieceKind::Init, 0, 0, b"init");
    for msn in 7..9 {
        put(PieceKind::Part, msn, 0, b"a part");
        put(PieceKind::Part, msn, 1, b"another part");
        put(PieceKind::SegmentEnd, msn, 0, b"");
    }
    put(PieceKind::Hole, 0, 0, b"");
    let open = block.clone();
    let table = Table::scan(&open).encode();
    let end = head(PieceKind::Table, 0, 0, table.len() as u32);
    block.extend_from_slice(&end.encode(&table));
    block.extend_from_slice(&table);
    vec![open, block]
}

/// What is known of a recording of two blocks, without its checksum too.
pub(in crate::fuzz) fn record_manifest() -> Vec<Vec<u8>> {
    let name = |number| BlockName {
        epoch: Epoch::new("lq3k9x01").unwrap(),
        number,
    };
    let block = record_block().swap_remove(0);
    let of = |number, is_stored| Block {
        name: name(number),
        table: Arc::new(Table::scan(&block)),
        is_sealed: is_stored,
        is_stored,
        is_here: false,
    };
    let facts =
        r#"{"id":"019f0000-0000-7000-8000-000000000000","app":"live","stream":"a","started_ms":1}"#;
    let view = View {
        facts: serde_json::from_str(facts).unwrap(),
        blocks: vec![of(0, true), of(1, false)],
    };
    let whole = manifest::encode(&view).unwrap();
    let bare = whole[..whole.len() - 4].to_vec();
    vec![whole, bare]
}
