//! AMF0 (Adobe's "Action Message Format -- AMF 0", 2007), both ways.

use super::cursor::{AmfCursor, Budget, WHAT, text};
use super::{MAX_DEPTH, Properties, Value, amf3};
use crate::{MediaError, Result};

// §2.1: type markers.
const NUMBER: u8 = 0x00;
const BOOLEAN: u8 = 0x01;
const STRING: u8 = 0x02;
const OBJECT: u8 = 0x03;
const NULL: u8 = 0x05;
const UNDEFINED: u8 = 0x06;
const REFERENCE: u8 = 0x07;
const ECMA_ARRAY: u8 = 0x08;
const OBJECT_END: u8 = 0x09;
const STRICT_ARRAY: u8 = 0x0a;
const DATE: u8 = 0x0b;
const LONG_STRING: u8 = 0x0c;
const UNSUPPORTED: u8 = 0x0d;
const XML_DOCUMENT: u8 = 0x0f;
const TYPED_OBJECT: u8 = 0x10;
const AVM_PLUS: u8 = 0x11;

pub(super) fn decode(
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    depth: usize,
) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(MediaError::invalid(WHAT, "nested too deep"));
    }
    budget.spend_values(1)?;
    Ok(match cursor.u8()? {
        NUMBER => Value::Number(cursor.f64()?),
        BOOLEAN => Value::Boolean(cursor.u8()? != 0),
        STRING => Value::String(short_text(cursor, budget)?),
        OBJECT => Value::Object(properties(cursor, budget, depth)?),
        NULL => Value::Null,
        UNDEFINED => Value::Undefined,
        REFERENCE => Value::Reference(cursor.u16()?),
        ECMA_ARRAY => {
            // The count is a hint at best: many encoders write zero.
            cursor.u32()?;
            Value::EcmaArray(properties(cursor, budget, depth)?)
        }
        STRICT_ARRAY => strict_array(cursor, budget, depth)?,
        DATE => Value::Date {
            unix_ms: cursor.f64()?,
            zone_minutes: i16::from_be_bytes(cursor.array()?),
        },
        LONG_STRING => Value::String(long_text(cursor, budget)?),
        UNSUPPORTED => Value::Unsupported,
        XML_DOCUMENT => Value::Xml(long_text(cursor, budget)?),
        TYPED_OBJECT => Value::TypedObject {
            class: short_text(cursor, budget)?,
            properties: properties(cursor, budget, depth)?,
        },
        // Tables of references start anew with each switched value.
        AVM_PLUS => amf3::decode(cursor, budget, &mut amf3::Tables::default(), depth + 1)?,
        OBJECT_END => return Err(MediaError::invalid(WHAT, "an object ends that never began")),
        _ => return Err(MediaError::invalid(WHAT, "unknown AMF0 type marker")),
    })
}

fn short_text(cursor: &mut AmfCursor<'_>, budget: &mut Budget) -> Result<String> {
    let length = usize::from(cursor.u16()?);
    text(cursor.take(length)?, budget)
}

fn long_text(cursor: &mut AmfCursor<'_>, budget: &mut Budget) -> Result<String> {
    let length = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
    text(cursor.take(length)?, budget)
}

/// Pairs up to the empty name followed by the end marker.
fn properties(cursor: &mut AmfCursor<'_>, budget: &mut Budget, depth: usize) -> Result<Properties> {
    let mut properties = Properties::new();
    loop {
        let name = short_text(cursor, budget)?;
        if name.is_empty() && cursor.peek() == Some(OBJECT_END) {
            cursor.u8()?;
            return Ok(properties);
        }
        properties.push((name, decode(cursor, budget, depth + 1)?));
    }
}

fn strict_array(cursor: &mut AmfCursor<'_>, budget: &mut Budget, depth: usize) -> Result<Value> {
    let count = cursor.u32()?;
    // Nothing is reserved by the announced count: it grows with the bytes that are there.
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(decode(cursor, budget, depth + 1)?);
    }
    Ok(Value::StrictArray(values))
}

pub(super) fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(truth) => out.extend_from_slice(&[BOOLEAN, u8::from(*truth)]),
        Value::String(text) => put_string(text, out),
        Value::Object(properties) => {
            out.push(OBJECT);
            put_properties(properties, out);
        }
        Value::Null => out.push(NULL),
        Value::Undefined => out.push(UNDEFINED),
        Value::Reference(index) => {
            out.push(REFERENCE);
            out.extend_from_slice(&index.to_be_bytes());
        }
        Value::EcmaArray(properties) => {
            out.push(ECMA_ARRAY);
            out.extend_from_slice(&length_u32(properties.len()).to_be_bytes());
            put_properties(properties, out);
        }
        Value::StrictArray(values) => {
            let count = length_u32(values.len());
            out.push(STRICT_ARRAY);
            out.extend_from_slice(&count.to_be_bytes());
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Date {
            unix_ms,
            zone_minutes,
        } => {
            out.push(DATE);
            out.extend_from_slice(&unix_ms.to_be_bytes());
            out.extend_from_slice(&zone_minutes.to_be_bytes());
        }
        Value::Unsupported => out.push(UNSUPPORTED),
        Value::Xml(text) => {
            out.push(XML_DOCUMENT);
            put_long_text(text, out);
        }
        Value::TypedObject { class, properties } => {
            out.push(TYPED_OBJECT);
            put_name(class, out);
            put_properties(properties, out);
        }
        Value::ByteArray(bytes) => {
            out.push(AVM_PLUS);
            amf3::encode_byte_array(bytes, out);
        }
    }
}

fn put_string(text: &str, out: &mut Vec<u8>) {
    if u16::try_from(text.len()).is_ok() {
        out.push(STRING);
        put_name(text, out);
    } else {
        out.push(LONG_STRING);
        put_long_text(text, out);
    }
}

fn put_properties(properties: &[(String, Value)], out: &mut Vec<u8>) {
    for (name, value) in properties {
        put_name(name, out);
        encode(value, out);
    }
    out.extend_from_slice(&[0, 0, OBJECT_END]);
}

/// Text with a 16-bit length, cut at a character boundary where it is longer.
fn put_name(name: &str, out: &mut Vec<u8>) {
    let end = name.floor_char_boundary(usize::from(u16::MAX));
    let name = name.get(..end).unwrap_or_default();
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(name.as_bytes());
}

fn put_long_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&length_u32(text.len()).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Lengths of values in memory; nothing here holds 4 Gi of anything.
fn length_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
