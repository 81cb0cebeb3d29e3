//! How large what nodes tell each other may get, with units and reasons. A limit of one part stands there.

/// Bytes of a node's id, a region or an ISP: they go into keys, metrics and URLs.
pub const NAME_BYTES: usize = 64;
/// Bytes of a stream's key: vhost, app and stream of 255 bytes each, and what joins them.
pub const LEASE_KEY_BYTES: usize = 800;
/// Addresses of one node: some protocols, public and internal, for some ISPs.
pub const ADDRESSES: usize = 64;
/// Bytes of one address.
pub const ADDRESS_BYTES: usize = 256;
/// Bytes of a node record or a bus message as JSON; a part of a snapshot is the largest.
pub const MESSAGE_BYTES: usize = 1024 * 1024;
/// Nodes in one view. A bound on memory; the design aims at 500.
pub const NODES: usize = 4_096;
/// Streams one node may own, and as many that it may carry; as the hub's own limit.
pub const STREAMS_PER_NODE: usize = 20_000;
/// Owned and carried streams in one view, over all nodes.
pub const STREAMS: usize = 1_000_000;
/// Streams in one part of a snapshot, owned and carried together: well under [`MESSAGE_BYTES`].
pub const SNAPSHOT_PART: usize = 512;
/// Parts of one snapshot: what [`STREAMS_PER_NODE`] needs twice.
pub const SNAPSHOT_PARTS: u32 = 80;
/// Earlier lives of a node that are remembered, so that their late messages are not believed.
pub const RETIRED_BOOTS: usize = 4;
/// Sources asked for a snapshot in one message; the rest are asked in the next.
pub const ASKED_AT_ONCE: usize = 256;
/// Askers that get their own copy of a snapshot; more of them get one for all.
pub const DIRECT_SNAPSHOTS: usize = 3;
/// Lease operations in one call to the store: some 50 KiB, one script call.
pub const OPS_PER_BATCH: usize = 256;
/// Calls to the store in flight for leases; more wait.
pub const BATCHES_IN_FLIGHT: usize = 8;
/// Releases that wait for the store; older ones are left to expire.
pub const PENDING_RELEASES: usize = 4_096;
/// Placements counted as reserved at one time: half a minute at 20,000 a second is refused to grow
/// beyond this; the oldest go early.
pub const RESERVATIONS: usize = 200_000;
/// Answers to one ask for a place.
pub const PLACES: usize = 8;
/// Carriers or group members looked at for one choice: a bound on time where nearly all are full.
pub const SCAN: usize = 4_096;
/// Lines of a CIDR table; the ISPs of a large country have some tens of thousands.
pub const CIDR_LINES: usize = 500_000;
/// Nodes a pull may have passed (`via`) before it is refused as a loop.
pub const HOPS: usize = 4;
/// Upstreams whose failures are remembered.
pub const UPSTREAMS: usize = 1_024;
/// Samples of demand a pool keeps: half an hour at one every five seconds.
pub const SCALE_SAMPLES: usize = 360;
/// Bytes of a coworker's answer: the captured ones have under 300.
pub const COWORKER_ANSWER_BYTES: usize = 16 * 1024;
/// Routers read from a coworker's answer.
pub const COWORKER_ROUTERS: usize = 64;
/// Things a node wants done or told that nobody has fetched yet.
pub const OUTPUTS: usize = 65_536;
/// Messages from the bus that a node has not read yet; a slow reader is told of a gap.
pub const BUS_INBOX: usize = 8_192;
/// Reports of streams on other servers, in one view and in the store: as many as a large site has
/// streams; a few hundred bytes each.
pub const REPORTS: usize = 100_000;
/// The longest a report may be good, milliseconds: what is not reported again is gone.
pub const REPORT_TTL_MS: i64 = 10 * 60 * 1000;
/// Bytes of a reported server's host name (RFC 1035 §2.3.4).
pub const REPORT_HOST_BYTES: usize = 255;
/// Bytes of the name of a reported server's protocol.
pub const REPORT_PROTOCOL_BYTES: usize = 16;
/// Reports in one message and in one call to the store: at most 300 KiB.
pub const REPORTS_PER_BATCH: usize = 256;
/// How long it is known which recording a broadcast goes into when the node that records it says nothing more,
/// milliseconds: a publisher that comes back within a minute of its origin's death goes on with it, and words are said
/// anew each ten seconds.
pub const RECORDING_TERM_MS: i64 = 75_000;
/// Words about recordings in one call to the store: some 50 KiB.
pub const RECORDINGS_PER_BATCH: usize = 256;
/// Bytes of the store's URL: some hosts, a user and a password.
pub const URL_BYTES: usize = 4_096;
/// Servers that the store's URL may name; a cluster or a group of Sentinels tells of the others.
pub const URL_HOSTS: usize = 32;
/// Streams that somebody waits for at once; a thousand viewers of one stream count once.
pub const WATCHED_STREAMS: usize = 20_000;
