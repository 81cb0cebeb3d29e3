//! Where clients of this node go when it drains.

use weir_base::{Code, Refusal};
use weir_cluster::fill::Cost;
use weir_cluster::place::{Ask, Purpose, Strategy, place};
use weir_cluster::record::{Protocol as Speaks, Scope};
use weir_cluster::reserve::Reservations;
use weir_hub::{Protocol, StreamKey};

use super::{Node, stream_name};

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
        key: &StreamKey,
        purpose: Purpose,
        protocol: Protocol,
    ) -> Option<String> {
        if self.0.settings.is_alone {
            return None;
        }
        let name = stream_name(key).ok()?;
        let speaks: &[Speaks] = match protocol {
            Protocol::Rtmp => &[Speaks::Rtmp, Speaks::Rtmps],
            _ => &[Speaks::Http, Speaks::Https],
        };
        let turn = self
            .0
            .placements
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.cluster.with(|member, now_us| {
            let me = member.record();
            let ask = Ask {
                purpose,
                stream: Some(&name),
                protocols: speaks,
                region: me.region.as_ref(),
                isp: me.isp.as_ref(),
                cost: Cost::default(),
                except: std::slice::from_ref(&self.0.settings.me),
                count: 1,
                scope: Scope::Public,
                strategy: Strategy::TwoChoices,
                good_for_us: 0,
            };
            let found = place(member.view(), &ask, &Reservations::default(), now_us, turn).ok()?;
            Some(found.first()?.url.clone())
        })
    }

    /// What a new client of a draining node is told: where to go, or to come again.
    pub(crate) fn draining(
        &self,
        key: &StreamKey,
        purpose: Purpose,
        protocol: Protocol,
    ) -> Refusal {
        match self.successor(key, purpose, protocol) {
            Some(url) => {
                let words = format!("this node drains; {url} takes you");
                Refusal::new(Code::Moved, words).at(url)
            }
            None => Code::Draining.into(),
        }
    }

    /// What a client is told that comes with media to a node without a role for it.
    pub(super) fn elsewhere_to(
        &self,
        key: &StreamKey,
        purpose: Purpose,
        protocol: Protocol,
    ) -> Refusal {
        match self.successor(key, purpose, protocol) {
            Some(url) => {
                let words = format!("this node carries no media; {url} does");
                Refusal::new(Code::Moved, words).at(url)
            }
            None => Refusal::new(
                Code::OriginUnreachable,
                "this node carries no media, and it knows no node that does",
            ),
        }
    }
}
