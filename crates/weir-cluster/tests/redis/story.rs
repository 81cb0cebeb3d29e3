//! The script says what the table says, and a cluster lives through its server's death.

use std::time::Duration;

use weir_base::Clock;
use weir_cluster::StreamRecord;
use weir_cluster::lease::Event;
use weir_cluster::local::LocalStore;
use weir_cluster::store::Store;
use weir_cluster::table::{Held, LeaseReply, Op};

use crate::nodes::{name, record, run, stream, until};
use crate::server::{Server, TTL_MS};

pub(crate) fn claim(key: &str, node: &str, boot: u64, claim: u64, over: u64, seen: u64) -> Op {
    let record = StreamRecord {
        key: stream(key),
        node: name(node),
        boot,
        claim,
        epoch: 0,
        since_ms: -5,
        over,
    };
    Op::Claim { record, over, seen }
}

pub(crate) fn held(key: &str, boot: u64, claim: u64, epoch: u64) -> Held {
    Held {
        key: stream(key),
        boot,
        claim,
        epoch,
    }
}

fn epoch(answer: &LeaseReply) -> u64 {
    match answer {
        LeaseReply::Yours(epoch) => *epoch,
        other => panic!("{other:?}"),
    }
}

/// The life of a lease, told to a store; what it answers with epochs as their rank.
pub(crate) async fn story(store: &dyn Store, ttl_ms: i64) -> Vec<LeaseReply> {
    const BIG: u64 = u64::MAX;
    let mut told = Vec::new();
    let mut epochs = Vec::new();
    macro_rules! tell {
        ($op:expr) => {{
            let answer = store.leases(vec![$op]).await.unwrap().remove(0);
            match &answer {
                LeaseReply::Yours(epoch) => epochs.push(*epoch),
                LeaseReply::Theirs(record) => epochs.push(record.epoch),
                LeaseReply::Nobody => (),
            }
            told.push(answer.clone());
            answer
        }};
    }
    let first = epoch(&tell!(claim("a", "n1", BIG, 1, 0, 0)));
    // Asked again, and by others.
    assert_eq!(epoch(&tell!(claim("a", "n1", BIG, 1, 0, 0))), first);
    tell!(claim("a", "n2", 2, 1, 0, 0));
    tell!(claim("a", "n2", 2, 1, first - 1, 0));
    // Renewed by its own, not by an old epoch nor by another life.
    tell!(Op::Renew(held("a", BIG, 1, first)));
    tell!(Op::Renew(held("a", BIG, 1, first - 1)));
    tell!(Op::Renew(held("a", BIG - 1, 1, first)));
    tell!(Op::Look(held("a", BIG, 1, first)));
    // Released by its own claim alone.
    tell!(Op::Release(held("a", BIG, 2, first)));
    // Taken over by who names the epoch; the old one finds that out.
    let second = epoch(&tell!(claim("a", "n2", 2, 1, first, 0)));
    assert!(second > first);
    tell!(Op::Renew(held("a", BIG, 1, first)));
    tell!(Op::Release(held("a", BIG, 1, first)));
    // A node's new life takes what its old one held.
    let third = epoch(&tell!(claim("a", "n2", 3, 1, 0, second + 1_000_000)));
    assert!(
        third > second + 1_000_000,
        "an epoch heard of is never given again"
    );
    // Not the other way round: a claim of an earlier publisher was long on its way.
    tell!(claim("a", "n2", 3, 7, 0, 0));
    tell!(claim("a", "n2", 3, 1, 0, 0));
    tell!(Op::Release(held("a", 3, 7, 0)));
    tell!(Op::Look(held("a", 3, 1, third)));
    tell!(Op::Renew(held("a", 3, 1, third)));
    // Ends by itself.
    tell!(claim("b", "n1", 1, 9, 0, 0));
    tokio::time::sleep(Duration::from_millis(u64::try_from(ttl_ms).unwrap() + 50)).await;
    tell!(Op::Look(held("b", 1, 9, 0)));
    epochs.sort_unstable();
    epochs.dedup();
    let rank = |epoch: u64| epochs.binary_search(&epoch).unwrap() as u64;
    for answer in &mut told {
        match answer {
            LeaseReply::Yours(epoch) => *epoch = rank(*epoch),
            LeaseReply::Theirs(record) => (record.epoch, record.over) = (rank(record.epoch), 0),
            LeaseReply::Nobody => (),
        }
    }
    told
}

#[tokio::test]
async fn redis_answers_as_the_table_does() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let local = story(&LocalStore::new(Clock::real(), 300, 300), 300).await;
    let redis = story(&server.redis(300), 300).await;
    assert_eq!(local, redis);
}

