//! RTMP addresses: URLs as people write them, and what `connect` and `publish` say put together.

use weir_base::name::{MAX_NAME_BYTES, check_part};
use weir_base::urls::{SplitUrl, without_form};
use weir_base::{Code, Refusal};

/// The longest URL or name with its query, in bytes. Signed queries stay far below.
const MAX_URL_BYTES: usize = 4096;
/// How many query parameters an address may have.
const MAX_QUERY_PARAMETERS: usize = 64;
/// The port of `rtmp://` without one.
const DEFAULT_PORT: u16 = 1935;
/// The port of `rtmps://` without one.
const DEFAULT_TLS_PORT: u16 = 443;

/// The instance name Flash servers put in for "none".
const DEFAULT_INSTANCE: &str = "_definst_";
/// How clients of some servers spell "no vhost".
const DEFAULT_VHOST: &str = "__defaultVhost__";

/// What is wrong with a URL that a client is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub struct UrlError {
    /// Which part: the URL as a whole, for now.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Which stream a client means, from all the places it may say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// From `?vhost=` or `?domain=` anywhere in the address; `None` where not said.
    pub vhost: Option<String>,
    /// The host in `tcUrl`, lower case, without port and brackets; may be empty.
    pub host: String,
    /// One or more levels joined by `/`, without `_definst_`.
    pub app: String,
    /// The last level, without the ending of a form (`.flv`, `.m3u8`, …).
    pub stream: String,
    /// Parameters of the stream name, then of the app, then of `tcUrl`, percent-decoded, repeats
    /// left out: the first of a name is the most particular one.
    pub query: Vec<(String, String)>,
    /// How many of these stand in the stream name, which the client says again wherever it connects.
    named: usize,
}

impl Target {
    /// Puts together what `connect` said (`tcUrl` and `app`) and the name in `publish` or `play`.
    ///
    /// Clients split `a/b/c` at different places, so it is joined and split again at the last `/`. Where
    /// there is no `app`, the path of `tcUrl` is it.
    ///
    /// # Errors
    /// 3001 for what cannot be a name, as over HTTP; 1002 for parameters that cannot be read.
    pub fn new(tc_url: &str, app: &str, name: &str) -> Result<Self, Refusal> {
        if [tc_url, app, name].iter().any(|t| t.len() > MAX_URL_BYTES) {
            return Err(no_name("the address is too long"));
        }
        let (app_path, app_query) = split_query(app);
        let (name_path, name_query) = split_query(name);
        let (tc_path, tc_query) = split_query(tc_url);
        let mut query = Vec::new();
        add_query(name_query, &mut query)?;
        let named = query.len();
        for part in [app_query, tc_query] {
            add_query(part, &mut query)?;
        }
        let app_path = match app_path.trim_matches('/') {
            "" => SplitUrl::new(tc_path).map_or("", |url| url.rest),
            app_path => app_path,
        };
        let levels = levels(app_path).chain(levels(name_path));
        let mut levels = levels.collect::<Result<Vec<_>, _>>()?;
        let stream = levels
            .pop()
            .ok_or_else(|| no_name("the stream is not named"))?;
        if levels.is_empty() {
            let is_streamless = name_path.is_empty();
            let words = match is_streamless {
                true => "the stream is not named",
                false => "the app is not named",
            };
            return Err(no_name(words));
        }
        let app = levels.join("/");
        if app.len() > MAX_NAME_BYTES {
            return Err(no_name("the app is too long"));
        }
        Ok(Self {
            vhost: vhost(&query)?,
            host: host_of(tc_path),
            app,
            stream: without_form(&stream).to_owned(),
            query,
            named,
        })
    }

    /// The parameters that only `connect` said.
    pub fn connect_query(&self) -> &[(String, String)] {
        self.query.get(self.named..).unwrap_or_default()
    }

    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }
}

/// An `rtmp://` or `rtmps://` URL of a stream, split the way a client needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    /// `rtmps`.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, the scheme's own where none is given.
    pub port: u16,
    /// All levels but the last, as written.
    pub app: String,
    /// The last level, as written.
    pub stream: String,
    /// What follows `?`, as written; empty if nothing.
    pub query: String,
}

