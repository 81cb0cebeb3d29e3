//! `docs/ref/limits.md` from the named constants of the server: what each bounds, in which unit, and why.

use std::fmt::Write as _;

use super::cell;
use crate::read::modules::{self, Module};
use crate::read::{self, Tree};

const HEAD: &str = "# Limits

What bounds a node: sizes, counts and waits that are not settings. Each is a constant with its unit and its
reason; this page gathers them. It is rendered by `cargo xtask refs`; change them where they stand. What a
setting bounds is in [config.md](config.md).
";
/// Crates that are no part of a running node.
const OUTSIDE: [&str; 3] = ["weir-testkit", "weir-client", "xtask"];
/// Folders of the binary that are no part of a running node.
const COMMANDS: [&str; 2] = ["client", "commands"];
/// Where every constant is a limit.
const LIMITS: &str = "limits";
/// Beside a parser most constants are the format's own numbers: these words make one a limit.
const WORDS: [&str; 3] = ["MAX", "LIMIT", "TIMEOUT"];
/// Endings that give a constant a unit.
const UNITS: [&str; 5] = ["_BYTES", "_MS", "_US", "_S", "_CHARS"];
/// Endings of numbers that bound nothing.
const NO_LIMITS: [&str; 4] = ["PORT", "VERSION", "CODE", "NORMAL_CLOSE"];
/// Crates of formats and protocols.
const FORMATS: [&str; 2] = ["weir-media", "weir-proto"];
const NUMBERS: [&str; 7] = ["usize", "u16", "u32", "u64", "i32", "i64", "Duration"];

#[derive(Debug, PartialEq, Eq)]
struct Limit {
    name: String,
    value: String,
    reason: String,
}

pub(super) fn page(tree: &Tree) -> String {
    let mut out = HEAD.to_owned();
    let mut crates = modules::crates(tree);
    crates.retain(|found| !OUTSIDE.contains(&found.name.as_str()));
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    for home in &crates {
        let mut rows = String::new();
        let is_format = FORMATS.contains(&home.name.as_str());
        for module in home.modules.iter().filter(|module| is_of_a_node(module)) {
            let place = module.path.join("::");
            let is_list = module.path.last().is_some_and(|name| name == LIMITS);
            let text = tree.file(&module.file).map_or("", |file| file.text());
            for limit in limits(text) {
                if is_list || is_limit(&limit.name, is_format) {
                    let Limit {
                        name,
                        value,
                        reason,
                    } = limit;
                    let _ = writeln!(
                        rows,
                        "| `{name}` | {value} | {} | `{place}` |",
                        cell(&reason)
                    );
                }
            }
        }
        if !rows.is_empty() {
            let _ = write!(out, "\n## {}\n\n", home.name);
            out.push_str("| limit | value | of what | module |\n|---|---|---|---|\n");
            out.push_str(&rows);
        }
    }
    out
}

fn is_of_a_node(module: &Module) -> bool {
    let first = module.path.first().map_or("", String::as_str);
    !COMMANDS.contains(&first) && !read::is_test_file(&module.file)
}

fn is_limit(name: &str, is_format: bool) -> bool {
    let is_named = name.split('_').any(|word| WORDS.contains(&word));
    let is_no_limit = NO_LIMITS.iter().any(|ending| name.ends_with(ending));
    is_named || (!is_format && !is_no_limit)
}

/// The documented constants of a file that are numbers or durations, its tests apart.
fn limits(text: &str) -> Vec<Limit> {
    let mut found = Vec::new();
    let mut reason: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line == "#[cfg(test)]" {
            break;
        }
        let line = line.trim_start();
        if let Some(words) = line.strip_prefix("///") {
            reason.push(words.trim());
            continue;
        }
        let limit = constant(line).filter(|_| !reason.is_empty());
        if let Some((name, value)) = limit {
            found.push(Limit {
                name: name.to_owned(),
                value: shown(name, value),
                reason: plain(&reason.join(" ")),
            });
        }
        reason.clear();
    }
    found
}

/// `pub(crate) const NAME: usize = 5;` → the name and the value, when it is a number in one line.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (before, rest) = line.split_once("const ")?;
    let is_visibility = before.is_empty() || before.starts_with("pub");
    let (name, rest) = rest.split_once(": ").filter(|_| is_visibility)?;
    let (kind, value) = rest.split_once(" = ")?;
    let value = value.strip_suffix(';')?;
    let is_hex = value.starts_with("0x");
    (NUMBERS.contains(&kind) && !is_hex).then_some((name, value))
}

/// `Duration::from_millis(500)` → `500 ms`; a number gets the unit of its name.
fn shown(name: &str, value: &str) -> String {
    for (make, unit) in [("secs", "s"), ("millis", "ms"), ("micros", "µs")] {
        let inside = value
            .strip_prefix(&format!("Duration::from_{make}("))
            .and_then(|rest| rest.strip_suffix(')'));
        if let Some(number) = inside {
            return format!("{number} {unit}");
        }
    }
    let is_number = value.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let value = match is_number {
        true => value.replace('_', ","),
        false => value.to_owned(),
    };
    let ending = UNITS.iter().find(|ending| name.ends_with(*ending));
    let unit = match ending {
        Some(&"_BYTES") => " bytes",
        Some(&"_MS") => " ms",
        Some(&"_US") => " µs",
        Some(&"_S") => " s",
        Some(&"_CHARS") => " characters",
        _ => "",
    };
    format!("{value}{unit}")
}

/// Without the brackets of rustdoc's links.
fn plain(words: &str) -> String {
    words.replace("[`", "`").replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_number_is_a_limit_and_a_formats_own_number_is_none() {
        let text = "/// Bytes of a head,\n/// see [`B`].\npub const HEAD_BYTES: usize = 16 * 1024;\nconst BARE: u32 = 5;\n/// A wait.\nconst WAIT: Duration = Duration::from_millis(500);\n/// A count.\nconst COUNT: u64 = 10_000;\n/// A mask.\nconst MASK: u32 = 0xff;\n#[cfg(test)]\n/// No.\nconst T: u32 = 1;\n";
        let found: Vec<_> = limits(text)
            .into_iter()
            .map(|l| (l.name, l.value, l.reason))
            .collect();
        let expected = [
            ("HEAD_BYTES", "16 * 1024 bytes", "Bytes of a head, see `B`."),
            ("WAIT", "500 ms", "A wait."),
            ("COUNT", "10,000", "A count."),
        ];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(found, expected);
        assert!(is_limit("MAX_TAG_BYTES", true) && !is_limit("HEADER_BYTES", true));
        assert!(is_limit("ADDRESSES", false));
    }
}
