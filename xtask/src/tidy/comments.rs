//! Rules for doc comments: one that says nothing beyond the name below it is a line to read for
//! nothing. Make the item private, or say its shape, unit or reason.

use std::collections::BTreeMap;

use super::ratchet::Measure;
use super::{names, rust};
use crate::read::{self, Tree};

pub(crate) const KIND: &str = "thin-doc";
/// Stands where `missing_docs` asked and there was nothing to say.
const FILLER: &str = concat!("See the module's ", "words.");
/// Longer docs are taken to say something.
const MAX_WORDS: usize = 2;
/// Words that add nothing to a name.
const ARTICLES: [&str; 4] = ["a", "an", "its", "the"];
/// What may stand between a doc comment and the name it is about.
const BEFORE_NAMES: [&str; 13] = [
    "pub", "crate", "super", "in", "async", "const", "fn", "struct", "enum", "trait", "type",
    "mod", "static",
];

/// For each crate, how many docs of its sources say nothing.
pub(crate) fn measures(tree: &Tree) -> Vec<Measure> {
    let mut places: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for file in rust::sources(tree).filter(|file| !read::is_test_file(&file.path)) {
        for line in thin(file.text()) {
            let places = places.entry(names::crate_of(file)).or_default();
            places.push((&file.path, line));
        }
    }
    let advice = "say what the name does not, or make the item private";
    let measure = |(key, places): (String, Vec<_>)| names::of_places(KIND, key, &places, advice);
    places.into_iter().map(measure).collect()
}

/// Lines with a doc comment of one line that says nothing.
fn thin(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let is_doc = |index: usize| lines.get(index).is_some_and(|line| line.starts_with("///"));
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(words) = line.strip_prefix("/// ") else {
            continue;
        };
        let is_alone = !is_doc(index + 1) && !index.checked_sub(1).is_some_and(is_doc);
        let below = lines
            .iter()
            .skip(index + 1)
            .find(|line| !line.starts_with("#["));
        let restates = || below.is_some_and(|item| restates(words, item));
        if words == FILLER || (is_alone && restates()) {
            found.push(index + 1);
        }
    }
    found
}

/// Whether each of the few words is in the item's name already.
fn restates(words: &str, item: &str) -> bool {
    let words: Vec<String> = split(words);
    let item = item
        .split(['(', '<', ':', '{', '=', ';', ','])
        .map(str::trim);
    // `pub(crate) fn name` has its name in the second piece.
    let mut pieces = item.flat_map(|piece| piece.split([' ', ')']));
    let name = pieces
        .find(|word| !word.is_empty() && !BEFORE_NAMES.contains(word))
        .unwrap_or_default();
    let name = split(&snake(name));
    let mut said = words
        .iter()
        .filter(|word| !ARTICLES.contains(&word.as_str()));
    let is_short = words.len() <= MAX_WORDS && !words.is_empty();
    is_short && said.all(|word| name.contains(word))
}

fn split(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// `StreamName` → `Stream_Name`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = c.is_lowercase();
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_that_is_the_name_again_says_nothing() {
        for text in [
            "/// App.\npub app: String,\n",
            "/// The app.\n#[serde(default)]\napp: String,\n",
            "/// Stream name.\npub(crate) struct StreamName;\n",
            "/// Its lease.\npub(super) fn lease(&self) {}\n",
            "/// RTMP.\n    Rtmp,\n",
        ] {
            assert_eq!(thin(text), [1], "{text}");
        }
    }

    #[test]
    fn a_doc_that_adds_a_word_is_left() {
        for text in [
            "/// Milliseconds.\nidle: u64,\n",
            "/// App.\n///\n/// Up to 255 bytes.\npub app: String,\n",
            "/// What it is called here.\nname: String,\n",
            "// App.\napp: String,\n",
        ] {
            assert_eq!(thin(text), [0; 0], "{text}");
        }
    }

    #[test]
    fn filler_is_counted_by_crate_outside_tests() {
        let text = format!("//! A.\n/// {FILLER}\npub mod a;\n");
        let tree = Tree::of(&[
            ("crates/weir-x/src/lib.rs", &text),
            ("crates/weir-x/tests/a.rs", &text),
        ]);
        let found = measures(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].key.as_str(), found[0].value), ("weir-x", 1));
    }
}
