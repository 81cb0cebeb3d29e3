//! Records the streams that this node owns: one more reader of each packager, which gives what was made to a tape
//! and goes on. It makes nobody wait, and nothing is muxed or encoded again.

mod agreement;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::{Id, StreamName};
use weir_cluster::Name;
use weir_cluster::store::Store;
use weir_hub::{Notice, Stream, What};
use weir_media::hls::{Container, RecordedFrom, Selection};
use weir_record::{Epoch, Facts, Given, Spool, Tape};

use agreement::Agreement;

use crate::config::RecordDefault;
use crate::core::Core;
use crate::packaging::{Packaging, Packagings, Workshop};

/// Between two looks for recordings that were left, and two words to other nodes about those that go on.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Says of a stream whether it is recorded where its publisher says nothing, by its channel and its app; `None` where
/// these say nothing either.
pub type RecordRules = Box<dyn Fn(&StreamName) -> Option<bool> + Send + Sync>;

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    core: Core,
    packagings: Packagings,
    spool: Spool,
    agreement: Agreement,
    /// What channels and apps say.
    is_recorded: RecordRules,
    /// Which lives of streams are recorded.
    running: Mutex<HashMap<usize, Weak<Stream>>>,
}

impl Recorder {
    /// Records streams of `core` as `packagings` have them into `spool`. `others` is the registry that says what other
    /// nodes record, and this node's name there.
    pub(crate) fn new(
        core: Core,
        packagings: Packagings,
        spool: Spool,
        others: (Arc<dyn Store>, Name),
        is_recorded: RecordRules,
    ) -> Self {
        let clock = core.hub.clock().clone();
        Self(Arc::new(Inner {
            core,
            packagings,
            spool,
            agreement: Agreement::new(others.0, others.1, clock),
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
                    let kept = self.clone();
                    core.tasks.spawn("record-keep", async move { kept.0.agreement.keep().await });
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
        let is_running = running.insert(key, Arc::downgrade(stream)).is_some();
        drop(running);
        if is_running {
            // Its publisher was at another node meanwhile, maybe.
            let retake = self.clone().retake(stream.clone());
            self.0.core.tasks.spawn("record-retake", retake);
            return;
        }
        let follow = self.clone().follow(stream.clone(), None);
        self.0.core.tasks.spawn("record", follow);
    }

    /// Whether a stream is to be recorded: as its publisher's address says, else its channel, else its app, else this node;
    /// and never on a node that records nothing. A copy of another node's stream is recorded there.
    fn is_wanted(&self, stream: &Stream) -> bool {
        let core = &self.0.core;
        if self.is_never() {
            return false;
        }
        if stream.publisher().is_none_or(|one| one.is_replaceable) {
            return false;
        }
        let of_node = || core.config.load().record.default == RecordDefault::On;
        let of_others = || (self.0.is_recorded)(&stream.name).unwrap_or_else(of_node);
        self.said_by_publisher(stream).unwrap_or_else(of_others)
    }

    /// What a publisher's address says of being recorded, where it says something.
    fn said_by_publisher(&self, stream: &Stream) -> Option<bool> {
        let client = self.0.core.hub.clients().find(stream.publisher()?.id)?;
        let wish = client.wishes.as_ref()?.record.as_ref()?;
        Some(!wish.forms.is_empty())
    }

    /// Its operator wants nothing to be recorded here.
    fn is_never(&self) -> bool {
        self.0.core.config.load().record.default == RecordDefault::Never
    }

    /// Records a live stream of this node from now on, under this id, whatever its channel and app say; whether it is here,
    /// not recorded already, and its publisher's address does not say that nobody shall.
    pub fn start(&self, name: &StreamName, id: Id) -> bool {
        let core = &self.0.core;
        let stream = core.hub.find_live(name).ok();
        let own = |stream: &Arc<Stream>| stream.publisher().is_some_and(|one| !one.is_replaceable);
        let may = |stream: &Arc<Stream>| {
            !self.is_never() && self.said_by_publisher(stream) != Some(false)
        };
        let Some(stream) = stream.filter(own).filter(may) else {
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
        let mut tape = match self.open(&stream, epoch, id).await {
            Ok(Some(tape)) => tape,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(stream = %stream.name, "not recorded: {error}; see record.folder");
                return;
            }
        };
        let (name, life) = (stream.name.clone(), Arc::downgrade(&stream));
        drop(stream);
        let recording = tape.recording().clone();
        tracing::info!(stream = %name, recording = %recording.id, "recording");
        let mut pages = packaging.pages();
        let mut from = RecordedFrom::default();
        let mut target_s = 0;
        loop {
            let is_over = pages.borrow_and_update().ended;
            take(&packaging, &mut from, &mut tape, &mut target_s);
            if is_over || recording.is_to_stop() {
                break;
            }
            tokio::select! {
                changed = pages.changed() => if changed.is_err() { return },
                () = core.shutdown.stopping() => {
                    take(&packaging, &mut from, &mut tape, &mut target_s);
                    return;
                }
            }
        }
        let ended_ms = core.hub.clock().wall_ms();
        if recording.is_to_stop() {
            tape.finish(ended_ms);
            self.0.agreement.stop(&life).await;
        } else if self.0.agreement.end(&name, recording.id).await {
            tape.finish(ended_ms);
        } else if let Err(error) = blocking(move || recording.share()).await {
            tracing::warn!(stream = %name, "that other nodes have parts of a recording cannot be written down: {error}");
        }
    }

    /// A tape for a stream: into the recording of this id, or into what its broadcast goes into, whichever node began
    /// that. None where nothing more of it is to be recorded.
    async fn open(
        &self,
        stream: &Arc<Stream>,
        epoch: Epoch,
        id: Option<Id>,
    ) -> io::Result<Option<Tape>> {
        let (spool, name) = (self.0.spool.clone(), stream.name.clone());
        let agreement = &self.0.agreement;
        if let Some(id) = id {
            let said = agreement.begin(stream, id).await;
            let opened = blocking(move || {
                let tape = spool.record_as(&name, epoch, id)?;
                tape.recording().own_from(said.at_ms, epoch)?;
                Ok(Some(tape))
            });
            return opened.await;
        }
        let (reads, of) = (spool.clone(), name.clone());
        let own = blocking(move || reads.next_for(&of)).await?;
        let said = agreement.take(stream, own).await;
        let Some(agreed) = said.recording else {
            tracing::info!(stream = %name, "not recorded: somebody ended the recording of this broadcast");
            return Ok(None);
        };
        let opened = blocking(move || {
            let is_ours = agreed == own || spool.has(agreed);
            let tape = spool.record_in(&name, epoch, agreed)?;
            tape.recording().own_from(said.at_ms, epoch)?;
            if !is_ours {
                tape.recording().share()?;
            }
            Ok(Some(tape))
        });
        opened.await
    }

    /// The publisher of a stream that is recorded has come back to this node: from now on it counts again what this one
    /// records.
    async fn retake(self, stream: Arc<Stream>) {
        let spool = self.0.spool.clone();
        let Some(taped) = spool.taped(&stream.name) else {
            return;
        };
        let said = self.0.agreement.take(&stream, taped.id).await;
        if said.recording != Some(taped.id) {
            return;
        }
        let owned = blocking(move || match taped.last_epoch()? {
            Some(epoch) => taped.own_from(said.at_ms, epoch),
            None => Ok(()),
        });
        if let Err(error) = owned.await {
            tracing::warn!(stream = %stream.name, "that it came back cannot be written down: {error}");
        }
    }
}

/// Work that a disk may hold up, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).and_then(|done| done)
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
