//! Hooks as receivers hear them: real requests to real sockets, with a store beneath.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;
use weir_base::{Clock, Shutdown, Tasks};
use weir_hook::{Config, Dispatcher, Secret, Sender};
use weir_link::dial::Dialer;
use weir_link::http::HttpClient;
use weir_store::Store;
use weir_store::events::{Fact, LoggedEvent, NewEvent};
use weir_store::hooks::{Delivery, DeliveryState, Endpoint, EndpointFields};
use weir_testkit::receiver::{Heard, Receiver, Reply};

/// 14 November 2023, in microseconds.
const BEGIN_US: i64 = 1_700_000_000_000_000;

struct Kit {
    store: Store,
    clock: Clock,
    dispatcher: Dispatcher,
    head: tokio::sync::watch::Sender<i64>,
    tasks: Tasks,
    shutdown: Shutdown,
    _dir: TempDir,
}

impl Kit {
    async fn start(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            allow: vec!["127.0.0.0/8".to_owned()],
            timeout_ms: 500,
            ..Config::default()
        };
        set(&mut config);
        config.check().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_US);
        let store = Store::open(&weir_store::Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let client = HttpClient::new(
            Dialer::over_weak_networks(),
            clock.clone(),
            tasks.clone(),
            shutdown.clone(),
        );
        let sender = Sender::new(client, clock.clone(), &config);
        let lives = (tasks.clone(), shutdown.clone());
        let dispatcher = Dispatcher::new(store.clone(), sender, config, "a", render, lives);
        let head = tokio::sync::watch::Sender::new(0);
        tasks.spawn("hooks", dispatcher.clone().run(head.subscribe()));
        Self {
            store,
            clock,
            dispatcher,
            head,
            tasks,
            shutdown,
            _dir: dir,
        }
    }

    async fn hook(&self, url: &str, dialect: &str) -> Endpoint {
        let fields = EndpointFields {
            app: "live",
            url,
            types: &[],
            dialect,
            state: "active",
        };
        let secret = Secret::make().unwrap().reveal();
        self.store
            .hooks()
            .create("", fields, &secret)
            .await
            .unwrap()
    }

    /// Something happens to each of these streams.
    async fn log(&self, kind: &str, streams: &[&str]) {
        let facts = streams.iter().map(|stream| {
            Fact::Other(NewEvent {
                id: self.store.next_id().unwrap(),
                kind: kind.to_owned(),
                app: "live".to_owned(),
                stream: (*stream).to_owned(),
                session: None,
                cause: 0,
                data: "{}".to_owned(),
                at_ms: self.store.now_ms(),
            })
        });
        let facts: Vec<Fact> = facts.collect();
        let head = self.store.events().record(&facts).await.unwrap();
        self.head.send_replace(head);
    }

    /// The endpoint's deliveries, oldest first, once `is_so` holds for them.
    async fn when(
        &self,
        endpoint: &Endpoint,
        is_so: impl Fn(&[Delivery]) -> bool,
    ) -> Vec<Delivery> {
        let look = async {
            loop {
                let key = ("", endpoint.id);
                let rows = self.store.hooks().deliveries(key, None, None, 100).await;
                let mut rows = rows.unwrap();
                rows.reverse();
                if is_so(&rows) {
                    return rows;
                }
                // The rows are another task's: there is nothing to wait for but them.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let limit = std::time::Duration::from_secs(30);
        tokio::time::timeout(limit, look).await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.stop();
        self.tasks.join().await;
    }
}

fn render(event: &LoggedEvent) -> String {
    serde_json::json!({
        "id": event.id, "type": event.kind, "app": event.app, "stream": event.stream,
        "session": event.session, "at": "2023-11-14T22:13:20.000Z", "cause": null, "data": {},
    })
    .to_string()
}

fn are(state: DeliveryState) -> impl Fn(&[Delivery]) -> bool {
    move |rows| !rows.is_empty() && rows.iter().all(|row| row.state == state)
}

/// Checks a signature as a receiver would, by the standard's words alone.
fn is_signed(heard: &Heard, secret: &str) -> bool {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let of = |name: &str| heard.headers[name].clone();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", of("webhook-id"), of("webhook-timestamp")).as_bytes());
    mac.update(&heard.body);
    let want = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    of("webhook-signature").split(' ').any(|one| one == want)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_once_signed_with_the_secret_and_while_it_rotates_with_both() {
    let receiver = Receiver::start(|_| Reply::Status(200, "ok"));
    let kit = Kit::start(|_| {}).await;
    let hook = kit.hook(&receiver.url("/hook?a=b"), "standard").await;
    kit.log("stream.started", &["live/a"]).await;
    let heard = receiver.wait(1);
    assert_eq!(heard[0].target, "/hook?a=b");
    assert_eq!(heard[0].headers["content-type"], "application/json");
    assert_eq!(heard[0].json()["type"], "stream.started");
    assert_eq!(heard[0].json()["data"]["stream"], "live/a");
    assert!(is_signed(&heard[0], &hook.secret));
    let rows = kit.when(&hook, are(DeliveryState::Delivered)).await;
    assert_eq!((rows[0].status, rows[0].words.as_str()), (200, "ok"));

    let new = Secret::make().unwrap().reveal();
    let until_ms = kit.store.now_ms() + 1000;
    kit.store
        .hooks()
        .rotate(("", hook.id), &new, until_ms)
        .await
        .unwrap();
    kit.log("stream.ended", &["live/a"]).await;
    let heard = receiver.wait(2);
    assert!(is_signed(&heard[1], &hook.secret) && is_signed(&heard[1], &new));
    kit.clock.advance_us(2_000_000);
    kit.log("stream.ended", &["live/a"]).await;
    let heard = receiver.wait(3);
    assert!(!is_signed(&heard[2], &hook.secret) && is_signed(&heard[2], &new));
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_its_order_through_failures_and_the_others_go_on() {
    let failed = std::sync::atomic::AtomicUsize::new(0);
    let receiver = Receiver::start(move |heard| {
        let is_slow = heard.json()["data"]["stream"] == "live/a";
        let count = || failed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match is_slow && count() < 2 {
            true => Reply::Status(500, "not now"),
            false => Reply::Status(204, ""),
        }
    });
    let kit = Kit::start(|_| {}).await;
    let hook = kit.hook(&receiver.url("/"), "standard").await;
    kit.log("stream.started", &["live/a", "live/b"]).await;
    kit.log("stream.ended", &["live/a", "live/b"]).await;
    // The first of `a` failed once; its second waits behind it. All of `b` is there.
    receiver.wait(3);
    for tries in 1..=2 {
        kit.when(&hook, |rows| {
            rows.iter()
                .any(|row| row.status == 500 && row.tries == tries)
        })
        .await;
        kit.clock.advance_us(60_000_000);
    }
    let rows = kit.when(&hook, are(DeliveryState::Delivered)).await;
    let tries: Vec<i64> = rows.iter().map(|row| row.tries).collect();
    assert_eq!(tries, [3, 1, 1, 1]);
    let heard = receiver.wait(6);
    let of = |stream: &str| {
        let of = heard
            .iter()
            .filter(|one| one.json()["data"]["stream"] == stream);
        of.map(|one| one.json()["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (start, end) = ("stream.started", "stream.ended");
    assert_eq!(of("live/a"), [start, start, start, end]);
    assert_eq!(of("live/b"), [start, end]);
    let ids: std::collections::HashSet<_> =
        heard.iter().map(|one| &one.headers["webhook-id"]).collect();
    assert_eq!(ids.len(), 4, "a try has the id of its delivery");
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_for_a_day_is_a_dead_letter_that_can_be_sent_again() {
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let well = is_well.clone();
    let receiver = Receiver::start(
        move |_| match well.load(std::sync::atomic::Ordering::SeqCst) {
            true => Reply::Status(200, ""),
            false => Reply::Status(503, "ill"),
        },
    );
    let kit = Kit::start(|_| {}).await;
    let hook = kit.hook(&receiver.url("/"), "standard").await;
    kit.log("stream.started", &["live/a"]).await;
    kit.when(&hook, |rows| rows.iter().any(|row| row.tries == 1))
        .await;
    kit.clock.advance_us(25 * 3_600_000_000);
    let rows = kit.when(&hook, are(DeliveryState::Dead)).await;
    assert_eq!((rows[0].status, rows[0].words.as_str()), (503, "ill"));
    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    kit.store
        .hooks()
        .again(("", hook.id), rows[0].id)
        .await
        .unwrap();
    kit.dispatcher.poke();
    kit.when(&hook, are(DeliveryState::Delivered)).await;
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_nothing_delays_no_other() {
    let mute = Receiver::start(|_| Reply::Nothing);
    let quick = Receiver::start(|_| Reply::Status(200, ""));
    let kit = Kit::start(|config| config.timeout_ms = 60_000).await;
    kit.hook(&mute.url("/"), "standard").await;
    kit.hook(&quick.url("/"), "standard").await;
    kit.log("stream.started", &["live/a", "live/b", "live/c"])
        .await;
    mute.wait(3);
    quick.wait(3);
    kit.log("stream.ended", &["live/a"]).await;
    quick.wait(4);
    assert_eq!(mute.heard().len(), 3);
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hook_reaches_an_internal_address_by_name_number_or_redirect() {
    let inside = Receiver::start(|_| Reply::Status(200, "secret"));
    let port = inside.url("/").rsplit(':').next().unwrap().to_owned();
    let kit = Kit::start(|config| config.allow.clear()).await;
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
    ] {
        let hook = kit.hook(&format!("http://{host}:{port}"), "standard").await;
        kit.log("stream.started", &["live/a"]).await;
        let rows = kit
            .when(&hook, |rows| rows.iter().any(|row| row.tries > 0))
            .await;
        assert_eq!(rows[0].status, 0, "{host}: {:?}", rows[0]);
    }
    assert_eq!(inside.heard().len(), 0);
    kit.stop().await;

    let target = inside.url("/inside");
    let outside = Receiver::start(move |_| Reply::Redirect(target.clone()));
    let kit = Kit::start(|_| {}).await;
    let hook = kit.hook(&outside.url("/"), "standard").await;
    kit.log("stream.started", &["live/a"]).await;
    let rows = kit
        .when(&hook, |rows| rows.iter().any(|row| row.tries > 0))
        .await;
    assert_eq!(
        (rows[0].status, rows[0].state),
        (302, DeliveryState::Waiting)
    );
    assert_eq!(inside.heard().len(), 0);
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_written_for_other_servers_hear_what_they_know_and_nothing_else() {
    let srs = Receiver::start(|_| Reply::Status(200, "0"));
    let tencent = Receiver::start(|_| Reply::Status(200, r#"{"code":0}"#));
    let kit = Kit::start(|_| {}).await;
    let srs_hook = kit.hook(&srs.url("/srs"), "srs").await;
    kit.hook(&tencent.url("/tencent"), "tencent").await;
    kit.log("channel.followed", &["live/a"]).await;
    kit.log("stream.started", &["live/a"]).await;
    kit.log("stream.ended", &["live/a"]).await;
    let actions = srs.wait(2);
    let actions: Vec<_> = actions
        .iter()
        .map(|one| one.json()["action"].clone())
        .collect();
    assert_eq!(actions, ["on_publish", "on_unpublish"]);
    let types = tencent.wait(2);
    let types: Vec<_> = types
        .iter()
        .map(|one| one.json()["event_type"].clone())
        .collect();
    assert_eq!(types, [1, 0]);
    kit.when(&srs_hook, are(DeliveryState::Delivered)).await;
    assert_eq!((srs.heard().len(), tencent.heard().len()), (2, 2));
    kit.stop().await;
}
