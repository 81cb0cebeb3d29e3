//! `tidy`: gathers the tree, asks each family of rules, prints what they found.

mod circles;
mod comments;
mod documents;
mod edges;
mod floors;
mod names;
mod ratchet;
mod requirements;
mod rust;
mod text;

use crate::read::{self, Tree, modules};
use crate::refs;

/// Checks the tree the manifest of this crate lies in; true when nothing is wrong. `lower` first
/// rewrites the ratchet file with what has become shorter.
///
/// # Errors
/// Only what keeps the check from being made: no git, no cargo, an unreadable file.
pub(crate) fn run(lower: bool) -> Result<bool, String> {
    let root = read::root()?;
    let tree = Tree::read(root)?;
    let metadata = read::cargo_metadata(root)?;

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
    problems.extend(refs::check(&tree));
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
