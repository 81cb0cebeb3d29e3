//! Slices of blocks on a disk, bounded, apart from what is live: each is fetched once however many ask, and the ones go
//! that nobody asked for longest. Asked by threads that may wait.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use weir_base::Id;
use weir_record::block::BlockName;

/// Some bytes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slice {
    /// Of which recording.
    pub id: Id,
    /// Of which block of it.
    pub name: BlockName,
    /// From this byte on.
    pub start: u32,
    /// Up to this one.
    pub end: u32,
}

impl Slice {
    /// This place of this block.
    pub const fn new(id: Id, name: BlockName, place: &std::ops::Range<u32>) -> Self {
        Self {
            id,
            name,
            start: place.start,
            end: place.end,
        }
    }

    /// Bytes that it has.
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start) as u64
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A folder of slices, and what is known of each; many threads ask it at once.
#[derive(Debug)]
pub struct SliceCache {
    folder: PathBuf,
    most_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<Slice, Kept>,
    /// By when they were asked for last.
    order: BTreeMap<u64, Slice>,
    bytes: u64,
    /// Counts what is asked for, and names files.
    count: u64,
    flights: HashMap<Slice, Arc<Flight>>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    file: u64,
    asked: u64,
    len: u64,
    checksum: u32,
}

/// A slice on its way, for all who wait.
#[derive(Debug, Default)]
struct Flight {
    landed: Mutex<Option<Result<Bytes, (io::ErrorKind, String)>>>,
    has_landed: Condvar,
}

impl SliceCache {
    /// In this folder, which is emptied first: at most so many bytes; 0 for none at all.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(folder: &Path, most_bytes: u64) -> io::Result<Self> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if most_bytes > 0 {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            most_bytes,
            state: Mutex::default(),
        })
    }

    /// Bytes that are kept now.
    pub fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Whether a slice is here or on its way.
    pub fn has(&self, slice: &Slice) -> bool {
        let state = self.state.lock();
        state.kept.contains_key(slice) || state.flights.contains_key(slice)
    }

    /// A slice that is here.
    pub fn kept(&self, slice: &Slice) -> Option<Bytes> {
        let kept = self.state.lock().touch(slice)?;
        let bytes = self.read(kept);
        if bytes.is_none() {
            self.forget(&mut self.state.lock(), slice);
        }
        bytes
    }

    /// A slice: from here, from whoever fetches it already, or by `fetch`.
    ///
    /// # Errors
    /// What `fetch` says, to all who waited for it.
    pub fn get(
        &self,
        slice: Slice,
        fetch: impl FnOnce() -> io::Result<Bytes>,
    ) -> io::Result<Bytes> {
        if let Some(bytes) = self.kept(&slice) {
            return Ok(bytes);
        }
        let mut state = self.state.lock();
        if let Some(flight) = state.flights.get(&slice).cloned() {
            drop(state);
            return flight.wait();
        }
        let flight = Arc::new(Flight::default());
        state.flights.insert(slice, flight.clone());
        drop(state);
        // Lands whatever happens, or those who wait would wait for ever.
        let landing = Landing {
            cache: self,
            slice,
            flight,
        };
        let fetched = fetch();
        if let Ok(bytes) = &fetched {
            self.keep(slice, bytes);
        }
        landing.land(&fetched);
        fetched
    }

    /// What is kept of a recording goes.
    pub fn forget_recording(&self, id: Id) {
        let mut state = self.state.lock();
        let slices: Vec<Slice> = state
            .kept
            .keys()
            .filter(|one| one.id == id)
            .copied()
            .collect();
        for slice in slices {
            self.forget(&mut state, &slice);
        }
    }

    fn read(&self, kept: Kept) -> Option<Bytes> {
        let bytes = std::fs::read(self.path(kept.file)).ok()?;
        let is_whole = bytes.len() as u64 == kept.len && crc32fast::hash(&bytes) == kept.checksum;
        is_whole.then(|| bytes.into())
    }

    /// A disk that does not take it is no reason not to answer.
    fn keep(&self, slice: Slice, bytes: &Bytes) {
        let len = bytes.len() as u64;
        if len > self.most_bytes / 2 {
            return;
        }
        let file = {
            let mut state = self.state.lock();
            while state.bytes + len > self.most_bytes {
                let Some((_, oldest)) = state.order.first_key_value() else {
                    break;
                };
                let oldest = *oldest;
                self.forget(&mut state, &oldest);
            }
            // The room is taken before it is written to, so that all who write keep below the bound together.
            state.bytes += len;
            state.next()
        };
        let written = std::fs::write(self.path(file), bytes);
        let mut state = self.state.lock();
        if let Err(error) = written {
            state.bytes -= len;
            tracing::debug!("a slice of a recording is not kept: {error}");
            let _ = std::fs::remove_file(self.path(file));
            return;
        }
        let asked = state.next();
        let kept = Kept {
            file,
            asked,
            len,
            checksum: crc32fast::hash(bytes),
        };
        state.order.insert(asked, slice);
        if let Some(before) = state.kept.insert(slice, kept) {
            state.order.remove(&before.asked);
            state.bytes -= before.len;
            let _ = std::fs::remove_file(self.path(before.file));
        }
    }

    fn forget(&self, state: &mut State, slice: &Slice) {
        if let Some(kept) = state.kept.remove(slice) {
            state.order.remove(&kept.asked);
            state.bytes -= kept.len;
            // One that stays is emptied away with the next start.
            let _ = std::fs::remove_file(self.path(kept.file));
        }
    }

    fn path(&self, file: u64) -> PathBuf {
        self.folder.join(format!("{file:016x}"))
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn touch(&mut self, slice: &Slice) -> Option<Kept> {
        let asked = self.next();
        let kept = self.kept.get_mut(slice)?;
        self.order.remove(&kept.asked);
        kept.asked = asked;
        self.order.insert(asked, *slice);
        Some(*kept)
    }
}

