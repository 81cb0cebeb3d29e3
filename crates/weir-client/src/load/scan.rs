//! Finds the frames in FLV and MPEG-TS without touching their payload.

use weir_media::TrackKind;

use super::counters::{Counters, Tolerance};
use super::deframe::take;

/// FLV file header and the first back pointer.
const FLV_START_BYTES: u64 = 13;
const TAG_HEADER_BYTES: usize = 11;
/// Of a body: enough to tell headers from frames.
const PEEK_BYTES: usize = 2;
const PACKET_BYTES: usize = 188;

/// When bytes came, and what is tolerated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since the connection began, µs.
    pub(super) since_us: i64,
    /// See there.
    pub(super) tolerance: Tolerance,
}

/// What an audio or video body of FLV or RTMP begins with.
pub(super) fn classify(message_type: u8, peek: [u8; PEEK_BYTES]) -> Option<(TrackKind, bool)> {
    let [first, second] = peek;
    match message_type {
        9 if first & 0x80 != 0 => {
            let is_frame = matches!(first & 0x0f, 1 | 3 | 6 | 7);
            is_frame.then_some((TrackKind::Video, first >> 4 & 7 == 1))
        }
        9 => {
            let has_header = matches!(first & 0x0f, 7 | 12);
            (!has_header || second == 1).then_some((TrackKind::Video, first >> 4 == 1))
        }
        8 if first >> 4 == 9 => matches!(first & 0x0f, 1 | 5).then_some((TrackKind::Audio, true)),
        8 => (first >> 4 != 10 || second == 1).then_some((TrackKind::Audio, true)),
        _ => None,
    }
}

/// FLV tags.
#[derive(Debug)]
pub(super) struct FlvScanner {
    head: [u8; TAG_HEADER_BYTES + PEEK_BYTES],
    head_bytes: usize,
    skip: u64,
}

impl Default for FlvScanner {
    fn default() -> Self {
        Self {
            head: [0; TAG_HEADER_BYTES + PEEK_BYTES],
            head_bytes: 0,
            skip: FLV_START_BYTES,
        }
    }
}

impl FlvScanner {
    /// The next bytes of the stream.
    pub(super) fn feed(&mut self, mut input: &[u8], moment: Moment, counters: &mut Counters) {
        while !input.is_empty() {
            if self.skip > 0 {
                self.skip -= take(&mut input, self.skip).len() as u64;
                continue;
            }
            let wanted = self.wanted();
            let piece = take(&mut input, (wanted - self.head_bytes) as u64);
            if let Some(room) = self
                .head
                .get_mut(self.head_bytes..self.head_bytes + piece.len())
            {
                room.copy_from_slice(piece);
            }
            self.head_bytes += piece.len();
            // The size is known now, and may want less than two bytes of body.
            if self.head_bytes >= TAG_HEADER_BYTES && self.head_bytes >= self.wanted() {
                self.tag(moment, counters);
            }
        }
    }

