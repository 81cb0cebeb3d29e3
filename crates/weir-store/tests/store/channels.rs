//! Channels and what belongs to them, in rows.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use weir_store::channels::{
    Channel, ChannelEdit, ListedBy, MemberRole, NewChannel, NewStreamKey, Timing, Visibility,
};
use weir_store::{Id, StoreError};

use crate::common::{BEGIN_US, Kit, kits};

const HOUR_MS: i64 = 3_600_000;

pub(crate) async fn channel(kit: &Kit, user_id: Id, name: &str, title: &str) -> Channel {
    let new = NewChannel {
        user_id,
        name,
        skeleton: name,
        app: "live",
        title,
        most: 100,
    };
    kit.store.channels().create(&new).await.unwrap()
}

fn id(kit: &Kit) -> Id {
    kit.store.next_id().unwrap()
}

#[tokio::test]
async fn a_channel_is_found_by_its_name_and_whoever_looks_like_it_is_refused() {
    for kit in kits().await {
        let (ann, bob) = (id(&kit), id(&kit));
        let channels = kit.store.channels();
        let made = channel(&kit, ann, "ann", "Ann's games").await;
        assert_eq!((made.version, made.followers), (1, 0));
        assert_eq!(made.created_ms, BEGIN_US / 1000);
        assert_eq!(channels.by_name("ann").await.unwrap(), made);
        assert_eq!(channels.by_id(ann, made.id).await.unwrap(), made);
        let foreign = channels.by_id(bob, made.id).await;
        assert!(matches!(foreign, Err(StoreError::Missing("channel"))));
        for (name, skeleton) in [("ann", "other"), ("аnn", "ann")] {
            let new = NewChannel {
                user_id: bob,
                name,
                skeleton,
                app: "live",
                title: "",
                most: 100,
            };
            let refused = channels.create(&new).await;
            assert!(
                matches!(refused, Err(StoreError::Taken("the name"))),
                "{refused:?}"
            );
        }
        assert_eq!(channels.of_owner(bob, None, 10).await.unwrap(), []);
        // What was refused was not counted.
        let new = NewChannel {
            user_id: bob,
            name: "bob",
            skeleton: "bob",
            app: "live",
            title: "",
            most: 1,
        };
        channels.create(&new).await.unwrap();
        let second = NewChannel {
            name: "bob2",
            skeleton: "bob2",
            ..new
        };
        let refused = channels.create(&second).await;
        assert!(matches!(refused, Err(StoreError::Bound(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn an_edit_needs_the_version_it_saw_and_a_narrower_door_begins_a_new_round() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Ann").await;
        let place = (made.user_id, made.id);
        let title = ChannelEdit {
            title: Some("Chess"),
            ..ChannelEdit::default()
        };
        let edited = channels.edit(place, 1, &title).await.unwrap();
        assert_eq!((edited.version, edited.play_round), (2, made.play_round));
        let late = channels.edit(place, 1, &title).await;
        assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
        let close = ChannelEdit {
            visibility: Some(Visibility::Password),
            password_hash: Some("$argon2id$…"),
            ..ChannelEdit::default()
        };
        let closed = channels.edit(place, 2, &close).await.unwrap();
        assert_eq!(closed.play_round, made.play_round + 1);
        assert_eq!(channels.by_name("ann").await.unwrap(), closed);
    }
}

#[tokio::test]
async fn of_a_rotation_two_keys_are_good_and_of_the_next_again_two() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Ann").await;
        let new = |key_hash| NewStreamKey {
            key_hash,
            label: "OBS",
        };
        let first = channels.add_key(&made, &new("h1")).await.unwrap();
        let second = channels
            .rotate_key(&made, first.id, &new("h2"), HOUR_MS)
            .await
            .unwrap();
        let third = channels
            .rotate_key(&made, second.id, &new("h3"), HOUR_MS)
            .await
            .unwrap();
        let now_ms = kit.store.now_ms();
        let good = |keys: &[weir_store::channels::StreamKey]| -> Vec<String> {
            let is_good = |key: &&weir_store::channels::StreamKey| {
                key.revoked_ms == 0 && (key.expires_ms == 0 || key.expires_ms > now_ms)
            };
            keys.iter()
                .filter(is_good)
                .map(|key| key.key_hash.clone())
                .collect()
        };
        let keys = channels.keys(&made).await.unwrap();
        assert_eq!(good(&keys), ["h3", "h2"]);
        let again = channels
            .rotate_key(&made, second.id, &new("h4"), HOUR_MS)
            .await;
        assert!(matches!(again, Err(StoreError::Changed("the key"))));
        channels.revoke_key(&made, third.id).await.unwrap();
        assert_eq!(good(&channels.keys(&made).await.unwrap()), ["h2"]);
        let place = (made.user_id, made.id, third.id);
        channels.key_was_used(place, 7, "10.0.0.1").await.unwrap();
        channels.key_was_used(place, 5, "10.0.0.2").await.unwrap();
        let keys = channels.keys(&made).await.unwrap();
        let used = keys.iter().find(|key| key.id == third.id).unwrap();
        assert_eq!((used.used_ms, used.used_address.as_str()), (7, "10.0.0.1"));
    }
}

#[tokio::test]
async fn keys_that_ended_long_ago_are_forgotten_and_there_are_so_many_and_no_more() {
    let kit = Kit::sqlite().await;
    let channels = kit.store.channels();
    let made = channel(&kit, id(&kit), "ann", "Ann").await;
    let mut last = None;
    for n in 0..20 {
        let key_hash = format!("h{n}");
        let new = NewStreamKey {
            key_hash: &key_hash,
            label: "",
        };
        last = Some(channels.add_key(&made, &new).await.unwrap());
    }
    let new = NewStreamKey {
        key_hash: "more",
        label: "",
    };
    let refused = channels.add_key(&made, &new).await;
    assert!(matches!(refused, Err(StoreError::Bound(_))), "{refused:?}");
    channels.revoke_key(&made, last.unwrap().id).await.unwrap();
    channels.add_key(&made, &new).await.unwrap();
    assert_eq!(channels.keys(&made).await.unwrap().len(), 21);
    kit.clock.advance_us(31 * 24 * HOUR_MS * 1000);
    let keys = channels.keys(&made).await.unwrap();
    let first = keys.iter().find(|key| key.key_hash == "h0").unwrap().id;
    channels.revoke_key(&made, first).await.unwrap();
    let new = NewStreamKey {
        key_hash: "later",
        label: "",
    };
    channels.add_key(&made, &new).await.unwrap();
    let hashes: Vec<String> = channels
        .keys(&made)
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.key_hash)
        .collect();
    assert!(!hashes.contains(&"h19".into()) && hashes.contains(&"h0".into()));
}

#[tokio::test]
async fn a_key_that_is_good_is_listed_however_many_were_taken_back_since() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Ann").await;
        for n in 0..=210 {
            let key_hash = format!("h{n}");
            let new = NewStreamKey {
                key_hash: &key_hash,
                label: "",
            };
            let key = channels.add_key(&made, &new).await.unwrap();
            if n > 0 {
                channels.revoke_key(&made, key.id).await.unwrap();
            }
        }
        let keys = channels.keys(&made).await.unwrap();
        assert_eq!((keys.len(), keys[0].key_hash.as_str()), (200, "h0"));
        assert_eq!(keys[1].key_hash, "h210");
    }
}

