//! A random evening over two nodes: one publishes, the other pulls, and everything breaks.

use std::sync::Arc;

use proptest::prelude::*;
use weir_base::Clock;
use weir_hub::{Publisher, ReadOutcome, RelayBegin, Stream};
use weir_media::{FrameKind, Item, TrackKind};

use crate::common::{WALL_US, times};
use crate::nodes::{Node, name, number};

/// Pictures are numbered from a multiple of it after each break.
const LIFE: u64 = 1_000_000;

/// What can happen in one step of a random evening over two nodes.
#[derive(Debug, Clone)]
enum Act {
    Film(u64),
    Restart,
    Return { later_us: i64 },
    Forget,
    Reconnect,
    Hear(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..60_u64).prop_map(Act::Film),
        1 => Just(Act::Restart),
        1 => (0..8_000_000_i64).prop_map(|later_us| Act::Return { later_us }),
        1 => Just(Act::Forget),
        3 => Just(Act::Reconnect),
        4 => (1..90_usize).prop_map(Act::Hear),
    ]
}

/// A pull as a node does it: from the newest keyframe on, item by item.
struct Pull {
    source: Arc<Stream>,
    publisher: Publisher,
    seq: u64,
}

impl Pull {
    fn open(upstream: &Node, node: &Node) -> Option<Self> {
        let source = upstream.hub.find(&name())?;
        let join = source.newest_join()?;
        let mut publisher = node
            .relay_from(RelayBegin {
                clock_id: join.clock_id,
                wall_at_zero_us: source.wall_at_zero_us(),
            })
            .unwrap();
        publisher.item(Item::Tracks(join.tracks));
        Some(Self {
            source,
            publisher,
            seq: join.seq,
        })
    }

    fn hear(&mut self, count: usize) {
        let mut items = Vec::new();
        if let ReadOutcome::Read { next } = self.source.ring.read(self.seq, count, &mut items) {
            self.seq = next;
        }
        for item in items {
            self.publisher.item(item);
        }
    }
}

/// Times grow, no picture refers to one that is not there, and none joins another publisher's.
fn check(items: &[Item]) {
    let pictures = times(items, TrackKind::Video);
    assert!(pictures.windows(2).all(|pair| pair[0] < pair[1]));
    let mut last = None;
    for item in items {
        match item {
            Item::Discontinuity => last = None,
            Item::Frame(frame) => {
                if let Some(last) = last {
                    assert_eq!(last / LIFE, number(frame) / LIFE, "a break is missing");
                }
                if frame.kind != FrameKind::Key {
                    assert_eq!(last, Some(number(frame) - 1), "a picture is missing");
                }
                last = Some(number(frame));
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_breaks_between_two_nodes_pictures_join_and_times_grow(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let clock = Clock::manual(WALL_US);
        let (mut upstream, node) = (Node::new(clock.clone()), Node::new(clock));
        let mut publisher = upstream.publish();
        let mut pull: Option<Pull> = None;
        let mut next = 0;
        for act in acts {
            match act {
                Act::Film(count) => {
                    upstream.film(&mut publisher, next, count);
                    next += count;
                }
                Act::Restart => {
                    publisher.restart();
                    next = (next / LIFE + 1) * LIFE;
                }
                Act::Return { later_us } => {
                    drop(publisher);
                    upstream.clock.advance_us(later_us);
                    publisher = upstream.publish();
                    next = (next / LIFE + 1) * LIFE;
                }
                Act::Forget => {
                    upstream = Node::new(upstream.clock.clone());
                    publisher = upstream.publish();
                    next = (next / LIFE + 1) * LIFE;
                }
                Act::Reconnect => {
                    pull = None;
                    pull = Pull::open(&upstream, &node).or(pull);
                }
                Act::Hear(count) => {
                    if let Some(pull) = &mut pull {
                        pull.hear(count);
                    }
                }
            }
            if node.hub.find(&name()).is_some() {
                check(&node.items());
            }
        }
    }
}