    fn body_bytes(&self) -> usize {
        let [_, a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn wanted(&self) -> usize {
        if self.head_bytes < TAG_HEADER_BYTES {
            TAG_HEADER_BYTES
        } else {
            TAG_HEADER_BYTES + self.body_bytes().min(PEEK_BYTES)
        }
    }

    fn tag(&mut self, moment: Moment, counters: &mut Counters) {
        let [kind, _, _, _, t0, t1, t2, t3, _, _, _, first, second] = self.head;
        let size = self.body_bytes();
        let peek = if size >= PEEK_BYTES {
            [first, second]
        } else {
            [0, 0]
        };
        if let Some((track, is_key)) = classify(kind & 0x1f, peek).filter(|_| size >= PEEK_BYTES) {
            let ts_ms = u32::from_be_bytes([t3, t0, t1, t2]);
            counters.frame(track, ts_ms, is_key, moment.since_us, moment.tolerance);
        }
        // The rest of the body, and the back pointer.
        self.skip = (size - size.min(PEEK_BYTES) + 4) as u64;
        self.head_bytes = 0;
    }
}

/// MPEG-TS packets: only those that begin a PES are looked into.
#[derive(Debug)]
pub(super) struct TsScanner {
    packet: [u8; PACKET_BYTES],
    filled: usize,
    skip: u64,
}

impl Default for TsScanner {
    fn default() -> Self {
        Self {
            packet: [0; PACKET_BYTES],
            filled: 0,
            skip: 0,
        }
    }
}

impl TsScanner {
    /// The next bytes of the stream.
    pub(super) fn feed(&mut self, mut input: &[u8], moment: Moment, counters: &mut Counters) {
        while !input.is_empty() {
            if self.skip > 0 {
                self.skip -= take(&mut input, self.skip).len() as u64;
                continue;
            }
            let wanted = if self.filled < 4 { 4 } else { PACKET_BYTES };
            let piece = take(&mut input, (wanted - self.filled) as u64);
            if let Some(room) = self.packet.get_mut(self.filled..self.filled + piece.len()) {
                room.copy_from_slice(piece);
            }
            self.filled += piece.len();
            if self.filled == 4 && self.packet[1] & 0x40 == 0 {
                (self.filled, self.skip) = (0, (PACKET_BYTES - 4) as u64);
            } else if self.filled == PACKET_BYTES {
                self.filled = 0;
                if let Some((track, ts_ms, is_key)) = pes_start(&self.packet) {
                    counters.frame(track, ts_ms, is_key, moment.since_us, moment.tolerance);
                }
            }
        }
    }
}

/// Track, decode time and random access indicator of a packet that begins a PES (§2.4.3.6).
fn pes_start(packet: &[u8; PACKET_BYTES]) -> Option<(TrackKind, u32, bool)> {
    let has_adaptation = packet[3] & 0x20 != 0;
    let adaptation_bytes = if has_adaptation {
        usize::from(packet[4]) + 1
    } else {
        0
    };
    let is_key = has_adaptation && packet[4] > 0 && packet[5] & 0x40 != 0;
    let pes = packet
        .get(4 + adaptation_bytes..)?
        .strip_prefix(&[0, 0, 1])?;
    let track = match pes.first()? {
        0xe0..=0xef => TrackKind::Video,
        0xbd | 0xc0..=0xdf => TrackKind::Audio,
        _ => return None,
    };
    // PTS, and DTS behind it where both are there.
    let at = if pes.get(4)? & 0x40 != 0 { 11 } else { 6 };
    let [a, b, c, d, e] = *pes.get(at..)?.first_chunk::<5>()?;
    let ticks = u64::from(a >> 1 & 7) << 30
        | u64::from(b) << 22
        | u64::from(c >> 1) << 15
        | u64::from(d) << 7
        | u64::from(e >> 1);
    Some((track, u32::try_from(ticks / 90).ok()?, is_key))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use weir_media::flv::write::{put_file_header, put_tag};
    use weir_media::{AudioCodec, Frame, FrameKind, Tracks, codec};

    use super::*;

    const MOMENT: Moment = Moment {
        since_us: 7,
        tolerance: Tolerance {
            gap_ms: 500,
            stall_us: 1_000_000,
        },
    };

    proptest! {
        #[test]
        fn flv_frames_are_found_wherever_the_bytes_are_cut(cut in 1usize..200) {
            let mut file = Vec::new();
            put_file_header(&mut file, true, true);
            put_tag(&mut file, 18, 0, b"\x02", b"meta");
            put_tag(&mut file, 9, 0, &[0x17, 0], &[1; 60]);
            put_tag(&mut file, 8, 0, &[], &[]);
            put_tag(&mut file, 9, 0, &[0x17, 1], &[9; 300]);
            put_tag(&mut file, 8, 0, &[0xaf, 1], &[9; 30]);
            put_tag(&mut file, 9, 700, &[0x27, 1], &[9; 30]);
            put_tag(&mut file, 9, 690, b"\x91avc1", &[9; 30]);
            let (mut scanner, mut counters) = (FlvScanner::default(), Counters::default());
            for piece in file.chunks(cut) {
                scanner.feed(piece, MOMENT, &mut counters);
            }
            prop_assert_eq!((counters.frames, counters.keyframes, counters.gaps, counters.backward), (4, 2, 1, 1));
            prop_assert_eq!(counters.first_key_us, Some(7));
        }

        #[test]
        fn transport_stream_frames_are_found_wherever_the_bytes_are_cut(cut in 1usize..400) {
            let audio = codec::audio_track(AudioCodec::Aac, Bytes::from_static(&[0x11, 0x90])).unwrap();
            let tracks = Arc::new(Tracks { video: None, audio: Some(audio) });
            let mut muxer = weir_media::ts::Muxer::new(&tracks).unwrap();
            let mut stream = Vec::new();
            muxer.put_tables(&mut stream);
            for at in 0..20i64 {
                let payload = Bytes::from(vec![1; 400]);
                let frame = Frame { track: TrackKind::Audio, dts_us: at * 21_000, cts_us: 0, kind: FrameKind::Key, payload };
                muxer.put_frame(&frame, &mut stream);
            }
            let (mut scanner, mut counters) = (TsScanner::default(), Counters::default());
            for piece in stream.chunks(cut) {
                scanner.feed(piece, MOMENT, &mut counters);
            }
            prop_assert_eq!((counters.gaps, counters.backward), (0, 0));
            prop_assert!(counters.frames > 0);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let mut counters = Counters::default();
            FlvScanner { skip: 0, ..FlvScanner::default() }.feed(&bytes, MOMENT, &mut counters);
            TsScanner::default().feed(&bytes.repeat(20), MOMENT, &mut counters);
        }
    }
}
