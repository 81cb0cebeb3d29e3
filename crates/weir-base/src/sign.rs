//! Signed URLs and stream keys: who may publish or play, proved without a database.
//!
//! A signed URL carries `e` (Unix expiry), `a` (`publish` or `play`), `k` (key id), optionally `n`
//! (nonce) and `ip`, and `s`: hex HMAC-SHA256 over
//! `action\nvhost\napp\nstream\nexpiry\nnonce\nip`, absent fields empty. Where a publisher's URL chooses what is made of
//! its stream ([`CHOSEN`]), a line `\nname=value` follows for each choice, in the order of their names: nobody adds one to a
//! URL that was signed. A stream key is the simple form: one unguessable word per stream, derived from the node's secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::codes::{Code, Refusal};
use crate::ids::hex;
use crate::nonce::NonceUse;

/// Signing keys live at once: the current one and the one it replaces.
pub const MAX_KEYS: usize = 2;
/// Characters of a stream key: 100 bits.
const STREAM_KEY_CHARS: usize = 25;

/// Parameters by which a publisher's URL chooses what is made of its stream, in the order in which they are signed.
pub const CHOSEN: [&str; 8] = [
    "delay",
    "dvr",
    "hls",
    "ladder",
    "rec",
    "record",
    "record_interval",
    "shot",
];

/// What a URL asks to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send a stream.
    Publish,
    /// Watch a stream.
    Play,
}

impl Action {
    /// As it stands in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Play => "play",
        }
    }
}

/// A key that signs URLs.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// Named by `k` in the URL.
    pub id: String,
    /// The shared secret.
    pub secret: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The names a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What is asked.
    pub action: Action,
    /// Virtual host; empty for the default one.
    pub vhost: &'a str,
    /// App, with all its levels.
    pub app: &'a str,
    /// Stream name.
    pub stream: &'a str,
}

/// The query parameters of a signed URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed<'a> {
    expiry: &'a str,
    action: &'a str,
    key_id: &'a str,
    nonce: &'a str,
    ip: &'a str,
    signature: &'a str,
    /// What it chooses, in the order of [`CHOSEN`].
    chosen: Vec<(&'a str, &'a str)>,
}

impl<'a> Signed<'a> {
    /// Takes the signature's parameters out of a query; `None` when there is no `s`.
    pub fn from_query(query: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut signed = Self::default();
        for (name, value) in query {
            match name {
                "e" => signed.expiry = value,
                "a" => signed.action = value,
                "k" => signed.key_id = value,
                "n" => signed.nonce = value,
                "ip" => signed.ip = value,
                "s" => signed.signature = value,
                _ if CHOSEN.contains(&name) => signed.chosen.push((name, value)),
                _ => {}
            }
        }
        signed.chosen.sort_by_key(|(name, _)| *name);
        (!signed.signature.is_empty()).then_some(signed)
    }

    /// The id of the key that it says signed it.
    pub const fn key_id(&self) -> &'a str {
        self.key_id
    }

    /// Unix seconds at which it expires; `None` for what is no time.
    pub fn expiry_s(&self) -> Option<i64> {
        self.expiry.parse().ok()
    }

    /// Its nonce, if it has one. Ask it of a URL that was verified.
    pub fn nonce(&self) -> Option<&'a str> {
        (!self.nonce.is_empty()).then_some(self.nonce)
    }

    /// Its nonce, if it has one, as used by `client_ip`. Ask it of a URL that was verified.
    pub fn nonce_use(&self, client_ip: &'a str, is_repeated: bool) -> Option<NonceUse<'a>> {
        let expiry_s = self.expiry.parse().ok()?;
        (!self.nonce.is_empty()).then_some(NonceUse {
            key_id: self.key_id,
            nonce: self.nonce,
            expiry_s,
            by: client_ip,
            is_repeated,
        })
    }

    /// Checks the signature for `subject` from `client_ip` at `now_s` (Unix seconds).
    ///
    /// # Errors
    /// 1002 malformed, 1003 expired, 1004 bad signature, 1006 unknown key, 1007 wrong action,
    /// 2003 another address.
    pub fn verify(
        &self,
        keys: &[SigningKey],
        subject: Subject<'_>,
        client_ip: &str,
        now_s: i64,
    ) -> Result<(), Refusal> {
        let expiry: i64 = self
            .expiry
            .parse()
            .map_err(|_| Refusal::new(Code::AuthMalformed, "e is not a Unix time"))?;
        if self.action != "publish" && self.action != "play" {
            return Err(Refusal::new(
                Code::AuthMalformed,
                "a is neither publish nor play",
            ));
        }
        let key = keys
            .iter()
            .find(|key| key.id == self.key_id)
            .ok_or(Refusal::new(Code::AuthRevoked, "no live key has this id"))?;
        let claimed = unhex(self.signature)
            .ok_or(Refusal::new(Code::AuthMalformed, "s is not hexadecimal"))?;
        let mut text = canonical(self.action, subject, self.expiry, self.nonce, self.ip);
        if self.action == Action::Publish.name() {
            put_chosen(&mut text, &self.chosen);
        }
        if mac(key.secret.as_bytes(), &text)
            .verify_slice(&claimed)
            .is_err()
        {
            return Err(Code::AuthBadSignature.into());
        }
        // Only an honest signature learns which of its fields does not fit.
        if self.action != subject.action.name() {
            return Err(Code::AuthWrongAction.into());
        }
        if now_s >= expiry {
            return Err(Code::AuthExpired.into());
        }
        if !self.ip.is_empty() && self.ip != client_ip {
            return Err(Refusal::new(
                Code::IpDenied,
                "the URL was signed for another address",
            ));
        }
        Ok(())
    }
}

