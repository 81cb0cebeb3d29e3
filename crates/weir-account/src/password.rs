//! Which passwords are taken: long enough, none of those that are tried first, not one's own name.

use crate::error::AccountError;
use crate::name::folded_login;

/// Bytes of a password at least (NIST SP 800-63B §5.1.1.2).
const MIN_BYTES: usize = 8;
/// Bytes of a password at most: more is no password, and work.
pub(crate) const MAX_BYTES: usize = 1024;
/// What is tried first, of eight bytes and more; counting and repeating is found by rule.
const COMMON: [&str; 48] = [
    "11223344",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "a1234567",
    "a12345678",
    "aa123456",
    "abc12345",
    "abcd1234",
    "access14",
    "admin123",
    "administrator",
    "asdf1234",
    "asdfasdf",
    "asdfghjkl",
    "baseball",
    "butterfly",
    "changeme",
    "chocolate",
    "computer",
    "football",
    "iloveyou",
    "internet",
    "jennifer",
    "letmein1",
    "liverpool",
    "michelle",
    "midnight",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "pokemon1",
    "princess",
    "q1w2e3r4",
    "qazwsxedc",
    "qwer1234",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "sunshine",
    "superman",
    "trustno1",
    "welcome1",
    "woaini1314",
    "zxcvbnm1",
];

/// Refuses a password that is too short, too long, or guessed soon. `own` are words about its owner.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(password: &str, own: &[&str]) -> Result<(), AccountError> {
    let wrong = |words: &str| Err(AccountError::field("password", words));
    if password.len() < MIN_BYTES {
        return wrong("a password has at least 8 bytes");
    }
    if password.len() > MAX_BYTES {
        return wrong("a password has at most 1024 bytes");
    }
    let folded = folded_login(password);
    if COMMON.contains(&folded.as_str()) || is_a_row(password.as_bytes()) {
        return wrong("this password is one of those that are tried first: choose another");
    }
    let is_own = own.iter().any(|word| {
        let word = folded_login(word);
        !word.is_empty() && (folded == word || word.split('@').next() == Some(&folded))
    });
    if is_own {
        return wrong("a password is not one's own name or address");
    }
    Ok(())
}

/// `aaaaaaaa`, `12345678`, `87654321`, `abcdefgh`, `1234567890`.
fn is_a_row(bytes: &[u8]) -> bool {
    let step = |pair: &[u8]| match pair {
        [b'9', b'0'] => 1,
        [b'0', b'9'] => -1,
        [a, b] => i16::from(*b) - i16::from(*a),
        _ => 0,
    };
    let mut steps = bytes.windows(2).map(step);
    let first = steps.next().unwrap_or(0);
    first.abs() <= 1 && steps.all(|step| step == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_soon_is_refused() {
        let own = ["Brunhilde", "Brunhilde.Long@example.net"];
        for password in [
            "",
            "short",
            "Password",
            "QWERTYUIOP",
            "12345678",
            "1234567890",
            "87654321",
            "aaaaaaaaaa",
            "abcdefghij",
            "brunhilde",
            "brunhilde.long",
            "brunhilde.long@example.net",
        ] {
            assert!(check(password, &own).is_err(), "{password}");
        }
        assert!(check(&"x7".repeat(513), &own).is_err());
        for password in [
            "correct horse",
            "ein Pferd!",
            "密码是很长的",
            "brunhilde's cat",
        ] {
            check(password, &own).unwrap();
        }
    }
}
