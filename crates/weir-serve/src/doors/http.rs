//! One connection to the HTTP port: the first request decides who serves it. What goes on for long over
//! a plain socket is served here; everything else by hyper.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_base::{Code, Refusal, limits};
use weir_hub::Protocol;

use crate::deliver::Framing;
use crate::front::listen::Accepted;
use crate::front::{Conn, Patient, Prefixed};
use crate::http::HttpServer;
use crate::http::head::{First, read_first, written};
use crate::http::request::HttpRequest;
use crate::http::response::{HttpResponse, Then};
use crate::http::route::{Resource, Route};
use crate::http::service::MediaService;
use crate::reply::Body;

/// Streams one HTTP/2 connection may have open.
const HTTP2_STREAMS: u32 = 128;

/// Serves one connection to its end.
pub async fn serve(server: HttpServer, accepted: Accepted) {
    let Accepted { conn, read, client } = accepted;
    let socket = match conn {
        Conn::Tls(_) => return serve_hyper(server, conn, read.into(), client).await,
        Conn::Plain(socket) => socket,
    };
    let mut socket = socket;
    let mut read = BytesMut::from(read);
    let within = server.core.config.load().door.head;
    match read_first(&mut socket, &mut read, within).await {
        Ok(First::Get(head)) => {
            let request = head.request(server.client_of(client, &head.headers));
            let resource = server.resource(request.path());
            if is_for_long(&request, &resource) {
                let behind_head = read.split_off(head.bytes.min(read.len())).freeze();
                // Boxed: the task that goes on with a WebSocket would keep the room for it.
                let answer = Box::pin(server.answer(&request, &resource)).await;
                let client = request.client;
                drop((request, head));
                respond(&server, socket, behind_head, client, answer).await;
            } else {
                serve_hyper(server, Conn::Plain(socket), read, client).await;
            }
        }
        Ok(First::Other) => {
            serve_hyper(server, Conn::Plain(socket), read, client).await;
        }
        Err(refusal) if refusal.code == Code::ClientStopped => {}
        Err(refusal) => server.core.refused(
            &refusal,
            Protocol::HttpFlv,
            "an HTTP connection",
            client.ip(),
        ),
    }
}

/// What has the socket for itself.
fn is_for_long(request: &HttpRequest, resource: &Resource) -> bool {
    match resource {
        Resource::Media(Route::Live { .. }) => true,
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
    match then {
        Then::Body(body) => say(&mut socket, status, &headers, body).await,
        Then::Play(playback) => {
            let format = playback.format();
            let greeting = written(status, &headers, format.framing, None);
            let talk = format.framing.talk();
            if let Err(refusal) = playback.over_socket(socket, greeting, talk) {
                let protocol = format.protocol();
                server.core.refused(&refusal, protocol, "play", client.ip());
            }
        }
        Then::Upgrade(upgrade) => {
            let greeting = written(status, &headers, Framing::WebSocket, None);
            let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
            if let Ok(Ok(())) = timeout(limit, socket.write_all(&greeting)).await {
                upgrade.serve(Prefixed::new(behind_head, socket)).await;
            }
        }
    }
}

/// Writes a whole answer, and closes.
async fn say(socket: &mut TcpStream, status: StatusCode, headers: &HeaderMap, body: Body) {
    let Ok(body) = body.collect().await else {
        return;
    };
    let body = body.to_bytes();
    let mut answer = written(status, headers, Framing::Raw, Some(body.len()));
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
        .max_buf_size(64 * 1024)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .max_header_list_size(u32::try_from(limits::HTTP_HEAD_BYTES).unwrap_or(u32::MAX));
    let connection = builder.serve_connection_with_upgrades(io, TowerToHyperService::new(service));
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
