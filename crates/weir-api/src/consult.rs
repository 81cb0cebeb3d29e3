//! What no snapshot holds, answered by a node with the store: is this the channel's password, and what does an app's
//! own server say. `POST /api/v1/nodes/consult` asks it for nodes without one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{AccountError, AccountService};
use weir_admit::consult::{About, Advice, Advised, Consult, NoAdvice, Question};
use weir_admit::{Acts, AppRules, AskDialect, Rulebook};
use weir_base::sign::Action;
use weir_base::{Code, Refusal, StreamName};
use weir_hook::{AdmissionAsk, AdmissionAsker, AdmissionHook, Dialect, HookVerdict, Secret};
use weir_hub::Protocol;
use weir_store::{Store, StoreError};

use crate::asked::{check_digest, read_json};
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Milliseconds that an app's server has for its answer, where the app says nothing.
const ASK_TIMEOUT_MS: u32 = 1_000;

/// Answers what admission asks, on a node with a store.
#[derive(Clone)]
pub struct ConsultDesk {
    store: Store,
    accounts: AccountService,
    rulebook: Arc<Rulebook>,
    asker: AdmissionAsker,
}

/// A question as it goes from node to node. Fields that one does not know it leaves alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConsultQuestion {
    publish: bool,
    vhost: String,
    app: String,
    stream: String,
    query: Vec<(String, String)>,
    ip: IpAddr,
    protocol: String,
    /// The channel's round; none where the app is asked.
    #[serde(default)]
    password_round: Option<u32>,
}

/// An answer as it goes from node to node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConsultAnswer {
    #[serde(default)]
    account: String,
    #[serde(default)]
    until_s: Option<i64>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    parameters: Vec<(String, String)>,
    /// Code and words of a no.
    #[serde(default)]
    refused: Option<(u16, String)>,
    /// Nobody could be asked.
    #[serde(default)]
    is_away: bool,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(consult))
}

