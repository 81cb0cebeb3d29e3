//! One's own channels, whatever their visibility: `/api/v1/me/channels`.

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ChannelShown, PAGE, known_live};
use crate::asked::{Page, PageParams};
use crate::caller::Caller;
use crate::refused::Refused;
use crate::state::State;
use crate::stored::{StoreAway, account_of, behind};

/// The channels of one account.
#[derive(Debug, Serialize, ToSchema)]
struct OwnChannels {
    /// The oldest first.
    items: Vec<ChannelShown>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(own))
}

/// My channels
#[utoipa::path(get, path = "/api/v1/me/channels", tag = "channels", operation_id = "own_channels",
    params(PageParams),
    responses(StoreAway, (status = 200, description = "The channels", body = OwnChannels)),
)]
async fn own(
    Extract(state): Extract<State>,
    caller: Caller,
    page: Page,
) -> Result<Json<OwnChannels>, Refused> {
    let channels = state.store()?.channels();
    let account = account_of(&caller)?;
    let (after, limit) = (behind(&page)?, page.limit(PAGE));
    let found = channels.of_owner(account, after, limit + 1).await?;
    let (found, next) = Page::full(found, limit, |channel| channel.id.to_string());
    let live = known_live(&state);
    let shown = found.into_iter();
    let items = shown.map(|channel| ChannelShown::new(channel, &live));
    Ok(Json(OwnChannels {
        items: items.collect(),
        next,
    }))
}
