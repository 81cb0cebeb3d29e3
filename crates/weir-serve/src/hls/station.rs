//! A packager that HTTP holds: as long as somebody asks for something of it, and a while longer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use weir_hub::Protocol;

use super::packaging::Packaging;
use super::stations::Stations;
use super::viewers::{HlsViewers, SESSION_US};

/// How often somebody is looked for who still watches.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// See the module's words.
#[derive(Debug)]
pub(super) struct Station {
    packaging: Arc<Packaging>,
    last_asked_us: AtomicI64,
    idle_us: i64,
    sessions: HlsViewers,
}

impl std::ops::Deref for Station {
    type Target = Packaging;

    fn deref(&self) -> &Packaging {
        &self.packaging
    }
}

impl Station {
    pub(super) fn new(packaging: Arc<Packaging>, now_us: i64, idle_us: i64) -> Self {
        Self {
            packaging,
            last_asked_us: AtomicI64::new(now_us),
            idle_us,
            sessions: HlsViewers::default(),
        }
    }

    /// Somebody asked, a viewer or another node: it goes on for a while.
    pub(super) fn touch(&self, now_us: i64) {
        self.last_asked_us.store(now_us, Ordering::Relaxed);
    }

    /// Counts a viewer who asked for a while.
    pub(super) fn asked(&self, now_us: i64, ip: IpAddr, headers: &HeaderMap) {
        if self.sessions.asked(now_us, ip, headers) {
            self.stream.add_viewers(Protocol::Hls, 1);
        }
    }

    fn forget_sessions(&self, older_than_us: i64) {
        let gone = self.sessions.forget(older_than_us);
        let gone = i32::try_from(gone).unwrap_or(i32::MAX);
        self.stream.add_viewers(Protocol::Hls, -gone);
    }

    fn is_idle(&self, now_us: i64) -> bool {
        now_us - self.last_asked_us.load(Ordering::Relaxed) > self.idle_us
    }
}

/// Holds the packager until nobody asks any more.
pub(super) async fn run(stations: Stations, station: Arc<Station>) {
    let mut check = tokio::time::interval(CHECK_EVERY);
    loop {
        tokio::select! {
            _ = check.tick() => {
                let now_us = stations.core().hub.clock().now_us();
                station.forget_sessions(now_us - SESSION_US);
                if station.is_idle(now_us) {
                    break;
                }
            }
            () = stations.core().shutdown.stopping() => break,
        }
    }
    stations.close(&station);
    station.forget_sessions(i64::MAX);
}
