//! The admin API's door: a bearer token, or the same word as a password.

use axum::extract::{Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use weir_base::sign::same_secret;
use weir_base::{Code, Refusal};
use weir_hub::Protocol;

use crate::refused::Refused;
use crate::state::State;

/// Lets a request through that carries the token.
pub(crate) async fn require_token(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    match presented(request.headers()) {
        Some(token) if same_secret(&token, &state.admin_token) => next.run(request).await,
        Some(_) => {
            let code = Code::AuthBadSignature;
            state.hub.counters().code(code, Protocol::Api);
            tracing::warn!(code = code.number(), "a wrong admin token was sent");
            Refused(Refusal::new(code, "the admin token is not right")).into_response()
        }
        None => {
            state.hub.counters().code(Code::AuthMissing, Protocol::Api);
            let missing = Refusal::new(
                Code::AuthMissing,
                "send the admin token: Authorization: Bearer …",
            );
            let mut response = Refused(missing).into_response();
            // A browser then asks for user and password; any user will do.
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"weir\""),
            );
            response
        }
    }
}

/// Whether a request carries the token.
pub(crate) fn is_admin(state: &State, headers: &HeaderMap) -> bool {
    presented(headers).is_some_and(|token| same_secret(&token, &state.admin_token))
}

fn presented(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        return pair
            .split_once(':')
            .map(|(_, password)| password.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented_in(value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        presented(&headers)
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_password() {
        assert_eq!(presented_in("Bearer secret").as_deref(), Some("secret"));
        assert_eq!(
            presented_in("Basic YWRtaW46c2VjcmV0").as_deref(),
            Some("secret")
        );
        assert_eq!(presented_in("Basic ???"), None);
        assert_eq!(presented_in("secret"), None);
    }
}
