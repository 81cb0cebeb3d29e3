//! What a publisher's `onMetaData` announces before there is a frame.

use crate::Metadata;
use crate::amf::{Decoder, Value};

/// Which tracks are to come; `None` where it is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Announced {
    /// Pictures.
    pub video: Option<bool>,
    /// Sound.
    pub audio: Option<bool>,
}

impl Announced {
    /// Reads it: `hasVideo` and `hasAudio` (Enhanced RTMP, "Metadata Frame"; FLV E.5 has the codec ids
    /// alone). A track whose codec or data rate stands there is announced, one of rate 0 is not.
    pub fn of(metadata: &Metadata) -> Self {
        let mut decoder = Decoder::new(&metadata.amf0);
        let Ok(Some(value)) = decoder.next() else {
            return Self::default();
        };
        Self {
            video: track(&value, ["hasVideo", "videocodecid", "videodatarate"]),
            audio: track(&value, ["hasAudio", "audiocodecid", "audiodatarate"]),
        }
    }
}

fn track(value: &Value, [has, codec, rate]: [&str; 3]) -> Option<bool> {
    let said = |name| value.property(name);
    if let Some(has) = said(has).and_then(Value::as_bool) {
        return Some(has);
    }
    match (said(codec), said(rate).and_then(Value::as_f64)) {
        (Some(Value::Null | Value::Undefined), _) | (None, None) => None,
        (Some(_), _) => Some(true),
        (None, Some(rate)) => Some(rate > 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(properties: &[(&'static str, Value)]) -> (Option<bool>, Option<bool>) {
        let mut amf0 = Vec::new();
        Value::object(properties.iter().cloned()).encode(&mut amf0);
        let announced = Announced::of(&Metadata { amf0: amf0.into() });
        (announced.video, announced.audio)
    }

    #[test]
    fn tracks_are_announced_by_a_word_a_codec_or_a_rate() {
        let (yes, no) = (Value::Boolean(true), Value::Boolean(false));
        let number = Value::Number;
        assert_eq!(announced(&[]), (None, None));
        assert_eq!(announced(&[("width", number(640.0))]), (None, None));
        assert_eq!(
            announced(&[("hasVideo", yes), ("hasAudio", no.clone())]),
            (Some(true), Some(false))
        );
        assert_eq!(
            announced(&[
                ("videocodecid", Value::string("avc1")),
                ("audiocodecid", number(10.0))
            ]),
            (Some(true), Some(true))
        );
        assert_eq!(
            announced(&[
                ("audiodatarate", number(0.0)),
                ("videodatarate", number(900.0))
            ]),
            (Some(true), Some(false))
        );
        assert_eq!(
            announced(&[("hasAudio", no), ("audiocodecid", number(10.0))]),
            (None, Some(false))
        );
        assert_eq!(
            Announced::of(&Metadata {
                amf0: bytes::Bytes::from_static(b"\x03\x00")
            }),
            Announced::default()
        );
    }
}
