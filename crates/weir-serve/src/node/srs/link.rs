//! The connection to a server that speaks RTMP alone, and that server's words as refusals.

use std::error::Error as _;
use std::time::Duration;

use weir_base::{Clock, Code, Refusal};
use weir_link::dial::{DialError, Dialer};
use weir_link::rtmp::{Direction, LinkError, LinkOptions, RtmpLink, Step};
use weir_proto::rtmp::{RtmpClientEvent, RtmpUrl};

use super::{MAX_WORDS_BYTES, unreachable};

/// How a node connects: it takes no server for alive that takes nothing for 8 s.
const OPTIONS: LinkOptions = LinkOptions {
    dialer: Dialer::to_nodes(),
    write_timeout: Some(Duration::from_secs(8)),
    close_timeout: Duration::from_millis(500),
};

/// An RTMP connection to a server that is not weir, as the client.
pub(super) struct Link {
    rtmp: RtmpLink,
    /// What to ask for on another server of the same kind.
    stream_with_query: String,
}

impl Link {
    /// Connects and begins to ask.
    pub(super) async fn connect(
        url: &RtmpUrl,
        direction: Direction,
        clock: &Clock,
    ) -> Result<Self, Refusal> {
        let place = format!("{}/{}", url.tc_url(), url.stream);
        let rtmp = RtmpLink::connect(url, direction, OPTIONS, clock).await;
        let rtmp = rtmp.map_err(|error| {
            tracing::info!(origin = %place, %error, "no connection");
            refusal_of(error)
        })?;
        tracing::debug!(origin = %place, ?direction, "connected");
        Ok(Self {
            rtmp,
            stream_with_query: url.stream_with_query(),
        })
    }

    /// What happens next. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Result<RtmpClientEvent, Refusal> {
        loop {
            if let Some(event) = self.step().await? {
                return Ok(event);
            }
        }
    }

    /// An event at hand, or else one read or write. May be dropped and asked again.
    ///
    /// # Errors
    /// 5002 when the connection is over or stands still, 4004 for broken protocol, and what the server
    /// says when it says no.
    pub(super) async fn step(&mut self) -> Result<Option<RtmpClientEvent>, Refusal> {
        match self.rtmp.step().await.map_err(refusal_of)? {
            Step::Event(event) => Ok(Some(event)),
            Step::Moved => Ok(None),
            Step::Closed => Err(unreachable("the origin closed the connection")),
        }
    }

    /// Queues a message; [`step`](Self::step) sends it.
    pub(super) fn send(
        &mut self,
        message_type: u8,
        timestamp_ms: u32,
        head: &[u8],
        payload: &[u8],
    ) {
        self.rtmp.send(message_type, timestamp_ms, head, payload);
    }

    /// Queues metadata.
    pub(super) fn send_metadata(&mut self, body: &[u8]) {
        self.rtmp.send_metadata(body);
    }

    /// Bytes queued and not in the kernel yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.rtmp.pending_bytes()
    }

    /// Whether nothing more should be queued.
    pub(super) fn is_full(&self) -> bool {
        self.rtmp.is_full()
    }

    /// The URL of our stream on another server, given its `tcUrl`.
    pub(super) fn stream_at(&self, tc_url: &str) -> String {
        format!(
            "{}/{}",
            tc_url.trim_end_matches('/'),
            self.stream_with_query
        )
    }

    /// Says good-bye, after what is queued already if the server takes it soon.
    pub(super) async fn close(self) {
        self.rtmp.close().await;
    }
}

fn refusal_of(error: LinkError) -> Refusal {
    match error {
        LinkError::Dial(error) => unreachable(why(&error)),
        LinkError::NoRandomness(_) => unreachable(error.to_string()),
        LinkError::Refused {
            status,
            description,
            weir_code,
        } => status_refusal(&status, &description, weir_code),
        LinkError::Broken(error) => {
            unreachable(format!("the connection to the origin broke: {error}"))
        }
        LinkError::TakesNothing { .. } => unreachable("the origin takes nothing any more"),
        LinkError::Protocol(error) => {
            let code = error.code();
            Refusal::new(code, format!("the origin: {error}"))
        }
    }
}

/// The reason without the address.
fn why(error: &DialError) -> String {
    match (error, error.source()) {
        (DialError::Silent { after, .. }, _) => {
            format!("the origin did not answer within {} s", after.as_secs())
        }
        (_, Some(source)) => format!("no connection to the origin: {source}"),
        (_, None) => "no connection to the origin: TLS cannot be set up".to_owned(),
    }
}

/// What a server's status of level `error` means here.
fn status_refusal(status: &str, description: &str, weir_code: Option<u16>) -> Refusal {
    let end = description.floor_char_boundary(MAX_WORDS_BYTES);
    let words = description.get(..end).unwrap_or_default();
    if let Some(code) = weir_code.and_then(Code::from_number) {
        return Refusal::new(code, format!("the origin said: {words}"));
    }
    let code = match status {
        "NetStream.Play.StreamNotFound" => Code::NotLive,
        "NetStream.Publish.BadName" => Code::AlreadyPublishing,
        _ => Code::OriginUnreachable,
    };
    let end = status.floor_char_boundary(MAX_WORDS_BYTES);
    let status = status.get(..end).unwrap_or_default();
    Refusal::new(code, format!("the origin said {status}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_becomes_a_code() {
        let not_found = status_refusal("NetStream.Play.StreamNotFound", "no", None);
        assert_eq!(not_found.code, Code::NotLive);
        let taken = status_refusal("NetStream.Publish.BadName", "", None);
        assert_eq!(taken.code, Code::AlreadyPublishing);
        let own_words = status_refusal("NetStream.Play.Failed", "2001: banned", Some(2001));
        assert_eq!(own_words.code, Code::StreamBanned);
        assert!(own_words.detail.contains("banned"));
        let other = status_refusal("NetConnection.Connect.Rejected", "no such app", Some(9999));
        assert_eq!(other.code, Code::OriginUnreachable);
        assert!(other.detail.contains("Rejected: no such app"));
    }

    #[test]
    fn a_long_speech_is_cut() {
        let refusal = status_refusal("x", &"é".repeat(10_000), None);
        assert!(
            refusal.detail.len() < 2 * MAX_WORDS_BYTES,
            "{}",
            refusal.detail.len()
        );
    }
}
