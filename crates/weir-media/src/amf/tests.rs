//! What the AMF reader and writer promise.

use proptest::prelude::*;

use super::{Decoder, MAX_DEPTH, MAX_VALUES, Value, check_one};
use crate::{MediaError, Result};

fn decode_all(mut decoder: Decoder<'_>) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    while let Some(value) = decoder.next()? {
        values.push(value);
    }
    Ok(values)
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

#[test]
fn a_connect_command_reads_as_sent() {
    let bytes = b"\x02\x00\x07connect\x00\x3f\xf0\0\0\0\0\0\0\x03\x00\x03app\x02\x00\x04live\
        \x00\x04fpad\x01\x00\x00\x00\x09";
    let values = decode_all(Decoder::new(bytes)).unwrap();
    assert_eq!(values[0].as_str(), Some("connect"));
    assert_eq!(values[1].as_f64(), Some(1.0));
    assert_eq!(
        values[2].property("app").and_then(Value::as_str),
        Some("live")
    );
    assert_eq!(
        values[2].property("fpad").and_then(Value::as_bool),
        Some(false)
    );
    assert_eq!(values[2].property("nope"), None);
}

#[test]
fn every_kind_of_value_survives_the_round_trip() {
    let value = Value::object([
        ("number", Value::Number(-0.5)),
        ("text", "grüße".into()),
        ("long", Value::String("x".repeat(70_000))),
        (
            "array",
            Value::StrictArray(vec![Value::Null, Value::Undefined, true.into()]),
        ),
        (
            "map",
            Value::EcmaArray(vec![("".into(), Value::Unsupported)]),
        ),
        (
            "date",
            Value::Date {
                unix_ms: 1e12,
                zone_minutes: -60,
            },
        ),
        ("xml", Value::Xml("<a/>".into())),
        (
            "typed",
            Value::TypedObject {
                class: "C".into(),
                properties: vec![],
            },
        ),
        ("reference", Value::Reference(3)),
        ("bytes", Value::ByteArray(vec![7; 300])),
    ]);
    let bytes = encoded(&value);
    assert_eq!(check_one(&bytes), Ok(bytes.len()));
    assert_eq!(decode_all(Decoder::new(&bytes)), Ok(vec![value]));
}

#[test]
fn check_one_measures_the_first_value_only() {
    assert_eq!(check_one(b"\x05\x05\x05"), Ok(1));
    assert_eq!(check_one(b""), Err(MediaError::Truncated("AMF")));
    assert_eq!(
        check_one(b"\x02\x00\x05abc"),
        Err(MediaError::Truncated("AMF"))
    );
    assert!(check_one(b"\x09").is_err());
}

#[test]
fn a_lying_count_does_not_matter_to_an_ecma_array() {
    let bytes = b"\x08\xff\xff\xff\xff\x00\x01a\x05\x00\x00\x09";
    let values = decode_all(Decoder::new(bytes)).unwrap();
    assert_eq!(values, [Value::EcmaArray(vec![("a".into(), Value::Null)])]);
}

#[test]
fn a_lying_count_of_a_strict_array_ends_as_truncated() {
    assert_eq!(
        check_one(b"\x0a\xff\xff\xff\xff\x05"),
        Err(MediaError::Truncated("AMF"))
    );
}

#[test]
fn nesting_a_million_deep_is_refused() {
    let mut bytes = Vec::new();
    for _ in 0..1_000_000 {
        bytes.extend_from_slice(b"\x03\x00\x01a");
    }
    assert_eq!(
        check_one(&bytes),
        Err(MediaError::invalid("AMF", "nested too deep"))
    );
    let amf3 = [&[0x11_u8][..], &[0x09, 0x03, 0x01].repeat(1_000_000)].concat();
    assert_eq!(
        check_one(&amf3),
        Err(MediaError::invalid("AMF", "nested too deep"))
    );
}

#[test]
fn the_deepest_allowed_nesting_is_read() {
    let mut value = Value::Null;
    for _ in 0..MAX_DEPTH {
        value = Value::StrictArray(vec![value]);
    }
    assert!(check_one(&encoded(&value)).is_ok());
    assert!(check_one(&encoded(&Value::StrictArray(vec![value]))).is_err());
}

#[test]
fn too_many_values_are_refused() {
    let value = Value::StrictArray(vec![Value::Null; MAX_VALUES]);
    assert!(matches!(
        check_one(&encoded(&value)),
        Err(MediaError::TooLarge { .. })
    ));
}

