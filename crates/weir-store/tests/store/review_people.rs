//! Test pictures among what people look at, and people who look at some apps alone.

use weir_store::review::{Claiming, GoldPicture, ItemFilter};

use crate::common::kits;
use crate::review::{claiming, deciding, took};

#[tokio::test]
async fn a_test_picture_and_a_reviewer_of_some_apps_are_the_same_in_both_engines() {
    for kit in kits().await {
        let review = kit.store.review();
        let (item, _) = took(&kit, "live/a", 0).await;
        let gold = GoldPicture {
            id: "g1".to_owned(),
            object: "g/g1.jpg".to_owned(),
            sha256: String::new(),
            bytes: 4,
            width: 640,
            height: 360,
            verdict: "bad".to_owned(),
            label: "a test".to_owned(),
            added_ms: kit.store.now_ms(),
        };
        review.add_gold(&gold, "").await.unwrap();
        assert_eq!(review.golds("", 9).await.unwrap(), [gold]);
        let (mine, none) = (["live".to_owned()], ["school".to_owned()]);
        let of = |apps| Claiming {
            apps: Some(apps),
            ..claiming("one", "one", 9)
        };
        assert!(review.claim(&of(&none)).await.unwrap().is_empty());
        let got = review.claim(&of(&mine)).await.unwrap();
        assert_eq!(got.len(), 1);
        let asked = of(&mine);
        let test = review.show_gold(&asked, &got, 7).await.unwrap().unwrap();
        assert_eq!(
            (test.kind.as_str(), test.stream.as_str()),
            ("gold", "live/a")
        );
        assert_eq!(review.pictures(&test.id).await.unwrap().len(), 1);
        assert_eq!(review.numbers(None).await.unwrap().waiting, 1);
        assert_eq!(review.numbers(Some(&none)).await.unwrap().waiting, 0);
        let by = deciding("one", "one", "ok");
        review.decide(&test.id, &by).await.unwrap().unwrap();
        review.compared(&test.id, false).await.unwrap();
        let scores = review.gold_scores(0).await.unwrap();
        assert_eq!(
            (scores[0].shown, scores[0].missed, scores[0].wronged),
            (1, 1, 0)
        );
        let listed = review.list(ItemFilter::default(), None, 9).await.unwrap();
        assert_eq!(listed.len(), 1);
        // Nobody has the stretch once it is given back, and the wall takes it by its stream.
        review.release("one", "one").await.unwrap();
        let two = claiming("two", "two", 1);
        let of_stream = review.claim_of(&two, "live/a").await.unwrap().unwrap();
        assert_eq!(of_stream.id, item);
        assert_eq!(
            review
                .claim_of(&claiming("one", "x", 1), "live/a")
                .await
                .unwrap(),
            None
        );

        let eve = kit.store.next_id().unwrap();
        review.let_look(eve, &mine, "").await.unwrap();
        review.let_look(eve, &none, "").await.unwrap();
        let people = review.people().await.unwrap();
        assert_eq!((people.len(), &people[0].apps[..]), (1, &none[..]));
        review.let_look_no_more(eve).await.unwrap();
        assert!(review.let_look_no_more(eve).await.is_err());
        assert_eq!(review.remove_gold("g1").await.unwrap().object, "g/g1.jpg");
    }
}
