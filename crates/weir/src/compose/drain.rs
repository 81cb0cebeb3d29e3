//! Empties this node by the plan of `weir_cluster::drain`: tells the others, and sends viewers on.

use std::sync::Arc;

use weir_base::Code;
use weir_cluster::drain::{Drain, Remaining, Step};
use weir_hub::{Client, Role};
use weir_serve::Services;

/// A node on its way out.
pub(super) struct Emptying {
    services: Services,
    plan: Drain,
}

impl Emptying {
    /// Nobody new comes from here on.
    pub(super) fn begin(services: Services, limit_ms: u64) -> Self {
        services.node.drain();
        let viewers = viewers(&services).count();
        let is_alone = services.node.settings().is_alone;
        let now_us = services.core.hub.clock().now_us();
        let plan = Drain::begin(viewers, limit_ms, is_alone, now_us);
        Self { services, plan }
    }

    /// Everybody has left, or has been told to.
    pub(super) const fn is_over(&self) -> bool {
        self.plan.is_over()
    }

    /// Does what is due; some times a second.
    pub(super) fn go_on(&mut self) {
        let now_us = self.services.core.hub.clock().now_us();
        match self.plan.step(remaining(&self.services), now_us) {
            Step::Wait => {}
            Step::Move(count) => {
                let here = viewers(&self.services).filter(|viewer| viewer.kicked().is_none());
                here.take(count).for_each(|viewer| {
                    viewer.kick(Code::Draining);
                });
            }
            Step::End => self.services.core.hub.kick_all(Code::Draining),
        }
    }
}

/// Who would be hurt if the process stopped now. What other nodes hand on they hand to another.
pub(super) fn remaining(services: &Services) -> Remaining {
    let served = services.core.hub.headcount();
    Remaining {
        publishers: served.publishers,
        viewers: served.viewers,
    }
}

/// Viewers with a connection that can be told to go.
fn viewers(services: &Services) -> impl Iterator<Item = Arc<Client>> {
    let clients = services.core.hub.clients().list().into_iter();
    clients.filter(|client| client.role == Role::Viewer && !client.is_node)
}
