//! Which upstream an edge uses for a stream: its parent, the owner that the registry names, or a
//! static list; and never in a circle.

use std::collections::HashMap;

use weir_base::{Code, Refusal};

use crate::hash::{hash, stir};
use crate::limits::{HOPS, UPSTREAMS};
use crate::name::{LeaseKey, Name};

/// Milliseconds an upstream rests after its first failure; twice as long after each further one.
const REST_MS: i64 = 250;
/// The longest rest, milliseconds: an upstream that came back is found within it.
const REST_MAX_MS: i64 = 10_000;

/// How often that doubles: more would be above the longest.
const MOST_DOUBLINGS: u32 = 6;

/// What an edge is configured with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteConfig {
    /// Upstream edges (a local origin, a shield), as `host:port` or URLs; asked before anybody else.
    pub parents: Vec<String>,
    /// All origins, for clusters without a registry.
    pub origins: Vec<String>,
}

impl RouteConfig {
    /// Whether nobody is configured.
    pub const fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.origins.is_empty()
    }
}

/// Who the registry says owns a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub node: Name,
    /// Its internal address.
    pub url: String,
}

/// One upstream to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Where.
    pub url: String,
    /// As what.
    pub kind: HopKind,
}

/// What an upstream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopKind {
    /// The configured parent.
    Parent,
    /// The owner by the registry.
    Owner,
    /// One of the static list, which may redirect.
    Origin,
}

/// The upstreams of one node and how they did lately.
#[derive(Debug)]
pub struct Router {
    me: Name,
    config: RouteConfig,
    failures: HashMap<String, Rest>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    times: u32,
    until_us: i64,
}

impl Router {
    /// Of the node `me`.
    pub fn new(me: Name, config: RouteConfig) -> Self {
        Self {
            me,
            config,
            failures: HashMap::new(),
        }
    }

    /// Upstreams for a stream, to be tried in order: parents, then the owner, then the static list by
    /// rendezvous hashing, so that each stream has its own order and a lost origin moves only its own
    /// streams. Those that rest after a failure come last, the one that is ready soonest first.
    ///
    /// # Errors
    /// 5002 when the request has come in a circle or passed too many nodes ([`Via`]), when this node
    /// owns the stream by the registry yet was asked to pull it, or when there is no upstream.
    pub fn route(
        &self,
        stream: &LeaseKey,
        owner: Option<&Owner>,
        via: &Via,
        now_us: i64,
    ) -> Result<Vec<Hop>, Refusal> {
        via.check(&self.me)?;
        let mut hops = Vec::new();
        let add = |hops: &mut Vec<Hop>, url: &str, kind| {
            if !hops.iter().any(|hop| hop.url == url) {
                hops.push(Hop {
                    url: url.to_owned(),
                    kind,
                });
            }
        };
        for url in spread(stream, &self.config.parents) {
            add(&mut hops, url, HopKind::Parent);
        }
        // An owner this pull has passed sent it here: going back would close the circle.
        if let Some(owner) = owner.filter(|o| o.node != self.me && !via.passed(&o.node)) {
            add(&mut hops, &owner.url, HopKind::Owner);
        }
        for url in spread(stream, &self.config.origins) {
            add(&mut hops, url, HopKind::Origin);
        }
        if hops.is_empty() {
            return Err(Refusal::new(
                Code::OriginUnreachable,
                "no upstream is known for the stream",
            ));
        }
        hops.sort_by_key(|hop| self.rests_until_us(&hop.url, now_us));
        Ok(hops)
    }

    /// An upstream could not be reached, or broke. How often that was so since it last delivered; 0 where too
    /// many others are remembered.
    pub fn failed(&mut self, url: &str, now_us: i64) -> u32 {
        if self.failures.len() >= UPSTREAMS && !self.failures.contains_key(url) {
            self.failures.retain(|_, failure| failure.until_us > now_us);
            if self.failures.len() >= UPSTREAMS {
                return 0;
            }
        }
        let failure = self.failures.entry(url.to_owned()).or_insert(Rest {
            times: 0,
            until_us: 0,
        });
        let rest_ms = REST_MS << failure.times.min(MOST_DOUBLINGS);
        let rest_ms = rest_ms.clamp(REST_MS, REST_MAX_MS);
        failure.times = failure.times.saturating_add(1);
        failure.until_us = now_us.saturating_add(rest_ms * 1000);
        failure.times
    }

    /// An upstream delivers.
    pub fn succeeded(&mut self, url: &str) {
        self.failures.remove(url);
    }

    /// Until when an upstream rests; 0 when it does not.
    pub fn rests_until_us(&self, url: &str, now_us: i64) -> i64 {
        let until = self.failures.get(url).map(|failure| failure.until_us);
        until.filter(|until| *until > now_us).unwrap_or(0)
    }
}

/// Nodes a pull has passed, in order. In a query it is `via=edge-2,edge-7`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Via(Vec<Name>);

