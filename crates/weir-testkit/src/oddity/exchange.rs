//! Publishes an oddity to a server and takes what comes out, in every form there is.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpUrl};

use super::flv::{OddTag, tag_bytes};
use super::{Carrier, OddInput};
use crate::hls_check::check_media;
use crate::http::{Request, get};
use crate::slsp::{Client, Inbox};
use crate::wait::{Stopwatch, until};

/// Seconds for what has to come.
const PATIENCE_S: u64 = 15;
const READ_TIMEOUT: Duration = Duration::from_millis(10);
/// Between two looks at a playlist.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the server is.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// Where it takes and gives RTMP.
    pub rtmp: SocketAddr,
    /// Where it takes SLSP and gives everything else.
    pub http: SocketAddr,
}

/// What a viewer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OddForm {
    /// FLV over HTTP, an endless answer.
    Flv,
    /// RTMP, kept as FLV.
    Rtmp,
    /// MPEG-TS over HTTP.
    Ts,
    /// HLS with fMP4.
    HlsFmp4,
    /// HLS with MPEG-TS.
    HlsTs,
}

impl OddForm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Flv, Self::Rtmp, Self::Ts, Self::HlsFmp4, Self::HlsTs];

    /// Whether it is MPEG-TS.
    pub const fn is_ts(self) -> bool {
        matches!(self, Self::Ts | Self::HlsTs)
    }
}

/// What came out in a form: files that follow each other (fMP4 has one for each init segment), or the
/// code and the words it was refused with.
pub type Taken = Result<Vec<Vec<u8>>, (u64, String)>;

/// All that came out of one input, or why it was not taken in.
pub type Outcome = Result<Vec<(OddForm, Taken)>, String>;

/// A publisher of either kind.
enum Sender {
    Rtmp(Box<OddConnection>),
    Slsp(Client, Inbox),
}

/// An RTMP client on a socket.
struct OddConnection {
    session: RtmpClientSession,
    socket: TcpStream,
}

/// A viewer on a thread of its own: it says when it has begun, and what it took in the end.
struct Taker {
    form: OddForm,
    thread: JoinHandle<Taken>,
}

/// Publishes `input` and takes all forms of it.
///
/// # Panics
/// When the server keeps somebody waiting without a word.
pub fn exchange(input: &OddInput, places: Places) -> Outcome {
    let path = format!("odd/{}", input.number);
    let mut sender = Sender::open(input.carrier, &path, places);
    let parts: Vec<(i64, Vec<u8>, Option<OddTag>)> = match input.carrier {
        Carrier::Rtmp => {
            let messages = input.messages().into_iter();
            messages
                .map(|(at_us, tag)| (at_us, Vec::new(), Some(tag)))
                .collect()
        }
        _ => {
            let pieces = input.pieces().into_iter();
            pieces
                .map(|piece| (piece.at_us, piece.bytes, None))
                .collect()
        }
    };
    let head = parts
        .iter()
        .take_while(|part| part.0 < input.head_us)
        .count();
    let (head, rest) = parts.split_at(head);
    sender.send(head)?;
    let http = format!("http://{}/{path}", places.http);
    let mut takers = Vec::new();
    for form in [OddForm::Flv, OddForm::Ts, OddForm::Rtmp] {
        takers.push(match form {
            OddForm::Rtmp => take_rtmp(&path, places),
            OddForm::Ts => take_http(form, format!("{http}.ts?wait=20")),
            _ => take_http(form, format!("{http}.flv?wait=20")),
        });
        sender.turn()?;
    }
    let playlists = [
        (OddForm::HlsFmp4, format!("{http}/hls.m3u8")),
        (OddForm::HlsTs, format!("{http}/ts.m3u8")),
    ];
    let asking = playlists.map(|(form, url)| {
        let thread = std::thread::Builder::new().name(format!("asks for {form:?}"));
        (form, thread.spawn(move || first_answer(url)).unwrap())
    });
    sender.send(rest)?;
    let playlists = asking.map(|(form, thread)| (form, thread.join().expect("an answer")));
    sender.close();
    let mut all: Vec<_> = takers
        .into_iter()
        .map(|taker| (taker.form, taker.thread.join().expect("a viewer that ends")))
        .collect();
    all.extend(playlists.map(|(form, url)| (form, url.and_then(|url| take_hls(&url)))));
    Ok(all)
}

