//! The wall clock inside the media: an H.264 SEI (`user_data_unregistered`, ITU-T H.264 §D.1.6)
//! before each picture, which survives every container, so that any hop can measure its latency.

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::VideoCodec;
use weir_media::codec::nal::{LENGTH_BYTES, Nals};

/// What tells weir's stamp from other user data.
const UUID: [u8; 16] = [
    0x77, 0x65, 0x69, 0x72, 0x5f, 0x77, 0x4a, 0x11, 0x9c, 0x4d, 0x73, 0x74, 0x61, 0x6d, 0x70, 0x31,
];
const NAL_SEI: u8 = 6;
const NAL_AUD: u8 = 9;
const USER_DATA_UNREGISTERED: u8 = 5;
/// UUID and eight bytes of time.
const PAYLOAD_BYTES: u8 = 24;
/// The stamp is the first NAL unit or follows headers; further on there is only picture.
const MAX_NALS_SEARCHED: usize = 8;
/// A stamp with every byte escaped that can be stays below this.
const MAX_SEI_BYTES: usize = 64;

/// The bodies of an FLV video tag with the stamp put in front of the picture; `None` for tags that
/// hold no H.264 picture (headers, other kinds).
pub fn stamp_tag(body: &Bytes, length_bytes: usize, wall_us: i64) -> Option<Bytes> {
    let head_bytes = picture_at(body)?;
    let (head, payload) = body.split_at_checked(head_bytes)?;
    let sei = sei(wall_us);
    let mut out = BytesMut::with_capacity(body.len() + sei.len() + LENGTH_BYTES);
    out.put_slice(head);
    // An access unit delimiter must stay first (§7.4.1.2.3).
    let delimiter = delimiter_bytes(payload, length_bytes);
    let (before, after) = payload.split_at_checked(delimiter)?;
    out.put_slice(before);
    out.put_uint(sei.len() as u64, length_bytes);
    out.put_slice(&sei);
    out.put_slice(after);
    Some(out.freeze())
}

/// The video codec an FLV video body is of, and whether weir can stamp it.
pub fn can_stamp(codec: VideoCodec) -> bool {
    codec == VideoCodec::H264
}

/// The stamp in a payload as in [`weir_media::Frame`], in Unix microseconds.
pub fn find(payload: &[u8]) -> Option<i64> {
    let units = Nals::new(payload).take(MAX_NALS_SEARCHED);
    units
        .filter(|unit| unit.first().is_some_and(|byte| byte & 0x1f == NAL_SEI))
        .find_map(read_sei)
}

/// Where the payload begins in an FLV video body that holds H.264 pictures.
fn picture_at(body: &[u8]) -> Option<usize> {
    let (&first, &second) = (body.first()?, body.get(1)?);
    if first & 0x80 == 0 {
        return (first & 0x0f == 7 && second == 1).then_some(5);
    }
    let is_avc = body.get(1..5)? == b"avc1";
    match first & 0x0f {
        1 if is_avc => Some(8),
        3 if is_avc => Some(5),
        _ => None,
    }
}

/// Bytes of the access unit delimiter that begins a payload, its length included; 0 if none does.
fn delimiter_bytes(payload: &[u8], length_bytes: usize) -> usize {
    let first = Nals::with_length_bytes(payload, length_bytes).next();
    first
        .filter(|unit| unit.first().is_some_and(|byte| byte & 0x1f == NAL_AUD))
        .map_or(0, |unit| length_bytes + unit.len())
}

fn sei(wall_us: i64) -> Vec<u8> {
    let mut raw = vec![USER_DATA_UNREGISTERED, PAYLOAD_BYTES];
    raw.extend_from_slice(&UUID);
    raw.extend_from_slice(&wall_us.to_be_bytes());
    raw.push(0x80);
    let mut out = vec![NAL_SEI];
    let mut zeros = 0;
    for byte in raw {
        if zeros == 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

fn read_sei(unit: &[u8]) -> Option<i64> {
    let mut raw = Vec::with_capacity(MAX_SEI_BYTES);
    let mut zeros = 0;
    for &byte in unit.get(1..)?.iter().take(MAX_SEI_BYTES) {
        if zeros == 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    let time = raw
        .strip_prefix(&[USER_DATA_UNREGISTERED, PAYLOAD_BYTES])?
        .strip_prefix(&UUID)?;
    Some(i64::from_be_bytes(*time.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(head: &[u8], units: &[&[u8]]) -> Bytes {
        let mut body = BytesMut::from(head);
        for unit in units {
            body.put_u32(unit.len() as u32);
            body.put_slice(unit);
        }
        body.freeze()
    }

    #[test]
    fn a_stamp_comes_back_from_legacy_and_enhanced_tags() {
        for head in [&[0x17, 1, 0, 0, 40][..], b"\x91avc1\0\0\x28", b"\x93avc1"] {
            let body = tag(head, &[&[0x65, 1, 2, 3]]);
            let stamped = stamp_tag(&body, 4, 1_790_000_000_123_456).unwrap();
            assert_eq!(&stamped[..head.len()], head);
            assert_eq!(find(&stamped[head.len()..]), Some(1_790_000_000_123_456));
            assert!(stamped.ends_with(&[0x65, 1, 2, 3]));
        }
    }

    #[test]
    fn an_access_unit_delimiter_stays_first() {
        let body = tag(&[0x27, 1, 0, 0, 0], &[&[9, 0xf0], &[0x41, 5]]);
        let stamped = stamp_tag(&body, 4, 5).unwrap();
        assert_eq!(&stamped[5..11], &[0, 0, 0, 2, 9, 0xf0]);
        assert_eq!(find(&stamped[5..]), Some(5));
    }

    #[test]
    fn headers_and_other_codecs_are_left_alone() {
        for body in [
            &[0x17, 0, 0, 0, 0, 1][..],
            b"\x91hvc1\0\0\0abc",
            b"\x90avc1abc",
            &[0x12, 1],
            &[],
            &[0x17],
        ] {
            assert_eq!(stamp_tag(&Bytes::copy_from_slice(body), 4, 1), None);
        }
    }

    proptest! {
        #[test]
        fn any_time_survives_and_no_start_code_appears(wall_us: i64) {
            let sei = sei(wall_us);
            prop_assert!(!sei.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3));
            prop_assert_eq!(read_sei(&sei), Some(wall_us));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, length_bytes in 1usize..5) {
            let _ = find(&bytes);
            let _ = stamp_tag(&bytes.into(), length_bytes, 0);
        }
    }
}
