//! Requests from this node to another, each with this node's proof, and what another node's "no" is here.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use weir_base::{Code, Refusal};

use crate::http::{Answer, BodyLimits, HttpClient, HttpError, HttpRequest, WholeAnswer};
use crate::in_words;
use crate::proof;
use crate::url::HttpUrl;

/// What is read of a refusal.
const REFUSAL_LIMITS: BodyLimits = BodyLimits {
    max_bytes: 16 * 1024,
    piece_timeout: Duration::from_secs(3),
};

/// What is asked of another node.
#[derive(Debug)]
pub struct NodeRequest<'a> {
    /// Scheme, host and port of the node, `http` or `https`.
    pub base: &'a str,
    /// GET, or POST without a body.
    pub method: Method,
    /// Path and query.
    pub target: &'a str,
    /// Headers beyond host and proof.
    pub headers: HeaderMap,
    /// How long the head of the answer may take.
    pub head_timeout: Duration,
}

/// Asks other nodes.
#[derive(Debug, Clone)]
pub struct NodeClient {
    http: HttpClient,
    me: Arc<str>,
    secret: Arc<str>,
}

impl NodeClient {
    /// For the node with the id `me`; `secret` is the cluster's.
    pub fn new(http: HttpClient, me: &str, secret: Arc<str>) -> Self {
        let me = me.into();
        Self { http, me, secret }
    }

    /// Asks over a connection of its own, and gives the answer whatever its status. Connecting counts
    /// into the time for the head.
    ///
    /// # Errors
    /// 5002 when the node cannot be reached or does not answer in time.
    pub async fn send(&self, request: NodeRequest<'_>) -> Result<Answer, Refusal> {
        let (base, limit) = (request.base, request.head_timeout);
        let url = url_of(base, request.target)?;
        let request = self.signed(request, &url)?;
        match tokio::time::timeout(limit, self.http.send(&request)).await {
            Ok(answer) => answer.map_err(|error| unreachable(base, &error)),
            Err(_) => Err(unreachable(base, &HttpError::Silent { after: limit })),
        }
    }

    /// Asks over a kept connection where there is one, and gives the answer whole, whatever its status.
    ///
    /// # Errors
    /// 5002 when the node cannot be reached, does not answer in time, or with more than the limit.
    pub async fn fetch(
        &self,
        request: NodeRequest<'_>,
        limits: BodyLimits,
    ) -> Result<WholeAnswer, Refusal> {
        let base = request.base;
        let url = url_of(base, request.target)?;
        let request = self.signed(request, &url)?;
        let answer = self.http.fetch(&request, limits).await;
        answer.map_err(|error| unreachable(base, &error))
    }

    /// Sends JSON over a kept connection where there is one, and gives the answer whole, whatever its status.
    /// The proof is over the target alone, so a target that changes something has a digest of the body in it.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn post(
        &self,
        request: NodeRequest<'_>,
        json: String,
        limits: BodyLimits,
    ) -> Result<WholeAnswer, Refusal> {
        let base = request.base;
        let url = url_of(base, request.target)?;
        let request = self.signed(request, &url)?.json(json);
        let answer = self.http.fetch(&request, limits).await;
        answer.map_err(|error| unreachable(base, &error))
    }

    /// Sends bytes over a kept connection where there is one, and gives the answer whole, whatever its status. As with
    /// [`post`](Self::post) the target has a digest of them in it.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn post_bytes(
        &self,
        mut request: NodeRequest<'_>,
        bytes: Bytes,
        limits: BodyLimits,
    ) -> Result<WholeAnswer, Refusal> {
        let base = request.base;
        let url = url_of(base, request.target)?;
        let octets = HeaderValue::from_static("application/octet-stream");
        request.headers.insert(header::CONTENT_TYPE, octets);
        let mut request = self.signed(request, &url)?;
        request.body = bytes;
        let answer = self.http.fetch(&request, limits).await;
        answer.map_err(|error| unreachable(base, &error))
    }

    /// The connections.
    pub const fn http(&self) -> &HttpClient {
        &self.http
    }

    fn signed<'a>(
        &self,
        request: NodeRequest<'_>,
        url: &'a HttpUrl,
    ) -> Result<HttpRequest<'a>, Refusal> {
        let proof = proof::authorization(&self.secret, &self.me, request.target);
        let proof =
            HeaderValue::from_str(&proof).map_err(|error| unreachable(request.base, &error))?;
        let mut headers = request.headers;
        headers.insert(header::AUTHORIZATION, proof);
        Ok(HttpRequest {
            method: request.method,
            url,
            headers,
            body: Bytes::new(),
            head_timeout: request.head_timeout,
        })
    }
}

