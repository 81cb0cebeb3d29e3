//! A server in this process, and the two honest people whose evening must not be spoiled.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use weir_base::Code;
use weir_hub::Protocol;
use weir_serve::Services;
use weir_serve::config::DoorTimeouts;
use weir_testkit::in_process::{RunningServer, ServerSetup};

use crate::clients::{Publisher, Watcher};
use crate::sockets::Echo;

/// The stream that everybody watches.
pub(crate) const HONEST: &str = "live/honest";
/// Memory is measured for the whole process: whoever measures it has the process to itself, and
/// all others, who mostly wait, stand side by side.
static PROCESS: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "a guard is held and never read")]
enum Place {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// What tests want different.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) idle_timeout_ms: i64,
    pub(crate) stall_ms: i64,
    pub(crate) picture_bytes: usize,
    /// How long the door waits for anybody.
    pub(crate) door: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout_ms: 5000,
            stall_ms: 60_000,
            picture_bytes: 2000,
            door: Duration::from_secs(10),
        }
    }
}

/// See the module's words.
pub(crate) struct House {
    pub(crate) services: Services,
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    honest: Option<(Publisher, Watcher)>,
    runtime: Option<Runtime>,
    place: Place,
}

impl Options {
    /// With a door that waits for nobody longer than three seconds.
    pub(crate) fn hasty() -> Self {
        Self {
            door: Duration::from_secs(3),
            ..Self::default()
        }
    }
}

impl House {
    pub(crate) fn open(options: Options) -> Self {
        let shared = PROCESS.read().unwrap_or_else(PoisonError::into_inner);
        Self::open_in(Place::Shared(shared), options)
    }

    /// The only one in this process, so that its memory can be measured.
    pub(crate) fn open_alone(options: Options) -> Self {
        let alone = PROCESS.write().unwrap_or_else(PoisonError::into_inner);
        Self::open_in(Place::Alone(alone), options)
    }

    fn open_in(place: Place, options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let _in_runtime = runtime.enter();
        let mut plain = ServerSetup::default();
        plain.config.door = DoorTimeouts {
            head: options.door,
            body: options.door,
            rtmp_setup: options.door,
        };
        let setup = ServerSetup {
            hub: weir_hub::Config {
                idle_timeout_ms: options.idle_timeout_ms,
                ..plain.hub
            },
            delivery: weir_serve::deliver::DeliveryConfig {
                stall_ms: options.stall_ms,
                ..plain.delivery
            },
            sockets: vec![Arc::new(Echo)],
            ..plain
        };
        let RunningServer {
            services,
            rtmp,
            http,
        } = setup.start();
        drop(_in_runtime);
        let mut house = Self {
            services,
            rtmp: rtmp[0],
            http: http[0],
            honest: None,
            runtime: Some(runtime),
            place,
        };
        let publisher = Publisher::start(house.rtmp, HONEST, options.picture_bytes);
        house.wait_live("honest");
        let watcher = Watcher::start(house.http, "/live/honest.flv");
        house.honest = Some((publisher, watcher));
        house.all_is_well();
        house
    }

    /// The honest viewer gets new frames, and has never missed one.
    pub(crate) fn all_is_well(&self) {
        let (_, watcher) = self.honest.as_ref().unwrap();
        watcher.expect_more(12);
    }

    pub(crate) fn wait_live(&self, stream: &str) {
        let name = weir_base::StreamName::new("", "live", stream).unwrap();
        until("the stream is live", 5, || {
            let stream = self.services.core.hub.find_live(&name).ok()?;
            stream.ring.newest_join()
        });
    }

    /// Bytes of this process in memory.
    pub(crate) fn resident_bytes(&self) -> usize {
        assert!(
            matches!(self.place, Place::Alone(_)),
            "others use memory too"
        );
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes * 1024
    }

    /// How often this code was counted.
    pub(crate) fn count(&self, code: Code, protocol: Protocol) -> u64 {
        let codes = self.services.core.hub.counters().codes();
        codes
            .filter(|(c, p, _)| (*c, *p) == (code, protocol))
            .map(|(_, _, count)| count)
            .sum()
    }

    /// Waits until this code was counted so often.
    pub(crate) fn wait_count(&self, code: Code, protocol: Protocol, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.count(code, protocol) < count {
            let all: Vec<_> = self.services.core.hub.counters().codes().collect();
            assert!(Instant::now() < deadline, "not {count} × {code}: {all:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.honest = None;
        self.services.core.shutdown.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

/// Looks until there is something to see; gives it.
pub(crate) fn until<T>(what: &str, within_s: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(within_s);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within_s} s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
