//! NAL units in length-prefixed payloads, as MP4 and FLV carry H.264 and HEVC.

use bytes::{BufMut, Bytes, BytesMut};

/// Width of the length in front of each NAL unit in every payload weir holds, in bytes.
pub const LENGTH_BYTES: usize = 4;

/// Most NAL units of one frame that are looked at: far above what any level allows slices for,
/// and it bounds what a payload of empty units can cost.
pub const MAX_NALS_PER_FRAME: usize = 4096;

/// Walks the NAL units of a payload with 4-byte lengths, skipping empty ones.
///
/// Stops early where a length lies; [`valid_len`] tells whether that would happen.
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    data: &'a [u8],
    length_bytes: usize,
}

impl<'a> Nals<'a> {
    /// Over a payload as in [`crate::Frame::payload`].
    pub const fn new(payload: &'a [u8]) -> Self {
        Self::with_length_bytes(payload, LENGTH_BYTES)
    }

    /// Over a payload whose lengths have 1 to 4 bytes.
    pub const fn with_length_bytes(payload: &'a [u8], length_bytes: usize) -> Self {
        Self {
            data: payload,
            length_bytes,
        }
    }

    /// The next unit with its length prefix still unread bytes behind it, empty ones included.
    fn step(&mut self) -> Option<&'a [u8]> {
        let (prefix, rest) = self.data.split_at_checked(self.length_bytes)?;
        let len = prefix
            .iter()
            .fold(0usize, |len, byte| len << 8 | usize::from(*byte));
        let (nal, rest) = rest.split_at_checked(len)?;
        self.data = rest;
        Some(nal)
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let nal = self.step()?;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    }
}

/// How many bytes from the start are whole NAL units, for lengths of `length_bytes` bytes.
/// Equals the payload's length when it is well formed.
pub fn valid_len(payload: &[u8], length_bytes: usize) -> usize {
    let mut nals = Nals::with_length_bytes(payload, length_bytes);
    for _ in 0..MAX_NALS_PER_FRAME {
        if nals.step().is_none() {
            break;
        }
    }
    payload.len() - nals.data.len()
}

/// The payload with 4-byte lengths, nothing after the last whole NAL unit, and no empty units: no
/// container may hold those, and encoders put them between others all the same. Shares the input's
/// memory where it is so already.
pub fn normalise(payload: Bytes, length_bytes: usize) -> Bytes {
    let valid = valid_len(&payload, length_bytes);
    let whole = payload.get(..valid).unwrap_or_default();
    if length_bytes == LENGTH_BYTES && !has_empty_unit(whole) {
        return payload.slice(..valid);
    }
    let mut out = BytesMut::with_capacity(valid + valid / 4 + 64);
    for nal in Nals::with_length_bytes(whole, length_bytes) {
        out.put_u32(nal.len() as u32);
        out.put_slice(nal);
    }
    out.freeze()
}

/// The payload with emulation prevention in those units that `is_text` picks and that hold a start code:
/// encoders put texts of their users into SEI as they are. Behind a length that looks like no harm, but
/// every decoder takes what follows for another unit. Shares the input's memory where there is none.
pub fn escape(payload: Bytes, is_text: impl Fn(&[u8]) -> bool) -> Bytes {
    let is_open = |nal: &[u8]| is_text(nal) && nal.windows(3).any(|part| part == [0, 0, 1]);
    if !Nals::new(&payload).any(is_open) {
        return payload;
    }
    let mut out = BytesMut::with_capacity(payload.len() + 64);
    for nal in Nals::new(&payload) {
        let length_at = out.len();
        out.put_u32(0);
        let mut zeros = 0;
        let opens = is_open(nal);
        for &byte in nal {
            if opens && zeros >= 2 && byte <= 3 {
                out.put_u8(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.put_u8(byte);
        }
        let bytes = (out.len() - length_at - LENGTH_BYTES) as u32;
        if let Some(length) = out.get_mut(length_at..length_at + LENGTH_BYTES) {
            length.copy_from_slice(&bytes.to_be_bytes());
        }
    }
    out.freeze()
}

/// Whether a payload with 4-byte lengths holds a unit of no bytes.
fn has_empty_unit(payload: &[u8]) -> bool {
    let mut nals = Nals::new(payload);
    std::iter::from_fn(|| nals.step()).any(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_out_without_their_lengths_and_empty_ones_are_skipped() {
        let payload = [0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 3];
        assert_eq!(Nals::new(&payload).collect::<Vec<_>>(), [&[1, 2][..], &[3]]);
        assert_eq!(valid_len(&payload, 4), payload.len());
    }

    #[test]
    fn a_lying_length_ends_the_payload_before_it() {
        let payload = Bytes::from_static(&[0, 0, 0, 1, 9, 0, 0, 0, 200, 1]);
        assert_eq!(valid_len(&payload, 4), 5);
        assert_eq!(normalise(payload, 4), Bytes::from_static(&[0, 0, 0, 1, 9]));
    }

    #[test]
    fn short_lengths_become_four_bytes() {
        let two = Bytes::from_static(&[0, 2, 1, 2, 0, 1, 3]);
        assert_eq!(&normalise(two, 2)[..], [0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3]);
    }

    #[test]
    fn empty_units_are_left_out() {
        let payload = Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(normalise(payload, 4), Bytes::from_static(&[0, 0, 0, 1, 7]));
        assert_eq!(
            normalise(Bytes::from_static(&[0, 0, 0, 0]), 4),
            Bytes::new()
        );
    }

    #[test]
    fn a_start_code_in_a_text_is_escaped_and_pictures_are_left_alone() {
        let payload = [0, 0, 0, 6, 6, 5, 0, 0, 1, 7, 0, 0, 0, 4, 5, 0, 0, 1];
        let escaped = [0, 0, 0, 7, 6, 5, 0, 0, 3, 1, 7, 0, 0, 0, 4, 5, 0, 0, 1];
        let is_text = |nal: &[u8]| nal.first() == Some(&6);
        let payload = Bytes::copy_from_slice(&payload);
        assert_eq!(escape(payload.clone(), is_text), escaped[..]);
        assert_eq!(
            escape(payload.clone(), |_| false).as_ptr(),
            payload.as_ptr()
        );
    }

    #[test]
    fn four_byte_payloads_are_not_copied() {
        let payload = Bytes::from(vec![0, 0, 0, 2, 1, 2]);
        assert_eq!(normalise(payload.clone(), 4).as_ptr(), payload.as_ptr());
    }
}
