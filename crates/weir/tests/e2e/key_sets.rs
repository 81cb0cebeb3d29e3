//! Keys of an app that are read from an address by a running server.

use std::sync::Mutex;

use serde_json::json;
use weir_testkit::http::get;
use weir_testkit::receiver::{Receiver, Reply};
use weir_testkit::server::Options;
use weir_testkit::wait::until;

use crate::accounts::ask;
use crate::kit::binary;

/// Seconds until the keys are read and told: a few, on a busy machine more.
const PATIENCE_S: u64 = 30;
const KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// The key of RFC 7515, A.3, and a token that somebody else signed: it is known, and the signature is wrong.
#[test]
fn a_key_set_is_read_where_the_operator_lets_it_and_counts_while_the_address_is_away() {
    let answer: &'static Mutex<Reply> = Box::leak(Box::new(Mutex::new(Reply::Status(200, KEY))));
    let address = Receiver::start(|_| answer.lock().unwrap().clone());
    let server = Options::new(&binary())
        .set(&["hooks.allow=[\"127.0.0.0/8\"]"])
        .start();
    let rules = json!({ "rules": { "play": "signed", "jwks_url": address.url("/keys") } });
    let token = server.token().to_owned();
    let set = ask(&server, "PUT", "apps/school", &token, &rules);
    assert_eq!(set.status, 201, "{}", set.text());
    // {"alg":"ES256","kid":"one"} . {"a":"play","app":"school","stream":"room","exp":4102444800} . 64 bytes
    let head = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9";
    let claims = "eyJhIjoicGxheSIsImFwcCI6InNjaG9vbCIsInN0cmVhbSI6InJvb20iLCJleHAiOjQxMDI0NDQ4MDB9";
    let url = server.http(&format!(
        "school/room.flv?token={head}.{claims}.{}",
        "A".repeat(86)
    ));
    let is_known = || (get(&url).refusal() == (403, 1004)).then_some(());
    until("the key is known", PATIENCE_S, is_known);
    let heard = address.heard()[0].target.clone();
    assert_eq!(heard, "/keys");
    // It is away: a restart knows what was read.
    *answer.lock().unwrap() = Reply::Status(503, "");
    let server = server.restart(&[]);
    let url = server.http(
        url.split_once("/school/")
            .map(|(_, rest)| format!("school/{rest}"))
            .unwrap()
            .as_str(),
    );
    until("the key is known again", PATIENCE_S, || {
        (get(&url).refusal() == (403, 1004)).then_some(())
    });
}

#[test]
fn an_internal_address_that_nobody_lists_is_not_asked() {
    let address = Receiver::start(|_| Reply::Status(200, KEY));
    let server = Options::new(&binary()).start();
    let rules = json!({ "rules": { "play": "signed", "jwks_url": address.url("/keys") } });
    let token = server.token().to_owned();
    let set = ask(&server, "PUT", "apps/school", &token, &rules);
    assert_eq!(set.status, 201, "{}", set.text());
    server.wait_for_log("the key set of an app cannot be read");
    assert!(address.heard().is_empty());
}
