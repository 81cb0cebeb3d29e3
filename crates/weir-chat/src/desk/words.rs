//! The words of a chat message: as many as are taken, and none that play tricks with who reads them.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use serde::Deserialize;
use weir_base::Id;

use crate::deny::{Denied, Deny};
use crate::limits;

/// Marks on one letter: more are there to run into other lines.
const MAX_MARKS: usize = 4;

/// What a chat message has to say.
#[derive(Debug)]
pub(super) struct Words<'a>(Cow<'a, str>);

/// The payload, as far as it concerns us.
#[derive(Deserialize)]
struct Spoken<'a> {
    #[serde(borrow)]
    m: Cow<'a, str>,
    /// The post that this answers.
    #[expect(dead_code, reason = "it has only to be the name of a post")]
    #[serde(default)]
    re: Option<Id>,
    /// Users that it is meant for.
    #[serde(borrow, default)]
    at: Vec<Cow<'a, str>>,
}

impl<'a> Words<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// 107 and 208.
    pub(super) fn read(body: &'a str, most_chars: usize) -> Result<Self, Denied> {
        let bad = |words: &'static str| Denied::because(Deny::BadRequest, words);
        let said: Spoken<'a> = serde_json::from_str(body).map_err(|_| {
            bad("d is to be an object with a text m; re is a post's id, at a list of users")
        })?;
        let is_user = |user: &Cow<'_, str>| {
            !user.is_empty() && user.len() <= limits::GROUP_NAME_BYTES && !user.contains(is_trick)
        };
        if said.at.len() > limits::MENTIONS || !said.at.iter().all(is_user) {
            return Err(bad("at is to be a list of a few users' ids"));
        }
        if said.m.trim().is_empty() {
            return Err(bad("the message is empty"));
        }
        if said.m.chars().count() > most_chars {
            return Err(Deny::TooLong.into());
        }
        if said.m.chars().any(is_trick) {
            return Err(bad("the message has control characters"));
        }
        let mut marks = 0;
        for c in said.m.chars() {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            if marks > MAX_MARKS {
                return Err(bad("the message has too many marks on a letter"));
            }
        }
        Ok(Self(said.m))
    }

    /// The words themselves.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing but emotes: `:names:` and pictures.
    pub(super) fn is_emotes(&self) -> bool {
        let is_name = |word: &str| {
            word.strip_prefix(':')
                .and_then(|rest| rest.strip_suffix(':'))
                .is_some_and(|name| {
                    let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
                    !name.is_empty() && name.bytes().all(is_plain)
                })
        };
        let is_pictures = |word: &str| word.chars().all(is_picture);
        self.0
            .split_whitespace()
            .all(|word| is_name(word) || is_pictures(word))
    }

    /// The same for the same words.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for word in self.0.split_whitespace() {
            word.to_lowercase().hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Control characters, those that turn the direction of what follows, and invisible ones that are no part of an
/// emoji.
fn is_trick(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Marks that stand on the letter before them.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Pictures, and what joins and colours them.
const fn is_picture(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Result<bool, Deny> {
        let body = serde_json::json!({ "m": text }).to_string();
        let read = Words::read(&body, 20).map(|words| words.is_emotes());
        read.map_err(|denied| denied.why)
    }

    #[test]
    fn tricks_with_who_reads_are_refused() {
        assert_eq!(why("hello"), Ok(false));
        assert_eq!(why("مرحبا 你好"), Ok(false));
        for trick in [
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{0}",
            "a\nb",
            "\u{feff}",
            "a\u{301}\u{301}\u{301}\u{301}\u{301}",
        ] {
            assert_eq!(why(trick), Err(Deny::BadRequest), "{trick:?}");
        }
        assert_eq!(why("  "), Err(Deny::BadRequest));
        assert_eq!(why(&"x".repeat(21)), Err(Deny::TooLong));
        assert_eq!(why(&"你".repeat(20)), Ok(false));
    }

    #[test]
    fn emotes_are_names_between_colons_and_pictures() {
        assert_eq!(why(":kappa: 🎉👩\u{200d}💻"), Ok(true));
        assert_eq!(why(":kappa: hi"), Ok(false));
        assert_eq!(why("::"), Ok(false));
    }
}
