//! FLV tags, which are RTMP's messages too (Adobe FLV 10.1 annex E, Enhanced RTMP v2).

use weir_media::amf::Value;
use weir_media::flv::tag::{audio_fourcc, video_fourcc};
use weir_media::{AudioCodec, VideoCodec};

use super::clip::{Pictures, Sound, Unit};
use super::draft::{Chatter, Draft, Piece};

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// A tag, or a message.
#[derive(Debug, Clone)]
pub struct OddTag {
    /// 8 or 9; of chatter anything.
    pub kind: u8,
    /// Decode time in milliseconds, wrapping.
    pub ts_ms: u32,
    /// Behind the header.
    pub body: Vec<u8>,
}

/// Media messages between two of the chatter.
const CHATTER_EVERY: usize = 5;

/// Commands that nobody knows, that come out of order, and that are said again (RTMP §7.2).
pub(super) static COMMANDS: [Chatter; 7] = [
    (20, || {
        words(&[Value::string("onFoo"), Value::Number(0.0), Value::Null])
    }),
    (20, || command("releaseStream", Value::string("again"))),
    (20, || command("FCPublish", Value::string("again"))),
    (20, || command("getStreamLength", Value::string("again"))),
    (20, || command("receiveVideo", Value::Boolean(false))),
    (17, || {
        [&[0][..], &command("_checkbw", Value::Null)].concat()
    }),
    // An acknowledgement, which belongs on another stream.
    (3, || vec![0, 0, 1, 0]),
];

/// Data beside `onMetaData`, and some that makes no sense.
pub(super) static DATA: [Chatter; 4] = [
    (18, || {
        words(&[Value::string("onTextData"), Value::string("text")])
    }),
    (18, || {
        words(&[
            Value::string("onCuePoint"),
            Value::object([("name", Value::string("x"))]),
        ])
    }),
    (18, || vec![2, 0, 200, b'x']),
    (18, || {
        words(&[
            Value::string("@setDataFrame"),
            Value::string("onFI"),
            Value::Null,
        ])
    }),
];

fn command(name: &'static str, argument: Value) -> Vec<u8> {
    words(&[
        Value::string(name),
        Value::Number(9.0),
        Value::Null,
        argument,
    ])
}

fn words(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    values.iter().for_each(|value| value.encode(&mut out));
    out
}

/// The tags of a draft with the media time of each.
pub fn tags(draft: &Draft) -> Vec<(i64, OddTag)> {
    let mut out = Vec::new();
    let start_ms = (draft.start_us / 1000) as u32;
    let tag = |kind, at_us: i64, body| OddTag {
        kind,
        ts_ms: start_ms.wrapping_add((at_us.div_euclid(1000)) as u32),
        body,
    };
    if let Some(pictures) = &draft.clip.pictures {
        let body = config_body(draft, pictures);
        out.push((0, tag(VIDEO, 0, body)));
    }
    if let Some(sound) = &draft.clip.sound
        && !draft.is_foreign
        && let Some(body) = sound_config(sound)
    {
        out.push((0, tag(AUDIO, 0, body)));
    }
    draft.interleaved(|at_us, unit, pictures, sound| {
        if let Some(pictures) = pictures {
            if let Some(changed) = draft.change_at(unit) {
                out.push((at_us, tag(VIDEO, at_us, config_body(draft, changed))));
            }
            let body = picture_body(draft, pictures, unit);
            out.push((at_us, tag(VIDEO, at_us, body)));
        } else if let Some(sound) = sound {
            let body = match draft.is_foreign {
                true => [&[0x72][..], &unit.whole()].concat(),
                false => sound_body(sound, unit),
            };
            out.push((at_us, tag(AUDIO, at_us, body)));
        }
    });
    with_chatter(draft, out)
}

fn with_chatter(draft: &Draft, tags: Vec<(i64, OddTag)>) -> Vec<(i64, OddTag)> {
    let mut chatter = draft.chatter.iter().cycle();
    let mut out = Vec::new();
    for (number, (at_us, tag)) in tags.into_iter().enumerate() {
        let ts_ms = tag.ts_ms;
        out.push((at_us, tag));
        if number % CHATTER_EVERY == 0
            && let Some((kind, body)) = chatter.next()
        {
            let body = body();
            out.push((
                at_us,
                OddTag {
                    kind: *kind,
                    ts_ms,
                    body,
                },
            ));
        }
    }
    out
}

/// The same as a file.
pub fn file(draft: &Draft) -> Vec<Piece> {
    let flags = u8::from(draft.clip.sound.is_some()) << 2 | u8::from(draft.clip.pictures.is_some());
    let mut out = vec![Piece {
        at_us: 0,
        bytes: vec![b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0],
    }];
    out.extend(tags(draft).into_iter().map(|(at_us, tag)| Piece {
        at_us,
        bytes: tag_bytes(&tag),
    }));
    out
}

/// One tag with its back pointer.
pub fn tag_bytes(tag: &OddTag) -> Vec<u8> {
    let size = u32::try_from(tag.body.len()).unwrap().to_be_bytes();
    let [high, time @ ..] = tag.ts_ms.to_be_bytes();
    let mut out = vec![tag.kind, size[1], size[2], size[3]];
    out.extend_from_slice(&time);
    out.extend_from_slice(&[high, 0, 0, 0]);
    out.extend_from_slice(&tag.body);
    out.extend_from_slice(&(tag.body.len() as u32 + 11).to_be_bytes());
    out
}

fn config_body(draft: &Draft, pictures: &Pictures) -> Vec<u8> {
    let mut body = match pictures.codec {
        VideoCodec::H264 if !draft.enhanced => vec![0x17, 0, 0, 0, 0],
        codec => [&[0x90][..], &video_fourcc(codec)].concat(),
    };
    body.extend(pictures.config(draft.length_bytes, draft.sets_outside));
    body
}

fn picture_body(draft: &Draft, pictures: &Pictures, unit: &Unit) -> Vec<u8> {
    let kind = if draft.is_marked(unit) { 0x10 } else { 0x20 };
    let cts = (unit.cts_us.div_euclid(1000) as i32).to_be_bytes();
    let mut body = match pictures.codec {
        VideoCodec::H264 if !draft.enhanced => vec![kind | 7, 1, cts[1], cts[2], cts[3]],
        codec @ (VideoCodec::H264 | VideoCodec::Hevc) => {
            [&[0x81 | kind][..], &video_fourcc(codec), &cts[1..]].concat()
        }
        codec => [&[0x81 | kind][..], &video_fourcc(codec)].concat(),
    };
    body.extend(draft.payload(pictures, unit));
    body
}

fn sound_config(sound: &Sound) -> Option<Vec<u8>> {
    match sound.codec {
        AudioCodec::Aac => Some([&[0xAF, 0][..], &sound.config].concat()),
        AudioCodec::Mp3 => None,
        codec => Some([&[0x90][..], &audio_fourcc(codec), &sound.config].concat()),
    }
}

fn sound_body(sound: &Sound, unit: &Unit) -> Vec<u8> {
    let mut body = match sound.codec {
        AudioCodec::Aac => vec![0xAF, 1],
        AudioCodec::Mp3 => vec![0x2F],
        codec => [&[0x91][..], &audio_fourcc(codec)].concat(),
    };
    body.extend(unit.whole());
    body
}
