//! A stand-in SRS on real sockets, and hubs of our own around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use weir_base::{Clock, StreamName};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Protocol, Publisher, ReadOutcome};
use weir_media::{Item, TrackKind};
use weir_proto::rtmp::{Redirect, RtmpServerSession, ServerConfig, ServerEvent};
use weir_testkit::builders::hub_config;
use weir_testkit::srs::{Asked, LetsGo, SrsNode};
use weir_testkit::synthetic;

use super::*;

const LONG_ENOUGH: Duration = Duration::from_secs(15);
const NAME: &str = "live/a";

fn hub() -> Hub {
    let config = weir_hub::Config {
        ring_ms: 60_000,
        ring_bytes: 256 << 20,
        linger_ms: 5_000,
        ..hub_config()
    };
    Hub::new(config, Clock::real())
}

fn key() -> StreamName {
    StreamName::new("", "live", "a").unwrap()
}

fn publisher(hub: &Hub) -> Result<Publisher, Refusal> {
    hub.publish(PublishRequest {
        name: key(),
        protocol: Protocol::Relay,
        addr: "127.0.0.1:1".parse().unwrap(),
        grant: Grant::default(),
    })
}

/// A pull from its beginning to its end.
async fn pull_into(
    hub: &Hub,
    (url, own): (&str, &[String]),
    begin: impl FnOnce() -> Result<Publisher, Refusal>,
    stop: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    tokio::pin!(stop);
    let opened = tokio::select! {
        opened = pull(hub, url, own) => opened,
        () = &mut stop => return Ok(()),
    };
    let mut incoming = opened.map_err(|denied| match denied {
        Denied::Refused(refusal) | Denied::Broken(refusal) => refusal,
    })?;
    let begun = begin();
    let mut publisher = match begun {
        Ok(publisher) => publisher,
        Err(refusal) => {
            incoming.close().await;
            return Err(refusal);
        }
    };
    let client = publisher.client().clone();
    let ended = loop {
        tokio::select! {
            received = incoming.next(hub, &mut publisher) => match received {
                Ok(Received::Ended) => break Ok(()),
                Ok(_) => {}
                Err(refusal) => break Err(refusal),
            },
            code = client.wait_kicked() => break Err(code.into()),
            () = &mut stop => break Ok(()),
        }
    };
    let code = ended
        .as_ref()
        .map_or_else(|r| r.code, |()| Code::ClientStopped);
    publisher.end(code);
    incoming.close().await;
    ended
}

/// A pull at work, and the end of it.
struct Pull {
    task: JoinHandle<Result<(), Refusal>>,
    stop: Option<oneshot::Sender<()>>,
    has_begun: Arc<AtomicBool>,
}

#[expect(clippy::disallowed_methods, reason = "the test joins it")]
fn pulling(hub: &Hub, url: &str, own: &[String]) -> Pull {
    let (stop, stopped) = oneshot::channel::<()>();
    let has_begun = Arc::new(AtomicBool::new(false));
    let (hub, url, own, begun) = (hub.clone(), url.to_owned(), own.to_vec(), has_begun.clone());
    let task = tokio::spawn(async move {
        let begin = || {
            begun.store(true, Ordering::SeqCst);
            publisher(&hub)
        };
        let stop = async { drop(stopped.await) };
        pull_into(&hub, (&url, &own), begin, stop).await
    });
    Pull {
        task,
        stop: Some(stop),
        has_begun,
    }
}

impl Pull {
    async fn ended(self) -> Result<(), Refusal> {
        let task = timeout(LONG_ENOUGH, self.task).await;
        task.expect("it ends in time").unwrap()
    }

    async fn refused(self) -> Refusal {
        self.ended().await.expect_err("a refusal")
    }

    fn stop(&mut self) {
        self.stop.take();
    }
}

