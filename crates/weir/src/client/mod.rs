//! The client's side of every protocol weir speaks: what `publish`, `play`, `probe` and `bench`
//! are made of. Nothing here is used by the server but [`publish_file`], for its demo stream.

pub(crate) mod adapt;
pub(crate) mod address;
pub(crate) mod clip;
pub(crate) mod decode;
pub(crate) mod hls;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod process;
pub(crate) mod publisher;
pub(crate) mod refusal;
pub(crate) mod rtmp;
pub(crate) mod slsp;
pub(crate) mod stamp;
pub(crate) mod watch;
pub(crate) mod ws;

pub(crate) use publisher::{PublishOptions, publish_file};
