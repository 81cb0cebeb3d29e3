//! `[gifts]`: what gifts are like here.

use weir_base::section;
use weir_base::section::{Senseless, in_range};

section! {
    /// Whether gifts are given, whose share is how much, and how long rows of them go on.
    pub GiftsConfig {
        /// Gifts can be given.
        restart enabled: bool = true,
        /// Percent of a gift's coins that the channel has; the rest is the house's.
        restart share_percent: i64 = 50,
        /// Seconds after a gift in which the same again, of the same giver, goes on with the row.
        restart combo_s: i64 = 5,
    }
}

impl GiftsConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("gifts.share_percent", self.share_percent, 0..=100)?;
        in_range("gifts.combo_s", self.combo_s, 1..=600)
    }
}
