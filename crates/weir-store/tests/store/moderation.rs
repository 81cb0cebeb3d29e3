//! Apps, bans and appeals in rows, and the order in which content changes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use weir_store::apps::{AppTerms, Category};
use weir_store::bans::{NewBan, SubjectKind};
use weir_store::changes::{Changed, Position, Whole};
use weir_store::channels::{ChannelEdit, MemberRole, NewStreamKey, Visibility};
use weir_store::copy::Writers;
use weir_store::{Id, StoreError};

use crate::channels::channel;
use crate::common::{Kit, kits};

fn ban(subject: &str) -> NewBan<'_> {
    NewBan {
        channel: None,
        kind: SubjectKind::Account,
        subject,
        stops: "both",
        reason: "Spam",
        by_user: "mod",
        expires_ms: 0,
    }
}

#[tokio::test]
async fn a_ban_stands_until_it_ends_or_is_lifted() {
    for kit in kits().await {
        let bans = kit.store.bans();
        let eve = kit.store.next_id().unwrap();
        let subject = eve.to_string();
        let short = NewBan {
            expires_ms: kit.store.now_ms() + 1000,
            ..ban(&subject)
        };
        let made = bans.create(&short).await.unwrap();
        assert_eq!(bans.standing(eve, None).await.unwrap(), Some(made.clone()));
        let elsewhere = bans.standing(eve, Some(eve)).await.unwrap();
        assert_eq!(elsewhere, None);
        kit.clock.advance_us(1_000_000);
        assert_eq!(bans.standing(eve, None).await.unwrap(), None);
        let long = bans.create(&ban(&subject)).await.unwrap();
        let lifted = bans.lift(long.id, "admin").await.unwrap();
        assert_eq!(lifted.lifted_by, "admin");
        assert_eq!(bans.standing(eve, None).await.unwrap(), None);
        let listed = bans.list(None, None, 10).await.unwrap();
        let ids: Vec<Id> = listed.iter().map(|ban| ban.id).collect();
        assert_eq!(ids, [long.id, made.id]);
    }
}

#[tokio::test]
async fn an_appeal_is_heard_once_and_one_that_is_granted_lifts_the_ban() {
    for kit in kits().await {
        let bans = kit.store.bans();
        let eve = kit.store.next_id().unwrap();
        let owner = kit.store.next_id().unwrap();
        let ann = channel(&kit, owner, "ann", "Ann").await;
        let subject = eve.to_string();
        let new = NewBan {
            channel: Some(&ann),
            ..ban(&subject)
        };
        let made = bans.create(&new).await.unwrap();
        let appeal = bans.appeal(eve, &made, "It was not me").await.unwrap();
        let twice = bans.appeal(eve, &made, "Really").await;
        assert!(matches!(twice, Err(StoreError::Taken(_))), "{twice:?}");
        let open = bans.open_appeals(Some(ann.id), None, 10).await.unwrap();
        assert_eq!(open, std::slice::from_ref(&appeal));
        assert_eq!(bans.open_appeals(None, None, 10).await.unwrap(), []);
        let decided = bans.decide(&made, appeal.id, true, "Sorry", "ann").await;
        let decided = decided.unwrap();
        assert_eq!(
            (decided.state.as_str(), decided.answer.as_str()),
            ("granted", "Sorry")
        );
        assert_eq!(bans.standing(eve, Some(ann.id)).await.unwrap(), None);
        let again = bans.decide(&made, appeal.id, false, "", "ann").await;
        assert!(matches!(again, Err(StoreError::Missing(_))), "{again:?}");
        let open = bans.open_appeals(Some(ann.id), None, 10).await.unwrap();
        assert_eq!(open, []);
    }
}

#[tokio::test]
async fn apps_and_categories_are_set_changed_and_taken_away() {
    for kit in kits().await {
        let apps = kit.store.apps();
        let terms = AppTerms {
            rules: "{}",
            key_set_url: "",
            retention_s: 0,
            recording_s: 0,
        };
        let made = apps.create("school/room", &terms).await.unwrap();
        let twice = apps.create("school/room", &terms).await;
        assert!(matches!(twice, Err(StoreError::Taken("the app"))));
        let wider = AppTerms {
            rules: "{\"max_viewers\":5}",
            ..terms
        };
        let edited = apps.edit("school/room", made.version, &wider).await;
        assert_eq!(edited.unwrap().rules, wider.rules);
        let late = apps.edit("school/room", made.version, &wider).await;
        assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
        apps.remove("school/room").await.unwrap();
        assert_eq!(apps.list("", 10).await.unwrap(), []);
        let games = Category {
            name: "games".into(),
            title: "Games".into(),
            title_zh: "游戏".into(),
            place: 2,
        };
        let talk = Category {
            name: "talk".into(),
            place: 1,
            ..games.clone()
        };
        for category in [&games, &talk, &games] {
            apps.set_category(category).await.unwrap();
        }
        assert_eq!(
            apps.categories().await.unwrap(),
            [talk.clone(), games.clone()]
        );
        let (begin, all) = whole(&kit).await;
        let [is_games, is_talk] = [games, talk].map(Changed::Category);
        assert_eq!(all, [is_games.clone(), is_talk]);
        apps.remove_category("talk").await.unwrap();
        assert_eq!(apps.categories().await.unwrap().len(), 1);
        let since = kit.store.content_changes().since(&begin, 9).await.unwrap();
        assert_eq!(since.changes, [Changed::CategoryGone("talk".into())]);
        assert_eq!(whole(&kit).await.1, [is_games]);
    }
}

