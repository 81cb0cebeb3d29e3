//! Checked names: of nodes, regions and ISPs, and of streams.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{NAME_BYTES, STREAM_NAME_BYTES};

/// A name that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A [`Name`] is 1 to 64 of `A–Z a–z 0–9 . _ -`.
    #[error("a name is 1 to {NAME_BYTES} letters, digits, dots, underscores and hyphens")]
    Name,
    /// A [`StreamName`] is 1 to 800 bytes without spaces and control characters.
    #[error(
        "a stream's key is 1 to {STREAM_NAME_BYTES} bytes without spaces and control characters"
    )]
    Stream,
}

/// The id of a node, a region or an ISP. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks it.
    ///
    /// # Errors
    /// When it is empty, longer than 64 bytes, or has other characters than `A–Z a–z 0–9 . _ -`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=NAME_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        fits.then(|| Self(text.into())).ok_or(NameError::Name)
    }
}

/// The key of a stream, `vhost:app/stream`, or of another lease, `#purpose`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Checks it.
    ///
    /// # Errors
    /// When it is empty, longer than 800 bytes, or has spaces or control characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=STREAM_NAME_BYTES).contains(&text.len())
            && !text.contains(|c: char| c.is_control() || c.is_whitespace());
        fits.then(|| Self(text.into())).ok_or(NameError::Stream)
    }

    /// Whether it is a lease on something else than a stream, such as `#scaler`, the one who scales.
    pub fn is_office(&self) -> bool {
        self.0.starts_with('#')
    }
}

macro_rules! texts {
    ($($name:ident),+) => {$(
        impl $name {
            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}

texts!(Name, StreamName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_into_a_key_and_a_metric() {
        assert!(Name::new("edge-1.eu_west").is_ok());
        for bad in ["", "a b", "a:b", "{a}", "é", &"x".repeat(NAME_BYTES + 1)] {
            assert_eq!(Name::new(bad), Err(NameError::Name), "{bad:?}");
        }
    }

    #[test]
    fn a_streams_key_has_no_spaces() {
        assert!(StreamName::new("vhost:school/room1/中文").is_ok());
        assert!(StreamName::new("live/a b").is_err());
        assert!(StreamName::new(&"x".repeat(STREAM_NAME_BYTES + 1)).is_err());
        assert!(serde_json::from_str::<StreamName>("\"live/\\n\"").is_err());
    }
}
