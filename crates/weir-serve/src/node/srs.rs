//! A stream from, or to, a server that speaks only RTMP, such as a node of SRS: one connection, from
//! its beginning to its end. When to make one, and when another, is decided elsewhere.
//!
//! The server's address stays in the log: refusals go on to viewers and do not name it.

mod link;
mod pull;
mod push;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use weir_base::{Code, Refusal};
use weir_hub::{Hub, Stream};
use weir_proto::rtmp::RtmpUrl;

use self::link::Link;
pub(super) use self::pull::{Incoming, Received};
pub(super) use self::push::AcceptedPublish;
use super::seek::Denied;

/// From the connection to the server's yes. A node nearby answers within milliseconds; viewers wait.
const SETUP_LIMIT: Duration = Duration::from_secs(5);
/// From the server's yes to the first frame. SRS says yes to viewers of nothing, and then nothing; who
/// publishes sends sound or pictures many times a second.
const SILENCE_LIMIT: Duration = Duration::from_secs(3);
/// Redirects followed for one stream.
const MAX_REDIRECTS: usize = 3;
/// Bytes of another server's words that are passed on.
const MAX_WORDS_BYTES: usize = 256;

/// Asks to play `url`, and gives the connection once media has come. Up to three redirects are followed,
/// none to one of `own`, the `host:port` of each of this node's addresses.
///
/// # Errors
/// 5002 when the server cannot be reached, 3002 when it lacks the stream, is silent, or closes the
/// connection when it hears what is wanted; otherwise what the server said.
pub(super) async fn pull(hub: &Hub, url: &str, own: &[String]) -> Result<Incoming, Denied> {
    Incoming::open(hub, RtmpRoute::new(url, own)).await
}

/// Asks to publish to `url`, and gives the connection once the server has said yes. Redirects as in
/// [`pull`].
///
/// # Errors
/// 5002 when the server cannot be reached or is not well, 2008 when it closes the connection when it hears
/// what is wanted, otherwise what it said.
pub(super) async fn push(hub: &Hub, url: &str, own: &[String]) -> Result<AcceptedPublish, Refusal> {
    AcceptedPublish::open(hub, RtmpRoute::new(url, own)).await
}

/// Waits whether a server takes its yes to a publish back, for so long.
///
/// # Errors
/// As [`feed`].
pub(super) async fn settle(
    hub: &Hub,
    accepted: &mut AcceptedPublish,
    within: Duration,
) -> Result<(), Refusal> {
    accepted.settle(hub, within).await
}

/// Sends `stream` of our hub to a server that said yes, from its last keyframe on, until it ends or `stop`.
///
/// # Errors
/// 5002 when the server went away or takes nothing any more, 2008 when it takes its yes back, 5004 when it
/// sent us elsewhere in the middle, otherwise what it said.
pub(super) async fn feed(
    hub: &Hub,
    accepted: AcceptedPublish,
    stream: &Arc<Stream>,
    stop: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    accepted.run(hub, stream, stop).await
}

/// Where a stream is looked for, redirect after redirect.
struct RtmpRoute<'a> {
    /// `host:port` of this node's own addresses.
    own: &'a [String],
    place: String,
    redirects: usize,
}

impl<'a> RtmpRoute<'a> {
    fn new(url: &str, own: &'a [String]) -> Self {
        Self {
            own,
            place: url.to_owned(),
            redirects: 0,
        }
    }

    /// Where to connect now.
    fn url(&self) -> Result<RtmpUrl, Refusal> {
        let url = RtmpUrl::parse(&self.place)
            .map_err(|error| unreachable(format!("the origin's address: {error}")))?;
        let bracketed = url.host.contains(':').then(|| format!("[{}]", url.host));
        let host = bracketed.as_deref().unwrap_or(&url.host);
        let there = format!("{host}:{}", url.port);
        let is_own = |own: &String| own.eq_ignore_ascii_case(&there);
        if self.own.iter().any(is_own) {
            return Err(unreachable("the way to the origin leads back to this node"));
        }
        Ok(url)
    }

    /// Goes where the server sent us.
    fn follow(&mut self, place: String) -> Result<(), Refusal> {
        if self.redirects >= MAX_REDIRECTS {
            return Err(unreachable(format!(
                "redirected more than {MAX_REDIRECTS} times"
            )));
        }
        self.redirects += 1;
        self.place = place;
        Ok(())
    }
}

/// What to do after a connection was set up.
enum Begun {
    Here,
    Elsewhere(String),
}

fn unreachable(why: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::OriginUnreachable, why)
}

/// The server wants us elsewhere while the stream runs: whoever called looks anew.
fn sent_away() -> Refusal {
    Refusal::new(Code::Moved, "the origin asks to connect again elsewhere")
}

#[cfg(test)]
mod tests;
