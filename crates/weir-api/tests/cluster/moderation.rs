//! Moderation over HTTP against a real store: a channel's team, its bans and the appeals, and what staff does to
//! others, each act of which is written down.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::HashMap;

use http::StatusCode;
use serde_json::{Value, json};
use weir_admit::follow::Source as _;
use weir_admit::snapshot::wire::{Update, read};
use weir_admit::{Acts, BanTarget};
use weir_api::{AccountRole, AdmissionSource};
use weir_base::Clock;
use weir_store::accounts::{Login, NewAccount};
use weir_store::{Config, Store};

use crate::channels::{People, Site};

/// A site whose people have accounts: Ann owns a channel, Max helps with it, Bob has another, Eve watches.
async fn site() -> Site {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Config::default(), dir.path(), Clock::real())
        .await
        .unwrap();
    let mut people = HashMap::new();
    for (name, role) in [
        ("ann", AccountRole::Broadcaster),
        ("bob", AccountRole::Broadcaster),
        ("max", AccountRole::Viewer),
        ("eve", AccountRole::Viewer),
        ("mod", AccountRole::Moderator),
    ] {
        let new = NewAccount {
            name,
            skeleton: name,
            email: "",
            logins: &[Login::Name(name)],
            password_hash: "",
            role: role.name(),
            language: "",
            ..NewAccount::default()
        };
        let made = store.accounts().create(&new).await.unwrap();
        people.insert(name, (made.user_id, role));
    }
    let site = Site::with(store, People(people), dir);
    site.channel("ann", "ann").await;
    site.channel("bob", "bob").await;
    let max = json!({ "account": "max", "role": "moderator" });
    let set = site
        .ask("ann", "PUT", "/api/v1/channels/ann/team", &max)
        .await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    site
}

async fn get(site: &Site, who: &str, target: &str) -> Value {
    let answered = site.ask(who, "GET", target, &Value::Null).await;
    assert_eq!(
        answered.status,
        StatusCode::OK,
        "{target}: {}",
        answered.text
    );
    answered.json()
}

#[tokio::test]
async fn each_route_of_moderation_is_for_those_who_moderate_this_very_channel() {
    let site = site().await;
    let eve = json!({ "account": "eve", "reason": "Insults" });
    let made = site
        .ask("ann", "POST", "/api/v1/channels/ann/bans", &eve)
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let ban = made.json()["id"].as_str().unwrap().to_owned();
    let appeal = json!({ "ban": ban, "words": "It was a joke" });
    let made = site.ask("eve", "POST", "/api/v1/me/appeals", &appeal).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let appeal = made.json()["id"].as_str().unwrap().to_owned();

    let bob = site.people.0["bob"].0;
    let foreign = format!("/api/v1/channels/bob/bans/{ban}");
    let foreign_appeal = format!("{foreign}/appeals/{appeal}");
    let own = format!("/api/v1/channels/ann/bans/{ban}");
    let own_appeal = format!("{own}/appeals/{appeal}");
    let member = format!("/api/v1/channels/ann/team/{bob}");
    let granted = json!({ "granted": false, "answer": "It was none" });
    let network = json!({ "network": "192.0.2.7", "reason": "Noise" });
    let helper = json!({ "account": "bob", "role": "editor" });
    // Nobody, another broadcaster, a viewer, a moderator of the channel, its owner, the site's moderator.
    let people = ["nobody", "bob", "eve", "max", "ann", "mod"];
    for (method, target, body, statuses) in [
        (
            "GET",
            "/api/v1/channels/ann/bans",
            &Value::Null,
            [401, 403, 403, 200, 200, 200],
        ),
        (
            "GET",
            "/api/v1/channels/ann/appeals",
            &Value::Null,
            [401, 403, 403, 200, 200, 200],
        ),
        (
            "GET",
            "/api/v1/channels/ann/team",
            &Value::Null,
            [401, 403, 403, 200, 200, 200],
        ),
        (
            "GET",
            "/api/v1/channels/ann/followers",
            &Value::Null,
            [401, 403, 403, 403, 200, 200],
        ),
        (
            "POST",
            "/api/v1/channels/ann/bans",
            &network,
            [401, 403, 403, 201, 201, 201],
        ),
        // A ban of one channel is not there under another's name, also for those who may moderate that one.
        (
            "DELETE",
            &foreign,
            &Value::Null,
            [401, 404, 403, 403, 403, 404],
        ),
        (
            "POST",
            &foreign_appeal,
            &granted,
            [401, 404, 403, 403, 403, 404],
        ),
        (
            "POST",
            &own_appeal,
            &granted,
            [401, 403, 403, 200, 404, 404],
        ),
        ("DELETE", &own, &Value::Null, [401, 403, 403, 204, 204, 204]),
        (
            "PUT",
            "/api/v1/channels/ann/team",
            &helper,
            [401, 403, 403, 403, 200, 200],
        ),
        (
            "DELETE",
            &member,
            &Value::Null,
            [401, 204, 403, 403, 404, 404],
        ),
        (
            "GET",
            "/api/v1/me/teams",
            &Value::Null,
            [401, 200, 200, 200, 200, 200],
        ),
    ] {
        for (who, want) in people.iter().zip(statuses) {
            let answered = site.ask(who, method, target, body).await;
            let what = format!("{method} {target} as {who}: {}", answered.text);
            assert_eq!(answered.status.as_u16(), want, "{what}");
        }
    }
    let teams = get(&site, "max", "/api/v1/me/teams").await;
    let first = &teams["items"][0];
    assert_eq!(
        (&first["name"], &first["role"]),
        (&json!("ann"), &json!("moderator"))
    );
}

