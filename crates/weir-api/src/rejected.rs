//! Answers that the HTTP framework makes by itself (a query or path that cannot be read, a body over the
//! limit, a method that a path does not take) get a code, as all other refusals have one.

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use weir_base::{Code, Refusal};

/// Bytes of the framework's own words that are kept.
const MAX_WORDS_BYTES: usize = 1024;

/// Puts a client error without a code into the form of a refusal. Status and other headers stay.
pub(crate) async fn with_code(response: Response) -> Response {
    if !response.status().is_client_error() || is_ours(response.headers()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let code = code_of(head.status);
    let refusal = match words(body).await {
        Some(words) => Refusal::new(code, words),
        None => {
            let reason = head.status.canonical_reason().unwrap_or_default();
            Refusal::new(code, format!("{} {reason}", head.status.as_str()))
        }
    };
    let (json_head, body) = axum::Json(refusal).into_response().into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.extend(json_head.headers);
    let never = HeaderValue::from_static("no-store");
    head.headers.insert(header::CACHE_CONTROL, never);
    Response::from_parts(head, body)
}

/// The framework speaks plain text: what is JSON or a page was said by us, with its code.
fn is_ours(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"application/json") || kind.starts_with(b"text/html")
}

async fn words(body: Body) -> Option<String> {
    let bytes = to_bytes(body, MAX_WORDS_BYTES).await.ok()?;
    let words = String::from_utf8(bytes.to_vec()).ok()?;
    (!words.is_empty()).then_some(words)
}

const fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Code::FrameTooLarge,
        StatusCode::NOT_FOUND => Code::NotFound,
        _ => Code::ProtocolError,
    }
}
