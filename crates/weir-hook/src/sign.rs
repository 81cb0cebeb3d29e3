//! Signatures of deliveries, by Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use weir_base::ids;

/// Stands before a secret's base64.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that is made here.
const SECRET_BYTES: usize = 32;
/// Bytes of one that is given, as the standard says.
const GIVEN_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a receiver shares.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text that is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and base64 of 24 to 64 bytes")]
pub struct SecretFault;

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn make() -> std::io::Result<Self> {
        let bytes = ids::random_bytes::<SECRET_BYTES>().map_err(std::io::Error::other)?;
        Ok(Self(bytes.to_vec()))
    }

    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// [`SecretFault`].
    pub fn parse(text: &str) -> Result<Self, SecretFault> {
        let base64 = text.strip_prefix(PREFIX).ok_or(SecretFault)?;
        let bytes = STANDARD.decode(base64).map_err(|_| SecretFault)?;
        match GIVEN_BYTES.contains(&bytes.len()) {
            true => Ok(Self(bytes)),
            false => Err(SecretFault),
        }
    }

    /// `whsec_…`: for whoever checks signatures, and for the store.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// `v1,…` over `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Some(format!("v1,{signature}"))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The headers of a delivery, signed with each of the secrets.
pub fn headers_of(
    secrets: &[Secret],
    id: &str,
    timestamp_s: i64,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let signatures = secrets
        .iter()
        .filter_map(|secret| secret.sign(id, timestamp_s, body));
    let signatures: Vec<String> = signatures.collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp_s.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the standard's own libraries.
    #[test]
    fn a_signature_is_the_standards() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = headers_of(std::slice::from_ref(&secret), id, 1_614_265_330, body);
        let want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(headers[2], ("webhook-signature", want.to_owned()));
        let both = headers_of(&[secret.clone(), secret], id, 1_614_265_330, body);
        assert_eq!(both[2].1, format!("{want} {want}"));
    }

    #[test]
    fn a_secret_reads_back_and_a_short_one_is_none() {
        let secret = Secret::make().unwrap();
        assert_eq!(Secret::parse(&secret.reveal()), Ok(secret.clone()));
        assert_ne!(Secret::make().unwrap(), secret);
        for text in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert_eq!(Secret::parse(text), Err(SecretFault), "{text}");
        }
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}") {
            let _ = Secret::parse(&format!("whsec_{text}"));
        }
    }
}
