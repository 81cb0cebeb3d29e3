//! Leaves to watch channels that are not for everybody, over HTTP against a real store, and what a gate makes of them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use http::StatusCode;
use serde_json::{Value, json};
use weir_admit::Gate;
use weir_admit::follow::Follower;
use weir_base::StreamName;
use weir_base::sign::Action;
use weir_hub::{Admission, Gatekeeper as _, Protocol};
use weir_store::channels::MemberRole;

use crate::channels::{Site, follow};

const CHANNEL: &str = "/api/v1/channels/ann";
const TICKET: &str = "/api/v1/channels/ann/ticket";

/// A site, and an edge that hears what it says.
struct Stage {
    site: Site,
    gate: Gate,
    follower: Follower,
}

impl Stage {
    async fn set(change: Value) -> Self {
        let site = Site::new().await;
        site.channel("ann", "ann").await;
        let changed = site.ask("ann", "PATCH", CHANNEL, &change).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let (gate, follower) = site.edge();
        Self {
            site,
            gate,
            follower,
        }
    }

    /// What somebody who asks for a ticket is told.
    async fn status(&self, who: &str, wish: Value) -> u16 {
        let answered = self.site.ask(who, "POST", TICKET, &wish).await;
        answered.status.as_u16()
    }

    async fn ticket(&self, who: &str, wish: Value) -> String {
        let answered = self.site.ask(who, "POST", TICKET, &wish).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
        answered.json()["ticket"].as_str().unwrap().to_owned()
    }

    /// What a viewer of live/ann with this ticket is told, when the edge has heard the news; 0 for a welcome.
    async fn watches(&mut self, ticket: &str) -> u16 {
        let (source, clock) = (self.site.admission.clone(), self.site.clock.clone());
        follow(&source, &mut self.follower, &clock).await;
        let name = StreamName::new("", "live", "ann").unwrap();
        let query = [("ticket".to_owned(), ticket.to_owned())];
        let asked = Admission {
            action: Action::Play,
            name: &name,
            query: if ticket.is_empty() { &[] } else { &query },
            ip: "10.0.0.1".parse().unwrap(),
            protocol: Protocol::HttpFlv,
            is_cross_site: false,
            page: None,
        };
        let admitted = self.gate.admit(asked).await;
        admitted.map_or_else(|refusal| refusal.code.number(), |_| 0)
    }
}

#[tokio::test]
async fn whoever_knows_the_password_watches_until_there_is_another() {
    let mut stage = Stage::set(json!({ "visibility": "password", "password": "sesame" })).await;
    assert_eq!(stage.watches("").await, 1001);
    assert_eq!(stage.status("nobody", json!({})).await, 422);
    assert_eq!(
        stage.status("nobody", json!({ "password": "guess" })).await,
        403
    );
    let right = json!({ "password": "sesame" });
    let bobs = stage.ticket("bob", right.clone()).await;
    let nobodys = stage.ticket("nobody", right.clone()).await;
    // The owner is not asked.
    let anns = stage.ticket("ann", json!({})).await;
    for ticket in [&bobs, &nobodys, &anns] {
        assert_eq!(stage.watches(ticket).await, 0);
    }
    let change = json!({ "password": "another" });
    let changed = stage.site.ask("ann", "PATCH", CHANNEL, &change).await;
    assert!(!changed.text.contains("another"), "{}", changed.text);
    for ticket in [&bobs, &nobodys, &anns] {
        assert_eq!(stage.watches(ticket).await, 1006);
    }
    assert_eq!(stage.status("bob", right).await, 403);
}

#[tokio::test]
async fn a_follower_watches_until_they_follow_no_more() {
    let mut stage = Stage::set(json!({ "visibility": "followers" })).await;
    let follow = "/api/v1/channels/ann/follow";
    assert_eq!(stage.status("nobody", json!({})).await, 401);
    assert_eq!(stage.status("eve", json!({})).await, 403);
    for who in ["eve", "bob"] {
        stage.site.ask(who, "PUT", follow, &Value::Null).await;
    }
    let (eves, bobs) = (
        stage.ticket("eve", json!({})).await,
        stage.ticket("bob", json!({})).await,
    );
    assert_eq!(
        (stage.watches(&eves).await, stage.watches(&bobs).await),
        (0, 0)
    );
    stage.site.ask("eve", "DELETE", follow, &Value::Null).await;
    assert_eq!(
        (stage.watches(&eves).await, stage.watches(&bobs).await),
        (1006, 0)
    );
    assert_eq!(stage.status("eve", json!({})).await, 403);
}

