//! HLS: one packager per stream and form, started by the first who asks, its playlists rendered once
//! per change and shared by all who wait. Streams of other nodes are not packaged again: what whoever
//! owns them made is passed on.

mod asked;
mod cache;
mod edge;
mod file;
pub mod http;
mod own;
mod page;
mod piece;
mod sessions;
mod station;
mod stations;
mod text;

pub use cache::CacheCounters;
pub use edge::Edge;
pub use file::HlsFile;
pub use page::{Page, Pages};
pub use station::Station;
pub use stations::Stations;
