//! Rules for any file: white space, words that do not travel, sizes, scripts, documents, links.

use crate::problem::Problem;
use crate::read::{File, Tree};

/// Larger files make every clone slow for good; media for tests is made when it is needed.
const MAX_FILE_BYTES: u64 = 700 * 1024;
/// Written by tools, in their own style.
const GENERATED: [&str; 2] = ["Cargo.lock", "package-lock.json"];
const CHECKED: [&str; 16] = [
    "rs", "md", "toml", "sh", "ts", "tsx", "mjs", "js", "css", "html", "json", "conf", "service",
    "txt", "c", "svg",
];

/// What means something on one machine only. Put together here so that this file passes.
const FORBIDDEN: [(&str, &str); 9] = [
    (concat!("/", "work/"), "use a path inside the tree"),
    (concat!("/", "root/"), "use a path inside the tree"),
    (concat!("/", "home/"), "use a path inside the tree"),
    (concat!("registry.", "npmjs"), "name packages, not hosts"),
    (concat!("pypi.", "org"), "name packages, not hosts"),
    (concat!("static.", "crates.io"), "name packages, not hosts"),
    (concat!("index.", "crates.io"), "name packages, not hosts"),
    (concat!("deb.", "debian.org"), "name packages, not hosts"),
    (concat!("FIX", "ME"), "repair it, or file an issue"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        size(file, &mut problems);
        script(file, &mut problems);
        forbidden(file, &mut problems);
        if is_checked(file) {
            white_space(file, &mut problems);
        }
        if file.extension() == "md" {
            links(tree, file, &mut problems);
        }
    }
    problems
}

fn is_checked(file: &File) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    CHECKED.contains(&file.extension()) && !GENERATED.contains(&name)
}

fn size(file: &File, problems: &mut Vec<Problem>) {
    if file.size_bytes > MAX_FILE_BYTES {
        let advice = format!(
            "{} bytes, at most {MAX_FILE_BYTES}: make it when it is needed",
            file.size_bytes
        );
        problems.push(Problem::new(&file.path, 1, "size", advice));
    }
}

fn white_space(file: &File, problems: &mut Vec<Problem>) {
    let mut last = 1;
    for (index, line) in file.text().split('\n').enumerate() {
        let tabs_are_the_style = file.extension() == "c";
        if line.contains('\t') && !tabs_are_the_style {
            let advice = "indent with spaces; write \\t inside a string";
            problems.push(Problem::new(&file.path, index + 1, "tab", advice));
        }
        if line.ends_with([' ', '\t', '\r']) {
            let advice = "remove the white space at the end of the line";
            problems.push(Problem::new(&file.path, index + 1, "white-space", advice));
        }
        last = index + 1;
    }
    let text = file.text();
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        let advice = "end the file with one newline";
        problems.push(Problem::new(&file.path, last, "white-space", advice));
    }
}

fn forbidden(file: &File, problems: &mut Vec<Problem>) {
    for (index, line) in file.text().lines().enumerate() {
        for (word, advice) in FORBIDDEN {
            if line.contains(word) {
                let advice = format!("`{word}`: {advice}");
                problems.push(Problem::new(&file.path, index + 1, "word", advice));
            }
        }
    }
}

fn script(file: &File, problems: &mut Vec<Problem>) {
    if file.extension() != "sh" && file.path != ".ci/run" {
        return;
    }
    if !file.executable {
        let advice = format!("chmod +x {}", file.path);
        problems.push(Problem::new(&file.path, 1, "script", advice));
    }
    if !file.text().starts_with("#!/usr/bin/env bash\n") {
        let advice = "begin with #!/usr/bin/env bash";
        problems.push(Problem::new(&file.path, 1, "script", advice));
    }
    if !file.text().lines().any(|line| line == "set -euo pipefail") {
        let advice = "set -euo pipefail before the first command";
        problems.push(Problem::new(&file.path, 1, "script", advice));
    }
}

/// Relative links lead to something in the tree. Comments and code blocks are left alone.
fn links(tree: &Tree, file: &File, problems: &mut Vec<Problem>) {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut in_code = false;
    for (index, line) in file.text().lines().enumerate() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.starts_with("<!--") {
            continue;
        }
        for target in link_targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !resolve(folder, path).is_some_and(|path| tree.holds(&path)) {
                let advice = format!("`{path}` leads nowhere");
                problems.push(Problem::new(&file.path, index + 1, "link", advice));
            }
        }
    }
}

fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// `docs/guide` + `../ref/a.md` → `docs/ref/a.md`; none when it leads out of the tree.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> Vec<(&'static str, usize)> {
        let problems = check(&Tree::of(files));
        problems.iter().map(|p| (p.rule, p.line)).collect()
    }

    #[test]
    fn white_space_is_plain() {
        assert_eq!(rules(&[("a.rs", "a\n\tb\n")]), [("tab", 2)]);
        assert_eq!(rules(&[("a.md", "a \nb\n")]), [("white-space", 1)]);
        assert_eq!(rules(&[("a.md", "a")]), [("white-space", 1)]);
        assert_eq!(rules(&[("a.md", "a\n\n")]), [("white-space", 3)]);
        assert_eq!(
            rules(&[("Makefile", "a:\n\tb\n"), ("a.c", "\ta\n"), ("b.md", "")]),
            []
        );
    }

    #[test]
    fn one_machines_paths_do_not_travel() {
        let text = format!("a\nsee {}x\n", FORBIDDEN[0].0);
        assert_eq!(rules(&[("a.txt", &text)]), [("word", 2)]);
    }

    #[test]
    fn a_large_file_is_refused() {
        let large = "x".repeat(701 * 1024);
        assert_eq!(rules(&[("a.bin", &large)]), [("size", 1)]);
    }

    #[test]
    fn a_script_runs_and_stops_at_the_first_error() {
        let good = "#!/usr/bin/env bash\n# Why.\nset -euo pipefail\n";
        assert_eq!(rules(&[("a.sh", good)]), []);
        assert_eq!(rules(&[("a.sh", "echo\n")]), [("script", 1), ("script", 1)]);
        let mut tree = Tree::of(&[(".ci/run", good)]);
        tree.files[0].executable = false;
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn links_lead_somewhere() {
        let files = [
            (
                "docs/a.md",
                "[b](guide/b.md#c) [d](../x/) [e](https://e.org) [f](#f)\n",
            ),
            (
                "docs/guide/b.md",
                "<!-- [x](y) -->\n```\n[x](y)\n```\n[z](../z.md)\n",
            ),
            ("x/y.txt", "z\n"),
        ];
        assert_eq!(rules(&files), [("link", 5)]);
    }
}
