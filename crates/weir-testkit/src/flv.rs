//! Reads FLV as a viewer does: tag by tag, while it comes.

use std::io;

use crate::http::{Answer, Request};
use crate::wait::Stopwatch;

const FILE_HEADER_BYTES: usize = 9;
const BACK_POINTER_BYTES: usize = 4;
const TAG_HEADER_BYTES: usize = 11;
/// Seconds to wait for what has to come.
const PATIENCE_S: f64 = 20.0;

/// What a tag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data.
    Script,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What it holds.
    pub kind: Kind,
    /// Decode time in milliseconds.
    pub ts_ms: u32,
    /// The tag's data, without header and size.
    pub body: Vec<u8>,
}

impl Tag {
    /// A codec's header: packet type 0 of H.264 and AAC.
    pub fn is_header(&self) -> bool {
        self.kind != Kind::Script && self.body.get(1) == Some(&0)
    }

    /// A keyframe of pictures.
    pub fn is_keyframe(&self) -> bool {
        self.kind == Kind::Video && self.body.first().is_some_and(|first| (first >> 4) & 7 == 1)
    }
}

/// Bytes in, tags out.
#[derive(Debug, Default)]
pub struct Tags {
    buffer: Vec<u8>,
    has_begun: bool,
}

impl Tags {
    /// Takes more bytes; gives the tags that are complete.
    ///
    /// # Panics
    /// When the bytes are not FLV.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Tag> {
        self.buffer.extend_from_slice(bytes);
        if !self.has_begun {
            if self.buffer.len() < FILE_HEADER_BYTES + BACK_POINTER_BYTES {
                return Vec::new();
            }
            assert_eq!(&self.buffer[..4], b"FLV\x01", "not FLV");
            self.buffer.drain(..FILE_HEADER_BYTES + BACK_POINTER_BYTES);
            self.has_begun = true;
        }
        std::iter::from_fn(|| self.next_tag()).collect()
    }

    fn next_tag(&mut self) -> Option<Tag> {
        let &[kind, s0, s1, s2, t0, t1, t2, t3, ..] = self.buffer.get(..TAG_HEADER_BYTES)? else {
            return None;
        };
        let size = u32::from_be_bytes([0, s0, s1, s2]) as usize;
        let whole = TAG_HEADER_BYTES + size + BACK_POINTER_BYTES;
        if self.buffer.len() < whole {
            return None;
        }
        let kind = match kind {
            8 => Kind::Audio,
            9 => Kind::Video,
            18 => Kind::Script,
            other => panic!("a tag of type {other}"),
        };
        let body = self.buffer[TAG_HEADER_BYTES..TAG_HEADER_BYTES + size].to_vec();
        let back = &self.buffer[whole - BACK_POINTER_BYTES..whole];
        assert_eq!(
            back,
            ((TAG_HEADER_BYTES + size) as u32).to_be_bytes(),
            "a wrong back pointer"
        );
        self.buffer.drain(..whole);
        Some(Tag {
            kind,
            ts_ms: u32::from_be_bytes([t3, t0, t1, t2]),
            body,
        })
    }
}

/// A viewer of HTTP-FLV that has every rule of the container kept.
#[derive(Debug)]
pub struct FlvViewer {
    answer: Answer,
    tags: Tags,
    /// All tags so far.
    pub seen: Vec<Tag>,
}

impl FlvViewer {
    /// Asks for a stream that is live, or will be while the request waits.
    pub fn open(url: &str) -> Self {
        Self::with(Request::get(url))
    }

    /// The same with a request of one's own.
    pub fn with(request: Request) -> Self {
        let answer = request.open().expect("an answer");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("video/x-flv"))
        );
        Self {
            answer,
            tags: Tags::default(),
            seen: Vec::new(),
        }
    }

    /// Reads until there are frames that span this many milliseconds more than what was seen before.
    pub fn watch_ms(&mut self, span_ms: u32) {
        let watch = Stopwatch::start();
        let from = self.last_ms();
        let mut start = from;
        while start
            .zip(self.last_ms())
            .is_none_or(|(start, last)| last - start < span_ms)
        {
            assert!(
                watch.elapsed_s() < PATIENCE_S,
                "frames for {span_ms} ms: not within {PATIENCE_S} s"
            );
            assert!(self.read().expect("the stream goes on"), "the stream ended");
            start = start.or_else(|| self.frames().next().map(|tag| tag.ts_ms));
        }
    }

    /// Reads to the end, which has to be a proper one.
    pub fn watch_to_the_end(&mut self) {
        let watch = Stopwatch::start();
        while self.read().expect("a proper end") {
            assert!(
                watch.elapsed_s() < PATIENCE_S,
                "no end within {PATIENCE_S} s"
            );
        }
    }

    /// Reads to the end, however long that takes.
    pub fn watch_while_it_lives(&mut self) {
        while self.read().expect("a proper end") {}
    }

    /// Frames of pictures and sound so far.
    pub fn frames(&self) -> impl Iterator<Item = &Tag> {
        self.seen
            .iter()
            .filter(|tag| tag.kind != Kind::Script && !tag.is_header())
    }

    /// Time of the last frame.
    pub fn last_ms(&self) -> Option<u32> {
        self.frames().last().map(|tag| tag.ts_ms)
    }

    /// In each track the times never go back.
    pub fn assert_monotonic(&self) {
        for kind in [Kind::Audio, Kind::Video] {
            let times: Vec<u32> = self
                .frames()
                .filter(|tag| tag.kind == kind)
                .map(|tag| tag.ts_ms)
                .collect();
            let back = times.windows(2).find(|pair| pair[0] > pair[1]);
            assert!(back.is_none(), "{kind:?} went back: {back:?}");
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        let Some(bytes) = self.answer.next_chunk()? else {
            return Ok(false);
        };
        self.seen.extend(self.tags.push(&bytes));
        Ok(true)
    }
}
