//! Masking (RFC 6455 §5.3): eight bytes at a time, as every byte a publisher sends goes through it.

/// Appends `bytes` with `mask` put on or taken off; `at` is where in the payload they begin.
pub(super) fn mask_onto(out: &mut Vec<u8>, bytes: &[u8], mut mask: [u8; 4], at: usize) {
    mask.rotate_left(at % 4);
    let begin = out.len();
    out.extend_from_slice(bytes);
    if mask == [0; 4] {
        return;
    }
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = out
        .get_mut(begin..)
        .unwrap_or_default()
        .as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the standard has it: octet i is transformed with octet i modulo 4 of the key.
    fn octet_by_octet(bytes: &[u8], mask: [u8; 4], at: usize) -> Vec<u8> {
        let octets = bytes.iter().zip(at % 4..);
        octets.map(|(byte, i)| byte ^ mask[i % 4]).collect()
    }

    proptest! {
        #[test]
        fn words_are_masked_as_their_octets_are(
            before: Vec<u8>,
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            mask: [u8; 4],
            at: usize,
        ) {
            let mut out = before.clone();
            mask_onto(&mut out, &bytes, mask, at);
            let expected = [before, octet_by_octet(&bytes, mask, at)].concat();
            prop_assert_eq!(out, expected);
        }
    }

    /// `cargo test --release -p weir-proto masking_speed -- --ignored --nocapture`
    #[test]
    #[ignore = "says numbers, asserts nothing"]
    #[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
    fn masking_speed() {
        let bytes = vec![7; 64 * 1024];
        let gigabytes_per_s = |mask: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::with_capacity(bytes.len());
            let began = std::time::Instant::now();
            let rounds = 4000;
            for _ in 0..rounds {
                out.clear();
                mask(&mut out);
                std::hint::black_box(&out);
            }
            (bytes.len() * rounds) as f64 / began.elapsed().as_secs_f64() / 1e9
        };
        let key = std::hint::black_box([1, 2, 3, 4]);
        let octets = gigabytes_per_s(&|out| {
            let mask = key.iter().cycle();
            out.extend(bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        });
        let pushed = gigabytes_per_s(&|out| {
            let wide = u64::from_ne_bytes([1, 2, 3, 4, 1, 2, 3, 4]);
            for chunk in bytes.as_chunks::<8>().0 {
                out.extend_from_slice(&(u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes());
            }
        });
        let words = gigabytes_per_s(&|out| mask_onto(out, &bytes, key, 0));
        println!("GB/s: octets {octets:.2}, words pushed {pushed:.2}, words in place {words:.2}");
    }
}
