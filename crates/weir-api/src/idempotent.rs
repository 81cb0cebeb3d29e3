//! `Idempotency-Key`: a POST that is sent again because its answer was lost is done once, and answered again
//! (draft-ietf-httpapi-idempotency-key-header).

mod stored;

use std::collections::{HashMap, VecDeque};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use weir_base::{Code, ids};
use weir_cluster::store::Waiting;
use weir_store::accounts::ReplyKey;

use crate::caller::Caller;
use crate::refused::Refused;
use crate::state::State;

pub(crate) use stored::StoredReplies;

/// The request's field.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The answer's field: it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key: a UUID has 36.
const MAX_KEY_BYTES: usize = 128;
/// Bytes of a request with a key.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Bytes of an answer that is kept; a larger one is not given again.
const MAX_REPLY_BYTES: usize = 64 * 1024;
/// Answers kept.
const REPLIES: usize = 10_000;
/// Bytes of all answers kept.
const REPLIES_BYTES: usize = 32 * 1024 * 1024;
/// Milliseconds an answer is kept: a day, as long as anybody tries again.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Milliseconds after which a request that was never answered may be made again.
const RUNNING_MS: i64 = 60_000;

/// Remembers answers.
pub(crate) trait Replies: Send + Sync {
    /// Claims a key for a request of this digest.
    ///
    /// # Errors
    /// Where what is kept cannot be asked.
    fn begin(
        &self,
        key: ReplyKey,
        digest: [u8; 32],
        now_ms: i64,
    ) -> Waiting<'_, Result<Begun, Refused>>;

    /// Keeps the answer; none gives the key back.
    fn finish(&self, key: ReplyKey, reply: Option<Reply>) -> Waiting<'_, ()>;
}

/// What a key stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Nothing yet: go on, and say how it ended.
    First,
    /// The same request is being answered.
    Running,
    /// It stands for another request.
    Another,
    /// This was the answer.
    Answered(Reply),
}

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// They, in this process's memory: on a node without a store.
#[derive(Debug, Default)]
pub(crate) struct MemoryReplies(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<String, Entry>,
    /// Oldest first, with when each was claimed.
    order: VecDeque<(String, i64)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    digest: [u8; 32],
    since_ms: i64,
    reply: Option<Reply>,
}

impl Replies for MemoryReplies {
    fn begin(
        &self,
        key: ReplyKey,
        digest: [u8; 32],
        now_ms: i64,
    ) -> Waiting<'_, Result<Begun, Refused>> {
        let begun = self.0.lock().begin(key.id, digest, now_ms);
        Box::pin(std::future::ready(Ok(begun)))
    }

    fn finish(&self, key: ReplyKey, reply: Option<Reply>) -> Waiting<'_, ()> {
        self.0.lock().finish(&key.id, reply);
        Box::pin(std::future::ready(()))
    }
}

impl Kept {
    fn begin(&mut self, key: String, digest: [u8; 32], now_ms: i64) -> Begun {
        self.forget_before(now_ms - KEPT_MS);
        if let Some(entry) = self.entries.get(&key) {
            let lost = entry.reply.is_none() && now_ms - entry.since_ms > RUNNING_MS;
            match &entry.reply {
                _ if entry.digest != digest && !lost => return Begun::Another,
                Some(reply) => return Begun::Answered(reply.clone()),
                None if !lost => return Begun::Running,
                None => self.remove(&key),
            }
        }
        while self.order.len() >= REPLIES {
            self.forget_oldest();
        }
        let entry = Entry {
            digest,
            since_ms: now_ms,
            reply: None,
        };
        self.order.push_back((key.clone(), now_ms));
        self.entries.insert(key, entry);
        Begun::First
    }

    fn finish(&mut self, key: &str, reply: Option<Reply>) {
        let Some(reply) = reply else {
            return self.remove(key);
        };
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        self.bytes += reply.body.len();
        entry.reply = Some(reply);
        while self.bytes > REPLIES_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, ms: i64) {
        while self.order.front().is_some_and(|(_, since)| *since < ms) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, since_ms)) = self.order.pop_front() {
            // A key that was given back may have been claimed anew.
            if self
                .entries
                .get(&key)
                .is_some_and(|entry| entry.since_ms == since_ms)
            {
                self.remove(&key);
            }
        }
    }

    fn remove(&mut self, key: &str) {
        let reply = self.entries.remove(key).and_then(|entry| entry.reply);
        self.bytes -= reply.map_or(0, |reply| reply.body.len());
    }
}

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

    fn reply(bytes: usize) -> Reply {
        Reply {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: vec![0; bytes].into(),
        }
    }

    #[test]
    fn a_key_stands_for_one_request_for_a_day() {
        let mut kept = Kept::default();
        let mut begin = |digest: u8, now_ms| kept.begin("k".into(), [digest; 32], now_ms);
        assert_eq!(begin(1, 0), Begun::First);
        assert_eq!(begin(1, 10), Begun::Running);
        assert_eq!(begin(2, 10), Begun::Another);
        kept.finish("k", Some(reply(3)));
        let mut begin = |digest: u8, now_ms| kept.begin("k".into(), [digest; 32], now_ms);
        assert_eq!(begin(1, 20), Begun::Answered(reply(3)));
        assert_eq!(begin(2, 20), Begun::Another);
        assert_eq!(begin(2, KEPT_MS + 1), Begun::First);
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn a_request_that_was_never_answered_may_be_made_again() {
        let mut kept = Kept::default();
        assert_eq!(kept.begin("k".into(), [1; 32], 0), Begun::First);
        assert_eq!(kept.begin("k".into(), [1; 32], RUNNING_MS), Begun::Running);
        assert_eq!(
            kept.begin("k".into(), [1; 32], RUNNING_MS + 1),
            Begun::First
        );
        kept.finish("k", None);
        assert_eq!(
            kept.begin("k".into(), [2; 32], RUNNING_MS + 2),
            Begun::First
        );
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let mut kept = Kept::default();
        for n in 0..REPLIES + 10 {
            assert_eq!(kept.begin(format!("k{n}"), [0; 32], 0), Begun::First);
            kept.finish(&format!("k{n}"), Some(reply(MAX_REPLY_BYTES)));
            assert!(kept.bytes <= REPLIES_BYTES && kept.entries.len() <= REPLIES);
        }
        assert_eq!(kept.begin("k0".into(), [0; 32], 0), Begun::First);
        let sum: usize = kept
            .entries
            .values()
            .filter_map(|e| e.reply.as_ref())
            .map(|r| r.body.len())
            .sum();
        assert_eq!(kept.bytes, sum);
    }

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
