//! Public pages over a real store: what a reader gets without a script, how soon a change is there, and that reading
//! asks nobody. Shows R9. Shows R27.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use weir_api::{Elsewhere, Posters, SiteKeeper, Snapshots};
use weir_base::{Clock, Tasks};
use weir_cluster::Role;
use weir_store::channels::{ChannelEdit, NewChannel, Timing};
use weir_store::{Config, Store};
use weir_testkit::wait::Stopwatch;

use crate::world::{Answered, Outside, World, record, request, with_bearer, with_token};

/// A change is on every page within this.
const SOON: Duration = Duration::from_secs(2);
/// How long a test waits before it says that something never came: machines may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks of a test.
const STEP: Duration = Duration::from_millis(20);

struct Kept {
    world: World,
    store: Store,
    tasks: Tasks,
    _dir: TempDir,
}

impl Kept {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Config::default(), dir.path(), Clock::real())
            .await
            .unwrap();
        let keeper = Arc::new(SiteKeeper::new(
            store.clone(),
            "https://tv.example",
            Posters {
                snapshots: Snapshots::off("this is a test"),
                place: Some("https://img.example".into()),
            },
        ));
        let world = World::set(record("d1", &[Role::Dispatcher], None), |config| {
            config.store = Some(store.clone());
            config.site = Some(keeper.clone());
        });
        let tasks = Tasks::new();
        let (hub, cluster, shutdown) = (
            world.hub.clone(),
            world.cluster.clone(),
            world.shutdown.clone(),
        );
        tasks.spawn("site", async move {
            keeper
                .run((hub, cluster, Elsewhere::default()), &Outside, shutdown)
                .await;
        });
        let kept = Self {
            world,
            store,
            tasks,
            _dir: dir,
        };
        kept.until("/", |page| {
            page.status == StatusCode::OK && page.text.contains("id=\"live\"")
        })
        .await;
        kept
    }

    async fn channel(&self, name: &str) -> weir_store::channels::Channel {
        let new = NewChannel {
            user_id: self.store.next_id().unwrap(),
            name,
            skeleton: name,
            app: "live",
            title: &format!("{name} <i>live</i>"),
            most: 1,
        };
        self.store.channels().create(&new).await.unwrap()
    }

    /// Reads a page until it is as it should be; how long that took.
    async fn until(&self, path: &str, is_so: impl Fn(&Answered) -> bool) -> Duration {
        let began = Stopwatch::start();
        loop {
            let page = self.world.get(path).await;
            if is_so(&page) {
                return began.elapsed();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{path} stays {} {}",
                page.status,
                page.text
            );
            tokio::time::sleep(STEP).await;
        }
    }

    async fn pages(&self, who: &str, method: &str, below: &str, body: Value) -> Answered {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let asked = request(method, &format!("/api/v1/pages{below}"), "10.3.0.1", &body);
        let asked = match who {
            "operator" => with_token(asked),
            token => with_bearer(asked, token),
        };
        self.world.ask(asked).await
    }

    async fn end(self) {
        self.world.shutdown.stop();
        self.tasks.join().await;
    }
}

#[tokio::test]
async fn a_change_is_on_the_pages_within_two_seconds() {
    let kept = Kept::new().await;
    let ann = kept.channel("ann").await;
    let mut waits = vec![
        kept.until("/c/ann", |page| page.status == StatusCode::OK)
            .await,
    ];
    let page = kept.world.get("/c/ann").await.text;
    assert!(
        page.contains("ann &lt;i&gt;live&lt;/i&gt;") && page.contains("Not live"),
        "{page}"
    );
    assert!(kept.world.get("/").await.text.contains("href=\"/c/ann\""));
    assert!(
        kept.world
            .get("/sitemap.xml")
            .await
            .text
            .contains("https://tv.example/c/ann")
    );

    let timing = Timing {
        title: "Finals",
        description: "",
        starts_ms: kept.store.now_ms() + 60_000,
        ends_ms: 0,
    };
    let coming = kept.store.channels().schedule(&ann, &timing).await.unwrap();
    waits.push(
        kept.until("/c/ann", |page| page.text.contains("Finals"))
            .await,
    );
    kept.store
        .channels()
        .unschedule(&ann, coming.id)
        .await
        .unwrap();
    waits.push(
        kept.until("/c/ann", |page| !page.text.contains("Finals"))
            .await,
    );

    kept.world.hears(record("o2", &[Role::Origin], None));
    kept.world.hears_owned("o2", 2, "live/ann");
    waits.push(
        kept.until("/", |page| page.text.contains("data-stream=\"live/ann\""))
            .await,
    );
    assert!(
        kept.world
            .get("/c/ann")
            .await
            .text
            .contains("href=\"/watch/live/ann\"")
    );

    kept.store.channels().remove(&ann).await.unwrap();
    waits.push(
        kept.until("/c/ann", |page| page.status == StatusCode::NOT_FOUND)
            .await,
    );
    assert!(waits.iter().all(|wait| *wait < SOON), "{waits:?}");
    kept.end().await;
}