#[tokio::test]
async fn a_batch_may_speak_of_one_stream_twice() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let redis = server.redis(TTL_MS);
    let local = LocalStore::new(Clock::real(), TTL_MS, TTL_MS);
    for store in [&redis as &dyn Store, &local] {
        let batch = vec![
            claim("a", "n1", 1, 1, 0, 0),
            Op::Release(held("a", 1, 1, 0)),
            claim("a", "n2", 2, 1, 0, 0),
            Op::Release(held("a", 1, 1, 0)),
            claim("b", "n1", 1, 2, 0, 0),
            Op::Release(held("b", 1, 2, 0)),
            Op::Look(held("b", 1, 2, 0)),
        ];
        let answers = store.leases(batch).await.unwrap();
        let first = epoch(&answers[0]);
        assert_eq!(epoch(&answers[2]), first + 1);
        assert!(matches!(&answers[3], LeaseReply::Theirs(by) if by.node == name("n2")));
        assert_eq!(
            (&answers[1], &answers[6]),
            (&LeaseReply::Nobody, &LeaseReply::Nobody)
        );
        let (_, streams) = store.everything().await.unwrap();
        assert_eq!((streams.len(), streams[0].node.as_str()), (1, "n2"));
    }
}

#[tokio::test]
async fn everything_is_found_again_in_pages() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let redis = server.redis(TTL_MS);
    for batch in 0..9 {
        let ops = (0..250)
            .map(|n| claim(&format!("live/{batch}-{n}"), "n1", 1, n + 1, 0, 0))
            .collect();
        redis.leases(ops).await.unwrap();
    }
    redis.register(record("n1", 1)).await.unwrap();
    redis.register(record("n2", 2)).await.unwrap();
    let (nodes, streams) = redis.everything().await.unwrap();
    assert_eq!((nodes.len(), streams.len()), (2, 2_250));
    let one = redis.find(stream("live/8-249")).await.unwrap().unwrap();
    assert_eq!(
        (one.node.as_str(), one.claim, one.since_ms),
        ("n1", 250, -5)
    );
    redis.unregister(name("n1")).await.unwrap();
    assert_eq!(redis.everything().await.unwrap().0.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_live_stays_live_while_redis_is_gone_and_all_is_announced_when_it_comes_back_empty()
{
    let Some(mut server) = Server::start() else {
        return;
    };
    server.ready().await;
    let (mut a, mut b, c) = (
        run(server.redis(TTL_MS), "a", 1),
        run(server.redis(TTL_MS), "b", 2),
        run(server.redis(TTL_MS), "c", 3),
    );
    let live = a.publish("live/one");
    assert!(matches!(a.event().await, Event::Owned(record) if record.epoch > 0));
    assert!(a.is_open(&live));
    until("everybody knows the owner", || {
        [&b, &c]
            .iter()
            .all(|n| n.owner("live/one").as_deref() == Some("a"))
    })
    .await;
    // Nobody else gets it.
    b.publish("live/one");
    assert!(matches!(b.event().await, Event::Refused { by, .. } if by.node.as_str() == "a"));

    server.kill();
    let fresh = b.publish("live/two");
    assert!(matches!(b.event().await, Event::Unconfirmed(_)));
    assert!(b.is_open(&fresh));
    for _ in 0..80 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(a.is_open(&live), "what is live stays live");
        assert!(b.is_open(&fresh));
    }
    assert!(matches!(a.event().await, Event::Unconfirmed(_)));
    let status = a.status();
    let idle = c.status();
    assert!(!idle.store, "who owns nothing knows it too");
    for down_ms in [status.store_down_ms, idle.store_down_ms] {
        assert!((5_000..12_000).contains(&down_ms.unwrap()), "{down_ms:?}");
    }
    assert_eq!(
        (status.store, status.bus, status.unconfirmed),
        (false, false, 1)
    );
    assert_eq!(
        c.owner("live/one").as_deref(),
        Some("a"),
        "the last view is kept"
    );

    server.restart();
    assert!(matches!(a.event().await, Event::Owned(_)));
    assert!(matches!(b.event().await, Event::Owned(_)));
    until("all is known again", || {
        let all = [&a, &b, &c];
        all.iter().all(|n| {
            n.owner("live/one").as_deref() == Some("a")
                && n.owner("live/two").as_deref() == Some("b")
        })
    })
    .await;
    assert!(a.is_open(&live) && b.is_open(&fresh));
    until("all is well again", || {
        [&a, &b, &c]
            .iter()
            .all(|n| n.status().store && n.status().bus)
    })
    .await;

    // Who leaves takes its streams along at once.
    a.stop.send(()).unwrap();
    until("a has gone", || {
        b.owner("live/one").is_none() && c.cluster.with(|m, _| m.view().len()) == 2
    })
    .await;
    b.end().await;
    c.end().await;
    assert!(
        server
            .redis(TTL_MS)
            .everything()
            .await
            .unwrap()
            .1
            .is_empty(),
        "nothing is left behind"
    );
    tokio::time::timeout(Duration::from_secs(5), a.tasks.join())
        .await
        .unwrap();
}