impl Flight {
    fn wait(&self) -> io::Result<Bytes> {
        let mut landed = self.landed.lock();
        loop {
            match &*landed {
                Some(Ok(bytes)) => return Ok(bytes.clone()),
                Some(Err((kind, words))) => return Err(io::Error::new(*kind, words.clone())),
                None => self.has_landed.wait(&mut landed),
            }
        }
    }

    fn land(&self, outcome: Result<Bytes, (io::ErrorKind, String)>) {
        self.landed.lock().get_or_insert(outcome);
        self.has_landed.notify_all();
    }
}

/// Whoever fetches, for as long as it does.
struct Landing<'a> {
    cache: &'a SliceCache,
    slice: Slice,
    flight: Arc<Flight>,
}

impl Landing<'_> {
    fn land(&self, fetched: &io::Result<Bytes>) {
        let told = match fetched {
            Ok(bytes) => Ok(bytes.clone()),
            Err(error) => Err((error.kind(), error.to_string())),
        };
        self.flight.land(told);
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.cache.state.lock().flights.remove(&self.slice);
        let words = "whoever fetched it was broken off".to_owned();
        self.flight.land(Err((io::ErrorKind::Interrupted, words)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    use weir_record::Epoch;

    use super::*;

    fn slice(start: u32) -> Slice {
        Slice {
            id: Id::first_of(1),
            name: BlockName {
                epoch: Epoch::new("e").unwrap(),
                number: 0,
            },
            start,
            end: start + 100,
        }
    }

    fn bytes(fill: u8) -> io::Result<Bytes> {
        Ok(vec![fill; 100].into())
    }

    #[test]
    fn the_ones_go_that_nobody_asked_for_longest_and_the_disk_has_no_more_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SliceCache::open(&folder.path().join("c"), 1000).unwrap();
        for n in 0..10 {
            cache.get(slice(n), || bytes(n as u8)).unwrap();
        }
        cache.get(slice(0), || panic!("it is here")).unwrap();
        for n in 10..14 {
            cache.get(slice(n), || bytes(n as u8)).unwrap();
        }
        assert_eq!(cache.bytes(), 1000);
        let files = std::fs::read_dir(folder.path().join("c")).unwrap().count();
        assert_eq!(files, 10);
        assert_eq!(
            cache
                .get(slice(0), || panic!("it was asked for lately"))
                .unwrap()[0],
            0
        );
        assert_eq!(
            cache.get(slice(1), || bytes(77)).unwrap()[0],
            77,
            "it is gone"
        );
    }

    #[test]
    fn what_the_disk_has_changed_is_fetched_anew() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SliceCache::open(folder.path(), 1000).unwrap();
        cache.get(slice(0), || bytes(1)).unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::write(entry.unwrap().path(), vec![2; 100]).unwrap();
        }
        assert_eq!(cache.get(slice(0), || bytes(1)).unwrap()[0], 1);
        assert_eq!(cache.get(slice(0), || panic!("it is here")).unwrap()[0], 1);
        cache.forget_recording(Id::first_of(1));
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn many_who_ask_at_once_fetch_once_and_hear_of_a_failure_together() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SliceCache::open(folder.path(), 1000).unwrap();
        for fails in [true, false] {
            let (fetches, begun) = (AtomicU32::new(0), Barrier::new(2));
            let outcomes: Vec<io::Result<Bytes>> = std::thread::scope(|scope| {
                let first = scope.spawn(|| {
                    cache.get(slice(0), || {
                        fetches.fetch_add(1, Ordering::Relaxed);
                        begun.wait();
                        // Until all others wait.
                        let flight = cache.state.lock().flights.get(&slice(0)).cloned().unwrap();
                        while Arc::strong_count(&flight) < 3 + 7 {
                            std::thread::yield_now();
                        }
                        match fails {
                            true => Err(io::ErrorKind::HostUnreachable.into()),
                            false => bytes(1),
                        }
                    })
                });
                begun.wait();
                let ask = || cache.get(slice(0), || panic!("it is on its way"));
                let others: Vec<_> = (0..7).map(|_| scope.spawn(ask)).collect();
                let mut outcomes = vec![first.join().unwrap()];
                outcomes.extend(others.into_iter().map(|one| one.join().unwrap()));
                outcomes
            });
            assert_eq!(fetches.load(Ordering::Relaxed), 1);
            assert!(outcomes.iter().all(|outcome| outcome.is_err() == fails));
        }
    }
}
