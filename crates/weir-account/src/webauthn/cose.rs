//! Public keys as authenticators write them (RFC 9052, section 7; RFC 9053; RFC 8230 for RSA), and what they verify.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::NotGood;
use super::cbor::Cbor;

const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const ED25519_CURVE: i64 = 6;
/// Algorithms by their numbers, in the order in which they are asked for.
pub(crate) const ALGORITHMS: [i64; 3] = [EDDSA, ES256, RS256];
const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// A key of one of the three algorithms that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// ECDSA on P-256 with SHA-256: an uncompressed point.
    Es256([u8; 65]),
    /// Ed25519.
    EdDsa([u8; 32]),
    /// RSA (PKCS #1 v1.5) with SHA-256: modulus and exponent.
    Rs256(Vec<u8>, Vec<u8>),
}

#[derive(Default)]
struct Fields<'a> {
    kind: i64,
    algorithm: i64,
    curve: i64,
    /// `x`, or an RSA modulus.
    first: &'a [u8],
    /// `y`, or an RSA exponent.
    second: &'a [u8],
}

impl PublicKey {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(cose_key: &[u8]) -> Result<Self, NotGood> {
        const WRONG: NotGood = NotGood("the public key is of no kind that was asked for");
        let fields = Fields::read(cose_key)?;
        match (fields.kind, fields.algorithm, fields.curve) {
            (EC2, ES256, P256) => {
                let x: &[u8; 32] = fields.first.try_into().map_err(|_| WRONG)?;
                let y: &[u8; 32] = fields.second.try_into().map_err(|_| WRONG)?;
                let mut point = [4; 65];
                let (head, tail) = point.split_at_mut(33);
                for (to, from) in head.iter_mut().skip(1).zip(x).chain(tail.iter_mut().zip(y)) {
                    *to = *from;
                }
                Ok(Self::Es256(point))
            }
            (OKP, EDDSA, ED25519_CURVE) => {
                Ok(Self::EdDsa(fields.first.try_into().map_err(|_| WRONG)?))
            }
            (RSA, RS256, 0) => Ok(Self::Rs256(
                fields.first.to_owned(),
                fields.second.to_owned(),
            )),
            _ => Err(WRONG),
        }
    }

    /// Whether the key's owner signed this.
    ///
    /// # Errors
    /// Where they did not.
    pub fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), NotGood> {
        let verdict = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(signed, signature)
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature),
            Self::Rs256(n, e) => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
        };
        verdict.map_err(|_| NotGood("the signature is not the passkey's"))
    }
}

impl<'a> Fields<'a> {
    fn read(cose_key: &'a [u8]) -> Result<Self, NotGood> {
        let mut reader = Cbor::new(cose_key);
        let mut fields = Self::default();
        let entries = reader.map()?;
        for _ in 0..entries {
            let label = reader.number()?;
            match label {
                1 => fields.kind = reader.number()?,
                3 => fields.algorithm = reader.number()?,
                // What is the curve of the other kinds is RSA's modulus.
                -1 if fields.kind == RSA => fields.first = reader.bytes()?,
                -1 => fields.curve = reader.number()?,
                -2 if fields.kind == RSA => fields.second = reader.bytes()?,
                -2 => fields.first = reader.bytes()?,
                -3 => fields.second = reader.bytes()?,
                _ => reader.skip()?,
            }
        }
        if !reader.is_at_end() {
            return Err(NotGood("the public key is too long"));
        }
        Ok(fields)
    }
}
