//! What people are called and where their mail goes: written as they like, compared as everybody sees it.
//!
//! Names are letters and digits of any script and may stand in a URL. Two that differ in case, width or in how
//! their letters are composed are one; two that look alike ([UTS 39] skeletons) cannot both exist.
//!
//! [UTS 39]: https://www.unicode.org/reports/tr39/

use std::str::FromStr as _;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;
use unicode_security::restriction_level::RestrictionLevelDetection as _;
use unicode_security::{GeneralSecurityProfile as _, RestrictionLevel};

use crate::error::AccountError;

/// Characters of a name, folded.
pub const MAX_NAME_CHARS: usize = 32;
/// Bytes of an address (RFC 5321 §4.5.3.1.3, without the brackets).
pub const MAX_EMAIL_BYTES: usize = 254;
/// Bytes of what is looked at as a name at all.
const MAX_WRITTEN_BYTES: usize = 512;
/// What may stand between letters of a name, one at a time.
const SEPARATORS: [char; 3] = ['-', '_', '.'];
/// Names that sound like the site's own voice.
const RESERVED: [&str; 16] = [
    "admin",
    "administrator",
    "anonymous",
    "api",
    "help",
    "me",
    "mod",
    "moderator",
    "operator",
    "root",
    "security",
    "staff",
    "support",
    "system",
    "weir",
    "www",
];

/// A name of an account or a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginName {
    /// As it is shown.
    pub shown: String,
    /// As it is compared and stands in URLs.
    pub folded: String,
    /// As look-alikes are the same.
    pub skeleton: String,
}

/// An address of mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    /// As it was given: mail goes there.
    pub given: String,
    /// As it is compared.
    pub folded: String,
}

impl LoginName {
    /// Reads a name that somebody chose.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn chosen(text: &str) -> Result<Self, AccountError> {
        let name = Self::any(text)?;
        if RESERVED.contains(&name.folded.as_str()) {
            return Err(wrong("this name is kept for the site itself"));
        }
        Ok(name)
    }

    /// Reads a name, also one that is kept for the site itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn any(text: &str) -> Result<Self, AccountError> {
        if text.len() > MAX_WRITTEN_BYTES {
            return Err(wrong("a name has at most 32 characters"));
        }
        let shown: String = text.nfkc().collect();
        let folded = folded(&shown);
        let chars = folded.chars().count();
        if !(2..=MAX_NAME_CHARS).contains(&chars) {
            return Err(wrong("a name has from 2 to 32 characters"));
        }
        let is_letter = |c: char| !SEPARATORS.contains(&c);
        for c in folded.chars().filter(|c| is_letter(*c)) {
            let is_mark = unicode_normalization::char::is_combining_mark(c);
            if !(c.is_alphanumeric() || is_mark) || !c.identifier_allowed() {
                let words =
                    format!("{c:?} is no letter or digit: a name has letters, digits, -, _ and .");
                return Err(wrong(words));
            }
        }
        let ends = [folded.chars().next(), folded.chars().next_back()];
        let are_letters = ends.into_iter().flatten().all(is_letter);
        let pairs = folded.chars().zip(folded.chars().skip(1));
        let has_double = pairs.clone().any(|(a, b)| !is_letter(a) && !is_letter(b));
        if !are_letters || has_double {
            return Err(wrong("-, _ and . stand between letters, one at a time"));
        }
        let letters: String = folded.chars().filter(|c| is_letter(*c)).collect();
        if letters.as_str().detect_restriction_level() > RestrictionLevel::HighlyRestrictive {
            return Err(wrong("the letters are of scripts that nobody mixes"));
        }
        let skeleton = skeleton_of(&folded);
        Ok(Self {
            shown,
            folded,
            skeleton,
        })
    }
}

