//! What a whole file says of samples that were written as fragments.

use bytes::Bytes;

use super::super::read::{boxes, find, read_u32, runs};
use super::super::{Sample, fragment, init_segment};
use super::*;
use crate::ts::tests::tracks;

const FTYP_BYTES: usize = 28;

/// A fragment with pictures of 40 ms, each shown 80 ms later, and a sound in front.
fn piece(from: u64) -> Bytes {
    let video = (0..5).map(|at| Sample {
        track: TrackKind::Video,
        dts: (from + at) * 3600,
        duration: 3600,
        cts: 7200,
        key: at == 0,
        payload: Bytes::from(vec![b'v'; 10 + at as usize]),
    });
    let audio = (0..4).map(|at| Sample {
        track: TrackKind::Audio,
        dts: from * 1764 + at * 1024,
        duration: 1024,
        cts: 0,
        key: true,
        payload: Bytes::from_static(b"aaaa"),
    });
    fragment(1, &video.chain(audio).collect::<Vec<_>>())
}

fn table(head: &Bytes, track: usize, name: &[u8; 4]) -> Bytes {
    // Behind it stands the header of data that are elsewhere.
    let moov_bytes = read_u32(head, FTYP_BYTES).unwrap() as usize;
    let moov = head.slice(FTYP_BYTES + 8..FTYP_BYTES + moov_bytes);
    let traks = boxes(&moov).unwrap();
    let mut traks = traks.iter().filter(|one| one.kind == *b"trak");
    let trak = &traks.nth(track).unwrap().body;
    let path: &[&[u8; 4]] = match name {
        b"elst" => &[b"edts", b"elst"],
        b"tkhd" => &[b"tkhd"],
        b"mdhd" => &[b"mdia", b"mdhd"],
        _ => &[b"mdia", b"minf", b"stbl", name],
    };
    find(trak, path).unwrap().unwrap()
}

fn numbers(table: &Bytes) -> Vec<u32> {
    (4..table.len())
        .step_by(4)
        .map(|at| read_u32(table, at).unwrap())
        .collect()
}

#[test]
fn its_tables_lead_to_each_sample_and_time_goes_on_over_a_seam() {
    let mut file = WholeFile::default();
    let init = init_segment(&tracks()).unwrap();
    let pieces = [piece(1000), piece(1005), piece(70)];
    file.begin(&init).unwrap();
    let mut data = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if at == 2 {
            // Another life of the packager: its clock is another.
            file.begin(&init).unwrap();
        }
        file.runs(&runs(piece).unwrap(), data.len() as u64).unwrap();
        data.extend_from_slice(piece);
    }
    let head = file.head(data.len() as u64);
    let whole = Bytes::from([&head[..], &data[..]].concat());
    let names: Vec<_> = boxes(&whole).unwrap().iter().map(|one| one.kind).collect();
    assert_eq!(names, [*b"ftyp", *b"moov", *b"mdat"]);
    // Each chunk is where it says: the first picture of each piece.
    for (place, chunk) in numbers(&table(&head, 0, b"stco"))[1..].iter().zip(&pieces) {
        let at = *place as usize;
        assert_eq!(&whole[at..at + 60], [b'v'; 60], "{}", chunk.len());
    }
    assert_eq!(numbers(&table(&head, 0, b"stts")), [1, 15, 3600]);
    assert_eq!(numbers(&table(&head, 0, b"ctts")), [1, 15, 7200]);
    assert_eq!(numbers(&table(&head, 0, b"stss")), [3, 1, 6, 11]);
    assert_eq!(numbers(&table(&head, 0, b"stsc")), [1, 1, 5, 1]);
    let sizes = numbers(&table(&head, 0, b"stsz"));
    assert_eq!(sizes[..7], [0, 15, 10, 11, 12, 13, 14]);
    assert_eq!(
        read_u32(&table(&head, 0, b"stsd"), 4).unwrap(),
        1,
        "one entry for both lives"
    );
    // The sound is first, so that pictures begin 80 ms into the file; both end together at a seam.
    assert_eq!(
        numbers(&table(&head, 0, b"elst")),
        [2, 7200, u32::MAX, 0x1_0000, 54_000, 7200, 0x1_0000]
    );
    assert_eq!(numbers(&table(&head, 1, b"elst"))[0], 1);
}

#[test]
fn what_needs_64_bits_has_them() {
    let mut file = WholeFile::default();
    file.begin(&init_segment(&tracks()).unwrap()).unwrap();
    file.runs(&runs(&piece(0)).unwrap(), 0).unwrap();
    let far = 6_000_000_000;
    // Fourteen hours later, at ninety thousand ticks a second.
    file.runs(&runs(&piece(1_260_000)).unwrap(), far).unwrap();
    let data_bytes = far + 1000;
    let head = file.head(data_bytes);
    let places = table(&head, 0, b"co64");
    let last = u64::from_be_bytes(*places.last_chunk::<8>().unwrap());
    assert!(
        (far + head.len() as u64..far + head.len() as u64 + 400).contains(&last),
        "{last}"
    );
    assert_eq!(
        head[head.len() - 16..],
        [&[0, 0, 0, 1][..], b"mdat", &(data_bytes + 16).to_be_bytes()].concat()
    );
    for name in [b"tkhd", b"elst", b"mdhd"] {
        assert_eq!(table(&head, 0, name)[0], 1, "{name:?}");
    }
}

#[test]
fn another_rate_of_sound_is_another_file() {
    let mut file = WholeFile::default();
    let mut tracks = tracks();
    file.begin(&init_segment(&tracks).unwrap()).unwrap();
    tracks.audio.as_mut().unwrap().sample_rate = 22_050;
    assert!(file.begin(&init_segment(&tracks).unwrap()).is_err());
}
