//! Reads what a decoder process writes: SMJPEG, the one form that FFmpeg writes to a pipe picture by picture, each
//! with the time that its keyframe came with. Whoever reads it believes nothing: the process has just read a
//! stranger's keyframe.
//!
//! ```text
//! "\0\nSMJPEG", version u32 (0), duration u32, then "_TXT" and "_VID" with a length u32 each, then "HEND",
//! then for each picture "vidD", time u32 in milliseconds, length u32, the JPEG
//! ```
//! Numbers are big-endian.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::canvas::Canvas;

/// Bytes of a picture at most: those of 640 pixels' width have some 30 KB, noise has ten times as many.
pub(crate) const MAX_PICTURE_BYTES: usize = 1024 * 1024;
/// Bytes of what stands in front of the first picture.
const MAX_HEAD_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"\0\nSMJPEG";
/// What a JPEG begins and ends with.
const JPEG_BEGIN: [u8; 2] = [0xFF, 0xD8];
const JPEG_END: [u8; 2] = [0xFF, 0xD9];

/// A picture, and the time that its keyframe was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    pub(crate) at: u32,
    pub(crate) jpeg: Bytes,
}

/// What came is not what was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Odd(pub(crate) &'static str);

/// Takes the bytes of a decoder apart.
#[derive(Debug)]
pub struct PictureReader {
    canvas: Canvas,
    inbox: BytesMut,
    has_begun: bool,
}

impl PictureReader {
    /// Pictures have to be of this size.
    pub fn new(canvas: Canvas) -> Self {
        Self {
            canvas,
            inbox: BytesMut::new(),
            has_begun: false,
        }
    }

    /// Where the next bytes are put.
    pub fn inbox(&mut self) -> &mut BytesMut {
        &mut self.inbox
    }

