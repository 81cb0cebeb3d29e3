//! Ten thousand viewers at once for a stream that does not exist, and upstreams that lead in a circle.
//! Promised: one lookup for all of them, and an end of every circle.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::get;
use weir_testkit::server::Server;
use weir_testkit::wait::Stopwatch;

use super::{assert_all_given_back, memory};
use crate::kit::{binary, cluster, measured, need};

const CROWD: u64 = 10_000;
/// Files that a process opens besides.
const OTHER_FILES: u64 = 500;
/// Lookups that a crowd may cost which takes longer than a second to be answered: the answer
/// "nowhere" is good for one.
const LOOKUPS: f64 = 1.0;

/// The whole crowd, or what this system lets a process open.
fn crowd() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX).min(CROWD + OTHER_FILES);
    let raised = Rlimit {
        current: Some(most),
        ..limit
    };
    if limit.current.is_some_and(|current| current < most) {
        setrlimit(Resource::Nofile, raised).unwrap();
    }
    most - OTHER_FILES
}

/// Everybody asks before anybody reads. One crowd at a time: two need more files than a process may have.
fn ask_all(server: &Server, path: &str) -> Vec<String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let address = server.address("http");
    let mut sockets: Vec<TcpStream> = (0..crowd())
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    for socket in &mut sockets {
        socket.write_all(request.as_bytes()).unwrap();
    }
    let read = |mut socket: TcpStream| {
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    sockets.into_iter().map(read).collect()
}

fn assert_not_live(answers: &[String]) {
    let not_live = |answer: &&String| answer.starts_with("HTTP/1.1 404") && answer.contains("3002");
    let count = answers.iter().filter(not_live).count();
    let other = answers.iter().find(|answer| !not_live(answer));
    assert_eq!(count, answers.len(), "another answer: {other:?}");
}

#[test]
fn ten_thousand_viewers_of_nothing_cost_the_registry_one_question() {
    need!(RedisServer);
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a")]);
    // The first crowds cost the memory of as many connections, which the next ones find there.
    for path in ["live/nowhere.flv", "live/never.flv"] {
        assert_not_live(&ask_all(&cluster["a"], path));
    }
    let before = memory(&cluster);
    // What the answer is looked for with, in the words of Redis.
    let looked = || -> f64 {
        let stats = cluster
            .redis
            .as_ref()
            .unwrap()
            .ask(&["INFO", "commandstats"]);
        let stats = stats.concat();
        let calls = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let is_read = ["get", "mget", "hget", "hgetall", "hmget"].contains(&name);
            is_read.then(|| rest.split(',').next()?.parse::<f64>().ok())?
        };
        stats.lines().filter_map(calls).sum()
    };
    let first = looked();
    get(&cluster["a"].http("live/other.flv"));
    let one = looked() - first;
    let first = looked();
    let watch = Stopwatch::start();
    assert_not_live(&ask_all(&cluster["a"], "live/nothing.flv"));
    let took_s = watch.elapsed_s();
    measured("10,000 viewers of nothing answered", took_s * 1e3, "ms");
    measured("10,000 viewers of nothing: lookups", looked() - first, "");
    let allowed = one * (LOOKUPS + took_s.floor());
    assert!(
        looked() - first <= allowed,
        "{} lookups, {one} for one",
        looked() - first
    );
    assert_all_given_back(&cluster, &before);
}

#[test]
fn ten_thousand_viewers_of_nothing_cost_an_origin_of_the_list_one_question() {
    let origin = Node::origin("o");
    let edge = Node::edge("a").set(&[&format!("cluster.origins=[{:?}]", origin.http_address())]);
    let cluster = Cluster::start_static(&binary(), vec![origin, edge]);
    let asked = || cluster["o"].code_count(3002);
    let watch = Stopwatch::start();
    assert_not_live(&ask_all(&cluster["a"], "live/nothing.flv"));
    let took_s = watch.elapsed_s();
    measured(
        "10,000 viewers of nothing: questions to the origin",
        asked(),
        "",
    );
    assert!(asked() <= LOOKUPS + took_s.floor(), "{} questions", asked());
    assert!(asked() >= 1.0, "nobody asked the origin");
    cluster.assert_nothing_left();
}

/// A server that sends everybody who asks to another address.
fn redirector(listener: TcpListener, to: String) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let mut request = [0; 4096];
            let length = socket.read(&mut request).unwrap_or(0);
            let head = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{to}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    asked
}

#[test]
fn upstreams_that_redirect_to_each_other_are_given_up() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().to_string());
    let [first, second] = listeners;
    let asked = [
        redirector(first, addresses[1].clone()),
        redirector(second, addresses[0].clone()),
    ];
    let edge = Node::edge("a").set(&[&format!("cluster.origins=[{:?}]", addresses[0])]);
    let cluster = Cluster::start_static(&binary(), vec![edge]);
    let watch = Stopwatch::start();
    let told = get(&cluster["a"].http("live/x.flv"));
    measured("redirect loop refused", watch.elapsed_s() * 1e3, "ms");
    assert_eq!(told.refusal(), (503, 5002), "{}", told.text());
    let asked: usize = asked
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .sum();
    measured("redirect loop: redirects followed", asked as f64, "");
    assert!((1..10).contains(&asked), "{asked} requests");
    cluster.assert_nothing_left();
}
