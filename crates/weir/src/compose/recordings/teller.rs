//! Tells of the recordings of this node as they grow and end, and does with them what is to be done.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::{Clock, Id, Shutdown, StreamName};
use weir_events::{
    MAX_HOLES, RecordingAct, RecordingOrder, RecordingStep, SeenReach, ToldHole, ToldRecording,
    Witness,
};
use weir_record::{Recording, Spool, View};
use weir_serve::recorder::Recorder;

/// Between two looks at what is recorded.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What grew since it was told is told again after so long, milliseconds; a short one, when it grew by a quarter.
const TELL_EVERY_MS: i64 = 10_000;
/// What ended so long ago is told again when the node starts, milliseconds: an earlier life may not have come to it.
const RETELL_MS: i64 = 24 * 3_600_000;
/// Orders that wait: a node hears of at most so many at once, and again with its next report.
const MAX_ORDERS: usize = 1_000;

/// See the module's words. Clones share it.
#[derive(Clone)]
pub(in crate::compose) struct Teller(Arc<Inner>);

struct Inner {
    spool: Spool,
    witness: Witness,
    clock: Clock,
    /// Who begins recordings that somebody asks for.
    recorder: Option<Recorder>,
    /// Recordings go to the store.
    is_uploaded: bool,
    /// What was told of those that are not over, or not in the store yet.
    told: Mutex<HashMap<Id, ToldLast>>,
    orders: Mutex<HashMap<Id, RecordingOrder>>,
    /// Those of which something is new that says nothing by itself.
    anew: Mutex<HashSet<Id>>,
    ordered: Notify,
}

#[derive(Debug, Clone, Copy)]
struct ToldLast {
    at_ms: i64,
    duration_ms: i64,
    stored_bytes: i64,
    is_over: bool,
}

impl Teller {
    /// Of what is in `spool`, by `witness`.
    pub(in crate::compose) fn new(
        spool: Spool,
        witness: Witness,
        clock: Clock,
        recorder: Option<Recorder>,
        is_uploaded: bool,
    ) -> Self {
        let teller = Self(Arc::new(Inner {
            spool,
            witness,
            clock,
            recorder,
            is_uploaded,
            told: Mutex::default(),
            orders: Mutex::default(),
            anew: Mutex::default(),
            ordered: Notify::new(),
        }));
        let kept = teller.0.spool.clone();
        teller.0.witness.knows_reach(move |name| reach(&kept, name));
        let told = Arc::downgrade(&teller.0);
        teller.0.witness.keeps_recordings(move |order| {
            if let Some(inner) = told.upgrade() {
                inner.order(order.clone());
            }
        });
        teller
    }

    /// Has one told of again with the next look.
    pub(super) fn tell_anew(&self, id: Id) {
        let mut anew = self.0.anew.lock();
        if anew.len() < MAX_ORDERS {
            anew.insert(id);
        }
    }

    /// Tells until the process stops.
    pub(in crate::compose) async fn run(self, shutdown: Shutdown) {
        let mut is_first = true;
        loop {
            let inner = self.0.clone();
            let looked = tokio::task::spawn_blocking(move || inner.look(is_first)).await;
            match looked {
                Ok(Ok(())) => is_first = false,
                Ok(Err(error)) => tracing::warn!("what is recorded cannot be told: {error}"),
                Err(_) => tracing::error!("a look at what is recorded panicked"),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.0.ordered.notified() => {}
                () = shutdown.stopping() => return,
            }
        }
    }
}

impl Inner {
    fn order(&self, order: RecordingOrder) {
        let mut orders = self.orders.lock();
        if orders.len() < MAX_ORDERS {
            orders.insert(order.id, order);
        }
        drop(orders);
        self.ordered.notify_one();
    }

    /// Does what is ordered, and tells what is new. Asks the disk.
    fn look(&self, is_first: bool) -> io::Result<()> {
        let orders = std::mem::take(&mut *self.orders.lock());
        for (id, order) in orders {
            match order.act {
                RecordingAct::Start => self.start(&order),
                act => self.obey(id, act),
            }
        }
        let now_ms = self.clock.wall_ms();
        let mut open = self.spool.unended();
        let is_open: Vec<Id> = open.iter().map(|recording| recording.id).collect();
        let known: Vec<Id> = self.told.lock().keys().copied().collect();
        let ended = known.into_iter().filter(|id| !is_open.contains(id));
        open.extend(ended.filter_map(|id| self.spool.find(id)));
        if is_first {
            let lately = |recording: &Arc<Recording>| {
                let ended_ms = recording.facts().ended_ms;
                ended_ms.is_some_and(|ended_ms| now_ms - ended_ms < RETELL_MS)
            };
            open.extend(self.spool.all().into_iter().filter(lately));
        }
        for recording in open {
            self.tell(&recording, now_ms)?;
        }
        for id in std::mem::take(&mut *self.anew.lock()) {
            if let Some(recording) = self.spool.find(id) {
                self.witness.tell_recording(ToldRecording {
                    has_poster: recording.has_poster(),
                    ..told(&recording.glance()?, now_ms)
                });
            }
        }
        let mut told = self.told.lock();
        told.retain(|id, _| self.spool.has(*id));
        Ok(())
    }

