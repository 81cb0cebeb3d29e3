//! Chinese terms by their sound: other signs that are said the same, and the sound itself in letters.

use std::collections::HashMap;

use pinyin::ToPinyin as _;

use super::fold::{Folded, Piece, is_sign};

/// By the first syllable: all of them, and which term.
#[derive(Debug, Default)]
pub(super) struct Sounds(HashMap<&'static str, Vec<(Vec<&'static str>, usize)>>);

impl Sounds {
    /// Adds a term that is all signs; of others only the writing is known.
    pub(super) fn add(&mut self, text: &str, number: usize) {
        let syllables: Option<Vec<_>> = text.chars().map(sound_of).collect();
        // One syllable alone is said in many words.
        if let Some(syllables) = syllables.filter(|all| all.len() > 1)
            && let Some(first) = syllables.first()
        {
            self.0.entry(first).or_default().push((syllables, number));
        }
    }

    /// The number of a term that a text has.
    pub(super) fn find(&self, folded: &Folded) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        let pieces = &folded.pieces;
        (0..pieces.len()).find_map(|at| self.find_at(pieces.get(at..).unwrap_or_default()))
    }

    fn find_at(&self, pieces: &[Piece]) -> Option<usize> {
        let first = pieces.first()?;
        let terms = self.0.iter().filter(|(syllable, _)| match first.is_sign {
            true => first.letters.first().copied().and_then(sound_of) == Some(**syllable),
            false => first.plain.starts_with(**syllable),
        });
        let mut terms = terms.flat_map(|(_, terms)| terms);
        let found = terms.find(|(syllables, _)| is_said(pieces, syllables));
        found.map(|(_, number)| *number)
    }
}

/// Whether these begin with the syllables, each as a sign or in letters, and a piece ends where they end.
fn is_said(pieces: &[Piece], syllables: &[&str]) -> bool {
    let mut left = syllables;
    for piece in pieces {
        if left.is_empty() {
            return true;
        }
        if piece.is_sign {
            let sound = piece.letters.first().copied().and_then(sound_of);
            let Some((first, rest)) = left.split_first() else {
                return true;
            };
            if sound != Some(*first) {
                return false;
            }
            left = rest;
            continue;
        }
        let mut letters = piece.plain.as_str();
        while !letters.is_empty() {
            let Some((first, rest)) = left.split_first() else {
                // The word goes on behind the last syllable: it is another word.
                return false;
            };
            let Some(behind) = letters.strip_prefix(first) else {
                return false;
            };
            (letters, left) = (behind, rest);
        }
    }
    left.is_empty()
}

/// How a sign is said, without its tone.
fn sound_of(c: char) -> Option<&'static str> {
    is_sign(c).then(|| c.to_pinyin().map(|sound| sound.plain()))?
}
