//! Records the streams that this node owns: one more reader of each packager, which gives what was made to a tape
//! and goes on. It makes nobody wait, and nothing is muxed or encoded again.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::{Id, StreamName};
use weir_hub::{Notice, Stream, What};
use weir_media::hls::{Container, RecordedFrom, Selection};
use weir_record::{Epoch, Facts, Given, Spool, Tape};

use crate::config::RecordDefault;
use crate::core::Core;
use crate::packaging::{Packaging, Packagings, Workshop};

/// Between two looks for recordings that were left.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Says of an app whether its streams are recorded of which their publishers say nothing; `None` where it says nothing.
pub type AppRecords = Box<dyn Fn(&str) -> Option<bool> + Send + Sync>;

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    core: Core,
    packagings: Packagings,
    spool: Spool,
    /// Whether an app's streams are recorded of which their publishers say nothing; `None`: as this node does.
    is_recorded: AppRecords,
    /// Which lives of streams are recorded.
    running: Mutex<HashMap<usize, Weak<Stream>>>,
}

impl Recorder {
    /// Records streams of `core` as `packagings` have them into `spool`.
    pub(crate) fn new(
        core: Core,
        packagings: Packagings,
        spool: Spool,
        is_recorded: AppRecords,
    ) -> Self {
        Self(Arc::new(Inner {
            core,
            packagings,
            spool,
            is_recorded,
            running: Mutex::default(),
        }))
    }

    /// Records until the process stops.
    pub(crate) async fn run(self) {
        let core = &self.0.core;
        let mut events = core.hub.events();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        self.reconcile();
        loop {
            let notice = tokio::select! {
                notice = events.next() => notice,
                _ = sweep.tick() => {
                    self.sweep().await;
                    continue;
                }
                () = core.shutdown.stopping() => return,
            };
            match notice {
                Notice::Event(event) => match event.what {
                    What::Began(_) | What::Returned(_) | What::TakenOver(_) => {
                        if let Some(stream) = core.hub.find(&event.name) {
                            self.look(&stream);
                        }
                    }
                    What::Tracks(_) | What::Ended(_) | What::Forgotten => {}
                },
                Notice::Lost(_) => self.reconcile(),
            }
        }
    }

    /// Recordings that a crash has left end when nobody comes back.
    async fn sweep(&self) {
        let spool = self.0.spool.clone();
        let swept = tokio::task::spawn_blocking(move || spool.sweep()).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!("recordings that were left could not be ended: {error}");
        }
    }

    fn reconcile(&self) {
        for stream in self.0.core.hub.streams() {
            self.look(&stream);
        }
    }

    /// Begins to record a stream that is to be recorded and is not yet.
    fn look(&self, stream: &Arc<Stream>) {
        if !self.is_wanted(stream) {
            return;
        }
        let mut running = self.0.running.lock();
        running.retain(|_, stream| stream.strong_count() > 0);
        let key = Arc::as_ptr(stream) as usize;
        if running.insert(key, Arc::downgrade(stream)).is_some() {
            return;
        }
        drop(running);
        let follow = self.clone().follow(stream.clone(), None);
        self.0.core.tasks.spawn("record", follow);
    }

    /// Whether a stream is to be recorded: as its publisher's address says, and otherwise as this node does. A copy
    /// of another node's stream is recorded there.
    fn is_wanted(&self, stream: &Stream) -> bool {
        let core = &self.0.core;
        let Some(publisher) = stream.publisher().filter(|one| !one.is_replaceable) else {
            return false;
        };
        let client = core.hub.clients().find(publisher.id);
        let wishes = client.and_then(|client| client.wishes.clone());
        match wishes.as_ref().and_then(|wishes| wishes.record.as_ref()) {
            Some(wish) => !wish.forms.is_empty(),
            None => {
                let of_node = || core.config.load().record.default == RecordDefault::On;
                (self.0.is_recorded)(stream.name.app()).unwrap_or_else(of_node)
            }
        }
    }

    /// Records a live stream of this node from now on, under this id, whatever is said of it; whether it is here, and not
    /// recorded already.
    pub fn start(&self, name: &StreamName, id: Id) -> bool {
        let core = &self.0.core;
        let stream = core.hub.find_live(name).ok();
        let own = |stream: &Arc<Stream>| stream.publisher().is_some_and(|one| !one.is_replaceable);
        let Some(stream) = stream.filter(own) else {
            return false;
        };
        let is_its = |facts: Facts| {
            (&*facts.vhost, &*facts.app, &*facts.stream)
                == (name.vhost(), name.app(), name.stream())
        };
        let open = self.0.spool.unended();
        if open
            .iter()
            .any(|one| one.id == id || (one.is_taped() && is_its(one.facts())))
        {
            return false;
        }
        let key = Arc::as_ptr(&stream) as usize;
        self.0.running.lock().insert(key, Arc::downgrade(&stream));
        core.tasks
            .spawn("record", self.clone().follow(stream, Some(id)));
        true
    }

    /// Records one life of a stream, from the oldest segment that there is until it is forgotten.
    async fn follow(self, stream: Arc<Stream>, id: Option<Id>) {
        let core = &self.0.core;
        let settings = core.config.load();
        let workshop = Workshop {
            settings: &settings.hls,
            clock: core.hub.clock(),
            tasks: &core.tasks,
            shutdown: &core.shutdown,
        };
        let packagings = &self.0.packagings;
        let packaging = packagings.open(workshop, &stream, Container::Fmp4, Selection::Both);
        drop(settings);
        let Some(epoch) = Epoch::new(&packaging.epoch) else {
            tracing::error!(stream = %stream.name, epoch = packaging.epoch, "not recorded: this is no epoch");
            return;
        };
        let (spool, name) = (self.0.spool.clone(), stream.name.clone());
        let open = move || match id {
            Some(id) => spool.record_as(&name, epoch, id),
            None => spool.record(&name, epoch),
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let mut tape = match opened {
            Ok(Ok(tape)) => tape,
            Ok(Err(error)) => {
                tracing::error!(stream = %stream.name, "not recorded: {error}; see record.folder");
                return;
            }
            Err(_) => return,
        };
        drop(stream);
        tracing::info!(stream = %packaging.stream.name, recording = %tape.recording().id, "recording");
        let mut pages = packaging.pages();
        let mut from = RecordedFrom::default();
        let mut target_s = 0;
        loop {
            let is_over = pages.borrow_and_update().ended;
            take(&packaging, &mut from, &mut tape, &mut target_s);
            if is_over || tape.recording().is_to_stop() {
                tape.finish(core.hub.clock().wall_ms());
                return;
            }
            tokio::select! {
                changed = pages.changed() => if changed.is_err() { return },
                () = core.shutdown.stopping() => {
                    take(&packaging, &mut from, &mut tape, &mut target_s);
                    return;
                }
            }
        }
    }
}

/// Gives the tape what the packager has made since.
fn take(packaging: &Packaging, from: &mut RecordedFrom, tape: &mut Tape, target_s: &mut u32) {
    packaging.with(|packager| {
        let promised = packager.promises().map_or(0, |promises| promises.target_s);
        let promised = u32::try_from(promised).unwrap_or(0);
        if promised > *target_s {
            *target_s = promised;
            tape.give(Given::Target(promised));
        }
        packager.recorded(from, |recorded| tape.give(recorded.into()));
    });
}
