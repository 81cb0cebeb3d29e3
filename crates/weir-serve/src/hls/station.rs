//! A packager that HTTP holds: as long as somebody asks for something of it, and a while longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::stations::Stations;
use crate::packaging::Packaging;

/// How often is looked whether anybody still asks.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A packaging that is kept for as long as somebody asks for its files.
#[derive(Debug)]
pub(super) struct Station {
    packaging: Arc<Packaging>,
    last_asked_us: AtomicI64,
    idle_us: i64,
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
        }
    }

    /// Somebody asked, a viewer or another node: it goes on for a while.
    pub(super) fn touch(&self, now_us: i64) {
        self.last_asked_us.store(now_us, Ordering::Relaxed);
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
                if station.is_idle(now_us) {
                    break;
                }
            }
            () = stations.core().shutdown.stopping() => break,
        }
    }
    stations.close(&station);
}
