//! The code table: every refusal and every break has a code that goes unchanged into the
//! log line, the metric label, the event, and the HTTP, WebSocket or RTMP answer.
//!
//! Codes are stable once released. `docs/ref/errors.md` is rendered from this table by a test.

use std::borrow::Cow;
use std::fmt;

/// One row of the code table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The code's number; its first digit is the family.
    pub number: u16,
    /// A short name, stable, for JSON and metrics.
    pub name: &'static str,
    /// What has to change before a next try can end otherwise.
    pub fault: Fault,
    /// What happened, in one sentence.
    pub message: &'static str,
    /// What to do next.
    pub advice: &'static str,
    /// HTTP status of the answer; 0 where the code never answers an HTTP request.
    pub http: u16,
    /// WebSocket close code.
    pub ws: u16,
}

/// Whose fault a refusal or a break is, and so what has to change before a next try can end otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The client: what it asks for, what it sends, what it is allowed. It would be the same anywhere.
    Client,
    /// The stream: its name, its state, its codec. It would be the same on each node that has it.
    Stream,
    /// The node that answers: it is full, it goes, it is ill. Another node may take the same request.
    Node,
    /// What lies between two ends. Another node, or the next try, may get through.
    Network,
}

impl Fault {
    /// A stable name, for the table's page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Stream => "stream",
            Self::Node => "node",
            Self::Network => "network",
        }
    }
}

macro_rules! code_table {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $fault:ident, http $http:literal, ws $ws:literal, $message:literal, $advice:literal;)+) => {
        /// A code of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Code {
            $(#[doc = $message] $variant = $number,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The code's row.
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Code::$variant => &Entry { number: $number, name: $name, fault: Fault::$fault, message: $message, advice: $advice, http: $http, ws: $ws },)+
                }
            }
        }
    };
}

