//! Accounts over HTTP: what the handlers share. Each asks `weir-account` and writes down what it says; none decides.

mod avatar;
mod elsewhere;
mod export;
mod keys;
mod me;
mod passkeys;
mod second_factor;
mod sessions;
mod sign_up;
mod staff;
mod tokens;
mod views;

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{StatusCode, header};
use utoipa::IntoResponses;
use utoipa_axum::router::OpenApiRouter;
use weir_account::{AccountError, AccountService, Right, Shown};
use weir_base::{Code, Refusal, Tongue, prefer};
use weir_store::Id;
use weir_store::accounts::Account;

use crate::caller::{Caller, Credentials, Identify, Means};
use crate::guard::guarded;
use crate::limiter::limited;
use crate::refused::{Problem, Refused};
use crate::state::{ClientIp, State};
use crate::stored::NO_ROOM;

/// Milliseconds after which who came at a busy moment may try again.
const BUSY_MS: u64 = 2_000;
/// Milliseconds after which the store may answer again.
const AWAY_MS: u64 = 5_000;

/// What an account's own routes need: who asks, fresh from the store.
pub(crate) struct Own {
    service: AccountService,
    account: Account,
    /// In which session; none by an API key.
    session: Option<Id>,
    /// Whoever asks, for counts and for what is kept with sessions.
    client: weir_account::Client,
}

/// What the routes need that are for whoever has no session yet.
pub(crate) struct Visitor {
    service: AccountService,
    client: weir_account::Client,
    /// Of the page that asks, as its browser says; empty where it says nothing.
    origin: String,
}

/// [`Own`], for what an API key must not do: change how one signs in, or make more keys.
pub(crate) struct BySession(Own);

/// Accounts cannot be read now, or are kept by other nodes.
#[derive(IntoResponses)]
#[response(status = 503, content_type = "application/problem+json")]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct AccountsAway(Problem);

/// All of it, each part behind the right that it takes.
pub(crate) fn operations(state: &State) -> OpenApiRouter<State> {
    let own = OpenApiRouter::new()
        .merge(me::routes())
        .merge(avatar::routes())
        .merge(export::routes())
        .merge(sessions::own_routes())
        .merge(second_factor::routes())
        .merge(passkeys::routes())
        .merge(elsewhere::routes())
        .merge(keys::routes());
    let open = OpenApiRouter::new()
        .merge(sign_up::routes())
        .merge(sessions::routes())
        .merge(passkeys::open_routes())
        .merge(elsewhere::open_routes())
        .merge(tokens::key_routes());
    OpenApiRouter::new()
        .merge(limited(open, state, None))
        .merge(guarded(own, state, Right::AccountOwn))
        .merge(guarded(tokens::routes(), state, Right::ChatJoin))
        .merge(guarded(
            staff::moderate_routes(),
            state,
            Right::AccountsModerate,
        ))
        .merge(guarded(
            staff::manage_routes(),
            state,
            Right::AccountsManage,
        ))
}

/// The accounts, where this node keeps them.
pub(crate) fn service(state: &State) -> Result<&AccountService, Refused> {
    state.accounts.as_ref().ok_or_else(|| {
        let words = "this node keeps no accounts: ask one whose roles include api";
        Refused::new(Code::Unavailable, words)
    })
}

/// Who asks, as it is kept with sessions and counted.
pub(crate) fn client(head: &Parts) -> weir_account::Client {
    let unknown = std::net::IpAddr::from([0, 0, 0, 0]);
    let field = |name| {
        let value = head.headers.get(name);
        value
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
            .unwrap_or_default()
    };
    weir_account::Client {
        address: head.extensions.get::<ClientIp>().map_or(unknown, |ip| ip.0),
        agent: field(header::USER_AGENT).to_owned(),
        tongue: Tongue::of(&prefer::joined(std::iter::once(
            field(header::ACCEPT_LANGUAGE).as_bytes(),
        ))),
    }
}

impl FromRequestParts<State> for Own {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let caller = <Caller as FromRequestParts<State>>::from_request_parts(head, state).await?;
        let Some(id) = caller.account else {
            let words = "the operator's token belongs to no account: sign in";
            return Err(Refused::new(Code::Forbidden, words));
        };
        let service = service(state)?.clone();
        let account = service.account(id).await.map_err(refused)?;
        Ok(Self {
            service,
            account,
            session: caller.session,
            client: client(head),
        })
    }
}

