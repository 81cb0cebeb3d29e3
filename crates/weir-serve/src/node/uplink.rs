//! The connection on which a stream goes up to another node: how it is asked for.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use weir_base::Refusal;
use weir_link::node::{NodeRequest, unreachable};
use weir_proto::relay;

use super::ask::{self, HEAD_TIMEOUT};
use super::origins::PublishIntent;
use super::{Node, rtmp_url, srs};

/// A connection to a node that takes the stream, which has said yes.
pub(crate) struct Uplink {
    pub(super) intent: PublishIntent,
    pub(super) url: String,
    pub(super) carrier: Carrier,
}

/// What it speaks.
pub(super) enum Carrier {
    /// Another weir, ready for records.
    Weir(Box<TokioIo<Upgraded>>),
    /// A server that speaks RTMP alone, and has said yes.
    Rtmp(Box<srs::AcceptedPublish>),
}

impl std::fmt::Debug for Uplink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uplink({} to {})", self.intent.name, self.url)
    }
}

impl Uplink {
    /// Asks the node at `url` to take the stream.
    pub(super) async fn open(
        node: &Node,
        intent: &PublishIntent,
        over: u64,
        url: &str,
    ) -> Result<Self, Refusal> {
        let uplink = |carrier| Self {
            intent: intent.clone(),
            url: url.to_owned(),
            carrier,
        };
        if url.starts_with("rtmp") {
            let there = rtmp_url(url, &intent.name);
            let hub = &node.core().hub;
            let accepted = srs::push(hub, &there, &node.settings().own).await?;
            return Ok(uplink(Carrier::Rtmp(Box::new(accepted))));
        }
        let via = intent.via.and(&node.settings().me).to_string();
        let over = if over > 0 {
            over.to_string()
        } else {
            String::new()
        };
        let takeover = if intent.takeover { "1" } else { "" };
        let wishes = intent.wishes.as_deref().map(serde_json::to_string);
        let wishes = wishes.and_then(Result::ok).unwrap_or_default();
        let pairs = [
            ("wishes", wishes.as_str()),
            ("via", &via),
            ("over", &over),
            ("takeover", takeover),
        ];
        let target = super::target("/relay", &intent.name, "", &pairs);
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static(relay::UPGRADE));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        let request = NodeRequest {
            base: url,
            method: Method::GET,
            target: &target,
            headers,
            head_timeout: HEAD_TIMEOUT,
        };
        let answer = node.client().send(request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ask::refusal_of(url, answer).await);
        }
        let upgraded = answer.upgrade().await;
        let upgraded = upgraded.map_err(|error| unreachable(url, &error))?;
        Ok(uplink(Carrier::Weir(Box::new(upgraded))))
    }
}
