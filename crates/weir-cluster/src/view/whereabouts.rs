//! Where a stream is, as far as this node believes: the one answer that players, pushes and the API
//! are given.

use super::View;
use crate::name::LeaseKey;
use crate::record::{NodeRecord, Scheme, Scope, StreamRecord};
use crate::report::Reported;

/// Where a stream is.
#[derive(Debug, Clone, Copy)]
pub enum Whereabouts<'a> {
    /// This node owns it.
    Here(&'a StreamRecord),
    /// Another node owns it.
    Node {
        /// What the other node holds the stream by; its epoch is 0 until the store has confirmed it.
        lease: &'a StreamRecord,
        /// The node as it describes itself; `None` in the moment before it has.
        record: Option<&'a NodeRecord>,
    },
    /// A server that is not weir has it, as somebody said lately.
    Reported(&'a Reported),
    /// As far as this node knows, nobody has it.
    Nowhere,
}

impl<'a> Whereabouts<'a> {
    /// The lease, where a node of the cluster owns the stream.
    pub fn lease(&self) -> Option<&'a StreamRecord> {
        match self {
            Self::Here(lease) | Self::Node { lease, .. } => Some(lease),
            Self::Reported(_) | Self::Nowhere => None,
        }
    }

    /// The other node that owns the stream, as it describes itself.
    pub fn other_node(&self) -> Option<&'a NodeRecord> {
        match self {
            Self::Node { record, .. } => *record,
            _ => None,
        }
    }

    /// Where that node takes these protocols.
    pub fn url(&self, protocols: &[Scheme], scope: Scope) -> Option<&'a str> {
        let address = self.other_node()?.address(protocols, scope, None)?;
        Some(&address.url)
    }

    /// Whether nobody is known to have it.
    pub fn is_nowhere(&self) -> bool {
        matches!(self, Self::Nowhere)
    }
}

impl View {
    /// Where a stream is. An owner in the cluster goes before a report, which a publisher's server may
    /// have made before the publisher came here.
    pub fn whereabouts(&self, key: &LeaseKey, now_us: i64) -> Whereabouts<'_> {
        let lease = self.owner(key);
        let node = lease.and_then(|lease| self.find(&lease.node));
        let record = node.and_then(|node| node.record.as_ref());
        let reported = self.reported(key).filter(|r| r.until_us > now_us);
        match (lease, record, reported) {
            (Some(lease), _, _) if lease.node == self.me => Whereabouts::Here(lease),
            // Nobody can go to a node that has not described itself yet.
            (_, None, Some(reported)) => Whereabouts::Reported(reported),
            (Some(lease), record, _) => Whereabouts::Node { lease, record },
            (None, _, _) => Whereabouts::Nowhere,
        }
    }
}
