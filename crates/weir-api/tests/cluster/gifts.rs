//! Gifts over HTTP at two nodes over one database: who may, what is refused and by which code, and that a request which is
//! sent again, to whichever node, moves coins once.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::HashMap;

use http::StatusCode;
use serde_json::{Value, json};
use weir_api::AccountRole;
use weir_base::{Clock, Code};
use weir_store::accounts::{Login, NewAccount};
use weir_store::{Config, Store};

use crate::channels::{People, Site};
use crate::world::{Answered, request, with_bearer};

async fn site() -> Site {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Config::default(), dir.path(), Clock::real())
        .await
        .unwrap();
    let mut people = HashMap::new();
    for (name, role) in [
        ("amy", AccountRole::Broadcaster),
        ("ann", AccountRole::Viewer),
        ("boss", AccountRole::Admin),
    ] {
        let new = NewAccount {
            name,
            skeleton: name,
            logins: &[Login::Name(name)],
            role: role.name(),
            ..NewAccount::default()
        };
        let account = store.accounts().create(&new).await.unwrap();
        people.insert(name, (account.user_id, role));
    }
    let site = Site::with(store, People(people), dir);
    let amy = json!({ "name": "amy", "title": "Amy" });
    assert!(
        site.ask("amy", "POST", "/api/v1/channels", &amy)
            .await
            .status
            .is_success()
    );
    let rose = json!({ "title": "Rose", "price": 10 });
    let set = site.ask("boss", "PUT", "/api/v1/gifts/rose", &rose).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    site
}

async fn give(site: &Site, who: &str, key: &str, order: &Value) -> Answered {
    let mut asked = request("POST", "/api/v1/gifts", "10.3.0.1", &order.to_string());
    if !key.is_empty() {
        let headers = asked.headers_mut();
        headers.insert("idempotency-key", key.parse().unwrap());
    }
    site.world.ask(with_bearer(asked, who)).await
}

