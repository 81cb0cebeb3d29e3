//! What a channel was given: `/api/v1/channels/{name}/gifts` for its owner, and who gave most, for everybody.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_gift::Span;
use weir_store::gifts::{Earned, Gift};

use super::doors::{Wish, open};
use crate::acts::names_of;
use crate::asked::{Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::gifts::till;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, behind};

/// Gifts on one page.
const PAGE: u32 = 50;

/// Of how long.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct TopAsked {
    /// `hour`, `day` or `week`, those that go on now, in UTC; `day` where nobody says.
    #[param(required = false, nullable = false, example = "day")]
    span: Option<String>,
}

/// Somebody who gave much.
#[derive(Debug, Serialize, ToSchema)]
struct TopGiver {
    /// Id of the account.
    id: String,
    /// What it is called; null where it is gone.
    name: Option<String>,
    /// How much.
    coins: i64,
}

/// Who gave most.
#[derive(Debug, Serialize, ToSchema)]
struct TopGivers {
    /// Since when, milliseconds since 1970.
    since_ms: i64,
    /// Who gave most first; at most twenty.
    items: Vec<TopGiver>,
}

/// What a channel has of a stretch of time.
#[derive(Debug, Serialize, ToSchema)]
struct EarnedShown {
    /// What was given.
    given: i64,
    /// Of it, the channel's own.
    earned: i64,
    /// Accounts that gave something.
    givers: i64,
}

/// Something that the channel was given.
#[derive(Debug, Serialize, ToSchema)]
struct ReceivedShown {
    id: String,
    /// Id of the account that gave it.
    user: String,
    /// What it is called; null where it is gone.
    name: Option<String>,
    /// Name of the gift.
    gift: String,
    /// How many at once.
    count: i64,
    /// For all of them.
    coins: i64,
    /// Of these, the channel's own.
    earned: i64,
    at_ms: i64,
    /// It was given back.
    refunded: bool,
}

/// What a channel was given.
#[derive(Debug, Serialize, ToSchema)]
struct Received {
    /// Today, in UTC.
    day: EarnedShown,
    /// This week.
    week: EarnedShown,
    /// Ever.
    all: EarnedShown,
    /// The newest first.
    items: Vec<ReceivedShown>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// What anybody may ask who may see the channel.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(top))
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(received))
}

/// Who gave most to a channel
#[utoipa::path(get, path = "/api/v1/channels/{name}/gifts/top", tag = "chat", operation_id = "gift_top",
    params(("name" = String, Path, description = "The channel"), TopAsked),
    responses(
        StoreAway,
        (status = 200, description = "They", body = TopGivers),
        (status = 401, description = "The credentials are nobody's, or no longer",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
    ),
)]
async fn top(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    PathParts(name): PathParts<String>,
    QueryParts(asked): QueryParts<TopAsked>,
) -> Result<Json<TopGivers>, Refused> {
    let span = Span::from_name(asked.span.as_deref().unwrap_or(Span::Day.name()));
    let words = "span is hour, day or week";
    let span = span.ok_or_else(|| Refused::field(Code::BadRequest, "span", words))?;
    let channel = open(state.store()?, caller.as_ref(), &name, Wish::See).await?;
    let tops = &till(&state)?.tops;
    let (since_ms, board) = tops.of((channel.user_id, channel.id), span).await?;
    let ids = board.iter().filter_map(|one| one.giver_id.parse().ok());
    let names = names_of(&state, ids).await;
    let shown = board.iter().map(|one| TopGiver {
        id: one.giver_id.clone(),
        name: one
            .giver_id
            .parse()
            .ok()
            .and_then(|id| names.get(&id).cloned()),
        coins: one.total,
    });
    Ok(Json(TopGivers {
        since_ms,
        items: shown.collect(),
    }))
}

/// What my channel was given
#[utoipa::path(get, path = "/api/v1/channels/{name}/gifts", tag = "chat", operation_id = "gift_received",
    params(("name" = String, Path, description = "The channel"), PageParams),
    responses(StoreAway, (status = 200, description = "It, and some of the gifts", body = Received), NotThere),
)]
async fn received(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
    page: Page,
) -> Result<Json<Received>, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::Own).await?;
    let place = (channel.user_id, channel.id);
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let (gifts, now_ms) = (store.gifts(), store.now_ms());
    let rows = gifts.to_channel(channel.id, before, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.id.clone());
    let ids = rows.iter().filter_map(|row| row.user_id.parse().ok());
    let names = names_of(&state, ids).await;
    let shown = |row: Gift| ReceivedShown {
        name: row
            .user_id
            .parse()
            .ok()
            .and_then(|id| names.get(&id).cloned()),
        id: row.id,
        user: row.user_id,
        gift: row.gift,
        count: row.amount,
        coins: row.coins,
        earned: row.to_channel,
        at_ms: row.at_ms,
        refunded: row.refunded_ms > 0,
    };
    Ok(Json(Received {
        day: gifts
            .earned(place, Span::Day.begin_ms(now_ms))
            .await?
            .into(),
        week: gifts
            .earned(place, Span::Week.begin_ms(now_ms))
            .await?
            .into(),
        all: gifts.earned(place, 0).await?.into(),
        items: rows.into_iter().map(shown).collect(),
        next,
    }))
}

impl From<Earned> for EarnedShown {
    fn from(earned: Earned) -> Self {
        Self {
            given: earned.total,
            earned: earned.own,
            givers: earned.givers,
        }
    }
}
