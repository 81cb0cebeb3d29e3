//! HTTP requests from this node to another.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use weir_base::{Code, Refusal};

use super::{Node, auth, dial};
use crate::context::Context;

/// For the head of an answer that need not wait for anything.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a refusal that are read.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

/// What is asked of another node.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// Scheme, host and port of the node, `http` or `https`.
    pub(super) base: &'a str,
    /// GET, or POST without a body.
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: &'a str,
    /// Headers beyond host and proof.
    pub(super) headers: HeaderMap,
    /// How long the head of the answer may take.
    pub(super) patience: Duration,
}

/// Asks, and gives the answer whatever its status.
///
/// # Errors
/// 5002 when the node cannot be reached or does not answer in time.
pub(super) async fn ask(
    context: &Context,
    node: &Node,
    question: Question<'_>,
) -> Result<Response<Incoming>, Refusal> {
    let Question {
        base,
        method,
        target,
        headers,
        patience,
    } = question;
    let unreachable = |why: &dyn std::fmt::Display| {
        Refusal::new(Code::OriginUnreachable, format!("{base}: {why}"))
    };
    let place = Place::parse(base).ok_or_else(|| unreachable(&"not http://host:port"))?;
    let path = place.path(target);
    let mut request = Request::builder()
        .method(method)
        .uri(&path)
        .header(header::HOST, place.authority)
        .header(header::CONTENT_LENGTH, "0")
        .header(
            header::AUTHORIZATION,
            auth::authorization(&node.settings().secret, &node.settings().me, target),
        )
        .body(Empty::<Bytes>::new())
        .map_err(|error| unreachable(&error))?;
    if request.method() == Method::GET {
        request.headers_mut().remove(header::CONTENT_LENGTH);
    }
    request.headers_mut().extend(headers);
    let answered = async {
        let socket = place.connect().await.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .map_err(|error| unreachable(&error))?;
        let stopping = context.shutdown.clone();
        context.tasks.spawn("node-http", async move {
            tokio::select! {
                // Its end shows at the body.
                _ = connection.with_upgrades() => {}
                () = stopping.stopping() => {}
            }
        });
        sender
            .send_request(request)
            .await
            .map_err(|error| unreachable(&error))
    };
    match tokio::time::timeout(patience, answered).await {
        Ok(answer) => answer,
        Err(_) => Err(unreachable(&"no answer in time")),
    }
}

/// The refusal that another node answered with. A redirect to another place is 5004 with the place.
pub(super) async fn refusal_of(base: &str, answer: Response<Incoming>) -> Refusal {
    let (head, body) = answer.into_parts();
    let body = read_all(body, MAX_REFUSAL_BYTES).await.unwrap_or_default();
    refusal_in(base, head.status, &head.headers, &body)
}

/// The same, when the whole answer has been read.
pub(super) fn refusal_in(
    base: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Refusal {
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .map(Box::from);
    let told = serde_json::from_slice::<Told>(body).ok();
    let known = told.and_then(|told| {
        let code = Code::from_number(told.code)?;
        let mut refusal = Refusal::new(code, told.detail);
        refusal.location = told.location.map(Into::into);
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
struct Told {
    code: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    location: Option<String>,
}

/// A whole body of at most `limit_bytes`.
///
/// # Errors
/// 5002 when it breaks or is longer.
pub(super) async fn read_all(mut body: Incoming, limit_bytes: usize) -> Result<Bytes, Refusal> {
    let broken = |why: String| Refusal::new(Code::OriginUnreachable, why);
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len() + data.len() > limit_bytes {
            return Err(broken(format!("an answer longer than {limit_bytes} bytes")));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// Where a base URL leads.
pub(super) struct Place<'a> {
    tls: bool,
    host: &'a str,
    port: u16,
    authority: &'a str,
    prefix: &'a str,
}

impl<'a> Place<'a> {
    /// `host:port` as it was written.
    pub(super) const fn authority(&self) -> &'a str {
        self.authority
    }

    /// The path of `target` there.
    pub(super) fn path(&self, target: &str) -> String {
        format!("{}{target}", self.prefix)
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Result<dial::Connection, dial::DialError> {
        dial::connect(self.host, self.port, self.tls, false).await
    }

    /// Reads `http://host:port/prefix`; `None` for what is no such URL.
    pub(super) fn parse(base: &'a str) -> Option<Self> {
        let (tls, rest) = match base.split_once("://")? {
            ("http", rest) => (false, rest),
            ("https", rest) => (true, rest),
            _ => return None,
        };
        let (authority, prefix) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let default_port = if tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, default_port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some(Self {
            tls,
            host,
            port,
            authority,
            prefix: prefix.trim_end_matches('/'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_taken_apart() {
        let parts = |base| {
            Place::parse(base).map(|place| (place.tls, place.host, place.port, place.prefix))
        };
        assert_eq!(parts("http://h:81"), Some((false, "h", 81, "")));
        assert_eq!(parts("https://h/p/"), Some((true, "h", 443, "/p")));
        assert_eq!(parts("http://[::1]:8080"), Some((false, "::1", 8080, "")));
        assert_eq!(parts("http://[::1]"), Some((false, "::1", 80, "")));
        assert_eq!(parts("rtmp://h:1935"), None);
        assert_eq!(parts("http://:80"), None);
        assert_eq!(parts("http://h:x"), None);
    }
}
