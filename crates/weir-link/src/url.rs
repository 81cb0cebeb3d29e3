//! Addresses of HTTP servers taken apart: `http`, `https`, `ws` and `wss`. RTMP's are `weir-proto`'s.

use std::fmt;

use http::Uri;
use weir_base::urls::SplitUrl;

/// An `http`, `https`, `ws` or `wss` URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// `https` or `wss`.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, the scheme's own where none is given.
    pub port: u16,
    /// Path and query, as written; begins with `/`.
    pub path: String,
}

/// Why a text is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No URL at all.
    #[error("{0} is no URL")]
    Syntax(String),
    /// A scheme that is not HTTP's.
    #[error("{0} is no http, https, ws or wss URL")]
    Scheme(String),
    /// Nobody to ask.
    #[error("{0} has no host")]
    Host(String),
    /// The port is no number up to 65535.
    #[error("{0} has no port that could be one")]
    Port(String),
}

impl HttpUrl {
    /// Reads a URL; a fragment is left out.
    ///
    /// # Errors
    /// For other schemes, and where host or port cannot be one.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let without_fragment = url.split('#').next().unwrap_or_default();
        let uri: Uri = without_fragment
            .parse()
            .map_err(|_| UrlError::Syntax(url.to_owned()))?;
        // `Uri` writes only HTTP's own two in small letters.
        let scheme = uri.scheme_str().map(str::to_ascii_lowercase);
        let tls = match scheme.as_deref() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(UrlError::Scheme(url.to_owned())),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| UrlError::Host(url.to_owned()))?;
        let usual = usual_port(tls);
        let port = match written_port(&uri, host) {
            None | Some("") => usual,
            Some(port) => port.parse().map_err(|_| UrlError::Port(url.to_owned()))?,
        };
        let path = uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: format!("{slash}{path}"),
        })
    }

    /// `target` (path and query) on this server, below this URL's own path.
    #[must_use]
    pub fn below(&self, target: &str) -> Self {
        Self {
            path: format!("{}{target}", self.path.trim_end_matches('/')),
            ..self.clone()
        }
    }

    /// A reference found in a document at this URL (RFC 3986 §5.2, without fragments).
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let has_scheme = SplitUrl::new(reference)
            .is_some_and(|split| split.scheme.chars().all(|c| c.is_ascii_alphanumeric()));
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
    #[must_use]
    pub fn with_query(&self, parameters: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        Self {
            path: format!("{}{separator}{parameters}", self.path),
            ..self.clone()
        }
    }

    /// `host:port`, as `Host` wants it: the usual port left out.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == usual_port(self.tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// What follows the last dot of the path, without the query.
    pub fn extension(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

const fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// What stands behind the host's colon: `Uri` leaves out a port that is no number.
fn written_port<'a>(uri: &'a Uri, host: &str) -> Option<&'a str> {
    let authority = uri.authority()?.as_str();
    let behind_user = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    behind_user.strip_prefix(host)?.strip_prefix(':')
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
    fn a_base_url_is_taken_apart() {
        let parts = |base| {
            let url = HttpUrl::parse(base).ok()?.below("/x?y=1");
            Some((url.tls, url.host, url.port, url.path))
        };
        let some = |tls, host: &str, port, path: &str| {
            Some((tls, String::from(host), port, String::from(path)))
        };
        assert_eq!(parts("http://h:81"), some(false, "h", 81, "/x?y=1"));
        assert_eq!(parts("https://h/p/"), some(true, "h", 443, "/p/x?y=1"));
        assert_eq!(
            parts("http://[::1]:8080"),
            some(false, "::1", 8080, "/x?y=1")
        );
        assert_eq!(parts("http://[::1]"), some(false, "::1", 80, "/x?y=1"));
        assert_eq!(parts("rtmp://h:1935"), None);
        assert_eq!(parts("http://:80"), None);
        assert_eq!(parts("WSS://h"), some(true, "h", 443, "/x?y=1"));
        assert_eq!(parts("http://h:x"), None);
        assert_eq!(parts("http://h:70000"), None);
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
