//! Commands (§7.1.1, §7.2): name, transaction, command object, arguments.

use bytes::Bytes;
use weir_media::amf::{Decoder, Value};

use super::RtmpError;
use super::message;

/// The largest command taken. Real ones have some hundred bytes; a `connect` with long URLs two
/// thousand.
const MAX_COMMAND_BYTES: usize = 64 * 1024;

/// A command as received.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) transaction: f64,
    pub(super) object: Value,
    pub(super) arguments: Vec<Value>,
}

impl Command {
    /// Reads the body of a message of type 17 or 20. `None` for one whose name is no text: nobody means
    /// anything by it. Arguments end where they cannot be read: encoders pad, and what a call carries is
    /// between its two ends.
    pub(super) fn decode(message_type: u8, body: &Bytes) -> Result<Option<Self>, RtmpError> {
        if body.len() > MAX_COMMAND_BYTES {
            return Err(RtmpError::TooLarge {
                size_bytes: body.len() as u64,
                limit_bytes: MAX_COMMAND_BYTES as u64,
            });
        }
        let mut decoder = match message_type {
            message::COMMAND_AMF3 => Decoder::new_amf3_message(body),
            _ => Decoder::new(body),
        };
        let Some(Value::String(name)) = decoder.next()? else {
            return Ok(None);
        };
        let transaction = decoder.next()?.and_then(|value| value.as_f64());
        let object = decoder.next()?.unwrap_or(Value::Null);
        let mut arguments = Vec::new();
        while let Ok(Some(argument)) = decoder.next() {
            arguments.push(argument);
        }
        Ok(Some(Self {
            name,
            transaction: transaction.unwrap_or_default(),
            object,
            arguments,
        }))
    }

    /// The text of an argument, `""` where there is none.
    pub(super) fn text(&self, index: usize) -> &str {
        let argument = self.arguments.get(index);
        argument.and_then(Value::as_str).unwrap_or_default()
    }

    /// The number of an argument.
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        self.arguments.get(index).and_then(Value::as_f64)
    }

    /// The last value that has properties: the info object of statuses and results.
    pub(super) fn info(&self) -> Option<&Value> {
        let mut values = self.arguments.iter().rev().chain([&self.object]);
        values.find(|value| value.properties().is_some())
    }
}

/// The body of a command in AMF0.
pub(super) fn encode(name: &str, transaction: f64, object: &Value, arguments: &[Value]) -> Vec<u8> {
    let mut body = Vec::with_capacity(128);
    Value::from(name).encode(&mut body);
    Value::Number(transaction).encode(&mut body);
    object.encode(&mut body);
    arguments.iter().for_each(|value| value.encode(&mut body));
    body
}

/// The info object of a status; `number` 0 is left out.
pub(super) fn info(level: &str, code: &str, description: &str, number: u16) -> Value {
    let mut info = vec![
        ("level".to_owned(), Value::from(level)),
        ("code".to_owned(), Value::from(code)),
        ("description".to_owned(), Value::from(description)),
    ];
    if number != 0 {
        info.push(("weirCode".to_owned(), Value::Number(number.into())));
    }
    Value::Object(info)
}
