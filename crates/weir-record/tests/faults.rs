//! Recordings on a disk that loses, tears, fills and fails, by seeds that are printed: what was written whole stays,
//! whatever comes, and the disk's trouble is never the giver's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use weir_base::{Clock, StreamName};
use weir_record::disk::{Appended, Disk};
use weir_record::playlist::{Stretch, playlist};
use weir_record::{Epoch, Given, Part, Recording, Spool};

/// Segments of a broadcast.
const SEGMENTS: u64 = 90;
/// Parts of a segment.
const PARTS: u32 = 5;
const PART_US: u32 = 400_000;
const START_US: i64 = 1_800_000_000_000_000;

/// A disk in memory: what was not synced may be lost or torn, and each call may fail.
#[derive(Clone, Default)]
struct Simulated(Arc<Mutex<Platter>>);

#[derive(Default)]
struct Platter {
    files: BTreeMap<PathBuf, File>,
    seed: u64,
    /// Calls until one fails, if one is to.
    fails_in: Option<u32>,
    failure: Option<io::ErrorKind>,
}

#[derive(Default, Clone)]
struct File {
    bytes: Vec<u8>,
    synced: usize,
}

impl Platter {
    fn dice(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn call(&mut self) -> io::Result<()> {
        let Some(left) = &mut self.fails_in else {
            return Ok(());
        };
        *left = left.saturating_sub(1);
        match (*left, self.failure) {
            (0, Some(kind)) => Err(kind.into()),
            _ => Ok(()),
        }
    }

    /// The power goes: of what was not synced, some bytes are there, and the last of them may be anything.
    fn lose_power(&mut self) {
        let paths: Vec<PathBuf> = self.files.keys().cloned().collect();
        for path in paths {
            let Some(file) = self.files.get(&path).cloned() else {
                continue;
            };
            let unsynced = file.bytes.len() - file.synced;
            let kept = file.synced + self.dice(unsynced as u64 + 1) as usize;
            let torn = self.dice(64) as usize;
            let mut bytes = file.bytes[..kept].to_vec();
            let from = file.synced.max(kept.saturating_sub(torn));
            for byte in &mut bytes[from..] {
                *byte ^= self.dice(256) as u8;
            }
            self.files.insert(
                path,
                File {
                    synced: bytes.len(),
                    bytes,
                },
            );
        }
        self.fails_in = None;
    }
}

impl Disk for Simulated {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        self.0.lock().call()
    }

    fn create(&self, path: &Path, _: u64) -> io::Result<Box<dyn Appended>> {
        let mut platter = self.0.lock();
        platter.call()?;
        if platter.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        platter.files.insert(path.to_owned(), File::default());
        Ok(Box::new(Open(self.clone(), path.to_owned())))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.call()?;
        let file = File {
            bytes: bytes.to_vec(),
            synced: bytes.len(),
        };
        platter.files.insert(path.to_owned(), file);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.call()?;
        let file = platter.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        platter.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn cut(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.call()?;
        let file = platter.files.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
        file.bytes.truncate(len as usize);
        file.synced = file.bytes.len();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().files.retain(|own, _| !own.starts_with(path));
        Ok(())
    }

    fn read(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
        let platter = self.0.lock();
        let file = platter.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let end = (range.end as usize).min(file.bytes.len());
        let start = (range.start as usize).min(end);
        Ok(Bytes::copy_from_slice(&file.bytes[start..end]))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let platter = self.0.lock();
        let file = platter.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.bytes.len() as u64)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let platter = self.0.lock();
        let below = platter
            .files
            .keys()
            .filter_map(|path| path.strip_prefix(folder).ok());
        let first = below.filter_map(|path| path.iter().next()?.to_str().map(str::to_owned));
        let mut names: Vec<String> = first.collect();
        names.dedup();
        Ok(names)
    }
}

struct Open(Simulated, PathBuf);

impl Appended for Open {
    fn close(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut platter = self.0.0.lock();
        let failed = platter.call();
        let bytes = pieces.concat();
        let written = match &failed {
            Ok(()) => bytes.len(),
            Err(_) => platter.dice(bytes.len() as u64) as usize,
        };
        let file = platter
            .files
            .get_mut(&self.1)
            .ok_or(io::ErrorKind::NotFound)?;
        file.bytes.extend_from_slice(&bytes[..written]);
        failed
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut platter = self.0.0.lock();
        platter.call()?;
        // A file may have another name by now: then it is synced already.
        if let Some(file) = platter.files.get_mut(&self.1) {
            file.synced = file.bytes.len();
        }
        Ok(())
    }
}

