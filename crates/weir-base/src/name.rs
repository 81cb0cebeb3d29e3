//! The full name of a stream: vhost, app (several levels) and stream.

use std::fmt;
use std::sync::Arc;

use crate::urls::{HLS_PIECES, HLS_PLAYLISTS, OWN_LEVELS};
use crate::{Code, Refusal};

/// Bytes of one part of a name.
pub const MAX_NAME_BYTES: usize = 255;
/// Characters of no name: they end a URL's path, or have a meaning in it or around it.
const NOT_IN_A_PATH: &[char] = &['/', '\\', '?', '#', '"', '<', '>', '%', '\u{fffd}'];
/// Levels of an app.
const MAX_APP_LEVELS: usize = 8;
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
        let vhosts = (!vhost.is_empty()).then_some(vhost);
        for part in levels.chain([stream]).chain(vhosts) {
            check_part(part)?;
        }
        if app.len() > MAX_NAME_BYTES {
            return Err(Refusal::new(Code::NotFound, "the app is too long"));
        }
        let first = app.split('/').next().unwrap_or_default();
        if OWN_LEVELS.contains(&first) {
            return Err(Refusal::new(
                Code::AppDisabled,
                format!("the app name {first:?} is weir's own: choose another"),
            ));
        }
        let playlist = format!("{stream}.m3u8");
        if HLS_PLAYLISTS.contains(&playlist.as_str()) {
            return Err(Refusal::new(
                Code::AppDisabled,
                format!("the stream name {stream:?} is that of an HLS file: choose another"),
            ));
        }
        if HLS_PIECES.iter().any(|begin| stream.starts_with(begin)) {
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
        OWN_LEVELS.contains(&first_level)
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

/// What a vhost, one level of an app, and a stream may be called, on every protocol.
///
/// # Errors
/// 3001: it is empty or too long, it leads elsewhere, or it has a character that cannot stand in a
/// URL's path (U+FFFD among them: it is what bytes that are no text were read as).
pub fn check_part(part: &str) -> Result<(), Refusal> {
    let is_wrong = |c: char| c.is_control() || NOT_IN_A_PATH.contains(&c);
    let wrong = if part.is_empty() {
        "a vhost, app or stream name is empty"
    } else if part.len() > MAX_NAME_BYTES {
        "a vhost, app or stream name is too long"
    } else if part == "." || part.contains("..") {
        "a vhost, app or stream name has dots that lead elsewhere"
    } else if part.contains(is_wrong) {
        "a vhost, app or stream name has a character that cannot stand in a URL path"
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
            ("live", "a%2Fb"),
            ("live", "\u{fffd}"),
        ] {
            let refused = StreamName::new("", app, stream).unwrap_err();
            assert_eq!(refused.code, Code::NotFound, "{app}/{stream}");
        }
        for vhost in ["a/b", "..", "a\n", "a?b"] {
            let refused = StreamName::new(vhost, "live", "x").unwrap_err();
            assert_eq!(refused.code, Code::NotFound, "{vhost}");
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
