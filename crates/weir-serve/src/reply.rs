//! Answers in the forms HTTP wants them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use weir_base::{Code, Refusal};

/// The body of every answer.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What a refusal's page may load: nothing but the style it brings.
pub const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'";

/// A body of bytes at hand.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A refusal as JSON with its status; `target`, the path and query asked for, is appended to the place
/// where the client shall go instead.
pub fn refusal(refusal: &Refusal, target: &str) -> Response<Body> {
    let mut response = Response::new(full(refusal_json(refusal)));
    *response.status_mut() = status(refusal.code);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for_any_site(headers);
    if let Some(place) = moved_to(refusal, target)
        && let Ok(place) = HeaderValue::from_str(&place)
    {
        headers.insert(header::LOCATION, place);
    }
    // 425: what is asked for will be there in a moment.
    if matches!(refusal.code.entry().http, 425 | 503) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// What scripts of other sites may read beside what they always may.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Age, Content-Range, Date, ETag, Location, Retry-After");

/// Lets pages of any site read the answer, and of its head what a player can use.
pub fn for_any_site(headers: &mut HeaderMap) {
    let anybody = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// Where a client that asked for `target` is sent, if it is sent somewhere that HTTP can lead to.
pub fn moved_to(refusal: &Refusal, target: &str) -> Option<String> {
    let place = refusal.location.as_deref()?;
    let is_moved = refusal.code == Code::Moved;
    is_moved.then(|| format!("{}{target}", place.trim_end_matches('/')))
}

/// The HTTP status of a code.
pub fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.entry().http).unwrap_or(StatusCode::BAD_REQUEST)
}

/// The JSON form of a refusal.
pub fn refusal_json(refusal: &Refusal) -> Vec<u8> {
    serde_json::to_vec(refusal).unwrap_or_default()
}
