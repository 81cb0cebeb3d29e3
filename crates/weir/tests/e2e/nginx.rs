//! nginx in front, with the sample configuration of `deploy/`.

use std::net::TcpListener;
use std::process::Command;

use weir_testkit::ffprobe;
use weir_testkit::flv::Tags;
use weir_testkit::hls_check::check_media;
use weir_testkit::media::{self, Source};
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{file_of, log_of, need, open_options, repository};
use crate::tls::curl;

/// Seconds nginx may take to start.
const PATIENCE_S: u64 = 15;

/// A running nginx and where it listens.
pub(crate) struct Nginx {
    _process: Process,
    https: u16,
    rtmp: u16,
    rtmps: u16,
}

impl Nginx {
    pub(crate) fn start(server: &Server) -> Self {
        let dir = server.data().join("nginx");
        let [https, http, rtmp, rtmps] = free_ports();
        let mut render = Command::new(repository().join("scripts/nginx-check.sh"));
        render
            .arg(&dir)
            .env("HTTPS", local(https))
            .env("HTTP", local(http))
            .env("RTMP", local(rtmp))
            .env("RTMPS", local(rtmps));
        render
            .env("WEIR", server.address("http"))
            .env("WEIR_RTMP", server.address("rtmp"));
        ffprobe::silent(&mut render);
        let conf = dir.join("nginx.conf");
        let mut command = Tool::Nginx.command();
        command
            .arg("-c")
            .arg(&conf)
            .args(["-g", "daemon off; master_process off;"]);
        let mut process = Process::spawn("nginx", &mut command, &log_of(server, "nginx"));
        until("nginx listens", PATIENCE_S, || {
            assert!(process.ended().is_none(), "nginx ended: {}", process.log());
            std::net::TcpStream::connect(("127.0.0.1", https)).ok()
        });
        Self {
            _process: process,
            https,
            rtmp,
            rtmps,
        }
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}/{path}", self.https)
    }
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn behind_nginx() -> (Server, Nginx, Process) {
    let server = open_options()
        .set(&["proxy.trusted=[\"127.0.0.1/32\"]"])
        .start();
    let nginx = Nginx::start(&server);
    let source = Source::H264_AAC;
    let url = format!("rtmp://127.0.0.1:{}/live/a", nginx.rtmp);
    let publisher = media::publish(
        source.ffmpeg(),
        &file_of(&source),
        &url,
        &log_of(&server, "publisher"),
    );
    server.wait_live("live/a");
    (server, nginx, publisher)
}

/// Shows R2, R8 and R98.
#[test]
fn everything_plays_through_nginx() {
    need!(Ffmpeg, Ffprobe, Nginx, Openssl, Curl);
    let (server, nginx, _publisher) = behind_nginx();

    let (said, flv) = curl(&["--http2"], "3", &nginx.https("live/a.flv"));
    assert_eq!(said, "2 200");
    assert!(
        Tags::default().push(&flv).len() > 50,
        "{} bytes of FLV",
        flv.len()
    );

    let (said, playlist) = curl(&["--http2"], "10", &nginx.https("live/a/hls.m3u8"));
    assert_eq!(said, "2 200");
    check_media(&String::from_utf8(playlist).unwrap()).expect("a right playlist");

    let url = nginx.https("live/a.flv").replacen("https", "wss", 1);
    let mut viewer = WsClient::connect_tls(&mut Tool::Openssl.command(), &url);
    assert!(
        matches!(viewer.next_message().unwrap(), Message::Binary(bytes) if bytes.starts_with(b"FLV"))
    );

    assert_eq!(
        curl(&[], "10", &nginx.https("readyz")),
        ("2 200".into(), b"ready\n".to_vec())
    );

    for url in [
        nginx.https("live/a.m3u8"),
        nginx.https("live/a/ts.m3u8"),
        format!("rtmps://127.0.0.1:{}/live/a", nginx.rtmps),
    ] {
        let out = server.data().join("nginx.mkv");
        media::record(Tool::Ffmpeg, &url, &["-tls_verify", "0"], "3", &out).succeed(40);
        let frames = ffprobe::frames(&out);
        assert!(ffprobe::length_s(&frames.video) > 2.5, "{url}");
    }
}

#[test]
fn the_viewers_address_comes_through_nginx() {
    need!(Ffmpeg, Nginx, Openssl, Curl);
    let (server, nginx, _publisher) = behind_nginx();
    let publisher = server.wait_client("publisher", "rtmp");
    assert!(
        publisher["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:"),
        "{publisher}"
    );

    // Another address of this machine than the one nginx speaks from.
    let mut viewer = Tool::Curl.command();
    viewer
        .args([
            "-sk",
            "--interface",
            "127.0.0.2",
            "--max-time",
            "20",
            "-o",
            "/dev/null",
        ])
        .arg(nginx.https("live/a.flv"));
    let _viewer = Process::spawn("curl", &mut viewer, &log_of(&server, "curl"));
    let client = server.wait_client("viewer", "http-flv");
    assert_eq!(client["address"], "127.0.0.2:0");
}
