//! Fills a spool with recordings that took nobody's hours, for `bench/run.sh recordings`: the clip is packaged again
//! and again on one timeline, as a stream of that length would have been.
//!
//! `make_archive FOLDER CLIP.flv HOURS [COUNT]`: COUNT recordings of HOURS each, ended, and printed one id a line.
//! `make_archive FOLDER CLIP.flv open COUNT`: COUNT recordings of the clip whose process was killed while their last
//! block was open.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on says so and stops"
)]

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use weir_base::{Clock, StreamName};
use weir_media::flv::{depacketize, read};
use weir_media::hls::{Container, Packager, PackagerConfig, RecordedFrom, Selection};
use weir_media::{Frame, Item};
use weir_record::disk::LocalDisk;
use weir_record::{Epoch, Spool, Tape};

const HOUR_US: i64 = 3_600_000_000;
const SEGMENT_US: i64 = 2_000_000;
/// Between two looks whether the disk has come after.
const LOOK_EVERY: Duration = Duration::from_millis(1);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, clip, length, count @ ..] = args.as_slice() else {
        panic!("make_archive FOLDER CLIP.flv HOURS|open [COUNT]");
    };
    let clip = Clip::read(Path::new(clip));
    let clock = Clock::real();
    let spool = Spool::open(Arc::new(LocalDisk), Path::new(folder), clock.clone()).unwrap();
    let count: u32 = count.first().map_or(1, |count| count.parse().unwrap());
    let hours = length.parse::<f64>().ok();
    let length_us = hours.map_or(clip.length_us, |hours| (hours * HOUR_US as f64) as i64);
    let tapes: Vec<Tape> = (0..count)
        .map(|number| {
            let name = StreamName::new("", "live", &format!("s{number}")).unwrap();
            record(
                &clip,
                &spool,
                &name,
                clock.wall_ms() * 1000 - length_us,
                length_us,
            )
        })
        .collect();
    for tape in tapes {
        println!("{}", tape.recording().id);
        match hours {
            Some(_) => tape.finish(clock.wall_ms()),
            None => std::mem::forget(tape),
        }
    }
    match hours {
        Some(_) => spool.close(),
        // As after `kill -9`: nothing is closed.
        None => std::process::exit(0),
    }
}

/// What is played again and again.
struct Clip {
    items: Vec<Item>,
    length_us: i64,
}

impl Clip {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the clip");
        let mut reader = read::Reader::default();
        let mut depacketizer = depacketize::Depacketizer::default();
        let mut events = Vec::new();
        reader.push(&bytes);
        while let Some(tag) = reader.next().unwrap() {
            depacketizer
                .push(tag.tag_type, tag.ts_ms, tag.body, &mut events)
                .unwrap();
        }
        let items: Vec<Item> = events.into_iter().filter_map(item).collect();
        let last_us = items.iter().map(|item| dts_us(item).unwrap_or(0)).max();
        // Whole seconds, so that a group of pictures begins where the one before ends.
        let length_us = (last_us.unwrap_or(0) + 500_000) / 1_000_000 * 1_000_000;
        assert!(length_us > 0, "the clip has no second");
        Self { items, length_us }
    }
}

fn item(event: depacketize::Event) -> Option<Item> {
    match event {
        depacketize::Event::Tracks(tracks) => Some(Item::Tracks(tracks)),
        depacketize::Event::Frame(raw) => Some(Item::Frame(Frame {
            track: raw.track,
            dts_us: raw.ts_us,
            cts_us: raw.cts_us,
            kind: raw.kind,
            payload: raw.payload,
        })),
        _ => None,
    }
}

fn dts_us(item: &Item) -> Option<i64> {
    match item {
        Item::Frame(frame) => Some(frame.dts_us),
        _ => None,
    }
}

fn record(clip: &Clip, spool: &Spool, name: &StreamName, wall_us: i64, length_us: i64) -> Tape {
    let epoch = format!("e{:x}", wall_us / 1000);
    let mut packager = Packager::new(PackagerConfig {
        container: Container::Fmp4,
        segment_us: SEGMENT_US,
        part_us: Some(SEGMENT_US),
        window_segments: 64,
        encryption: None,
        epoch: epoch.clone(),
        selection: Selection::Both,
    });
    let mut tape = spool.record(name, Epoch::new(&epoch).unwrap()).unwrap();
    let mut from = RecordedFrom::default();
    let mut at_us = 0;
    while at_us < length_us {
        for item in &clip.items {
            let mut item = item.clone();
            match &mut item {
                Item::Tracks(_) if at_us > 0 => continue,
                Item::Frame(frame) => frame.dts_us += at_us,
                _ => {}
            }
            packager.push(&item, wall_us).unwrap();
        }
        at_us += clip.length_us;
        packager.recorded(&mut from, |recorded| tape.give(recorded.into()));
        // The bound on what waits for the disk is there for live streams; this one is faster than any.
        while tape.waiting_bytes() > 0 {
            thread::sleep(LOOK_EVERY);
        }
    }
    tape
}