impl Sender {
    fn open(carrier: Carrier, path: &str, places: Places) -> Self {
        let container = match carrier {
            Carrier::Rtmp => {
                let mut connection = OddConnection::open(path, places, true);
                until("publishing begins", PATIENCE_S, || {
                    let events = connection.turn().expect("a connection");
                    let begins = |event| matches!(event, RtmpClientEvent::PublishStarted { .. });
                    events.into_iter().any(begins).then_some(())
                });
                return Self::Rtmp(Box::new(connection));
            }
            Carrier::Flv => "flv",
            Carrier::Fmp4 => "fmp4",
            Carrier::WebM => "webm",
            Carrier::Ts => "ts",
        };
        let mut client = Client::connect(&format!("ws://{}/slsp/{path}", places.http));
        client.hello(&json!({ "container": container }));
        let inbox = client.inbox();
        Self::Slsp(client, inbox)
    }

    /// Sends parts; what the server says instead of taking them is an error.
    fn send(&mut self, parts: &[(i64, Vec<u8>, Option<OddTag>)]) -> Result<(), String> {
        for (_, bytes, tag) in parts {
            match self {
                Self::Rtmp(connection) => {
                    let tag = tag.as_ref().expect("a message");
                    connection
                        .session
                        .send_media(tag.kind, tag.ts_ms, &[], &tag.body);
                    if connection.session.pending_output_bytes() > 100_000 {
                        self.turn()?;
                    }
                }
                Self::Slsp(client, inbox) => client
                    .media(bytes)
                    .map_err(|error| format!("{error}: {}", inbox.words()))?,
            }
        }
        self.turn()
    }

    /// Takes what the server has to say.
    fn turn(&mut self) -> Result<(), String> {
        match self {
            Self::Rtmp(connection) => connection.turn().map(drop),
            Self::Slsp(_, inbox) if inbox.is_over() => Err(inbox.words()),
            Self::Slsp(..) => Ok(()),
        }
    }

    fn close(self) {
        match self {
            Self::Rtmp(mut connection) => {
                connection.session.close();
                let _ = connection.turn();
            }
            Self::Slsp(mut client, inbox) => {
                let _ = client.say(&json!({ "type": "bye" }));
                inbox.end();
            }
        }
    }
}

impl OddConnection {
    fn open(path: &str, places: Places, publishes: bool) -> Self {
        let url = RtmpUrl::parse(&format!("rtmp://{}/{path}", places.rtmp)).unwrap();
        let options = ClientOptions::default();
        let session = if publishes {
            RtmpClientSession::publish(&url, [5; 32], options)
        } else {
            RtmpClientSession::play(&url, [5; 32], options)
        };
        let socket = TcpStream::connect(places.rtmp).expect("a connection");
        socket.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        Self { session, socket }
    }

