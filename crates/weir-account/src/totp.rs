//! Codes of a second factor that change with time (RFC 6238: SHA-1, six digits, thirty seconds), and codes for when
//! the telephone is lost.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use weir_base::ids;
use weir_base::sign::same_secret;
use weir_store::accounts::Account;

use crate::error::AccountError;
use crate::service::{AccountService, Client};
use crate::token;

/// Bytes of a secret: as many as SHA-1 gives (RFC 4226 §4).
const SECRET_BYTES: usize = 20;
/// Seconds of a step.
const STEP_S: i64 = 30;
/// Steps before and after now that are taken: clocks differ, and people type slowly.
const DRIFT_STEPS: i64 = 1;
/// Milliseconds in which an offer is to be taken.
const OFFER_MS: i64 = 15 * 60 * 1000;
/// Codes that stand in for a lost telephone.
const RECOVERY_CODES: usize = 10;
/// Bytes of randomness in each.
const RECOVERY_BYTES: usize = 10;

/// A second factor that is not there yet: its owner puts it into a program and shows a code.
#[derive(Debug, Clone)]
pub struct Offered {
    /// For typing, in base32.
    pub secret: String,
    /// For a picture that a telephone reads.
    pub uri: String,
    /// The offer itself, sealed: to be sent back with a code.
    pub offer: String,
}

/// A second factor that is there from now on.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// As it is with the second factor.
    pub account: Account,
    /// Codes that stand in for it, each once; said this once.
    pub recovery_codes: Vec<String>,
}

impl AccountService {
    /// Offers a second factor. Nothing changes until [`AccountService::enroll_totp`].
    ///
    /// # Errors
    /// [`AccountError::Conflict`] where there is one.
    pub async fn offer_totp(
        &self,
        account: &Account,
        password: &str,
        client: &Client,
    ) -> Result<Offered, AccountError> {
        if !account.totp_secret.is_empty() {
            let words = "this account has a second factor: take that away first";
            return Err(AccountError::Conflict(words.to_owned()));
        }
        self.confirm(account, password, client).await?;
        let secret = random::<SECRET_BYTES>()?;
        let until_ms = self.now_ms() + OFFER_MS;
        let content = [until_ms.to_be_bytes().as_slice(), &secret].concat();
        let sealed = self.0.seal.close(&content, &offer_of(account))?;
        let secret = base32(&secret);
        let uri = format!(
            "otpauth://totp/weir:{}?secret={secret}&issuer=weir&algorithm=SHA1&digits=6&period={STEP_S}",
            url::form_urlencoded::byte_serialize(account.name.as_bytes()).collect::<String>()
        );
        Ok(Offered {
            secret,
            uri,
            offer: URL_SAFE_NO_PAD.encode(sealed),
        })
    }

