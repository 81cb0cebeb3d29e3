//! What every room of the house leans on: clock, backoff, ids, names, nonces, URLs, limits, the code table and its
//! words for people, tasks, shutdown, and what a process costs.
//!
//! Nothing here knows media, protocols or a database, and of HTTP no more than what its fields say; no other
//! weir crate is imported.

pub mod backoff;
pub mod clock;
pub mod codes;
pub mod http_field;
pub mod ids;
pub mod limits;
pub mod log_limit;
pub mod name;
pub mod network;
pub mod nonce;
pub mod prefer;
pub mod process;
pub mod refusal_page;
pub mod section;
pub mod sign;
pub mod sorted_id;
pub mod tasks;
pub mod time_text;
pub mod urls;

pub use backoff::{Backoff, BackoffPlan, Dice};
pub use clock::Clock;
pub use codes::{Code, Refusal};
pub use ids::ClientId;
pub use log_limit::LogLimit;
pub use name::StreamName;
pub use prefer::Tongue;
pub use refusal_page::refusal_page;
pub use sorted_id::{Id, Ids, NoId, NoRandomness};
pub use tasks::{Shutdown, Tasks};
pub use time_text::rfc3339;
