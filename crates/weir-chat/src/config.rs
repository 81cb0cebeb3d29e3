//! `[chat]`: what may be said, by whom, and how much of it.

use serde::{Deserialize, Serialize};
use weir_base::section;
use weir_base::section::{Senseless, in_range, sensible};

use crate::business::Matter;
use crate::limits;
use crate::who::Guests;

section! {
    /// Chat: who may say how much, and what is remembered of it.
    pub ChatConfig {
        /// Whether this node has the gateway at `/chat`.
        restart enabled: bool = true,
        /// What somebody without a token may do: `none`, `read` or `write`.
        restart guests: Guests = Guests::Read,
        /// Posts of the hi lane (gifts, notices, orders) that a group keeps for who comes back.
        restart history_posts: usize = 300,
        /// Seconds for which it keeps them.
        restart history_s: i64 = 3_600,
        /// Posts of the lo lane (chat) that a group keeps for who comes in.
        restart recent_posts: usize = 50,
        /// Posts of the lo lane in a group and tick; more are left out, counted, and told of.
        restart lo_posts_per_tick: usize = 80,
        /// Bytes of posts of the lo lane in a group and tick, likewise.
        restart lo_bytes_per_tick: usize = 32_768,
        /// Bytes of what a client posts.
        restart post_bytes: usize = 2_048,
        /// Characters of a chat message.
        restart message_chars: usize = 500,
        /// People who came in that a room is told of in a tick; 0 for none.
        restart entries_per_tick: usize = 2,
        /// People in a room up to which it is told who comes in.
        restart entries_up_to: u32 = 500,
        /// Connections from one network (an IPv4 address, an IPv6 network of 64 bits) to this node.
        restart connections_per_network: u32 = 4_096,
        /// Loops, each a thread; 0 for one per core.
        restart loops: usize = 0,
        /// The Redis by which rooms meet across nodes; when empty, `cluster.redis`, and none where that is empty too.
        restart redis: String = String::new(),
        /// The Redis that knows who is online; when empty, the one by which rooms meet.
        restart online_redis: String = String::new(),
        /// Parts that rooms are spread over by name, each in one slot of a Redis Cluster; the same on all nodes.
        restart redis_shards: usize = 1,
        /// Whether posts go between nodes as lines of JSON, for people to read.
        restart bus_json: bool = false,
        /// The site's own service, which is asked what may happen.
        section service: ServiceConfig = ServiceConfig::default(),
    }
}

section! {
    /// The site's own service behind the gateway.
    pub ServiceConfig {
        /// Where it is, such as `[{ url = "https://a.example/chat", weight = 10 }]`; several share the questions by
        /// their weights, 1 to 1000 and 1 where none is given. Empty: none is asked.
        reload urls: Vec<ServiceUrl> = Vec::new(),
        /// What it is asked for: `connect`, `join`, `publish`, `rpc`.
        restart calls: Vec<Matter> = Matter::ALL.to_vec(),
        /// Milliseconds for an answer, a second try at another URL included.
        restart timeout_ms: u32 = 1_000,
        /// Questions on their way at once; as many more wait, and what is beyond is refused with 150.
        restart concurrency: u32 = 256,
        /// Signs the questions as webhooks are signed, `whsec_` and base64; when empty, nothing is signed.
        restart secret: String = String::new(),
    }
}

/// A URL of the site's service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceUrl {
    /// `http` or `https`.
    pub url: String,
    /// Its share of the questions, beside those of the others.
    #[serde(default = "one")]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// More history than this is a store's task, not memory's.
const MAX_HISTORY_POSTS: usize = 10_000;
/// A day.
const MAX_HISTORY_S: i64 = 86_400;
/// More in a tick is read by nobody.
const MAX_LO_POSTS: usize = 1_000;
/// Likewise.
const MAX_ENTRIES: usize = 20;
/// A Redis Cluster of more servers than that has other things to do.
const MAX_SHARDS: usize = 256;
/// A group and tick has to fit the sockets' buffers of most.
const MAX_LO_BYTES: usize = 256 * 1024;

/// More are a balancer's task.
const MAX_URLS: usize = 64;
/// A share has to be a share.
const MAX_WEIGHT: u32 = 1_000;
/// A member that waits longer than that has gone; below [`limits::BUSINESS_US`].
const MAX_TIMEOUT_MS: u32 = 5_000;

impl ServiceConfig {
    fn check(&self) -> Result<(), Senseless> {
        in_range("chat.service.urls", self.urls.len(), 0..=MAX_URLS)?;
        for ServiceUrl { url, weight } in &self.urls {
            in_range("chat.service.urls: weight", *weight, 1..=MAX_WEIGHT)?;
            let is_web = url.starts_with("http://") || url.starts_with("https://");
            sensible(is_web, || {
                format!("chat.service.urls: {url:?} is no http:// or https:// URL")
            })?;
        }
        in_range(
            "chat.service.timeout_ms",
            self.timeout_ms,
            50..=MAX_TIMEOUT_MS,
        )?;
        in_range("chat.service.concurrency", self.concurrency, 1..=10_000)
    }
}

impl ChatConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range(
            "chat.history_posts",
            self.history_posts,
            0..=MAX_HISTORY_POSTS,
        )?;
        in_range("chat.history_s", self.history_s, 1..=MAX_HISTORY_S)?;
        in_range(
            "chat.recent_posts",
            self.recent_posts,
            0..=MAX_HISTORY_POSTS,
        )?;
        in_range(
            "chat.lo_posts_per_tick",
            self.lo_posts_per_tick,
            1..=MAX_LO_POSTS,
        )?;
        in_range(
            "chat.lo_bytes_per_tick",
            self.lo_bytes_per_tick,
            1_024..=MAX_LO_BYTES,
        )?;
        in_range(
            "chat.post_bytes",
            self.post_bytes,
            64..=limits::MESSAGE_BYTES / 2,
        )?;
        in_range(
            "chat.message_chars",
            self.message_chars,
            1..=limits::MESSAGE_BYTES / 2,
        )?;
        in_range(
            "chat.entries_per_tick",
            self.entries_per_tick,
            0..=MAX_ENTRIES,
        )?;
        in_range(
            "chat.connections_per_network",
            self.connections_per_network,
            1..=u32::MAX,
        )?;
        in_range("chat.redis_shards", self.redis_shards, 1..=MAX_SHARDS)?;
        self.service.check()
    }
}
