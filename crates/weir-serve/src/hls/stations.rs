//! Which stations run: at most one per stream, container and selection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use weir_base::{Code, Refusal, StreamName, limits};
use weir_hub::Stream;
use weir_media::hls::{Container, Selection};

use super::station::Station;
use crate::core::Core;
use crate::packaging::{Packagings, Workshop};

/// See the module's words. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Stations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    core: Core,
    packagings: Packagings,
    map: Mutex<HashMap<StationKey, Arc<Station>>>,
    blocked: AtomicUsize,
}

type StationKey = (StreamName, Container, Selection);

/// All forms a stream can be packaged in.
const FORMS: &[(Container, Selection)] = &[
    (Container::Fmp4, Selection::Both),
    (Container::Fmp4, Selection::VideoOnly),
    (Container::Fmp4, Selection::AudioOnly),
    (Container::Ts, Selection::Both),
];

impl Stations {
    /// None yet, of the streams in `core`.
    pub(super) fn new(core: Core) -> Self {
        Self(Arc::new(Inner {
            core,
            packagings: Packagings::default(),
            map: Mutex::default(),
            blocked: AtomicUsize::new(0),
        }))
    }

    /// What they share with the rest of the server.
    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    /// The packagers at work here; whoever opens one holds it.
    pub(super) fn packagings(&self) -> &Packagings {
        &self.0.packagings
    }

    /// Whether any station of a stream runs.
    pub(super) fn runs(&self, name: &StreamName) -> bool {
        let map = self.0.map.lock();
        FORMS
            .iter()
            .any(|(container, selection)| map.contains_key(&(name.clone(), *container, *selection)))
    }

    /// The running station.
    pub(super) fn find(
        &self,
        name: &StreamName,
        container: Container,
        selection: Selection,
    ) -> Option<Arc<Station>> {
        self.0
            .map
            .lock()
            .get(&(name.clone(), container, selection))
            .cloned()
    }

    /// The running station for this very stream, started if there is none.
    pub(super) fn open(
        &self,
        stream: &Arc<Stream>,
        container: Container,
        selection: Selection,
    ) -> Arc<Station> {
        let mut map = self.0.map.lock();
        let key = (stream.name.clone(), container, selection);
        if let Some(station) = map.get(&key)
            && station.is_of(stream)
        {
            return station.clone();
        }
        let core = self.core();
        let settings = &core.config.load().hls;
        let workshop = Workshop {
            settings,
            clock: core.hub.clock(),
            tasks: &core.tasks,
            shutdown: &core.shutdown,
        };
        let packagings = self.packagings();
        let packaging = packagings.open(workshop, stream, container, selection);
        let now_us = core.hub.clock().now_us();
        let station = Arc::new(Station::new(packaging, now_us, settings.idle_us()));
        map.insert(key, station.clone());
        let run = super::station::run(self.clone(), station.clone());
        core.tasks.spawn("hls-station", run);
        station
    }

    /// Takes a station off the list, unless another has taken its place.
    pub(super) fn close(&self, station: &Arc<Station>) {
        let mut map = self.0.map.lock();
        let key = (
            station.stream.name.clone(),
            station.container,
            station.selection,
        );
        if map
            .get(&key)
            .is_some_and(|current| Arc::ptr_eq(current, station))
        {
            map.remove(&key);
        }
    }

    /// A place among the requests that are held open.
    ///
    /// # Errors
    /// 5001 when there are too many.
    pub(super) fn block(&self) -> Result<BlockedPlace<'_>, Refusal> {
        if self.0.blocked.fetch_add(1, Ordering::Relaxed) >= limits::HLS_BLOCKED_REQUESTS {
            self.0.blocked.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::new(
                Code::Overloaded,
                "too many playlist requests wait",
            ));
        }
        Ok(BlockedPlace(&self.0.blocked))
    }
}

/// Dropped when the request is answered.
pub(super) struct BlockedPlace<'a>(&'a AtomicUsize);

impl Drop for BlockedPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
