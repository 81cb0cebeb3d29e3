//! The stream's clock goes with it: a frame has the same time on every node.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use weir_testkit::flv::{FlvViewer, Kind, Tag};
use weir_testkit::media::Source;

use crate::kit::{need, publish, two_regions};

/// Pictures that all viewers have to have seen at least: 2 s.
const SHARED_PICTURES: usize = 50;

#[test]
fn every_frame_has_the_same_time_on_all_nodes() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let _publisher = publish(&cluster["a"], &Source::H264_B_AAC, "live/x");
    let watching = cluster.running().map(|(id, node)| {
        let mut viewer = FlvViewer::open(&node.http("live/x.flv"));
        let thread = std::thread::spawn(move || {
            viewer.watch_ms(4000);
            viewer.seen
        });
        (id, thread)
    });
    let watching: Vec<_> = watching.collect();
    let mut times: BTreeMap<Vec<u8>, (u32, usize)> = BTreeMap::new();
    for (id, thread) in watching {
        let seen = thread.join().unwrap();
        let pictures = seen
            .into_iter()
            .filter(|tag| tag.kind == Kind::Video && !tag.is_header());
        for Tag { ts_ms, body, .. } in pictures {
            match times.entry(body) {
                Entry::Vacant(entry) => {
                    entry.insert((ts_ms, 1));
                }
                Entry::Occupied(mut entry) => {
                    let (first_ms, nodes) = entry.get_mut();
                    assert_eq!(*first_ms, ts_ms, "a picture's time on {id}");
                    *nodes += 1;
                }
            }
        }
    }
    let shared = times.values().filter(|(_, nodes)| *nodes == 4).count();
    assert!(shared >= SHARED_PICTURES, "{shared} pictures on all nodes");
}
