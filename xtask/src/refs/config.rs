//! `docs/ref/config.md` from the sample configuration: its comments are the manual, and a test of `weir`
//! keeps its values equal to the defaults.

use std::fmt::Write as _;

use super::cell;
use crate::read::{File, Tree};

const SAMPLE: &str = "deploy/weir.toml";
const HEAD: &str = "# Configuration keys

Every key, as [weir.toml](../../deploy/weir.toml) explains it; `weir config default` prints that file. A key can
also be set as `--set rtmp.listen=…` or in the environment as `WEIR_RTMP__LISTEN`. This page is rendered from
the file by `cargo xtask refs`; change it there.

*Reload* says what SIGHUP does to a key: \"yes\" takes it over, \"restart\" waits for one.
";
/// Begins the meaning of a key that is explained with another.
const SHARED: &str = "See ";
const RELOAD: &str = "(reload";
/// Endings of keys that say their unit.
const UNITS: [(&str, &str); 7] = [
    ("_ms", "milliseconds"),
    ("_bytes", "bytes"),
    ("_kbps", "kilobits per second"),
    ("_permille", "thousandths"),
    ("_percent", "percent"),
    ("_segments", "segments"),
    ("_node_hours", "node-hours"),
];

/// One key.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Key {
    name: String,
    meaning: String,
    /// As the file writes it.
    value: String,
    /// Whether the value is one of a sample that is commented out, not a default.
    is_sample: bool,
    example: String,
    reload: String,
}

/// What the comments before a key say.
#[derive(Debug, Default, Clone)]
struct Remark {
    words: Vec<String>,
    example: Vec<String>,
    /// Keys of a table that is commented out.
    keys: Vec<Key>,
}

pub(super) fn page(tree: &Tree) -> String {
    render(&read(tree.file(SAMPLE).map_or("", File::text)))
}

fn render(keys: &[Key]) -> String {
    let mut out = HEAD.to_owned();
    let mut section = None;
    for key in keys {
        let (above, _) = key.name.rsplit_once('.').unwrap_or(("", &key.name));
        let title = if above.is_empty() {
            "At the top"
        } else {
            above
        };
        if section != Some(title) {
            section = Some(title);
            let _ = write!(out, "\n## {title}\n\n");
            out.push_str("| key | meaning | unit | default | reload |\n|---|---|---|---|---|\n");
        }
        let unit = UNITS.iter().find(|(end, _)| key.name.ends_with(end));
        let mut meaning = cell(&key.meaning);
        if !key.example.is_empty() {
            let before = meaning.trim_end_matches(['.', ':']).len();
            meaning.truncate(before);
            let _ = write!(meaning, ". Example: `{}`", cell(&key.example));
        }
        let value = cell(&key.value);
        let default = match key.is_sample {
            true => format!("sample: `{value}`"),
            false => format!("`{value}`"),
        };
        let unit = unit.map_or("", |(_, unit)| unit);
        let name = &key.name;
        let _ = writeln!(
            out,
            "| `{name}` | {meaning} | {unit} | {default} | {} |",
            key.reload
        );
    }
    out
}

fn read(text: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut section = String::new();
    let mut remark = Remark::default();
    // A key without a comment of its own shares that of the key above it.
    let mut is_used = false;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            if is_used {
                remark = Remark::default();
                is_used = false;
            }
            remark.take(comment.strip_prefix(' ').unwrap_or(comment));
        } else if let Some(name) = table(line) {
            section = name.to_owned();
            // What stands before a table's head is about the table.
            keys.append(&mut remark.keys);
            remark = Remark::default();
        } else if let Some((name, value)) = line.split_once(" = ") {
            let mut key = remark.key(&section, name, value);
            if let Some(above) = keys.last().filter(|_| is_used) {
                key.share(above);
            }
            keys.push(key);
            keys.append(&mut remark.keys);
            is_used = true;
        } else if line.is_empty() && !is_used {
            // The head of the file.
            remark = Remark::default();
        }
    }
    keys.append(&mut remark.keys);
    keys
}

/// `[rtmp]` and `[[scale.pools]]`, with or without words behind.
fn table(line: &str) -> Option<&str> {
    let inside = line.strip_prefix("[[").or_else(|| line.strip_prefix('['))?;
    let name = inside.split(']').next()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    name.chars().all(is_name).then_some(name)
}

