//! Floors inside a crate: a table in ARCHITECTURE.md behind `<!-- floors: CRATE -->` says which module
//! may use which. Each row is `module or modules of a floor | may use`; an import that has no row that
//! allows it is refused. A crate without such a table has no floors.

use crate::problem::Problem;
use crate::read::modules::{Arrow, Crate, Module};
use crate::read::table::{self, Row};
use crate::read::{File, Tree};

const DOCUMENT: &str = "ARCHITECTURE.md";
const MARK: &str = "<!-- floors: ";
const RULE: &str = "floors";
/// All rows under this one.
const BELOW: &str = "below";
const ANYTHING: &str = "anything";
const NOTHING: &str = "nothing";
/// What the crate's root file defines, for who may use it.
const ROOT: &str = "lib";

pub(crate) fn check(tree: &Tree, crates: &[Crate]) -> Vec<Problem> {
    let text = tree.file(DOCUMENT).map_or("", File::text);
    let mut problems = Vec::new();
    for (mark, rest) in table::marks(text, MARK) {
        let name = rest.trim_end_matches("-->").trim();
        let Some(found) = crates.iter().find(|c| c.name == name) else {
            let advice = format!("`{name}` is no crate of the workspace: remove its floors");
            problems.push(Problem::new(DOCUMENT, mark, RULE, advice));
            continue;
        };
        let plan = Plan {
            rows: table::rows_after(text, mark),
            home: found,
        };
        plan.rows_are_right(&mut problems);
        plan.modules_have_rows(mark, &mut problems);
        for arrow in found.arrows() {
            plan.arrow(arrow, &mut problems);
        }
    }
    problems
}

/// One crate's table beside its code.
struct Plan<'a> {
    rows: Vec<Row<'a>>,
    home: &'a Crate,
}

