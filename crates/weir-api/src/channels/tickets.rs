//! `POST /api/v1/channels/{name}/ticket`: leave to watch a channel that is not for everybody.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::ticket;
use weir_base::Code;
use weir_store::channels::{Channel, Visibility};
use weir_store::{Id, Store};

use super::doors::{Standing, Wish, open, standing};
use crate::accounts::{refused, service};
use crate::admission_feed::of_channel;
use crate::asked::{Client, JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, user_of};

/// What somebody shows who wants to watch.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse" }))]
struct TicketWish {
    /// Of a channel that has one.
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
}

/// Leave to watch.
#[derive(Debug, Serialize, ToSchema)]
struct TicketGiven {
    /// For `?ticket=` of every address that plays the stream.
    ticket: String,
    /// Milliseconds since 1970 at which it ends; earlier where the leave is taken back.
    until_ms: i64,
    #[schema(example = "live/ann")]
    stream: String,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(give))
}

/// Get leave to watch a channel
///
/// For whoever knows its password or follows it, as its visibility says, and for its team and its guests. What it opens ends within
/// seconds when the password is changed, the channel is left, or the account is banned.
#[utoipa::path(post, path = "/api/v1/channels/{name}/ticket", tag = "channels", operation_id = "channel_ticket",
    params(("name" = String, Path, description = "The channel")),
    request_body = TicketWish,
    responses(
        StoreAway,
        (status = 200, description = "The leave", body = TicketGiven),
        (status = 401, description = "This takes somebody who is signed in",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The password is not right, or they do not follow the channel",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
        (status = 409, description = "The channel needs no leave to be watched",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn give(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    PathParts(name): PathParts<String>,
    client: Client,
    JsonBody(wish): JsonBody<TicketWish>,
) -> Result<Json<TicketGiven>, Refused> {
    let store = state.store()?;
    let channel = open(store, caller.as_ref(), &name, Wish::See).await?;
    let account = caller.as_ref().and_then(user_of);
    if standing(store, caller.as_ref(), &channel).await? < Standing::Guest {
        match channel.visibility {
            Visibility::Public | Visibility::Unlisted => {
                let words = "anybody may watch this channel: play it without a ticket";
                return Err(Refused::new(Code::Conflict, words));
            }
            Visibility::Password => check_password(&state, &channel, &wish, client).await?,
            Visibility::Followers => check_follower(store, &channel, account).await?,
            // Who may not know of it was told that it is not there.
            Visibility::Private => return Err(Refused::new(Code::Forbidden, "this is private")),
        }
    }
    signed(&state, &channel, account)
}

async fn check_password(
    state: &State,
    channel: &Channel,
    wish: &TicketWish,
    Client(address): Client,
) -> Result<(), Refused> {
    if wish.password.is_empty() {
        let words = "this channel has a password: send it";
        return Err(Refused::field(Code::Unprocessable, "password", words));
    }
    let (word, hash) = (&wish.password, &channel.password_hash);
    let is_right = service(state)?.is_watch_word(word, hash, address).await;
    match is_right.map_err(refused)? {
        true => Ok(()),
        false => {
            let words = "this is not the channel's password";
            Err(Refused::field(Code::Forbidden, "password", words))
        }
    }
}

async fn check_follower(
    store: &Store,
    channel: &Channel,
    account: Option<Id>,
) -> Result<(), Refused> {
    let Some(account) = account else {
        let words = "this channel is for its followers: sign in, and follow it";
        return Err(Refused::new(Code::SignedOut, words));
    };
    match store.channels().is_following(account, channel.id).await? {
        true => Ok(()),
        false => {
            let words = "this channel is for its followers: follow it to watch";
            Err(Refused::new(Code::Forbidden, words))
        }
    }
}

fn signed(
    state: &State,
    channel: &Channel,
    account: Option<Id>,
) -> Result<Json<TicketGiven>, Refused> {
    let away = || {
        Refused::new(
            Code::Unavailable,
            "this node gives no tickets: ask an api node",
        )
    };
    let key = state.admission.as_ref().ok_or_else(away)?.ticket_key();
    let until_s = state.hub.clock().wall_s() + ticket::LIFETIME_S;
    let account = account.map(|id| id.to_string()).unwrap_or_default();
    let ticket = ticket::make(key, &of_channel(channel), &account, until_s).ok_or_else(away)?;
    Ok(Json(TicketGiven {
        ticket,
        until_ms: until_s.saturating_mul(1_000),
        stream: format!("{}/{}", channel.app, channel.name),
    }))
}
