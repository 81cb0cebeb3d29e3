//! The player and the publisher for pages of any site: `/sdk/player.js` and its like, the files of the packages
//! as they are published. `/sdk/{release}/player.js` is one release for ever.

use axum::Router;
use axum::extract::Path;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use weir_base::Code;

use crate::any_site;
use crate::embedded::{Caching, EmbeddedFile};
use crate::refused::Refused;
use crate::state::State;

/// Pages that isolate themselves load only what says that it may be loaded.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Names the release and its files; the front-end build writes it.
const INDEX: &str = "index.json";

#[derive(Deserialize)]
struct Index {
    release: String,
}

/// What a path under `/sdk/` leads to.
#[derive(Debug, PartialEq, Eq)]
enum Edition<'a> {
    /// The file as it is now.
    Present(&'a str),
    /// The same, by the name of the release it is of.
    Fixed(&'a str),
    /// A file of a release that is not here: what is now is better than nothing.
    Superseded(&'a str),
}

/// What pages of other sites load, which may read it.
pub(crate) fn routes() -> Router<State> {
    let methods = get(file).options(any_site::preflight);
    Router::new()
        .route("/sdk/{*path}", methods)
        .route_layer(map_response(any_site::readable))
}

/// A file of the packages.
async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some((file, edition)) = find(&path) else {
        return nothing(&path);
    };
    let mut response = match edition {
        Edition::Present(_) => file.answer(Caching::Asked, &headers),
        Edition::Fixed(_) => file.answer(Caching::Forever, &headers),
        Edition::Superseded(name) => superseded(name),
    };
    let anywhere = HeaderValue::from_static("cross-origin");
    response.headers_mut().insert(RESOURCE_POLICY, anywhere);
    response
}

fn find(path: &str) -> Option<(EmbeddedFile, Edition<'_>)> {
    let edition = edition(path, || {
        let index = EmbeddedFile::embedded(&format!("sdk/{INDEX}"))?;
        let index: Index = serde_json::from_slice(index.bytes()).ok()?;
        Some(index.release)
    })?;
    let (Edition::Present(name) | Edition::Fixed(name) | Edition::Superseded(name)) = edition;
    Some((EmbeddedFile::embedded(&format!("sdk/{name}"))?, edition))
}

fn edition(path: &str, release: impl FnOnce() -> Option<String>) -> Option<Edition<'_>> {
    if path.contains("..") {
        return None;
    }
    let Some((named, file)) = path.split_once('/') else {
        return Some(Edition::Present(path));
    };
    let is_release = named.starts_with(|first: char| first.is_ascii_digit());
    if !is_release || file.contains('/') {
        return None;
    }
    if release().is_some_and(|release| release == named) {
        Some(Edition::Fixed(file))
    } else {
        Some(Edition::Superseded(file))
    }
}

fn superseded(name: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(&format!("/sdk/{name}")) else {
        return nothing(name);
    };
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    let asked = HeaderValue::from_static("no-cache");
    headers.insert(header::CACHE_CONTROL, asked);
    response
}

fn nothing(path: &str) -> Response {
    let words = format!("/sdk/ has no {path}; /sdk/{INDEX} names what it has");
    Refused::new(Code::NotFound, words).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_fixed_while_it_is_here_and_leads_to_the_present_one_later() {
        let at = |path| edition(path, || Some("1.2.0-abc".to_owned()));
        assert_eq!(at("player.js"), Some(Edition::Present("player.js")));
        assert_eq!(at("1.2.0-abc/player.js"), Some(Edition::Fixed("player.js")));
        let old = Some(Edition::Superseded("player.js"));
        assert_eq!(at("1.1.0-fff/player.js"), old);
        assert_eq!(edition("1.2.0-abc/player.js", || None), old);
    }

    #[test]
    fn a_path_that_names_no_release_leads_nowhere() {
        let at = |path| edition(path, || Some("1.2.0-abc".to_owned()));
        for path in [
            "types/api.d.ts",
            "1.2.0-abc/a/b.js",
            "/player.js",
            "..",
            "1.2.0-abc/..",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }
}
