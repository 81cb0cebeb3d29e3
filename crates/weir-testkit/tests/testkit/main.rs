//! weir's parts before judges from outside: the fuzz targets on their corpus, and Autobahn.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

mod autobahn;
mod replay;
mod shifted;
