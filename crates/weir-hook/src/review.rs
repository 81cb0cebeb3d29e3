//! A machine's opinion of a picture, before people look: asked once, for a moment, and never obeyed where people saw
//! more. What is no clear answer is none, and people look.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use weir_base::Clock;
use weir_link::http::{HttpClient, WholeAnswer};

use crate::config::Config;
use crate::question::{Questioner, Receiver};
use crate::sign::Secret;

/// Characters of its words that people are shown.
const MAX_WORDS_CHARS: usize = 200;

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct ReviewHook {
    /// `http` or `https`.
    pub url: String,
    /// Signs the question; none where the receiver checks nothing.
    pub secret: Option<Secret>,
    /// For all of it: the connection, the question and the answer.
    pub timeout: Duration,
}

/// A picture to have an opinion of.
#[derive(Debug, Clone, Copy)]
pub struct ReviewAsk<'a> {
    /// Of which app.
    pub app: &'a str,
    /// The stream's whole name.
    pub stream: &'a str,
    /// Id of the picture.
    pub picture: &'a str,
    /// When it was captured, milliseconds since 1970.
    pub taken_ms: i64,
    /// The file.
    pub jpeg: &'a [u8],
}

/// What a receiver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewOpinion {
    /// Nothing is wrong with it: nobody has to look.
    Ok,
    /// Somebody should look soon; why.
    Flag(String),
    /// Somebody should look, as without a receiver.
    Look,
    /// Nothing, in time or in sense; why.
    Silent(String),
}

/// Asks receivers. Clones share its connections.
#[derive(Debug, Clone)]
pub struct ReviewAsker(Questioner);

#[derive(Debug, Deserialize)]
struct Written {
    verdict: String,
    #[serde(default)]
    reason: String,
}

impl ReviewAsker {
    /// Asks by `client`, at addresses that the configuration allows.
    pub fn new(client: HttpClient, clock: Clock, config: &Config) -> Self {
        Self(Questioner::new(client, clock, config))
    }

    /// Asks once.
    pub async fn ask(&self, hook: &ReviewHook, ask: ReviewAsk<'_>) -> ReviewOpinion {
        let body = json!({
            "type": "review.picture",
            "timestamp_ms": self.0.clock.wall_ms(),
            "data": {
                "app": ask.app,
                "stream": ask.stream,
                "picture": ask.picture,
                "taken_ms": ask.taken_ms,
                "jpeg": STANDARD.encode(ask.jpeg),
            },
        });
        let receiver = Receiver {
            url: &hook.url,
            secret: hook.secret.as_ref(),
            timeout: hook.timeout,
        };
        let answer = self.0.put(receiver, body.to_string()).await;
        answer.map_or_else(ReviewOpinion::Silent, |answer| read(&answer))
    }
}

fn read(answer: &WholeAnswer) -> ReviewOpinion {
    if !answer.status.is_success() {
        return ReviewOpinion::Silent(format!("answered {}", answer.status));
    }
    let written = match serde_json::from_slice::<Written>(&answer.body) {
        Ok(written) => written,
        Err(error) => return ReviewOpinion::Silent(format!("its answer cannot be read: {error}")),
    };
    match written.verdict.as_str() {
        "ok" => ReviewOpinion::Ok,
        "look" => ReviewOpinion::Look,
        "flag" => {
            let shown = written.reason.chars().filter(|c| !c.is_control());
            ReviewOpinion::Flag(shown.take(MAX_WORDS_CHARS).collect())
        }
        _ => ReviewOpinion::Silent("its verdict is not ok, look or flag".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn said(status: u16, body: &str) -> ReviewOpinion {
        read(&WholeAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    #[test]
    fn only_a_clear_answer_is_an_opinion() {
        assert_eq!(said(200, r#"{"verdict":"ok"}"#), ReviewOpinion::Ok);
        assert_eq!(
            said(200, r#"{"verdict":"look","more":1}"#),
            ReviewOpinion::Look
        );
        let flag = said(200, "{\"verdict\":\"flag\",\"reason\":\"a\\nb\"}");
        assert_eq!(flag, ReviewOpinion::Flag("ab".to_owned()));
        for (status, body) in [
            (200, ""),
            (200, "ok"),
            (200, r#"{"verdict":"yes"}"#),
            (200, r#"{"ok":true}"#),
            (204, ""),
            (302, r#"{"verdict":"ok"}"#),
            (500, r#"{"verdict":"ok"}"#),
        ] {
            assert!(
                matches!(said(status, body), ReviewOpinion::Silent(_)),
                "{status} {body}"
            );
        }
    }
}
