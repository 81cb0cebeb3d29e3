//! Bans and appeals in JSON, those that count everywhere and those on one channel alike.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_admit::BanTarget;
use weir_base::Code;
use weir_store::bans::{Appeal, Ban, SubjectKind};
use weir_store::{Id, StoreError};

use crate::acts::name_of;
use crate::refused::Refused;
use crate::state::State;

/// Bytes of a reason, of an appeal and of its answer.
const MAX_WORDS_BYTES: usize = weir_admit::snapshot::change::MAX_REASON_BYTES;

/// Who or what may not, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ban)]
pub(crate) struct BanShown {
    id: String,
    /// The name of the channel where alone it counts; null for everywhere.
    channel: Option<String>,
    /// `account`, `network` or `stream`.
    kind: &'static str,
    /// An account's id, a network, or `app/name`.
    subject: String,
    /// What the account is called; null for what is none, and where it is gone.
    name: Option<String>,
    /// `publish`, `play` or `both`.
    stops: String,
    /// What the banned are told.
    reason: String,
    created_ms: i64,
    expires_ms: Option<i64>,
    lifted_ms: Option<i64>,
    /// What the banned said against it, where they ask themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    appeal: Option<AppealShown>,
}

/// Bans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BanList {
    /// The newest first.
    pub(crate) items: Vec<BanShown>,
    /// For `?after=`, where there is more.
    pub(crate) next: Option<String>,
}

/// What somebody said against a ban, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appeal)]
pub(crate) struct AppealShown {
    id: String,
    /// Id of the ban.
    ban: String,
    /// Why they were banned; null where that is gone.
    reason: Option<String>,
    /// Id of the account that appeals.
    account: String,
    /// What it is called; null where it is gone.
    name: Option<String>,
    words: String,
    /// `open`, `granted` or `denied`.
    state: String,
    answer: String,
}

/// Appeals.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppealList {
    /// The oldest first.
    pub(crate) items: Vec<AppealShown>,
    /// For `?after=`, where there is more.
    pub(crate) next: Option<String>,
}

/// How an appeal is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "granted": true, "answer": "You are right." }))]
pub(crate) struct AppealDecision {
    /// Whether the ban is lifted.
    pub(crate) granted: bool,
    /// What they are told.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(crate) answer: String,
}

/// One line of words that somebody else will read.
///
/// # Errors
/// 6003 for none, for more than one line, and for what is too long.
pub(crate) fn check_words(field: &str, text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() || text.len() > MAX_WORDS_BYTES || text.chars().any(char::is_control)
    {
        let words = format!("this is one line of at most {MAX_WORDS_BYTES} bytes");
        return Err(Refused::field(Code::Unprocessable, field, words));
    }
    Ok(())
}

impl AppealDecision {
    /// An answer may be left out.
    ///
    /// # Errors
    /// As [`check_words`].
    pub(crate) fn check(&self) -> Result<(), Refused> {
        match self.answer.as_str() {
            "" => Ok(()),
            answer => check_words("answer", answer),
        }
    }
}

/// An address or a network as admission compares it.
pub(crate) fn network(text: &str) -> Result<String, Refused> {
    let target: Result<BanTarget, _> =
        serde_json::from_value(serde_json::json!({ "network": text }));
    match (target, text.parse::<std::net::IpAddr>()) {
        (Ok(_), _) => Ok(text.to_owned()),
        (_, Ok(std::net::IpAddr::V4(ip))) => Ok(format!("{ip}/32")),
        (_, Ok(std::net::IpAddr::V6(ip))) => Ok(format!("{ip}/128")),
        _ => {
            let words = "this is no address and no network";
            Err(Refused::field(Code::Unprocessable, "network", words))
        }
    }
}

impl BanShown {
    pub(crate) async fn new(state: &State, ban: Ban) -> Result<Self, Refused> {
        let when = |ms: i64| (ms != 0).then_some(ms);
        let channel = match ban.channel_id {
            None => None,
            Some(id) => gone(state.store()?.channels().name_of(id).await)?,
        };
        let account = match ban.kind {
            SubjectKind::Account => ban.subject.parse::<Id>().ok(),
            SubjectKind::Network | SubjectKind::Stream => None,
        };
        let name = match account {
            Some(id) => name_of(state, id).await,
            None => None,
        };
        Ok(Self {
            id: ban.id.to_string(),
            channel,
            kind: ban.kind.name(),
            subject: ban.subject,
            name,
            stops: ban.stops,
            reason: ban.reason,
            created_ms: ban.created_ms,
            expires_ms: when(ban.expires_ms),
            lifted_ms: when(ban.lifted_ms),
            appeal: None,
        })
    }

    /// With what the account said against it.
    pub(crate) async fn told(state: &State, ban: Ban, account: Id) -> Result<Self, Refused> {
        let said = gone(state.store()?.bans().appeal_of(account, ban.id).await)?;
        let mut shown = Self::new(state, ban).await?;
        if let Some(appeal) = said {
            shown.appeal = Some(AppealShown::new(state, appeal).await?);
        }
        Ok(shown)
    }
}

impl AppealShown {
    pub(crate) async fn new(state: &State, appeal: Appeal) -> Result<Self, Refused> {
        let ban = gone(state.store()?.bans().by_id(appeal.ban_id).await)?;
        Ok(Self {
            id: appeal.id.to_string(),
            ban: appeal.ban_id.to_string(),
            reason: ban.map(|ban| ban.reason),
            account: appeal.user_id.to_string(),
            name: name_of(state, appeal.user_id).await,
            words: appeal.words,
            state: appeal.state,
            answer: appeal.answer,
        })
    }
}

impl BanList {
    pub(crate) async fn new(
        state: &State,
        bans: impl IntoIterator<Item = Ban>,
        next: Option<String>,
    ) -> Result<Self, Refused> {
        let mut items = Vec::new();
        for ban in bans {
            items.push(BanShown::new(state, ban).await?);
        }
        Ok(Self { items, next })
    }
}

impl AppealList {
    pub(crate) async fn new(
        state: &State,
        appeals: impl IntoIterator<Item = Appeal>,
        next: Option<String>,
    ) -> Result<Self, Refused> {
        let mut items = Vec::new();
        for appeal in appeals {
            items.push(AppealShown::new(state, appeal).await?);
        }
        Ok(Self { items, next })
    }
}

/// What is not there is `None`.
fn gone<T>(found: Result<T, StoreError>) -> Result<Option<T>, Refused> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
