//! The life of a packager, by which names of segments of two lives differ.

use std::fmt;

/// Bytes of an epoch in a block.
pub(crate) const MAX_EPOCH_BYTES: usize = 16;

/// Up to 16 of `0` to `9`, `a` to `z`, `A` to `Z` and `_`: what stands in names of segments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch {
    bytes: [u8; MAX_EPOCH_BYTES],
    len: u8,
}

impl Epoch {
    /// `None` where this is none.
    pub fn new(text: &str) -> Option<Self> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.is_empty() || text.len() > MAX_EPOCH_BYTES || !text.bytes().all(is_word) {
            return None;
        }
        let mut bytes = [0; MAX_EPOCH_BYTES];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let len = text.len() as u8;
        Some(Self { bytes, len })
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        // It was made of a text.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Filled up with zeros.
    pub(crate) const fn padded(&self) -> [u8; MAX_EPOCH_BYTES] {
        self.bytes
    }

    pub(crate) fn from_padded(bytes: [u8; MAX_EPOCH_BYTES]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0);
        let (text, rest) = bytes.split_at(end.unwrap_or(MAX_EPOCH_BYTES));
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        Self::new(std::str::from_utf8(text).ok()?)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
