//! A text as a reader sees it: letters and signs without width, case, marks and disguise, and what stands between them.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// A stretch of letters, or one Chinese sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Letters, folded; a sign as it is.
    pub(super) letters: Vec<char>,
    /// The same without digits read as letters: what is written by its sound has none.
    pub(super) plain: String,
    /// It is a Chinese sign.
    pub(super) is_sign: bool,
    /// What stands in front of it.
    pub(super) gap: Gap,
}

/// What stands between two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing.
    None,
    /// Blanks alone.
    Blank,
    /// Something else: dots, dashes, emoji.
    Other,
}

/// See the file's words.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) pieces: Vec<Piece>,
}

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        let mut folded = Self::default();
        let mut gap = Gap::None;
        let mut word = Vec::new();
        // Composed forms of width and style are undone first, then letters are parted from their marks.
        for c in text.nfkc().nfd().filter(|c| !is_unseen(*c)) {
            if is_sign(c) {
                folded.word(&mut word, &mut gap);
                folded.pieces.push(Piece {
                    letters: vec![c],
                    plain: String::new(),
                    is_sign: true,
                    gap,
                });
                gap = Gap::None;
            } else if c.is_alphanumeric() || is_letters_sign(c) {
                word.push(c);
            } else {
                folded.word(&mut word, &mut gap);
                gap = match gap {
                    Gap::None | Gap::Blank if c.is_whitespace() => Gap::Blank,
                    _ => Gap::Other,
                };
            }
        }
        folded.word(&mut word, &mut gap);
        folded
    }

    /// Ends a word.
    fn word(&mut self, word: &mut Vec<char>, gap: &mut Gap) {
        // At an end these are what they are: an exclamation, a sum.
        let is_end = |c: &char| matches!(c, '!' | '|' | '+');
        let written = std::mem::take(word);
        let front = written.iter().take_while(|c| is_end(c)).count();
        let body: Vec<char> = written.iter().skip(front).copied().collect();
        let back = body.iter().rev().take_while(|c| is_end(c)).count();
        let body = body.get(..body.len() - back).unwrap_or_default();
        if front > 0 {
            *gap = Gap::Other;
        }
        if !body.is_empty() {
            let has_letter = body.iter().any(|c| c.is_alphabetic());
            let letters = body.iter().flat_map(|c| letters_of(*c, has_letter));
            let plain = body.iter().flat_map(|c| c.to_lowercase());
            self.pieces.push(Piece {
                letters: letters.collect(),
                plain: plain.collect(),
                is_sign: false,
                gap: *gap,
            });
            *gap = Gap::None;
        }
        if back > 0 {
            *gap = Gap::Other;
        }
    }
}

/// A letter as the one that it looks like. Digits are letters only among letters.
fn letters_of(c: char, has_letter: bool) -> Vec<char> {
    let mut out = Vec::new();
    for lower in c.to_lowercase() {
        if lower.is_ascii() {
            out.push(alike(lower, has_letter));
            continue;
        }
        let mut buffer = [0; 4];
        for seen in skeleton(lower.encode_utf8(&mut buffer)).flat_map(char::to_lowercase) {
            if !is_combining_mark(seen) {
                out.push(alike(seen, true));
            }
        }
    }
    out
}

/// Letters that stand for one another, and what stands for letters.
const fn alike(c: char, has_letter: bool) -> char {
    match c {
        'i' | '!' | '|' => 'l',
        '@' => 'a',
        '$' => 's',
        '+' => 't',
        '0' if has_letter => 'o',
        '1' if has_letter => 'l',
        '3' if has_letter => 'e',
        '4' if has_letter => 'a',
        '5' if has_letter => 's',
        '7' if has_letter => 't',
        '8' if has_letter => 'b',
        '9' if has_letter => 'g',
        c => c,
    }
}

/// Signs that stand for letters.
const fn is_letters_sign(c: char) -> bool {
    matches!(c, '@' | '$' | '!' | '|' | '+')
}

/// A sign of Chinese.
pub(super) const fn is_sign(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// What no reader sees: marks, what joins and parts, what turns the direction, and tags.
fn is_unseen(c: char) -> bool {
    is_combining_mark(c)
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_words_and_signs_with_what_stands_between() {
        let folded = Folded::new("Ｈi, 世 界!x");
        let pieces: Vec<_> = folded
            .pieces
            .iter()
            .map(|piece| (piece.letters.iter().collect::<String>(), piece.gap))
            .collect();
        let wanted = [
            ("hl", Gap::None),
            ("世", Gap::Other),
            ("界", Gap::Blank),
            ("x", Gap::Other),
        ];
        assert_eq!(pieces, wanted.map(|(text, gap)| (text.to_owned(), gap)));
    }
}
