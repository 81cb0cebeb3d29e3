//! Seals small secrets for the database (AES-256-GCM), each to the account that it belongs to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use weir_base::ids;

use crate::error::AccountError;

/// Seals and opens.
pub(crate) struct Seal(LessSafeKey);

impl Seal {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, AccountError> {
        let key = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| AccountError::Fault("no key to seal with".to_owned()))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals a secret to `owner`. A nonce is random: one key seals far fewer than 2^32.
    pub(crate) fn close(&self, secret: &[u8], owner: &str) -> Result<Vec<u8>, AccountError> {
        let fault = || AccountError::Fault("a secret cannot be sealed".to_owned());
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
    pub(crate) fn open(&self, sealed: &[u8], owner: &str) -> Option<Vec<u8>> {
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
