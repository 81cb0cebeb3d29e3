//! Which stream keys were published with, and from where: noted as they come, and handed on in batches.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Keys whose last use waits to be told. What is beyond is not told: it is for people to look at, and no record.
pub const KEY_USES: usize = 1_000;

/// That a stream key was published with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// The account that owns its channel.
    pub owner: String,
    /// Its channel's id.
    pub channel: String,
    /// Its own id.
    pub key: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The publisher's address.
    pub address: IpAddr,
}

/// Uses that wait to be told, the last of each key.
#[derive(Debug, Default)]
pub(crate) struct KeyUses(Mutex<HashMap<Box<str>, KeyUse>>);

impl KeyUses {
    pub(crate) fn note(&self, used: KeyUse) {
        let mut waiting = self.0.lock();
        if waiting.len() < KEY_USES || waiting.contains_key(used.key.as_str()) {
            waiting.insert(used.key.as_str().into(), used);
        }
    }

    /// All that wait; the next ones begin anew.
    pub(crate) fn take(&self) -> Vec<KeyUse> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }

    /// What could not be told waits again, where nothing newer does.
    pub(crate) fn put_back(&self, uses: Vec<KeyUse>) {
        let mut waiting = self.0.lock();
        for used in uses {
            if waiting.len() < KEY_USES {
                waiting.entry(used.key.as_str().into()).or_insert(used);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(key: usize, at_ms: i64) -> KeyUse {
        KeyUse {
            owner: "ann".into(),
            channel: "c".into(),
            key: key.to_string(),
            at_ms,
            address: IpAddr::from([192, 0, 2, 1]),
        }
    }

    #[test]
    fn the_last_use_of_each_key_is_told_once_or_again_where_it_could_not_be() {
        let uses = KeyUses::default();
        uses.note(used(1, 5));
        uses.note(used(1, 6));
        let taken = uses.take();
        assert_eq!(taken, [used(1, 6)]);
        assert!(uses.take().is_empty());
        uses.put_back(taken);
        assert_eq!(uses.take(), [used(1, 6)]);
        uses.note(used(1, 9));
        uses.put_back(vec![used(1, 6)]);
        assert_eq!(uses.take(), [used(1, 9)], "the newer one stays");
        for key in 0..2 * KEY_USES {
            uses.note(used(key, 1));
        }
        assert_eq!(uses.take().len(), KEY_USES);
    }
}
