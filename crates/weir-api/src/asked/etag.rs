//! Entity tags: an answer that is not sent twice, and a change that is made to what was read (RFC 9110 §13).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};
use weir_base::Code;
use weir_base::http_field::names_tag;

use crate::refused::Refused;

/// Bytes of the digest that are kept: two versions of one thing are never this much alike.
const TAG_BYTES: usize = 12;

/// What names one version of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Etag(HeaderValue);

impl Etag {
    /// Of what a thing consists of: its bytes, or its id and version.
    pub(crate) fn of(bytes: impl AsRef<[u8]>) -> Self {
        let digest = Sha256::digest(bytes);
        let hex: String = digest
            .iter()
            .take(TAG_BYTES)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let tag = HeaderValue::from_str(&format!("\"{hex}\""));
        Self(tag.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
    }

    /// The whole answer, or 304 where whoever asks has this version.
    pub(crate) fn answer(&self, asked: &HeaderMap, body: impl IntoResponse) -> Response {
        let known = names(asked, header::IF_NONE_MATCH, self, true).unwrap_or(false);
        if known {
            self.on(StatusCode::NOT_MODIFIED)
        } else {
            self.on(body)
        }
    }

    /// An answer that tells which version it is.
    pub(crate) fn on(&self, body: impl IntoResponse) -> Response {
        let mut response = body.into_response();
        response.headers_mut().insert(header::ETAG, self.0.clone());
        response
    }

    /// Whether a change may be made: it is meant for this version, or says nothing of versions.
    ///
    /// # Errors
    /// 6006 where it is meant for another.
    pub(crate) fn admits(&self, asked: &HeaderMap) -> Result<(), Refused> {
        if names(asked, header::IF_MATCH, self, false).unwrap_or(true) {
            return Ok(());
        }
        let now = self.0.to_str().unwrap_or_default();
        let words = format!("If-Match names another version; the one that is here is {now}");
        Err(Refused::new(Code::PreconditionFailed, words))
    }
}

/// Whether a field names the tag; none where the field is not there.
fn names(asked: &HeaderMap, field: HeaderName, tag: &Etag, weakly: bool) -> Option<bool> {
    if !asked.contains_key(&field) {
        return None;
    }
    let lines = asked.get_all(field).iter();
    let lines = lines.filter_map(|value| value.to_str().ok());
    Some(names_tag(lines, tag.0.to_str().ok()?, weakly))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(field: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(field, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_version_that_is_known_is_not_sent_again() {
        let (old, new) = (Etag::of("a"), Etag::of("b"));
        let of = |tag: &Etag| tag.0.to_str().unwrap().to_owned();
        let known = asked(header::IF_NONE_MATCH, &format!("W/{}", of(&new)));
        assert_eq!(new.answer(&known, "b").status(), StatusCode::NOT_MODIFIED);
        let outdated = asked(header::IF_NONE_MATCH, &of(&old));
        let answer = new.answer(&outdated, "b");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::ETAG], of(&new).as_str());
    }

    #[test]
    fn a_change_is_made_to_the_version_it_was_meant_for() {
        let (old, new) = (Etag::of("a"), Etag::of("b"));
        let tag = |tag: &Etag| tag.0.to_str().unwrap().to_owned();
        assert!(new.admits(&HeaderMap::new()).is_ok());
        assert!(new.admits(&asked(header::IF_MATCH, "*")).is_ok());
        assert!(new.admits(&asked(header::IF_MATCH, &tag(&new))).is_ok());
        for other in [tag(&old), format!("W/{}", tag(&new)), String::new()] {
            let refused = new.admits(&asked(header::IF_MATCH, &other)).unwrap_err();
            assert_eq!(refused.code(), Code::PreconditionFailed, "{other}");
        }
    }
}
