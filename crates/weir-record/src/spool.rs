//! The recordings of this node: a folder each, threads that write, and what a crash has left.
//!
//! Whoever records gives and goes on: what is given waits in a queue with limits of its own, and where that is full
//! the recording gets a hole. The threads may wait for the disk.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::{Clock, Id, Ids, StreamName};

use crate::block::HoleCause;
use crate::disk::Disk;
use crate::epoch::Epoch;
use crate::recording::{Around, Elsewhere, Facts, Recording};
use crate::writing::{Given, Writing};

/// Threads that write.
const THREADS: usize = 2;
/// Things that wait for one thread.
const QUEUE: usize = 4096;
/// Bytes of one recording that wait.
const MAX_WAITING_BYTES: usize = 32 << 20;
/// Bytes of all recordings that wait.
const MAX_ALL_WAITING_BYTES: usize = 512 << 20;
/// Between two times that what was written is made to outlive a loss of power.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// A publisher that comes back after a crash of this node so soon goes on with its recording, milliseconds.
const JOIN_WITHIN_MS: i64 = 60_000;
/// Recordings that nobody writes to whose tables stay in memory: a day of one is some megabytes.
const MAX_LOADED: usize = 64;

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    around: Arc<Around>,
    root: PathBuf,
    clock: Clock,
    ids: Ids,
    /// Everything that is on the disk.
    recordings: Mutex<HashMap<Id, Arc<Recording>>>,
    /// Those that were asked for lately, the latest last.
    asked: Mutex<VecDeque<Id>>,
    threads: Vec<SyncSender<Order>>,
    running: Mutex<Vec<JoinHandle<()>>>,
    waiting: Arc<AtomicUsize>,
}

enum Order {
    Begin(Id, Box<Writing>),
    Take(Id, Given, Waiting),
    /// Nothing more comes; the broadcast was over at this time, Unix milliseconds, if it is.
    End(Id, Option<i64>),
    /// The process ends.
    Stop,
}

/// Bytes that wait, until they do not.
struct Waiting {
    own: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.own.fetch_sub(self.bytes, Ordering::Relaxed);
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A stream that is being recorded. Dropping it ends the block, not the recording.
pub struct Tape {
    recording: Arc<Recording>,
    thread: SyncSender<Order>,
    waiting: Arc<AtomicUsize>,
    all_waiting: Arc<AtomicUsize>,
    /// Something could not be given: a hole is owed.
    is_behind: bool,
    ended_ms: Option<i64>,
}

impl Spool {
    /// The spool in this folder. What a crash has left there is mended: a block that was being written to ends
    /// behind its last whole piece.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(disk: Arc<dyn Disk>, root: &Path, clock: Clock) -> io::Result<Self> {
        disk.make_folder(root)?;
        let around = Around::new(disk.clone());
        let mut recordings = HashMap::new();
        for name in disk.list(root)? {
            let Ok(id) = name.parse::<Id>() else { continue };
            match open(&around, root, id) {
                Ok(Some(recording)) => drop(recordings.insert(id, Arc::new(recording))),
                Ok(None) => {
                    tracing::warn!(recording = %id, "its facts cannot be read: it is left alone");
                }
                Err(error) => tracing::warn!(recording = %id, "it cannot be read: {error}"),
            }
        }
        let begun: io::Result<Vec<_>> = (0..THREADS)
            .map(|number| {
                let (give, given) = sync_channel(QUEUE);
                let clock = clock.clone();
                let thread = thread::Builder::new().name(format!("record-{number}"));
                let running = thread.spawn(move || write(&given, &clock))?;
                Ok((give, running))
            })
            .collect();
        let (threads, running) = begun?.into_iter().unzip();
        Ok(Self(Arc::new(Inner {
            ids: Ids::new(clock.clone()),
            disk,
            around,
            root: root.to_owned(),
            clock,
            recordings: Mutex::new(recordings),
            asked: Mutex::default(),
            threads,
            running: Mutex::new(running),
            waiting: Arc::default(),
        })))
    }

