//! One connection to the HTTP port: the first request decides who serves it. What goes on for long over
//! a plain socket is served here; everything else by hyper. Both read requests by the same rules.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_base::{Code, Refusal, limits};
use weir_hub::Protocol;

use crate::deliver::Framing;
use crate::front::listen::Accepted;
use crate::front::{Conn, Patient, Prefixed};
use crate::http::head::{First, look, written};
use crate::http::request::HttpRequest;
use crate::http::response::{HttpResponse, Then};
use crate::http::route::{Resource, Route};
use crate::http::rules::{Misfit, check};
use crate::http::service::MediaService;
use crate::http::{CrowdPlace, HttpServer};
use crate::reply::Body;

/// Bytes of a first request read at once; most fit.
const READ_BYTES: usize = 2048;
/// Streams one HTTP/2 connection may have open.
const HTTP2_STREAMS: u32 = 128;

/// Bytes of an HTTP/1 head that hyper reads: more than is answered, so that the answer has a code.
const HTTP1_BUFFER_BYTES: usize = 64 * 1024;
/// Header lines that hyper reads, for the same reason.
const HTTP1_HEADERS: usize = 256;

/// Serves one connection to its end.
pub async fn serve(server: HttpServer, accepted: Accepted) {
    let Accepted {
        mut conn,
        read,
        client,
    } = accepted;
    let mut read = BytesMut::from(read);
    let within = server.core.config.load().door.head;
    let Some(place) = place_of(&server, client) else {
        let refusal = Refusal::new(Code::RateLimited, "too many from there say nothing");
        let (core, what) = (&server.core, "an HTTP connection");
        return core.refused(&refusal, Protocol::HttpFlv, what, client.ip());
    };
    let first = read_first(&mut conn, &mut read, within).await;
    drop(place);
    match first {
        Ok(First::Request(head)) => {
            let client_of = server.client_of(client, &head.headers);
            let checked = check(&head.method, &head.uri, head.version, &head.headers);
            if let Err(misfit) = checked {
                return refuse(&server, conn, &misfit, client_of).await;
            }
            let request = head.request(client_of);
            let resource = server.resource(request.path());
            let is_ours = !head.has_body() && is_for_long(&request, &resource);
            let socket = match conn {
                Conn::Plain(socket) if is_ours => socket,
                conn => return serve_hyper(server, conn, read, client).await,
            };
            let behind_head = read.split_off(head.bytes.min(read.len())).freeze();
            // Boxed: the task that goes on with a WebSocket would keep the room for it.
            let answer = Box::pin(server.answer(&request, &resource)).await;
            let client = request.client;
            drop((request, head));
            respond(&server, socket, behind_head, client, answer).await;
        }
        Ok(First::Http2) => serve_hyper(server, conn, read, client).await,
        Ok(First::Misfit(misfit)) => refuse(&server, conn, &misfit, client).await,
        Err(refusal) if refusal.code == Code::ClientStopped => {}
        Err(refusal) => server.core.refused(
            &refusal,
            Protocol::HttpFlv,
            "an HTTP connection",
            client.ip(),
        ),
    }
}

/// A place among those whose heads are waited for. A trusted proxy's connections are everybody's, and not counted.
fn place_of(server: &HttpServer, client: SocketAddr) -> Option<Option<CrowdPlace>> {
    if server.core.config.load().proxy.trusts(client.ip()) {
        return Some(None);
    }
    let place = server.heads.place(client.ip(), limits::HEADS_PER_NETWORK);
    place.map(Some)
}

/// Reads until the head is complete, for which it has the time `within`, or until it is clear what becomes of it.
/// The bytes stay in `read`.
///
/// # Errors
/// 4003 and 4010 where nothing, or not enough, comes.
async fn read_first(
    conn: &mut Conn,
    read: &mut BytesMut,
    within: Duration,
) -> Result<First, Refusal> {
    let deadline = tokio::time::sleep(within);
    tokio::pin!(deadline);
    loop {
        if let Some(first) = look(read) {
            return Ok(first);
        }
        if let (true, Conn::Plain(socket)) = (read.is_empty(), &*conn) {
            // No buffer for a connection that says nothing.
            tokio::select! {
                ready = socket.readable() => ready.map_err(|_| Refusal::from(Code::NetworkReset))?,
                () = &mut deadline => return Err(Refusal::new(Code::TooSlow, "no request in time")),
            }
        }
        read.reserve(READ_BYTES);
        tokio::select! {
            got = conn.read_buf(read) => match got {
                Ok(0) if read.is_empty() => return Err(Code::ClientStopped.into()),
                Ok(0) | Err(_) => return Err(Code::NetworkReset.into()),
                Ok(_) => {}
            },
            () = &mut deadline => return Err(Refusal::new(Code::TooSlow, "the request head does not come to its end")),
        }
    }
}

