//! Where clients of this node go when it drains.

use weir_base::{Code, Refusal, StreamName};
use weir_cluster::LeaseKey;
use weir_cluster::fill::Cost;
use weir_cluster::place::{Answer, Ask, Full, Purpose, Strategy, place};
use weir_cluster::record::{Protocol as Speaks, Scope};
use weir_cluster::reserve::Reservations;
use weir_hub::Protocol;

use super::Node;

/// A node that is looked for.
pub(super) struct Wanted<'a> {
    pub(super) purpose: Purpose,
    pub(super) stream: &'a LeaseKey,
    pub(super) protocols: &'a [Speaks],
    /// For a client, or for this node.
    pub(super) scope: Scope,
    pub(super) count: usize,
}

impl Node {
    /// Tells the others that this node takes nothing new.
    pub fn drain(&self) {
        self.0
            .cluster
            .with(|member, now_us| member.set_draining(true, now_us));
    }

    /// Another node for a client of this one: its public address of a kind that `protocol` uses.
    pub fn successor(
        &self,
        name: &StreamName,
        purpose: Purpose,
        protocol: Protocol,
    ) -> Option<String> {
        if self.0.settings.is_alone {
            return None;
        }
        let key = LeaseKey::of(name).ok()?;
        let speaks: &[Speaks] = match protocol {
            Protocol::Rtmp => &[Speaks::Rtmp, Speaks::Rtmps],
            _ => &[Speaks::Http, Speaks::Https],
        };
        let wanted = Wanted {
            purpose,
            stream: &key,
            protocols: speaks,
            scope: Scope::Public,
            count: 1,
        };
        let found = self.place(&wanted).ok()?;
        Some(found.first()?.url.clone())
    }

    /// Other nodes by placement, for somebody who is where this node is.
    pub(super) fn place(&self, wanted: &Wanted<'_>) -> Result<Vec<Answer>, Full> {
        let turn = self
            .0
            .placements
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.cluster.with(|member, now_us| {
            let me = member.record();
            let ask = Ask {
                purpose: wanted.purpose,
                stream: Some(wanted.stream),
                protocols: wanted.protocols,
                region: me.region.as_ref(),
                isp: me.isp.as_ref(),
                cost: Cost::default(),
                except: std::slice::from_ref(&self.0.settings.me),
                count: wanted.count,
                scope: wanted.scope,
                strategy: Strategy::TwoChoices,
                good_for_us: 0,
            };
            let seed = turn ^ u64::from_ne_bytes(now_us.to_ne_bytes());
            place(member.view(), &ask, &Reservations::default(), now_us, seed)
        })
    }

    /// What a new client of a draining node is told: where to go, or to come again.
    pub(crate) fn draining(
        &self,
        name: &StreamName,
        purpose: Purpose,
        protocol: Protocol,
    ) -> Refusal {
        let words = |url: &str| format!("this node drains; {url} takes you");
        self.moved(name, (purpose, protocol), words)
            .unwrap_or_else(|| Code::Draining.into())
    }

    /// What a client is told that comes with media to a node without a role for it.
    pub(super) fn elsewhere_to(
        &self,
        name: &StreamName,
        purpose: Purpose,
        protocol: Protocol,
    ) -> Refusal {
        let words = |url: &str| format!("this node carries no media; {url} does");
        self.moved(name, (purpose, protocol), words)
            .unwrap_or_else(|| {
                let words = "this node carries no media, and it knows no node that does";
                Refusal::new(Code::OriginUnreachable, words)
            })
    }

    /// 5004 with the successor's place and these words about it.
    fn moved(
        &self,
        name: &StreamName,
        (purpose, protocol): (Purpose, Protocol),
        words: impl FnOnce(&str) -> String,
    ) -> Option<Refusal> {
        let url = self.successor(name, purpose, protocol)?;
        Some(Refusal::new(Code::Moved, words(&url)).at(url))
    }
}
