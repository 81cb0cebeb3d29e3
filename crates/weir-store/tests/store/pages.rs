//! Pages of the site's own: made, changed, taken away, and told to whoever keeps a copy.
use weir_store::StoreError;
use weir_store::changes::{Changed, Whole};
use weir_store::pages::PageText;

use crate::common::kits;

fn text(title: &str, publish_ms: i64) -> PageText {
    PageText {
        title: title.into(),
        publish_ms,
        ..PageText::default()
    }
}

#[tokio::test]
async fn a_page_is_changed_by_one_at_a_time_and_keeps_what_it_was() {
    for kit in kits().await {
        let pages = kit.store.pages();
        let begin = kit.store.content_changes().position().await.unwrap();
        let place = ("notice", "new");
        let made = pages.create(place, &text("One", 0), "ann").await.unwrap();
        let taken = pages.create(place, &text("Two", 0), "ann").await;
        assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
        let other = pages
            .create(("help", "new"), &text("Help", 5), "")
            .await
            .unwrap();

        let changed = pages.edit(&made, &text("Three", 7), "bob").await.unwrap();
        assert_eq!((changed.version, changed.text.publish_ms), (2, 7));
        let late = pages.edit(&made, &text("Four", 0), "eve").await;
        assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
        assert_eq!(pages.by_id(made.id).await.unwrap(), changed);
        assert_eq!(
            pages.list("", None, 9).await.unwrap(),
            [other.clone(), changed.clone()]
        );
        assert_eq!(
            pages.list("notice", Some(other.id), 9).await.unwrap(),
            std::slice::from_ref(&changed)
        );

        let versions = pages.versions(made.id, None, 9).await.unwrap();
        let told: Vec<_> = versions
            .iter()
            .map(|v| (v.title.as_str(), v.by_user.as_str()))
            .collect();
        assert_eq!(told, [("Three", "bob"), ("One", "ann")]);
        assert_eq!(pages.versions(made.id, Some(2), 9).await.unwrap().len(), 1);

        let (mut whole, changes) = (Whole::default(), kit.store.content_changes());
        let all = changes.next(&mut whole, 9).await.unwrap();
        let boxed = |page: &weir_store::pages::SitePage| Changed::Page(Box::new(page.clone()));
        assert_eq!(all, [boxed(&changed), boxed(&other)]);
        pages.remove(made.id).await.unwrap();
        assert!(matches!(
            pages.remove(made.id).await,
            Err(StoreError::Missing(_))
        ));
        assert!(pages.versions(made.id, None, 9).await.unwrap().is_empty());
        let since = changes.since(&begin, 9).await.unwrap();
        assert_eq!(since.changes, [boxed(&other), Changed::PageGone(made.id)]);
    }
}
