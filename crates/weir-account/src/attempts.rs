//! How often something was tried, by account and by network: the first few cost nothing, each more has to wait
//! longer than the one before.
//!
//! Counted in the memory of one node, in two generations, so that who does not come any more is forgotten without a
//! search.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use weir_base::Clock;
use weir_base::network::network_of;

use crate::error::AccountError;

/// Accounts and networks told apart in one generation; there are two. Some 120 bytes each.
const COUNTED: usize = 50_000;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Try {
    /// Signing in with a password, a code or a link.
    SignIn,
    /// Making an account.
    SignUp,
    /// Having mail sent.
    Mail,
    /// Opening a channel by its password.
    Watch,
}

/// Of whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    /// An account, or what was written for one.
    Login(String),
    /// An address, of IPv6 its first 64 bits alone.
    Network(IpAddr),
}

/// How patient one is.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Tries that cost nothing.
    free: u32,
    /// Milliseconds that the first one after those waits; each next twice as long.
    first_ms: i64,
    /// Milliseconds that one waits at most.
    most_ms: i64,
    /// Milliseconds without a try after which all is forgotten.
    forgotten_ms: i64,
}

/// The counts.
#[derive(Debug)]
pub(crate) struct Attempts {
    clock: Clock,
    counts: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<(Try, Of), Count>,
    older: HashMap<(Try, Of), Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    tries: u32,
    last_ms: i64,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

impl Attempts {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            counts: Mutex::default(),
        }
    }

    /// Counts a try, unless one has to wait first.
    ///
    /// # Errors
    /// [`AccountError::TooOften`].
    pub(crate) fn take(&self, what: Try, of: Of) -> Result<(), AccountError> {
        let now_ms = self.clock.now_us() / 1000;
        let patience = what.patience(&of);
        let key = (what, of);
        let mut counts = self.counts.lock();
        let mut count = counts.of(&key);
        if now_ms - count.last_ms > patience.forgotten_ms {
            count = Count::default();
        }
        let wait_ms = patience.wait_ms(count.tries);
        let over_ms = count.last_ms + wait_ms - now_ms;
        if wait_ms > 0 && over_ms > 0 {
            let wait_ms = u64::try_from(over_ms).unwrap_or(0);
            return Err(AccountError::TooOften { wait_ms });
        }
        let tries = count.tries.saturating_add(1);
        counts.put(
            key,
            Count {
                tries,
                last_ms: now_ms,
            },
        );
        Ok(())
    }

    /// It went well: this try is not counted.
    pub(crate) fn forgive(&self, what: Try, of: Of) {
        let key = (what, of);
        let mut counts = self.counts.lock();
        let mut count = counts.of(&key);
        count.tries = count.tries.saturating_sub(1);
        counts.put(key, count);
    }

    /// It went well: what was counted for this one is forgotten.
    pub(crate) fn forget(&self, what: Try, of: Of) {
        let key = (what, of);
        let mut counts = self.counts.lock();
        counts.younger.remove(&key);
        counts.older.remove(&key);
    }
}

impl Of {
    /// The network that an address is of.
    pub(crate) fn network(address: IpAddr) -> Self {
        Self::Network(network_of(address))
    }
}

impl Try {
    /// An account waits a minute at most, so that nobody can lock another out for long, and still no more than some
    /// sixty passwords an hour are tried on it (ASVS 2.2.1 allows a hundred).
    const fn patience(self, of: &Of) -> Patience {
        let (free, first_ms, most_ms, forgotten_ms) = match (self, of) {
            (Self::SignIn, Of::Login(_)) => (5, 1_000, MINUTE_MS, 6 * HOUR_MS),
            (Self::SignIn, Of::Network(_)) => (100, 1_000, 15 * MINUTE_MS, 6 * HOUR_MS),
            // A school behind one address mistypes at the same moment.
            (Self::Watch, _) => (50, 1_000, 15 * MINUTE_MS, HOUR_MS),
            (Self::SignUp, _) => (20, MINUTE_MS, HOUR_MS, 6 * HOUR_MS),
            (Self::Mail, Of::Login(_)) => (3, MINUTE_MS, 6 * HOUR_MS, 24 * HOUR_MS),
            (Self::Mail, Of::Network(_)) => (20, MINUTE_MS, HOUR_MS, 24 * HOUR_MS),
        };
        Patience {
            free,
            first_ms,
            most_ms,
            forgotten_ms,
        }
    }
}

impl Patience {
    fn wait_ms(self, tries: u32) -> i64 {
        match tries.checked_sub(self.free) {
            None => 0,
            Some(over) => (self.first_ms << over.min(20)).min(self.most_ms),
        }
    }
}

impl Generations {
    fn of(&self, key: &(Try, Of)) -> Count {
        let count = self.younger.get(key).or_else(|| self.older.get(key));
        count.copied().unwrap_or_default()
    }

    fn put(&mut self, key: (Try, Of), count: Count) {
        if self.younger.len() >= COUNTED && !self.younger.contains_key(&key) {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(key, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Of {
        Of::Login("ann".into())
    }

    #[test]
    fn who_guesses_waits_longer_each_time_and_never_more_than_a_minute_for_one_account() {
        let clock = Clock::manual(0);
        let attempts = Attempts::new(clock.clone());
        let (mut tries, mut longest) = (0, 0);
        for _ in 0..3600 {
            match attempts.take(Try::SignIn, ann()) {
                Ok(()) => tries += 1,
                Err(AccountError::TooOften { wait_ms }) => longest = longest.max(wait_ms),
                Err(other) => panic!("{other}"),
            }
            clock.advance_us(1_000_000);
        }
        assert!((60..100).contains(&tries), "{tries} tries in an hour");
        assert!((59_000..=60_000).contains(&longest), "{longest} ms");
        attempts.take(Try::SignIn, Of::Login("bob".into())).unwrap();
        attempts.forget(Try::SignIn, ann());
        attempts.take(Try::SignIn, ann()).unwrap();
    }

    #[test]
    fn a_day_later_all_is_forgotten_and_a_household_is_one() {
        let clock = Clock::manual(0);
        let attempts = Attempts::new(clock.clone());
        let network = |host: u16| Of::network(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]));
        let mut tries = 0;
        while attempts.take(Try::SignUp, network(tries)).is_ok() {
            tries += 1;
        }
        assert_eq!(tries, 20);
        clock.advance_us(24 * HOUR_MS * 1000);
        attempts.take(Try::SignUp, network(0)).unwrap();
    }

    #[test]
    fn a_crowd_takes_no_more_room_than_two_generations() {
        let attempts = Attempts::new(Clock::manual(0));
        for n in 0..COUNTED * 3 {
            attempts
                .take(Try::SignIn, Of::Login(n.to_string()))
                .unwrap();
        }
        let counts = attempts.counts.lock();
        assert!(counts.younger.len() + counts.older.len() <= 2 * COUNTED);
    }
}
