//! Terms as they are written: words as words, signs wherever they stand.

use std::collections::HashMap;

use super::fold::{Folded, Gap, Piece};

/// Letters that may stand between two signs of a term: more of them say something of their own.
const LETTERS_BETWEEN: usize = 2;

/// See the file's words.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    /// By their letters, each once however often it is repeated: how often each is, which words they are, and which
    /// term.
    whole: HashMap<String, Vec<Whole>>,
    /// Spellings that go on.
    open: Vec<(Open, usize)>,
    /// By the first sign: all of them, and which term.
    signs: HashMap<char, Vec<(Vec<char>, usize)>>,
    longest: usize,
}

/// A word that has to be there as a whole.
#[derive(Debug)]
struct Whole {
    repeats: Vec<usize>,
    /// It is some words: blanks in it are no matter.
    has_blanks: bool,
    number: usize,
}

/// A word that goes on at an end.
#[derive(Debug)]
struct Open {
    letters: String,
    at_front: bool,
    at_back: bool,
}

/// Letters, each once, and how often each stands there.
type Runs = (String, Vec<usize>);

impl Spellings {
    /// Adds a term; whether it has something to look for.
    pub(super) fn add(&mut self, text: &str, number: usize) -> bool {
        let (at_front, at_back) = (text.starts_with('*'), text.ends_with('*'));
        let pieces = Folded::new(text.trim_matches('*')).pieces;
        if pieces.is_empty() {
            return false;
        }
        if pieces.iter().any(|piece| piece.is_sign) {
            let letters: Vec<char> = pieces.into_iter().flat_map(|piece| piece.letters).collect();
            if let Some(first) = letters.first() {
                self.signs
                    .entry(*first)
                    .or_default()
                    .push((letters, number));
            }
            return true;
        }
        let has_blanks = pieces.len() > 1;
        let letters: Vec<char> = pieces.into_iter().flat_map(|piece| piece.letters).collect();
        let (key, repeats) = runs(&letters);
        self.longest = self.longest.max(letters.len());
        if at_front || at_back {
            let open = Open {
                letters: key,
                at_front,
                at_back,
            };
            self.open.push((open, number));
        } else {
            self.whole.entry(key).or_default().push(Whole {
                repeats,
                has_blanks,
                number,
            });
        }
        true
    }

    /// The number of a term that a text has.
    pub(super) fn find(&self, folded: &Folded) -> Option<usize> {
        let pieces = &folded.pieces;
        (0..pieces.len()).find_map(|at| {
            let rest = pieces.get(at..).unwrap_or_default();
            self.sign_at(rest).or_else(|| self.word_at(rest))
        })
    }

    /// A word that begins with the first of these: alone, or joined with those behind it that belong to it.
    fn word_at(&self, pieces: &[Piece]) -> Option<usize> {
        let mut letters: Vec<char> = Vec::new();
        let mut has_blanks = false;
        for (at, piece) in pieces.iter().enumerate() {
            if piece.is_sign {
                return None;
            }
            if at > 0 {
                let before = pieces.get(at - 1).map_or(0, |piece| piece.letters.len());
                // One letter at a time is a word that somebody spread; a dot inside a word is a disguise.
                let is_spread = before == 1 && piece.letters.len() == 1;
                has_blanks |= piece.gap == Gap::Blank && !is_spread;
            }
            letters.extend(&piece.letters);
            let (key, repeats) = runs(&letters);
            // Repeated letters make a word longer than any term.
            if key.chars().count() > self.longest {
                return self.open_at(&key, has_blanks);
            }
            let found = self.whole.get(&key).and_then(|wholes| {
                wholes.iter().find(|whole| {
                    let mut pairs = whole.repeats.iter().zip(&repeats);
                    (whole.has_blanks || !has_blanks) && pairs.all(|(least, there)| there >= least)
                })
            });
            let found = found.map(|whole| whole.number);
            if let Some(number) = found.or_else(|| self.open_at(&key, has_blanks)) {
                return Some(number);
            }
        }
        None
    }

    fn open_at(&self, key: &str, has_blanks: bool) -> Option<usize> {
        if has_blanks {
            return None;
        }
        let is_in = |open: &Open| match (open.at_front, open.at_back) {
            (true, true) => key.contains(&open.letters),
            (true, false) => key.ends_with(&open.letters),
            _ => key.starts_with(&open.letters),
        };
        let found = self.open.iter().find(|(open, _)| is_in(open));
        found.map(|(_, number)| *number)
    }

    /// A term of signs that begins with the first of these.
    fn sign_at(&self, pieces: &[Piece]) -> Option<usize> {
        let first = pieces.first()?.letters.first()?;
        let terms = self.signs.get(first)?;
        let found = terms.iter().find(|(signs, _)| has_signs(pieces, signs));
        found.map(|(_, number)| *number)
    }
}

/// Whether these begin with the signs of a term, with no more than a letter or two between them.
fn has_signs(pieces: &[Piece], signs: &[char]) -> bool {
    let mut wanted = signs.iter().peekable();
    let mut between = 0;
    for c in pieces.iter().flat_map(|piece| &piece.letters) {
        match wanted.peek() {
            None => return true,
            Some(sign) if *sign == c => {
                wanted.next();
                between = 0;
            }
            Some(_) if super::fold::is_sign(*c) => return false,
            Some(_) => between += 1,
        }
        if between > LETTERS_BETWEEN {
            return false;
        }
    }
    wanted.peek().is_none()
}

fn runs(letters: &[char]) -> Runs {
    let (mut key, mut repeats): Runs = Default::default();
    let mut last = None;
    for c in letters {
        if last == Some(c) {
            if let Some(count) = repeats.last_mut() {
                *count += 1;
            }
        } else {
            key.push(*c);
            repeats.push(1);
            last = Some(c);
        }
    }
    (key, repeats)
}
