//! HTTP and WebSocket framing taken off where the bytes lie: slices in, slices of payload out.

/// Most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most bytes of a refusal kept.
const MAX_REFUSAL_BYTES: usize = 4096;
/// Most bytes of a control frame's payload (RFC 6455 §5.5).
const MAX_CONTROL_BYTES: usize = 125;

/// What the next bytes were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes of the stream, framing removed.
    Payload(&'a [u8]),
    /// All was taken: more must come.
    More,
    /// This is no stream (or no more): see [`Http::refusal`].
    Over,
}

/// The answer to a GET: head, then the body, chunked or not.
#[derive(Debug)]
pub(super) struct Http {
    state: ResponseState,
    head: Vec<u8>,
    status: u16,
    is_chunked: bool,
    length: Option<u64>,
    refused: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseState {
    Head,
    /// Of a known length, or until the connection ends.
    Body(u64),
    /// Digits seen so far; whether an extension hides the rest.
    Size(u64, bool),
    Data(u64),
    /// CR and LF behind the data.
    DataEnd(u8),
    Over,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            state: ResponseState::Head,
            head: Vec::new(),
            status: 0,
            is_chunked: false,
            length: None,
            refused: Vec::new(),
        }
    }
}

impl Http {
    /// The status; 0 before the head is complete.
    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    /// The answer is complete (never so for one that lasts until the connection ends).
    pub(super) fn is_over(&self) -> bool {
        self.state == ResponseState::Over
    }

    /// What came instead of a stream: status and the beginning of its body.
    pub(super) fn refusal(&self) -> Option<(u16, &[u8])> {
        (self.status != 0 && !matches!(self.status, 101 | 200 | 206))
            .then_some((self.status, &self.refused[..]))
    }

    /// The next piece of `input`, which is moved on behind it.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Piece<'a> {
        loop {
            if input.is_empty() {
                return if self.state == ResponseState::Over {
                    Piece::Over
                } else {
                    Piece::More
                };
            }
            match self.state {
                ResponseState::Head => self.read_head(input),
                ResponseState::Over => return Piece::Over,
                ResponseState::Size(size, is_hidden) => self.read_size(input, size, is_hidden),
                ResponseState::DataEnd(left) => {
                    let _ = take(input, 1);
                    self.state = if left > 1 {
                        ResponseState::DataEnd(left - 1)
                    } else {
                        ResponseState::Size(0, false)
                    };
                }
                ResponseState::Body(left) | ResponseState::Data(left) => {
                    let piece = take(input, left);
                    let left = left - piece.len() as u64;
                    self.state = match self.state {
                        ResponseState::Body(_) if left == 0 => ResponseState::Over,
                        ResponseState::Body(_) => ResponseState::Body(left),
                        _ if left == 0 => ResponseState::DataEnd(2),
                        _ => ResponseState::Data(left),
                    };
                    if matches!(self.status, 101 | 200 | 206) {
                        return Piece::Payload(piece);
                    }
                    let room = MAX_REFUSAL_BYTES.saturating_sub(self.refused.len());
                    self.refused
                        .extend_from_slice(piece.get(..room).unwrap_or(piece));
                }
            }
        }
    }

    fn read_head(&mut self, input: &mut &[u8]) {
        let Some((&byte, rest)) = input.split_first() else {
            return;
        };
        *input = rest;
        self.head.push(byte);
        if self.head.len() > MAX_HEAD_BYTES {
            self.state = ResponseState::Over;
        } else if self.head.ends_with(b"\r\n\r\n") {
            self.parse_head();
        }
    }

    fn parse_head(&mut self) {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split_whitespace().nth(1));
        self.status = status.and_then(|status| status.parse().ok()).unwrap_or(599);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.trim() {
                "transfer-encoding" => self.is_chunked = value.contains("chunked"),
                "content-length" => self.length = value.trim().parse().ok(),
                _ => {}
            }
        }
        self.head = Vec::new();
        self.state = match self.length {
            _ if self.is_chunked => ResponseState::Size(0, false),
            Some(0) => ResponseState::Over,
            Some(length) => ResponseState::Body(length),
            None if self.status == 304 => ResponseState::Over,
            None => ResponseState::Body(u64::MAX),
        };
    }

    /// RFC 9112 §7.1; trailers are not read.
    fn read_size(&mut self, input: &mut &[u8], size: u64, is_hidden: bool) {
        let Some((&byte, rest)) = input.split_first() else {
            return;
        };
        *input = rest;
        self.state = match (byte, char::from(byte).to_digit(16)) {
            (b'\n', _) if size == 0 => ResponseState::Over,
            (b'\n', _) => ResponseState::Data(size),
            (_, Some(digit)) if !is_hidden && size < 1 << 48 => {
                ResponseState::Size(size * 16 + u64::from(digit), false)
            }
            (b'\r', _) => ResponseState::Size(size, is_hidden),
            _ => ResponseState::Size(size, true),
        };
    }
}

