//! Nonces of signed URLs that were used already, so that a URL with one admits one client.
//!
//! In memory and bounded: a restart forgets them, and each node keeps its own.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::codes::{Code, Refusal};
use crate::limits;

/// Bytes of a nonce at most: it is kept until its URL expires.
pub const MAX_NONCE_BYTES: usize = 128;

/// The nonces that were used, each until its URL expires.
#[derive(Debug, Default)]
pub struct Nonces(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Who used a nonce, and when its URL expires.
    uses: HashMap<Box<str>, Use>,
    /// The same by expiry, to forget them in order.
    by_expiry: BTreeSet<(i64, Box<str>)>,
}

#[derive(Debug)]
struct Use {
    expiry_s: i64,
    by: Box<str>,
}

/// One use of a nonce, whose signature is right and not expired.
#[derive(Debug, Clone, Copy)]
pub struct NonceUse<'a> {
    /// The key that signed it: each has nonces of its own.
    pub key_id: &'a str,
    /// As the URL has it, at most [`MAX_NONCE_BYTES`].
    pub nonce: &'a str,
    /// Unix seconds at which the URL expires.
    pub expiry_s: i64,
    /// Who uses it. The same one may use it again where `is_repeated`.
    pub by: &'a str,
    /// The protocol sends the URL's query with each request, as HLS does.
    pub is_repeated: bool,
}

impl Nonces {
    /// Notes a use at `now_s` (Unix seconds).
    ///
    /// # Errors
    /// 1005 when it was used before, 1002 when the nonce is longer than [`MAX_NONCE_BYTES`].
    pub fn claim(&self, claim: NonceUse<'_>, now_s: i64) -> Result<(), Refusal> {
        if claim.nonce.len() > MAX_NONCE_BYTES {
            let words = format!("n is longer than {MAX_NONCE_BYTES} bytes");
            return Err(Refusal::new(Code::AuthMalformed, words));
        }
        let mut known = self.0.lock();
        known.forget_expired(now_s);
        // A key's id is no secret, and has no line break that could stand in a nonce's place.
        let id: Box<str> = format!("{}\n{}", claim.key_id, claim.nonce).into();
        match known.uses.get(&id) {
            Some(used) if claim.is_repeated && *used.by == *claim.by => Ok(()),
            Some(_) => Err(Code::AuthReplayed.into()),
            None => {
                known.remember(id, claim);
                Ok(())
            }
        }
    }
}

impl Known {
    fn forget_expired(&mut self, now_s: i64) {
        while let Some((expiry_s, _)) = self.by_expiry.first()
            && *expiry_s <= now_s
        {
            self.forget_first();
        }
    }

    fn remember(&mut self, id: Box<str>, claim: NonceUse<'_>) {
        if self.uses.len() >= limits::NONCES {
            // The one that could be replayed for the shortest time.
            self.forget_first();
        }
        let expiry_s = claim.expiry_s;
        self.by_expiry.insert((expiry_s, id.clone()));
        let by = claim.by.into();
        self.uses.insert(id, Use { expiry_s, by });
        debug_assert_eq!(self.uses.len(), self.by_expiry.len());
    }

    fn forget_first(&mut self) {
        if let Some((expiry_s, id)) = self.by_expiry.pop_first() {
            let forgotten = self.uses.remove(&id);
            debug_assert!(forgotten.is_some_and(|used| used.expiry_s == expiry_s));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim<'a>(nonce: &'a str, by: &'a str, is_repeated: bool) -> NonceUse<'a> {
        NonceUse {
            key_id: "k1",
            nonce,
            expiry_s: 100,
            by,
            is_repeated,
        }
    }

    fn code(outcome: Result<(), Refusal>) -> Option<Code> {
        outcome.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_nonce_admits_once() {
        let nonces = Nonces::default();
        assert!(nonces.claim(claim("a", "10.0.0.1", false), 1).is_ok());
        let again = nonces.claim(claim("a", "10.0.0.1", false), 2);
        assert_eq!(code(again), Some(Code::AuthReplayed));
        assert!(nonces.claim(claim("b", "10.0.0.1", false), 2).is_ok());
        let of_another_key = NonceUse {
            key_id: "k2",
            ..claim("a", "10.0.0.1", false)
        };
        assert!(nonces.claim(of_another_key, 2).is_ok());
    }

    #[test]
    fn a_protocol_that_repeats_the_url_may_go_on_from_the_same_address_alone() {
        let nonces = Nonces::default();
        for now_s in 1..5 {
            assert!(nonces.claim(claim("a", "10.0.0.1", true), now_s).is_ok());
        }
        let other = nonces.claim(claim("a", "10.0.0.2", true), 6);
        assert_eq!(code(other), Some(Code::AuthReplayed));
    }

    #[test]
    fn what_has_expired_is_forgotten_and_what_is_too_long_is_refused() {
        let nonces = Nonces::default();
        assert!(nonces.claim(claim("a", "x", false), 1).is_ok());
        assert!(nonces.claim(claim("b", "x", false), 100).is_ok());
        assert_eq!(nonces.0.lock().uses.len(), 1);
        let long = "n".repeat(MAX_NONCE_BYTES + 1);
        let refused = nonces.claim(claim(&long, "x", false), 1);
        assert_eq!(code(refused), Some(Code::AuthMalformed));
    }

    #[test]
    fn the_table_is_bounded_and_keeps_what_can_be_replayed_longest() {
        let nonces = Nonces::default();
        let first = NonceUse {
            expiry_s: 50,
            ..claim("soon", "x", false)
        };
        nonces.claim(first, 1).unwrap();
        for n in 0..limits::NONCES {
            let nonce = n.to_string();
            nonces.claim(claim(&nonce, "x", false), 1).unwrap();
        }
        let known = nonces.0.lock();
        assert_eq!(known.uses.len(), limits::NONCES);
        assert!(!known.uses.contains_key("k1\nsoon"));
    }
}
