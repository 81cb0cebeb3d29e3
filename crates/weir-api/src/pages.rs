//! The pages. Without a front-end build there is a stub that says how to get one, so that `cargo build`
//! needs no Node.

use axum::extract::{Request, State as Extract};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use weir_base::{Code, Tongue, prefer, refusal_page};

use crate::embedded::{Caching, EmbeddedFile};
use crate::guard::is_elsewhere;
use crate::refused::Refused;
use crate::site_pages;
use crate::state::State;

/// Pages may load their own scripts and talk to streams anywhere, and nothing else; nothing inline.
const POLICY: &str = "default-src 'self'; media-src 'self' blob: *; worker-src 'self' blob:; connect-src *; \
                      img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; frame-ancestors ";
/// Pages without a player need nothing inline, and speak with this server alone.
const STRICT_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; form-action 'self'; \
                             base-uri 'self'; frame-ancestors ";
/// The one page of the console with a player, and with pictures that a script fetched.
const REVIEW_PAGE: &str = "console/review";
const REVIEW_POLICY: &str = "default-src 'self'; media-src 'self' blob: *; worker-src 'self' blob:; connect-src *; \
                             img-src 'self' data: blob:; object-src 'none'; form-action 'self'; base-uri 'self'; \
                             frame-ancestors ";
/// They.
const PLAIN_PAGES: &[&str] = &["docs", "account", "console"];
/// The embedded player is there to be framed; on other pages a frame could steal clicks.
const FRAMED_PAGE: &str = "embed";
/// First path levels that are pages; everything else without a file is a mistake.
const PAGES: &[&str] = &[
    "", "watch", "embed", "studio", "docs", "console", "account", "c",
];
/// Those that are for operators.
const OPERATORS_PAGES: &[&str] = &["cluster", "console"];
/// Where the nodes were shown before they were a part of the console.
const OLD_NODES_PAGE: &str = "cluster";
/// Where they are.
const NODES_PAGE: &str = "/console/nodes";
/// Below it programs ask, and are answered as programs whatever they accept.
const API: &str = "api";
const STUB: &str = "<!doctype html><meta charset=utf-8><title>weir</title><h1>weir runs</h1>\
                    <p>This binary was built without its pages. Build them with <code>make web</code> and build again.</p>\
                    <p>Streams play all the same: <code>/{app}/{stream}.flv</code>, <code>.m3u8</code>, <code>.ts</code>.</p>";

/// Any path that is neither media nor API.
pub(crate) async fn page(Extract(state): Extract<State>, request: Request) -> Response {
    let (method, headers) = (request.method(), request.headers());
    let whole_path = request.uri().path();
    let path = whole_path.trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if (method != Method::GET && method != Method::HEAD) || first == API {
        let words = format!("nothing lives at {whole_path}");
        return Refused::new(Code::NotFound, words).into_response();
    }
    if let Some(file) = EmbeddedFile::embedded(path) {
        return frameable(&state, file.answer(caching(path), headers), POLICY, false);
    }
    let from = request.extensions();
    if let Some(response) = site_pages::answer(&state, request.uri(), headers, from).await {
        return response;
    }
    let hidden = OPERATORS_PAGES.contains(&first) && is_elsewhere(&state, request.extensions());
    if first == OLD_NODES_PAGE && !hidden {
        return Redirect::permanent(NODES_PAGE).into_response();
    }
    if !PAGES.contains(&first) || hidden {
        return unknown(&state, whole_path, headers);
    }
    let file = EmbeddedFile::embedded("index.html");
    let file = file.unwrap_or_else(|| EmbeddedFile::made("index.html", STUB));
    let mut response = file.answer(Caching::Asked, headers);
    // It may be there for its owner alone, which a script finds out; for everybody else it is not.
    let is_known = state
        .site
        .as_ref()
        .is_some_and(|keeper| keeper.site().is_some());
    if is_known && response.status() == StatusCode::OK && site_pages::is_channel(whole_path) {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let policy = if path.starts_with(REVIEW_PAGE) {
        REVIEW_POLICY
    } else if PLAIN_PAGES.contains(&first) {
        STRICT_POLICY
    } else {
        POLICY
    };
    frameable(&state, response, policy, first == FRAMED_PAGE)
}

/// Nothing lives here: said to a person by a page in a language of theirs, to everybody else in JSON.
fn unknown(state: &State, path: &str, asked: &HeaderMap) -> Response {
    let list = |name| prefer::joined(asked.get_all(name).iter().map(HeaderValue::as_bytes));
    let varies = HeaderValue::from_static("Accept, Accept-Language");
    let mut response = if prefer::wants_page(&list(header::ACCEPT)) {
        let tongue = Tongue::of(&list(header::ACCEPT_LANGUAGE));
        let page = refusal_page(Code::NotFound, path, tongue);
        let policy = with_style_of(&page);
        let page = EmbeddedFile::made("unknown.html", page);
        let mut response = page.answer(Caching::Asked, &HeaderMap::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        let headers = response.headers_mut();
        let never = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, never);
        let language = HeaderValue::from_static(tongue.tag());
        headers.insert(header::CONTENT_LANGUAGE, language);
        frameable(state, response, &policy, false)
    } else {
        Refused::new(Code::NotFound, format!("nothing lives at {path}")).into_response()
    };
    response.headers_mut().insert(header::VARY, varies);
    response
}

/// The policy of a page that has a style of its own: that one is let be, by its hash (CSP 3, §8.3).
fn with_style_of(page: &str) -> String {
    let style = page.split_once("<style>").map(|(_, rest)| rest);
    let style = style.and_then(|rest| rest.split_once("</style>"));
    let digest = Sha256::digest(style.map_or("", |(style, _)| style));
    let hash = STANDARD.encode(digest);
    format!("style-src 'self' 'sha256-{hash}'; {POLICY}")
}

/// Says who may show a page in a frame, and whence its pictures come.
fn frameable(state: &State, mut response: Response, policy: &str, anywhere: bool) -> Response {
    let ancestors = if anywhere { "*" } else { "'self'" };
    let policy = with_pictures(
        &format!("{policy}{ancestors}"),
        state.addresses.pictures.as_deref(),
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The policy by which a page runs, with where pictures are: none, an origin, or `:` and a port of the same host.
pub(crate) fn with_pictures(policy: &str, pictures: Option<&str>) -> String {
    match pictures {
        None => policy.to_owned(),
        Some(place) => {
            let port = place.strip_prefix(':');
            let place = port.map_or_else(|| place.to_owned(), |port| format!("http://*:{port}"));
            policy.replace("img-src 'self'", &format!("img-src 'self' {place}"))
        }
    }
}

/// File names under assets/ carry a hash of their content.
fn caching(path: &str) -> Caching {
    if path.starts_with("assets/") {
        Caching::Forever
    } else {
        Caching::Asked
    }
}
