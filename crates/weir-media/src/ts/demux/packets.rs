//! Packets found in bytes that are cut anywhere, and what their headers say (ISO/IEC 13818-1 §2.4.3.2).

use bytes::{Buf, BytesMut};

use crate::ts::{PACKET_BYTES, SYNC_BYTE};

/// Bytes from one sync byte to the next: of plain packets, of those with a time in front as discs and
/// recorders write them (M2TS), and of those with error correction behind (DVB).
const SPACINGS: [usize; 3] = [PACKET_BYTES, 192, 204];
/// Finds the packets.
#[derive(Debug, Default)]
pub(super) struct PacketReader {
    input: BytesMut,
    synced: bool,
    /// Bytes from one packet to the next.
    spacing: usize,
    /// Bytes of no packet that are still to come before the next one.
    gap: usize,
    unsynced_bytes: u64,
}

impl PacketReader {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.input.len()
    }

    /// Bytes that were in no packet; each packet found since makes up for as many as it has.
    pub(super) const fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes
    }

    /// The next packet, or `None` until more bytes are pushed.
    pub(super) fn next(&mut self) -> Option<[u8; PACKET_BYTES]> {
        loop {
            let gap = self.gap.min(self.input.len());
            self.input.advance(gap);
            self.gap -= gap;
            if self.input.first() != Some(&SYNC_BYTE) {
                self.synced = false;
                let skip = self.input.iter().position(|&byte| byte == SYNC_BYTE);
                self.pass_over(skip.unwrap_or(self.input.len()));
            }
            let packet = self.input.first_chunk::<PACKET_BYTES>().copied()?;
            if !self.synced {
                let Some(spacing) = self.find_spacing() else {
                    self.pass_over(1);
                    continue;
                };
                self.spacing = spacing;
            }
            self.synced = true;
            self.unsynced_bytes = self.unsynced_bytes.saturating_sub(PACKET_BYTES as u64);
            self.input.advance(PACKET_BYTES);
            self.gap = self.spacing.saturating_sub(PACKET_BYTES);
            return Some(packet);
        }
    }

    /// A sync byte found by search counts when another stands one packet on; where packets are longer, two
    /// do. What is not there yet is believed.
    fn find_spacing(&self) -> Option<usize> {
        let is_sync = |at: usize| self.input.get(at).is_none_or(|&byte| byte == SYNC_BYTE);
        let fits = |&spacing: &usize| {
            is_sync(spacing) && (spacing == PACKET_BYTES || is_sync(2 * spacing))
        };
        SPACINGS.iter().copied().find(fits)
    }

    fn pass_over(&mut self, bytes: usize) {
        self.input.advance(bytes);
        self.unsynced_bytes = self.unsynced_bytes.saturating_add(bytes as u64);
    }
}

/// A packet's header (§2.4.3.2), as far as it matters.
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    pub(super) is_start: bool,
    pub(super) is_scrambled: bool,
    /// `random_access_indicator`.
    pub(super) is_marked: bool,
    pub(super) counter: u8,
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` without a payload, and where the packet says that it is broken.
    pub(super) fn read(packet: &'a [u8; PACKET_BYTES]) -> Option<Self> {
        let has_field = packet[3] & 0x20 != 0;
        let skip = match packet[3] >> 4 & 3 {
            1 => 4,
            3 => 5 + usize::from(packet[4]),
            _ => return None,
        };
        let is_broken = packet[1] & 0x80 != 0;
        Some(Self {
            pid: u16::from_be_bytes([packet[1] & 0x1F, packet[2]]),
            is_start: packet[1] & 0x40 != 0,
            is_scrambled: packet[3] & 0xC0 != 0,
            is_marked: has_field && packet[4] > 0 && packet[5] & 0x40 != 0,
            counter: packet[3] & 0x0F,
            payload: packet.get(skip..).filter(|_| !is_broken)?,
        })
    }
}
