//! The forms in which a URL proves what its bearer may: ours, three vendors' and JWT. Pure: a query, keys
//! and `now` go in, a proof or a coded refusal comes out.
//!
//! A vendor's form says nothing of publishing or playing, so a vendor's key says which of both it opens.

mod alibaba;
mod jwt;
mod kingsoft;
mod native;
mod tencent;

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use weir_base::ids::hex;
use weir_base::sign::{Action, SigningKey, Subject};
use weir_base::{Code, Refusal};

use jwt::JwtKey;

/// Keys of one app, over all dialects: two of each while they rotate.
pub const MAX_APP_KEYS: usize = 16;
/// Bytes of a key's secret or PEM at most: a P-256 key has under 200.
const MAX_SECRET_BYTES: usize = 1_024;
/// Bytes of a key's id at most.
const MAX_KEY_ID_BYTES: usize = 128;
/// A secret that nobody can guess has at least so many bytes. Vendors give out shorter ones, which have
/// at least [`MIN_VENDOR_SECRET_BYTES`].
const MIN_SECRET_BYTES: usize = 16;
/// Bytes of the shortest secret that a vendor's console takes.
const MIN_VENDOR_SECRET_BYTES: usize = 6;

/// A form of signed URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// weir's own: `e`, `a`, `k`, `n`, `ip`, `s`.
    #[default]
    Native,
    /// Tencent: `txSecret`, `txTime`.
    Tencent,
    /// Alibaba, type A: `auth_key`.
    Alibaba,
    /// Kingsoft, the simple form: `t`, `k`.
    Kingsoft,
    /// Kingsoft with an access key: `accesskey`, `expire`, `nonce`, `signature`.
    KingsoftAk,
    /// JWT signed with HMAC-SHA256: `token`.
    JwtHs256,
    /// JWT signed with ECDSA on P-256: `token`.
    JwtEs256,
}

/// What a key opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opens {
    /// Publishing alone.
    Publish,
    /// Playing alone.
    Play,
    /// Whatever the signed text says; for dialects whose text says it.
    #[default]
    Signed,
}

impl AppKey {
    /// Its fields, as they are written.
    pub(crate) const FIELDS: [&str; 5] = ["dialect", "id", "secret", "public_key", "opens"];
}

/// A key of an app, as configuration and store have it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppKey {
    /// In which form it signs.
    #[serde(default)]
    pub dialect: Dialect,
    /// Named by `k` (native), `accesskey` (Kingsoft) or `kid` (JWT); free for the others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The shared secret; empty for `jwt-es256`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret: String,
    /// The public key of `jwt-es256`, as PEM.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_key: String,
    /// What it opens.
    #[serde(default)]
    pub opens: Opens,
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppKey")
            .field("dialect", &self.dialect)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A key that cannot be used, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key {id:?}: {words}")]
pub struct BadKey {
    /// How the configuration names it; empty for a whole list.
    pub id: String,
    /// What is wrong with it.
    pub words: String,
}

impl AppKey {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), BadKey> {
        let wrong = |words: String| {
            Err(BadKey {
                id: self.id.chars().take(MAX_KEY_ID_BYTES).collect(),
                words,
            })
        };
        if self.id.len() > MAX_KEY_ID_BYTES || self.id.chars().any(char::is_control) {
            return wrong(format!("an id is at most {MAX_KEY_ID_BYTES} bytes of text"));
        }
        let is_es256 = self.dialect == Dialect::JwtEs256;
        if is_es256 != self.secret.is_empty() || is_es256 == self.public_key.is_empty() {
            return wrong("jwt-es256 has public_key and no secret, all others the opposite".into());
        }
        if self.secret.len().max(self.public_key.len()) > MAX_SECRET_BYTES {
            return wrong(format!("it is longer than {MAX_SECRET_BYTES} bytes"));
        }
        let least = if self.dialect.is_vendors() {
            MIN_VENDOR_SECRET_BYTES
        } else {
            MIN_SECRET_BYTES
        };
        if !is_es256 && self.secret.len() < least {
            return wrong(format!("its secret is shorter than {least} bytes"));
        }
        if self.dialect.is_vendors() && self.opens == Opens::Signed {
            return wrong("say opens = \"publish\" or \"play\": this form does not sign it".into());
        }
        if is_es256 {
            JwtKey::es256(&self.id, &self.public_key).map(drop)?;
        }
        Ok(())
    }
}

