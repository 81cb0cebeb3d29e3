//! Public pages as answers: from memory, in the language and the coding that somebody wishes for.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use weir_base::http_field::{accepts_coding, is_host, names_tag};
use weir_base::{Tongue, prefer};
use weir_site::{Chosen, Coding, Document, Found, Site, Target};
use weir_store::channels::ListedBy;

use crate::embedded::EmbeddedFile;
use crate::limiter::{self, RateClass, Who};
use crate::pages::with_pictures;
use crate::refused::Refused;
use crate::state::State;

/// Where a search is asked for by a form.
const SEARCH: &str = "/search";
/// Channels that a search shows.
const FOUND: u32 = 50;
/// Characters of a search that are looked at.
const MAX_SEARCH_CHARS: usize = 200;
/// Pages run the scripts of this site, which may talk to streams anywhere; nothing inline.
const POLICY: &str = "default-src 'self'; media-src 'self' blob: *; worker-src 'self' blob:; \
                                 connect-src *; img-src 'self' data: blob:; object-src 'none'; \
                                 form-action 'self'; base-uri 'self'; frame-ancestors 'self'";
/// For browsers: asked each time, and not sent again.
const CACHING: &str = "public, no-cache";
/// For caches in front (RFC 9213): they may be asked a million times, and ask once in a second; while nobody answers
/// them they go on with what they have.
const CACHING_IN_FRONT: &str = "public, max-age=1, stale-while-revalidate=1, stale-if-error=86400";
const FOR_CACHES_IN_FRONT: HeaderName = HeaderName::from_static("cdn-cache-control");
const KEYS: HeaderName = HeaderName::from_static("surrogate-key");
/// Headers of an answer, and room for those of the connection.
const MOST_HEADERS: usize = 16;

/// The pages that are in memory, for whoever asks for one and for nothing else: most of a crowd. It answers as the
/// routes do, without their way.
#[derive(Clone)]
pub struct PublicPages(State);

impl PublicPages {
    pub(crate) fn new(state: State) -> Self {
        Self(state)
    }

    /// The page that a request without a body asks for; none where the routes have to look.
    pub fn at_once(&self, head: &Parts) -> Option<http::Response<Bytes>> {
        let is_read = head.method == Method::GET || head.method == Method::HEAD;
        // What a script of another site may read is for the routes to say.
        if !is_read || head.headers.contains_key(header::ORIGIN) {
            return None;
        }
        let path = head.uri.path().trim_start_matches('/');
        if EmbeddedFile::embedded(path).is_some() {
            return None;
        }
        in_memory(&self.0, &head.uri, &head.headers)
    }
}

/// The page at the path of a request; none where the site has no such page.
pub(crate) async fn answer(
    state: &State,
    uri: &Uri,
    headers: &HeaderMap,
    from: &Extensions,
) -> Option<Response> {
    if uri.path() != SEARCH {
        let response = in_memory(state, uri, headers)?;
        return Some(response.map(Body::from));
    }
    let site = state.site.as_ref()?.site()?;
    let words = query(uri, "q").unwrap_or_default();
    let chosen = chosen(uri, headers);
    let found = search(state, site, (headers, from), chosen, &words).await;
    Some(found.unwrap_or_else(IntoResponse::into_response))
}

fn in_memory(state: &State, uri: &Uri, headers: &HeaderMap) -> Option<http::Response<Bytes>> {
    let target = Target::of(uri.path())?;
    let site = state.site.as_ref()?.site()?;
    let chosen = chosen(uri, headers);
    let is_for_people = target.is_for_people();
    let document = site.document(target, chosen, &origin(headers))?;
    let chosen = is_for_people.then_some(chosen);
    Some(sent(state, &document, headers, chosen))
}

fn chosen(uri: &Uri, headers: &HeaderMap) -> Chosen {
    let wished = joined(headers, header::ACCEPT_LANGUAGE);
    Chosen::of(query(uri, "lang").as_deref(), Tongue::of(&wished))
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    let found = pairs.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// The policy of public pages, whose pictures are there.
fn policy(pictures: Option<&str>) -> HeaderValue {
    let policy = with_pictures(POLICY, pictures);
    // A place that no header takes is none of a picture.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(POLICY))
}

/// Whether a path is a channel's, which may be there for its owner alone.
pub(crate) fn is_channel(path: &str) -> bool {
    matches!(Target::of(path), Some(Target::Channel(_)))
}

/// The scheme and host that somebody asked for; nothing where it is no host.
fn origin(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match host {
        Some(host) if !host.is_empty() && is_host(host) => format!("http://{host}"),
        _ => String::new(),
    }
}

async fn search(
    state: &State,
    site: &Site,
    (headers, from): (&HeaderMap, &Extensions),
    chosen: Chosen,
    words: &str,
) -> Result<Response, Refused> {
    limiter::take(state, RateClass::Read, Who::of(from))?;
    let words: String = words.chars().take(MAX_SEARCH_CHARS).collect();
    let by = ListedBy {
        search: &words,
        ..ListedBy::default()
    };
    let found = match state.store()?.channels().listed(&by, None, FOUND).await {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!("a search was answered with what is live: {error}");
            None
        }
    };
    let found: Option<Vec<Found>> = found.map(|cards| {
        let shown = |card: weir_store::channels::ChannelCard| Found {
            name: card.name,
            title: card.title,
            category: card.category,
        };
        cards.into_iter().map(shown).collect()
    });
    let document = Arc::new(site.search(chosen, &words, found.as_deref()));
    let mut response = sent(state, &document, headers, Some(chosen)).map(Body::from);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().remove(FOR_CACHES_IN_FRONT);
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

/// A document to somebody who sent these headers. `chosen`: it is for people, in this language.
fn sent(
    state: &State,
    document: &Document,
    asked: &HeaderMap,
    chosen: Option<Chosen>,
) -> http::Response<Bytes> {
    let takes = joined(asked, header::ACCEPT_ENCODING);
    let coding = [Coding::Brotli, Coding::Gzip].into_iter().find(|coding| {
        coding
            .name()
            .is_some_and(|name| accepts_coding([&*takes], name))
    });
    let coding = coding.unwrap_or(Coding::Plain);
    let tag = document.tag(coding);
    let is_known = names_tag([&*joined(asked, header::IF_NONE_MATCH)], &tag, true);
    let mut response = http::Response::new(Bytes::new());
    let fixed = HeaderValue::from_static;
    let headers = response.headers_mut();
    headers.reserve(MOST_HEADERS);
    let vary = match chosen {
        Some(chosen) if !chosen.is_said => "Accept-Encoding, Accept-Language",
        _ => "Accept-Encoding",
    };
    headers.insert(header::VARY, fixed(vary));
    headers.insert(header::CACHE_CONTROL, fixed(CACHING));
    headers.insert(FOR_CACHES_IN_FRONT, fixed(CACHING_IN_FRONT));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    for (name, value) in [(header::ETAG, &*tag), (KEYS, document.keys())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, fixed(document.media_type()));
    headers.insert(header::REFERRER_POLICY, fixed("same-origin"));
    if let Some(coding) = coding.name() {
        headers.insert(header::CONTENT_ENCODING, fixed(coding));
    }
    if let Some(chosen) = chosen {
        headers.insert(header::CONTENT_LANGUAGE, fixed(chosen.tag()));
    }
    let policy = state.page_policy(|| policy(state.addresses.pictures.as_deref()));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    *response.body_mut() = document.bytes(coding);
    response
}

fn joined(headers: &HeaderMap, name: HeaderName) -> String {
    prefer::joined(headers.get_all(name).iter().map(HeaderValue::as_bytes))
}