#[tokio::test]
async fn who_follows_is_told_from_both_sides_and_counted_once() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Ann").await;
        let fans: Vec<Id> = (0..3).map(|_| id(&kit)).collect();
        for fan in &fans {
            assert!(channels.follow(*fan, &made).await.unwrap());
            assert!(!channels.follow(*fan, &made).await.unwrap());
        }
        assert_eq!(channels.by_name("ann").await.unwrap().followers, 3);
        let first = channels.followers(made.id, None, 2).await.unwrap();
        let before = first.last().map(|one| one.id);
        let rest = channels.followers(made.id, before, 2).await.unwrap();
        let listed: Vec<Id> = first.iter().chain(&rest).map(|one| one.user_id).collect();
        assert_eq!(listed, fans.iter().rev().copied().collect::<Vec<_>>());
        assert!(channels.unfollow(fans[1], &made).await.unwrap());
        assert!(!channels.unfollow(fans[1], &made).await.unwrap());
        assert!(!channels.is_following(fans[1], made.id).await.unwrap());
        assert_eq!(channels.by_name("ann").await.unwrap().followers, 2);
        let follows = channels.follows(fans[0], None, 10).await.unwrap();
        assert_eq!(
            (follows.len(), follows[0].channel_id, follows[0].owner_id),
            (1, made.id, made.user_id)
        );
    }
}

#[tokio::test]
async fn a_channel_that_goes_takes_with_it_what_belongs_to_it_and_leaves_its_name() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let (ann, fan, mod_) = (id(&kit), id(&kit), id(&kit));
        let made = channel(&kit, ann, "ann", "Ann plays").await;
        channels.follow(fan, &made).await.unwrap();
        channels
            .set_member(&made, mod_, MemberRole::Moderator)
            .await
            .unwrap();
        let timing = Timing {
            title: "Finals",
            description: "",
            starts_ms: 10,
            ends_ms: 0,
        };
        channels.schedule(&made, &timing).await.unwrap();
        channels.remove(&made).await.unwrap();
        let again = channels.remove(&made).await;
        assert!(matches!(again, Err(StoreError::Missing("channel"))));
        assert_eq!(channels.follows(fan, None, 10).await.unwrap(), []);
        assert_eq!(channels.teams_of(mod_).await.unwrap(), []);
        assert_eq!(channels.scheduled(&made, 0, 10).await.unwrap(), []);
        let all = channels.listed(&ListedBy::default(), None, 10).await;
        assert_eq!(all.unwrap(), []);
        let next = channel(&kit, fan, "ann", "Another").await;
        assert_ne!(next.id, made.id);
        assert_eq!(next.followers, 0);
    }
}

