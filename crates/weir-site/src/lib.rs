//! Public pages as bytes: what is live, channels, categories, notices, help, feeds, the map for search engines.
//!
//! [`Site`] holds what the pages tell, in memory, and renders each page once for each change: text in, bytes out.
//! It asks no database and answers no request; who tells it what changed, and who answers, is above it.

mod content;
mod document;
mod feeds;
mod markdown;
mod pages;
mod pictures;
mod shell;
mod site;
mod target;
mod words;

pub use content::{
    CategoryFacts, ChannelFacts, Coming, LiveStream, MAX_CHANNELS, MAX_PAGES, PAST_SHOWN,
    PageFacts, PageKind, Past, Replay,
};
pub use document::{Coding, Document};
pub use feeds::Embedding;
pub use markdown::{excerpt, to_html};
pub use pages::{Found, preview};
pub use pictures::{COVER_WIDTHS, Pictures, Thumbnail};
pub use shell::Shell;
pub use site::{Chosen, Site};
pub use target::Target;
