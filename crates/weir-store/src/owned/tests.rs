//! What a removal leaves, looked for in every column of every table.

use weir_base::Clock;

use super::*;
use crate::Config;
use crate::accounts::{Account, Login, NewAccount, NewPasskey, Proof, Purpose, ReplyKey};
use crate::audit::Act;
use crate::bans::{NewBan, SubjectKind};
use crate::channels::{Channel, MemberRole, NewChannel, NewStreamKey, Timing};
use crate::events::{Ending, Fact, NewBroadcast, NewEvent};
use crate::gifts::Giving;
use crate::hooks::EndpointFields;
use crate::ledger::OpKey;
use crate::recordings::{RecordingNow, RecordingState};
use crate::snapshots::Snapshot;

/// What a removal leaves, and why: who did what is on the record, and other nodes have to be told what is gone.
const LEFT: [(&str, &str); 10] = [
    ("audit", "actor"),
    ("audit", "object"),
    ("content_changes", "user_id"),
    // The books: what was paid and given stays on the record, and names nobody.
    ("wallets", "user_id"),
    ("ledger_entries", "user_id"),
    ("ledger_keys", "user_id"),
    ("gifts", "user_id"),
    ("gifts", "owner_id"),
    ("gift_totals", "user_id"),
    ("gift_totals", "giver_id"),
];

#[tokio::test]
async fn a_removal_leaves_no_row_of_the_account_in_any_table_but_what_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path()).await;
    let (ann, bob) = (account(&store, "ann").await, account(&store, "bob").await);
    live(&store, &ann, &bob).await;
    live(&store, &bob, &ann).await;
    let before = traces(&store, ann.user_id).await;
    let empty: Vec<_> = tables_of_users()
        .into_iter()
        .filter(|table| !before.iter().any(|(found, _)| found == table))
        .collect();
    // A table that the test writes no row of is a table that it says nothing about.
    assert!(empty.is_empty(), "no row of the account in {empty:?}");
    let bobs = store.owned_by(bob.user_id).await.unwrap();
    store.remove_owned(ann.user_id).await.unwrap();
    store.accounts().remove(ann.user_id).await.unwrap();
    // Whoever was broken off may begin anew.
    store.remove_owned(ann.user_id).await.unwrap();
    let mut left = traces(&store, ann.user_id).await;
    left.retain(|found| !LEFT.contains(found));
    assert_eq!(left, []);
    // What is Bob's own is still there.
    let after = store.owned_by(bob.user_id).await.unwrap();
    for (was, is) in bobs.iter().zip(&after) {
        let of_both = [
            "follows",
            "memberships",
            "channel_members",
            "channels",
            "appeals",
        ];
        assert!(
            of_both.contains(&was.table) || was == is,
            "{was:?} became {is:?}"
        );
    }
    let bobs = store.channels().by_name("bob2").await.unwrap();
    assert_eq!(bobs.followers, 0, "Ann does not follow it any more");
}

#[tokio::test]
async fn what_is_taken_along_has_every_table_of_users_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path()).await;
    let (ann, bob) = (account(&store, "ann").await, account(&store, "bob").await);
    live(&store, &ann, &bob).await;
    live(&store, &bob, &ann).await;
    let owned = store.owned_by(ann.user_id).await.unwrap();
    for table in tables_of_users() {
        let rows = owned.iter().find(|rows| rows.table == table);
        assert!(
            rows.is_some_and(|rows| table == "recovery_codes" || !rows.rows.is_empty()),
            "{table}"
        );
    }
    let text = format!("{owned:?}");
    for secret in ["SECRET", "hash"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(!text.contains(&bob.user_id.to_string()) || !text.contains("by_user"));
}

async fn opened(data: &std::path::Path) -> Store {
    let clock = Clock::manual(1_700_000_000_000_000);
    Store::open(&Config::default(), data, clock).await.unwrap()
}

fn tables_of_users() -> Vec<&'static str> {
    let all = Module::ALL
        .into_iter()
        .flat_map(|module| tables(module).unwrap());
    all.filter(|table| table.is_by_user)
        .map(|table| table.name)
        .collect()
}

/// Each column of each table that has the account's id.
async fn traces(store: &Store, user_id: Id) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for module in Module::ALL {
        for table in tables(module).unwrap() {
            let texts = table
                .columns
                .iter()
                .filter(|column| column.kind == Kind::Text);
            for column in texts {
                let sql = format!(
                    "SELECT COUNT(*) FROM {} WHERE {} = $1",
                    table.name, column.name
                );
                let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                    .bind(user_id.to_string())
                    .fetch_one(store.db(module).fresh())
                    .await
                    .unwrap();
                if count > 0 {
                    found.push((table.name, column.name));
                }
            }
        }
    }
    found
}

