//! Reading codec headers bit by bit and byte by byte, always within bounds.

use bytes::{Buf, Bytes};

use crate::{MediaError, Result};

/// Reads big-endian bit fields. Every read past the end is [`MediaError::Truncated`].
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    /// Position in bits.
    pos: usize,
    what: &'static str,
}

impl<'a> BitReader<'a> {
    /// `what` names the structure in errors.
    pub(crate) const fn new(data: &'a [u8], what: &'static str) -> Self {
        Self { data, pos: 0, what }
    }

    /// One bit.
    pub(crate) fn bit(&mut self) -> Result<bool> {
        let byte = self
            .data
            .get(self.pos / 8)
            .ok_or(MediaError::Truncated(self.what))?;
        let bit = byte >> (7 - self.pos % 8) & 1;
        self.pos += 1;
        Ok(bit == 1)
    }

    /// Up to 32 bits as a number.
    pub(crate) fn bits(&mut self, count: u32) -> Result<u32> {
        debug_assert!(count <= 32);
        let mut value = 0u32;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Ok(value)
    }

    /// Up to 8 bits as a byte.
    pub(crate) fn byte(&mut self, count: u32) -> Result<u8> {
        debug_assert!(count <= 8);
        Ok(self.bits(count)? as u8)
    }

    /// Passes over `count` bits.
    pub(crate) fn skip(&mut self, count: usize) -> Result<()> {
        if count > self.left() {
            return Err(MediaError::Truncated(self.what));
        }
        self.pos += count;
        Ok(())
    }

    /// Moves on to the next byte boundary.
    pub(crate) fn align(&mut self) {
        self.pos = self.pos.next_multiple_of(8);
    }

    /// Unsigned exp-Golomb, `ue(v)` (H.264 §9.1); also AV1's `uvlc()`.
    pub(crate) fn ue(&mut self) -> Result<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return Err(MediaError::invalid(
                    self.what,
                    "an exp-Golomb code is over 32 bits",
                ));
            }
        }
        Ok(((1u32 << zeros) - 1).saturating_add(self.bits(zeros)?))
    }

    /// Signed exp-Golomb, `se(v)`.
    pub(crate) fn se(&mut self) -> Result<i32> {
        let code = self.ue()?;
        let magnitude = (code / 2 + code % 2) as i32;
        Ok(if code % 2 == 1 { magnitude } else { -magnitude })
    }

    /// Bits read so far.
    pub(crate) const fn position(&self) -> usize {
        self.pos
    }

    /// Bits not read yet.
    pub(crate) const fn left(&self) -> usize {
        (self.data.len() * 8).saturating_sub(self.pos)
    }
}

/// Writes big-endian bit fields.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    out: Vec<u8>,
    used: usize,
}

impl BitWriter {
    /// Appends the low `count` bits of `value`.
    pub(crate) fn bits(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.out.push(0);
            }
            if let Some(last) = self.out.last_mut() {
                *last |= ((value >> shift & 1) as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    /// Appends an unsigned exp-Golomb code, of a value under 2^31.
    pub(crate) fn ue(&mut self, value: u32) {
        let code = value.saturating_add(1);
        self.bits(0, code.ilog2());
        self.bits(code, code.ilog2() + 1);
    }

    /// Pads with zeros to the next byte boundary.
    pub(crate) const fn align(&mut self) {
        self.used = self.used.next_multiple_of(8);
    }

    /// The bytes so far; the last one is padded with zeros.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Removes the emulation-prevention bytes of a NAL unit (H.264 §7.4.1.1, HEVC §7.4.2), reading at
/// most `limit` bytes of it.
pub(crate) fn unescape(nal: &[u8], limit: usize) -> Vec<u8> {
    let nal = nal.get(..limit).unwrap_or(nal);
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Puts emulation-prevention bytes into what follows a NAL unit's header (H.264 §7.4.1.1).
pub(crate) fn escape(rbsp: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rbsp.len() + 4);
    let mut zeros = 0;
    for &byte in rbsp {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Takes a shared buffer apart from the front; what it hands out shares the buffer.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    data: Bytes,
    what: &'static str,
}

impl Cursor {
    /// `what` names the structure in errors.
    pub(crate) const fn new(data: Bytes, what: &'static str) -> Self {
        Self { data, what }
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.data
            .try_get_u8()
            .map_err(|_| MediaError::Truncated(self.what))
    }

    /// Two bytes, big-endian.
    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.data
            .try_get_u16()
            .map_err(|_| MediaError::Truncated(self.what))
    }

    /// Three bytes, big-endian.
    pub(crate) fn u24(&mut self) -> Result<u32> {
        let high = u32::from(self.u8()?);
        Ok(high << 16 | u32::from(self.u16()?))
    }

    /// Three bytes, big-endian, two's complement.
    pub(crate) fn i24(&mut self) -> Result<i32> {
        Ok(((self.u24()? << 8) as i32) >> 8)
    }

    /// A four-character code.
    pub(crate) fn fourcc(&mut self) -> Result<[u8; 4]> {
        self.data
            .try_get_u32()
            .map(u32::to_be_bytes)
            .map_err(|_| MediaError::Truncated(self.what))
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<Bytes> {
        if len > self.data.len() {
            return Err(MediaError::Truncated(self.what));
        }
        Ok(self.data.split_to(len))
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.data)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_the_table_in_the_standard_says() {
        // 1 | 010 | 011 | 00100 | 00101 -> 0 1 2 3 4
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000], "test");
        for expected in 0..5 {
            assert_eq!(reader.ue().unwrap(), expected);
        }
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000], "test");
        for expected in [0, 1, -1, 2, -2] {
            assert_eq!(reader.se().unwrap(), expected);
        }
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let mut reader = BitReader::new(&[0xff], "test");
        assert_eq!(reader.bits(8).unwrap(), 0xff);
        assert_eq!(reader.bit(), Err(MediaError::Truncated("test")));
        assert!(reader.skip(1).is_err());
        assert!(BitReader::new(&[0; 16], "test").ue().is_err());
    }

    #[test]
    fn emulation_prevention_bytes_are_removed() {
        assert_eq!(
            unescape(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3], 64),
            [0, 0, 1, 0, 0, 0, 0]
        );
        assert_eq!(unescape(&[1, 2, 3, 4], 2), [1, 2]);
    }

    #[test]
    fn bits_written_read_back() {
        let mut writer = BitWriter::default();
        writer.bits(5, 3);
        writer.bits(0x1ff, 9);
        writer.bits(1, 1);
        let bytes = writer.finish();
        let mut reader = BitReader::new(&bytes, "test");
        assert_eq!(
            (reader.bits(3), reader.bits(9), reader.bit()),
            (Ok(5), Ok(0x1ff), Ok(true))
        );
    }

    #[test]
    fn signed_24_bit_numbers_keep_their_sign() {
        let mut cursor = Cursor::new(Bytes::from_static(&[0xff, 0xff, 0xd8, 0, 0, 40]), "test");
        assert_eq!((cursor.i24(), cursor.i24()), (Ok(-40), Ok(40)));
        assert!(cursor.i24().is_err());
    }
}
