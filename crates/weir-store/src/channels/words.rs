//! Which words find a channel, and what a search looks for: words of letters and digits, and for scripts that
//! write no spaces each pair of characters.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

/// Words of one channel that are found: its name and title whole, and the beginning of what is said about it.
pub(super) const WORDS: usize = 64;
/// Characters of a word; the rest of a longer one is not looked at.
const WORD_CHARS: usize = 32;
/// Terms of one search; what comes behind them is passed over.
pub(super) const TERMS: usize = 4;
/// Greater than each character that may follow in a word.
const LAST: char = '\u{10ffff}';

/// One thing that a search asks for: all words from `low` to `high`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) low: String,
    pub(super) high: String,
}

/// The words of these texts, the first texts' first, at most [`WORDS`].
pub(super) fn words_of(texts: &[&str]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in texts {
        for run in runs(text) {
            let (pairs, last) = (run.pairs(), run.last());
            for word in pairs.into_iter().chain(last) {
                if words.len() >= WORDS {
                    return words;
                }
                words.insert(word);
            }
        }
    }
    words
}

/// What a search asks for: each of these, the last word by its beginning. Nothing where there is no word in it.
pub(super) fn terms_of(search: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    let runs: Vec<Run> = runs(search).collect();
    for (at, run) in runs.iter().enumerate() {
        let is_last = at + 1 == runs.len();
        for word in run.pairs() {
            let is_begun = match run {
                Run::Spaced(_) => is_last,
                // One character alone finds every pair that begins with it.
                Run::Dense(chars) => chars.len() == 1,
            };
            let mut high = word.clone();
            if is_begun {
                high.push(LAST);
            }
            let term = Term { low: word, high };
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
    }
    terms.truncate(TERMS);
    terms
}

impl Term {
    /// What is looked for where there is nothing more to look for: any word.
    pub(super) fn any() -> Self {
        Self {
            low: String::new(),
            high: LAST.to_string(),
        }
    }
}

/// Characters that belong together.
#[derive(Debug, PartialEq, Eq)]
enum Run {
    /// A word of a script with spaces.
    Spaced(String),
    /// Characters of a script without.
    Dense(Vec<char>),
}

impl Run {
    fn pairs(&self) -> Vec<String> {
        match self {
            Self::Spaced(word) => vec![word.clone()],
            Self::Dense(chars) if chars.len() == 1 => vec![chars.iter().collect()],
            Self::Dense(chars) => chars.windows(2).map(|pair| pair.iter().collect()).collect(),
        }
    }

    /// The last character, which begins no pair.
    fn last(&self) -> Option<String> {
        match self {
            Self::Spaced(_) => None,
            Self::Dense(chars) => chars.last().map(char::to_string),
        }
    }
}

/// The runs of a text, folded: width and case make no difference.
fn runs(text: &str) -> impl Iterator<Item = Run> {
    let mut chars = text.nfkc().flat_map(char::to_lowercase).peekable();
    std::iter::from_fn(move || {
        while chars.next_if(|c| !c.is_alphanumeric()).is_some() {}
        let first = *chars.peek()?;
        if is_dense(first) {
            let mut run = Vec::new();
            while let Some(c) = chars.next_if(|c| is_dense(*c)) {
                run.push(c);
            }
            return Some(Run::Dense(run));
        }
        let mut run = String::new();
        let mut length = 0;
        while let Some(c) = chars.next_if(|c| c.is_alphanumeric() && !is_dense(*c)) {
            if length < WORD_CHARS {
                run.push(c);
            }
            length += 1;
        }
        Some(Run::Spaced(run))
    })
}

/// Whether a script writes no spaces between words: Chinese, Japanese, Korean (where they stand elsewhere), Thai,
/// Lao, Burmese, Khmer.
fn is_dense(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(search: &str, texts: &[&str]) -> bool {
        let words = words_of(texts);
        let terms = terms_of(search);
        !terms.is_empty()
            && terms.iter().all(|term| {
                words
                    .iter()
                    .any(|word| (&term.low..=&term.high).contains(&word))
            })
    }

    #[test]
    fn words_are_found_whatever_their_case_and_width_and_the_last_by_its_beginning() {
        let texts = ["Ann's Ｇａｍｅ Night", "Chess, and more chess"];
        for search in ["game", "GAME night", "nig", "ann ches", "ｃｈｅｓｓ"] {
            assert!(finds(search, &texts), "{search}");
        }
        for search in ["", "  ", "!", "gam night", "ight", "game go"] {
            assert!(!finds(search, &texts), "{search}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_found_by_any_part() {
        let texts = ["周末游戏直播间 live"];
        for search in ["游戏", "直播间", "间", "周", "戏直 live", "游戏liv"] {
            assert!(finds(search, &texts), "{search}");
        }
        assert!(!finds("戏游", &texts));
        assert!(!finds("播周", &texts));
    }

    #[test]
    fn a_text_of_any_length_has_so_many_words_and_no_more() {
        let long: String = (0..10_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(words_of(&[&long]).len(), WORDS);
        assert_eq!(terms_of(&long).len(), TERMS);
        let word = "a".repeat(1000);
        assert_eq!(
            words_of(&[&word]).first().map(String::len),
            Some(WORD_CHARS)
        );
    }
}
