//! HLS requests: playlists that may wait (RFC 8216bis §6.2.5), segments with ranges, and the headers
//! caches need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;
use tokio::sync::watch;
use weir_base::sign::Action;
use weir_base::{Code, Refusal};
use weir_hub::{Grant, Protocol, StreamKey};
use weir_media::Tracks;
use weir_media::hls::{
    AudioRendition, Blocking, Container, Multivariant, Name, Packager, PlaylistOptions, Resource,
    Selection, Variant, multivariant_playlist,
};

use super::page::Pages;
use super::piece::{KEY_TYPE, piece_response};
use super::station::Station;
use crate::context::{Asked, Context};
use crate::http::live::selection_of;
use crate::http::reply::{Body, full};
use crate::http::route::HlsFile;
use crate::ingest::rtmp::wait_of;

const PLAYLIST_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// Query parameters that go on into the playlist's URIs: what admits the viewer.
const CARRIED: &[&str] = &["e", "a", "k", "n", "ip", "s", "key", "vhost", "domain"];

/// A request for something of HLS.
#[derive(Debug, Clone, Copy)]
pub struct HlsRequest<'a> {
    /// App.
    pub app: &'a str,
    /// Stream.
    pub stream: &'a str,
    /// `Host`.
    pub host: Option<&'a str>,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The client.
    pub client: SocketAddr,
}

