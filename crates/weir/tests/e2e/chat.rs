//! Chat on a server as it is installed: accounts, tokens, two connections, and what each of them sees.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir_testkit::http::{Answer, Request};
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::ws::{Message, WsClient};

use crate::accounts::{account, ask};
use crate::kit::{binary, repository};

/// A connection that has greeted; what it was told.
pub(crate) fn chatter(server: &Server, token: &str, groups: &Value) -> (WsClient, Value) {
    let mut client = WsClient::connect_for(&server.ws("chat"), "weir.json.1");
    let mut hello = json!({ "i": 1, "c": "hi", "g": groups });
    if !token.is_empty() {
        let chat = ask(server, "POST", "tokens/chat", token, &json!({}));
        assert_eq!(chat.status, 200, "{}", chat.text());
        hello["tk"] = chat.json()["token"].clone();
    }
    client.text(&hello.to_string());
    let told = reply(&mut client, 1);
    (client, told)
}

/// The next line that `is_it`.
pub(crate) fn line(client: &mut WsClient, is_it: impl Fn(&Value) -> bool) -> Value {
    loop {
        let Message::Text(text) = client.next_message().unwrap() else {
            panic!("no text");
        };
        let lines = text.split('\n').filter(|line| !line.is_empty());
        let mut lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        if let Some(found) = lines.find(&is_it) {
            return found;
        }
    }
}

pub(crate) fn reply(client: &mut WsClient, i: u64) -> Value {
    line(client, |line| line["i"] == i)
}