impl Dialect {
    /// Whether the form is a vendor's, whose text does not say what it opens.
    const fn is_vendors(self) -> bool {
        matches!(
            self,
            Self::Tencent | Self::Alibaba | Self::Kingsoft | Self::KingsoftAk
        )
    }
}

/// Query parameters that some dialect reads: what follows an admitted request has to carry them on.
pub const PARAMETERS: &[&str] = &[
    "e",
    "a",
    "k",
    "n",
    "ip",
    "s",
    "txSecret",
    "txTime",
    "auth_key",
    "t",
    "signature",
    "accesskey",
    "expire",
    "nonce",
    "public",
    "vdoid",
    "token",
];

/// What a client asks for, and when.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// To do what with which stream.
    pub subject: Subject<'a>,
    /// The URL's query, decoded.
    pub query: &'a [(String, String)],
    /// The client's address.
    pub ip: IpAddr,
    /// What the URL's path has behind the stream's name, such as `.flv`; empty over RTMP.
    pub ending: &'static str,
    /// Unix seconds.
    pub now_s: i64,
}

impl<'a> Request<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        let found = self.query.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What a right signature says beyond yes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The key that signed it.
    pub key_id: &'a str,
    /// Unix seconds at which it ends.
    pub until_s: i64,
    /// It admits once: the nonce to remember.
    pub nonce: Option<&'a str>,
    /// Whose account it was made out to.
    pub account: Option<Box<str>>,
}

/// Whether a text is a JWKS document (RFC 7517) with a key that can be used.
///
/// # Errors
/// Why it is none.
pub fn check_key_set(text: &str) -> Result<(), BadKey> {
    jwt::read_set(text).map(drop)
}

/// The keys of one app, ready to verify.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    native: Vec<(SigningKey, Opens)>,
    vendors: Vec<AppKey>,
    jwt: Vec<(JwtKey, Opens)>,
}

impl Keyring {
    /// Of these keys, and of those in a JWKS document (RFC 7517), where it is not empty.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn new(keys: &[AppKey], jwks: &str) -> Result<Self, BadKey> {
        if keys.len() > MAX_APP_KEYS {
            return Err(BadKey {
                id: String::new(),
                words: format!("an app has at most {MAX_APP_KEYS} keys"),
            });
        }
        let mut ring = Self::default();
        keys.iter().try_for_each(|key| ring.add(key))?;
        ring.add_set(jwks)?;
        Ok(ring)
    }

    /// The same without those that cannot be used, which the log names: what comes from another node was
    /// checked there, by its release.
    pub fn of_good(keys: &[AppKey], jwks: &str) -> Self {
        let mut ring = Self::default();
        let added = keys.iter().take(MAX_APP_KEYS).map(|key| ring.add(key));
        let mut bad: Vec<_> = added.filter_map(Result::err).collect();
        bad.extend(ring.add_set(jwks).err());
        for error in bad {
            tracing::warn!(%error, "a key is left out");
        }
        ring
    }

    fn add(&mut self, key: &AppKey) -> Result<(), BadKey> {
        key.check()?;
        match key.dialect {
            Dialect::Native => {
                let native = SigningKey {
                    id: key.id.clone(),
                    secret: key.secret.clone(),
                };
                self.native.push((native, key.opens));
            }
            Dialect::JwtHs256 => {
                let hs256 = JwtKey::hs256(&key.id, key.secret.as_bytes());
                self.jwt.push((hs256, key.opens));
            }
            Dialect::JwtEs256 => {
                let es256 = JwtKey::es256(&key.id, &key.public_key)?;
                self.jwt.push((es256, key.opens));
            }
            _ => self.vendors.push(key.clone()),
        }
        Ok(())
    }

    fn add_set(&mut self, jwks: &str) -> Result<(), BadKey> {
        if !jwks.is_empty() {
            let set = jwt::read_set(jwks)?.into_iter();
            self.jwt.extend(set.map(|key| (key, Opens::Signed)));
        }
        Ok(())
    }

    /// Whether a key of this form and id is in it still.
    pub fn knows(&self, id: &str) -> bool {
        let native = self.native.iter().map(|(key, _)| key.id.as_str());
        let vendors = self.vendors.iter().map(|key| key.id.as_str());
        let jwt = self.jwt.iter().map(|(key, _)| key.id());
        native.chain(vendors).chain(jwt).any(|known| known == id)
    }

    /// Whether no key is in it.
    pub fn is_empty(&self) -> bool {
        self.native.is_empty() && self.vendors.is_empty() && self.jwt.is_empty()
    }

    /// What the request proves; `None` where it carries no signature of a form that a key here signs.
    ///
    /// Each form it carries is looked at: one right signature is enough, and of wrong ones the first is
    /// told.
    ///
    /// # Errors
    /// 1002 malformed, 1003 expired, 1004 wrong, 1006 an unknown key, 1007 for another action, 2003 for
    /// another address.
    pub fn verify<'a>(&'a self, request: &Request<'a>) -> Option<Result<Proof<'a>, Refusal>> {
        let action = request.subject.action;
        let checks = [
            native::verify(&self.native, !self.is_empty(), request),
            tencent::verify(self.vendors(Dialect::Tencent, action), request),
            alibaba::verify(self.vendors(Dialect::Alibaba, action), request),
            kingsoft::verify_simple(self.vendors(Dialect::Kingsoft, action), request),
            kingsoft::verify_ak(self.vendors(Dialect::KingsoftAk, action), request),
            jwt::verify(&self.jwt, request),
        ];
        let mut refused = None;
        for check in checks.into_iter().flatten() {
            match check {
                Ok(proof) => return Some(Ok(proof)),
                Err(refusal) => {
                    refused.get_or_insert(Err(refusal));
                }
            }
        }
        refused
    }

    /// The keys of a vendor's form, if there is one; each says whether it opens `action`.
    fn vendors(&self, dialect: Dialect, action: Action) -> VendorKeys<'_> {
        VendorKeys {
            keys: &self.vendors,
            dialect,
            action,
        }
    }
}

