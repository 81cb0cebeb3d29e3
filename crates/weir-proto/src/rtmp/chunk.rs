//! The chunk stream (§5.3), read: bytes in, whole messages out.
//!
//! Memory grows with the bytes that arrived, never with the sizes announced; an idle decoder owns
//! a few hundred bytes. Set Chunk Size and Abort act here and do not come out as messages.

use bytes::Bytes;

use super::RtmpError;
use super::message::{self, Message, control_number};
use super::wire::TIMESTAMP_EXTENDED;

/// How many chunk streams a peer may use at once. Encoders use three to six.
pub const MAX_CHUNK_STREAMS: usize = 64;
/// The chunk size before anybody sets another (§5.4.1).
pub const DEFAULT_CHUNK_SIZE: u32 = 128;
/// The largest size Set Chunk Size may name.
const MAX_CHUNK_SIZE: u32 = 0x7fff_ffff;
/// Basic header 3, message header 11, extended timestamp 4.
const MAX_HEADER_BYTES: usize = 18;
/// First room for a message that arrives in pieces; from there it doubles.
const FIRST_ROOM_BYTES: usize = 4096;
/// All unfinished messages together may be this many times the largest one: a big keyframe with
/// audio between its chunks.
const MAX_PARTIAL_FACTOR: usize = 2;

/// Reads chunks. Feed bytes as they come.
#[derive(Debug)]
pub struct ChunkDecoder {
    chunk_size: u32,
    max_message_bytes: usize,
    streams: Vec<ChunkStream>,
    partial_bytes: usize,
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: usize,
    /// The peer was seen not to repeat extended times on type-3 headers.
    omits_repeated_time: bool,
    state: State,
}

/// What the last header on a chunk stream said, and the message under way.
#[derive(Debug, Default)]
struct ChunkStream {
    csid: u32,
    timestamp_ms: u32,
    /// What a type-3 header that starts a message adds; after a type-0 header its time (§5.3.1.2.4).
    delta_ms: u32,
    extended: Option<u32>,
    length: usize,
    message_type: u8,
    msid: u32,
    /// A message has begun and is not complete.
    open: bool,
    body: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    /// A type-3 header inside a message with extended time: four bytes that are the time again,
    /// or, from senders that do not repeat it, the payload already.
    RepeatedTime {
        index: usize,
        matched: usize,
    },
    Payload {
        index: usize,
        left: usize,
    },
}

impl ChunkDecoder {
    /// A decoder that refuses messages longer than `max_message_bytes`.
    pub const fn new(max_message_bytes: usize) -> Self {
        Self {
            chunk_size: DEFAULT_CHUNK_SIZE,
            max_message_bytes,
            streams: Vec::new(),
            partial_bytes: 0,
            header: [0; MAX_HEADER_BYTES],
            header_bytes: 0,
            omits_repeated_time: false,
            state: State::Header,
        }
    }

    /// Another limit from the next message header on.
    pub const fn set_max_message_bytes(&mut self, max_message_bytes: usize) {
        self.max_message_bytes = max_message_bytes;
    }

