//! The site's own service behind the gateway (`[chat.service]`): questions wait in a bounded queue, go out so many at
//! once, and are answered by a call; no loop waits for them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use weir_base::Clock;
use weir_chat::{Allowed, Business, Denied, Deny, Inquiry, Matter, Saying, Verdict};
use weir_hook::{ChatAnswer, ChatAsk, ChatAsker, ChatSilence, Secret};
use weir_link::dial::Dialer;
use weir_serve::Core;

use super::super::happenings::client;
use crate::config::Config;

/// Milliseconds after which to try again where too many wait.
const CROWDED_RETRY_MS: i64 = 1_000;

/// Hands questions over.
struct Service {
    queue: mpsc::Sender<Question>,
    in_force: Arc<ArcSwap<Config>>,
    clock: Clock,
}

/// A question that waits.
struct Question {
    asked: Inquiry,
    saying: Saying,
    /// Until when the answer is wanted, monotonic microseconds.
    until_us: i64,
}

/// Starts what asks the service; with a reload its URLs change.
pub(super) fn start(
    config: &Config,
    in_force: &Arc<ArcSwap<Config>>,
    core: &Core,
) -> anyhow::Result<Arc<dyn Business>> {
    let settings = &config.chat.service;
    let secret = match settings.secret.as_str() {
        "" => None,
        text => Some(Secret::parse(text).context("chat.service.secret")?),
    };
    let clock = core.hub.clock().clone();
    let http = client(core, Dialer::over_weak_networks());
    let errand = Errand {
        asker: ChatAsker::new(http, clock.clone(), secret),
        in_force: in_force.clone(),
        clock: clock.clone(),
    };
    let at_once = settings.concurrency as usize;
    let (queue, questions) = mpsc::channel(at_once);
    let shutdown = core.shutdown.clone();
    core.tasks.spawn("chat-service", async move {
        tokio::select! {
            () = errand.run(questions, at_once) => {}
            () = shutdown.stopping() => {}
        }
    });
    Ok(Arc::new(Service {
        queue,
        in_force: in_force.clone(),
        clock,
    }))
}

impl Business for Service {
    fn wants(&self, call: Matter) -> bool {
        let config = self.in_force.load();
        let service = &config.chat.service;
        !service.urls.is_empty() && service.calls.contains(&call)
    }

    fn ask(&self, asked: Inquiry, saying: Saying) {
        let timeout_ms = self.in_force.load().chat.service.timeout_ms;
        let question = Question {
            asked,
            saying,
            until_us: self.clock.now_us() + i64::from(timeout_ms) * 1_000,
        };
        if let Err(full) = self.queue.try_send(question) {
            let words = "too many wait for the business behind chat";
            let denied = Denied::because(Deny::BusinessAway, words).after_ms(CROWDED_RETRY_MS);
            (full.into_inner().saying)(Err(denied));
        }
    }
}

/// Asks, and answers.
struct Errand {
    asker: ChatAsker,
    in_force: Arc<ArcSwap<Config>>,
    clock: Clock,
}

impl Errand {
    async fn run(&self, mut questions: mpsc::Receiver<Question>, at_once: usize) {
        let mut asked = FuturesUnordered::new();
        let mut known = Vec::new();
        loop {
            tokio::select! {
                question = questions.recv(), if asked.len() < at_once => {
                    let Some(question) = question else { return };
                    let config = self.in_force.load();
                    if config.chat.service.urls != known {
                        known.clone_from(&config.chat.service.urls);
                        let urls: Vec<_> = known.iter().map(|of| (of.url.clone(), of.weight)).collect();
                        self.asker.set_urls(&urls);
                    }
                    asked.push(self.see_to(question));
                }
                Some(()) = asked.next() => {}
            }
        }
    }

    async fn see_to(&self, question: Question) {
        let Question {
            asked,
            saying,
            until_us,
        } = question;
        let left_us = u64::try_from(until_us - self.clock.now_us()).unwrap_or(0);
        let verdict = match left_us {
            0 => Err(Deny::BusinessLate.into()),
            _ => self.ask(&asked, Duration::from_micros(left_us)).await,
        };
        saying(verdict);
    }

    async fn ask(&self, asked: &Inquiry, timeout: Duration) -> Verdict {
        let ask = ChatAsk {
            call: match asked.call {
                Matter::Connect => "connect",
                Matter::Join => "join",
                Matter::Publish => "publish",
                Matter::Rpc => "rpc",
            },
            user: &asked.user,
            name: &asked.name,
            standing: asked.standing,
            groups: &asked.groups,
            kind: &asked.kind,
            payload: &asked.body,
            once: asked.once.as_deref(),
            is_idempotent: asked.is_idempotent(),
        };
        match self.asker.ask(&ask, timeout).await {
            Ok(answer) => verdict(answer),
            Err(ChatSilence::Away(_)) => Err(Deny::BusinessAway.into()),
            Err(ChatSilence::Late) => Err(Deny::BusinessLate.into()),
        }
    }
}

/// A refusal has one of chat's own numbers, or that of a site that does not want it.
fn verdict(answer: ChatAnswer) -> Verdict {
    match answer {
        ChatAnswer::Allowed { payload, refused } => Ok(Allowed {
            body: payload,
            refused,
        }),
        ChatAnswer::Refused {
            code,
            words,
            is_temporary,
            retry_ms,
        } => {
            let why = match (code.and_then(Deny::from_number), is_temporary) {
                (Some(why), _) => why,
                (None, true) => Deny::Unavailable,
                (None, false) => Deny::BusinessSays,
            };
            let mut denied = match words.is_empty() {
                true => why.into(),
                false => Denied::because(why, words),
            };
            denied.retry_ms = retry_ms;
            Err(denied)
        }
    }
}
