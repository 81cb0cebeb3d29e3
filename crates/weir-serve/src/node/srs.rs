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

use tokio::sync::oneshot;
use weir_base::{Code, Refusal};
use weir_hub::{Hub, Publisher, Stream};
use weir_proto::rtmp::RtmpUrl;

use self::link::Link;
use self::pull::Incoming;
use self::push::Outgoing;

/// From the connection to the server's yes. A node nearby answers within milliseconds; viewers wait.
const SETUP_LIMIT: Duration = Duration::from_secs(5);
/// From the server's yes to the first frame. SRS says yes to viewers of nothing, and then nothing; who
/// publishes sends sound or pictures many times a second.
const SILENCE_LIMIT: Duration = Duration::from_secs(3);
/// Redirects followed for one stream.
const MAX_REDIRECTS: usize = 3;
/// Bytes of another server's words that are passed on.
const MAX_WORDS_BYTES: usize = 256;

/// Plays `url` into the publisher that `begin` makes once media has come; returns when it ends: well,
/// if the server said so or after `stop`. Up to three redirects are followed, none to
/// one of `own`, the `host:port` of each of this node's addresses.
///
/// # Errors
/// 5002 when the server cannot be reached or went away without a word, 3002 when it lacks the stream
/// or is silent, 5004 when it sent us elsewhere in the middle, the publisher's code when that was
/// kicked, `begin`'s refusal, otherwise what the server said.
pub(super) async fn pull(
    hub: &Hub,
    url: &str,
    own: &[String],
    begin: impl FnOnce() -> Result<Publisher, Refusal>,
    stop: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    pull_into(hub, RtmpRoute::new(url, own), begin, stop).await
}

/// Publishes `stream` of our hub to `url`, from its last keyframe on, until it ends or `stop`;
/// `started` is told when the server accepted. Redirects as in [`pull`].
///
/// # Errors
/// 5002 when the server cannot be reached, went away or takes nothing any more, 5004 when it sent us
/// elsewhere in the middle, otherwise what it said.
pub(super) async fn push(
    hub: &Hub,
    url: &str,
    own: &[String],
    stream: Arc<Stream>,
    started: oneshot::Sender<()>,
    stop: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    push_from(hub, RtmpRoute::new(url, own), stream, started, stop).await
}

async fn pull_into(
    hub: &Hub,
    route: RtmpRoute<'_>,
    begin: impl FnOnce() -> Result<Publisher, Refusal>,
    stop: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    tokio::pin!(stop);
    let mut incoming = tokio::select! {
        opened = Incoming::open(hub, route) => opened?,
        () = &mut stop => return Ok(()),
    };
    let mut publisher = match begin() {
        Ok(publisher) => publisher,
        Err(refusal) => {
            incoming.link.close().await;
            return Err(refusal);
        }
    };
    let ended = tokio::select! {
        ended = incoming.run(hub, &mut publisher) => ended,
        () = &mut stop => Ok(()),
    };
    publisher.end(
        ended
            .as_ref()
            .map_or_else(|r| r.code, |()| Code::ClientStopped),
    );
    incoming.link.close().await;
    ended
}

async fn push_from(
    hub: &Hub,
    route: RtmpRoute<'_>,
    stream: Arc<Stream>,
    started: oneshot::Sender<()>,
    stop: impl Future<Output = ()>,
) -> Result<(), Refusal> {
    tokio::pin!(stop);
    let mut outgoing = tokio::select! {
        opened = Outgoing::open(hub, route, stream) => opened?,
        () = &mut stop => return Ok(()),
    };
    // Whoever does not wait for it does not care.
    let _ = started.send(());
    let ended = tokio::select! {
        ended = outgoing.run() => ended,
        () = &mut stop => Ok(()),
    };
    outgoing.link.close().await;
    ended
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
