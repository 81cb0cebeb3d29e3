//! Lists of the past before a checker that knows nothing of who writes them: each by itself, and each as what a
//! player is given that has seen the one before.

use std::io::Write as _;
use std::sync::Arc;

use weir_record::block::{BlockName, Segment, Table};
use weir_record::playlist::Stretch;
use weir_record::shifted::{Growth, Shifted};
use weir_record::{Block, Epoch, Facts, View};
use weir_testkit::hls_check::{Parsed, check_media, check_update};

const START_US: i64 = 1_800_000_000_000_000;
const SEGMENT_US: i64 = 2_000_000;
/// Segments of a block.
const OF_BLOCK: u64 = 30;

/// A broadcast of two packagers: the second begins after so many segments, and a hole.
struct Broadcast {
    first: u64,
    hole_us: i64,
    ended: bool,
}

const UNBROKEN: Broadcast = Broadcast {
    first: u64::MAX,
    hole_us: 0,
    ended: false,
};

impl Broadcast {
    /// As it is when so many segments are complete.
    fn view(&self, count: u64) -> View {
        let mut blocks: Vec<Block> = Vec::new();
        for at in 0..count {
            let is_second = at >= self.first;
            let (epoch, from) = match is_second {
                true => ("e2", self.first),
                false => ("e1", 0),
            };
            let number = (at - from) / OF_BLOCK;
            let name = BlockName {
                epoch: Epoch::new(epoch).unwrap(),
                number: number as u32,
            };
            if blocks.last().is_none_or(|block| block.name != name) {
                if let Some(before) = blocks.last_mut() {
                    before.is_sealed = true;
                }
                blocks.push(Block {
                    name,
                    table: Arc::default(),
                    is_sealed: false,
                    is_stored: false,
                    is_here: true,
                });
            }
            let hole_us = if is_second { self.hole_us } else { 0 };
            let table: &mut Table = Arc::make_mut(&mut blocks.last_mut().unwrap().table);
            table.segments.push(Segment {
                msn: 1_000_000 * (1 + u64::from(is_second)) + at,
                wall_us: START_US + at as i64 * SEGMENT_US + hole_us,
                duration_us: SEGMENT_US as u32,
                init_id: 0,
                is_discontinuity: at == self.first,
                is_independent: true,
                place: 0..1_000_000,
                bytes: 1_000_000,
            });
        }
        View {
            facts: Facts {
                id: "019f0000-0000-7000-8000-000000000000".parse().unwrap(),
                vhost: String::new(),
                app: "live".into(),
                stream: "a".into(),
                started_ms: START_US / 1000,
                ended_ms: self
                    .ended
                    .then_some((START_US + count as i64 * SEGMENT_US + self.hole_us) / 1000),
                target_s: 2,
                stored_ms: None,
                is_shared: false,
                owned: Vec::new(),
            },
            blocks,
        }
    }
}

fn all(growth: Growth, span_us: i64) -> Shifted {
    Shifted {
        stretch: Stretch::ALL,
        growth,
        is_over: growth == Growth::Fixed,
        span_us,
    }
}

fn checked(text: &str) -> Parsed {
    check_media(text).unwrap_or_else(|broken| panic!("{broken:?}\n{text}"))
}

fn follows(old: &Parsed, new: &Parsed, text: &str) {
    if let Err(broken) = check_update(old, new) {
        panic!("{broken:?}\n{text}");
    }
}

#[test]
fn a_list_that_slides_is_a_list_after_each_segment_over_holes_and_takeovers() {
    let broadcast = Broadcast {
        first: 50,
        hole_us: 11_300_000,
        ended: false,
    };
    let mut before: Option<Parsed> = None;
    let mut has_slid = 0;
    for count in 2..240 {
        let views = [broadcast.view(count)];
        let now_us = views[0].end_us();
        let list = Shifted {
            stretch: Stretch {
                from_us: now_us - 90_000_000,
                to_us: now_us - 3_000_000,
            },
            ..all(Growth::Sliding, 90_000_000)
        };
        let Some(text) = list.text(&views) else {
            continue;
        };
        let now = checked(&text);
        if let Some(before) = &before {
            follows(before, &now, &text);
            has_slid += u32::from(now.media_sequence > before.media_sequence);
        }
        before = Some(now);
    }
    let last = before.unwrap();
    assert!(
        has_slid >= 6 && last.discontinuity_sequence == 1,
        "{last:?}"
    );
    assert!(last.duration_s() >= 85.0, "{}", last.duration_s());
}

#[test]
fn a_hole_has_entries_of_its_own_so_that_the_clock_of_a_list_is_the_walls() {
    let broadcast = Broadcast {
        first: 30,
        hole_us: 11_300_000,
        ended: false,
    };
    let text = all(Growth::Growing, 0).text(&[broadcast.view(60)]).unwrap();
    let list = checked(&text);
    let gaps: Vec<_> = list.segments.iter().filter(|one| one.gap).collect();
    assert_eq!(gaps.len(), 6, "{text}");
    let gone_s: f64 = gaps.iter().map(|one| one.duration_s).sum();
    assert!((gone_s - 11.3).abs() < 0.001, "{gone_s}");
    assert_eq!(list.start_s, Some(0.0));
    assert_eq!(list.kind.as_deref(), Some("EVENT"));
    // Longer than an hour: sixty entries, and a step.
    let long = Broadcast {
        hole_us: 7_200_000_000,
        ..broadcast
    };
    let text = all(Growth::Fixed, 0).text(&[long.view(60)]).unwrap();
    let list = checked(&text);
    assert_eq!(list.segments.iter().filter(|one| one.gap).count(), 60);
    assert!(list.ended && list.kind.as_deref() == Some("VOD"));
}

#[test]
fn a_list_of_more_than_four_hours_has_longer_entries_that_stay_as_they_are() {
    let mut before: Option<Parsed> = None;
    let list = all(Growth::Sliding, 5 * 3_600_000_000);
    for count in (8..200).step_by(3) {
        let text = list.text(&[UNBROKEN.view(count)]).unwrap();
        let now = checked(&text);
        assert!(now.segments.iter().all(|one| one.duration_s <= 12.0));
        if let Some(before) = &before {
            follows(before, &now, &text);
        }
        before = Some(now);
    }
    let uris = before.unwrap().segments;
    assert_eq!(uris[0].uri, "seg-e1-1000000-6.m4s");
    assert_eq!(uris.len(), 32, "the last is still to be complete");
}

/// Shows what a day costs.
#[test]
fn a_list_of_a_day_is_short() {
    let day = Broadcast {
        ended: true,
        ..UNBROKEN
    };
    let views = [day.view(43_200)];
    let text = all(Growth::Fixed, 24 * 3_600_000_000).text(&views).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap().len();
    assert!((checked(&text).duration_s() - 86_400.0).abs() < 0.5);
    assert!(bytes <= 160_000, "{bytes}");
}
