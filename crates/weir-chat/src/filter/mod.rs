//! Spellings and links that are not said here, however they are written.
//!
//! People who want to say them change width and case, put blanks, dots and emoji between letters, take letters of other
//! scripts that look alike, digits for letters, marks that nobody sees, and in Chinese the sound for the sign. A text is
//! folded ([`fold`]) as a reader sees and hears it, and then looked through; a word is a word, so that "class" is said.

mod fold;
mod links;
mod sound;
mod words;

use fold::Folded;
use sound::Sounds;
use words::Spellings;

pub use links::has_link;

/// Terms of one list: more is a model's task, not a list's.
pub const TERMS: usize = 5_000;
/// Characters of one.
pub const TERM_CHARS: usize = 40;

/// Something that is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// A word or some of them; `*` at an end: words that go on there too.
    pub text: String,
    /// Of a Chinese one: what sounds the same, or is written by its sound, neither.
    pub is_by_sound: bool,
}

/// A list of terms, ready to look texts through.
#[derive(Debug, Default)]
pub struct Filter {
    words: Spellings,
    sounds: Sounds,
    terms: Vec<String>,
}

impl Filter {
    /// Of these terms; what comes after as many as may be is left out, and so is what has no letters.
    pub fn new(terms: &[Term]) -> Self {
        let mut filter = Self::default();
        for term in terms.iter().take(TERMS) {
            let number = filter.terms.len();
            let text: String = term.text.chars().take(TERM_CHARS).collect();
            let is_known = filter.words.add(&text, number);
            if term.is_by_sound {
                filter.sounds.add(&text, number);
            }
            if is_known {
                filter.terms.push(text);
            }
        }
        filter
    }

    /// Whether there is nothing to look for.
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The first term that a text has, as it stands in the list.
    pub fn find(&self, text: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        let folded = Folded::new(text);
        let found = self.words.find(&folded);
        let found = found.or_else(|| self.sounds.find(&folded));
        found
            .and_then(|number| self.terms.get(number))
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter() -> Filter {
        let plain = |text: &str| Term {
            text: text.to_owned(),
            is_by_sound: false,
        };
        let sounds = |text: &str| Term {
            text: text.to_owned(),
            is_by_sound: true,
        };
        Filter::new(&[
            plain("scam"),
            plain("ass"),
            plain("casino*"),
            plain("free coins"),
            plain("赌博"),
            plain("加微信"),
            sounds("傻瓜"),
            plain("..."),
        ])
    }

    #[test]
    fn what_is_not_said_is_found_however_it_is_written() {
        for (text, term) in [
            // As it stands.
            ("what a scam", "scam"),
            ("赌博", "赌博"),
            ("来赌博吧", "赌博"),
            ("get FREE coins now", "free coins"),
            // Case and width.
            ("SCAM", "scam"),
            ("ｓｃａｍ", "scam"),
            ("ⓢⓒⓐⓜ", "scam"),
            ("𝓼𝓬𝓪𝓶", "scam"),
            // Spacing and what stands between.
            ("s c a m", "scam"),
            ("s.c.a.m", "scam"),
            ("s-c_a*m", "scam"),
            ("sc.am", "scam"),
            ("赌 博", "赌博"),
            ("赌.博", "赌博"),
            ("赌🎲博", "赌博"),
            ("赌x博", "赌博"),
            ("加\u{3000}微\u{3000}信", "加微信"),
            ("free.coins", "free coins"),
            // Digits and signs for letters.
            ("5c4m", "scam"),
            ("$c@m", "scam"),
            ("c4s1no", "casino*"),
            ("cas!no", "casino*"),
            // Letters of other scripts.
            ("ѕсаm", "scam"),
            ("scаm", "scam"),
            ("ѕcαm", "scam"),
            // More of a letter.
            ("scaaaam", "scam"),
            ("SSSCCCAAAMMM", "scam"),
            // What nobody sees.
            ("sc\u{200b}am", "scam"),
            ("s\u{ad}c\u{2060}a\u{feff}m", "scam"),
            ("赌\u{200d}博", "赌博"),
            ("sc\u{202e}am", "scam"),
            ("sc\u{e0061}am", "scam"),
            // Marks on letters.
            ("s\u{301}c\u{302}a\u{303}m\u{304}", "scam"),
            ("śçåm", "scam"),
            ("s\u{336}c\u{336}a\u{336}m\u{336}", "scam"),
            // Spellings that go on.
            ("casinos", "casino*"),
            ("casinoland", "casino*"),
            // By sound.
            ("傻瓜", "傻瓜"),
            ("沙瓜", "傻瓜"),
            ("shagua", "傻瓜"),
            ("SHA GUA", "傻瓜"),
            ("傻gua", "傻瓜"),
            ("sha瓜", "傻瓜"),
            ("你这个 sha.gua 啊", "傻瓜"),
        ] {
            assert_eq!(filter().find(text), Some(term), "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_a_little_like_it_is_said() {
        for text in [
            "",
            "hello",
            "class",
            "as if",
            "a ssh key",
            "scampi",
            "mescaml",
            "the cam is off",
            "free the coins",
            "coins are free",
            "博赌",
            "赌了一把，又去博物馆",
            "微信加一下",
            "shaguar",
            "西瓜",
            "傻傻的南瓜",
            "5 + 4 = 9",
            "!!!",
            "🎉🎉🎉",
            "مرحبا بالعالم",
            "Привет всем",
        ] {
            assert_eq!(filter().find(text), None, "{text:?}");
        }
        assert_eq!(Filter::new(&[]).find("scam"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,120}") {
            let _ = (filter().find(&text), has_link(&text));
        }

        #[test]
        fn any_plain_word_is_found_with_anything_between(word in "[bdfghjknpqruvwxyz]{3,9}", between in "[.·_*~ -]") {
            let term = Term { text: word.clone(), is_by_sound: false };
            let filter = Filter::new(&[term]);
            let spread: Vec<String> = word.chars().map(String::from).collect();
            let spread = spread.join(&between);
            prop_assert_eq!(filter.find(&format!("so {spread}!")), Some(word.as_str()));
        }
    }
}
