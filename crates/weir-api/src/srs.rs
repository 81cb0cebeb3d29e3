//! Reads in the shape that users and tools of SRS know: `/api/v1/summaries`, and `/api/v1/streams/` and
//! `/api/v1/clients/` with the slash at the end. What weir does not measure is left out, not made up.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{StreamName, process};
use weir_cluster::coworker::DEFAULT_VHOST;
use weir_hub::{Client, Protocol, Role, Stream};

use crate::asked::QueryParts;
use crate::state::State;

/// Things in one answer at most, and when nobody says how many: SRS's own default is 10, and tools rely on it.
const MAX_COUNT: usize = 1_000;
const DEFAULT_COUNT: usize = 10;

/// Which part of a list, by numbers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct Slice {
    /// How many to leave out.
    #[param(required = false)]
    start: usize,
    /// How many at most: 10 when nobody says, and never more than 1,000.
    #[param(required = false)]
    count: usize,
}

impl Default for Slice {
    fn default() -> Self {
        Self {
            start: 0,
            count: DEFAULT_COUNT,
        }
    }
}

/// What stands around every answer of SRS.
#[derive(Debug, Serialize, ToSchema)]
struct SrsEnvelope {
    /// 0.
    code: u16,
    /// The node.
    server: String,
    /// The life of the node.
    service: String,
    /// Its process.
    pid: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct SrsSummaries {
    #[serde(flatten)]
    envelope: SrsEnvelope,
    data: SrsSummary,
}

/// The node in numbers.
#[derive(Debug, Serialize, ToSchema)]
struct SrsSummary {
    ok: bool,
    now_ms: i64,
    #[serde(rename = "self")]
    process: SrsSelf,
    system: SrsSystem,
}

/// The process.
#[derive(Debug, Serialize, ToSchema)]
struct SrsSelf {
    version: &'static str,
    pid: u32,
    mem_kbyte: u64,
    /// Seconds since it started.
    srs_uptime: i64,
}

/// What is connected.
#[derive(Debug, Serialize, ToSchema)]
struct SrsSystem {
    /// Publishers and viewers with a connection.
    conn_srs: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SrsStreams {
    #[serde(flatten)]
    envelope: SrsEnvelope,
    streams: Vec<SrsStream>,
}

/// A live stream.
#[derive(Debug, Serialize, ToSchema)]
struct SrsStream {
    /// Its whole name: there is one live stream of a name.
    #[schema(example = "live/livestream")]
    id: String,
    name: String,
    vhost: String,
    app: String,
    url: String,
    /// Since when, milliseconds since 1970.
    live_ms: i64,
    /// Publisher and viewers.
    clients: u32,
    /// Pictures since this publisher came.
    frames: u64,
    send_bytes: u64,
    recv_bytes: u64,
    kbps: SrsRate,
    publish: SrsPublish,
    video: Option<SrsVideo>,
    audio: Option<SrsAudio>,
}

/// Kilobits per second; over five seconds, whatever the name says.
#[derive(Debug, Serialize, ToSchema)]
struct SrsRate {
    recv_30s: u64,
}

/// Who publishes.
#[derive(Debug, Serialize, ToSchema)]
struct SrsPublish {
    active: bool,
    /// The client's id.
    cid: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SrsVideo {
    codec: String,
    width: u32,
    height: u32,
}

#[derive(Debug, Serialize, ToSchema)]
struct SrsAudio {
    codec: String,
    sample_rate: u32,
    channel: u8,
}

#[derive(Debug, Serialize, ToSchema)]
struct SrsClients {
    #[serde(flatten)]
    envelope: SrsEnvelope,
    clients: Vec<SrsClient>,
}

/// A publisher or a viewer.
#[derive(Debug, Serialize, ToSchema)]
struct SrsClient {
    /// For `DELETE /api/v1/clients/{id}`.
    id: String,
    vhost: String,
    /// The stream's id.
    stream: String,
    ip: String,
    url: String,
    name: String,
    /// `rtmp-publish`, `flv-play` and so on.
    r#type: String,
    publish: bool,
    /// Seconds since it came.
    alive: f64,
    send_bytes: u64,
    recv_bytes: u64,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(srs_summaries))
        .routes(routes!(srs_streams))
        .routes(routes!(srs_clients))
}

/// The node in numbers
#[utoipa::path(get, path = "/api/v1/summaries", tag = "srs", responses(
    (status = 200, description = "The node", body = SrsSummaries),
))]
async fn srs_summaries(Extract(state): Extract<State>) -> Json<SrsSummaries> {
    let clock = state.hub.clock();
    let clients = state.hub.clients().list().len();
    Json(SrsSummaries {
        envelope: envelope(&state),
        data: SrsSummary {
            ok: true,
            now_ms: clock.wall_ms(),
            process: SrsSelf {
                version: state.version,
                pid: std::process::id(),
                mem_kbyte: process::own_rss_bytes() / 1024,
                srs_uptime: clock.now_us() / 1_000_000,
            },
            system: SrsSystem {
                conn_srs: clients as u64,
            },
        },
    })
}

