//! What the process that makes pictures answers: one byte that says how it went, then files or words. Whoever reads
//! it believes nothing: the process has just read a stranger's file.
//!
//! ```text
//! 0  then for each file: width u16, height u16, encoding u8 (0 JPEG, 1 WebP), length u32, the bytes
//! 1  it is no picture that is taken     2 words: too large     3 words: broken     4 words: a fault of ours
//! ```
//! Numbers are big-endian.

use bytes::{Buf as _, BufMut as _, Bytes};

use crate::error::PictureError;
use crate::format::Encoding;
use crate::kind::{Kind, Slot};

/// Bytes of an answer at most: all files of a cover have a tenth of it.
pub(crate) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of words in an answer.
const MAX_WORDS_BYTES: usize = 300;

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// In which size.
    pub slot: Slot,
    /// As what.
    pub encoding: Encoding,
    /// The file.
    pub bytes: Bytes,
}

pub(crate) fn write_answer(made: &Result<Vec<Made>, PictureError>) -> Vec<u8> {
    let mut out = Vec::new();
    let (how, words) = match made {
        Ok(files) => {
            out.put_u8(0);
            for file in files {
                let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
                out.put_u16(side(file.slot.width));
                out.put_u16(side(file.slot.height));
                out.put_u8(u8::from(file.encoding == Encoding::Webp));
                out.put_u32(u32::try_from(file.bytes.len()).unwrap_or(u32::MAX));
                out.put_slice(&file.bytes);
            }
            return out;
        }
        Err(PictureError::Format) => (1, String::new()),
        Err(PictureError::TooLarge(words)) => (2, words.to_string()),
        Err(PictureError::Broken(words)) => (3, words.to_string()),
        Err(other) => (4, other.to_string()),
    };
    out.put_u8(how);
    out.put_slice(words.as_bytes());
    out
}

/// Reads an answer about a picture of this kind.
///
/// # Errors
/// What it says, and [`PictureError::Fault`] for what is no answer.
pub fn read_answer(mut answer: &[u8], kind: Kind) -> Result<Vec<Made>, PictureError> {
    let odd = || PictureError::Fault("the maker of pictures gave no answer".to_owned());
    let how = answer.try_get_u8().map_err(|_| odd())?;
    let words = |bytes: &[u8]| {
        let bytes = bytes.get(..MAX_WORDS_BYTES).unwrap_or(bytes);
        String::from_utf8_lossy(bytes).replace(char::is_control, " ")
    };
    match how {
        0 => {}
        1 => return Err(PictureError::Format),
        2 => return Err(PictureError::TooLarge(words(answer).into())),
        3 => return Err(PictureError::Broken(words(answer).into())),
        _ => return Err(PictureError::Fault(words(answer))),
    }
    let mut files = Vec::new();
    while answer.has_remaining() {
        files.push(read_file(&mut answer, kind).ok_or_else(odd)?);
    }
    let is_whole = kind.slots().iter().all(|slot| {
        let has = |encoding| {
            files
                .iter()
                .any(|f| f.slot == *slot && f.encoding == encoding)
        };
        Encoding::ALL.into_iter().all(has)
    });
    match is_whole && files.len() == kind.slots().len() * Encoding::ALL.len() {
        true => Ok(files),
        false => Err(odd()),
    }
}

/// The next file: of a size that belongs to the kind, and beginning as its encoding does.
fn read_file(answer: &mut &[u8], kind: Kind) -> Option<Made> {
    let slot = Slot {
        width: u32::from(answer.try_get_u16().ok()?),
        height: u32::from(answer.try_get_u16().ok()?),
    };
    let encoding = *Encoding::ALL.get(usize::from(answer.try_get_u8().ok()?))?;
    let length = usize::try_from(answer.try_get_u32().ok()?).ok()?;
    let (bytes, rest) = answer.split_at_checked(length)?;
    *answer = rest;
    let begins = match encoding {
        Encoding::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
        Encoding::Webp => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
    };
    (begins && kind.slots().contains(&slot)).then(|| Made {
        slot,
        encoding,
        bytes: Bytes::copy_from_slice(bytes),
    })
}
