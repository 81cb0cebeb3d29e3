//! Bans and appeals in JSON, those that count everywhere and those on one channel alike.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_admit::BanTarget;
use weir_base::Code;
use weir_store::Id;
use weir_store::bans::{Appeal, Ban, SubjectKind};

use crate::acts::names_of;
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

/// What is told beside bans: asked for all of them at once.
struct BesideBans {
    channels: HashMap<Id, String>,
    accounts: HashMap<Id, String>,
}

/// What is told beside appeals.
struct BesideAppeals {
    bans: HashMap<Id, Ban>,
    accounts: HashMap<Id, String>,
}

impl BesideBans {
    async fn of(state: &State, bans: &[Ban]) -> Result<Self, Refused> {
        let channels: BTreeSet<Id> = bans.iter().filter_map(|ban| ban.channel_id).collect();
        let channels: Vec<Id> = channels.into_iter().collect();
        Ok(Self {
            channels: state.store()?.channels().names_of(&channels).await?,
            accounts: names_of(state, bans.iter().filter_map(account_of)).await,
        })
    }
}

impl BesideAppeals {
    async fn of(state: &State, appeals: &[Appeal]) -> Result<Self, Refused> {
        let bans: BTreeSet<Id> = appeals.iter().map(|appeal| appeal.ban_id).collect();
        let bans: Vec<Id> = bans.into_iter().collect();
        Ok(Self {
            bans: state.store()?.bans().by_ids(&bans).await?,
            accounts: names_of(state, appeals.iter().map(|appeal| appeal.user_id)).await,
        })
    }
}

impl BanShown {
    pub(crate) async fn new(state: &State, ban: Ban) -> Result<Self, Refused> {
        let beside = BesideBans::of(state, std::slice::from_ref(&ban)).await?;
        Ok(Self::with(ban, &beside))
    }

    fn with(ban: Ban, beside: &BesideBans) -> Self {
        let when = |ms: i64| (ms != 0).then_some(ms);
        let channel = ban.channel_id.and_then(|id| beside.channels.get(&id));
        let name = account_of(&ban).and_then(|id| beside.accounts.get(&id));
        Self {
            id: ban.id.to_string(),
            channel: channel.cloned(),
            kind: ban.kind.name(),
            name: name.cloned(),
            subject: ban.subject,
            stops: ban.stops,
            reason: ban.reason,
            created_ms: ban.created_ms,
            expires_ms: when(ban.expires_ms),
            lifted_ms: when(ban.lifted_ms),
            appeal: None,
        }
    }
}

impl AppealShown {
    pub(crate) async fn new(state: &State, appeal: Appeal) -> Result<Self, Refused> {
        let beside = BesideAppeals::of(state, std::slice::from_ref(&appeal)).await?;
        Ok(Self::with(appeal, &beside))
    }

    fn with(appeal: Appeal, beside: &BesideAppeals) -> Self {
        let ban = beside.bans.get(&appeal.ban_id);
        Self {
            id: appeal.id.to_string(),
            ban: appeal.ban_id.to_string(),
            reason: ban.map(|ban| ban.reason.clone()),
            account: appeal.user_id.to_string(),
            name: beside.accounts.get(&appeal.user_id).cloned(),
            words: appeal.words,
            state: appeal.state,
            answer: appeal.answer,
        }
    }
}

impl BanList {
    pub(crate) async fn new(
        state: &State,
        bans: Vec<Ban>,
        next: Option<String>,
    ) -> Result<Self, Refused> {
        let beside = BesideBans::of(state, &bans).await?;
        let items = bans.into_iter().map(|ban| BanShown::with(ban, &beside));
        Ok(Self {
            items: items.collect(),
            next,
        })
    }

    /// All bans on an account, each with what it said against it.
    pub(crate) async fn told(state: &State, bans: Vec<Ban>, account: Id) -> Result<Self, Refused> {
        let ids: Vec<Id> = bans.iter().map(|ban| ban.id).collect();
        let said = state.store()?.bans().appeals_of(account, &ids).await?;
        let said: Vec<Appeal> = said.into_values().collect();
        let beside = BesideAppeals::of(state, &said).await?;
        let mut list = Self::new(state, bans, None).await?;
        for appeal in said {
            let shown = AppealShown::with(appeal, &beside);
            let of = list.items.iter_mut().find(|ban| ban.id == shown.ban);
            if let Some(ban) = of {
                ban.appeal = Some(shown);
            }
        }
        Ok(list)
    }
}

impl AppealList {
    pub(crate) async fn new(
        state: &State,
        appeals: Vec<Appeal>,
        next: Option<String>,
    ) -> Result<Self, Refused> {
        let beside = BesideAppeals::of(state, &appeals).await?;
        let items = appeals.into_iter();
        let items = items.map(|appeal| AppealShown::with(appeal, &beside));
        Ok(Self {
            items: items.collect(),
            next,
        })
    }
}

/// The account that a ban is on.
fn account_of(ban: &Ban) -> Option<Id> {
    match ban.kind {
        SubjectKind::Account => ban.subject.parse().ok(),
        SubjectKind::Network | SubjectKind::Stream => None,
    }
}
