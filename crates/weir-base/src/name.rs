//! The full name of a stream: vhost, app (several levels) and stream.

use std::fmt;
use std::sync::Arc;

use crate::{Code, Refusal};

/// Bytes of one part of a name.
pub const MAX_NAME_BYTES: usize = 255;
/// Levels of an app.
const MAX_APP_LEVELS: usize = 8;
/// First levels that weir's own pages and interfaces use.
const RESERVED_APPS: &[&str] = &[
    "api", "assets", "watch", "embed", "studio", "console", "login", "slsp", "go", "metrics",
    "livez", "readyz", "docs", "cluster", "relay",
];
/// Names whose playlists would be taken for a file of another stream's HLS.
const RESERVED_STREAMS: &[&str] = &["hls", "ts", "video", "audio"];
/// Last parts that belong to a stream's own HLS files.
const RESERVED_STREAM_PREFIXES: &[&str] = &["init-", "seg-", "part-", "key-"];

/// A stream's full name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<Parts>);

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    vhost: Box<str>,
    app: Box<str>,
    stream: Box<str>,
}

impl StreamName {
    /// Checks the parts and joins them. `vhost` is empty for the default one.
    ///
    /// # Errors
    /// 3001 for names nobody could mean, 2002 for names weir keeps for itself.
    pub fn new(vhost: &str, app: &str, stream: &str) -> Result<Self, Refusal> {
        let levels = app.split('/');
        if levels.clone().count() > MAX_APP_LEVELS {
            return Err(Refusal::new(Code::NotFound, "the app has too many levels"));
        }
        for part in levels.chain([stream]) {
            check_part(part)?;
        }
        if app.len() > MAX_NAME_BYTES
            || vhost.len() > MAX_NAME_BYTES
            || vhost.contains(['/', '?', '#'])
        {
            return Err(Refusal::new(Code::NotFound, "the name is too long"));
        }
        let first = app.split('/').next().unwrap_or_default();
        if RESERVED_APPS.contains(&first) {
            return Err(Refusal::new(
                Code::AppDisabled,
                format!("the app name {first:?} is weir's own: choose another"),
            ));
        }
        if RESERVED_STREAMS.contains(&stream) {
            return Err(Refusal::new(
                Code::AppDisabled,
                format!("the stream name {stream:?} is that of an HLS file: choose another"),
            ));
        }
        if RESERVED_STREAM_PREFIXES
            .iter()
            .any(|prefix| stream.starts_with(prefix))
        {
            return Err(Refusal::new(
                Code::AppDisabled,
                "stream names that begin like HLS files are weir's own",
            ));
        }
        Ok(Self(Arc::new(Parts {
            vhost: vhost.into(),
            app: app.into(),
            stream: stream.into(),
        })))
    }

    /// Whether a path that begins with this level is weir's own, whatever its ending.
    pub fn is_reserved(first_level: &str) -> bool {
        RESERVED_APPS.contains(&first_level)
    }

    /// Virtual host; empty for the default one.
    pub fn vhost(&self) -> &str {
        &self.0.vhost
    }

    /// App, all levels.
    pub fn app(&self) -> &str {
        &self.0.app
    }

    /// Stream name.
    pub fn stream(&self) -> &str {
        &self.0.stream
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.vhost.is_empty() {
            write!(f, "{}:", self.0.vhost)?;
        }
        write!(f, "{}/{}", self.0.app, self.0.stream)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn check_part(part: &str) -> Result<(), Refusal> {
    let wrong = if part.is_empty() {
        "an app or stream name is empty"
    } else if part.len() > MAX_NAME_BYTES {
        "an app or stream name is too long"
    } else if part == "." || part == ".." || part.contains("..") {
        "an app or stream name has dots that lead elsewhere"
    } else if part
        .chars()
        .any(|c| c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '"' | '<' | '>' | '%'))
    {
        "an app or stream name has a character that cannot stand in a URL path"
    } else {
        return Ok(());
    };
    Err(Refusal::new(Code::NotFound, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_several_app_levels() {
        let key = StreamName::new("", "a/b", "c").unwrap();
        assert_eq!(
            (key.app(), key.stream(), key.to_string().as_str()),
            ("a/b", "c", "a/b/c")
        );
        assert_eq!(StreamName::new("v", "a", "c").unwrap().to_string(), "v:a/c");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for (app, stream) in [
            ("", "x"),
            ("live", ""),
            ("a//b", "x"),
            ("live", ".."),
            ("live", "a\nb"),
            ("live", "a/b"),
        ] {
            assert!(StreamName::new("", app, stream).is_err(), "{app}/{stream}");
        }
        for own in ["api", "cluster", "relay"] {
            assert_eq!(
                StreamName::new("", own, "x").unwrap_err().code,
                Code::AppDisabled
            );
        }
        assert_eq!(
            StreamName::new("", "live", "seg-1").unwrap_err().code,
            Code::AppDisabled
        );
    }
}
