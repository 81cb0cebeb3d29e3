//! Kingsoft's two forms: the simple one with half an MD5, and the one with an access key and HMAC-SHA1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use weir_base::{Code, Refusal};

use super::{
    AppKey, Proof, Request, VendorKeys, check_time, hmac_sha1, is_lower_hex, is_same, malformed,
    md5_hex, opens, unix_time, wrong_action,
};

/// Parameters that the access key's signature covers, in the order in which it does.
const COVERED: [&str; 3] = ["nonce", "public", "vdoid"];
/// Bytes of each covered parameter.
const MAX_COVERED_BYTES: usize = 256;
/// Bytes of a SHA-1.
const DIGEST_BYTES: usize = 20;

/// Checks `t` and `k`; `None` where they are not there, or no key of this form is.
pub(super) fn verify_simple<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
) -> Option<Result<Proof<'a>, Refusal>> {
    let (time, given) = (request.parameter("t")?, request.parameter("k")?);
    (!keys.is_empty()).then(|| simple(keys, request, time, given))
}

fn simple<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
    time: &str,
    given: &str,
) -> Result<Proof<'a>, Refusal> {
    let until_s = unix_time(time).ok_or(malformed("t is not a Unix time"))?;
    if !is_lower_hex(given, 16) {
        return Err(malformed("k is not 16 digits of lower-case hexadecimal"));
    }
    let is_right = |key: &AppKey| {
        let digest = md5_hex(&[&key.secret, request.subject.stream, time]);
        let middle = digest.get(8..24).unwrap_or_default();
        is_same(given, middle)
    };
    let key = keys.find(is_right)?;
    check_time(until_s, request.now_s)?;
    Ok(Proof {
        key_id: &key.id,
        until_s,
        ..Proof::default()
    })
}

/// Checks `signature`; `None` where it or `accesskey` is not there, or no key of this form is.
pub(super) fn verify_ak<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
) -> Option<Result<Proof<'a>, Refusal>> {
    let given = request.parameter("signature")?;
    let access_key = request.parameter("accesskey")?;
    (!keys.is_empty()).then(|| with_access_key(keys, request, access_key, given))
}

fn with_access_key<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
    access_key: &str,
    given: &str,
) -> Result<Proof<'a>, Refusal> {
    let expire = request.parameter("expire").unwrap_or_default();
    let until_s = unix_time(expire).ok_or(malformed("expire is not a Unix time"))?;
    let claimed = STANDARD.decode(given).ok();
    let claimed = claimed.filter(|bytes| bytes.len() == DIGEST_BYTES);
    let claimed = claimed.ok_or(malformed("signature is not the Base64 of an HMAC-SHA1"))?;
    let mut covered = Vec::with_capacity(COVERED.len());
    for name in COVERED {
        match request.parameter(name) {
            Some(value) if value.len() > MAX_COVERED_BYTES => {
                return Err(malformed("nonce, public or vdoid is too long"));
            }
            Some(value) => covered.push(format!("{name}={value}")),
            None if name == "nonce" => return Err(malformed("signature without nonce")),
            None => {}
        }
    }
    let key = keys.all().find(|key| key.id == access_key);
    let key = key.ok_or(Refusal::new(Code::AuthRevoked, "no such access key"))?;
    let text = format!("GET\n{expire}\n{}", covered.join("&"));
    let mac = hmac_sha1(key.secret.as_bytes(), &text);
    if mac.verify_slice(&claimed).is_err() {
        return Err(Code::AuthBadSignature.into());
    }
    if !opens(key.opens, request.subject.action) {
        return Err(wrong_action(request.subject.action));
    }
    check_time(until_s, request.now_s)?;
    Ok(Proof {
        key_id: &key.id,
        until_s,
        ..Proof::default()
    })
}
