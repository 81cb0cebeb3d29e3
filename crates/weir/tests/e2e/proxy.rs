//! Behind a proxy: the client's address is what a trusted proxy says, and nobody else.

use serde_json::Value;
use weir_testkit::flv::FlvViewer;
use weir_testkit::http::{Request, Response};
use weir_testkit::media::Source;
use weir_testkit::server::Server;

use crate::kit::{need, open_options, open_server, publish};

const TRUST: &str = "proxy.trusted=[\"127.0.0.1/32\"]";
const VERSION_1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 8080\r\n";
/// 203.0.113.8:4711 to 10.0.0.1:8080.
const VERSION_2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x08\x0a\0\0\x01\x12\x67\x1f\x90";

fn address_of_viewer(server: &Server, request: impl FnOnce(Request) -> Request) -> String {
    let mut viewer = FlvViewer::with(request(Request::get(&server.http("live/a.flv"))));
    viewer.watch_ms(100);
    let client: Value = server.wait_client("viewer", "http-flv");
    client["address"].as_str().unwrap().to_owned()
}

#[test]
fn a_trusted_proxys_header_names_the_viewer() {
    need!(Ffmpeg);
    for (header, expected) in [
        (VERSION_1, "203.0.113.7:4711"),
        (VERSION_2, "203.0.113.8:4711"),
    ] {
        let server = open_options().set(&[TRUST]).start();
        let _publisher = publish(&server, &Source::H264_AAC, "live/a");
        assert_eq!(
            address_of_viewer(&server, |request| request.preface(header)),
            expected
        );
    }
}

#[test]
fn x_forwarded_for_of_a_trusted_proxy_names_the_viewer() {
    need!(Ffmpeg);
    let server = open_options()
        .set(&["proxy.trusted=[\"127.0.0.1/32\", \"10.0.0.0/8\"]"])
        .start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    // What the client itself wrote stands first and counts for nothing.
    let chain = "192.0.2.66, 198.51.100.9, 10.1.2.3";
    let address = address_of_viewer(&server, |request| request.header("X-Forwarded-For", chain));
    assert_eq!(address, "198.51.100.9:0");
}

#[test]
fn nobody_else_is_believed() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let address = address_of_viewer(&server, |request| {
        request.header("X-Forwarded-For", "198.51.100.9")
    });
    assert!(
        address.starts_with("127.0.0.1:") && !address.ends_with(":0"),
        "{address}"
    );
    for header in [VERSION_1, VERSION_2] {
        let answer = Request::get(&server.http("live/a.flv"))
            .preface(header)
            .try_send();
        assert!(
            answer
                .as_ref()
                .map_or(true, |answer: &Response| answer.status == 400),
            "{answer:?}"
        );
    }
}

#[test]
fn a_trusted_proxy_may_also_say_nothing() {
    need!(Ffmpeg);
    let server = open_options().set(&[TRUST]).start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    assert!(address_of_viewer(&server, |request| request).starts_with("127.0.0.1:"));
}

#[test]
fn a_broken_proxy_header_is_refused() {
    let server = open_options().set(&[TRUST]).start();
    let answer = Request::get(&server.http("livez"))
        .preface(b"PROXY TCP4 nonsense\r\n")
        .try_send();
    assert!(answer.is_err(), "{answer:?}");
    server.wait_for_log("code=4004");
}