#[tokio::test]
async fn reading_asks_no_database_and_goes_on_while_it_is_away() {
    let kept = Kept::new().await;
    kept.channel("ann").await;
    kept.until("/c/ann", |page| page.status == StatusCode::OK)
        .await;
    // From here on each question to the database is an error, so no page that is answered asked one.
    kept.store.close().await;
    assert!(kept.store.channels().by_name("ann").await.is_err());
    for path in [
        "/",
        "/c/ann",
        "/c/ann/feed.xml",
        "/notices",
        "/help",
        "/sitemap.xml",
        "/robots.txt",
    ] {
        for _ in 0..300 {
            let page = kept.world.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
        }
    }
    // What is live is no row: it goes on being true.
    kept.world.hears(record("o2", &[Role::Origin], None));
    kept.world.hears_owned("o2", 2, "live/ann");
    kept.until("/c/ann", |page| {
        page.text.contains("href=\"/watch/live/ann\"")
    })
    .await;
    // A search says that it has to wait, and shows what is live.
    let found = kept.world.get("/search?q=ann").await;
    assert!(found.status == StatusCode::OK && found.text.contains("data-stream=\"live/ann\""));
    kept.end().await;
}

#[tokio::test]
async fn a_page_comes_in_the_language_and_the_coding_of_its_reader() {
    let kept = Kept::new().await;
    let get = async |target: &str, headers: &[(HeaderName, &str)]| {
        let mut asked = request("GET", target, "10.3.0.1", "");
        for (name, value) in headers {
            asked.headers_mut().insert(name, value.parse().unwrap());
        }
        kept.world.router.clone().oneshot(asked).await.unwrap()
    };
    for (takes, coding) in [
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("", ""),
    ] {
        let page = get("/", &[(header::ACCEPT_ENCODING, takes)]).await;
        let headers = page.headers();
        let said = headers
            .get(header::CONTENT_ENCODING)
            .map_or("", |coding| coding.to_str().unwrap());
        assert_eq!(said, coding, "{takes}");
        assert_eq!(headers[header::VARY], "Accept-Encoding, Accept-Language");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = headers[header::ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with('"') && !headers["surrogate-key"].is_empty());
        let again = get(
            "/",
            &[
                (header::ACCEPT_ENCODING, takes),
                (header::IF_NONE_MATCH, &tag),
            ],
        )
        .await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{takes}");
        let other = get(
            "/",
            &[
                (header::ACCEPT_ENCODING, "x"),
                (header::IF_NONE_MATCH, &tag),
            ],
        )
        .await;
        assert_eq!(
            other.status() == StatusCode::NOT_MODIFIED,
            coding.is_empty(),
            "{takes}"
        );
    }
    for (target, wishes, lang) in [
        ("/", "zh-CN,zh;q=0.9", "zh-CN"),
        ("/", "fr", "en"),
        ("/?lang=zh", "en", "zh-CN"),
        ("/notices?lang=en", "zh", "en"),
    ] {
        let page = get(target, &[(header::ACCEPT_LANGUAGE, wishes)]).await;
        assert_eq!(
            page.headers()[header::CONTENT_LANGUAGE],
            lang,
            "{target} {wishes}"
        );
    }
    kept.end().await;
}

