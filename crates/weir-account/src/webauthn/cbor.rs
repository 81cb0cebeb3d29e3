//! As much of CBOR (RFC 8949) as authenticators write: the canonical form of CTAP2, in which every length is said
//! beforehand and nothing nests deeper than four.

use super::NotGood;

/// Levels of maps and arrays (CTAP 2.1, section 8).
const MAX_DEPTH: u8 = 4;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

const BROKEN: NotGood = NotGood("its CBOR is broken");
const OTHER: NotGood = NotGood("its CBOR has something else where this was expected");

/// Reads one item after the other.
pub(super) struct Cbor<'a>(&'a [u8]);

impl<'a> Cbor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The first item's bytes, and those behind it.
    pub(super) fn item(bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), NotGood> {
        let mut reader = Self(bytes);
        reader.skip()?;
        bytes
            .split_at_checked(bytes.len() - reader.0.len())
            .ok_or(BROKEN)
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// How many pairs follow.
    pub(super) fn map(&mut self) -> Result<u64, NotGood> {
        self.expect(MAP)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, NotGood> {
        let length = self.expect(TEXT)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| BROKEN)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], NotGood> {
        let length = self.expect(BYTES)?;
        self.take(length)
    }

    /// A whole number, of either sign.
    pub(super) fn number(&mut self) -> Result<i64, NotGood> {
        let (kind, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| BROKEN)?;
        match kind {
            UNSIGNED => Ok(value),
            NEGATIVE => Ok(-1 - value),
            _ => Err(OTHER),
        }
    }

    /// Passes over one item, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), NotGood> {
        self.skip_within(MAX_DEPTH)
    }

    fn skip_within(&mut self, levels: u8) -> Result<(), NotGood> {
        let (kind, value) = self.head()?;
        let items = match kind {
            UNSIGNED | NEGATIVE | SIMPLE => return Ok(()),
            BYTES | TEXT => return self.take(value).map(|_| ()),
            ARRAY => value,
            MAP => value.checked_mul(2).ok_or(BROKEN)?,
            _ => return Err(OTHER),
        };
        let levels = levels.checked_sub(1).ok_or(BROKEN)?;
        // Each item has a byte at least, so a count that lies ends with the bytes.
        for _ in 0..items {
            self.skip_within(levels)?;
        }
        Ok(())
    }

    fn expect(&mut self, kind: u8) -> Result<u64, NotGood> {
        let (found, value) = self.head()?;
        if found == kind { Ok(value) } else { Err(OTHER) }
    }

    /// Kind and value (RFC 8949, section 3).
    fn head(&mut self) -> Result<(u8, u64), NotGood> {
        let first = *self.take(1)?.first().ok_or(BROKEN)?;
        let value = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            24 => self.wide(1)?,
            25 => self.wide(2)?,
            26 => self.wide(4)?,
            27 => self.wide(8)?,
            // No length said beforehand, or reserved.
            _ => return Err(BROKEN),
        };
        Ok((first >> 5, value))
    }

    fn wide(&mut self, bytes: u64) -> Result<u64, NotGood> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn take(&mut self, bytes: u64) -> Result<&'a [u8], NotGood> {
        let bytes = usize::try_from(bytes).map_err(|_| BROKEN)?;
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(BROKEN)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_as_the_rfc_writes_them() {
        // Appendix A: {"a": 1, "b": [2, 3]}, then -500 and h'01020304'.
        let bytes = b"\xa2\x61a\x01\x61b\x82\x02\x03\x39\x01\xf3\x44\x01\x02\x03\x04";
        let (map, rest) = Cbor::item(bytes).unwrap();
        assert_eq!(map.len(), 9);
        let mut reader = Cbor::new(rest);
        assert_eq!(reader.number(), Ok(-500));
        assert_eq!(reader.bytes(), Ok(&b"\x01\x02\x03\x04"[..]));
        assert!(reader.is_at_end());
        let mut reader = Cbor::new(map);
        assert_eq!((reader.map(), reader.text()), (Ok(2), Ok("a")));
    }

    #[test]
    fn what_lies_about_its_length_or_nests_too_deep_is_refused() {
        for bytes in [
            &b""[..],
            b"\x18",
            b"\x44\x01",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9f\xff",
            b"\x81\x81\x81\x81\x81\x01",
            b"\xc0\x01",
        ] {
            assert!(Cbor::item(bytes).is_err(), "{bytes:?}");
        }
        assert!(Cbor::item(b"\x81\x81\x81\x81\x01").is_ok());
    }
}
