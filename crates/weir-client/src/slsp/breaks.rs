//! What the end of a connection means for its session, and where it may go on.

use std::time::Duration;

use anyhow::{Context, bail};
use weir_base::urls::SplitUrl;
use weir_base::{Backoff, BackoffPlan, Dice};
use weir_link::url::HttpUrl;
use weir_proto::slsp::SlspError;

use crate::refusal::Refused;

/// Between two attempts to resume; the first attempt is made at once.
const RETRY: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(250),
    cap: Duration::from_secs(1),
    steady: Duration::ZERO,
};

/// A session whose connection broke.
pub(super) struct Broken {
    until_ms: u64,
    has_tried: bool,
    backoff: Backoff,
}

impl Broken {
    /// One that is given up at this time.
    pub(super) fn new(until_ms: u64) -> Self {
        Self {
            until_ms,
            has_tried: false,
            backoff: Backoff::new(RETRY, Dice::system()),
        }
    }

    /// When to try next; `None` when it is to be given up.
    pub(super) fn next_attempt(&mut self, now_ms: u64) -> Option<u64> {
        if now_ms >= self.until_ms {
            return None;
        }
        if !std::mem::replace(&mut self.has_tried, true) {
            return Some(now_ms);
        }
        let pause_ms = u64::try_from(self.backoff.failed().as_millis()).unwrap_or(u64::MAX);
        Some(now_ms.saturating_add(pause_ms))
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
        assert_eq!(attempts[0], 1000);
        let pauses: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (pause, whole) in pauses.iter().zip([250, 500].into_iter().chain([1000; 10])) {
            assert!((whole / 2..=whole).contains(pause), "{pauses:?}");
        }
        assert!(attempts.len() <= 12 && *attempts.last().unwrap() >= 5000);
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
