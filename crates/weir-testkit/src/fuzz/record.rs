//! Recordings, as a disk may have them.

use bytes::Bytes;
use weir_record::block::{Table, media};
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
}