/// What part `index` of segment `msn` holds: nothing else has these bytes.
fn media(msn: u64, index: u32) -> Bytes {
    let word = format!("{msn:08}/{index:02};");
    word.repeat(20 + (msn as usize * 7 + index as usize * 13) % 90)
        .into()
}

fn parts_of(msn: u64) -> Vec<Given> {
    let wall_us = |index: u32| {
        START_US + msn as i64 * i64::from(PARTS * PART_US) + i64::from(index * PART_US)
    };
    let part = |index| {
        Given::Part(Part {
            msn,
            index,
            wall_us: wall_us(index),
            duration_us: PART_US,
            init_id: 0,
            is_independent: index == 0,
            is_discontinuity: false,
            bytes: media(msn, index),
        })
    };
    let end = Given::SegmentEnd {
        msn,
        duration_us: PARTS * PART_US,
        pictures: 50,
    };
    (0..PARTS).map(part).chain([end]).collect()
}

fn name() -> StreamName {
    StreamName::new("", "live", "a").unwrap()
}

fn init() -> Given {
    Given::Init {
        id: 0,
        bytes: Bytes::from_static(b"init"),
    }
}

fn open(disk: &Simulated, clock: &Clock) -> Spool {
    Spool::open(Arc::new(disk.clone()), Path::new("/spool"), clock.clone()).unwrap()
}

