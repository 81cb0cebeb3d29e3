//! The ratchet: `xtask/ratchet.txt` lists the long functions that were there when the rule came.
//! Its numbers may fall and its lines may go; nothing is ever added.

use std::fmt::Write as _;
use std::path::Path;

use super::rust::{LongFunction, too_long};
use super::{Problem, Tree};

const FILE: &str = "xtask/ratchet.txt";
const RULE: &str = "long-function";

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    path: String,
    function: String,
    lines: usize,
}

pub(crate) fn check(tree: &Tree, found: &[LongFunction]) -> Vec<Problem> {
    let (entries, mut problems) = read(tree);
    for long in found {
        let allowed = entries.iter().find(|entry| is_about(entry, long));
        match allowed.map(|entry| (entry, long.function.lines().cmp(&entry.lines))) {
            Some((_, std::cmp::Ordering::Equal)) => {}
            Some((entry, std::cmp::Ordering::Less)) => {
                let advice = format!(
                    "`{}` shrank to {} lines: run cargo xtask tidy --lower",
                    entry.function,
                    long.function.lines()
                );
                problems.push(Problem::new(FILE, entry.line, RULE, advice));
            }
            Some((_, std::cmp::Ordering::Greater)) | None => {
                let line = long.function.first_line;
                problems.push(Problem::new(&long.path, line, RULE, too_long(long)));
            }
        }
    }
    for entry in &entries {
        if !found.iter().any(|long| is_about(entry, long)) {
            let advice = format!(
                "`{}` is short now or gone: run cargo xtask tidy --lower",
                entry.function
            );
            problems.push(Problem::new(FILE, entry.line, RULE, advice));
        }
    }
    problems
}

/// Rewrites the file: what shrank gets its new length, what is short now goes.
pub(crate) fn lower(root: &Path, tree: &Tree, found: &[LongFunction]) -> Result<(), String> {
    let Some(file) = tree.file(FILE) else {
        return Ok(());
    };
    let (entries, _) = read(tree);
    let text = lowered(file.text(), &entries, found);
    std::fs::write(root.join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

fn lowered(text: &str, entries: &[Entry], found: &[LongFunction]) -> String {
    let mut out = String::new();
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let _ = writeln!(out, "{line}");
    }
    for entry in entries {
        if let Some(long) = found.iter().find(|long| is_about(entry, long)) {
            let lines = long.function.lines().min(entry.lines);
            let _ = writeln!(out, "{} {} {lines}", entry.path, entry.function);
        }
    }
    out
}

fn is_about(entry: &Entry, long: &LongFunction) -> bool {
    entry.path == long.path && entry.function == long.function.name
}

fn read(tree: &Tree) -> (Vec<Entry>, Vec<Problem>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    let text = tree.file(FILE).map_or("", super::File::text);
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match parse(index + 1, line) {
            Some(entry) => entries.push(entry),
            None => {
                let advice = "write `path function lines`";
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
        path: words.next()?.to_owned(),
        function: words.next()?.to_owned(),
        lines: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::super::source::Span;
    use super::*;

    fn long(function: &str, lines: usize) -> LongFunction {
        LongFunction {
            path: "a.rs".into(),
            function: Span {
                name: function.into(),
                first_line: 1,
                last_line: lines,
            },
        }
    }

    fn advice(list: &str, found: &[LongFunction]) -> Vec<String> {
        let problems = check(&Tree::of(&[(FILE, list)]), found);
        problems.into_iter().map(|p| p.advice).collect()
    }

    #[test]
    fn a_known_long_function_passes_until_it_grows() {
        assert_eq!(advice("# why\na.rs f 80\n", &[long("f", 80)]), [""; 0]);
        assert!(advice("a.rs f 80\n", &[long("f", 81)])[0].contains("split it"));
        assert!(advice("", &[long("f", 80)])[0].contains("split it"));
    }

    #[test]
    fn the_list_only_shrinks() {
        assert!(advice("a.rs f 90\n", &[long("f", 80)])[0].contains("shrank"));
        assert!(advice("a.rs f 90\n", &[])[0].contains("gone"));
        let tree = Tree::of(&[(FILE, "# why\na.rs f 90\na.rs g 75\n")]);
        let (entries, _) = read(&tree);
        let text = lowered(
            tree.files[0].text(),
            &entries,
            &[long("f", 80), long("h", 99)],
        );
        assert_eq!(text, "# why\na.rs f 80\n");
    }

    #[test]
    fn a_line_that_says_nothing_is_a_problem() {
        assert_eq!(advice("a.rs f\n", &[]), ["write `path function lines`"]);
    }
}