/// Live streams
#[utoipa::path(get, path = "/api/v1/streams/", tag = "srs", params(Slice), responses(
    (status = 200, description = "Streams that are live, by name", body = SrsStreams),
))]
async fn srs_streams(
    Extract(state): Extract<State>,
    QueryParts(slice): QueryParts<Slice>,
) -> Json<SrsStreams> {
    let (now_us, now_ms) = (state.hub.clock().now_us(), state.hub.clock().wall_ms());
    let live = state.hub.streams().into_iter();
    let live = live.filter(|stream| stream.is_live());
    let by_name: BTreeMap<_, _> = live
        .map(|stream| (stream.name.to_string(), stream))
        .collect();
    let streams = slice.of(by_name.into_values());
    Json(SrsStreams {
        envelope: envelope(&state),
        streams: streams
            .map(|stream| tell(&stream, now_us, now_ms))
            .collect(),
    })
}

/// Publishers and viewers
#[utoipa::path(get, path = "/api/v1/clients/", tag = "srs", params(Slice), responses(
    (status = 200, description = "Clients of this node, by id", body = SrsClients),
))]
async fn srs_clients(
    Extract(state): Extract<State>,
    QueryParts(slice): QueryParts<Slice>,
) -> Json<SrsClients> {
    let now_us = state.hub.clock().now_us();
    let mut all = state.hub.clients().list();
    all.append(&mut state.hub.audience().list());
    let by_id: BTreeMap<_, _> = all.into_iter().map(|client| (client.id, client)).collect();
    let clients = slice.of(by_id.into_values());
    Json(SrsClients {
        envelope: envelope(&state),
        clients: clients.map(|client| who(&client, now_us)).collect(),
    })
}

impl Slice {
    fn of<T>(&self, things: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        things.skip(self.start).take(self.count.min(MAX_COUNT))
    }
}

fn envelope(state: &State) -> SrsEnvelope {
    let cluster = &state.cluster.cluster;
    let boot = cluster.with(|member, _| member.record().boot);
    SrsEnvelope {
        code: 0,
        server: state.node.clone(),
        service: format!("{boot:x}"),
        pid: std::process::id().to_string(),
    }
}

fn tell(stream: &Stream, now_us: i64, now_ms: i64) -> SrsStream {
    let (tracks, stats) = (stream.ring.tracks(), stream.stats());
    let rates = stats.rates(now_us);
    let publisher = stream.publisher();
    let since_us = publisher.as_ref().map_or(now_us, |one| one.since_us);
    SrsStream {
        id: stream.name.to_string(),
        name: stream.name.stream().to_owned(),
        vhost: vhost(&stream.name),
        app: stream.name.app().to_owned(),
        url: url(&stream.name),
        live_ms: now_ms - (now_us - since_us) / 1000,
        clients: stream.all_viewers() + u32::from(publisher.is_some()),
        frames: stats.video_frames,
        send_bytes: stream.sent_bytes(),
        recv_bytes: stats.bytes,
        kbps: SrsRate {
            recv_30s: ((rates.video_bps + rates.audio_bps) / 1000.0) as u64,
        },
        publish: SrsPublish {
            active: publisher.is_some(),
            cid: publisher.map(|one| one.id.to_string()),
        },
        video: tracks.video.as_ref().map(|track| SrsVideo {
            codec: track.codec.name().to_ascii_uppercase(),
            width: track.width,
            height: track.height,
        }),
        audio: tracks.audio.as_ref().map(|track| SrsAudio {
            codec: track.codec.name().to_ascii_uppercase(),
            sample_rate: track.sample_rate,
            channel: track.channels,
        }),
    }
}

fn who(client: &Client, now_us: i64) -> SrsClient {
    let publishes = matches!(client.role, Role::Publisher);
    let act = if publishes { "publish" } else { "play" };
    let bytes = |counts: bool| if counts { client.bytes() } else { 0 };
    SrsClient {
        id: client.id.to_string(),
        vhost: vhost(&client.name),
        stream: client.name.to_string(),
        ip: client.addr.ip().to_string(),
        url: url(&client.name),
        name: client.name.stream().to_owned(),
        r#type: format!("{}-{act}", spoken(client.protocol)),
        publish: publishes,
        alive: (now_us - client.since_us) as f64 / 1e6,
        send_bytes: bytes(!publishes),
        recv_bytes: bytes(publishes),
    }
}

/// SRS says `flv` of what is `http-flv` here; the rest has the names it has here.
fn spoken(protocol: Protocol) -> &'static str {
    protocol.name().trim_start_matches("http-")
}

fn vhost(name: &StreamName) -> String {
    match name.vhost() {
        "" => DEFAULT_VHOST.to_owned(),
        vhost => vhost.to_owned(),
    }
}

fn url(name: &StreamName) -> String {
    format!("/{}/{}", name.app(), name.stream())
}
