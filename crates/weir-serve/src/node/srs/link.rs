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
    direction: Direction,
    /// What to ask for on another server of the same kind.
    stream_with_query: String,
    /// The server took `connect`: it is at work, and hears next what is wanted of it.
    is_answered: bool,
    /// The server closed the connection, with or without a word of the kernel's.
    is_closed: bool,
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
            // A line for whoever looks closely: how often it may be said aloud is the caller's to know.
            tracing::debug!(origin = %place, %error, "no connection");
            refusal_of(error, direction)
        })?;
        tracing::debug!(origin = %place, ?direction, "connected");
        Ok(Self {
            rtmp,
            direction,
            stream_with_query: url.stream_with_query(),
            is_answered: false,
            is_closed: false,
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
        let stepped = self.rtmp.step().await;
        // With bytes of ours unread, its closing is a reset.
        self.is_closed |= matches!(stepped, Ok(Step::Closed) | Err(LinkError::Broken(_)));
        match stepped.map_err(|error| refusal_of(error, self.direction))? {
            Step::Event(event) => {
                self.is_answered |= matches!(event, RtmpClientEvent::Connected { .. });
                Ok(Some(event))
            }
            Step::Moved => Ok(None),
            Step::Closed => Err(unreachable("the origin closed the connection")),
        }
    }

    /// Whether the server heard what is wanted of it and closed the connection: so do servers that refuse
    /// without a word.
    pub(super) const fn was_turned_away(&self) -> bool {
        self.is_answered && self.is_closed
    }

    /// Whether the server is at work: it took `connect`.
    pub(super) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether the server closed the connection.
    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
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

fn refusal_of(error: LinkError, direction: Direction) -> Refusal {
    match error {
        LinkError::Dial(error) => unreachable(why(&error)),
        LinkError::NoRandomness(_) => unreachable(error.to_string()),
        LinkError::Refused {
            status,
            description,
            weir_code,
        } => status_refusal(direction, &status, &description, weir_code),
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

/// What a server's status of level `error` means here: whether this client is refused, which another
/// server would do too, or the server is ill.
fn status_refusal(
    direction: Direction,
    status: &str,
    description: &str,
    weir_code: Option<u16>,
) -> Refusal {
    let end = description.floor_char_boundary(MAX_WORDS_BYTES);
    let words = description.get(..end).unwrap_or_default();
    if let Some(code) = weir_code.and_then(Code::from_number) {
        return Refusal::new(code, format!("the origin said: {words}"));
    }
    let code = match (status, direction) {
        ("NetStream.Play.StreamNotFound" | "NetStream.Play.FileNotFound", _) => Code::NotLive,
        ("NetStream.Publish.BadName", _) => Code::AlreadyPublishing,
        ("NetConnection.Connect.InvalidApp", _) => Code::AppDisabled,
        ("NetConnection.Connect.AppShutdown" | "NetConnection.Connect.Closed", _)
        | ("NetConnection.Connect.Failed" | "NetConnection.Call.Failed", _)
        | ("NetStream.Failed" | "NetStream.Connect.Failed", _)
        | ("NetStream.Play.Failed" | "NetStream.Publish.Failed", _) => Code::OriginUnreachable,
        // Rejected, Denied, Unauthorized, and what each make has of its own.
        (_, Direction::Publish) => Code::OriginRefused,
        (_, Direction::Play) if status.starts_with("NetStream.Play.") => Code::NotLive,
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
        let play =
            |status, weir| status_refusal(Direction::Play, status, "no such thing", weir).code;
        assert_eq!(play("NetStream.Play.StreamNotFound", None), Code::NotLive);
        assert_eq!(play("NetStream.Play.Denied", None), Code::NotLive);
        assert_eq!(
            play("NetStream.Play.Failed", Some(2001)),
            Code::StreamBanned
        );
        let unknown = play("NetConnection.Connect.Rejected", Some(9999));
        assert_eq!(unknown, Code::OriginUnreachable);
        let words = status_refusal(
            Direction::Play,
            "NetConnection.Connect.Rejected",
            "no app",
            None,
        );
        assert!(words.detail.contains("Rejected: no app"));
    }

    #[test]
    fn a_publisher_who_is_refused_is_told_apart_from_a_server_that_is_ill() {
        let publish = |status| status_refusal(Direction::Publish, status, "", None).code;
        for (status, code) in [
            ("NetStream.Publish.BadName", Code::AlreadyPublishing),
            ("NetStream.Publish.Denied", Code::OriginRefused),
            ("NetStream.Publish.Rejected", Code::OriginRefused),
            ("NetStream.Publish.Unauthorized", Code::OriginRefused),
            ("NetConnection.Connect.Rejected", Code::OriginRefused),
            ("NetConnection.Connect.InvalidApp", Code::AppDisabled),
        ] {
            assert_eq!(publish(status), code, "{status}");
            assert!(!code.is_retryable_elsewhere(), "{status}");
        }
        for status in [
            "NetConnection.Connect.Closed",
            "NetConnection.Connect.AppShutdown",
            "NetConnection.Connect.Failed",
            "NetStream.Failed",
            "NetStream.Publish.Failed",
        ] {
            assert!(publish(status).is_retryable_elsewhere(), "{status}");
        }
    }

    #[test]
    fn a_long_speech_is_cut() {
        let refusal = status_refusal(Direction::Play, "x", &"é".repeat(10_000), None);
        assert!(
            refusal.detail.len() < 2 * MAX_WORDS_BYTES,
            "{}",
            refusal.detail.len()
        );
    }
}
