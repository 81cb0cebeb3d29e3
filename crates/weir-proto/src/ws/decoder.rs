//! Frames in, messages out, with every rule of §5 and §7 checked as the bytes come.

use bytes::Bytes;

use super::mask::mask_onto;
use super::{
    CLOSE_INVALID_PAYLOAD, CLOSE_PROTOCOL_ERROR, CLOSE_TOO_BIG, MAX_CONTROL_BYTES, Opcode, WsError,
};

/// Two bytes, eight of length, four of mask.
const MAX_HEADER_BYTES: usize = 14;

/// What one peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WsLimits {
    /// Largest message, all its fragments together, in bytes.
    pub max_message_bytes: usize,
    /// Largest text message, likewise; `max_message_bytes` holds for text too.
    pub max_text_bytes: usize,
    /// Most frames a message may be cut into; empty ones cost us too.
    pub max_fragments: usize,
    /// Binary messages are given out piece by piece as they arrive, and never held: for a stream
    /// whose messages mean nothing. Empty pieces are not told of.
    pub stream_binary: bool,
}

impl Default for WsLimits {
    /// 64 KiB in 64 frames: what a viewer or chatter has to say.
    fn default() -> Self {
        Self {
            max_message_bytes: 64 * 1024,
            max_text_bytes: 64 * 1024,
            max_fragments: 64,
            stream_binary: false,
        }
    }
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message; with [`WsLimits::stream_binary`] a piece of one, if it is binary.
    Message {
        /// UTF-8 text, which was checked, or binary.
        is_text: bool,
        /// The payload, or the next bytes of it.
        data: Bytes,
    },
    /// Answer with a pong of the same payload.
    Ping(Bytes),
    /// The answer to a ping, or a sign of life.
    Pong(Bytes),
    /// The peer closes; nothing comes after. Answer with a close of the same code.
    Close {
        /// The peer's code, if it gave one.
        code: Option<u16>,
        /// The peer's words.
        reason: String,
    },
}

/// Reads one peer's frames. Memory grows with what arrives, not with what is announced.
#[derive(Debug)]
pub struct WsDecoder {
    limits: WsLimits,
    peer_masks: bool,
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: usize,
    frame: Option<Frame>,
    message: Option<Partial>,
    control: Vec<u8>,
    closed: bool,
}

/// The frame whose payload is coming.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    left: usize,
    mask: [u8; 4],
    read: usize,
}

/// The message whose fragments are coming.
#[derive(Debug)]
struct Partial {
    is_text: bool,
    /// What is held of it: all so far, or nothing of a message that is streamed.
    data: Vec<u8>,
    /// Announced by the frames so far.
    bytes: usize,
    fragments: usize,
    utf8: Utf8,
}

/// How far a text is known to be UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    valid_bytes: usize,
}

impl WsDecoder {
    /// For a server: frames must be masked.
    pub const fn server(limits: WsLimits) -> Self {
        Self::new(limits, true)
    }

    /// For a client: frames must not be masked.
    pub const fn client(limits: WsLimits) -> Self {
        Self::new(limits, false)
    }

    const fn new(limits: WsLimits, peer_masks: bool) -> Self {
        Self {
            limits,
            peer_masks,
            header: [0; MAX_HEADER_BYTES],
            header_bytes: 0,
            frame: None,
            message: None,
            control: Vec::new(),
            closed: false,
        }
    }

    /// Bytes of unfinished messages held now: at most a message and a control frame.
    pub const fn held_bytes(&self) -> usize {
        let message = match &self.message {
            Some(message) => message.data.capacity(),
            None => 0,
        };
        message + self.control.capacity()
    }

