//! Circles of files: files that import each other, directly or round several. Inside one folder that
//! is one thing in several files; beyond it nobody can say which is above.

use std::collections::BTreeSet;

use super::ratchet::Measure;
use crate::read::modules::Crate;

pub(crate) const KIND: &str = "circle";

/// The files of one circle, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circle {
    pub(crate) files: Vec<String>,
    /// Whether the files lie in more than one folder.
    pub(crate) is_wide: bool,
}

/// All circles of a crate, the largest first.
pub(crate) fn circles(home: &Crate) -> Vec<Circle> {
    let mut next = vec![Vec::new(); home.modules.len()];
    for arrow in home.arrows() {
        next[arrow.from].push(arrow.to);
    }
    let reach: Vec<_> = (0..next.len()).map(|from| reached(&next, from)).collect();
    let mut found = Vec::new();
    for (index, reached) in reach.iter().enumerate() {
        let circle: Vec<usize> = reached
            .iter()
            .copied()
            .filter(|&other| reach[other].contains(&index))
            .collect();
        // Each circle once, when its first file's turn comes.
        if circle.len() > 1 && circle[0] == index {
            found.push(circle_of(home, &circle));
        }
    }
    found.sort_by_key(|circle| std::cmp::Reverse(circle.files.len()));
    found
}

/// For each crate with wide circles, how many files are in them.
pub(crate) fn measures(crates: &[Crate]) -> Vec<Measure> {
    let mut found = Vec::new();
    for home in crates {
        let wide: Vec<_> = circles(home).into_iter().filter(|c| c.is_wide).collect();
        let count = wide.iter().map(|circle| circle.files.len()).sum();
        if let Some(largest) = wide.first() {
            let places = wide.iter().map(|circle| circle.files.join(" "));
            let places = places.collect::<Vec<_>>().join("; ");
            found.push(Measure {
                kind: KIND,
                key: home.name.clone(),
                value: count,
                path: largest.files[0].clone(),
                line: 1,
                advice: format!(
                    "{count} files import each other beyond one folder, cut an arrow: {places}"
                ),
            });
        }
    }
    found
}

/// One line for people: how many circles there are, and how large the largest is.
pub(crate) fn summary(crates: &[Crate]) -> String {
    let all: Vec<_> = crates.iter().flat_map(circles).collect();
    let wide: Vec<_> = all.iter().filter(|circle| circle.is_wide).collect();
    let largest = |found: Option<usize>| found.unwrap_or_default();
    format!(
        "circles of files: {}, the largest of {}; beyond one folder: {}, the largest of {}",
        all.len(),
        largest(all.iter().map(|c| c.files.len()).max()),
        wide.len(),
        largest(wide.iter().map(|c| c.files.len()).max()),
    )
}

fn circle_of(home: &Crate, indexes: &[usize]) -> Circle {
    let folders: Vec<&[String]> = indexes.iter().map(|&index| folder(home, index)).collect();
    let is_wide = is_wide(&folders);
    let mut files: Vec<_> = indexes
        .iter()
        .map(|&i| home.modules[i].file.clone())
        .collect();
    files.sort();
    Circle { files, is_wide }
}

/// The folder a file belongs to: its own when it has one (`x.rs` to `x/`), else the one it lies in.
fn folder(home: &Crate, index: usize) -> &[String] {
    let path = &home.modules[index].path;
    let has_files_below = home
        .modules
        .iter()
        .any(|other| other.path.len() > path.len() && other.path.starts_with(path));
    if has_files_below {
        path
    } else {
        path.split_last().map_or(path, |(_, above)| above)
    }
}

/// Whether the folders have nothing in common but the crate. Folders in a folder count as in it.
fn is_wide(folders: &[&[String]]) -> bool {
    let Some((first, rest)) = folders.split_first() else {
        return false;
    };
    let is_same = rest.iter().all(|folder| folder == first);
    let share_one = !first.is_empty() && rest.iter().all(|f| f.first() == first.first());
    !is_same && !share_one
}

fn reached(next: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut to_visit = vec![from];
    while let Some(at) = to_visit.pop() {
        for &to in &next[at] {
            if seen.insert(to) {
                to_visit.push(to);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::modules::{self, tests::house};

    fn found(files: &[(&str, &str)]) -> Vec<(String, bool)> {
        let crates = modules::crates(&house(files));
        let circles = circles(&crates[0]);
        circles
            .into_iter()
            .map(|c| (c.files.join(" "), c.is_wide))
            .collect()
    }

    #[test]
    fn files_that_import_each_other_round_a_third_are_a_circle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\npub use a::A;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::c::C;\n"),
            ("c.rs", "use crate::a::A;\n"),
            ("d.rs", "use crate::a::A;\n"),
        ];
        assert_eq!(
            found(&files),
            [("c/src/a.rs c/src/b.rs c/src/c.rs".to_owned(), false)]
        );
    }

    #[test]
    fn a_circle_of_a_folder_and_its_file_is_narrow_and_one_between_folders_wide() {
        let narrow = [
            ("lib.rs", "mod a;\n"),
            ("a.rs", "mod b;\nmod c;\nuse b::B;\n"),
            ("a/b.rs", "use super::A;\n"),
            ("a/c.rs", "mod d;\nuse super::A;\n"),
            ("a/c/d.rs", "use super::C;\n"),
        ];
        assert_eq!(
            found(&narrow),
            [("c/src/a.rs c/src/a/b.rs".to_owned(), false)]
        );
        let wide = [
            ("lib.rs", "mod a;\nmod c;\n"),
            ("a.rs", "mod b;\n"),
            ("a/b.rs", "use crate::c::C;\n"),
            ("c.rs", "use crate::a::b::B;\n"),
        ];
        assert_eq!(found(&wide), [("c/src/a/b.rs c/src/c.rs".to_owned(), true)]);
        let crates = modules::crates(&house(&wide));
        let measures = measures(&crates);
        assert_eq!((measures[0].key.as_str(), measures[0].value), ("weir-c", 2));
        assert!(summary(&crates).ends_with("beyond one folder: 1, the largest of 2"));
    }
}
