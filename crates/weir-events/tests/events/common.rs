//! A node that owns streams, and one that writes down what happens to them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use weir_base::{Clock, Shutdown, StreamName, Tasks};
use weir_events::{Courier, Desk, DeskAnswer, EventWant, Log, NoOwners, Recorder, Report, Witness};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Hub, Protocol, Publisher};
use weir_link::walk::Unserved;
use weir_store::{Config, Store};

/// 14 November 2023, in microseconds.
pub(crate) const BEGIN_US: i64 = 1_700_000_000_000_000;
/// Longer than anything here takes: whoever waits so long waits for ever.
const NEVER: Duration = Duration::from_secs(20);

/// The node that writes.
pub(crate) struct Writer {
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) recorder: Recorder,
    pub(crate) tasks: Tasks,
    pub(crate) shutdown: Shutdown,
    pub(crate) dir: TempDir,
}

impl Writer {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_US);
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let log = Log::new(store.clone());
        tasks.spawn("log", log.clone().run(shutdown.clone()));
        let recorder = Recorder::new(store.clone(), log.clone(), Arc::new(NoOwners), "a");
        Self {
            clock,
            store,
            log,
            recorder,
            tasks,
            shutdown,
            dir,
        }
    }

    /// The first `count` events as `type cause`, when they are there.
    pub(crate) async fn told(&self, count: usize) -> Vec<String> {
        let last = i64::try_from(count).unwrap() - 1;
        tokio::time::timeout(NEVER, self.log.wait(last))
            .await
            .unwrap();
        let page = self.log.read(0, &EventWant::default(), 1000).await.unwrap();
        let words = page.entries.iter().map(|entry| {
            let (kind, cause) = (&entry.event.kind, entry.event.cause);
            format!("{kind} {cause}")
        });
        words.collect()
    }

    /// The process ends in order.
    pub(crate) async fn stop(&self) {
        self.shutdown.stop();
        tokio::time::timeout(NEVER, self.tasks.join())
            .await
            .unwrap();
    }
}

/// The node that owns streams.
pub(crate) struct Origin {
    pub(crate) hub: Hub,
    pub(crate) witness: Witness,
    pub(crate) spool: PathBuf,
}

impl Origin {
    pub(crate) fn new(writer: &Writer, heartbeat_ms: i64) -> Self {
        let spool = writer.dir.path().join("told.jsonl");
        let hub = Hub::new(weir_hub::Config::default(), writer.clock.clone());
        let witness =
            Witness::new((hub.clone(), true), spool.clone(), move |_| heartbeat_ms).unwrap();
        Self {
            hub,
            witness,
            spool,
        }
    }

    /// Tells `desk` what happens.
    pub(crate) fn run(&self, writer: &Writer, desk: Arc<dyn Desk>) {
        let (tasks, shutdown) = (&writer.tasks, &writer.shutdown);
        let witness = self.witness.clone().run(shutdown.clone());
        tasks.spawn("witness", witness);
        let courier = Courier::new(self.witness.clone(), desk);
        tasks.spawn("courier", courier.run(shutdown.clone()));
    }

    pub(crate) fn publish(&self, stream: &str, is_replaceable: bool) -> Publisher {
        let request = PublishRequest {
            name: StreamName::new("", "live", stream).unwrap(),
            protocol: Protocol::Rtmp,
            addr: "192.0.2.1:5".parse().unwrap(),
            grant: Grant {
                is_replaceable,
                takeover: true,
                ..Grant::default()
            },
        };
        self.hub.publish(request).unwrap()
    }
}

/// A desk that can be away.
pub(crate) struct Door {
    pub(crate) desk: Recorder,
    pub(crate) is_open: AtomicBool,
    pub(crate) asked: tokio::sync::Notify,
}

impl Desk for Door {
    fn take<'a>(&'a self, report: &'a Report) -> DeskAnswer<'a> {
        self.asked.notify_one();
        if self.is_open.load(Ordering::Acquire) {
            return Desk::take(&self.desk, report);
        }
        Box::pin(std::future::ready(Err(Unserved::Nobody)))
    }
}
