//! Prices, shares and stretches of time: plain functions.

use crate::error::GiftError;
use crate::limits;

/// What so many gifts of a price cost.
///
/// # Errors
/// [`GiftError::Limit`] for fewer than one, and more than are taken at once.
pub fn cost(price: i64, amount: i64) -> Result<i64, GiftError> {
    if !(1..=limits::GIFTS_AT_ONCE).contains(&amount) {
        let most = limits::GIFTS_AT_ONCE;
        return Err(GiftError::Limit(format!(
            "from 1 to {most} gifts are given at once"
        )));
    }
    let cost = price.checked_mul(amount).filter(|cost| *cost > 0);
    cost.ok_or_else(|| GiftError::Limit("this many cannot be counted".to_owned()))
}

/// The channel's part of what was given. What does not divide is the house's.
pub fn share(coins: i64, percent: i64) -> i64 {
    let part = i128::from(coins) * i128::from(percent.clamp(0, 100)) / 100;
    i64::try_from(part).unwrap_or(0)
}

/// Of how long a leader board is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// This hour.
    Hour,
    /// This day.
    Day,
    /// This week, from Monday on.
    Week,
}

/// Milliseconds of an hour and a day.
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days from the first Monday of 1970 back to its first day, a Thursday.
const THURSDAY: i64 = 3;

impl Span {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Its name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.name() == name)
    }

    /// When the one that `now_ms` is in began, in UTC.
    pub const fn begin_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Hour => now_ms.div_euclid(HOUR_MS) * HOUR_MS,
            Self::Day => now_ms.div_euclid(DAY_MS) * DAY_MS,
            Self::Week => {
                let day = now_ms.div_euclid(DAY_MS);
                (day - (day + THURSDAY).rem_euclid(7)) * DAY_MS
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cost_is_counted_or_refused() {
        assert_eq!(cost(100, 3).unwrap(), 300);
        for (price, amount) in [(1, 0), (1, -1), (1, 10_000), (i64::MAX, 2), (0, 1), (-5, 2)] {
            let refused = cost(price, amount);
            assert!(
                matches!(refused, Err(GiftError::Limit(_))),
                "{price} {amount}"
            );
        }
        let most = cost(limits::PRICE_COINS, limits::GIFTS_AT_ONCE).unwrap();
        assert!(most < weir_store::ledger::MAX_COINS);
    }

    #[test]
    fn spans_begin_on_the_hour_at_midnight_and_on_monday() {
        // Wednesday, 15 November 2023, 12:34:56 UTC.
        let now_ms = 1_700_051_696_000;
        let since = |span: Span| weir_base::rfc3339(span.begin_ms(now_ms));
        assert!(since(Span::Hour).starts_with("2023-11-15T12:00:00"));
        assert!(since(Span::Day).starts_with("2023-11-15T00:00:00"));
        assert!(since(Span::Week).starts_with("2023-11-13T00:00:00"));
        for span in Span::ALL {
            assert_eq!(Span::from_name(span.name()), Some(span));
        }
    }

    proptest! {
        #[test]
        fn a_share_is_a_part(coins in 0..=weir_store::ledger::MAX_COINS, percent in -5_i64..200) {
            let part = share(coins, percent);
            prop_assert!((0..=coins).contains(&part));
        }

        #[test]
        fn now_is_in_its_span(now_ms in 0_i64..4_000_000_000_000) {
            for (span, length) in Span::ALL.into_iter().zip([HOUR_MS, DAY_MS, 7 * DAY_MS]) {
                let begin = span.begin_ms(now_ms);
                prop_assert!(begin <= now_ms && now_ms < begin + length);
            }
        }
    }
}
