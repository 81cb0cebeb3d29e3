//! Who accounts are elsewhere, in rows, on each engine.
use weir_store::StoreError;
use weir_store::accounts::{Login, NewAccount, NewIdentity};

use crate::accounts::ann;
use crate::common::{BEGIN_US, kits};

const ISSUER: &str = "https://id.example";

fn at_school(subject: &str) -> NewIdentity<'_> {
    NewIdentity {
        provider: "school",
        issuer: ISSUER,
        subject,
        label: "Ann",
    }
}

#[tokio::test]
async fn an_identity_is_one_accounts_and_the_last_way_in_stays() {
    for kit in kits().await {
        let accounts = kit.store.accounts();
        let by_school = NewAccount {
            password_hash: "",
            has_proved_email: true,
            identity: Some(at_school("1")),
            ..ann(&[Login::Name("ann")])
        };
        let made = accounts.create(&by_school).await.unwrap();
        assert_eq!(made.email_verified_ms, BEGIN_US / 1000);
        let found = accounts.identity_of(ISSUER, "1").await.unwrap();
        assert_eq!((found.user_id, found.used_ms), (made.user_id, 0));
        for other in [("https://id.example/", "1"), (ISSUER, "2")] {
            let missing = accounts.identity_of(other.0, other.1).await;
            assert!(matches!(missing, Err(StoreError::Missing("identity"))));
        }
        // Somebody else's, and nothing of the account that it was for stays.
        let again = NewAccount {
            identity: Some(at_school("1")),
            ..ann(&[Login::Name("bob")])
        };
        let taken = accounts.create(&again).await;
        assert!(
            matches!(taken, Err(StoreError::Taken("the identity"))),
            "{taken:?}"
        );
        assert!(accounts.by_login("bob").await.is_err());

        let only = accounts.unlink_identity(made.user_id, found.id).await;
        assert!(matches!(only, Err(StoreError::Bound(_))), "{only:?}");
        assert_eq!(accounts.identity_of(ISSUER, "1").await.unwrap(), found);
        let second = accounts
            .link_identity(made.user_id, &at_school("2"), 2)
            .await
            .unwrap();
        let third = accounts
            .link_identity(made.user_id, &at_school("3"), 2)
            .await;
        assert!(matches!(third, Err(StoreError::Bound(_))), "{third:?}");
        accounts.use_identity(&second).await.unwrap();
        let both = accounts.identities(made.user_id, 9).await.unwrap();
        assert_eq!(both.len(), 2);
        assert_eq!(both[1].used_ms, BEGIN_US / 1000);
        accounts
            .unlink_identity(made.user_id, found.id)
            .await
            .unwrap();
        assert!(accounts.identity_of(ISSUER, "1").await.is_err());
        accounts.remove(made.user_id).await.unwrap();
        assert!(accounts.identity_of(ISSUER, "2").await.is_err());
    }
}
