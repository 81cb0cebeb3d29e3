//! What a request for a stream says, over any protocol: which stream, from whom, and the parameters
//! of its query. Who may have it is not known here.

pub mod time_shift;

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::AsHeaderName;
use weir_base::http_field::host_name;
use weir_base::sign::Action;
use weir_base::{Refusal, StreamName, limits};
use weir_cluster::route::Via;
use weir_hub::{Protocol, StreamPosition, TrackFilter};

/// A request for a stream, over any protocol.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Publish or play.
    pub action: Action,
    /// The host the client believes it talks to, with or without port.
    pub host: Option<&'a str>,
    /// All levels of the app.
    pub app: &'a str,
    /// The stream's name, without vhost and app.
    pub stream: &'a str,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The client's address.
    pub ip: IpAddr,
    /// Over which protocol.
    pub protocol: Protocol,
    /// It comes from a page of another site.
    pub is_cross_site: bool,
    /// The page that embeds the player, as far as the client says.
    pub page: Option<&'a str>,
}

impl Asked<'_> {
    /// The stream that it names, on a node with these virtual hosts.
    ///
    /// # Errors
    /// 3001/2002 for impossible names.
    pub fn stream_name(&self, vhosts: &[String]) -> Result<StreamName, Refusal> {
        StreamName::new(&self.vhost(vhosts), self.app, self.stream)
    }

    /// A vhost counts only where the operator named it: otherwise one stream would have as many names
    /// as the node has addresses.
    fn vhost(&self, vhosts: &[String]) -> String {
        let parameter = self
            .query
            .iter()
            .find(|(name, _)| name == "vhost" || name == "domain")
            .map(|(_, value)| value.as_str());
        let host = self.host.map(host_name);
        let named = |name: &&str| vhosts.iter().any(|known| known.eq_ignore_ascii_case(name));
        [parameter, host]
            .into_iter()
            .flatten()
            .find(named)
            .map(str::to_ascii_lowercase)
            .unwrap_or_default()
    }
}

/// A request to watch a stream, as far as it concerns where the stream is.
#[derive(Debug, Clone)]
pub struct PlayIntent {
    /// How long the viewer is ready to wait for a stream that is not live.
    pub wait: Duration,
    /// How it will be watched: decides which address a redirect names.
    pub protocol: Protocol,
    /// Nodes the request came through; empty for a client's.
    pub via: Via,
    /// Up to where a node that asks has the stream already; `None` for a client's.
    pub after: Option<StreamPosition>,
}

impl PlayIntent {
    /// A client's.
    pub fn client(protocol: Protocol, wait: Duration) -> Self {
        Self {
            wait,
            protocol,
            via: Via::default(),
            after: None,
        }
    }
}

/// All lines of a header, as far as they are text.
pub fn lines(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

/// The page that embeds the player, as a browser says: the whole of its address, or its site alone.
pub fn page(headers: &HeaderMap) -> Option<&str> {
    let named = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let page = named(http::header::REFERER).or_else(|| named(http::header::ORIGIN));
    page.filter(|page| !page.is_empty())
}

/// Whether an SLSP address is asked to play: `?play`, with any value.
pub fn is_play(query: &[(String, String)]) -> bool {
    query.iter().any(|(name, _)| name == "play")
}

/// The first query parameter of this name.
pub fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(given, _)| given == name);
    found.map(|(_, value)| value.as_str())
}

/// Reads a query string.
pub fn query(raw: Option<&str>) -> Vec<(String, String)> {
    /// Parameters looked at; a URL with more is nobody's.
    const MAX_PARAMETERS: usize = 64;
    form_urlencoded::parse(raw.unwrap_or_default().as_bytes())
        .take(MAX_PARAMETERS)
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect()
}

/// The time a viewer is ready to wait for a stream that is not live: `?wait=` seconds.
pub fn wait_of(query: &[(String, String)]) -> Duration {
    let seconds = query
        .iter()
        .find(|(name, _)| name == "wait")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    Duration::from_secs(u64::min(seconds, limits::WAIT_S))
}

/// `?audio=0` or `?video=0` leaves that track out; both together leave nothing out.
pub fn tracks_of(query: &[(String, String)]) -> TrackFilter {
    let off = |track: &str| {
        query
            .iter()
            .any(|(name, value)| name == track && value == "0")
    };
    match (off("video"), off("audio")) {
        (true, false) => TrackFilter {
            video: false,
            audio: true,
        },
        (false, true) => TrackFilter {
            video: true,
            audio: false,
        },
        _ => TrackFilter::ALL,
    }
}
