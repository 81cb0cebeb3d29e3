//! Chat's questions to the site's own service: one JSON each, to one of several URLs, signed as webhooks are. What may
//! be asked twice is asked a second time elsewhere where the first has no answer.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use weir_base::Clock;
use weir_link::http::{HttpClient, WholeAnswer};

use crate::question::{Questioner, Receiver};
use crate::share::Shares;
use crate::sign::Secret;

/// Characters of its words that people are shown.
const MAX_WORDS_CHARS: usize = 200;
/// Groups that one answer names.
const MAX_GROUPS: usize = 64;

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct ChatAsk<'a> {
    /// `connect`, `join`, `publish` or `rpc`.
    pub call: &'a str,
    /// The user's id, or a guest's.
    pub user: &'a str,
    /// As others see it.
    pub name: &'a str,
    /// `guest`, `user` or `moderator`.
    pub standing: &'a str,
    /// The groups that it is about.
    pub groups: &'a [String],
    /// The kind of a post, the method of a call.
    pub kind: &'a str,
    /// The payload, JSON; empty for none.
    pub payload: &'a str,
    /// Names a post.
    pub once: Option<&'a str>,
    /// It may be asked twice.
    pub is_idempotent: bool,
}

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatAnswer {
    /// It may be.
    Allowed {
        /// Instead of the payload, or the answer to a call: JSON in one line.
        payload: Option<String>,
        /// Groups that stay closed.
        refused: Vec<String>,
    },
    /// It may not be.
    Refused {
        /// One of chat's numbers.
        code: Option<u16>,
        /// For people.
        words: String,
        /// Whether the same may be allowed later.
        is_temporary: bool,
        /// Milliseconds until then.
        retry_ms: Option<i64>,
    },
}

/// There is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatSilence {
    /// Nobody is there who answers in sense.
    #[error("{0}")]
    Away(String),
    /// Nobody answered in time.
    #[error("no answer in time")]
    Late,
}

/// Asks the service.
#[derive(Debug)]
pub struct ChatAsker {
    questioner: Questioner,
    secret: Option<Secret>,
    shares: Shares,
}

#[derive(Debug, Deserialize)]
struct Said {
    allow: bool,
    payload: Option<Box<RawValue>>,
    #[serde(default)]
    refused: Vec<String>,
    code: Option<u16>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    temporary: bool,
    retry_ms: Option<i64>,
}

impl ChatAsker {
    /// Asks by `client`, wherever the operator says: the configuration is nobody else's.
    pub fn new(client: HttpClient, clock: Clock, secret: Option<Secret>) -> Self {
        Self {
            questioner: Questioner::anywhere(client, clock),
            secret,
            shares: Shares::default(),
        }
    }

    /// From now on these URLs are asked, by their weights. What is on its way is answered yet.
    pub fn set_urls(&self, urls: &[(String, u32)]) {
        self.shares.set(urls);
    }

    /// Asks, for so long in all.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(
        &self,
        ask: &ChatAsk<'_>,
        timeout: Duration,
    ) -> Result<ChatAnswer, ChatSilence> {
        let may_again = ask.is_idempotent && self.shares.len() > 1;
        let until_us = self.questioner.clock.now_us() + micros(timeout);
        let first = if may_again { timeout / 2 } else { timeout };
        let body = written(ask, self.questioner.clock.wall_ms())?;
        let (id, answer) = self.try_one(&body, first, None).await?;
        let left_us = until_us - self.questioner.clock.now_us();
        match (answer, u64::try_from(left_us)) {
            (Err(_), Ok(left_us @ 1..)) if may_again => {
                let left = Duration::from_micros(left_us);
                self.try_one(&body, left, Some(id)).await?.1
            }
            (answer, _) => answer,
        }
    }

    /// Asks one of them; which one, and what it says.
    async fn try_one(
        &self,
        body: &str,
        timeout: Duration,
        except: Option<u64>,
    ) -> Result<(u64, Result<ChatAnswer, ChatSilence>), ChatSilence> {
        let clock = &self.questioner.clock;
        let picked = self.shares.pick(clock.now_us(), except);
        let all_rest = || ChatSilence::Away("all that could be asked have just failed".into());
        let picked = picked.ok_or_else(all_rest)?;
        let trying = Trying {
            shares: &self.shares,
            clock,
            id: picked.id,
            is_answered: false,
        };
        let receiver = Receiver {
            url: &picked.url,
            secret: self.secret.as_ref(),
            timeout,
        };
        let began_us = clock.now_us();
        let answer = match self.questioner.put(receiver, body.to_owned()).await {
            Ok(answer) => read(&answer).map_err(ChatSilence::Away),
            Err(_) if clock.now_us() - began_us >= micros(timeout) => Err(ChatSilence::Late),
            Err(words) => Err(ChatSilence::Away(words)),
        };
        if let Err(silence) = &answer {
            tracing::warn!(target: "chat", url = %picked.url, "the service behind chat: {silence}");
        }
        trying.end(answer.is_ok());
        Ok((picked.id, answer))
    }
}

