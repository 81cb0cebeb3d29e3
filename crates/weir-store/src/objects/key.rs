//! Names of objects: some parts with slashes between, of few characters, so that a name is the same in a folder,
//! in an S3 store and in a URL, and none leaves its place.

use std::fmt;

use object_store::path::Path;

/// Bytes of a key at most: S3 takes 1,024 with the prefix.
const MAX_BYTES: usize = 512;

/// `covers/3f/3fa9-640.webp`: at most 512 bytes, parts of ASCII letters, digits, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Path);

/// A name that no object may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no object: parts of a-z, A-Z, 0-9, '.', '_' and '-' with / between, none beginning with a dot"
)]
pub struct BadKey(String);

impl Key {
    /// This name.
    ///
    /// # Errors
    /// Where it is not one: see [`BadKey`].
    pub fn new(name: &str) -> Result<Self, BadKey> {
        let bad = || BadKey(name.chars().take(80).collect());
        let is_good = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if name.len() > MAX_BYTES || !name.split('/').all(is_good) {
            return Err(bad());
        }
        Path::parse(name).map(Self).map_err(|_| bad())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_place_or_has_two_spellings() {
        for good in ["a", "covers/3f/3fa9-640.webp", "A_b.c/d"] {
            assert_eq!(Key::new(good).unwrap().to_string(), good);
        }
        let long = "a".repeat(MAX_BYTES + 1);
        for bad in [
            "", "/a", "a/", "a//b", ".", "..", "a/../b", ".hidden", "a b", "a%2e", "ä", "a\\b",
            "a\0", "a#1", &long,
        ] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
    }
}