/// The query of a signed URL, ready to be put behind `?`.
pub fn sign(
    key: &SigningKey,
    subject: Subject<'_>,
    expiry_s: i64,
    nonce: &str,
    ip: &str,
) -> String {
    sign_choosing(key, subject, (expiry_s, nonce, ip), &[])
}

/// The query of a signed publish URL that chooses what is made of its stream, ready to be put behind `?`. `bounds` are
/// its expiry, its nonce and its address; `chosen` are names of [`CHOSEN`] with their values, as they stand in a URL.
pub fn sign_choosing(
    key: &SigningKey,
    subject: Subject<'_>,
    (expiry_s, nonce, ip): (i64, &str, &str),
    chosen: &[(&str, &str)],
) -> String {
    let expiry = expiry_s.to_string();
    let mut text = canonical(subject.action.name(), subject, &expiry, nonce, ip);
    let mut chosen = chosen.to_vec();
    chosen.sort_by_key(|(name, _)| *name);
    put_chosen(&mut text, &chosen);
    let signature = hex(&mac(key.secret.as_bytes(), &text).finalize().into_bytes());
    let mut query = format!("e={expiry}&a={}&k={}", subject.action.name(), key.id);
    for (name, value) in [("n", nonce), ("ip", ip)] {
        if !value.is_empty() {
            query.push_str(&format!("&{name}={value}"));
        }
    }
    for (name, value) in chosen {
        query.push_str(&format!("&{name}={value}"));
    }
    query.push_str("&s=");
    query.push_str(&signature);
    query
}

/// The stream key of one stream: the word a broadcaster puts behind `?key=`.
pub fn stream_key(secret: &[u8], vhost: &str, app: &str, stream: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let digest = mac(secret, &format!("stream-key\n{vhost}\n{app}\n{stream}"))
        .finalize()
        .into_bytes();
    digest
        .iter()
        .take(STREAM_KEY_CHARS)
        .map(|byte| {
            char::from(
                ALPHABET
                    .get(usize::from(byte % 32))
                    .copied()
                    .unwrap_or(b'a'),
            )
        })
        .collect()
}

/// HMAC-SHA256 of `text` in lower-case hex: what nodes of a cluster prove themselves with.
pub fn mac_hex(secret: &str, text: &str) -> String {
    use std::fmt::Write as _;
    let digest = mac(secret.as_bytes(), text).finalize().into_bytes();
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Compares two secrets in a time that does not tell where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    // Comparing MACs under a fixed key hides the position of the first difference.
    mac(b"weir compare", a)
        .verify_slice(&mac(b"weir compare", b).finalize().into_bytes())
        .is_ok()
}

fn canonical(action: &str, subject: Subject<'_>, expiry: &str, nonce: &str, ip: &str) -> String {
    let Subject {
        vhost, app, stream, ..
    } = subject;
    format!("{action}\n{vhost}\n{app}\n{stream}\n{expiry}\n{nonce}\n{ip}")
}

