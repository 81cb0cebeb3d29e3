//! Pages of other sites that the operator lets use the API (`http.cors_origins`). They send tokens: the site's
//! cookie is never sent for them.

use axum::extract::{Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use weir_base::http_field::granted_fields;

use crate::any_site::PREFLIGHT_S;
use crate::state::State;

/// What is granted to a browser that says what it wants to do.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// What may be sent where a browser does not say what it wants to.
const HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key";
/// What scripts may read beside what they always may.
const EXPOSED: &str = "Date, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, \
                       Retry-After, WWW-Authenticate";
/// Every site.
const ANY: &str = "*";

/// Answers a browser that asks first, and lets pages of the listed sites read answers.
pub(crate) async fn listed(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let granted = origin.filter(|origin| is_listed(&state.cors_origins, origin));
    let Some(origin) = granted else {
        return next.run(request).await;
    };
    let is_question = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_question {
        preflight(request.headers())
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let exposed = HeaderValue::from_static(EXPOSED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    response
}

fn is_listed(origins: &[String], origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let mut listed = origins.iter().map(|listed| listed.trim_end_matches('/'));
    listed.any(|listed| listed == ANY || listed.eq_ignore_ascii_case(origin))
}

fn preflight(asked: &HeaderMap) -> Response {
    let names = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let names = granted_fields(names.iter().filter_map(|value| value.to_str().ok()));
    let names = names.and_then(|names| HeaderValue::from_str(&names).ok());
    let fixed = HeaderValue::from_static;
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS)),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            names.unwrap_or(fixed(HEADERS)),
        ),
        (header::ACCESS_CONTROL_MAX_AGE, fixed(PREFLIGHT_S)),
        (header::VARY, fixed("Access-Control-Request-Headers")),
    ];
    (StatusCode::NO_CONTENT, fields).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_origins_are_listed() {
        let origins = ["https://app.example/".to_owned()];
        let listed = |origin: &'static str| is_listed(&origins, &HeaderValue::from_static(origin));
        assert!(listed("https://app.example"));
        assert!(!listed("http://app.example"));
        assert!(!listed("https://app.example.evil"));
        assert!(!listed("null"));
        assert!(is_listed(
            &["*".into()],
            &HeaderValue::from_static("http://x")
        ));
        assert!(!is_listed(&[], &HeaderValue::from_static("http://x")));
    }
}