/// The server's WebSocket frames: unmasked (RFC 6455 §5.1).
#[derive(Debug, Default)]
pub(super) struct WsFrames {
    header: [u8; 10],
    header_bytes: usize,
    left: u64,
    opcode: u8,
    control: Vec<u8>,
    /// Payload of a ping that wants its pong.
    pub(super) ping: Option<Vec<u8>>,
    /// Close code, once the server closed.
    pub(super) closed: Option<u16>,
}

impl WsFrames {
    /// The next piece of `input`, which is moved on behind it.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Piece<'a> {
        while !input.is_empty() {
            if self.closed.is_some() {
                return Piece::Over;
            }
            if self.left == 0 && !self.read_header(input) {
                continue;
            }
            let piece = take(input, self.left);
            self.left -= piece.len() as u64;
            if self.opcode < 8 {
                return Piece::Payload(piece);
            }
            let room = MAX_CONTROL_BYTES.saturating_sub(self.control.len());
            self.control
                .extend_from_slice(piece.get(..room).unwrap_or(piece));
            if self.left == 0 {
                self.end_control();
            }
        }
        if self.closed.is_some() {
            Piece::Over
        } else {
            Piece::More
        }
    }

    /// One byte of a header; true when there is payload to read.
    fn read_header(&mut self, input: &mut &[u8]) -> bool {
        let Some(&byte) = take(input, 1).first() else {
            return false;
        };
        if let Some(slot) = self.header.get_mut(self.header_bytes) {
            *slot = byte;
        }
        self.header_bytes += 1;
        let short = self.header[1] & 0x7f;
        let wanted = match short {
            _ if self.header_bytes < 2 => return false,
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if self.header_bytes < wanted {
            return false;
        }
        let [_, _, long @ ..] = self.header;
        self.left = match short {
            126 => u64::from_be_bytes(long) >> 48,
            127 => u64::from_be_bytes(long),
            short => u64::from(short),
        };
        (self.header_bytes, self.header) = (0, [self.header[0]; 10]);
        self.opcode = self.header[0] & 0x0f;
        if self.left == 0 && self.opcode >= 8 {
            self.end_control();
        }
        self.left > 0
    }

    fn end_control(&mut self) {
        let payload = std::mem::take(&mut self.control);
        match self.opcode {
            8 => {
                self.closed = Some(
                    payload
                        .first_chunk()
                        .map_or(1005, |code| u16::from_be_bytes(*code)),
                );
            }
            9 => self.ping = Some(payload),
            _ => {}
        }
    }
}

/// Up to `most` bytes from the front.
pub(super) fn take<'a>(input: &mut &'a [u8], most: u64) -> &'a [u8] {
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
    let (front, rest) = input.split_at_checked(most).unwrap_or((input, &[]));
    *input = rest;
    front
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_proto::ws::{Opcode, put_close, put_frame_header};

    use super::*;

    fn payload_of(answer: &[u8], cut: usize) -> (Http, Vec<u8>) {
        let (mut http, mut payload) = (Http::default(), Vec::new());
        for mut piece in answer.chunks(cut) {
            while let Piece::Payload(bytes) = http.next(&mut piece) {
                payload.extend_from_slice(bytes);
            }
        }
        (http, payload)
    }

    proptest! {
        #[test]
        fn chunked_bodies_come_out_wherever_they_are_cut(chunks: Vec<Vec<u8>>, cut in 1usize..50) {
            let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                answer.extend(format!("{:x};ext=a1\r\n", chunk.len()).bytes());
                answer.extend(chunk);
                answer.extend(b"\r\n");
            }
            let (http, payload) = payload_of(&answer, cut);
            prop_assert_eq!((http.status(), payload), (200, chunks.concat()));
        }

        #[test]
        fn web_socket_payload_comes_out_wherever_it_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 0..4),
            cut in 1usize..9000,
        ) {
            let mut wire = Vec::new();
            for message in &messages {
                put_frame_header(&mut wire, Opcode::Ping, true, 2);
                wire.extend(b"hi");
                put_frame_header(&mut wire, Opcode::Binary, true, message.len());
                wire.extend(message);
            }
            put_close(&mut wire, 4404, "3003");
            let (mut frames, mut payload) = (WsFrames::default(), Vec::new());
            for mut piece in wire.chunks(cut) {
                while let Piece::Payload(bytes) = frames.next(&mut piece) {
                    payload.extend_from_slice(bytes);
                }
            }
            prop_assert_eq!(payload, messages.concat());
            prop_assert_eq!(frames.closed, Some(4404));
            prop_assert_eq!(frames.ping, (!messages.is_empty()).then(|| b"hi".to_vec()));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = payload_of(&bytes, 3);
            let (mut frames, mut input) = (WsFrames::default(), &bytes[..]);
            while let Piece::Payload(_) = frames.next(&mut input) {}
        }
    }

    #[test]
    fn a_refusal_is_kept_and_a_length_ends_the_body() {
        let (http, payload) = payload_of(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
            7,
        );
        assert_eq!(
            (http.refusal(), payload.len()),
            (Some((404, &b"gone"[..])), 0)
        );
        let (http, payload) = payload_of(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 100);
        assert!(http.is_over() && payload == b"ok");
    }
}
