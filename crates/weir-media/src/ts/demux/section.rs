//! Sections put together from packets (ISO/IEC 13818-1 §2.4.4): several may stand in one packet, and one
//! in several.

/// Bytes of a section (§2.4.4: 1024, private ones 4096).
const MAX_SECTION_BYTES: usize = 4099;
/// A section's first byte that is none: the rest of the packet is filling.
const FILLING: u8 = 0xFF;
/// Bytes in front of what a section's length counts.
const HEAD_BYTES: usize = 3;

/// Puts the sections of one PID together.
#[derive(Debug, Default)]
pub(super) struct SectionBuffer {
    bytes: Vec<u8>,
    /// A section has begun.
    is_open: bool,
}

impl SectionBuffer {
    /// The payload of one packet, which a section begins in if `start`; gives what is whole with it.
    pub(super) fn push(&mut self, payload: &[u8], start: bool) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        if !start {
            self.add(payload, &mut whole);
            return whole;
        }
        let Some((&pointer, rest)) = payload.split_first() else {
            return whole;
        };
        let Some((before, after)) = rest.split_at_checked(usize::from(pointer)) else {
            return whole;
        };
        self.add(before, &mut whole);
        self.bytes.clear();
        self.is_open = true;
        self.add(after, &mut whole);
        whole
    }

    fn add(&mut self, bytes: &[u8], whole: &mut Vec<Vec<u8>>) {
        if !self.is_open {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        loop {
            if self.bytes.first() == Some(&FILLING) {
                self.close();
            }
            let &[_, high, low, ..] = self.bytes.as_slice() else {
                return;
            };
            let total = HEAD_BYTES + usize::from(u16::from_be_bytes([high & 0x0F, low]));
            if self.bytes.len() < total {
                if self.bytes.len() > MAX_SECTION_BYTES {
                    self.close();
                }
                return;
            }
            let rest = self.bytes.split_off(total);
            whole.push(std::mem::replace(&mut self.bytes, rest));
        }
    }

    fn close(&mut self) {
        self.bytes.clear();
        self.is_open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: u8, body: usize) -> Vec<u8> {
        [
            vec![id, 0xB0 | (body >> 8) as u8, body as u8],
            vec![id; body],
        ]
        .concat()
    }

    #[test]
    fn sections_come_out_whole_however_they_lie_in_packets() {
        let (a, b, c) = (section(2, 20), section(0xC0, 5), section(3, 300));
        let mut buffer = SectionBuffer::default();
        assert!(buffer.push(&[9, 9], false).is_empty(), "none has begun");
        let first = [&[0][..], &a, &b, &c[..100]].concat();
        assert_eq!(buffer.push(&first, true), [a.clone(), b]);
        assert!(buffer.push(&c[100..250], false).is_empty());
        // The third ends where the pointer says that another begins.
        let last = [&[(c.len() - 250) as u8][..], &c[250..], &a, &[FILLING; 9]].concat();
        assert_eq!(buffer.push(&last, true), [c, a]);
        assert!(buffer.push(&[FILLING; 100], false).is_empty());
    }
}
