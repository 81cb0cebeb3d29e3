//! Rules for names: no type twice in one crate, and no other name for what another crate of ours calls
//! its own.

use std::collections::BTreeMap;

use super::ratchet::Measure;
use crate::read::modules::Crate;
use crate::read::{Binds, File, Items, Tree};

pub(crate) const TWICE: &str = "name-twice";
pub(crate) const RENAMED: &str = "renamed-import";
/// Names that say nothing by themselves: of a command's arguments, and of what a handle points to.
const FREE: [&str; 2] = ["Args", "Inner"];
const OURS: &str = "weir_";

/// For each type name in more than one file of a crate, in how many. Tests are left out.
pub(crate) fn twice(crates: &[Crate]) -> Vec<Measure> {
    let mut found = Vec::new();
    for home in crates {
        let mut places: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
        for module in &home.modules {
            for definition in &module.items.types {
                let places = places.entry(&definition.name).or_default();
                // Twice in one file is one type for two systems.
                if places.last().is_none_or(|(file, _)| *file != module.file) {
                    places.push((&module.file, definition.line));
                }
            }
        }
        for (name, places) in places {
            if places.len() > 1 && !FREE.contains(&name) {
                found.push(of_places(
                    TWICE,
                    format!("{}::{name}", home.name),
                    &places,
                    "one name, one type",
                ));
            }
        }
    }
    found
}

/// For each crate folder, its `use weir_x::… as Y`, tests too.
pub(crate) fn renamed(tree: &Tree) -> Vec<Measure> {
    let mut places: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| file.extension() == "rs") {
        for import in Items::read_all(file.text()).uses {
            let is_ours = import
                .path
                .first()
                .is_some_and(|name| name.starts_with(OURS));
            let is_renamed = matches!(&import.binds, Binds::Renamed(name) if name != "_");
            if is_ours && is_renamed {
                let places = places.entry(crate_of(file)).or_default();
                places.push((&file.path, import.line));
            }
        }
    }
    let advice = "use the name that the other crate gives it";
    let measure = |(key, places): (String, Vec<_>)| of_places(RENAMED, key, &places, advice);
    places.into_iter().map(measure).collect()
}

/// `crates/weir-hub/src/a.rs` → `weir-hub`.
pub(crate) fn crate_of(file: &File) -> String {
    let path = file.path.strip_prefix("crates/").unwrap_or(&file.path);
    path.split('/').next().unwrap_or_default().to_owned()
}

/// A measure of how many places there are; the advice names them all.
pub(crate) fn of_places(
    kind: &'static str,
    key: String,
    places: &[(&str, usize)],
    advice: &str,
) -> Measure {
    let list: Vec<_> = places
        .iter()
        .map(|(file, line)| format!("{file}:{line}"))
        .collect();
    let (path, line) = places.first().copied().unwrap_or_default();
    Measure {
        advice: format!(
            "`{key}`, {} places, {advice}: {}",
            places.len(),
            list.join(", ")
        ),
        kind,
        key,
        value: places.len(),
        path: path.to_owned(),
        line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::modules::{self, tests::house};

    #[test]
    fn a_type_has_its_name_to_itself_in_a_crate() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            (
                "a.rs",
                "struct Link;\nstruct Args;\n#[cfg(unix)]\nstruct Os;\n#[cfg(not(unix))]\nstruct Os;\n",
            ),
            (
                "b.rs",
                "enum Link {}\nstruct Args;\n#[cfg(test)]\nmod tests { struct Link; }\n",
            ),
        ];
        let found = twice(&modules::crates(&house(&files)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].key.as_str(), found[0].value), ("weir-c::Link", 2));
        assert!(found[0].advice.contains("c/src/a.rs:1, c/src/b.rs:1"));
    }

    #[test]
    fn an_import_from_a_crate_of_ours_keeps_its_name() {
        let tree = Tree::of(&[
            (
                "crates/weir-x/src/a.rs",
                "use weir_hub::{Hub as House, Ring};\nuse bytes::Bytes as B;\n",
            ),
            (
                "crates/weir-x/tests/b.rs",
                "use weir_hub as hub;\nuse weir_hub::Ext as _;\n",
            ),
        ]);
        let found = renamed(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].key.as_str(), found[0].value), ("weir-x", 2));
    }
}
