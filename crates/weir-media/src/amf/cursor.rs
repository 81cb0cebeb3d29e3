//! Reading position and budget shared by both AMF versions.

use super::{MAX_STRING_BYTES, MAX_VALUES};
use crate::{MediaError, Result};

/// What the format is called in errors.
pub(super) const WHAT: &str = "AMF";

/// A bounds-checked reading position.
#[derive(Debug)]
pub(super) struct AmfCursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> AmfCursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.position >= self.bytes.len()
    }

    pub(super) const fn position(&self) -> usize {
        self.position
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(MediaError::Truncated(WHAT))?;
        self.position += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| MediaError::Truncated(WHAT))
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64> {
        self.array().map(f64::from_be_bytes)
    }
}

/// How much one decoder may still give out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    values: usize,
    string_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            values: MAX_VALUES,
            string_bytes: MAX_STRING_BYTES,
        }
    }
}

impl Budget {
    pub(super) fn spend_values(&mut self, count: usize) -> Result<()> {
        let left = self.values.checked_sub(count);
        self.values = left.ok_or_else(|| over("AMF values", MAX_VALUES, count))?;
        Ok(())
    }

    pub(super) fn spend_bytes(&mut self, count: usize) -> Result<()> {
        let left = self.string_bytes.checked_sub(count);
        self.string_bytes = left.ok_or_else(|| over("AMF strings", MAX_STRING_BYTES, count))?;
        Ok(())
    }

    /// Pays for a copy of a value that cost this much.
    pub(super) fn spend_copy(&mut self, weight: Weight) -> Result<()> {
        self.spend_values(weight.values)?;
        self.spend_bytes(weight.string_bytes)
    }

    /// What has been spent since `before`.
    pub(super) const fn since(&self, before: Self) -> Weight {
        Weight {
            values: before.values.saturating_sub(self.values),
            string_bytes: before.string_bytes.saturating_sub(self.string_bytes),
        }
    }
}

/// The cost of a value with everything in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    values: usize,
    string_bytes: usize,
}

/// Bytes as text; what is not UTF-8 is replaced, because encoders do send Latin-1 and GBK.
pub(super) fn text(bytes: &[u8], budget: &mut Budget) -> Result<String> {
    let text = String::from_utf8_lossy(bytes);
    budget.spend_bytes(text.len())?;
    Ok(text.into_owned())
}

fn over(what: &'static str, limit: usize, more: usize) -> MediaError {
    let limit = limit as u64;
    MediaError::TooLarge {
        what,
        size: limit.saturating_add(more as u64),
        limit,
    }
}
