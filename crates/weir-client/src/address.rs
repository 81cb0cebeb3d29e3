//! What a URL on the command line stands for: which protocol, which host, which container.

use anyhow::{Context, bail};
use weir_base::urls::SplitUrl;
use weir_link::url::HttpUrl;
use weir_proto::rtmp::RtmpUrl;

/// The container of an endless HTTP or WebSocket body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `.flv`, `video/x-flv`.
    Flv,
    /// MPEG-TS.
    Ts,
}

/// A URL to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaUrl {
    /// `rtmp://`, `rtmps://`.
    Rtmp(RtmpUrl),
    /// `http(s)://….flv` and `….ts`.
    Http(HttpUrl, Container),
    /// `ws(s)://….flv`.
    WebSocket(HttpUrl),
    /// `http(s)://….m3u8`.
    Hls(HttpUrl),
}

impl MediaUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Words that say what can be played instead.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let SplitUrl { scheme, .. } =
            SplitUrl::new(url).with_context(|| format!("{url} has no scheme; {KINDS}"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "rtmp" | "rtmps" => Ok(Self::Rtmp(
                RtmpUrl::parse(url).with_context(|| url.to_owned())?,
            )),
            "http" | "https" => {
                let parsed = HttpUrl::parse(url)?;
                match parsed.extension() {
                    "flv" => Ok(Self::Http(parsed, Container::Flv)),
                    "ts" => Ok(Self::Http(parsed, Container::Ts)),
                    "m3u8" => Ok(Self::Hls(parsed)),
                    _ => bail!("{url} ends in none of .flv, .ts and .m3u8; {KINDS}"),
                }
            }
            "ws" | "wss" => {
                let parsed = HttpUrl::parse(url)?;
                if parsed.extension() != "flv" {
                    bail!("{url}: over WebSocket there is FLV only, so the path must end in .flv");
                }
                Ok(Self::WebSocket(parsed))
            }
            _ => bail!("{url}: {scheme}:// is not known here; {KINDS}"),
        }
    }

    /// The protocol, for people.
    pub const fn protocol(&self) -> &'static str {
        match self {
            Self::Rtmp(url) if url.tls => "RTMPS",
            Self::Rtmp(_) => "RTMP",
            Self::Http(_, Container::Flv) => "HTTP-FLV",
            Self::Http(_, Container::Ts) => "HTTP-TS",
            Self::WebSocket(_) => "WS-FLV",
            Self::Hls(_) => "HLS",
        }
    }
}

/// What can be played, for refusals.
const KINDS: &str = "weir plays rtmp(s)://host/app/stream, http(s)://….flv, ws(s)://….flv, http(s)://….ts and http(s)://….m3u8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_and_the_ending_choose_the_protocol() {
        let protocol = |url: &str| MediaUrl::parse(url).map(|url| url.protocol());
        assert_eq!(protocol("rtmp://h/live/a").unwrap(), "RTMP");
        assert_eq!(protocol("rtmps://h/live/a?key=1").unwrap(), "RTMPS");
        assert_eq!(
            protocol("http://h/live/a.flv?key=x.ts").unwrap(),
            "HTTP-FLV"
        );
        assert_eq!(protocol("https://h/live/a.ts").unwrap(), "HTTP-TS");
        assert_eq!(protocol("wss://h/live/a.flv").unwrap(), "WS-FLV");
        assert_eq!(protocol("http://h:8080/live/a/ts.m3u8").unwrap(), "HLS");
        for bad in [
            "live/a",
            "http://h/live/a",
            "ws://h/live/a.ts",
            "srt://h:9000",
            "rtmp://h/a",
        ] {
            assert!(protocol(bad).is_err(), "{bad}");
        }
    }
}
