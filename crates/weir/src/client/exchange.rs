//! One short HTTP exchange: an order to a webhook, a word to a node.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::address::HttpUrl;
use super::net;

/// Bytes of an answer that are read; answers are a word or two.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What is sent.
pub(crate) struct Question<'a> {
    /// GET or POST.
    pub(crate) method: Method,
    /// Where to.
    pub(crate) url: &'a HttpUrl,
    /// Headers beyond host, agent and type.
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// JSON, or nothing.
    pub(crate) body: String,
    /// How long all of it may take.
    pub(crate) patience: Duration,
}

/// Asks once, over a connection of its own; redirects are not followed.
///
/// # Errors
/// When nothing answers in time, or with more than 64 KiB.
pub(crate) async fn ask(question: Question<'_>) -> anyhow::Result<(StatusCode, Bytes)> {
    let (url, patience) = (question.url, question.patience);
    match tokio::time::timeout(patience, exchange(question)).await {
        Ok(answer) => answer.with_context(|| url.to_string()),
        Err(_) => bail!("{url}: no answer within {} ms", patience.as_millis()),
    }
}

async fn exchange(question: Question<'_>) -> anyhow::Result<(StatusCode, Bytes)> {
    let url = question.url;
    let socket = net::connect(&url.host, url.port, url.tls, false).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let request = request(question)?;
    let answered = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        anyhow::Ok((status, read(answer.into_body()).await?))
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // The answer may be here already.
        _ = connection => answered.await,
    }
}

fn request(question: Question<'_>) -> anyhow::Result<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(question.method)
        .uri(&question.url.path)
        .header(header::HOST, question.url.authority())
        .header(
            header::USER_AGENT,
            concat!("weir/", env!("CARGO_PKG_VERSION")),
        );
    if !question.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in question.headers {
        request = request.header(name, value);
    }
    request
        .body(Full::new(question.body.into()))
        .context("the URL cannot be asked for")
}

async fn read(mut body: Incoming) -> anyhow::Result<Bytes> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if all.len() + data.len() > MAX_ANSWER_BYTES {
            bail!("an answer of more than {MAX_ANSWER_BYTES} bytes");
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}
