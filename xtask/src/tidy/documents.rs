//! Rules that keep documents true: nothing is "to come" that is there, the README's list of crates is
//! the list of crates, and a design page has a status that `docs/README.md` explains.

use std::collections::BTreeSet;

use crate::problem::Problem;
use crate::read::{File, Tree};

const README: &str = "README.md";
/// The list of crates follows this line, in a code block.
const LIST: &str = "## Looking inside";
/// Explains what each status means.
const STATUSES: &str = "docs/README.md";
const DESIGNS: &str = "docs/design/";
const STATUS: &str = "Status: ";
/// How far down a page its status may stand.
const STATUS_WITHIN_LINES: usize = 10;
const TO_COME: &str = "to come";

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let crates = crates(tree);
    let statuses = tree.file(STATUSES).map_or_else(Vec::new, statuses);
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.extension() == "md") {
        to_come(file, &crates, &mut problems);
        if file.path.starts_with(DESIGNS) {
            status(file, &statuses, &mut problems);
        }
    }
    if let Some(readme) = tree.file(README) {
        list(readme, &crates, &mut problems);
    }
    problems
}

/// The folders of `crates/`.
fn crates(tree: &Tree) -> BTreeSet<&str> {
    tree.files
        .iter()
        .filter_map(|file| {
            file.path
                .strip_prefix("crates/")?
                .strip_suffix("/Cargo.toml")
        })
        .collect()
}

/// A clause that names a crate and then says "to come" is about that crate.
fn to_come(file: &File, crates: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
    for (line, paragraph) in paragraphs(file.text()) {
        for clause in paragraph.split([';', '.', '|', ':', '(']) {
            let Some((before, _)) = clause.split_once(TO_COME) else {
                continue;
            };
            let words = before.split(|c: char| !c.is_alphanumeric() && c != '-');
            for name in words.filter(|word| crates.contains(word)) {
                let advice = format!("`{name}` is there: say what it does, or what is missing");
                problems.push(Problem::new(&file.path, line, "to-come", advice));
            }
        }
    }
}

/// Lines that belong together, with the number of the first: a row of a table, or a wrapped paragraph.
fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        let continues = is_open && !line.starts_with(['|', '#', '-', '*']);
        match found.last_mut().filter(|_| continues && !line.is_empty()) {
            Some((_, paragraph)) => {
                paragraph.push(' ');
                paragraph.push_str(line.trim_start());
            }
            None => found.push((index + 1, line.to_owned())),
        }
        is_open = !line.is_empty() && !line.starts_with('|');
    }
    found
}

fn list(readme: &File, crates: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
    let lines = readme.text().lines().enumerate();
    let mut block = lines.skip_while(|(_, line)| *line != LIST).skip(1);
    let Some((start, _)) = block.find(|(_, line)| line.starts_with("```")) else {
        let advice = format!("list the crates in a code block under `{LIST}`");
        problems.push(Problem::new(README, 1, "crate-list", advice));
        return;
    };
    let mut listed = BTreeSet::new();
    for (index, line) in block.take_while(|(_, line)| !line.starts_with("```")) {
        let Some(rest) = line.strip_prefix("crates/") else {
            continue;
        };
        let name = rest.split(' ').next().unwrap_or_default();
        listed.insert(name);
        if !crates.contains(name) {
            let advice = format!("`{name}` is not there: take it from the list");
            problems.push(Problem::new(README, index + 1, "crate-list", advice));
        }
    }
    for name in crates.difference(&listed) {
        let advice = format!("say what `{name}` is for");
        problems.push(Problem::new(README, start + 1, "crate-list", advice));
    }
}

/// The words that stand behind `Status: ` in the page that explains them.
fn statuses(file: &File) -> Vec<String> {
    let after = file.text().split(STATUS).skip(1);
    after
        .filter_map(|rest| rest.split(['`', ' ', '\n']).next())
        .map(str::to_owned)
        .collect()
}

fn status(file: &File, statuses: &[String], problems: &mut Vec<Problem>) {
    let mut head = file.text().lines().take(STATUS_WITHIN_LINES).enumerate();
    let found = head.find_map(|(index, line)| Some((index + 1, line.strip_prefix(STATUS)?)));
    let Some((line, rest)) = found else {
        let advice = format!(
            "say `{STATUS}…` under the title: one of {}",
            statuses.join(", ")
        );
        problems.push(Problem::new(&file.path, 1, "status", advice));
        return;
    };
    let word = rest.split([' ', ';', ',', '.']).next().unwrap_or_default();
    if !statuses.iter().any(|known| known == word) {
        let advice = format!(
            "`{word}` is none of {}, see {STATUSES}",
            statuses.join(", ")
        );
        problems.push(Problem::new(&file.path, line, "status", advice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("crates/weir-x/Cargo.toml", "");

    fn advice(files: &[(&str, &str)]) -> Vec<String> {
        let found = check(&Tree::of(files));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_there_is_not_to_come() {
        let told = |text: &str| advice(&[MANIFEST, ("a.md", text)]).len();
        assert_eq!(told("| R7 | `weir-x`, to come | a |\n"), 1);
        assert_eq!(told("Groups: weir-x and\nweir-y, to come.\n"), 1);
        assert_eq!(told("weir-y, to come, above `weir-x`\n"), 0);
        assert_eq!(told("by `weir-x`; the rest to come\n"), 0);
    }

    #[test]
    fn the_readme_lists_the_crates() {
        let right = "## Looking inside\n\n```text\ncrates/weir-x   all\nweb/\n```\n";
        assert_eq!(advice(&[MANIFEST, (README, right)]), [""; 0]);
        let wrong = advice(&[MANIFEST, (README, &right.replace("weir-x", "weir-y"))]);
        assert_eq!(
            wrong,
            [
                "README.md:4: crate-list: `weir-y` is not there: take it from the list",
                "README.md:3: crate-list: say what `weir-x` is for"
            ]
        );
        assert_eq!(advice(&[(README, "# weir\n")]).len(), 1);
    }

    #[test]
    fn a_design_says_where_it_stands_in_a_word_that_is_explained() {
        let known = (
            STATUSES,
            "`Status: proposed` or `Status: superseded by …`\n",
        );
        let told = |text: &str| advice(&[known, ("docs/design/a.md", text)]).len();
        assert_eq!(told("# A\nStatus: proposed\n"), 0);
        assert_eq!(told("# A\nStatus: superseded by [b](b.md)\n"), 0);
        assert_eq!(told("# A\nStatus: built\n"), 1);
        assert_eq!(told("# A\n"), 1);
    }
}