/// 5002: the node at `base` cannot be used, and why.
pub fn unreachable(base: &str, error: &dyn Error) -> Refusal {
    Refusal::new(Code::OriginUnreachable, in_words(&base, error))
}

/// The refusal that another node answered with. A redirect to another place is 5004 with the place.
pub async fn refusal_of(base: &str, answer: Answer) -> Refusal {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().read_all(REFUSAL_LIMITS).await;
    refusal_in(base, status, &headers, &body.unwrap_or_default())
}

/// The same, when the whole answer has been read.
pub fn refusal_in(base: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .map(Box::from);
    let written = serde_json::from_slice::<WrittenRefusal>(body).ok();
    let known = written.and_then(|written| {
        let code = Code::from_number(written.code)?;
        let mut refusal = Refusal::new(code, written.detail);
        refusal.location = written.location.map(Into::into);
        Some(refusal)
    });
    let mut refusal = known.unwrap_or_else(|| {
        let code = match status {
            StatusCode::NOT_FOUND => Code::NotLive,
            status if status.is_redirection() => Code::Moved,
            _ => Code::OriginUnreachable,
        };
        Refusal::new(code, format!("{base} answered {status}"))
    });
    refusal.location = refusal.location.or(location);
    refusal
}

/// A refusal as another node writes it.
#[derive(Debug, Deserialize)]
struct WrittenRefusal {
    code: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    location: Option<String>,
}

fn url_of(base: &str, target: &str) -> Result<HttpUrl, Refusal> {
    let url = HttpUrl::parse(base).map_err(|error| unreachable(base, &error))?;
    Ok(url.below(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_refusal_keeps_its_code_and_its_place() {
        let body = br#"{"code":5004,"detail":"not here","location":"http://b:1"}"#;
        let refusal = refusal_in("http://a", StatusCode::FOUND, &HeaderMap::new(), body);
        assert_eq!(refusal.code, Code::Moved);
        assert_eq!(refusal.location.as_deref(), Some("http://b:1"));
    }

    #[test]
    fn an_answer_that_is_not_weirs_is_read_by_its_status() {
        let code = |status| refusal_in("http://a", status, &HeaderMap::new(), b"<html>").code;
        assert_eq!(code(StatusCode::NOT_FOUND), Code::NotLive);
        assert_eq!(code(StatusCode::BAD_GATEWAY), Code::OriginUnreachable);
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("http://b/x"));
        let moved = refusal_in("http://a", StatusCode::FOUND, &headers, b"");
        assert_eq!(
            (moved.code, moved.location.as_deref()),
            (Code::Moved, Some("http://b/x"))
        );
    }

    #[test]
    fn why_a_node_cannot_be_reached_is_told_to_the_last_cause() {
        let error = crate::dial::DialError::Connect {
            host: "a".into(),
            port: 1,
            source: std::io::Error::other("refused"),
        };
        let refusal = unreachable("http://a:1", &HttpError::Dial(error));
        assert_eq!(refusal.code, Code::OriginUnreachable);
        assert!(refusal.detail.ends_with("refused"), "{}", refusal.detail);
    }
}
