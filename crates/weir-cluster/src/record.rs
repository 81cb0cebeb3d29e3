//! What the registry holds: a record for each node and a lease for each stream.
//!
//! Records come from other nodes, maybe of another version: unknown fields, roles and protocols are
//! passed over, and everything is bounded before it is believed.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{ADDRESS_BYTES, ADDRESSES, MESSAGE_BYTES};
use crate::name::{LeaseKey, Name};
use crate::report::ReportError;

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Takes publishes and holds streams.
    Origin = 0,
    /// Faces users and pulls each stream once.
    Edge = 1,
    /// Says where clients go.
    Dispatcher = 2,
    /// Chat gateway.
    Chat = 3,
    /// Media jobs.
    Worker = 4,
    /// Accounts, tokens, pages.
    Api = 5,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Origin,
        Self::Edge,
        Self::Dispatcher,
        Self::Chat,
        Self::Worker,
        Self::Api,
    ];

    /// Its name in the config, in JSON and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Edge => "edge",
            Self::Dispatcher => "dispatcher",
            Self::Chat => "chat",
            Self::Worker => "worker",
            Self::Api => "api",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A set of roles; in JSON a list of names, of which unknown ones are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// With one more.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    /// Whether it is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// They, in order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        roles.into_iter().fold(Self::default(), Self::with)
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Role::name))
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names
            .iter()
            .filter_map(|name| Role::from_name(name))
            .collect())
    }
}

/// What an address speaks. WebSocket forms use the HTTP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `rtmp://`, plain TCP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// HTTP and WebSocket: FLV, HLS, TS, SLSP, WHIP, the API.
    Http,
    /// The same over TLS.
    Https,
    /// `srt://`, over UDP.
    Srt,
    /// One that this version does not know; never chosen.
    #[serde(other)]
    Unknown,
}

/// Who may use an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Clients.
    Public,
    /// Other nodes.
    Internal,
}

/// One way to reach a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// What it speaks.
    pub protocol: Scheme,
    /// Who may use it.
    pub scope: Scope,
    /// For clients of this ISP alone: a proxy inside that network. `None` is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isp: Option<Name>,
    /// Scheme, host and port, as in `rtmp://192.0.2.7:1935`; a path prefix may follow.
    pub url: String,
}

/// What a node can bear; 0 means that this is not what limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capacity {
    /// Outgoing kilobits per second.
    pub out_kbps: u64,
    /// CPU, in thousandths of the whole machine.
    pub cpu_permille: u64,
    /// Open connections.
    pub connections: u64,
}

/// What a node bears now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Outgoing kilobits per second.
    pub out_kbps: u64,
    /// CPU, in thousandths of the whole machine.
    pub cpu_permille: u64,
    /// Open connections.
    pub connections: u64,
    /// Publishers connected here, those of streams handed on not counted.
    pub publishers: u64,
    /// Viewers served here, other nodes' pulls not counted.
    pub viewers: u64,
}

/// One node, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its name, unique in the cluster and the same after a restart.
    pub id: Name,
    /// Drawn at each start: tells a node that was restarted from its earlier self.
    pub boot: u64,
    /// What it does.
    pub roles: Roles,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Name>,
    /// Whose network it stands in; an education network is one like others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isp: Option<Name>,
    /// The node above it that it pulls from and pushes to, as a URL; nobody looks it up, people see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How it is reached; at most 64.
    #[serde(default)]
    pub addresses: Vec<Address>,
    /// What it can bear.
    #[serde(default)]
    pub capacity: Capacity,
    /// What it bears.
    #[serde(default)]
    pub load: Load,
    /// Takes no new work.
    #[serde(default)]
    pub draining: bool,
    /// The program's version.
    #[serde(default)]
    pub version: String,
}

