//! MPEG-TS (ISO/IEC 13818-1), written without weir's own multiplexer.

use weir_media::codec::aac::{AacConfig, ProgramConfig};
use weir_media::{AudioCodec, VideoCodec};

use super::clip::{Pictures, Sound, Unit};
use super::draft::{Draft, Piece};

const PACKET_BYTES: usize = 188;
const PMT_PID: u16 = 0x1000;
const VIDEO_PID: u16 = 0x100;
const AUDIO_PID: u16 = 0x101;
/// Where times begin, in ticks of 90 kHz, so that the clock may be behind them.
const OFFSET: i64 = 90_000;

/// Continuity counters by pid.
#[derive(Default)]
struct Packets {
    counters: std::collections::HashMap<u16, u8>,
}

/// Tables and a PES in each piece.
pub fn file(draft: &Draft) -> Vec<Piece> {
    let mut packets = Packets::default();
    let mut out = vec![Piece {
        at_us: 0,
        bytes: tables(draft, &mut packets),
    }];
    let mut waiting: Vec<(i64, Vec<u8>)> = Vec::new();
    let has_pictures = draft.clip.pictures.is_some();
    draft.interleaved(|at_us, unit, pictures, sound| {
        let mut bytes = Vec::new();
        if let Some(pictures) = pictures {
            if unit.key {
                bytes.extend(tables(draft, &mut packets));
            }
            let data = annex_b(draft, pictures, unit);
            let pes = pes(draft, 0xE0, at_us, unit.cts_us, &data, !draft.ts.bounded);
            bytes.extend(packets.put(VIDEO_PID, &pes, Some(ticks(draft, at_us))));
        } else if let Some(sound) = sound {
            waiting.push((at_us, sound_data(draft, sound, unit)));
            if waiting.len() < draft.ts.sounds_per_pes {
                return;
            }
            let first_us = waiting[0].0;
            let data: Vec<u8> = waiting.drain(..).flat_map(|(_, data)| data).collect();
            let stream_id = match sound.codec {
                AudioCodec::Aac | AudioCodec::Mp3 => 0xC0,
                _ => 0xBD,
            };
            let pes = pes(draft, stream_id, first_us, 0, &data, false);
            let clock = (!has_pictures).then(|| ticks(draft, first_us));
            bytes.extend(packets.put(AUDIO_PID, &pes, clock));
        }
        out.push(Piece { at_us, bytes });
    });
    out
}

fn ticks(draft: &Draft, us: i64) -> i64 {
    ((i128::from(us) + i128::from(draft.start_us)) * 9 / 100) as i64 + OFFSET
}

fn pes(draft: &Draft, stream_id: u8, at_us: i64, cts_us: i64, data: &[u8], open: bool) -> Vec<u8> {
    let (dts, pts) = (ticks(draft, at_us), ticks(draft, at_us + cts_us));
    let mut head = if pts == dts {
        [&[0x84, 0x80, 5][..], &timestamp(2, pts)].concat()
    } else {
        [
            &[0x84, 0xC0, 10][..],
            &timestamp(3, pts),
            &timestamp(1, dts),
        ]
        .concat()
    };
    head.extend_from_slice(data);
    let length = u16::try_from(head.len()).unwrap_or(0);
    let length = if open { 0 } else { length };
    [&[0, 0, 1, stream_id][..], &length.to_be_bytes(), &head].concat()
}

fn timestamp(mark: u8, time: i64) -> [u8; 5] {
    let time = time as u64;
    [
        mark << 4 | (time >> 29 & 0x0E) as u8 | 1,
        (time >> 22) as u8,
        (time >> 14) as u8 | 1,
        (time >> 7) as u8,
        (time << 1) as u8 | 1,
    ]
}

fn annex_b(draft: &Draft, pictures: &Pictures, unit: &Unit) -> Vec<u8> {
    let code: &[u8] = if draft.ts.short_codes {
        &[0, 0, 1]
    } else {
        &[0, 0, 0, 1]
    };
    let delimiter: &[u8] = match pictures.codec {
        VideoCodec::Hevc => &[0x46, 1, 0x50],
        _ => &[9, 0xF0],
    };
    let mut out = Vec::new();
    if draft.ts.delimiters {
        out.extend([code, delimiter].concat());
    }
    // Nothing else brings the sets here, unless units do it.
    let sets = pictures
        .sets
        .iter()
        .filter(|_| unit.key && !draft.sets_inside);
    for nal in sets.map(Vec::as_slice).chain(draft.nals(pictures, unit)) {
        out.extend([code, nal].concat());
    }
    out
}

fn sound_data(draft: &Draft, sound: &Sound, unit: &Unit) -> Vec<u8> {
    let data = unit.whole();
    match sound.codec {
        AudioCodec::Aac => {
            let aac = AacConfig::parse(&sound.config).unwrap();
            let program = ProgramConfig::of_config(&sound.config).unwrap();
            let element = program.map(|program| program.element());
            let element = element.filter(|_| draft.ts.element).unwrap_or_default();
            let header = aac.adts_header(element.len() + data.len());
            [&header.expect("a unit for ADTS")[..], &element, &data].concat()
        }
        AudioCodec::Opus => {
            let mut out = vec![0x7F, 0xE0];
            out.resize(2 + data.len() / 255, 0xFF);
            out.push((data.len() % 255) as u8);
            [out, data].concat()
        }
        _ => data,
    }
}

