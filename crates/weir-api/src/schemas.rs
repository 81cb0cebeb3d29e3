//! How types of the crates below look in the document: they know nothing of it. Tests compare what is answered
//! with what is said here.

use utoipa::ToSchema;

/// How a node stands in the cluster.
#[derive(ToSchema)]
#[schema(as = Standing)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct StandingSchema {
    /// The registry answers.
    store: bool,
    /// For how long it does not, milliseconds.
    #[schema(nullable = false, required = false)]
    store_down_ms: Option<i64>,
    /// This node's own messages come back.
    bus: bool,
    /// For how long they do not, milliseconds.
    #[schema(nullable = false, required = false)]
    bus_down_ms: Option<i64>,
    /// Streams held that the registry has confirmed.
    owned: u64,
    /// Streams held that it has not, or no longer.
    unconfirmed: u64,
    /// Nodes in the view.
    nodes: u64,
    /// Half of the nodes have just fallen silent, which is not believed yet.
    doubting: bool,
}

/// One way to reach a node.
#[derive(ToSchema)]
#[schema(as = NodeAddress)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct NodeAddressSchema {
    /// `rtmp`, `rtmps`, `http`, `https` or `srt`.
    protocol: String,
    /// Who may use it: `public` or `internal`.
    scope: String,
    /// For clients of this ISP alone.
    #[schema(nullable = false, required = false)]
    isp: Option<String>,
    /// Scheme, host and port.
    #[schema(example = "rtmp://192.0.2.7:1935")]
    url: String,
}

/// What a node can bear; 0 means that this is not what limits it.
#[derive(ToSchema)]
#[schema(as = NodeCapacity)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct NodeCapacitySchema {
    /// Outgoing kilobits per second.
    out_kbps: u64,
    /// CPU, in thousandths of the whole machine.
    cpu_permille: u64,
    /// Open connections.
    connections: u64,
}

/// What a node bears now.
#[derive(ToSchema)]
#[schema(as = NodeLoad)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct NodeLoadSchema {
    /// Outgoing kilobits per second.
    out_kbps: u64,
    /// CPU, in thousandths of the whole machine.
    cpu_permille: u64,
    /// Open connections.
    connections: u64,
    /// Publishers connected here, those of streams handed on not counted.
    publishers: u64,
    /// Viewers served here, other nodes' pulls not counted.
    viewers: u64,
}

/// How many nodes a pool should have.
#[derive(ToSchema)]
#[schema(as = PoolDecision)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct PoolDecisionSchema {
    /// How many there should be, those that boot included; in a dry run as many as there are.
    desired: u32,
    /// How many there are and take work.
    current: u32,
    /// How many were ordered and have not come yet.
    booting: u32,
    /// How many drain.
    leaving: u32,
    /// What it was decided by, for people.
    reason: String,
    /// How many demand alone asks for.
    needed: u32,
    /// How many there should be if it is no dry run.
    wanted: u32,
    /// What asks for most: `bandwidth`, `cpu` or `connections`.
    by: String,
    /// What kept `desired` from `needed`.
    #[schema(nullable = false, required = false)]
    held_by: Option<String>,
    /// Nothing is done.
    dry_run: bool,
}

/// Why a node was named.
#[derive(ToSchema)]
#[schema(as = WhyThere)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct WhyThereSchema {
    /// How near it is.
    tier: String,
    /// Whether it already carries the stream.
    carries: bool,
    /// How full it would be with this client and those on their way, in thousandths.
    full_permille: u64,
    /// Of what: `bandwidth`, `cpu` or `connections`.
    of: String,
    /// Nodes it was compared with.
    considered: u64,
    /// It is above its soft limit, and nobody below was left.
    last_resort: bool,
    /// It was its turn.
    in_turn: bool,
    /// All of it, for people.
    words: String,
}
