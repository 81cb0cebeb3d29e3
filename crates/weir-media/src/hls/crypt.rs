//! AES-128 of whole segments: CBC with PKCS#7 padding (§4.4.4.4, §5.2), and whose turn a key is.
//!
//! Keys are made elsewhere and waited for in line here. The IV is the media sequence number, which
//! never comes twice in one life of a packager.

use std::collections::VecDeque;

use aes::Aes128;
use bytes::Bytes;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};

use super::EncryptionConfig;

/// Keys waiting for their turn.
const MAX_WAITING_KEYS: usize = 8;
/// Below this many, the packager wants another.
const WANTED_KEYS: usize = 2;

/// Keys waiting, and the one in use.
#[derive(Debug)]
pub(super) struct KeyRing {
    segments_per_key: u32,
    waiting: VecDeque<[u8; 16]>,
    /// Keys that segments still refer to: id and key, the last one in use.
    keys: VecDeque<(u32, [u8; 16])>,
    used: u32,
    next_id: u32,
}

impl KeyRing {
    pub(super) const fn new(config: EncryptionConfig) -> Self {
        Self {
            segments_per_key: config.segments_per_key,
            waiting: VecDeque::new(),
            keys: VecDeque::new(),
            used: 0,
            next_id: 0,
        }
    }

    pub(super) fn supply(&mut self, key: [u8; 16]) -> bool {
        let room = self.waiting.len() < MAX_WAITING_KEYS;
        if room {
            self.waiting.push_back(key);
        }
        room
    }

    pub(super) fn wants_key(&self) -> bool {
        let wanted = if self.segments_per_key == 0 {
            1
        } else {
            WANTED_KEYS
        };
        self.waiting.len() < wanted && (self.segments_per_key != 0 || self.keys.is_empty())
    }

    pub(super) fn has_key(&self) -> bool {
        !self.keys.is_empty() || !self.waiting.is_empty()
    }

    /// The key for the next segment. Without a fresh one in line the old one stays in use, which
    /// is safe as IVs differ. `None`: there never was one.
    pub(super) fn key_for_segment(&mut self) -> Option<(u32, [u8; 16])> {
        let due = self.segments_per_key != 0 && self.used >= self.segments_per_key;
        if (due || self.keys.is_empty())
            && let Some(key) = self.waiting.pop_front()
        {
            self.keys.push_back((self.next_id, key));
            self.next_id += 1;
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.keys.back().copied()
    }

    pub(super) fn key(&self, id: u32) -> Option<[u8; 16]> {
        self.keys
            .iter()
            .find(|(own, _)| *own == id)
            .map(|(_, key)| *key)
    }

    /// Forgets keys older than `oldest`, but never the one in use.
    pub(super) fn forget_before(&mut self, oldest: u32) {
        while self.keys.len() > 1 && self.keys.front().is_some_and(|(id, _)| *id < oldest) {
            self.keys.pop_front();
        }
    }
}

/// The IV of segment `msn`.
pub(super) const fn iv(msn: u64) -> [u8; 16] {
    (msn as u128).to_be_bytes()
}

/// The pieces of a segment, encrypted as one.
pub(super) fn encrypt(key: [u8; 16], msn: u64, pieces: &[Bytes]) -> Bytes {
    let plain = pieces.concat();
    let encryptor = cbc::Encryptor::<Aes128>::new(&key.into(), &iv(msn).into());
    Bytes::from(encryptor.encrypt_padded_vec::<Pkcs7>(&plain))
}