    /// Sends what there is and reads for a moment. An error is the end, with what was said.
    fn turn(&mut self) -> Result<Vec<RtmpClientEvent>, String> {
        let mut buffer = [0; 64 * 1024];
        let sent = self.socket.write_all(&self.session.take_output());
        let is_over = match self.socket.read(&mut buffer) {
            Ok(0) => true,
            Ok(read) => self.session.receive(0, &buffer[..read]).is_err(),
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        let events: Vec<_> = std::iter::from_fn(|| self.session.poll_event()).collect();
        if events.is_empty() && (is_over || sent.is_err()) {
            return Err("the server closed the connection".to_owned());
        }
        let refusal = events.iter().find_map(|event| match event {
            RtmpClientEvent::Status {
                level,
                weir_code,
                description,
                ..
            } if level == "error" => Some(format!("{weir_code:?}: {description}")),
            _ => None,
        });
        refusal.map_or(Ok(events), Err)
    }
}

/// Starts a thread; gives it when it has begun.
fn begin(form: OddForm, body: impl FnOnce(&dyn Fn()) -> Taken + Send + 'static) -> Taker {
    let (told, begun): (_, Receiver<()>) = sync_channel(1);
    let body = move || {
        let taken = body(&|| {
            // Once is enough.
            let _ = told.try_send(());
        });
        drop(told);
        taken
    };
    let thread = std::thread::Builder::new().name(format!("takes {form:?}"));
    let thread = thread.spawn(body).unwrap();
    // An end without a beginning is a refusal.
    let _ = begun.recv_timeout(Duration::from_secs(PATIENCE_S));
    Taker { form, thread }
}

fn take_http(form: OddForm, url: String) -> Taker {
    begin(form, move |has_begun| {
        let opened = Request::get(&url).open();
        let mut answer = opened.map_err(|error| (0, format!("{url}: {error}")))?;
        let status = answer.status;
        let mut all = Vec::new();
        loop {
            match answer.next_chunk() {
                Ok(Some(bytes)) => {
                    all.extend(bytes);
                    if status == 200 {
                        has_begun();
                    }
                }
                Ok(None) => break,
                Err(error) => return Err((0, format!("{url}: {error}"))),
            }
        }
        if status == 200 {
            return Ok(vec![all]);
        }
        Err(refusal(status, &all))
    })
}

fn take_rtmp(path: &str, places: Places) -> Taker {
    let path = path.to_owned();
    begin(OddForm::Rtmp, move |has_begun| {
        let mut connection = OddConnection::open(&path, places, false);
        let mut file = vec![b'F', b'L', b'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];
        while let Ok(events) = connection.turn() {
            for event in events {
                match event {
                    RtmpClientEvent::Media {
                        message_type,
                        timestamp_ms,
                        body,
                    } => {
                        file.extend(tag_bytes(&OddTag {
                            kind: message_type,
                            ts_ms: timestamp_ms,
                            body: body.to_vec(),
                        }));
                        // Metadata and headers say nothing of where the stream begins.
                        if file.len() > 1000 {
                            has_begun();
                        }
                    }
                    RtmpClientEvent::Closed => return Ok(vec![file]),
                    _ => {}
                }
            }
        }
        Ok(vec![file])
    })
}

/// Asks for a playlist, which starts the packager or refuses the form; comes when there is a segment.
fn first_answer(url: String) -> Result<String, (u64, String)> {
    let answer = get(&url);
    match answer.status {
        200 | 404 | 503 => Ok(url),
        status => Err(refusal(status, &answer.body)),
    }
}

/// The whole of an HLS stream after its end.
fn take_hls(url: &str) -> Taken {
    let watch = Stopwatch::start();
    let answer = loop {
        let answer = get(url);
        let is_waiting = matches!(answer.status, 404 | 503);
        let is_whole = answer.status != 200 || answer.text().contains("#EXT-X-ENDLIST");
        if !is_waiting && is_whole {
            break answer;
        }
        if watch.elapsed_s() > PATIENCE_S as f64 {
            return Err((
                0,
                format!("no end of it: {} {}", answer.status, answer.text()),
            ));
        }
        std::thread::sleep(PAUSE);
    };
    if answer.status != 200 {
        return Err(refusal(answer.status, &answer.body));
    }
    let text = answer.text();
    // How long parts are is a promise about frames that come evenly, which not all do here.
    let violations = check_media(&text).err().unwrap_or_default();
    let broken = violations
        .iter()
        .find(|violation| violation.section != "4.4.4.9");
    if let Some(violation) = broken {
        return Err((0, format!("{violation} in {text}")));
    }
    let (folder, _) = url.rsplit_once('/').expect("a path");
    let fetch = |uri: &str| -> Result<Vec<u8>, (u64, String)> {
        let piece = get(&format!("{folder}/{uri}"));
        match piece.status {
            200 => Ok(piece.body),
            status => Err((status.into(), format!("{uri}: {}", piece.text()))),
        }
    };
    let mut files = vec![Vec::new()];
    for line in text.lines() {
        let map = line.strip_prefix("#EXT-X-MAP:URI=\"");
        if let Some(uri) = map.and_then(|map| map.strip_suffix('"')) {
            files.push(fetch(uri)?);
        } else if !line.starts_with('#') && !line.is_empty() {
            let bytes = fetch(line)?;
            files.last_mut().expect("a file").extend(bytes);
        }
    }
    files.retain(|file| !file.is_empty());
    Ok(files)
}

fn refusal(status: u16, body: &[u8]) -> (u64, String) {
    let words = String::from_utf8_lossy(body).into_owned();
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = json["code"].as_u64().unwrap_or(status.into());
    (code, json["message"].as_str().map_or(words, str::to_owned))
}
