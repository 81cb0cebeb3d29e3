//! May it, and where: the one page on which a client that wants to publish or to play gets its answer.
//!
//! The gatekeeper says whether it may, the hub whether the stream is here, and the node which other node
//! has it. How the node talks to others is not known here, nor what protocol the client speaks.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use weir_base::sign::Action;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::place::Purpose;
use weir_cluster::route::Via;
use weir_cluster::{LeaseKey, Name};
use weir_hub::hub::{PublishRequest, already_live};
use weir_hub::{Gatekeeper, Grant, Hub, Protocol, Publisher, RelayBegin, Stream};

use crate::core::Core;
use crate::node::{Admits, LeaseShare, Node, Passed, PublishIntent, Uplink};
use crate::request::{Asked, PlayIntent};

/// How long a viewer waits for the first keyframe of a publisher who came in the middle of a group of
/// pictures, whether it was ready to wait or not: groups of two seconds are the rule.
const FIRST_PICTURE_WAIT: Duration = Duration::from_secs(2);

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Admission(Arc<Inner>);

struct Inner {
    core: Core,
    gate: Arc<dyn Gatekeeper>,
    node: Node,
}

/// Leave to publish a stream: the lease, or a connection to the node that has it.
#[derive(Debug)]
pub(crate) struct Reserved {
    home: Home,
    /// The publisher that is live under the name here may be replaced.
    takes_over: bool,
}

/// Which node a stream lives on.
#[derive(Debug)]
enum Home {
    Here(LeaseShare),
    There(Box<Uplink>),
}

impl Admission {
    /// Admission by `gate`, to streams of this node and of those that `node` knows.
    pub(crate) fn new(core: Core, gate: Arc<dyn Gatekeeper>, node: Node) -> Self {
        Self(Arc::new(Inner { core, gate, node }))
    }

    /// The streams it admits to.
    pub(crate) fn hub(&self) -> &Hub {
        &self.0.core.hub
    }

    /// The stream that a request names, and whether its sender may do `action`.
    ///
    /// # Errors
    /// The gatekeeper's refusal, 4009 while draining (5004 where another node takes the client), 3001/2002 for impossible names.
    pub(crate) async fn admit(&self, asked: &Asked<'_>) -> Result<(StreamName, Grant), Refusal> {
        if self.0.core.shutdown.is_draining() {
            let name = self.stream_name(asked)?;
            let purpose = match asked.action {
                Action::Publish => Purpose::Publish,
                Action::Play => Purpose::Play,
            };
            return Err(self.draining(&name, purpose, asked.protocol));
        }
        self.admit_again(asked).await
    }

    /// The same for a viewer who is here already, as HLS viewers are with each request: a node that
    /// drains lets them finish.
    ///
    /// # Errors
    /// The gatekeeper's refusal, 3001/2002 for impossible names.
    pub(crate) async fn admit_again(
        &self,
        asked: &Asked<'_>,
    ) -> Result<(StreamName, Grant), Refusal> {
        let name = self.stream_name(asked)?;
        let admission = weir_hub::Admission {
            action: asked.action,
            name: &name,
            query: asked.query,
            ip: asked.ip,
            protocol: asked.protocol,
            is_cross_site: asked.is_cross_site,
            page: asked.page,
        };
        let mut grant = self.grant(admission, &Via::default()).await?;
        let name = grant.name.take().unwrap_or(name);
        Ok((name, grant))
    }

    /// The same for a client whose token another node passes on in the `query` of its request for `name`;
    /// `None` where that asks for no admission.
    ///
    /// # Errors
    /// 4004 for a description of the client that makes no sense, the gatekeeper's refusal, or that of the
    /// origin asked in turn.
    pub(crate) async fn admit_passed(
        &self,
        name: &StreamName,
        query: &[(String, String)],
    ) -> Result<Option<Admits>, Refusal> {
        let Some(passed) = Passed::read(name, query)? else {
            return Ok(None);
        };
        let grant = self.grant(passed.admission(), passed.via()).await?;
        Ok(Some(grant.into()))
    }

