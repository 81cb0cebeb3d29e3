//! Sessions, links, invites, API keys and second factors in rows.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use weir_store::accounts::{
    Account, Login, NewAccount, NewApiKey, NewInvite, NewSession, NewToken, Proof, Purpose,
    Renewal, Session, TokenKind,
};
use weir_store::{Store, StoreError};

use crate::accounts::ann;
use crate::common::{BEGIN_US, Kit, kits};

const NOW_MS: i64 = BEGIN_US / 1000;

async fn account(store: &Store, name: &str) -> Account {
    store
        .accounts()
        .create(&ann(&[Login::Name(name)]))
        .await
        .unwrap()
}

fn token(hash: &str, kind: TokenKind, expires_ms: i64) -> NewToken {
    NewToken {
        hash: hash.into(),
        kind,
        expires_ms,
    }
}

async fn signed_in(kit: &Kit, account: &Account, tokens: &[NewToken]) -> Session {
    let new = NewSession {
        user_id: account.user_id,
        kind: "token",
        agent: "a test",
        address: "192.0.2.1",
        expires_ms: NOW_MS + 1000,
        tokens,
        most: 2,
    };
    kit.store.accounts().open_session(&new).await.unwrap()
}

#[tokio::test]
async fn a_token_stands_for_its_session_until_either_is_over() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let ann = account(&kit.store, "ann").await;
        let tokens = [
            token("access", TokenKind::Access, NOW_MS + 10),
            token("cookie", TokenKind::Cookie, i64::MAX),
        ];
        let session = signed_in(&kit, &ann, &tokens).await;
        let signed = rows.by_token("access").await.unwrap().unwrap();
        assert_eq!(
            (signed.session, signed.account),
            (session.clone(), ann.clone())
        );
        assert_eq!(signed.kind, TokenKind::Access);
        assert!(rows.by_token("other").await.unwrap().is_none());
        kit.clock.advance_us(10_000);
        assert!(rows.by_token("access").await.unwrap().is_none());
        assert!(rows.by_token("cookie").await.unwrap().is_some());
        let used = Session {
            used_ms: NOW_MS + 10,
            address: "192.0.2.2".into(),
            expires_ms: NOW_MS + 2000,
            ..session
        };
        rows.touch_session(&used).await.unwrap();
        assert_eq!(rows.sessions(ann.user_id, 10).await.unwrap(), [used]);
        kit.clock.advance_us(1_990_000);
        assert!(rows.by_token("cookie").await.unwrap().is_none());
        assert_eq!(rows.sweep().await.unwrap(), 1);
        assert_eq!(rows.sweep().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn of_two_who_renew_with_one_token_one_gets_a_new_one() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let ann = account(&kit.store, "ann").await;
        let tokens = [
            token("access", TokenKind::Access, NOW_MS + 500),
            token("refresh", TokenKind::Refresh, NOW_MS + 1000),
        ];
        let session = signed_in(&kit, &ann, &tokens).await;
        let (one, other) = (
            [token("access 1", TokenKind::Access, NOW_MS + 600)],
            [token("access 2", TokenKind::Access, NOW_MS + 600)],
        );
        let renewal = |tokens| Renewal {
            user_id: ann.user_id,
            session_id: session.id,
            shown: "refresh",
            kind: TokenKind::Refresh,
            expires_ms: NOW_MS + 2000,
            known_until_ms: NOW_MS + 2000,
            tokens,
        };
        let (first, second) = (renewal(&one), renewal(&other));
        let (a, b) = tokio::join!(rows.renew_session(&first), rows.renew_session(&second));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!(a != b, "{a} {b}");
        let (won, lost) = if a {
            ("access 1", "access 2")
        } else {
            ("access 2", "access 1")
        };
        assert!(rows.by_token(won).await.unwrap().is_some());
        assert!(rows.by_token(lost).await.unwrap().is_none());
        assert!(rows.by_token("access").await.unwrap().is_none());
        let spent = rows.by_token("refresh").await.unwrap().unwrap();
        assert_eq!((spent.kind, spent.made_ms), (TokenKind::Spent, NOW_MS));
    }
}

#[tokio::test]
async fn sessions_end_one_by_one_all_but_one_and_when_there_are_too_many() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let (ann, bob) = (
            account(&kit.store, "ann").await,
            account(&kit.store, "bob").await,
        );
        let of_bob = signed_in(&kit, &bob, &[token("bob", TokenKind::Cookie, i64::MAX)]).await;
        let mut sessions = Vec::new();
        for name in ["a", "b", "c"] {
            kit.clock.advance_us(1000);
            sessions.push(signed_in(&kit, &ann, &[token(name, TokenKind::Cookie, i64::MAX)]).await);
        }
        let good = async || {
            let mut good = String::new();
            for name in ["a", "b", "c", "bob"] {
                if rows.by_token(name).await.unwrap().is_some() {
                    good += name;
                }
            }
            good
        };
        // Two at most: the oldest went when the third came.
        assert_eq!(good().await, "bcbob");
        let foreign = rows.end_session(ann.user_id, of_bob.id).await;
        assert!(
            matches!(foreign, Err(StoreError::Missing("session"))),
            "{foreign:?}"
        );
        rows.end_sessions(ann.user_id, Some(sessions[1].id))
            .await
            .unwrap();
        assert_eq!(good().await, "bbob");
        rows.end_session(ann.user_id, sessions[1].id).await.unwrap();
        assert_eq!(good().await, "bob");
    }
}