#[test]
fn text_in_another_encoding_is_replaced_not_refused() {
    let values = decode_all(Decoder::new(b"\x02\x00\x02\xb0\xa1")).unwrap();
    assert_eq!(values[0].as_str(), Some("\u{fffd}\u{fffd}"));
}

#[test]
fn an_amf3_command_starts_with_a_zero_and_amf0() {
    let bytes = b"\x00\x02\x00\x0ccreateStream\x00\x40\0\0\0\0\0\0\0\x05";
    let values = decode_all(Decoder::new_amf3_message(bytes)).unwrap();
    assert_eq!(values[0].as_str(), Some("createStream"));
    assert_eq!(values[2], Value::Null);
}

#[test]
fn an_amf3_object_with_traits_references_and_dynamic_members_is_read() {
    // Two objects of one class: sealed "a", dynamic; the second by reference to traits and names.
    let bytes = b"\x11\x09\x07\x01\
        \x0a\x1b\x03C\x03a\x04\x05\x03b\x06\x05xy\x01\
        \x0a\x01\x04\xff\xff\xff\xff\x04\x06\x06\x01\
        \x0a\x02";
    let values = decode_all(Decoder::new(bytes)).unwrap();
    let class = |properties| Value::TypedObject {
        class: "C".into(),
        properties,
    };
    let first = class(vec![("a".into(), 5.0.into()), ("b".into(), "xy".into())]);
    let second = class(vec![("a".into(), (-1.0).into()), ("b".into(), "xy".into())]);
    // Index 0 of the table is the array, 1 the first object.
    let expected = Value::StrictArray(vec![first.clone(), second, first]);
    assert_eq!(values, [expected]);
}

#[test]
fn amf3_simple_values_are_read() {
    let bytes = b"\x06\x03a\x05\x3f\xf0\0\0\0\0\0\0\x02\x03\x00\x01\x08\x01\x40\0\0\0\0\0\0\0\x0c\x05\x01\x02\x06\x00";
    let values = decode_all(Decoder::new_amf3_message(bytes)).unwrap();
    let date = Value::Date {
        unix_ms: 2.0,
        zone_minutes: 0,
    };
    let bytes = Value::ByteArray(vec![1, 2]);
    let expected = [
        "a".into(),
        1.0.into(),
        false.into(),
        true.into(),
        Value::Undefined,
        Value::Null,
        date,
        bytes,
        "a".into(),
    ];
    assert_eq!(values, expected);
}

#[test]
fn an_amf3_cycle_a_vector_and_wild_references_are_refused() {
    for bytes in [
        &b"\x11\x09\x03\x01\x09\x00"[..],
        b"\x11\x0d\x01",
        b"\x11\x06\x02",
        b"\x11\x0a\x01",
        b"\x11\x0a\x07\x01",
    ] {
        assert!(check_one(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn references_that_double_each_time_run_out_of_budget() {
    // Each array holds the one before it twice: 2^40 values when written out.
    let mut bytes = vec![0x11, 0x09, 0x53, 0x01];
    for index in 0..41_u8 {
        bytes.extend_from_slice(&[0x09, 0x05, 0x01]);
        for _ in 0..2 {
            if index == 0 {
                bytes.push(0x01);
            } else {
                bytes.extend_from_slice(&[0x09, index << 1]);
            }
        }
    }
    assert!(matches!(
        check_one(&bytes),
        Err(MediaError::TooLarge { .. })
    ));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |n| !n.is_nan())
            .prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,20}".prop_map(Value::String),
        Just(Value::Null),
        Just(Value::Undefined),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::ByteArray),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec((".{0,8}", inner.clone()), 0..6).prop_map(Value::Object),
            proptest::collection::vec((".{0,8}", inner.clone()), 0..6).prop_map(Value::EcmaArray),
            proptest::collection::vec(inner, 0..6).prop_map(Value::StrictArray),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_values_survive_the_round_trip(value in any_value()) {
        let bytes = encoded(&value);
        prop_assert_eq!(check_one(&bytes), Ok(bytes.len()));
        prop_assert_eq!(decode_all(Decoder::new(&bytes)), Ok(vec![value]));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), amf3: bool) {
        let decoder = if amf3 { Decoder::new_amf3_message(&bytes) } else { Decoder::new(&bytes) };
        let _ = decode_all(decoder);
    }

    #[test]
    fn plausible_bytes_never_panic(bytes in proptest::collection::vec(0_u8..0x14, 0..200)) {
        let _ = decode_all(Decoder::new(&bytes));
        let _ = check_one(&[&[0x11], &bytes[..]].concat());
    }
}
