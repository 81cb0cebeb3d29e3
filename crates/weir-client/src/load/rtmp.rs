//! Finds the frames in a server's RTMP chunks (§5.3) without touching their payload, and knows what
//! a player owes the server: acknowledgements and pongs.

use weir_proto::rtmp::chunk::{DEFAULT_CHUNK_SIZE, MAX_CHUNK_STREAMS};
use weir_proto::rtmp::message;
use weir_proto::rtmp::wire::{CSID_CONTROL, put_message};

use super::counters::Counters;
use super::deframe::take;
use super::scan::{Moment, classify};

/// S0, S1 and S2.
const HANDSHAKE_BYTES: u64 = 1 + 1536 + 1536;
/// Of a body: enough for control messages, and to tell headers from frames.
const PEEK_BYTES: usize = 8;
/// Basic header 3, message header 11, extended timestamp 4.
const MAX_HEADER_BYTES: usize = 18;
/// Announces an extended timestamp.
const EXTENDED: u32 = 0xff_ffff;
const PING_REQUEST: u8 = 6;
const PING_RESPONSE: u8 = 7;
/// What is acknowledged after, before the server says: as most servers have it, in bytes.
const DEFAULT_WINDOW_BYTES: u64 = 2_500_000;

/// Everything from the server's first byte on.
#[derive(Debug)]
pub(super) struct RtmpScanner {
    skip: u64,
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: usize,
    chunk_size: u32,
    streams: Vec<ChunkStream>,
    /// Index of the stream whose chunk is being read, and what is left of it.
    current: Option<(usize, u32)>,
    received: u64,
    acknowledged: u64,
    window_bytes: u64,
    /// More chunk streams than anybody uses: this is no RTMP that can be read.
    pub(super) is_lost: bool,
}

#[derive(Debug, Default)]
struct ChunkStream {
    csid: u32,
    ts_ms: u32,
    delta_ms: u32,
    is_extended: bool,
    length: u32,
    message_type: u8,
    left: u32,
    peek: [u8; PEEK_BYTES],
    peeked: usize,
}

impl Default for RtmpScanner {
    fn default() -> Self {
        Self {
            skip: HANDSHAKE_BYTES,
            header: [0; MAX_HEADER_BYTES],
            header_bytes: 0,
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: Vec::new(),
            current: None,
            received: 0,
            acknowledged: 0,
            window_bytes: DEFAULT_WINDOW_BYTES,
            is_lost: false,
        }
    }
}

impl RtmpScanner {
    /// The next bytes of the connection. What must be answered is appended to `answers`.
    pub(super) fn feed(
        &mut self,
        mut input: &[u8],
        moment: Moment,
        counters: &mut Counters,
        answers: &mut Vec<u8>,
    ) {
        self.count(input.len() as u64, answers);
        while !input.is_empty() && !self.is_lost {
            if self.skip > 0 {
                self.skip -= take(&mut input, self.skip).len() as u64;
            } else if let Some((at, left)) = self.current {
                self.read_payload(&mut input, at, left, moment, counters, answers);
            } else {
                self.read_header(&mut input);
            }
        }
    }

    /// Bytes that came and were not looked at.
    pub(super) fn count(&mut self, bytes: u64, answers: &mut Vec<u8>) {
        self.received += bytes;
        if self.received - self.acknowledged >= self.window_bytes {
            self.acknowledged = self.received;
            let low = u32::try_from(self.received & u64::from(u32::MAX)).unwrap_or_default();
            put_control(answers, message::ACKNOWLEDGEMENT, &low.to_be_bytes());
        }
    }

    fn read_header(&mut self, input: &mut &[u8]) {
        let Some(&byte) = take(input, 1).first() else {
            return;
        };
        if let Some(slot) = self.header.get_mut(self.header_bytes) {
            *slot = byte;
        }
        self.header_bytes += 1;
        let basic_bytes = match self.header[0] & 0x3f {
            0 => 2,
            1 => 3,
            _ => 1,
        };
        let format = self.header[0] >> 6;
        let message_bytes = [11, 7, 3, 0].get(usize::from(format)).copied().unwrap_or(0);
        if self.header_bytes < basic_bytes + message_bytes {
            return;
        }
        let csid = match (self.header[0] & 0x3f, self.header[1], self.header[2]) {
            (0, low, _) => 64 + u32::from(low),
            (1, low, high) => 64 + u32::from(low) + u32::from(high) * 256,
            (short, ..) => u32::from(short),
        };
        let at = self.stream(csid);
        let Some(stream) = self.streams.get_mut(at) else {
            return;
        };
        let field = |from: usize| self.header.get(basic_bytes + from).copied().unwrap_or(0);
        let time = u32::from_be_bytes([0, field(0), field(1), field(2)]);
        let is_extended = if format == 3 {
            stream.is_extended
        } else {
            time == EXTENDED
        };
        let extended_at = basic_bytes + message_bytes;
        if is_extended && self.header_bytes < extended_at + 4 {
            return;
        }
        if format < 2 {
            stream.length = u32::from_be_bytes([0, field(3), field(4), field(5)]);
            stream.message_type = field(6);
        }
        let long = self
            .header
            .get(extended_at..)
            .and_then(|bytes| bytes.first_chunk().copied());
        let time = if is_extended {
            long.map_or(0, u32::from_be_bytes)
        } else {
            time
        };
        stream.start(format, time, is_extended);
        self.header_bytes = 0;
        self.current = Some((at, stream.left.min(self.chunk_size)));
    }

