//! Bits of headers, for oddities that need another value in the middle of one.

/// Bits as they come.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<bool>);

impl Bits {
    /// Of bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1));
        Self(bits.collect())
    }

    /// `width` bits of `value` more.
    pub(super) fn put(mut self, value: u32, width: u32) -> Self {
        self.0
            .extend((0..width).rev().map(|at| value >> at & 1 == 1));
        self
    }

    /// An exp-Golomb code more.
    pub(super) fn golomb(self, value: u32) -> Self {
        let code = value + 1;
        let width = 32 - code.leading_zeros();
        self.put(0, width - 1).put(code, width)
    }

    /// What follows bit `at` more.
    pub(super) fn rest(mut self, of: &Self, at: usize) -> Self {
        self.0.extend_from_slice(&of.0[at..]);
        self
    }

    /// The bits without the zeros at their end.
    pub(super) fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&false) {
            self.0.pop();
        }
        self
    }

    /// Bytes, padded with zeros.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let bits = bits.iter().zip((0..8).rev());
            bits.fold(0, |byte, (bit, at)| byte | u8::from(*bit) << at)
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// A NAL unit's payload with emulation prevention (H.264 §7.4.1).
pub(super) fn escaped(payload: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for byte in payload {
        if out.ends_with(&[0, 0]) && *byte <= 3 {
            out.push(3);
        }
        out.push(*byte);
    }
    out
}
