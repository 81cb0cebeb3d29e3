//! Ids of what outlives a process: UUIDs of version 7 (RFC 9562), which sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::{Clock, ids};

/// An id: 36 lower-case characters in the database and on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Uuid);

/// Makes ids, each greater than the one before it.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    ms: u64,
    count: u16,
}

/// What the version and variant leave of `rand_a` for a count within a millisecond.
const MAX_COUNT: u16 = 0x0fff;

/// An id that is no UUID in its usual form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no id: 36 characters, such as 019f0000-0000-7000-8000-000000000000")]
pub struct NoId;

/// The system gives no randomness to make an id of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no randomness: {0}")]
pub struct NoRandomness(String);

impl Ids {
    /// Ids by this clock.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            last: Mutex::default(),
        }
    }

    /// The next one. A clock that goes back does not make ids go back.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn next(&self) -> Result<Id, NoRandomness> {
        let random = ids::random_bytes::<8>().map_err(|error| NoRandomness(error.to_string()))?;
        let now_ms = u64::try_from(self.clock.wall_us() / 1000).unwrap_or(0);
        let (ms, count) = self.last.lock().advance(now_ms);
        let high = (ms << 16) | 0x7000 | u64::from(count);
        let low = (u64::from_be_bytes(random) >> 2) | (1 << 63);
        Ok(Id(Uuid::from_u64_pair(high, low)))
    }
}

impl Last {
    fn advance(&mut self, now_ms: u64) -> (u64, u16) {
        if now_ms > self.ms {
            (self.ms, self.count) = (now_ms, 0);
        } else if self.count < MAX_COUNT {
            self.count += 1;
        } else {
            (self.ms, self.count) = (self.ms + 1, 0);
        }
        (self.ms, self.count)
    }
}

impl Id {
    /// What all ids are at least that were made from `at_ms` on, milliseconds since 1970.
    pub fn first_of(at_ms: i64) -> Self {
        let ms = u64::try_from(at_ms).unwrap_or(0);
        Self(Uuid::from_u64_pair((ms << 16) | 0x7000, 1 << 63))
    }

    /// Another id that is always the same for this one and `word`: for what is told of a thing once, however often
    /// it is told.
    #[must_use]
    pub fn derived(self, word: &str) -> Self {
        let (high, low) = self.0.as_u64_pair();
        // FNV-1a: words that the program has, none that somebody chose.
        let mixed = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Uuid::from_u64_pair(high, low ^ (mixed >> 2)))
    }

    /// As bytes, in the order that ids have.
    pub const fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// What [`Self::to_bytes`] has given.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// When it was made, milliseconds since 1970.
    pub fn at_ms(self) -> i64 {
        i64::try_from(self.0.as_u64_pair().0 >> 16).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = NoId;

    /// Only the form that it is written in, so that an id has one spelling.
    fn from_str(text: &str) -> Result<Self, NoId> {
        let uuid = Uuid::try_parse(text).map_err(|_| NoId)?;
        let id = Self(uuid);
        let mut spelled = Uuid::encode_buffer();
        let is_usual = uuid.hyphenated().encode_lower(&mut spelled) == text;
        is_usual.then_some(id).ok_or(NoId)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made_also_within_a_millisecond_and_when_the_clock_goes_back()
    {
        let ids = Ids::new(Clock::manual(1_700_000_000_000_000));
        let mut made: Vec<Id> = (0..5000).map(|_| ids.next().unwrap()).collect();
        assert_eq!(made[0].at_ms(), 1_700_000_000_000);
        let earlier = Ids {
            clock: Clock::manual(1_600_000_000_000_000),
            last: Mutex::new(std::mem::take(&mut ids.last.lock())),
        };
        made.push(earlier.next().unwrap());
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            made.windows(2)
                .all(|pair| pair[0].to_string() < pair[1].to_string())
        );
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = Ids::new(Clock::manual(1_700_000_000_000_000))
            .next()
            .unwrap();
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!((text.len(), &text[14..15]), (36, "7"));
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            "x".into(),
        ] {
            assert_eq!(other.parse::<Id>(), Err(NoId), "{other}");
        }
    }
}
