//! Pages of `docs/ref` that are rendered from the tree: `cargo xtask refs` writes them, `tidy` says which
//! are stale. Those that are rendered from running code (errors, metrics) have a test beside that code.

mod config;
mod limits;

use std::path::Path;

use crate::problem::Problem;
use crate::read::Tree;

const RULE: &str = "stale-page";

/// A page and what it should hold.
struct Page {
    path: &'static str,
    text: String,
}

fn pages(tree: &Tree) -> Vec<Page> {
    vec![
        Page {
            path: "docs/ref/config.md",
            text: config::page(tree),
        },
        Page {
            path: "docs/ref/limits.md",
            text: limits::page(tree),
        },
    ]
}

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let is_stale = |page: &Page| tree.file(page.path).is_none_or(|f| f.text() != page.text);
    let stale = pages(tree).into_iter().filter(is_stale);
    let problem = |page: Page| Problem::new(page.path, 1, RULE, "run cargo xtask refs");
    stale.map(problem).collect()
}

/// Writes all pages.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(root: &Path, tree: &Tree) -> Result<(), String> {
    for page in pages(tree) {
        let path = root.join(page.path);
        std::fs::write(&path, page.text).map_err(|error| format!("{}: {error}", page.path))?;
    }
    Ok(())
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
