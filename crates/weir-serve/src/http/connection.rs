//! One connection to the HTTP port: the first request decides who serves it.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_base::{Code, Refusal, limits};
use weir_hub::Protocol;
use weir_proto::ws;

use super::HttpServer;
use super::head::{First, Head, read_first};
use super::live::{LiveRequest, Opened};
use super::route::{Route, route};
use super::service::MediaService;
use super::web_socket;
use crate::deliver::forms::flv::Flv;
use crate::deliver::{Form, Framing, NewViewer, Sink};
use crate::front::listen::Accepted;
use crate::front::{Conn, Patient, Prefixed};
use crate::ingest::slsp;
use crate::reply::{moved_to, refusal_json, status};
use crate::request::{is_play, query};

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
    match read_first(&mut socket, &mut read).await {
        Ok(First::Get(head)) => match media_route(&head) {
            Some(media) => {
                let client = forwarded(&server, client, head.forwarded_for.as_deref());
                serve_media(server, socket, &read, &head, media, client).await;
            }
            None => serve_hyper(server, Conn::Plain(socket), read, client).await,
        },
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

/// The client's address, when whoever spoke HTTP to us is `speaker` (the socket's peer, or whom a PROXY
/// header named): what it says in X-Forwarded-For if it is a trusted proxy, else its own.
pub(super) fn forwarded(
    server: &HttpServer,
    speaker: SocketAddr,
    header: Option<&str>,
) -> SocketAddr {
    let config = server.core.config.load();
    let mut found = speaker;
    // From the right: each proxy appended who spoke to it. The first that is not trusted is the client;
    // what stands left of it, or of something unreadable, is anybody's word.
    for part in header.unwrap_or_default().rsplit(',') {
        if !config.trusts(found.ip()) {
            break;
        }
        let part = part.trim();
        let address = part
            .parse()
            .or_else(|_| part.parse().map(|ip: IpAddr| SocketAddr::new(ip, 0)));
        match address {
            Ok(address) => found = address,
            Err(_) => break,
        }
    }
    found
}

/// What is served without hyper.
enum Media {
    Live(String, String, &'static dyn Form),
    Slsp(String, String),
}

/// What goes on for long; everything else is for hyper.
fn media_route(head: &Head) -> Option<Media> {
    match route(&head.path) {
        Route::Live { app, stream, form } => Some(Media::Live(app, stream, form)),
        Route::Slsp { app, stream } if head.web_socket_key.is_some() => {
            Some(Media::Slsp(app, stream))
        }
        _ => None,
    }
}

async fn serve_media(
    server: HttpServer,
    socket: TcpStream,
    read: &[u8],
    head: &Head,
    media: Media,
    client: SocketAddr,
) {
    let query = query(head.query.as_deref());
    let (app, stream, form): (_, _, &dyn Form) = match media {
        Media::Slsp(app, stream) if !is_play(&query) => {
            let greeting = head
                .web_socket_key
                .as_deref()
                .map(|key| switching(head, key, true));
            let opening = slsp::SlspRequest {
                app,
                stream,
                path: head.path.clone(),
                host: head.host.clone(),
                origin: head.origin.clone(),
                query,
                client,
            };
            let behind_head = read.get(head.bytes..).unwrap_or_default();
            let greeting = greeting.unwrap_or_default();
            return slsp::serve(server.ingest, socket, greeting, behind_head, opening).await;
        }
        Media::Slsp(app, stream) => (app, stream, &Flv),
        Media::Live(app, stream, form) => (app, stream, form),
    };
    let request = LiveRequest {
        app: &app,
        stream: &stream,
        form,
        framing: framing_of(head),
        host: head.host.as_deref(),
        query: &query,
        client,
        target: &head.target(),
        authorization: head.authorization.as_deref(),
    };
    serve_live(&server, socket, head, request).await;
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
    server: &HttpServer,
    mut socket: TcpStream,
    head: &Head,
    request: LiveRequest<'_>,
) {
    let opened = match request.open(&server.core, &server.admission).await {
        Ok(opened) => opened,
        Err(refusal) => {
            server
                .core
                .refused(&refusal, request.protocol(), "play", request.client.ip());
            return refuse(&mut socket, head, &refusal).await;
        }
    };
    let Opened {
        stream,
        format,
        client,
    } = opened;
    let greeting = greeting(head, &request);
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
        talk: request.framing.talk(),
    };
    if let Err(refusal) = server.core.pool.add(stream, format, viewer) {
        server
            .core
            .refused(&refusal, request.protocol(), "play", request.client.ip());
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
    switching(head, key, false)
}

/// The head of the answer that makes a connection a WebSocket.
fn switching(head: &Head, key: &str, speaks_slsp: bool) -> Vec<u8> {
    let protocol = head
        .web_socket_protocol
        .as_deref()
        .and_then(|offered| web_socket::choose_protocol(offered, speaks_slsp));
    let mut answer = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in web_socket::switching(key, protocol) {
        let _ = write!(answer, "{name}: {value}\r\n");
    }
    answer.push_str("\r\n");
    answer.into_bytes()
}

async fn refuse(socket: &mut TcpStream, head: &Head, refusal: &Refusal) {
    let answer = match &head.web_socket_key {
        // A browser cannot read the answer to a refused upgrade; a close code it can.
        Some(key) => {
            let mut answer = switching(head, key, false);
            ws::put_close(
                &mut answer,
                refusal.code.entry().ws,
                &web_socket::close_reason(refusal),
            );
            answer
        }
        None => refusal_answer(refusal, &head.target()),
    };
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

fn refusal_answer(refusal: &Refusal, target: &str) -> Vec<u8> {
    let status = status(refusal.code);
    let body = refusal_json(refusal);
    let moved = moved_to(refusal, target);
    let location = moved.map_or(String::new(), |place| format!("Location: {place}\r\n"));
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\n{location}Content-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Access-Control-Allow-Origin: *\r\nServer: weir\r\nConnection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Refused"),
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
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
        () = no_request_in_time(&has_asked) => {
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
async fn no_request_in_time(has_asked: &AtomicBool) {
    tokio::time::sleep(Duration::from_millis(limits::HTTP_HEAD_MS)).await;
    if has_asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