/// A record that is not believed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// More bytes than any record has.
    #[error("{0} bytes of JSON; at most {MESSAGE_BYTES} are read")]
    TooLong(usize),
    /// Not JSON, or not of this shape.
    #[error("not a record: {0}")]
    Json(#[from] serde_json::Error),
    /// More addresses, or longer ones, than a node has.
    #[error("at most {ADDRESSES} addresses of {ADDRESS_BYTES} bytes, and a version of as many")]
    Addresses,
    /// More parts, streams, names or reports than a message has.
    #[error("more than one message has")]
    Many,
    /// A report that cannot be.
    #[error("a report: {0}")]
    Report(#[from] ReportError),
}

impl NodeRecord {
    /// Checks the bounds that its types do not.
    ///
    /// # Errors
    /// When there are too many addresses, or texts are too long.
    pub fn check(&self) -> Result<(), RecordError> {
        let fits = self.addresses.len() <= ADDRESSES
            && self.addresses.iter().all(|a| a.url.len() <= ADDRESS_BYTES)
            && self
                .parent
                .as_ref()
                .is_none_or(|url| url.len() <= ADDRESS_BYTES)
            && self.version.len() <= ADDRESS_BYTES;
        fits.then_some(()).ok_or(RecordError::Addresses)
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// When it is too long, not JSON, or out of bounds.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        let record: Self = read_json(json)?;
        record.check()?;
        Ok(record)
    }

    /// The address for a client of this ISP: of the first protocol wanted that there is, one for its
    /// ISP before one for all, never one for another ISP.
    pub fn address(
        &self,
        protocols: &[Scheme],
        scope: Scope,
        isp: Option<&Name>,
    ) -> Option<&Address> {
        protocols
            .iter()
            .filter(|p| **p != Scheme::Unknown)
            .find_map(|protocol| {
                let fit = |a: &&Address| a.protocol == *protocol && a.scope == scope;
                let own = |a: &&Address| a.isp.is_some() && a.isp.as_ref() == isp;
                let mut fitting = self.addresses.iter().filter(fit);
                fitting
                    .clone()
                    .find(own)
                    .or_else(|| fitting.find(|a| a.isp.is_none()))
            })
    }
}

/// Who owns a stream: the lease in the store, and what the owner announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// The stream.
    pub key: LeaseKey,
    /// The owner.
    pub node: Name,
    /// The owner's life.
    pub boot: u64,
    /// Which of that life's claims this is: tells two publishers one after the other apart.
    pub claim: u64,
    /// Given by the store at the claim and growing with each; 0 while the store has not confirmed it.
    pub epoch: u64,
    /// When the publisher came, Unix milliseconds by the owner's clock: to show, not to compare.
    pub since_ms: i64,
    /// The epoch that this claim took the stream over from; 0 for none.
    #[serde(default)]
    pub over: u64,
}

/// Reads bounded JSON.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, RecordError> {
    if json.len() > MESSAGE_BYTES {
        return Err(RecordError::TooLong(json.len()));
    }
    Ok(serde_json::from_slice(json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(addresses: Vec<Address>) -> NodeRecord {
        NodeRecord {
            id: Name::new("edge-1").unwrap(),
            boot: u64::MAX,
            roles: [Role::Edge, Role::Api].into_iter().collect(),
            region: Some(Name::new("eu").unwrap()),
            isp: None,
            addresses,
            capacity: Capacity {
                out_kbps: 1,
                cpu_permille: 2,
                connections: 3,
            },
            load: Load::default(),
            parent: None,
            draining: false,
            version: "0.1.0".into(),
        }
    }

    fn address(protocol: Scheme, isp: Option<&str>, url: &str) -> Address {
        Address {
            protocol,
            scope: Scope::Public,
            isp: isp.map(|isp| Name::new(isp).unwrap()),
            url: url.into(),
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = record(vec![address(
            Scheme::Rtmp,
            Some("cernet"),
            "rtmp://192.0.2.1:1935",
        )]);
        let json = serde_json::to_vec(&record).unwrap();
        assert_eq!(NodeRecord::from_json(&json).unwrap(), record);
    }

    #[test]
    fn what_a_newer_version_adds_is_passed_over() {
        let json = r#"{"id":"n","boot":1,"roles":["edge","oracle"],"mood":"good",
            "addresses":[{"protocol":"moq","scope":"public","url":"moq://h"}]}"#;
        let record = NodeRecord::from_json(json.as_bytes()).unwrap();
        assert_eq!(record.roles.iter().collect::<Vec<_>>(), [Role::Edge]);
        assert_eq!(
            record.address(&[Scheme::Unknown], Scope::Public, None),
            None
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_not_believed() {
        let many = vec![address(Scheme::Http, None, "http://h"); ADDRESSES + 1];
        assert!(record(many).check().is_err());
        let long = vec![address(Scheme::Http, None, &"x".repeat(ADDRESS_BYTES + 1))];
        assert!(record(long).check().is_err());
        assert!(matches!(
            NodeRecord::from_json(&vec![b' '; MESSAGE_BYTES + 1]),
            Err(RecordError::TooLong(_))
        ));
    }

    #[test]
    fn a_client_gets_the_proxy_of_its_own_isp_and_never_anothers() {
        let record = record(vec![
            address(Scheme::Http, Some("cernet"), "http://edu"),
            address(Scheme::Http, None, "http://all"),
            address(Scheme::Rtmp, Some("cernet"), "rtmp://edu"),
        ]);
        let edu = Name::new("cernet").unwrap();
        let url = |isp, protocols: &[Scheme]| {
            record
                .address(protocols, Scope::Public, isp)
                .map(|a| a.url.as_str())
        };
        assert_eq!(url(Some(&edu), &[Scheme::Http]), Some("http://edu"));
        assert_eq!(url(None, &[Scheme::Http]), Some("http://all"));
        assert_eq!(url(None, &[Scheme::Rtmp, Scheme::Http]), Some("http://all"));
        assert_eq!(url(None, &[Scheme::Rtmp]), None);
        assert_eq!(record.address(&[Scheme::Http], Scope::Internal, None), None);
    }
}
