//! Tencent's `txSecret` and `txTime`: MD5 over key, stream name and the time as it was written.

use weir_base::Refusal;

use super::{
    AppKey, Proof, Request, VendorKeys, check_time, is_lower_hex, is_same, malformed, md5_hex,
};

/// Hex digits of a time: Unix seconds fit eight until 2106.
const MAX_TIME_CHARS: usize = 16;

/// Checks the signature; `None` where there is none, or no key of this form.
pub(super) fn verify<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
) -> Option<Result<Proof<'a>, Refusal>> {
    let secret = request.parameter("txSecret")?;
    (!keys.is_empty()).then(|| check(keys, request, secret))
}

fn check<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
    secret: &str,
) -> Result<Proof<'a>, Refusal> {
    let time = request
        .parameter("txTime")
        .ok_or(malformed("txSecret without txTime"))?;
    let is_hex = time.bytes().all(|byte| byte.is_ascii_hexdigit());
    let until_s = i64::from_str_radix(time, 16).ok();
    let until_s = until_s.filter(|_| is_hex && time.len() <= MAX_TIME_CHARS);
    let until_s = until_s.ok_or(malformed("txTime is not a Unix time in hexadecimal"))?;
    if !is_lower_hex(secret, 32) {
        return Err(malformed(
            "txSecret is not an MD5 in lower-case hexadecimal",
        ));
    }
    let right = |key: &AppKey| md5_hex(&[&key.secret, request.subject.stream, time]);
    let key = keys.find(|key| is_same(secret, &right(key)))?;
    check_time(until_s, request.now_s)?;
    Ok(Proof {
        key_id: &key.id,
        until_s,
        ..Proof::default()
    })
}