impl Via {
    /// Reads one; empty text is nobody.
    ///
    /// # Errors
    /// 5002 when a name cannot be one, or there are more than four.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let names = text.split(',').filter(|name| !name.is_empty());
        let mut via = Vec::new();
        for name in names {
            if via.len() >= HOPS {
                return Err(Refusal::new(
                    Code::OriginUnreachable,
                    format!("more than {HOPS} hops"),
                ));
            }
            let name = Name::new(name);
            via.push(name.map_err(|e| Refusal::new(Code::OriginUnreachable, format!("via: {e}")))?);
        }
        Ok(Self(via))
    }

    /// What this node tells its upstream: the same and itself.
    #[must_use]
    pub fn and(&self, me: &Name) -> Self {
        let mut via = self.0.clone();
        via.push(me.clone());
        Self(via)
    }

    /// Whether it passed a node.
    pub fn passed(&self, node: &Name) -> bool {
        self.0.contains(node)
    }

    fn check(&self, me: &Name) -> Result<(), Refusal> {
        if self.passed(me) {
            let detail = format!("a circle: {self} leads back to {me}");
            return Err(Refusal::new(Code::OriginUnreachable, detail));
        }
        if self.0.len() >= HOPS {
            return Err(Refusal::new(
                Code::OriginUnreachable,
                format!("more than {HOPS} hops: {self}"),
            ));
        }
        Ok(())
    }
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, name) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

/// Rendezvous hashing: each stream ranks all upstreams, each upstream is first for its share.
fn spread<'a>(stream: &LeaseKey, urls: &'a [String]) -> Vec<&'a str> {
    let stream = hash(&[stream.as_str().as_bytes()]);
    let mut ranked: Vec<_> = urls
        .iter()
        .map(|url| (stir(stream ^ hash(&[url.as_bytes()])), url.as_str()))
        .collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, url)| url).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn stream(n: usize) -> LeaseKey {
        LeaseKey::new(&format!("live/s{n}")).unwrap()
    }

    fn router(parents: &[&str], origins: &[&str]) -> Router {
        let list = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        Router::new(
            name("me"),
            RouteConfig {
                parents: list(parents),
                origins: list(origins),
            },
        )
    }

    fn urls(hops: &[Hop]) -> Vec<&str> {
        hops.iter().map(|hop| hop.url.as_str()).collect()
    }

    #[test]
    fn streams_spread_fairly_and_a_lost_origin_moves_only_its_own() {
        let origins = ["o1:1935", "o2:1935", "o3:1935", "o4:1935"];
        let (four, three) = (router(&[], &origins), router(&[], &origins[..3]));
        let mut shares = HashMap::new();
        for n in 0..4000 {
            let first = |r: &Router| {
                r.route(&stream(n), None, &Via::default(), 0).unwrap()[0]
                    .url
                    .clone()
            };
            let (with, without) = (first(&four), first(&three));
            assert!(with == "o4:1935" || with == without);
            *shares.entry(with).or_insert(0) += 1;
        }
        assert!(
            shares.values().all(|share| (850..1150).contains(share)),
            "{shares:?}"
        );
    }

    #[test]
    fn a_parent_goes_first_then_the_owner_then_the_list() {
        let router = router(&["local:1935"], &["o1:1935"]);
        let owner = Owner {
            node: name("o9"),
            url: "o9:1935".into(),
        };
        let hops = router
            .route(&stream(1), Some(&owner), &Via::default(), 0)
            .unwrap();
        assert_eq!(urls(&hops), ["local:1935", "o9:1935", "o1:1935"]);
        assert_eq!(hops[1].kind, HopKind::Owner);
    }

    #[test]
    fn what_failed_rests_longer_each_time_and_is_tried_last() {
        let mut router = router(&[], &["o1", "o2"]);
        let first = router.route(&stream(1), None, &Via::default(), 0).unwrap()[0]
            .url
            .clone();
        router.failed(&first, 0);
        let hops = router.route(&stream(1), None, &Via::default(), 0).unwrap();
        assert_eq!(hops[1].url, first);
        assert_eq!(router.rests_until_us(&first, 0), 250_000);
        router.failed(&first, 250_000);
        assert_eq!(router.rests_until_us(&first, 250_000), 750_000);
        for _ in 0..40 {
            router.failed(&first, 0);
        }
        assert_eq!(router.rests_until_us(&first, 0), REST_MAX_MS * 1000);
        router.succeeded(&first);
        assert_eq!(
            router.route(&stream(1), None, &Via::default(), 0).unwrap()[0].url,
            first
        );
    }

    #[test]
    fn a_circle_is_refused_and_so_is_a_long_way() {
        let router = router(&[], &["o1"]);
        let route = |via: &str| router.route(&stream(1), None, &Via::parse(via)?, 0);
        assert!(route("a,b,c").is_ok());
        assert_eq!(route("a,me").unwrap_err().code, Code::OriginUnreachable);
        assert_eq!(route("a,b,c,d").unwrap_err().code, Code::OriginUnreachable);
        assert_eq!(
            route("a,b,c,d,e").unwrap_err().code,
            Code::OriginUnreachable
        );
        assert!(route("a,b c").is_err());
        assert_eq!(
            Via::parse("a").unwrap().and(&name("me")).to_string(),
            "a,me"
        );
    }

    #[test]
    fn nobody_pulls_from_itself_or_back_from_where_the_pull_came() {
        let router = router(&[], &[]);
        for node in ["me", "a"] {
            let owner = Owner {
                node: name(node),
                url: "x".into(),
            };
            let via = Via::parse("a").unwrap();
            assert!(
                router.route(&stream(1), Some(&owner), &via, 0).is_err(),
                "{node}"
            );
        }
    }
}
