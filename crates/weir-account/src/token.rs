//! Tokens that stand for something stored: random, told apart by their first letters, stored as a hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use weir_base::ids;

use crate::error::AccountError;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

/// Begins a browser's cookie.
pub(crate) const COOKIE: &str = "wc_";
/// Begins what a program sends with each request.
pub(crate) const ACCESS: &str = "wa_";
/// Begins what renews a program's session.
pub(crate) const REFRESH: &str = "wr_";
/// Begins an API key.
pub(crate) const API_KEY: &str = "wk_";
/// Begins what a link carries.
pub(crate) const LINK: &str = "wl_";
/// Begins an invite.
pub(crate) const INVITE: &str = "wi_";

/// A new token and its hash.
///
/// # Errors
/// Where the system has no randomness.
pub(crate) fn make(prefix: &str) -> Result<(String, String), AccountError> {
    let random = ids::random_bytes::<TOKEN_BYTES>()
        .map_err(|error| AccountError::Fault(format!("no randomness: {error}")))?;
    let token = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = hash(&token);
    Ok((token, hash))
}

/// As it is stored. A token has too much randomness to be guessed from a fast hash.
pub(crate) fn hash(token: &str) -> String {
    ids::hex(&Sha256::digest(token.as_bytes()))
}
