//! A question that is put to a receiver once, while somebody waits: signed where there is a secret, bounded in time and
//! in what is read of the answer. What it asks and what the answer means is said by who asks.

use std::time::Duration;

use http::{HeaderName, Method};
use weir_base::{Clock, ids};
use weir_link::http::{BodyLimits, HttpClient, HttpRequest, WholeAnswer};
use weir_link::in_words;
use weir_link::url::HttpUrl;

use crate::config::Config;
use crate::guard::guard;
use crate::sign::{Secret, headers_of};

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Puts questions to receivers. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Questioner {
    client: HttpClient,
    pub(crate) clock: Clock,
}

/// To whom a question goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receiver<'a> {
    pub(crate) url: &'a str,
    /// Signs the question; none where the receiver checks nothing.
    pub(crate) secret: Option<&'a Secret>,
    /// For all of it: the connection, the question and the answer.
    pub(crate) timeout: Duration,
}

impl Questioner {
    /// Asks by `client`, at addresses that the configuration allows.
    pub(crate) fn new(client: HttpClient, clock: Clock, config: &Config) -> Self {
        Self {
            client: client.guarded(guard(&config.allow)),
            clock,
        }
    }

    /// Asks by `client`, wherever it is told to.
    pub(crate) const fn anywhere(client: HttpClient, clock: Clock) -> Self {
        Self { client, clock }
    }

    /// What the receiver answers to this JSON.
    ///
    /// # Errors
    /// Words about why there is no answer.
    pub(crate) async fn put(&self, to: Receiver<'_>, json: String) -> Result<WholeAnswer, String> {
        let answer = tokio::time::timeout(to.timeout, self.exchange(to, json)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} ms", to.timeout.as_millis())))
    }

    async fn exchange(&self, to: Receiver<'_>, json: String) -> Result<WholeAnswer, String> {
        let url = HttpUrl::parse(to.url).map_err(|error| error.to_string())?;
        let id = ids::random_bytes::<16>().map_err(|error| error.to_string())?;
        let secrets = to.secret.map(std::slice::from_ref).unwrap_or_default();
        let now_s = self.clock.wall_s();
        let headers = headers_of(secrets, &ids::hex(&id), now_s, json.as_bytes());
        let mut request = HttpRequest::new(Method::POST, &url, to.timeout).json(json);
        for (name, value) in headers {
            if secrets.is_empty() {
                break;
            }
            let header = request.header(HeaderName::from_static(name), &value);
            request = header.map_err(|error| error.to_string())?;
        }
        let limits = BodyLimits {
            max_bytes: MAX_ANSWER_BYTES,
            piece_timeout: to.timeout,
        };
        let answer = self.client.fetch(&request, limits).await;
        answer.map_err(|error| in_words(&"no answer", &error))
    }
}