impl Plan<'_> {
    fn rows_are_right(&self, problems: &mut Vec<Problem>) {
        for row in &self.rows {
            for word in row.words(0) {
                let is_there = |m: &Module| m.path.join("::") == word;
                if word != ROOT && !self.home.modules.iter().any(is_there) {
                    let advice = format!("`{word}` is no module of {}", self.home.name);
                    problems.push(Problem::new(DOCUMENT, row.line, RULE, advice));
                }
            }
            for word in row.words(1) {
                let is_known = [BELOW, ANYTHING, NOTHING].contains(&word)
                    || self.rows.iter().any(|other| other.words(0).contains(&word));
                if !is_known {
                    let advice = format!("`{word}` stands on no floor: give it a row");
                    problems.push(Problem::new(DOCUMENT, row.line, RULE, advice));
                }
            }
        }
    }

    fn modules_have_rows(&self, mark: usize, problems: &mut Vec<Problem>) {
        for module in self.home.modules.iter().filter(|m| m.path.len() == 1) {
            let name = &module.path[0];
            let starts_with_it = |word: &&str| word.split("::").next() == Some(name);
            let has_row = self
                .rows
                .iter()
                .any(|row| row.words(0).iter().any(starts_with_it));
            if !has_row {
                let advice = format!("`{name}` of {} has no row among the floors", self.home.name);
                problems.push(Problem::new(DOCUMENT, mark, RULE, advice));
            }
        }
    }

    fn arrow(&self, arrow: Arrow, problems: &mut Vec<Problem>) {
        let (from, to) = (&self.home.modules[arrow.from], &self.home.modules[arrow.to]);
        // The root file is the crate's face: it shows what lies anywhere.
        if from.path.is_empty() {
            return;
        }
        let Some((row, from_name)) = self.floor(&from.path) else {
            // Said already for the module, once.
            return;
        };
        let (to_row, to_name) = match self.floor(&to.path) {
            Some((row, name)) => (Some(row), name),
            None => (None, to.path.join("::")),
        };
        if from_name == to_name {
            return;
        }
        let allowed = self.rows[row].words(1);
        let is_below = to_row.is_some_and(|to| to > row);
        let is_fine = allowed.contains(&to_name.as_str())
            || allowed.contains(&ANYTHING)
            || (allowed.contains(&BELOW) && is_below);
        if !is_fine {
            let advice = format!(
                "`{from_name}` may not use `{to_name}` ({}): turn the arrow round, or argue for it in {DOCUMENT}",
                to.file
            );
            problems.push(Problem::new(&from.file, arrow.line, RULE, advice));
        }
    }

    /// The row for a module, and the name in it: the longest that the module's path begins with.
    fn floor(&self, path: &[String]) -> Option<(usize, String)> {
        if path.is_empty() {
            let row = self
                .rows
                .iter()
                .position(|row| row.words(0).contains(&ROOT));
            return Some((row.unwrap_or(usize::MAX), ROOT.to_owned())).filter(|_| row.is_some());
        }
        (1..=path.len()).rev().find_map(|length| {
            let name = path[..length].join("::");
            let row = self
                .rows
                .iter()
                .position(|row| row.words(0).contains(&name.as_str()))?;
            Some((row, name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::modules::{self, tests::house};

    const FLOORS: &str = "<!-- floors: weir-c -->\n\n| floor | may use |\n|---|---|\n| `door` `gate` | below |\n| `core` `core::odd` | `request` |\n| `request` | nothing |\n";

    fn advice(floors: &str, files: &[(&str, &str)]) -> Vec<String> {
        let mut tree = house(files);
        tree.files.extend(Tree::of(&[(DOCUMENT, floors)]).files);
        let crates = modules::crates(&tree);
        check(&tree, &crates)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn files<'a>(door: &'a str, core: &'a str, request: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![
            (
                "lib.rs",
                "mod door;\nmod gate;\nmod core;\nmod request;\npub use door::Door;\n",
            ),
            ("door.rs", door),
            ("gate.rs", "pub struct Gate;\n"),
            ("core.rs", core),
            ("core/odd.rs", "pub struct Odd;\n"),
            ("request.rs", request),
        ]
    }

    #[test]
    fn arrows_down_pass() {
        let door = "use crate::core::Core;\npub struct Door(crate::request::Asked);\n";
        let core = "mod odd;\nuse super::request::Asked;\n";
        assert_eq!(advice(FLOORS, &files(door, core, "")), [""; 0]);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_refused() {
        let found = advice(
            FLOORS,
            &files("pub struct Door;\n", "mod odd;\n", "\nuse crate::Door;\n"),
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("c/src/request.rs:2: floors: `request` may not use `door`"),
            "{found:?}"
        );
        let found = advice(
            FLOORS,
            &files("", "mod odd;\nfn f() { super::door::open() }\n", ""),
        );
        assert!(
            found[0].contains("`core` may not use `door` (c/src/door.rs)"),
            "{found:?}"
        );
    }

    #[test]
    fn modules_of_one_floor_do_not_use_each_other_unless_the_table_says_so() {
        let found = advice(
            FLOORS,
            &files("use crate::gate::Gate;\n", "mod odd;\nuse odd::Odd;\n", ""),
        );
        assert_eq!(found.len(), 2);
        assert!(
            found
                .iter()
                .any(|p| p.contains("`door` may not use `gate`")),
            "{found:?}"
        );
        assert!(
            found
                .iter()
                .any(|p| p.contains("`core` may not use `core::odd`")),
            "{found:?}"
        );
    }

    #[test]
    fn every_module_has_a_row_and_every_row_a_module() {
        let floors = FLOORS
            .replace("`gate`", "`gone`")
            .replace("`request` |\n| `request`", "`far` |\n| `request`");
        let found = advice(&floors, &files("", "mod odd;\n", ""));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found
                .iter()
                .any(|p| p.contains("`gate` of weir-c has no row"))
        );
        assert!(found.iter().any(|p| p.contains("`gone` is no module")));
        assert!(found.iter().any(|p| p.contains("`far` stands on no floor")));
        assert!(advice("<!-- floors: weir-x -->\n", &[])[0].contains("no crate"));
    }
}
