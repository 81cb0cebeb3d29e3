//! Pictures that people send: taken, served from where they are kept, replaced and removed, and refused.

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response, get};
use weir_testkit::picture::png;
use weir_testkit::s3::S3;
use weir_testkit::server::{Options, Server};

use crate::accounts::{account, ask};
use crate::kit::{binary, need};

fn put(server: &Server, path: &str, token: &str, kind: &str, file: &[u8]) -> Response {
    Request::get(&server.http(&format!("api/v1/{path}")))
        .method("PUT")
        .header("Authorization", &format!("Bearer {token}"))
        .file(kind, file)
        .send()
}

/// Sends a picture that is taken; gives its id.
pub(crate) fn sent(server: &Server, path: &str, field: &str, token: &str, file: &[u8]) -> String {
    let answer = put(server, path, token, "image/png", file);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[field].as_str().unwrap().to_owned()
}

fn picture(server: &Server, id: &str, rest: &str) -> Response {
    get(&server.http(&format!("i/{id}-{rest}")))
}

/// An avatar is there in its sizes for ever, and gone when it is replaced or removed.
fn shown_until_replaced(server: &Server) {
    let token = account(server, "ann");
    let first = sent(server, "me/avatar", "avatar", &token, &png(300, 200));
    for width in [64, 256] {
        let jpeg = picture(server, &first, &format!("{width}.jpg"));
        assert_eq!(jpeg.status, 200, "{}", jpeg.text());
        assert_eq!(jpeg.header("content-type"), Some("image/jpeg"));
        assert!(jpeg.body.starts_with(b"\xff\xd8\xff"));
        let webp = picture(server, &first, &format!("{width}.webp"));
        assert_eq!(webp.header("content-type"), Some("image/webp"));
        assert_eq!(&webp.body[8..12], b"WEBP");
        let kept = webp.header("cache-control").unwrap();
        assert!(kept.contains("immutable"), "{kept}");
        assert_eq!(webp.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(picture(server, &first, "65.webp").status, 404);
    let again = sent(server, "me/avatar", "avatar", &token, &png(300, 200));
    assert_eq!(again, first);
    assert_eq!(picture(server, &first, "64.webp").status, 200);

    let second = sent(server, "me/avatar", "avatar", &token, &png(300, 3));
    assert_ne!(second, first);
    assert_eq!(picture(server, &first, "64.webp").status, 404);
    let gone = ask(server, "DELETE", "me/avatar", &token, &json!({}));
    assert_eq!(gone.json()["avatar"], "", "{}", gone.text());
    assert_eq!(picture(server, &second, "256.jpg").status, 404);
}

/// Shows R28.
#[test]
fn a_picture_is_served_until_its_owner_replaces_it() {
    let server = Options::new(&binary()).start();
    shown_until_replaced(&server);
}

/// Shows R28.
#[test]
fn pictures_live_in_any_store_that_speaks_s3() {
    need!(MotoServer);
    let s3 = S3::start();
    let place = format!("store.assets.url={}", s3.url("pictures"));
    let credentials = format!("store.assets.credentials={}", s3.credentials());
    let server = Options::new(&binary()).set(&[&place, &credentials]).start();
    shown_until_replaced(&server);
}

#[test]
fn a_channel_has_a_cover_that_its_owner_alone_changes() {
    let server = Options::new(&binary()).start();
    let (ann, bob) = (account(&server, "ann"), account(&server, "bob"));
    for (name, token) in [("chess", &ann), ("go", &bob)] {
        let made = ask(&server, "POST", "channels", token, &json!({ "name": name }));
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let cover = sent(
        &server,
        "channels/chess/cover",
        "cover",
        &ann,
        &png(900, 500),
    );
    let others = sent(&server, "channels/go/cover", "cover", &bob, &png(900, 500));
    assert_ne!(cover, others, "taking one away must not take the other");
    let listed = ask(&server, "GET", "channels", "", &Value::Null).json();
    let items = listed["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["cover"] == json!(cover)));
    let strange = put(
        &server,
        "channels/chess/cover",
        &bob,
        "image/png",
        &png(9, 5),
    );
    assert_eq!(strange.refusal(), (403, 6012));
    let nobody = put(&server, "channels/chess/cover", "", "image/png", &png(9, 5));
    assert_eq!(nobody.status, 401);

    let gone = ask(&server, "DELETE", "channels/chess", &ann, &json!({}));
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(picture(&server, &cover, "640.webp").status, 404);
    assert_eq!(picture(&server, &others, "1280.jpg").status, 200);
}

#[test]
fn what_is_no_picture_is_refused_and_the_site_goes_on() {
    let server = Options::new(&binary()).start();
    let token = account(&server, "ann");
    let good = png(40, 30);
    let page = [&good[..], b"<script>alert(1)</script>"].concat();
    // 16 bits a channel: half a gigabyte of a file of some kilobytes.
    let mut bomb = png(8, 8);
    bomb[16..26].copy_from_slice(&[0, 0, 31, 64, 0, 0, 31, 64, 16, 6]);
    let large = [&good[..], &[0; 11 * 1024 * 1024]].concat();
    let cases: [(&str, &[u8], (u16, u64)); 7] = [
        (
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            (415, 6009),
        ),
        (
            "image/png",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            (415, 6009),
        ),
        ("text/html", &good, (415, 6009)),
        ("image/png", &page, (422, 6004)),
        ("image/png", &good[..good.len() - 20], (422, 6004)),
        ("image/png", &bomb, (422, 6004)),
        ("image/png", &large, (413, 6007)),
    ];
    for (kind, file, wanted) in cases {
        let answer = put(&server, "me/avatar", &token, kind, file);
        assert_eq!(answer.refusal(), wanted, "{kind}: {}", answer.text());
    }
    sent(&server, "me/avatar", "avatar", &token, &good);
}

#[test]
fn their_own_listener_serves_pictures_and_nothing_else() {
    let server = Options::new(&binary())
        .set(&["http.picture_listen=127.0.0.1:0"])
        .start();
    let token = account(&server, "ann");
    let id = sent(&server, "me/avatar", "avatar", &token, &png(40, 30));
    let address = server.address("pictures");
    let there = |path: &str| get(&format!("http://{address}/{path}")).status;
    assert_eq!(there(&format!("i/{id}-64.webp")), 200);
    for nothing in [
        "",
        "api/v1/live",
        "livez",
        "metrics",
        "console",
        "live/demo.flv",
        "sdk/",
    ] {
        assert_eq!(there(nothing), 404, "{nothing}");
    }
    assert_eq!(picture(&server, &id, "64.webp").status, 404);
    let place = ask(&server, "GET", "addresses", "", &Value::Null).json();
    let port = address.rsplit(':').next().unwrap();
    assert_eq!(place["pictures"], format!(":{port}"));
    let page = get(&server.http("account"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains(&format!("img-src 'self' http://*:{port} ")),
        "{policy}"
    );
}
