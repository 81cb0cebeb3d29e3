//! The client against servers made of a socket and fixed bytes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const LIMITS: BodyLimits = BodyLimits {
    max_bytes: 8,
    piece_timeout: Duration::from_secs(2),
};
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);

fn client() -> HttpClient {
    HttpClient::new(
        Dialer::to_nodes(),
        Clock::manual(0),
        Tasks::new(),
        Shutdown::new(),
    )
}

async fn server() -> (TcpListener, HttpUrl) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = HttpUrl::parse(&format!("http://{address}/x")).unwrap();
    (listener, url)
}

async fn answer(socket: &mut TcpStream, words: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
    }
    socket.write_all(words.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

const YES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";

#[tokio::test]
async fn a_connection_that_answered_whole_is_used_again() {
    let (listener, url) = server().await;
    let client = client();
    let request = HttpRequest::new(Method::GET, &url, HEAD_TIMEOUT);
    let ask = async {
        for _ in 0..2 {
            let answer = client.fetch(&request, LIMITS).await.unwrap();
            assert_eq!(answer.body, "yes");
        }
    };
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let first = answer(&mut socket, YES).await;
        assert_eq!(first, answer(&mut socket, YES).await);
        assert!(first.starts_with("GET /x HTTP/1.1\r\n"), "{first}");
        socket
    };
    let ((), _socket) = tokio::join!(ask, serve);
    assert_eq!(client.idle_connections(), 1);
    client.clock.advance_us(31_000_000);
    client.sweep();
    assert_eq!(client.idle_connections(), 0);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_replaced() {
    let (listener, url) = server().await;
    let client = client();
    let request = HttpRequest::new(Method::GET, &url, HEAD_TIMEOUT);
    let ask = async {
        for _ in 0..2 {
            client.fetch(&request, LIMITS).await.unwrap();
        }
    };
    let serve = async {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            answer(&mut socket, YES).await;
        }
    };
    tokio::join!(ask, serve);
}

#[tokio::test]
async fn more_than_the_limit_is_refused_however_it_comes() {
    let (listener, url) = server().await;
    let client = client();
    let request = HttpRequest::new(Method::GET, &url, HEAD_TIMEOUT);
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789";
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n";
    for words in [announced, chunked] {
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            answer(&mut socket, words).await;
            socket
        };
        let (outcome, _socket) = tokio::join!(client.fetch(&request, LIMITS), serve);
        let error = outcome.unwrap_err();
        assert!(matches!(error, HttpError::TooLong { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let (listener, url) = server().await;
    let client = client();
    let mut request = HttpRequest::new(Method::GET, &url, HEAD_TIMEOUT);
    request.method = Method::POST;
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        answer(&mut socket, YES).await
    };
    let (answered, asked) = tokio::join!(client.send(&request), serve);
    assert_eq!(answered.unwrap().status(), StatusCode::OK);
    assert!(asked.contains("content-length: 0\r\n"), "{asked}");
}

#[tokio::test]
async fn after_a_switch_of_protocols_the_connection_is_the_callers() {
    let (listener, url) = server().await;
    let client = client();
    let mut request = HttpRequest::new(Method::GET, &url, HEAD_TIMEOUT);
    request
        .headers
        .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    request
        .headers
        .insert(header::UPGRADE, HeaderValue::from_static("echo"));
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let switch = "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello";
        answer(&mut socket, switch).await;
        socket
    };
    let (answered, _socket) = tokio::join!(client.send(&request), serve);
    let mut connection = answered.unwrap().upgrade().await.unwrap();
    let mut hello = [0; 5];
    connection.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_named_silent() {
    let (listener, url) = server().await;
    let request = HttpRequest::new(Method::GET, &url, Duration::from_millis(20));
    let outcome = client().send(&request).await;
    assert!(matches!(outcome, Err(HttpError::Silent { .. })));
    drop(listener);
}
