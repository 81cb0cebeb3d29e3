//! Admission by an origin, for apps whose tokens an edge cannot check: it passes them on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use weir_base::sign::{Action, mac_hex};
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::LeaseKey;
use weir_cluster::route::Via;
use weir_hub::{Admission, Grant, Identity, Protocol, Right, Wishes};
use weir_link::node::NodeRequest;

use super::Node;
use super::ask::{self, HEAD_TIMEOUT};
use super::origins::PublishIntent;
use crate::request;

/// How long an origin's yes is good, microseconds: an HLS viewer asks several times a second.
const GOOD_US: i64 = 5_000_000;
/// Answers remembered: above it all are forgotten.
const MAX_REMEMBERED: usize = 20_000;
/// Bytes of an answer.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Origins' answers of the last seconds, by a digest of what was asked: queries may be long.
#[derive(Debug, Default)]
pub(super) struct RememberedGrants(Mutex<HashMap<String, (Grant, i64)>>);

/// What an origin says of a client that it admits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Admits {
    takeover: bool,
    by_query: bool,
    max_kbps: Option<u32>,
    /// Account, device, program and session; a node of an older release says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<[String; 4]>,
    /// Unix milliseconds at which what admits it ends, where its client shall go then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<i64>,
    /// What a publisher's address chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wishes: Option<Wishes>,
    /// Vhost, app and stream that a publisher is given in place of those it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<[String; 3]>,
}

impl From<Grant> for Admits {
    fn from(grant: Grant) -> Self {
        Self {
            takeover: grant.takeover,
            by_query: grant.by_query,
            max_kbps: grant.max_kbps,
            name: grant
                .name
                .map(|name| [name.vhost(), name.app(), name.stream()].map(str::to_owned)),
            wishes: grant.wishes.map(Arc::unwrap_or_clone),
            until_ms: grant.right.and_then(|right| right.until_ms()),
            identity: grant.identity.map(|who| {
                [who.account(), who.device(), who.app(), who.session()].map(str::to_owned)
            }),
        }
    }
}

impl Node {
    /// What an origin says of this client. `via` are the nodes that passed its token on.
    ///
    /// # Errors
    /// The origin's refusal, or 5002 when none can be reached.
    pub(crate) async fn admit_remotely(
        &self,
        admission: &Admission<'_>,
        via: &Via,
    ) -> Result<Grant, Refusal> {
        let target = target(admission, &via.and(&self.settings().me));
        let digest = mac_hex(&self.settings().secret, &target);
        let now_us = self.core().hub.clock().now_us();
        if let Some((grant, until_us)) = self.0.admitted.0.lock().get(&digest)
            && now_us < *until_us
        {
            return Ok(grant.clone());
        }
        let intent = PublishIntent {
            name: admission.name.clone(),
            key: LeaseKey::of(admission.name)?,
            takeover: false,
            wishes: None,
            via: via.clone(),
        };
        let mut last = Refusal::new(Code::OriginUnreachable, "no origin is known");
        for url in self.origins_for(&intent, &[])? {
            match self.admit_at(&url, &target).await {
                Ok(grant) => {
                    let mut admitted = self.0.admitted.0.lock();
                    if admitted.len() >= MAX_REMEMBERED {
                        admitted.clear();
                    }
                    admitted.insert(digest, (grant.clone(), now_us + GOOD_US));
                    return Ok(grant);
                }
                Err(refused) if refused.code.is_retryable_elsewhere() => last = refused,
                Err(refused) => return Err(refused),
            }
        }
        Err(last)
    }

    async fn admit_at(&self, url: &str, target: &str) -> Result<Grant, Refusal> {
        let request = NodeRequest {
            base: url,
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            head_timeout: HEAD_TIMEOUT,
        };
        let answer = self.client().send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(ask::refusal_of(url, answer).await);
        }
        let body = ask::read_all(answer.into_body(), MAX_ANSWER_BYTES).await?;
        let admits: Admits = serde_json::from_slice(&body)
            .map_err(|error| Refusal::new(Code::OriginUnreachable, format!("{url}: {error}")))?;
        let identity = match &admits.identity {
            Some([account, device, app, session]) => {
                Some(Arc::new(Identity::new(account, device, app, session)?))
            }
            None => None,
        };
        let name = match &admits.name {
            Some([vhost, app, stream]) => Some(StreamName::new(vhost, app, stream)?),
            None => None,
        };
        Ok(Grant {
            name,
            takeover: admits.takeover,
            by_query: admits.by_query,
            max_kbps: admits.max_kbps,
            identity,
            // What it was admitted by the origin knows; when that ends, and who is banned, is known here too.
            right: Some(Right::new((), admits.until_ms)),
            wishes: admits.wishes.map(Arc::new),
            ..Grant::default()
        })
    }
}

fn target(admission: &Admission<'_>, via: &Via) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(admission.query);
    let cross_site = if admission.is_cross_site { "1" } else { "" };
    let pairs = [
        ("admit", admission.action.name()),
        ("ip", &admission.ip.to_string()),
        ("protocol", admission.protocol.name()),
        ("cross_site", cross_site),
        ("page", admission.page.unwrap_or_default()),
        ("query", &query.finish()),
        ("via", &via.to_string()),
    ];
    super::target("/relay", admission.name, "", &pairs)
}

/// A client whose token another node passes on, as that node describes it.
pub(crate) struct Passed {
    name: StreamName,
    action: Action,
    ip: IpAddr,
    protocol: Protocol,
    is_cross_site: bool,
    page: Option<String>,
    query: Vec<(String, String)>,
    via: Via,
}

impl Passed {
    /// Reads the query of a request for `key`; `None` where it asks for no admission.
    ///
    /// # Errors
    /// 4004 for a description that makes no sense, 5002 for nodes that make a circle.
    pub(crate) fn read(
        name: &StreamName,
        query: &[(String, String)],
    ) -> Result<Option<Self>, Refusal> {
        let parameter = |key| request::parameter(query, key);
        let Some(action) = parameter("admit") else {
            return Ok(None);
        };
        let wrong = || {
            Refusal::new(
                Code::ProtocolError,
                "this description of a client makes no sense",
            )
        };
        let actions = [Action::Publish, Action::Play];
        let action = actions.into_iter().find(|known| known.name() == action);
        let named = parameter("protocol").unwrap_or_default();
        let protocol = Protocol::ALL
            .into_iter()
            .find(|known| known.name() == named);
        let ip = parameter("ip").and_then(|ip| ip.parse().ok());
        Ok(Some(Self {
            name: name.clone(),
            action: action.ok_or_else(wrong)?,
            ip: ip.ok_or_else(wrong)?,
            protocol: protocol.ok_or_else(wrong)?,
            is_cross_site: parameter("cross_site") == Some("1"),
            page: parameter("page")
                .filter(|page| !page.is_empty())
                .map(str::to_owned),
            query: request::query(parameter("query")),
            via: Via::parse(parameter("via").unwrap_or_default())?,
        }))
    }

    /// What the gatekeeper of this node is asked.
    pub(crate) fn admission(&self) -> Admission<'_> {
        Admission {
            action: self.action,
            name: &self.name,
            query: &self.query,
            ip: self.ip,
            protocol: self.protocol,
            is_cross_site: self.is_cross_site,
            page: self.page.as_deref(),
        }
    }

    /// Nodes that passed its token on.
    pub(crate) const fn via(&self) -> &Via {
        &self.via
    }
}
