//! `GET /api/v1/oembed`: how a channel's player stands in a page of somebody else's (oEmbed 1.0, §2).

use axum::Json;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_site::Target;

use crate::asked::QueryParts;
use crate::refused::{NotThere, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Pixels of a player when nobody says.
const WIDTH: u32 = 960;
/// Likewise.
const HEIGHT: u32 = 540;

/// What is to be shown, and how large at most.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EmbedAsked {
    /// The address of a channel's page.
    url: String,
    /// Pixels at most.
    #[serde(default)]
    #[param(required = false, nullable = false)]
    maxwidth: Option<u32>,
    /// Pixels at most.
    #[serde(default)]
    #[param(required = false, nullable = false)]
    maxheight: Option<u32>,
    /// `json`.
    #[serde(default)]
    #[param(required = false, nullable = false)]
    format: Option<String>,
}

/// A player for another page.
#[derive(Debug, Serialize, ToSchema)]
struct EmbedShown {
    /// 1.0.
    version: &'static str,
    /// `video`.
    r#type: &'static str,
    title: String,
    provider_name: &'static str,
    provider_url: String,
    /// A frame with the player in it.
    html: String,
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
    /// The channel's picture, where it has one of this size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    thumbnail_url: Option<String>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    thumbnail_width: Option<u32>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    thumbnail_height: Option<u32>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(embed))
}

/// A channel's player for another page
///
/// oEmbed 1.0.
#[utoipa::path(get, path = "/api/v1/oembed", tag = "pages", operation_id = "oembed",
    params(EmbedAsked),
    responses(StoreAway, (status = 200, description = "The player", body = EmbedShown), NotThere),
)]
async fn embed(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<EmbedAsked>,
) -> Result<Response, Refused> {
    let words = "this node has no pages: ask one whose roles include api";
    let keeper = state.site.as_ref().and_then(|keeper| keeper.site());
    let site = keeper.ok_or_else(|| Refused::new(Code::Unavailable, words))?;
    if asked
        .format
        .as_deref()
        .is_some_and(|format| format != "json")
    {
        let words = "only json is answered";
        return Err(Refused::field(Code::BadRequest, "format", words));
    }
    let missing = || Refused::new(Code::NotFound, "there is no channel with this address");
    let (origin, path) = parts(&asked.url).ok_or_else(missing)?;
    if site.origin(origin) != origin {
        return Err(missing());
    }
    let Some(Target::Channel(name)) = Target::of(path) else {
        return Err(missing());
    };
    let most = (
        asked.maxwidth.unwrap_or(WIDTH),
        asked.maxheight.unwrap_or(HEIGHT),
    );
    let player = site.embedding(&name, origin, most).ok_or_else(missing)?;
    let thumbnail = player.thumbnail.as_ref();
    let shown = EmbedShown {
        version: "1.0",
        r#type: "video",
        title: player.title,
        provider_name: "weir",
        provider_url: format!("{origin}/"),
        html: player.html,
        width: player.width,
        height: player.height,
        thumbnail_url: thumbnail.map(|picture| picture.url.clone()),
        thumbnail_width: thumbnail.map(|picture| picture.width),
        thumbnail_height: thumbnail.map(|picture| picture.height),
    };
    let mut response = Json(shown).into_response();
    let any = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    Ok(response)
}

/// Scheme with host, and path, of an address on the web.
fn parts(url: &str) -> Option<(&str, &str)> {
    let behind = url
        .strip_prefix("https://")
        .or(url.strip_prefix("http://"))?;
    let host = behind.split(['/', '?', '#']).next()?;
    let origin_bytes = url.len() - behind.len() + host.len();
    let (origin, rest) = url.split_at_checked(origin_bytes)?;
    let is_host = !host.is_empty() && weir_base::http_field::is_host(host);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    is_host.then_some((origin, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_parted_at_its_path() {
        assert_eq!(
            parts("https://tv.example/c/ann?x#y"),
            Some(("https://tv.example", "/c/ann"))
        );
        assert_eq!(parts("http://[::1]:80"), Some(("http://[::1]:80", "")));
        for other in [
            "",
            "ftp://a/c/ann",
            "https:///c/ann",
            "https://a\"b/c/ann",
            "/c/ann",
            "https://é",
        ] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
