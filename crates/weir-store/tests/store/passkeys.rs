//! Passkeys in rows, and an account that goes with all that is its own, on each engine.
use weir_store::StoreError;
use weir_store::accounts::{Login, NewPasskey};
use weir_store::bans::{NewBan, SubjectKind};
use weir_store::broadcasts::BroadcastFilter;
use weir_store::channels::MemberRole;
use weir_store::events::Fact;

use crate::accounts::ann;
use crate::channels::channel;
use crate::common::{BEGIN_US, kits};
use crate::events::began;

const NEW: NewPasskey<'static> = NewPasskey {
    credential: "cred",
    cose_key: b"key",
    sign_count: 0,
    label: "My phone",
    most: 2,
};

#[tokio::test]
async fn a_passkey_is_one_accounts_and_is_found_by_its_credential() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let ann_made = accounts.create(&ann(&[Login::Name("ann")])).await.unwrap();
        let bob_made = accounts.create(&ann(&[Login::Name("bob")])).await.unwrap();
        let made = accounts.add_passkey(&ann_made, &NEW).await.unwrap();
        assert_eq!((made.created_ms, made.used_ms), (BEGIN_US / 1000, 0));
        let found = accounts.passkey_by_credential("cred").await.unwrap();
        assert_eq!(found, made);
        let taken = accounts.add_passkey(&bob_made, &NEW).await;
        assert!(
            matches!(taken, Err(StoreError::Taken("the passkey"))),
            "{taken:?}"
        );
        for (credential, fits) in [("second", true), ("third", false)] {
            let more = NewPasskey { credential, ..NEW };
            let added = accounts.add_passkey(&ann_made, &more).await;
            assert_eq!(added.is_ok(), fits, "{credential}");
        }
        let named = accounts
            .rename_passkey(ann_made.user_id, made.id, "Old")
            .await;
        assert_eq!(named.unwrap().label, "Old");
        let foreign = accounts.remove_passkey(bob_made.user_id, made.id).await;
        assert!(
            matches!(foreign, Err(StoreError::Missing("passkey"))),
            "{foreign:?}"
        );
        accounts
            .remove_passkey(ann_made.user_id, made.id)
            .await
            .unwrap();
        assert!(accounts.passkey_by_credential("cred").await.is_err());
        assert_eq!(
            accounts.passkeys(ann_made.user_id, 9).await.unwrap().len(),
            1
        );
    }
}

#[tokio::test]
async fn a_count_that_does_not_grow_is_refused_and_a_question_is_answered_once() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let ann_made = accounts.create(&ann(&[Login::Name("ann")])).await.unwrap();
        let made = accounts.add_passkey(&ann_made, &NEW).await.unwrap();
        for (count, is_taken) in [
            (0, true),
            (0, true),
            (3, true),
            (3, false),
            (0, false),
            (4, true),
        ] {
            let used = accounts.use_passkey(&made, count).await.unwrap();
            assert_eq!(used, is_taken, "{count}");
        }
        let until_ms = BEGIN_US / 1000 + 1000;
        assert!(accounts.spend_challenge("hash", until_ms).await.unwrap());
        assert!(!accounts.spend_challenge("hash", until_ms).await.unwrap());
        kit.clock.advance_us(1_000_000);
        accounts.sweep().await.unwrap();
        assert!(accounts.spend_challenge("hash", until_ms).await.unwrap());
    }
}

#[tokio::test]
async fn who_goes_leaves_nothing_to_others_and_what_is_on_ends_as_nobodys() {
    for kit in kits().await {
        let (store, accounts) = (&kit.store, kit.store.accounts());
        let ann_made = accounts.create(&ann(&[Login::Name("ann")])).await.unwrap();
        let bob_made = accounts.create(&ann(&[Login::Name("bob")])).await.unwrap();
        let anns = channel(&kit, ann_made.user_id, "ann", "Ann").await;
        let bobs = channel(&kit, bob_made.user_id, "bob", "Bob").await;
        let channels = store.channels();
        channels.follow(ann_made.user_id, &bobs).await.unwrap();
        channels.follow(bob_made.user_id, &anns).await.unwrap();
        channels
            .set_member(&bobs, ann_made.user_id, MemberRole::Editor)
            .await
            .unwrap();
        let owner = ann_made.user_id.to_string();
        let ban = NewBan {
            channel: None,
            kind: SubjectKind::Account,
            subject: &owner,
            stops: "both",
            reason: "",
            by_user: "",
            expires_ms: 0,
        };
        let ban = store.bans().create(&ban).await.unwrap();
        store
            .bans()
            .appeal(ann_made.user_id, &ban, "No")
            .await
            .unwrap();
        let (id, fact) = began(store, "a", "1");
        let Fact::Began(mut broadcast, event) = fact else {
            panic!("{fact:?}")
        };
        broadcast.user_id.clone_from(&owner);
        store
            .events()
            .record(&[Fact::Began(broadcast, event)])
            .await
            .unwrap();

        store.remove_owned(ann_made.user_id).await.unwrap();
        accounts.remove(ann_made.user_id).await.unwrap();
        assert!(channels.by_name("ann").await.is_err());
        assert_eq!(channels.by_name("bob").await.unwrap().followers, 0);
        assert_eq!(channels.members(&bobs).await.unwrap(), []);
        assert_eq!(
            channels.follows(bob_made.user_id, None, 9).await.unwrap(),
            []
        );
        assert!(store.bans().by_id(ban.id).await.is_err());
        let living = store.broadcasts().by_id(id).await.unwrap();
        assert_eq!((living.user_id.as_str(), living.address.as_str()), ("", ""));
        let filter = BroadcastFilter {
            user_id: Some(&owner),
            ..BroadcastFilter::default()
        };
        assert_eq!(store.broadcasts().list(filter, None, 9).await.unwrap(), []);
        let owned = store.owned_by(ann_made.user_id).await.unwrap();
        assert!(owned.iter().all(|rows| rows.rows.is_empty()), "{owned:?}");
    }
}