/// What breaks HTTP's rules gets an answer all the same, and is then let go.
async fn refuse(server: &HttpServer, mut conn: Conn, misfit: &Misfit, client: SocketAddr) {
    server.misfit(misfit, client);
    let HttpResponse {
        status,
        headers,
        then,
    } = HttpResponse::misfit(misfit);
    if let Then::Body(body) = then {
        say(server, &mut conn, status, &headers, body).await;
    }
}

/// What has the socket for itself.
fn is_for_long(request: &HttpRequest, resource: &Resource) -> bool {
    let is_get = request.method == Method::GET;
    match resource {
        Resource::Media(Route::Live { .. }) => is_get,
        Resource::Media(Route::Slsp { .. }) | Resource::Socket(_) => request.is_web_socket(),
        _ => false,
    }
}

async fn respond(
    server: &HttpServer,
    mut socket: TcpStream,
    behind_head: Bytes,
    client: SocketAddr,
    answer: HttpResponse,
) {
    let HttpResponse {
        status,
        headers,
        then,
    } = answer;
    let wall_us = server.core.hub.clock().wall_us();
    match then {
        Then::Body(body) => say(server, &mut socket, status, &headers, body).await,
        Then::Play(playback) => {
            let format = playback.format();
            let greeting = written(status, &headers, format.framing, None, wall_us);
            let talk = format.framing.talk();
            if let Err(refusal) = playback.over_socket(socket, greeting, talk) {
                let protocol = format.protocol();
                server.core.refused(&refusal, protocol, "play", client.ip());
            }
        }
        Then::Upgrade(upgrade) => {
            let greeting = written(status, &headers, Framing::WebSocket, None, wall_us);
            let upgrade = match upgrade.into_socket() {
                Ok(take) => return take(socket, greeting, behind_head),
                Err(upgrade) => upgrade,
            };
            let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
            if let Ok(Ok(())) = timeout(limit, socket.write_all(&greeting)).await {
                upgrade.serve(Prefixed::new(behind_head, socket)).await;
            }
        }
    }
}

/// Writes a whole answer, and closes.
async fn say(
    server: &HttpServer,
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    status: StatusCode,
    headers: &HeaderMap,
    body: Body,
) {
    let Ok(body) = body.collect().await else {
        return;
    };
    let body = body.to_bytes();
    let wall_us = server.core.hub.clock().wall_us();
    let mut answer = written(status, headers, Framing::Raw, Some(body.len()), wall_us);
    answer.extend_from_slice(&body);
    let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
    let _ = timeout(limit, async {
        let _ = socket.write_all(&answer).await;
        let _ = socket.shutdown().await;
        // Unread bytes would turn the close into a reset that eats the answer.
        let mut scratch = [0; 512];
        while matches!(socket.read(&mut scratch).await, Ok(1..)) {}
    })
    .await;
}

async fn serve_hyper(server: HttpServer, conn: Conn, read: BytesMut, client: SocketAddr) {
    let io = TokioIo::new(Patient::new(
        Prefixed::new(read.freeze(), conn),
        server.core.pool.stall(),
    ));
    let service = MediaService::new(server.clone(), client);
    let has_asked = service.has_asked();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::HTTP_IDLE_MS))
        .max_buf_size(HTTP1_BUFFER_BYTES)
        .max_headers(HTTP1_HEADERS)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .max_header_list_size(u32::try_from(limits::HTTP_HEAD_BYTES).unwrap_or(u32::MAX));
    let connection = builder.serve_connection_with_upgrades(io, service);
    tokio::pin!(connection);
    let drains = server.core.shutdown.is_draining();
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = server.core.shutdown.stopping() => return,
        () = no_request_in_time(&has_asked, server.core.config.load().door.head) => {
            let refusal = Refusal::new(Code::TooSlow, "no request in time");
            return server.core.refused(&refusal, Protocol::HttpFlv, "an HTTP connection", client.ip());
        }
        // Whoever comes while we drain gets an answer (not ready); who is here is let go politely.
        () = server.core.shutdown.draining(), if !drains => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection.as_mut() => served,
                () = server.core.shutdown.stopping() => return,
            }
        }
    };
    if let Err(error) = served {
        match error.downcast_ref::<hyper::Error>() {
            Some(error) if error.is_parse() => {
                let refusal = Refusal::new(Code::ProtocolError, error.to_string());
                server.core.refused(
                    &refusal,
                    Protocol::HttpFlv,
                    "an HTTP connection",
                    client.ip(),
                );
            }
            _ => tracing::debug!(%error, %client, "an HTTP connection broke"),
        }
    }
}

/// hyper's own timer starts with a request's first byte and knows nothing of the bytes that tell
/// HTTP/1 from HTTP/2: whoever sends two of them and then nothing would stay for ever.
async fn no_request_in_time(has_asked: &AtomicBool, within: Duration) {
    tokio::time::sleep(within).await;
    if has_asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
