//! Streams and clients as JSON.

use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State as Extract};
use serde::Serialize;
use weir_base::{ClientId, Code, Refusal};
use weir_hub::{Protocol, Role, Stream};

use crate::refused::Refused;
use crate::state::State;

/// Clients listed in one answer.
const MAX_CLIENTS_LISTED: usize = 10_000;

/// What anybody may know of a live stream.
#[derive(Debug, Serialize)]
pub(crate) struct LiveStream {
    vhost: String,
    app: String,
    stream: String,
    video: Option<Video>,
    audio: Option<Audio>,
    bitrate_kbps: f64,
    viewers: u32,
    uptime_ms: i64,
    /// Why nobody can watch it yet although it has a publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_yet_live: Option<String>,
    /// What the publisher sends and weir does not carry.
    left_out: Vec<LeftOutTrack>,
    /// The same in words, and what was put right.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LeftOutTrack {
    /// `video`, `audio`, `subtitles` or `data`.
    kind: &'static str,
    what: String,
}

#[derive(Debug, Serialize)]
struct Video {
    codec: &'static str,
    rfc6381: String,
    width: u32,
    height: u32,
    fps: f64,
}

#[derive(Debug, Serialize)]
struct Audio {
    codec: &'static str,
    rfc6381: String,
    sample_rate: u32,
    channels: u8,
}

/// What the operator may know besides.
#[derive(Debug, Serialize)]
pub(crate) struct StreamDetail {
    #[serde(flatten)]
    live: LiveStream,
    video_kbps: f64,
    audio_kbps: f64,
    gop_ms: i64,
    gop_frames: u32,
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

#[derive(Debug, Serialize)]
struct Publisher {
    id: String,
    protocol: &'static str,
    address: String,
}

#[derive(Debug, Serialize)]
struct Sender {
    fps: f64,
    kbps: f64,
    queue_ms: f64,
    dropped: f64,
    encoder: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ClientDetail {
    id: String,
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
    identity: Option<Who>,
}

/// Who a client is, as far as whoever admitted it knows.
#[derive(Debug, Serialize)]
struct Who {
    account: String,
    device: String,
    app: String,
    session: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Streams<T> {
    streams: Vec<T>,
    server_time_ms: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Clients {
    clients: Vec<ClientDetail>,
    total: usize,
}

/// `GET /api/v1/live`: what is on, for everybody.
pub(crate) async fn live(Extract(state): Extract<State>) -> Json<Streams<LiveStream>> {
    let is_on = |stream: &Stream| stream.is_live() && stream.why_not_live().is_none();
    all(&state, is_on, describe)
}

/// `GET /api/v1/streams`.
pub(crate) async fn list(Extract(state): Extract<State>) -> Json<Streams<StreamDetail>> {
    all(&state, Stream::is_live, detail)
}

fn all<T>(
    state: &State,
    is_listed: impl Fn(&Stream) -> bool,
    tell: impl Fn(&Stream, i64) -> T,
) -> Json<Streams<T>> {
    let clock = state.hub.clock();
    let now_us = clock.now_us();
    let streams = state.hub.streams();
    let listed = streams.iter().filter(|stream| is_listed(stream));
    Json(Streams {
        streams: listed.map(|stream| tell(stream, now_us)).collect(),
        server_time_ms: clock.wall_us() / 1000,
    })
}

/// `GET /api/v1/streams/{app}/{stream}`, the app with all its levels; a vhost in front as `{vhost}:`.
pub(crate) async fn one(
    Extract(state): Extract<State>,
    Path(name): Path<String>,
) -> Result<Json<StreamDetail>, Refused> {
    let now_us = state.hub.clock().now_us();
    let found = state
        .hub
        .streams()
        .into_iter()
        .find(|stream| stream.is_live() && stream.name.to_string() == name);
    let stream =
        found.ok_or_else(|| Refused(Refusal::new(Code::NotLive, format!("{name} is not live"))))?;
    Ok(Json(detail(&stream, now_us)))
}

/// `GET /api/v1/clients`: publishers and viewers, those of HLS among them as long as they ask.
pub(crate) async fn clients(Extract(state): Extract<State>) -> Json<Clients> {
    let now_us = state.hub.clock().now_us();
    let mut all = state.hub.clients().list();
    all.append(&mut state.hub.audience().list());
    let total = all.len();
    let clients = all
        .into_iter()
        .take(MAX_CLIENTS_LISTED)
        .map(|client| ClientDetail {
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
            identity: client.identity.as_deref().map(|who| Who {
                account: who.account().to_owned(),
                device: who.device().to_owned(),
                app: who.app().to_owned(),
                session: who.session().to_owned(),
            }),
        })
        .collect();
    Json(Clients { clients, total })
}

/// `DELETE /api/v1/clients/{id}`: ends one client's stay with 4008. A viewer without a connection is refused
/// with it for a while.
pub(crate) async fn kick(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
) -> Result<Json<serde_json::Value>, Refused> {
    let not_found = || {
        Refused(Refusal::new(
            Code::NotFound,
            format!("no client {id}: it may have left"),
        ))
    };
    let id = ClientId::from_str(&id).map_err(|_| not_found())?;
    let (connected, audience) = (state.hub.clients(), state.hub.audience());
    let client = connected.find(id).or_else(|| audience.find(id));
    let client = client.ok_or_else(not_found)?;
    tracing::info!(client = %id, stream = %client.name, code = Code::Operator.number(), "kicked by the operator");
    client.kick(Code::Operator);
    Ok(Json(
        serde_json::json!({ "code": 0, "kicked": id.to_string() }),
    ))
}

fn describe(stream: &Stream, now_us: i64) -> LiveStream {
    let tracks = stream.ring.tracks();
    let rates = stream.stats().rates(now_us);
    LiveStream {
        vhost: stream.name.vhost().to_owned(),
        app: stream.name.app().to_owned(),
        stream: stream.name.stream().to_owned(),
        video: tracks.video.as_ref().map(|track| Video {
            codec: track.codec.name(),
            rfc6381: track.rfc6381.clone(),
            width: track.width,
            height: track.height,
            fps: rounded(rates.fps),
        }),
        audio: tracks.audio.as_ref().map(|track| Audio {
            codec: track.codec.name(),
            rfc6381: track.rfc6381.clone(),
            sample_rate: track.sample_rate,
            channels: track.channels,
        }),
        bitrate_kbps: rounded((rates.video_bps + rates.audio_bps) / 1000.0),
        viewers: stream.all_viewers(),
        uptime_ms: stream
            .publisher()
            .map_or(0, |publisher| (now_us - publisher.since_us) / 1000),
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
    }
}

fn detail(stream: &Stream, now_us: i64) -> StreamDetail {
    let stats = stream.stats();
    let rates = stats.rates(now_us);
    StreamDetail {
        live: describe(stream, now_us),
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
