//! HLS load: clients on kept connections that ask for the playlist and its newest segments in turn,
//! as fast as they are answered.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use weir_base::Clock;
use weir_base::process::{own_cpu_s, usage};
use weir_link::url::HttpUrl;

use super::deframe::{Http, Piece};
use super::engine::{raise_descriptor_limit, resolve, sleep_until};
use crate::address::MediaUrl;

/// What all sockets are read into, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;
/// Segments asked for behind each playlist.
const SEGMENTS_PER_ROUND: usize = 2;
/// How often the list of segments is brought up to date, µs.
const REFRESH_US: i64 = 1_000_000;
/// For one answer of the client that keeps the list.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);
/// Before counting begins, µs.
const WARMUP_US: i64 = 500_000;

/// What to do.
#[derive(Debug, Clone)]
pub struct HlsLoad {
    /// A media playlist.
    pub url: HttpUrl,
    /// Connections.
    pub clients: usize,
    /// The window, seconds.
    pub window_s: f64,
    /// The server's process.
    pub pid: Option<u32>,
    /// Only save the playlist and its segments as files below this folder, for another server.
    pub save: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct HlsResult {
    /// Answers with status 200.
    pub requests: u64,
    /// Others.
    pub failures: u64,
    /// Bytes off the sockets.
    pub bytes: u64,
    /// The window as it was.
    pub seconds: f64,
    /// Our own processor seconds.
    pub own_cpu_s: f64,
    /// The server's.
    pub server_cpu_s: Option<f64>,
}

/// Runs it to the end.
pub fn hls_load(plan: &HlsLoad) -> anyhow::Result<HlsResult> {
    if let Some(folder) = &plan.save {
        save(plan, folder)?;
        return Ok(HlsResult::default());
    }
    raise_descriptor_limit(plan.clients)?;
    let address = resolve(&MediaUrl::Hls(plan.url.clone()))?;
    let clock = Clock::real();
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut requests = requests_of(plan)?;
    let mut clients = Vec::new();
    for index in 0..plan.clients {
        let mut socket = TcpStream::connect(address)?;
        poll.registry().register(
            &mut socket,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        clients.push(Client {
            socket,
            http: Http::default(),
            turn: index,
            output: Vec::new(),
            written: 0,
            is_gone: false,
        });
    }
    let mut result = HlsResult::default();
    sleep_until(&clock, clock.now_us() + 10_000);
    let start_us = clock.now_us() + WARMUP_US;
    let end_us = start_us + (plan.window_s * 1e6) as i64;
    let (mut refresh_us, mut from) = (clock.now_us() + REFRESH_US, None);
    while clock.now_us() < end_us {
        let now_us = clock.now_us();
        if from.is_none() && now_us >= start_us {
            result = HlsResult::default();
            from = Some((now_us, own_cpu_s(), plan.pid.and_then(usage)));
        }
        if now_us >= refresh_us {
            refresh_us = now_us + REFRESH_US;
            requests = requests_of(plan)?;
        }
        match poll.poll(&mut events, Some(Duration::from_millis(20))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            if let Some(client) = clients.get_mut(event.token().0) {
                client.turn(&requests, &mut buffer, &mut result);
            }
        }
    }
    if let Some((from_us, own, server)) = from {
        result.seconds = (clock.now_us() - from_us) as f64 / 1e6;
        result.own_cpu_s = own_cpu_s() - own;
        result.server_cpu_s = server
            .zip(plan.pid.and_then(usage))
            .map(|(from, to)| to.cpu_s - from.cpu_s);
    }
    if clients.iter().all(|client| client.is_gone) {
        bail!("the server closed every connection");
    }
    Ok(result)
}

struct Client {
    socket: TcpStream,
    http: Http,
    /// Which request is next.
    turn: usize,
    output: Vec<u8>,
    written: usize,
    is_gone: bool,
}

impl Client {
    fn turn(&mut self, requests: &[Vec<u8>], buffer: &mut [u8], result: &mut HlsResult) {
        if self.output.is_empty() {
            self.ask(requests);
        }
        self.flush();
        while !self.is_gone {
            match self.socket.read(buffer) {
                Ok(0) => self.is_gone = true,
                Ok(count) => {
                    result.bytes += count as u64;
                    let mut input = buffer.get(..count).unwrap_or_default();
                    while let Piece::Payload(_) = self.http.next(&mut input) {}
                    if self.http.is_over() {
                        let is_good = self.http.status() == 200;
                        result.requests += u64::from(is_good);
                        result.failures += u64::from(!is_good);
                        self.http = Http::default();
                        self.ask(requests);
                        self.flush();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    break;
                }
                Err(_) => self.is_gone = true,
            }
        }
    }

    fn ask(&mut self, requests: &[Vec<u8>]) {
        if let Some(request) = requests.get(self.turn % requests.len().max(1)) {
            self.output.clone_from(request);
        }
        self.turn += 1;
        self.written = 0;
    }

    fn flush(&mut self) {
        while self.written < self.output.len() && !self.is_gone {
            match self
                .socket
                .write(self.output.get(self.written..).unwrap_or_default())
            {
                Ok(count) => self.written += count,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.is_gone = true,
            }
        }
    }
}

/// The playlist, then its newest segments.
fn requests_of(plan: &HlsLoad) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = fetch(&plan.url)?;
    let text = String::from_utf8_lossy(&text);
    let mut segments: Vec<&str> = references(&text).collect();
    let newest = segments.split_off(segments.len().saturating_sub(SEGMENTS_PER_ROUND));
    if newest.is_empty() {
        bail!(
            "{}: no segment is listed; is it a media playlist, and the stream some seconds old?",
            plan.url
        );
    }
    let mut requests = vec![request(&plan.url, "")];
    for reference in newest {
        requests.push(request(&plan.url.join(reference)?, ""));
    }
    Ok(requests)
}

/// Segments of a media playlist.
fn references(playlist: &str) -> impl Iterator<Item = &str> {
    playlist
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn request(url: &HttpUrl, more: &str) -> Vec<u8> {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: weir-bench\r\n{more}\r\n",
        url.path,
        url.authority()
    )
    .into_bytes()
}

/// One GET on a connection of its own.
fn fetch(url: &HttpUrl) -> anyhow::Result<Vec<u8>> {
    let address = resolve(&MediaUrl::Hls(url.clone()))?;
    let mut socket = std::net::TcpStream::connect_timeout(&address, CONTROL_TIMEOUT)
        .with_context(|| url.to_string())?;
    socket.set_read_timeout(Some(CONTROL_TIMEOUT))?;
    socket.write_all(&request(url, "Connection: close\r\n"))?;
    let (mut http, mut buffer, mut body) = (Http::default(), vec![0; 64 * 1024], Vec::new());
    while !http.is_over() {
        let count = socket.read(&mut buffer).with_context(|| url.to_string())?;
        if count == 0 {
            break;
        }
        let mut input = buffer.get(..count).unwrap_or_default();
        while let Piece::Payload(bytes) = http.next(&mut input) {
            body.extend_from_slice(bytes);
        }
    }
    match http.refusal() {
        Some((status, body)) => Err(crate::refusal::Refused::http(status, body).into()),
        None if http.status() == 200 => Ok(body),
        None => bail!("{url}: no answer"),
    }
}

/// Writes what another server is to serve at the same paths.
fn save(plan: &HlsLoad, folder: &Path) -> anyhow::Result<()> {
    let text = fetch(&plan.url)?;
    let playlist = String::from_utf8_lossy(&text).into_owned();
    write_file(folder, &plan.url, &text)?;
    for reference in references(&playlist) {
        let url = plan.url.join(reference)?;
        write_file(folder, &url, &fetch(&url)?)?;
    }
    Ok(())
}

fn write_file(folder: &Path, url: &HttpUrl, bytes: &[u8]) -> anyhow::Result<()> {
    let path = url
        .path
        .split('?')
        .next()
        .unwrap_or_default()
        .trim_start_matches('/');
    if path.split('/').any(|level| level == "..") {
        bail!("{url} leads out of the folder");
    }
    let file = folder.join(path);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    std::fs::write(&file, bytes).with_context(|| file.display().to_string())
}
