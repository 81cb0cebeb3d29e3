//! One connection to the HTTP port: the first request decides who serves it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_base::{Refusal, limits};
use weir_hub::Protocol;
use weir_proto::ws;

use super::head::{First, Head, read_first};
use super::live::{LiveRequest, Opened};
use super::reply::{refusal_json, status};
use super::route::{Route, query, route};
use super::service::{ApiService, MediaService};
use crate::context::Context;
use crate::deliver::{Framing, Inbound, NewViewer, Sink};
use crate::front::listen::Accepted;
use crate::front::{Conn, Prefixed};

/// Streams one HTTP/2 connection may have open.
const HTTP2_STREAMS: u32 = 128;

/// Serves one connection to its end.
pub async fn serve(context: Context, accepted: Accepted, api: ApiService) {
    let Accepted {
        conn,
        read,
        client,
        peer,
    } = accepted;
    let socket = match conn {
        Conn::Tls(_) => return serve_hyper(context, conn, read.into(), client, peer, api).await,
        Conn::Plain(socket) => socket,
    };
    let mut socket = socket;
    let mut read = BytesMut::from(read);
    match read_first(&mut socket, &mut read).await {
        Ok(First::Get(head)) => match live_route(&head) {
            Some((app, stream, container)) => {
                let query = query(head.query.as_deref());
                let client = forwarded(&context, peer.ip(), client, head.forwarded_for.as_deref());
                let framing = framing_of(&head);
                let request = LiveRequest {
                    app: &app,
                    stream: &stream,
                    container,
                    framing,
                    host: head.host.as_deref(),
                    query: &query,
                    client,
                };
                serve_live(&context, socket, &head, request).await;
            }
            None => serve_hyper(context, Conn::Plain(socket), read, client, peer, api).await,
        },
        Ok(First::Other) => {
            serve_hyper(context, Conn::Plain(socket), read, client, peer, api).await;
        }
        Err(refusal) if refusal.code == weir_base::Code::ClientStopped => {}
        Err(refusal) => context.refused(
            &refusal,
            Protocol::HttpFlv,
            "an HTTP connection",
            client.ip(),
        ),
    }
}

/// The client's address: what a trusted proxy says, else the peer's own.
pub(super) fn forwarded(
    context: &Context,
    peer: IpAddr,
    client: SocketAddr,
    header: Option<&str>,
) -> SocketAddr {
    let config = context.config.load();
    let Some(header) = header.filter(|_| config.trusts(peer)) else {
        return client;
    };
    // From the right: each trusted proxy appended who spoke to it; the first untrusted one is the client.
    let named = header
        .split(',')
        .rev()
        .filter_map(|part| part.trim().parse::<IpAddr>().ok());
    let mut found = client;
    for ip in named {
        found = SocketAddr::new(ip, 0);
        if !config.trusts(ip) {
            break;
        }
    }
    found
}

fn live_route(head: &Head) -> Option<(String, String, super::route::LiveContainer)> {
    match route(&head.path) {
        Route::Live {
            app,
            stream,
            container,
        } => Some((app, stream, container)),
        _ => None,
    }
}

const fn framing_of(head: &Head) -> Framing {
    if head.web_socket_key.is_some() {
        Framing::WebSocket
    } else if head.is_http11 {
        Framing::Chunked
    } else {
        Framing::Raw
    }
}

async fn serve_live(
    context: &Context,
    mut socket: TcpStream,
    head: &Head,
    request: LiveRequest<'_>,
) {
    let opened = match request.open(context).await {
        Ok(opened) => opened,
        Err(refusal) => {
            context.refused(&refusal, request.protocol(), "play", request.client.ip());
            return refuse(&mut socket, &refusal).await;
        }
    };
    let Opened {
        stream,
        format,
        client,
    } = opened;
    let greeting = greeting(head, &request);
    let inbound = match &head.web_socket_key {
        Some(_) => Inbound::WebSocket(Box::new(super::web_socket::decoder())),
        None => Inbound::Http,
    };
    let socket = match socket.into_std() {
        Ok(socket) => mio::net::TcpStream::from_std(socket),
        Err(error) => {
            tracing::warn!(%error, "a viewer's socket cannot be handed over");
            return;
        }
    };
    let viewer = NewViewer {
        sink: Sink::Socket(socket),
        client,
        greeting,
        inbound,
    };
    if let Err(refusal) = context.pool.add(stream, format, viewer) {
        context.refused(&refusal, request.protocol(), "play", request.client.ip());
    }
}

fn greeting(head: &Head, request: &LiveRequest<'_>) -> Vec<u8> {
    let Some(key) = &head.web_socket_key else {
        let version = if head.is_http11 {
            "HTTP/1.1"
        } else {
            "HTTP/1.0"
        };
        let chunked = if head.is_http11 {
            "Transfer-Encoding: chunked\r\n"
        } else {
            ""
        };
        return format!(
            "{version} 200 OK\r\nContent-Type: {}\r\n{chunked}Cache-Control: no-store\r\nAccess-Control-Allow-Origin: *\r\n\
             X-Accel-Buffering: no\r\nServer: weir\r\nConnection: close\r\n\r\n",
            request.content_type()
        )
        .into_bytes();
    };
    let protocol = head
        .web_socket_protocol
        .as_deref()
        .and_then(|offered| offered.split(',').next())
        .filter(|name| !name.is_empty() && name.trim().bytes().all(|b| b.is_ascii_graphic()))
        .map(|name| format!("Sec-WebSocket-Protocol: {}\r\n", name.trim()))
        .unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n{protocol}\r\n",
        ws::accept_key(key)
    )
    .into_bytes()
}

async fn refuse(socket: &mut TcpStream, refusal: &Refusal) {
    let status = status(refusal.code);
    let body = refusal_json(refusal);
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Access-Control-Allow-Origin: *\r\nServer: weir\r\nConnection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Refused"),
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
    let _ = tokio::time::timeout(limit, async {
        let _ = socket.write_all(&answer).await;
        let _ = socket.shutdown().await;
        // Unread bytes would turn the close into a reset that eats the answer.
        let mut scratch = [0; 512];
        while matches!(socket.read(&mut scratch).await, Ok(1..)) {}
    })
    .await;
}

async fn serve_hyper(
    context: Context,
    conn: Conn,
    read: BytesMut,
    client: SocketAddr,
    peer: SocketAddr,
    api: ApiService,
) {
    let io = TokioIo::new(Prefixed::new(read.freeze(), conn));
    let service = MediaService::new(context.clone(), client, peer, api);
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
    let drains = context.shutdown.is_draining();
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = context.shutdown.stopping() => return,
        // Whoever comes while we drain gets an answer (not ready); who is here is let go politely.
        () = context.shutdown.draining(), if !drains => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection.as_mut() => served,
                () = context.shutdown.stopping() => return,
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, %client, "an HTTP connection broke");
    }
}
