//! HLS: one packager per stream and form, started by the first who asks, its playlists rendered once
//! per change and shared by all who wait.

pub mod http;
mod page;
mod piece;
mod station;
mod stations;

pub use page::{Page, Pages};
pub use station::Station;
pub use stations::Stations;
