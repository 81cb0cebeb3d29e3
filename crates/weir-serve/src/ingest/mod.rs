//! Publishers' protocols, one file each: bytes from a socket become frames in the hub.

mod intake;
pub mod rtmp;
pub mod slsp;
