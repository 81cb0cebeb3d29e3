//! Events written as nodes report them, and read by many at once: events a second, processor time, and how late a reader
//! has them.
//! `cargo run --release -p weir-events --example events_bench -- [URL of a PostgreSQL]`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on says so and stops"
)]

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::{Clock, Shutdown, Tasks, process};
use weir_events::{EventWant, Log, NoOwners, Recorder, Report, Told, ToldBegin, ToldEnd};
use weir_store::{Config, Store};

/// Who read all of it, each by itself.
const READERS: usize = 100;
/// Events a second, and for how long.
const PER_S: usize = 5_000;
const SECONDS: usize = 10;
/// Reports a second, of ten nodes.
const REPORTS_PER_S: usize = 20;
/// Events of one read, as the API gives them.
const PAGE: usize = 1_000;

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        url: std::env::args().nth(1).unwrap_or_default(),
        ..Config::default()
    };
    let store = Store::open(&config, dir.path(), Clock::real())
        .await
        .unwrap();
    let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
    let log = Log::new(store.clone());
    tasks.spawn("log", log.clone().run(shutdown.clone()));
    let recorder = Recorder::new(store.clone(), log.clone(), Arc::new(NoOwners), "bench");
    let head = store.events().head().await.unwrap();
    let all = i64::try_from(PER_S * SECONDS).unwrap();
    let late: Arc<Mutex<Vec<i64>>> = Arc::default();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(log.clone(), (head, head + all), late.clone()));
    }
    let (began, cpu) = (tokio::time::Instant::now(), process::own_cpu_s());
    write(&store, &recorder).await;
    let wrote_s = began.elapsed().as_secs_f64();
    while readers.join_next().await.is_some() {}
    let (took_s, cpu_s) = (began.elapsed().as_secs_f64(), process::own_cpu_s() - cpu);
    let mut late = std::mem::take(&mut *late.lock());
    late.sort_unstable();
    let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
    println!(
        "{{\"events\":{all},\"readers\":{READERS},\"written_per_s\":{:.0},\"read_by_all_per_s\":{:.0},\
         \"cpu_s_per_10k\":{:.3},\"late_ms_p50\":{},\"late_ms_p99\":{}}}",
        all as f64 / wrote_s,
        all as f64 / took_s,
        cpu_s * 10_000.0 / all as f64,
        at(0.5),
        at(0.99),
    );
    shutdown.stop();
    tasks.join().await;
}

/// Reports of ten nodes in turns, at their pace: as many broadcasts begin as end.
async fn write(store: &Store, recorder: &Recorder) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / REPORTS_PER_S as u32);
    for n in 0..REPORTS_PER_S * SECONDS {
        pace.tick().await;
        let now_ms = store.now_ms();
        let pairs =
            (0..PER_S / REPORTS_PER_S / 2).map(|k| pair(store, &format!("live/s{n}-{k}"), now_ms));
        let report = Report {
            boot: "1".to_owned(),
            told: pairs.flatten().collect(),
            is_all: false,
            living: None,
            seen: None,
        };
        let node = format!("node-{}", n % 10);
        recorder.take(&node, &report).await.unwrap();
    }
}

fn pair(store: &Store, stream: &str, now_ms: i64) -> [Told; 2] {
    let next = || store.next_id().expect("randomness");
    let session = next();
    let began = ToldBegin {
        event: next(),
        session,
        at_ms: now_ms,
        boot: "1".to_owned(),
        app: "live".to_owned(),
        stream: stream.to_owned(),
        protocol: "rtmp".to_owned(),
        address: "192.0.2.1:5".to_owned(),
        heartbeat_ms: 0,
    };
    let ended = ToldEnd {
        event: next(),
        session,
        started_ms: now_ms,
        at_ms: now_ms,
        app: "live".to_owned(),
        stream: stream.to_owned(),
        protocol: "rtmp".to_owned(),
        address: "192.0.2.1:5".to_owned(),
        cause: 4001,
        viewers_max: 1,
        bytes_in: 1,
        bytes_out: 1,
    };
    [Told::Began(began), Told::Ended(ended)]
}

/// Reads all events between two numbers as a client of the API does: waits, reads a page, goes on behind it.
async fn read(log: Log, (mut after, until): (i64, i64), late: Arc<Mutex<Vec<i64>>>) {
    let clock = Clock::real();
    let want = EventWant::default();
    let mut seen = Vec::new();
    while after < until {
        log.wait(after).await;
        let page = log.read(after, &want, PAGE).await.unwrap();
        let now_ms = clock.wall_ms();
        seen.extend(page.entries.iter().map(|entry| now_ms - entry.event.at_ms));
        after = page.next;
    }
    late.lock().extend(seen);
}
