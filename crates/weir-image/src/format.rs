//! Which format a file has, by its bytes alone, and where its picture ends. A file that is two things at once
//! (a picture and a page, an archive, a program) has its other half behind the picture, so that is refused, but for
//! what cameras put there: another picture, or a short film.
//!
//! Sources: PNG (ISO/IEC 15948) §5, JPEG (ITU-T T.81) Annex B, GIF89a §§ 15–27, WebP container (RFC 9649 §2).

use crate::error::PictureError;

/// Bytes behind the picture that nobody minds where all are zero: some writers round up.
const PADDING_BYTES: usize = 4096;

/// A format that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Also of cameras, which turn it by a mark.
    Jpeg,
    /// PNG; of an animation its first picture.
    Png,
    /// WebP; of an animation its first picture.
    Webp,
    /// GIF; of an animation its first picture.
    Gif,
}

/// A format in which pictures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// For everybody.
    Jpeg,
    /// Smaller.
    Webp,
}

impl Encoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Jpeg, Self::Webp];

    /// How a file of it ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The one whose files end so.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.extension() == extension)
    }
}

/// The format of a file that is one picture and nothing else.
///
/// # Errors
/// [`PictureError::Format`], and [`PictureError::Broken`] where it does not end or something else follows.
pub fn format_of(file: &[u8]) -> Result<Sent, PictureError> {
    let (format, end) = if file.starts_with(b"\x89PNG\r\n\x1a\n") {
        (Sent::Png, png_end(file))
    } else if file.starts_with(b"\xff\xd8\xff") {
        (Sent::Jpeg, jpeg_end(file))
    } else if file.starts_with(b"GIF87a") || file.starts_with(b"GIF89a") {
        (Sent::Gif, gif_end(file))
    } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        (Sent::Webp, webp_end(file))
    } else {
        return Err(PictureError::Format);
    };
    let rest = end.and_then(|end| file.get(end..));
    let rest = rest.ok_or_else(|| PictureError::broken("the picture is cut off"))?;
    if is_harmless(format, rest) {
        Ok(format)
    } else {
        let words = "something else stands behind the picture: save it anew with a picture editor";
        Err(PictureError::broken(words))
    }
}

fn is_harmless(format: Sent, rest: &[u8]) -> bool {
    if rest.len() <= PADDING_BYTES && rest.iter().all(|byte| *byte == 0) {
        return true;
    }
    // Telephones append a second picture (CIPA DC-007) or a short film (ISO 14496-12).
    let is_picture = rest.starts_with(b"\xff\xd8\xff");
    let is_film = rest.get(4..8) == Some(b"ftyp");
    format == Sent::Jpeg && (is_picture || is_film)
}

fn png_end(file: &[u8]) -> Option<usize> {
    let mut at = 8;
    loop {
        let bytes = usize::try_from(u32::from_be_bytes(array(file, at)?)).ok()?;
        let kind: [u8; 4] = array(file, at.checked_add(4)?)?;
        at = at.checked_add(bytes)?.checked_add(12)?;
        if &kind == b"IEND" {
            return Some(at);
        }
    }
}

fn jpeg_end(file: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        if *file.get(at)? != 0xff {
            return None;
        }
        match *file.get(at + 1)? {
            // Fill bytes, and markers that stand alone.
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            0xd9 => return Some(at + 2),
            marker => {
                let bytes = usize::from(u16::from_be_bytes(array(file, at + 2)?));
                at = at.checked_add(2)?.checked_add(bytes.max(2))?;
                if marker == 0xda {
                    at = scan_end(file, at)?;
                }
            }
        }
    }
}

/// The next marker behind coded data, where 0xff is followed by 0 and restarts are no end.
fn scan_end(file: &[u8], from: usize) -> Option<usize> {
    let coded = file.get(from..)?;
    let pairs = coded.iter().zip(coded.iter().skip(1));
    let is_marker = |(a, b): (&u8, &u8)| *a == 0xff && !matches!(*b, 0 | 0xd0..=0xd7 | 0xff);
    let mut pairs = pairs;
    pairs.position(is_marker).map(|at| from + at)
}

fn gif_end(file: &[u8]) -> Option<usize> {
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3usize << ((flags & 7) + 1),
    };
    let mut at = 13 + table(*file.get(10)?);
    loop {
        match *file.get(at)? {
            0x3b => return Some(at + 1),
            0x21 => at = gif_blocks(file, at + 2)?,
            // A descriptor, its colours, the least code size, and the data.
            0x2c => at = gif_blocks(file, at + 11 + table(*file.get(at + 9)?))?,
            _ => return None,
        }
    }
}

fn gif_blocks(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let bytes = usize::from(*file.get(at)?);
        at += 1 + bytes;
        if bytes == 0 {
            return Some(at);
        }
    }
}

fn webp_end(file: &[u8]) -> Option<usize> {
    let bytes = usize::try_from(u32::from_le_bytes(array(file, 4)?)).ok()?;
    let end = bytes.checked_add(8)?;
    // Chunks are even; some writers do not count the last byte.
    Some(end + (end & 1).min(file.len().saturating_sub(end)))
}

fn array<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at.checked_add(N)?)?.try_into().ok()
}
