//! Where clients of this node go when it drains.

use weir_base::StreamName;
use weir_cluster::fill::Cost;
use weir_cluster::place::{Full, PlaceRequest, Placement, Purpose, Strategy, place};
use weir_cluster::record::Scope;
use weir_cluster::reserve::Reservations;
use weir_cluster::{LeaseKey, Scheme};
use weir_hub::Protocol;

use super::Node;

/// A node that is looked for.
pub(super) struct PlacementQuery<'a> {
    pub(super) purpose: Purpose,
    pub(super) stream: &'a LeaseKey,
    pub(super) protocols: &'a [Scheme],
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
        let speaks: &[Scheme] = match protocol {
            Protocol::Rtmp => &[Scheme::Rtmp, Scheme::Rtmps],
            _ => &[Scheme::Http, Scheme::Https],
        };
        let query = PlacementQuery {
            purpose,
            stream: &key,
            protocols: speaks,
            scope: Scope::Public,
            count: 1,
        };
        let found = self.place(&query).ok()?;
        Some(found.first()?.url.clone())
    }

    /// Other nodes by placement, for somebody who is where this node is.
    pub(super) fn place(&self, query: &PlacementQuery<'_>) -> Result<Vec<Placement>, Full> {
        let turn = self
            .0
            .placements
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.cluster.with(|member, now_us| {
            let me = member.record();
            let ask = PlaceRequest {
                purpose: query.purpose,
                stream: Some(query.stream),
                protocols: query.protocols,
                region: me.region.as_ref(),
                isp: me.isp.as_ref(),
                cost: Cost::default(),
                except: std::slice::from_ref(&self.0.settings.me),
                count: query.count,
                scope: query.scope,
                strategy: Strategy::TwoChoices,
                good_for_us: 0,
            };
            let seed = turn ^ u64::from_ne_bytes(now_us.to_ne_bytes());
            place(member.view(), &ask, &Reservations::default(), now_us, seed)
        })
    }
}