/// Shows R10, R12, R75, R76, R100.
#[test]
fn two_accounts_and_a_guest_meet_in_a_room() {
    let server = Options::new(&binary()).start();
    let (ann, bob) = (account(&server, "ann"), account(&server, "bob"));
    let room = json!({ "r:live/demo": null });
    let (mut ann, hello) = chatter(&server, &ann, &room);
    assert_eq!(hello["ok"]["u"]["n"], "ann", "{hello}");
    let (mut bob, _) = chatter(&server, &bob, &room);
    let (mut guest, _) = chatter(&server, "", &room);
    ann.text(r#"{"i":2,"c":"pub","g":"r:live/demo","d":{"m":"你好 👋"}}"#);
    assert!(reply(&mut ann, 2)["ok"]["id"].is_string());
    for client in [&mut ann, &mut bob, &mut guest] {
        let told = line(client, |line| line["p"] == "m");
        assert_eq!(
            (&told["d"]["m"], &told["f"]["n"]),
            (&json!("你好 👋"), &json!("ann"))
        );
    }
    guest.text(r#"{"i":2,"c":"pub","g":"r:live/demo","d":{"m":"x"}}"#);
    assert_eq!(reply(&mut guest, 2)["er"]["n"], 101);
}

/// Shows R11.
#[test]
fn a_page_of_the_site_chats_by_the_sites_cookie_and_a_page_of_another_does_not() {
    let server = Options::new(&binary()).start();
    account(&server, "ann");
    let wish = json!({ "login": "ann", "password": crate::accounts::PASSWORD });
    let signed_in = Request::get(&server.http("api/v1/sessions"))
        .method("POST")
        .json(&wish)
        .send();
    let cookie = signed_in
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let own = format!("http://{}", server.address("http"));
    for (origin, name) in [(own.as_str(), Some("ann")), ("https://evil.example", None)] {
        let headers = [("Cookie", cookie.as_str()), ("Origin", origin)];
        let mut client = WsClient::connect_as(&server.ws("chat"), "weir.json.1", &headers);
        client.text(r#"{"i":1,"c":"hi"}"#);
        let told = reply(&mut client, 1);
        let is_ann = told["ok"]["u"]["n"] == "ann";
        assert_eq!(is_ann, name.is_some(), "{origin}: {told}");
    }
}

#[test]
fn who_speaks_no_protocol_of_ours_is_told_so() {
    let server = Options::new(&binary()).start();
    let mut client = WsClient::connect_for(&server.ws("chat"), "mqtt");
    let Message::Close(code, reason) = client.next_message().unwrap() else {
        panic!("not closed");
    };
    assert_eq!((code, reason.starts_with("4004")), (4400, true), "{reason}");
    for (said, code) in [
        ("hello", 3501),
        ("{\"c\":\"who\",\"g\":\"r:1\"}", 3501),
        (&"x".repeat(20_000), 1009),
    ] {
        let mut client = WsClient::connect_for(&server.ws("chat"), "weir.json.1");
        client.text(said);
        let closed = loop {
            match client.next_message().unwrap() {
                Message::Close(code, _) => break code,
                _ => continue,
            }
        };
        assert_eq!(closed, code);
    }
    let plain = Request::get(&server.http("chat")).send();
    assert_eq!(plain.status, 426);
}

/// The data of the next event that `is_it`.
fn event(answer: &mut Answer, read: &mut String, is_it: impl Fn(&str, &Value) -> bool) -> Value {
    loop {
        while let Some((event, rest)) = read.split_once("\n\n") {
            let named = event
                .strip_prefix("event: ")
                .and_then(|event| event.split_once('\n'));
            let (name, data) = named.unwrap_or(("message", event));
            let data = data
                .strip_prefix("data: ")
                .map(serde_json::from_str::<Value>);
            let name = name.to_owned();
            *read = rest.to_owned();
            if let Some(data) = data.map(Result::unwrap).filter(|data| is_it(&name, data)) {
                return data;
            }
        }
        let Some(chunk) = answer.next_chunk().unwrap() else {
            panic!("the events ended");
        };
        read.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

/// Shows R12.
#[test]
fn who_has_no_web_socket_reads_the_same_room_by_events_and_comes_back_to_its_place() {
    let server = Options::new(&binary()).set(&["chat.guests=write"]).start();
    let open = |query: &str| {
        let answer = Request::get(&server.http(&format!("chat/events?{query}"))).open();
        (answer.unwrap(), String::new())
    };
    let (mut events, mut read) = open("g=r:live/demo");
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let hello = event(&mut events, &mut read, |_, data| data["i"] == 1);
    let here = &hello["ok"]["g"]["r:live/demo"];
    let (mut guest, _) = chatter(&server, "", &json!({ "r:live/demo": null }));
    // Payloads are passed on as they came: a line break between their tokens ends no event.
    guest.text("{\"c\":\"pub\",\"g\":\"r:live/demo\",\"d\":{\"m\":\r\"你好 👋\"}}");
    let told = event(&mut events, &mut read, |_, data| data["p"] == "m");
    assert_eq!(told["d"]["m"], "你好 👋");
    let place = format!("{}:{}", here["o"], here["e"].as_str().unwrap());
    let (mut again, mut read) = open(&format!("g=r:live/demo:{place}"));
    let hello = event(&mut again, &mut read, |_, data| data["i"] == 1);
    assert_eq!(hello["ok"]["g"]["r:live/demo"]["rec"], true, "{hello}");
    let (mut refused, mut read) = open("g=r:live/demo&tk=nobodys");
    let bye = event(&mut refused, &mut read, |name, _| name == "bye");
    assert_eq!(bye["n"], 3500);
    assert!(refused.next_chunk().unwrap().is_none());
    let wrong = Request::get(&server.http("chat/events?g=r:live/demo:1")).send();
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

/// The client on the page of the protocol, as it stands there.
#[test]
fn the_client_of_the_page_enters_says_and_hears() {
    let page = std::fs::read_to_string(repository().join("docs/ref/chat.md")).unwrap();
    let (_, code) = page.split_once("```python\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    assert!(code.lines().count() <= 90, "{} lines", code.lines().count());
    let server = Options::new(&binary()).set(&["chat.guests=write"]).start();
    let script = server.data().join("client.py");
    std::fs::write(&script, code).unwrap();
    let mut client = Command::new("python3");
    client.arg(&script).arg(server.ws("chat"));
    client.args(["r:live/demo", "", "hello from a page"]);
    let mut child = client.stdout(Stdio::piped()).spawn().unwrap();
    let heard = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut heard = heard.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let own = heard.find(|line| line["p"] == "m").unwrap();
    assert_eq!(own["d"]["m"], "hello from a page");
    publish(
        &server,
        &json!({ "group": "r:live/demo", "kind": "gift", "data": { "n": 1 } }),
    );
    let gift = heard.find(|line| line["k"] == "gift").unwrap();
    assert_eq!((&gift["l"], &gift["o"]), (&json!(1), &json!(1)));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Posts in the name of the site.
fn publish(server: &Server, post: &Value) -> Value {
    let placed = ask(server, "POST", "chat/publish", server.token(), post);
    assert_eq!(placed.status, 200, "{}", placed.text());
    placed.json()
}

#[test]
fn the_sites_service_posts_once_by_its_key_and_reads_what_is_remembered() {
    let server = Options::new(&binary()).start();
    let (mut guest, _) = chatter(&server, "", &json!({ "r:1": null }));
    let post = json!({ "group": "r:1", "kind": "gift", "data": { "id": "rocket" }, "key": "order-7",
        "from": { "user": "7", "name": "Amy" } });
    let placed = publish(&server, &post);
    assert_eq!(
        (&placed["offset"], &placed["again"]),
        (&json!(1), &json!(false))
    );
    let again = publish(&server, &post);
    assert_eq!(
        (&again["id"], &again["again"]),
        (&placed["id"], &json!(true))
    );
    let told = line(&mut guest, |line| line["p"] == "m");
    assert_eq!(
        (&told["id"], &told["f"]["n"], &told["d"]["id"]),
        (&placed["id"], &json!("Amy"), &json!("rocket"))
    );
    let read = |query: &str| {
        ask(
            &server,
            "GET",
            &format!("chat/history?group=r:1{query}"),
            server.token(),
            &Value::Null,
        )
    };
    let page = read("&since=0").json();
    assert_eq!(
        (&page["offset"], &page["items"][0]["id"]),
        (&json!(1), &placed["id"])
    );
    assert_eq!(page["online"], 1);
    assert_eq!(read("&since=9").status, 409);
    let wrong = json!({ "group": "x:1", "kind": "gift", "data": 1 });
    assert_eq!(
        ask(&server, "POST", "chat/publish", server.token(), &wrong).status,
        422
    );
    assert_eq!(ask(&server, "POST", "chat/publish", "", &post).status, 401);
    let metrics = Request::get(&server.http("metrics")).send().text();
    assert!(metrics.contains("weir_chat_posts_total{node="), "{metrics}");
}

#[test]
fn a_room_is_a_command_away_in_a_terminal() {
    let server = Options::new(&binary()).set(&["chat.guests=write"]).start();
    let (mut guest, _) = chatter(&server, "", &json!({ "r:live/demo": null }));
    let mut terminal = Command::new(binary());
    terminal.args(["chat", &server.ws("chat"), "live/demo"]);
    let terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = terminal.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all("typed words\n".as_bytes())
        .unwrap();
    let told = line(&mut guest, |line| line["p"] == "m");
    assert_eq!(told["d"]["m"], "typed words");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("* r:live/demo: 2 here; you are guest-"),
        "{text}"
    );
}

#[test]
fn broken_frames_are_closed_with_the_codes_of_web_sockets() {
    let server = Options::new(&binary()).start();
    for (frame, code) in [
        (&[0xc1, 0x80, 0, 0, 0, 0][..], 1002),
        (&[0x81, 0x01, b'x'], 1002),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], 1007),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0], 1009),
        (&[0x82, 0x81, 0, 0, 0, 0, b'x'], 3501),
    ] {
        let mut client = WsClient::connect_for(&server.ws("chat"), "weir.json.1");
        client.raw(frame);
        let Message::Close(closed, _) = client.next_message().unwrap() else {
            panic!("{frame:x?} is not closed");
        };
        assert_eq!(closed, code, "{frame:x?}");
    }
}

#[test]
fn whoever_is_there_when_the_server_stops_is_told_to_come_again() {
    let server = Options::new(&binary()).start();
    let (mut guest, _) = chatter(&server, "", &json!({}));
    guest.ping(b"x");
    assert_eq!(guest.next_message().unwrap(), Message::Pong(b"x".to_vec()));
    server.signal(Signal::TERM);
    let code = loop {
        match guest.next_message().unwrap() {
            Message::Close(code, _) => break code,
            _ => continue,
        }
    };
    assert_eq!(code, 3001);
}

/// Shows R82.
#[test]
fn under_load_nothing_is_lost_without_a_word() {
    let server = Options::new(&binary()).set(&["chat.guests=write"]).start();
    let mut bench = Command::new(binary());
    let url = server.ws("chat");
    bench.args([
        "bench",
        "chat",
        "--url",
        &url,
        "--members",
        "60",
        "--rooms",
        "3",
        "--json",
    ]);
    let output = bench
        .args(["--posters", "12", "--seconds", "3"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_str(&text).unwrap();
    let count = |name: &str| report[name].as_i64().unwrap();
    assert!(count("posted") >= 30 && count("refused") == 0, "{report}");
    assert_eq!(
        count("delivered") + count("skipped"),
        // Who posts is in every room.
        count("posted") * (20 + 12) + count("shed"),
        "{report}"
    );
    assert_eq!((count("lost"), count("disordered")), (0, 0), "{report}");
}
