//! `/api/v1/review`: people look at pictures of live streams and say what becomes of them. Somebody claims the next
//! items, keeps the claim alive while looking, and gives verdicts on what was claimed.

mod acts;
mod claims;
mod decisions;
mod gold;
mod hashes;
mod items;
mod numbers;
mod people;
mod reports;
mod shown;
mod wall;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Caller;
use crate::state::State;

/// The name of whoever has the operator's token, where reviewers are told apart.
const OPERATOR: &str = "operator";

/// What reviewers do.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(claims::claim))
        .routes(routes!(claims::renew, claims::release))
        .routes(routes!(decisions::decide))
        .routes(routes!(decisions::undo))
        .routes(routes!(items::list))
        .routes(routes!(items::one))
        .routes(routes!(items::picture))
        .routes(routes!(numbers::numbers))
        .routes(routes!(people::own))
        .routes(routes!(wall::wall))
        .routes(routes!(wall::claim))
}

/// What those do who lead them.
pub(crate) fn lead_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(hashes::list, hashes::add))
        .routes(routes!(hashes::remove))
        .routes(routes!(people::list))
        .routes(routes!(people::put, people::remove))
        .routes(routes!(gold::list))
        .routes(routes!(gold::picture, gold::remove))
        .merge(gold_upload())
}

/// Pictures are larger than other bodies.
fn gold_upload() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(gold::add))
        .layer(crate::pictures::body_limit())
}

/// What viewers say.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(reports::report))
}

pub(crate) use acts::appealed;

/// Who reviews, as rows name them.
fn reviewer(caller: &Caller) -> String {
    caller
        .account
        .map_or_else(|| OPERATOR.to_owned(), |id| id.to_string())
}
