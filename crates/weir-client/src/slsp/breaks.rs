//! What the end of a connection means for its session, and where it may go on.

use anyhow::{Context, bail};
use weir_base::urls::SplitUrl;
use weir_link::url::HttpUrl;
use weir_proto::slsp::SlspError;

use crate::refusal::Refused;

/// First and longest pause between two attempts to resume; the first attempt is made at once.
const PAUSE_MS: (u64, u64) = (250, 1000);

/// A session whose connection broke.
pub(super) struct Broken {
    until_ms: u64,
    pause_ms: u64,
}

impl Broken {
    /// One that is given up at this time.
    pub(super) const fn new(until_ms: u64) -> Self {
        Self {
            until_ms,
            pause_ms: 0,
        }
    }

    /// When to try next; `None` when it is to be given up.
    pub(super) fn next_attempt(&mut self, now_ms: u64) -> Option<u64> {
        if now_ms >= self.until_ms {
            return None;
        }
        let at_ms = now_ms + self.pause_ms;
        self.pause_ms = (self.pause_ms * 2).clamp(PAUSE_MS.0, PAUSE_MS.1);
        Some(at_ms)
    }
}

/// Whether the session may outlive what ended the connection, or an attempt to make one.
pub(super) fn may_resume(error: &anyhow::Error, is_resuming: bool) -> bool {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return refused.may_resume(is_resuming);
    }
    error.downcast_ref::<SlspError>().is_none() && error.downcast_ref::<Final>().is_none()
}

/// The end of a session, though not by a code of the registry.
#[derive(Debug, thiserror::Error)]
pub(super) enum Final {
    /// A normal close that we did not ask for.
    #[error("the server ended the stream")]
    Ended,
    /// A redirect that is not followed.
    #[error("the server sends us to {0}, where this publisher does not go")]
    BadPlace(String),
}

/// Where a redirect leads, with our query if it has none. From TLS it leads to TLS only.
pub(super) fn elsewhere(here: &HttpUrl, place: &str) -> anyhow::Result<HttpUrl> {
    let scheme = SplitUrl::new(place).map_or("", |split| split.scheme);
    let is_fit = match scheme.to_ascii_lowercase().as_str() {
        "wss" => true,
        "ws" => !here.tls,
        _ => false,
    };
    if !is_fit {
        bail!(Final::BadPlace(place.to_owned()));
    }
    let there = HttpUrl::parse(place).with_context(|| Final::BadPlace(place.to_owned()))?;
    Ok(match here.path.split_once('?') {
        Some((_, query)) if !there.path.contains('?') => there.with_query(query),
        _ => there,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_made_at_once_and_then_ever_less_often_until_it_is_given_up() {
        let mut broken = Broken::new(5000);
        let (mut now_ms, mut attempts) = (1000, Vec::new());
        while let Some(at_ms) = broken.next_attempt(now_ms) {
            attempts.push(at_ms);
            now_ms = at_ms;
        }
        assert_eq!(attempts, [1000, 1250, 1750, 2750, 3750, 4750, 5750]);
    }

    #[test]
    fn a_redirect_out_of_tls_is_not_followed() {
        let here = HttpUrl::parse("wss://h/slsp/live/a?key=1").unwrap();
        let to = |place| elsewhere(&here, place).map(|url| url.to_string());
        assert_eq!(
            to("wss://o/slsp/live/a").unwrap(),
            "https://o/slsp/live/a?key=1"
        );
        assert_eq!(to("wss://o/slsp/b/a?x").unwrap(), "https://o/slsp/b/a?x");
        for place in ["ws://o/slsp/live/a", "https://o/slsp/live/a", "o"] {
            assert!(!may_resume(&to(place).unwrap_err(), true), "{place}");
        }
    }
}
