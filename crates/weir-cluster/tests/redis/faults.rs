//! A server that hangs, and an address that swallows packets: everything is over in time.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use weir_base::Tasks;
use weir_cluster::message::{Body, Message};
use weir_cluster::redis::Redis;
use weir_cluster::store::{Bus, BusEvent, Store};

use crate::nodes::{name, record, run, stream, until};
use crate::server::{PASSWORD, Server, TTL_MS, redis};
use crate::story::claim;

/// A connection, an answer, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(1_900);

fn bye() -> Message {
    Message {
        from: name("n1"),
        boot: 1,
        seq: 0,
        body: Body::Bye,
    }
}

#[expect(clippy::disallowed_methods, reason = "real time is what is tested")]
fn now() -> Instant {
    Instant::now()
}

/// Each operation fails, and in time.
async fn all_fail_in_time(redis: &Redis) {
    let began = now();
    assert!(
        redis
            .leases(vec![claim("a", "n1", 1, 1, 0, 0)])
            .await
            .is_err()
    );
    assert!(began.elapsed() < BOUND, "leases: {:?}", began.elapsed());
    let others = async {
        let began = now();
        let (a, b, c, d, e, f, g) = tokio::join!(
            redis.find(stream("a")),
            redis.register(record("n1", 1)),
            redis.unregister(name("n1")),
            redis.everything(),
            redis.report(Vec::new()),
            redis.reports(),
            redis.send(None, bye()),
        );
        let failed = [a.is_err(), b.is_err(), c.is_err(), d.is_err()];
        assert_eq!(
            (failed, e.is_err(), f.is_err(), g.is_err()),
            ([true; 4], true, true, true)
        );
        assert!(began.elapsed() < BOUND, "all others: {:?}", began.elapsed());
    };
    others.await;
    // A thousand that come during the outage do not wait one after the other.
    let began = now();
    for _ in 0..1_000 {
        assert!(redis.find(stream("a")).await.is_err());
        if began.elapsed() > Duration::from_secs(5) {
            panic!("a crowd waits in a line");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_keeps_nobody_waiting_and_all_is_well_when_it_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let redis = server.redis(TTL_MS);
    redis.register(record("n1", 1)).await.unwrap();
    let (inbox, mut heard) = mpsc::channel(100);
    let listener = redis.clone();
    let tasks = Tasks::new();
    tasks.spawn(
        "listen",
        async move { listener.listen(name("n1"), inbox).await },
    );
    assert_eq!(heard.recv().await, Some(BusEvent::Connected));

    server.pause();
    all_fail_in_time(&redis).await;
    // The listener notices by the silence, and connects anew when it can.
    tokio::time::sleep(Duration::from_secs(7)).await;
    server.resume();
    let again = tokio::time::timeout(Duration::from_secs(5), heard.recv()).await;
    assert_eq!(again.unwrap(), Some(BusEvent::Connected));
    for _ in 0..50 {
        if redis.send(None, bye()).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let message = tokio::time::timeout(Duration::from_secs(2), heard.recv()).await;
    assert!(matches!(message.unwrap(), Some(BusEvent::Message(_))));
    drop(heard);
    let ended = tokio::time::timeout(Duration::from_secs(1), tasks.join()).await;
    ended.unwrap();
}

/// A port whose queue of connections is full: the kernel drops whatever else knocks.
struct Hole {
    port: u16,
    _listener: tokio::net::TcpListener,
    _waiting: Vec<std::net::TcpStream>,
}

impl Hole {
    fn dig() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        let knock = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300));
        let refused = loop {
            match knock() {
                Ok(stream) if waiting.len() < 16 => waiting.push(stream),
                Ok(_) => panic!("the queue does not fill"),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), std::io::ErrorKind::TimedOut, "it swallows");
        Self {
            port: address.port(),
            _listener: listener,
            _waiting: waiting,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_swallows_packets_keeps_nobody_waiting() {
    // One takes connections, by the kernel, and never answers; the other does not even take them.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let dug = Hole::dig();
    let hole = dug.port;
    for url in [
        format!("redis://127.0.0.1:{port}"),
        format!("redis://127.0.0.1:{hole}"),
        format!("redis+sentinel://127.0.0.1:{port},127.0.0.1:{hole}/m"),
        format!("redis+cluster://127.0.0.1:{port},127.0.0.1:{hole}"),
    ] {
        all_fail_in_time(&redis(&url, TTL_MS)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_node_says_for_how_long_its_store_hangs() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let node = run(server.redis(TTL_MS), "a", 1);
    until("it is well", || node.status().store && node.status().bus).await;
    server.pause();
    until("it says so", || {
        node.status().store_down_ms.is_some_and(|ms| ms > 3_000)
    })
    .await;
    until("the bus too", || {
        node.status().bus_down_ms.is_some_and(|ms| ms > 5_000)
    })
    .await;
    server.resume();
    until("it is well again", || {
        node.status().store && node.status().bus
    })
    .await;
    assert_eq!(
        (node.status().store_down_ms, node.status().bus_down_ms),
        (None, None)
    );
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_that_hangs_of_several_named_is_passed_over() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let args = [
        "--requirepass",
        PASSWORD,
        "--cluster-enabled",
        "yes",
        "--cluster-port",
    ];
    let bus = crate::server::free_port().to_string();
    let holder = Server::with(&[&args[..], &[&bus]].concat()).unwrap();
    for _ in 0..100 {
        if holder
            .cli(&["cluster", "addslotsrange", "0", "16383"])
            .starts_with("OK")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.pause();
    let dug = Hole::dig();
    let (a, b, hole) = (server.port, holder.port, dug.port);
    let url = format!("redis+cluster://:{PASSWORD}@127.0.0.1:{a},127.0.0.1:{b},127.0.0.1:{hole}");
    crate::server::ready(&url).await;
    let began = now();
    redis(&url, TTL_MS).find(stream("a")).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(250),
        "{:?}",
        began.elapsed()
    );
    server.resume();
}