/// Everything that the threads were given is on the disk, or is not for good.
fn settled(recording: &Recording, mut is_done: impl FnMut(&Recording) -> bool) {
    for _ in 0..2_000 {
        if is_done(recording) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the threads do not end: {:?}", recording.view());
}

/// Every segment that is listed is whole; gives their numbers.
fn check(recording: &Recording) -> Vec<u64> {
    let view = recording.view().unwrap();
    let mut listed = Vec::new();
    for (block, segment) in view.segments() {
        let bytes = recording.media(block, segment).unwrap().concat();
        let parts = bytes.len();
        let whole: Vec<u8> = (0..PARTS)
            .flat_map(|index| media(segment.msn, index))
            .collect();
        assert!(
            whole.starts_with(&bytes) && parts > 0,
            "segment {}",
            segment.msn
        );
        let of = recording
            .read(block, block.table.init(segment.init_id).unwrap())
            .unwrap();
        assert_eq!(&of[..], b"init");
        listed.push(segment.msn);
    }
    assert!(
        listed.windows(2).all(|pair| pair[0] < pair[1]),
        "{listed:?}"
    );
    let text = playlist(&view, Stretch::ALL);
    assert_eq!(text.matches("#EXTINF:").count(), listed.len());
    listed
}

fn seeds() -> impl Iterator<Item = u64> {
    let first = std::env::var("WEIR_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let count = if first.is_some() { 1 } else { 150 };
    let first: u64 = first.unwrap_or(1);
    first..first + count
}

#[test]
fn whatever_moment_the_power_goes_what_was_synced_is_there_and_all_that_is_there_is_whole() {
    for seed in seeds() {
        let disk = Simulated::default();
        disk.0.lock().seed = seed;
        let clock = Clock::manual(START_US);
        let spool = open(&disk, &clock);
        let mut tape = spool.record(&name(), Epoch::new("e1").unwrap()).unwrap();
        tape.give(init());
        let given = disk.0.lock().dice(SEGMENTS) + 1;
        for msn in 0..given {
            parts_of(msn).into_iter().for_each(|part| tape.give(part));
        }
        let torn_at = disk.0.lock().dice(u64::from(PARTS));
        parts_of(given)
            .into_iter()
            .take(torn_at as usize)
            .for_each(|part| tape.give(part));
        settled(tape.recording(), |recording| {
            recording.view().unwrap().segments().count() as u64 == given
        });
        let id = tape.recording().id;
        // Nobody ends anything: the machine is simply gone. The threads of the old spool write no more.
        let picture: HashMap<PathBuf, File> = disk.0.lock().files.clone().into_iter().collect();
        let after = Simulated::default();
        {
            let mut platter = after.0.lock();
            platter.seed = seed;
            platter.files = picture.into_iter().collect();
            platter.lose_power();
        }
        let synced: u64 = after.0.lock().files.len() as u64;
        assert!(synced >= 1, "seed {seed}");
        let spool = open(&after, &clock);
        let recording = spool.find(id).unwrap_or_else(|| panic!("seed {seed}"));
        let listed = check(&recording);
        assert!(
            listed.iter().copied().eq(0..listed.len() as u64),
            "seed {seed}: {listed:?}"
        );

        // Who comes back goes on with it.
        let mut tape = spool.record(&name(), Epoch::new("e2").unwrap()).unwrap();
        assert_eq!(tape.recording().id, id, "seed {seed}");
        tape.give(init());
        for msn in 500..503 {
            parts_of(msn).into_iter().for_each(|part| tape.give(part));
        }
        let recording = tape.recording().clone();
        tape.finish(clock.wall_ms());
        settled(&recording, |recording| recording.facts().ended_ms.is_some());
        assert_eq!(check(&recording).len(), listed.len() + 3, "seed {seed}");
    }
}

#[test]
fn a_disk_that_fails_or_is_full_makes_a_hole_with_its_reason_and_is_tried_again() {
    for seed in seeds() {
        for (kind, cause) in [
            (io::ErrorKind::StorageFull, "full"),
            (io::ErrorKind::Other, "failed"),
        ] {
            let disk = Simulated::default();
            disk.0.lock().seed = seed;
            let clock = Clock::manual(START_US);
            let spool = open(&disk, &clock);
            let mut tape = spool.record(&name(), Epoch::new("e1").unwrap()).unwrap();
            tape.give(init());
            let recording = tape.recording().clone();
            let count = |recording: &Recording| recording.view().unwrap().segments().count();
            for msn in 0..3 {
                parts_of(msn).into_iter().for_each(|part| tape.give(part));
            }
            settled(&recording, |recording| count(recording) == 3);
            {
                let mut platter = disk.0.lock();
                platter.fails_in = Some(1 + platter.dice(12) as u32);
                platter.failure = Some(kind);
            }
            for msn in 3..12 {
                parts_of(msn).into_iter().for_each(|part| tape.give(part));
            }
            // It works again, and the pause is over.
            settled(&recording, |_| disk.0.lock().fails_in == Some(0));
            tape.give(Given::Target(2));
            std::thread::yield_now();
            disk.0.lock().fails_in = None;
            clock.advance_us(40_000_000);
            let mut msn = 12;
            settled(&recording, |recording| {
                recording.view().unwrap().holes().count() > 0 || {
                    parts_of(msn).into_iter().for_each(|part| tape.give(part));
                    msn += 1;
                    false
                }
            });
            let view = recording.view().unwrap();
            let holes: Vec<_> = view.holes().map(|hole| hole.cause.name()).collect();
            assert!(holes.contains(&cause), "seed {seed}: {holes:?}");
            tape.finish(clock.wall_ms());
            settled(&recording, |recording| recording.facts().ended_ms.is_some());
            let listed = check(&recording);
            assert!(listed.len() >= 4, "seed {seed}: {listed:?}");
            let text = playlist(&recording.view().unwrap(), Stretch::ALL);
            assert!(
                text.contains("#EXT-X-DISCONTINUITY\n"),
                "seed {seed}: {text}"
            );
            // After a restart it is the same.
            let again = open(&disk, &clock);
            assert_eq!(
                check(&again.find(recording.id).unwrap()),
                listed,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn whoever_gives_does_not_wait_for_a_disk_that_hangs() {
    /// A disk on which nothing comes to an end.
    #[derive(Clone)]
    struct Hung(Simulated, Arc<Mutex<()>>);
    impl Disk for Hung {
        fn make_folder(&self, path: &Path) -> io::Result<()> {
            self.0.make_folder(path)
        }
        fn create(&self, _: &Path, _: u64) -> io::Result<Box<dyn Appended>> {
            let _held = self.1.lock();
            Err(io::ErrorKind::TimedOut.into())
        }
        fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
            self.0.replace(path, bytes)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.0.rename(from, to)
        }
        fn cut(&self, path: &Path, len: u64) -> io::Result<()> {
            self.0.cut(path, len)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            self.0.remove(path)
        }
        fn read(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
            self.0.read(path, range)
        }
        fn len(&self, path: &Path) -> io::Result<u64> {
            self.0.len(path)
        }
        fn list(&self, path: &Path) -> io::Result<Vec<String>> {
            self.0.list(path)
        }
    }
    let hung = Hung(Simulated::default(), Arc::default());
    let held = hung.1.clone();
    let hangs = held.lock();
    let clock = Clock::manual(START_US);
    let spool = Spool::open(Arc::new(hung), Path::new("/spool"), clock).unwrap();
    let mut tape = spool.record(&name(), Epoch::new("e1").unwrap()).unwrap();
    tape.give(init());
    let large = Bytes::from(vec![7; 1 << 20]);
    // Far more than may wait: this returns although the disk does not.
    for msn in 0..200 {
        for given in parts_of(msn) {
            tape.give(match given {
                Given::Part(part) => Given::Part(Part {
                    bytes: large.clone(),
                    ..part
                }),
                other => other,
            });
        }
    }
    drop(hangs);
}