impl EmailAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, AccountError> {
        let wrong = |words: &str| AccountError::field("email", words);
        let given = text.trim();
        if given.len() > MAX_EMAIL_BYTES {
            return Err(wrong("an address has at most 254 bytes"));
        }
        let address = lettre::Address::from_str(given)
            .map_err(|_| wrong("this is no address: write name@example.net"))?;
        let host = url::Host::parse(address.domain())
            .map_err(|_| wrong("what stands behind the @ is no domain"))?;
        let folded = format!("{}@{host}", folded(address.user()));
        Ok(Self {
            given: given.to_owned(),
            folded,
        })
    }
}

/// What somebody writes to sign in, a name or an address, as it is compared. Nonsense stays nonsense.
pub fn folded_login(text: &str) -> String {
    let text: String = text.trim().chars().take(MAX_WRITTEN_BYTES).collect();
    match text.contains('@') {
        true => EmailAddress::new(&text).map_or_else(|_| folded(&text), |email| email.folded),
        false => folded(&text),
    }
}

/// NFKC and no case; a final sigma is a sigma.
fn folded(text: &str) -> String {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    lower
        .nfkc()
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .collect()
}

/// Case is folded again, since the skeleton of a digit may be a capital letter.
fn skeleton_of(folded: &str) -> String {
    let alike: String = skeleton(folded).flat_map(char::to_lowercase).collect();
    let alike: String = skeleton(&alike).collect();
    alike
        .chars()
        .map(|c| if SEPARATORS.contains(&c) { '-' } else { c })
        .collect()
}

fn wrong(words: impl Into<String>) -> AccountError {
    AccountError::field("name", words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded_name(text: &str) -> Option<String> {
        LoginName::chosen(text).ok().map(|name| name.folded)
    }

    #[test]
    fn a_name_is_the_same_in_any_case_width_and_composition() {
        for (text, want) in [
            ("Ann", "ann"),
            ("Ａｎｎ", "ann"),
            ("Zoe\u{308}", "zoë"),
            ("Zoë", "zoë"),
            ("直播间", "直播间"),
            ("Ωμέγας", "ωμέγασ"),
            ("дима_1", "дима_1"),
            ("गेमर", "गेमर"),
        ] {
            assert_eq!(folded_name(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(33);
        for text in [
            "",
            "a",
            "-ann",
            "ann-",
            "a--b",
            "a b",
            "a/b",
            "a?b",
            "a%b",
            "ann\u{200d}",
            "ann\u{202e}",
            "a\0b",
            "👍👍",
            "аnn",
            "pаypal",
            "admin",
            "ADMIN",
            "<b>",
            "a@b",
            &long,
        ] {
            assert_eq!(folded_name(text), None, "{text:?}");
        }
    }

    #[test]
    fn look_alikes_have_one_skeleton() {
        let skeleton = |text: &str| LoginName::any(text).unwrap().skeleton;
        for (a, b) in [
            ("paypal", "paypa1"),
            ("coco", "c0c0"),
            ("corn", "com"),
            ("a-b", "a_b"),
            ("ехо", "exo"),
        ] {
            assert_eq!(skeleton(a), skeleton(b), "{a} {b}");
        }
        assert_ne!(skeleton("anna"), skeleton("anne"));
    }

    #[test]
    fn an_address_is_compared_without_case_and_by_its_real_domain() {
        let email = EmailAddress::new(" Ann@Bücher.Example ").unwrap();
        assert_eq!(email.given, "Ann@Bücher.Example");
        assert_eq!(email.folded, "ann@xn--bcher-kva.example");
        assert_eq!(folded_login("ANN@bücher.example"), email.folded);
        assert_eq!(folded_login(" ANN "), "ann");
        for text in ["", "ann", "@b", "a@", "a b@c.d", "a@b\r\nBcc: x@y", "a@b@c"] {
            assert!(EmailAddress::new(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_name_and_no_address_panics_and_a_name_folds_to_itself(text in "\\PC{0,40}") {
            let _ = EmailAddress::new(&text);
            let _ = folded_login(&text);
            if let Ok(name) = LoginName::any(&text) {
                prop_assert_eq!(&LoginName::any(&name.folded).unwrap().folded, &name.folded);
                weir_base::name::check_part(&name.folded).unwrap();
            }
        }
    }
}
