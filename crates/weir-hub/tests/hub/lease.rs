//! Publishers that may be heard only while a lease holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weir_hub::{Hold, Publisher, Stream};

use crate::common::FRAME_US;
use crate::nodes::{Node, relayed, steps};

/// A lease as a test opens and shuts it.
#[derive(Debug)]
struct Lease {
    is_open: Arc<AtomicBool>,
    stream: Arc<Stream>,
    was_live_when_dropped: Arc<AtomicBool>,
}

impl Hold for Lease {
    fn is_open(&self, _now_us: i64) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let is_live = self.stream.is_live();
        self.was_live_when_dropped.store(is_live, Ordering::Relaxed);
    }
}

fn guarded(publisher: &mut Publisher) -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let (open, was_live) = (Arc::new(true.into()), Arc::new(true.into()));
    publisher.guard(Box::new(Lease {
        is_open: Arc::clone(&open),
        stream: publisher.stream().clone(),
        was_live_when_dropped: Arc::clone(&was_live),
    }));
    (open, was_live)
}

#[test]
fn while_the_hold_is_shut_nothing_goes_out_and_pictures_go_on_at_a_keyframe() {
    let node = Node::alone();
    let mut publisher = node.publish();
    let (open, was_live) = guarded(&mut publisher);
    node.film(&mut publisher, 0, 30);
    open.store(false, Ordering::Relaxed);
    // Longer than the idle time: the publisher is here, it is the lease that is not.
    for second in 0..8 {
        node.film(&mut publisher, 30 + second * 25, 25);
        node.hub.sweep();
    }
    assert!(node.stream().is_live());
    assert_eq!(node.pictures().len(), 30);
    open.store(true, Ordering::Relaxed);
    node.film(&mut publisher, 230, 40);
    let pictures = node.pictures();
    assert_eq!(pictures.len(), 30 + 20, "from keyframe 250 on");
    assert_eq!(
        pictures[30] - pictures[29],
        221 * FRAME_US,
        "the time that passed is kept"
    );
    assert_eq!(node.stream().stats().dropped_frames, 200 + 20);
    drop(publisher);
    assert!(!was_live.load(Ordering::Relaxed), "the stream ends first");
}

#[test]
fn a_relayed_stream_is_held_alike() {
    let node = Node::alone();
    let mut relay = node.relay(7);
    let (open, _) = guarded(&mut relay);
    relayed(&mut relay, 0..30);
    open.store(false, Ordering::Relaxed);
    relayed(&mut relay, 30..40);
    open.store(true, Ordering::Relaxed);
    relayed(&mut relay, 40..60);
    assert_eq!(
        node.pictures(),
        [steps(0..30, 0), steps(50..60, 0)].concat()
    );
    assert_eq!(node.breaks(), 0);
}