async fn account(store: &Store, name: &str) -> Account {
    let new = NewAccount {
        name,
        skeleton: name,
        password_hash: "SECRET",
        logins: &[Login::Name(name)],
        role: "broadcaster",
        ..NewAccount::default()
    };
    store.accounts().create(&new).await.unwrap()
}

/// Somebody pays in, and gives something to a channel.
async fn give(store: &Store, me: &Account, channel: &Channel) {
    let key = OpKey {
        user_id: None,
        key: &format!("payment of {}", me.name),
        digest: "",
    };
    let ledger = store.ledger();
    ledger.top_up(me.user_id, 100, (key, "p")).await.unwrap();
    let giving = Giving {
        user: me.user_id,
        user_name: &me.name,
        channel: (channel.user_id, channel.id),
        room: "r:live/a",
        gift: "rocket",
        amount: 1,
        coins: 60,
        to_channel: 30,
        combo_ms: 1,
        key: OpKey {
            user_id: Some(me.user_id),
            ..key
        },
    };
    store.gifts().give(&giving).await.unwrap();
}

/// Somebody does all that leaves a row.
async fn live(store: &Store, me: &Account, other: &Account) {
    let owner = me.user_id.to_string();
    sign_in(store, me).await;
    let channels = store.channels();
    let mine = channel(store, me, &me.name).await;
    let theirs = match channels.by_name(&other.name).await {
        Ok(channel) => channel,
        // The first of the two makes the second's channel under another name.
        Err(_) => channel(store, other, &format!("{}2", other.name)).await,
    };
    let key = NewStreamKey {
        key_hash: &format!("SECRET {}", me.name),
        label: "",
    };
    channels.add_key(&mine, &key).await.unwrap();
    let timing = Timing {
        title: "Chess",
        description: "",
        starts_ms: 1,
        ends_ms: 2,
    };
    channels.schedule(&mine, &timing).await.unwrap();
    channels.follow(me.user_id, &theirs).await.unwrap();
    channels
        .set_member(&theirs, me.user_id, MemberRole::Editor)
        .await
        .unwrap();
    channels
        .set_member(&mine, other.user_id, MemberRole::Editor)
        .await
        .unwrap();
    give(store, me, &theirs).await;
    moderate(store, me, other).await;
    let fields = EndpointFields {
        app: "",
        url: "https://example.net/",
        types: &[],
        dialect: "standard",
        state: "active",
    };
    let hook = store
        .hooks()
        .create(&owner, fields, "SECRET")
        .await
        .unwrap();
    broadcast(store, &mine).await;
    snapshot(store, &mine).await;
    recording(store, &mine).await;
    let key = ReplyKey {
        user_id: owner.clone(),
        id: "a request".to_owned(),
    };
    let times = (0, 0);
    store.replies().claim(&key, "", 1, times).await.unwrap();
    let make = |_: &[crate::hooks::Endpoint], event: &crate::events::LoggedEvent| {
        vec![crate::hooks::NewDelivery {
            user_id: owner.clone(),
            endpoint_id: hook.id,
            seq: event.seq,
            stream: event.stream.clone(),
            kind: event.kind.clone(),
            event: "{}".to_owned(),
        }]
    };
    store.hooks().fan_out(100, make).await.unwrap();
    let act = Act {
        actor: &owner,
        name: &me.name,
        action: "x",
        object: &owner,
        before: "",
        after: "",
        address: "",
    };
    store.audit().write(&act).await.unwrap();
}

async fn sign_in(store: &Store, me: &Account) {
    let accounts = store.accounts();
    let tokens = [crate::accounts::NewToken {
        hash: format!("hash of {}", me.name),
        kind: crate::accounts::TokenKind::Cookie,
        expires_ms: i64::MAX,
    }];
    let session = crate::accounts::NewSession {
        user_id: me.user_id,
        kind: "cookie",
        agent: "",
        address: "",
        expires_ms: i64::MAX,
        tokens: &tokens,
        most: 5,
    };
    accounts.open_session(&session).await.unwrap();
    let key = crate::accounts::NewApiKey {
        user_id: me.user_id,
        key_hash: &format!("hash of {}'s key", me.name),
        label: "",
        scopes: "account.own",
        expires_ms: 0,
        most: 5,
    };
    accounts.make_api_key(&key).await.unwrap();
    let passkey = NewPasskey {
        credential: &me.name,
        cose_key: b"key",
        sign_count: 0,
        label: "",
        most: 5,
    };
    accounts.add_passkey(me, &passkey).await.unwrap();
    let identity = crate::accounts::NewIdentity {
        provider: "school",
        issuer: "https://id.example",
        subject: &me.name,
        label: "",
    };
    accounts
        .link_identity(me.user_id, &identity, 5)
        .await
        .unwrap();
    let proof = Proof {
        user_id: me.user_id,
        email: String::new(),
        expires_ms: i64::MAX,
    };
    let link = format!("hash of {}'s link", me.name);
    accounts
        .put_proof(&link, Purpose::Link, &proof)
        .await
        .unwrap();
    let me = accounts.by_id(me.user_id).await.unwrap();
    accounts
        .set_totp(&me, b"SECRET", &[format!("hash {}", me.name)])
        .await
        .unwrap();
}