    /// Takes bytes from `input` up to the end of the next message, or all of them.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Message>, RtmpError> {
        loop {
            let complete = match self.state {
                State::Header => {
                    if !self.read_header(input) {
                        return Ok(None);
                    }
                    self.begin_chunk()?
                }
                State::RepeatedTime { index, matched } => {
                    let Some((&byte, rest)) = input.split_first() else {
                        return Ok(None);
                    };
                    if self.matches_time(index, matched, byte) {
                        *input = rest;
                    }
                    None
                }
                State::Payload { index, left } => {
                    if left > 0 && input.is_empty() {
                        return Ok(None);
                    }
                    let (now, rest) = input.split_at(left.min(input.len()));
                    *input = rest;
                    self.take_payload(index, left, now)?
                }
            };
            if let Some(message) = complete
                && let Some(message) = self.act(message)?
            {
                return Ok(Some(message));
            }
        }
    }

    /// Collects header bytes; true once the header is whole.
    fn read_header(&mut self, input: &mut &[u8]) -> bool {
        loop {
            let missing = self.header_length().saturating_sub(self.header_bytes);
            if missing == 0 {
                return true;
            }
            let (now, rest) = input.split_at(missing.min(input.len()));
            if now.is_empty() {
                return false;
            }
            *input = rest;
            let end = self.header_bytes + now.len();
            if let Some(place) = self.header.get_mut(self.header_bytes..end) {
                place.copy_from_slice(now);
            }
            self.header_bytes = end;
        }
    }

    /// How long the header is as far as its bytes so far tell.
    fn header_length(&self) -> usize {
        let Some(basic) = BasicHeader::read(&self.header, self.header_bytes) else {
            return match (self.header_bytes, self.header[0] & 0x3f) {
                (0, _) => 1,
                (_, 0) => 2,
                _ => 3,
            };
        };
        let length = basic.length + basic.message_header_length();
        if self.header_bytes < length {
            return length;
        }
        let extended = match basic.format {
            3 => self
                .stream(basic.csid)
                .is_some_and(|stream| !stream.open && stream.extended.is_some()),
            _ => self.u24(basic.length) == TIMESTAMP_EXTENDED,
        };
        length + if extended { 4 } else { 0 }
    }

    /// The header is whole: opens a message or goes on with one.
    fn begin_chunk(&mut self) -> Result<Option<Message>, RtmpError> {
        let Some(basic) = BasicHeader::read(&self.header, self.header_bytes) else {
            return Err(RtmpError::Protocol("a chunk without a header"));
        };
        let at = basic.length;
        let has_time = basic.format < 3;
        let time = if has_time { self.u24(at) } else { 0 };
        let length = usize::try_from(self.u24(at + 3)).unwrap_or(usize::MAX);
        let message_type = self.header.get(at + 6).copied().unwrap_or_default();
        let msid = u32::from_le_bytes(self.four(at + 7));
        let extended_at = at + basic.message_header_length();
        let extended =
            (self.header_bytes > extended_at).then(|| u32::from_be_bytes(self.four(extended_at)));
        self.header_bytes = 0;

        let limit = self.max_message_bytes;
        let index = self.stream_for(basic)?;
        let chunk_size = usize::try_from(self.chunk_size).unwrap_or(usize::MAX);
        let Some(stream) = self.streams.get_mut(index) else {
            return Err(RtmpError::Protocol("a chunk of no stream"));
        };
        if stream.open {
            if basic.format < 2 && (stream.length, stream.message_type) != (length, message_type) {
                return Err(RtmpError::Protocol("a message begins inside another"));
            }
        } else {
            if basic.format < 2 {
                stream.length = length;
                stream.message_type = message_type;
            }
            if basic.format == 0 {
                stream.msid = msid;
            }
            stream.begin(basic.format, time, extended);
            if stream.length > limit {
                return Err(too_large(stream.length, limit));
            }
        }
        let inside = basic.format == 3 && extended.is_none() && stream.extended.is_some();
        self.state = if inside && !self.omits_repeated_time {
            State::RepeatedTime { index, matched: 0 }
        } else {
            let left = chunk_size.min(stream.length.saturating_sub(stream.body.len()));
            State::Payload { index, left }
        };
        Ok(None)
    }

    /// Compares one byte with the time; false if it belongs to the payload and stays in the input.
    fn matches_time(&mut self, index: usize, matched: usize, byte: u8) -> bool {
        let chunk_size = usize::try_from(self.chunk_size).unwrap_or(usize::MAX);
        let Some(stream) = self.streams.get_mut(index) else {
            return false;
        };
        let time = stream.extended.unwrap_or_default().to_be_bytes();
        let left = chunk_size.min(stream.length.saturating_sub(stream.body.len()));
        let matches = time.get(matched) == Some(&byte);
        if matches && matched + 1 < time.len() {
            self.state = State::RepeatedTime {
                index,
                matched: matched + 1,
            };
        } else if matches {
            self.state = State::Payload { index, left };
        } else {
            // The sender does not repeat the time: what matched so far was payload.
            self.omits_repeated_time = true;
            let payload = time.get(..matched.min(left)).unwrap_or_default();
            stream.body.extend_from_slice(payload);
            self.partial_bytes += payload.len();
            let left = left - payload.len();
            self.state = State::Payload { index, left };
        }
        matches
    }

    fn take_payload(
        &mut self,
        index: usize,
        left: usize,
        now: &[u8],
    ) -> Result<Option<Message>, RtmpError> {
        let partial_limit = self.max_message_bytes.saturating_mul(MAX_PARTIAL_FACTOR);
        let Some(stream) = self.streams.get_mut(index) else {
            return Err(RtmpError::Protocol("payload of no stream"));
        };
        let left = left.saturating_sub(now.len());
        self.state = if left == 0 {
            State::Header
        } else {
            State::Payload { index, left }
        };
        if stream.body.is_empty() && now.len() == stream.length {
            return Ok(Some(stream.finish(Bytes::copy_from_slice(now))));
        }
        stream.append(now);
        self.partial_bytes += now.len();
        if self.partial_bytes > partial_limit {
            return Err(too_large(self.partial_bytes, partial_limit));
        }
        if stream.body.len() < stream.length {
            return Ok(None);
        }
        let body = std::mem::take(&mut stream.body);
        self.partial_bytes = self.partial_bytes.saturating_sub(body.len());
        Ok(Some(stream.finish(body.into())))
    }

    /// Set Chunk Size and Abort take effect before the next chunk.
    fn act(&mut self, message: Message) -> Result<Option<Message>, RtmpError> {
        match message.message_type {
            message::SET_CHUNK_SIZE => match control_number(&message.body)? {
                size @ 1..=MAX_CHUNK_SIZE => self.chunk_size = size,
                _ => return Err(RtmpError::Protocol("a chunk size of 0 or above 2^31 - 1")),
            },
            message::ABORT => {
                let csid = control_number(&message.body).ok();
                let found = self
                    .streams
                    .iter_mut()
                    .find(|stream| Some(stream.csid) == csid);
                if let Some(stream) = found {
                    let body = std::mem::take(&mut stream.body);
                    self.partial_bytes = self.partial_bytes.saturating_sub(body.len());
                    stream.open = false;
                }
            }
            _ => return Ok(Some(message)),
        }
        Ok(None)
    }

    fn stream(&self, csid: u32) -> Option<&ChunkStream> {
        self.streams.iter().find(|stream| stream.csid == csid)
    }

    /// The index of the chunk stream, a new one if need be.
    fn stream_for(&mut self, basic: BasicHeader) -> Result<usize, RtmpError> {
        let mut streams = self.streams.iter();
        if let Some(index) = streams.position(|stream| stream.csid == basic.csid) {
            return Ok(index);
        }
        // Type 1 on a new chunk stream is not legal, but encoders send it, and it says enough.
        if basic.format > 1 {
            return Err(RtmpError::Protocol("a chunk stream without a first header"));
        }
        if self.streams.len() >= MAX_CHUNK_STREAMS {
            return Err(RtmpError::Protocol("too many chunk streams"));
        }
        self.streams.push(ChunkStream {
            csid: basic.csid,
            ..ChunkStream::default()
        });
        Ok(self.streams.len() - 1)
    }

    fn u24(&self, at: usize) -> u32 {
        let [a, b, c, _] = self.four(at);
        u32::from_be_bytes([0, a, b, c])
    }

    /// Four header bytes; zeros beyond the end, which callers do not use.
    fn four(&self, at: usize) -> [u8; 4] {
        let rest = self.header.get(at..).unwrap_or_default();
        let mut four = [0; 4];
        for (to, from) in four.iter_mut().zip(rest) {
            *to = *from;
        }
        four
    }
}

