//! Rules for the arrows between crates: the table in ARCHITECTURE.md is what Cargo.toml may say.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::problem::Problem;
use crate::read::{File, Tree, table};

const DOCUMENT: &str = "ARCHITECTURE.md";
/// The table follows this line.
const MARK: &str = "<!-- edges";
const ANYTHING: &str = "anything";
const NOTHING: &str = "nothing";
/// The one crate every other may use in its tests.
const TESTKIT: &str = "weir-testkit";

/// Crates that do no IO, and the dependencies that would let them.
const PURE: [&str; 2] = ["weir-media", "weir-proto"];
const IMPURE: [&str; 8] = [
    "tokio",
    "tokio-util",
    "mio",
    "socket2",
    "hyper",
    "rustix",
    "getrandom",
    "tracing",
];

#[derive(Debug)]
struct Package {
    name: String,
    manifest: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    local: bool,
    dev: bool,
}

/// # Errors
/// When `cargo metadata` does not have the shape it documents.
pub(crate) fn check(tree: &Tree, metadata: &Value) -> Result<Vec<Problem>, String> {
    let packages = packages(metadata).ok_or("cargo metadata has an unknown shape")?;
    let Some(document) = tree.file(DOCUMENT) else {
        let advice = "write it: bird's-eye view, code map, edges table, invariants";
        return Ok(vec![Problem::new(DOCUMENT, 1, "architecture", advice)]);
    };
    let rows = table(document.text());
    let mut problems = Vec::new();
    for package in &packages {
        named(document.text(), package, &mut problems);
        pure(tree, package, &mut problems);
        match rows.get(package.name.as_str()) {
            Some((_, allowed)) => edges(tree, package, allowed, &mut problems),
            None => {
                let advice = format!("add a row for `{}` to the edges table", package.name);
                problems.push(Problem::new(DOCUMENT, 1, "edges", advice));
            }
        }
    }
    for (name, (line, _)) in &rows {
        if !packages.iter().any(|package| package.name == *name) {
            let advice = format!("`{name}` is no crate of the workspace: remove its row");
            problems.push(Problem::new(DOCUMENT, *line, "edges", advice));
        }
    }
    Ok(problems)
}

fn edges(tree: &Tree, package: &Package, allowed: &[&str], problems: &mut Vec<Problem>) {
    for dependency in package.dependencies.iter().filter(|d| d.local) {
        let fine = allowed.contains(&dependency.name.as_str())
            || allowed.contains(&ANYTHING)
            || (dependency.dev && dependency.name == TESTKIT);
        if !fine {
            let advice = format!(
                "{} may not use {}: turn the arrow round, or argue for it in {DOCUMENT}",
                package.name, dependency.name
            );
            let line = line_of(tree, package, &dependency.name);
            problems.push(Problem::new(&package.manifest, line, "edges", advice));
        }
    }
}

fn pure(tree: &Tree, package: &Package, problems: &mut Vec<Problem>) {
    if !PURE.contains(&package.name.as_str()) {
        return;
    }
    for dependency in package.dependencies.iter().filter(|d| !d.dev) {
        if IMPURE.contains(&dependency.name.as_str()) {
            let advice = format!(
                "{} does no IO: {} belongs above it",
                package.name, dependency.name
            );
            let line = line_of(tree, package, &dependency.name);
            problems.push(Problem::new(&package.manifest, line, "sans-io", advice));
        }
    }
}

fn named(document: &str, package: &Package, problems: &mut Vec<Problem>) {
    if !document.contains(&format!("`{}`", package.name)) {
        let advice = format!("say in {DOCUMENT} what `{}` is for", package.name);
        problems.push(Problem::new(&package.manifest, 1, "architecture", advice));
    }
}

/// Crate → (line, what it may use), from the first table after the mark.
fn table(document: &str) -> BTreeMap<&str, (usize, Vec<&str>)> {
    let Some((mark, _)) = table::marks(document, MARK).into_iter().next() else {
        return BTreeMap::new();
    };
    let mut rows = BTreeMap::new();
    for row in table::rows_after(document, mark) {
        let Some(name) = row.words(0).into_iter().next() else {
            continue;
        };
        let mut allowed = row.words(1);
        allowed.retain(|word| *word != NOTHING);
        rows.insert(name, (row.line, allowed));
    }
    rows
}

