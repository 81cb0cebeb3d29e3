//! `Idempotency-Key`: a POST that is sent again because its answer was lost is done once, and answered again
//! (draft-ietf-httpapi-idempotency-key-header).

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha2::{Digest as _, Sha256};
use weir_base::{Code, ids};
use weir_store::accounts::ReplyKey;

use crate::caller::Caller;
use crate::refused::Refused;
use crate::replies::{Begun, MAX_REPLY_BYTES, Reply};
use crate::state::State;

/// The request's field.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The answer's field: it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key: a UUID has 36.
const MAX_KEY_BYTES: usize = 128;
/// Bytes of a request with a key.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Answers a request of somebody who is known; where it is a POST with a key, once.
pub(crate) async fn once(state: State, caller: Caller, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(&KEY) {
        return next.run(request).await;
    }
    match answer_once(&state, &caller, request, next).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn answer_once(
    state: &State,
    caller: &Caller,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let key = key(&head.headers)?;
    let user_id = caller.account.map_or_else(String::new, |id| id.to_string());
    let whose = match user_id.as_str() {
        "" => caller.name.as_str(),
        id => id,
    };
    let id = format!("{whose}\n{}\n{key}", head.uri.path());
    let id = ids::hex(&Sha256::digest(id));
    let key = ReplyKey { user_id, id };
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        let words = format!("at most {MAX_BODY_BYTES} bytes are taken with an Idempotency-Key");
        Refused::new(Code::TooLarge, words)
    })?;
    let digest = Sha256::digest(&body).into();
    let now_ms = state.hub.clock().wall_ms();
    match state.replies().begin(key.clone(), digest, now_ms).await? {
        Begun::First => {}
        Begun::Running => {
            let words = "the same request is being answered";
            return Err(Refused::new(Code::Conflict, words).retry_after_ms(1000));
        }
        Begun::Another => {
            let words = "this key was sent with another body";
            return Err(Refused::field(Code::Unprocessable, KEY.as_str(), words));
        }
        Begun::Answered(reply) => return Ok(reply.again()),
    }
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    let (reply, response) = kept(response).await;
    state.replies().finish(key, reply).await;
    Ok(response)
}

impl Reply {
    fn again(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        let replayed = HeaderValue::from_static("true");
        response.headers_mut().insert(REPLAYED, replayed);
        response
    }
}

/// What is kept of an answer, and the answer. A failure of ours is not kept: the next try may succeed.
async fn kept(response: Response) -> (Option<Reply>, Response) {
    if response.status().is_server_error() {
        return (None, response);
    }
    let (head, body) = response.into_parts();
    // What we answer is made, not streamed: it is here already.
    let Ok(body) = to_bytes(body, MAX_REPLY_BYTES).await else {
        let words = "the answer is larger than is kept for an Idempotency-Key";
        return (None, Refused::new(Code::Unavailable, words).into_response());
    };
    let reply = Reply {
        status: head.status,
        headers: head.headers.clone(),
        body: body.clone(),
    };
    (Some(reply), Response::from_parts(head, Body::from(body)))
}

/// The key: a string in quotes, or bare as most clients send it.
fn key(headers: &HeaderMap) -> Result<String, Refused> {
    let value = headers.get(&KEY).and_then(|value| value.to_str().ok());
    let value = value.unwrap_or_default().trim();
    let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let key = quoted.unwrap_or(value);
    let is_key = key
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if key.is_empty() || key.len() > MAX_KEY_BYTES || !is_key {
        let words =
            format!("a key has from 1 to {MAX_KEY_BYTES} visible characters, such as a UUID");
        return Err(Refused::field(Code::BadRequest, KEY.as_str(), words));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word_with_or_without_quotes() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(KEY, value.parse().unwrap());
            key(&headers).ok()
        };
        assert_eq!(read("\"8e03978e\"").as_deref(), Some("8e03978e"));
        assert_eq!(read("8e03978e").as_deref(), Some("8e03978e"));
        for bad in ["", "\"\"", "a b", "\"", &"x".repeat(129)] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
