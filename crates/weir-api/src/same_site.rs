//! A browser sends the cookie with whatever any page has it ask for. So what changes something and is known by
//! the cookie alone has to come from a page of this site.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, header};
use weir_base::Code;

use crate::caller::{Caller, Means, cookie};
use crate::refused::Refused;

/// What a browser says of where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a change that is made with the cookie from elsewhere.
///
/// # Errors
/// 6013.
pub(crate) fn check(caller: &Caller, head: &Parts) -> Result<(), Refused> {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method);
    if reads || caller.means != Means::Cookie {
        return Ok(());
    }
    must_be_own(head)
}

/// Refuses what does not come from a page of this site.
///
/// # Errors
/// 6013.
pub(crate) fn must_be_own(head: &Parts) -> Result<(), Refused> {
    if is_own(head) {
        return Ok(());
    }
    let words =
        "a change by the cookie has to come from this site's own pages: send Origin, or a token";
    Err(Refused::new(Code::CrossSite, words))
}

/// Whether a page of this very site asks. A browser that says neither word is not believed.
fn is_own(head: &Parts) -> bool {
    let authority = head.uri.authority().map(|name| name.as_str());
    is_own_page(&head.headers, authority)
}

/// The session's cookie in a request that a page of this very site makes, such as for a WebSocket: any page can have
/// a browser send it.
pub fn cookie_of_own_page(headers: &HeaderMap, authority: Option<&str>) -> Option<String> {
    cookie(headers).filter(|_| is_own_page(headers, authority))
}

fn is_own_page(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().ok());
    let (site, origin) = (text(FETCH_SITE), text(header::ORIGIN));
    let same_site = site.map(|site| matches!(site, Some("same-origin" | "none")));
    let same_origin = origin.map(|origin| {
        let host = host(headers, authority);
        host.is_some_and(|host| origin.and_then(of_origin) == Some(host))
    });
    // Each word that is said has to be right.
    match (same_site, same_origin) {
        (None, None) => false,
        (site, origin) => site.unwrap_or(true) && origin.unwrap_or(true),
    }
}

/// Host and port that a request was sent to, without the port that goes without saying.
fn host(headers: &HeaderMap, authority: Option<&str>) -> Option<String> {
    let said = authority.or_else(|| headers.get(header::HOST)?.to_str().ok());
    Some(without_usual_port(said?))
}

/// The same of `scheme://host:port`; a page without an origin says `null`.
fn of_origin(origin: &str) -> Option<String> {
    let (scheme, rest) = origin.split_once("://")?;
    matches!(scheme, "http" | "https").then(|| without_usual_port(rest))
}

fn without_usual_port(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let bare = host.strip_suffix(":443").or(host.strip_suffix(":80"));
    bare.unwrap_or(&host).to_owned()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use weir_account::AccountRole;

    fn asks(means: Means, method: Method, fields: &[(&str, &str)]) -> Result<(), Code> {
        let mut request = Request::builder().method(method).uri("/api/v1/x");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let caller = Caller {
            account: None,
            session: None,
            name: "a".into(),
            means,
            rights: AccountRole::Viewer.rights(),
        };
        let (head, ()) = request.body(()).unwrap().into_parts();
        check(&caller, &head).map_err(|refused| refused.code())
    }

    #[test]
    fn a_change_by_the_cookie_comes_from_the_sites_own_pages() {
        let host = ("host", "live.example:8080");
        for (fields, is_own) in [
            (vec![host, ("origin", "http://live.example:8080")], true),
            (vec![host, ("origin", "https://LIVE.example:8080")], true),
            (
                vec![
                    ("host", "live.example"),
                    ("origin", "https://live.example:443"),
                ],
                true,
            ),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "none")], true),
            (vec![host], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "http://live.example")], false),
            (vec![host, ("origin", "http://evil.example:8080")], false),
            (
                vec![host, ("origin", "http://live.example:8080.evil.example")],
                false,
            ),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (
                vec![
                    host,
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://live.example:8080"),
                ],
                false,
            ),
        ] {
            let want = if is_own { Ok(()) } else { Err(Code::CrossSite) };
            assert_eq!(
                asks(Means::Cookie, Method::POST, &fields),
                want,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn reading_and_tokens_may_come_from_anywhere() {
        let elsewhere = [("host", "live.example"), ("origin", "http://evil.example")];
        assert_eq!(asks(Means::Cookie, Method::GET, &elsewhere), Ok(()));
        for means in [Means::Token, Means::ApiKey, Means::AdminToken, Means::Node] {
            assert_eq!(asks(means, Method::DELETE, &elsewhere), Ok(()));
        }
    }
}
