//! Publishers' protocols, one file each: bytes from a socket become frames in the hub.

pub mod relay;
pub mod rtmp;
pub mod slsp;
