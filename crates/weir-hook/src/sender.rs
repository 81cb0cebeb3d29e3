//! Sends one delivery and says how it went.

use std::time::Duration;

use http::{HeaderName, Method};
use tokio::time::timeout;
use weir_base::{Backoff, BackoffPlan, Clock, Dice};
use weir_link::http::{BodyLimits, HttpClient, HttpError, HttpRequest, WholeAnswer};
use weir_link::in_words;
use weir_link::url::HttpUrl;
use weir_store::hooks::{Attempt, Delivery, Endpoint, Outcome};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::event::HookEvent;
use crate::guard::guard;

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Characters of an answer that are kept.
const MAX_WORDS_CHARS: usize = 300;
/// Pauses between tries: some 40 in a day.
const AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(3_600),
    steady: Duration::ZERO,
};

/// See the module's words. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Sender {
    client: HttpClient,
    clock: Clock,
    timeout: Duration,
    retry_ms: i64,
}

impl Sender {
    /// Sends by `client`, to addresses that the configuration allows.
    pub fn new(client: HttpClient, clock: Clock, config: &Config) -> Self {
        Self {
            client: client.guarded(guard(&config.allow)),
            clock,
            timeout: Duration::from_millis(config.timeout_ms.into()),
            retry_ms: i64::from(config.retry_hours) * 3_600_000,
        }
    }

    /// Sends a delivery once.
    pub async fn send(&self, endpoint: &Endpoint, delivery: &Delivery) -> Attempt {
        let now_ms = self.clock.wall_ms();
        let event = match serde_json::from_str::<HookEvent>(&delivery.event) {
            Ok(event) => event,
            Err(error) => return dead(format!("the event cannot be read: {error}")),
        };
        let Some(dialect) = Dialect::from_name(&endpoint.dialect) else {
            return dead(format!("there is no dialect {:?}", endpoint.dialect));
        };
        let id = delivery.id.to_string();
        let Some(message) = dialect.message(endpoint, &id, &event, now_ms) else {
            return dead(format!("{} has no word for it", dialect.name()));
        };
        let url = match HttpUrl::parse(&endpoint.url) {
            Ok(url) => url,
            Err(error) => return dead(error.to_string()),
        };
        let mut request = HttpRequest::new(Method::POST, &url, self.timeout).json(message.body);
        for (name, value) in message.headers {
            let name = HeaderName::from_static(name);
            request = match request.header(name, &value) {
                Ok(request) => request,
                Err(error) => return dead(error.to_string()),
            };
        }
        let limits = BodyLimits {
            max_bytes: MAX_ANSWER_BYTES,
            piece_timeout: self.timeout,
        };
        let answer = timeout(self.timeout, self.client.fetch(&request, limits)).await;
        self.judge(dialect, delivery, answer.ok())
    }

    /// What becomes of it after an answer, or after none in time.
    fn judge(
        &self,
        dialect: Dialect,
        delivery: &Delivery,
        answer: Option<Result<WholeAnswer, HttpError>>,
    ) -> Attempt {
        let (status, words) = match answer {
            Some(Ok(answer)) => {
                let body = String::from_utf8_lossy(&answer.body);
                let words: String = body.chars().take(MAX_WORDS_CHARS).collect();
                let status = i64::from(answer.status.as_u16());
                // A redirect is not followed: where it leads nobody has checked.
                if answer.status.is_success() && dialect.takes(&answer.body) {
                    return Attempt {
                        outcome: Outcome::Delivered,
                        status,
                        words,
                    };
                }
                // The standard's word for "never again".
                if answer.status == http::StatusCode::GONE {
                    return Attempt {
                        outcome: Outcome::Dead,
                        status,
                        words,
                    };
                }
                (status, words)
            }
            Some(Err(error)) => (0, in_words(&"no answer", &error)),
            None => (
                0,
                format!("no answer within {} ms", self.timeout.as_millis()),
            ),
        };
        Attempt {
            outcome: self.later(delivery),
            status,
            words,
        }
    }

    fn later(&self, delivery: &Delivery) -> Outcome {
        let now_ms = self.clock.wall_ms();
        if now_ms - delivery.made_ms >= self.retry_ms {
            return Outcome::Dead;
        }
        let mut backoff = Backoff::new(AGAIN, Dice::system());
        let mut pause = Duration::ZERO;
        for _ in 0..=delivery.tries.clamp(0, 31) {
            pause = backoff.failed();
        }
        Outcome::Later(now_ms + i64::try_from(pause.as_millis()).unwrap_or(0))
    }
}

fn dead(words: String) -> Attempt {
    Attempt {
        outcome: Outcome::Dead,
        status: 0,
        words,
    }
}
