//! Review over HTTP against a real store: two nodes over one database, whose claim it is, what a verdict does, who looks
//! again, and what viewers say.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::{BTreeSet, HashMap};

use http::StatusCode;
use serde_json::{Value, json};
use weir_api::AccountRole;
use weir_base::Clock;
use weir_store::audit::AuditFilter;
use weir_store::events::{Fact, NewBroadcast, NewEvent};
use weir_store::review::{GoldPicture, Growth, NewPicture};
use weir_store::{Config, Id, Store};

use crate::channels::{People, Site};

const CLAIMS: &str = "/api/v1/review/claims";
const DECISIONS: &str = "/api/v1/review/decisions";

async fn site() -> Site {
    site_at(Clock::real()).await
}

async fn site_at(clock: Clock) -> Site {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Config::default(), dir.path(), clock)
        .await
        .unwrap();
    let person = |role| (store.next_id().unwrap(), role);
    let people = People(HashMap::from([
        ("eve", person(AccountRole::Viewer)),
        ("one", person(AccountRole::Moderator)),
        ("two", person(AccountRole::Moderator)),
        ("boss", person(AccountRole::Admin)),
    ]));
    Site::with(store, people, dir)
}

/// A picture of a stream of this owner's channel waits.
async fn waits(site: &Site, stream: &str, owner: &str) -> String {
    waits_in(site, ("live", stream), owner).await
}

async fn waits_in(site: &Site, (app, stream): (&str, &str), owner: &str) -> String {
    let id = site.store.next_id().unwrap().to_string();
    let new = NewPicture {
        growth: Growth {
            stream,
            app,
            channel_id: "",
            user_id: owner,
            session: "",
            at_ms: site.store.now_ms(),
            head_ms: 0,
            hold_ms: 0,
            marks: 4,
        },
        id: &id,
        object: "",
        sha256: "0a1b",
        bytes: 4,
        width: 640,
        height: 360,
        hash: "",
        quality: 0,
        fault: "",
        known_as: "",
    };
    site.store.review().take(&new).await.unwrap()
}

async fn ok(site: &Site, who: &str, method: &str, target: &str, body: &Value) -> Value {
    let answered = site.ask(who, method, target, body).await;
    let is_ok = answered.status.is_success();
    assert!(is_ok, "{method} {target}: {}", answered.text);
    answered.json()
}

/// The claim, and the ids of what it is on.
async fn claim(site: &Site, who: &str, count: u32) -> (String, Vec<String>) {
    let seen = ok(site, who, "POST", CLAIMS, &json!({ "count": count })).await;
    let items = seen["items"].as_array().unwrap().iter();
    let ids = items.map(|item| item["id"].as_str().unwrap().to_owned());
    (seen["claim"].as_str().unwrap().to_owned(), ids.collect())
}

async fn decide(site: &Site, who: &str, claim: &str, items: &[String], more: Value) -> Value {
    let mut body = json!({ "claim": claim, "items": items });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    ok(site, who, "POST", DECISIONS, &body).await
}

