//! AMF, the value encoding of RTMP commands and FLV script data: AMF0, and AMF3 as clients send it.
//!
//! Values in, values out; what a command means is the protocol's business. AMF3 is read, never
//! written except for byte arrays: every client that sends AMF3 takes AMF0 answers.

mod amf0;
mod amf3;
mod cursor;

use crate::Result;
use cursor::{AmfCursor, Budget};

/// How deep values may nest. Real commands and metadata use four levels; recursion stays small.
pub const MAX_DEPTH: usize = 32;
/// How many values one decoder gives out, nested ones included. A keyframe index of a ten-hour
/// recording has some 40,000.
pub const MAX_VALUES: usize = 65_536;
/// How many bytes of strings one decoder gives out, keys included and repeats by reference counted
/// each time.
pub const MAX_STRING_BYTES: usize = 1024 * 1024;

/// Named values in the order of the wire. AMF allows a name twice; the first one counts.
pub type Properties = Vec<(String, Value)>;

/// One AMF value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number; AMF3 integers too.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text, short or long: the encoder picks the marker. What was not UTF-8 has U+FFFD in it.
    String(String),
    /// An anonymous object.
    Object(Properties),
    /// Nothing.
    Null,
    /// Not even nothing.
    Undefined,
    /// An associative array. On the wire it differs from an object by a count nobody may trust.
    EcmaArray(Properties),
    /// An array by index.
    StrictArray(Vec<Value>),
    /// A moment.
    Date {
        /// Milliseconds since 1970-01-01 UTC.
        unix_ms: f64,
        /// Minutes; reserved by the specification and zero in AMF3.
        zone_minutes: i16,
    },
    /// The sender had a value AMF cannot carry.
    Unsupported,
    /// An XML document as text.
    Xml(String),
    /// An object of a named class.
    TypedObject {
        /// The class the sender registered.
        class: String,
        /// Its members.
        properties: Properties,
    },
    /// An AMF0 reference to an earlier object of the same message, kept as it came.
    Reference(u16),
    /// Raw bytes (AMF3 only; AMF0 carries them behind the AVM+ marker).
    ByteArray(Vec<u8>),
}

impl Value {
    /// A string value.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object of these properties.
    pub fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let named = |(name, value): (&str, Value)| (name.to_owned(), value);
        Self::Object(properties.into_iter().map(named).collect())
    }

    /// The first property of this name, for the three kinds of value that have properties.
    pub fn property(&self, name: &str) -> Option<&Value> {
        let found = self.properties()?.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// All properties, for the three kinds of value that have them.
    pub fn properties(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Object(properties)
            | Self::EcmaArray(properties)
            | Self::TypedObject { properties, .. } => Some(properties),
            _ => None,
        }
    }

    /// The text of a string or XML value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Xml(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a number value.
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth of a boolean value.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Appends this value as AMF0 (byte arrays behind the AVM+ marker).
    ///
    /// Property names longer than 65,535 bytes are cut at a character boundary.
    pub fn encode(&self, out: &mut Vec<u8>) {
        amf0::encode(self, out);
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

/// Which encoding a decoder's top-level values have.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Amf0,
    Amf3,
}

/// Reads one value after the other. The limits above hold for one decoder as a whole.
#[derive(Debug)]
pub struct Decoder<'a> {
    cursor: AmfCursor<'a>,
    budget: Budget,
    encoding: Encoding,
    tables: amf3::Tables,
}

impl<'a> Decoder<'a> {
    /// For AMF0: message types 18 and 20, FLV script data. Single values may switch to AMF3.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::with_encoding(bytes, Encoding::Amf0)
    }

    /// For message types 15 and 17: as a rule a zero byte and then AMF0 with switches to AMF3.
    /// A body that starts with an AMF3 string is read as AMF3 throughout.
    pub fn new_amf3_message(bytes: &'a [u8]) -> Self {
        match bytes {
            [0, rest @ ..] => Self::with_encoding(rest, Encoding::Amf0),
            [amf3::MARKER_STRING, ..] => Self::with_encoding(bytes, Encoding::Amf3),
            _ => Self::with_encoding(bytes, Encoding::Amf0),
        }
    }

    /// The next value, or `None` where the bytes end between two values.
    ///
    /// After an error the position is undefined: stop.
    #[expect(
        clippy::should_implement_trait,
        reason = "errors end it, which an iterator does not say"
    )]
    pub fn next(&mut self) -> Result<Option<Value>> {
        if self.cursor.is_empty() {
            return Ok(None);
        }
        let value = match self.encoding {
            Encoding::Amf0 => amf0::decode(&mut self.cursor, &mut self.budget, 0),
            Encoding::Amf3 => amf3::decode(&mut self.cursor, &mut self.budget, &mut self.tables, 0),
        };
        value.map(Some)
    }

    /// How many bytes of the input have been read, a leading zero byte not counted.
    pub const fn position(&self) -> usize {
        self.cursor.position()
    }

    fn with_encoding(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self {
            cursor: AmfCursor::new(bytes),
            budget: Budget::default(),
            encoding,
            tables: amf3::Tables::default(),
        }
    }
}

/// The length in bytes of the well-formed AMF0 value at the start of `bytes`.
pub fn check_one(bytes: &[u8]) -> Result<usize> {
    let mut cursor = AmfCursor::new(bytes);
    amf0::decode(&mut cursor, &mut Budget::default(), 0)?;
    Ok(cursor.position())
}

#[cfg(test)]
mod tests;