#[tokio::test]
async fn a_private_channel_is_there_for_its_team_alone() {
    let mut stage = Stage::set(json!({ "visibility": "private" })).await;
    for who in ["nobody", "bob", "eve"] {
        assert_eq!(stage.status(who, json!({})).await, 404, "{who}");
    }
    let channel = stage.site.store.channels().by_name("ann").await.unwrap();
    let bob = stage.site.id("bob");
    let channels = stage.site.store.channels();
    channels
        .set_member(&channel, bob, MemberRole::Moderator)
        .await
        .unwrap();
    let bobs = stage.ticket("bob", json!({})).await;
    assert_eq!(stage.watches(&bobs).await, 0);
    let channels = stage.site.store.channels();
    channels.remove_member(&channel, bob).await.unwrap();
    assert_eq!(stage.watches(&bobs).await, 1006);
    assert_eq!(stage.status("bob", json!({})).await, 404);
}

#[tokio::test]
async fn a_guest_of_a_private_channel_watches_it_and_does_nothing_else() {
    let mut stage = Stage::set(json!({ "visibility": "private" })).await;
    let channel = stage.site.store.channels().by_name("ann").await.unwrap();
    let bob = stage.site.id("bob");
    let channels = stage.site.store.channels();
    channels
        .set_member(&channel, bob, MemberRole::Guest)
        .await
        .unwrap();
    let bobs = stage.ticket("bob", json!({})).await;
    assert_eq!(stage.watches(&bobs).await, 0);
    let of = async |stage: &Stage, method: &str, target: &str, body: Value| {
        let answered = stage.site.ask("bob", method, target, &body).await;
        answered.status.as_u16()
    };
    assert_eq!(of(&stage, "GET", CHANNEL, Value::Null).await, 200);
    for (method, below, body) in [
        ("PATCH", "", json!({ "title": "Mine" })),
        ("GET", "/team", Value::Null),
        ("GET", "/bans", Value::Null),
        ("GET", "/followers", Value::Null),
        ("POST", "/keys", json!({})),
        ("DELETE", "", Value::Null),
    ] {
        let target = format!("{CHANNEL}{below}");
        assert_eq!(
            of(&stage, method, &target, body).await,
            403,
            "{method} {below}"
        );
    }
    let teams = stage
        .site
        .ask("bob", "GET", "/api/v1/me/teams", &Value::Null)
        .await;
    assert_eq!(teams.json()["items"][0]["role"], "guest", "{}", teams.text);
    // A guest goes by themselves, and then it is not there for them.
    let target = format!("{CHANNEL}/team/{bob}");
    assert_eq!(of(&stage, "DELETE", &target, Value::Null).await, 204);
    assert_eq!(stage.watches(&bobs).await, 1006);
    assert_eq!(of(&stage, "GET", CHANNEL, Value::Null).await, 404);
    // An invited one needs no password either.
    let change = json!({ "visibility": "password", "password": "sesame" });
    stage.site.ask("ann", "PATCH", CHANNEL, &change).await;
    assert_eq!(stage.status("bob", json!({})).await, 422);
    let channel = stage.site.store.channels().by_name("ann").await.unwrap();
    let channels = stage.site.store.channels();
    channels
        .set_member(&channel, bob, MemberRole::Guest)
        .await
        .unwrap();
    assert_eq!(stage.status("bob", json!({})).await, 200);
}

#[tokio::test]
async fn a_channel_for_everybody_needs_none_and_one_without_a_password_takes_none() {
    let mut stage = Stage::set(json!({ "visibility": "unlisted" })).await;
    assert_eq!(stage.status("bob", json!({})).await, 409);
    assert_eq!(stage.watches("").await, 0);
    for change in [
        json!({ "visibility": "password" }),
        json!({ "visibility": "password", "password": "abc" }),
        json!({ "visibility": "secret" }),
    ] {
        let refused = stage.site.ask("ann", "PATCH", CHANNEL, &change).await;
        assert_eq!(refused.status.as_u16(), 422, "{change}");
    }
}

#[tokio::test]
async fn whoever_guesses_passwords_has_to_wait() {
    let stage = Stage::set(json!({ "visibility": "password", "password": "sesame" })).await;
    let mut statuses = Vec::new();
    for n in 0..60 {
        let wish = json!({ "password": format!("guess {n}") });
        statuses.push(stage.status("nobody", wish).await);
    }
    assert_eq!(statuses.first(), Some(&403));
    assert_eq!(statuses.last(), Some(&429));
}
