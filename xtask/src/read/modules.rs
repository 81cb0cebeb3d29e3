//! The modules of each crate and the arrows between their files: who imports a name that another
//! file defines. An import is followed through re-exports to the file with the definition.

use std::collections::BTreeSet;

use super::items::{Binds, Items};
use super::tree::{File, Tree};

/// One crate's files, as its `mod` lines name them; test modules are not among them.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// The root first.
    pub(crate) modules: Vec<Module>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Module {
    /// From the root of the tree.
    pub(crate) file: String,
    /// Its names from the crate's root down; none for the root itself.
    pub(crate) path: Vec<String>,
    pub(crate) items: Items,
    parent: usize,
    /// The modules below: their index here.
    children: Vec<usize>,
}

/// `from` imports what `to` defines; both are indexes into [`Crate::modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) line: usize,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
enum Target {
    Module(usize),
    /// Something that this module's file defines.
    Item(usize),
}

/// Re-exports of re-exports that are followed; a longer chain, or a ring of them, ends there.
const MAX_HOPS: usize = 8;

/// Every crate of the tree that has a `src` beside its manifest.
pub(crate) fn crates(tree: &Tree) -> Vec<Crate> {
    let manifests = tree.files.iter().filter_map(|file| {
        let folder = file.path.strip_suffix("/Cargo.toml")?;
        let lines = file.text().lines();
        let name = lines
            .skip_while(|line| *line != "[package]")
            .find_map(|line| line.strip_prefix("name = "))?;
        Some((folder, name.trim_matches('"')))
    });
    let mut found = Vec::new();
    for (folder, name) in manifests {
        for root in ["lib.rs", "main.rs"] {
            let src = format!("{folder}/src");
            if tree.file(&format!("{src}/{root}")).is_some() {
                found.push(Crate::read(tree, name, &src, root));
            }
        }
    }
    found
}

impl Crate {
    fn read(tree: &Tree, name: &str, src: &str, root: &str) -> Self {
        let mut found = Self {
            name: name.to_owned(),
            modules: Vec::new(),
        };
        found.add(tree, format!("{src}/{root}"), src, &[], 0);
        found
    }

    /// Adds a file and those that it declares; `folder` is where these lie.
    fn add(
        &mut self,
        tree: &Tree,
        file: String,
        folder: &str,
        path: &[String],
        parent: usize,
    ) -> usize {
        let text = tree.file(&file).map_or("", File::text);
        let items = Items::read(text);
        let declared = items.modules.clone();
        let index = self.modules.len();
        self.modules.push(Module {
            file,
            path: path.to_vec(),
            items,
            parent,
            children: Vec::new(),
        });
        for name in declared {
            let below = format!("{folder}/{name}");
            let files = [format!("{below}.rs"), format!("{below}/mod.rs")];
            let Some(file) = files.into_iter().find(|file| tree.file(file).is_some()) else {
                continue;
            };
            let mut path = path.to_vec();
            path.push(name);
            let child = self.add(tree, file, &below, &path, index);
            self.modules[index].children.push(child);
        }
        index
    }

