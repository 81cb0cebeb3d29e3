//! AMF3 (Adobe's "Action Message Format -- AMF 3", 2013), read only.
//!
//! Vectors and dictionaries are refused: no RTMP client sends them in a command. So are
//! externalizable classes, whose layout only their author knows.

use super::cursor::{AmfCursor, Budget, WHAT, Weight, text};
use super::{MAX_DEPTH, Properties, Value};
use crate::{MediaError, Result};

// §3.1: type markers.
const UNDEFINED: u8 = 0x00;
const NULL: u8 = 0x01;
const FALSE: u8 = 0x02;
const TRUE: u8 = 0x03;
const INTEGER: u8 = 0x04;
const DOUBLE: u8 = 0x05;
pub(super) const MARKER_STRING: u8 = 0x06;
const XML_DOCUMENT: u8 = 0x07;
const DATE: u8 = 0x08;
const ARRAY: u8 = 0x09;
const OBJECT: u8 = 0x0a;
const XML: u8 = 0x0b;
const BYTE_ARRAY: u8 = 0x0c;

/// The three reference tables of §2.2.
#[derive(Debug, Default)]
pub(super) struct Tables {
    strings: Vec<String>,
    /// `None` while the object is still being read: a reference to it would be a cycle.
    objects: Vec<Option<(Value, Weight)>>,
    traits: Vec<Traits>,
}

#[derive(Debug, Clone)]
struct Traits {
    class: String,
    dynamic: bool,
    members: Vec<String>,
}

pub(super) fn decode(
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(MediaError::invalid(WHAT, "nested too deep"));
    }
    budget.spend_values(1)?;
    let marker = cursor.u8()?;
    match marker {
        UNDEFINED => Ok(Value::Undefined),
        NULL => Ok(Value::Null),
        FALSE => Ok(Value::Boolean(false)),
        TRUE => Ok(Value::Boolean(true)),
        INTEGER => Ok(Value::Number(f64::from(signed29(u29(cursor)?)))),
        DOUBLE => Ok(Value::Number(cursor.f64()?)),
        MARKER_STRING => Ok(Value::String(string(cursor, budget, tables)?)),
        DATE | ARRAY | OBJECT | XML_DOCUMENT | XML | BYTE_ARRAY => {
            complex(marker, cursor, budget, tables, depth)
        }
        _ => Err(MediaError::invalid(WHAT, "AMF3 type not taken in commands")),
    }
}

/// Appends marker and bytes (§3.14).
pub(super) fn encode_byte_array(bytes: &[u8], out: &mut Vec<u8>) {
    /// U29 less the inline bit.
    const MAX_LENGTH: usize = (1 << 28) - 1;
    let bytes = bytes.get(..MAX_LENGTH).unwrap_or(bytes);
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    out.push(BYTE_ARRAY);
    put_u29(length << 1 | 1, out);
    out.extend_from_slice(bytes);
}

