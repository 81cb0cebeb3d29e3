//! Pages of lists: `?limit=` and `?after=`, where `after` is what the page before called `next`.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;
use weir_base::Code;

use super::QueryParts;
use crate::refused::Refused;

/// Things on one page at most.
const MAX_LIMIT: usize = 200;
/// Bytes of a cursor: base64 of the longest id that is a stream's whole name.
const MAX_CURSOR_BYTES: usize = 1024;

/// Which part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    limit: Option<usize>,
    /// What the list is sorted by, of the last thing on the page before.
    after: Option<String>,
}

/// How it is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct PageParams {
    /// Things on the page.
    #[param(minimum = 1, maximum = 200, required = false, nullable = false)]
    limit: Option<usize>,
    /// `next` of the page before; none for the first page.
    #[param(max_length = 1024, required = false, nullable = false)]
    after: Option<String>,
}

impl Page {
    /// All of a list.
    pub(crate) const fn whole() -> Self {
        Self {
            limit: None,
            after: None,
        }
    }

    /// How many there are on it; `default` when nobody says.
    pub(crate) fn limit(&self, default: u32) -> u32 {
        let limit = self.limit.and_then(|limit| u32::try_from(limit).ok());
        limit.unwrap_or(default)
    }

    /// What it is behind of: the key of the last thing on the page before.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// This page of things that were read in order from behind `after`, one more than `limit` if there are, and
    /// `next`: the `key` of the last one.
    pub(crate) fn full<T>(
        things: Vec<T>,
        limit: u32,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let (things, last) = at_most(things, limit, key);
        (things, last.map(|key| URL_SAFE_NO_PAD.encode(key)))
    }

    /// This page of things that are known by a key each, sorted by it, and `next` where there is more. `default` is
    /// how many there are on it when nobody says.
    pub(crate) fn cut<T>(
        &self,
        mut things: Vec<(String, T)>,
        default: usize,
    ) -> (Vec<(String, T)>, Option<String>) {
        if let Some(after) = &self.after {
            things.retain(|(key, _)| key > after);
        }
        things.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let limit = u32::try_from(self.limit.unwrap_or(default)).unwrap_or(u32::MAX);
        Self::full(things, limit, |(key, _)| key.clone())
    }
}

/// The first `limit` of these things, and the `key` of the last one where there are more.
pub(crate) fn at_most<T>(
    mut things: Vec<T>,
    limit: u32,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = things.len() > limit;
    things.truncate(limit);
    let last = things.last().filter(|_| more).map(key);
    (things, last)
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let QueryParts(asked) = QueryParts::<PageParams>::from_request_parts(parts, state).await?;
        read(asked)
    }
}

fn read(asked: PageParams) -> Result<Page, Refused> {
    let limit = asked.limit;
    if limit.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
        let words = format!("a page has from 1 to {MAX_LIMIT} things");
        return Err(Refused::field(Code::BadRequest, "limit", words));
    }
    let after = asked.after.as_deref().map(key).transpose()?;
    Ok(Page { limit, after })
}

fn key(cursor: &str) -> Result<String, Refused> {
    let bytes = (cursor.len() <= MAX_CURSOR_BYTES)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            let words = "this is not what a page before called `next`";
            Refused::field(Code::BadRequest, "after", words)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(limit: Option<usize>, after: Option<&str>) -> Result<Page, Refused> {
        read(PageParams {
            limit,
            after: after.map(str::to_owned),
        })
    }

    #[test]
    fn pages_go_through_a_list_once() {
        let all = || {
            [3, 1, 4, 2, 5]
                .map(|n| (format!("live/直播{n}"), n))
                .to_vec()
        };
        let (mut seen, mut next) = (Vec::new(), None);
        loop {
            let page = asked(Some(2), next.as_deref()).unwrap();
            let (things, more) = page.cut(all(), 50);
            seen.extend(things.into_iter().map(|(_, n)| n));
            next = more;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        let (things, more) = asked(None, None).unwrap().cut(all(), 4);
        assert_eq!((things.len(), more.is_some()), (4, true));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (limit, after) in [
            (Some(0), None),
            (Some(201), None),
            (None, Some("!")),
            (None, Some("_w")),
        ] {
            let refused = asked(limit, after).unwrap_err();
            assert_eq!(refused.code(), Code::BadRequest, "{limit:?} {after:?}");
        }
    }

    proptest! {
        #[test]
        fn any_key_comes_back_and_no_cursor_panics(text in ".{0,80}") {
            let _ = key(&text);
            prop_assert_eq!(key(&URL_SAFE_NO_PAD.encode(&text)).unwrap(), text);
        }
    }
}
