//! TLS of weir's own: HTTPS with HTTP/2, wss and RTMPS, and a certificate that is replaced.

use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use weir_testkit::ffprobe;
use weir_testkit::flv::Tags;
use weir_testkit::media::{self, Source};
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{begin_at, binary, need, publish};

/// A self-signed certificate for localhost with this name in it.
pub(crate) fn write_certificate(dir: &Path, name: &str) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}

/// A server with TLS on ports of their own, its certificate called `first`.
pub(crate) fn tls_server(more: &[&str]) -> Server {
    let options = Options::new(&binary());
    write_certificate(options.data(), "first");
    let file = |name: &str| options.data().join(name).display().to_string();
    let (cert, key) = (
        format!("tls.cert={}", file("cert.pem")),
        format!("tls.key={}", file("key.pem")),
    );
    let tls = [
        "auth.publish=open",
        "rtmp.tls_listen=127.0.0.1:0",
        "http.tls_listen=127.0.0.1:0",
        &cert,
        &key,
    ];
    options.set(&tls).set(more).start()
}

/// Fetches with curl for at most `seconds`; gives the HTTP version and status, and the body.
pub(crate) fn curl(arguments: &[&str], seconds: &str, url: &str) -> (String, Vec<u8>) {
    let mut command = Tool::Curl.command();
    command.args([
        "-sk",
        "--max-time",
        seconds,
        "-w",
        "%{stderr}%{http_version} %{http_code}",
    ]);
    let output = command.args(arguments).arg(url).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.stdout)
}

/// The name in the certificate that a TLS client is shown.
fn certificate_name(server: &Server) -> String {
    let mut command = Tool::Openssl.command();
    command
        .args(["s_client", "-connect", &server.address("https")])
        .stdin(std::process::Stdio::null());
    let shown = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
    let name = shown.lines().find_map(|line| line.strip_prefix("subject="));
    name.unwrap_or_else(|| panic!("no certificate: {shown}"))
        .rsplit('=')
        .next()
        .unwrap()
        .trim()
        .to_owned()
}

#[test]
fn https_speaks_http_2_and_1_for_pages_playlists_and_endless_streams() {
    need!(Ffmpeg, Curl);
    let server = tls_server(&[]);
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let good = format!("{version} 200");
        assert_eq!(
            curl(&[flag], "10", &server.https("livez")),
            (good.clone(), b"ok\n".to_vec())
        );
        let (said, playlist) = curl(&[flag], "15", &server.https("live/a.m3u8"));
        assert_eq!(said, good);
        assert!(playlist.starts_with(b"#EXTM3U\n"));
        let (said, flv) = curl(&[flag], "3", &server.https("live/a.flv"));
        assert_eq!(said, good);
        assert!(
            Tags::default().push(&flv).len() > 50,
            "{} bytes of FLV over {version}",
            flv.len()
        );
        assert_eq!(
            curl(&[flag], "10", &server.https("live/no.flv")).0,
            format!("{version} 404")
        );
    }
}

#[test]
fn ffmpeg_plays_over_https() {
    need!(Ffmpeg, Ffprobe);
    let server = tls_server(&[]);
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    for path in ["live/a.flv", "live/a.m3u8", "live/a/ts.m3u8", "live/a.ts"] {
        let out = server.data().join("https.mkv");
        media::record(
            Tool::Ffmpeg,
            &server.https(path),
            &["-tls_verify", "0"],
            "2",
            &out,
        )
        .succeed(30);
        assert!(
            ffprobe::length_s(&ffprobe::frames(&out).video) > 1.5,
            "{path}"
        );
    }
}

/// Shows R18.
#[test]
fn wss_carries_flv() {
    need!(Ffmpeg, Openssl);
    let server = tls_server(&[]);
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let url = server.https("live/a.flv").replacen("https", "wss", 1);
    let mut viewer = WsClient::connect_tls(&mut Tool::Openssl.command(), &url);
    let (mut tags, mut seen) = (Tags::default(), 0);
    while seen < 50 {
        let Message::Binary(bytes) = viewer.next_message().unwrap() else {
            panic!("not media")
        };
        seen += tags.push(&bytes).len();
    }
    viewer.ping(b"x");
    assert_eq!(
        crate::viewers::until_not_binary(&mut viewer),
        Message::Pong(b"x".to_vec())
    );
}

/// Shows R93.
#[test]
fn rtmps_takes_a_stream_and_plays_it() {
    need!(Ffmpeg, Ffprobe);
    let server = tls_server(&[]);
    let url = format!("rtmps://{}/live/a", server.address("rtmps"));
    let _publisher = begin_at(&server, &Source::H264_AAC, &url, "rtmps");
    server.wait_live("live/a");
    let out = server.data().join("rtmps.mkv");
    media::record(Tool::Ffmpeg, &url, &["-tls_verify", "0"], "3", &out).succeed(30);
    let frames = ffprobe::frames(&out);
    assert!(ffprobe::length_s(&frames.video) > 2.5 && ffprobe::length_s(&frames.audio) > 2.5);
}

#[test]
fn a_new_certificate_is_shown_after_a_reload_and_connections_stay() {
    need!(Ffmpeg, Openssl);
    let server = tls_server(&[]);
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let url = server.https("live/a.flv").replacen("https", "wss", 1);
    let mut viewer = WsClient::connect_tls(&mut Tool::Openssl.command(), &url);
    assert_eq!(certificate_name(&server), "first");
    write_certificate(server.data(), "second");
    server.signal(Signal::HUP);
    until("the new certificate", 10, || {
        (certificate_name(&server) == "second").then_some(())
    });
    viewer.ping(b"still here");
    assert_eq!(
        crate::viewers::until_not_binary(&mut viewer),
        Message::Pong(b"still here".to_vec())
    );

    std::fs::write(server.data().join("cert.pem"), "no certificate").unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("the old one stays in force");
    assert_eq!(certificate_name(&server), "second");
}

#[test]
fn plain_text_on_a_tls_port_is_refused() {
    let server = tls_server(&[]);
    let url = server.https("livez").replacen("https", "http", 1);
    assert!(weir_testkit::http::Request::get(&url).try_send().is_err());
    server.wait_for_log("code=4004");
}
