//! The doors: listening sockets, PROXY protocol, TLS. What stands behind them is told by the caller.

pub mod door;
pub mod io;
pub mod listen;
pub mod patient;
pub mod proxy;
pub mod tls;

pub use door::{Addresses, Bound, Door, DoorKind, DoorSocket, Transport};
pub use io::{Conn, Prefixed};
pub use patient::Patient;