    /// Takes bytes from `input` up to the next event, or all of them. An error is the end: close
    /// with its code.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, WsError> {
        loop {
            if self.closed {
                *input = &[];
                return Ok(None);
            }
            let frame = match self.frame {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let (now, rest) = input.split_at(frame.left.min(input.len()));
            *input = rest;
            let (frame, piece) = self.take_payload(frame, now)?;
            self.frame = (frame.left > 0).then_some(frame);
            let event = match self.frame {
                Some(_) => None,
                None => self.finish(frame)?,
            };
            // A message that is given out in pieces leaves nothing to finish with.
            let event = event.or(piece);
            if event.is_some() || self.frame.is_some() {
                return Ok(event);
            }
        }
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, WsError> {
        loop {
            let missing = self.header_length().saturating_sub(self.header_bytes);
            if missing == 0 {
                self.header_bytes = 0;
                return self.begin().map(Some);
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            if let Some(place) = self.header.get_mut(self.header_bytes) {
                *place = byte;
            }
            self.header_bytes += 1;
            if self.header_bytes == 2 {
                self.check_first_bytes()?;
            }
        }
    }

    const fn header_length(&self) -> usize {
        let [_, second, ..] = self.header;
        if self.header_bytes < 2 {
            return 2;
        }
        let length = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        2 + length + mask
    }

    /// What can be refused before the length is known.
    fn check_first_bytes(&self) -> Result<(), WsError> {
        let [first, second, ..] = self.header;
        if first & 0x70 != 0 {
            return Err(protocol("reserved bits without an extension"));
        }
        let opcode = Opcode::from_number(first & 0x0f).ok_or(protocol("an unknown opcode"))?;
        if (second & 0x80 != 0) != self.peer_masks {
            let why = if self.peer_masks {
                "an unmasked frame"
            } else {
                "a masked frame"
            };
            return Err(protocol(why));
        }
        let fin = first & 0x80 != 0;
        if opcode.is_control() {
            if !fin {
                return Err(protocol("a control frame in fragments"));
            }
            if usize::from(second & 0x7f) > MAX_CONTROL_BYTES {
                return Err(protocol("a control frame of more than 125 bytes"));
            }
        } else if (opcode == Opcode::Continuation) != self.message.is_some() {
            return Err(protocol("a fragment out of order"));
        }
        Ok(())
    }

    /// The header is whole: opens the frame, and the message if it is the first of one.
    fn begin(&mut self) -> Result<Frame, WsError> {
        let [first, second, rest @ ..] = self.header;
        let opcode = Opcode::from_number(first & 0x0f).ok_or(protocol("an unknown opcode"))?;
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = rest;
        let (length, mask_at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes([b0, b1])), 2),
            127 => (u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]), 8),
            short => (u64::from(short), 0),
        };
        let shortest = match mask_at {
            2 => 126,
            8 => 1 << 16,
            _ => 0,
        };
        if length < shortest || length > i64::MAX.unsigned_abs() {
            return Err(protocol("a length in a form that is not allowed"));
        }
        let mut mask = [0; 4];
        if self.peer_masks {
            let found = rest.get(mask_at..).and_then(|rest| rest.first_chunk());
            mask = found.copied().unwrap_or_default();
        }
        let left = usize::try_from(length).unwrap_or(usize::MAX);
        if !opcode.is_control() {
            self.admit(opcode, left)?;
        }
        Ok(Frame {
            opcode,
            fin: first & 0x80 != 0,
            left,
            mask,
            read: 0,
        })
    }

    /// Counts a fragment against the limits before any of it is taken.
    fn admit(&mut self, opcode: Opcode, bytes: usize) -> Result<(), WsError> {
        let message = self.message.get_or_insert_with(|| Partial {
            is_text: opcode == Opcode::Text,
            data: Vec::new(),
            bytes: 0,
            fragments: 0,
            utf8: Utf8::default(),
        });
        message.fragments += 1;
        message.bytes = message.bytes.saturating_add(bytes);
        let mut limit = self.limits.max_message_bytes;
        if message.is_text {
            limit = limit.min(self.limits.max_text_bytes);
        }
        if message.bytes > limit {
            return Err(too_big("a message over the limit"));
        }
        if message.fragments > self.limits.max_fragments {
            return Err(too_big("a message in too many fragments"));
        }
        Ok(())
    }

    /// Takes what is there of a payload; gives the piece if it is one of a streamed message.
    fn take_payload(
        &mut self,
        mut frame: Frame,
        now: &[u8],
    ) -> Result<(Frame, Option<Event>), WsError> {
        let is_control = frame.opcode.is_control();
        let message = self.message.as_mut().filter(|_| !is_control);
        let streams = self.limits.stream_binary && message.as_ref().is_some_and(|m| !m.is_text);
        let mut piece = Vec::new();
        let (into, text) = match message {
            Some(_) if streams => (&mut piece, None),
            Some(message) if message.is_text => (&mut message.data, Some(&mut message.utf8)),
            Some(message) => (&mut message.data, None),
            None => (&mut self.control, None),
        };
        mask_onto(into, now, frame.mask, frame.read);
        frame.left = frame.left.saturating_sub(now.len());
        frame.read = frame.read.wrapping_add(now.len());
        if let Some(utf8) = text {
            utf8.check(into, frame.fin && frame.left == 0)?;
        }
        let piece = (!piece.is_empty()).then(|| Event::Message {
            is_text: false,
            data: piece.into(),
        });
        Ok((frame, piece))
    }

    /// The payload is whole.
    fn finish(&mut self, frame: Frame) -> Result<Option<Event>, WsError> {
        if !frame.opcode.is_control() {
            if !frame.fin {
                return Ok(None);
            }
            let held = |message: &Partial| message.is_text || !self.limits.stream_binary;
            return Ok(self.message.take().filter(held).map(|message| {
                let data = message.data.into();
                let is_text = message.is_text;
                Event::Message { is_text, data }
            }));
        }
        let payload = std::mem::take(&mut self.control);
        Ok(Some(match frame.opcode {
            Opcode::Ping => Event::Ping(payload.into()),
            Opcode::Pong => Event::Pong(payload.into()),
            _ => {
                self.closed = true;
                close_event(&payload)?
            }
        }))
    }
}

impl Utf8 {
    /// Checks what is new; a character may be cut in two anywhere but at the end.
    fn check(&mut self, text: &[u8], ends: bool) -> Result<(), WsError> {
        let unchecked = text.get(self.valid_bytes..).unwrap_or_default();
        match std::str::from_utf8(unchecked) {
            Ok(_) => self.valid_bytes = text.len(),
            Err(error) if error.error_len().is_none() && !ends => {
                self.valid_bytes += error.valid_up_to();
            }
            Err(_) => return Err(invalid("text that is not UTF-8")),
        }
        Ok(())
    }
}

/// §7.1.5, §7.1.6, §7.4.
fn close_event(payload: &[u8]) -> Result<Event, WsError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Event::Close {
                code: None,
                reason: String::new(),
            }),
            _ => Err(protocol("a close code cut short")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(protocol("a close code nobody may send"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| invalid("a reason that is not UTF-8"))?;
    Ok(Event::Close {
        code: Some(code),
        reason: reason.to_owned(),
    })
}

const fn protocol(why: &'static str) -> WsError {
    let code = CLOSE_PROTOCOL_ERROR;
    WsError { code, why }
}

const fn invalid(why: &'static str) -> WsError {
    let code = CLOSE_INVALID_PAYLOAD;
    WsError { code, why }
}

const fn too_big(why: &'static str) -> WsError {
    let code = CLOSE_TOO_BIG;
    WsError { code, why }
}
