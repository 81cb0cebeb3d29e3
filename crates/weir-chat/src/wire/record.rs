//! The binary form: `kind | lane << 6`, the group's handle, the step from the offset before, the length of the body,
//! and the body, which is the JSON object without what stands in front of it.
//!
//! Numbers are LEB128: seven bits a byte, the lowest first, the eighth says that more follow.

use super::push::PushKind;

/// Set in the first byte of what is of the hi lane.
const HI: u8 = 1 << 6;
/// The kind of a record that a client sends: a command.
pub const COMMAND: u8 = 32;
/// Bytes of the longest number.
const MAX_NUMBER_BYTES: usize = 10;

/// One record, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its kind, without the lane.
    pub kind: u8,
    /// Whether it is of the hi lane.
    pub is_hi: bool,
    /// The group's handle; 0 for none.
    pub handle: u32,
    /// From the offset of the record of this group before it in the same message, or from 0.
    pub step: u64,
    /// JSON: an object without what stands in front of it, or a command.
    pub body: &'a [u8],
}

/// Appends what the server says.
pub(super) fn put(out: &mut Vec<u8>, kind: PushKind, handle: u32, step: Option<u64>, fields: &str) {
    let lane = if step.is_some() { HI } else { 0 };
    out.push(kind as u8 | lane);
    put_number(out, u64::from(handle));
    put_number(out, step.unwrap_or(0));
    put_number(out, fields.len() as u64 + 1);
    out.push(b'{');
    out.extend_from_slice(fields.as_bytes());
}

/// Appends a command of a client.
pub fn put_command(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(&[COMMAND, 0, 0]);
    put_number(out, line.len() as u64);
    out.extend_from_slice(line.as_bytes());
}

/// Takes a record off the front; `None` where there is none that is whole.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let mut rest = *bytes;
    let (&first, after) = rest.split_first()?;
    rest = after;
    let handle = u32::try_from(take_number(&mut rest)?).ok()?;
    let step = take_number(&mut rest)?;
    let length = usize::try_from(take_number(&mut rest)?).ok()?;
    let (body, after) = rest.split_at_checked(length)?;
    *bytes = after;
    Some(Record {
        kind: first & !HI,
        is_hi: first & HI != 0,
        handle,
        step,
        body,
    })
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

pub(crate) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..MAX_NUMBER_BYTES {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * u32::try_from(place).ok()?;
        let shifted = bits.checked_shl(shift)?;
        if shifted >> shift != bits {
            return None;
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            // One spelling each: no zeros at the end.
            return (byte != 0 || place == 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Encoding, Push};
    use proptest::prelude::*;

    #[test]
    fn records_read_back_with_the_offset_as_steps() {
        let (mut out, mut last) = (Vec::new(), 0);
        for offset in [1000, 1001, 1300] {
            let push = Push {
                kind: PushKind::Message,
                group: Some(("r:1", 300)),
                offset: Some(offset),
                fields: "\"k\":1}",
            };
            push.put(Encoding::Binary, &mut out, &mut last);
        }
        let mut rest = out.as_slice();
        let mut offset = 0;
        let mut offsets = Vec::new();
        while let Some(record) = take(&mut rest) {
            assert_eq!((record.kind, record.is_hi, record.handle), (0, true, 300));
            assert_eq!(record.body, b"{\"k\":1}");
            offset += record.step;
            offsets.push(offset);
        }
        assert_eq!((offsets, rest), (vec![1000, 1001, 1300], &[][..]));
    }

    #[test]
    fn a_record_that_is_cut_or_lies_is_none() {
        let mut whole = Vec::new();
        put_command(&mut whole, "{\"c\":\"hi\"}");
        for cut in 0..whole.len() {
            assert_eq!(take(&mut &whole[..cut]), None, "{cut}");
        }
        assert_eq!(
            take(&mut &[32, 0, 0, 0x80, 0][..]),
            None,
            "a zero in two bytes"
        );
        assert_eq!(
            take(&mut &[[32].as_slice(), &[0xff; 12]].concat()[..]),
            None
        );
    }

    proptest! {
        #[test]
        fn numbers_read_back(number: u64) {
            let mut out = Vec::new();
            put_number(&mut out, number);
            let mut rest = out.as_slice();
            prop_assert_eq!(take_number(&mut rest), Some(number));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = bytes.as_slice();
            while take(&mut rest).is_some() {}
        }
    }
}
