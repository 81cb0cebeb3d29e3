//! What clients of chat say.

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
