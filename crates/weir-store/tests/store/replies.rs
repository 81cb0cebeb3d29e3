//! Answers that are kept: a key is claimed once, whoever asks, and free again when its time is over.

use weir_store::accounts::{Claim, ReplyKey};

use crate::common::kits;

fn key(user_id: &str, id: &str) -> ReplyKey {
    ReplyKey {
        user_id: user_id.to_owned(),
        id: id.to_owned(),
    }
}

#[tokio::test]
async fn a_key_is_claimed_once_until_it_is_given_back_or_too_old() {
    for kit in kits().await {
        let rows = kit.store.replies();
        let ann = key("ann", "k");
        let claim = async |digest: &str, now_ms: i64| {
            let times = (now_ms - 60, now_ms - 1000);
            rows.claim(&ann, digest, now_ms, times).await.unwrap()
        };
        assert_eq!(claim("a", 5000).await, Claim::First);
        assert_eq!(claim("a", 5010).await, Claim::Kept("a".into(), Vec::new()));
        assert_eq!(claim("b", 5061).await, Claim::First, "never answered");
        rows.keep(&ann, b"sealed".to_vec()).await.unwrap();
        let kept = Claim::Kept("b".into(), b"sealed".to_vec());
        assert_eq!(claim("a", 5900).await, kept);
        assert_eq!(claim("a", 6062).await, Claim::First, "too old");
        rows.give_back(&ann).await.unwrap();
        assert_eq!(claim("c", 6063).await, Claim::First);
        let bob = rows.claim(&key("bob", "k"), "d", 6063, (0, 0)).await;
        assert_eq!(bob.unwrap(), Claim::First, "another's key");
        rows.forget(6064).await.unwrap();
        assert_eq!(claim("e", 6064).await, Claim::First);
    }
}

#[tokio::test]
async fn the_newest_of_an_account_are_kept() {
    for kit in kits().await {
        let rows = kit.store.replies();
        for n in 0..510 {
            let claimed = rows
                .claim(&key("ann", &format!("k{n}")), "a", n, (0, 0))
                .await;
            assert_eq!(claimed.unwrap(), Claim::First, "{n}");
        }
        let again = async |n: i64| {
            rows.claim(&key("ann", &format!("k{n}")), "a", 600, (0, 0))
                .await
                .unwrap()
        };
        assert_eq!(again(509).await, Claim::Kept("a".into(), Vec::new()));
        assert_eq!(again(0).await, Claim::First, "forgotten");
    }
}