code_table! {
    AuthMissing = 1001, "auth_missing", Client, http 401, ws 4401,
        "The request carries no key or signature.", "Add ?key=… (the stream key) or the signed parameters to the URL.";
    AuthMalformed = 1002, "auth_malformed", Client, http 401, ws 4401,
        "An authentication parameter cannot be read.", "Check the parameters e, a, k and s of the signed URL.";
    AuthExpired = 1003, "auth_expired", Client, http 403, ws 4403,
        "The signed URL has expired.", "Ask your server for a fresh URL; check both clocks.";
    AuthBadSignature = 1004, "auth_bad_signature", Client, http 403, ws 4403,
        "The key or signature is not right for this stream.", "Copy the stream key again; sign exactly the names that are in the URL.";
    AuthReplayed = 1005, "auth_replayed", Client, http 403, ws 4403,
        "The nonce was used before.", "Sign a new URL for each attempt.";
    AuthRevoked = 1006, "auth_revoked", Client, http 403, ws 4403,
        "The key was revoked.", "Use the current key.";
    AuthWrongAction = 1007, "auth_wrong_action", Client, http 403, ws 4403,
        "The URL was signed for another action.", "Sign with a=publish to publish and a=play to play.";

    StreamBanned = 2001, "stream_banned", Stream, http 403, ws 4403,
        "The stream is banned.", "Ask the operator; the ban may have an end.";
    AppDisabled = 2002, "app_disabled", Client, http 403, ws 4403,
        "The app does not take this.", "Use an app the operator has enabled; some names are reserved for weir's own pages.";
    IpDenied = 2003, "ip_denied", Client, http 403, ws 4403,
        "This address is not allowed.", "Ask the operator.";
    RegionDenied = 2004, "region_denied", Client, http 403, ws 4403,
        "This region is not allowed.", "Ask the operator.";
    QuotaStreams = 2005, "quota_streams", Node, http 429, ws 4429,
        "The limit of streams is reached.", "End another stream, or raise the limit.";
    QuotaViewers = 2006, "quota_viewers", Client, http 429, ws 4429,
        "The limit of viewers or bandwidth is reached.", "Try again later, or raise the limit.";
    AccountSuspended = 2007, "account_suspended", Client, http 403, ws 4403,
        "The account is suspended.", "Ask the operator.";
    OriginRefused = 2008, "origin_refused", Client, http 403, ws 4403,
        "The origin does not take this publisher.", "Check the key and the name: the origin's hook said no, or somebody is live there under this name.";
    PageDenied = 2009, "page_denied", Client, http 403, ws 4403,
        "The app is not played on this page.", "Play it on a page of a site that the operator has listed.";
    ReplayHidden = 2010, "replay_hidden", Stream, http 403, ws 4403,
        "The replay is hidden.", "Ask the channel's owner or the operator: it is kept, and played nowhere meanwhile.";

    NotFound = 3001, "not_found", Client, http 404, ws 4404,
        "There is no such thing here.", "Check the address: media is /{app}/{stream}.flv, .m3u8 or .ts, the API is at /docs.";
    NotLive = 3002, "not_live", Stream, http 404, ws 4404,
        "The stream is not live.", "Try again when the broadcast has begun, or add ?wait=10 to wait for it.";
    Ended = 3003, "ended", Stream, http 404, ws 4404,
        "The stream has ended.", "Try again when the broadcast begins anew.";
    AlreadyPublishing = 3004, "already_publishing", Stream, http 409, ws 4409,
        "Somebody is already publishing under this name.", "Stop the other publisher, choose another name, or let the app allow takeover.";
    TakenOver = 3005, "taken_over", Stream, http 409, ws 4409,
        "Another publisher took this stream over.", "If that was not you, change the stream key.";
    CodecUnsupported = 3006, "codec_unsupported", Stream, http 415, ws 4403,
        "The codec cannot be carried here.", "Play over another protocol, or publish H.264 and AAC.";
    RenditionStarting = 3007, "rendition_starting", Stream, http 503, ws 4503,
        "The rendition is starting.", "Try again in a few seconds.";
    NotRecordedYet = 3008, "not_recorded_yet", Stream, http 425, ws 4404,
        "That time is not recorded yet.", "Ask again when it has passed: the detail says how far the recording has come.";
    NotKept = 3009, "not_kept", Stream, http 410, ws 4404,
        "Nothing of that time is kept, or no longer.", "Ask for a later time: the detail says what is the oldest there is.";

    ClientStopped = 4001, "client_stopped", Client, http 0, ws 1000,
        "The client stopped.", "Nothing: this is how a stream ends.";
    NoData = 4002, "no_data", Client, http 0, ws 4408,
        "No media arrived for the idle time, so the stream was ended.", "Check the encoder and its uplink.";
    NetworkReset = 4003, "network_reset", Network, http 0, ws 1001,
        "The connection broke.", "Check the network between the client and this node.";
    ProtocolError = 4004, "protocol_error", Client, http 400, ws 4400,
        "The client broke the protocol.", "Check that this port and URL are meant for this client; see the detail.";
    FrameTooLarge = 4005, "frame_too_large", Client, http 413, ws 4413,
        "A message is larger than weir takes.", "Lower the bitrate or the keyframe size.";
    BadTimestamps = 4006, "bad_timestamps", Client, http 0, ws 4400,
        "The timestamps cannot be mended.", "Restart the encoder.";
    NoCodecHeader = 4007, "no_codec_header", Client, http 0, ws 4400,
        "Media came without the codec's header.", "Let the encoder send its sequence header first.";
    Operator = 4008, "operator", Client, http 403, ws 1001,
        "An operator ended this connection.", "Ask the operator.";
    Draining = 4009, "draining", Node, http 503, ws 1001,
        "This node is draining.", "Connect again; another node will take you.";
    TooSlow = 4010, "too_slow", Network, http 408, ws 4408,
        "The peer was too slow and was let go.", "Check the network; choose a lower rendition.";
    BitrateExceeded = 4011, "bitrate_exceeded", Client, http 429, ws 4429,
        "The stream is above the bitrate that the app allows.", "Lower the encoder's bitrate and connect again.";
    HeartbeatMissed = 4012, "heartbeat_missed", Client, http 403, ws 1001,
        "The app that answers for this stream was not heard of in time.", "Send the session's heartbeat more often than the app's heartbeat_ms.";

    Overloaded = 5001, "overloaded", Node, http 503, ws 4503,
        "This node is full.", "Try the named node, or again later.";
    OriginUnreachable = 5002, "origin_unreachable", Network, http 503, ws 4503,
        "The origin cannot be reached.", "Try again; the operator has been told by the metric.";
    Storage = 5003, "storage", Node, http 503, ws 4503,
        "Storage failed.", "Try again; the operator has been told by the metric.";
    Moved = 5004, "moved", Stream, http 302, ws 4302,
        "The stream lives on another node.", "Follow the address given.";

    BadRequest = 6001, "bad_request", Client, http 400, ws 4400,
        "The request cannot be read.", "Compare it with /docs: what is wrong stands in the detail.";
    MethodNotAllowed = 6002, "method_not_allowed", Client, http 405, ws 4400,
        "This address does not take this method.", "Use one of the methods in the field Allow.";
    Conflict = 6003, "conflict", Client, http 409, ws 4409,
        "The request does not fit what is there now.", "Read what is there, and decide again.";
    Unprocessable = 6004, "unprocessable", Client, http 422, ws 4422,
        "The request can be read, but a field in it makes no sense.", "Mend the fields that are named.";
    RateLimited = 6005, "rate_limited", Client, http 429, ws 4429,
        "Too many requests.", "Wait as long as Retry-After says.";
    PreconditionFailed = 6006, "precondition_failed", Client, http 412, ws 4412,
        "Somebody changed this since it was read.", "Read it again, and send its new ETag in If-Match.";
    TooLarge = 6007, "too_large", Client, http 413, ws 4413,
        "The body is larger than is taken here.", "Send less: the detail says how much is taken.";
    Unavailable = 6008, "unavailable", Node, http 503, ws 4503,
        "This cannot be answered right now.", "Try again; watching and publishing go on meanwhile.";
    WrongMediaType = 6009, "wrong_media_type", Client, http 415, ws 4415,
        "The body is of a type that is not read here.", "Send JSON, as Content-Type: application/json.";
    SignedOut = 6010, "signed_out", Client, http 401, ws 4401,
        "This takes somebody who is signed in.", "Sign in, or send a token: Authorization: Bearer TOKEN.";
    WrongCredentials = 6011, "wrong_credentials", Client, http 401, ws 4401,
        "The credentials are not right, or no longer.", "Sign in again, or use a current token.";
    Forbidden = 6012, "forbidden", Client, http 403, ws 4403,
        "These credentials do not allow this.", "Ask an administrator for the right that the detail names.";
    CrossSite = 6013, "cross_site", Client, http 403, ws 4403,
        "Another site's page may not do this in your name.", "Do it on this site's own pages, or send a token instead of the cookie.";
    SecondFactor = 6020, "second_factor", Client, http 401, ws 4401,
        "A code of the second factor is needed.", "Send the same again with the code that the program shows now.";
    Suspended = 6021, "suspended", Client, http 403, ws 4403,
        "This account is suspended.", "The detail says why; write to those who run the site.";
    ProviderAway = 6022, "provider_away", Network, http 503, ws 4503,
        "The provider that was to say who you are cannot be asked.", "Sign in another way, or try again in a moment.";
    ProviderRefused = 6023, "provider_refused", Client, http 403, ws 4403,
        "The provider does not say who you are, or not in a way that is believed.", "Begin again at the sign-in page; the detail says what was wrong.";
    NotEnoughCoins = 6030, "not_enough_coins", Client, http 402, ws 4402,
        "There is less in the wallet than this costs.", "Top the wallet up, or give something smaller.";
    UnknownGift = 6031, "unknown_gift", Client, http 404, ws 4404,
        "There is no such gift.", "Read the catalogue again: GET /api/v1/gifts.";
    GiftClosed = 6032, "gift_closed", Client, http 409, ws 4409,
        "This is not on sale.", "Choose another gift.";
    GiftPrice = 6033, "gift_price", Client, http 409, ws 4409,
        "The gift has another price now.", "Look at its price, and decide again.";
    GiftLimit = 6034, "gift_limit", Client, http 422, ws 4422,
        "More than is given, topped up or kept at once.", "The detail says how much is taken.";
}

