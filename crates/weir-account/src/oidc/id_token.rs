//! ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): who somebody is, in the signed words of their provider.
//!
//! What may sign is decided here and by the key, never by the token: shared secrets and `none` sign nothing.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use weir_base::sign::same_secret;

/// Bytes of a token.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Bytes of a subject (section 2).
const MAX_SUBJECT_BYTES: usize = 255;
/// Keys taken from a set: a few, while they rotate.
const MAX_SET_KEYS: usize = 32;
/// Keys tried for a token that names none.
const MAX_TRIED: usize = 4;
/// Seconds by which two clocks may differ.
const SKEW_S: i64 = 60;

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadToken {
    /// No token, or none of a kind that is taken.
    #[error("its token cannot be read, or is signed in a way that is not taken")]
    Form,
    /// No key of the set is the token's: another set may have it.
    #[error("its token is signed by a key that it does not publish")]
    UnknownKey,
    /// It was changed, or signed by somebody else.
    #[error("the signature of its token is wrong")]
    Signature,
    /// One of the claims is not as it has to be.
    #[error("its token is not good: {0}")]
    Claim(&'static str),
}

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// Unix seconds.
    pub(super) now_s: i64,
}

/// What is told of somebody, in a token or in an answer beside it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    pub(super) sub: String,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    email_verified: Option<Flag>,
    #[serde(default)]
    pub(super) preferred_username: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// Some providers write a flag as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Text(String),
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(flatten)]
    told: Told,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// A key of a set, with the algorithms that it may sign by.
#[derive(Debug, Clone)]
pub(super) struct VerifyKey {
    id: String,
    key: DecodingKey,
    algorithms: &'static [Algorithm],
}

impl Told {
    /// Whether the provider says that the address is theirs.
    pub(super) fn has_proved_email(&self) -> bool {
        match &self.email_verified {
            Some(Flag::Bool(is_so)) => *is_so,
            Some(Flag::Text(text)) => text == "true",
            None => false,
        }
    }
}

/// The keys of a set (RFC 7517) that may sign tokens; the others are passed over.
pub(super) fn read_keys(body: &[u8]) -> Result<Vec<VerifyKey>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(body)
        .map_err(|error| format!("its keys are no JSON Web Key Set: {error}"))?;
    let keys = set.keys.into_iter();
    let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let keys: Vec<_> = keys
        .filter_map(|jwk| VerifyKey::of(&jwk))
        .take(MAX_SET_KEYS)
        .collect();
    match keys.is_empty() {
        true => Err("none of its keys can be used".to_owned()),
        false => Ok(keys),
    }
}

impl VerifyKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        let about = &jwk.common;
        if !matches!(about.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let fitting: &'static [Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => match about.key_algorithm {
                None => &[Algorithm::RS256, Algorithm::PS256],
                Some(KeyAlgorithm::RS256) => &[Algorithm::RS256],
                Some(KeyAlgorithm::PS256) => &[Algorithm::PS256],
                Some(_) => return None,
            },
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                match about.key_algorithm {
                    None | Some(KeyAlgorithm::ES256) => &[Algorithm::ES256],
                    Some(_) => return None,
                }
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                match about.key_algorithm {
                    None | Some(KeyAlgorithm::EdDSA) => &[Algorithm::EdDSA],
                    Some(_) => return None,
                }
            }
            // A shared secret that is published is none.
            _ => return None,
        };
        Some(Self {
            id: about.key_id.clone().unwrap_or_default(),
            key: DecodingKey::from_jwk(jwk).ok()?,
            algorithms: fitting,
        })
    }
}

/// Reads who a token is about, where one of the keys signed it and it says all it has to.
pub(super) fn verify(
    token: &str,
    keys: &[VerifyKey],
    expected: Expected<'_>,
) -> Result<Told, BadToken> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(BadToken::Form);
    }
    // An algorithm that nobody has, such as `none`, is one that the header cannot name.
    let header = jsonwebtoken::decode_header(token).map_err(|_| BadToken::Form)?;
    let fits = |key: &&VerifyKey| key.algorithms.contains(&header.alg);
    let named = |key: &&VerifyKey| match &header.kid {
        Some(id) => key.id == *id,
        None => true,
    };
    let mut refused = BadToken::UnknownKey;
    let fitting = keys.iter().filter(named).filter(fits);
    for key in fitting.take(MAX_TRIED) {
        match decode(token, key, header.alg) {
            Ok(claims) => return judge(claims, expected),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn decode(token: &str, key: &VerifyKey, algorithm: Algorithm) -> Result<Claims, BadToken> {
    // What it says is compared below, with our own clock.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, &key.key, &validation);
    decoded.map(|data| data.claims).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidSignature => BadToken::Signature,
            ErrorKind::Json(_) => BadToken::Claim("it lacks one of iss, sub, aud, exp and iat"),
            _ => BadToken::Form,
        }
    })
}

fn judge(claims: Claims, expected: Expected<'_>) -> Result<Told, BadToken> {
    let Expected {
        issuer,
        client_id,
        nonce,
        now_s,
    } = expected;
    if claims.iss != issuer {
        return Err(BadToken::Claim("it was issued by somebody else"));
    }
    let (is_ours, is_one) = match &claims.aud {
        Audience::One(one) => (one == client_id, true),
        Audience::Several(all) => (all.iter().any(|one| one == client_id), all.len() == 1),
    };
    if !is_ours {
        return Err(BadToken::Claim("it was made for another site"));
    }
    let is_authorized = match &claims.azp {
        Some(azp) => azp == client_id,
        None => is_one,
    };
    if !is_authorized {
        return Err(BadToken::Claim("it was given to another site"));
    }
    let (now, skew) = (now_s as f64, SKEW_S as f64);
    let is_alive = now < claims.exp + skew;
    if !is_alive {
        return Err(BadToken::Claim("it has expired"));
    }
    let begins = claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat));
    let has_begun = begins <= now + skew;
    if !has_begun {
        return Err(BadToken::Claim("it does not count yet: check both clocks"));
    }
    if !claims.nonce.is_some_and(|said| same_secret(&said, nonce)) {
        return Err(BadToken::Claim("it answers another question"));
    }
    let subject = &claims.told.sub;
    if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || subject.contains(char::is_control)
    {
        return Err(BadToken::Claim("its subject is nobody"));
    }
    Ok(claims.told)
}
