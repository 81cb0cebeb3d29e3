//! Handshakes against an independent computation of the digests.

use proptest::prelude::*;

use super::*;

const SEED: [u8; 32] = [9; 32];

/// HMAC-SHA256 from its definition (RFC 2104), not from the crate the code uses.
fn hmac_by_hand(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::digest([&padded(0x36), text].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).into()
}

/// Where the digest of a block lies if the half that begins at `half` has it.
fn offset(block: &[u8], half: usize) -> usize {
    let sum: usize = block[half..half + 4].iter().map(|b| usize::from(*b)).sum();
    half + 4 + sum % 728
}

fn digest_of(block: &[u8], at: usize, key: &[u8]) -> [u8; 32] {
    hmac_by_hand(key, &[&block[..at], &block[at + 32..]].concat())
}

/// C0 and C1 of a client that signs in the given half.
fn signed_hello(half: usize) -> Vec<u8> {
    let mut c1: Vec<u8> = (0..1536_u32).map(|i| (i * 7 % 251) as u8).collect();
    c1[4..8].copy_from_slice(&[10, 0, 45, 2]);
    let at = offset(&c1, half);
    let digest = digest_of(&c1, at, b"Genuine Adobe Flash Player 001");
    c1[at..at + 32].copy_from_slice(&digest);
    [&[3], &c1[..]].concat()
}

fn answer(hello: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut server = ServerHandshake::new(SEED);
    assert_eq!(server.receive(5000, &mut &hello[..], &mut out), Ok(false));
    out
}

#[test]
fn a_signed_hello_is_answered_in_its_own_scheme() {
    for half in [8, 772] {
        let hello = signed_hello(half);
        let out = answer(&hello);
        let (s1, s2) = (&out[1..1537], &out[1537..]);
        assert_eq!((out[0], out.len()), (3, 3073));
        let at = offset(s1, half);
        let expected = digest_of(s1, at, b"Genuine Adobe Flash Media Server 001");
        assert_eq!(s1[at..at + 32], expected, "half {half}");
        assert_ne!(s1[4..8], [0; 4]);

        let c1 = &hello[1..];
        let client_at = offset(c1, half);
        let full = [&b"Genuine Adobe Flash Media Server 001"[..], &KEY_END].concat();
        let key = hmac_by_hand(&full, &c1[client_at..client_at + 32]);
        assert_eq!(s2[1504..], hmac_by_hand(&key, &s2[..1504]));
    }
}

#[test]
fn a_simple_hello_is_echoed() {
    let mut hello = vec![3];
    hello.extend((0..1536_u32).map(|i| (i % 256) as u8));
    hello[5..9].fill(0);
    let out = answer(&hello);
    let (s1, s2) = (&out[1..1537], &out[1537..]);
    assert_eq!(s1[..4], 5000_u32.to_be_bytes());
    assert_eq!(s1[4..8], [0; 4]);
    assert_eq!(s2[..4], hello[1..5]);
    assert_eq!(s2[8..], hello[9..]);
}

#[test]
fn a_broken_digest_is_taken_for_a_simple_hello() {
    let mut hello = signed_hello(772);
    hello[1536] ^= 1;
    let out = answer(&hello);
    assert_eq!(out[5..9], [0; 4]);
}

#[test]
fn what_is_not_rtmp_is_refused_at_the_first_byte_in_plain_words() {
    for (byte, word) in [
        (6, "RTMPE"),
        (0x16, "TLS"),
        (b'G', "HTTP"),
        (0, "version 3"),
    ] {
        let mut server = ServerHandshake::new(SEED);
        let error = server
            .receive(0, &mut &[byte][..], &mut Vec::new())
            .unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn both_sides_agree_with_and_without_digests_and_leave_what_follows() {
    for digest in [false, true] {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let mut client = ClientHandshake::start([1; 32], digest, 0, &mut up);
        let mut server = ServerHandshake::new(SEED);
        assert_eq!(server.receive(1, &mut &up[..], &mut down), Ok(false));
        up.clear();
        assert_eq!(client.receive(2, &mut &down[..], &mut up), Ok(true));
        up.extend_from_slice(b"chunks");
        let mut rest = &up[..];
        assert_eq!(server.receive(3, &mut rest, &mut Vec::new()), Ok(true));
        assert_eq!(rest, b"chunks");
        if digest {
            let (s1, c2) = (&down[1..1537], &up[..1536]);
            let at = offset(s1, 8);
            let full = [&b"Genuine Adobe Flash Player 001"[..], &KEY_END].concat();
            let key = hmac_by_hand(&full, &s1[at..at + 32]);
            assert_eq!(c2[1504..], hmac_by_hand(&key, &c2[..1504]));
        } else {
            assert_eq!(up[8..1536], down[9..1537]);
        }
    }
}

#[test]
fn two_seeds_make_two_handshakes() {
    let blocks = [[1; 32], [2; 32]].map(|seed| random_block(&seed, b"S1"));
    assert_ne!(blocks[0], blocks[1]);
    assert_ne!(random_block(&SEED, b"S1"), random_block(&SEED, b"S2"));
}

proptest! {
    #[test]
    fn the_cuts_between_bytes_do_not_matter(piece in 1_usize..2000, half in prop_oneof![Just(8_usize), Just(772)]) {
        let hello = [signed_hello(half), vec![7; 1536]].concat();
        let mut server = ServerHandshake::new(SEED);
        let mut out = Vec::new();
        let mut done = false;
        for mut part in hello.chunks(piece) {
            prop_assert!(!done);
            done = server.receive(5000, &mut part, &mut out).unwrap();
        }
        prop_assert!(done);
        prop_assert_eq!(out, answer(&signed_hello(half)));
    }
}
