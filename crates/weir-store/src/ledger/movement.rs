//! Coins that change places: accounts, and movements between them that add up to nothing.

use super::{LedgerError, MAX_COINS};
use crate::id::Id;

/// Where coins are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// What somebody may spend.
    Wallet(Id),
    /// What the channel of this owner and id was given.
    Channel(Id, Id),
    /// What the site keeps.
    House,
    /// Where coins come from that were paid for: its entries are what was ever sold.
    Payments,
}

impl Holding {
    /// As its entries name it: whose it is, and which.
    pub(crate) fn named(self) -> (String, String) {
        match self {
            Self::Wallet(user) => (user.to_string(), "wallet".to_owned()),
            Self::Channel(owner, id) => (owner.to_string(), format!("channel:{id}")),
            Self::House => (String::new(), "house".to_owned()),
            Self::Payments => (String::new(), "payments".to_owned()),
        }
    }
}

/// Coins that change places. It cannot be made so that some are lost or appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub(crate) legs: Vec<(Holding, i64)>,
}

impl Movement {
    /// From one account to others.
    ///
    /// # Errors
    /// [`LedgerError::TooMuch`] for a part below nothing, and a sum that is nothing or more than can be counted.
    pub fn new(from: Holding, to: &[(Holding, i64)]) -> Result<Self, LedgerError> {
        let mut sum: i64 = 0;
        let mut legs = vec![(from, 0)];
        for (account, coins) in to.iter().copied() {
            if coins < 0 {
                return Err(LedgerError::TooMuch);
            }
            sum = sum.checked_add(coins).ok_or(LedgerError::TooMuch)?;
            // What moves nothing is no entry.
            if coins > 0 {
                legs.push((account, coins));
            }
        }
        if !(1..=MAX_COINS).contains(&sum) {
            return Err(LedgerError::TooMuch);
        }
        if let Some((_, coins)) = legs.first_mut() {
            *coins = -sum;
        }
        Ok(Self { legs })
    }

    /// Back to the account that it came from.
    ///
    /// # Errors
    /// As [`Movement::new`].
    pub fn back(from: Holding, to: &[(Holding, i64)]) -> Result<Self, LedgerError> {
        let mut movement = Self::new(from, to)?;
        for (_, coins) in &mut movement.legs {
            *coins = -*coins;
        }
        Ok(movement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_movement_makes_or_loses_coins() {
        let user = "019f0000-0000-7000-8000-000000000000".parse().unwrap();
        let wallet = Holding::Wallet(user);
        let parts = [(Holding::Channel(user, user), 70), (Holding::House, 30)];
        let given = Movement::new(wallet, &parts).unwrap();
        assert_eq!(given.legs.iter().map(|(_, coins)| coins).sum::<i64>(), 0);
        assert_eq!(given.legs[0], (wallet, -100));
        let back = Movement::back(wallet, &parts).unwrap();
        assert_eq!(back.legs[0], (wallet, 100));
        assert_eq!(back.legs.iter().map(|(_, coins)| coins).sum::<i64>(), 0);
        let all = Movement::new(wallet, &[(Holding::House, 5), (Holding::House, 0)]).unwrap();
        assert_eq!(all.legs.len(), 2, "nothing is no entry");
        for wrong in [&[0][..], &[-1, 5], &[MAX_COINS, 1], &[i64::MAX, i64::MAX]] {
            let to: Vec<_> = wrong.iter().map(|coins| (Holding::House, *coins)).collect();
            let refused = Movement::new(wallet, &to);
            assert!(matches!(refused, Err(LedgerError::TooMuch)), "{wrong:?}");
        }
    }
}
