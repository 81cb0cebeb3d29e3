//! What clients of chat say.

use weir_base::Id;
use weir_chat::bus::message::{Front, fact, post};
use weir_chat::bus::{Entry, Fact};
use weir_chat::room::silence::Silence;
use weir_chat::wire::PushKind;
use weir_chat::wire::record::put_command;

const HELLO: &str = r#"{"i":1,"c":"hi","g":{"r:1":null,"r:2":{"o":3,"e":"ab"}}}"#;
const LINES: [&str; 9] = [
    HELLO,
    r#"{"i":2,"c":"pub","g":"r:1","d":{"m":"hello"},"x":"once"}"#,
    r#"{"i":3,"c":"hist","g":"r:1","limit":5,"rev":true}"#,
    r#"{"i":4,"c":"who","g":"r:1"}"#,
    r#"{"i":5,"c":"rpc","g":"r:1","m":"mode","d":{"slow":3}}"#,
    r#"{"i":6,"c":"leave","g":"r:1"}"#,
    r#"{"i":7,"c":"join","g":"r:1","o":0,"e":"x"}"#,
    r#"{"c":"ack","g":"r:1","o":1}"#,
    r#"{"i":9,"c":"refresh","tk":"a.b.c"}"#,
];

fn put(out: &mut Vec<u8>, choice: u8, said: &[u8]) {
    out.push(choice);
    let bytes = u16::try_from(said.len()).unwrap_or(0);
    out.extend_from_slice(&bytes.to_be_bytes());
    out.extend_from_slice(said);
}

pub(in crate::fuzz) fn chat() -> Vec<Vec<u8>> {
    let (mut one_by_one, mut together, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for line in LINES {
        put(&mut one_by_one, 32, line.as_bytes());
        let mut record = Vec::new();
        put_command(&mut record, line);
        put(&mut records, 33, &record);
    }
    put(&mut together, 0, LINES.join("\n").as_bytes());
    vec![one_by_one, together, records]
}

pub(in crate::fuzz) fn chat_bus() -> Vec<Vec<u8>> {
    let entry = Entry {
        id: Id::first_of(1_790_000_000_000),
        push: PushKind::Message,
        fields: r#""id":"x","k":"gift","d":{"n":1},"t":1790000000000}"#.into(),
        user: "ann".into(),
        at_ms: 1_790_000_000_000,
        wants_receipt: true,
        once: Some("order-7".into()),
    };
    let mute = Fact::silence(Silence::Mute, "bob", 1_790_000_060_000);
    let mut seeds = Vec::new();
    for is_json in [false, true] {
        let hi = Front::Hi {
            epoch: "e1",
            first: 1,
            version: 1,
        };
        let lo = Front::Lo {
            sender: "m1",
            first: 3,
            end: 5,
        };
        for (front, more) in [(hi, fact(&mute, is_json)), (lo, Vec::new())] {
            let mut message = front.line().into_bytes();
            message.extend(post(&entry, is_json));
            message.extend(more);
            seeds.push(message);
        }
    }
    seeds
}
