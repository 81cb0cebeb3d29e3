//! Alibaba's type A: `auth_key={ts}-{rand}-{uid}-{md5}`, the MD5 over the URL's path and what stands before it.
//!
//! The path is `/app/stream`, with the ending of the form it is played in. A playlist's URIs carry the
//! playlist's signature on, so all of them count as the playlist.

use weir_base::Refusal;

use super::{
    AppKey, Proof, Request, VendorKeys, check_time, is_lower_hex, is_same, malformed, md5_hex,
    unix_time,
};

/// Bytes of the whole parameter: three numbers or short words and an MD5.
const MAX_BYTES: usize = 256;

/// Checks the signature; `None` where there is none, or no key of this form.
pub(super) fn verify<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
) -> Option<Result<Proof<'a>, Refusal>> {
    let given = request.parameter("auth_key")?;
    (!keys.is_empty()).then(|| check(keys, request, given))
}

fn check<'a>(
    keys: VendorKeys<'a>,
    request: &Request<'a>,
    given: &str,
) -> Result<Proof<'a>, Refusal> {
    let mut parts = given.split('-');
    let (Some(time), Some(dice), Some(uid), Some(claimed), None, true) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        given.len() <= MAX_BYTES,
    ) else {
        return Err(malformed("auth_key is not time-rand-uid-md5"));
    };
    let until_s = unix_time(time).ok_or(malformed("auth_key does not begin with a Unix time"))?;
    if !is_lower_hex(claimed, 32) {
        return Err(malformed(
            "auth_key does not end in an MD5 in lower-case hexadecimal",
        ));
    }
    let (app, stream) = (request.subject.app, request.subject.stream);
    let is_right = |key: &AppKey, ending: &str| {
        let path = ["/", app, "/", stream, ending].concat();
        let text = [path.as_str(), time, dice, uid, &key.secret].join("-");
        is_same(claimed, &md5_hex(&[&text]))
    };
    let key = keys.find(|key| {
        is_right(key, request.ending) || (!request.ending.is_empty() && is_right(key, ""))
    })?;
    check_time(until_s, request.now_s)?;
    Ok(Proof {
        key_id: &key.id,
        until_s,
        ..Proof::default()
    })
}
