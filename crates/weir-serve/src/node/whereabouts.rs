//! Who else has a stream: the registry's owner, or what coworkers say.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::coworker::{self, Origin, Query};
use weir_cluster::record::{self, Scope};
use weir_cluster::route::{Hop, Kind, Owner, Via};
use weir_cluster::{LeaseKey, View};
use weir_hub::Protocol;
use weir_link::node::NodeRequest;

use super::{Node, ask};
use crate::request::PlayIntent;

/// For all coworkers together: they are asked at once, and a viewer waits.
const COWORKER_PATIENCE: Duration = Duration::from_millis(1500);
/// Bytes of a coworker's answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

impl Node {
    /// What somebody is told who asks this node for a stream that it neither has nor pulls: 5004 with
    /// the place, or 3002.
    pub(crate) async fn elsewhere(
        &self,
        name: &StreamName,
        key: &LeaseKey,
        intent: &PlayIntent,
    ) -> Refusal {
        if let Some((node, url)) = self.owner_for(key, intent) {
            return Refusal::new(Code::Moved, format!("{name} is on node {node}")).at(url);
        }
        if let Some(url) = self.reported(key)
            && matches!(intent.protocol, Protocol::Rtmp | Protocol::Relay)
        {
            return Refusal::new(Code::Moved, format!("{name} is on {url}")).at(url);
        }
        if self.misses(key) {
            return not_live(name);
        }
        match self.ask_coworkers(name).await {
            Some(origin) => match place_for(&origin, intent) {
                Some(url) => Refusal::new(Code::Moved, format!("{name} is on {url}")).at(url),
                None => not_live(name),
            },
            None => {
                self.missed(key);
                not_live(name)
            }
        }
    }

    /// The owner by the registry and its address for whoever wants the stream, if that is not this node.
    fn owner_for(&self, key: &LeaseKey, intent: &PlayIntent) -> Option<(String, String)> {
        let (speaks, scope) = match intent.protocol {
            Protocol::Rtmp => (
                [record::Protocol::Rtmp, record::Protocol::Rtmps],
                Scope::Public,
            ),
            Protocol::Relay => (
                [record::Protocol::Http, record::Protocol::Https],
                Scope::Internal,
            ),
            _ => (
                [record::Protocol::Http, record::Protocol::Https],
                Scope::Public,
            ),
        };
        self.0.cluster.with(|member, _| {
            let view = member.view();
            let owner = view.owner(key)?;
            if owner.node == self.0.settings.me || intent.via.passed(&owner.node) {
                return None;
            }
            let record = view.find(&owner.node)?.record.as_ref()?;
            let address = record.address(&speaks, scope, None)?;
            Some((owner.node.to_string(), address.url.clone()))
        })
    }

    /// Places to pull a stream from, in order.
    ///
    /// # Errors
    /// 3002 when nobody has it, 5002 in a circle.
    pub(super) async fn upstreams(
        &self,
        name: &StreamName,
        key: &LeaseKey,
        via: &Via,
    ) -> Result<Vec<Hop>, Refusal> {
        let mut owner = self
            .0
            .cluster
            .with(|member, _| owner_in(member.view(), key));
        if owner.is_none() {
            // Published a moment ago, perhaps: the store knows before the bus has told.
            let found = self.0.store.find(key.clone()).await.ok().flatten();
            owner = found.and_then(|record| {
                self.0
                    .cluster
                    .with(|member, _| owner_at(member.view(), record.node))
            });
        }
        if owner.is_none()
            && let Some(url) = self.reported(key)
        {
            let kind = Kind::Origin;
            return Ok(vec![Hop { url, kind }]);
        }
        let now_us = self.core().hub.clock().now_us();
        let routed = self.0.router.lock().route(key, owner.as_ref(), via, now_us);
        match routed {
            Ok(hops) => Ok(hops),
            Err(refused) if via.passed(&self.0.settings.me) => Err(refused),
            Err(refused) if self.0.settings.coworkers.is_empty() => Err(match owner {
                Some(_) => refused,
                None => not_live(name),
            }),
            Err(_) => {
                let origin = self.ask_coworkers(name).await;
                let url = origin.map(|origin| format!("rtmp://{}:{}", origin.ip, origin.port));
                let kind = Kind::Origin;
                let hop = url.map(|url| Hop { url, kind });
                hop.map(|hop| vec![hop]).ok_or_else(|| not_live(name))
            }
        }
    }

    /// Where a server of another make said that it has the stream: its RTMP address.
    pub(super) fn reported(&self, key: &LeaseKey) -> Option<String> {
        self.0.cluster.with(|member, now_us| {
            let reported = member.view().reported(key)?;
            let is_good = reported.until_us > now_us && reported.protocol == "rtmp";
            is_good.then(|| format!("rtmp://{}:{}", reported.ip, reported.port))
        })
    }

    /// Asks all coworkers at once; the first that has the stream counts.
    async fn ask_coworkers(&self, name: &StreamName) -> Option<Origin> {
        let settings = self.settings();
        let coworkers = coworker::others(&settings.coworkers, &settings.own);
        let answers = coworkers.iter().map(|coworker| async move {
            let answer = self.ask_coworker(name, coworker).await;
            answer.inspect_err(|refused| {
                tracing::warn!(%coworker, "a coworker did not answer: {}", refused.detail);
            })
        });
        let answers = futures_util::future::join_all(answers).await;
        answers
            .into_iter()
            .filter_map(|answer| answer.ok().flatten())
            .find(|origin| !coworker::leads_back(origin, &settings.own, &settings.own))
    }

    async fn ask_coworker(
        &self,
        name: &StreamName,
        coworker: &str,
    ) -> Result<Option<Origin>, Refusal> {
        let host = coworker.rsplit_once(':').map_or(coworker, |(host, _)| host);
        let query = Query {
            vhost: name.vhost().to_owned(),
            ip: host.to_owned(),
            app: name.app().to_owned(),
            stream: name.stream().to_owned(),
            coworker: coworker.to_owned(),
        };
        let request = NodeRequest {
            base: &format!("http://{coworker}"),
            method: Method::POST,
            target: &query.target(),
            headers: HeaderMap::new(),
            head_timeout: COWORKER_PATIENCE,
        };
        let answer = ask::ask(self, request).await?;
        let status = answer.status();
        let body = match status {
            StatusCode::OK => ask::read_all(answer.into_body(), MAX_ANSWER_BYTES).await?,
            _ => bytes::Bytes::new(),
        };
        coworker::read_answer(status.as_u16(), &body)
            .map_err(|error| Refusal::new(Code::OriginUnreachable, error.to_string()))
    }
}

/// Where a coworker's answer sends whoever wants the stream: SRS names its RTMP address alone.
fn place_for(origin: &Origin, intent: &PlayIntent) -> Option<String> {
    match intent.protocol {
        Protocol::Rtmp | Protocol::Relay => Some(format!("rtmp://{}:{}", origin.ip, origin.port)),
        _ => origin.http.clone(),
    }
}

pub(super) fn owner_in(view: &View, key: &LeaseKey) -> Option<Owner> {
    owner_at(view, view.owner(key)?.node.clone())
}

fn owner_at(view: &View, node: weir_cluster::Name) -> Option<Owner> {
    let record = view.find(&node)?.record.as_ref()?;
    let address = record.address(
        &[record::Protocol::Http, record::Protocol::Https],
        Scope::Internal,
        None,
    )?;
    let url = address.url.clone();
    Some(Owner { node, url })
}

pub(super) fn not_live(name: &StreamName) -> Refusal {
    Refusal::new(Code::NotLive, format!("{name} is not live"))
}