#[tokio::test]
async fn two_reviewers_at_two_nodes_share_nothing_and_decide_only_what_is_theirs() {
    let site = site().await;
    let other = Site::with(
        site.store.clone(),
        site.people.clone(),
        tempfile::tempdir().unwrap(),
    );
    for number in 0..7 {
        waits(&site, &format!("live/{number}"), "").await;
    }
    let (mine, first) = claim(&site, "one", 4).await;
    let (theirs, second) = claim(&other, "two", 4).await;
    let all: BTreeSet<_> = first.iter().chain(&second).collect();
    assert_eq!((first.len(), second.len(), all.len()), (4, 3, 7));

    // A claim is its reviewer's alone, whoever knows its name.
    for (method, target) in [
        ("PUT", format!("{CLAIMS}/{mine}")),
        ("DELETE", format!("{CLAIMS}/{mine}")),
    ] {
        let answered = site.ask("two", method, &target, &Value::Null).await;
        assert!(
            answered.status == StatusCode::NOT_FOUND || answered.status == StatusCode::NO_CONTENT
        );
    }
    let kept = ok(
        &other,
        "one",
        "PUT",
        &format!("{CLAIMS}/{mine}"),
        &Value::Null,
    )
    .await;
    assert_eq!(
        kept["items"].as_array().unwrap().len(),
        4,
        "it is still theirs"
    );
    let stolen = decide(&site, "two", &mine, &first, json!({ "verdict": "ok" })).await;
    assert_eq!(stolen["lost"].as_array().unwrap().len(), 4);
    let foreign = decide(&site, "two", &theirs, &first, json!({ "verdict": "ok" })).await;
    assert_eq!(foreign["decided"], json!([]));

    let done = decide(&other, "one", &mine, &first, json!({ "verdict": "ok" })).await;
    assert_eq!(
        (done["decided"].as_array().unwrap().len(), &done["lost"]),
        (4, &json!([]))
    );
    let gone = format!("{CLAIMS}/{theirs}");
    assert_eq!(
        site.ask("two", "DELETE", &gone, &Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(
        claim(&site, "one", 9).await.1.len() >= 3,
        "what is given back waits"
    );
    let numbers = ok(&site, "one", "GET", "/api/v1/review/numbers", &Value::Null).await;
    assert_eq!(
        (&numbers["alarm"], &numbers["reviewers"][0]["items"]),
        (&json!("none"), &json!(4))
    );
}

#[tokio::test]
async fn a_ban_is_the_owners_is_written_down_and_goes_when_it_is_taken_back() {
    let site = site().await;
    let eve = site.id("eve").to_string();
    let item = waits(&site, "live/eve", &eve).await;
    let (held, items) = claim(&site, "one", 1).await;
    let ban = json!({ "verdict": "ban", "reason": "Somebody else's film", "hours": 24 });
    let done = decide(&site, "one", &held, &items, ban.clone()).await;
    let id = done["decided"][0]["ban"].as_str().unwrap().to_owned();
    let bans = site.store.bans();
    let made = bans.by_id(id.parse().unwrap()).await.unwrap();
    assert_eq!(
        (made.subject.as_str(), made.stops.as_str(), made.lifted_ms),
        (&*eve, "publish", 0)
    );
    let audit = site.store.audit();
    let acts = audit.list(AuditFilter::default(), None, 9).await;
    let act = acts.unwrap().remove(0);
    let after: Value = serde_json::from_str(&act.after).unwrap();
    assert_eq!(
        (act.action.as_str(), &act.object, &after["sha256"]),
        ("review.decide", &item, &json!(["0a1b"]))
    );

    let undo = format!("/api/v1/review/items/{item}/undo");
    let answered = site.ask("two", "POST", &undo, &Value::Null).await;
    assert_eq!(answered.status, StatusCode::CONFLICT, "another's verdict");
    let undone = ok(&site, "one", "POST", &undo, &Value::Null).await;
    assert_eq!(
        (&undone["item"]["state"], &undone["item"]["verdict"]),
        (&json!("claimed"), &Value::Null)
    );
    assert!(bans.by_id(id.parse().unwrap()).await.unwrap().lifted_ms > 0);
    assert_eq!(
        site.ask("one", "POST", &undo, &Value::Null).await.status,
        StatusCode::CONFLICT
    );
    let again = undone["claim"].as_str().unwrap();
    let done = decide(&site, "one", again, &items, ban).await;
    assert_eq!(done["lost"], json!([]));
}

#[tokio::test]
async fn a_long_ban_is_looked_at_again_by_somebody_else_who_may_overturn_it() {
    let site = site().await;
    let first = waits(&site, "live/a", "").await;
    let (held, items) = claim(&site, "one", 1).await;
    let done = decide(
        &site,
        "one",
        &held,
        &items,
        json!({ "verdict": "ban", "reason": "No" }),
    )
    .await;
    assert_eq!(done["decided"][0]["second_look"], true);
    let ban: Id = done["decided"][0]["ban"].as_str().unwrap().parse().unwrap();
    let made = site.store.bans().by_id(ban).await.unwrap();
    assert_eq!((made.subject.as_str(), made.expires_ms), ("live/a", 0));
    assert!(claim(&site, "one", 9).await.1.is_empty(), "not by oneself");
    let (held, items) = claim(&site, "two", 9).await;
    let seen = ok(
        &site,
        "two",
        "GET",
        &format!("/api/v1/review/items/{}", items[0]),
        &Value::Null,
    )
    .await;
    assert_eq!(
        (&seen["kind"], &seen["verdict"]),
        (&json!("second"), &Value::Null),
        "blind"
    );
    assert_ne!(items[0], first);
    decide(&site, "two", &held, &items, json!({ "verdict": "ok" })).await;
    assert!(site.store.bans().by_id(ban).await.unwrap().lifted_ms > 0);
    let numbers = ok(&site, "two", "GET", "/api/v1/review/numbers", &Value::Null).await;
    assert_eq!(
        (&numbers["second_looks"], &numbers["disagreements"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn an_appeal_goes_to_another_reviewer_and_a_handed_on_item_to_who_leads() {
    let site = site().await;
    let eve = site.id("eve").to_string();
    waits(&site, "live/eve", &eve).await;
    let (held, items) = claim(&site, "one", 1).await;
    let day = json!({ "verdict": "ban", "reason": "No", "hours": 1 });
    let done = decide(&site, "one", &held, &items, day).await;
    let ban = done["decided"][0]["ban"].as_str().unwrap().to_owned();
    let appeal = json!({ "ban": ban, "words": "The film is mine" });
    ok(&site, "eve", "POST", "/api/v1/me/appeals", &appeal).await;
    let kinds = |seen: &Value| {
        let items = seen["items"].as_array().unwrap().clone();
        let appeals = items.into_iter().filter(|item| item["kind"] == "appeal");
        appeals.collect::<Vec<_>>()
    };
    let own = ok(&site, "one", "POST", CLAIMS, &json!({ "count": 9 })).await;
    assert!(kinds(&own).is_empty());
    let seen = ok(&site, "two", "POST", CLAIMS, &json!({ "count": 9 })).await;
    let appeals = kinds(&seen);
    assert_eq!(appeals[0]["note"], "The film is mine");
    let id = vec![appeals[0]["id"].as_str().unwrap().to_owned()];
    let held = seen["claim"].as_str().unwrap();
    let handed = json!({ "verdict": "escalate", "reason": "Is it?" });
    decide(&site, "two", held, &id, handed).await;
    assert!(kinds(&ok(&site, "one", "POST", CLAIMS, &json!({ "count": 9 })).await).is_empty());
    let seen = ok(&site, "boss", "POST", CLAIMS, &json!({ "count": 9 })).await;
    assert_eq!(kinds(&seen)[0]["marks"], json!(["new", "escalated"]));
    let held = seen["claim"].as_str().unwrap();
    decide(&site, "boss", held, &id, json!({ "verdict": "ok" })).await;
    let told = ok(&site, "eve", "GET", "/api/v1/me/bans", &Value::Null).await;
    assert_eq!(told["items"], json!([]), "it is lifted");
}

#[tokio::test]
async fn viewers_report_what_is_live_once_and_it_comes_forward() {
    let site = site().await;
    let report = |stream: &str| format!("/api/v1/streams/{stream}/reports");
    let wrong = json!({ "reason": "violence" });
    let asked = site.ask("nobody", "POST", &report("live/a"), &wrong).await;
    assert_eq!(asked.status, StatusCode::NOT_FOUND, "it is not live");
    let event = |at_ms| NewEvent {
        id: site.store.next_id().unwrap(),
        kind: "stream.started".to_owned(),
        app: "live".to_owned(),
        stream: "live/a".to_owned(),
        session: None,
        cause: 0,
        data: "{}".to_owned(),
        at_ms,
    };
    let begun = NewBroadcast {
        user_id: String::new(),
        id: site.store.next_id().unwrap(),
        channel_id: String::new(),
        app: "live".to_owned(),
        stream: "live/a".to_owned(),
        node: "n1".to_owned(),
        boot: "1".to_owned(),
        protocol: "rtmp".to_owned(),
        address: "192.0.2.1:5".to_owned(),
        key_id: String::new(),
        started_ms: site.store.now_ms(),
        heartbeat_ms: 0,
    };
    let facts = [Fact::Began(begun, event(site.store.now_ms()))];
    site.store.events().record(&facts).await.unwrap();
    waits(&site, "live/first", "").await;
    for (who, counted) in [("nobody", true), ("nobody", false), ("eve", true)] {
        let heard = ok(&site, who, "POST", &report("live/a"), &wrong).await;
        assert_eq!(heard["counted"], counted, "{who}");
    }
    let odd = site
        .ask(
            "eve",
            "POST",
            &report("live/a"),
            &json!({ "reason": "ugly" }),
        )
        .await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
    let seen = ok(&site, "one", "POST", CLAIMS, &json!({ "count": 1 })).await;
    assert_eq!(
        (&seen["items"][0]["stream"], &seen["items"][0]["reports"]),
        (&json!("live/a"), &json!(2))
    );

    // What should end is ordered from the node that owns it.
    let id = seen["items"][0]["id"].as_str().unwrap().to_owned();
    let held = seen["claim"].as_str().unwrap();
    decide(
        &site,
        "one",
        held,
        &[id],
        json!({ "verdict": "end", "reason": "No" }),
    )
    .await;
    let orders = site.store.broadcasts().orders("n1").await.unwrap();
    assert_eq!(orders.len(), 1);
}

#[tokio::test]
async fn known_pictures_are_for_those_who_lead() {
    let site = site().await;
    let hash = "0f".repeat(32);
    let wish = json!({ "hash": hash, "label": "ad" });
    let target = "/api/v1/review/hashes";
    assert_eq!(
        site.ask("one", "POST", target, &wish).await.status,
        StatusCode::FORBIDDEN
    );
    let added = site.ask("boss", "POST", target, &wish).await;
    assert_eq!(added.status, StatusCode::NO_CONTENT, "{}", added.text);
    let known = ok(&site, "boss", "GET", target, &Value::Null).await;
    assert_eq!(known["items"][0]["label"], "ad");
    let gone = format!("{target}/{hash}");
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(
            site.ask("boss", "DELETE", &gone, &Value::Null).await.status,
            status
        );
    }
}

#[tokio::test]
async fn a_verdict_says_what_it_needs() {
    let site = site().await;
    let one = json!({ "claim": "x", "items": ["y"], "verdict": "ok" });
    for (field, value) in [
        ("verdict", json!("fine")),
        ("items", json!([])),
        ("items", json!(vec!["y"; 41])),
        ("reason", json!("why")),
        ("hours", json!(5)),
    ] {
        let mut body = one.clone();
        body[field] = value;
        let answered = site.ask("one", "POST", DECISIONS, &body).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(answered.json()["errors"][0]["field"], field);
    }
    let ban = json!({ "claim": "x", "items": ["y"], "verdict": "ban", "reason": "no", "hours": 0 });
    let answered = site.ask("one", "POST", DECISIONS, &ban).await;
    assert_eq!(answered.json()["errors"][0]["field"], "hours");
}

const NUMBERS: &str = "/api/v1/review/numbers";

#[tokio::test]
async fn what_waits_for_half_a_minute_is_late_and_for_two_very_late() {
    let clock = Clock::manual(1_790_000_000_000_000);
    let site = site_at(clock.clone()).await;
    waits(&site, "live/a", "").await;
    let mut alarms = Vec::new();
    for more_ms in [29_999, 1, 89_999, 1] {
        clock.advance_us(more_ms * 1_000);
        let numbers = ok(&site, "one", "GET", NUMBERS, &Value::Null).await;
        alarms.push((numbers["oldest_age_ms"].clone(), numbers["alarm"].clone()));
    }
    let expected = [
        (json!(29_999), json!("none")),
        (json!(30_000), json!("late")),
        (json!(119_999), json!("late")),
        (json!(120_000), json!("very_late")),
    ];
    assert_eq!(alarms, expected);
    let (claimed, items) = claim(&site, "one", 1).await;
    decide(&site, "one", &claimed, &items, json!({ "verdict": "ok" })).await;
    let numbers = ok(&site, "one", "GET", NUMBERS, &Value::Null).await;
    assert_eq!(numbers["alarm"], "none");
}

#[tokio::test]
async fn a_reviewer_of_some_apps_sees_them_alone_and_bans_nobody_for_long() {
    let site = site().await;
    let here = waits_in(&site, ("school", "school/a"), "").await;
    let other = waits(&site, "live/a", "").await;
    let eve = site.id("eve");
    let status =
        async |method, target: &str| site.ask("eve", method, target, &Value::Null).await.status;
    let review = site.store.review();
    let apps = ["school".to_owned()];
    review.let_look(eve, &apps, "").await.unwrap();
    let nobody = format!("/api/v1/review/people/{}", site.store.next_id().unwrap());
    let wish = json!({ "apps": ["school"] });
    let missing = site.ask("boss", "PUT", &nobody, &wish).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "{}", missing.text);
    let gone = site.ask("boss", "DELETE", &nobody, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let own = ok(&site, "eve", "GET", "/api/v1/review/self", &Value::Null).await;
    assert_eq!(
        own,
        json!({ "apps": ["school"], "leads": false, "moderates": false })
    );
    let numbers = ok(&site, "eve", "GET", NUMBERS, &Value::Null).await;
    assert_eq!(numbers["waiting"], 1);
    let list = ok(&site, "eve", "GET", "/api/v1/review/items", &Value::Null).await;
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    assert!(ids.len() == 1 && ids[0]["id"] == here, "{list}");
    let one = format!("/api/v1/review/items/{other}");
    assert_eq!(status("GET", &one).await, StatusCode::NOT_FOUND);
    for closed in [
        "review/hashes",
        "review/people",
        "snapshots",
        "events",
        "bans",
    ] {
        let target = format!("/api/v1/{closed}");
        assert_eq!(
            status("GET", &target).await,
            StatusCode::FORBIDDEN,
            "{closed}"
        );
    }

    let (claimed, items) = claim(&site, "eve", 9).await;
    assert_eq!(items, std::slice::from_ref(&here));
    let ban = |hours: Value| json!({ "claim": claimed, "items": items, "verdict": "ban", "reason": "no", "hours": hours });
    let long = site.ask("eve", "POST", DECISIONS, &ban(Value::Null)).await;
    assert_eq!(long.status, StatusCode::FORBIDDEN, "{}", long.text);
    let day = ok(&site, "eve", "POST", DECISIONS, &ban(json!(24))).await;
    assert_eq!(day["decided"][0]["item"], here);

    let path = format!("/api/v1/review/people/{eve}");
    let taken = site.ask("boss", "DELETE", &path, &Value::Null).await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT);
    assert_eq!(status("GET", NUMBERS).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_test_picture_counts_for_who_saw_it_and_for_nothing_else() {
    let site = site().await;
    let review = site.store.review();
    for (id, verdict) in [("g1", "bad"), ("g2", "bad")] {
        let gold = GoldPicture {
            id: id.to_owned(),
            object: String::new(),
            sha256: String::new(),
            bytes: 4,
            width: 640,
            height: 360,
            verdict: verdict.to_owned(),
            label: "a test".to_owned(),
            added_ms: 1,
        };
        review.add_gold(&gold, "").await.unwrap();
    }
    assert!(
        claim(&site, "one", 9).await.1.is_empty(),
        "nothing waits: nobody is tested"
    );
    let real = waits(&site, "live/a", "").await;
    waits(&site, "live/b", "").await;
    let (claimed, items) = claim(&site, "one", 1).await;
    assert_eq!((items.len(), items.contains(&real)), (2, true));
    let test = items.iter().find(|id| **id != real).unwrap().clone();
    let target = format!("/api/v1/review/items/{test}");
    let seen = ok(&site, "one", "GET", &target, &Value::Null).await;
    assert_eq!(
        (&seen["kind"], &seen["stream"]),
        (&json!("live"), &json!("live/b"))
    );
    let others = site.ask("two", "GET", &target, &Value::Null).await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
    let waiting = async || ok(&site, "two", "GET", NUMBERS, &Value::Null).await["waiting"].clone();
    assert_eq!(waiting().await, 2, "it is not among what waits");

    // Passed, taken back, and seen for what it is.
    decide(&site, "one", &claimed, &items, json!({ "verdict": "ok" })).await;
    let scores = async || ok(&site, "boss", "GET", NUMBERS, &Value::Null).await["tests"].clone();
    let row = |shown: i64, missed: i64| json!([{ "name": null, "shown": shown, "missed": missed, "wronged": 0 }]);
    assert_eq!(scores().await, row(1, 1));
    let back = ok(
        &site,
        "one",
        "POST",
        &format!("{target}/undo"),
        &Value::Null,
    )
    .await;
    let again = back["claim"].as_str().unwrap().to_owned();
    let end = json!({ "verdict": "end", "reason": "no" });
    decide(&site, "one", &again, std::slice::from_ref(&test), end).await;
    assert_eq!(scores().await, row(1, 0));
    let own = ok(&site, "one", "GET", NUMBERS, &Value::Null).await;
    assert_eq!(own["tests"], json!([]), "who is tested is not told");
    let list = ok(&site, "two", "GET", "/api/v1/review/items", &Value::Null).await;
    let list = list["items"].as_array().unwrap();
    assert!(
        list.len() == 2 && list.iter().all(|one| one["id"] != test),
        "{list:?}"
    );
    let acts = site
        .store
        .audit()
        .list(AuditFilter::default(), None, 50)
        .await
        .unwrap();
    assert!(
        acts.iter()
            .all(|act| act.object != test && !act.after.contains(&test))
    );
}
