//! From a publisher's first byte to the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use weir_base::Code;
use weir_events::{Desk, DeskAnswer, Reply, Report};
use weir_store::broadcasts::BroadcastFilter;

use crate::common::{Door, Origin, Writer};

#[tokio::test]
async fn a_publish_is_in_the_log_from_its_beginning_to_its_end() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let publisher = origin.publish("show", false);
    assert_eq!(writer.told(1).await, ["stream.started 0"]);
    publisher.end(Code::ClientStopped);
    let told = ["stream.started 0", "stream.ended 4001"];
    assert_eq!(writer.told(2).await, told);

    let all = BroadcastFilter::default();
    let broadcasts = writer.store.broadcasts().list(all, None, 9).await.unwrap();
    assert_eq!(broadcasts.len(), 1);
    let one = &broadcasts[0];
    assert_eq!((one.stream.as_str(), one.cause), ("live/show", 4001));
    assert_eq!((one.protocol.as_str(), one.node.as_str()), ("rtmp", "a"));
    assert_eq!(one.address, "192.0.2.1:5");
    writer.stop().await;
}

#[tokio::test]
async fn a_publisher_that_takes_over_ends_the_broadcast_of_the_other() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let first = origin.publish("show", false);
    let second = origin.publish("show", false);
    let told = ["stream.started 0", "stream.ended 3005", "stream.started 0"];
    assert_eq!(writer.told(3).await, told);
    drop((first, second));
    writer.told(4).await;
    writer.stop().await;
}

#[tokio::test]
async fn a_copy_of_another_nodes_stream_is_that_nodes_to_tell_of() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let copy = origin.publish("copy", true);
    let own = origin.publish("own", false);
    assert_eq!(writer.told(1).await, ["stream.started 0"]);
    drop((copy, own));
    let told = ["stream.started 0", "stream.ended 4001"];
    assert_eq!(writer.told(2).await.len(), told.len());
    let all = BroadcastFilter::default();
    let broadcasts = writer.store.broadcasts().list(all, None, 9).await.unwrap();
    assert_eq!(broadcasts.len(), 1);
    assert_eq!(broadcasts[0].stream, "live/own");
    writer.stop().await;
}

#[tokio::test]
async fn what_happens_while_nobody_writes_it_down_is_told_later_and_outlives_the_node() {
    let writer = Writer::start().await;
    let door = Arc::new(Door {
        desk: writer.recorder.clone(),
        is_open: AtomicBool::new(false),
        asked: tokio::sync::Notify::new(),
    });
    let first = Writer::start().await;
    let mut origin = Origin::new(&first, 0);
    origin.run(&first, door.clone());
    for n in 0..3 {
        origin
            .publish(&format!("show{n}"), false)
            .end(Code::ClientStopped);
    }
    door.asked.notified().await;
    // The node ends without having been heard.
    first.stop().await;
    let kept = std::fs::read_to_string(&origin.spool).unwrap();
    assert_eq!(kept.lines().count(), 6);

    // Its next life tells it, then what is new.
    origin = Origin {
        witness: weir_events::Witness::new((origin.hub.clone(), true), origin.spool.clone(), |_| 0)
            .unwrap(),
        ..origin
    };
    door.is_open.store(true, Ordering::Release);
    origin.run(&writer, door);
    let told = writer.told(6).await;
    assert_eq!(told.len(), 6);
    let ends = told.iter().filter(|words| *words == "stream.ended 4001");
    assert_eq!(ends.count(), 3, "{told:?}");
    drop(origin.publish("new", false));
    assert_eq!(writer.told(8).await.len(), 8);
    writer.stop().await;
}

#[tokio::test]
async fn a_node_that_stops_in_order_ends_what_is_live_there() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let _publisher = origin.publish("show", false);
    writer.told(1).await;
    writer.stop().await;
    let events = writer.store.events().after(0, 9).await.unwrap();
    let last = events.last().map(|event| event.cause);
    assert_eq!((events.len(), last), (2, Some(4009)));
}

/// Says yes to whatever comes, and counts.
#[derive(Default)]
struct Tally {
    reports: AtomicUsize,
    facts: AtomicUsize,
}

impl Desk for Tally {
    fn take<'a>(&'a self, report: &'a Report) -> DeskAnswer<'a> {
        self.reports.fetch_add(1, Ordering::Relaxed);
        self.facts.fetch_add(report.told.len(), Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(Reply::default())))
    }
}

/// Each report costs its receiver some queries: one a second is a sign of life, more is noise.
#[tokio::test]
async fn a_node_where_nothing_happens_reports_once_a_second() {
    const SECONDS: u64 = 20;
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    let publisher = origin.publish("show", false);
    tokio::time::pause();
    let tally = Arc::new(Tally::default());
    origin.run(&writer, tally.clone());
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let reports = tally.reports.load(Ordering::Relaxed) as u64;
    assert!((SECONDS - 2..=SECONDS + 3).contains(&reports), "{reports}");
    assert_eq!(tally.facts.load(Ordering::Relaxed), 1);
    drop(publisher);
    tokio::time::resume();
    writer.stop().await;
}