fn put_chosen(text: &mut String, chosen: &[(&str, &str)]) {
    for (name, value) in chosen {
        text.push_str(&format!("\n{name}={value}"));
    }
}

fn mac(secret: &[u8], text: &str) -> Hmac<Sha256> {
    // HMAC takes keys of any length (RFC 2104), so the empty key stands for an error that cannot be.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    mac.update(text.as_bytes());
    mac
}

/// Bytes of hexadecimal; none where it is none.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<SigningKey> {
        ["old", "new"]
            .map(|id| SigningKey {
                id: id.into(),
                secret: format!("secret of {id}"),
            })
            .into()
    }

    fn subject(action: Action) -> Subject<'static> {
        Subject {
            action,
            vhost: "",
            app: "live",
            stream: "demo",
        }
    }

    fn verify(query: &str, action: Action, now_s: i64) -> Result<(), u16> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Signed::from_query(pairs)
            .unwrap()
            .verify(&keys(), subject(action), "10.0.0.9", now_s)
            .map_err(|refusal| refusal.code.number())
    }

    #[test]
    fn both_live_keys_sign() {
        for key in keys() {
            let query = sign(&key, subject(Action::Publish), 2_000, "n1", "10.0.0.9");
            assert_eq!(verify(&query, Action::Publish, 1_999), Ok(()));
        }
    }

    #[test]
    fn every_failure_has_its_own_code() {
        let query = sign(&keys()[0], subject(Action::Publish), 2_000, "", "");
        assert_eq!(verify(&query, Action::Publish, 2_000), Err(1003));
        assert_eq!(verify(&query, Action::Play, 1_000), Err(1007));
        assert_eq!(
            verify(&query.replace("k=old", "k=gone"), Action::Publish, 1_000),
            Err(1006)
        );
        assert_eq!(
            verify(&query.replace("e=2000", "e=2001"), Action::Publish, 1_000),
            Err(1004)
        );
        assert_eq!(
            verify(&query.replace("e=2000", "e=soon"), Action::Publish, 1_000),
            Err(1002)
        );
        assert_eq!(
            verify(&query.replace("&s=", "&s=zz"), Action::Publish, 1_000),
            Err(1002)
        );
        let elsewhere = sign(&keys()[0], subject(Action::Publish), 2_000, "", "10.0.0.8");
        assert_eq!(verify(&elsewhere, Action::Publish, 1_000), Err(2003));
    }

    #[test]
    fn nobody_chooses_in_a_signed_url_what_its_signer_did_not() {
        let bounds = (2_000, "", "");
        let publish = subject(Action::Publish);
        let plain = sign(&keys()[0], publish, 2_000, "", "");
        let chosen = sign_choosing(&keys()[0], publish, bounds, &[("shot", "5"), ("rec", "1")]);
        assert_eq!(verify(&chosen, Action::Publish, 1_000), Ok(()));
        // The order in a URL is nobody's business.
        let turned = chosen.replace("&rec=1&shot=5", "&shot=5&rec=1");
        assert_ne!(turned, chosen);
        assert_eq!(verify(&turned, Action::Publish, 1_000), Ok(()));
        let (added, key) = (format!("{plain}&rec=1"), format!("{plain}&title=x"));
        let (other, fewer) = (
            chosen.replace("rec=1", "rec=0"),
            chosen.replace("&shot=5", ""),
        );
        let twice = format!("{chosen}&rec=0");
        for forged in [added, other, fewer, twice] {
            assert_eq!(
                verify(&forged, Action::Publish, 1_000),
                Err(1004),
                "{forged}"
            );
        }
        // What is no choice is free.
        assert_eq!(verify(&key, Action::Publish, 1_000), Ok(()));
        let watch = sign(&keys()[0], subject(Action::Play), 2_000, "", "");
        assert_eq!(
            verify(&format!("{watch}&hls=1"), Action::Play, 1_000),
            Ok(())
        );
    }

    #[test]
    fn a_stream_key_differs_by_stream_and_by_secret() {
        let key = stream_key(b"a", "", "live", "demo");
        assert_eq!(key.len(), STREAM_KEY_CHARS);
        assert_eq!(key, stream_key(b"a", "", "live", "demo"));
        assert_ne!(key, stream_key(b"a", "", "live", "demo2"));
        assert_ne!(key, stream_key(b"b", "", "live", "demo"));
        assert!(same_secret(&key, &key.clone()) && !same_secret(&key, "demo"));
    }
}