fn code(answered: &Answered) -> u64 {
    answered.json()["code"].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn coins_move_once_whichever_node_is_asked_again() {
    let site = site().await;
    let dir = tempfile::tempdir().unwrap();
    let other = Site::with(site.store.clone(), site.people.clone(), dir);
    let top_ups = format!("/api/v1/wallets/{}/topups", site.id("ann"));
    let paid = json!({ "payment": "p-1", "coins": 100 });
    for node in [&site, &other, &site] {
        let paid = node.ask("boss", "POST", &top_ups, &paid).await;
        assert_eq!(paid.json()["coins"], 100, "{}", paid.text);
    }
    let another = json!({ "payment": "p-1", "coins": 101 });
    let refused = other.ask("boss", "POST", &top_ups, &another).await;
    assert_eq!(code(&refused), u64::from(Code::Unprocessable.number()));

    let order = json!({ "channel": "amy", "gift": "rose", "count": 3 });
    let first = give(&site, "ann", "k", &order).await;
    assert_eq!(first.json()["coins"], 70, "{}", first.text);
    for node in [&site, &other] {
        let again = give(node, "ann", "k", &order).await;
        assert_eq!(again.json()["id"], first.json()["id"], "{}", again.text);
        assert_eq!(again.json()["coins"], 70);
    }
    let wallet = other
        .ask("ann", "GET", "/api/v1/me/wallet?limit=1", &Value::Null)
        .await;
    let wallet = wallet.json();
    assert_eq!(
        (&wallet["coins"], &wallet["items"][0]["coins"]),
        (&json!(70), &json!(-30))
    );
    let next = format!(
        "/api/v1/me/wallet?after={}",
        wallet["next"].as_str().unwrap()
    );
    let rest = other.ask("ann", "GET", &next, &Value::Null).await.json();
    assert_eq!(
        (&rest["items"][0]["kind"], &rest["next"]),
        (&json!("topup"), &Value::Null)
    );

    let received = site
        .ask("amy", "GET", "/api/v1/channels/amy/gifts", &Value::Null)
        .await
        .json();
    assert_eq!(
        (&received["all"]["earned"], &received["items"][0]["name"]),
        (&json!(15), &json!("ann"))
    );
    let top = site
        .ask(
            "nobody",
            "GET",
            "/api/v1/channels/amy/gifts/top",
            &Value::Null,
        )
        .await
        .json();
    assert_eq!(
        top["items"],
        json!([{ "id": site.id("ann").to_string(), "name": "ann", "coins": 30 }])
    );
}

#[tokio::test]
async fn what_cannot_be_given_has_a_code_of_its_own() {
    let site = site().await;
    let order = |gift: &str, count: i64| json!({ "channel": "amy", "gift": gift, "count": count });
    let closed = json!({ "title": "Old", "price": 1, "open": false });
    site.ask("boss", "PUT", "/api/v1/gifts/old", &closed).await;
    for (order, wanted) in [
        (order("rose", 1), Code::NotEnoughCoins),
        (order("yacht", 1), Code::UnknownGift),
        (order("old", 1), Code::GiftClosed),
        (order("rose", 0), Code::GiftLimit),
        (order("rose", 10_000), Code::GiftLimit),
        (order("rose", i64::MIN), Code::GiftLimit),
        (
            json!({ "channel": "amy", "gift": "rose", "price": 9 }),
            Code::GiftPrice,
        ),
        (json!({ "channel": "zoe", "gift": "rose" }), Code::NotFound),
        (
            json!({ "channel": "amy", "gift": "rose", "count": 1e30 }),
            Code::Unprocessable,
        ),
    ] {
        let key = format!("{wanted:?} {order}");
        let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let refused = give(&site, "ann", &key, &order).await;
        assert_eq!(
            code(&refused),
            u64::from(wanted.number()),
            "{order}: {}",
            refused.text
        );
    }
    for key in ["", " ", &"k".repeat(129)] {
        let refused = give(&site, "ann", key, &order("rose", 1)).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{key:?}: {}",
            refused.text
        );
    }
    for wish in [
        json!({ "title": "", "price": 1 }),
        json!({ "title": "x", "price": 0 }),
        json!({ "title": "x", "price": -1 }),
        json!({ "title": "x", "price": 10_000_001 }),
        json!({ "title": "x\u{202e}\n", "price": 1 }),
        json!({ "title": "x", "price": 1, "animation": "<script>" }),
    ] {
        let refused = site.ask("boss", "PUT", "/api/v1/gifts/bad", &wish).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wish}");
    }
    let wallet = format!("/api/v1/wallets/{}/topups", site.id("ann"));
    for (coins, payment) in [
        (0, "p"),
        (-1, "p"),
        (1_000_000_001, "p"),
        (1, ""),
        (1, "a b"),
    ] {
        let paid = json!({ "payment": payment, "coins": coins });
        let refused = site.ask("boss", "POST", &wallet, &paid).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{paid}: {}",
            refused.text
        );
    }
    let nobody = "/api/v1/wallets/019f0000-0000-7000-8000-000000000000/topups";
    let refused = site
        .ask(
            "boss",
            "POST",
            nobody,
            &json!({ "payment": "p", "coins": 1 }),
        )
        .await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_said_is_said_by_moderators_and_read_again() {
    let site = site().await;
    let at = "/api/v1/chat/filter?group=r:live/amy";
    let terms = json!({ "words": ["scam", "~傻瓜"], "links": false });
    assert_eq!(
        site.ask("ann", "PUT", at, &terms).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(site.ask("boss", "PUT", at, &terms).await.json(), terms);
    assert_eq!(
        site.ask("boss", "GET", at, &Value::Null).await.json(),
        terms
    );
    let none = site
        .ask("boss", "GET", "/api/v1/chat/filter?group=r:0", &Value::Null)
        .await;
    assert_eq!(none.json(), json!({ "words": [], "links": true }));
    for wrong in [
        json!({ "words": [""] }),
        json!({ "words": ["a\nb"] }),
        json!({ "words": ["x".repeat(41)] }),
    ] {
        let refused = site.ask("boss", "PUT", at, &wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let refused = site
        .ask("boss", "GET", "/api/v1/chat/filter?group=x:1", &Value::Null)
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}
