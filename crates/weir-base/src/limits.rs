//! The limits that several parts of a node share, with their units and reasons.
//!
//! A limit of one part or one format stands beside what it guards; `docs/ref/limits.md` gathers all.

/// Bytes of an HTTP request head. Browsers send under 4 KiB; 16 leaves room for cookies and tokens.
pub const HTTP_HEAD_BYTES: usize = 16 * 1024;
/// Milliseconds a client may take to send a request head, a TLS hello or a PROXY header (Slowloris).
pub const HTTP_HEAD_MS: u64 = 10_000;
/// Milliseconds an idle keep-alive HTTP connection is kept.
pub const HTTP_IDLE_MS: u64 = 75_000;
/// Milliseconds that the body of a request to the API may take, however short it is.
pub const HTTP_BODY_MS: u64 = 30_000;
/// Bytes a second that a longer body has to come at: half of what a telephone sends where its network is bad.
pub const HTTP_BODY_BYTES_PER_S: u64 = 8 * 1024;
/// Connections of one network (an IPv4 address, an IPv6 network of 64 bits) whose request head is waited for at once:
/// a crowd behind one address says what it wants within a round trip.
pub const HEADS_PER_NETWORK: usize = 16_384;
/// Requests of one network whose bodies are waited for at once.
pub const BODIES_PER_NETWORK: usize = 256;
/// Bytes of a PROXY protocol header: version 2 with TLVs fits.
pub const PROXY_HEADER_BYTES: usize = 536;
/// Milliseconds from accept to an accepted `publish` or `play` over RTMP.
pub const RTMP_SETUP_MS: u64 = 10_000;
/// Milliseconds an RTMP connection that has published or played may do nothing before it is closed: time for
/// somebody to begin the next broadcast.
pub const RTMP_IDLE_MS: u64 = 180_000;
/// Bytes read from an RTMP socket at once.
pub const RTMP_READ_BYTES: usize = 64 * 1024;
/// Milliseconds a write to a publisher's or an idle client's socket may stand still.
pub const CONTROL_WRITE_MS: u64 = 10_000;
/// Connections being set up at once over all listeners; more wait in the kernel's backlog.
pub const CONNECTIONS_IN_SETUP: usize = 16_384;
/// The kernel's listen backlog, connections.
pub const LISTEN_BACKLOG: i32 = 4_096;
/// Live streams on one node. A bound on memory, not a licence.
pub const STREAMS: usize = 20_000;
/// Clients (publishers and viewers) listed by the API on one node.
pub const CLIENTS: usize = 500_000;
/// Viewers waiting for a stream that is not live yet (`?wait=`), over all streams.
pub const WAITERS: usize = 50_000;
/// Seconds a viewer may ask to wait for a stream that is not live yet.
pub const WAIT_S: u64 = 30;
/// Entries of a stream's ring, whatever their bytes: bounds the bookkeeping of tiny frames.
pub const RING_ENTRIES: usize = 32_768;
/// Bytes of one batch in a delivery wire: a longer burst is cut into several.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Batches handed to one `writev`.
pub const BATCHES_PER_WRITE: usize = 16;
/// Bytes a viewer that is behind may take in one turn of a delivery loop, so that joiners
/// do not hold up those who are live.
pub const CATCH_UP_BYTES_PER_TURN: usize = 1024 * 1024;
/// New viewers waiting to be taken over by one delivery loop.
pub const DELIVERY_INBOX: usize = 65_536;
/// Batches in flight to a viewer that cannot own its socket (TLS, HTTP/2).
pub const TASK_BATCHES: usize = 8;
/// Bytes read at once from a viewer's socket; viewers have little to say.
pub const VIEWER_READ_BYTES: usize = 4 * 1024;
/// Bytes of answers (pongs, acknowledgements) a viewer may let pile up before it is closed.
pub const VIEWER_ANSWER_BYTES: usize = 16 * 1024;
/// HLS requests held open (blocking reload and preload hints), over all streams.
pub const HLS_BLOCKED_REQUESTS: usize = 100_000;
/// Viewers that can be told apart per HLS stream for the viewer count.
pub const HLS_SESSIONS_PER_STREAM: usize = 100_000;
/// Nonces of signed URLs remembered until their URLs expire; beyond that the earliest to expire is
/// forgotten. Some 200 bytes each.
pub const NONCES: usize = 100_000;
/// Viewers without a connection that a node tells apart: some 400 bytes each.
pub const AUDIENCE: usize = 250_000;
/// Milliseconds a draining node waits for clients to leave.
pub const DRAIN_MS: u64 = 10_000;
