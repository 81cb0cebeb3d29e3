//! The streams of the stand-in: every message that was sent, in order, for tests to look at.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use weir_proto::rtmp::message::{AUDIO, DATA_AMF0, VIDEO};
use weir_proto::rtmp::wire::{CSID_AUDIO, CSID_DATA, CSID_VIDEO};

use super::lock;
use crate::synthetic;
use crate::wait::Stopwatch;

/// `@setDataFrame` as AMF0: what a publisher puts before its metadata and no viewer is sent.
const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";
/// `onMetaData` as AMF0, and an empty ECMA array.
const METADATA: &[u8] = b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09";
/// Milliseconds between two pictures.
const PICTURE_MS: u32 = 40;
/// Pictures from one keyframe to the next.
const GROUP: u64 = 25;
/// Bytes of a picture.
const PICTURE_BYTES: usize = 2000;
/// AAC header: LC, 44.1 kHz, stereo.
const AUDIO_HEADER: &[u8] = &[0xaf, 0, 0x12, 0x10];
/// A frame of sound.
const SOUND: &[u8] = &[0xaf, 1, 0x21, 0x10, 0x04];

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// 8 audio, 9 video, 18 data.
    pub message_type: u8,
    /// Its time.
    pub timestamp_ms: u32,
    /// In FLV tag form.
    pub body: Bytes,
}

/// All streams by `app/stream`.
#[derive(Debug, Default)]
pub struct Store(Mutex<HashMap<String, Stream>>);

#[derive(Debug, Default)]
struct Stream {
    is_live: bool,
    messages: Vec<StoredMessage>,
}

impl StoredMessage {
    /// As it came from a publisher.
    pub(super) fn received(message_type: u8, timestamp_ms: u32, body: Bytes) -> Self {
        let is_wrapped = message_type == DATA_AMF0 && body.starts_with(SET_DATA_FRAME);
        let skip = if is_wrapped { SET_DATA_FRAME.len() } else { 0 };
        Self {
            message_type,
            timestamp_ms,
            body: body.slice(skip..),
        }
    }

    pub(super) const fn csid(&self) -> u8 {
        match self.message_type {
            AUDIO => CSID_AUDIO,
            VIDEO => CSID_VIDEO,
            _ => CSID_DATA,
        }
    }

    /// Whether it is a codec's header, legacy or enhanced.
    pub fn is_header(&self) -> bool {
        let [first, second] = self.start();
        match self.message_type {
            VIDEO if first & 0x80 != 0 => first & 0x0f == 0,
            VIDEO => second == 0,
            AUDIO if first >> 4 == 9 => first & 0x0f == 0,
            AUDIO => first >> 4 == 10 && second == 0,
            _ => false,
        }
    }

    /// Whether it is a picture that decodes alone.
    pub fn is_key(&self) -> bool {
        self.message_type == VIDEO && self.start()[0] >> 4 & 7 == 1 && !self.is_header()
    }

    /// The number in a picture of [`synthetic`].
    pub fn number(&self) -> Option<u64> {
        let is_picture = self.message_type == VIDEO && !self.is_header();
        let body = is_picture.then_some(&self.body)?;
        synthetic::number_in_body(body)
    }

    fn start(&self) -> [u8; 2] {
        let byte = |at| self.body.get(at).copied().unwrap_or(0xff);
        [byte(0), byte(1)]
    }
}

impl Store {
    /// Whether somebody publishes it.
    pub fn is_live(&self, name: &str) -> bool {
        lock(&self.0).get(name).is_some_and(|stream| stream.is_live)
    }

    /// All it has had of a stream since its last publisher began.
    pub fn messages(&self, name: &str) -> Vec<StoredMessage> {
        let streams = lock(&self.0);
        let stream = streams.get(name);
        stream.map_or(Vec::new(), |stream| stream.messages.clone())
    }

    /// The numbers of the pictures it has had of a stream.
    pub fn numbers(&self, name: &str) -> Vec<u64> {
        let messages = self.messages(name);
        messages.iter().filter_map(StoredMessage::number).collect()
    }

    /// False when it is live already.
    pub(super) fn begin(&self, name: &str) -> bool {
        let mut streams = lock(&self.0);
        let stream = streams.entry(name.to_owned()).or_default();
        if stream.is_live {
            return false;
        }
        *stream = Stream {
            is_live: true,
            messages: Vec::new(),
        };
        true
    }

    pub(super) fn add(&self, name: &str, message: StoredMessage) {
        if let Some(stream) = lock(&self.0).get_mut(name) {
            stream.messages.push(message);
        }
    }

    pub(super) fn end(&self, name: &str) {
        if let Some(stream) = lock(&self.0).get_mut(name) {
            stream.is_live = false;
        }
    }

    /// What a viewer has not had yet: at first metadata, headers, and all from the last keyframe on.
    pub(super) fn since(&self, name: &str, cursor: &mut Option<usize>) -> Vec<StoredMessage> {
        let streams = lock(&self.0);
        let Some(stream) = streams.get(name) else {
            return Vec::new();
        };
        let all = &stream.messages;
        let mut out = Vec::new();
        let from = match *cursor {
            // A stream that began anew is shorter than what was seen of the last one.
            Some(cursor) if cursor <= all.len() => cursor,
            _ => {
                let Some(key) = all.iter().rposition(StoredMessage::is_key) else {
                    return out;
                };
                for kind in [DATA_AMF0, VIDEO, AUDIO] {
                    let is_of = |message: &&StoredMessage| {
                        message.message_type == kind && (kind == DATA_AMF0 || message.is_header())
                    };
                    out.extend(all[..key].iter().rev().find(is_of).cloned());
                }
                key
            }
        };
        out.extend_from_slice(&all[from..]);
        *cursor = Some(all.len());
        out
    }
}

/// Pictures that carry numbers, and sound, in real time until `pause` says that it is over.
pub(super) fn numbers(store: &Store, name: &str, pause: impl Fn() -> bool) {
    let add = |message_type, timestamp_ms, body: Bytes| {
        let message = StoredMessage {
            message_type,
            timestamp_ms,
            body,
        };
        store.add(name, message);
    };
    assert!(store.begin(name), "{name} is live already");
    add(DATA_AMF0, 0, Bytes::from_static(METADATA));
    add(VIDEO, 0, synthetic::video_header_body().into());
    add(AUDIO, 0, Bytes::from_static(AUDIO_HEADER));
    let clock = Stopwatch::start();
    let mut number = 0_u64;
    while pause() {
        let due = clock.elapsed().as_millis() / u128::from(PICTURE_MS);
        while u128::from(number) <= due {
            let time = u32::try_from(number).unwrap() * PICTURE_MS;
            let is_key = number.is_multiple_of(GROUP);
            let body = synthetic::video_body(number, is_key, PICTURE_BYTES);
            add(VIDEO, time, body.into());
            add(AUDIO, time, Bytes::from_static(SOUND));
            number += 1;
        }
    }
    store.end(name);
}
