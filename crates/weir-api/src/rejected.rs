//! Answers that the HTTP framework makes by itself (a query or path that cannot be read, a body over the
//! limit, a method that a path does not take) get a code, as all other refusals have one.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use weir_base::Code;

use crate::refused::Refused;

/// Bytes of the framework's own words that are kept.
const MAX_WORDS_BYTES: usize = 1024;

/// No browser guesses what an answer is.
pub(crate) async fn never_guessed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// Puts a client error without a code into the form of a refusal. Status and other headers stay.
pub(crate) async fn with_code(response: Response) -> Response {
    if !response.status().is_client_error() || is_ours(response.headers()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let status = head.status;
    let words = words(body).await.unwrap_or_else(|| {
        let reason = status.canonical_reason().unwrap_or_default();
        format!("{} {reason}", status.as_str())
    });
    let refused = Refused::new(code_of(status), words);
    let (problem, body) = refused.into_response_as(status).into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.extend(problem.headers);
    Response::from_parts(head, body)
}

/// The framework speaks plain text: what is JSON or a page was said by us, with its code.
fn is_ours(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"application/") || kind.starts_with(b"text/html")
}

async fn words(body: Body) -> Option<String> {
    let bytes = to_bytes(body, MAX_WORDS_BYTES).await.ok()?;
    let words = String::from_utf8(bytes.to_vec()).ok()?;
    (!words.is_empty()).then_some(words)
}

const fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::WrongMediaType,
        StatusCode::UNPROCESSABLE_ENTITY => Code::Unprocessable,
        _ => Code::BadRequest,
    }
}