/// The kinds that may be references: each takes a place in the table of objects.
fn complex(
    marker: u8,
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value> {
    let header = u29(cursor)?;
    if header & 1 == 0 {
        return referenced(header >> 1, budget, tables);
    }
    let slot = tables.objects.len();
    tables.objects.push(None);
    let before = *budget;
    let rest = header >> 1;
    let value = match marker {
        DATE => Value::Date {
            unix_ms: cursor.f64()?,
            zone_minutes: 0,
        },
        ARRAY => array(rest, cursor, budget, tables, depth)?,
        OBJECT => object(rest, cursor, budget, tables, depth)?,
        BYTE_ARRAY => {
            let bytes = cursor.take(length(rest))?;
            budget.spend_bytes(bytes.len())?;
            Value::ByteArray(bytes.to_vec())
        }
        _ => Value::Xml(text(cursor.take(length(rest))?, budget)?),
    };
    // The table's copy is paid for like any other, which bounds nested copies of copies.
    let weight = budget.since(before);
    budget.spend_copy(weight)?;
    if let Some(place) = tables.objects.get_mut(slot) {
        *place = Some((value.clone(), weight));
    }
    Ok(value)
}

fn referenced(index: u32, budget: &mut Budget, tables: &Tables) -> Result<Value> {
    match tables.objects.get(length(index)) {
        Some(Some((value, weight))) => {
            budget.spend_copy(*weight)?;
            Ok(value.clone())
        }
        Some(None) => Err(MediaError::invalid(WHAT, "an object that contains itself")),
        None => Err(MediaError::invalid(WHAT, "reference to an unknown object")),
    }
}

/// §3.11: named part up to the empty name, then the dense part.
fn array(
    count: u32,
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value> {
    let mut named = dynamic_members(cursor, budget, tables, depth)?;
    let mut dense = Vec::new();
    for _ in 0..count {
        dense.push(decode(cursor, budget, tables, depth + 1)?);
    }
    if named.is_empty() {
        return Ok(Value::StrictArray(dense));
    }
    let by_index = |(index, value): (usize, Value)| (index.to_string(), value);
    named.extend(dense.into_iter().enumerate().map(by_index));
    Ok(Value::EcmaArray(named))
}

/// §3.12: traits inline or by reference, sealed members, then dynamic ones.
fn object(
    header: u32,
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value> {
    let traits = traits(header, cursor, budget, tables)?;
    let mut properties = Properties::new();
    for name in traits.members {
        properties.push((name, decode(cursor, budget, tables, depth + 1)?));
    }
    if traits.dynamic {
        properties.append(&mut dynamic_members(cursor, budget, tables, depth)?);
    }
    Ok(if traits.class.is_empty() {
        Value::Object(properties)
    } else {
        Value::TypedObject {
            class: traits.class,
            properties,
        }
    })
}

/// `header` without its inline bit: then one bit each for inline traits, externalizable, dynamic.
fn traits(
    header: u32,
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    tables: &mut Tables,
) -> Result<Traits> {
    if header & 1 == 0 {
        let known = tables.traits.get(length(header >> 1));
        let known =
            known.ok_or_else(|| MediaError::invalid(WHAT, "reference to unknown traits"))?;
        let names = known.members.iter().map(String::len).sum::<usize>();
        budget.spend_bytes(names + known.class.len())?;
        return Ok(known.clone());
    }
    if header & 2 != 0 {
        return Err(MediaError::Unsupported("AMF3 externalizable class".into()));
    }
    let class = string(cursor, budget, tables)?;
    let mut members = Vec::new();
    for _ in 0..header >> 3 {
        budget.spend_values(1)?;
        members.push(string(cursor, budget, tables)?);
    }
    let traits = Traits {
        class,
        dynamic: header & 4 != 0,
        members,
    };
    tables.traits.push(traits.clone());
    Ok(traits)
}

fn dynamic_members(
    cursor: &mut AmfCursor<'_>,
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Properties> {
    let mut members = Properties::new();
    loop {
        let name = string(cursor, budget, tables)?;
        if name.is_empty() {
            return Ok(members);
        }
        members.push((name, decode(cursor, budget, tables, depth + 1)?));
    }
}

/// §1.3.2: inline or by reference; the empty string is never put in the table.
fn string(cursor: &mut AmfCursor<'_>, budget: &mut Budget, tables: &mut Tables) -> Result<String> {
    let header = u29(cursor)?;
    if header & 1 == 0 {
        let known = tables.strings.get(length(header >> 1));
        let known =
            known.ok_or_else(|| MediaError::invalid(WHAT, "reference to an unknown string"))?;
        budget.spend_bytes(known.len())?;
        return Ok(known.clone());
    }
    let string = text(cursor.take(length(header >> 1))?, budget)?;
    if !string.is_empty() {
        tables.strings.push(string.clone());
    }
    Ok(string)
}

/// §1.3.1: seven bits a byte, the fourth byte whole.
fn u29(cursor: &mut AmfCursor<'_>) -> Result<u32> {
    let mut number = 0_u32;
    for _ in 0..3 {
        let byte = cursor.u8()?;
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Ok(number << 8 | u32::from(cursor.u8()?))
}

fn put_u29(number: u32, out: &mut Vec<u8>) {
    let low = |shift: u32| u8::try_from(number >> shift & 0x7f).unwrap_or_default();
    match number {
        0..0x80 => out.push(low(0)),
        0x80..0x4000 => out.extend_from_slice(&[0x80 | low(7), low(0)]),
        0x4000..0x20_0000 => out.extend_from_slice(&[0x80 | low(14), 0x80 | low(7), low(0)]),
        _ => {
            let [.., last] = number.to_be_bytes();
            out.extend_from_slice(&[0x80 | low(22), 0x80 | low(15), 0x80 | low(8), last]);
        }
    }
}

/// Two's complement in 29 bits.
fn signed29(number: u32) -> i32 {
    (number << 3).cast_signed() >> 3
}

fn length(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