#[tokio::test]
async fn the_banned_of_a_channel_read_why_appeal_and_are_answered() {
    let site = site().await;
    let bans = "/api/v1/channels/ann/bans";
    let wish = json!({ "account": "EVE", "reason": "Insults" });
    let made = site.ask("max", "POST", bans, &wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let (made, mine) = (made.json(), get(&site, "eve", "/api/v1/me/bans").await);
    let seen = &mine["items"][0];
    assert_eq!(
        (
            &seen["id"],
            &seen["channel"],
            &seen["reason"],
            &seen["stops"]
        ),
        (
            &made["id"],
            &json!("ann"),
            &json!("Insults"),
            &json!("play")
        )
    );
    assert_eq!(get(&site, "max", bans).await["items"][0]["name"], "eve");
    let appeal = json!({ "ban": made["id"], "words": "It was a joke" });
    let said = site.ask("eve", "POST", "/api/v1/me/appeals", &appeal).await;
    assert_eq!(said.status, StatusCode::CREATED, "{}", said.text);
    let open = get(&site, "max", "/api/v1/channels/ann/appeals").await;
    let open = &open["items"][0];
    assert_eq!(
        (&open["name"], &open["reason"]),
        (&json!("eve"), &json!("Insults"))
    );
    // The site's own list has bans of the site alone.
    assert_eq!(
        get(&site, "mod", "/api/v1/appeals").await["items"],
        json!([])
    );
    let (ban, id) = (made["id"].as_str().unwrap(), open["id"].as_str().unwrap());
    let decide = format!("{bans}/{ban}/appeals/{id}");
    let no = json!({ "granted": false, "answer": "It was none" });
    let decided = site.ask("max", "POST", &decide, &no).await;
    assert_eq!(decided.status, StatusCode::OK, "{}", decided.text);
    let mine = get(&site, "eve", "/api/v1/me/bans").await;
    let told = &mine["items"][0]["appeal"];
    assert_eq!(
        (&told["state"], &told["answer"]),
        (&json!("denied"), &json!("It was none"))
    );

    for wrong in [
        json!({ "account": "ann", "reason": "x" }),
        json!({ "account": "max", "reason": "x" }),
        json!({ "account": "mod", "reason": "x" }),
        json!({ "account": "nobody-here", "reason": "x" }),
        json!({ "network": "10.0.0.0/8", "reason": "x" }),
        json!({ "network": "2001::/16", "reason": "x" }),
        json!({ "network": "ann", "reason": "x" }),
        json!({ "account": "eve", "network": "10.0.0.1", "reason": "x" }),
        json!({ "account": "eve", "reason": "" }),
        json!({ "account": "eve", "reason": "x", "expires_ms": 5 }),
        json!({ "account": "eve", "reason": "x", "stops": "publish" }),
    ] {
        let refused = site.ask("ann", "POST", bans, &wrong).await;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        assert_eq!(refused.status, status, "{wrong}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_ban_on_a_channel_is_what_admission_goes_by_until_it_is_lifted() {
    let site = site().await;
    let clock = Clock::manual(0);
    let source = AdmissionSource::new(
        site.store.clone(),
        clock.clone(),
        "a secret of this test alone",
    );
    let wish = json!({ "network": "192.0.2.7", "reason": "Noise" });
    let made = site
        .ask("max", "POST", "/api/v1/channels/ann/bans", &wish)
        .await;
    let channel = get(&site, "ann", "/api/v1/channels/ann").await;
    let channel = channel["id"].as_str().unwrap();
    let bytes = source.fetch(None).await.unwrap().unwrap();
    let Update::Whole(snapshot) = read(&bytes).unwrap() else {
        panic!("who knows nothing gets all of it");
    };
    let ip = "192.0.2.7".parse().unwrap();
    let hit = |place: &str, stops| snapshot.ban_of_ip(place, ip, stops, 1).is_some();
    assert!(hit(channel, Acts::Play));
    assert!(!hit("", Acts::Play) && !hit(channel, Acts::Publish));
    let target = format!(
        "/api/v1/channels/ann/bans/{}",
        made.json()["id"].as_str().unwrap()
    );
    site.ask("max", "DELETE", &target, &Value::Null).await;
    clock.advance_us(1_000_000);
    let since = snapshot.position().cloned();
    let bytes = source.fetch(since).await.unwrap().unwrap();
    let Update::Delta(delta) = read(&bytes).unwrap() else {
        panic!("who knows something gets what changed");
    };
    let mut snapshot = *snapshot;
    snapshot.take(&delta).unwrap();
    assert!(snapshot.ban_of_ip(channel, ip, Acts::Play, 1).is_none());
    let eve = BanTarget::Account("eve".into());
    assert!(snapshot.ban(channel, &eve, Acts::Play, 1).is_none());
}

#[tokio::test]
async fn what_staff_does_is_written_down_and_what_one_does_with_ones_own_is_not() {
    let site = site().await;
    let title = json!({ "title": "Chess" });
    let channel = "/api/v1/channels/ann";
    for who in ["ann", "mod"] {
        site.ask(who, "PATCH", channel, &title).await;
    }
    let wish = json!({ "account": "eve", "reason": "Spam" });
    let ban = site.ask("mod", "POST", "/api/v1/bans", &wish).await.json();
    let target = format!("/api/v1/bans/{}", ban["id"].as_str().unwrap());
    site.ask("mod", "DELETE", &target, &Value::Null).await;
    let games = json!({ "title": "Games", "title_zh": "游戏" });
    let category = "/api/v1/categories/games";
    let set = site.ask("mod", "PUT", category, &games).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    assert_eq!(
        get(&site, "nobody", "/api/v1/categories").await["items"][0]["title_zh"],
        "游戏"
    );
    site.ask("mod", "DELETE", category, &Value::Null).await;
    let filter = weir_store::audit::AuditFilter::default();
    let acts = site.store.audit().list(filter, None, 50).await.unwrap();
    let seen: Vec<_> = acts
        .iter()
        .rev()
        .map(|act| (act.name.as_str(), act.action.as_str()))
        .collect();
    let want = [
        "channel.change",
        "ban.create",
        "ban.lift",
        "category.set",
        "category.remove",
    ];
    assert_eq!(seen, want.map(|action| ("mod", action)));
    assert!(acts.iter().all(|act| act.address == "10.3.0.1"));
    let change = acts.last().unwrap();
    assert!(change.after.contains("Chess"), "{}", change.after);
}

#[tokio::test]
async fn an_app_s_secrets_go_in_and_are_shown_once() {
    let site = site().await;
    let target = "/api/v1/apps/live/school";
    let wish = json!({ "rules": { "max_streams": 3, "priority": "low", "keys": [{ "id": "k1" }] }, "retention_hours": 72 });
    let made = site.ask("operator", "PUT", target, &wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    let secret = made["made"][0]["secret"].as_str().unwrap().to_owned();
    assert_eq!((secret.len(), &made["made"][0]["id"]), (64, &json!("k1")));
    let list = site
        .ask("operator", "GET", "/api/v1/apps", &Value::Null)
        .await;
    assert!(!list.text.contains(&secret), "{}", list.text);
    let item = &list.json()["items"][0];
    assert_eq!(
        (&item["app"], &item["retention_hours"]),
        (&json!("live/school"), &json!(72))
    );
    // The same key said again without its secret keeps it, and nothing is made.
    let wish = json!({ "rules": { "keys": [{ "id": "k1" }] } });
    let set = site.ask("operator", "PUT", target, &wish).await;
    assert_eq!(
        (set.status, &set.json()["made"]),
        (StatusCode::OK, &json!([])),
        "{}",
        set.text
    );
    let kept = site.store.apps().by_name("live/school").await.unwrap();
    assert!(kept.rules.contains(&secret));
    let filter = weir_store::audit::AuditFilter::default();
    let acts = site.store.audit().list(filter, None, 50).await.unwrap();
    assert!(
        acts.iter()
            .all(|act| !act.after.contains(&secret) && !act.before.contains(&secret))
    );
    for wrong in [
        json!({ "rules": { "max_streams": 0 } }),
        json!({ "rules": { "colour": "red" } }),
        json!({ "rules": { "keys": [{ "id": "k", "secret": "short" }] } }),
        json!({ "rules": {}, "retention_hours": 0 }),
    ] {
        let refused = site.ask("operator", "PUT", target, &wrong).await;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        assert_eq!(refused.status, status, "{wrong}: {}", refused.text);
    }
    let gone = site.ask("operator", "DELETE", target, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
}
