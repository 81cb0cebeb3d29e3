//! A low-latency HLS client over HTTP: asks for each version of a playlist the moment it may exist,
//! and has every one of them checked against the RFC.

use crate::hls_check::{Parsed, check_media, check_update, reconstruct};
use crate::http::{Response, get};

/// Follows one media playlist; panics where a version breaks the RFC.
#[derive(Debug, Clone)]
pub struct Follower {
    url: String,
    last: Parsed,
    versions: usize,
    /// Number of the first segment of the first version: numbers begin anywhere.
    first_msn: u64,
}

impl Follower {
    /// Begins with the playlist as it is.
    pub fn open(url: &str) -> Self {
        let last = checked(url, &get(url));
        Self {
            url: url.to_owned(),
            first_msn: last.media_sequence,
            last,
            versions: 1,
        }
    }

    /// The playlist as last seen.
    pub fn playlist(&self) -> &Parsed {
        &self.last
    }

    /// Segments that are complete, those of the first version among them.
    pub fn complete(&self) -> u64 {
        self.last.open.msn - self.first_msn
    }

    /// Segments that have left the playlist since the first version.
    pub fn gone(&self) -> u64 {
        self.last.media_sequence - self.first_msn
    }

    /// Versions seen.
    pub fn versions(&self) -> usize {
        self.versions
    }

    /// Asks with a blocking reload for the next part, or the next segment of a playlist without
    /// parts; every other time as a delta update.
    pub fn next_version(&mut self) -> &Parsed {
        let open = &self.last.open;
        let mut query = format!("_HLS_msn={}", open.msn);
        if self.last.part_target_s.is_some() {
            query.push_str(&format!("&_HLS_part={}", open.parts.len()));
        }
        if self.versions % 2 == 1 && self.last.server_control_s("CAN-SKIP-UNTIL").is_some() {
            query.push_str("&_HLS_skip=YES");
        }
        self.fetch(&query)
    }

    /// Fetches as it is now, without waiting.
    pub fn refresh(&mut self) -> &Parsed {
        self.fetch("")
    }

    /// The address of something the playlist names.
    pub fn resolve(&self, uri: &str) -> String {
        let (folder, _) = self.url.rsplit_once('/').expect("a path");
        format!("{folder}/{uri}")
    }

    fn fetch(&mut self, query: &str) -> &Parsed {
        let mark = if self.url.contains('?') { '&' } else { '?' };
        let url = if query.is_empty() {
            self.url.clone()
        } else {
            format!("{}{mark}{query}", self.url)
        };
        let new = checked(&url, &get(&url));
        check_update(&self.last, &new)
            .unwrap_or_else(|violations| panic!("{url}: {}", listed(&violations)));
        self.last = reconstruct(&self.last, &new)
            .unwrap_or_else(|violations| panic!("{url}: {}", listed(&violations)));
        self.versions += 1;
        &self.last
    }
}

/// A media playlist that has to be there and keep every rule.
pub fn checked(url: &str, response: &Response) -> Parsed {
    assert_eq!(response.status, 200, "{url}: {}", response.text());
    let text = response.text();
    check_media(&text).unwrap_or_else(|violations| panic!("{url}: {}\n{text}", listed(&violations)))
}

fn listed(violations: &[crate::hls_check::Violation]) -> String {
    violations
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
