//! The audit log in rows.

use weir_store::audit::{Act, AuditFilter};

use crate::common::kits;

#[tokio::test]
async fn an_act_is_found_by_who_did_it_and_by_what_it_was_done_to() {
    for kit in kits().await {
        let audit = kit.store.audit();
        let act = Act {
            actor: "ann",
            name: "Ann",
            action: "hook.create",
            object: "hook 1",
            before: "",
            after: r#"{"url":"https://example.net"}"#,
            address: "192.0.2.1",
        };
        let first = audit.write(&act).await.unwrap();
        let other = Act {
            actor: "bob",
            object: "hook 2",
            ..act
        };
        let second = audit.write(&other).await.unwrap();
        let list = |filter, before| async move {
            let rows = audit.list(filter, before, 10).await.unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        let all = AuditFilter::default();
        assert_eq!(list(all, None).await, [second, first]);
        assert_eq!(list(all, Some(second)).await, [first]);
        let of_ann = AuditFilter {
            actor: Some("ann"),
            ..all
        };
        assert_eq!(list(of_ann, None).await, [first]);
        let to_two = AuditFilter {
            object: Some("hook 2"),
            action: Some("hook.create"),
            ..all
        };
        assert_eq!(list(to_two, None).await, [second]);
    }
}
