//! What stands behind the doors, one file each: it takes a connection, reads what the client wants, and
//! only then gives it to those who publish or play.

pub mod http;
pub mod rtmp;
