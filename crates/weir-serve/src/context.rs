//! What every connection needs, in one cheap handle.

use std::sync::Arc;

use weir_base::sign::Action;
use weir_base::{Refusal, StreamName};
use weir_cluster::place::Purpose;
use weir_cluster::route::Via;
use weir_hub::hub::PublishRequest;
use weir_hub::{Admission, Gatekeeper, Grant, Publisher};

use crate::core::Core;
use crate::hls::Stations;
use crate::ingest::slsp;
use crate::node::Node;
use crate::node::admit::{Admits, Passed};
use crate::request::Asked;

/// See the module's words.
#[derive(Clone)]
pub struct Context(Arc<Parts>);

/// The parts of a [`Context`].
pub struct Parts {
    /// What all of it shares.
    pub core: Core,
    /// Who decides admissions.
    pub gate: Arc<dyn Gatekeeper>,
    /// HLS packagers.
    pub stations: Stations,
    /// This node among others.
    pub node: Node,
    /// SLSP sessions that another socket may go on with.
    pub slsp: slsp::Sessions,
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
        if self.core.shutdown.is_draining() {
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
            grant = self.node.admit(&admission, &Via::default()).await?;
        }
        Ok((name, grant))
    }

    /// What this node's gatekeeper says of a client whose token another node passes on, or whom it asks
    /// in turn.
    ///
    /// # Errors
    /// The gatekeeper's refusal, or that of the origin asked.
    pub(crate) async fn admit_passed(&self, passed: &Passed) -> Result<Admits, Refusal> {
        let admission = passed.admission();
        let mut grant = self.gate.admit(admission).await?;
        if grant.ask_origin {
            grant = self.node.admit(&admission, passed.via()).await?;
        }
        Ok(grant.into())
    }

    /// The stream that a request names, whoever asks.
    ///
    /// # Errors
    /// 3001/2002 for impossible names.
    pub fn stream_name(&self, asked: &Asked<'_>) -> Result<StreamName, Refusal> {
        asked.stream_name(&self.core.config.load().vhosts)
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
            .reserve(&request.name, &request.grant, (request.protocol, &via), 0)
            .await?;
        self.node.begin(reserved, request, None)
    }
}
