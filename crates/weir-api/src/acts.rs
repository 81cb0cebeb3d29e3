//! Acts of somebody with a right, written down: who, what, before, after, from where.

use std::collections::{BTreeSet, HashMap};

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::Value;
use weir_account::Right;
use weir_store::Id;
use weir_store::audit::Act;
use weir_store::channels::Channel;

use crate::caller::Caller;
use crate::refused::Refused;
use crate::state::{ClientIp, State};

/// Somebody who is known, and from where.
pub(crate) struct Actor {
    pub(crate) caller: Caller,
    address: String,
}

/// What was done.
pub(crate) struct Acted<'a> {
    /// Such as `hook.create`.
    pub(crate) action: &'static str,
    /// What it was done to.
    pub(crate) object: &'a str,
    /// How it was; null for nothing. No secrets.
    pub(crate) before: Value,
    /// How it is; null for nothing. No secrets.
    pub(crate) after: Value,
}

impl Actor {
    /// The account as a row names who did something; empty for the operator's token.
    pub(crate) fn user(&self) -> String {
        self.caller
            .account
            .map(|id| id.to_string())
            .unwrap_or_default()
    }

    /// Writes an act down. A node without a store says it in its log.
    ///
    /// # Errors
    /// What the store refuses.
    pub(crate) async fn did(&self, state: &State, acted: Acted<'_>) -> Result<(), Refused> {
        let Acted {
            action,
            object,
            before,
            after,
        } = acted;
        let text = |value: Value| match value {
            Value::Null => String::new(),
            value => value.to_string(),
        };
        let happenings = state.happenings.as_ref();
        let store = happenings
            .map(|known| &known.store)
            .or(state.store.as_ref());
        let Some(store) = store else {
            let (by, from) = (&self.caller.name, &self.address);
            tracing::info!(target: "audit", by, from, action, object, %after, "done");
            return Ok(());
        };
        let act = Act {
            actor: &self.user(),
            name: &self.caller.name,
            action,
            object,
            before: &text(before),
            after: &text(after),
            address: &self.address,
        };
        Ok(store.audit().write(&act).await.map(|_| ())?)
    }

    /// The same for what its owner and their team do without being written about.
    ///
    /// # Errors
    /// What the store refuses.
    pub(crate) async fn did_to(
        &self,
        state: &State,
        channel: &Channel,
        acted: Acted<'_>,
    ) -> Result<(), Refused> {
        let is_owner = self.caller.account == Some(channel.user_id);
        if is_owner || !self.caller.rights.has(Right::ChannelsModerate) {
            return Ok(());
        }
        self.did(state, acted).await
    }
}

impl<'a> Acted<'a> {
    /// Something that comes or goes, or is no more than its name.
    pub(crate) const fn plain(action: &'static str, object: &'a str) -> Self {
        Self {
            action,
            object,
            before: Value::Null,
            after: Value::Null,
        }
    }

    /// And how it is.
    #[must_use]
    pub(crate) fn now(mut self, after: Value) -> Self {
        self.after = after;
        self
    }

    /// And how it was.
    #[must_use]
    pub(crate) fn was(mut self, before: Value) -> Self {
        self.before = before;
        self
    }
}

impl FromRequestParts<State> for Actor {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let caller = <Caller as FromRequestParts<State>>::from_request_parts(head, state).await?;
        let from = head.extensions.get::<ClientIp>();
        Ok(Self {
            caller,
            address: from.map(|from| from.0.to_string()).unwrap_or_default(),
        })
    }
}

/// What the accounts of these ids are called, of those that are there. Nobody where it cannot be asked: a list is
/// worth more than what stands beside it.
pub(crate) async fn names_of(
    state: &State,
    ids: impl IntoIterator<Item = Id>,
) -> HashMap<Id, String> {
    let ids: BTreeSet<Id> = ids.into_iter().collect();
    let ids: Vec<Id> = ids.into_iter().collect();
    let Some(store) = state.store.as_ref() else {
        return HashMap::new();
    };
    store.accounts().names_of(&ids).await.unwrap_or_default()
}
