//! One bounded question to an api node, for what a snapshot cannot hold: a channel's password, or a hook that an
//! app's operator wants asked. What is answered is remembered for some seconds.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::sign::{Action, mac_hex};
use weir_base::{Code, Refusal, StreamName};
use weir_hub::Protocol;

use crate::rules::WhenAway;

/// How long an answer is waited for.
pub const WAIT: Duration = Duration::from_millis(1_500);
/// Microseconds for which a yes is good: an HLS viewer asks several times a second.
const GOOD_US: i64 = 5_000_000;
/// The same of a password: another one is another round of its channel, and another question.
const PASSWORD_GOOD_US: i64 = 600_000_000;
/// Answers remembered; above it all are forgotten. Some 200 bytes each.
const MAX_REMEMBERED: usize = 20_000;

/// What an api node is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Publish or play.
    pub action: Action,
    /// Of which stream.
    pub name: &'a StreamName,
    /// The URL's query, decoded.
    pub query: &'a [(String, String)],
    /// The client's address.
    pub ip: IpAddr,
    /// Over which protocol.
    pub protocol: Protocol,
    /// Why it is asked.
    pub about: About,
}

/// Why somebody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// Is the `password` of the query that of the channel, in this round of it?
    Password {
        /// As the snapshot has it.
        round: u32,
    },
    /// The app's operator wants to be asked.
    App,
}

/// What an api node says yes with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advice {
    /// Whose account it is; empty where that is not known.
    pub account: Box<str>,
    /// Unix seconds at which the leave ends.
    pub until_s: Option<i64>,
    /// Another name for a publisher's stream, within its app.
    pub stream: Option<Box<str>>,
    /// Parameters that count as if the address had them, and before those that it has.
    pub parameters: Vec<(String, String)>,
}

/// Why there is no yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAdvice {
    /// The answer is no, with a code and words.
    Refused(Refusal),
    /// Nobody answered.
    Away,
}

/// What a question is answered, when it is.
pub type Advised<'a> = Pin<Box<dyn Future<Output = Result<Advice, NoAdvice>> + Send + 'a>>;

/// Somebody who can be asked: on an api node the store's keeper, elsewhere such a node over HTTP.
pub trait Consult: Send + Sync {
    /// Answers. One try; the wait is bounded by who asks.
    fn ask<'a>(&'a self, question: Question<'a>) -> Advised<'a>;
}

/// Who is asked, and what was answered of late.
pub(crate) struct Counsel {
    asked: Option<Arc<dyn Consult>>,
    remembered: Mutex<HashMap<String, (Advice, i64)>>,
}

impl Counsel {
    pub(crate) fn new(asked: Option<Arc<dyn Consult>>) -> Self {
        Self {
            asked,
            remembered: Mutex::default(),
        }
    }

    /// The answer, or what counts where there is none in time.
    ///
    /// # Errors
    /// The refusal of who was asked; 5002 where nobody answers and that means no.
    pub(crate) async fn ask(
        &self,
        question: Question<'_>,
        when_away: WhenAway,
        now_us: i64,
    ) -> Result<Advice, Refusal> {
        let digest = digest(&question);
        if let Some((advice, until_us)) = self.remembered.lock().get(&digest)
            && now_us < *until_us
        {
            return Ok(advice.clone());
        }
        let answer = match &self.asked {
            Some(asked) => tokio::time::timeout(WAIT, asked.ask(question)).await,
            None => Ok(Err(NoAdvice::Away)),
        };
        match answer.unwrap_or(Err(NoAdvice::Away)) {
            Ok(advice) => {
                let mut remembered = self.remembered.lock();
                if remembered.len() >= MAX_REMEMBERED {
                    remembered.clear();
                }
                let good_us = match question.about {
                    About::Password { .. } if advice.until_s.is_none() => PASSWORD_GOOD_US,
                    _ => GOOD_US,
                };
                remembered.insert(digest, (advice.clone(), now_us + good_us));
                Ok(advice)
            }
            Err(NoAdvice::Refused(refusal)) => Err(refusal),
            Err(NoAdvice::Away) if when_away == WhenAway::Admit => Ok(Advice::default()),
            Err(NoAdvice::Away) => {
                let words = "nobody who knows could be asked about this client: try again";
                Err(Refusal::new(Code::OriginUnreachable, words))
            }
        }
    }
}

/// A digest, as queries hold secrets and may be long.
fn digest(question: &Question<'_>) -> String {
    // What a player adds for itself changes with each request.
    let own = |name: &str| name.starts_with("_HLS_");
    let query: Vec<_> = question
        .query
        .iter()
        .filter(|(name, _)| !own(name))
        .collect();
    let action = question.action.name();
    let text = format!(
        "{action}\n{}\n{query:?}\n{}\n{:?}",
        question.name, question.ip, question.about
    );
    mac_hex("a question", &text)
}