    /// What cannot be begun is not told of, and whoever asked for it sees that nothing came of it.
    fn start(&self, order: &RecordingOrder) {
        let name = order
            .of
            .as_ref()
            .map(|of| StreamName::new(&of.vhost, &of.app, &of.stream));
        if let (Some(Ok(name)), Some(recorder)) = (name, &self.recorder)
            && !self.spool.has(order.id)
        {
            recorder.start(&name, order.id);
        }
    }

    fn obey(&self, id: Id, act: RecordingAct) {
        let found = self.spool.find(id);
        match act {
            RecordingAct::Stop => found.iter().for_each(|recording| recording.stop()),
            RecordingAct::Remove => match self.spool.remove(id) {
                Ok(()) => self.witness.tell_gone(id),
                // The order comes again until it is gone.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    found.iter().for_each(|recording| recording.stop());
                }
                Err(error) => tracing::warn!(recording = %id, "it cannot be taken away: {error}"),
            },
            RecordingAct::Share => {
                let shared = found.iter().try_for_each(|recording| recording.share());
                if let Err(error) = shared {
                    tracing::warn!(recording = %id, "that other nodes have parts of it cannot be written down: {error}");
                }
            }
            RecordingAct::Start | RecordingAct::Newer => {
                tracing::warn!(recording = %id, "a newer release wants what this one does not know");
            }
        }
    }

    fn tell(&self, recording: &Recording, now_ms: i64) -> io::Result<()> {
        let view = match recording.glance() {
            // It was taken away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            view => view?,
        };
        let last = self.told.lock().get(&recording.id).copied();
        let told = told(&view, now_ms);
        let is_over = told.ended_ms > 0;
        let mut steps = Vec::new();
        if last.is_none() {
            steps.push(Some(RecordingStep::Started));
        }
        if is_over && last.is_none_or(|last| !last.is_over) {
            steps.push(Some(match told.duration_ms {
                0 => RecordingStep::Failed,
                _ => RecordingStep::Ready,
            }));
        }
        if steps.is_empty() && last.is_some_and(|last| last.is_outdone(&told, now_ms)) {
            steps.push(None);
        }
        let is_done = is_over && (!self.is_uploaded || view.facts.stored_ms.is_some());
        let mut known = self.told.lock();
        if is_done {
            known.remove(&recording.id);
        } else if !steps.is_empty() {
            let now = ToldLast {
                at_ms: now_ms,
                duration_ms: told.duration_ms,
                stored_bytes: told.stored_bytes,
                is_over,
            };
            known.insert(recording.id, now);
        }
        drop(known);
        // What is in the store is told once more with its last block.
        if is_done && steps.is_empty() {
            steps.push(None);
        }
        if steps.is_empty() {
            return Ok(());
        }
        // Asked of the disk where it is told, and not at each look.
        let has_poster = recording.has_poster();
        for step in steps {
            self.witness.tell_recording(ToldRecording {
                step,
                has_poster,
                ..told.clone()
            });
        }
        Ok(())
    }
}

impl ToldLast {
    /// Whether so much is new that it is told.
    fn is_outdone(&self, told: &ToldRecording, now_ms: i64) -> bool {
        let is_more = told.duration_ms > self.duration_ms || told.stored_bytes > self.stored_bytes;
        let is_much = told.duration_ms > self.duration_ms + self.duration_ms / 4;
        is_much || (is_more && now_ms - self.at_ms >= TELL_EVERY_MS)
    }
}

/// What of a stream is recorded that is live. Asks no disk.
pub(super) fn reach(spool: &Spool, name: &StreamName) -> Option<SeenReach> {
    let taped = spool.taped(name)?;
    let (from_us, to_us) = taped.extent_us()?;
    Some(SeenReach {
        from_ms: from_us / 1000,
        to_ms: to_us / 1000,
        recording: taped.id,
    })
}

/// What is told of what there is.
pub(super) fn told(view: &View, now_ms: i64) -> ToldRecording {
    let facts = &view.facts;
    let holes = view.holes().take(MAX_HOLES).map(|hole| ToldHole {
        at_ms: hole.wall_us / 1000,
        duration_ms: i64::from(hole.duration_us) / 1000,
        cause: hole.cause.name().to_owned(),
    });
    let bytes = |is_wanted: fn(&weir_record::Block) -> bool| {
        let blocks = view.blocks.iter().filter(|block| is_wanted(block));
        blocks.map(|block| i64::from(block.table.len)).sum()
    };
    ToldRecording {
        id: facts.id,
        step: None,
        at_ms: now_ms,
        vhost: facts.vhost.clone(),
        app: facts.app.clone(),
        stream: facts.stream.clone(),
        started_ms: facts.started_ms,
        ended_ms: facts.ended_ms.unwrap_or(0),
        duration_ms: view.duration_us() / 1000,
        bytes: bytes(|_| true),
        stored_bytes: bytes(|block| block.is_stored),
        holes: holes.collect(),
        from_ms: view.segments().next().map_or(0, |(_, first)| first.wall_us) / 1000,
        to_ms: view.end_us() / 1000,
        owned_ms: facts.owned_from_ms().unwrap_or(0),
        has_poster: false,
    }
}
