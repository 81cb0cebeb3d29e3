//! What every connection needs, in one cheap handle.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_base::sign::Action;
use weir_base::{Refusal, Shutdown, StreamName, Tasks};
use weir_cluster::place::Purpose;
use weir_cluster::route::Via;
use weir_hub::hub::PublishRequest;
use weir_hub::{Admission, Gatekeeper, Grant, Hub, Protocol, Publisher};

use crate::config::Config;
use crate::deliver::Pool;
use crate::hls::Stations;
use crate::ingest::slsp;
use crate::node::Node;
use crate::request::Asked;

/// See the module's words.
#[derive(Clone)]
pub struct Context(Arc<Parts>);

/// The parts of a [`Context`].
pub struct Parts {
    /// The streams.
    pub hub: Hub,
    /// Who decides admissions.
    pub gate: Arc<dyn Gatekeeper>,
    /// The delivery loops.
    pub pool: Pool,
    /// HLS packagers.
    pub stations: Stations,
    /// This node among others.
    pub node: Node,
    /// SLSP sessions that another socket may go on with.
    pub slsp: slsp::Sessions,
    /// Tasks of this process.
    pub tasks: Tasks,
    /// The two stages of the end.
    pub shutdown: Shutdown,
    /// The settings now in force.
    pub config: ArcSwap<Config>,
}

impl std::ops::Deref for Context {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Context {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The stream that a request names, and whether its sender may do `action`.
    ///
    /// # Errors
    /// The gatekeeper's refusal, 4009 while draining (5004 where another node takes the client), 3001/2002 for impossible names.
    pub async fn admit(&self, asked: &Asked<'_>) -> Result<(StreamName, Grant), Refusal> {
        if self.shutdown.is_draining() {
            let name = self.stream_name(asked)?;
            let purpose = match asked.action {
                Action::Publish => Purpose::Publish,
                Action::Play => Purpose::Play,
            };
            return Err(self.node.draining(&name, purpose, asked.protocol));
        }
        self.admit_again(asked).await
    }

    /// The same for a viewer who is here already, as HLS viewers are with each request: a node that
    /// drains lets them finish.
    ///
    /// # Errors
    /// The gatekeeper's refusal, 3001/2002 for impossible names.
    pub async fn admit_again(&self, asked: &Asked<'_>) -> Result<(StreamName, Grant), Refusal> {
        let name = self.stream_name(asked)?;
        let admission = Admission {
            action: asked.action,
            name: &name,
            query: asked.query,
            ip: asked.ip,
            protocol: asked.protocol,
            is_cross_site: asked.is_cross_site,
        };
        let mut grant = self.gate.admit(admission).await?;
        if grant.ask_origin {
            grant = self.node.admit(self, &admission, &Via::default()).await?;
        }
        Ok((name, grant))
    }

    /// The stream that a request names, whoever asks.
    ///
    /// # Errors
    /// 3001/2002 for impossible names.
    pub fn stream_name(&self, asked: &Asked<'_>) -> Result<StreamName, Refusal> {
        asked.stream_name(&self.config.load().vhosts)
    }

    /// Begins a stream of a client that was admitted: this node owns it, or hands it on to one that does.
    ///
    /// # Errors
    /// 3004 when the name is live, here or elsewhere; 2005 when the node is full; 5002 when no origin
    /// can be reached.
    pub async fn publish(&self, request: PublishRequest) -> Result<Publisher, Refusal> {
        let via = Via::default();
        let reserved = self
            .node
            .reserve(
                self,
                &request.name,
                &request.grant,
                (request.protocol, &via),
                0,
            )
            .await?;
        self.node.begin(self, reserved, request, None)
    }

    /// Counts and logs a refusal, once, where it is answered.
    /// A flood of one code is counted and not written line by line.
    pub fn refused(&self, refusal: &Refusal, protocol: Protocol, what: &str, ip: IpAddr) {
        self.hub.counters().code(refusal.code, protocol);
        let now_us = self.hub.clock().now_us();
        let Some(left_out) = self.hub.counters().may_log(refusal.code, now_us) else {
            return;
        };
        if left_out > 0 {
            tracing::info!(
                code = refusal.code.number(),
                left_out,
                "refusals of this code were not logged one by one"
            );
        }
        tracing::info!(code = refusal.code.number(), protocol = protocol.name(), %ip, "refused {what}: {}", refusal.detail);
    }
}
