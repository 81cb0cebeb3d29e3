//! Streams and clients as JSON.

use std::str::FromStr;

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::Publicity;
use weir_base::{ClientId, Code, StreamName};
use weir_events::{SeenAudio, SeenReach, SeenStream, SeenVideo};
use weir_hub::{Protocol, Role, Stream};

use crate::acts::{Acted, Actor};
use crate::asked::{Page, PageParams, PathParts, QueryParts};
use crate::living::all_live;
use crate::refused::{NotThere, Refused};
use crate::state::State;

/// Clients listed in one answer.
const MAX_CLIENTS_LISTED: usize = 10_000;

/// What anybody may know of a live stream.
#[derive(Debug, Serialize, ToSchema)]
struct LiveStream {
    /// Empty for the default one.
    vhost: String,
    /// All levels of the app.
    app: String,
    stream: String,
    video: Option<Video>,
    audio: Option<Audio>,
    /// Over the last five seconds.
    bitrate_kbps: f64,
    /// Now; of HLS those who asked within ten seconds.
    viewers: u32,
    /// Since this publisher came.
    uptime_ms: i64,
    /// Where its newest picture is; another picture has another address. Left out where there is none that everybody
    /// may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    poster: Option<String>,
    /// What viewers can go back to, of a stream on another node as it was some seconds ago; null where it is not recorded,
    /// or where no stream was named.
    dvr: Option<Dvr>,
    /// Why nobody can watch it yet although it has a publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    not_yet_live: Option<String>,
    /// What the publisher sends and weir does not carry.
    left_out: Vec<LeftOutTrack>,
    /// The same in words, and what was put right.
    notes: Vec<String>,
}

/// A stretch of time that viewers can go back to, by `?from=`, `?shift=` or `?window=` on the stream's `.m3u8`.
#[derive(Debug, Serialize, ToSchema)]
struct Dvr {
    /// The oldest, Unix milliseconds.
    from_ms: i64,
    /// The newest that is recorded.
    to_ms: i64,
    /// Id of the recording that it is in: `/r/{id}/storyboard.vtt` has small pictures of it.
    recording: String,
}

/// A track that weir does not carry.
#[derive(Debug, Serialize, ToSchema)]
struct LeftOutTrack {
    /// `video`, `audio`, `subtitles` or `data`.
    kind: &'static str,
    what: String,
}

/// The pictures of a stream.
#[derive(Debug, Serialize, ToSchema)]
struct Video {
    #[schema(example = "h264")]
    codec: String,
    /// The codecs string for players.
    #[schema(example = "avc1.64001f")]
    rfc6381: String,
    width: u32,
    height: u32,
    /// As measured.
    fps: f64,
}

/// The sound of a stream.
#[derive(Debug, Serialize, ToSchema)]
struct Audio {
    codec: String,
    rfc6381: String,
    sample_rate: u32,
    channels: u8,
}

/// What the operator may know besides.
#[derive(Debug, Serialize, ToSchema)]
struct StreamDetail {
    #[serde(flatten)]
    live: LiveStream,
    video_kbps: f64,
    audio_kbps: f64,
    /// The last whole group of pictures.
    gop_ms: i64,
    gop_frames: u32,
    #[schema(value_type = std::collections::BTreeMap<String, u32>)]
    viewers_by_protocol: std::collections::BTreeMap<&'static str, u32>,
    publisher: Option<Publisher>,
    /// What the sender says of itself.
    sender: Option<Sender>,
    video_frames: u64,
    audio_frames: u64,
    received_bytes: u64,
    sent_bytes: u64,
    corrections: u64,
    dropped_frames: u64,
    skipped_frames: u64,
    ring_bytes: usize,
    /// How many publishers it has had.
    life: u64,
}

/// Who publishes a stream.
#[derive(Debug, Serialize, ToSchema)]
struct Publisher {
    id: String,
    protocol: &'static str,
    address: String,
}

/// What an SLSP publisher says of itself.
#[derive(Debug, Serialize, ToSchema)]
struct Sender {
    fps: f64,
    kbps: f64,
    queue_ms: f64,
    dropped: f64,
    encoder: String,
}

/// A publisher or a viewer.
#[derive(Debug, Serialize, ToSchema)]
struct ClientDetail {
    id: String,
    /// `publisher` or `viewer`.
    role: &'static str,
    protocol: &'static str,
    stream: String,
    address: String,
    uptime_ms: i64,
    bytes: u64,
    lost_frames: u64,
    skips: u32,
    /// It is another node, not a person's publisher or player.
    is_node: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    identity: Option<KnownAs>,
}