    /// Goes on with the recording of this stream that a crash has left less than a minute ago, or begins one.
    /// Reads and writes the disk: not for the media path.
    ///
    /// # Errors
    /// The disk's, and where the system has no randomness.
    pub fn record(&self, name: &StreamName, epoch: Epoch) -> io::Result<Tape> {
        self.record_in(name, epoch, self.next_for(name)?)
    }

    /// What a broadcast of this stream goes into for all that this node knows: the recording that a crash has left less
    /// than a minute ago, or a new one. Reads the disk: not for the media path.
    ///
    /// # Errors
    /// The disk's, and where the system has no randomness.
    pub fn next_for(&self, name: &StreamName) -> io::Result<Id> {
        match self.left(name)? {
            Some(left) => Ok(left.id),
            None => self.0.ids.next().map_err(io::Error::other),
        }
    }

    /// Goes on with the recording of this id, or begins this node's part of it: it may have begun on another. Reads and
    /// writes the disk: not for the media path.
    ///
    /// # Errors
    /// The disk's; `InvalidInput` where it is of another stream.
    pub fn record_in(&self, name: &StreamName, epoch: Epoch, id: Id) -> io::Result<Tape> {
        let recording = match self.find(id) {
            Some(found) if found.is_of(name) => found,
            Some(_) => return Err(io::ErrorKind::InvalidInput.into()),
            None => self.create(name, id)?,
        };
        recording.go_on()?;
        self.tape(recording, epoch)
    }

    /// Begins a recording of this stream under an id that somebody else has chosen. Reads and writes the disk: not for
    /// the media path.
    ///
    /// # Errors
    /// The disk's; `AlreadyExists` where there is one of this id.
    pub fn record_as(&self, name: &StreamName, epoch: Epoch, id: Id) -> io::Result<Tape> {
        if self.has(id) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.record_in(name, epoch, id)
    }

    fn tape(&self, recording: Arc<Recording>, epoch: Epoch) -> io::Result<Tape> {
        let inner = &self.0;
        let writing = Writing::new(recording.clone(), inner.disk.clone(), epoch)?;
        let at = (recording.id.at_ms().unsigned_abs() as usize) % inner.threads.len().max(1);
        let thread = inner.threads.get(at).ok_or(io::ErrorKind::NotConnected)?;
        let begin = Order::Begin(recording.id, Box::new(writing));
        thread
            .send(begin)
            .map_err(|_| io::ErrorKind::NotConnected)?;
        recording.begin_tape();
        Ok(Tape {
            recording,
            thread: thread.clone(),
            waiting: Arc::default(),
            all_waiting: inner.waiting.clone(),
            is_behind: false,
            ended_ms: None,
        })
    }

    fn create(&self, name: &StreamName, id: Id) -> io::Result<Arc<Recording>> {
        let inner = &self.0;
        let facts = Facts {
            id,
            vhost: name.vhost().to_owned(),
            app: name.app().to_owned(),
            stream: name.stream().to_owned(),
            started_ms: inner.clock.wall_ms(),
            ended_ms: None,
            target_s: 0,
            stored_ms: None,
            is_shared: false,
            owned: Vec::new(),
        };
        let recording = Recording::create(&inner.around, &inner.root, facts)?;
        let recording = Arc::new(recording);
        inner
            .recordings
            .lock()
            .insert(recording.id, recording.clone());
        Ok(recording)
    }

    /// The recording of a stream that a crash has left and that may go on. Others of it are over.
    fn left(&self, name: &StreamName) -> io::Result<Option<Arc<Recording>>> {
        let mut found = None;
        for recording in self.all_left() {
            let facts = recording.facts();
            let is_its = facts.vhost == name.vhost()
                && facts.app == name.app()
                && facts.stream == name.stream();
            if is_its && !self.end_if_over(&recording)? {
                found = Some(recording);
            }
        }
        Ok(found)
    }

