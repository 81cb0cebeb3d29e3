//! People sign in by a provider elsewhere: a real one, over real redirects, in a real browser.

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response};
use weir_testkit::process::Process;
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;

use crate::drivers::drive;
use crate::kit::{binary, build_dir, need, repository};
use crate::nginx::free_ports;

/// Seconds the provider may take to listen.
const PATIENCE_S: u64 = 20;
const SECRET: &str = "a secret that the provider gave";

/// A server, and the provider that it knows.
fn school(more: &str) -> (Server, Process) {
    let [site, provider] = free_ports();
    let options = Options::new(&binary());
    let secret = options.data().join("school.secret");
    std::fs::write(&secret, SECRET).unwrap();
    let file = format!(
        r#"
        [accounts]
        site_url = "http://127.0.0.1:{site}"
        [[accounts.oidc]]
        name = "school"
        title = "Our school"
        issuer = "http://localhost:{provider}"
        client_id = "weir"
        client_secret_file = "{}"
        {more}
        "#,
        secret.display()
    );
    let listen = format!("http.listen=127.0.0.1:{site}");
    let server = options.file(&file).set(&[&listen]).start();
    let redirect = server.http("account/oidc/school");
    let log = server.data().join("provider.log");
    let mut command = Tool::Node.command();
    command.arg(repository().join("web/e2e/provider.mjs"));
    command.args(["--port", &provider.to_string(), "--redirect", &redirect]);
    command.args(["--secret", SECRET]);
    command
        .arg("--modules")
        .arg(Tool::OidcProvider.path().unwrap_or_default());
    let process = Process::spawn("oidc-provider", &mut command, &log);
    process.wait_for_log("listening", PATIENCE_S);
    (server, process)
}

const HERE: &str = r#"allow = ["127.0.0.1", "::1"]"#;

#[test]
fn people_sign_in_by_a_provider_link_it_and_unlink_it_in_the_browser() {
    need!(Chromium, Node, OidcProvider);
    let trusted = format!("{HERE}\ntrust_email = true");
    let (server, provider) = school(&trusted);
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let seen = drive(
        "oidc.mjs",
        &server.http(""),
        None,
        &["--screenshots", &shots],
    );
    for (what, want) in [
        ("new", "ann"),
        ("known", "ann"),
        ("mail", "ann@school.example"),
        ("renamed", "bob-of-school"),
        ("linked", "bob"),
        ("kept", ""),
    ] {
        assert_eq!(seen[what], want, "{what}: {seen:#}");
    }
    // What the provider said stays in no address.
    assert_eq!(seen["address"], server.http("account"));
    assert_eq!(seen["unlinked"], true);
    let refused = seen["refused"].as_str().unwrap();
    assert!(refused.contains("access_denied"), "{refused}");
    let log = server.log();
    assert!(!log.contains(SECRET) && !log.contains("code="), "{log}");

    drop(provider);
    // What it said of itself is known for an hour: only one who comes back needs it. So ask another server.
    let (other, gone) = school(HERE);
    drop(gone);
    let arguments = ["--away", "--lang", "zh"];
    let seen = drive("oidc.mjs", &other.http(""), None, &arguments);
    let words = seen["words"].as_str().unwrap();
    assert!(words.contains("Our school"), "{words}");
}

fn post(server: &Server, path: &str, cookie: &str, body: &Value) -> Response {
    let request = Request::get(&server.http(&format!("api/v1/{path}"))).method("POST");
    let origin = server.http("");
    let request = request.header("Origin", origin.trim_end_matches('/'));
    request.header("Cookie", cookie).json(body).send()
}

#[test]
fn a_provider_in_an_internal_network_is_asked_where_the_operator_lists_it() {
    need!(Node, OidcProvider);
    let (server, _provider) = school("");
    let wish = json!({ "provider": "school" });
    let refused = post(&server, "sessions/oidc/offer", "", &wish);
    assert_eq!(refused.refusal(), (503, 6022), "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    let nobody = post(
        &server,
        "sessions/oidc/offer",
        "",
        &json!({ "provider": "club" }),
    );
    assert_eq!(nobody.status, 404);

    let (server, _provider) = school(HERE);
    let offered = post(&server, "sessions/oidc/offer", "", &wish);
    assert_eq!(offered.status, 200, "{}", offered.text());
    let cookie = offered.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    let url = offered.json()["url"].as_str().unwrap().to_owned();
    let query = url.split_once('?').unwrap().1.to_owned();
    let state = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("state="))
        .unwrap();
    // A code that the provider never gave, from the right browser; and then once more.
    let back = json!({ "provider": "school", "state": state, "code": "made up",
        "iss": url.split_once("/auth").unwrap().0 });
    let arrived = post(&server, "sessions/oidc", cookie, &back);
    assert_eq!(arrived.refusal(), (403, 6023), "{}", arrived.text());
    assert!(
        arrived.text().contains("invalid_grant"),
        "{}",
        arrived.text()
    );
    let again = post(&server, "sessions/oidc", cookie, &back);
    assert_eq!(again.refusal(), (401, 6011), "{}", again.text());
    // A page of another site begins nothing.
    let elsewhere = Request::get(&server.http("api/v1/sessions/oidc/offer"))
        .method("POST")
        .header("Origin", "https://evil.example")
        .json(&wish)
        .send();
    assert_eq!(elsewhere.refusal(), (403, 6013));
}