#[tokio::test]
async fn a_link_proves_one_thing_once_and_the_next_of_its_kind_takes_its_place() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let ann = account(&kit.store, "ann").await;
        let proof = Proof {
            user_id: ann.user_id,
            email: "ann@example.net".into(),
            expires_ms: NOW_MS + 10,
        };
        for hash in ["one", "two"] {
            rows.put_proof(hash, Purpose::Reset, &proof).await.unwrap();
        }
        assert_eq!(rows.take_proof("one", Purpose::Reset).await.unwrap(), None);
        assert_eq!(rows.take_proof("two", Purpose::Email).await.unwrap(), None);
        let taken = rows.take_proof("two", Purpose::Reset).await.unwrap();
        assert_eq!(taken.as_ref(), Some(&proof));
        assert_eq!(rows.take_proof("two", Purpose::Reset).await.unwrap(), None);
        rows.put_proof("late", Purpose::Link, &proof).await.unwrap();
        kit.clock.advance_us(10_000);
        assert_eq!(rows.take_proof("late", Purpose::Link).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_invite_gives_its_role_to_as_many_as_it_says() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let new = NewInvite {
            code_hash: "code",
            role: "moderator",
            uses: 1,
            made_by: None,
            expires_ms: NOW_MS + 10,
        };
        let made = rows.make_invite(&new).await.unwrap();
        assert_eq!(
            rows.invites(None, 10).await.unwrap(),
            std::slice::from_ref(&made)
        );
        let come = async |name: &str| {
            let logins = [Login::Name(name)];
            let new = NewAccount {
                invite: Some("code"),
                ..ann(&logins)
            };
            rows.create(&new).await
        };
        account(&kit.store, "ann").await;
        // A name that is taken uses nothing up.
        assert!(matches!(come("ann").await, Err(StoreError::Taken(_))));
        assert_eq!(come("bob").await.unwrap().role, "moderator");
        assert!(matches!(
            come("eve").await,
            Err(StoreError::Missing("invite"))
        ));
        assert_eq!(rows.invites(None, 10).await.unwrap(), []);
        rows.revoke_invite(made.id).await.unwrap();
        assert!(rows.revoke_invite(made.id).await.is_err());
    }
}

#[tokio::test]
async fn an_api_key_is_its_owners_until_it_is_taken_back() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let (ann, bob) = (
            account(&kit.store, "ann").await,
            account(&kit.store, "bob").await,
        );
        let new = |key_hash, expires_ms| NewApiKey {
            user_id: ann.user_id,
            key_hash,
            label: "a bot",
            scopes: "chat.join",
            expires_ms,
            most: 2,
        };
        let kept = rows.make_api_key(&new("kept", 0)).await.unwrap();
        rows.make_api_key(&new("short", NOW_MS + 10)).await.unwrap();
        let third = rows.make_api_key(&new("third", 0)).await;
        assert!(matches!(third, Err(StoreError::Bound(_))), "{third:?}");
        let holder = rows.by_api_key("short").await.unwrap().unwrap();
        assert_eq!(holder.account, ann);
        kit.clock.advance_us(10_000);
        assert!(rows.by_api_key("short").await.unwrap().is_none());
        rows.touch_api_key(ann.user_id, kept.id, "192.0.2.1")
            .await
            .unwrap();
        let held = rows.by_api_key("kept").await.unwrap().unwrap().key;
        assert_eq!(
            (held.used_ms, held.used_address.as_str()),
            (NOW_MS + 10, "192.0.2.1")
        );
        assert!(rows.revoke_api_key(bob.user_id, kept.id).await.is_err());
        rows.revoke_api_key(ann.user_id, kept.id).await.unwrap();
        assert!(rows.by_api_key("kept").await.unwrap().is_none());
        assert_eq!(rows.api_keys(ann.user_id, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_code_of_a_second_factor_is_taken_once() {
    for kit in kits().await {
        let rows = kit.store.accounts();
        let ann = account(&kit.store, "ann").await;
        let codes = ["spare".to_owned()];
        let with = rows.set_totp(&ann, b"sealed", &codes).await.unwrap();
        assert_eq!(with.totp_secret, b"sealed");
        let late = rows.set_totp(&ann, b"other", &[]).await;
        assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
        let mut taken = Vec::new();
        for step in [7, 7, 6, 8] {
            taken.push(rows.take_totp_step(ann.user_id, step).await.unwrap());
        }
        assert_eq!(taken, [true, false, false, true]);
        for want in [true, false] {
            assert_eq!(
                rows.take_recovery_code(ann.user_id, "spare").await.unwrap(),
                want
            );
        }
        let without = rows.set_totp(&with, &[], &[]).await.unwrap();
        assert!(without.totp_secret.is_empty());
    }
}
