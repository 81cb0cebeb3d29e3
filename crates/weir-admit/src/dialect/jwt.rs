//! JSON Web Tokens (RFC 7519) in `token`, signed with HS256 or ES256, with keys named in the configuration or
//! in a JWKS (RFC 7517).
//!
//! The key says which algorithm a token has; what the token says of it is compared and never obeyed.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use weir_base::{Code, Refusal};

use super::{BadKey, Opens, Proof, Request, check_time, malformed, opens, wrong_action};

/// Bytes of a token: claims of some hundred and a signature.
const MAX_TOKEN_BYTES: usize = 4_096;
/// Bytes of a JWKS document.
pub(super) const MAX_SET_BYTES: usize = 32 * 1024;
/// Keys taken from a JWKS: two or three while they rotate.
const MAX_SET_KEYS: usize = 16;
/// Keys tried for a token that names none: the current one and the one it replaces.
const MAX_TRIED: usize = 2;
/// Bytes of an uncompressed point on P-256 (SEC 1 §2.3.3).
const POINT_BYTES: usize = 65;

/// A key that signs tokens, with its algorithm.
#[derive(Debug, Clone)]
pub(super) struct JwtKey {
    id: String,
    key: DecodingKey,
    algorithm: Algorithm,
}

impl JwtKey {
    /// A shared secret.
    pub(super) fn hs256(id: &str, secret: &[u8]) -> Self {
        Self {
            id: id.to_owned(),
            key: DecodingKey::from_secret(secret),
            algorithm: Algorithm::HS256,
        }
    }

    /// A public key on P-256, as PEM.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn es256(id: &str, pem: &str) -> Result<Self, BadKey> {
        let bad = |words: &str| BadKey {
            id: id.to_owned(),
            words: words.to_owned(),
        };
        let key = DecodingKey::from_ec_pem(pem.as_bytes());
        let key = key.map_err(|_| bad("public_key is not the PEM of an elliptic-curve key"))?;
        if key.try_get_as_bytes().map(<[u8]>::len) != Ok(POINT_BYTES) {
            return Err(bad("public_key is not on the curve P-256"));
        }
        Ok(Self {
            id: id.to_owned(),
            key,
            algorithm: Algorithm::ES256,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn of_set(jwk: &Jwk) -> Option<Self> {
        let AlgorithmParameters::EllipticCurve(parameters) = &jwk.algorithm else {
            return None;
        };
        let about = &jwk.common;
        let signs = matches!(about.public_key_use, None | Some(PublicKeyUse::Signature));
        let fits = matches!(about.key_algorithm, None | Some(KeyAlgorithm::ES256));
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let is_point = key.try_get_as_bytes().map(<[u8]>::len) == Ok(POINT_BYTES);
        let is_p256 = parameters.curve == EllipticCurve::P256 && is_point;
        (signs && fits && is_p256).then(|| Self {
            id: about.key_id.clone().unwrap_or_default(),
            key,
            algorithm: Algorithm::ES256,
        })
    }
}

/// The ES256 keys of a JWKS document. Others in it are passed over: a set may serve several. A shared
/// secret in it is none any more, so it is passed over too.
///
/// # Errors
/// When it is no such document, or has no key that can be used.
pub(super) fn read_set(text: &str) -> Result<Vec<JwtKey>, BadKey> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let bad = |words: String| BadKey {
        id: "jwks".to_owned(),
        words,
    };
    if text.len() > MAX_SET_BYTES {
        return Err(bad(format!("longer than {MAX_SET_BYTES} bytes")));
    }
    let set: Set = serde_json::from_str(text)
        .map_err(|error| bad(format!("not a JSON Web Key Set: {error}")))?;
    let keys = set.keys.into_iter();
    let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let keys: Vec<_> = keys
        .filter_map(|jwk| JwtKey::of_set(&jwk))
        .take(MAX_SET_KEYS)
        .collect();
    if keys.is_empty() {
        return Err(bad("no key on P-256 for ES256 is in it".to_owned()));
    }
    Ok(keys)
}

/// What a token says. Others of its claims are passed over.
#[derive(Debug, Deserialize)]
struct Claims {
    a: String,
    #[serde(default)]
    vhost: String,
    app: String,
    stream: String,
    exp: f64,
    nbf: Option<f64>,
    ip: Option<String>,
    sub: Option<String>,
}

/// Checks `token`; `None` where there is none, or no key for one.
pub(super) fn verify<'a>(
    keys: &'a [(JwtKey, Opens)],
    request: &Request<'a>,
) -> Option<Result<Proof<'a>, Refusal>> {
    let token = request.parameter("token")?;
    (!keys.is_empty()).then(|| check(keys, request, token))
}

