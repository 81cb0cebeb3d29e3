//! Viewers of HLS, told apart by address and player: they have no connection, so one who asks no more
//! is gone after a while.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;
use weir_base::limits;

/// Microseconds after which a viewer who asks no more is gone.
pub(super) const SESSION_US: i64 = 10_000_000;

/// The viewers of one stream, each with when he last asked.
#[derive(Debug, Default)]
pub(super) struct HlsViewers(Mutex<HashMap<u64, i64>>);

impl HlsViewers {
    /// Somebody asked; whether he is new. Beyond the limit nobody is.
    pub(super) fn asked(&self, now_us: i64, ip: IpAddr, headers: &HeaderMap) -> bool {
        let agent = headers.get(header::USER_AGENT);
        let agent = agent.map(HeaderValue::as_bytes).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (ip, agent).hash(&mut hasher);
        let mut sessions = self.0.lock();
        let known = sessions.len();
        match sessions.get_mut(&hasher.finish()) {
            Some(seen_us) => {
                *seen_us = now_us;
                false
            }
            None if known < limits::HLS_SESSIONS_PER_STREAM => {
                sessions.insert(hasher.finish(), now_us);
                true
            }
            None => false,
        }
    }

    /// Forgets who last asked before `older_than_us`; how many.
    pub(super) fn forget(&self, older_than_us: i64) -> usize {
        let mut sessions = self.0.lock();
        let before = sessions.len();
        sessions.retain(|_, seen_us| *seen_us > older_than_us);
        before - sessions.len()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_is_counted_once_until_he_asks_no_more() {
        let sessions = HlsViewers::default();
        let player = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_static(name));
            headers
        };
        let ip = IpAddr::from([192, 0, 2, 1]);
        assert!(sessions.asked(0, ip, &player("a")));
        assert!(!sessions.asked(5, ip, &player("a")));
        assert!(sessions.asked(3, ip, &player("b")));
        assert_eq!((sessions.forget(3), sessions.len()), (1, 1));
        assert!(sessions.asked(6, ip, &player("b")));
    }
}
