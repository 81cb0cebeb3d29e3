//! Who asks for something of HLS, and for what.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, header};
use weir_base::sign::Action;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::route::Via;
use weir_hub::{Grant, Protocol, Visitor};
use weir_link::proof;

use crate::admission::Admission;
use crate::request::{self, Asked, PlayIntent, parameter, wait_of};

/// Query parameters that go on into the playlist's URIs: what admits the viewer.
const CARRIED: &[&str] = &[
    "e",
    "a",
    "k",
    "n",
    "ip",
    "s",
    "key",
    "vhost",
    "domain",
    "ticket",
    "password",
    "token",
    "txSecret",
    "txTime",
    "auth_key",
    "t",
    "signature",
    "accesskey",
    "expire",
    "nonce",
    "public",
    "vdoid",
];

/// A request for something of HLS.
#[derive(Debug, Clone, Copy)]
pub struct HlsRequest<'a> {
    /// All levels of the app.
    pub app: &'a str,
    /// The stream's name, without ending.
    pub stream: &'a str,
    /// The `Host` header, or HTTP/2's authority.
    pub host: Option<&'a str>,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// Path and query as they were asked for.
    pub target: &'a str,
    /// Address and port of the client, trusted proxies taken into account.
    pub client: SocketAddr,
    /// The head of the answer is wanted alone.
    pub is_head: bool,
}

/// A request that was admitted.
#[derive(Debug, Clone)]
pub(super) struct AdmittedRequest {
    /// Vhost, app and stream.
    pub(super) name: StreamName,
    who: Who,
}

#[derive(Debug, Clone)]
enum Who {
    /// A viewer, and what he may.
    Viewer(Grant),
    /// Another node, which has admitted its viewers itself.
    Node(Via),
}

impl HlsRequest<'_> {
    /// Asks the gatekeeper, or looks at another node's proof.
    ///
    /// # Errors
    /// The gatekeeper's refusal, 1004 for a wrong proof, 3001/2002 for impossible names; what a viewer was
    /// kicked with, for a while.
    pub(super) async fn admit(
        &self,
        admission: &Admission,
        headers: &HeaderMap,
    ) -> Result<AdmittedRequest, Refusal> {
        let authorization = headers.get(header::AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        if authorization.is_some_and(proof::is_proof) {
            admission.asker(self.target, authorization)?;
            let vhost = self.parameter("vhost").unwrap_or_default();
            return Ok(AdmittedRequest {
                name: StreamName::new(vhost, self.app, self.stream)?,
                who: Who::Node(Via::parse(self.parameter("via").unwrap_or_default())?),
            });
        }
        let asked = Asked {
            action: Action::Play,
            host: self.host,
            app: self.app,
            stream: self.stream,
            query: self.query,
            ip: self.client.ip(),
            protocol: Protocol::Hls,
            is_cross_site: false,
            page: request::page(headers),
        };
        let (name, grant) = admission.admit_again(&asked).await?;
        let who = Who::Viewer(grant);
        let admitted = AdmittedRequest { name, who };
        if let Some(visitor) = self.visitor(&admitted, headers) {
            let now_us = admission.hub().clock().now_us();
            admission.hub().audience().check(visitor, now_us)?;
        }
        Ok(admitted)
    }

    /// Who is counted among the viewers, if it is one.
    pub(super) fn visitor<'a>(
        &self,
        admitted: &'a AdmittedRequest,
        headers: &'a HeaderMap,
    ) -> Option<Visitor<'a>> {
        let Who::Viewer(grant) = &admitted.who else {
            return None;
        };
        let player = headers.get(header::USER_AGENT);
        Some(Visitor {
            name: &admitted.name,
            addr: self.client,
            player: player.map(HeaderValue::as_bytes).unwrap_or_default(),
            identity: grant.identity.as_ref(),
        })
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(self.query, name)
    }

    /// The query that every URI of a playlist needs for this viewer: empty, or with its `?`.
    pub(super) fn carried(&self, admitted: &AdmittedRequest) -> String {
        if !matches!(&admitted.who, Who::Viewer(grant) if grant.by_query) {
            return String::new();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self
            .query
            .iter()
            .filter(|(name, _)| CARRIED.contains(&name.as_str()))
        {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() {
            query
        } else {
            format!("?{query}")
        }
    }

    /// What is wanted of this node, as far as it concerns where the stream is.
    pub(super) fn play_intent(&self, admitted: &AdmittedRequest) -> PlayIntent {
        match &admitted.who {
            Who::Viewer(_) => PlayIntent::client(Protocol::Hls, wait_of(self.query)),
            // Nodes are told each other's own addresses, and wait themselves.
            Who::Node(via) => PlayIntent {
                via: via.clone(),
                ..PlayIntent::client(Protocol::Relay, std::time::Duration::ZERO)
            },
        }
    }
}

impl AdmittedRequest {
    /// Whether it is counted among the viewers.
    pub(super) const fn is_viewer(&self) -> bool {
        matches!(self.who, Who::Viewer(_))
    }

    /// Under which protocol its bytes are counted.
    pub(super) const fn protocol(&self) -> Protocol {
        match self.who {
            Who::Viewer(_) => Protocol::Hls,
            Who::Node(_) => Protocol::Relay,
        }
    }

    /// Nodes it came through.
    pub(super) fn via(&self) -> Via {
        match &self.who {
            Who::Viewer(_) => Via::default(),
            Who::Node(via) => via.clone(),
        }
    }
}

/// The delivery directives (RFC 8216bis §6.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directives {
    /// Media sequence number and part that the playlist shall have.
    pub(super) position: Option<(u64, Option<u32>)>,
    /// A delta update is wanted.
    pub(super) skip: bool,
}

impl Directives {
    /// Reads them.
    ///
    /// # Errors
    /// 4004 when they make no sense.
    pub(super) fn read(asked: &HlsRequest<'_>) -> Result<Self, Refusal> {
        let bad = |what: &'static str| Refusal::new(Code::ProtocolError, what);
        let number = |name: &str| asked.parameter(name).map(str::parse::<u64>).transpose();
        let msn = number("_HLS_msn").map_err(|_| bad("_HLS_msn is not a number"))?;
        let part = number("_HLS_part").map_err(|_| bad("_HLS_part is not a number"))?;
        if msn.is_none() && part.is_some() {
            return Err(bad("_HLS_part without _HLS_msn"));
        }
        let part = part
            .map(u32::try_from)
            .transpose()
            .map_err(|_| bad("_HLS_part is too large"))?;
        let skip = matches!(asked.parameter("_HLS_skip"), Some("YES" | "v2"));
        Ok(Self {
            position: msn.map(|msn| (msn, part)),
            skip,
        })
    }
}
