//! weir's own signed URLs, as `weir_base::sign` has them.

use weir_base::Refusal;
use weir_base::sign::{Signed, SigningKey};

use super::{Opens, Proof, Request, opens, wrong_action};

/// Checks `s` and what it covers; `None` where the query has none, or the app's keys are all of `other_forms`,
/// in which `s` may mean something else.
pub(super) fn verify<'a>(
    keys: &'a [(SigningKey, Opens)],
    other_forms: bool,
    request: &Request<'a>,
) -> Option<Result<Proof<'a>, Refusal>> {
    let query = request.query.iter();
    let signed = Signed::from_query(query.map(|(name, value)| (name.as_str(), value.as_str())))?;
    (!keys.is_empty() || !other_forms).then(|| check(&signed, keys, request))
}

fn check<'a>(
    signed: &Signed<'a>,
    keys: &'a [(SigningKey, Opens)],
    request: &Request<'a>,
) -> Result<Proof<'a>, Refusal> {
    let named = keys.iter().find(|(key, _)| key.id == signed.key_id());
    let key = named.map(|(key, _)| std::slice::from_ref(key));
    let ip = request.ip.to_canonical().to_string();
    signed.verify(key.unwrap_or_default(), request.subject, &ip, request.now_s)?;
    if let Some((_, key)) = named
        && !opens(*key, request.subject.action)
    {
        return Err(wrong_action(request.subject.action));
    }
    Ok(Proof {
        key_id: signed.key_id(),
        until_s: signed.expiry_s().unwrap_or_default(),
        nonce: signed.nonce(),
        account: None,
    })
}
