//! Takes an FLV file or stream apart into tags, however its bytes arrive (Adobe FLV 10.1 §E.2).
//!
//! What is inside a tag is [`super::tag`]'s and [`super::depacketize`]'s business.

use bytes::{Buf, Bytes, BytesMut};

use crate::{MediaError, Result};

/// Largest tag body taken, in bytes. The size field has 24 bits, so it cannot say more.
pub const MAX_TAG_BYTES: usize = 16 << 20;
/// Largest file header taken, in bytes: the standard knows 9, and says later ones may be longer.
const MAX_HEADER_BYTES: usize = 1024;
const HEADER_BYTES: usize = 9;
const TAG_HEADER_BYTES: usize = 11;
const BACK_POINTER_BYTES: usize = 4;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTag {
    /// [`super::TAG_AUDIO`], [`super::TAG_VIDEO`], [`super::TAG_SCRIPT`] or something else.
    pub tag_type: u8,
    /// Decode time in milliseconds, all 32 bits of it.
    pub ts_ms: u32,
    /// The tag's data, without its 11 bytes of header.
    pub body: Bytes,
}

/// Bytes in, tags out. Holds at most one unfinished tag and what was pushed beyond it.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
    header_read: bool,
}

impl Reader {
    /// Takes the next bytes of the stream; follow with [`Reader::next`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole tag, or `None` until more bytes are pushed.
    ///
    /// Back pointers are not believed and not checked: files in the wild get them wrong.
    ///
    /// # Errors
    /// A wrong file header, reserved bits, or an encrypted tag. The reader is of no use then.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and not at its end on None"
    )]
    pub fn next(&mut self) -> Result<Option<RawTag>> {
        if !self.header_read && !self.read_header()? {
            return Ok(None);
        }
        let Some(&[flags, s0, s1, s2, t0, t1, t2, t3]) = self.buffer.first_chunk() else {
            return Ok(None);
        };
        if flags & 0xc0 != 0 {
            return Err(MediaError::invalid("FLV tag", "reserved bits are set"));
        }
        if flags & 0x20 != 0 {
            return Err(MediaError::Unsupported("encrypted FLV tags".to_owned()));
        }
        let size = u32::from_be_bytes([0, s0, s1, s2]) as usize;
        if self.buffer.len() < TAG_HEADER_BYTES + size + BACK_POINTER_BYTES {
            return Ok(None);
        }
        self.buffer.advance(TAG_HEADER_BYTES);
        let body = self.buffer.split_to(size).freeze();
        self.buffer.advance(BACK_POINTER_BYTES);
        let ts_ms = u32::from_be_bytes([t3, t0, t1, t2]);
        Ok(Some(RawTag {
            tag_type: flags & 0x1f,
            ts_ms,
            body,
        }))
    }

    /// Whether bytes of an unfinished tag (or header) are held: at the end of a file they are lost.
    pub fn is_mid_tag(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// How many bytes they are.
    pub fn held_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Passes over the file header and the first back pointer; false until they are there.
    fn read_header(&mut self) -> Result<bool> {
        let known = self.buffer.len().min(3);
        if self.buffer.get(..known) != b"FLV".get(..known) {
            return Err(MediaError::invalid(
                "FLV header",
                "the signature is missing",
            ));
        }
        let Some(&[_, _, _, version, _, l0, l1, l2, l3]) = self.buffer.first_chunk() else {
            return Ok(false);
        };
        if version != 1 {
            return Err(MediaError::invalid("FLV header", "the version is not 1"));
        }
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        if !(HEADER_BYTES..=MAX_HEADER_BYTES).contains(&len) {
            return Err(MediaError::invalid(
                "FLV header",
                "its length is impossible",
            ));
        }
        if self.buffer.len() < len + BACK_POINTER_BYTES {
            return Ok(false);
        }
        self.buffer.advance(len + BACK_POINTER_BYTES);
        self.header_read = true;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::write::{put_file_header, put_tag};
    use super::*;

    fn file(tags: &[(u8, u32, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        put_file_header(&mut out, true, true);
        for (tag_type, ts_ms, body) in tags {
            put_tag(&mut out, *tag_type, *ts_ms, &[], body);
        }
        out
    }

    fn all(reader: &mut Reader) -> Vec<RawTag> {
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn back_pointers_that_lie_are_tolerated() {
        let mut bytes = file(&[(9, 0xff00_0001, vec![1, 2]), (8, 5, vec![])]);
        let at = bytes.len() - 4;
        bytes[at..].fill(0xee);
        let mut reader = Reader::default();
        reader.push(&bytes);
        let tags = all(&mut reader);
        assert_eq!(tags.len(), 2);
        assert_eq!(
            (tags[0].ts_ms, &tags[0].body[..]),
            (0xff00_0001, &[1, 2][..])
        );
        assert!(!reader.is_mid_tag());
    }

    #[test]
    fn wrong_headers_are_refused_as_soon_as_they_show() {
        for bytes in [
            &b"GET"[..],
            b"FLX",
            b"FLV\x02\x05\0\0\0\x09",
            b"FLV\x01\x05\xff\0\0\0",
        ] {
            let mut reader = Reader::default();
            reader.push(bytes);
            assert!(reader.next().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn encrypted_tags_and_reserved_bits_are_refused() {
        for tag_type in [0x29, 0x49] {
            let mut reader = Reader::default();
            reader.push(&file(&[(tag_type, 0, vec![1])]));
            assert!(reader.next().is_err());
        }
    }

    #[test]
    fn a_longer_file_header_is_passed_over() {
        let mut bytes = b"FLV\x01\x05\0\0\0\x0bxx\0\0\0\0".to_vec();
        bytes.extend(&file(&[(9, 7, vec![3])])[13..]);
        let mut reader = Reader::default();
        reader.push(&bytes);
        assert_eq!(all(&mut reader)[0].body, [3][..]);
    }

    proptest! {
        #[test]
        fn tags_come_out_the_same_wherever_the_bytes_are_cut(
            tags: Vec<(u8, u32, Vec<u8>)>,
            cut in 1usize..40,
        ) {
            let tags: Vec<_> = tags.into_iter().map(|(t, ts, body)| (t & 0x1f, ts, body)).collect();
            let mut reader = Reader::default();
            let mut got = Vec::new();
            for piece in file(&tags).chunks(cut) {
                reader.push(piece);
                got.extend(all(&mut reader).into_iter().map(|t| (t.tag_type, t.ts_ms, t.body.to_vec())));
            }
            prop_assert_eq!(got, tags);
        }

        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>) {
            let mut reader = Reader::default();
            reader.push(b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
            reader.push(&data);
            while let Ok(Some(_)) = reader.next() {}
            let mut reader = Reader::default();
            reader.push(&data);
            while let Ok(Some(_)) = reader.next() {}
        }
    }
}
