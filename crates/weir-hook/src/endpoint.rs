//! What an endpoint may be: checked before it is stored.

use weir_link::url::HttpUrl;

use crate::dialect::Dialect;

/// Bytes of an endpoint's URL.
const MAX_URL_BYTES: usize = 2_048;
/// Types of events that one endpoint lists.
const MAX_TYPES: usize = 64;
/// Bytes of a type's name.
const MAX_TYPE_BYTES: usize = 64;
/// Bytes of an app's name.
const MAX_APP_BYTES: usize = 255;

/// An endpoint's fields, as somebody gives them.
#[derive(Debug, Clone, Copy)]
pub struct HookFields<'a> {
    /// Of this app's streams alone; empty for all.
    pub app: &'a str,
    /// Where it is told.
    pub url: &'a str,
    /// The types of events; empty for all.
    pub types: &'a [String],
    /// `standard`, `srs` or `tencent`.
    pub dialect: &'a str,
}

/// A field that makes no sense, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {words}")]
pub struct HookFault {
    /// Which field.
    pub field: &'static str,
    /// What is wrong with it.
    pub words: String,
}

impl HookFields<'_> {
    /// Refuses what could never be told.
    ///
    /// # Errors
    /// The first field that makes no sense.
    pub fn check(&self) -> Result<(), HookFault> {
        let fault = |field, words: &str| {
            Err(HookFault {
                field,
                words: words.to_owned(),
            })
        };
        if self.url.len() > MAX_URL_BYTES {
            return fault("url", "is longer than 2048 bytes");
        }
        let is_web = self.url.starts_with("http://") || self.url.starts_with("https://");
        if !is_web || HttpUrl::parse(self.url).is_err() {
            return fault("url", "is no http:// or https:// URL");
        }
        let authority = self.url.split("//").nth(1).unwrap_or_default();
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return fault(
                "url",
                "must not hold a user's name or password: receivers check signatures",
            );
        }
        if Dialect::from_name(self.dialect).is_none() {
            return fault("dialect", "is one of standard, srs and tencent");
        }
        if self.app.len() > MAX_APP_BYTES {
            return fault("app", "is longer than 255 bytes");
        }
        let is_type = |kind: &String| {
            (1..=MAX_TYPE_BYTES).contains(&kind.len())
                && kind
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte))
        };
        if self.types.len() > MAX_TYPES || !self.types.iter().all(is_type) {
            return fault("types", "are at most 64 names such as stream.started");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(url: &str, dialect: &str, types: &[&str]) -> Option<&'static str> {
        let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
        let fields = HookFields {
            app: "live",
            url,
            types: &types,
            dialect,
        };
        fields.check().err().map(|fault| fault.field)
    }

    #[test]
    fn what_could_never_be_told_is_refused() {
        let good = "https://example.net/hook?a=b";
        assert_eq!(fault(good, "standard", &["stream.ended"]), None);
        for url in [
            "",
            "ftp://a/",
            "ws://a/",
            "https://",
            "https://u:p@a/",
            "/x",
            "http://a:99999/",
        ] {
            assert_eq!(fault(url, "srs", &[]), Some("url"), "{url}");
        }
        assert_eq!(fault(good, "alibaba", &[]), Some("dialect"));
        assert_eq!(fault(good, "srs", &["Stream Ended"]), Some("types"));
    }
}