async fn channel(store: &Store, owner: &Account, name: &str) -> Channel {
    let new = NewChannel {
        user_id: owner.user_id,
        name,
        skeleton: name,
        app: "live",
        title: name,
        most: 9,
    };
    store.channels().create(&new).await.unwrap()
}

async fn moderate(store: &Store, me: &Account, other: &Account) {
    let (subject, by_user) = (other.user_id.to_string(), me.user_id.to_string());
    let new = NewBan {
        channel: None,
        kind: SubjectKind::Account,
        subject: &subject,
        stops: "play",
        reason: "",
        by_user: &by_user,
        expires_ms: 0,
    };
    let ban = store.bans().create(&new).await.unwrap();
    store.bans().lift(ban.id, &by_user).await.unwrap();
    let second = store.bans().create(&new).await.unwrap();
    store
        .bans()
        .appeal(other.user_id, &second, "No")
        .await
        .unwrap();
    // And one against oneself, so that each side is there whoever is first.
    let own = NewBan {
        subject: &by_user,
        ..new
    };
    let own = store.bans().create(&own).await.unwrap();
    store.bans().appeal(me.user_id, &own, "No").await.unwrap();
}

async fn snapshot(store: &Store, channel: &Channel) {
    let new = Snapshot {
        user_id: channel.user_id.to_string(),
        id: store.next_id().unwrap(),
        channel_id: channel.id.to_string(),
        app: channel.app.clone(),
        stream: format!("{}/{}", channel.app, channel.name),
        session: String::new(),
        reason: "first".to_owned(),
        fault: String::new(),
        object: String::new(),
        sha256: String::new(),
        bytes: 0,
        width: 640,
        height: 360,
        taken_ms: store.now_ms(),
    };
    store.snapshots().write(&new).await.unwrap();
}

async fn recording(store: &Store, channel: &Channel) {
    let told = RecordingNow {
        user_id: channel.user_id.to_string(),
        id: store.next_id().unwrap(),
        channel_id: channel.id.to_string(),
        vhost: String::new(),
        app: channel.app.clone(),
        stream: channel.name.clone(),
        title: channel.title.clone(),
        is_published: true,
        state: RecordingState::Ready,
        expires_ms: 0,
        node: "a".to_owned(),
        owned_ms: 1,
        started_ms: 1,
        ended_ms: 2,
        from_ms: 1,
        to_ms: 2,
        duration_ms: 1,
        bytes: 1,
        stored_bytes: 0,
        holes: "[]".to_owned(),
        has_poster: false,
        told_ms: 2,
    };
    store.recordings().tell(&[told]).await.unwrap();
}

/// One that is over, and one that lives.
async fn broadcast(store: &Store, channel: &Channel) {
    let mut facts = Vec::new();
    for is_over in [true, false] {
        let id = store.next_id().unwrap();
        let event = |kind: &str| NewEvent {
            id: store.next_id().unwrap(),
            kind: kind.to_owned(),
            app: "live".to_owned(),
            stream: format!("live/{}", channel.name),
            session: Some(id),
            cause: 0,
            data: "{}".to_owned(),
            at_ms: 1,
        };
        let began = NewBroadcast {
            user_id: channel.user_id.to_string(),
            id,
            channel_id: channel.id.to_string(),
            app: "live".to_owned(),
            stream: format!("live/{}", channel.name),
            node: "a".to_owned(),
            boot: "1".to_owned(),
            protocol: "rtmp".to_owned(),
            address: "192.0.2.1:5".to_owned(),
            key_id: String::new(),
            started_ms: 1,
            heartbeat_ms: 0,
        };
        facts.push(Fact::Began(began, event("stream.started")));
        let ending = Ending {
            id,
            ended_ms: 2,
            cause: 1,
            viewers_max: 0,
            bytes_in: 0,
            bytes_out: 0,
        };
        if is_over {
            facts.push(Fact::Ended(ending, event("stream.ended")));
        }
    }
    store.events().record(&facts).await.unwrap();
}
