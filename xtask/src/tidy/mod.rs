//! `tidy`: gathers the tree, asks each family of rules, prints what they found.

mod circles;
mod comments;
mod documents;
mod edges;
mod floors;
mod items;
mod modules;
mod names;
mod ratchet;
mod requirements;
mod rust;
mod source;
mod table;
mod text;
mod tree;

use std::fmt;
use std::path::Path;

pub(crate) use tree::{File, Tree};

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    /// What to do about it.
    pub(crate) advice: String,
}

impl Problem {
    pub(crate) fn new(
        path: &str,
        line: usize,
        rule: &'static str,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule,
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            rule,
            advice,
        } = self;
        write!(f, "{path}:{line}: {rule}: {advice}")
    }
}

/// Checks the tree the manifest of this crate lies in; true when nothing is wrong. `lower` first
/// rewrites the ratchet file with what has become shorter.
///
/// # Errors
/// Only what keeps the check from being made: no git, no cargo, an unreadable file.
pub(crate) fn run(lower: bool) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("xtask has no parent folder")?;
    let tree = Tree::read(root)?;
    let metadata = tree::cargo_metadata(root)?;

    let crates = modules::crates(&tree);
    let mut measures = rust::long_functions(&tree);
    measures.extend(circles::measures(&crates));
    measures.extend(names::twice(&crates));
    measures.extend(names::renamed(&tree));
    measures.extend(comments::measures(&tree));
    if lower {
        ratchet::lower(root, &tree, &measures)?;
    }
    let tree = if lower { Tree::read(root)? } else { tree };

    let mut problems = rust::check(&tree);
    problems.extend(ratchet::check(&tree, &measures));
    problems.extend(text::check(&tree));
    problems.extend(edges::check(&tree, &metadata)?);
    problems.extend(floors::check(&tree, &crates));
    problems.extend(documents::check(&tree));
    problems.extend(requirements::check(&tree));
    problems.sort();

    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {}", circles::summary(&crates));
    println!(
        "tidy: {} files, {} problems",
        tree.files.len(),
        problems.len()
    );
    Ok(problems.is_empty())
}
