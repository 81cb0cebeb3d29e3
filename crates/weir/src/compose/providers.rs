//! How providers that people sign in by are asked: over the one HTTP client, at public addresses and those that the
//! operator lists, within a bounded time.

use std::time::Duration;

use http::{HeaderValue, Method, header};
use weir_account::{OidcWire, WireAnswer, WireAnswered, WireRequest};
use weir_hook::guard::guard;
use weir_link::dial::Dialer;
use weir_link::http::{BodyLimits, HttpClient, HttpRequest};
use weir_link::in_words;
use weir_link::url::HttpUrl;
use weir_serve::Core;

use super::happenings::client;

/// For all of it: the connection, the question and the answer. People wait.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer: a token, or some keys.
const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// Asks providers.
pub(super) struct AskedProviders(HttpClient);

impl AskedProviders {
    pub(super) fn new(core: &Core) -> Self {
        Self(client(core, Dialer::over_weak_networks()))
    }

    async fn exchange(&self, asked: WireRequest<'_>) -> Result<WireAnswer, String> {
        let url = HttpUrl::parse(asked.url).map_err(|error| error.to_string())?;
        let method = asked.form.map_or(Method::GET, |_| Method::POST);
        let mut request = HttpRequest::new(method, &url, TIMEOUT);
        let fixed = HeaderValue::from_static;
        let json = fixed("application/json");
        request.headers.insert(header::ACCEPT, json);
        if let Some(form) = asked.form {
            let of_form = fixed("application/x-www-form-urlencoded");
            request.headers.insert(header::CONTENT_TYPE, of_form);
            request.body = form.to_owned().into();
        }
        if !asked.authorization.is_empty() {
            let with = request.header(header::AUTHORIZATION, asked.authorization);
            request = with.map_err(|error| error.to_string())?;
        }
        let limits = BodyLimits {
            max_bytes: MAX_ANSWER_BYTES,
            piece_timeout: TIMEOUT,
        };
        // Over a connection of its own: a code is not sent twice. A redirect is not followed.
        let client = self.0.clone().guarded(guard(asked.allow));
        let answer = async { client.send(&request).await?.whole(limits).await };
        let answer = answer.await.map_err(|error| in_words(&asked.url, &error))?;
        Ok(WireAnswer {
            status: answer.status.as_u16(),
            body: answer.body.into(),
        })
    }
}

impl OidcWire for AskedProviders {
    fn ask<'a>(&'a self, request: WireRequest<'a>) -> WireAnswered<'a> {
        Box::pin(async move {
            let answered = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
            let late = |_| {
                let seconds = TIMEOUT.as_secs();
                Err(format!("{} did not answer within {seconds} s", request.url))
            };
            answered.unwrap_or_else(late)
        })
    }
}
