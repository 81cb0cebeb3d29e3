//! Ways to and from an SLSP stream: nginx in front, TLS, and `?play`.

use serde_json::json;
use weir_testkit::ffprobe;
use weir_testkit::flv::FlvViewer;
use weir_testkit::media::Source;
use weir_testkit::server::Server;
use weir_testkit::slsp::{Client, Container, Pump};
use weir_testkit::tools::Tool;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{file_of, need, open_options, open_server};
use crate::nginx::Nginx;
use crate::slsp::{address, feed, publish};
use crate::tls::tls_server;
use crate::viewers::save_ws_flv;

/// Publishes over `wss://` and watches.
fn over_tls(server: &Server, https: &str) {
    let url = https.replacen("https", "wss", 1);
    let mut client = Client::connect_tls(&mut Tool::Openssl.command(), &url);
    client.hello(&json!({ "container": "flv" }));
    let pump = Pump::start(client, feed(&Source::H264_AAC, Container::Flv), 0);
    server.wait_live("live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(1500);
    viewer.assert_monotonic();
    let acks = pump.inbox().all("ack");
    let late = acks.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let longest_s = late.fold(0.0, f64::max);
    assert!(
        longest_s < 1.0,
        "an acknowledgement came after {longest_s} s"
    );
    let mut client = pump.stop();
    client.say(&json!({ "type": "bye" })).unwrap();
    assert_eq!(client.inbox().end().1, 1000);
    viewer.watch_to_the_end();
}

/// Shows R8.
#[test]
fn slsp_comes_through_nginx() {
    need!(Ffmpeg, Nginx, Openssl);
    let server = open_options()
        .set(&["proxy.trusted=[\"127.0.0.1/32\"]"])
        .start();
    let nginx = Nginx::start(&server);
    let url = nginx.https("slsp/live/a");
    over_tls(&server, &url);
    let mut refused = Client::connect_tls(
        &mut Tool::Openssl.command(),
        &url.replacen("https", "wss", 1),
    );
    refused.say_hello(&json!({ "container": "avi" }));
    assert_eq!(refused.inbox().refusal(), (4004, 4400));
}

/// Shows R8 and R18.
#[test]
fn slsp_comes_over_tls() {
    need!(Ffmpeg, Openssl);
    let server = tls_server(&[]);
    over_tls(&server, &server.https("slsp/live/a"));
}

/// Shows R1.
#[test]
fn the_same_address_plays() {
    need!(Ffmpeg, Ffprobe);
    let server = open_server();
    let (_pump, _) = publish(&server, "live/a");
    let out = server.data().join("play.flv");
    let url = format!("{}?play", address(&server, "live/a"));
    save_ws_flv(&url, 2.0, &out);
    let original = ffprobe::frames(&file_of(&Source::H264_AAC));
    ffprobe::assert_same("?play", &original, &ffprobe::frames(&out));
    let mut nobody = WsClient::connect(&format!("{}?play", address(&server, "live/no")));
    assert_eq!(
        nobody.next_message().unwrap(),
        Message::Close(4404, "3002 not_live".into())
    );
}
