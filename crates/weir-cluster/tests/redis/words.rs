//! What goes wrong is said in an operator's words, and once.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;
use weir_cluster::store::Store;

use crate::nodes::{record, stream};
use crate::server::{PASSWORD, Server, TTL_MS, free_port, redis};
use crate::story::claim;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// What is logged while a node would try for two seconds.
pub(crate) async fn logged(url: &str) -> Vec<String> {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let redis = redis(url, TTL_MS);
    for _ in 0..10 {
        let _ = redis.leases(vec![claim("a", "n1", 1, 1, 0, 0)]).await;
        let _ = redis.register(record("n1", 1)).await;
        let _ = redis.find(stream("a")).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(guard);
    log.lines()
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
