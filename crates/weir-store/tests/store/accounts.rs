//! Accounts in rows.

use weir_store::StoreError;
use weir_store::accounts::{Account, Login, NewAccount};

use crate::common::{BEGIN_US, kits};

/// Somebody with these logins; the first of them is the name.
pub(crate) fn ann<'a>(logins: &'a [Login<'a>]) -> NewAccount<'a> {
    let (Login::Name(skeleton) | Login::Email(skeleton)) = logins[0];
    NewAccount {
        name: "Ann",
        skeleton,
        email: "Ann@example.net",
        logins,
        password_hash: "$argon2id$…",
        role: "viewer",
        ..NewAccount::default()
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
        // PostgreSQL has no text with a NUL, and says so in its own way.
        let other = accounts.by_login("ann\0").await;
        assert!(matches!(other, Err(StoreError::Missing(_))), "{other:?}");
    }
}

#[tokio::test]
async fn of_two_who_want_a_name_at_once_one_gets_it_and_nothing_of_the_other_stays() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let firsts = [Login::Email("a@example.net"), Login::Name("ann")];
        let seconds = [Login::Email("b@example.net"), Login::Name("ann")];
        // Their skeletons differ: it is the login that is wanted by both.
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
        let with_role = |role: &str| Account {
            role: role.into(),
            ..made.clone()
        };
        let changed = accounts.save(&with_role("moderator")).await.unwrap();
        assert_eq!((changed.role.as_str(), changed.version), ("moderator", 2));
        assert_eq!(changed.changed_ms, made.changed_ms + 1);
        let late = accounts.save(&with_role("admin")).await;
        assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
        assert_eq!(accounts.by_id(made.user_id).await.unwrap(), changed);
        let first = accounts.first_with_role("moderator").await.unwrap();
        assert_eq!(first, changed);
        assert!(accounts.first_with_role("admin").await.is_err());
    }
}

#[tokio::test]
async fn a_name_that_looks_like_one_that_was_is_not_given_even_when_its_account_is_gone() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let made = accounts.create(&ann(&[Login::Name("ann")])).await.unwrap();
        accounts.remove(made.user_id).await.unwrap();
        for gone in [
            accounts.remove(made.user_id).await.err(),
            accounts.by_login("ann").await.err(),
        ] {
            assert!(
                matches!(gone, Some(StoreError::Missing("account"))),
                "{gone:?}"
            );
        }
        let logins = [Login::Name("ann2")];
        let alike = NewAccount {
            skeleton: "ann",
            ..ann(&logins)
        };
        let refused = accounts.create(&alike).await;
        assert!(
            matches!(refused, Err(StoreError::Taken("the name"))),
            "{refused:?}"
        );
        // Nothing of it stayed: the login is free.
        accounts.create(&ann(&logins)).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_takes_the_place_of_the_one_before_unless_it_is_somebody_elses() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let logins = [Login::Name("ann"), Login::Email("ann@example.net")];
        let ann_made = accounts.create(&ann(&logins)).await.unwrap();
        let logins = [Login::Name("bob"), Login::Email("bob@example.net")];
        accounts.create(&ann(&logins)).await.unwrap();
        let taken = accounts
            .set_email(ann_made.user_id, "Bob@example.net", "bob@example.net")
            .await;
        assert!(
            matches!(taken, Err(StoreError::Taken("the address"))),
            "{taken:?}"
        );
        assert_eq!(
            accounts.by_login("ann@example.net").await.unwrap(),
            ann_made
        );
        let changed = accounts
            .set_email(ann_made.user_id, "Anna@example.net", "anna@example.net")
            .await
            .unwrap();
        assert_eq!(changed.email, "Anna@example.net");
        assert_eq!(changed.email_verified_ms, BEGIN_US / 1000);
        assert_eq!(
            accounts.by_login("anna@example.net").await.unwrap(),
            changed
        );
        assert!(accounts.by_login("ann@example.net").await.is_err());
    }
}

#[tokio::test]
async fn accounts_are_found_by_how_their_names_and_addresses_begin() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        for name in ["anna", "anne", "bob", "安娜"] {
            accounts.create(&ann(&[Login::Name(name)])).await.unwrap();
        }
        let both = [Login::Name("eve"), Login::Email("eve@example.net")];
        accounts.create(&ann(&both)).await.unwrap();
        let found = async |start: &str, after: &str| {
            let found = accounts.search(start, after, 10).await.unwrap();
            found
                .into_iter()
                .map(|(login, _)| login)
                .collect::<Vec<_>>()
        };
        assert_eq!(found("ann", "").await, ["anna", "anne"]);
        assert_eq!(found("ann", "anna").await, ["anne"]);
        assert_eq!(found("安", "").await, ["安娜"]);
        // Found by both, and there once; by its address alone where its name does not begin so.
        assert_eq!(found("ev", "").await, ["eve"]);
        assert_eq!(found("eve@", "").await, ["eve@example.net"]);
        assert_eq!(found("%", "").await, Vec::<String>::new());
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
