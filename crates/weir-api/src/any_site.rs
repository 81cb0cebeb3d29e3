//! What pages of other sites may ask and read: the places of the dispatcher, the facts of apps, the versions.

use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use weir_base::http_field::granted_fields;

use crate::state::State;

/// Seconds after which a browser asks again whether it may ask.
pub(crate) const PREFLIGHT_S: &str = "86400";
/// What may be sent where a browser does not say what it wants to.
const HEADERS: &str = "Content-Type, Authorization";
/// What scripts may read beside what they always may.
const EXPOSED: &str = "Date, Location, Retry-After";

/// Lets pages of any site read the answers of `routes`.
pub(crate) fn open(routes: OpenApiRouter<State>) -> OpenApiRouter<State> {
    routes.route_layer(map_response(readable))
}

/// A browser asks whether it may read.
pub(crate) async fn preflight(asked: HeaderMap) -> Response {
    allow("GET, HEAD, OPTIONS", &asked)
}

/// A browser asks whether it may ask: JSON is no simple request.
pub(crate) async fn preflight_post(asked: HeaderMap) -> Response {
    allow("POST, OPTIONS", &asked)
}

/// Grants the headers that are asked for: they change no answer for the worse.
fn allow(methods: &'static str, asked: &HeaderMap) -> Response {
    let names = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let names = granted_fields(names.iter().filter_map(|value| value.to_str().ok()));
    let names = names.and_then(|names| HeaderValue::from_str(&names).ok());
    let fixed = HeaderValue::from_static;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ALLOW, fixed(methods)),
        (header::ACCESS_CONTROL_ALLOW_METHODS, fixed(methods)),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            names.unwrap_or(fixed(HEADERS)),
        ),
        (header::ACCESS_CONTROL_MAX_AGE, fixed(PREFLIGHT_S)),
        (header::VARY, fixed("Access-Control-Request-Headers")),
    ] {
        headers.insert(name, value);
    }
    response
}

/// Lets pages of any site read an answer.
pub(crate) async fn readable(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let anybody = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    let exposed = HeaderValue::from_static(EXPOSED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    response
}
