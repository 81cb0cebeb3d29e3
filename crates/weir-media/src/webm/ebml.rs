//! EBML: element headers, numbers, and the children of an element that is all there (RFC 8794).

use crate::{MediaError, Result};

/// Children of one element looked at: `Tracks` with a hundred entries stays below.
const MAX_CHILDREN: usize = 1024;

/// The id and size in front of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// With its length marker, as the standards print it.
    pub(super) id: u32,
    /// Bytes of the body; `None`: unknown (§6.2).
    pub(super) size: Option<u64>,
    /// Bytes of the header itself: 2 to 12.
    pub(super) bytes: usize,
}

impl Header {
    /// `None` while it is incomplete.
    pub(super) fn read(data: &[u8]) -> Result<Option<Self>> {
        let Some(&first) = data.first() else {
            return Ok(None);
        };
        let id_bytes = first.leading_zeros() as usize + 1;
        if id_bytes > 4 {
            return Err(MediaError::invalid("EBML", "an element id over 4 bytes"));
        }
        let Some((id, rest)) = data.split_at_checked(id_bytes) else {
            return Ok(None);
        };
        let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let Some(size) = Vint::read(rest)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            size: (!size.all_ones).then_some(size.value),
            bytes: id_bytes + size.bytes,
        }))
    }
}

/// A number with its length in front of it (§4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vint {
    pub(super) value: u64,
    /// 1 to 8.
    pub(super) bytes: usize,
    all_ones: bool,
}

impl Vint {
    /// `None` while it is incomplete.
    pub(super) fn read(data: &[u8]) -> Result<Option<Self>> {
        let Some(&first) = data.first() else {
            return Ok(None);
        };
        let bytes = first.leading_zeros() as usize + 1;
        if bytes > 8 {
            return Err(MediaError::invalid("EBML", "a number over 8 bytes"));
        }
        let Some(raw) = data.get(..bytes) else {
            return Ok(None);
        };
        let mask = (1u64 << (7 * bytes)) - 1;
        let value = raw
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
            & mask;
        Ok(Some(Self {
            value,
            bytes,
            all_ones: value == mask,
        }))
    }

    /// The number as a signed one, which counts from the middle of its range (EBML lacing).
    pub(super) const fn signed(self) -> i64 {
        self.value as i64 - ((1i64 << (7 * self.bytes - 1)) - 1)
    }
}

/// The elements side by side in `data`: ids and bodies.
pub(super) fn children(data: &[u8]) -> impl Iterator<Item = Result<(u32, &[u8])>> {
    let mut rest = data;
    let mut count = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        count += 1;
        let child = if count > MAX_CHILDREN {
            Err(MediaError::TooLarge {
                what: "EBML children",
                size: count as u64,
                limit: MAX_CHILDREN as u64,
            })
        } else {
            split_child(rest)
        };
        // Behind an error there is nothing.
        rest = child.as_ref().map_or(&[], |(_, _, after)| *after);
        Some(child.map(|(id, body, _)| (id, body)))
    })
}

fn split_child(data: &[u8]) -> Result<(u32, &[u8], &[u8])> {
    let truncated = MediaError::Truncated("EBML element");
    let header = Header::read(data)?.ok_or(truncated.clone())?;
    let size = header.size.and_then(|size| usize::try_from(size).ok());
    let (body, after) = data
        .get(header.bytes..)
        .zip(size)
        .and_then(|(rest, size)| rest.split_at_checked(size))
        .ok_or(truncated)?;
    Ok((header.id, body, after))
}

/// An unsigned number of up to 8 bytes; 0 where there are none.
pub(super) fn uint(body: &[u8]) -> Result<u64> {
    if body.len() > 8 {
        return Err(MediaError::invalid("EBML", "a number over 8 bytes"));
    }
    Ok(body
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_all_lengths_and_unknown_ones_are_read() {
        let header = |data| Header::read(data).unwrap();
        assert_eq!(header(&[0xA3]), None);
        assert_eq!(header(&[0x1F, 0x43, 0xB6]), None);
        assert_eq!(header(&[0xA3, 0x40]), None);
        let cluster = header(&[
            0x1F, 0x43, 0xB6, 0x75, 0x01, 255, 255, 255, 255, 255, 255, 255,
        ]);
        let cluster = cluster.unwrap();
        assert_eq!(
            (cluster.id, cluster.size, cluster.bytes),
            (0x1F43_B675, None, 12)
        );
        assert_eq!(header(&[0xA3, 0xFF]).unwrap().size, None);
        assert_eq!(header(&[0xA3, 0x40, 0x7F]).unwrap().size, Some(127));
        assert!(Header::read(&[0x08]).is_err());
        assert!(Header::read(&[0xA3, 0]).is_err());
    }

    #[test]
    fn signed_numbers_count_from_the_middle() {
        let signed = |data| Vint::read(data).unwrap().unwrap().signed();
        assert_eq!(signed(&[0x80]), -63);
        assert_eq!(signed(&[0xBF]), 0);
        assert_eq!(signed(&[0x60, 0x00]), 1);
    }

    #[test]
    fn a_child_that_is_longer_than_its_parent_is_an_error_once() {
        let children: Vec<_> = children(&[0xEC, 0x81, 7, 0xEC, 0x82, 7]).collect();
        assert_eq!(children.len(), 2);
        assert_eq!(children[0], Ok((0xEC, &[7][..])));
        assert!(children[1].is_err());
    }
}