fn check<'a>(
    keys: &'a [(JwtKey, Opens)],
    request: &Request<'a>,
    token: &str,
) -> Result<Proof<'a>, Refusal> {
    if token.len() > MAX_TOKEN_BYTES {
        let words = format!("token is longer than {MAX_TOKEN_BYTES} bytes");
        return Err(Refusal::new(Code::AuthMalformed, words));
    }
    // An algorithm that nobody has, such as `none`, is one that the header cannot name.
    let header = jsonwebtoken::decode_header(token)
        .map_err(|_| malformed("token is no JSON Web Token with an algorithm that is taken"))?;
    let (key, key_opens, claims) = verified(keys, &header, token)?;
    judge(&claims, key_opens, request)?;
    Ok(Proof {
        key_id: &key.id,
        until_s: whole(claims.exp),
        nonce: None,
        account: claims.sub.map(String::into_boxed_str),
    })
}

/// The key that signed the token, what it opens, and what the token says.
fn verified<'a>(
    keys: &'a [(JwtKey, Opens)],
    header: &Header,
    token: &str,
) -> Result<(&'a JwtKey, Opens, Claims), Refusal> {
    if let Some(id) = &header.kid {
        let named = keys.iter().find(|(key, _)| key.id == *id);
        let unknown = || Refusal::new(Code::AuthRevoked, "no live key has this kid");
        let (key, key_opens) = named.ok_or_else(unknown)?;
        return Ok((key, *key_opens, decode(token, key)?));
    }
    let fits = keys.iter().filter(|(key, _)| key.algorithm == header.alg);
    let mut refused = Refusal::from(Code::AuthBadSignature);
    for (key, key_opens) in fits.take(MAX_TRIED) {
        match decode(token, key) {
            Ok(claims) => return Ok((key, *key_opens, claims)),
            Err(refusal) => refused = refusal,
        }
    }
    Err(refused)
}

fn decode(token: &str, key: &JwtKey) -> Result<Claims, Refusal> {
    // Times are compared with our own clock below; the audience is the app and the stream.
    let mut validation = Validation::new(key.algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, &key.key, &validation);
    decoded.map(|data| data.claims).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidSignature => Code::AuthBadSignature.into(),
            ErrorKind::InvalidAlgorithm => Refusal::new(
                Code::AuthBadSignature,
                "the token's algorithm is not that of the key",
            ),
            _ => malformed("token lacks one of the claims a, app, stream and exp"),
        }
    })
}

fn judge(claims: &Claims, key_opens: Opens, request: &Request<'_>) -> Result<(), Refusal> {
    let subject = request.subject;
    if claims.a != "publish" && claims.a != "play" {
        return Err(malformed("the token's a is neither publish nor play"));
    }
    let said = (
        claims.vhost.as_str(),
        claims.app.as_str(),
        claims.stream.as_str(),
    );
    if said != (subject.vhost, subject.app, subject.stream) {
        let words = "the token was made for another stream";
        return Err(Refusal::new(Code::AuthBadSignature, words));
    }
    if claims.a != subject.action.name() || !opens(key_opens, subject.action) {
        return Err(wrong_action(subject.action));
    }
    check_time(whole(claims.exp), request.now_s)?;
    if claims.nbf.is_some_and(|nbf| request.now_s < whole(nbf)) {
        let words = "the token does not count yet: check both clocks";
        return Err(Refusal::new(Code::AuthExpired, words));
    }
    let ip = claims.ip.as_deref().filter(|ip| !ip.is_empty());
    if ip.is_some_and(|ip| ip.parse() != Ok(request.ip.to_canonical())) {
        let words = "the token was made for another address";
        return Err(Refusal::new(Code::IpDenied, words));
    }
    Ok(())
}

/// Whole seconds of a NumericDate (RFC 7519 §2), which may have a fraction.
fn whole(date: f64) -> i64 {
    date.floor() as i64
}
