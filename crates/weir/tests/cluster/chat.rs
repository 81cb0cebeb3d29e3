//! One room on two gateways by a real Redis: what is said on one is heard on the other, gifts have one order, and all of
//! that also after lines were cut and Redis came back empty.

use std::collections::VecDeque;

use serde_json::{Value, json};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::{Request, Response};
use weir_testkit::server::Server;
use weir_testkit::wait::until;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{cluster, need};

/// Seconds for what takes less than one.
const PATIENCE_S: u64 = 20;
const ROOM: &str = "r:live/demo";
const PASSWORD: &str = "a sentence that nobody guesses";

/// Somebody in the room, and all that was heard of it.
struct Chatter {
    client: WsClient,
    unread: VecDeque<Value>,
    next_i: u64,
    epoch: String,
    offset: u64,
    /// Ids of the hi lane, by place.
    gifts: Vec<String>,
}

impl Chatter {
    fn enter(server: &Server, token: &str) -> Self {
        let mut chatter = Self {
            client: WsClient::connect_for(&server.ws("chat"), "weir.json.1"),
            unread: VecDeque::new(),
            next_i: 0,
            epoch: String::new(),
            offset: 0,
            gifts: Vec::new(),
        };
        let hello = chatter.ask(json!({ "c": "hi", "tk": token, "g": { (ROOM): null } }));
        let room = &hello["ok"]["g"][ROOM];
        chatter.epoch = room["e"].as_str().unwrap().to_owned();
        chatter.offset = room["o"].as_u64().unwrap();
        chatter
    }

