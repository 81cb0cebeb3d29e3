//! Tickets that somebody was given and may use no more. Each is remembered until the last ticket that it hits has
//! ended by itself.

use std::collections::HashMap;

use super::Withdrawn;

/// Seconds for which a ticket is good: an evening. What is taken back earlier is told to all nodes.
pub const LIFETIME_S: i64 = 12 * 3_600;

/// By channel, and in it by account: the end of the last ticket that counts no more.
#[derive(Debug, Clone, Default)]
pub(super) struct Withdrawals {
    of_channels: HashMap<Box<str>, HashMap<Box<str>, i64>>,
    len: usize,
    /// Forgetting is looked at again at this length.
    tidy_at: usize,
}

/// The account that stands for all of a channel.
const EVERYBODY: &str = "";
/// Below this length nothing is forgotten.
const FEW: usize = 1_000;

impl Withdrawals {
    /// Adds one. Where there are `most` of them already, all of its channel count no more.
    pub(super) fn add(&mut self, new: &Withdrawn, most: usize) {
        if self.len >= self.tidy_at.max(FEW).min(most) {
            // It was withdrawn when its last ticket could have been given.
            self.forget(new.until_s.saturating_sub(LIFETIME_S));
        }
        let accounts = self.of_channels.entry(new.channel.clone()).or_default();
        if let Some(until_s) = accounts.get_mut(&new.account) {
            *until_s = new.until_s.max(*until_s);
            return;
        }
        if self.len < most {
            accounts.insert(new.account.clone(), new.until_s);
            self.len += 1;
            return;
        }
        self.len -= accounts.len();
        let last_s = accounts.values().copied().fold(new.until_s, i64::max);
        *accounts = HashMap::from([(EVERYBODY.into(), last_s)]);
        self.len += 1;
    }

    /// Whether a ticket of this account that ends at `until_s` counts no more.
    pub(super) fn has(&self, channel: &str, account: &str, until_s: i64) -> bool {
        let Some(accounts) = self.of_channels.get(channel) else {
            return false;
        };
        let is_hit = |account: &str| {
            accounts
                .get(account)
                .is_some_and(|last_s| until_s <= *last_s)
        };
        is_hit(account) || is_hit(EVERYBODY)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Withdrawn> {
        self.of_channels.iter().flat_map(|(channel, accounts)| {
            accounts.iter().map(|(account, until_s)| Withdrawn {
                channel: channel.clone(),
                account: account.clone(),
                until_s: *until_s,
            })
        })
    }

    fn forget(&mut self, now_s: i64) {
        self.of_channels.retain(|_, accounts| {
            accounts.retain(|_, until_s| *until_s > now_s);
            !accounts.is_empty()
        });
        self.len = self.of_channels.values().map(HashMap::len).sum();
        self.tidy_at = self.len.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(account: &str, until_s: i64) -> Withdrawn {
        Withdrawn {
            channel: "c".into(),
            account: account.into(),
            until_s,
        }
    }

    #[test]
    fn tickets_up_to_then_are_withdrawn_and_later_ones_are_not() {
        let mut all = Withdrawals::default();
        all.add(&one("ann", 100), 10);
        all.add(&one("ann", 90), 10);
        assert!(all.has("c", "ann", 100) && !all.has("c", "ann", 101));
        assert!(!all.has("c", "bob", 50) && !all.has("d", "ann", 50));
        assert_eq!(all.all().count(), 1);
    }

    #[test]
    fn what_is_over_makes_room() {
        let mut all = Withdrawals::default();
        for at in 0..3 {
            all.add(&one(&format!("old{at}"), 100 + at), 3);
        }
        all.add(&one("new", 101 + LIFETIME_S), 3);
        assert!(!all.has("c", "old0", 1) && all.has("c", "old2", 102));
        assert!(all.has("c", "new", LIFETIME_S) && !all.has("c", "else", 1));
    }

    #[test]
    fn where_there_is_no_room_none_is_lost_and_others_of_the_channel_go_too() {
        let mut all = Withdrawals::default();
        for at in 0..3 {
            all.add(&one(&format!("old{at}"), LIFETIME_S + at), 3);
        }
        all.add(&one("new", LIFETIME_S + 9), 3);
        for account in ["old0", "old2", "new", "else"] {
            assert!(all.has("c", account, LIFETIME_S + 9), "{account}");
        }
        assert!(!all.has("c", "new", LIFETIME_S + 10));
        assert_eq!((all.all().count(), all.len), (1, 1));
    }
}
