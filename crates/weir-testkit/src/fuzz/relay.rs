//! The relay form as another node sends it, through the muxers that stand behind the hub.

use bytes::Bytes;
use weir_media::{Item, TrackKind};
use weir_proto::relay::{
    self, MAX_NAME_BYTES, MAX_REMARKS, MAX_TIME_US, MAX_VIA, Record, RelayDecoder, RelayError,
    RelayLimits,
};

use super::Input;
use super::media::Line;

type Decoded = (Vec<Record>, Option<RelayError>);

/// The first four bytes cut the rest into pieces.
pub(super) fn relay(data: &[u8]) {
    let mut input = Input(data);
    let pieces: Vec<_> = input.pieces().collect();
    let told = decode(&pieces);
    let whole = pieces.concat();
    assert_eq!(told, decode(&[&whole]), "cuts matter");
    let (records, _) = told;
    records.iter().for_each(check);
    // What was taken can be said again. What a newer node appended is not.
    let mut again = Vec::new();
    records.iter().for_each(|record| put(&mut again, record));
    assert_eq!((records, None), decode(&[&again]));
    play(decode(&[&again]).0);
}

fn decode(pieces: &[&[u8]]) -> Decoded {
    let limits = RelayLimits {
        max_record_bytes: 4096,
        max_words_bytes: 1024,
    };
    let mut decoder = RelayDecoder::new(limits);
    let mut records = Vec::new();
    let mut pushed = 0;
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        pushed += piece.len();
        loop {
            match decoder.poll() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.poll(), Ok(None), "more after {error}");
                    return (records, Some(error));
                }
            }
        }
        let held = decoder.held_bytes();
        assert!(held <= 4096 + 5 && held <= 4096.max(2 * pushed), "{held}");
    }
    (records, None)
}

fn check(record: &Record) {
    match record {
        Record::Begin(begin) => {
            assert_eq!(begin.version, relay::VERSION);
            assert!(begin.via.len() <= MAX_VIA);
            assert!(begin.via.iter().all(|name| name.len() <= MAX_NAME_BYTES));
            assert!(begin.wall_at_zero_us.abs() <= MAX_TIME_US);
        }
        Record::Item(Item::Frame(frame)) => assert!(frame.dts_us.abs() <= MAX_TIME_US),
        Record::Beat { wall_us } => assert!(wall_us.abs() <= MAX_TIME_US),
        Record::Remarks(remarks) => {
            assert!(remarks.notes.len() <= MAX_REMARKS && remarks.left_out.len() <= MAX_REMARKS);
        }
        Record::Item(_) | Record::End { .. } => {}
    }
}

fn put(out: &mut Vec<u8>, record: &Record) {
    match record {
        Record::Begin(begin) => relay::put_begin(out, begin),
        Record::Item(item) => relay::put_item(out, item),
        Record::Beat { wall_us } => relay::put_beat(out, *wall_us),
        Record::Remarks(remarks) => relay::put_remarks(out, remarks),
        Record::End {
            code,
            detail,
            location,
        } => relay::put_end(out, *code, detail, location.as_deref()),
    }
}

/// As the hub would have it: a track's times grow.
fn play(records: Vec<Record>) {
    let mut line = Line::new(0);
    let mut last_us = [i64::MIN; 2];
    for record in records {
        let Record::Item(item) = record else { continue };
        if let Item::Frame(frame) = &item {
            let last_us = match frame.track {
                TrackKind::Video => &mut last_us[0],
                TrackKind::Audio => &mut last_us[1],
            };
            if frame.dts_us <= *last_us {
                continue;
            }
            *last_us = frame.dts_us;
        }
        line.put(item);
    }
    line.end();
}