#[tokio::test]
async fn a_team_is_told_from_both_sides() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Ann").await;
        let bob = id(&kit);
        for role in [MemberRole::Editor, MemberRole::Moderator] {
            channels.set_member(&made, bob, role).await.unwrap();
            assert_eq!(channels.role_in(&made, bob).await.unwrap(), Some(role));
        }
        assert_eq!(channels.members(&made).await.unwrap().len(), 1);
        let teams = channels.teams_of(bob).await.unwrap();
        assert_eq!(teams, [(made.user_id, made.id)]);
        channels.remove_member(&made, bob).await.unwrap();
        assert_eq!(channels.role_in(&made, bob).await.unwrap(), None);
        assert_eq!(channels.teams_of(bob).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_schedule_is_in_the_order_of_its_beginnings() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Ann").await;
        let timing = |title, starts_ms| Timing {
            title,
            description: "",
            starts_ms,
            ends_ms: 0,
        };
        let late = channels.schedule(&made, &timing("late", 30)).await.unwrap();
        channels.schedule(&made, &timing("past", 5)).await.unwrap();
        channels.schedule(&made, &timing("soon", 20)).await.unwrap();
        let sooner = timing("late", 15);
        channels
            .reschedule(&made, late.id, 1, &sooner)
            .await
            .unwrap();
        let stale = channels.reschedule(&made, late.id, 1, &sooner).await;
        assert!(matches!(stale, Err(StoreError::Changed(_))), "{stale:?}");
        let listed = channels.scheduled(&made, 10, 10).await.unwrap();
        let titles: Vec<&str> = listed.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["late", "soon"]);
        channels.unschedule(&made, late.id).await.unwrap();
        assert_eq!(channels.scheduled(&made, 10, 10).await.unwrap().len(), 1);
    }
}

async fn names(kit: &Kit, by: ListedBy<'_>) -> Vec<String> {
    let cards = kit.store.channels().listed(&by, None, 50).await.unwrap();
    cards.into_iter().map(|card| card.name).collect()
}

#[tokio::test]
async fn public_channels_are_listed_by_category_language_and_words_and_no_others_are() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let user_id = id(&kit);
        for (name, title, category, language) in [
            ("a", "Chess at night", "games", "en"),
            ("b", "周末游戏直播间", "games", "zh"),
            ("c", "Night talk", "talk", "en"),
            ("d", "Secret chess", "games", "en"),
        ] {
            let made = channel(&kit, user_id, name, title).await;
            let edit = ChannelEdit {
                category: Some(category),
                language: Some(language),
                visibility: (name == "d").then_some(Visibility::Unlisted),
                ..ChannelEdit::default()
            };
            channels.edit((user_id, made.id), 1, &edit).await.unwrap();
        }
        let by = |category, language, search| ListedBy {
            category,
            language,
            search,
        };
        for (listed, expected) in [
            (by("", "", ""), &["c", "b", "a"][..]),
            (by("games", "", ""), &["b", "a"]),
            (by("", "en", ""), &["c", "a"]),
            (by("games", "en", ""), &["a"]),
            (by("", "", "night"), &["c", "a"]),
            (by("", "", "NIGHT ch"), &["a"]),
            (by("talk", "", "night"), &["c"]),
            (by("", "", "游戏"), &["b"]),
            (by("", "zh", "直播"), &["b"]),
            (by("", "", "secret"), &[]),
            (by("", "", "' OR 1=1 --"), &[]),
            (by("", "", "!?"), &[]),
        ] {
            assert_eq!(names(&kit, listed).await, expected, "{listed:?}");
        }
        let first = channels.listed(&by("", "", ""), None, 2).await.unwrap();
        let before = first[1].channel_id.parse().unwrap();
        let rest = channels.listed(&by("", "", ""), Some(before), 2).await;
        assert_eq!(rest.unwrap()[0].name, "a");
        let cards = channels.cards(&["a".into(), "d".into(), "x".into()]).await;
        let cards: Vec<String> = cards.unwrap().into_iter().map(|card| card.name).collect();
        assert_eq!(cards, ["a"]);
    }
}

#[tokio::test]
async fn a_channel_is_found_by_what_it_says_now_and_not_by_what_it_said() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let made = channel(&kit, id(&kit), "ann", "Chess").await;
        let place = (made.user_id, made.id);
        let edit = |title, visibility| ChannelEdit {
            title: Some(title),
            visibility,
            ..ChannelEdit::default()
        };
        let by = |search| ListedBy {
            search,
            ..ListedBy::default()
        };
        channels.edit(place, 1, &edit("Poker", None)).await.unwrap();
        assert!(names(&kit, by("chess")).await.is_empty());
        assert_eq!(names(&kit, by("poker")).await, ["ann"]);
        let hide = edit("Go", Some(Visibility::Private));
        channels.edit(place, 2, &hide).await.unwrap();
        for word in ["poker", "go", "ann"] {
            assert!(names(&kit, by(word)).await.is_empty(), "{word}");
        }
        let show = edit("Go", Some(Visibility::Public));
        channels.edit(place, 3, &show).await.unwrap();
        assert_eq!(names(&kit, by("go")).await, ["ann"]);
    }
}
