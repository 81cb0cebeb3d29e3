//! The ratchet: `xtask/ratchet.txt` lists what was there when its rule came, as `kind key number`.
//! Its numbers may fall and its lines may go; nothing is ever added.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::Path;

use crate::problem::Problem;
use crate::read::{File, Tree};

const FILE: &str = "xtask/ratchet.txt";
const RULE: &str = "ratchet";

/// What a rule counted: a long function's lines, a crate's renamed imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measure {
    /// The rule's name.
    pub(crate) kind: &'static str,
    /// What was measured; no white space.
    pub(crate) key: String,
    pub(crate) value: usize,
    /// Where to look first.
    pub(crate) path: String,
    pub(crate) line: usize,
    /// What to do when the ratchet does not know it, or knows less of it.
    pub(crate) advice: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    kind: String,
    key: String,
    value: usize,
}

impl Entry {
    fn is_about(&self, measure: &Measure) -> bool {
        self.kind == measure.kind && self.key == measure.key
    }
}

pub(crate) fn check(tree: &Tree, found: &[Measure]) -> Vec<Problem> {
    let (entries, mut problems) = read(tree);
    for measure in found {
        let entry = entries.iter().find(|entry| entry.is_about(measure));
        match entry.map(|entry| (entry, measure.value.cmp(&entry.value))) {
            Some((_, Ordering::Equal)) => {}
            Some((entry, Ordering::Less)) => {
                let advice = format!(
                    "`{}` shrank to {}: run cargo xtask tidy --lower",
                    entry.key, measure.value
                );
                problems.push(Problem::new(FILE, entry.line, RULE, advice));
            }
            Some((entry, Ordering::Greater)) => {
                let advice = format!("{} (it was {})", measure.advice, entry.value);
                let Measure {
                    path, line, kind, ..
                } = measure;
                problems.push(Problem::new(path, *line, kind, advice));
            }
            None => {
                let Measure {
                    path, line, kind, ..
                } = measure;
                problems.push(Problem::new(path, *line, kind, measure.advice.as_str()));
            }
        }
    }
    for entry in &entries {
        if !found.iter().any(|measure| entry.is_about(measure)) {
            let advice = format!("`{}` is gone: run cargo xtask tidy --lower", entry.key);
            problems.push(Problem::new(FILE, entry.line, RULE, advice));
        }
    }
    problems
}

/// Rewrites the file: what shrank gets its new number, what is gone goes.
pub(crate) fn lower(root: &Path, tree: &Tree, found: &[Measure]) -> Result<(), String> {
    let Some(file) = tree.file(FILE) else {
        return Ok(());
    };
    let (entries, _) = read(tree);
    let text = lowered(file.text(), &entries, found);
    std::fs::write(root.join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

fn lowered(text: &str, entries: &[Entry], found: &[Measure]) -> String {
    let mut out = String::new();
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let _ = writeln!(out, "{line}");
    }
    for entry in entries {
        if let Some(measure) = found.iter().find(|measure| entry.is_about(measure)) {
            let value = measure.value.min(entry.value);
            let _ = writeln!(out, "{} {} {value}", entry.kind, entry.key);
        }
    }
    out
}

fn read(tree: &Tree) -> (Vec<Entry>, Vec<Problem>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    let text = tree.file(FILE).map_or("", File::text);
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match parse(index + 1, line) {
            Some(entry) => entries.push(entry),
            None => {
                let advice = "write `kind key number`";
                problems.push(Problem::new(FILE, index + 1, RULE, advice));
            }
        }
    }
    (entries, problems)
}

fn parse(line: usize, text: &str) -> Option<Entry> {
    let mut words = text.split(' ');
    let entry = Entry {
        line,
        kind: words.next()?.to_owned(),
        key: words.next()?.to_owned(),
        value: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(key: &str, value: usize) -> Measure {
        Measure {
            kind: "long-function",
            key: key.into(),
            value,
            path: "a.rs".into(),
            line: 1,
            advice: "split it".into(),
        }
    }

    fn advice(list: &str, found: &[Measure]) -> Vec<String> {
        let problems = check(&Tree::of(&[(FILE, list)]), found);
        problems.into_iter().map(|p| p.advice).collect()
    }

    #[test]
    fn what_is_known_passes_until_it_grows() {
        let list = "# why\nlong-function a.rs::f 80\n";
        assert_eq!(advice(list, &[long("a.rs::f", 80)]), [""; 0]);
        assert_eq!(
            advice(list, &[long("a.rs::f", 81)]),
            ["split it (it was 80)"]
        );
        assert_eq!(advice("", &[long("a.rs::f", 80)]), ["split it"]);
        let other = "circle a.rs::f 80\n";
        assert!(advice(other, &[long("a.rs::f", 80)]).contains(&"split it".to_owned()));
    }

    #[test]
    fn the_list_only_shrinks() {
        let list = "# why\nlong-function f 90\nlong-function g 75\n";
        assert!(advice(list, &[long("f", 80), long("g", 75)])[0].contains("shrank to 80"));
        assert!(advice(list, &[long("f", 90)])[0].contains("`g` is gone"));
        let tree = Tree::of(&[(FILE, list)]);
        let (entries, _) = read(&tree);
        let text = lowered(list, &entries, &[long("f", 80), long("h", 99)]);
        assert_eq!(text, "# why\nlong-function f 80\n");
    }

    #[test]
    fn a_line_that_says_nothing_is_a_problem() {
        assert_eq!(advice("a.rs f\n", &[]), ["write `kind key number`"]);
    }
}