/// A question on its way, which counts until it ends, also where nobody waits for it any more.
struct Trying<'a> {
    shares: &'a Shares,
    clock: &'a Clock,
    id: u64,
    is_answered: bool,
}

impl Trying<'_> {
    fn end(mut self, is_answered: bool) {
        self.is_answered = is_answered;
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.shares
            .done(self.id, self.is_answered, self.clock.now_us());
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2)
}

fn written(ask: &ChatAsk<'_>, now_ms: i64) -> Result<String, ChatSilence> {
    let payload = match ask.payload {
        "" => "null",
        payload => payload,
    };
    let payload: &RawValue = serde_json::from_str(payload)
        .map_err(|error| ChatSilence::Away(format!("the payload is no JSON: {error}")))?;
    // The payload stays as it came, its numbers and the order of its fields included.
    let data = json!({
        "user": ask.user,
        "name": ask.name,
        "standing": ask.standing,
        "groups": ask.groups,
        "kind": ask.kind,
        "once": ask.once,
    });
    let data = data.to_string();
    let data = data.strip_suffix('}').unwrap_or(&data);
    Ok(format!(
        "{{\"type\":\"chat.{}\",\"timestamp_ms\":{now_ms},\"data\":{data},\"payload\":{payload}}}}}",
        ask.call
    ))
}

fn read(answer: &WholeAnswer) -> Result<ChatAnswer, String> {
    if !answer.status.is_success() {
        return Err(format!("answered {}", answer.status));
    }
    let written: Said = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("its answer cannot be read: {error}"))?;
    if written.refused.len() > MAX_GROUPS {
        return Err("its answer names more than 64 groups".to_owned());
    }
    if written.allow {
        // Between tokens a line end is a blank like others; it would end the line that this is put into.
        let in_a_line = |payload: Box<RawValue>| payload.get().replace(['\n', '\r'], " ");
        return Ok(ChatAnswer::Allowed {
            payload: written.payload.map(in_a_line),
            refused: written.refused,
        });
    }
    let shown = written.message.chars().filter(|c| !c.is_control());
    Ok(ChatAnswer::Refused {
        code: written.code,
        words: shown.take(MAX_WORDS_CHARS).collect(),
        is_temporary: written.temporary,
        retry_ms: written.retry_ms.map(|ms| ms.clamp(0, 3_600_000)),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;

    use super::*;

    fn said(status: u16, body: &str) -> Result<ChatAnswer, String> {
        read(&WholeAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    #[test]
    fn only_a_clear_answer_is_one() {
        let allowed = said(200, "{\"allow\":true,\"payload\":{\"a\":\n1}}").unwrap();
        let want = ChatAnswer::Allowed {
            payload: Some("{\"a\": 1}".into()),
            refused: Vec::new(),
        };
        assert_eq!(allowed, want);
        let refused = said(200, r#"{"allow":false,"code":209,"message":"a\nb"}"#).unwrap();
        assert!(
            matches!(&refused, ChatAnswer::Refused { code: Some(209), words, .. } if words == "ab"),
            "{refused:?}"
        );
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, r#"{"allow":"yes"}"#),
            (200, r#"{"allow":true,"payload":}"#),
            (302, r#"{"allow":true}"#),
            (500, r#"{"allow":true}"#),
        ] {
            assert!(said(status, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn a_payload_is_told_as_it_came() {
        let ask = ChatAsk {
            call: "publish",
            user: "7",
            name: "Ann \"A\"",
            standing: "user",
            groups: &["r:1".into()],
            kind: "chat",
            payload: r#"{"z":1.50,"a":{}}"#,
            once: None,
            is_idempotent: false,
        };
        let told = written(&ask, 5).unwrap();
        assert!(told.contains(r#""payload":{"z":1.50,"a":{}}"#), "{told}");
        let read: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(read["data"]["name"], "Ann \"A\"");
        assert_eq!(read["type"], "chat.publish");
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in ".{0,200}") {
            let _ = said(200, &body);
        }
    }
}
