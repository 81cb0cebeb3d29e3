//! Orders as signed HTTP posts.

use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderName, Method, StatusCode};
use weir_base::sign;
use weir_link::http::{HttpRequest, exchange};
use weir_link::in_words;
use weir_link::url::HttpUrl;

use super::{Acting, Provider, done, short};
use crate::order::{Done, Failure, Order};

/// The order's id: the same for each try of one order.
const ID: HeaderName = HeaderName::from_static("weir-order");
/// `sha256=` and the hex HMAC-SHA256 of `{id}\n{body}` under the secret.
const SIGNATURE: HeaderName = HeaderName::from_static("weir-signature");

/// A URL that gets each order as a signed POST.
pub(crate) struct Webhook {
    url: HttpUrl,
    secret: String,
    timeout: Duration,
}

impl Webhook {
    /// That posts to `url`.
    ///
    /// # Errors
    /// When it is no URL.
    pub(crate) fn new(url: &str, secret: &str, timeout: Duration) -> anyhow::Result<Self> {
        Ok(Self {
            url: HttpUrl::parse(url).context("scale.webhook_url")?,
            secret: secret.to_owned(),
            timeout,
        })
    }

    async fn post(&self, order: &Order) -> Result<Done, Failure> {
        let body =
            serde_json::to_string(order).map_err(|error| Failure::lasting(error.to_string()))?;
        let signature = sign::mac_hex(&self.secret, &format!("{}\n{body}", order.id));
        let failed = |error| Failure::passing(in_words(&self.url, &error));
        let request = HttpRequest::new(Method::POST, &self.url, self.timeout)
            .json(body)
            .header(ID, &order.id)
            .and_then(|request| request.header(SIGNATURE, &format!("sha256={signature}")))
            .map_err(failed)?;
        let answer = exchange(&request).await.map_err(failed)?;
        let status = answer.status;
        if status.is_success() {
            return Ok(done(&answer.body));
        }
        let said = short(&String::from_utf8_lossy(&answer.body));
        let words = format!("the webhook answered {status}: {said}");
        let lasting = status.is_client_error()
            && status != StatusCode::REQUEST_TIMEOUT
            && status != StatusCode::TOO_MANY_REQUESTS;
        Err(if lasting {
            Failure::lasting(words)
        } else {
            Failure::passing(words)
        })
    }
}

impl Provider for Webhook {
    fn grow<'a>(&'a self, order: &'a Order) -> Acting<'a> {
        Box::pin(self.post(order))
    }

    fn shrink<'a>(&'a self, order: &'a Order) -> Acting<'a> {
        Box::pin(self.post(order))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::tests::order;

    const SECRET: &str = "a secret of many letters";

    /// A server that answers each connection with the next of `answers`; gives what it was sent.
    async fn asked(answers: &[&str]) -> (Vec<Result<Done, Failure>>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://127.0.0.1:{}/hook?x=1",
            listener.local_addr().unwrap().port()
        );
        let webhook = Webhook::new(&url, SECRET, Duration::from_millis(500)).unwrap();
        let serve = async {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"}") {
                    assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
                }
                socket.write_all(answer.as_bytes()).await.unwrap();
                requests.push(String::from_utf8(request).unwrap());
            }
            requests
        };
        let ask = async {
            let mut outcomes = Vec::new();
            for _ in answers {
                outcomes.push(webhook.grow(&order()).await);
            }
            outcomes
        };
        tokio::join!(ask, serve)
    }

    #[tokio::test]
    async fn an_order_is_posted_with_its_id_and_a_signature_over_both() {
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"started\":1,\"note\":\"i-7\"}";
        let (outcomes, requests) = asked(&[answer, answer]).await;
        assert_eq!(
            outcomes[0],
            Ok(Done {
                started: Some(1),
                note: "i-7".into()
            })
        );
        assert_eq!(requests[0], requests[1], "a retry is the same to the byte");
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hook?x=1 HTTP/1.1"), "{head}");
        assert_eq!(body, serde_json::to_string(&order()).unwrap());
        let id = order().id;
        assert!(head.contains(&format!("weir-order: {id}")), "{head}");
        let signature = sign::mac_hex(SECRET, &format!("{id}\n{body}"));
        assert!(
            head.contains(&format!("weir-signature: sha256={signature}")),
            "{head}"
        );
    }

    #[tokio::test]
    async fn a_refusal_lasts_and_trouble_may_pass() {
        let (outcomes, _) = asked(&[
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 422 No\r\ncontent-length: 8\r\n\r\nno quota",
            "HTTP/1.1 429 Slow\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        ])
        .await;
        assert_eq!(outcomes[0], Ok(Done::default()));
        let refused = outcomes[1].clone().unwrap_err();
        assert!(
            !refused.again && refused.words.contains("no quota"),
            "{refused:?}"
        );
        for outcome in &outcomes[2..] {
            assert!(outcome.clone().unwrap_err().again, "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn nobody_there_may_pass() {
        let webhook = Webhook::new("http://127.0.0.1:1/", SECRET, Duration::from_secs(1)).unwrap();
        assert!(webhook.shrink(&order()).await.unwrap_err().again);
    }
}
