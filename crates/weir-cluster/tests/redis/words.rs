//! What goes wrong is said in an operator's words, and once.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;
use std::time::Duration;

use weir_cluster::store::Store;

use crate::nodes::{record, stream};
use crate::server::{PASSWORD, Server, TTL_MS, free_port, redis};
use crate::story::claim;

thread_local! {
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes what is logged to where this thread keeps it. One subscriber serves the process: while there is just one, and
/// of a thread alone, what another thread came by first is heard of by nobody.
struct OfThread;

impl Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        KEPT.with_borrow_mut(|kept| kept.as_mut().map(|kept| kept.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

static LISTENING: Once = Once::new();

/// What is logged while a node would try for two seconds.
pub(crate) async fn logged(url: &str) -> Vec<String> {
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(|| OfThread)
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    KEPT.set(Some(Vec::new()));
    let redis = redis(url, TTL_MS);
    for _ in 0..10 {
        let _ = redis.leases(vec![claim("a", "n1", 1, 1, 0, 0)]).await;
        let _ = redis.register(record("n1", 1)).await;
        let _ = redis.find(stream("a")).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let kept = KEPT.take().unwrap_or_default();
    let text = String::from_utf8(kept).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_wrong_is_said_once_and_in_words() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let port = server.port;
    let nobody = free_port();
    let cases = [
        (
            format!("redis://:falsch@127.0.0.1:{port}"),
            "user or password is wrong",
        ),
        (
            format!("redis://who:{PASSWORD}@127.0.0.1:{port}"),
            "user or password is wrong",
        ),
        (format!("redis://127.0.0.1:{port}"), "wants a password"),
        (format!("redis://127.0.0.1:{nobody}"), "connection refused"),
        (format!("rediss://127.0.0.1:{port}"), "does not speak TLS"),
        (
            format!("redis+cluster://:{PASSWORD}@127.0.0.1:{port}"),
            "is not a Redis Cluster",
        ),
        (
            format!("redis+sentinel://127.0.0.1:{port}/m?sentinel_password={PASSWORD}"),
            "is no Sentinel",
        ),
    ];
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for (url, words) in cases {
        let lines = logged(&url).await;
        assert_eq!(lines.len(), 1, "{url}: {lines:#?}");
        assert!(lines[0].contains(words), "{url}: {}", lines[0]);
        assert!(
            !lines[0].contains(PASSWORD) && !lines[0].contains("falsch"),
            "{}",
            lines[0]
        );
    }
}

#[tokio::test]
async fn a_replica_and_a_user_without_rights_are_told_apart() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    server.cli(&[
        "acl", "setuser", "blind", "on", ">x", "~*", "&*", "+@all", "-eval", "-evalsha",
    ]);
    let lines = logged(&format!("redis://blind:x@127.0.0.1:{}", server.port)).await;
    // What it may not do, each once; reading goes well.
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines.iter().all(|line| line.contains("may not")),
        "{lines:#?}"
    );

    let of = server.port.to_string();
    let args = ["--requirepass", PASSWORD, "--masterauth", PASSWORD];
    let replica = Server::with(&[&args[..], &["--replicaof", "127.0.0.1", &of]].concat()).unwrap();
    crate::server::ready(&replica.url()).await;
    let lines = logged(&replica.url()).await;
    assert!(lines.len() <= 4, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("it is a replica")),
        "{lines:#?}"
    );
}