    /// Takes an offer: from now on a code is asked for at each sign-in.
    ///
    /// # Errors
    /// [`AccountError::Stale`] for an offer that is too old or another's; [`AccountError::Field`] for a wrong code.
    pub async fn enroll_totp(
        &self,
        account: &Account,
        offer: &str,
        code: &str,
    ) -> Result<Enrolled, AccountError> {
        let stale = || AccountError::Stale("offer");
        let sealed = URL_SAFE_NO_PAD.decode(offer).map_err(|_| stale())?;
        let content = self
            .0
            .seal
            .open(&sealed, &offer_of(account))
            .ok_or_else(stale)?;
        let (until_ms, secret) = content.split_first_chunk::<8>().ok_or_else(stale)?;
        if !account.totp_secret.is_empty() || i64::from_be_bytes(*until_ms) < self.now_ms() {
            return Err(stale());
        }
        if step_of(secret, code, self.now_ms()).is_none() {
            return Err(wrong_code());
        }
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            codes.push(base32(&random::<RECOVERY_BYTES>()?));
        }
        let hashes: Vec<_> = codes.iter().map(|code| token::hash(code)).collect();
        let owner = account.user_id.to_string();
        let sealed = self.0.seal.close(secret, &owner)?;
        let account = self.rows().set_totp(account, &sealed, &hashes).await?;
        tracing::info!(target: "audit", account = owner, "a second factor was added");
        self.tell_of_proofs(&account);
        Ok(Enrolled {
            account,
            recovery_codes: codes,
        })
    }

    /// Takes the second factor away.
    ///
    /// # Errors
    /// [`AccountError::Field`] for a wrong password or code.
    pub async fn remove_totp(
        &self,
        account: &Account,
        password: &str,
        code: &str,
        client: &Client,
    ) -> Result<Account, AccountError> {
        self.confirm(account, password, client).await?;
        self.check_code(account, code)
            .await
            .map_err(|error| match error {
                AccountError::SignIn | AccountError::CodeNeeded => wrong_code(),
                other => other,
            })?;
        let account = self.rows().set_totp(account, &[], &[]).await?;
        tracing::info!(target: "audit", account = %account.user_id, "the second factor was taken away");
        self.tell_of_proofs(&account);
        Ok(account)
    }

    /// Refuses who has a second factor and shows no code of it. No code is taken twice.
    pub(crate) async fn check_code(
        &self,
        account: &Account,
        code: &str,
    ) -> Result<(), AccountError> {
        if account.totp_secret.is_empty() {
            return Ok(());
        }
        if code.is_empty() {
            return Err(AccountError::CodeNeeded);
        }
        let owner = account.user_id.to_string();
        let secret = self
            .0
            .seal
            .open(&account.totp_secret, &owner)
            .ok_or_else(|| {
                let words = "the second factor cannot be read: was the secret of accounts changed?";
                AccountError::Fault(words.to_owned())
            })?;
        let is_taken = match step_of(&secret, code, self.now_ms()) {
            Some(step) => self.rows().take_totp_step(account.user_id, step).await?,
            None => {
                let hash = token::hash(&code.trim().to_ascii_uppercase());
                self.rows()
                    .take_recovery_code(account.user_id, &hash)
                    .await?
            }
        };
        is_taken.then_some(()).ok_or(AccountError::SignIn)
    }
}

fn wrong_code() -> AccountError {
    AccountError::field("code", "this is not the code that the program shows now")
}

/// An offer opens for the account that it was made to, and no stored secret is one.
fn offer_of(account: &Account) -> String {
    format!("offer {}", account.user_id)
}

fn random<const N: usize>() -> Result<[u8; N], AccountError> {
    ids::random_bytes().map_err(|error| AccountError::Fault(format!("no randomness: {error}")))
}

/// The step whose code this is, among those around now.
fn step_of(secret: &[u8], code: &str, now_ms: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now = now_ms.div_euclid(1000).div_euclid(STEP_S);
    (now - DRIFT_STEPS..=now + DRIFT_STEPS).find(|step| same_secret(&digits(secret, *step), &code))
}

/// RFC 4226 §5.3.
fn digits(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let bytes = tag.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    let number = u32::from_be_bytes(bytes.unwrap_or_default()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// RFC 4648 §6, without padding.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits)) as usize & 31]));
    }
    text
}

/// What a program with this secret shows at a time.
#[cfg(test)]
pub(crate) fn code_of(secret: &str, at_ms: i64) -> String {
    let value = |c: u8| {
        if c.is_ascii_digit() {
            c - b'2' + 26
        } else {
            c - b'A'
        }
    };
    let bits: Vec<_> = secret
        .bytes()
        .flat_map(|c| (0..5).rev().map(move |bit| value(c) >> bit & 1))
        .collect();
    let bytes = bits
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit));
    digits(&bytes.collect::<Vec<u8>>(), at_ms / 1000 / STEP_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (at_s, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(
                digits(b"12345678901234567890", at_s / STEP_S),
                code,
                "{at_s}"
            );
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_the_next_to_it() {
        let secret = b"12345678901234567890";
        let at = |now_s: i64| step_of(secret, "287 082", now_s * 1000);
        for (now_s, step) in [
            (-1, None),
            (0, Some(1)),
            (59, Some(1)),
            (89, Some(1)),
            (90, None),
        ] {
            assert_eq!(at(now_s), step, "{now_s}");
        }
        assert_eq!(step_of(secret, "", 59_000), None);
    }

    /// RFC 4648 §10.
    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}
