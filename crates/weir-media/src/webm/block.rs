//! Blocks: frames of one track with a time, and how several share a block (RFC 9559 §10).

use super::ebml::{self, Vint};
use crate::{MediaError, Result};

const ID_BLOCK: u32 = 0xA1;
const ID_REFERENCE_BLOCK: u32 = 0xFB;
const ID_ENCRYPTED_BLOCK: u32 = 0xAF;

/// One block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) track: u64,
    /// From the cluster's timestamp.
    pub(super) ticks: i16,
    pub(super) is_key: bool,
    pub(super) is_disposable: bool,
    lacing: u8,
    data: &'a [u8],
}

impl<'a> Block<'a> {
    /// A `SimpleBlock`.
    pub(super) fn simple(body: &'a [u8]) -> Result<Self> {
        let truncated = MediaError::Truncated("WebM block");
        let track = Vint::read(body)?.ok_or(truncated.clone())?;
        let Some(&[high, low, flags, ref data @ ..]) = body.get(track.bytes..) else {
            return Err(truncated);
        };
        Ok(Self {
            track: track.value,
            ticks: i16::from_be_bytes([high, low]),
            is_key: flags & 0x80 != 0,
            is_disposable: flags & 0x01 != 0,
            lacing: flags >> 1 & 3,
            data,
        })
    }

    /// The block of a `BlockGroup`: a keyframe where it refers to no other. `None` without one.
    pub(super) fn group(body: &'a [u8]) -> Result<Option<Self>> {
        let (mut block, mut is_key) = (None, true);
        for child in ebml::children(body) {
            match child? {
                (ID_BLOCK, body) => block = Some(Self::simple(body)?),
                (ID_REFERENCE_BLOCK, _) => is_key = false,
                (ID_ENCRYPTED_BLOCK, _) => {
                    return Err(MediaError::Unsupported("encrypted WebM".to_owned()));
                }
                _ => {}
            }
        }
        Ok(block.map(|block| Self {
            is_key,
            is_disposable: false,
            ..block
        }))
    }

    /// The frames in the block.
    pub(super) fn frames(&self) -> Result<Vec<&'a [u8]>> {
        match self.lacing {
            0 => Ok(vec![self.data]),
            lacing => self.laced(lacing),
        }
    }

    fn laced(&self, lacing: u8) -> Result<Vec<&'a [u8]>> {
        let truncated = MediaError::Truncated("WebM lacing");
        let (&last, mut rest) = self.data.split_first().ok_or(truncated.clone())?;
        // All but the last frame have their size in front; at most 256 frames.
        let last = usize::from(last);
        let sizes = match lacing {
            1 => xiph_sizes(&mut rest, last)?,
            3 => ebml_sizes(&mut rest, last)?,
            _ if !rest.len().is_multiple_of(last + 1) => {
                return Err(MediaError::invalid("WebM lacing", "frames of unequal size"));
            }
            _ => vec![rest.len() / (last + 1); last],
        };
        let mut frames = Vec::with_capacity(last + 1);
        for size in sizes {
            let (frame, after) = rest.split_at_checked(size).ok_or(truncated.clone())?;
            frames.push(frame);
            rest = after;
        }
        frames.push(rest);
        Ok(frames)
    }
}

/// Sizes as sums of bytes, each of which goes on while it is 255.
fn xiph_sizes(rest: &mut &[u8], count: usize) -> Result<Vec<usize>> {
    let truncated = MediaError::Truncated("WebM lacing");
    let mut sizes = Vec::with_capacity(count);
    for _ in 0..count {
        let full = rest.iter().take_while(|byte| **byte == 255).count();
        let (head, after) = rest.split_at_checked(full + 1).ok_or(truncated.clone())?;
        sizes.push(head.iter().map(|byte| usize::from(*byte)).sum());
        *rest = after;
    }
    Ok(sizes)
}

/// The first size, then differences.
fn ebml_sizes(rest: &mut &[u8], count: usize) -> Result<Vec<usize>> {
    let truncated = MediaError::Truncated("WebM lacing");
    let mut sizes = Vec::with_capacity(count);
    let mut size = 0i64;
    for at in 0..count {
        let number = Vint::read(rest)?.ok_or(truncated.clone())?;
        let step = if at == 0 {
            number.value as i64
        } else {
            number.signed()
        };
        size = size.saturating_add(step);
        let size = usize::try_from(size)
            .map_err(|_| MediaError::invalid("WebM lacing", "a size below 0"))?;
        sizes.push(size);
        *rest = rest.get(number.bytes..).ok_or(truncated.clone())?;
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(flags: u8, data: &[u8]) -> Result<Vec<Vec<u8>>> {
        let body = [&[0x81, 0xFF, 0xFE, flags], data].concat();
        let block = Block::simple(&body)?;
        assert_eq!((block.track, block.ticks), (1, -2));
        Ok(block.frames()?.into_iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn a_block_without_lacing_is_one_frame() {
        assert_eq!(frames(0x80, &[1, 2]).unwrap(), [vec![1, 2]]);
    }

    #[test]
    fn xiph_lacing_adds_up_bytes() {
        let data = [&[2, 255, 1, 2][..], &[7; 256], &[8; 2], &[9; 3]].concat();
        let sizes: Vec<_> = frames(0x02, &data).unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [256, 2, 3]);
    }

    #[test]
    fn ebml_lacing_adds_up_differences() {
        let data = [
            &[3, 0x84, 0xBF - 2, 0xBF + 1][..],
            &[1; 4],
            &[2; 2],
            &[3; 3],
            &[4; 5],
        ];
        let sizes: Vec<_> = frames(0x06, &data.concat())
            .unwrap()
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [4, 2, 3, 5]);
    }

    #[test]
    fn fixed_lacing_shares_equally_or_not_at_all() {
        assert_eq!(frames(0x04, &[1, 1, 2, 3, 4]).unwrap(), [[1, 2], [3, 4]]);
        assert!(frames(0x04, &[1, 1, 2, 3]).is_err());
    }

    #[test]
    fn lacing_that_lies_is_an_error() {
        assert!(frames(0x02, &[1, 9, 1]).is_err());
        assert!(frames(0x02, &[1, 255]).is_err());
        assert!(frames(0x06, &[2, 0x81, 0x80, 1, 1, 1]).is_err());
        assert!(frames(0x06, &[]).is_err());
    }

    #[test]
    fn a_group_is_a_keyframe_where_it_refers_to_nothing() {
        let block = [0xA1, 0x85, 0x81, 0, 0, 0x01, 9];
        assert!(Block::group(&block).unwrap().unwrap().is_key);
        let inter = [&block[..], &[0xFB, 0x81, 0xFF]].concat();
        let inter = Block::group(&inter).unwrap().unwrap();
        assert!(!inter.is_key && !inter.is_disposable);
        assert!(Block::group(&[0x9B, 0x81, 1]).unwrap().is_none());
        assert!(Block::group(&[0xAF, 0x80]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>) {
            if let Ok(block) = Block::simple(&data) {
                let _ = block.frames();
            }
            let _ = Block::group(&data);
        }
    }
}
