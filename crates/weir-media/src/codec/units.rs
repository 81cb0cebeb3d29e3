//! NAL units as senders separate them, brought to 4-byte lengths: what the codec header says of them is
//! where to look first, and the bytes decide.
//!
//! | bytes | who sends it | what comes out |
//! |---|---|---|
//! | lengths as the header says | everybody | the payload, shared where they have 4 bytes |
//! | start codes | libraries for phones and cameras, early browsers | lengths |
//! | lengths of another width | encoders whose header is a constant | lengths |
//! | lengths that count themselves | hand-written muxers | lengths |
//! | one length around several units with start codes between | Android's encoder output, passed on | lengths |
//! | lengths, and start codes in a text of SEI | whoever lets users say something | the text, escaped |
//! | up to three bytes behind the last unit | padding | the units |
//! | lengths that do not add up | | an error: nobody knows where a unit ends |

use bytes::{BufMut, Bytes, BytesMut};

use super::nal::{self, LENGTH_BYTES, MAX_NALS_PER_FRAME, Nals};
use crate::{MediaError, Result, VideoCodec};

/// Bytes behind the last unit that are padding whatever they are: no unit fits with its length.
const MAX_PADDING_BYTES: usize = 3;

/// A payload with 4-byte lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeparatedUnits {
    /// The units; nothing else.
    pub payload: Bytes,
    /// What had to be put right.
    pub mended: Option<&'static str>,
}

/// Reads the units of an H.264 or HEVC payload whose lengths have `length_bytes` bytes by its codec
/// header.
///
/// # Errors
/// The bytes are neither lengths nor start codes.
pub fn separate(codec: VideoCodec, payload: Bytes, length_bytes: usize) -> Result<SeparatedUnits> {
    if nal::valid_len(&payload, length_bytes) == payload.len() {
        if let Some(payload) = split_inside(codec, &payload, length_bytes) {
            return Ok(mended(
                payload,
                "start codes inside of NAL units were replaced by lengths",
            ));
        }
        let payload = nal::normalise(payload, length_bytes);
        return Ok(SeparatedUnits {
            payload: nal::escape(payload, |unit| is_text(codec, unit)),
            mended: None,
        });
    }
    if starts_with_code(&payload) {
        let payload = lengths_of(&payload);
        return Ok(mended(
            payload,
            "start codes in a container that has lengths were replaced",
        ));
    }
    for other in [4, 2, 3, 1] {
        if nal::valid_len(&payload, other) == payload.len() && is_plausible(codec, &payload, other)
        {
            let payload = nal::normalise(payload, other);
            return Ok(mended(
                payload,
                "NAL lengths are of another width than the codec header says",
            ));
        }
    }
    if let Some(units) = counting_themselves(&payload, length_bytes)
        && is_plausible(codec, &units, LENGTH_BYTES)
    {
        return Ok(mended(
            units,
            "NAL lengths that count themselves were put right",
        ));
    }
    let valid = nal::valid_len(&payload, length_bytes);
    let padding = payload.get(valid..).unwrap_or_default();
    if valid > 0 && padding.len() <= MAX_PADDING_BYTES {
        let payload = nal::normalise(payload, length_bytes);
        return Ok(mended(
            payload,
            "padding behind the last NAL unit was cut off",
        ));
    }
    Err(MediaError::invalid(
        "video frame",
        "the lengths of its NAL units do not add up",
    ))
}

/// Whether NAL units follow that are separated by start codes (ITU-T H.264 annex B).
pub fn starts_with_code(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

/// The units between start codes, each with a 4-byte length; without trailing zeros.
pub fn lengths_of(annex_b: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(annex_b.len() + 64);
    for unit in between_codes(annex_b) {
        put_unit(&mut out, unit);
    }
    out.freeze()
}

/// The units between start codes, without trailing zeros and empty ones; what stands in front of the
/// first code is the first unit.
fn between_codes(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        let code = find_code(data);
        rest = code.and_then(|at| data.get(at + 3..));
        data.get(..code.unwrap_or(data.len()))
    })
    .take(MAX_NALS_PER_FRAME)
    .map(|unit| {
        let end = unit.iter().rposition(|&byte| byte != 0);
        unit.get(..end.map_or(0, |at| at + 1)).unwrap_or_default()
    })
    .filter(|unit| !unit.is_empty())
}