    /// Which node asks for `target` (path and query), by its proof: it has admitted its viewers itself.
    ///
    /// # Errors
    /// 1001 without a proof, 1004 with a wrong one.
    pub(crate) fn asker(&self, target: &str, proof: Option<&str>) -> Result<Name, Refusal> {
        self.0.node.asker(target, proof)
    }

    /// Whether an address is one of a server that this node's lists name: an origin or a coworker.
    pub(crate) async fn is_listed_server(&self, ip: IpAddr) -> bool {
        self.0.node.is_listed(ip).await
    }

    /// What this node's gatekeeper says, or the origin it leaves the answer to.
    async fn grant(&self, admission: weir_hub::Admission<'_>, via: &Via) -> Result<Grant, Refusal> {
        let grant = self.0.gate.admit(admission).await?;
        if grant.ask_origin {
            return self.0.node.admit_remotely(&admission, via).await;
        }
        Ok(grant)
    }

    /// The stream that a request names, whoever asks.
    ///
    /// # Errors
    /// 3001/2002 for impossible names.
    pub(crate) fn stream_name(&self, asked: &Asked<'_>) -> Result<StreamName, Refusal> {
        asked.stream_name(&self.0.core.config.load().vhosts)
    }

    /// Begins a stream of a client that was admitted: this node owns it, or hands it on to one that does.
    ///
    /// # Errors
    /// 3004 when a coworker of another make has the name; as [`Self::reserve`] and [`Self::begin`].
    pub async fn publish(&self, request: PublishRequest) -> Result<Publisher, Refusal> {
        let via = Via::default();
        let source = (request.protocol, &via);
        let from = Some(request.addr.ip());
        self.check_free_elsewhere(&request.name, &request.grant, from)
            .await?;
        let reserved = self
            .reserve(&request.name, &request.grant, source, 0)
            .await?;
        self.begin(reserved, request, None)
    }

    /// Whether a name is free on the servers of other makes beside this one, for somebody at `from`.
    ///
    /// # Errors
    /// 3004 where it is not, and may not be taken over.
    pub(crate) async fn check_free_elsewhere(
        &self,
        name: &StreamName,
        grant: &Grant,
        from: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        if grant.takeover {
            return Ok(());
        }
        self.0.node.check_free_elsewhere(name, from).await
    }

    /// Leave to publish `name`, which comes over `protocol` and through the nodes `via`. `over` is the
    /// epoch that it may be taken over from, 0 for none.
    ///
    /// # Errors
    /// 3004 when the name is live, here or elsewhere; 2005 when the node is full; 5002 when no origin
    /// can be reached.
    pub(crate) async fn reserve(
        &self,
        name: &StreamName,
        grant: &Grant,
        (protocol, via): (Protocol, &Via),
        over: u64,
    ) -> Result<Reserved, Refusal> {
        let node = &self.0.node;
        let key = LeaseKey::of(name)?;
        let takes_over = grant.takeover || node.is_replaceable(&key, via);
        self.check_free(name, takes_over)?;
        let intent = PublishIntent {
            key,
            name: name.clone(),
            takeover: grant.takeover,
            wishes: grant.wishes.clone(),
            via: via.clone(),
        };
        if !node.is_origin() && !node.is_edge() {
            return Err(self.carries_no_media(name, Purpose::Publish, protocol));
        }
        let home = if node.is_origin() {
            let over = over.max(node.epoch_to_take(&intent));
            Home::Here(node.claim(&intent.key, over).await?)
        } else {
            Home::There(Box::new(node.connect_up(&intent, over).await?))
        };
        Ok(Reserved { home, takes_over })
    }

