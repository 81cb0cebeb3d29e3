//! Ports that a test knows before anybody listens there, and that are still free when a process that
//! was killed comes back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below where the kernel takes the ports of outgoing connections from (32768 by default), so that
/// none of those is in the way when a process comes back.
const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;

/// A port of 127.0.0.1 that nobody listens at; another one each time.
///
/// # Panics
/// When all of them are taken.
pub fn reserve() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = LAST - FIRST + 1;
    // Processes that test at the same time begin at places of their own.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(count)).unwrap();
    for _ in 0..count {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % count;
        let port = FIRST + (start + step) % count;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {LAST}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice_or_while_somebody_listens() {
        let first = reserve();
        let _listener = TcpListener::bind(("127.0.0.1", first)).unwrap();
        let mut more: Vec<u16> = (0..50).map(|_| reserve()).collect();
        more.sort_unstable();
        more.dedup();
        assert_eq!(more.len(), 50);
        assert!(!more.contains(&first));
    }
}