#[tokio::test]
async fn a_notice_is_drafted_by_one_published_by_another_and_its_history_kept() {
    let kept = Kept::new().await;
    let wish = json!({ "kind": "notice", "slug": "open-day", "title": "Open day",
                       "body": "Come **all**. <script>alert(1)</script>" });
    let made = kept.pages("moderator", "POST", "", wish.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let below = format!("/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(
        kept.pages("moderator", "POST", "", wish).await.status,
        StatusCode::CONFLICT
    );
    let now = json!({ "publish_ms": 1 });
    assert_eq!(
        kept.pages("moderator", "PATCH", &below, now.clone())
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        kept.pages("viewer", "GET", &below, Value::Null)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        kept.world.get("/notices/open-day").await.status,
        StatusCode::NOT_FOUND
    );

    assert_eq!(
        kept.pages("operator", "PATCH", &below, now).await.status,
        StatusCode::OK
    );
    let wait = kept
        .until("/notices/open-day", |page| page.status == StatusCode::OK)
        .await;
    assert!(wait < SOON, "{wait:?}");
    let page = kept.world.get("/notices/open-day").await.text;
    assert!(
        page.contains("Come <strong>all</strong>.") && page.contains("&lt;script&gt;"),
        "{page}"
    );
    assert!(
        kept.world
            .get("/")
            .await
            .text
            .contains("href=\"/notices/open-day\"")
    );
    // What is published is no draft of a moderator's.
    let change = json!({ "title": "Closed" });
    assert_eq!(
        kept.pages("moderator", "PATCH", &below, change)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        kept.pages("moderator", "DELETE", &below, Value::Null)
            .await
            .status,
        StatusCode::FORBIDDEN
    );

    // Later today: until then it is not there.
    let later = json!({ "publish_ms": kept.store.now_ms() + 3_600_000 });
    assert_eq!(
        kept.pages("operator", "PATCH", &below, later).await.status,
        StatusCode::OK
    );
    kept.until("/notices/open-day", |page| {
        page.status == StatusCode::NOT_FOUND
    })
    .await;

    let history = kept
        .pages(
            "moderator",
            "GET",
            &format!("{below}/versions"),
            Value::Null,
        )
        .await
        .json();
    let versions: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["version"].clone())
        .collect();
    assert_eq!(versions, [json!(3), json!(2), json!(1)]);
    assert_eq!(
        kept.pages("operator", "DELETE", &below, Value::Null)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        kept.pages("operator", "GET", &below, Value::Null)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let acts = kept
        .store
        .audit()
        .list(Default::default(), None, 10)
        .await
        .unwrap();
    let acts: Vec<_> = acts.iter().map(|act| act.action.as_str()).collect();
    assert_eq!(
        acts,
        ["page.remove", "page.edit", "page.edit", "page.create"]
    );
    kept.end().await;
}

#[tokio::test]
async fn a_page_is_seen_by_its_authors_before_it_is_kept_as_everybody_will_see_it() {
    let kept = Kept::new().await;
    let (title, body) = ("Open <i>day</i>", "Come **all**. <script>alert(1)</script>");
    let draft = json!({ "kind": "help", "title": title, "body": body, "language": "en" });
    let preview = |who, draft: Value| kept.pages(who, "POST", "/preview", draft);
    let seen = preview("moderator", draft.clone()).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let wish = json!({ "kind": "help", "slug": "open-day", "title": title, "body": body, "publish_ms": 1 });
    let made = kept.pages("operator", "POST", "", wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let html = seen.json()["html"].as_str().unwrap().to_owned();
    assert!(html.contains("Open &lt;i&gt;day") && html.contains("&lt;script&gt;"));
    kept.until("/help/open-day", |page| page.text.contains(&html))
        .await;
    let no_title = json!({ "kind": "notice", "body": "x", "language": "zh" });
    assert_eq!(preview("moderator", no_title).await.status, StatusCode::OK);
    for (field, value) in [("kind", "poem"), ("language", "fr"), ("title", "a\nb")] {
        let mut wrong = draft.clone();
        wrong[field] = json!(value);
        let refused = preview("moderator", wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    let refused = preview("viewer", draft).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    kept.end().await;
}

#[tokio::test]
async fn a_channels_player_stands_in_pages_of_others() {
    let kept = Kept::new().await;
    let ann = kept.channel("ann").await;
    kept.until("/c/ann", |page| page.status == StatusCode::OK)
        .await;
    let ask = async |query: &str| kept.world.get(&format!("/api/v1/oembed?{query}")).await;
    let shown = ask("url=https%3A%2F%2Ftv.example%2Fc%2Fann&maxwidth=320").await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    let shown = shown.json();
    assert_eq!(
        (&shown["width"], &shown["height"]),
        (&json!(320), &json!(180))
    );
    assert_eq!(shown.get("thumbnail_url"), None);
    let html = shown["html"].as_str().unwrap();
    assert!(
        html.contains("src=\"https://tv.example/embed/live/ann\""),
        "{html}"
    );
    assert!(!html.contains("<i>"), "{html}");
    let edit = ChannelEdit {
        cover: Some("0123"),
        ..ChannelEdit::default()
    };
    let place = (ann.user_id, ann.id);
    let edited = kept.store.channels().edit(place, ann.version, &edit).await;
    edited.unwrap();
    let picture = "https://img.example/i/0123-1280.jpg";
    kept.until("/c/ann", |page| page.text.contains(picture))
        .await;
    let shown = ask("url=https%3A%2F%2Ftv.example%2Fc%2Fann&maxwidth=320").await;
    let shown = shown.json();
    assert_eq!(
        (&shown["thumbnail_url"], &shown["thumbnail_width"]),
        (&json!("https://img.example/i/0123-320.jpg"), &json!(320))
    );
    for elsewhere in [
        "https://evil.example/c/ann",
        "https://tv.example/",
        "https://tv.example/c/bob",
        "x",
    ] {
        let answered = ask(&format!("url={elsewhere}")).await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{elsewhere}");
    }
    kept.end().await;
}
