//! The pages, embedded in the binary. Without a front-end build there is a stub that says how to get
//! one, so that `cargo build` needs no Node.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use parking_lot::Mutex;
use rust_embed::RustEmbed;
use weir_base::http_field::accepts_coding;
use weir_base::{Code, Refusal, Tongue, prefer, refusal_page};

use crate::refused::Refused;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Assets;

/// Pages may load their own scripts and talk to streams anywhere, and nothing else.
const POLICY: &str = "default-src 'self'; media-src 'self' blob: *; worker-src 'self' blob:; connect-src *; \
                      img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; base-uri 'self'; frame-ancestors ";
/// The embedded player is there to be framed; on other pages a frame could steal clicks.
const FRAMED_PAGE: &str = "embed";
/// First path levels that are pages; everything else without a file is a mistake.
const PAGES: &[&str] = &["", "watch", "embed", "studio", "cluster"];
const STUB: &str = "<!doctype html><meta charset=utf-8><title>weir</title><h1>weir runs</h1>\
                    <p>This binary was built without its pages. Build them with <code>make web</code> and build again.</p>\
                    <p>Streams play all the same: <code>/{app}/{stream}.flv</code>, <code>.m3u8</code>, <code>.ts</code>.</p>";

/// Any path that is neither media nor API.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Refused::from(Code::NotFound).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Assets::get(path) {
        let response = answer(path, file.data.into_owned().into(), &headers);
        return frameable(response, false);
    }
    let first = path.split('/').next().unwrap_or_default();
    if !PAGES.contains(&first) {
        return unknown(uri.path(), &headers);
    }
    let response = match Assets::get("index.html") {
        Some(file) => answer("index.html", file.data.into_owned().into(), &headers),
        None => answer("index.html", Bytes::from_static(STUB.as_bytes()), &headers),
    };
    frameable(response, first == FRAMED_PAGE)
}

/// Nothing lives here: said to a person by a page in a language of theirs, to everybody else in JSON.
fn unknown(path: &str, asked: &HeaderMap) -> Response {
    let list = |name| prefer::joined(asked.get_all(name).iter().map(HeaderValue::as_bytes));
    let varies = HeaderValue::from_static("Accept, Accept-Language");
    let mut response = if prefer::wants_page(&list(header::ACCEPT)) {
        let tongue = Tongue::of(&list(header::ACCEPT_LANGUAGE));
        let page = refusal_page(Code::NotFound, path, tongue);
        let mut response = answer("unknown.html", page.into(), &HeaderMap::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        let headers = response.headers_mut();
        let never = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, never);
        let language = HeaderValue::from_static(tongue.tag());
        headers.insert(header::CONTENT_LANGUAGE, language);
        frameable(response, false)
    } else {
        let refusal = Refusal::new(Code::NotFound, format!("nothing lives at {path}"));
        Refused(refusal).into_response()
    };
    response.headers_mut().insert(header::VARY, varies);
    response
}

/// Says who may show a page in a frame.
fn frameable(mut response: Response, anywhere: bool) -> Response {
    let ancestors = if anywhere { "*" } else { "'self'" };
    if let Ok(policy) = HeaderValue::from_str(&format!("{POLICY}{ancestors}")) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn answer(path: &str, bytes: Bytes, asked: &HeaderMap) -> Response {
    let kind = content_type(path);
    let compresses = kind.starts_with("text/") || kind.contains("json") || kind.contains("svg");
    let accepts = asked.get_all(header::ACCEPT_ENCODING).iter();
    let accepts = accepts.filter_map(|value| value.to_str().ok());
    let gzip = compresses && accepts_coding(accepts, "gzip");
    let body = if gzip {
        compressed(path, &bytes)
    } else {
        bytes
    };
    let mut response = (StatusCode::OK, Body::from(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    // File names under assets/ carry a hash of their content.
    let caching = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if compresses {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

/// Compresses each embedded file once. In a debug build files may change, so it is done each time.
fn compressed(path: &str, bytes: &Bytes) -> Bytes {
    static DONE: OnceLock<Mutex<HashMap<String, Bytes>>> = OnceLock::new();
    let done = DONE.get_or_init(Mutex::default);
    if !cfg!(debug_assertions)
        && let Some(bytes) = done.lock().get(path)
    {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed: Bytes = encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
        .into();
    done.lock().insert(path.to_owned(), packed.clone());
    packed
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
