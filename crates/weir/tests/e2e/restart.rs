//! What a server remembers from one life to the next.

use weir_testkit::media::Source;
use weir_testkit::server::Options;

use crate::kit::{begin_at, binary, need};

/// Shows R74.
#[test]
fn keys_and_token_outlive_restarts() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let (key, token) = (server.stream_key("live/a"), server.token().to_owned());
    let server = server.restart(&[]).restart(&[]);
    assert_eq!(
        (server.stream_key("live/a"), server.token()),
        (key.clone(), token.as_str())
    );
    let _publisher = begin_at(
        &server,
        &Source::H264_AAC,
        &server.rtmp(&format!("live/a?key={key}")),
        "a",
    );
    server.wait_live("live/a");
}
