//! Accounts in rows.

use weir_store::StoreError;
use weir_store::accounts::{Login, NewAccount};

use crate::common::{BEGIN_US, kits};

fn ann<'a>(logins: &'a [Login<'a>]) -> NewAccount<'a> {
    NewAccount {
        name: "Ann",
        email: "Ann@example.net",
        logins,
        password_hash: "$argon2id$…",
        role: "viewer",
    }
}

#[tokio::test]
async fn an_account_is_found_by_each_of_its_logins_and_by_nothing_else() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let logins = [Login::Name("ann"), Login::Email("ann@example.net")];
        let made = accounts.create(&ann(&logins)).await.unwrap();
        assert_eq!((made.name.as_str(), made.version), ("Ann", 1));
        assert_eq!(made.created_ms, BEGIN_US / 1000);
        for login in ["ann", "ann@example.net"] {
            assert_eq!(accounts.by_login(login).await.unwrap(), made);
        }
        let other = accounts.by_login("Ann' OR '1'='1").await;
        assert!(
            matches!(other, Err(StoreError::Missing("account"))),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn of_two_who_want_a_name_at_once_one_gets_it_and_nothing_of_the_other_stays() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let firsts = [Login::Email("a@example.net"), Login::Name("ann")];
        let seconds = [Login::Email("b@example.net"), Login::Name("ann")];
        let (ann_a, ann_b) = (ann(&firsts), ann(&seconds));
        let (a, b) = tokio::join!(accounts.create(&ann_a), accounts.create(&ann_b));
        let (won, lost) = match (a, b) {
            (Ok(_), Err(error)) => ("a@example.net", (error, "b@example.net")),
            (Err(error), Ok(_)) => ("b@example.net", (error, "a@example.net")),
            both => panic!("{both:?}"),
        };
        assert!(
            matches!(lost.0, StoreError::Taken("the name")),
            "{:?}",
            lost.0
        );
        assert!(accounts.by_login(won).await.is_ok());
        let rest = accounts.by_login(lost.1).await;
        assert!(
            matches!(rest, Err(StoreError::Missing("account"))),
            "{rest:?}"
        );
    }
}

#[tokio::test]
async fn who_changes_what_was_changed_meanwhile_is_told() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let made = accounts.create(&ann(&[Login::Name("ann")])).await.unwrap();
        kit.clock.advance_us(1000);
        let changed = accounts
            .set_role(made.user_id, made.version, "moderator")
            .await
            .unwrap();
        assert_eq!((changed.role.as_str(), changed.version), ("moderator", 2));
        let late = accounts.set_role(made.user_id, made.version, "admin").await;
        assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
        assert_eq!(accounts.by_id(made.user_id).await.unwrap(), changed);
    }
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let mut made = Vec::new();
        for name in ["c", "a", "b"] {
            made.push(accounts.create(&ann(&[Login::Name(name)])).await.unwrap());
        }
        let first = accounts.list(None, 2).await.unwrap();
        let rest = accounts
            .list(first.last().map(|account| account.user_id), 2)
            .await
            .unwrap();
        assert_eq!([first, rest].concat(), made);
    }
}