impl Code {
    /// The code's number.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code's stable name.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whether the same request may succeed on another node: what failed is the node that was asked, or
    /// the way to it. [`Code::Moved`] is not among them: its answer names the node to go to.
    pub const fn is_retryable_elsewhere(self) -> bool {
        matches!(self.entry().fault, Fault::Node | Fault::Network)
    }

    /// The code with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
    }

    /// `NetStream` status code for a refused publish.
    pub const fn rtmp_publish(self) -> &'static str {
        match self.number() {
            4001..=4999 => "NetConnection.Connect.Closed",
            _ => "NetStream.Publish.BadName",
        }
    }

    /// `NetStream` status code for a refused play.
    pub const fn rtmp_play(self) -> &'static str {
        match self.number() {
            3001..=3003 => "NetStream.Play.StreamNotFound",
            4001..=4999 => "NetConnection.Connect.Closed",
            _ => "NetStream.Play.Failed",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

/// A code with what was particular about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// A code of the table.
    pub code: Code,
    /// What was particular: a name, a size, a limit. May equal the code's message.
    pub detail: Cow<'static, str>,
    /// Where the client shall go instead: scheme, host and port, and a path prefix if there is one. The
    /// protocol that answers appends what was asked for.
    pub location: Option<Box<str>>,
}