    fn stream(&mut self, csid: u32) -> usize {
        if let Some(at) = self.streams.iter().position(|stream| stream.csid == csid) {
            return at;
        }
        self.is_lost |= self.streams.len() >= MAX_CHUNK_STREAMS;
        self.streams.push(ChunkStream {
            csid,
            ..ChunkStream::default()
        });
        self.streams.len() - 1
    }

    fn read_payload(
        &mut self,
        input: &mut &[u8],
        at: usize,
        left: u32,
        moment: Moment,
        counters: &mut Counters,
        answers: &mut Vec<u8>,
    ) {
        let Some(stream) = self.streams.get_mut(at) else {
            return;
        };
        let piece = take(input, u64::from(left));
        let room = stream.peek.get_mut(stream.peeked..).unwrap_or_default();
        for (slot, byte) in room.iter_mut().zip(piece) {
            *slot = *byte;
        }
        stream.peeked = (stream.peeked + piece.len()).min(PEEK_BYTES);
        let taken = u32::try_from(piece.len()).unwrap_or(left);
        stream.left -= taken;
        self.current = (left > taken).then_some((at, left - taken));
        if stream.left > 0 {
            return;
        }
        let [a, b, c, d, e, f, ..] = stream.peek;
        match stream.message_type {
            message::SET_CHUNK_SIZE => self.chunk_size = u32::from_be_bytes([a, b, c, d]).max(1),
            message::WINDOW_ACK_SIZE => {
                self.window_bytes = u64::from(u32::from_be_bytes([a, b, c, d]).max(1));
            }
            message::USER_CONTROL if [a, b] == [0, PING_REQUEST] => {
                put_control(
                    answers,
                    message::USER_CONTROL,
                    &[0, PING_RESPONSE, c, d, e, f],
                );
            }
            kind if stream.peeked >= 2 => {
                if let Some((track, is_key)) = classify(kind, [a, b]) {
                    counters.frame(
                        track,
                        stream.ts_ms,
                        is_key,
                        moment.since_us,
                        moment.tolerance,
                    );
                }
            }
            _ => {}
        }
    }
}

impl ChunkStream {
    /// A chunk's header: a new message, unless one is under way.
    fn start(&mut self, format: u8, time: u32, is_extended: bool) {
        self.is_extended = is_extended;
        if self.left > 0 && format == 3 {
            return;
        }
        match format {
            0 => (self.ts_ms, self.delta_ms) = (time, time),
            1 | 2 => {
                self.delta_ms = time;
                self.ts_ms = self.ts_ms.wrapping_add(time);
            }
            _ => self.ts_ms = self.ts_ms.wrapping_add(self.delta_ms),
        }
        (self.left, self.peeked, self.peek) = (self.length, 0, [0; PEEK_BYTES]);
    }
}

fn put_control(out: &mut Vec<u8>, message_type: u8, body: &[u8]) {
    put_message(
        out,
        CSID_CONTROL,
        0,
        message_type,
        0,
        DEFAULT_CHUNK_SIZE,
        &[],
        body,
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::counters::Tolerance;
    use super::*;

    const MOMENT: Moment = Moment {
        since_us: 0,
        tolerance: Tolerance {
            gap_ms: 500,
            stall_us: 1_000_000,
        },
    };

    fn scan(wire: &[u8], cut: usize) -> (Counters, Vec<u8>) {
        let (mut scanner, mut counters, mut answers) =
            (RtmpScanner::default(), Counters::default(), Vec::new());
        for piece in wire.chunks(cut) {
            scanner.feed(piece, MOMENT, &mut counters, &mut answers);
        }
        (counters, answers)
    }

    proptest! {
        #[test]
        fn frames_are_found_wherever_the_bytes_are_cut(cut in 1usize..5000) {
            let mut wire = vec![3; 1 + 1536 + 1536];
            put_message(&mut wire, 2, 0, message::SET_CHUNK_SIZE, 0, 128, &[], &1000u32.to_be_bytes());
            put_message(&mut wire, 6, 0, message::VIDEO, 1, 1000, &[0x17, 0, 0, 0, 0], &[1; 40]);
            put_message(&mut wire, 6, 0x0100_0000, message::VIDEO, 1, 1000, &[0x17, 1, 0, 0, 0], &[1; 4000]);
            put_message(&mut wire, 2, 0, message::USER_CONTROL, 0, 1000, &[], &[0, 6, 1, 2, 3, 4]);
            put_message(&mut wire, 4, 0x0100_0000, message::AUDIO, 1, 1000, &[0xaf, 1], &[1; 400]);
            // A type-1 header with a delta, then type 3 of a whole new message.
            wire.extend([0x46, 0, 0, 40, 0, 0, 3, 9, 0x27, 1, 0]);
            wire.extend([0xc6, 0x27, 1, 0]);
            let (counters, answers) = scan(&wire, cut);
            prop_assert_eq!((counters.frames, counters.keyframes, counters.gaps, counters.backward), (4, 1, 0, 0));
            prop_assert_eq!(counters.longest_step_ms, 40);
            prop_assert!(answers.ends_with(&[0, 7, 1, 2, 3, 4]));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            scan(&[vec![0; 3073], bytes.repeat(9)].concat(), 50);
        }
    }
}
