//! What a URL on the command line stands for: which protocol, which host, which container.

use anyhow::{Context, bail};
use weir_proto::rtmp::RtmpUrl;

/// The container of an endless HTTP or WebSocket body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// FLV.
    Flv,
    /// MPEG-TS.
    Ts,
}

/// A URL to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MediaUrl {
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
    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        let (scheme, _) = url
            .split_once("://")
            .with_context(|| format!("{url} has no scheme; {KINDS}"))?;
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
    pub(crate) const fn protocol(&self) -> &'static str {
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

/// An `http`, `https`, `ws` or `wss` URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// `https` or `wss`.
    pub(crate) tls: bool,
    /// Host name or address, without brackets.
    pub(crate) host: String,
    /// Port, the scheme's own where none is given.
    pub(crate) port: u16,
    /// Path and query, as written; begins with `/`.
    pub(crate) path: String,
}

impl HttpUrl {
    /// Reads a URL.
    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: ::http::Uri = url
            .split('#')
            .next()
            .unwrap_or_default()
            .parse()
            .with_context(|| format!("{url} is no URL"))?;
        let tls = matches!(uri.scheme_str(), Some("https" | "wss"));
        let host = uri.host().with_context(|| format!("{url} has no host"))?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri
            .path_and_query()
            .map_or("/", ::http::uri::PathAndQuery::as_str);
        Ok(Self {
            tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// A reference found in a document at this URL (RFC 3986 §5.2, without fragments).
    pub(crate) fn join(&self, reference: &str) -> anyhow::Result<Self> {
        let has_scheme = reference
            .split_once("://")
            .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
        if has_scheme {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            let scheme = if self.tls { "https" } else { "http" };
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let base = self.path.split('?').next().unwrap_or("/");
        let path = if reference.starts_with('/') {
            reference.to_owned()
        } else if reference.starts_with('?') {
            format!("{base}{reference}")
        } else {
            let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
            without_dots(&format!("{folder}/{reference}"))
        };
        Ok(Self {
            path,
            ..self.clone()
        })
    }

    /// With these parameters at the end of the query.
    pub(crate) fn with_query(&self, parameters: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        Self {
            path: format!("{}{separator}{parameters}", self.path),
            ..self.clone()
        }
    }

    /// `host:port`, as `Host` wants it: the usual port left out.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// What follows the last dot of the path, without the query.
    fn extension(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

impl std::fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// `.` and `..` taken out of a path; the query stays as it is.
fn without_dots(path: &str) -> String {
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    let mut levels: Vec<&str> = Vec::new();
    for level in path.split('/').skip(1) {
        match level {
            "." => {}
            ".." => {
                levels.pop();
            }
            _ => levels.push(level),
        }
    }
    let path = format!("/{}", levels.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

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

    #[test]
    fn references_are_resolved_against_the_document() {
        let base = HttpUrl::parse("http://h:8080/live/a/ts.m3u8?key=1").unwrap();
        let join = |reference| base.join(reference).unwrap().to_string();
        assert_eq!(join("seg-1.ts?x=/"), "http://h:8080/live/a/seg-1.ts?x=/");
        assert_eq!(join("../b.m3u8"), "http://h:8080/live/b.m3u8");
        assert_eq!(join("/c.ts"), "http://h:8080/c.ts");
        assert_eq!(join("//o/c.ts"), "http://o/c.ts");
        assert_eq!(join("https://o:444/c.ts"), "https://o:444/c.ts");
        assert_eq!(
            base.with_query("_HLS_msn=3").path,
            "/live/a/ts.m3u8?key=1&_HLS_msn=3"
        );
    }

    #[test]
    fn addresses_of_version_6_keep_their_brackets_where_they_belong() {
        let url = HttpUrl::parse("https://[::1]/a.flv").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.authority().as_str()),
            ("::1", 443, "[::1]")
        );
    }
}