/// Who a client is, as far as whoever admitted it knows.
#[derive(Debug, Serialize, ToSchema)]
struct KnownAs {
    account: String,
    device: String,
    app: String,
    session: String,
}

/// Streams that are live.
#[derive(Debug, Serialize, ToSchema)]
struct Streams<T> {
    streams: Vec<T>,
    /// The server's own clock, to set others by.
    server_time_ms: i64,
    /// `after` for the next page; none where this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    next: Option<String>,
}

/// Publishers and viewers.
#[derive(Debug, Serialize, ToSchema)]
struct Clients {
    clients: Vec<ClientDetail>,
    /// How many there are.
    total: usize,
    /// `after` for the next page; none where this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    next: Option<String>,
}

/// A client was told to go.
#[derive(Debug, Serialize, ToSchema)]
struct Kicked {
    /// 0.
    code: u16,
    /// Its id.
    kicked: String,
}

pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(live))
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(clients))
}

pub(crate) fn kick_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(kick))
}

/// Which streams.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct Meant {
    /// Those of this name alone, `{app}/{stream}` with all levels of the app. One that stands in no list is told of to
    /// who names it.
    #[param(required = false, nullable = false, example = "live/demo")]
    stream: Option<String>,
}

/// What is on, for everybody
///
/// Also on other nodes, where this one has the store. Streams of channels that are not public stand in no list, and
/// neither do those of an app that takes signed viewers alone. Those of private channels are told of to nobody.
#[utoipa::path(get, path = "/api/v1/live", tag = "streams", params(Meant), responses(
    (status = 200, description = "Streams that are live", body = Streams<LiveStream>),
))]
async fn live(
    Extract(state): Extract<State>,
    QueryParts(meant): QueryParts<Meant>,
) -> Json<Streams<LiveStream>> {
    let is_told = |name: &StreamName| {
        let publicity = state.facts.publicity(name);
        match meant.stream.as_deref().map(|path| path.rsplit_once('/')) {
            None => publicity == Publicity::Listed,
            Some(path) => {
                path == Some((name.app(), name.stream())) && publicity != Publicity::Hidden
            }
        }
    };
    let is_on = |stream: &Stream| {
        stream.is_live() && stream.why_not_live().is_none() && is_told(&stream.name)
    };
    let is_one = meant.stream.is_some();
    let Json(mut list) = page_of(&state, &Page::whole(), is_on, |stream, now_us| LiveStream {
        dvr: if is_one { dvr(&state, stream) } else { None },
        ..describe(&state, stream, now_us)
    });
    let others = live_elsewhere(&state, is_told).into_iter();
    list.streams.extend(others.map(|one| LiveStream {
        dvr: one.dvr.filter(|_| is_one),
        ..one
    }));
    Json(list)
}

/// What is live on other nodes and not here, as far as it is told to whoever asks.
fn live_elsewhere(state: &State, is_told: impl Fn(&StreamName) -> bool) -> Vec<LiveStream> {
    if state.happenings.is_none() {
        return Vec::new();
    }
    let now_ms = state.hub.clock().wall_ms();
    let seen = state.elsewhere();
    let live = all_live(&state.hub, &state.cluster.cluster, &seen);
    let names = live
        .keys()
        .filter_map(|(app, stream)| StreamName::new("", app, stream).ok());
    let mut others: Vec<StreamName> = names
        .filter(|name| is_told(name) && state.hub.find(name).is_none_or(|one| !one.is_live()))
        .collect();
    others.sort_by_cached_key(StreamName::to_string);
    let told = |name: &StreamName| {
        let known = seen.get(&name.to_string());
        let viewers = known.map_or(0, |known| known.viewers);
        let source = known.and_then(|known| known.source.clone());
        LiveStream {
            viewers,
            ..LiveStream::of(state, name, source, now_ms)
        }
    };
    others.iter().map(told).collect()
}

/// What viewers can go back to, no further than its publisher lets them: here, or as the node says where it is recorded.
fn dvr(state: &State, stream: &Stream) -> Option<Dvr> {
    let here = state
        .recordings
        .as_ref()
        .and_then(|kept| kept.reach(&stream.name));
    let Some(here) = here else {
        let seen = state.elsewhere();
        let source = seen.get(&stream.name.to_string())?.source.as_ref()?;
        return source.reach.map(Dvr::from);
    };
    let now_ms = state.hub.clock().wall_ms();
    here.as_wished(&state.hub, stream, now_ms).map(Dvr::from)
}

impl From<SeenReach> for Dvr {
    fn from(reach: SeenReach) -> Self {
        Self {
            from_ms: reach.from_ms,
            to_ms: reach.to_ms,
            recording: reach.recording.to_string(),
        }
    }
}

