//! Frames in, messages out, with every rule of §5 and §7 checked as the bytes come.

use bytes::Bytes;

use super::{
    CLOSE_INVALID_PAYLOAD, CLOSE_PROTOCOL_ERROR, CLOSE_TOO_BIG, MAX_CONTROL_BYTES, Opcode, WsError,
};

/// Two bytes, eight of length, four of mask.
const MAX_HEADER_BYTES: usize = 14;

/// What one peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message, all its fragments together, in bytes.
    pub max_message_bytes: usize,
    /// Most frames a message may be cut into; empty ones cost us too.
    pub max_fragments: usize,
}

impl Default for Limits {
    /// 64 KiB in 64 frames: what a viewer or chatter has to say.
    fn default() -> Self {
        Self {
            max_message_bytes: 64 * 1024,
            max_fragments: 64,
        }
    }
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Message {
        /// UTF-8 text, which was checked, or binary.
        is_text: bool,
        /// The payload.
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
pub struct Decoder {
    limits: Limits,
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
    data: Vec<u8>,
    fragments: usize,
    /// How much of `data` is known to be UTF-8.
    valid_bytes: usize,
}

impl Decoder {
    /// For a server: frames must be masked.
    pub const fn server(limits: Limits) -> Self {
        Self::new(limits, true)
    }

    /// For a client: frames must not be masked.
    pub const fn client(limits: Limits) -> Self {
        Self::new(limits, false)
    }

    const fn new(limits: Limits, peer_masks: bool) -> Self {
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
            let frame = self.take_payload(frame, now)?;
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            self.frame = None;
            if let Some(event) = self.finish(frame)? {
                return Ok(Some(event));
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
            fragments: 0,
            valid_bytes: 0,
        });
        message.fragments += 1;
        let room = self
            .limits
            .max_message_bytes
            .saturating_sub(message.data.len());
        if bytes > room {
            return Err(too_big("a message over the limit"));
        }
        if message.fragments > self.limits.max_fragments {
            return Err(too_big("a message in too many fragments"));
        }
        Ok(())
    }

    fn take_payload(&mut self, mut frame: Frame, now: &[u8]) -> Result<Frame, WsError> {
        let text = match &mut self.message {
            Some(message) if !frame.opcode.is_control() => {
                unmask_onto(&mut message.data, now, &frame);
                Some(message).filter(|message| message.is_text)
            }
            _ => {
                unmask_onto(&mut self.control, now, &frame);
                None
            }
        };
        frame.left = frame.left.saturating_sub(now.len());
        frame.read = frame.read.wrapping_add(now.len());
        if let Some(message) = text {
            let ends = frame.fin && frame.left == 0;
            message.check_utf8(ends)?;
        }
        Ok(frame)
    }

    /// The payload is whole.
    fn finish(&mut self, frame: Frame) -> Result<Option<Event>, WsError> {
        if !frame.opcode.is_control() {
            if !frame.fin {
                return Ok(None);
            }
            return Ok(self.message.take().map(|message| Event::Message {
                is_text: message.is_text,
                data: message.data.into(),
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

impl Partial {
    /// Checks what is new; a character may be cut in two anywhere but at the end.
    fn check_utf8(&mut self, ends: bool) -> Result<(), WsError> {
        let unchecked = self.data.get(self.valid_bytes..).unwrap_or_default();
        match std::str::from_utf8(unchecked) {
            Ok(_) => self.valid_bytes = self.data.len(),
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

fn unmask_onto(data: &mut Vec<u8>, bytes: &[u8], frame: &Frame) {
    let mask = frame.mask.iter().cycle().skip(frame.read % 4);
    data.extend(bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
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