/// A push at work.
#[expect(clippy::disallowed_methods, reason = "the test joins it")]
fn pushing(
    hub: &Hub,
    url: &str,
) -> (
    JoinHandle<Result<(), Refusal>>,
    oneshot::Receiver<()>,
    oneshot::Sender<()>,
) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (started, has_started) = oneshot::channel();
    let (hub, url) = (hub.clone(), url.to_owned());
    let task = tokio::spawn(async move {
        let stream = hub.find(&key()).unwrap();
        let stop = async { drop(stopped.await) };
        let accepted = push(&hub, &url, &[]).await?;
        let _ = started.send(());
        super::feed(&hub, accepted, &stream, stop).await
    });
    (task, has_started, stop)
}

/// Everything in the ring from the oldest place to join.
fn items(hub: &Hub) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(stream) = hub.find(&key())
        && let Some(join) = stream.ring.oldest_join()
    {
        let outcome = stream.ring.read(join.seq, usize::MAX, &mut items);
        assert!(matches!(outcome, ReadOutcome::Read { .. }));
    }
    items
}

/// The payloads of the pictures in the ring.
fn pictures(hub: &Hub) -> Vec<bytes::Bytes> {
    let items = items(hub).into_iter();
    let pictures = items.filter_map(|item| match item {
        Item::Frame(frame) if frame.track == TrackKind::Video => Some(frame.payload),
        _ => None,
    });
    pictures.collect()
}

fn numbers(hub: &Hub) -> Vec<u64> {
    let pictures = pictures(hub);
    let numbers = pictures.iter().map(|payload| synthetic::number_of(payload));
    numbers.collect::<Option<_>>().unwrap()
}

async fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let by = Instant::now() + LONG_ENOUGH;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < by, "{what}: not in time");
        sleep(Duration::from_millis(10)).await;
    }
}

