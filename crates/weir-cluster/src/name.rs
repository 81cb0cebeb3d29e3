//! Checked names of nodes, regions and ISPs, and the keys of leases.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use weir_base::{Code, Refusal, StreamName};

use crate::limits::{LEASE_KEY_BYTES, NAME_BYTES};

/// A name that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A [`Name`] is 1 to 64 of `A–Z a–z 0–9 . _ -`.
    #[error("a name is 1 to {NAME_BYTES} letters, digits, dots, underscores and hyphens")]
    Name,
    /// A [`LeaseKey`] is 1 to 800 bytes without spaces and control characters.
    #[error("a lease's key is 1 to {LEASE_KEY_BYTES} bytes without spaces and control characters")]
    LeaseKey,
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

/// What a lease is on: a stream, `vhost:app/stream`, or an office, `#purpose`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseKey(Arc<str>);

impl LeaseKey {
    /// Checks it.
    ///
    /// # Errors
    /// When it is empty, longer than 800 bytes, or has spaces or control characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=LEASE_KEY_BYTES).contains(&text.len())
            && !text.contains(|c: char| c.is_control() || c.is_whitespace());
        fits.then(|| Self(text.into())).ok_or(NameError::LeaseKey)
    }

    /// The key of a stream's lease: its name, with white space percent-encoded.
    ///
    /// # Errors
    /// 3001 for names longer than a lease's key may be.
    pub fn of(stream: &StreamName) -> Result<Self, Refusal> {
        // `%` is in no stream's name, so that nothing becomes ambiguous.
        let mut key = String::new();
        let mut utf8 = [0; 4];
        for c in stream.to_string().chars() {
            if c.is_whitespace() {
                let bytes = c.encode_utf8(&mut utf8).bytes();
                key.extend(bytes.map(percent_encoding::percent_encode_byte));
            } else {
                key.push(c);
            }
        }
        Self::new(&key).map_err(|error| Refusal::new(Code::NotFound, error.to_string()))
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

texts!(Name, LeaseKey);

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
    fn white_space_of_all_kinds_is_written_out() {
        let key = |app, stream| {
            let name = StreamName::new("v", app, stream).unwrap();
            LeaseKey::of(&name).unwrap().to_string()
        };
        assert_eq!(key("live", "a b"), "v:live/a%20b");
        assert_eq!(key("直播", "a\u{3000}b"), "v:直播/a%E3%80%80b");
    }

    #[test]
    fn a_leases_key_has_no_spaces() {
        assert!(LeaseKey::new("vhost:school/room1/中文").is_ok());
        assert!(LeaseKey::new("live/a b").is_err());
        assert!(LeaseKey::new(&"x".repeat(LEASE_KEY_BYTES + 1)).is_err());
        assert!(serde_json::from_str::<LeaseKey>("\"live/\\n\"").is_err());
    }
}
