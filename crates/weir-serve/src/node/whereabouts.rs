//! Who else has a stream: the registry's owner, or what coworkers say.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::{HeaderMap, Method, StatusCode};
use weir_base::urls::SplitUrl;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::coworker::{self, Origin, Query};
use weir_cluster::record::Scope;
use weir_cluster::route::{Hop, HopKind, Owner, Via};
use weir_cluster::{LeaseKey, Name, Scheme, View, Whereabouts};
use weir_hub::Protocol;
use weir_link::node::NodeRequest;

use super::{Node, ask};
use crate::request::PlayIntent;

/// For all coworkers together: they are asked at once, and a viewer waits.
const COWORKER_TIMEOUT: Duration = Duration::from_millis(1500);
/// The same while a publisher waits: who does not answer so long is not asked whether it has the name.
const PUBLISHER_TIMEOUT: Duration = Duration::from_millis(500);
/// Between two looks for a stream that nobody has: its publisher wakes whoever waits, here and through
/// the view. This is for a message that was lost; the view is mended by the next beats.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two looks where the view names an owner that has no frame yet: the lease is told first, and
/// the frame is told by nobody.
const LOOK_SOON: Duration = Duration::from_millis(40);
/// Between two looks where no message tells: nodes of a static list and servers of another make have to
/// be asked.
const ASK_AGAIN: Duration = Duration::from_millis(150);
/// For the address of one name in the static lists.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);
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
        if let Some((node, boot, url)) = self.owner_for(key, intent)
            && !self.is_gone(&node, boot).await
        {
            return Refusal::new(Code::Moved, format!("{name} is on node {node}")).at(url);
        }
        if let Some(url) = self.reported(key)
            && matches!(intent.protocol, Protocol::Rtmp | Protocol::Relay)
        {
            return Refusal::new(Code::Moved, format!("{name} is on {url}")).at(url);
        }
        if let Some(refusal) = self.missed_lately(key) {
            return refusal;
        }
        match self.ask_coworkers(name).await {
            Some(origin) => match place_for(&origin, intent) {
                Some(url) => Refusal::new(Code::Moved, format!("{name} is on {url}")).at(url),
                None => not_live(name),
            },
            None => {
                self.missed(key, not_live(name));
                not_live(name)
            }
        }
    }

    /// How long one who waits for a stream, and is woken by what the view learns of it, may sleep
    /// before the others are looked at again.
    pub(crate) fn look_again(&self, key: &LeaseKey) -> Duration {
        let is_owned = self.0.cluster.with(|member, now_us| {
            let whereabouts = member.view().whereabouts(key, now_us);
            whereabouts.lease().is_some()
        });
        let settings = self.settings();
        if is_owned {
            LOOK_SOON
        } else if settings.route.is_empty() && settings.coworkers.is_empty() {
            LOOK_AGAIN
        } else {
            ASK_AGAIN
        }
    }

    /// The owner by the registry and its address for whoever wants the stream, if that is not this node.
    fn owner_for(&self, key: &LeaseKey, intent: &PlayIntent) -> Option<(Name, u64, String)> {
        let (schemes, scope) = match intent.protocol {
            Protocol::Rtmp => ([Scheme::Rtmp, Scheme::Rtmps], Scope::Public),
            Protocol::Relay => ([Scheme::Http, Scheme::Https], Scope::Internal),
            _ => ([Scheme::Http, Scheme::Https], Scope::Public),
        };
        self.0.cluster.with(|member, now_us| {
            let whereabouts = member.view().whereabouts(key, now_us);
            let node = &whereabouts.other_node()?.id;
            let boot = whereabouts.lease()?.boot;
            let url = whereabouts.url(&schemes, scope)?;
            (!intent.via.passed(node)).then(|| (node.clone(), boot, url.to_owned()))
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
        let mut owner = self.owner(key);
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
            let kind = HopKind::Origin;
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
                let kind = HopKind::Origin;
                let hop = url.map(|url| Hop { url, kind });
                hop.map(|hop| vec![hop]).ok_or_else(|| not_live(name))
            }
        }
    }

    /// Where a server of another make said that it has the stream: its RTMP address.
    pub(super) fn reported(&self, key: &LeaseKey) -> Option<String> {
        self.0.cluster.with(
            |member, now_us| match member.view().whereabouts(key, now_us) {
                Whereabouts::Reported(said) if said.protocol == "rtmp" => {
                    Some(format!("rtmp://{}:{}", said.ip, said.port))
                }
                _ => None,
            },
        )
    }

    /// Whether an address is one of a server that the static lists name. Names are looked up each time: it is
    /// asked of few.
    pub(crate) async fn is_listed(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let settings = self.settings();
        let origins = settings.route.origins.iter();
        let origins = origins.filter_map(|url| Some(SplitUrl::new(url)?.authority));
        let listed = origins.chain(settings.coworkers.iter().map(String::as_str));
        for place in listed {
            let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let found = match host.parse::<IpAddr>() {
                Ok(known) => known.to_canonical() == ip,
                Err(_) => {
                    let looked = tokio::net::lookup_host((host, 0));
                    let addresses = tokio::time::timeout(LOOKUP_TIMEOUT, looked).await;
                    let mut addresses = addresses.ok().and_then(Result::ok).into_iter().flatten();
                    addresses.any(|found| found.ip().to_canonical() == ip)
                }
            };
            if found {
                return true;
            }
        }
        false
    }

    /// The node that owns a stream by the registry, this one included, as an upstream.
    pub(super) fn owner(&self, key: &LeaseKey) -> Option<Owner> {
        self.0.cluster.with(|member, now_us| {
            let lease = member.view().whereabouts(key, now_us).lease()?;
            owner_at(member.view(), lease.node.clone())
        })
    }

    /// Where a server that is not weir has the stream that somebody at `from` wants to publish here; `None`
    /// where it is that server who forwards it. Other weirs are asked for leases.
    ///
    /// # Errors
    /// 3004 with the place.
    pub(crate) async fn check_free_elsewhere(
        &self,
        name: &StreamName,
        from: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        if self.settings().coworkers.is_empty() {
            return Ok(());
        }
        let asked = self.ask_coworkers(name);
        let found = tokio::time::timeout(PUBLISHER_TIMEOUT, asked).await;
        let Some(origin) = found.ok().flatten() else {
            return Ok(());
        };
        let there = origin.ip.parse::<IpAddr>().ok();
        let forwards = there.is_some()
            && there.map(|ip| ip.to_canonical()) == from.map(|ip| ip.to_canonical());
        if origin.http.is_some() || (forwards && !from.is_some_and(|ip| ip.is_loopback())) {
            return Ok(());
        }
        let words = format!("{name} is live on {}:{}", origin.ip, origin.port);
        Err(Refusal::new(Code::AlreadyPublishing, words))
    }

    /// Asks all coworkers at once; the first that has the stream counts.
    async fn ask_coworkers(&self, name: &StreamName) -> Option<Origin> {
        let settings = self.settings();
        let coworkers = coworker::others(&settings.coworkers, &settings.own);
        let mut answers: FuturesUnordered<_> = coworkers
            .into_iter()
            .map(|coworker| async move {
                let answer = self.ask_coworker(name, coworker).await;
                (coworker, answer)
            })
            .collect();
        while let Some((coworker, answer)) = answers.next().await {
            match answer {
                Ok(Some(origin))
                    if !coworker::leads_back(&origin, &settings.own, &settings.own) =>
                {
                    return Some(origin);
                }
                Ok(_) => {}
                Err(refused) => {
                    let now_us = self.core().hub.clock().now_us();
                    // One of the configured ones: a few kinds of line.
                    let line = self.0.coworker_log.admit(coworker.to_owned(), now_us);
                    if let Some(left_out) = line {
                        tracing::warn!(%coworker, left_out, "a coworker did not answer: {}", refused.detail);
                    }
                }
            }
        }
        None
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
            head_timeout: COWORKER_TIMEOUT,
        };
        let answer = self.client().send(request).await?;
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

fn owner_at(view: &View, node: Name) -> Option<Owner> {
    let record = view.find(&node)?.record.as_ref()?;
    let address = record.address(&[Scheme::Http, Scheme::Https], Scope::Internal, None)?;
    let url = address.url.clone();
    Some(Owner { node, url })
}

pub(super) fn not_live(name: &StreamName) -> Refusal {
    Refusal::new(Code::NotLive, format!("{name} is not live"))
}
