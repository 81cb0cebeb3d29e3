//! Transport packets (ISO/IEC 13818-1 §2.4.3): cutting a PES or a section into 188 bytes.

use super::{CLOCK_MASK, PACKET_BYTES, SYNC_BYTE};

/// Payload bytes of a packet without adaptation field.
const MAX_PAYLOAD_BYTES: usize = PACKET_BYTES - 4;

/// What the first packet of a PES says in its adaptation field.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Adaptation {
    /// 90 kHz, not masked.
    pub(super) pcr: Option<u64>,
    pub(super) random_access: bool,
}

impl Adaptation {
    /// Bytes with the length byte, without stuffing; 0: no field needed.
    const fn len(self) -> usize {
        match (self.pcr.is_some(), self.random_access) {
            (true, _) => 8,
            (false, true) => 2,
            (false, false) => 0,
        }
    }
}

/// Writes `data` as packets on `pid`, the first with `adaptation` and the start indicator.
pub(super) fn put_packets(
    out: &mut Vec<u8>,
    pid: u16,
    counter: &mut u8,
    adaptation: Adaptation,
    data: &[u8],
) {
    out.reserve((data.len() / MAX_PAYLOAD_BYTES + 2) * PACKET_BYTES);
    let mut rest = data;
    let mut first = true;
    while first || !rest.is_empty() {
        let field = if first {
            adaptation
        } else {
            Adaptation::default()
        };
        let take = rest.len().min(MAX_PAYLOAD_BYTES - field.len());
        let (payload, tail) = rest.split_at(take);
        put_header(out, pid, first, *counter, field, MAX_PAYLOAD_BYTES - take);
        *counter = (*counter + 1) & 0x0F;
        out.extend_from_slice(payload);
        rest = tail;
        first = false;
    }
}

/// A packet that ends what is open on `pid` with one byte of zero, which means nothing behind a NAL unit
/// (H.264 §B.1.1, `trailing_zero_8bits`).
pub(super) fn put_trailing_zero(out: &mut Vec<u8>, pid: u16, counter: &mut u8) {
    let field = Adaptation::default();
    put_header(out, pid, false, *counter, field, MAX_PAYLOAD_BYTES - 1);
    *counter = (*counter + 1) & 0x0F;
    out.push(0);
}

/// A section in one packet: pointer field, section, filling. Ours are always short enough.
pub(super) fn put_section(out: &mut Vec<u8>, pid: u16, counter: &mut u8, section: &[u8]) {
    out.extend_from_slice(&[
        SYNC_BYTE,
        0x40 | (pid >> 8) as u8,
        pid as u8,
        0x10 | *counter,
        0,
    ]);
    *counter = (*counter + 1) & 0x0F;
    let section = section.get(..MAX_PAYLOAD_BYTES - 1).unwrap_or(section);
    out.extend_from_slice(section);
    out.resize(out.len() + MAX_PAYLOAD_BYTES - 1 - section.len(), 0xFF);
}

/// A packet that says that counters and clocks of `pid` begin anew behind it (§2.4.3.5, `discontinuity_indicator`).
pub(super) fn put_break_packet(out: &mut Vec<u8>, pid: u16, counter: u8) {
    let last = counter.wrapping_sub(1) & 0x0F;
    let fill = MAX_PAYLOAD_BYTES - 1;
    out.extend_from_slice(&[SYNC_BYTE, (pid >> 8) as u8, pid as u8, 0x20 | last]);
    out.extend_from_slice(&[fill as u8, 0x80]);
    out.resize(out.len() + fill - 1, 0xFF);
}

/// A packet that carries nothing but a PCR. The counter stands still without payload (§2.4.3.3).
pub(super) fn put_pcr_packet(out: &mut Vec<u8>, pid: u16, counter: u8, pcr: u64) {
    let last = counter.wrapping_sub(1) & 0x0F;
    out.extend_from_slice(&[SYNC_BYTE, (pid >> 8) as u8 & 0x1F, pid as u8, 0x20 | last]);
    put_adaptation(
        out,
        Adaptation {
            pcr: Some(pcr),
            random_access: false,
        },
        MAX_PAYLOAD_BYTES,
    );
}

/// The 4-byte header and an adaptation field of exactly `field_bytes`.
fn put_header(
    out: &mut Vec<u8>,
    pid: u16,
    start: bool,
    counter: u8,
    adaptation: Adaptation,
    field_bytes: usize,
) {
    let control = if field_bytes > 0 { 0x30 } else { 0x10 };
    out.extend_from_slice(&[
        SYNC_BYTE,
        u8::from(start) << 6 | (pid >> 8) as u8 & 0x1F,
        pid as u8,
        control | counter,
    ]);
    put_adaptation(out, adaptation, field_bytes);
}

fn put_adaptation(out: &mut Vec<u8>, adaptation: Adaptation, field_bytes: usize) {
    if field_bytes == 0 {
        return;
    }
    let end = out.len() + field_bytes;
    out.push((field_bytes - 1) as u8);
    if field_bytes > 1 {
        out.push(u8::from(adaptation.random_access) << 6 | u8::from(adaptation.pcr.is_some()) << 4);
    }
    if let Some(pcr) = adaptation.pcr {
        // 33 bits of base, 6 reserved, 9 of extension, which stays 0.
        let wide = (pcr & CLOCK_MASK) << 15 | 0x7E00;
        out.extend_from_slice(wide.to_be_bytes().get(2..).unwrap_or_default());
    }
    out.resize(end, 0xFF);
}
