//! A small mutator with a seed of its own: the same seed makes the same inputs everywhere.

/// Values that sit on edges of length and count fields.
const EDGES: [u32; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0xff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    u32::MAX,
];
/// Bytes an input grows to at most.
const MAX_BYTES: usize = 64 * 1024;

/// Makes bad inputs out of good ones.
#[derive(Debug, Clone)]
pub struct Mutator(u64);

impl Mutator {
    /// A mutator that always makes the same of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `input` with one to eight changes, some of them pieces of `others`.
    pub fn mutate(&mut self, input: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(8) {
            self.change(&mut bytes, others);
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let until = at + self.below(bytes.len() - at + 1);
        match self.below(9) {
            0 => bytes.insert(at, self.byte()),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..until.min(at + 16))),
            3 => {
                let copy: Vec<u8> = bytes[at..until].iter().take(64).copied().collect();
                bytes.splice(at..at, copy);
            }
            4 => {
                let edge = EDGES[self.below(EDGES.len())].to_be_bytes();
                let width = 1 + self.below(4);
                for (place, byte) in bytes.iter_mut().skip(at).zip(&edge[4 - width..]) {
                    *place = *byte;
                }
            }
            5 if !others.is_empty() => {
                let other = &others[self.below(others.len())];
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => bytes.extend((0..self.below(32)).map(|_| self.byte())),
            _ => {
                let bit = 1 << self.below(8);
                let byte = self.byte();
                let flip = self.below(2) == 0;
                if let Some(place) = bytes.get_mut(at) {
                    *place = if flip { *place ^ bit } else { byte };
                }
            }
        }
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
