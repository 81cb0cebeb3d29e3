//! `/api/v1/replays`: what of a stream can be watched again, for who watches it. It is told of recordings as of what is
//! live: of a private channel's to nobody, of all others to who names the stream.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::Publicity;
use weir_base::{Code, StreamName};
use weir_store::recordings::RecordingFilter;

use crate::asked::{Page, PageParams, QueryParts};
use crate::recordings::seen::{RecordingsSeen, seen_all};
use crate::refused::Refused;
use crate::state::State;
use crate::stored::{StoreAway, behind};

/// Recordings in one answer, where nobody says.
const PAGE: u32 = 12;
/// All who watch ask when a broadcast ends: caches in front may answer for two seconds.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=2");

/// Of which stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReplaysAsked {
    /// `{app}/{stream}` with all levels of the app.
    #[param(example = "live/demo")]
    stream: String,
}

/// What anybody may ask.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What of a stream can be watched again, newest first
///
/// What is published of it, the one that goes on among them. Whether somebody may play it is said when it is played. Of a
/// stream that nobody is told of there is nothing.
#[utoipa::path(get, path = "/api/v1/replays", tag = "recordings", operation_id = "replays",
    params(ReplaysAsked, PageParams),
    responses(StoreAway, (status = 200, description = "Some of them", body = RecordingsSeen)),
)]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<ReplaysAsked>,
    page: Page,
) -> Result<Response, Refused> {
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let store = state.store()?;
    let words = "this is no name of a stream: say {app}/{stream}";
    let wrong = || Refused::field(Code::BadRequest, "stream", words);
    let (app, stream) = asked.stream.rsplit_once('/').ok_or_else(wrong)?;
    let name = StreamName::new("", app, stream).map_err(|_| wrong())?;
    let rows = match state.facts.publicity(&name) {
        Publicity::Hidden => Vec::new(),
        Publicity::Listed | Publicity::Named => {
            let filter = RecordingFilter {
                vhost: Some(""),
                app: Some(app),
                stream: Some(stream),
                is_public: true,
                ..RecordingFilter::default()
            };
            store.recordings().list(filter, before, limit + 1).await?
        }
    };
    let (rows, next) = Page::full(rows, limit, |row| row.id.to_string());
    let items = seen_all(&state, rows).await?;
    let mut response = Json(RecordingsSeen { items, next }).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHING);
    Ok(response)
}