impl FromRequestParts<State> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let origin = head.headers.get(header::ORIGIN);
        Ok(Self {
            service: service(state)?.clone(),
            client: client(head),
            origin: origin
                .and_then(|origin| origin.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
        })
    }
}

impl FromRequestParts<State> for BySession {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let own = Own::from_request_parts(head, state).await?;
        if own.session.is_none() {
            let words = "an API key may not do this: sign in";
            return Err(Refused::new(Code::Forbidden, words));
        }
        Ok(Self(own))
    }
}

impl Identify for AccountService {
    fn identify<'a>(
        &'a self,
        credentials: &'a Credentials,
    ) -> weir_cluster::store::Waiting<'a, Result<Option<Caller>, Refusal>> {
        self.identify_at(credentials, None)
    }

    fn identify_at<'a>(
        &'a self,
        credentials: &'a Credentials,
        address: Option<IpAddr>,
    ) -> weir_cluster::store::Waiting<'a, Result<Option<Caller>, Refusal>> {
        Box::pin(async move {
            let found = match credentials {
                Credentials::Cookie(cookie) => self.by_cookie(cookie, address).await,
                Credentials::Token(token) => self.by_bearer(token, address).await,
            };
            let known = found.map_err(|error| {
                let (code, words) = meaning(&error);
                Refusal::new(code, words)
            })?;
            Ok(known.map(|identity| Caller {
                account: Some(identity.account.user_id),
                session: identity.session,
                name: identity.account.name,
                means: match identity.shown {
                    Shown::Cookie => Means::Cookie,
                    Shown::Access => Means::Token,
                    Shown::ApiKey => Means::ApiKey,
                },
                rights: identity.rights,
            }))
        })
    }
}

/// What is answered when nothing but the status is to be said.
pub(crate) fn done<T>(
    outcome: Result<T, AccountError>,
    status: StatusCode,
) -> Result<StatusCode, Refused> {
    outcome.map(|_| status).map_err(refused)
}

/// What is answered to it.
pub(crate) fn refused(error: AccountError) -> Refused {
    let (code, words) = meaning(&error);
    match error {
        AccountError::Field { field, words } => Refused::field(code, field, words),
        AccountError::TooOften { wait_ms } => Refused::new(code, words).retry_after_ms(wait_ms),
        AccountError::Busy => Refused::new(code, words).retry_after_ms(BUSY_MS),
        AccountError::Away(_) | AccountError::Full(_) | AccountError::ProviderAway(_) => {
            Refused::new(code, words).retry_after_ms(AWAY_MS)
        }
        _ => Refused::new(code, words),
    }
}

fn meaning(error: &AccountError) -> (Code, String) {
    let code = match error {
        AccountError::Field { .. } => Code::Unprocessable,
        AccountError::Taken(_) | AccountError::Conflict(_) => Code::Conflict,
        AccountError::SignIn | AccountError::Stale(_) => Code::WrongCredentials,
        AccountError::CodeNeeded => Code::SecondFactor,
        AccountError::Suspended(_) => Code::Suspended,
        AccountError::Forbidden(_) => Code::Forbidden,
        AccountError::TooOften { .. } => Code::RateLimited,
        AccountError::Missing(_) => Code::NotFound,
        AccountError::Changed(_) => Code::PreconditionFailed,
        AccountError::Busy => Code::Unavailable,
        AccountError::ProviderAway(_) => Code::ProviderAway,
        AccountError::ProviderRefused(_) => Code::ProviderRefused,
        AccountError::Away(why) => {
            tracing::warn!("accounts cannot be read: {why}");
            let words = "accounts cannot be read right now; watching and publishing go on";
            return (Code::Unavailable, words.to_owned());
        }
        AccountError::Full(why) => {
            tracing::warn!("accounts cannot be changed: {why}");
            return (Code::Unavailable, NO_ROOM.to_owned());
        }
        AccountError::Fault(why) => {
            tracing::error!("an account's request failed: {why}");
            return (Code::Storage, "this failed on our side".to_owned());
        }
    };
    (code, error.to_string())
}