impl ChunkStream {
    /// Opens a message and reckons its time (§5.3.1.2).
    fn begin(&mut self, format: u8, time: u32, extended: Option<u32>) {
        if format < 3 {
            self.extended = extended;
            self.delta_ms = extended.unwrap_or(time);
        } else if let Some(extended) = extended {
            self.extended = Some(extended);
            self.delta_ms = extended;
        }
        self.timestamp_ms = match format {
            0 => self.delta_ms,
            _ => self.timestamp_ms.wrapping_add(self.delta_ms),
        };
        self.open = true;
    }

    /// Room doubles with what is there and never passes the announced length.
    fn append(&mut self, bytes: &[u8]) {
        let needed = self.body.len() + bytes.len();
        if needed > self.body.capacity() {
            let room = needed.max(self.body.len() * 2).max(FIRST_ROOM_BYTES);
            let room = room.min(self.length.max(needed));
            self.body.reserve_exact(room - self.body.len());
        }
        self.body.extend_from_slice(bytes);
    }

    fn finish(&mut self, body: Bytes) -> Message {
        self.open = false;
        Message {
            timestamp_ms: self.timestamp_ms,
            message_type: self.message_type,
            msid: self.msid,
            body,
        }
    }
}

/// §5.3.1.1.
#[derive(Debug, Clone, Copy)]
struct BasicHeader {
    format: u8,
    csid: u32,
    length: usize,
}

impl BasicHeader {
    /// `None` while it is not whole.
    fn read(header: &[u8; MAX_HEADER_BYTES], available: usize) -> Option<Self> {
        let [first, second, third, ..] = *header;
        let (csid, length) = match first & 0x3f {
            0 => (u32::from(second) + 64, 2),
            1 => (u32::from(third) * 256 + u32::from(second) + 64, 3),
            csid => (u32::from(csid), 1),
        };
        let format = first >> 6;
        (available >= length).then_some(Self {
            format,
            csid,
            length,
        })
    }

    const fn message_header_length(self) -> usize {
        match self.format {
            0 => 11,
            1 => 7,
            2 => 3,
            _ => 0,
        }
    }
}

fn too_large(size: usize, limit: usize) -> RtmpError {
    RtmpError::TooLarge {
        size_bytes: size as u64,
        limit_bytes: limit as u64,
    }
}

#[cfg(test)]
mod tests;
