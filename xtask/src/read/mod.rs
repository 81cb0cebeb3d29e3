//! The tree as the rules see it: files, Rust sources without their literals, modules and who imports whom,
//! tables of documents. What is right or wrong is not known here.

mod items;
pub(crate) mod modules;
mod source;
pub(crate) mod table;
mod tree;

use std::path::Path;

pub(crate) use items::{Binds, Items};
pub(crate) use source::{Source, Span};
pub(crate) use tree::{File, Tree, cargo_metadata};

/// The folder of the tree that the manifest of this crate lies in.
///
/// # Errors
/// When there is none.
pub(crate) fn root() -> Result<&'static Path, String> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.ok_or_else(|| "xtask has no parent folder".to_owned())
}

/// Whether a Rust file holds tests or examples alone.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/examples/") || path.ends_with("/tests.rs")
}
