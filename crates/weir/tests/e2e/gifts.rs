//! Gifts on a server as it is installed: coins come in once for each payment, a gift is paid once and the room told once;
//! the pages of all who have to do with it; and words that are not said.

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response};
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::chat::{chatter, line, reply};
use crate::drivers::drive;
use crate::kit::{binary, build_dir, need, open_server};

/// A channel, a gift for 100 coins, and somebody with 250: their token and id.
fn shop(server: &Server) -> (String, String) {
    let amy = account(server, "amy");
    let made = ask(
        server,
        "POST",
        "channels",
        &amy,
        &json!({ "name": "amy", "title": "Amy" }),
    );
    assert!(made.status < 300, "{}", made.text());
    let rocket = json!({ "title": "Rocket", "title_zh": "火箭", "price": 100, "badge": "🚀" });
    let set = ask(server, "PUT", "gifts/rocket", server.token(), &rocket);
    assert_eq!(set.status, 200, "{}", set.text());
    let ann = account(server, "ann");
    let id = ask(server, "GET", "me", &ann, &Value::Null).json()["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    let paid = json!({ "payment": "psp-1", "coins": 250 });
    for again in [false, true] {
        let paid = ask(
            server,
            "POST",
            &format!("wallets/{id}/topups"),
            server.token(),
            &paid,
        );
        assert_eq!(paid.json()["coins"], 250, "{}", paid.text());
        assert_eq!(paid.json()["again"], again);
    }
    (ann, id)
}

fn give(server: &Server, token: &str, key: &str, order: &Value) -> Response {
    Request::get(&server.http("api/v1/gifts"))
        .method("POST")
        .header("Authorization", &format!("Bearer {token}"))
        .header("Idempotency-Key", key)
        .json(order)
        .send()
}

#[test]
fn a_gift_is_paid_once_the_room_is_told_once_and_staff_give_it_back() {
    let server = Options::new(&binary()).start();
    let (ann, id) = shop(&server);
    let (mut guest, _) = chatter(&server, "", &json!({ "r:live/amy": null }));
    let order = json!({ "channel": "amy", "gift": "rocket", "count": 2 });
    let first = give(&server, &ann, "k-1", &order);
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json();
    assert_eq!((&first["cost"], &first["coins"]), (&json!(200), &json!(50)));
    let again = give(&server, &ann, "k-1", &order).json();
    assert_eq!((&again["id"], &again["coins"]), (&first["id"], &json!(50)));
    let told = line(&mut guest, |line| line["k"] == "gift");
    assert_eq!(told["f"]["n"], "ann");
    assert_eq!((&told["d"]["id"], &told["l"]), (&first["id"], &json!(1)));
    assert_eq!(
        (&told["d"]["n"], &told["d"]["combo"]["n"]),
        (&json!(2), &json!(2))
    );

    let poor = give(
        &server,
        &ann,
        "k-2",
        &json!({ "channel": "amy", "gift": "rocket" }),
    );
    assert_eq!((poor.status, &poor.json()["code"]), (402, &json!(6030)));
    let unknown = give(
        &server,
        &ann,
        "k-3",
        &json!({ "channel": "amy", "gift": "yacht" }),
    );
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (404, &json!(6031))
    );
    let other = give(
        &server,
        &ann,
        "k-1",
        &json!({ "channel": "amy", "gift": "rocket" }),
    );
    assert_eq!(other.status, 422, "{}", other.text());

    let top = ask(
        &server,
        "GET",
        "channels/amy/gifts/top?span=hour",
        "",
        &Value::Null,
    )
    .json();
    assert_eq!(
        (&top["items"][0]["name"], &top["items"][0]["coins"]),
        (&json!("ann"), &json!(200))
    );
    let refund = json!({ "gift": first["id"], "why": "a mistake" });
    for _ in 0..2 {
        let back = ask(
            &server,
            "POST",
            &format!("wallets/{id}/refunds"),
            server.token(),
            &refund,
        );
        assert_eq!(back.json()["coins"], 250, "{}", back.text());
    }
    let wallet = ask(&server, "GET", "me/wallet", &ann, &Value::Null).json();
    let kinds: Vec<_> = wallet["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(
        (&wallet["coins"], kinds),
        (
            &json!(250),
            vec![&json!("refund"), &json!("gift"), &json!("topup")]
        )
    );
    let acts = ask(
        &server,
        "GET",
        "audit?action=gift.refund",
        server.token(),
        &Value::Null,
    )
    .json();
    assert_eq!(acts["items"].as_array().unwrap().len(), 1, "{acts}");
}

#[test]
fn a_word_that_is_not_said_is_refused_however_it_is_written() {
    let server = Options::new(&binary()).start();
    let set = json!({ "words": ["scam", "~傻瓜"], "links": false });
    let set = ask(
        &server,
        "PUT",
        "chat/filter?group=r:0",
        server.token(),
        &set,
    );
    assert_eq!(set.status, 200, "{}", set.text());
    let ann = account(&server, "ann");
    let (mut ann, _) = chatter(&server, &ann, &json!({ "r:live/amy": null }));
    let mut say = |i: u64, text: &str| {
        let said = json!({ "i": i, "c": "pub", "g": "r:live/amy", "d": { "m": text } });
        ann.text(&said.to_string());
        reply(&mut ann, i)
    };
    let mut number = 1;
    until("the gateway knows the words", 20, || {
        number += 1;
        let said = say(number, &format!("s.c.a.m {number}"));
        (said["er"]["n"] == 209).then_some(())
    });
    for text in ["ѕсаm it is", "你这个 sha gua", "example。com"] {
        number += 1;
        assert_eq!(say(number, text)["er"]["n"], 209, "{text}");
    }
}

/// As pages show it: in a language, in light or dark, on a telephone or not.
fn on_pages(look: &[&str]) {
    let server = open_server();
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let mut arguments = vec!["--token", server.token(), "--screenshots", &shots];
    arguments.extend(look);
    let result = drive("gifts.mjs", &server.http(""), None, &arguments);
    // What is not on sale is not offered.
    assert_eq!(result["offers"], 1, "{result:#}");
}

/// Shows R12.
#[test]
fn a_row_of_gifts_grows_beside_the_picture_and_comes_to_its_channel() {
    need!(Chromium, Node);
    on_pages(&[]);
}

#[test]
fn it_does_so_on_a_telephone_in_the_dark_in_chinese() {
    need!(Chromium, Node);
    on_pages(&["--phone", "--scheme", "dark", "--lang", "zh"]);
}
