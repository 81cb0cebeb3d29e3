//! The link against a server of a few lines: real sockets, real time.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use weir_proto::slsp::{ClientMessage, Ready, ServerMessage, SlspServerSession};
use weir_proto::ws::{Event, WsDecoder, WsLimits, accept_key, put_close, put_frame_header};

use super::*;
use crate::clip::Role;

const OPTIONS: LinkOptions = LinkOptions {
    insecure: false,
    adapts: true,
};
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One connection at the server.
struct Peer {
    socket: TcpStream,
    decoder: WsDecoder,
    session: SlspServerSession,
    media: Vec<u8>,
}

impl Peer {
    /// Takes the next connection and answers its hello, going on at `bytes` if there are any.
    async fn accept(listener: &TcpListener, bytes: u64) -> (Self, ClientMessage) {
        let (mut peer, hello) = Self::meet(listener).await;
        peer.session.resume_at(bytes);
        let ready = ServerMessage::Ready(Ready {
            resume: "token".into(),
            resumed: bytes > 0,
            bytes,
            resume_ms: 2000,
            ..Ready::default()
        });
        peer.say(&ready).await;
        (peer, hello)
    }

    /// Takes the next connection up to its hello.
    async fn meet(listener: &TcpListener) -> (Self, ClientMessage) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await.unwrap());
        }
        let request = String::from_utf8(request).unwrap();
        assert!(
            request.starts_with("GET /slsp/live/a?key=k HTTP/1.1\r\n"),
            "{request}"
        );
        let value = |name: &str| {
            let line = request
                .lines()
                .find(|line| line.to_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(": "))
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(value("sec-websocket-protocol"), "slsp.v1");
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: slsp.v1\r\n\r\n",
            accept_key(&value("sec-websocket-key"))
        );
        write(&mut socket, answer.as_bytes()).await;
        let mut peer = Self {
            socket,
            decoder: WsDecoder::server(WsLimits {
                max_message_bytes: 1 << 20,
                ..WsLimits::default()
            }),
            session: SlspServerSession::new(),
            media: Vec::new(),
        };
        let hello = peer.next_text().await.expect("hello");
        (peer, hello)
    }

    async fn refuse(&mut self, code: u16, name: &str) {
        let (name, message) = (name.to_owned(), "no".to_owned());
        self.say(&ServerMessage::Error {
            code,
            name,
            message,
        })
        .await;
    }

    /// Takes media until so many bytes have come.
    async fn take(&mut self, bytes: usize) {
        while self.media.len() < bytes {
            self.take_some().await.expect("media");
        }
    }

    async fn say(&mut self, message: &ServerMessage) {
        let text = message.to_json();
        let mut frame = Vec::new();
        put_frame_header(&mut frame, Opcode::Text, true, text.len());
        frame.extend_from_slice(text.as_bytes());
        write(&mut self.socket, &frame).await;
    }

    /// The next text message; media before it is counted and acknowledged. `None` at the end.
    async fn next_text(&mut self) -> Option<ClientMessage> {
        loop {
            let said = self.take_some().await?;
            if let Some(said) = said.filter(|said| !matches!(said, ClientMessage::Stats(_))) {
                return Some(said);
            }
        }
    }

    /// What one read brings; `None` at the end.
    async fn take_some(&mut self) -> Option<Option<ClientMessage>> {
        let mut buffer = [0; 1024];
        let read = self.socket.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return None;
        }
        let mut input = &buffer[..read];
        let mut said = None;
        while let Some(event) = self.decoder.next(&mut input).unwrap() {
            match event {
                Event::Message {
                    is_text: true,
                    data,
                } => said = Some(self.session.text(0, &data).unwrap()),
                Event::Message { data, .. } => {
                    self.media.extend_from_slice(&data);
                    self.session.media(data.len()).unwrap();
                    let ack = self.session.poll_ack(u64::MAX, 0, 0).unwrap();
                    self.session.resume_at(self.session.bytes());
                    self.say(&ServerMessage::Ack(ack)).await;
                }
                Event::Close { .. } => break,
                Event::Ping(_) | Event::Pong(_) => {}
            }
        }
        Some(said)
    }
}

async fn write(socket: &mut TcpStream, bytes: &[u8]) {
    use tokio::io::AsyncWriteExt;
    socket.write_all(bytes).await.unwrap();
}

async fn listener() -> (TcpListener, HttpUrl) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = HttpUrl::parse(&format!("ws://{address}/slsp/live/a?key=k")).unwrap();
    (listener, url)
}