    /// Ends recordings that a crash has left and whose publisher did not come back.
    ///
    /// # Errors
    /// The disk's.
    pub fn sweep(&self) -> io::Result<()> {
        for recording in self.all_left() {
            self.end_if_over(&recording)?;
        }
        Ok(())
    }

    fn all_left(&self) -> Vec<Arc<Recording>> {
        let recordings = self.0.recordings.lock();
        let left = recordings.values().filter(|recording| recording.is_left());
        left.cloned().collect()
    }

    /// Ends one that was left too long ago to go on; whether it is over.
    fn end_if_over(&self, recording: &Recording) -> io::Result<bool> {
        let view = recording.view()?;
        let end_ms = (view.end_us() / 1000).max(view.facts.started_ms);
        let is_over = self.0.clock.wall_ms() - end_ms > JOIN_WITHIN_MS;
        if is_over {
            recording.note(|facts| facts.ended_ms = Some(end_ms))?;
        }
        Ok(is_over)
    }

    /// One of them.
    pub fn find(&self, id: Id) -> Option<Arc<Recording>> {
        let found = self.0.recordings.lock().get(&id).cloned()?;
        let mut asked = self.0.asked.lock();
        if asked.back() == Some(&id) {
            return Some(found);
        }
        asked.retain(|own| *own != id);
        asked.push_back(id);
        let rests = (asked.len() > MAX_LOADED).then(|| asked.pop_front());
        drop(asked);
        if let Some(rests) = rests.flatten()
            && let Some(recording) = self.0.recordings.lock().get(&rests)
        {
            recording.rest();
        }
        Some(found)
    }

    /// Blocks that are not on this disk are read there, from now on; said once.
    pub fn reads_elsewhere(&self, elsewhere: Arc<dyn Elsewhere>) {
        self.0.around.set_elsewhere(elsewhere);
    }

    /// Whether as much is here as may be: then no new block is begun, and recordings have holes.
    pub fn set_full(&self, is_full: bool) {
        self.0.around.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Whether the disk had no room since this was asked last.
    pub fn wanted_room(&self) -> bool {
        self.0.around.wants_room.swap(false, Ordering::Relaxed)
    }

    /// Whether there is such a recording.
    pub fn has(&self, id: Id) -> bool {
        self.0.recordings.lock().contains_key(&id)
    }

    /// Those that are not over, in no order.
    pub fn unended(&self) -> Vec<Arc<Recording>> {
        let recordings = self.0.recordings.lock();
        let open = recordings.values().filter(|one| one.is_unended());
        open.cloned().collect()
    }

    /// Those of one stream, the newest first. Asks no disk.
    pub fn of_stream(&self, name: &StreamName) -> Vec<Arc<Recording>> {
        let recordings = self.0.recordings.lock();
        let its = recordings
            .values()
            .filter(|recording| recording.is_of(name));
        let mut its: Vec<_> = its.cloned().collect();
        drop(recordings);
        its.sort_by_key(|recording| std::cmp::Reverse(recording.id));
        its
    }

    /// The newest of a stream that is being written to. Asks no disk.
    pub fn taped(&self, name: &StreamName) -> Option<Arc<Recording>> {
        let recordings = self.0.recordings.lock();
        let taped = recordings
            .values()
            .filter(|recording| recording.is_taped() && recording.is_of(name));
        taped.max_by_key(|recording| recording.id).cloned()
    }

    /// All of them, the newest first.
    pub fn all(&self) -> Vec<Arc<Recording>> {
        let mut all: Vec<_> = self.0.recordings.lock().values().cloned().collect();
        all.sort_by_key(|recording| std::cmp::Reverse(recording.id));
        all
    }

    /// Takes a recording away, for good; fine where it is gone.
    ///
    /// # Errors
    /// `ResourceBusy` while somebody writes to it. The disk's: then it is gone from here until the next start.
    pub fn remove(&self, id: Id) -> io::Result<()> {
        let mut recordings = self.0.recordings.lock();
        if recordings.get(&id).is_some_and(|one| one.is_taped()) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        recordings.remove(&id);
        drop(recordings);
        self.0.disk.remove(&self.0.root.join(id.to_string()))
    }

    /// Writes what was given until now, closes all blocks, and takes nothing more. Waits for the disk.
    pub fn close(&self) {
        for thread in &self.0.threads {
            let _ = thread.send(Order::Stop);
        }
        let running = std::mem::take(&mut *self.0.running.lock());
        for thread in running {
            if thread.join().is_err() {
                tracing::error!("a thread that writes recordings panicked");
            }
        }
    }
}

impl Tape {
    /// What it writes to.
    pub fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    /// Bytes given that are not on the disk yet.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Gives what comes next. Never waits: where the disk does not keep up, it is missing.
    pub fn give(&mut self, given: Given) {
        if self.is_behind {
            self.is_behind = !self.try_give(Given::Missing(HoleCause::Slow));
        }
        if !self.is_behind {
            self.is_behind = !self.try_give(given);
        }
    }

