//! What receivers read: weir's own words, or those of a server that they were written for.

mod srs;
mod tencent;

use serde_json::json;
use weir_store::hooks::Endpoint;

pub(crate) use srs::is_taken as srs_takes;

use crate::event::HookEvent;
use crate::sign::{Secret, headers_of};

/// Whose words a receiver reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Standard Webhooks: `{"type", "timestamp", "data"}`, signed in headers.
    Standard,
    /// SRS's `on_publish` and `on_unpublish`.
    Srs,
    /// Tencent's callbacks of event types 0, 1 and 200.
    Tencent,
}

/// A request's body and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Dialect {
    /// As rows and the API have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Srs => "srs",
            Self::Tencent => "tencent",
        }
    }

    /// The dialect of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Standard, Self::Srs, Self::Tencent]
            .into_iter()
            .find(|dialect| dialect.name() == name)
    }

    /// Whether there is a word for events of this type.
    pub fn has_word_for(self, kind: &str) -> bool {
        match self {
            Self::Standard => true,
            Self::Srs => matches!(kind, "stream.started" | "stream.ended"),
            Self::Tencent => matches!(kind, "stream.started" | "stream.ended" | "snapshot.taken"),
        }
    }

    /// The delivery with `id` as it is sent at `now_ms`; none where there is no word for it.
    pub(crate) fn message(
        self,
        endpoint: &Endpoint,
        id: &str,
        event: &HookEvent,
        now_ms: i64,
    ) -> Option<Message> {
        let (old, until_ms) = (&endpoint.old_secret, endpoint.old_until_ms);
        let old = (now_ms < until_ms).then_some(old);
        let secrets = [Some(&endpoint.secret), old].into_iter().flatten();
        let secrets: Vec<Secret> = secrets
            .filter_map(|text| Secret::parse(text).ok())
            .collect();
        let body = match self {
            Self::Standard => standard(event),
            Self::Srs => srs::body(event)?,
            Self::Tencent => tencent::body(event, &endpoint.secret, now_ms)?,
        };
        // Signed in every dialect: who moves can begin to check before it learns another.
        let headers = headers_of(&secrets, id, now_ms.div_euclid(1000), body.as_bytes());
        Some(Message {
            headers: headers.into(),
            body,
        })
    }

    /// Whether an answer of status 2xx says that the delivery was taken.
    pub(crate) fn takes(self, body: &[u8]) -> bool {
        match self {
            Self::Standard | Self::Tencent => true,
            Self::Srs => srs::is_taken(body),
        }
    }
}

fn standard(event: &HookEvent) -> String {
    json!({
        "type": event.r#type,
        "timestamp": event.at,
        "data": {
            "id": event.id,
            "app": event.app,
            "stream": event.stream,
            "session": event.session,
            "cause": event.cause,
            "cause_name": event.cause_name,
            "details": event.data,
        },
    })
    .to_string()
}