    /// The next picture; none while it is not whole.
    ///
    /// # Errors
    /// For what is none.
    pub fn next_picture(&mut self) -> Result<Option<Stamped>, Odd> {
        if !self.has_begun {
            let Some(bytes) = head_bytes(&self.inbox)? else {
                return Ok(None);
            };
            self.inbox.advance(bytes);
            self.has_begun = true;
        }
        let mut rest = &self.inbox[..];
        let Some(tag) = tag(&mut rest) else {
            return Ok(None);
        };
        if tag != *b"vidD" {
            return Err(Odd("something else than a picture came"));
        }
        let (Ok(at), Ok(length)) = (rest.try_get_u32(), rest.try_get_u32()) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_PICTURE_BYTES {
            return Err(Odd("a picture is too large"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.inbox.advance(4 + 4 + 4);
        let jpeg = self.inbox.split_to(length).freeze();
        match size_of(&jpeg) {
            Some(size) if size == (self.canvas.width(), self.canvas.height()) => {
                Ok(Some(Stamped { at, jpeg }))
            }
            Some(_) => Err(Odd("a picture has another size")),
            None => Err(Odd("a picture is no JPEG")),
        }
    }
}

/// How long the head is; none while it is not whole.
fn head_bytes(data: &[u8]) -> Result<Option<usize>, Odd> {
    let mut rest = data;
    let Some(magic) = rest.split_off(..MAGIC.len()) else {
        return Ok(None);
    };
    if magic != MAGIC {
        return Err(Odd("what came is not what was agreed on"));
    }
    if rest.split_off(..8).is_none() {
        return Ok(None);
    }
    while let Some(tag) = tag(&mut rest) {
        if tag == *b"HEND" {
            return Ok(Some(data.len() - rest.len()));
        }
        let Ok(length) = rest.try_get_u32() else {
            break;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_HEAD_BYTES {
            return Err(Odd("the head is too long"));
        }
        if rest.split_off(..length).is_none() {
            break;
        }
    }
    match data.len() > MAX_HEAD_BYTES {
        true => Err(Odd("the head is too long")),
        false => Ok(None),
    }
}

fn tag(rest: &mut &[u8]) -> Option<[u8; 4]> {
    rest.split_off(..4)?.try_into().ok()
}

/// Width and height of a JPEG, as its frame header has them.
pub(crate) fn size_of(jpeg: &[u8]) -> Option<(u32, u32)> {
    if !jpeg.ends_with(&JPEG_END) {
        return None;
    }
    let mut rest = jpeg.strip_prefix(&JPEG_BEGIN)?;
    loop {
        if rest.try_get_u8().ok()? != 0xFF {
            return None;
        }
        let kind = rest.try_get_u8().ok()?;
        let length = usize::from(rest.try_get_u16().ok()?).checked_sub(2)?;
        let mut segment = rest.split_off(..length)?;
        match kind {
            // Start of frame: precision, height, width.
            0xC0..=0xC2 => {
                segment.try_get_u8().ok()?;
                let height = segment.try_get_u16().ok()?;
                let width = segment.try_get_u16().ok()?;
                return Some((u32::from(width), u32::from(height)));
            }
            // Start of scan, or what has no length: no frame header comes any more.
            0xDA | 0xD0..=0xD9 | 0x00 | 0x01 | 0xFF => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A JPEG as far as it is looked at.
    pub(crate) fn jpeg(canvas: Canvas) -> Vec<u8> {
        let side = |pixels: u32| u16::try_from(pixels).unwrap().to_be_bytes();
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 7, 8];
        jpeg.extend(side(canvas.height()));
        jpeg.extend(side(canvas.width()));
        jpeg.extend([0xFF, 0xD9]);
        jpeg
    }

    pub(crate) fn head() -> Vec<u8> {
        let mut head = b"\0\nSMJPEG\0\0\0\0\0\0\0\0_TXT\0\0\0\x02hi".to_vec();
        head.extend(b"_VID\0\0\0\x0c\0\0\0\0\x02\x80\x01hJFIFHEND");
        head
    }

    pub(crate) fn stamped(at: u32, jpeg: &[u8]) -> Vec<u8> {
        let mut out = b"vidD".to_vec();
        out.extend(at.to_be_bytes());
        out.extend(u32::try_from(jpeg.len()).unwrap().to_be_bytes());
        out.extend(jpeg);
        out
    }

    #[test]
    fn pictures_come_with_their_times_however_the_bytes_are_cut() {
        let jpeg = jpeg(Canvas::Wide);
        let all = [head(), stamped(7, &jpeg), stamped(u32::MAX, &jpeg)].concat();
        for cut in 0..all.len() {
            let mut reader = PictureReader::new(Canvas::Wide);
            let mut seen = Vec::new();
            for part in [&all[..cut], &all[cut..]] {
                reader.inbox().extend_from_slice(part);
                while let Some(picture) = reader.next_picture().unwrap() {
                    seen.push(picture.at);
                }
            }
            assert_eq!(seen, [7, u32::MAX], "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_picture_of_the_size_is_refused() {
        let good = jpeg(Canvas::Wide);
        let cut = &good[..good.len() - 1];
        for wrong in [
            stamped(1, &jpeg(Canvas::Tall)),
            stamped(1, cut),
            stamped(1, b""),
            b"DONE".to_vec(),
            [b"vidD".to_vec(), vec![0, 0, 0, 1, 0xFF, 0, 0, 0]].concat(),
        ] {
            let mut reader = PictureReader::new(Canvas::Wide);
            reader.inbox().extend_from_slice(&head());
            reader.inbox().extend_from_slice(&wrong);
            assert!(reader.next_picture().is_err(), "{wrong:?}");
        }
        let mut reader = PictureReader::new(Canvas::Wide);
        reader.inbox().extend_from_slice(&[b'x'; 20]);
        assert!(reader.next_picture().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_wait_for_ever(bytes: Vec<u8>, behind_head: bool) {
            let mut reader = PictureReader::new(Canvas::Wide);
            if behind_head {
                reader.inbox().extend_from_slice(&head());
            }
            reader.inbox().extend_from_slice(&bytes);
            while let Ok(Some(_)) = reader.next_picture() {}
        }
    }
}
