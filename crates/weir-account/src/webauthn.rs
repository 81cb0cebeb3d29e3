//! What a server has to see to when somebody makes a passkey or signs in with one (W3C Web Authentication, Level 3,
//! §7.1 and §7.2). Bytes in, a verdict out: nothing here knows an account.
//!
//! No attestation is asked for and none is looked at: which make of authenticator somebody has is their business.
//! A passkey stands for password and second factor together, so its owner has to be verified, not just present.

mod cbor;
mod cose;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use cbor::Cbor;
pub(crate) use cose::ALGORITHMS;
pub use cose::PublicKey;

/// Bytes of a credential's id (§5.1.3: at most 1023).
pub const MAX_CREDENTIAL_BYTES: usize = 1023;
/// Bytes of a public key as an authenticator writes it: RSA with 4096 bits has some 530.
pub const MAX_KEY_BYTES: usize = 1200;

/// Bits of an authenticator's flags (§6.1).
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// A site that passkeys are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// Its host: passkeys belong to this.
    pub id: String,
    /// Scheme, host and port, as a browser says them of a page.
    pub origin: String,
}

/// What is wrong with what a browser sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotGood(pub(crate) &'static str);

/// A passkey that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What the authenticator calls it.
    pub credential: Vec<u8>,
    /// Its public key (RFC 9052, section 7), as it came.
    pub cose_key: Vec<u8>,
    /// How often it signed; 0 where it does not count.
    pub sign_count: u32,
}

/// What a browser sends of a sign-in.
#[derive(Debug, Clone, Copy)]
pub struct Assertion<'a> {
    /// What the browser says of the page, in JSON.
    pub client_data: &'a [u8],
    /// What the authenticator says.
    pub authenticator_data: &'a [u8],
    /// Over the second and the hash of the first.
    pub signature: &'a [u8],
}

/// Which of the two a browser did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ceremony {
    Create,
    Get,
}

/// §5.8.1. What else is in it is nobody's business, as the standard asks for.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// §6.1.
struct AuthenticatorData<'a> {
    sign_count: u32,
    /// A credential's id and key, where one was just made.
    made: Option<(&'a [u8], &'a [u8])>,
}

impl RelyingParty {
    /// The site at this address. An IP address has no passkeys.
    pub fn of(site: &str) -> Option<Self> {
        let url = url::Url::parse(site).ok()?;
        let Some(url::Host::Domain(host)) = url.host() else {
            return None;
        };
        Some(Self {
            id: host.to_owned(),
            origin: url.origin().ascii_serialization(),
        })
    }

    /// Reads what a browser says of a passkey that it made. `challenge` is in base64url.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn register(
        &self,
        challenge: &str,
        client_data: &[u8],
        attestation: &[u8],
    ) -> Result<Registration, NotGood> {
        self.check_client(Ceremony::Create, challenge, client_data)?;
        let data = authenticator_data_of(attestation)?;
        let read = self.read(data)?;
        let (credential, cose_key) = read
            .made
            .ok_or(NotGood("the authenticator says of no credential"))?;
        if credential.is_empty() || credential.len() > MAX_CREDENTIAL_BYTES {
            return Err(NotGood("the credential's id is too long"));
        }
        if cose_key.len() > MAX_KEY_BYTES {
            return Err(NotGood("the public key is too long"));
        }
        // Refused now rather than at the first sign-in.
        PublicKey::read(cose_key)?;
        Ok(Registration {
            credential: credential.to_owned(),
            cose_key: cose_key.to_owned(),
            sign_count: read.sign_count,
        })
    }

    /// Checks a sign-in with the passkey of this public key, and says how often it signed. `challenge` is in base64url.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(
        &self,
        challenge: &str,
        shown: Assertion<'_>,
        cose_key: &[u8],
    ) -> Result<u32, NotGood> {
        self.check_client(Ceremony::Get, challenge, shown.client_data)?;
        let read = self.read(shown.authenticator_data)?;
        let hash = Sha256::digest(shown.client_data);
        let signed = [shown.authenticator_data, hash.as_slice()].concat();
        PublicKey::read(cose_key)?.verify(&signed, shown.signature)?;
        Ok(read.sign_count)
    }

    fn check_client(
        &self,
        ceremony: Ceremony,
        challenge: &str,
        client_data: &[u8],
    ) -> Result<(), NotGood> {
        let said: ClientData = serde_json::from_slice(client_data)
            .map_err(|_| NotGood("clientDataJSON cannot be read"))?;
        let kind = match ceremony {
            Ceremony::Create => "webauthn.create",
            Ceremony::Get => "webauthn.get",
        };
        if said.kind != kind {
            return Err(NotGood("clientDataJSON is of something else"));
        }
        if !weir_base::sign::same_secret(&said.challenge, challenge) {
            return Err(NotGood("it answers another challenge"));
        }
        if said.origin != self.origin || said.cross_origin {
            return Err(NotGood("it was made on another site's page"));
        }
        Ok(())
    }

    fn read<'a>(&self, data: &'a [u8]) -> Result<AuthenticatorData<'a>, NotGood> {
        const SHORT: NotGood = NotGood("authenticatorData is too short");
        let (site, rest) = data.split_first_chunk::<32>().ok_or(SHORT)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(SHORT)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        if site.as_slice() != Sha256::digest(self.id.as_bytes()).as_slice() {
            return Err(NotGood("it belongs to another site"));
        }
        if flags & USER_PRESENT == 0 || flags & USER_VERIFIED == 0 {
            return Err(NotGood("the authenticator did not verify who uses it"));
        }
        let mut made = None;
        if flags & HAS_CREDENTIAL != 0 {
            let (_model, after) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (length, after) = after.split_first_chunk::<2>().ok_or(SHORT)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (credential, after) = after.split_at_checked(length).ok_or(SHORT)?;
            let (key, after) = Cbor::item(after)?;
            made = Some((credential, key));
            rest = after;
        }
        if flags & HAS_EXTENSIONS != 0 {
            (_, rest) = Cbor::item(rest)?;
        }
        if !rest.is_empty() {
            return Err(NotGood("authenticatorData is too long"));
        }
        Ok(AuthenticatorData {
            sign_count: u32::from_be_bytes(*sign_count),
            made,
        })
    }
}

/// `authData` of an attestation object (§6.5); its statement is left alone.
fn authenticator_data_of(attestation: &[u8]) -> Result<&[u8], NotGood> {
    let mut reader = Cbor::new(attestation);
    let entries = reader.map()?;
    let mut found = None;
    for _ in 0..entries {
        if reader.text()? == "authData" {
            found = Some(reader.bytes()?);
        } else {
            reader.skip()?;
        }
    }
    if !reader.is_at_end() {
        return Err(NotGood("the attestation object is too long"));
    }
    found.ok_or(NotGood("the attestation object has no authData"))
}