    /// All arrows between different files, each once for a pair, with its first line.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        let mut seen = BTreeSet::new();
        let mut arrows = Vec::new();
        for from in 0..self.modules.len() {
            for (to, line) in self.targets(from) {
                if to != from && seen.insert((from, to)) {
                    arrows.push(Arrow { from, to, line });
                }
            }
        }
        arrows
    }

    /// What one file imports: the files that define it, with the line.
    fn targets(&self, from: usize) -> Vec<(usize, usize)> {
        let items = &self.modules[from].items;
        let mut found = Vec::new();
        for import in &items.uses {
            match self.resolve(from, &import.path, 0) {
                Some(Target::Item(to)) => found.push((to, import.line)),
                Some(Target::Module(to)) if import.binds == Binds::All => {
                    found.push((to, import.line));
                }
                // A module's name alone is no arrow: the paths that begin with it are.
                Some(Target::Module(_)) | None => {}
            }
        }
        for path in &items.paths {
            if let Some(Target::Item(to)) = self.resolve(from, &path.segments, 0) {
                found.push((to, path.line));
            }
        }
        found.sort_by_key(|&(_, line)| line);
        found
    }

    /// None when the path leads out of the crate.
    fn resolve(&self, from: usize, path: &[String], hops: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(from),
            "super" => Target::Module(self.modules[from].parent),
            name => self.visible(from, name, hops)?,
        };
        let mut target = start;
        for name in rest {
            let Target::Module(module) = target else {
                break;
            };
            target = if name == "super" {
                Target::Module(self.modules[module].parent)
            } else {
                self.visible(module, name, hops)
                    .or_else(|| self.by_glob(module, name, hops))
                    .unwrap_or(Target::Item(module))
            };
        }
        Some(target)
    }

    /// A child module of this name, or what an import of this name leads to.
    fn visible(&self, module: usize, name: &str, hops: usize) -> Option<Target> {
        let here = &self.modules[module];
        let is_named =
            |&&child: &&usize| self.modules[child].path.last().is_some_and(|n| n == name);
        if let Some(&child) = here.children.iter().find(is_named) {
            return Some(Target::Module(child));
        }
        if hops == MAX_HOPS {
            return None;
        }
        let import = here.items.uses.iter().find(|import| match &import.binds {
            Binds::Name(bound) | Binds::Renamed(bound) => bound == name && import.path != [name],
            Binds::All => false,
        })?;
        self.resolve(module, &import.path, hops + 1)
    }

    /// What a `use …::*` of the module makes visible under this name.
    fn by_glob(&self, module: usize, name: &str, hops: usize) -> Option<Target> {
        if hops == MAX_HOPS {
            return None;
        }
        let here = &self.modules[module].items;
        let globs = here.uses.iter().filter(|import| import.binds == Binds::All);
        for glob in globs {
            let Some(Target::Module(to)) = self.resolve(module, &glob.path, hops + 1) else {
                continue;
            };
            let found = self.visible(to, name, hops + 1);
            if found.is_some() {
                return found;
            }
            if self.modules[to].items.names.iter().any(|n| n == name) {
                return Some(Target::Item(to));
            }
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("c/Cargo.toml", "[package]\nname = \"weir-c\"\n");

    /// A crate `weir-c` of these files under `c/src`.
    pub(crate) fn house(files: &[(&str, &str)]) -> Tree {
        let mut paths = Vec::new();
        for (path, text) in files {
            paths.push((format!("c/src/{path}"), *text));
        }
        let mut all = vec![MANIFEST];
        all.extend(paths.iter().map(|(path, text)| (path.as_str(), *text)));
        Tree::of(&all)
    }

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let crates = crates(&house(files));
        let show = |arrow: &Arrow| {
            let name = |index: usize| crates[0].modules[index].path.join("::");
            format!("{} → {} {}", name(arrow.from), name(arrow.to), arrow.line)
        };
        crates[0].arrows().iter().map(show).collect()
    }

    #[test]
    fn an_import_is_an_arrow_and_a_declaration_is_none() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "mod c;\n"),
            ("b/c.rs", "fn f(x: super::X, y: super::super::a::Y) {}\n"),
        ];
        assert_eq!(arrows(&files), ["a → b 1", "b::c → b 1", "b::c → a 1"]);
    }

    #[test]
    fn an_import_leads_through_re_exports_to_the_definition() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub use b::B;\n"),
            (
                "a.rs",
                "use crate::{B, b};\nfn f() { b::deep(); b::Kept::new() }\n",
            ),
            (
                "b.rs",
                "mod c;\nmod d;\npub use c::C as B;\npub use d::*;\n",
            ),
            ("b/c.rs", "struct C;\n"),
            ("b/d.rs", "pub fn deep() {}\n"),
        ];
        let found = arrows(&files);
        assert_eq!(
            found,
            [
                " → b::c 3",
                "a → b::c 1",
                "a → b::d 2",
                "a → b 2",
                "b → b::c 3",
                "b → b::d 4"
            ]
        );
    }

    #[test]
    fn other_crates_and_the_tests_are_no_arrows() {
        let files = [
            ("lib.rs", "mod a;\n#[cfg(test)]\nmod fakes;\n"),
            (
                "a.rs",
                "use std::fmt;\nuse bytes::Bytes;\nfn f(b: fmt::Result) { Bytes::new() }\n#[cfg(test)]\nuse crate::fakes::X;\n",
            ),
            ("fakes.rs", "use crate::a::A;\n"),
        ];
        assert_eq!(arrows(&files), [""; 0]);
    }

    #[test]
    fn a_ring_of_re_exports_ends() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "pub use crate::b::*;\npub use crate::b::X;\n"),
            ("b.rs", "pub use crate::a::*;\npub use crate::a::X;\n"),
        ];
        assert!(arrows(&files).len() >= 2);
    }
}
