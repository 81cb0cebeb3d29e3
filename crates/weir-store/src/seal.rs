//! Seals small secrets for the database (AES-256-GCM), each to what it belongs to: here for a whole column, above this
//! crate for what only accounts know.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};
use weir_base::ids::{self, hex};
use weir_base::sign::{mac_hex, unhex};

use crate::error::StoreError;

/// Begins a sealed text; the id of its key follows, and then what is sealed, in hexadecimal.
const SEALED: &str = "sealed:";
/// Characters of a key's id.
const KEY_ID_CHARS: usize = 16;
/// Bytes of a secret that keys are made of, at least.
const MIN_SECRET_BYTES: usize = 16;

/// Seals and opens.
pub struct Seal(LessSafeKey);

/// The keys that seal secrets in columns. The first seals; by the others is opened what they sealed.
pub struct SealKeys(Vec<(String, Seal)>);

/// The keys of a store, once it is told them.
#[derive(Debug, Default)]
pub(crate) struct Sealing(OnceLock<SealKeys>);

impl Seal {
    /// By this key.
    ///
    /// # Errors
    /// [`StoreError::Fault`].
    pub fn new(key: &[u8; 32]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| StoreError::Fault("no key to seal with".to_owned()))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals a secret to `owner`. A nonce is random: one key seals far fewer than 2^32.
    ///
    /// # Errors
    /// [`StoreError::Fault`].
    pub fn close(&self, secret: &[u8], owner: &str) -> Result<Vec<u8>, StoreError> {
        let fault = || StoreError::Fault("a secret cannot be sealed".to_owned());
        let nonce = ids::random_bytes::<NONCE_LEN>().map_err(|_| fault())?;
        let mut sealed = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| fault())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed to `owner`; none where it was not, or is damaged.
    pub fn open(&self, sealed: &[u8], owner: &str) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = rest.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut text)
            .ok()?;
        Some(opened.to_vec())
    }
}

impl SealKeys {
    /// Made of these secrets. One that changes comes first, and the old one behind it until all is sealed anew.
    ///
    /// # Errors
    /// [`StoreError::Setting`] for none, and for one that could be guessed.
    pub fn of(secrets: &[&str]) -> Result<Self, StoreError> {
        let key = |secret: &&str| {
            if secret.len() < MIN_SECRET_BYTES {
                let words = format!("a key that seals has at least {MIN_SECRET_BYTES} bytes");
                return Err(StoreError::Setting(words));
            }
            let id: String = mac_hex(secret, "the name of a key that seals");
            let id = id.chars().take(KEY_ID_CHARS).collect();
            let key = Sha256::digest(mac_hex(secret, "a key that seals").as_bytes());
            Ok((id, Seal::new(&key.into())?))
        };
        let keys: Vec<_> = secrets.iter().map(key).collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err(StoreError::Setting("there is no key to seal with".into())),
            false => Ok(Self(keys)),
        }
    }

    fn current(&self) -> Option<&(String, Seal)> {
        self.0.first()
    }
}

impl Sealing {
    pub(crate) fn told(&self, keys: SealKeys) {
        let _ = self.0.set(keys);
    }

    /// How what is sealed by the newest key begins; none where nothing is sealed.
    pub(crate) fn prefix(&self) -> Option<String> {
        let (id, _) = self.0.get()?.current()?;
        Some(format!("{SEALED}{id}:"))
    }

    /// A secret as it stands in its column. Without keys, and where it is empty, as it is.
    pub(crate) fn close(&self, secret: &str, owner: &str) -> Result<String, StoreError> {
        let key = self.0.get().and_then(SealKeys::current);
        match key {
            Some((id, seal)) if !secret.is_empty() => {
                let sealed = seal.close(secret.as_bytes(), owner)?;
                Ok(format!("{SEALED}{id}:{}", hex(&sealed)))
            }
            _ => Ok(secret.to_owned()),
        }
    }

    /// The secret in a column; none where none of the keys opens it.
    pub(crate) fn open(&self, text: &str, owner: &str) -> Option<String> {
        let Some(sealed) = text.strip_prefix(SEALED) else {
            // Written before there were keys.
            return Some(text.to_owned());
        };
        let (id, sealed) = sealed.split_once(':')?;
        let mut keys = self.0.get()?.0.iter();
        let (_, seal) = keys.find(|(known, _)| known == id)?;
        String::from_utf8(seal.open(&unhex(sealed)?, owner)?).ok()
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_alone_and_only_as_it_was() {
        let seal = Seal::new(&[7; 32]).unwrap();
        let sealed = seal.close(b"secret", "ann").unwrap();
        assert_eq!(seal.open(&sealed, "ann").as_deref(), Some(&b"secret"[..]));
        assert_eq!(seal.open(&sealed, "bob"), None);
        assert_eq!(Seal::new(&[8; 32]).unwrap().open(&sealed, "ann"), None);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(seal.open(&damaged, "ann"), None, "byte {at}");
            assert_eq!(seal.open(&sealed[..at], "ann"), None, "cut at {at}");
        }
    }
}