impl RtmpUrl {
    /// `rtmp[s]://host[:port]/app[/more]/stream[?query]`.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = limited(url)?;
        if url.chars().any(|c| c.is_control() || c == ' ') {
            return Err(error("URL", "has blanks or control characters in it"));
        }
        let url = SplitUrl::new(url).ok_or(error("URL", "has no scheme"))?;
        let tls = match url.scheme.to_ascii_lowercase().as_str() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err(error("URL", "is not rtmp:// or rtmps://")),
        };
        let path = url.rest.strip_prefix('/');
        let path = path.ok_or(error("URL", "has no app"))?;
        let (host, port) = split_authority(url.authority)?;
        let (path, query) = split_query(path);
        let (app, stream) = path.trim_matches('/').rsplit_once('/').unwrap_or_default();
        if app.is_empty() || stream.is_empty() {
            return Err(error("URL", "needs both an app and a stream"));
        }
        let default_port = if tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            app: app.trim_end_matches('/').to_owned(),
            stream: stream.to_owned(),
            query: query.to_owned(),
        })
    }

    /// What `connect` says: scheme, host, port unless it is the usual one, app.
    pub fn tc_url(&self) -> String {
        let (scheme, usual_port) = match self.tls {
            false => ("rtmp", DEFAULT_PORT),
            true => ("rtmps", DEFAULT_TLS_PORT),
        };
        let bracketed = self.host.contains(':').then(|| format!("[{}]", self.host));
        let host = bracketed.as_deref().unwrap_or(&self.host);
        let app = &self.app;
        if self.port == usual_port {
            format!("{scheme}://{host}/{app}")
        } else {
            format!("{scheme}://{host}:{}/{app}", self.port)
        }
    }

    /// What `publish` and `play` say: the stream with its query.
    pub fn stream_with_query(&self) -> String {
        match self.query.as_str() {
            "" => self.stream.clone(),
            query => format!("{}?{query}", self.stream),
        }
    }
}

impl std::fmt::Display for RtmpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tc_url(), self.stream_with_query())
    }
}

fn no_name(why: &'static str) -> Refusal {
    Refusal::new(Code::NotFound, why)
}

fn unreadable(why: &'static str) -> Refusal {
    Refusal::new(Code::AuthMalformed, why)
}

const fn error(what: &'static str, why: &'static str) -> UrlError {
    UrlError { what, why }
}

fn limited(text: &str) -> Result<&str, UrlError> {
    if text.len() > MAX_URL_BYTES {
        return Err(error("URL", "is too long"));
    }
    Ok(text)
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

/// The checked levels of a path. Slashes at the ends and `_definst_` are nobody's level.
fn levels(path: &str) -> impl Iterator<Item = Result<String, Refusal>> {
    let path = path.trim_matches('/');
    let levels = path.split('/').filter(|level| *level != DEFAULT_INSTANCE);
    levels.filter(move |_| !path.is_empty()).map(|level| {
        let level = percent_decoded(level);
        check_part(&level)?;
        Ok(level)
    })
}

fn add_query(text: &str, query: &mut Vec<(String, String)>) -> Result<(), Refusal> {
    for pair in text.split(['&', '?']).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let pair = (percent_decoded(key), percent_decoded(value));
        if pair.0.chars().chain(pair.1.chars()).any(char::is_control) {
            return Err(unreadable("the query has control characters in it"));
        }
        if query.contains(&pair) {
            continue;
        }
        if query.len() >= MAX_QUERY_PARAMETERS {
            return Err(unreadable("the query has too many parameters"));
        }
        query.push(pair);
    }
    Ok(())
}

fn vhost(query: &[(String, String)]) -> Result<Option<String>, Refusal> {
    let named = |name: &str| query.iter().find(|(key, _)| key == name);
    let Some((_, vhost)) = named("vhost").or_else(|| named("domain")) else {
        return Ok(None);
    };
    if vhost.is_empty() || vhost == DEFAULT_VHOST {
        return Ok(None);
    }
    check_part(vhost)?;
    Ok(Some(vhost.to_ascii_lowercase()))
}

/// The host of a `tcUrl`; empty where it makes no sense, for it decides nothing alone.
fn host_of(tc_url: &str) -> String {
    let authority = SplitUrl::new(tc_url).map_or("", |url| url.authority);
    let host = split_authority(authority).map_or("", |(host, _)| host);
    let valid = check_part(host).is_ok();
    if valid {
        host.to_ascii_lowercase()
    } else {
        String::new()
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_authority(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or(error("URL", "has an open bracket"))?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(error("URL", "has no IPv6 address in its brackets"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, port),
            None if after.is_empty() => (host, ""),
            None => return Err(error("URL", "has something after the bracket")),
        }
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    if host.is_empty() || host.contains('@') {
        return Err(error("URL", "has no plain host"));
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    match port.parse() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err(error("URL", "has a port that is none")),
    }
}

/// `%41` becomes `A`; what is not an escape stays. `+` stays too: signatures carry it.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| {
            after
                .get(at)
                .and_then(|digit| (*digit as char).to_digit(16))
        };
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(0), hex(1))
        {
            bytes.push(u8::try_from(high << 4 | low).unwrap_or_default());
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
