//! Rules for Rust sources: the first line, lengths, placeholders, and no IO in the pure crates.

use super::ratchet::Measure;
use crate::problem::Problem;
use crate::read::{self, File, Source, Span, Tree};

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 70;
/// How far down the reason for a long file may stand.
const REASON_WITHIN_LINES: usize = 40;
const REASON: &str = "// long because: ";

/// Crates whose code gets bytes and `now` handed in, and what would betray that.
const PURE: [&str; 2] = ["crates/weir-media/src/", "crates/weir-proto/src/"];
const IMPURE_NAMES: [&str; 10] = [
    "tokio",
    "mio::",
    "SystemTime",
    "Instant",
    "std::thread",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
];

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in sources(tree) {
        let source = Source::new(file.text());
        let tests = source.test_modules();
        first_line(file, &mut problems);
        length(file, &tests, &mut problems);
        for (line, code) in source.lines() {
            placeholder(file, line, &code, &mut problems);
            if !tests.iter().any(|module| module.contains(line)) {
                purity(file, line, &code, &mut problems);
            }
        }
    }
    problems
}

/// All functions over the limit outside tests; the ratchet says which of them are known.
pub(crate) fn long_functions(tree: &Tree) -> Vec<Measure> {
    let mut found = Vec::new();
    for file in sources(tree).filter(|file| !read::is_test_file(&file.path)) {
        let source = Source::new(file.text());
        let tests = source.test_modules();
        for function in source.functions() {
            let in_test = tests
                .iter()
                .any(|module| module.contains(function.first_line));
            if !in_test && function.lines() > MAX_FUNCTION_LINES {
                found.push(too_long(file, &function));
            }
        }
    }
    found
}

fn too_long(file: &File, function: &Span) -> Measure {
    let (name, lines) = (&function.name, function.lines());
    Measure {
        kind: "long-function",
        key: format!("{}::{name}", file.path),
        value: lines,
        path: file.path.clone(),
        line: function.first_line,
        advice: format!(
            "`{name}` has {lines} lines, at most {MAX_FUNCTION_LINES} fit a screen: split it"
        ),
    }
}

pub(crate) fn sources(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| file.extension() == "rs")
}

fn first_line(file: &File, problems: &mut Vec<Problem>) {
    if !file.text().starts_with("//! ") {
        let advice = "begin the file with `//! `: what it is for";
        problems.push(Problem::new(&file.path, 1, "first-line", advice));
    }
}

fn length(file: &File, tests: &[Span], problems: &mut Vec<Problem>) {
    let tests: usize = tests.iter().map(Span::lines).sum();
    let lines = file.text().lines().count().saturating_sub(tests);
    let mut head = file.text().lines().take(REASON_WITHIN_LINES);
    if lines > MAX_FILE_LINES && !head.any(|line| line.starts_with(REASON)) {
        let advice = format!(
            "{lines} lines without the inline tests, at most {MAX_FILE_LINES}: split it, or say `{REASON}…` near the top"
        );
        problems.push(Problem::new(&file.path, 1, "long-file", advice));
    }
}

fn placeholder(file: &File, line: usize, code: &str, problems: &mut Vec<Problem>) {
    for name in ["todo!", "unimplemented!"] {
        if code.contains(name) {
            let advice = format!("write what `{name}` stands for, or refuse with an error");
            problems.push(Problem::new(&file.path, line, "placeholder", advice));
        }
    }
}

fn purity(file: &File, line: usize, code: &str, problems: &mut Vec<Problem>) {
    let pure = PURE.iter().any(|folder| file.path.starts_with(folder));
    if !pure || read::is_test_file(&file.path) {
        return;
    }
    if let Some(name) = IMPURE_NAMES.iter().find(|name| has_word(code, name)) {
        let advice = format!("`{name}` does not belong in a pure crate: take bytes and `now`");
        problems.push(Problem::new(&file.path, line, "sans-io", advice));
    }
}

/// Whether `word` stands in `code` without a letter before it or, when it ends in one, behind it.
fn has_word(code: &str, word: &str) -> bool {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_ident) && (word.ends_with(':') || !after.is_some_and(is_ident))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        let problems = check(&Tree::of(&[(path, text)]));
        problems.iter().map(|p| (p.rule, p.line)).collect()
    }

    #[test]
    fn a_file_says_first_what_it_is_for() {
        assert_eq!(rules("a.rs", "use x;\n"), [("first-line", 1)]);
        assert_eq!(rules("a.rs", "//! Numbers.\nuse x;\n"), []);
    }

    #[test]
    fn a_long_file_needs_a_reason_and_its_tests_do_not_count() {
        let body = "//! A.\n".to_owned() + &"const A: u8 = 1;\n".repeat(600);
        assert_eq!(rules("a.rs", &body), [("long-file", 1)]);
        let reasoned = format!("//! A.\n// long because: one table.\n{body}");
        assert_eq!(rules("a.rs", &reasoned), []);
        let tests = "//! A.\n#[cfg(test)]\nmod tests {\n".to_owned() + &"\n".repeat(700) + "}\n";
        assert_eq!(rules("a.rs", &tests), []);
    }

    #[test]
    fn placeholders_are_found_in_code_only() {
        let text = "//! A.\nfn a() { todo!() }\n// todo! in words is fine\n";
        assert_eq!(rules("a.rs", text), [("placeholder", 2)]);
    }

    #[test]
    fn a_pure_crate_names_no_clock_and_no_socket() {
        let text = "//! A.\nuse std::time::Instant;\nfn instants(instant: u8) {}\n";
        assert_eq!(rules("crates/weir-proto/src/a.rs", text), [("sans-io", 2)]);
        assert_eq!(rules("crates/weir-serve/src/a.rs", text), []);
        let test = "//! A.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(rules("crates/weir-media/src/a.rs", test), []);
    }

    #[test]
    fn a_long_function_is_found_outside_tests_only() {
        let long = "fn a() {\n".to_owned() + &"    x();\n".repeat(69) + "}\n";
        let found = long_functions(&Tree::of(&[("a.rs", &long), ("x/tests/a.rs", &long)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].advice.contains("`a` has 71 lines"));
        assert_eq!((found[0].key.as_str(), found[0].value), ("a.rs::a", 71));
    }
}