impl Key {
    /// The comment is that of the key above.
    fn share(&mut self, above: &Self) {
        self.example.clear();
        self.meaning = match above.meaning.starts_with(SHARED) {
            true => above.meaning.clone(),
            false => format!("{SHARED}`{}`.", above.name),
        };
    }
}

impl Remark {
    fn take(&mut self, line: &str) {
        let below = self.keys.last().map(|key| key.name.clone());
        if let Some(name) = table(line) {
            let (_, words) = line.rsplit_once(']').unwrap_or_default();
            // A place for the keys that follow; it is no key itself.
            self.keys.push(Key {
                name: format!("{name}."),
                meaning: words.trim().to_owned(),
                ..Key::default()
            });
        } else if let (Some(below), Some((name, rest))) = (below, assignment(line)) {
            let (above, _) = below.rsplit_once('.').unwrap_or_default();
            let (value, words) = rest.split_once("  ").unwrap_or((rest, ""));
            let mut meaning = words.trim().to_owned();
            if let Some(place) = self.keys.last().filter(|key| key.name.ends_with('.')) {
                let of_all = place.meaning.clone();
                self.keys.pop();
                if meaning.is_empty() {
                    meaning = of_all;
                }
            }
            self.keys.push(Key {
                name: format!("{above}.{name}"),
                meaning,
                value: value.trim().to_owned(),
                is_sample: true,
                example: String::new(),
                reload: reload(&self.words.join(" ")).1,
            });
        } else if !self.example.is_empty() || assignment(line).is_some() {
            self.example.push(line.trim().to_owned());
        } else {
            self.words.push(line.trim().to_owned());
        }
    }

    fn key(&self, section: &str, name: &str, value: &str) -> Key {
        let all = format!("{} {}", self.words.join(" "), self.example.join(" "));
        let (_, reload_words) = reload(&all);
        let name = match section {
            "" => name.to_owned(),
            section => format!("{section}.{name}"),
        };
        Key {
            name,
            meaning: reload(&self.words.join(" ")).0,
            value: value.to_owned(),
            is_sample: false,
            example: reload(&self.example.join(" ")).0,
            reload: reload_words,
        }
    }
}

/// `name = value` at the start of a line of words.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" = ")?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(is_name).then_some((name, value))
}

/// The words without their mark, and what the mark says.
fn reload(words: &str) -> (String, String) {
    let Some((before, rest)) = words.split_once(RELOAD) else {
        return (words.trim().to_owned(), "restart".to_owned());
    };
    let (how, after) = rest.split_once(')').unwrap_or((rest, ""));
    let words = format!("{}{}", before.trim_end(), after);
    (words.trim().to_owned(), format!("yes{how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let page = render(&read(text));
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(str::to_owned).collect()
    }

    #[test]
    fn a_key_has_its_comment_unit_default_and_mark() {
        let text = "# The file.\n\n[hls]\n# Wished\n# length | at least. (reload, for new ones)\npart_ms = 333\n# Which.\nname = \"\"\n";
        assert_eq!(
            rows(text),
            [
                "| `hls.part_ms` | Wished length \\| at least. | milliseconds | `333` | yes, for new ones |",
                "| `hls.name` | Which. |  | `\"\"` | restart |"
            ]
        );
    }

    #[test]
    fn keys_below_one_comment_share_it_and_an_example_belongs_to_its_key() {
        let text =
            "[a]\n# Two. (reload)\nb = 1\nc = 2\n# List:\n# d = [1,\n#      2] (reload)\nd = []\n";
        assert_eq!(
            rows(text),
            [
                "| `a.b` | Two. |  | `1` | yes |",
                "| `a.c` | See `a.b`. |  | `2` | yes |",
                "| `a.d` | List. Example: `d = [1, 2]` |  | `[]` | yes |"
            ]
        );
    }

    #[test]
    fn a_table_that_is_commented_out_has_its_keys_too() {
        let text = "[scale]\n# The pools.\n# [[scale.pools]]\n# min = 1      never fewer\n# [scale.pools.capacity]   of a node\n# out_kbps = 5\npools = []\n\n# One app. (reload)\n# [apps.live]\n# takeover = true\n[apps]\n";
        assert_eq!(
            rows(text),
            [
                "| `scale.pools` | The pools. |  | `[]` | restart |",
                "| `scale.pools.min` | never fewer |  | sample: `1` | restart |",
                "| `scale.pools.capacity.out_kbps` | of a node | kilobits per second | sample: `5` | restart |",
                "| `apps.live.takeover` |  |  | sample: `true` | yes |"
            ]
        );
    }
}
