//! Recordings, as a disk may have them.

use bytes::Bytes;
use weir_record::block::{Table, media};
use weir_record::manifest;
use weir_record::piece::PieceHead;

/// A block: what is found whole in it is read again, and a table says nothing that is not there.
pub(super) fn record_block(data: &[u8]) {
    let scanned = Table::scan(data);
    let whole = scanned.len as usize;
    assert!(whole <= data.len());
    assert_eq!(Table::scan(&data[..whole]), scanned);
    for segment in &scanned.segments {
        let span = &data[segment.place.start as usize..segment.place.end as usize];
        let pieces = media(&Bytes::copy_from_slice(span)).unwrap();
        let bytes: usize = pieces.iter().map(Bytes::len).sum();
        assert_eq!(bytes, segment.bytes as usize);
    }
    let written = scanned.encode();
    let read = Table::decode(&written);
    assert!(read.is_none_or(|read| read.segments == scanned.segments));
    if let Some(table) = Table::at_end(data) {
        assert!(table.segments.iter().all(|one| one.place.end <= table.len));
    }
    let _ = Table::decode(data);
    let _ = PieceHead::decode(data).map(|head| head.whole_len());
    let _ = weir_record::Facts::of_block(data);
}

/// What is known of a recording, as a node tells another: what is read is written the same again.
pub(super) fn record_manifest(data: &[u8]) {
    // Also with the checksum that lets it through.
    let sealed = [data, &crc32fast::hash(data).to_be_bytes()].concat();
    for bytes in [data, &sealed] {
        if let Some(view) = manifest::decode(bytes) {
            let written = manifest::encode(&view).unwrap();
            let again = manifest::decode(&written).unwrap();
            assert_eq!(again.facts, view.facts);
            assert_eq!(again.blocks.len(), view.blocks.len());
        }
    }
}
