//! The site's own service behind the chat gateway: a process of its own, which decides, is killed in the middle of a
//! call, comes back, and is replaced by another version.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;
use weir_testkit::ws::WsClient;

use crate::accounts::account;
use crate::chat::{chatter, line, reply};
use crate::kit::binary;

/// Says its port, and `slow` when a call has come that it never answers. It refuses a request without signature.
const SERVICE: &str = r#"
import base64, hashlib, hmac, json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
VERSION, PORT = sys.argv[1], int(sys.argv[2])
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
def tell(word):
    print(word, flush=True)
def decide(kind, data):
    payload = data["payload"]
    if kind in ("chat.connect", "chat.join"):
        return {"allow": True, "refused": [g for g in data["groups"] if g == "r:secret"]}
    if kind == "chat.publish":
        if "bad" in payload["m"]:
            return {"allow": False, "code": 209, "message": "not " + data["name"]}
        return {"allow": True, "payload": {"m": payload["m"].lower()}}
    if data["kind"] == "slow":
        tell("slow")
        threading.Event().wait()
    return {"allow": True, "payload": {"version": VERSION}}
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = (self.headers["webhook-id"] + "." + self.headers["webhook-timestamp"] + ".").encode() + body
        want = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        is_good = self.headers["webhook-signature"] == want
        asked = json.loads(body)
        answer = json.dumps(decide(asked["type"], asked["data"]) if is_good else {}).encode()
        self.send_response(200 if is_good else 403)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
server.daemon_threads = True
tell(server.server_address[1])
server.serve_forever()
"#;

/// A service in a process of its own; killed when it is dropped.
struct Service {
    child: Child,
    says: BufReader<ChildStdout>,
    port: u16,
}

impl Service {
    fn start(version: &str, port: u16) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", SERVICE, version, &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        says.read_line(&mut port).unwrap();
        Self {
            port: port.trim().parse().unwrap(),
            child,
            says,
        }
    }

    fn wait_for(&mut self, word: &str) {
        let mut said = String::new();
        self.says.read_line(&mut said).unwrap();
        assert_eq!(said.trim(), word);
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(urls: &[(&Service, u32)]) -> String {
    let urls: Vec<_> = urls
        .iter()
        .map(|(service, weight)| {
            let port = service.port;
            format!("{{ url = \"http://127.0.0.1:{port}/chat\", weight = {weight} }}")
        })
        .collect();
    format!(
        "[chat.service]\nurls = [{}]\ntimeout_ms = 5000\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
        urls.join(", ")
    )
}

fn ask(client: &mut WsClient, command: Value) -> Value {
    client.text(&command.to_string());
    reply(client, command["i"].as_u64().unwrap())
}

fn say(client: &mut WsClient, i: u64, text: &str) -> Value {
    ask(
        client,
        json!({ "i": i, "c": "pub", "g": "r:live/demo", "d": { "m": text } }),
    )
}

fn version(client: &mut WsClient, i: u64) -> Value {
    ask(
        client,
        json!({ "i": i, "c": "rpc", "m": "version", "d": {} }),
    )
}

/// Asks until the service is heard again, from number `i` on; every answer until then is a `150 tmp`.
fn version_when_back(client: &mut WsClient, mut i: u64) -> u64 {
    until("an answer of the service that is back", 15, || {
        i += 1;
        let told = version(client, i);
        if told["ok"].is_object() {
            return Some(i);
        }
        let refusal = (&told["er"]["n"], &told["er"]["tmp"]);
        assert_eq!(refusal, (&json!(150), &json!(true)), "{told}");
        None
    })
}

fn chat_server(text: &str) -> Server {
    Options::new(&binary()).file(text).start()
}

/// Shows R88, R92.
#[test]
fn the_sites_service_decides_and_its_death_closes_no_socket() {
    let mut old = Service::start("old", 0);
    let server = chat_server(&settings(&[(&old, 1)]));
    let (ann, bob) = (account(&server, "ann"), account(&server, "bob"));
    let room = json!({ "r:live/demo": null, "r:secret": null });
    let (mut ann, hello) = chatter(&server, &ann, &room);
    assert_eq!(hello["ok"]["g"]["r:secret"]["er"]["n"], 103, "{hello}");
    let (mut bob, _) = chatter(&server, &bob, &json!({ "r:live/demo": null }));
    assert!(say(&mut ann, 2, "HELLO")["ok"]["id"].is_string());
    let heard = line(&mut bob, |line| line["p"] == "m");
    assert_eq!(
        (&heard["d"]["m"], &heard["f"]["n"]),
        (&json!("hello"), &json!("ann"))
    );
    let refused = say(&mut ann, 3, "bad words")["er"].clone();
    assert_eq!(
        (&refused["n"], &refused["m"]),
        (&json!(209), &json!("not ann"))
    );

    // Killed in the middle of a call: that is answered, others are told at once, and nobody is closed.
    ann.text(r#"{"i":4,"c":"rpc","m":"slow","d":{}}"#);
    old.wait_for("slow");
    old.kill();
    let away = reply(&mut ann, 4)["er"].clone();
    assert_eq!((&away["n"], &away["tmp"]), (&json!(150), &json!(true)));
    assert_eq!(say(&mut bob, 2, "anybody?")["er"]["n"], 150);
    let old = Service::start("old", old.port);
    let i = version_when_back(&mut ann, 5);
    assert!(
        say(&mut bob, 3, "anybody?")["ok"]["id"].is_string(),
        "the same words again"
    );

    // Another version comes with a fifth of the questions, then takes them all, and the same sockets stay.
    let new = Service::start("new", 0);
    reload(&server, &settings(&[(&old, 4), (&new, 1)]));
    let answers: Vec<_> = (0..20).map(|n| version(&mut bob, 100 + n)).collect();
    let from_new = answers.iter().filter(|told| told["ok"]["version"] == "new");
    let from_new = from_new.count();
    assert!((3..=5).contains(&from_new), "{from_new}: {answers:?}");
    reload(&server, &settings(&[(&new, 1)]));
    drop(old);
    assert_eq!(version(&mut ann, i + 1)["ok"]["version"], "new");
    assert_eq!(version(&mut bob, 200)["ok"]["version"], "new");
}

fn reload(server: &Server, text: &str) {
    let reloads = || server.log().matches("configuration reloaded").count();
    let before = reloads();
    std::fs::write(server.data().join("weir.toml"), text).unwrap();
    server.signal(Signal::HUP);
    until("the reload", 10, || (reloads() > before).then_some(()));
}
