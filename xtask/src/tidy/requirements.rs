//! Rules for `docs/requirements.md`: every R number has its row, in order, and a row that says `met`
//! names a test that is there.

use super::{Problem, Tree};

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
        for advice in missing_tests(tree, test, status) {
            say(advice);
        }
    }
    if next != LAST + 1 {
        let advice = format!("the rows end before R{LAST}");
        problems.push(Problem::new(DOCUMENT, 1, RULE, advice));
    }
    problems
}

/// What is wrong with the test cell of a row that claims something: `path` or `path::test`, each in
/// backticks, must be there.
fn missing_tests(tree: &Tree, test: &str, status: &str) -> Vec<String> {
    if !matches!(status, "met" | "partly") {
        return Vec::new();
    }
    let named: Vec<&str> = test.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        return vec![format!(
            "`{status}` needs a test in backticks: path or path::name"
        )];
    }
    named
        .into_iter()
        .filter_map(|name| {
            let (path, function) = name.split_once("::").unwrap_or((name, ""));
            let found = if function.is_empty() {
                tree.holds(path)
            } else {
                let text = tree.file(path).map_or("", super::File::text);
                text.contains(&format!("fn {function}(")) || text.contains(&format!("'{function}'"))
            };
            (!found).then(|| format!("`{name}` is not there"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(first: &str) -> String {
        let rest = (2..=LAST).map(|n| format!("| R{n} | a | – | – | not yet |\n"));
        "| R | what | where met | test | status |\n".to_owned() + first + &rest.collect::<String>()
    }

    fn advice(first: &str) -> Vec<String> {
        let text = document(first);
        let files = [(DOCUMENT, text.as_str()), ("a.rs", "fn it_works() {}\n")];
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
        assert_eq!(advice("| R1 | a | b | `a.rs` | partly |\n"), [""; 0]);
        assert_eq!(
            advice("| R1 | a | b | `a.rs::gone` | met |\n"),
            ["`a.rs::gone` is not there"]
        );
        assert_eq!(advice("| R1 | a | b | – | met |\n").len(), 1);
        assert_eq!(advice("| R1 | a | b | – | soon |\n").len(), 1);
    }
}
