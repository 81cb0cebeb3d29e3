//! Server-sent events at `/chat/events`: a greeting made of a request's parameters, and what stands around the lines.

use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Map, json};
use tokio::sync::mpsc;
use weir_base::{Code, Refusal};
use weir_chat::{limits, wire};

use crate::http::request::HttpRequest;
use crate::http::response::{HttpResponse, Then};
use crate::http::service::BatchBody;

/// Where they are.
pub(super) const PATH: &str = "/chat/events";
/// Milliseconds after which whoever was cut off comes again, and at random as many more at most: a node that goes
/// would have all its readers come to the next at once.
const RETRY_MS: u64 = 1_000;
const RETRY_SPREAD_MS: u64 = 2_000;

/// The greeting that a request comes to: `g` has groups with commas between, each with the place that was reached in
/// it behind colons where there is one, and `tk` a token.
///
/// # Errors
/// 6001 for groups too many, and for a place that is none.
pub(super) fn hello(request: &HttpRequest) -> Result<String, Refusal> {
    let refused = |words| Refusal::new(Code::BadRequest, words);
    let asked = request.parameter("g").unwrap_or_default().split(',');
    let mut groups = Map::new();
    for wanted in asked.filter(|wanted| !wanted.is_empty()) {
        if groups.len() >= limits::GROUPS_PER_MEMBER {
            return Err(refused("too many groups"));
        }
        let (name, at) = wire::events::wanted(wanted).ok_or_else(|| {
            refused("a group is its name, or name:offset:epoch as the server told them")
        })?;
        let at = at.map(|at| json!({ "o": at.o, "e": at.e }));
        groups.insert(name.to_owned(), at.into());
    }
    let mut hello = json!({ "i": 1, "c": "hi", "g": groups });
    if let (Some(token), Some(fields)) = (request.parameter("tk"), hello.as_object_mut()) {
        fields.insert("tk".into(), token.into());
    }
    Ok(hello.to_string())
}

/// How soon to come again; `number` is the guest's, which is random.
pub(super) fn pace(number: &str) -> Vec<u8> {
    let random = number
        .get(..8)
        .and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let retry_ms = RETRY_MS + random.unwrap_or(0) % RETRY_SPREAD_MS;
    format!("retry: {retry_ms}\n\n").into_bytes()
}

/// The answer whose body the loop writes.
pub(super) fn answer(batches: mpsc::Receiver<Bytes>) -> HttpResponse {
    HttpResponse::new(StatusCode::OK)
        .with(header::CONTENT_TYPE, "text/event-stream")
        .with(header::CACHE_CONTROL, "no-store")
        // A proxy that keeps an answer until it is whole would keep this one for ever.
        .with(HeaderName::from_static("x-accel-buffering"), "no")
        .for_any_site()
        .then(Then::Body(BatchBody(batches).boxed_unsync()))
}

/// In front of events stands nothing; a message without any is a sign of life, which clients pass over.
pub(super) fn put_sign(out: &mut Vec<u8>, bytes: usize) {
    if bytes == 0 {
        out.extend_from_slice(b":\n\n");
    }
}

/// Why nothing follows.
pub(super) fn put_bye(out: &mut Vec<u8>, code: u16, reason: &str) {
    let told = json!({ "n": code, "m": reason });
    out.extend_from_slice(format!("event: bye\ndata: {told}\n\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_cut_off_comes_again_at_a_time_of_its_own() {
        assert_eq!(pace("00000001ffffffff"), b"retry: 1001\n\n");
        assert_eq!(pace("000007d0ffffffff"), b"retry: 1000\n\n");
    }
}