/// Where the next 00 00 01 begins.
fn find_code(data: &[u8]) -> Option<usize> {
    // The third byte of a code is the rarest: looked at first, two of three bytes are passed over.
    let mut at = 2;
    while let Some(&byte) = data.get(at) {
        match byte {
            0 => at += 1,
            1 if data.get(at - 2..at) == Some(&[0, 0]) => return Some(at - 2),
            _ => at += 3,
        }
    }
    None
}

/// The units where start codes stand inside of one length, and a picture behind them; `None` where a
/// picture is found by the lengths alone. An SEI may hold such bytes: encoders put texts of their users
/// there as they are.
fn split_inside(codec: VideoCodec, payload: &[u8], length_bytes: usize) -> Option<Bytes> {
    let units = || Nals::with_length_bytes(payload, length_bytes).take(MAX_NALS_PER_FRAME);
    if units().any(|unit| is_slice(codec, unit)) || units().all(|unit| find_code(unit).is_none()) {
        return None;
    }
    let mut out = BytesMut::with_capacity(payload.len() + 64);
    units()
        .flat_map(between_codes)
        .take(MAX_NALS_PER_FRAME)
        .for_each(|unit| put_unit(&mut out, unit));
    is_plausible(codec, &out, LENGTH_BYTES).then(|| out.freeze())
}

/// The units where each length has its own bytes in it; `None` where that does not fit.
fn counting_themselves(payload: &[u8], length_bytes: usize) -> Option<Bytes> {
    let mut out = BytesMut::with_capacity(payload.len());
    let mut rest = payload;
    for _ in 0..MAX_NALS_PER_FRAME {
        if rest.is_empty() {
            return Some(out.freeze());
        }
        let prefix = rest.get(..length_bytes)?;
        let len = prefix
            .iter()
            .fold(0usize, |len, byte| len << 8 | usize::from(*byte));
        let unit = rest.get(length_bytes..len)?;
        put_unit(&mut out, unit);
        rest = rest.get(len..)?;
    }
    None
}

/// Whether each unit begins as a unit of this codec does, and one is a picture.
fn is_plausible(codec: VideoCodec, payload: &[u8], length_bytes: usize) -> bool {
    let mut has_slice = false;
    for unit in Nals::with_length_bytes(payload, length_bytes).take(MAX_NALS_PER_FRAME) {
        has_slice |= is_slice(codec, unit);
        let is_unit = match (codec, unit) {
            // forbidden_zero_bit, and for HEVC nuh_temporal_id_plus1.
            (VideoCodec::Hevc, [first, second, ..]) => first & 0x80 == 0 && second & 7 != 0,
            (VideoCodec::Hevc, _) => false,
            (_, [first, ..]) => first & 0x80 == 0 && (1..=23).contains(&(first & 0x1F)),
            (_, []) => true,
        };
        if !is_unit {
            return false;
        }
    }
    has_slice
}

fn is_slice(codec: VideoCodec, unit: &[u8]) -> bool {
    match codec {
        VideoCodec::Hevc => super::hevc::nal_type(unit) < 32,
        _ => (1..=5).contains(&super::avc::nal_type(unit)),
    }
}

/// Supplemental enhancement information.
fn is_text(codec: VideoCodec, unit: &[u8]) -> bool {
    match codec {
        VideoCodec::Hevc => matches!(super::hevc::nal_type(unit), 39 | 40),
        _ => super::avc::nal_type(unit) == 6,
    }
}

fn put_unit(out: &mut BytesMut, unit: &[u8]) {
    out.put_u32(unit.len() as u32);
    out.put_slice(unit);
}