    /// The reserved stream begins; `relayed` where another node has placed it on its clock already.
    ///
    /// # Errors
    /// As [`weir_hub::Hub::publish`].
    pub(crate) fn begin(
        &self,
        reserved: Reserved,
        mut request: PublishRequest,
        relayed: Option<RelayBegin>,
    ) -> Result<Publisher, Refusal> {
        let hub = &self.0.core.hub;
        request.grant.takeover |= reserved.takes_over;
        let mut publisher = match relayed {
            Some(begin) => hub.relay(request, begin)?,
            None => hub.publish(request)?,
        };
        match reserved.home {
            Home::Here(share) => publisher.guard(Box::new(share)),
            Home::There(uplink) => self.0.node.push(*uplink, &publisher),
        }
        Ok(publisher)
    }

    /// The live stream of this name, pulled if it lives elsewhere. One that has a publisher and nothing to
    /// show yet is waited for a moment in any case.
    ///
    /// # Errors
    /// 3002 when it is live nowhere, or not yet; 5004 with the place where this node does not pull, 5002 when who
    /// has it cannot be reached or the request goes in a circle.
    pub(crate) async fn play(
        &self,
        name: &StreamName,
        intent: &PlayIntent,
    ) -> Result<Arc<Stream>, Refusal> {
        let stream = self.look_for(name, intent).await?;
        let wait = intent.wait.max(FIRST_PICTURE_WAIT);
        self.0.core.hub.wait_usable(&stream, wait).await?;
        Ok(stream)
    }

    async fn look_for(
        &self,
        name: &StreamName,
        intent: &PlayIntent,
    ) -> Result<Arc<Stream>, Refusal> {
        let hub = &self.0.core.hub;
        if self.0.node.settings().is_alone {
            return hub.wait_live(name, intent.wait).await;
        }
        let clock = hub.clock();
        let key = LeaseKey::of(name)?;
        let mut watch = self.0.node.cluster().watch(&key);
        let mut wait = intent.wait;
        if wait.is_zero() {
            let found = self.find(name, intent).await;
            wait = self.0.node.return_wait(&key);
            if wait.is_zero() || !matches!(&found, Err(refused) if refused.code == Code::NotLive) {
                return found;
            }
        }
        let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        let deadline_us = clock.now_us().saturating_add(wait_us);
        loop {
            let refused = match self.find(name, intent).await {
                Err(refused) if refused.code == Code::NotLive => refused,
                outcome => return outcome,
            };
            let left_us = deadline_us.saturating_sub(clock.now_us());
            let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
            if left.is_zero() {
                return Err(refused);
            }
            let pause = left.min(self.0.node.look_again(&key));
            let waited = tokio::select! {
                waited = hub.wait_live(name, pause) => waited,
                () = watch.changed() => continue,
            };
            match waited {
                Err(refused) if refused.code == Code::NotLive => {}
                outcome => return outcome,
            }
        }
    }

    /// The stream, if it is live somewhere at this moment.
    async fn find(&self, name: &StreamName, intent: &PlayIntent) -> Result<Arc<Stream>, Refusal> {
        let node = &self.0.node;
        if let Ok(stream) = self.0.core.hub.find_live(name) {
            return Ok(stream);
        }
        let key = LeaseKey::of(name)?;
        if !node.is_origin() && !node.is_edge() {
            Err(self.carries_no_media(name, Purpose::Play, intent.protocol))
        } else if node.is_edge() {
            node.pull(name, &key, (&intent.via, intent.after)).await
        } else {
            Err(node.elsewhere(name, &key, intent).await)
        }
    }

    /// Whether the name is free here; what is merely pulled may be replaced.
    fn check_free(&self, name: &StreamName, takes_over: bool) -> Result<(), Refusal> {
        let Ok(stream) = self.0.core.hub.find_live(name) else {
            return Ok(());
        };
        match stream.publisher() {
            Some(old) if !old.is_replaceable && !takes_over => {
                Err(already_live(name, old.addr, old.protocol))
            }
            _ => Ok(()),
        }
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
    fn carries_no_media(&self, name: &StreamName, purpose: Purpose, protocol: Protocol) -> Refusal {
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
        let url = self.0.node.successor(name, purpose, protocol)?;
        Some(Refusal::new(Code::Moved, words(&url)).at(url))
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Admission({:?})", self.0.node)
    }
}