impl HlsRequest<'_> {
    async fn admit(&self, context: &Context) -> Result<(StreamKey, Grant), Refusal> {
        let asked = Asked {
            action: Action::Play,
            host: self.host,
            app: self.app,
            stream: self.stream,
            query: self.query,
            ip: self.client.ip(),
            protocol: Protocol::Hls,
            is_cross_site: false,
        };
        context.admit_again(&asked).await
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The query that every URI of a playlist needs for this viewer: empty, or with its `?`.
    fn carried(&self, grant: Grant) -> String {
        if !grant.by_query {
            return String::new();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self
            .query
            .iter()
            .filter(|(name, _)| CARRIED.contains(&name.as_str()))
        {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() {
            query
        } else {
            format!("?{query}")
        }
    }

    /// The station of a live stream, or of one that has just ended and may come back.
    async fn station(
        &self,
        context: &Context,
        container: Container,
        selection: Selection,
    ) -> Result<(Arc<Station>, Grant), Refusal> {
        let (key, grant) = self.admit(context).await?;
        let running = context.stations.find(&key, container, selection);
        if running.is_none() && context.shutdown.is_draining() {
            return Err(Code::Draining.into());
        }
        let stream = match context.hub.find(&key) {
            Some(stream) if running.is_some() && stream.ended().is_some() => stream,
            None if running.is_some() => {
                let running = running.ok_or_else(|| Refusal::from(Code::NotLive))?;
                return Ok((running, grant));
            }
            _ => context.hub.wait_live(&key, wait_of(self.query)).await?,
        };
        if container == Container::Ts
            && let Some(why) = refuses_ts(&stream.ring.tracks())
        {
            return Err(Refusal::new(Code::CodecUnsupported, why));
        }
        let station = context
            .stations
            .open(context, &stream, container, selection);
        Ok((station, grant))
    }
}

fn refuses_ts(tracks: &Tracks) -> Option<String> {
    use crate::deliver::{Format, Framing, Selection};
    Format::Ts {
        selection: Selection::ALL,
        framing: Framing::Raw,
    }
    .refuses(tracks)
}

/// Answers `/{app}/{stream}.m3u8`.
///
/// # Errors
/// The refusal to answer with.
pub async fn multivariant(
    context: &Context,
    asked: &HlsRequest<'_>,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let wanted = selection_of(asked.query);
    let split = asked.parameter("split") == Some("1");
    let selection = match (wanted.video, wanted.audio) {
        (true, false) => Selection::VideoOnly,
        (false, true) => Selection::AudioOnly,
        _ if split => Selection::VideoOnly,
        _ => Selection::Both,
    };
    let (station, grant) = asked.station(context, Container::Fmp4, selection).await?;
    note(context, asked, &station, headers);
    with_content(context, &station).await?;
    let query = asked.carried(grant);
    let sound = if split
        && wanted == crate::deliver::Selection::ALL
        && station.stream.ring.tracks().audio.is_some()
    {
        let sound = context.stations.open(
            context,
            &station.stream,
            Container::Fmp4,
            Selection::AudioOnly,
        );
        with_content(context, &sound).await?;
        Some(sound)
    } else {
        None
    };
    let text = station.with(|packager| {
        render_multivariant(packager, sound.as_deref(), selection, &query, &station)
    });
    Ok(playlist_response(
        &super::page::Page::new(text),
        headers,
        "no-cache".into(),
    ))
}

fn render_multivariant(
    packager: &Packager,
    sound: Option<&Station>,
    selection: Selection,
    query: &str,
    station: &Station,
) -> String {
    let uri = match selection {
        Selection::Both => format!("{}/hls.m3u8{query}", encode(station.stream.key.stream())),
        Selection::VideoOnly => {
            format!("{}/video.m3u8{query}", encode(station.stream.key.stream()))
        }
        Selection::AudioOnly => {
            format!("{}/audio.m3u8{query}", encode(station.stream.key.stream()))
        }
    };
    let sound_uri = format!("{}/audio.m3u8{query}", encode(station.stream.key.stream()));
    let mut tracks: Tracks = packager
        .tracks()
        .map(|tracks| Tracks::clone(tracks))
        .unwrap_or_default();
    let (mut peak_bps, mut average_bps) = packager.bandwidth();
    let mut channels = 0;
    if let Some(sound) = sound {
        let (peak, average, audio) = sound.with(|p| {
            (
                p.bandwidth().0,
                p.bandwidth().1,
                p.tracks().and_then(|tracks| tracks.audio.clone()),
            )
        });
        peak_bps += peak;
        average_bps += average;
        channels = audio.as_ref().map_or(0, |track| track.channels);
        tracks.audio = audio;
    }
    let variant = Variant {
        uri: &uri,
        tracks: &tracks,
        peak_bps,
        average_bps,
        frame_rate: packager.frame_rate(),
        audio_group: sound.map(|_| "audio"),
    };
    let audio = AudioRendition {
        uri: &sound_uri,
        group: "audio",
        name: "main",
        channels,
    };
    multivariant_playlist(&Multivariant {
        variants: &[variant],
        audio: if sound.is_some() {
            std::slice::from_ref(&audio)
        } else {
            &[]
        },
        independent_segments: packager.independent_segments(),
    })
}

fn encode(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Answers a file under `/{app}/{stream}/`.
///
/// # Errors
/// The refusal to answer with.
pub async fn file(
    context: &Context,
    asked: &HlsRequest<'_>,
    file: &HlsFile,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    match file {
        HlsFile::Playlist(container, selection) => {
            media_playlist(context, asked, *container, *selection, headers).await
        }
        HlsFile::Piece(name) => piece(context, asked, name, headers).await,
    }
}

async fn media_playlist(
    context: &Context,
    asked: &HlsRequest<'_>,
    container: Container,
    selection: Selection,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let directives = Directives::read(asked)?;
    let (station, grant) = asked.station(context, container, selection).await?;
    note(context, asked, &station, headers);
    let mut pages = with_content(context, &station).await?;
    if let Some((msn, part)) = directives.position {
        wait_for(context, &station, &mut pages, msn, part).await?;
    }
    let now = pages.borrow_and_update().clone();
    let caching = match directives.position {
        // The answer to one position never changes: caches may keep it while anybody can ask for it.
        Some(_) => format!(
            "public, max-age={}",
            (6 * station.segment_us / 1_000_000).max(1)
        ),
        None => "public, max-age=1".to_owned(),
    };
    let query = asked.carried(grant);
    if !query.is_empty() {
        let options = PlaylistOptions {
            skip: directives.skip,
            query: &query,
            reports: &[],
        };
        let text = station.with(|packager| packager.media_playlist(&options));
        return Ok(playlist_response(
            &super::page::Page::new(text),
            headers,
            "private, no-cache".into(),
        ));
    }
    let page = if directives.skip {
        &now.delta
    } else {
        &now.full
    };
    Ok(playlist_response(page, headers, caching))
}

/// The delivery directives of §6.2.5.
struct Directives {
    position: Option<(u64, Option<u32>)>,
    skip: bool,
}

impl Directives {
    fn read(asked: &HlsRequest<'_>) -> Result<Self, Refusal> {
        let bad = |what: &'static str| Refusal::new(Code::ProtocolError, what);
        let number = |name: &str| asked.parameter(name).map(str::parse::<u64>).transpose();
        let msn = number("_HLS_msn").map_err(|_| bad("_HLS_msn is not a number"))?;
        let part = number("_HLS_part").map_err(|_| bad("_HLS_part is not a number"))?;
        if msn.is_none() && part.is_some() {
            return Err(bad("_HLS_part without _HLS_msn"));
        }
        let part = part
            .map(u32::try_from)
            .transpose()
            .map_err(|_| bad("_HLS_part is too large"))?;
        let skip = matches!(asked.parameter("_HLS_skip"), Some("YES" | "v2"));
        Ok(Self {
            position: msn.map(|msn| (msn, part)),
            skip,
        })
    }
}

async fn wait_for(
    context: &Context,
    station: &Station,
    pages: &mut watch::Receiver<Arc<Pages>>,
    msn: u64,
    part: Option<u32>,
) -> Result<(), Refusal> {
    let mut place = None;
    let deadline = tokio::time::sleep(patience(station));
    tokio::pin!(deadline);
    loop {
        match station.with(|packager| packager.blocking(msn, part)) {
            // The page may be rendered a moment after the packager has moved on.
            Blocking::Ready
                if pages.borrow_and_update().ended || is_rendered(&pages.borrow(), msn, part) =>
            {
                return Ok(());
            }
            Blocking::Ready | Blocking::Wait => {}
            Blocking::TooFarAhead => {
                return Err(Refusal::new(
                    Code::ProtocolError,
                    "that segment is too far ahead of the playlist",
                ));
            }
        }
        if place.is_none() {
            place = Some(context.stations.block()?);
        }
        tokio::select! {
            changed = pages.changed() => changed.map_err(|_| Refusal::from(Code::Ended))?,
            () = &mut deadline => return Err(Refusal::new(Code::RenditionStarting, "the publisher sends nothing new")),
        }
    }
}

fn is_rendered(pages: &Pages, msn: u64, part: Option<u32>) -> bool {
    let head = pages.head;
    match part {
        None => head.msn > msn,
        Some(part) => head.msn > msn || (head.msn == msn && head.parts > part),
    }
}

/// How long a request may be held: three target durations, as the RFC has it.
fn patience(station: &Station) -> Duration {
    Duration::from_micros(u64::try_from(3 * station.segment_us).unwrap_or(6_000_000))
        .max(Duration::from_secs(3))
}

/// Waits until there is something to list.
async fn with_content(
    context: &Context,
    station: &Station,
) -> Result<watch::Receiver<Arc<Pages>>, Refusal> {
    let mut pages = station.pages();
    if !pages.borrow().has_content {
        let _place = context.stations.block()?;
        let waited =
            tokio::time::timeout(patience(station), pages.wait_for(|pages| pages.has_content))
                .await;
        if !matches!(waited, Ok(Ok(_))) {
            return Err(Refusal::new(
                Code::RenditionStarting,
                "no segment is complete yet",
            ));
        }
    }
    Ok(pages)
}

async fn piece(
    context: &Context,
    asked: &HlsRequest<'_>,
    name: &Name,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let (key, _) = asked.admit(context).await?;
    let container = match name.resource {
        Resource::TsSegment { .. } | Resource::Key { .. } => Container::Ts,
        Resource::Init { .. } | Resource::Segment { .. } | Resource::Part { .. } => Container::Fmp4,
    };
    let gone = || {
        Refusal::new(
            Code::NotFound,
            format!("{name} is not, or no longer, in the window"),
        )
    };
    let station = context
        .stations
        .find(&key, container, name.selection)
        .ok_or_else(gone)?;
    if station.epoch != name.epoch {
        return Err(gone());
    }
    note(context, asked, &station, headers);
    if let Resource::Part { msn, part } = name.resource
        && station.with(|packager| packager.part(msn, part)).is_none()
    {
        // The part of a preload hint: it is asked for before it is there (§6.2.6).
        let mut pages = station.pages();
        wait_for(context, &station, &mut pages, msn, Some(part)).await?;
    }
    let (pieces, kind) = station
        .with(|packager| find(packager, name.resource))
        .ok_or_else(gone)?;
    let length = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
    let response = piece_response(pieces, length, &name.to_string(), kind, headers);
    let sent = response.body().size();
    station.stream.add_sent_bytes(sent);
    context.hub.counters().sent(Protocol::Hls, sent);
    Ok(response.map(BodyExt::boxed_unsync))
}

fn find(packager: &Packager, resource: Resource) -> Option<(Vec<Bytes>, &'static str)> {
    match resource {
        Resource::Init { id } => packager.init(id).map(|bytes| (vec![bytes], "video/mp4")),
        Resource::Segment { msn } => packager
            .segment(msn)
            .map(|segment| (segment.parts, "video/mp4")),
        Resource::TsSegment { msn } => packager
            .segment(msn)
            .map(|segment| (segment.parts, "video/mp2t")),
        Resource::Part { msn, part } => packager
            .part(msn, part)
            .map(|bytes| (vec![bytes], "video/mp4")),
        Resource::Key { id } => packager
            .key(id)
            .map(|key| (vec![Bytes::copy_from_slice(&key)], KEY_TYPE)),
    }
}

fn note(context: &Context, asked: &HlsRequest<'_>, station: &Station, headers: &HeaderMap) {
    let agent = headers
        .get(header::USER_AGENT)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    station.asked(context.hub.clock().now_us(), asked.client.ip(), agent);
}

fn playlist_response(
    page: &super::page::Page,
    headers: &HeaderMap,
    caching: String,
) -> Response<Body> {
    let gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(',')
                .any(|coding| coding.trim().split(';').next() == Some("gzip"))
        });
    let mut response = Response::new(full(if gzip {
        page.gzip()
    } else {
        page.plain.clone()
    }));
    let out = response.headers_mut();
    if gzip {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    out.insert(header::CONTENT_TYPE, PLAYLIST_TYPE);
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    out.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    if let Ok(caching) = HeaderValue::from_str(&caching) {
        out.insert(header::CACHE_CONTROL, caching);
    }
    response
}
