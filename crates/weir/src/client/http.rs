//! HTTP/1.1 requests of the client commands: one kept connection, redirects, refusals in words.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderName};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use weir_base::Tasks;

use super::address::HttpUrl;
use super::net;
use super::refusal::Refused;

/// For an answer's head: a blocked playlist or `?wait=30` may take that long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(45);
/// Between two pieces of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Redirects followed before it is a circle.
const MAX_REDIRECTS: usize = 5;
/// Largest body read as a whole, in bytes: a 4K segment of ten seconds.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Most of a refusal's body that is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Makes requests, keeping the last connection open.
#[derive(Debug, Default)]
pub(crate) struct HttpClient {
    insecure: bool,
    tasks: Tasks,
    kept: Option<(String, SendRequest<Empty<Bytes>>)>,
}

impl HttpClient {
    /// A client; `insecure` takes any certificate.
    pub(crate) fn new(insecure: bool) -> Self {
        Self {
            insecure,
            ..Self::default()
        }
    }

    /// The answer to a GET with status 2xx or 101, its body still to come, and where it came from.
    ///
    /// # Errors
    /// [`Refused`] for other statuses; network trouble.
    pub(crate) async fn get(
        &mut self,
        url: &HttpUrl,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<(Response<Incoming>, HttpUrl)> {
        let mut url = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let response = self.request(&url, headers).await?;
            let status = response.status();
            if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok((response, url));
            }
            let location = response
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            match location.filter(|_| status.is_redirection()) {
                Some(location) => url = url.join(location)?,
                None => {
                    let body = read_all(response, MAX_REFUSAL_BYTES)
                        .await
                        .unwrap_or_default();
                    return Err(anyhow::Error::from(Refused::http(status.as_u16(), &body))
                        .context(url.to_string()));
                }
            }
        }
        bail!("redirected more than {MAX_REDIRECTS} times")
    }

    /// The whole body of a GET with these headers.
    pub(crate) async fn fetch_with(
        &mut self,
        url: &HttpUrl,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Bytes> {
        let (response, url) = self.get(url, headers).await?;
        read_all(response, MAX_BODY_BYTES)
            .await
            .with_context(|| url.to_string())
    }

    /// The whole body of a GET, and where it came from.
    pub(crate) async fn fetch(&mut self, url: &HttpUrl) -> anyhow::Result<(Bytes, HttpUrl)> {
        let (response, url) = self.get(url, &[]).await?;
        let body = read_all(response, MAX_BODY_BYTES)
            .await
            .with_context(|| url.to_string())?;
        Ok((body, url))
    }

    async fn request(
        &mut self,
        url: &HttpUrl,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Response<Incoming>> {
        let mut is_fresh = false;
        loop {
            let mut sender = match self.kept.take() {
                Some((key, sender)) if key == key_of(url) && sender.is_ready() => sender,
                _ => {
                    is_fresh = true;
                    self.connect(url).await?
                }
            };
            let outcome = timeout(HEAD_TIMEOUT, sender.send_request(request(url, headers)?)).await;
            match outcome {
                Ok(Ok(response)) => {
                    self.kept = Some((key_of(url), sender));
                    return Ok(response);
                }
                // A kept connection may have been closed while it was idle.
                Ok(Err(_)) if !is_fresh => {}
                Ok(Err(error)) => {
                    return Err(error).context(format!("{url}: the connection broke"));
                }
                Err(_) => bail!("{url}: no answer within {} s", HEAD_TIMEOUT.as_secs()),
            }
        }
    }

    async fn connect(&self, url: &HttpUrl) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        let connection = net::connect(&url.host, url.port, url.tls, self.insecure).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
        self.tasks.spawn("http client", async move {
            // Its end shows at the sender and at the body.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }
}

fn key_of(url: &HttpUrl) -> String {
    format!("{} {}", url.tls, url.authority())
}

fn request(url: &HttpUrl, headers: &[(HeaderName, &str)]) -> anyhow::Result<Request<Empty<Bytes>>> {
    let mut request = Request::get(&url.path)
        .header(header::HOST, url.authority())
        .header(
            header::USER_AGENT,
            concat!("weir/", env!("CARGO_PKG_VERSION")),
        );
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request
        .body(Empty::new())
        .context("the URL cannot be asked for")
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(body: &mut Incoming) -> anyhow::Result<Option<Bytes>> {
    loop {
        let frame = match timeout(BODY_TIMEOUT, body.frame()).await {
            Ok(Some(frame)) => frame.context("the connection broke")?,
            Ok(None) => return Ok(None),
            Err(_) => bail!("nothing came for {} s", BODY_TIMEOUT.as_secs()),
        };
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
}

async fn read_all(response: Response<Incoming>, limit_bytes: usize) -> anyhow::Result<Bytes> {
    let mut body = response.into_body();
    let mut all = BytesMut::new();
    while let Some(piece) = next_piece(&mut body).await? {
        if all.len() + piece.len() > limit_bytes {
            bail!("the answer is longer than {limit_bytes} bytes");
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}