    /// The next line; what it says of the room's hi lane is noted.
    fn next(&mut self) -> Value {
        loop {
            if let Some(line) = self.unread.pop_front() {
                return line;
            }
            match self.client.next_message().unwrap() {
                Message::Text(text) if text.is_empty() => self.client.text(""),
                Message::Text(text) => {
                    for line in text.split('\n') {
                        let line: Value = serde_json::from_str(line).unwrap();
                        self.note(&line);
                        self.unread.push_back(line);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn note(&mut self, line: &Value) {
        if line["g"] != ROOM {
            return;
        }
        if line["p"] == "ep" {
            self.epoch = line["e"].as_str().unwrap().to_owned();
            self.offset = line["o"].as_u64().unwrap();
            self.gifts.clear();
        } else if let Some(offset) = line["o"].as_u64() {
            assert_eq!(offset, self.offset + 1, "once and in order: {line}");
            self.offset = offset;
            if line["k"] == "gift" {
                self.gifts.push(line["id"].as_str().unwrap().to_owned());
            }
        }
    }

    /// Reads on to the line that `is_it`.
    fn hear(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next();
            if is_it(&line) {
                return line;
            }
        }
    }

    fn ask(&mut self, mut command: Value) -> Value {
        self.next_i += 1;
        let i = self.next_i;
        command["i"] = i.into();
        self.client.text(&command.to_string());
        self.hear(|line| line["i"] == i)
    }

    fn say(&mut self, text: &str) -> Value {
        self.ask(json!({ "c": "pub", "g": ROOM, "d": { "m": text } }))
    }

    /// Reads on until it has come so far in the hi lane.
    fn reach(&mut self, (epoch, offset): &(String, u64)) {
        while (&self.epoch, self.offset) != (epoch, *offset) {
            self.next();
        }
    }
}

fn ask(server: &Server, (method, path): (&str, &str), token: &str, body: &Value) -> Response {
    Request::get(&server.http(&format!("api/v1/{path}")))
        .method(method)
        .header("Authorization", &format!("Bearer {token}"))
        .json(body)
        .send()
}

/// A new account; its chat token, and its id.
fn account(server: &Server, name: &str, role: &str) -> (String, String) {
    let email = format!("{name}@example.net");
    let wish = json!({ "name": name, "email": email, "password": PASSWORD });
    assert_eq!(ask(server, ("POST", "accounts"), "", &wish).status, 201);
    let wish = json!({ "login": name, "password": PASSWORD });
    let session = ask(server, ("POST", "sessions"), "", &wish).json();
    let session = session["token"].as_str().unwrap();
    let id = ask(server, ("GET", "me"), session, &Value::Null).json()["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    let wish = json!({ "role": role });
    let path = format!("accounts/{id}");
    assert_eq!(
        ask(server, ("PATCH", &path), server.token(), &wish).status,
        200
    );
    let token = ask(server, ("POST", "tokens/chat"), session, &json!({})).json();
    (token["token"].as_str().unwrap().to_owned(), id)
}

/// A gift in the room, by this node; how far the room has come with it.
fn gift(server: &Server, key: &str) -> Option<(String, u64)> {
    let wish = json!({ "group": ROOM, "kind": "gift", "data": { "n": 1 }, "key": key });
    let placed = ask(server, ("POST", "chat/publish"), server.token(), &wish);
    let told = placed.json();
    (placed.status == 200).then(|| {
        let epoch = told["epoch"].as_str().unwrap().to_owned();
        (epoch, told["offset"].as_u64().unwrap())
    })
}

fn channels(cluster: &Cluster) -> usize {
    let redis = cluster.redis.as_ref().unwrap();
    redis
        .ask(&["PUBSUB", "CHANNELS", "weir:{weir:chat:0}:g:*"])
        .len()
}

/// Shows R10, R84, R89, R90.
#[test]
fn a_room_is_one_on_two_gateways_also_after_its_lines_were_cut_and_redis_came_back_empty() {
    need!(RedisServer);
    let mut cluster = cluster(vec![
        Node::new("a", &["origin", "edge", "chat", "api"]),
        Node::new("b", &["edge", "chat"]).set(&["chat.bus_json=true"]),
    ]);
    let (ann, _) = account(&cluster["a"], "ann", "moderator");
    let (bob, bobs_id) = account(&cluster["a"], "bob", "viewer");
    let mut ann = Chatter::enter(&cluster["a"], &ann);
    let mut bob = Chatter::enter(&cluster["b"], &bob);
    assert_eq!(ann.epoch, bob.epoch);
    assert!(bob.say("你好 👋")["ok"]["id"].is_string());
    let heard = ann.hear(|line| line["k"] == "chat");
    assert_eq!(
        (&heard["d"]["m"], &heard["f"]["n"]),
        (&json!("你好 👋"), &json!("bob"))
    );

    // Gifts from both sides have one order; the same again is the same, wherever it is asked.
    let mut last = None;
    for n in 0..20 {
        let node = if n % 2 == 0 { "a" } else { "b" };
        last = gift(&cluster[node], &format!("gift-{n}"));
    }
    assert_eq!(gift(&cluster["a"], "gift-19"), last);
    let last = last.unwrap();
    assert_eq!(last.1, 20);
    ann.reach(&last);
    bob.reach(&last);
    assert_eq!((ann.gifts.len(), &ann.gifts), (20, &bob.gifts));

    // r:0, the room, and the two own groups: to post elsewhere is not to listen there.
    assert_eq!(channels(&cluster), 4);
    for n in 0..50 {
        let wish = json!({ "group": format!("r:other/{n}"), "kind": "gift", "data": 1 });
        let server = &cluster["b"];
        let placed = ask(server, ("POST", "chat/publish"), server.token(), &wish);
        assert_eq!(placed.status, 200, "{}", placed.text());
    }
    assert_eq!(channels(&cluster), 4);

    // A moderator of one node mutes on the other, and lets speak again.
    let order = |method: &str| json!({ "c": "rpc", "g": ROOM, "m": method, "d": { "u": bobs_id } });
    assert!(ann.ask(order("mute"))["ok"].is_object());
    let mut n = 0;
    let mut says = |bob: &mut Chatter, number: Option<u64>| {
        until("the other node knows", PATIENCE_S, || {
            n += 1;
            let told = bob.say(&format!("word {n}"))["er"]["n"].as_u64();
            (told == number || (number.is_none() && told == Some(111))).then_some(())
        });
    };
    says(&mut bob, Some(201));
    assert!(ann.ask(order("unmute"))["ok"].is_object());
    says(&mut bob, None);

    // What was said while a node's lines were cut is heard when they are there again.
    let redis = cluster.redis.as_ref().unwrap();
    redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    let mut last = None;
    for n in 20..30 {
        last = gift(&cluster["b"], &format!("gift-{n}"));
    }
    let last = last.unwrap();
    ann.reach(&last);
    bob.reach(&last);
    assert_eq!((ann.gifts.len(), &ann.gifts), (30, &bob.gifts));

    // Without Redis a gift is refused and chat goes on where it is; with an empty one the numbering begins anew.
    cluster.redis.as_mut().unwrap().kill();
    assert_eq!(gift(&cluster["a"], "gift-30"), None);
    assert!(ann.say("still here")["ok"]["id"].is_string());
    cluster.redis.as_mut().unwrap().restart();
    let old = bob.epoch.clone();
    let placed = until("gifts are taken again", PATIENCE_S, || {
        gift(&cluster["a"], "gift-31")
    });
    assert_ne!(placed.0, old);
    ann.reach(&placed);
    bob.reach(&placed);
    assert_eq!(ann.gifts, bob.gifts);
    bob.say("and back");
    ann.hear(|line| line["d"]["m"] == "and back");
}
