//! The RTMP handshake (§5.2), simple and with the digests Flash software added to it.
//!
//! The digests prove nothing (the keys are public), but players and encoders exist that insist on
//! an answer in the scheme they opened with. RTMPE's encryption is refused.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::RtmpError;

/// Length of C1, S1, C2 and S2.
const BLOCK_BYTES: usize = 1536;
const DIGEST_BYTES: usize = 32;
const VERSION: u8 = 3;
const VERSION_RTMPE: u8 = 6;
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client's digest is made with, without the 32 bytes that follow it in the full key.
const CLIENT_KEY: &[u8] = b"Genuine Adobe Flash Player 001";
/// The same for a server.
const SERVER_KEY: &[u8] = b"Genuine Adobe Flash Media Server 001";
/// The end of both full keys.
const KEY_END: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

/// A version that stands in the fifth to eighth byte of a block with a digest: not zero.
const CLIENT_VERSION: [u8; 4] = [10, 0, 32, 18];
const SERVER_VERSION: [u8; 4] = [5, 0, 3, 1];

type Block = [u8; BLOCK_BYTES];

/// The server's side. Feed it until it says it is done; what follows is chunks.
#[derive(Debug)]
pub struct ServerHandshake {
    seed: [u8; 32],
    progress: Progress,
}

/// The client's side.
#[derive(Debug)]
pub struct ClientHandshake {
    seed: [u8; 32],
    digest: bool,
    progress: Progress,
}

/// How far the peer's `1 + 1536 + 1536` bytes have come.
#[derive(Debug)]
enum Progress {
    Version,
    First(Vec<u8>),
    /// Nobody looks at the second block: just count it down.
    Second {
        missing_bytes: usize,
    },
    Done,
}

impl ServerHandshake {
    /// `seed` makes the random parts; use a fresh one per connection.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            progress: Progress::Version,
        }
    }

    /// Takes what belongs to the handshake from `input`, appends answers to `out`, and says
    /// whether the handshake is complete.
    pub fn receive(
        &mut self,
        now_ms: u64,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, RtmpError> {
        if let Some(c1) = self.progress.advance(input)? {
            let (s1, s2) = self.answer(now_ms, &c1);
            out.reserve(1 + 2 * BLOCK_BYTES);
            out.push(VERSION);
            out.extend_from_slice(&s1);
            out.extend_from_slice(&s2);
            self.progress.advance(input)?;
        }
        Ok(self.progress.is_done())
    }

    /// S1 and S2 in the scheme of C1.
    fn answer(&self, now_ms: u64, c1: &Block) -> (Block, Block) {
        let mut s1 = random_block(&self.seed, b"S1");
        let found = Scheme::ALL
            .into_iter()
            .find_map(|scheme| Some((scheme, scheme.verified(c1, CLIENT_KEY)?)));
        let Some((scheme, client_digest)) = found else {
            put(&mut s1, 0, &time(now_ms));
            put(&mut s1, 4, &[0; 4]);
            return (s1, echo(c1, now_ms));
        };
        put(&mut s1, 0, &time(now_ms));
        put(&mut s1, 4, &SERVER_VERSION);
        scheme.sign(&mut s1, SERVER_KEY);
        let s2 = signed_answer(random_block(&self.seed, b"S2"), SERVER_KEY, &client_digest);
        (s1, s2)
    }
}

impl ClientHandshake {
    /// Appends C0 and C1. Some old servers want `digest`; all take it.
    pub fn start(seed: [u8; 32], digest: bool, now_ms: u64, out: &mut Vec<u8>) -> Self {
        let mut c1 = random_block(&seed, b"C1");
        put(&mut c1, 0, &time(now_ms));
        if digest {
            put(&mut c1, 4, &CLIENT_VERSION);
            Scheme::DigestThenKey.sign(&mut c1, CLIENT_KEY);
        } else {
            put(&mut c1, 4, &[0; 4]);
        }
        out.push(VERSION);
        out.extend_from_slice(&c1);
        Self {
            seed,
            digest,
            progress: Progress::Version,
        }
    }

