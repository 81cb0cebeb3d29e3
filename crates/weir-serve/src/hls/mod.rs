//! HLS: one packager per stream and form, held by the first who asks, its playlists rendered once
//! per change and shared by all who wait. Streams of other nodes are not packaged again: what whoever
//! owns them made is passed on.

mod asked;
mod cache;
mod download;
mod edge;
mod file;
mod for_nodes;
mod own;
mod past;
mod piece;
mod replay;
mod service;
mod station;
mod stations;
mod stills;
mod text;

pub use asked::HlsRequest;
pub use cache::CacheCounters;
pub use edge::Edge;
pub use file::HlsFile;
pub use replay::{Archives, FoundById, FoundObjection, FoundPoster, FoundRecording, ReplayFile};
pub use service::Hls;
pub use stills::{Making, Stills};
