//! What people look at of live streams, so that a bad one is ended within seconds.
//!
//! An *item* is a stretch of one stream's time with the pictures inside it. The [`Intake`] puts each picture that is
//! taken, and each report by a viewer, into the open stretch of its stream, or folds it into what was approved a
//! moment ago where it is near to that ([`Pdq`]). How soon somebody sees an item is its [`head_start_ms`]: risk
//! counts as age, and so nothing waits for ever behind what is worse. What verdicts there are, and which of them ask
//! for a second look, stands in [`Verdict`].
//!
//! Rows and leases are the store's; who may decide, and what a verdict does to a stream, is the API's.

mod bank;
mod config;
mod intake;
mod order;
mod pdq;
mod picture;
mod verdict;

pub use config::ReviewConfig;
pub use intake::{Intake, MachineSays, NewOne, Reported};
pub use order::{Marks, Risk, head_start_ms};
pub use pdq::{NoHash, Pdq};
pub use picture::{Looks, looks_of};
pub use verdict::{
    Alarm, CLAIM_MS, LEAST_QUALITY, MAX_CLAIM, MAX_HELD, UNDO_MS, Verdict, agree, alarm_of,
    needs_second_look,
};