/// Live streams in detail
///
/// Without `limit` all of them, by name.
#[utoipa::path(get, path = "/api/v1/streams", tag = "streams", operation_id = "streams", params(PageParams),
    responses((status = 200, description = "Streams that are live", body = Streams<StreamDetail>)),
)]
async fn list(Extract(state): Extract<State>, page: Page) -> Json<Streams<StreamDetail>> {
    page_of(&state, &page, Stream::is_live, |stream, now_us| {
        detail(&state, stream, now_us)
    })
}

fn page_of<T>(
    state: &State,
    page: &Page,
    is_listed: impl Fn(&Stream) -> bool,
    tell: impl Fn(&Stream, i64) -> T,
) -> Json<Streams<T>> {
    let clock = state.hub.clock();
    let now_us = clock.now_us();
    let listed = state.hub.streams().into_iter();
    let listed = listed.filter(|stream| is_listed(stream));
    let named = listed.map(|stream| (stream.name.to_string(), stream));
    let (streams, next) = page.cut(named.collect(), usize::MAX);
    let streams = streams.iter();
    Json(Streams {
        streams: streams.map(|(_, stream)| tell(stream, now_us)).collect(),
        server_time_ms: clock.wall_us() / 1000,
        next,
    })
}

/// One live stream in detail
#[utoipa::path(get, path = "/api/v1/streams/{*name}", tag = "streams", operation_id = "stream",
    params(("name" = String, Path, example = "live/demo",
        description = "`{app}/{stream}`, the app with all its levels; a virtual host in front as `{vhost}:`")),
    responses((status = 200, description = "The stream", body = StreamDetail), NotThere),
)]
async fn one(
    Extract(state): Extract<State>,
    PathParts(name): PathParts<String>,
) -> Result<Json<StreamDetail>, Refused> {
    let now_us = state.hub.clock().now_us();
    let found = state
        .hub
        .streams()
        .into_iter()
        .find(|stream| stream.is_live() && stream.name.to_string() == name);
    let stream = found.ok_or_else(|| Refused::new(Code::NotLive, format!("{name} is not live")))?;
    Ok(Json(detail(&state, &stream, now_us)))
}

/// Publishers and viewers
///
/// Those of HLS as long as they ask. Without `limit` the first 10,000, by id.
#[utoipa::path(get, path = "/api/v1/clients", tag = "streams", params(PageParams), responses(
    (status = 200, description = "Clients of this node", body = Clients),
))]
async fn clients(Extract(state): Extract<State>, page: Page) -> Json<Clients> {
    let now_us = state.hub.clock().now_us();
    let mut all = state.hub.clients().list();
    all.append(&mut state.hub.audience().list());
    let total = all.len();
    let named = all
        .into_iter()
        .map(|client| (client.id.to_string(), client));
    let (listed, next) = page.cut(named.collect(), MAX_CLIENTS_LISTED);
    let clients = listed
        .into_iter()
        .map(|(_, client)| ClientDetail {
            id: client.id.to_string(),
            role: match client.role {
                Role::Publisher => "publisher",
                Role::Viewer => "viewer",
            },
            protocol: client.protocol.name(),
            stream: client.name.to_string(),
            address: client.addr.to_string(),
            uptime_ms: (now_us - client.since_us) / 1000,
            bytes: client.bytes(),
            lost_frames: client.lost_frames(),
            skips: client.skips(),
            is_node: client.is_node,
            identity: client.identity.as_deref().map(|who| KnownAs {
                account: who.account().to_owned(),
                device: who.device().to_owned(),
                app: who.app().to_owned(),
                session: who.session().to_owned(),
            }),
        })
        .collect();
    Json(Clients {
        clients,
        total,
        next,
    })
}

/// End a client's stay
///
/// It is told 4008. A viewer of HLS is refused with it for a minute.
#[utoipa::path(delete, path = "/api/v1/clients/{id}", tag = "streams", operation_id = "client_kick",
    params(("id" = String, Path, description = "As the list says it")),
    responses((status = 200, description = "It was told to go", body = Kicked), NotThere),
)]
async fn kick(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
) -> Result<Json<Kicked>, Refused> {
    let not_found = || {
        let words = format!("no client {id}: it may have left");
        Refused::new(Code::NotFound, words)
    };
    let id = ClientId::from_str(&id).map_err(|_| not_found())?;
    let (connected, audience) = (state.hub.clients(), state.hub.audience());
    let client = connected.find(id).or_else(|| audience.find(id));
    let client = client.ok_or_else(not_found)?;
    tracing::info!(client = %id, stream = %client.name, code = Code::Operator.number(), "kicked by the operator");
    client.kick(Code::Operator);
    let kicked = id.to_string();
    let after =
        json!({ "stream": client.name.to_string(), "address": client.addr.ip().to_string() });
    actor
        .did(&state, Acted::plain("client.kick", &kicked).now(after))
        .await?;
    Ok(Json(Kicked { code: 0, kicked }))
}