const fn mended(payload: Bytes, how: &'static str) -> SeparatedUnits {
    SeparatedUnits {
        payload,
        mended: Some(how),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPS: &[u8] = &[0x67, 1, 2];
    const IDR: &[u8] = &[0x65, 0x88, 9, 9];
    const TWO: &[u8] = &[0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 4, 0x65, 0x88, 9, 9];

    fn read(payload: &[u8], length_bytes: usize) -> Result<(Vec<u8>, bool)> {
        let payload = Bytes::copy_from_slice(payload);
        let units = separate(VideoCodec::H264, payload, length_bytes)?;
        Ok((units.payload.to_vec(), units.mended.is_some()))
    }

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn however_units_are_separated_they_come_out_with_four_byte_lengths() {
        for (sent, width, what) in [
            (
                joined(&[&[0, 0, 0, 1], SPS, &[0, 0, 0, 1], IDR]),
                4,
                "start codes",
            ),
            (
                joined(&[&[0, 0, 1], SPS, &[0, 0, 1], IDR, &[0, 0]]),
                4,
                "short start codes, zeros behind",
            ),
            (
                joined(&[&[0, 3], SPS, &[0, 4], IDR]),
                4,
                "2 where 4 is said",
            ),
            (
                joined(&[&[0, 0, 3], SPS, &[0, 0, 4], IDR]),
                4,
                "3 where 4 is said",
            ),
            (joined(&[&[3], SPS, &[4], IDR]), 4, "1 where 4 is said"),
            (
                joined(&[&[0, 0, 0, 7], SPS, &[0, 0, 0, 8], IDR]),
                4,
                "counting themselves",
            ),
            (
                joined(&[&[0, 5], SPS, &[0, 6], IDR]),
                2,
                "two bytes counting themselves",
            ),
            (
                joined(&[&[0, 0, 0, 11], SPS, &[0, 0, 0, 1], IDR]),
                4,
                "one length around all",
            ),
            (joined(&[TWO, &[0; 2]]), 4, "zeros behind"),
            (joined(&[TWO, &[7, 7, 7]]), 4, "padding behind"),
        ] {
            assert_eq!(read(&sent, width), Ok((TWO.to_vec(), true)), "{what}");
        }
        for said in [1, 2, 3, 4] {
            assert_eq!(read(TWO, said).unwrap().0, TWO, "4 where {said} is said");
        }
        assert_eq!(
            read(&joined(&[&[0, 3], SPS, &[0, 4], IDR]), 2),
            Ok((TWO.to_vec(), false))
        );
    }

    #[test]
    fn lengths_that_lie_are_an_error() {
        let mut long = TWO.to_vec();
        long[10] = 200;
        assert!(read(&long, 4).is_err(), "longer than the frame");
        let mut short = joined(&[TWO, &[1, 2, 3, 4, 5, 6]]);
        short[10] = 3;
        assert!(read(&short, 4).is_err(), "shorter than the unit");
        assert!(read(&[0x65; 40], 4).is_err(), "no lengths at all");
    }

    #[test]
    fn a_length_that_looks_like_a_start_code_is_a_length() {
        let one_byte_units = [0, 0, 0, 1, 9, 0, 0, 0, 1, 9];
        assert_eq!(
            read(&one_byte_units, 4),
            Ok((one_byte_units.to_vec(), false))
        );
        let mut long = vec![0, 0, 1, 4];
        long.extend([0x65; 260]);
        assert_eq!(read(&long, 4), Ok((long.clone(), false)));
    }

    #[test]
    fn four_byte_payloads_are_not_copied() {
        let payload = Bytes::from_static(TWO);
        let units = separate(VideoCodec::H264, payload.clone(), 4).unwrap();
        assert_eq!(units.payload.as_ptr(), payload.as_ptr());
    }

    proptest! {
        #[test]
        fn what_comes_out_is_well_formed(data: Vec<u8>, width in 1usize..=4, codes: bool) {
            let data = if codes { [&[0, 0, 1][..], &data].concat() } else { data };
            for codec in [VideoCodec::H264, VideoCodec::Hevc] {
                if let Ok(units) = separate(codec, Bytes::from(data.clone()), width) {
                    prop_assert_eq!(nal::valid_len(&units.payload, 4), units.payload.len());
                }
            }
        }

        #[test]
        fn codes_are_found_where_they_are(data in proptest::collection::vec(0u8..3, 0..40)) {
            let plain = data.windows(3).position(|window| window == [0, 0, 1]);
            prop_assert_eq!(find_code(&data), plain);
        }
    }
}