impl Refusal {
    /// A refusal with words of its own.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            location: None,
        }
    }

    /// The same, with the place where the client shall go instead.
    #[must_use]
    pub fn at(mut self, location: impl Into<Box<str>>) -> Self {
        self.location = Some(location.into());
        self
    }
}

/// As JSON: `code`, `name`, `message`, `detail`, `advice`, and `location` where there is one.
impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let entry = self.code.entry();
        let mut object = serializer.serialize_struct("Refusal", 6)?;
        object.serialize_field("code", &entry.number)?;
        object.serialize_field("name", entry.name)?;
        object.serialize_field("message", entry.message)?;
        object.serialize_field("detail", &self.detail)?;
        object.serialize_field("advice", entry.advice)?;
        if let Some(location) = &self.location {
            object.serialize_field("location", location)?;
        }
        object.end()
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(code.entry().message),
            location: None,
        }
    }
}

/// The table as the Markdown of `docs/ref/errors.md`.
pub fn render_markdown() -> String {
    use fmt::Write as _;
    let mut text = String::from(
        "# Error codes\n\nEvery refusal and every break has one code. It is the same in the log line, the metric label, the \
         event and the answer on each protocol. Codes are stable once released. This page is rendered from the table in \
         `weir-base/src/codes.rs`; change it there.\n\n\
         *Whose fault* says what has to change before a next try can end otherwise: what the *client* asks or sends, the \
         *stream*, the *node* that answered, or the *network* between. In a cluster, what a node or the network failed at is \
         tried on another node before the client hears of it.\n",
    );
    let families = [
        (1, "1xxx: who are you (auth)"),
        (2, "2xxx: may you (policy)"),
        (3, "3xxx: the stream"),
        (4, "4xxx: a connection broke or was broken"),
        (5, "5xxx: the server"),
        (6, "6xxx: the request to the API"),
    ];
    for (family, title) in families {
        let _ = write!(
            text,
            "\n## {title}\n\n| code | name | whose fault | what happened | what to do | HTTP | WS close | RTMP publish | RTMP play |\n|---|---|---|---|---|---|---|---|---|\n"
        );
        for code in Code::ALL.iter().filter(|c| c.number() / 1000 == family) {
            let e = code.entry();
            let http = if e.http == 0 {
                "–".to_owned()
            } else {
                e.http.to_string()
            };
            let _ = writeln!(
                text,
                "| <a id=\"e{n}\"></a>{n} | `{}` | {} | {} | {} | {http} | {} | `{}` | `{}` |",
                e.name,
                e.fault.name(),
                e.message,
                e.advice,
                e.ws,
                code.rtmp_publish(),
                code.rtmp_play(),
                n = e.number,
            );
        }
    }
    text.push_str(
        "\n## On the wire\n\n\
         - HTTP: the status above and a JSON body `{\"code\":3002,\"name\":\"not_live\",\"message\":\"…\",\"detail\":\"…\",\"advice\":\"…\"}`. \
         The [API](api.md#errors) sends it as `application/problem+json`, with `type`, `title` and `status` besides.\n\
         - WebSocket: the close code above; the reason is `{code} {name}`. A refused viewer's upgrade is accepted first: a browser cannot read a refused one.\n\
         - RTMP: `onStatus` of level `error` with the status code above; the info object also has `weirCode` (the number) and a \
         `description` that begins with it.\n\
         - Metrics: label `code` with the number.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_ordered() {
        let numbers: Vec<_> = Code::ALL.iter().map(|c| c.number()).collect();
        assert!(numbers.windows(2).all(|w| w[0] < w[1]));
        let names: std::collections::HashSet<_> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(
            Code::ALL
                .iter()
                .all(|c| Code::from_number(c.number()) == Some(*c))
        );
    }

    #[test]
    fn another_node_is_tried_where_the_node_or_the_way_to_it_failed() {
        let elsewhere: Vec<_> = Code::ALL
            .iter()
            .filter(|code| code.is_retryable_elsewhere())
            .collect();
        assert_eq!(
            elsewhere,
            [
                &Code::QuotaStreams,
                &Code::NetworkReset,
                &Code::Draining,
                &Code::TooSlow,
                &Code::Overloaded,
                &Code::OriginUnreachable,
                &Code::Storage,
                &Code::Unavailable,
                &Code::ProviderAway,
            ]
        );
    }

    #[test]
    fn the_reference_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ref/errors.md");
        let rendered = render_markdown();
        if std::env::var_os("WEIR_BLESS").is_some() {
            std::fs::write(path, &rendered).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            page, rendered,
            "run the test again with WEIR_BLESS=1 to write {path}"
        );
    }
}