fn are_consecutive(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// Publishes pictures `from..to` of our own, 40 ms apart, a keyframe every 25.
fn feed(publisher: &mut Publisher, from: u64, to: u64, bytes: usize) {
    for number in from..to {
        let is_key = number.is_multiple_of(25);
        let frame = synthetic::video_frame(0, number, is_key, bytes);
        publisher.frame(weir_media::flv::RawFrame {
            track: TrackKind::Video,
            ts_us: i64::try_from(number).unwrap() * 40_000,
            cts_us: 0,
            kind: frame.kind,
            payload: frame.payload,
        });
    }
}

fn own_stream(hub: &Hub) -> Publisher {
    let mut publisher = publisher(hub).unwrap();
    publisher.tracks(Arc::new(synthetic::tracks()));
    feed(&mut publisher, 0, 30, 1000);
    publisher
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_pulled_from_its_keyframe_until_we_stop() {
    let (node, hub) = (SrsNode::start(), hub());
    node.publish_numbers(NAME);
    let mut pull = pulling(&hub, &format!("{}?k=v", node.url(NAME)), &[]);
    let seen = wait("pictures", || Some(numbers(&hub)).filter(|n| n.len() > 40)).await;
    assert!(seen[0] % 25 == 0 && are_consecutive(&seen), "{seen:?}");
    let tracks = hub.find(&key()).unwrap().ring.tracks();
    assert_eq!(*tracks, synthetic::tracks());
    assert!(matches!(&node.asked()[..], [Asked::Play(name, query)]
        if name == NAME && *query == [("k".to_owned(), "v".to_owned())]));

    pull.stop();
    assert_eq!(pull.ended().await, Ok(()));
    let ended = hub.find(&key()).unwrap().ended().unwrap();
    assert_eq!(ended.code, Code::ClientStopped);
    wait("the viewer gone", || (node.viewers() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_after_the_play_has_begun_is_followed() {
    let (lacks, has, hub) = (SrsNode::start(), SrsNode::start(), hub());
    has.publish_numbers(NAME);
    lacks.ask_coworkers(&[&has.api()]);
    let _pull = pulling(&hub, &lacks.url(NAME), &[]);
    wait("pictures", || Some(numbers(&hub)).filter(|n| n.len() > 5)).await;
    let query = format!(
        "POST /api/v1/clusters?vhost=__defaultVhost__&ip=127.0.0.1&app=live&stream=a&coworker={}",
        has.api()
    );
    assert!(
        has.asked().contains(&Asked::Coworker(query)),
        "{:?}",
        has.asked()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_redirects_ends_after_three() {
    let (a, b, hub) = (SrsNode::start(), SrsNode::start(), hub());
    a.send_elsewhere(NAME, &b.rtmp());
    b.send_elsewhere(NAME, &a.rtmp());
    let pull = pulling(&hub, &a.url(NAME), &[]);
    let has_begun = pull.has_begun.clone();
    let refusal = pull.refused().await;
    assert_eq!(refusal.code, Code::OriginUnreachable);
    assert!(refusal.detail.contains('3'), "{refusal}");
    assert_eq!((a.asked().len(), b.asked().len()), (2, 2));
    assert!(!has_begun.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_ourselves_is_not_followed() {
    let (a, hub) = (SrsNode::start(), hub());
    let us = SrsNode::start();
    us.publish_numbers(NAME);
    a.send_elsewhere(NAME, &us.rtmp());
    let refusal = pulling(&hub, &a.url(NAME), &[us.rtmp()]).refused().await;
    assert_eq!(refusal.code, Code::OriginUnreachable);
    assert_eq!(us.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_after_the_yes_means_that_nobody_publishes() {
    let (node, hub) = (SrsNode::start(), hub());
    let began = Instant::now();
    let pull = pulling(&hub, &node.url(NAME), &[]);
    let has_begun = pull.has_begun.clone();
    assert_eq!(pull.refused().await.code, Code::NotLive);
    assert!(began.elapsed() >= SILENCE_LIMIT && began.elapsed() < SETUP_LIMIT);
    assert!(!has_begun.load(Ordering::SeqCst) && hub.find(&key()).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_or_does_not_answer_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live/a", listener.local_addr().unwrap());
    let hub = hub();
    let began = Instant::now();
    let mute = pulling(&hub, &url, &[]).refused().await;
    assert_eq!(mute.code, Code::OriginUnreachable, "{mute}");
    assert!(began.elapsed() < SETUP_LIMIT + Duration::from_secs(2));
    drop(listener);
    let gone = pulling(&hub, &url, &[]).refused().await;
    assert_eq!(gone.code, Code::OriginUnreachable);
    assert!(!gone.detail.contains("127.0.0.1"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_ends_the_pull_at_once() {
    let (node, hub) = (SrsNode::start(), hub());
    node.publish_numbers(NAME);
    let pull = pulling(&hub, &node.url(NAME), &[]);
    wait("pictures", || numbers(&hub).last().copied()).await;
    let died = Instant::now();
    drop(node);
    assert_eq!(pull.refused().await.code, Code::OriginUnreachable);
    assert!(
        died.elapsed() < Duration::from_secs(1),
        "{:?}",
        died.elapsed()
    );
    assert!(!hub.find(&key()).unwrap().is_live());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kicked_publisher_ends_its_pull_with_the_code() {
    let (node, hub) = (SrsNode::start(), hub());
    node.publish_numbers(NAME);
    let pull = pulling(&hub, &node.url(NAME), &[]);
    wait("pictures", || numbers(&hub).last().copied()).await;
    hub.kick_all(Code::Operator);
    assert_eq!(pull.refused().await.code, Code::Operator);
    wait("the viewer gone", || (node.viewers() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_live_here_is_not_pulled_over() {
    let (node, hub) = (SrsNode::start(), hub());
    node.publish_numbers(NAME);
    let _here = publisher(&hub).unwrap();
    let refusal = pulling(&hub, &node.url(NAME), &[]).refused().await;
    assert_eq!(refusal.code, Code::AlreadyPublishing);
    wait("the viewer gone", || (node.viewers() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_pushed_from_its_last_keyframe_until_it_ends() {
    let (node, hub) = (SrsNode::start(), hub());
    let mut publisher = own_stream(&hub);
    let (task, started, _stop) = pushing(&hub, &format!("{}?k=v", node.url(NAME)));
    started.await.unwrap();
    // Or it would rightly begin at the next keyframe.
    wait("the head", || {
        (node.store().numbers(NAME).last() == Some(&29)).then_some(())
    })
    .await;
    feed(&mut publisher, 30, 60, 1000);
    publisher.end(Code::ClientStopped);
    assert_eq!(timeout(LONG_ENOUGH, task).await.unwrap().unwrap(), Ok(()));
    assert!(matches!(&node.asked()[..], [Asked::Publish(name, query)]
        if name == NAME && query.len() == 1));

    wait("the end", || (!node.store().is_live(NAME)).then_some(())).await;
    assert_eq!(node.store().numbers(NAME), (25..60).collect::<Vec<_>>());
    let messages = node.store().messages(NAME);
    let kinds: Vec<_> = messages.iter().map(|m| m.message_type).collect();
    assert_eq!(
        kinds[..4],
        [18, 9, 8, 9],
        "metadata, two headers, a picture"
    );
    assert!(messages[0].body.starts_with(b"\x02\x00\x0aonMetaData"));
    assert!(messages[1].is_header() && messages[2].is_header() && messages[3].is_key());
    assert_eq!(messages[3].timestamp_ms, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn we_stop_pushing_when_told_and_say_good_bye() {
    let (node, hub) = (SrsNode::start(), hub());
    let _publisher = own_stream(&hub);
    let (task, started, stop) = pushing(&hub, &node.url(NAME));
    started.await.unwrap();
    wait("pictures", || node.store().numbers(NAME).last().copied()).await;
    drop(stop);
    assert_eq!(timeout(LONG_ENOUGH, task).await.unwrap().unwrap(), Ok(()));
    wait("the end", || (!node.store().is_live(NAME)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_out_and_came_back_is_the_same() {
    let (node, ours, theirs) = (SrsNode::start(), hub(), hub());
    let mut publisher = own_stream(&ours);
    let (_task, started, _stop) = pushing(&ours, &node.url(NAME));
    started.await.unwrap();
    node.wait_live(NAME);
    let _pull = pulling(&theirs, &node.url(NAME), &[]);
    feed(&mut publisher, 30, 40, 5000);
    let got = wait("pictures", || {
        Some(pictures(&theirs)).filter(|all| all.len() == 15)
    });
    assert_eq!(got.await, pictures(&ours)[25..]);
    let tracks = theirs.find(&key()).unwrap().ring.tracks();
    assert_eq!(*tracks, synthetic::tracks());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_whom_the_server_does_not_want_is_refused() {
    let (node, hub) = (SrsNode::start(), hub());
    node.publish_numbers(NAME);
    let _publisher = own_stream(&hub);
    let (task, started, _stop) = pushing(&hub, &node.url(NAME));
    let refusal = timeout(LONG_ENOUGH, task)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, Code::OriginRefused);
    assert!(started.await.is_err());
    assert_eq!(node.publishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_that_is_taken_back_by_a_server_that_is_well_was_a_no() {
    let (node, hub) = (SrsNode::start(), hub());
    node.refuse_publishers();
    node.lets_go(LetsGo::AfterYes);
    let _publisher = own_stream(&hub);
    let (task, started, _stop) = pushing(&hub, &node.url(NAME));
    let refusal = timeout(LONG_ENOUGH, task)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, Code::OriginRefused, "{refusal}");
    started.await.unwrap();
    assert_eq!(node.publishes(), 1, "its hook is called once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_right_after_its_yes_has_not_refused() {
    let (node, hub) = (SrsNode::start(), hub());
    let _publisher = own_stream(&hub);
    let (task, started, _stop) = pushing(&hub, &node.url(NAME));
    started.await.unwrap();
    drop(node);
    let refusal = timeout(LONG_ENOUGH, task)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, Code::OriginUnreachable, "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_before_it_speaks_is_ill_and_refuses_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live/a", listener.local_addr().unwrap());
    let hub = hub();
    let _publisher = own_stream(&hub);
    let (task, _started, _stop) = pushing(&hub, &url);
    drop(listener.accept().await.unwrap());
    let refusal = timeout(LONG_ENOUGH, task)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, Code::OriginUnreachable, "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_no_coworker_has_is_not_live_and_its_origin_is_well() {
    let ([a, b], hub) = ([(); 2].map(|()| SrsNode::start()), hub());
    a.ask_coworkers(&[&b.api(), &a.api()]);
    b.ask_coworkers(&[&a.api()]);
    let denied = pull(&hub, &a.url(NAME), &[]).await.err().unwrap();
    assert!(
        matches!(&denied, Denied::Refused(refusal) if refusal.code == Code::NotLive),
        "{denied:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_is_nobodys_failure() {
    let ([a, b], hub) = ([(); 2].map(|()| SrsNode::start()), hub());
    a.send_elsewhere(NAME, &b.rtmp());
    b.send_elsewhere(NAME, &a.rtmp());
    let denied = pull(&hub, &a.url(NAME), &[]).await.err().unwrap();
    assert!(
        matches!(&denied, Denied::Refused(refusal) if refusal.code == Code::OriginUnreachable),
        "{denied:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_sent_elsewhere_goes_there() {
    let (node, hub) = (SrsNode::start(), hub());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live/a", listener.local_addr().unwrap());
    let _publisher = own_stream(&hub);
    let (_task, started, _stop) = pushing(&hub, &url);
    sends_elsewhere(listener, &node.url(NAME)).await;
    started.await.unwrap();
    wait("pictures", || node.store().numbers(NAME).last().copied()).await;
}

/// A weir that does not take the publish: one connection to its end.
async fn sends_elsewhere(listener: TcpListener, url: &str) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut session = RtmpServerSession::new(ServerConfig::default(), [1; 32]);
    let mut buffer = vec![0; 4096];
    loop {
        let read = socket.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        session.receive(0, &buffer[..read]).unwrap();
        while let Some(event) = session.poll_event() {
            if let ServerEvent::Publish { msid, .. } = event {
                let tc_url = "rtmp://127.0.0.1:1/nowhere";
                session.redirect(msid, &Redirect { tc_url, url });
            }
        }
        let _ = socket.write_all(&session.take_output()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_behind_goes_on_at_a_keyframe() {
    let (node, hub) = (SrsNode::start(), hub());
    let mut publisher = own_stream(&hub);
    let (_task, started, _stop) = pushing(&hub, &node.url(NAME));
    started.await.unwrap();
    wait("pictures", || {
        (node.store().numbers(NAME).last() == Some(&29)).then_some(())
    })
    .await;
    node.freeze(true);
    // More than all buffers between us and it take, in steps, as a stream grows.
    for second in 0..20 {
        let from = 30 + second * 25;
        feed(&mut publisher, from, from + 25, 100_000);
        sleep(Duration::from_millis(20)).await;
    }
    node.freeze(false);
    let last = 30 + 20 * 25 - 1;
    wait("the head", || {
        (node.store().numbers(NAME).last() == Some(&last)).then_some(())
    })
    .await;
    let numbers = node.store().numbers(NAME);
    let gaps: Vec<_> = numbers
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .collect();
    assert!(!gaps.is_empty(), "nothing was skipped");
    assert!(gaps.iter().all(|gap| gap[1] % 25 == 0), "{gaps:?}");
    assert!(hub.find(&key()).unwrap().skipped_frames() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_nothing_any_more_is_left() {
    let (node, hub) = (SrsNode::start(), hub());
    let mut publisher = own_stream(&hub);
    let (task, started, _stop) = pushing(&hub, &node.url(NAME));
    started.await.unwrap();
    node.freeze(true);
    feed(&mut publisher, 30, 30 + 20 * 25, 100_000);
    let refusal = timeout(LONG_ENOUGH, task)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, Code::OriginUnreachable, "{refusal}");
}