fn sound(time_ms: i64) -> ClipTag {
    ClipTag {
        kind: 8,
        time_ms,
        pts_ms: time_ms,
        body: Bytes::from_static(&[0xaf, 1, 2, 3]),
        role: Role::Sound,
        is_extra: false,
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(TEST_TIMEOUT, future).await.expect("in time")
}

async fn deliver(link: &mut SlspLink) -> anyhow::Result<()> {
    while !link.is_delivered() {
        link.step().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_broken_connection_is_replaced_and_the_container_goes_on_where_it_broke() {
    let (listener, url) = listener().await;
    let server = async {
        let (mut first, hello) = Peer::accept(&listener, 0).await;
        assert!(matches!(hello, ClientMessage::Hello(hello) if hello.resume.is_none()));
        while first.media.len() < 13 + 19 {
            let mut buffer = [0; 1024];
            let read = first.socket.read(&mut buffer).await.unwrap();
            let mut input = &buffer[..read];
            while let Some(event) = first.decoder.next(&mut input).unwrap() {
                if let Event::Message {
                    is_text: false,
                    data,
                } = event
                {
                    first.media.extend_from_slice(&data);
                }
            }
        }
        // Of the last tag half had arrived, says the server: none of it was acknowledged.
        let arrived = first.media.len() - 9;
        drop(first.socket);
        let (mut second, hello) = Peer::accept(&listener, arrived as u64).await;
        assert!(
            matches!(hello, ClientMessage::Hello(hello) if hello.resume.as_deref() == Some("token"))
        );
        assert_eq!(second.next_text().await, Some(ClientMessage::Bye));
        [&first.media[..arrived], &second.media].concat()
    };
    let client = async {
        let mut link = SlspLink::open(&url, OPTIONS, [None, None, None])
            .await
            .unwrap();
        for time_ms in [0, 20, 40] {
            link.send(sound(time_ms));
        }
        deliver(&mut link).await.unwrap();
        let resumed = link.resumed();
        link.close().await;
        resumed
    };
    let (media, resumed) = within(async { tokio::join!(server, client) }).await;
    assert_eq!(resumed, 1);
    let mut reader = weir_media::flv::Reader::default();
    reader.push(&media);
    let mut times = Vec::new();
    while let Some(tag) = reader.next().unwrap() {
        times.push(tag.ts_ms);
    }
    assert_eq!(times, [0, 20, 40]);
}

#[tokio::test]
async fn an_error_of_the_registry_ends_it_at_once() {
    let (listener, url) = listener().await;
    let server = async {
        let (mut peer, _) = Peer::accept(&listener, 0).await;
        peer.say(&ServerMessage::Error {
            code: 4011,
            name: "bitrate_exceeded".into(),
            message: "too much".into(),
        })
        .await;
        let mut close = Vec::new();
        put_close(&mut close, 4429, "4011 bitrate_exceeded");
        write(&mut peer.socket, &close).await;
        peer
    };
    let client = async {
        let mut link = SlspLink::open(&url, OPTIONS, [None, None, None])
            .await
            .unwrap();
        loop {
            if let Err(error) = link.step().await {
                return error;
            }
        }
    };
    let (_peer, error) = within(async { tokio::join!(server, client) }).await;
    let refused = error.downcast_ref::<Refused>().unwrap();
    assert_eq!(refused.code, Some(4011));
    assert!(refused.to_string().contains("too much"), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_given_up_when_its_session_must_have_ended() {
    let (listener, url) = listener().await;
    let mut link = within(async {
        let (server, link) = tokio::join!(
            Peer::accept(&listener, 0),
            SlspLink::open(&url, OPTIONS, [None, None, None])
        );
        drop(server);
        link.unwrap()
    })
    .await;
    drop(listener);
    let began = tokio::time::Instant::now();
    let error = within(async {
        loop {
            if let Err(error) = link.step().await {
                return error;
            }
        }
    })
    .await;
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(1500) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert!(format!("{error:#}").contains("within 2000 ms"), "{error:#}");
}

#[tokio::test]
async fn a_redirect_is_followed_and_the_first_server_is_told() {
    let ((here, url), (there, elsewhere)) = (listener().await, listener().await);
    let server = async {
        let (mut first, _) = Peer::accept(&here, 0).await;
        let url = format!("ws://{}/slsp/live/a", elsewhere.authority());
        first.say(&ServerMessage::Redirect { url }).await;
        let (second, hello) = Peer::accept(&there, 0).await;
        assert!(
            matches!(hello, ClientMessage::Hello(hello) if hello.resume.as_deref() == Some("token"))
        );
        assert_eq!(first.next_text().await, Some(ClientMessage::Bye));
        second
    };
    let client = async {
        let mut link = SlspLink::open(&url, OPTIONS, [None, None, None])
            .await
            .unwrap();
        loop {
            link.step().await.unwrap();
        }
    };
    within(async {
        tokio::select! {
            _ = server => {}
            () = client => {}
        }
    })
    .await;
}

/// Sends a frame of sound every 20 ms until `server` is done; says how often the session was resumed.
async fn publish_while<T>(url: &HttpUrl, server: impl Future<Output = T>) -> (T, u64) {
    let mut resumed = 0;
    let client = async {
        let mut link = SlspLink::open(url, OPTIONS, [None, None, None])
            .await
            .unwrap();
        for time_ms in (0..).step_by(20) {
            link.send(sound(time_ms));
            let due = tokio::time::Instant::now() + Duration::from_millis(20);
            while let Ok(outcome) = tokio::time::timeout_at(due, link.step()).await {
                outcome.unwrap();
            }
            resumed = link.resumed();
        }
    };
    let done = within(async {
        tokio::select! {
            done = server => done,
            () = client => unreachable!("it sends for ever"),
        }
    })
    .await;
    (done, resumed)
}

fn has_token(hello: &ClientMessage) -> bool {
    matches!(hello, ClientMessage::Hello(hello) if hello.resume.as_deref() == Some("token"))
}

fn redirect_to(url: &HttpUrl) -> ServerMessage {
    let url = format!("ws://{}/slsp/live/a", url.authority());
    ServerMessage::Redirect { url }
}

#[tokio::test]
async fn media_flows_here_until_there_is_a_connection_elsewhere() {
    let ((here, url), (there, elsewhere)) = (listener().await, listener().await);
    let server = async {
        let (mut first, _) = Peer::accept(&here, 0).await;
        first.take(50).await;
        // The kernel takes the connection, but nobody answers for a while.
        first.say(&redirect_to(&elsewhere)).await;
        let before = first.media.len();
        first.take(before + 500).await;
        let (mut second, hello) = Peer::meet(&there).await;
        assert!(has_token(&hello));
        // What comes here still is media that was under way.
        let mut first_bytes = first.media.len();
        while let Ok(Some(_)) = timeout(Duration::from_millis(100), first.take_some()).await {
            first_bytes = first.media.len();
        }
        second.session.resume_at(first_bytes as u64);
        let ready = ServerMessage::Ready(Ready {
            resume: "other".into(),
            resumed: true,
            bytes: first_bytes as u64,
            resume_ms: 2000,
            ..Ready::default()
        });
        second.say(&ready).await;
        second.take(200).await;
        assert_eq!(first.next_text().await, Some(ClientMessage::Bye));
        [first.media, second.media].concat()
    };
    let (media, resumed) = publish_while(&url, server).await;
    assert_eq!(resumed, 1);
    let mut reader = weir_media::flv::Reader::default();
    reader.push(&media);
    let mut next_ms = 0;
    while let Some(tag) = reader.next().unwrap() {
        assert_eq!(tag.ts_ms, next_ms, "nothing is missing");
        next_ms += 20;
    }
}

#[tokio::test]
async fn who_is_sent_where_nobody_is_stays() {
    let ((here, url), (there, elsewhere)) = (listener().await, listener().await);
    drop(there);
    let server = async {
        let (mut first, _) = Peer::accept(&here, 0).await;
        first.say(&redirect_to(&elsewhere)).await;
        first.take(1500).await;
    };
    let ((), resumed) = publish_while(&url, server).await;
    assert_eq!(resumed, 0);
}

#[tokio::test]
async fn who_is_sent_where_one_is_refused_goes_back() {
    let ((here, url), (there, elsewhere)) = (listener().await, listener().await);
    let server = async {
        let (mut first, _) = Peer::accept(&here, 0).await;
        first.take(50).await;
        first.say(&redirect_to(&elsewhere)).await;
        let (mut second, _) = Peer::meet(&there).await;
        second.refuse(1004, "auth_bad_signature").await;
        let arrived = first.media.len() as u64;
        let (mut third, hello) = Peer::accept(&here, arrived).await;
        assert!(has_token(&hello));
        third.take(500).await;
    };
    let ((), resumed) = publish_while(&url, server).await;
    assert_eq!(resumed, 1);
}

#[tokio::test]
async fn a_name_that_our_old_connection_holds_is_waited_for() {
    let (listener, url) = listener().await;
    let server = async {
        let (mut first, _) = Peer::accept(&listener, 0).await;
        first.take(50).await;
        drop(first.socket);
        let (mut second, _) = Peer::meet(&listener).await;
        second.refuse(3004, "already_publishing").await;
        // A session begun anew is none that was resumed.
        let (mut third, hello) = Peer::accept(&listener, 0).await;
        assert!(has_token(&hello));
        third.take(100).await;
    };
    let ((), resumed) = publish_while(&url, server).await;
    assert_eq!(resumed, 0);
}