fn describe(state: &State, stream: &Stream, now_us: i64) -> LiveStream {
    let now_ms = state.hub.clock().wall_ms();
    let seen = SeenStream::of(stream, now_us, now_ms);
    let others = state.elsewhere();
    let others = others.get(&seen.stream).map_or(0, |one| one.viewers);
    LiveStream {
        // Nodes that pull it have viewers of their own, who are among the others' once they are told.
        viewers: seen.viewers.saturating_add(others),
        not_yet_live: stream.why_not_live().map(|why| why.detail.into_owned()),
        left_out: stream
            .left_out()
            .into_iter()
            .map(|what| LeftOutTrack {
                kind: what.kind.name(),
                // Without what to send instead: that is for whoever publishes.
                what: what.what.split(';').next().unwrap_or_default().to_owned(),
            })
            .collect(),
        notes: stream.notes(),
        ..LiveStream::of(state, &stream.name, Some(seen), now_ms)
    }
}

fn poster(state: &State, name: &StreamName) -> Option<String> {
    let is_plain = name.vhost().is_empty();
    is_plain.then(|| state.snapshots.poster(name.app(), name.stream()))?
}

impl LiveStream {
    /// What a node says of a stream; none: it is known to be live and nothing else yet.
    fn of(state: &State, name: &StreamName, seen: Option<SeenStream>, now_ms: i64) -> Self {
        let since_ms = seen.as_ref().map_or(now_ms, |seen| seen.since_ms);
        let seen = seen.as_ref();
        Self {
            vhost: name.vhost().to_owned(),
            app: name.app().to_owned(),
            stream: name.stream().to_owned(),
            video: seen.and_then(|seen| seen.video.clone()).map(Video::from),
            audio: seen.and_then(|seen| seen.audio.clone()).map(Audio::from),
            bitrate_kbps: seen.map_or(0.0, |seen| seen.kbps),
            viewers: seen.map_or(0, |seen| seen.viewers),
            uptime_ms: (now_ms - since_ms).max(0),
            poster: poster(state, name),
            dvr: seen.and_then(|seen| seen.reach).map(Dvr::from),
            not_yet_live: None,
            left_out: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl From<SeenVideo> for Video {
    fn from(seen: SeenVideo) -> Self {
        Self {
            codec: seen.codec,
            rfc6381: seen.rfc6381,
            width: seen.width,
            height: seen.height,
            fps: seen.fps,
        }
    }
}

impl From<SeenAudio> for Audio {
    fn from(seen: SeenAudio) -> Self {
        Self {
            codec: seen.codec,
            rfc6381: seen.rfc6381,
            sample_rate: seen.sample_rate,
            channels: seen.channels,
        }
    }
}

fn detail(state: &State, stream: &Stream, now_us: i64) -> StreamDetail {
    let stats = stream.stats();
    let rates = stats.rates(now_us);
    StreamDetail {
        live: describe(state, stream, now_us),
        video_kbps: rounded(rates.video_bps / 1000.0),
        audio_kbps: rounded(rates.audio_bps / 1000.0),
        gop_ms: stats.gop_us / 1000,
        gop_frames: stats.gop_frames,
        viewers_by_protocol: Protocol::ALL
            .iter()
            .map(|protocol| (protocol.name(), stream.viewers(*protocol)))
            .filter(|(_, viewers)| *viewers > 0)
            .collect(),
        publisher: stream.publisher().map(|publisher| Publisher {
            id: publisher.id.to_string(),
            protocol: publisher.protocol.name(),
            address: publisher.addr.to_string(),
        }),
        sender: stream.sender().map(|said| Sender {
            fps: said.fps,
            kbps: said.kbps,
            queue_ms: said.queue_ms,
            dropped: said.dropped,
            encoder: said.encoder,
        }),
        video_frames: stats.video_frames,
        audio_frames: stats.audio_frames,
        received_bytes: stats.bytes,
        sent_bytes: stream.sent_bytes(),
        corrections: stats.corrections,
        dropped_frames: stats.dropped_frames,
        skipped_frames: stream.skipped_frames(),
        ring_bytes: stream.ring.bytes(),
        life: stream.life(),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
