//! Broadcasts of odd shapes, without threads and without a clock: what is given is in the list, in order.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use weir_base::Id;

use super::*;
use crate::playlist::{Stretch, playlist};
use crate::recording::{Around, Facts, View};

const S: i64 = 1_000_000;
const START_US: i64 = 1_800_000_000 * S;
const DAY_US: i64 = 86_400 * S;

/// A disk in memory that takes everything.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<HashMap<PathBuf, Vec<u8>>>>);

struct Growing(Memory, PathBuf);

impl Disk for Memory {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &Path, _: u64) -> io::Result<Box<dyn Appended>> {
        self.0.lock().insert(path.to_owned(), Vec::new());
        Ok(Box::new(Growing(self.clone(), path.to_owned())))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock();
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn cut(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut files = self.0.lock();
        files
            .entry(path.to_owned())
            .or_default()
            .truncate(len as usize);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().retain(|own, _| !own.starts_with(path));
        Ok(())
    }

    fn read(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
        let files = self.0.lock();
        let bytes = files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let end = (range.end as usize).min(bytes.len());
        let start = (range.start as usize).min(end);
        Ok(Bytes::copy_from_slice(&bytes[start..end]))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let files = self.0.lock();
        Ok(files.get(path).ok_or(io::ErrorKind::NotFound)?.len() as u64)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let files = self.0.lock();
        let within = files.keys().filter_map(|own| own.strip_prefix(path).ok());
        Ok(within.map(|own| own.display().to_string()).collect())
    }
}

impl Appended for Growing {
    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut files = self.0.0.lock();
        let bytes = files.entry(self.1.clone()).or_default();
        pieces
            .iter()
            .for_each(|piece| bytes.extend_from_slice(piece));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A broadcast that is being recorded.
struct Story {
    around: Arc<Around>,
    writing: Writing,
    init_id: u32,
    msn: u64,
    wall_us: i64,
}

impl Story {
    fn new() -> Self {
        let disk: Arc<dyn Disk> = Arc::new(Memory::default());
        let around = Around::new(disk.clone());
        let facts = Facts {
            id: Id::first_of(START_US / 1000),
            vhost: String::new(),
            app: "live".to_owned(),
            stream: "a".to_owned(),
            started_ms: START_US / 1000,
            ended_ms: None,
            target_s: 0,
            stored_ms: None,
            is_shared: false,
            owned: Vec::new(),
        };
        let recording = Recording::create(&around, Path::new("/"), facts).unwrap();
        let epoch = Epoch::new("e1").unwrap();
        let mut story = Self {
            writing: Writing::new(Arc::new(recording), disk, epoch).unwrap(),
            around,
            init_id: 0,
            msn: 0,
            wall_us: START_US,
        };
        story.codec(0);
        story
    }

    /// From here on another header is needed.
    fn codec(&mut self, init_id: u32) {
        self.init_id = init_id;
        let bytes = Bytes::from(format!("init {init_id}"));
        self.writing.take(Given::Init { id: init_id, bytes }, 0);
    }

    /// A segment of this length follows; another clock may begin with it.
    fn segment(&mut self, duration_us: i64, is_discontinuity: bool) {
        let duration_us = u32::try_from(duration_us).unwrap();
        let part = Part {
            msn: self.msn,
            index: 0,
            wall_us: self.wall_us,
            duration_us,
            init_id: self.init_id,
            is_independent: true,
            is_discontinuity,
            bytes: Bytes::from(format!("segment {}", self.msn)),
        };
        self.writing.take(Given::Part(part), 0);
        let end = Given::SegmentEnd {
            msn: self.msn,
            duration_us,
            pictures: 1,
        };
        self.writing.take(end, 0);
        self.msn += 1;
        self.wall_us += i64::from(duration_us);
    }

    /// It is over: all that was given is there, in order, also for who reads it from the disk.
    fn end(mut self) -> (View, String) {
        self.writing.end(Some(self.wall_us / 1000)).unwrap();
        let view = self.writing.recording().view().unwrap();
        let id = self.writing.recording().id;
        let again = Recording::open(&self.around, Path::new("/"), id)
            .unwrap()
            .unwrap();
        for seen in [&view, &again.view().unwrap()] {
            let numbers = seen.segments().map(|(_, segment)| segment.msn);
            assert!(
                numbers.eq(0..self.msn),
                "something is missing, or not in order"
            );
            for (block, segment) in seen.segments() {
                let media = again.media(block, segment).unwrap().concat();
                assert_eq!(media, format!("segment {}", segment.msn).as_bytes());
                assert!(seen.init("e1", segment.init_id).is_some());
            }
        }
        let text = playlist(&again.view().unwrap(), Stretch::ALL);
        assert!(text.ends_with("#EXT-X-ENDLIST\n"));
        (view, text)
    }
}

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_clock_that_jumps_a_day_either_way_makes_a_break_and_loses_nothing() {
    for jump_us in [-DAY_US, DAY_US] {
        let mut story = Story::new();
        (0..40).for_each(|_| story.segment(2 * S, false));
        story.wall_us += jump_us;
        (0..40).for_each(|at| story.segment(2 * S, at == 0));
        let (view, text) = story.end();
        assert_eq!(view.duration_us(), 160 * S);
        assert_eq!(count(&text, "#EXT-X-DISCONTINUITY\n"), 1, "{text}");
        assert_eq!(view.holes().count(), 0, "nobody missed anything");
    }
}

#[test]
fn another_codec_brings_its_header_to_each_block_that_needs_it() {
    let mut story = Story::new();
    (0..35).for_each(|_| story.segment(2 * S, false));
    story.codec(1);
    (0..35).for_each(|at| story.segment(2 * S, at == 0));
    let (view, text) = story.end();
    assert_eq!(count(&text, "#EXT-X-MAP:"), 2, "{text}");
    assert_eq!(count(&text, "#EXT-X-DISCONTINUITY\n"), 1);
    for block in &view.blocks {
        let segments = block.table.segments.iter();
        let needed = segments.map(|segment| block.table.init(segment.init_id));
        assert!(
            needed.into_iter().all(|place| place.is_some()),
            "{}",
            block.name
        );
    }
}

#[test]
fn groups_of_thirty_seconds_and_a_picture_a_second_are_recorded_like_others() {
    for (length_us, segments, target_s) in [(30 * S, 10, 30), (S, 300, 1), (1_023_220, 200, 1)] {
        let mut story = Story::new();
        (0..segments).for_each(|_| story.segment(length_us, false));
        let (view, text) = story.end();
        assert_eq!(view.duration_us(), length_us * segments);
        assert!(
            text.contains(&format!("#EXT-X-TARGETDURATION:{target_s}\n")),
            "{text}"
        );
        // A block ends with the segment that is behind its minute.
        assert!(
            view.blocks
                .iter()
                .all(|block| block.table.duration_us() < BLOCK_US + length_us)
        );
        assert_eq!(count(&text, "#EXT-X-DISCONTINUITY\n"), 0);
    }
}

#[test]
fn twenty_six_hours_are_one_recording_with_all_of_their_segments() {
    let mut story = Story::new();
    let segments = 26 * 1_800;
    (0..segments).for_each(|_| story.segment(2 * S, false));
    let (view, text) = story.end();
    assert_eq!(view.duration_us(), 26 * 3_600 * S);
    assert_eq!(view.blocks.len(), 26 * 60);
    assert_eq!(count(&text, "#EXTINF:2.000000,\n"), segments);
    assert_eq!(count(&text, "#EXT-X-DISCONTINUITY\n"), 0);
}