/// Ask what no node without a store can know
///
/// For nodes of the cluster: the proof is over the address, which holds the body's digest.
#[utoipa::path(post, path = "/api/v1/nodes/consult", tag = "cluster", operation_id = "node_consult",
    request_body(content = Object, description = "weir's own: who wants what"),
    params(("sha256" = String, Query, description = "SHA-256 of the body, hexadecimal")),
    responses(
        (status = 200, description = "weir's own: yes, no, or that nobody could be asked", body = Object),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn consult(
    Extract(state): Extract<State>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<ConsultAnswer>, Refused> {
    check_digest(&uri, &body)?;
    let desk = state.consult.as_ref().ok_or_else(|| {
        let words = "this node has no store: ask one with the role api";
        Refused::new(Code::Unavailable, words)
    })?;
    let written: ConsultQuestion = read_json(&body)?;
    let name = StreamName::new(&written.vhost, &written.app, &written.stream)?;
    let answer = desk.ask(written.question(&name)?).await;
    Ok(Json(ConsultAnswer::of(answer)))
}

impl ConsultQuestion {
    /// Where nodes ask.
    pub const PATH: &str = "/api/v1/nodes/consult";

    /// As it is sent.
    pub fn of(question: &Question<'_>) -> Self {
        Self {
            publish: question.action == Action::Publish,
            vhost: question.name.vhost().to_owned(),
            app: question.name.app().to_owned(),
            stream: question.name.stream().to_owned(),
            query: question.query.to_vec(),
            ip: question.ip,
            protocol: question.protocol.name().to_owned(),
            password_round: match question.about {
                About::Password { round } => Some(round),
                About::App => None,
            },
        }
    }

    fn question<'a>(&'a self, name: &'a StreamName) -> Result<Question<'a>, Refused> {
        let mut known = Protocol::ALL.into_iter();
        let protocol = known.find(|one| one.name() == self.protocol);
        let unknown = || Refused::field(Code::Unprocessable, "protocol", "is none of this release");
        Ok(Question {
            action: match self.publish {
                true => Action::Publish,
                false => Action::Play,
            },
            name,
            query: &self.query,
            ip: self.ip,
            protocol: protocol.ok_or_else(unknown)?,
            about: match self.password_round {
                Some(round) => About::Password { round },
                None => About::App,
            },
        })
    }
}

impl ConsultAnswer {
    fn of(answer: Result<Advice, NoAdvice>) -> Self {
        match answer {
            Ok(advice) => Self {
                account: advice.account.into(),
                until_s: advice.until_s,
                stream: advice.stream.map(String::from),
                parameters: advice.parameters,
                ..Self::default()
            },
            Err(NoAdvice::Refused(refusal)) => Self {
                refused: Some((refusal.code.number(), refusal.detail.into_owned())),
                ..Self::default()
            },
            Err(NoAdvice::Away) => Self {
                is_away: true,
                ..Self::default()
            },
        }
    }

    /// As admission takes it.
    ///
    /// # Errors
    /// What was refused, or that nobody could be asked.
    pub fn advice(self) -> Result<Advice, NoAdvice> {
        if let Some((number, words)) = self.refused {
            let code = Code::from_number(number).unwrap_or(Code::OriginRefused);
            return Err(NoAdvice::Refused(Refusal::new(code, words)));
        }
        if self.is_away {
            return Err(NoAdvice::Away);
        }
        Ok(Advice {
            account: self.account.into(),
            until_s: self.until_s,
            stream: self.stream.map(Into::into),
            parameters: self.parameters,
        })
    }
}

impl ConsultDesk {
    /// Of this store and these accounts, by the rules of `rulebook`; apps' servers are asked by `asker`.
    pub fn new(
        store: Store,
        accounts: AccountService,
        rulebook: Arc<Rulebook>,
        asker: AdmissionAsker,
    ) -> Self {
        Self {
            store,
            accounts,
            rulebook,
            asker,
        }
    }

    async fn password(&self, question: &Question<'_>) -> Result<(), NoAdvice> {
        let said = question.query.iter().find(|(name, _)| name == "password");
        let word = said.map_or("", |(_, value)| value);
        let channel = match self.store.channels().by_name(question.name.stream()).await {
            Ok(channel) => channel,
            Err(StoreError::Missing(_)) => return Err(wrong_password()),
            Err(error) => {
                tracing::warn!("a channel's password cannot be looked up: {error}");
                return Err(NoAdvice::Away);
            }
        };
        if channel.app != question.name.app() || channel.password_hash.is_empty() {
            return Err(wrong_password());
        }
        let hash = &channel.password_hash;
        match self.accounts.is_watch_word(word, hash, question.ip).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(wrong_password()),
            Err(AccountError::TooOften { wait_ms }) => {
                let seconds = wait_ms.div_ceil(1_000);
                let words = format!("too many wrong passwords: try again in {seconds} s");
                Err(NoAdvice::Refused(Refusal::new(Code::RateLimited, words)))
            }
            Err(_) => Err(NoAdvice::Away),
        }
    }

    /// What the app's own server says.
    async fn app(&self, question: &Question<'_>, rules: &AppRules) -> Result<Advice, NoAdvice> {
        let timeout_ms = rules.ask_timeout_ms.unwrap_or(ASK_TIMEOUT_MS);
        let hook = AdmissionHook {
            url: rules.ask_url.clone(),
            dialect: match rules.ask_dialect.unwrap_or_default() {
                AskDialect::Standard => Dialect::Standard,
                AskDialect::Srs => Dialect::Srs,
            },
            secret: Secret::parse(&rules.ask_secret).ok(),
            timeout: Duration::from_millis(timeout_ms.into()),
        };
        let ip = question.ip.to_canonical().to_string();
        let ask = AdmissionAsk {
            action: question.action.name(),
            vhost: question.name.vhost(),
            app: question.name.app(),
            stream: question.name.stream(),
            query: question.query,
            ip: &ip,
            protocol: question.protocol.name(),
        };
        match self.asker.ask(&hook, ask).await {
            HookVerdict::Leave(leave) => Ok(Advice {
                account: leave.account.into(),
                until_s: leave.until_s,
                stream: leave.stream.map(Into::into),
                parameters: leave.parameters,
            }),
            HookVerdict::Refused(words) => {
                Err(NoAdvice::Refused(Refusal::new(Code::OriginRefused, words)))
            }
            HookVerdict::Silent(why) => {
                tracing::warn!(app = question.name.app(), "the app's own server: {why}");
                Err(NoAdvice::Away)
            }
        }
    }
}

impl Consult for ConsultDesk {
    fn ask<'a>(&'a self, question: Question<'a>) -> Advised<'a> {
        Box::pin(async move {
            let app = self.rulebook.app(question.name.app());
            let asks = app
                .rules
                .ask
                .is_some_and(|acts| acts.hits(Acts::from(question.action)));
            if matches!(question.about, About::Password { .. }) {
                self.password(&question).await?;
            }
            match asks && !app.rules.ask_url.is_empty() {
                true => self.app(&question, &app.rules).await,
                // The app has changed its mind, and whoever asks not heard of it.
                false => Ok(Advice::default()),
            }
        })
    }
}

fn wrong_password() -> NoAdvice {
    let words = "this is not the channel's password";
    NoAdvice::Refused(Refusal::new(Code::AuthBadSignature, words))
}