/// The keys of one vendor's form.
#[derive(Debug, Clone, Copy)]
struct VendorKeys<'a> {
    keys: &'a [AppKey],
    dialect: Dialect,
    action: Action,
}

impl<'a> VendorKeys<'a> {
    /// All keys of the form, whatever they open.
    fn all(self) -> impl Iterator<Item = &'a AppKey> {
        self.keys
            .iter()
            .filter(move |key| key.dialect == self.dialect)
    }

    fn is_empty(self) -> bool {
        self.all().next().is_none()
    }

    /// The key for which `is_right` holds. That it opens something else is told only to who has it.
    fn find(self, is_right: impl Fn(&AppKey) -> bool) -> Result<&'a AppKey, Refusal> {
        let right = |key: &&AppKey| is_right(key);
        let mut keys = self.all().filter(right).peekable();
        if keys.peek().is_none() {
            return Err(Code::AuthBadSignature.into());
        }
        keys.find(|key| opens(key.opens, self.action))
            .ok_or_else(|| wrong_action(self.action))
    }
}

fn opens(key: Opens, action: Action) -> bool {
    match key {
        Opens::Publish => action == Action::Publish,
        Opens::Play => action == Action::Play,
        Opens::Signed => true,
    }
}

fn wrong_action(action: Action) -> Refusal {
    let words = format!("this key does not open {}", action.name());
    Refusal::new(Code::AuthWrongAction, words)
}

fn malformed(words: &'static str) -> Refusal {
    Refusal::new(Code::AuthMalformed, words)
}

/// Refuses what ended before `now_s`.
fn check_time(until_s: i64, now_s: i64) -> Result<(), Refusal> {
    if now_s < until_s {
        Ok(())
    } else {
        Err(Code::AuthExpired.into())
    }
}

/// Unix seconds in decimal, as vendors write them: digits alone.
fn unix_time(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Lower-case hex MD5 of the parts, one behind the other.
fn md5_hex(parts: &[&str]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part.as_bytes());
    }
    hex(&md5.finalize())
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn is_same(given: &str, right: &str) -> bool {
    weir_base::sign::same_secret(given, right)
}

/// Whether a text is lower-case hex of this length.
fn is_lower_hex(text: &str, chars: usize) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == chars && text.bytes().all(digit)
}

/// HMAC-SHA1, which one vendor still asks for.
fn hmac_sha1(secret: &[u8], text: &str) -> Hmac<sha1::Sha1> {
    // HMAC takes keys of any length (RFC 2104), so the empty key stands for an error that cannot be.
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret)
        .unwrap_or_else(|_| Hmac::<sha1::Sha1>::new(&Default::default()));
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests;