/// All there is, as a reader gets it that begins now.
async fn whole(kit: &Kit) -> (Position, Vec<Changed>) {
    let changes = kit.store.content_changes();
    let position = changes.position().await.unwrap();
    let (mut whole, mut all) = (Whole::default(), Vec::new());
    loop {
        let next = changes.next(&mut whole, 2).await.unwrap();
        if next.is_empty() {
            return (position, all);
        }
        all.extend(next);
    }
}

/// What changed after `since`, some at a time.
async fn since(kit: &Kit, mut since: Position) -> (Position, Vec<Changed>) {
    let mut all = Vec::new();
    loop {
        let changes = kit.store.content_changes();
        let delta = changes.since(&since, 2).await.unwrap();
        all.extend(delta.changes);
        since = delta.to;
        if !delta.has_more {
            return (since, all);
        }
    }
}

#[tokio::test]
async fn whoever_keeps_a_copy_is_told_each_change_once_and_in_order() {
    for kit in kits().await {
        let (channels, bans) = (kit.store.channels(), kit.store.bans());
        let (start, nothing) = whole(&kit).await;
        assert_eq!((start.seq, nothing), (0, vec![]));
        let user_id = kit.store.next_id().unwrap();
        let ann = channel(&kit, user_id, "ann", "Ann").await;
        let bob = channel(&kit, user_id, "bob", "Bob").await;
        let new = NewStreamKey {
            key_hash: "h1",
            label: "",
        };
        let key = channels.add_key(&ann, &new).await.unwrap();
        let made = bans.create(&ban("eve")).await.unwrap();
        let (here, told) = since(&kit, start.clone()).await;
        let boxed =
            |channel: &weir_store::channels::Channel| Changed::Channel(Box::new(channel.clone()));
        let all = [
            boxed(&ann),
            boxed(&bob),
            Changed::Key(key.clone()),
            Changed::Ban(made.clone()),
        ];
        assert_eq!(told, all);
        assert_eq!(whole(&kit).await, (here.clone(), all.to_vec()));

        let revoked = channels.revoke_key(&ann, key.id).await.unwrap();
        bans.lift(made.id, "admin").await.unwrap();
        channels.remove(&bob).await.unwrap();
        let (_, told) = since(&kit, here).await;
        let news = [
            Changed::Key(revoked.clone()),
            Changed::BanGone(made.id),
            Changed::ChannelGone(bob.id),
        ];
        assert_eq!(told, news);
        // Whoever was away for all of it gets each thing as it is now.
        let (_, told) = since(&kit, start.clone()).await;
        let mut late = vec![boxed(&ann)];
        late.extend(news);
        assert_eq!(told, late);
        let (_, now) = whole(&kit).await;
        assert_eq!(now, [boxed(&ann), Changed::Key(revoked)]);

        let other = Position {
            series: "another".into(),
            ..start
        };
        let refused = kit.store.content_changes().since(&other, 10).await;
        assert!(
            matches!(refused, Err(StoreError::Changed(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn numbers_of_changes_made_at_once_have_no_gaps_behind_a_reader() {
    for kit in kits().await {
        let user_id = kit.store.next_id().unwrap();
        let mut here = kit.store.content_changes().position().await.unwrap();
        let names: Vec<String> = (0..12).map(|n| format!("c{n}")).collect();
        let making = names.iter().map(|name| channel(&kit, user_id, name, name));
        let making = futures_util::future::join_all(making);
        tokio::pin!(making);
        let mut told = Vec::new();
        let mut is_made = false;
        while !is_made {
            let reading = since(&kit, here.clone());
            tokio::pin!(reading);
            let (to, news) = tokio::select! {
                biased;
                _ = &mut making => {
                    is_made = true;
                    reading.await
                }
                read = &mut reading => read,
            };
            told.extend(news);
            here = to;
        }
        let (_, rest) = since(&kit, here).await;
        told.extend(rest);
        let mut listed: Vec<String> = told
            .iter()
            .filter_map(|change| match change {
                Changed::Channel(channel) => Some(channel.name.clone()),
                _ => None,
            })
            .collect();
        listed.sort();
        let mut made = names.clone();
        made.sort();
        assert_eq!(listed, made);
    }
}

#[tokio::test]
async fn a_store_that_moved_goes_on_with_its_numbers() {
    for kit in kits().await {
        let user_id = kit.store.next_id().unwrap();
        channel(&kit, user_id, "ann", "Ann").await;
        let here = kit.store.content_changes().position().await.unwrap();
        let other = Kit::sqlite().await;
        kit.store
            .copy_to(&other.store, Writers::GoOn, |_| {})
            .await
            .unwrap();
        let there = other.store.content_changes().position().await.unwrap();
        assert_eq!(there, here);
        let bob = channel(&other, user_id, "bob", "Bob").await;
        let (_, told) = since(&other, here).await;
        assert_eq!(told, [Changed::Channel(Box::new(bob))]);
    }
}

#[tokio::test]
async fn whoever_has_no_leave_to_watch_any_more_is_told_of_for_a_day() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let ids = || kit.store.next_id().unwrap();
        let (ann, eve, bob) = (ids(), ids(), ids());
        let made = channel(&kit, ann, "ann", "Ann").await;
        channels.follow(eve, &made).await.unwrap();
        // Of a channel that everybody may watch nobody is told.
        channels.unfollow(eve, &made).await.unwrap();
        let edit = ChannelEdit {
            visibility: Some(Visibility::Followers),
            ..ChannelEdit::default()
        };
        let place = (made.user_id, made.id);
        let made = channels.edit(place, made.version, &edit).await.unwrap();
        channels.follow(eve, &made).await.unwrap();
        channels
            .set_member(&made, bob, MemberRole::Moderator)
            .await
            .unwrap();
        let (here, _) = whole(&kit).await;
        let at_ms = kit.store.now_ms();
        channels.unfollow(eve, &made).await.unwrap();
        channels.remove_member(&made, bob).await.unwrap();
        let gone = |account| Changed::LeaveGone {
            channel_id: made.id,
            account,
            at_ms,
        };
        let (_, told) = since(&kit, here).await;
        assert_eq!(told, [gone(eve), gone(bob)]);
        let leaves = |all: &[Changed]| {
            let is_leave = |change: &&Changed| matches!(change, Changed::LeaveGone { .. });
            all.iter().filter(is_leave).count()
        };
        assert_eq!(leaves(&whole(&kit).await.1), 2);
        let changes = kit.store.content_changes();
        assert_eq!(changes.forget().await.unwrap(), 0);
        kit.clock.advance_us(25 * 3_600_000_000);
        assert_eq!(changes.forget().await.unwrap(), 2);
        assert_eq!(leaves(&whole(&kit).await.1), 0);
    }
}

#[tokio::test]
async fn what_is_gone_is_forgotten_after_a_week_and_what_is_there_never() {
    for kit in kits().await {
        let channels = kit.store.channels();
        let user_id = kit.store.next_id().unwrap();
        let ann = channel(&kit, user_id, "ann", "Ann").await;
        let bob = channel(&kit, user_id, "bob", "Bob").await;
        let new = NewStreamKey {
            key_hash: "h1",
            label: "",
        };
        channels.add_key(&bob, &new).await.unwrap();
        channels.remove(&bob).await.unwrap();
        let zero = Position {
            seq: 0,
            ..whole(&kit).await.0
        };
        let made = kit.store.bans().create(&ban("eve")).await.unwrap();
        kit.store.bans().lift(made.id, "admin").await.unwrap();
        let changes = kit.store.content_changes();
        assert_eq!(changes.forget().await.unwrap(), 0);
        kit.clock.advance_us(8 * 24 * 3_600_000_000);
        // The channel, its key and the ban.
        assert_eq!(changes.forget().await.unwrap(), 3);
        let (_, told) = since(&kit, zero).await;
        assert_eq!(told, [Changed::Channel(Box::new(ann))]);
    }
}

#[tokio::test]
async fn what_was_restored_is_another_life() {
    let kit = Kit::sqlite().await;
    let user_id = kit.store.next_id().unwrap();
    channel(&kit, user_id, "ann", "Ann").await;
    let before = kit.store.content_changes().position().await.unwrap();
    kit.store.content_changes().begin_anew().await.unwrap();
    let after = kit.store.content_changes().position().await.unwrap();
    assert_ne!(after.series, before.series);
    let refused = kit.store.content_changes().since(&before, 10).await;
    assert!(
        matches!(refused, Err(StoreError::Changed(_))),
        "{refused:?}"
    );
}