fn line_of(tree: &Tree, package: &Package, dependency: &str) -> usize {
    let text = tree.file(&package.manifest).map_or("", File::text);
    let position = text.lines().position(|line| {
        line.strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    });
    position.map_or(1, |index| index + 1)
}

fn packages(metadata: &Value) -> Option<Vec<Package>> {
    let root = metadata.get("workspace_root")?.as_str()?;
    let package = |value: &Value| {
        let manifest = value.get("manifest_path")?.as_str()?;
        let manifest = manifest.strip_prefix(root)?.trim_start_matches('/');
        let dependencies = value.get("dependencies")?.as_array()?;
        Some(Package {
            name: value.get("name")?.as_str()?.to_owned(),
            manifest: manifest.to_owned(),
            dependencies: dependencies.iter().map(dependency).collect::<Option<_>>()?,
        })
    };
    let packages = metadata.get("packages")?.as_array()?;
    packages.iter().map(package).collect()
}

fn dependency(value: &Value) -> Option<Dependency> {
    Some(Dependency {
        name: value.get("name")?.as_str()?.to_owned(),
        local: value.get("path").is_some_and(Value::is_string),
        dev: value.get("kind").and_then(Value::as_str) == Some("dev"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "`weir-a` `weir-b` `weir-testkit`\n<!-- edges: … -->\n\n| crate | may use |\n|---|---|\n| `weir-a` | nothing |\n| `weir-b` | `weir-a` |\n| `weir-testkit` | anything |\n\n| other |\n";

    fn member(name: &str, dependencies: &[(&str, bool)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(name, dev)| {
                let kind = dev.then_some("dev");
                json!({"name": name, "kind": kind, "path": name.starts_with("weir").then_some("x")})
            })
            .collect();
        json!({
            "name": name,
            "manifest_path": format!("/r/crates/{name}/Cargo.toml"),
            "dependencies": dependencies,
        })
    }

    fn advice(document: &str, members: &[Value]) -> Vec<String> {
        let metadata = json!({"workspace_root": "/r", "packages": members});
        let tree = Tree::of(&[(DOCUMENT, document)]);
        let problems = check(&tree, &metadata).unwrap();
        problems.into_iter().map(|p| p.to_string()).collect()
    }

    fn house(b: &[(&str, bool)]) -> Vec<Value> {
        let testkit = [("weir-b", false), ("weir-a", false)];
        vec![
            member("weir-a", &[("bytes", false), (TESTKIT, true)]),
            member("weir-b", b),
            member(TESTKIT, &testkit),
        ]
    }

    #[test]
    fn arrows_in_the_table_pass_and_the_testkit_is_free_in_tests() {
        assert_eq!(advice(TABLE, &house(&[("weir-a", false)])), [""; 0]);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_refused() {
        let found = advice(TABLE, &house(&[(TESTKIT, false)]));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("weir-b may not use weir-testkit"),
            "{found:?}"
        );
    }

    #[test]
    fn every_crate_has_a_row_and_every_row_a_crate() {
        let found = advice(TABLE, &[member("weir-c", &[])]);
        assert!(found.iter().any(|p| p.contains("add a row for `weir-c`")));
        assert!(
            found
                .iter()
                .any(|p| p.contains("say in ARCHITECTURE.md what `weir-c`"))
        );
        assert!(found.iter().any(|p| p.contains("`weir-a` is no crate")));
    }

    #[test]
    fn a_pure_crate_takes_no_runtime() {
        let document =
            "`weir-media`\n<!-- edges -->\n| c | u |\n|---|---|\n| `weir-media` | nothing |\n";
        let found = advice(document, &[member("weir-media", &[("tokio", false)])]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("sans-io"));
        assert_eq!(
            advice(document, &[member("weir-media", &[("tokio", true)])]),
            [""; 0]
        );
    }
}
