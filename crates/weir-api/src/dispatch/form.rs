//! The names that clients give to protocols, what an address must speak for them, and the URL that
//! comes of both. The forms are those of `docs/ref/urls.md`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use weir_cluster::Protocol as Transport;
use weir_cluster::place::Purpose;

/// What may stand in a path level as it is (RFC 3986 §3.3, unreserved).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How a client publishes, plays or chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// RTMP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// FLV over HTTP.
    HttpFlv,
    /// FLV over a WebSocket.
    WsFlv,
    /// MPEG-TS over HTTP.
    HttpTs,
    /// HLS.
    Hls,
    /// SLSP.
    Slsp,
    /// The chat gateway's WebSocket.
    Chat,
}

impl Form {
    /// Those that fit a purpose; what is first is what a client gets who names none.
    pub(crate) const fn of(purpose: Purpose) -> &'static [Self] {
        match purpose {
            Purpose::Publish | Purpose::Hold => &[Self::Slsp, Self::Rtmp, Self::Rtmps],
            Purpose::Play => &[
                Self::HttpFlv,
                Self::Hls,
                Self::WsFlv,
                Self::HttpTs,
                Self::Rtmp,
                Self::Rtmps,
            ],
            Purpose::Chat => &[Self::Chat],
        }
    }

    /// Its name in JSON, as in metrics where the hub knows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::HttpFlv => "http-flv",
            Self::WsFlv => "ws-flv",
            Self::HttpTs => "http-ts",
            Self::Hls => "hls",
            Self::Slsp => "slsp",
            Self::Chat => "chat",
        }
    }

    /// What an address may speak, best first. Without a word on TLS a page gets it where there is any,
    /// because a secure page may not load what is not; and an encoder that says RTMP does not, because
    /// many cannot.
    pub(crate) const fn transports(self, tls: Option<bool>) -> &'static [Transport] {
        match (self, tls) {
            (Self::Rtmps, _) | (Self::Rtmp, Some(true)) => &[Transport::Rtmps],
            (Self::Rtmp, Some(false)) => &[Transport::Rtmp],
            (Self::Rtmp, None) => &[Transport::Rtmp, Transport::Rtmps],
            (_, Some(true)) => &[Transport::Https],
            (_, Some(false)) => &[Transport::Http],
            (_, None) => &[Transport::Https, Transport::Http],
        }
    }

    /// The whole URL, at an address's base; `query` without its question mark.
    pub(crate) fn url(self, base: &str, name: Option<(&str, &str)>, query: &str) -> String {
        let base = base.trim_end_matches('/');
        let base = match self {
            // ws for http, wss for https.
            Self::WsFlv | Self::Slsp | Self::Chat => match base.strip_prefix("http") {
                Some(rest) => format!("ws{rest}"),
                None => base.to_owned(),
            },
            _ => base.to_owned(),
        };
        let (before, after) = match self {
            Self::Rtmp | Self::Rtmps => ("", ""),
            Self::HttpFlv | Self::WsFlv => ("", ".flv"),
            Self::HttpTs => ("", ".ts"),
            Self::Hls => ("", ".m3u8"),
            Self::Slsp => ("/slsp", ""),
            Self::Chat => ("/chat", ""),
        };
        let mut url = base + before;
        if let Some((app, stream)) = name {
            for level in app.split('/').chain([stream]) {
                url.push('/');
                url.extend(utf8_percent_encode(level, IN_PATH));
            }
        }
        url.push_str(after);
        if !query.is_empty() {
            url.push('?');
            url.push_str(query);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_url() {
        let url = |form: Form, base| form.url(base, Some(("live", "a")), "key=k");
        let cases = [
            (Form::Rtmp, "rtmp://h:1935", "rtmp://h:1935/live/a?key=k"),
            (Form::Rtmps, "rtmps://h", "rtmps://h/live/a?key=k"),
            (
                Form::HttpFlv,
                "http://h:8080/",
                "http://h:8080/live/a.flv?key=k",
            ),
            (Form::WsFlv, "https://h/p", "wss://h/p/live/a.flv?key=k"),
            (Form::HttpTs, "https://h", "https://h/live/a.ts?key=k"),
            (Form::Hls, "http://h", "http://h/live/a.m3u8?key=k"),
            (Form::Slsp, "http://h", "ws://h/slsp/live/a?key=k"),
        ];
        for (form, base, want) in cases {
            assert_eq!(url(form, base), want);
        }
        assert_eq!(Form::Chat.url("https://h", None, ""), "wss://h/chat");
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        let url = Form::Hls.url("http://h", Some(("a b/直播", "x&y=z;@:1")), "");
        let want = "http://h/a%20b/%E7%9B%B4%E6%92%AD/x%26y%3Dz%3B%40%3A1.m3u8";
        assert_eq!(url, want);
    }
}
