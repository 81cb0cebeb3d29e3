//! `POST /api/v1/pages/preview`: how a page will look, before anybody keeps it.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, Tongue};
use weir_site::{PageFacts, preview};

use super::{OwnPageText, kind};
use crate::asked::JsonBody;
use crate::refused::Refused;
use crate::state::State;

/// A page that is being written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "notice", "title": "Open day", "body": "On **Sunday**.", "language": "en" }))]
struct OwnPageDraft {
    /// `notice`, `help` or `category`.
    kind: String,
    /// In the language that is asked for.
    #[serde(default)]
    #[schema(max_length = 140)]
    title: String,
    /// Markdown, in that language.
    #[serde(default)]
    body: String,
    /// `en` or `zh`.
    language: String,
    /// From when on everybody sees it, milliseconds since 1970; 0: it is a draft.
    #[serde(default)]
    publish_ms: i64,
}

/// How it looks.
#[derive(Debug, Serialize, ToSchema)]
struct OwnPagePreview {
    /// The markup of the page between its bar and its foot. Nothing that its author wrote runs in it.
    html: String,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(show))
}

/// See how a page will look
///
/// By what renders the page itself. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/pages/preview", tag = "pages", operation_id = "page_preview",
    request_body = OwnPageDraft,
    responses((status = 200, description = "The markup", body = OwnPagePreview)),
)]
async fn show(JsonBody(draft): JsonBody<OwnPageDraft>) -> Result<Json<OwnPagePreview>, Refused> {
    let kind = kind(&draft.kind)?;
    let tongue = match draft.language.as_str() {
        "en" => Tongue::English,
        "zh" => Tongue::Chinese,
        _ => {
            let words = "this is en or zh";
            return Err(Refused::field(Code::Unprocessable, "language", words));
        }
    };
    let text = OwnPageText {
        title: Some(draft.title),
        body: Some(draft.body),
        publish_ms: Some(draft.publish_ms),
        ..OwnPageText::default()
    };
    // A page without a title is refused when it is kept; who writes sees the text before.
    let text = text.written(Default::default())?;
    let page = PageFacts {
        id: String::new(),
        kind,
        slug: String::new(),
        title: text.title,
        title_zh: String::new(),
        body: text.body,
        body_zh: String::new(),
        place: 0,
        publish_ms: text.publish_ms,
        changed_ms: 0,
    };
    Ok(Json(OwnPagePreview {
        html: preview(&page, tongue),
    }))
}
