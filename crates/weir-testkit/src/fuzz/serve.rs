//! The front doors: HTTP heads and paths, PROXY headers, signed URLs.

use std::net::SocketAddr;

use http::Version;

use weir_base::sign::{Action, Signed, SigningKey, Subject};
use weir_base::{Code, Tongue, prefer, refusal_page};
use weir_serve::front::proxy;
use weir_serve::http::{head, route, rules};
use weir_serve::request;
use weir_serve::request::time_shift::{MAX_SPAN_US, TimeShift};

pub(super) fn http_head(data: &[u8]) {
    if let Some(head::First::Request(head)) = head::look(data) {
        assert!(head.bytes <= data.len(), "a head longer than what was read");
        let checked = rules::check(&head.method, &head.uri, head.version, &head.headers);
        let request = head.request(SocketAddr::from(([127, 0, 0, 1], 1)));
        let first_host = request.host.as_deref();
        assert!(checked.is_err() || first_host.is_some() || head.version == Version::HTTP_10);
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

pub(super) fn preferences(data: &[u8]) {
    let list = prefer::joined(data.split(|byte| *byte == b'\n'));
    let _ = prefer::wants_page(&list);
    // The page has as many elements whoever opened what.
    let elements = |page: String| page.matches('<').count();
    let tongue = Tongue::of(&list);
    let (page, plain) = (
        refusal_page(Code::NotFound, &list, tongue),
        refusal_page(Code::NotFound, "", tongue),
    );
    assert_eq!(elements(page), elements(plain), "markup from {list:?}");
}

pub(super) fn time_shift(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = request::query(Some(&text));
    let Ok(Some(shift)) = TimeShift::read(&query) else {
        return;
    };
    match shift {
        TimeShift::Sliding {
            behind_us,
            window_us,
        } => assert!(behind_us >= 0 && behind_us.max(window_us) <= MAX_SPAN_US),
        TimeShift::Range { from_us, to_us, .. } => {
            let span_us = to_us.map_or(1, |to_us| to_us - from_us);
            assert!((1..=MAX_SPAN_US).contains(&span_us));
        }
    }
    // Whoever's words it was said in, it is the same in ours.
    let again = TimeShift::read(&request::query(Some(&shift.query())));
    assert_eq!(again, Ok(Some(shift)), "{text}");
}