    fn try_give(&self, given: Given) -> bool {
        let bytes = match &given {
            Given::Init { bytes, .. } => bytes.len(),
            Given::Part(part) => part.bytes.len(),
            Given::SegmentEnd { .. } | Given::Missing(_) | Given::Target(_) => 0,
        };
        let own = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all = self.all_waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let waiting = Waiting {
            own: self.waiting.clone(),
            all: self.all_waiting.clone(),
            bytes,
        };
        if own > MAX_WAITING_BYTES || all > MAX_ALL_WAITING_BYTES {
            return false;
        }
        let order = Order::Take(self.recording.id, given, waiting);
        !matches!(self.thread.try_send(order), Err(TrySendError::Full(_)))
    }

    /// The broadcast is over: so is its recording, as soon as all of it is written.
    pub fn finish(mut self, ended_ms: i64) {
        self.ended_ms = Some(ended_ms);
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        let end = Order::End(self.recording.id, self.ended_ms);
        if let Err(TrySendError::Full(end)) = self.thread.try_send(end) {
            // Rare, and a thread of its own is better than a block that is never closed.
            let thread = self.thread.clone();
            let waits = thread::Builder::new().name("record-end".to_owned());
            let _ = waits.spawn(move || thread.send(end));
        }
    }
}

/// A recording as it lies on the disk, mended.
fn open(around: &Arc<Around>, root: &Path, id: Id) -> io::Result<Option<Recording>> {
    let recording = Recording::open(around, root, id)?;
    recording.iter().try_for_each(Recording::mend)?;
    Ok(recording)
}

/// A thread that writes, until nobody can give it anything.
fn write(given: &Receiver<Order>, clock: &Clock) {
    let mut writings: HashMap<Id, Box<Writing>> = HashMap::new();
    let mut synced_us = clock.now_us();
    let every_us = i64::try_from(SYNC_EVERY.as_micros()).unwrap_or(i64::MAX);
    loop {
        let order = given.recv_timeout(SYNC_EVERY);
        let now_us = clock.now_us();
        match order {
            Ok(Order::Begin(id, writing)) => drop(writings.insert(id, writing)),
            Ok(Order::Take(id, given, waiting)) => {
                if let Some(writing) = writings.get_mut(&id) {
                    writing.take(given, now_us);
                }
                drop(waiting);
            }
            Ok(Order::End(id, ended_ms)) => {
                if let Some(writing) = writings.remove(&id) {
                    end(writing, ended_ms);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
        if now_us - synced_us >= every_us {
            writings
                .values_mut()
                .for_each(|writing| writing.sync(now_us));
            synced_us = now_us;
        }
    }
    writings
        .into_values()
        .for_each(|writing| end(writing, None));
}

fn end(mut writing: Box<Writing>, ended_ms: Option<i64>) {
    let id = writing.recording().id;
    let ended = writing.end(ended_ms);
    writing.recording().end_tape();
    if let Err(error) = ended {
        tracing::warn!(recording = %id, "its end could not be written: {error}");
    }
}
