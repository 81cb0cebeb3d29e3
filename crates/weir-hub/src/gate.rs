//! Who may publish and who may play: asked before the first frame, answered by the crate above.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use weir_base::sign::Action;
use weir_base::{Refusal, StreamName};

use crate::clients::Protocol;
use crate::identity::Identity;
use crate::right::Right;
use crate::wishes::Wishes;

/// One question at the door.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Publish or play.
    pub action: Action,
    /// Of which stream.
    pub name: &'a StreamName,
    /// The URL's query, decoded.
    pub query: &'a [(String, String)],
    /// The client's address, with trusted proxies taken into account.
    pub ip: IpAddr,
    /// Over which protocol.
    pub protocol: Protocol,
    /// It comes from a page of another site, which may ask in the name of the person who opened it.
    pub is_cross_site: bool,
    /// The page that embeds the player, as far as the client says: `Referer`, `Origin` or RTMP's `pageUrl`.
    pub page: Option<&'a str>,
}

impl Admission<'_> {
    /// The first query parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the admitted may do beyond the asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// A publisher may take a live name over (the old one is told 3005).
    pub takeover: bool,
    /// The client was admitted by what its query proves: what it fetches next must carry that too.
    pub by_query: bool,
    /// The most a publisher may send, kilobits per second.
    pub max_kbps: Option<u32>,
    /// Nothing was decided here: an origin is to be asked with the same words.
    pub ask_origin: bool,
    /// What it publishes is a copy of what lives elsewhere, which any publisher here replaces.
    pub is_replaceable: bool,
    /// It is another node, not a person's publisher or player.
    pub is_node: bool,
    /// Who it is, where that is known.
    pub identity: Option<Arc<Identity>>,
    /// What admitted it; `None` for who is not judged again.
    pub right: Option<Right>,
    /// What a publisher's address chooses.
    pub wishes: Option<Arc<Wishes>>,
    /// The name that a publisher's stream is given in place of the one it asked for.
    pub name: Option<StreamName>,
}

/// The answer, possibly after one bounded call elsewhere.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Grant, Refusal>> + Send + 'a>>;

/// Decides admissions from a snapshot, or with one bounded call.
pub trait Gatekeeper: Send + Sync + 'static {
    /// Answers `admission`.
    fn admit<'a>(&'a self, admission: Admission<'a>) -> Answer<'a>;
}