fn tables(draft: &Draft, packets: &mut Packets) -> Vec<u8> {
    let pat = [0, 1, 0xE0 | (PMT_PID >> 8) as u8, PMT_PID as u8];
    let mut out = packets.section(0, &section(0, &pat));
    let has_pictures = draft.clip.pictures.is_some();
    let clock_pid = if has_pictures { VIDEO_PID } else { AUDIO_PID };
    let mut pmt = (0xE000 | clock_pid).to_be_bytes().to_vec();
    pmt.extend_from_slice(&[0xF0, 0]);
    let mut put = |stream_type, pid: u16, descriptors: &[u8]| {
        pmt.push(stream_type);
        pmt.extend_from_slice(&(0xE000 | pid).to_be_bytes());
        pmt.extend_from_slice(&(0xF000 | descriptors.len() as u16).to_be_bytes());
        pmt.extend_from_slice(descriptors);
    };
    if draft.ts.dvb {
        // Cues, teletext and subtitles, which nothing is sent of.
        put(0x86, 0x1F0, b"\x05\x04CUEI");
        put(6, 0x1F1, &[0x56, 5, b'd', b'e', b'u', 0x09, 0]);
        put(6, 0x1F2, &[0x59, 8, b'd', b'e', b'u', 0x10, 0, 1, 0, 2]);
    }
    if let Some(pictures) = &draft.clip.pictures {
        let stream_type = match pictures.codec {
            VideoCodec::H264 => 0x1B,
            VideoCodec::Hevc => 0x24,
            other => panic!("{} in MPEG-TS", other.name()),
        };
        put(stream_type, VIDEO_PID, &[]);
    }
    if let Some(sound) = &draft.clip.sound {
        let opus = [5, 4, b'O', b'p', b'u', b's', 0x7F, 2, 0x80, sound.channels];
        let (stream_type, descriptors): (u8, &[u8]) = match sound.codec {
            AudioCodec::Aac => (0x0F, &[]),
            AudioCodec::Mp3 if sound.rate < 32_000 => (4, &[]),
            AudioCodec::Mp3 => (3, &[]),
            AudioCodec::Ac3 if draft.ts.dvb => (6, &[0x6A, 1, 0]),
            AudioCodec::Eac3 if draft.ts.dvb => (6, &[0x7A, 1, 0]),
            AudioCodec::Ac3 => (0x81, b"\x05\x04AC-3"),
            AudioCodec::Eac3 => (0x87, b"\x05\x04EAC3"),
            AudioCodec::Opus => (6, &opus),
            AudioCodec::Flac => panic!("FLAC in MPEG-TS"),
        };
        put(stream_type, AUDIO_PID, descriptors);
    }
    out.extend(packets.section(PMT_PID, &section(2, &pmt)));
    out
}

fn section(table: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 9) | 0xB000;
    let mut out = vec![table];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[0, 1, 0xC1, 0, 0]);
    out.extend_from_slice(body);
    let crc = out.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            let carry = if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            crc << 1 ^ carry
        })
    });
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

impl Packets {
    fn counter(&mut self, pid: u16) -> u8 {
        let counter = self.counters.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 15;
        *counter
    }

    fn section(&mut self, pid: u16, section: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut out = vec![0x47, 0x40 | high, low, 0x10 | self.counter(pid), 0];
        out.extend_from_slice(section);
        out.resize(PACKET_BYTES, 0xFF);
        out
    }

    /// `clock`: the programme's, in the first packet.
    fn put(&mut self, pid: u16, data: &[u8], clock: Option<i64>) -> Vec<u8> {
        let mut out = Vec::new();
        let [high, low] = pid.to_be_bytes();
        let mut rest = data;
        let mut clock = clock;
        while !rest.is_empty() {
            let start = if rest.len() == data.len() { 0x40 } else { 0 };
            let mut field = Vec::new();
            if let Some(clock) = clock.take() {
                let base = (clock - OFFSET / 2).rem_euclid(1 << 33) as u64;
                field.push(0x10);
                field.extend_from_slice(&(base << 15 | 0x7E00).to_be_bytes()[2..]);
            }
            let room = |field: &[u8]| match field.len() {
                0 => PACKET_BYTES - 4,
                used => PACKET_BYTES - 5 - used,
            };
            let take = rest.len().min(room(&field));
            let missing = room(&field) - take;
            out.extend_from_slice(&[0x47, start | high, low]);
            let counter = self.counter(pid);
            if field.is_empty() && missing == 0 {
                out.push(0x10 | counter);
            } else {
                // A field of one byte is its length alone.
                let bytes = match field.len() {
                    0 => missing - 1,
                    used => used + missing,
                };
                if field.is_empty() && bytes > 0 {
                    field.push(0);
                }
                field.resize(bytes, 0xFF);
                out.extend_from_slice(&[0x30 | counter, bytes as u8]);
                out.extend_from_slice(&field);
            }
            let (now, later) = rest.split_at(take);
            out.extend_from_slice(now);
            rest = later;
        }
        assert!(
            out.len().is_multiple_of(PACKET_BYTES),
            "a packet of another size"
        );
        out
    }
}
