//! HTTP of the client commands: redirects are followed, refusals told in words.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use weir_base::{Clock, Shutdown, Tasks};
use weir_link::dial::Dialer;
use weir_link::http::{Answer, Body, BodyLimits, HttpClient, HttpRequest};
use weir_link::url::HttpUrl;

use super::refusal::Refused;

/// For an answer's head: a blocked playlist or `?wait=30` may take that long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(45);
/// Between two pieces of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Redirects followed before it is a circle.
const MAX_REDIRECTS: usize = 5;
/// Largest body read as a whole: a 4K segment of ten seconds.
const BODY_LIMITS: BodyLimits = BodyLimits {
    max_bytes: 64 << 20,
    piece_timeout: BODY_TIMEOUT,
};
/// What is read of a refusal.
const REFUSAL_LIMITS: BodyLimits = BodyLimits {
    max_bytes: 64 * 1024,
    piece_timeout: BODY_TIMEOUT,
};

/// Makes requests; whole answers leave their connection open for the next.
#[derive(Debug)]
pub struct WebClient(HttpClient);

impl Default for WebClient {
    fn default() -> Self {
        Self::new(false)
    }
}

impl WebClient {
    /// With no connection yet; `insecure` takes any certificate.
    pub fn new(insecure: bool) -> Self {
        let dialer = Dialer::over_weak_networks().any_certificate(insecure);
        Self(HttpClient::new(
            dialer,
            Clock::real(),
            Tasks::new(),
            Shutdown::new(),
        ))
    }

    /// The answer to a GET with status 2xx or 101, its body still to come.
    ///
    /// # Errors
    /// [`Refused`] for other statuses; network trouble.
    pub async fn get(
        &self,
        url: &HttpUrl,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Answer> {
        let mut url = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let answer = self.0.send(&request(&url, headers)?).await;
            let answer = answer.with_context(|| url.to_string())?;
            let status = answer.status();
            if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(answer);
            }
            match place(status, answer.headers()) {
                Some(place) => url = url.join(place)?,
                None => {
                    let body = answer.into_body().read_all(REFUSAL_LIMITS).await;
                    return Err(refused(&url, status, &body.unwrap_or_default()));
                }
            }
        }
        bail!("redirected more than {MAX_REDIRECTS} times")
    }

    /// The whole body of a GET with these headers, and where it came from.
    ///
    /// # Errors
    /// As [`get`](Self::get), and for bodies over 64 MiB.
    pub async fn fetch(
        &self,
        url: &HttpUrl,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<(Bytes, HttpUrl)> {
        let mut url = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let answer = self.0.fetch(&request(&url, headers)?, BODY_LIMITS).await;
            let answer = answer.with_context(|| url.to_string())?;
            if answer.status.is_success() {
                return Ok((answer.body, url));
            }
            match place(answer.status, &answer.headers) {
                Some(place) => url = url.join(place)?,
                None => return Err(refused(&url, answer.status, &answer.body)),
            }
        }
        bail!("redirected more than {MAX_REDIRECTS} times")
    }
}

/// The next piece of a body; `None` at its end.
pub async fn next_piece(body: &mut Body) -> anyhow::Result<Option<Bytes>> {
    Ok(body.next_piece(BODY_TIMEOUT).await?)
}

fn request<'a>(
    url: &'a HttpUrl,
    headers: &[(HeaderName, &str)],
) -> anyhow::Result<HttpRequest<'a>> {
    let mut request = HttpRequest::new(Method::GET, url, HEAD_TIMEOUT);
    for (name, value) in headers {
        request = request.header(name.clone(), value)?;
    }
    Ok(request)
}

/// Where a redirect leads.
fn place(status: StatusCode, headers: &HeaderMap) -> Option<&str> {
    let location = headers.get(header::LOCATION)?.to_str().ok();
    location.filter(|_| status.is_redirection())
}

fn refused(url: &HttpUrl, status: StatusCode, body: &[u8]) -> anyhow::Error {
    anyhow::Error::from(Refused::http(status.as_u16(), body)).context(url.to_string())
}