    /// Takes what belongs to the handshake from `input`, appends C2 to `out`, and says whether
    /// the handshake is complete. The server's digests are not checked: they prove nothing.
    pub fn receive(
        &mut self,
        now_ms: u64,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, RtmpError> {
        if let Some(s1) = self.progress.advance(input)? {
            let mut schemes = Scheme::ALL.into_iter();
            let verified = schemes.find_map(|scheme| scheme.verified(&s1, SERVER_KEY));
            let c2 = match verified {
                Some(digest) if self.digest => {
                    signed_answer(random_block(&self.seed, b"C2"), CLIENT_KEY, &digest)
                }
                _ => echo(&s1, now_ms),
            };
            out.extend_from_slice(&c2);
            self.progress.advance(input)?;
        }
        Ok(self.progress.is_done())
    }
}

impl Progress {
    /// Takes bytes; gives the peer's first block at the moment it is complete.
    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Block>, RtmpError> {
        if matches!(self, Self::Version) {
            let Some((&version, rest)) = input.split_first() else {
                return Ok(None);
            };
            check_version(version)?;
            *input = rest;
            *self = Self::First(Vec::new());
        }
        match self {
            Self::First(block) => {
                let missing = BLOCK_BYTES.saturating_sub(block.len());
                block.extend_from_slice(take(input, missing));
                let complete = Block::try_from(block.as_slice()).ok();
                if complete.is_some() {
                    *self = Self::Second {
                        missing_bytes: BLOCK_BYTES,
                    };
                }
                Ok(complete)
            }
            Self::Second { missing_bytes } => {
                *missing_bytes -= take(input, *missing_bytes).len();
                if *missing_bytes == 0 {
                    *self = Self::Done;
                }
                Ok(None)
            }
            Self::Version | Self::Done => Ok(None),
        }
    }

    const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// Where a block keeps its digest; either half may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// "Scheme 0": 764 bytes around a key, then 764 around the digest.
    KeyThenDigest,
    /// "Scheme 1": the digest first.
    DigestThenKey,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::KeyThenDigest, Self::DigestThenKey];

    /// Four bytes at the start of the half, summed up, say where in it the digest is.
    fn digest_at(self, block: &Block) -> usize {
        let half = match self {
            Self::KeyThenDigest => 772,
            Self::DigestThenKey => 8,
        };
        let offset_bytes = block.iter().skip(half).take(4);
        let sum = offset_bytes.map(|byte| usize::from(*byte)).sum::<usize>();
        half + 4 + sum % 728
    }

    /// The digest in the block, if it is right.
    fn verified(self, block: &Block, key: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
        let at = self.digest_at(block);
        let found = block.get(at..at + DIGEST_BYTES)?;
        let digest = self.computed(block, key);
        (found == digest).then_some(digest)
    }

    fn sign(self, block: &mut Block, key: &[u8]) {
        let digest = self.computed(block, key);
        put(block, self.digest_at(block), &digest);
    }

    fn computed(self, block: &Block, key: &[u8]) -> [u8; DIGEST_BYTES] {
        let at = self.digest_at(block);
        let before = block.get(..at).unwrap_or_default();
        let after = block.get(at + DIGEST_BYTES..).unwrap_or_default();
        hmac(key, &[before, after])
    }
}

/// The second block in a digest scheme: its last 32 bytes answer the peer's digest.
fn signed_answer(mut block: Block, key: &[u8], peer_digest: &[u8; DIGEST_BYTES]) -> Block {
    let full_key = [key, &KEY_END].concat();
    let answer_key = hmac(&full_key, &[peer_digest]);
    let at = BLOCK_BYTES - DIGEST_BYTES;
    let digest = hmac(&answer_key, &[block.get(..at).unwrap_or_default()]);
    put(&mut block, at, &digest);
    block
}

/// The second block in the simple scheme (§5.2.4): the peer's block with our time in it.
fn echo(block: &Block, now_ms: u64) -> Block {
    let mut echo = *block;
    put(&mut echo, 4, &time(now_ms));
    echo
}

fn check_version(version: u8) -> Result<(), RtmpError> {
    Err(RtmpError::Handshake(match version {
        VERSION => return Ok(()),
        VERSION_RTMPE => "RTMPE (version 6) is not offered, use RTMPS",
        TLS_HANDSHAKE => "this looks like TLS on a port for plain RTMP",
        b'A'..=b'Z' => "this looks like HTTP on a port for RTMP",
        _ => "the first byte is not RTMP version 3",
    }))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST_BYTES] {
    // HMAC takes keys of every length, so there is no error to report.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; DIGEST_BYTES];
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Filler that differs between connections and between blocks.
fn random_block(seed: &[u8; 32], label: &[u8]) -> Block {
    let mut block = [0; BLOCK_BYTES];
    for (index, part) in (0_u8..).zip(block.chunks_exact_mut(DIGEST_BYTES)) {
        let hash = Sha256::new().chain_update(seed).chain_update(label);
        part.copy_from_slice(&hash.chain_update([index]).finalize());
    }
    block
}

/// The low 32 bits of the time, as every RTMP timestamp.
fn time(now_ms: u64) -> [u8; 4] {
    let [_, _, _, _, low @ ..] = now_ms.to_be_bytes();
    low
}

/// Overwrites part of a block; all callers stay inside.
fn put(block: &mut Block, at: usize, bytes: &[u8]) {
    if let Some(place) = block.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests;
