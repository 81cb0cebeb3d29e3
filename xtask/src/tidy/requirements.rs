//! Rules for `docs/requirements.md`: every R number has its row, in order, and a row that says `met`
//! or `partly` names tests that are there and say its number.

use crate::problem::Problem;
use crate::read::{File, Tree};

const DOCUMENT: &str = "docs/requirements.md";
const RULE: &str = "requirements";
const LAST: usize = 113;
const STATUSES: [&str; 5] = ["met", "partly", "in work", "not yet", "noted"];

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(document) = tree.file(DOCUMENT) else {
        let advice = format!("write it: a row for each of R1 to R{LAST}");
        return vec![Problem::new(DOCUMENT, 1, RULE, advice)];
    };
    let mut problems = Vec::new();
    let mut next = 1;
    for (index, line) in document.text().lines().enumerate() {
        let Some(row) = line.strip_prefix("| R") else {
            continue;
        };
        // The head of a table: `| R |`.
        if !row.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let mut say = |advice: String| {
            problems.push(Problem::new(DOCUMENT, index + 1, RULE, advice));
        };
        let cells: Vec<&str> = row
            .trim_end_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        let [number, _, _, test, status] = cells.as_slice() else {
            say("a row has five cells: R, what, where met, test, status".into());
            continue;
        };
        if number.parse() != Ok(next) {
            say(format!("R{number} stands where R{next} should"));
        }
        next = number.parse().unwrap_or(next) + 1;
        if !STATUSES.contains(status) {
            say(format!("status is one of {}", STATUSES.join(", ")));
        }
        if matches!(*status, "met" | "partly") {
            let number = format!("R{number}");
            tests(tree, &number, test).into_iter().for_each(say);
        }
    }
    if next != LAST + 1 {
        let advice = format!("the rows end before R{LAST}");
        problems.push(Problem::new(DOCUMENT, 1, RULE, advice));
    }
    problems
}

/// What is wrong with the test cell of a row that claims something: `path` or `path::test`, each in
/// backticks, must be there and say the row's number.
fn tests(tree: &Tree, number: &str, test: &str) -> Vec<String> {
    let named: Vec<&str> = test.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        return vec!["name a test in backticks: path or path::name".to_owned()];
    }
    let mut wrong = Vec::new();
    for name in named {
        let (path, function) = name.split_once("::").unwrap_or((name, ""));
        // A folder is what its files say together.
        let is_in = |file: &&File| {
            let rest = file.path.strip_prefix(path.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let files: Vec<&File> = tree.files.iter().filter(is_in).collect();
        let found = files.iter().filter_map(|file| match function {
            "" => Some(file.text()),
            function => body(file.text(), function),
        });
        let found: Vec<&str> = found.collect();
        // A page is read by people, who find the number here.
        let is_page = path.ends_with(".md");
        if found.is_empty() {
            wrong.push(format!("`{name}` is not there"));
        } else if !is_page && !found.iter().any(|text| says(text, number)) {
            wrong.push(format!("`{name}` does not say {number}: `Shows {number}.`"));
        }
    }
    wrong
}

/// A Rust test with the comments above it.
fn body<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let at = text.find(&format!("fn {function}("))?;
    let head = text[..at].rfind("\n\n").map_or(0, |at| at + 2);
    // Nothing in a test stands at the left edge but its end.
    let end = text[at..].find("\n}").map_or(text.len(), |end| at + end);
    text.get(head..end)
}

/// Whether `R3` stands in the text, and not as the beginning of `R35`.
fn says(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str =
        "/// Shows R2.\n#[test]\nfn other() {\n}\n\n/// Shows R1.\n#[test]\nfn it_works() {\n}\n";

    fn document(first: &str) -> String {
        let rest = (2..=LAST).map(|n| format!("| R{n} | a | – | – | not yet |\n"));
        "| R | what | where met | test | status |\n".to_owned() + first + &rest.collect::<String>()
    }

    fn advice(first: &str) -> Vec<String> {
        let text = document(first);
        let files = [
            (DOCUMENT, text.as_str()),
            ("a.rs", TESTS),
            ("b/c.sh", "# Shows R12, R1.\n"),
            ("d.md", "words\n"),
        ];
        check(&Tree::of(&files))
            .into_iter()
            .map(|p| p.advice)
            .collect()
    }

    #[test]
    fn every_number_has_its_row_in_order() {
        assert_eq!(advice("| R1 | a | – | – | not yet |\n"), [""; 0]);
        assert_eq!(advice(""), ["R2 stands where R1 should"]);
    }

    #[test]
    fn a_met_row_names_a_test_that_is_there() {
        assert_eq!(advice("| R1 | a | b | `a.rs::it_works` | met |\n"), [""; 0]);
        assert_eq!(
            advice("| R1 | a | b | `a.rs`, `b`, `d.md` | partly |\n"),
            [""; 0]
        );
        assert_eq!(
            advice("| R1 | a | b | `a.rs::gone` | met |\n"),
            ["`a.rs::gone` is not there"]
        );
        assert_eq!(advice("| R1 | a | b | – | met |\n").len(), 1);
        assert_eq!(advice("| R1 | a | b | – | soon |\n").len(), 1);
    }

    #[test]
    fn a_test_that_is_named_says_the_number() {
        assert_eq!(
            advice("| R1 | a | b | `a.rs::other` | met |\n"),
            ["`a.rs::other` does not say R1: `Shows R1.`"]
        );
        assert!(!says("Shows R35.", "R3"));
    }
}
