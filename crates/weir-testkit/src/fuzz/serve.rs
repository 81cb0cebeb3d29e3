//! The front doors: HTTP heads and paths, PROXY headers, signed URLs.

use std::net::SocketAddr;

use weir_base::sign::{Action, Signed, SigningKey, Subject};
use weir_serve::front::proxy;
use weir_serve::http::{head, route};
use weir_serve::request;

pub(super) fn http_head(data: &[u8]) {
    // A head only becomes complete once: every shorter beginning says "more".
    if let Some(head::First::Get(head)) = head::look(data) {
        let request = head.request(SocketAddr::from(([127, 0, 0, 1], 1)));
        let _ = (route::route(request.path()), request.web_socket());
        assert!(request.query.len() <= 64);
        assert!(!request.path().contains('?'), "{head:?}");
    }
    let text = String::from_utf8_lossy(data);
    let _ = (route::route(&text), request::query(Some(&text)));
}

pub(super) fn proxy_header(data: &[u8]) {
    if let Some((bytes, _)) = proxy::look(data) {
        assert!(bytes <= data.len(), "a header longer than what was read");
    }
}

pub(super) fn signed_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = request::query(Some(&text));
    let pairs = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let Some(signed) = Signed::from_query(pairs) else {
        return;
    };
    let keys = [SigningKey {
        id: "k1".into(),
        secret: "not to be guessed".into(),
    }];
    let subject = Subject {
        action: Action::Play,
        vhost: "",
        app: "live",
        stream: "s",
    };
    let verdict = signed.verify(&keys, subject, "10.0.0.1", 1_700_000_000);
    // The corpus holds no honest signature for another secret: getting in would be a break-in.
    assert!(verdict.is_err(), "let in by {text}");
}
