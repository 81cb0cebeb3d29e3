//! The names that clients give to protocols, what an address must speak for them, and the URL that
//! comes of both. The forms are those of `docs/ref/urls.md`.

use weir_base::urls::StreamPath;
use weir_cluster::Scheme;
use weir_cluster::place::Purpose;

/// How a client publishes, plays or chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `rtmp://`, plain TCP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// FLV over HTTP.
    HttpFlv,
    /// FLV over a WebSocket.
    WsFlv,
    /// MPEG-TS over HTTP.
    HttpTs,
    /// HLS: the multivariant playlist.
    Hls,
    /// SLSP over a WebSocket: publishing only.
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
    pub(crate) const fn schemes(self, tls: Option<bool>) -> &'static [Scheme] {
        match (self, tls) {
            (Self::Rtmps, _) | (Self::Rtmp, Some(true)) => &[Scheme::Rtmps],
            (Self::Rtmp, Some(false)) => &[Scheme::Rtmp],
            (Self::Rtmp, None) => &[Scheme::Rtmp, Scheme::Rtmps],
            (_, Some(true)) => &[Scheme::Https],
            (_, Some(false)) => &[Scheme::Http],
            (_, None) => &[Scheme::Https, Scheme::Http],
        }
    }

    /// How a stream stands in its path.
    pub(crate) const fn path(self) -> StreamPath {
        match self {
            Self::Rtmp | Self::Rtmps => StreamPath::RTMP,
            Self::HttpFlv | Self::WsFlv => StreamPath::FLV,
            Self::HttpTs => StreamPath::TS,
            Self::Hls => StreamPath::HLS,
            Self::Slsp => StreamPath::SLSP,
            Self::Chat => StreamPath::CHAT,
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
        let mut url = base;
        match name {
            Some((app, stream)) => url.push_str(&self.path().of(app, stream)),
            // The chat of the whole site.
            None => {
                url.push('/');
                url.push_str(self.path().level);
            }
        }
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
